//! The testbed: two clients, a bottleneck with a ring that marks, and a server that tells the clients of congestion.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use rapprochement_core::flow::config::CongestionConfig;
use rapprochement_core::flow::congestion::{Receiver, Sender};
use rapprochement_core::time::{Duration, Instant};

/// Bytes of a message.
const PAYLOAD: u64 = 1_000;
/// Bytes of headers on a link: the layer's, and those of Ethernet with the shim's four, preamble and gap.
pub(crate) const HEADERS: u64 = 15 + 18 + 24;
/// The round trip of an empty network, half of which lies behind the bottleneck's queue.
const ROUND_TRIP: Duration = Duration::from_micros(100);
const ACCESS: u64 = 1_000_000_000;
const BOTTLENECK: u64 = 100_000_000;
/// The ring of the prototype; what the setting hides below it comes on top.
const RING: usize = 1_024;
/// The second client joins after this long, so that the first is settled.
const JOINS: Instant = Instant::from_nanos(10_000_000_000);
const ENDS: Instant = Instant::from_nanos(20_000_000_000);

/// What is varied.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting {
    pub(crate) congestion: CongestionConfig,
    /// Time between two packets as the application offers them.
    pub(crate) gap: Duration,
    /// Bytes of headers.
    pub(crate) headers: u64,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// The application of a client offers its next packet.
    Offer(usize),
    /// The layer lets a packet go.
    Release(usize),
    /// A packet has come to the bottleneck, with its mark.
    Reach(usize, u8),
    /// The bottleneck has sent a packet.
    Sent,
    /// A packet has come to the server.
    Arrive(usize, u8),
    /// A client hears of congestion.
    Hear(usize, u16),
}

/// Clients, the bottleneck, and the server.
pub(crate) struct Testbed {
    setting: Setting,
    now: Instant,
    events: BinaryHeap<Reverse<(Instant, u64, Event)>>,
    scheduled: u64,
    senders: [Sender; 2],
    receivers: [Receiver; 2],
    /// When each client's link is free, which is how long its queue is, and the bottleneck's queue, the packet on the wire included.
    free: [Instant; 2],
    queue: VecDeque<(usize, u8)>,
    lengths: Vec<usize>,
    drops: u64,
    /// Arrivals in each tenth of a second.
    arrivals: [Vec<u64>; 2],
}

/// What a setting gives.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    /// Mbit/s of messages in the last 5 s before the second client joins.
    pub(crate) alone: f64,
    /// Mbit/s of both in the second that begins 1 s after.
    pub(crate) after_one: [f64; 2],
    /// Mbit/s of both in the 5 s that begin 5 s after.
    pub(crate) after_five: [f64; 2],
    /// The median of the packets that stood before one that came to the bottleneck.
    pub(crate) queue: usize,
    /// Packets that the bottleneck's queue had no room for.
    pub(crate) drops: u64,
}

impl Testbed {
    /// Twenty seconds of a setting.
    pub(crate) fn run(setting: Setting) -> Row {
        let sender = |at| Sender::new(at, setting.congestion);
        let mut testbed = Self {
            setting,
            now: Instant::ZERO,
            events: BinaryHeap::new(),
            scheduled: 0,
            senders: [sender(Instant::ZERO), sender(JOINS)],
            receivers: [Receiver::default(); 2],
            free: [Instant::ZERO; 2],
            queue: VecDeque::new(),
            lengths: Vec::new(),
            drops: 0,
            arrivals: [vec![0; 200], vec![0; 200]],
        };
        testbed.at(Instant::ZERO, Event::Offer(0));
        testbed.at(JOINS, Event::Offer(1));
        while let Some(Reverse((at, _, event))) = testbed.events.pop()
            && at < ENDS
        {
            testbed.now = at;
            testbed.handle(event);
        }
        testbed.row()
    }

    fn at(&mut self, at: Instant, event: Event) {
        self.scheduled += 1;
        self.events.push(Reverse((at, self.scheduled, event)));
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Offer(client) => {
                let release = self.senders[client].admit(self.now, PAYLOAD);
                self.at(release, Event::Release(client));
            }
            Event::Release(client) => self.release(client),
            Event::Reach(client, ecn) => self.reach(client, ecn),
            Event::Sent => self.sent(),
            Event::Arrive(client, ecn) => self.arrive(client, ecn),
            Event::Hear(client, ece) => self.senders[client].update(ece),
        }
    }

    /// A packet goes to its client's own queue, and the application has the next one after its gap, once that queue has room.
    fn release(&mut self, client: usize) {
        let marking = self.setting.congestion.marking;
        let before = self.free[client].since(self.now).as_nanos().div_ceil(self.serialisation(ACCESS).as_nanos());
        let leaves = self.free[client].max(self.now) + self.serialisation(ACCESS);
        self.free[client] = leaves;
        self.at(leaves, Event::Reach(client, marking.mark(0, before as u32)));
        let room = leaves.since(self.now) - self.serialisation(ACCESS).saturating_mul(RING as u64 - 1);
        self.at(self.now + room.max(self.setting.gap), Event::Offer(client));
    }

    fn reach(&mut self, client: usize, ecn: u8) {
        let marking = self.setting.congestion.marking;
        let before = self.queue.len();
        self.lengths.push(before);
        if before >= RING + usize::from(marking.offset) {
            self.drops += 1;
            return;
        }
        self.queue.push_back((client, marking.mark(ecn, before as u32)));
        if before == 0 {
            self.at(self.now + self.serialisation(BOTTLENECK), Event::Sent);
        }
    }

    fn sent(&mut self) {
        if let Some((client, ecn)) = self.queue.pop_front() {
            self.at(self.now + half(ROUND_TRIP), Event::Arrive(client, ecn));
        }
        if !self.queue.is_empty() {
            self.at(self.now + self.serialisation(BOTTLENECK), Event::Sent);
        }
    }

    fn arrive(&mut self, client: usize, ecn: u8) {
        let tenth = (self.now.as_nanos() / 100_000_000) as usize;
        self.arrivals[client][tenth] += 1;
        if let Some(ece) = self.receivers[client].receive(&self.setting.congestion, ecn) {
            self.at(self.now + half(ROUND_TRIP), Event::Hear(client, ece));
        }
    }

    fn serialisation(&self, rate: u64) -> Duration {
        Duration::from_nanos((PAYLOAD + self.setting.headers) * 8 * 1_000_000_000 / rate)
    }

    /// Mbit/s of messages of a client between two times, in tenths of a second.
    fn rate(&self, client: usize, from: usize, to: usize) -> f64 {
        let packets: u64 = self.arrivals[client][from..to].iter().sum();
        packets as f64 * (PAYLOAD * 8) as f64 / ((to - from) as f64 * 0.1) / 1e6
    }

    fn row(mut self) -> Row {
        self.lengths.sort_unstable();
        Row {
            alone: self.rate(0, 50, 100),
            after_one: [self.rate(0, 110, 120), self.rate(1, 110, 120)],
            after_five: [self.rate(0, 150, 200), self.rate(1, 150, 200)],
            queue: self.lengths[self.lengths.len() / 2],
            drops: self.drops,
        }
    }
}

fn half(span: Duration) -> Duration {
    Duration::from_nanos(span.as_nanos() / 2)
}
