//! Flow allocation. Who wants a flow asks the directory for the address behind a name, sends a request there, and has the flow when
//! the reply comes; the one who is asked hands the request to its application, which accepts, and then replies. So a flow is there
//! after the lookup, a round trip, and the time to accept; data may follow at once, and the first byte is at the other side half a
//! round trip later. Authentication and key exchange ride in both messages and add no round trip.
//!
//! Neither message is sent again, as in the prototype (flow allocator of the unicast IPC process, at the commit that
//! [`super`] names). A lost request fails after 20 s. A lost reply fails likewise, and leaves the flow open at the one who was
//! asked, who cannot know. An application may give up earlier and ask again, which is a new allocation with a new
//! endpoint id. Nothing tells the other side that a flow was given up.

use alloc::collections::BTreeMap;

use super::config::AllocationConfig;
use crate::time::Instant;

/// One allocation, at the asking side.
#[derive(Clone, Debug)]
pub struct Allocation {
    phase: Phase,
    began: Instant,
    asked_again: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The directory was asked.
    Resolving {
        until: Instant,
    },
    /// A request is under way.
    Requested {
        until: Instant,
    },
    Done,
}

/// What an allocation asks of its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing.
    Wait,
    /// Ask the directory.
    Resolve,
    /// Send a request with a fresh endpoint id; whatever answers an earlier one is of no use any more.
    Request,
    /// The flow is there.
    Open,
    /// There will be no flow.
    Fail(Failure),
}

/// Why there is no flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The directory did not know the name, or not in time.
    NotFound,
    /// The application refused.
    Refused,
    /// Nobody answered.
    TimedOut,
}

impl Allocation {
    /// Begins; `known` says that the address is known already.
    pub fn begin(now: Instant, known: bool, config: &AllocationConfig) -> (Self, Step) {
        let mut allocation = Self { phase: Phase::Done, began: now, asked_again: 0 };
        let step = if known || !config.directory {
            allocation.request(now, config)
        } else {
            allocation.phase = Phase::Resolving { until: now + config.query_cap };
            Step::Resolve
        };
        (allocation, step)
    }

    /// The directory has answered.
    pub fn resolved(&mut self, now: Instant, found: bool, config: &AllocationConfig) -> Step {
        match self.phase {
            Phase::Resolving { .. } if found => self.request(now, config),
            Phase::Resolving { .. } => self.fail(Failure::NotFound),
            _ => Step::Wait,
        }
    }

    /// A reply to the latest request has come.
    pub fn replied(&mut self, accepted: bool) -> Step {
        match (self.phase, accepted) {
            (Phase::Requested { .. }, true) => {
                self.phase = Phase::Done;
                Step::Open
            }
            (Phase::Requested { .. }, false) => self.fail(Failure::Refused),
            _ => Step::Wait,
        }
    }

    /// A deadline has come.
    pub fn expire(&mut self, now: Instant, config: &AllocationConfig) -> Step {
        match self.phase {
            Phase::Resolving { until } if until <= now => self.fail(Failure::NotFound),
            Phase::Requested { until } if until <= now => {
                if config.retry.is_some() && self.asked_again < config.retries {
                    self.asked_again += 1;
                    self.request(now, config)
                } else {
                    self.fail(Failure::TimedOut)
                }
            }
            _ => Step::Wait,
        }
    }

    /// When [`Allocation::expire`] is to be called.
    pub fn deadline(&self) -> Option<Instant> {
        match self.phase {
            Phase::Resolving { until } | Phase::Requested { until } => Some(until),
            Phase::Done => None,
        }
    }

    /// When it began.
    pub fn began(&self) -> Instant {
        self.began
    }

    fn request(&mut self, now: Instant, config: &AllocationConfig) -> Step {
        let again = config.retry.filter(|_| self.asked_again < config.retries);
        let patience = again.map_or(config.timeout, |retry| retry.min(config.timeout));
        self.phase = Phase::Requested { until: now + patience };
        Step::Request
    }

    fn fail(&mut self, failure: Failure) -> Step {
        self.phase = Phase::Done;
        Step::Fail(failure)
    }
}

/// What the asked side lets in: flows on peers' word are limited, in all and for each peer. A request beyond is dropped without an
/// answer, as where the prototype has no file descriptor left.
#[derive(Clone, Debug)]
pub struct Admission<P> {
    held: BTreeMap<P, usize>,
    total: usize,
    dropped: u64,
}

impl<P> Default for Admission<P> {
    fn default() -> Self {
        Self { held: BTreeMap::new(), total: 0, dropped: 0 }
    }
}

impl<P: Ord + Copy> Admission<P> {
    /// Counts a flow that a peer asks for, where there is room.
    pub fn admit(&mut self, peer: P, config: &AllocationConfig) -> bool {
        let held = self.held.get(&peer).copied().unwrap_or(0);
        let room = self.total < config.accepted_max && held < config.accepted_per_peer;
        if room {
            self.held.insert(peer, held + 1);
            self.total += 1;
        } else {
            self.dropped += 1;
        }
        room
    }

    /// One of a peer's flows is gone.
    pub fn release(&mut self, peer: P) {
        if let Some(held) = self.held.get_mut(&peer) {
            *held -= 1;
            self.total -= 1;
            if *held == 0 {
                self.held.remove(&peer);
            }
        }
    }

    /// Requests that were dropped.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }
}
