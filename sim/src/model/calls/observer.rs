//! What a shard's observer records of calls: how many there were, and how long each took.

use rapprochement_core::protocol::Protocol;
use rapprochement_core::time::{Duration, Instant};

use super::node::{Call, CallEvent};
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
    /// Calls, and when they were made by the run's clock.
    pub(super) made: Vec<(Call, Instant)>,
    /// Calls whose request arrived in time, whose reply did, that were complete too late, and that their caller gave up.
    pub(super) arrived: Vec<Call>,
    pub(super) replied: Vec<Call>,
    pub(super) late: Vec<Call>,
    pub(super) lost: Vec<Call>,
    /// Of small requests, or of all where they are alike, and of large ones.
    pub(super) times: [Times; 2],
}

/// What has become of all calls at the end of a run. A call is complete with its reply, or with its request where there are no
/// replies; each call that was made is counted in one of the four.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Fates {
    /// Complete within the patience.
    pub(super) in_time: u64,
    /// Complete after it.
    pub(super) late: u64,
    /// Not complete, and the patience is over, by the caller's clock where it waits for a reply, and else by the run's.
    pub(super) given_up: u64,
    /// Not complete, and the patience is not over.
    pub(super) pending: u64,
}

impl CallObserver {
    /// What has become of the calls by `end`; `replies` says whether they have any.
    pub(super) fn fates(&self, replies: bool, patience: Duration, end: Instant) -> Fates {
        let in_time = if replies { &self.replied } else { &self.arrived };
        let sorted = |calls: &[&[Call]]| {
            let mut calls = calls.concat();
            calls.sort_unstable();
            calls
        };
        let (complete, lost) = (sorted(&[in_time, &self.late]), sorted(&[&self.lost]));
        let mut fates = Fates { in_time: in_time.len() as u64, late: self.late.len() as u64, ..Fates::default() };
        for (call, at) in self.made.iter().filter(|(call, _)| complete.binary_search(call).is_err()) {
            if lost.binary_search(call).is_ok() || *at + patience <= end {
                fates.given_up += 1;
            } else {
                fates.pending += 1;
            }
        }
        fates
    }

    /// Adds another shard's.
    pub(super) fn merge(&mut self, other: &Self) {
        self.made.extend_from_slice(&other.made);
        self.arrived.extend_from_slice(&other.arrived);
        self.replied.extend_from_slice(&other.replied);
        self.late.extend_from_slice(&other.late);
        self.lost.extend_from_slice(&other.lost);
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

    fn event(&mut self, now: Instant, _: u32, _: Instant, event: CallEvent) -> u64 {
        const KINDS: u64 = 4;
        match event {
            CallEvent::Made(call) => {
                self.made.push((call, now));
                0
            }
            // The first byte is measured and no part of what happened, so it stays outside the digest.
            CallEvent::Arrived { call, took, first_byte, large, first } => {
                self.arrived.push(call);
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
            CallEvent::Replied { call, took, large } => {
                self.replied.push(call);
                self.times[usize::from(large)].replies.push(took.as_nanos());
                took.as_nanos() * KINDS + 2
            }
            CallEvent::Lost(call) => {
                self.lost.push(call);
                3
            }
            // Later than its patience, so never zero as a call that is made.
            CallEvent::Late { call, took } => {
                self.late.push(call);
                took.as_nanos() * KINDS
            }
        }
    }

    fn joined(&mut self, _: Instant, _: u32, _: &P) {}

    fn left(&mut self, _: Instant, _: u32, _: &P) {}
}
