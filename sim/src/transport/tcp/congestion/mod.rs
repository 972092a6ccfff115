//! The congestion window, in segments: slow start and congestion avoidance of RFC 5681 with appropriate byte counting (what
//! an acknowledgement covers counts, not the acknowledgement), and the algorithms that say how fast it grows and how far
//! it falls. The order of steps is that of Linux (`tcp_slow_start`, `tcp_cong_avoid_ai`).
//!
//! | file | what |
//! |---|---|
//! | [`cubic`] | RFC 9438 |
//! | [`hystart`] | the end of slow start before a loss |

pub(super) mod cubic;
pub(super) mod hystart;

use rapprochement_core::time::{Duration, Instant};

use super::config::{CongestionControl, Parameters};
use cubic::Cubic;

/// No threshold yet: slow start goes on until something is lost.
pub(super) const INFINITE: u32 = u32::MAX >> 1;
/// Windows grow no further.
const WINDOW_MAX: u32 = 1 << 24;

/// The window and its algorithm.
#[derive(Clone, Debug)]
pub(super) struct Window {
    /// Segments that may be under way.
    pub(super) size: u32,
    /// Slow start below it.
    pub(super) threshold: u32,
    /// Acknowledged segments that have not yet moved the window.
    credit: u32,
    /// What the window was before the last reduction.
    pub(super) prior_size: u32,
    algorithm: Algorithm,
}

#[derive(Clone, Debug)]
enum Algorithm {
    Reno,
    Cubic(Box<Cubic>),
}

impl Window {
    pub(super) fn new(parameters: &Parameters) -> Self {
        let algorithm = match parameters.congestion {
            CongestionControl::Reno => Algorithm::Reno,
            CongestionControl::Cubic => Algorithm::Cubic(Box::new(Cubic::new(parameters.cubic))),
        };
        Self { size: parameters.initial_window, threshold: INFINITE, credit: 0, prior_size: 0, algorithm }
    }

    pub(super) const fn in_slow_start(&self) -> bool {
        self.size < self.threshold
    }

    /// A round trip was measured by the newest of the segments just acknowledged.
    pub(super) fn sample(&mut self, now: Instant, round_trip: Duration, una: u64, next: u64) {
        if let Algorithm::Cubic(cubic) = &mut self.algorithm
            && cubic.sample(now, round_trip, una, next, self.size, self.size < self.threshold)
        {
            self.threshold = self.size;
        }
    }

    /// `acked` segments were delivered while the window was in use.
    pub(super) fn grow(&mut self, now: Instant, acked: u32) {
        let mut rest = acked;
        if self.in_slow_start() {
            let grown = self.size.saturating_add(acked).min(self.threshold).min(WINDOW_MAX);
            rest = acked - (grown - self.size);
            self.size = grown;
            if rest == 0 {
                return;
            }
        }
        let per_segment = match &mut self.algorithm {
            Algorithm::Reno => self.size,
            Algorithm::Cubic(cubic) => cubic.per_segment(now, self.size, rest),
        };
        self.avoid(per_segment.max(1), rest);
    }

    /// One segment more for every `per_segment` acknowledged.
    fn avoid(&mut self, per_segment: u32, acked: u32) {
        if self.credit >= per_segment {
            self.credit = 0;
            self.size = (self.size + 1).min(WINDOW_MAX);
        }
        self.credit = self.credit.saturating_add(acked);
        let more = self.credit / per_segment;
        self.credit -= more * per_segment;
        self.size = self.size.saturating_add(more).min(WINDOW_MAX);
    }

    /// Congestion: remembers the window and lowers the threshold. The window itself follows as recovery goes.
    pub(super) fn reduce(&mut self) {
        self.prior_size = self.size;
        self.credit = 0;
        self.threshold = match &mut self.algorithm {
            Algorithm::Reno => (self.size / 2).max(2),
            Algorithm::Cubic(cubic) => cubic.reduce(self.size).max(2),
        };
    }

    /// A timeout: what was learnt of the path is void.
    pub(super) fn reset(&mut self) {
        self.credit = 0;
        if let Algorithm::Cubic(cubic) = &mut self.algorithm {
            cubic.reset();
        }
    }

    /// The reduction was wrong: back to before, with the threshold that held then.
    pub(super) fn undo(&mut self, prior_threshold: u32) {
        self.size = self.size.max(self.prior_size);
        self.threshold = self.threshold.max(prior_threshold);
    }

    /// What a connection may remember as its threshold (RFC 2861).
    pub(super) const fn current_threshold(&self) -> u32 {
        let most = self.size - self.size / 4;
        if most > self.threshold { most } else { self.threshold }
    }

    /// Nothing was sent for `idle`: the window halves with every timeout, down to what a connection begins with.
    pub(super) fn idle(&mut self, idle: Duration, timeout: Duration, initial: u32) {
        self.threshold = self.current_threshold();
        let floor = initial.min(self.size);
        let mut left = idle;
        while left > timeout && self.size > floor {
            left = left - timeout;
            self.size /= 2;
        }
        self.size = self.size.max(floor);
        self.credit = 0;
        if let Algorithm::Cubic(cubic) = &mut self.algorithm {
            cubic.idle(idle);
        }
    }
}
