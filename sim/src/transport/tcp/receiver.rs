//! The receiving half: puts the stream together and says what has arrived. Acknowledgements wait for a second segment or the
//! delayed-ACK timer (RFC 9293, section 3.8.6.3), except for the first segments of a connection, duplicates, and segments out
//! of order (RFC 5681, section 4.2). Of these the first three are answered at once and the others at most once per
//! `sack_interval`, as Linux compresses them (`__tcp_ack_snd_check`).

use std::collections::BTreeMap;
use std::sync::Arc;

use rapprochement_core::time::{Duration, Instant};

use super::config::{Parameters, Tls};
use super::packet::{BLOCKS_MAX, TcpPacket};
use super::ranges::Ranges;
use super::tls::readable_from;

/// Segments out of order that are answered one by one.
const DUPLICATES: u32 = 3;
/// Ranges that are remembered by the order of their arrival.
const RECENT: usize = 4;
/// More than so many unanswered segments out of order do not wait for the interval.
const COMPRESSED_MAX: u32 = 44;

/// The receiving half of a connection.
#[derive(Clone, Debug)]
pub(super) struct Receiver<M> {
    next: u64,
    arrived: Ranges,
    /// Ranges out of order, the one that changed last first.
    recent: Vec<(u64, u64)>,
    /// Offset of the end of the stream.
    fin: Option<u64>,
    /// Messages of which some byte has arrived and some has not, by their end.
    pending: BTreeMap<u64, Pending<M>>,
    /// What the last acknowledgement said.
    acked: u64,
    quick: u32,
    ack_now: bool,
    ack_at: Option<Instant>,
    duplicate: Option<(u64, u64)>,
    /// Answers to segments out of order since `next` was `answered_at`, and segments not answered.
    answers: u32,
    answered_at: u64,
    compressed: u32,
    /// The clock of the peer, to be echoed.
    echo: u32,
}

/// A message that has not arrived whole.
#[derive(Clone, Debug)]
struct Pending<M> {
    /// Where its first byte can be read, and since when.
    readable: u64,
    began: Option<Instant>,
    message: Arc<M>,
}

impl<M> Receiver<M> {
    pub(super) fn new(parameters: &Parameters, echo: u32) -> Self {
        Self {
            next: 0,
            arrived: Ranges::default(),
            recent: Vec::new(),
            fin: None,
            pending: BTreeMap::new(),
            acked: 0,
            quick: parameters.quick_acks,
            ack_now: false,
            ack_at: None,
            duplicate: None,
            answers: 0,
            answered_at: 0,
            compressed: 0,
            echo,
        }
    }

    /// Everything below has arrived, the end of the stream (one offset) included.
    pub(super) const fn next(&self) -> u64 {
        self.next
    }

    pub(super) const fn echo(&self) -> u32 {
        self.echo
    }

    /// The end of the stream has arrived, and all before it.
    pub(super) fn finished(&self) -> bool {
        self.fin.is_some_and(|end| self.next > end)
    }

    /// Bytes held out of order.
    pub(super) fn held(&self) -> u64 {
        self.arrived.as_slice().iter().map(|&(start, end)| end - start).sum()
    }

    /// An acknowledgement is to leave at once.
    pub(super) const fn wants_ack(&self) -> bool {
        self.ack_now
    }

    pub(super) const fn deadline(&self) -> Option<Instant> {
        self.ack_at
    }

    pub(super) fn expire(&mut self, now: Instant) {
        if self.ack_at.is_some_and(|at| at <= now) {
            self.demand_ack();
        }
    }

    /// An acknowledgement is to leave, whatever the reason.
    pub(super) fn demand_ack(&mut self) {
        self.ack_now = true;
        self.ack_at = None;
    }

    /// The blocks of the next acknowledgement, a duplicate first.
    pub(super) fn blocks(&self) -> Vec<(u64, u64)> {
        self.duplicate.into_iter().chain(self.recent.iter().copied()).take(BLOCKS_MAX).collect()
    }

