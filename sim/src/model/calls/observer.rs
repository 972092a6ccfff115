//! What a shard's observer records of calls: how many there were, and how long each took.

use rapprochement_core::protocol::Protocol;
use rapprochement_core::time::Instant;

use super::node::CallEvent;
use crate::model::host::{Observer, SimProtocol};

/// Times of one kind of calls, in nanoseconds.
#[derive(Clone, Debug, Default)]
pub(super) struct Times {
    /// Requests to somebody who had none of this caller before.
    pub(super) cold: Vec<u64>,
    /// Requests to somebody who had.
    pub(super) warm: Vec<u64>,
    /// Of both, until their first byte could be read.
    pub(super) cold_first: Vec<u64>,
    pub(super) warm_first: Vec<u64>,
    /// Replies, since the request was made.
    pub(super) replies: Vec<u64>,
}

/// The observer of one shard.
#[derive(Clone, Debug, Default)]
pub(super) struct CallObserver {
    /// Calls made.
    pub(super) made: u64,
    /// Calls given up.
    pub(super) lost: u64,
    /// Of small requests, or of all where they are alike, and of large ones.
    pub(super) times: [Times; 2],
}

impl CallObserver {
    /// Adds another shard's.
    pub(super) fn merge(&mut self, other: &Self) {
        self.made += other.made;
        self.lost += other.lost;
        for (times, more) in self.times.iter_mut().zip(&other.times) {
            times.cold.extend_from_slice(&more.cold);
            times.warm.extend_from_slice(&more.warm);
            times.cold_first.extend_from_slice(&more.cold_first);
            times.warm_first.extend_from_slice(&more.warm_first);
            times.replies.extend_from_slice(&more.replies);
        }
    }
}

impl<P: SimProtocol + Protocol<Event = CallEvent>> Observer<P> for CallObserver {
    fn commanded(&mut self, _: u32) {}

    fn event(&mut self, _: Instant, _: u32, _: Instant, event: CallEvent) -> u64 {
        const KINDS: u64 = 4;
        match event {
            CallEvent::Made => {
                self.made += 1;
                0
            }
            // The first byte is measured and no part of what happened, so it stays outside the digest.
            CallEvent::Arrived { took, first_byte, large, first } => {
                let times = &mut self.times[usize::from(large)];
                let (whole, first) = if first {
                    (&mut times.cold, &mut times.cold_first)
                } else {
                    (&mut times.warm, &mut times.warm_first)
                };
                whole.push(took.as_nanos());
                first.push(first_byte.as_nanos());
                took.as_nanos() * KINDS + 1
            }
            CallEvent::Replied { took, large } => {
                self.times[usize::from(large)].replies.push(took.as_nanos());
                took.as_nanos() * KINDS + 2
            }
            CallEvent::Lost => {
                self.lost += 1;
                3
            }
        }
    }

    fn joined(&mut self, _: Instant, _: u32, _: &P) {}

    fn left(&mut self, _: Instant, _: u32, _: &P) {}
}
