//! Loss of fragments. A message is lost when any of its fragments is, so one draw against 1 - (1 - p)^fragments decides.
//!
//! Gilbert-Elliott (E. N. Gilbert, Bell System Technical Journal 39, 1960; E. O. Elliott, the same, 42, 1963) has a good
//! and a bad state. Ours stays in each for an exponential time, so the state is a Markov chain in continuous time, and a
//! sender's link looks at it only when it sends: between two looks the chance of being in the bad state relaxes to the
//! stationary one as exp(-(1/good + 1/bad) t). All fragments of a message meet the same state.

use rapprochement_core::time::Instant;

use super::config;
use super::distribution::open_unit;
use crate::problem::{Problem, zero_time};

/// A probability, ready to be compared with 64 random bits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Chance {
    p: f64,
    threshold: u64,
}

impl Chance {
    pub(crate) fn new(p: f64) -> Self {
        // The product saturates at 2^64 - 1 for p = 1, which `hits` takes as always.
        Self { p, threshold: (p * 18_446_744_073_709_551_616.0) as u64 }
    }

    pub(crate) fn is_zero(self) -> bool {
        self.threshold == 0
    }

    #[inline]
    pub(crate) fn hits(self, bits: u64) -> bool {
        bits < self.threshold || self.threshold == u64::MAX
    }

    /// The chance that at least one of several independent trials hits.
    #[inline]
    fn any_of(self, trials: u32) -> Self {
        if trials == 1 { self } else { Self::new(1.0 - libm::pow(1.0 - self.p, f64::from(trials))) }
    }
}

/// How fragments are lost.
#[derive(Clone, Debug)]
pub(crate) enum Loss {
    None,
    Independent(Chance),
    Burst(Burst),
}

/// The two states of a sender's link.
#[derive(Clone, Debug)]
pub(crate) struct Burst {
    /// How fast the chain forgets, per nanosecond.
    rate: f64,
    /// Share of the time that it is bad.
    bad: f64,
    in_good: Chance,
    in_bad: Chance,
}

/// What a sender's link remembers of its last look at the chain.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LinkState {
    at: Instant,
    bad: bool,
}

impl Loss {
    /// The losses of a scenario that has no [`problems`].
    pub(crate) fn new(config: &config::Loss) -> Self {
        match config {
            config::Loss::None => Self::None,
            config::Loss::Independent(share) if Chance::new(share.0).is_zero() => Self::None,
            config::Loss::Independent(share) => Self::Independent(Chance::new(share.0)),
            config::Loss::GilbertElliott { good, bad, loss_good, loss_bad } => {
                let (good, bad) = (good.as_nanos() as f64, bad.as_nanos() as f64);
                Self::Burst(Burst {
                    rate: 1.0 / good + 1.0 / bad,
                    bad: bad / (good + bad),
                    in_good: Chance::new(loss_good.0),
                    in_bad: Chance::new(loss_bad.0),
                })
            }
        }
    }
}

/// What is wrong with the losses of a scenario.
pub(crate) fn problems(config: &config::Loss) -> Vec<Problem> {
    let config::Loss::GilbertElliott { good, bad, loss_good, loss_bad } = config else { return Vec::new() };
    let at = |key: &str| format!("network.loss.gilbert_elliott.{key}");
    let mut problems = Vec::new();
    for (key, stay) in [("good", good), ("bad", bad)] {
        problems.extend(stay.0.is_zero().then(|| zero_time(at(key))));
    }
    if loss_bad < loss_good {
        let problem = Problem::new(at("loss_bad"), "the bad state loses less than the good one", "exchange the two");
        problems.push(problem.resting_on([at("loss_good")]));
    }
    problems
}

impl Chance {
    /// Whether a message of so many fragments is lost.
    #[inline]
    pub(crate) fn loses(self, fragments: u32, bits: u64) -> bool {
        self.any_of(fragments).hits(bits)
    }
}

impl Burst {
    /// Whether a message that leaves at `at` is lost; looks at the chain, whose last look `state` holds.
    pub(crate) fn loses(
        &self,
        state: &mut Option<LinkState>,
        at: Instant,
        fragments: u32,
        [look, draw]: [u64; 2],
    ) -> bool {
        let chance = match *state {
            None => self.bad,
            Some(last) => {
                let forgotten = libm::exp(-self.rate * at.since(last.at).as_nanos() as f64);
                self.bad + (f64::from(u8::from(last.bad)) - self.bad) * forgotten
            }
        };
        let bad = open_unit(look) < chance;
        *state = Some(LinkState { at, bad });
        (if bad { self.in_bad } else { self.in_good }).loses(fragments, draw)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Philox;
    use crate::units::{Share, Span};
    use rapprochement_core::time::Duration;

    /// With a loss of 100 % in the bad state and none in the good one, losses show the state. Looked at every 5 ms, the
    /// chain stays bad with probability b + (1 - b) exp(-r 5 ms), so a run of losses has the mean 1 / (1 - that).
    #[test]
    fn bursts_have_the_stationary_share_and_the_mean_length() {
        const MESSAGES: u64 = 2_000_000;
        let millis = |ms| Span(Duration::from_millis(ms));
        let config = config::Loss::GilbertElliott {
            good: millis(400),
            bad: millis(100),
            loss_good: Share(0.0),
            loss_bad: Share(1.0),
        };
        let Loss::Burst(burst) = Loss::new(&config) else { panic!("not bursty") };
        let (mut state, mut lost, mut runs, mut before) = (None, 0u64, 0u64, false);
        for k in 0..MESSAGES {
            let at = Instant::ZERO + Duration::from_millis(5 * k);
            let now = burst.loses(&mut state, at, 1, Philox::block(5, [k, 0]));
            lost += u64::from(now);
            runs += u64::from(now && !before);
            before = now;
        }
        let forgotten = libm::exp(-(1.0 / 0.4 + 1.0 / 0.1) * 0.005);
        let stay = 0.2 + 0.8 * forgotten;
        let (share, length) = (lost as f64 / MESSAGES as f64, lost as f64 / runs as f64);
        // The looks are correlated as powers of exp(-r 5 ms): the variance of the share is inflated by
        // (1 + forgotten) / (1 - forgotten). Run lengths are geometric.
        let error = libm::sqrt(0.2 * 0.8 / MESSAGES as f64 * (1.0 + forgotten) / (1.0 - forgotten));
        assert!((share - 0.2).abs() < 4.0 * error, "{share} +- {error}");
        let error = libm::sqrt(stay / runs as f64) / (1.0 - stay);
        assert!((length - 1.0 / (1.0 - stay)).abs() < 4.0 * error, "{length} +- {error}");
    }

    #[test]
    fn certain_and_impossible_events_are_exact() {
        assert!([0, 1, u64::MAX].iter().all(|&bits| Chance::new(1.0).hits(bits) && !Chance::new(0.0).hits(bits)));
        assert!(Chance::new(0.5).hits((1 << 63) - 1) && !Chance::new(0.5).hits(1 << 63));
        assert!(Chance::new(0.5).loses(2, (3 << 62) - 1) && !Chance::new(0.5).loses(2, 3 << 62));
        assert!(Chance::new(1.0).loses(7, u64::MAX) && !Chance::new(0.0).loses(7, 0));
    }
}