    /// Whether an acknowledgement would have blocks, for which data segments have no room.
    pub(super) fn has_blocks(&self) -> bool {
        self.duplicate.is_some() || !self.recent.is_empty()
    }

    /// An acknowledgement leaves.
    pub(super) fn acknowledged(&mut self) {
        if self.ack_now || self.ack_at.is_some() {
            self.quick = self.quick.saturating_sub(1);
        }
        self.acked = self.next;
        self.ack_now = false;
        self.ack_at = None;
        self.duplicate = None;
        self.compressed = 0;
    }

    /// Takes a segment with payload or the end of the stream; complete messages go to `deliver` in order, with the time since when
    /// their first byte could be read.
    pub(super) fn receive(
        &mut self,
        now: Instant,
        packet: &TcpPacket<M>,
        parameters: &Parameters,
        mut deliver: impl FnMut(Instant, Arc<M>),
    ) {
        let (seq, end) = (packet.seq, packet.end());
        if seq <= self.acked && packet.time.wrapping_sub(self.echo) < 1 << 31 {
            self.echo = packet.time;
        }
        let known = end <= self.next || self.arrived.contains(seq.max(self.next), end);
        let beyond = end > self.next + parameters.receive_window;
        let past_the_end = self.fin.is_some_and(|fin| end > fin + 1);
        if known || beyond || past_the_end {
            self.duplicate = known.then_some((seq, end));
            self.quick = self.quick.max(parameters.quick_acks);
            self.demand_ack();
            return;
        }
        if packet.flags.fin {
            self.fin = Some(end - 1);
        }
        self.take(seq, end, packet, parameters.tls);
        let next = self.next;
        for pending in self.pending.values_mut().take_while(|pending| pending.readable <= next) {
            pending.began.get_or_insert(now);
        }
        while let Some(entry) = self.pending.first_entry().filter(|entry| *entry.key() <= next) {
            let Pending { began, message, .. } = entry.remove();
            deliver(began.unwrap_or(now), message);
        }
    }

    /// Adds a segment with something new to the stream.
    fn take(&mut self, seq: u64, end: u64, packet: &TcpPacket<M>, tls: Tls) {
        for chunk in packet.chunks.iter().filter(|chunk| chunk.end > self.next.max(seq)) {
            self.pending.entry(chunk.end).or_insert_with(|| Pending {
                readable: readable_from(tls, chunk.start, chunk.end),
                began: None,
                message: Arc::clone(&chunk.message),
            });
        }
        let merged = self.arrived.insert(seq.max(self.next), end);
        if seq <= self.next {
            self.next = merged.1;
            self.arrived.remove_below(self.next);
            self.recent.retain(|&(_, high)| high > self.next);
        } else {
            self.recent.retain(|&(low, high)| low < merged.0 || high > merged.1);
            self.recent.insert(0, merged);
            self.recent.truncate(RECENT);
        }
    }

    /// When to acknowledge what was just received; `disordered` tells whether something was missing before.
    pub(super) fn schedule_ack(&mut self, now: Instant, disordered: bool, parameters: &Parameters) {
        let missing = !self.arrived.is_empty();
        let filled = disordered && !missing;
        if self.next - self.acked > parameters.mss || self.quick > 0 || filled || self.finished() || self.ack_now {
            self.demand_ack();
        } else if !missing {
            self.ack_by(now + parameters.delayed_ack);
        } else {
            if self.answered_at != self.next {
                (self.answered_at, self.answers) = (self.next, 0);
            }
            self.compressed += 1;
            if self.answers < DUPLICATES || self.compressed > COMPRESSED_MAX || parameters.sack_interval.is_zero() {
                self.answers += 1;
                self.demand_ack();
            } else {
                self.ack_by(now + parameters.sack_interval.min(parameters.delayed_ack.max(Duration::from_nanos(1))));
            }
        }
    }

    /// Something is missing in the stream.
    pub(super) fn disordered(&self) -> bool {
        !self.arrived.is_empty()
    }

    fn ack_by(&mut self, at: Instant) {
        self.ack_at = Some(self.ack_at.map_or(at, |sooner| sooner.min(at)));
    }
}
