//! The queues of all links of a topology, each direction its own: a drop-tail server as in `link`, exact to the tick. Who
//! comes to it is told how many packets stand before him, the one in service included.

use std::collections::VecDeque;

use rapprochement_core::time::{Duration, Instant};

use super::Fabric;

/// What a link has carried, and what it could not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkCounter {
    /// Packets taken, those of which the last byte is not yet sent included; flows where messages are flows.
    pub packets: u64,
    /// Their bytes, framing included; of flows the bytes of their messages.
    pub bytes: u64,
    /// Packets dropped for want of room.
    pub dropped: u64,
    /// The most packets that one found before it.
    pub queue_max: u32,
}

/// How a packet passed a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hop {
    /// Packets that waited or were in service when it came.
    pub before: u32,
    /// Time before its first byte left.
    pub queued: Duration,
    /// When its last byte is at the link's other end.
    pub arrives: Instant,
}

/// One direction of a link.
#[derive(Clone, Debug, Default)]
struct State {
    /// Whole nanosecond at which it falls idle, and ticks beyond.
    idle: (u64, u64),
    /// The same of its token bucket.
    bucket: (u64, u64),
    /// When each packet that is here leaves.
    leaving: VecDeque<u64>,
    counter: LinkCounter,
}

/// The state of all links. Calls come in the order of their times.
#[derive(Clone, Debug)]
pub struct Queues {
    links: Vec<State>,
}

impl Queues {
    /// All idle.
    pub fn new(fabric: &Fabric) -> Self {
        Self { links: vec![State::default(); fabric.links()] }
    }

    /// Puts a packet of `bytes` bytes, without its framing, on a link; `None` where that has no room for it.
    #[inline]
    pub fn pass(&mut self, fabric: &Fabric, link: u32, now: Instant, bytes: u32) -> Option<Hop> {
        let bytes = bytes.saturating_add(fabric.framing);
        let (kind, delay) = fabric.link(link);
        let state = &mut self.links[link as usize];
        while state.leaving.front().is_some_and(|leaves| *leaves <= now.as_nanos()) {
            state.leaving.pop_front();
        }
        let before = u32::try_from(state.leaving.len()).unwrap_or(u32::MAX);
        let (mut idle, mut bucket) = (state.idle, state.bucket);
        let (begins, waited) = match &kind.bucket {
            None => (Some(now), Duration::ZERO),
            // What the bucket passes on comes to the link in the same order.
            Some(tokens) => tokens
                .pass(&mut bucket.0, &mut bucket.1, now, bytes)
                .map_or((None, Duration::ZERO), |passage| (Some(passage.left), passage.left.since(now))),
        };
        let passage = begins.and_then(|at| kind.link.pass(&mut idle.0, &mut idle.1, at, bytes));
        let counter = &mut state.counter;
        counter.queue_max = counter.queue_max.max(before);
        let Some(passage) = passage else {
            counter.dropped += 1;
            return None;
        };
        (state.idle, state.bucket) = (idle, bucket);
        counter.packets += 1;
        counter.bytes += u64::from(bytes);
        state.leaving.push_back(passage.left.as_nanos());
        Some(Hop { before, queued: waited + passage.queued, arrives: passage.left + delay })
    }

    /// How long a packet that comes now would wait for the link, its token bucket not counted.
    pub fn backlog(&self, fabric: &Fabric, link: u32, now: Instant) -> Duration {
        let (free, fraction) = self.links[link as usize].idle;
        fabric.link(link).0.link.backlog(free, fraction, now)
    }

    /// Counts a flow of so many bytes on a link.
    pub fn count(&mut self, link: u32, bytes: u64) {
        let counter = &mut self.links[link as usize].counter;
        counter.packets += 1;
        counter.bytes += bytes;
    }

    /// What each link has carried.
    pub fn counters(&self) -> impl Iterator<Item = &LinkCounter> {
        self.links.iter().map(|state| &state.counter)
    }

    /// Forgets what was counted.
    pub fn reset_counters(&mut self) {
        self.links.iter_mut().for_each(|state| state.counter = LinkCounter::default());
    }
}
