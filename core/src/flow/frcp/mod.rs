//! Flow and retransmission control, end to end: order, retransmission, a window, and fragments, for flows whose quality of service
//! asks for order. There is no handshake. Delta-t's timers bound how long a packet, its retransmissions and its acknowledgement can
//! be about; silence beyond them ends a run of packets, and the first packet of the next says so by its data run flag (DRF).
//! Packets are numbered, not bytes.
//!
//! R. W. Watson, "Timer-based mechanisms in reliable transport protocol connection management" (Computer Networks 5, 1981), as in the
//! prototype at the commit that [`super`] names: cumulative acknowledgements every tick, a timer for each packet that doubles, no
//! selective acknowledgement and no fast retransmission; a sender in front of a closed window asks for it (rendez-vous). Ours: an
//! empty tick sends the window also on flows without retransmission, a window never shrinks, and the first fragment's flag is set
//! on a message in one piece.

mod receiver;
mod rtt;
mod sender;

use core::fmt;

use super::config::FrcpConfig;
use super::packet::{Body, Segment};
use crate::peer::mix;
use crate::time::{Duration, Instant};
use receiver::Receiver;
use sender::Sender;

/// A piece of a message.
#[derive(Clone)]
struct Fragment<B> {
    body: B,
    first: bool,
    more: bool,
}

/// Both halves of one end of a flow.
///
/// The order of calls is that of the node: after `send`, `receive` or `expire` the owner takes packets by [`Frcp::transmit`] and
/// messages by [`Frcp::delivered`] until there are none, and then asks for the deadline.
pub struct Frcp<B: Body> {
    config: FrcpConfig,
    sender: Sender<B>,
    receiver: Receiver<B>,
    numbers: u64,
}

impl<B: Body> fmt::Debug for Frcp<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frcp").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

/// What one end has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FrcpStats {
    /// Packets that were sent again.
    pub retransmissions: u64,
    /// Timers of packets that ran out.
    pub timeouts: u64,
    /// Packets that came again.
    pub duplicates: u64,
    /// The smoothed round trip.
    pub round_trip: Option<Duration>,
    /// Pieces of messages that are kept, in both directions.
    pub kept: usize,
}

impl<B: Body> Frcp<B> {
    /// One end of a flow that begins; `key` is what its sequence numbers are drawn from.
    pub fn new(config: FrcpConfig, reliable: bool, key: u64) -> Self {
        let first = mix(key);
        let sender = Sender::new(&config, reliable, first as u32);
        Self { config, sender, receiver: Receiver::new(reliable), numbers: first }
    }

    /// Takes a message to send.
    pub fn send(&mut self, sdu: B::Sdu) {
        self.sender.push(sdu, self.config.fragment.max(1));
    }

    /// Takes a packet.
    pub fn receive(&mut self, now: Instant, segment: &Segment<B>) {
        type Flags = Segment<()>;
        if segment.has(Flags::ACK) {
            self.sender.acknowledged(segment.ackno, now);
        }
        if segment.has(Flags::FC) {
            self.sender.window(segment.window);
        }
        if segment.has(Flags::RDVZ) && self.receiver.is_active(now, &self.config) {
            self.receiver.ask_for_window();
        }
        if segment.has(Flags::DATA) {
            self.receiver.data(now, segment, &self.config);
        }
    }

    /// The next packet that may leave now, until there is none.
    pub fn transmit(&mut self, now: Instant) -> Option<Segment<B>> {
        let numbers = &mut self.numbers;
        let fresh = || {
            *numbers = mix(*numbers);
            *numbers as u32
        };
        if let Some(draft) = self.sender.next(now, &self.config, fresh) {
            let body = Some(draft.fragment.body);
            return Some(self.answer(now, Segment { flags: draft.flags, seqno: draft.seqno, body, ..empty() }));
        }
        if self.sender.asks(now, &self.config) {
            return Some(Segment { flags: Segment::RDVZ, ..empty() });
        }
        self.receiver.speaks(now).then(|| self.answer(now, empty()))
    }

    /// Adds what the other direction is to be told.
    fn answer(&mut self, now: Instant, mut segment: Segment<B>) -> Segment<B> {
        let control = segment.body.is_none();
        if control || self.receiver.is_active(now, &self.config) {
            segment.flags |= Segment::FC;
            segment.window = self.receiver.window(&self.config);
        }
        let may = control || self.receiver.may_acknowledge(now, &self.config);
        if let Some(ackno) = self.receiver.ackno().filter(|_| may) {
            segment.flags |= Segment::ACK;
            segment.ackno = ackno;
            self.receiver.spoken();
        }
        segment
    }

    /// A deadline has come.
    pub fn expire(&mut self, now: Instant) {
        self.sender.expire(now, &self.config);
    }

    /// The next message that is complete and in order, and since when its first piece was.
    pub fn delivered(&mut self) -> Option<(Instant, B::Sdu)> {
        self.receiver.delivered()
    }

    /// When [`Frcp::expire`] and [`Frcp::transmit`] are to be called next.
    pub fn deadline(&self) -> Option<Instant> {
        [self.sender.deadline(&self.config), self.receiver.deadline()].into_iter().flatten().min()
    }

    /// True once a packet could not be brought over in R, or a window stayed closed.
    pub fn failed(&self) -> bool {
        self.sender.failed()
    }

    /// True where everything was sent and acknowledged.
    pub fn is_idle(&self) -> bool {
        self.sender.is_idle()
    }

    /// What this end has done.
    pub fn stats(&self) -> FrcpStats {
        FrcpStats {
            retransmissions: self.sender.retransmissions,
            timeouts: self.sender.timeouts,
            duplicates: self.receiver.duplicates,
            round_trip: self.sender.round_trip(),
            kept: self.sender.kept() + self.receiver.kept(),
        }
    }
}

fn empty<B>() -> Segment<B> {
    Segment { flags: 0, window: 0, seqno: 0, ackno: 0, body: None }
}

/// The number nearest to `near` whose low bits these are.
fn expand(low: u32, near: u64) -> u64 {
    near.saturating_add_signed(i64::from(low.wrapping_sub(near as u32) as i32))
}
