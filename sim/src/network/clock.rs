//! What time a node believes it is: the run's time, an offset, and a drift in parts per billion. Both conversions are
//! integer arithmetic that saturates at the ends of time.

use rapprochement_core::time::{Duration, Instant};

use super::config::NodeConfig;
use super::distribution::{Distribution, open_unit};
use crate::problem::Problem;
use crate::random::{Philox, Purpose, Streams};

const BILLION: u64 = 1_000_000_000;

/// The clocks of all nodes; a node's own is a pure function of the seed and its number.
#[derive(Clone, Debug)]
pub struct Clocks {
    offset: Option<Distribution>,
    drift_ppb: u64,
    key: u64,
}

/// One node's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    offset: Duration,
    /// How far the clock advances in a billion nanoseconds; a billion for a true one.
    pace: u64,
}

impl Clocks {
    /// Takes offset and drift from the scenario.
    ///
    /// # Errors
    /// The offset's distribution is malformed, or the drift could stop a clock.
    pub fn build(config: &NodeConfig, streams: &Streams) -> Result<Self, Vec<Problem>> {
        let problems = Self::problems(config);
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Self {
            offset: config.clock_offset.clone(),
            drift_ppb: u64::from(config.clock_drift_ppm) * 1000,
            key: streams.key(Purpose::Clock, 0),
        })
    }

    /// What is wrong with the clocks of a scenario.
    pub fn problems(config: &NodeConfig) -> Vec<Problem> {
        let mut problems = config.clock_offset.as_ref().map_or_else(Vec::new, |it| it.validate("node.clock_offset"));
        if config.clock_drift_ppm > 100_000 {
            let message = format!("{} ppm is a drift of more than 10 %", config.clock_drift_ppm);
            problems.push(Problem::new("node.clock_drift_ppm", message, "quartz clocks drift by less than 100 ppm"));
        }
        problems
    }

    /// True where every clock shows the run's time.
    pub fn are_true(&self) -> bool {
        self.offset.is_none() && self.drift_ppb == 0
    }

    /// The clock of a node.
    pub fn of(&self, node: u32) -> Clock {
        let [offset, drift] = Philox::block(self.key, [node.into(), 0]);
        // A whole number from -drift to +drift; the bias of the modulus is below 2^-36.
        let drift = drift % (2 * self.drift_ppb + 1);
        Clock {
            offset: self.offset.as_ref().map_or(Duration::ZERO, |it| it.quantile(open_unit(offset))),
            pace: BILLION + drift - self.drift_ppb,
        }
    }
}

impl Clock {
    /// What the clock shows at a time of the run.
    pub fn local(&self, global: Instant) -> Instant {
        let nanos = u128::from(global.as_nanos()) * u128::from(self.pace) / u128::from(BILLION);
        Instant::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)) + self.offset
    }

    /// The shortest span of the run's time, from any moment, in which the clock surely advances by `local`.
    pub fn global_span(&self, local: Duration) -> Duration {
        let nanos = (u128::from(local.as_nanos()) * u128::from(BILLION)).div_ceil(u128::from(self.pace));
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_true_clock_shows_the_runs_time() {
        let clocks = Clocks::build(&NodeConfig::default(), &Streams::new(1)).unwrap();
        assert!(clocks.are_true());
        let clock = clocks.of(7);
        for nanos in [0, 1, 1_234_567_891, u64::MAX] {
            assert_eq!(clock.local(Instant::from_nanos(nanos)), Instant::from_nanos(nanos));
            assert_eq!(clock.global_span(Duration::from_nanos(nanos)), Duration::from_nanos(nanos));
        }
    }

    #[test]
    fn drifts_fill_their_range_on_both_sides() {
        let config = NodeConfig { clock_drift_ppm: 200, ..NodeConfig::default() };
        let clocks = Clocks::build(&config, &Streams::new(1)).unwrap();
        let paces: Vec<u64> = (0..10_000).map(|node| clocks.of(node).pace).collect();
        let (least, most) = (paces.iter().min().unwrap(), paces.iter().max().unwrap());
        assert!((BILLION - 200_000..BILLION - 199_000).contains(least), "{least}");
        assert!((BILLION + 199_000..=BILLION + 200_000).contains(most), "{most}");
        assert!(Clocks::build(&NodeConfig { clock_drift_ppm: 100_001, ..config }, &Streams::new(1)).is_err());
    }

    proptest! {
        /// A timer never fires before its span has passed on the node's own clock, and no more than a tick late.
        #[test]
        fn a_timer_waits_its_span_of_local_time(
            now in 0u64..1 << 60, span in 0u64..1 << 50, drift in -100_000_000i64..=100_000_000
        ) {
            let clock = Clock { offset: Duration::from_millis(7), pace: BILLION.checked_add_signed(drift).unwrap() };
            let (start, span) = (Instant::from_nanos(now), Duration::from_nanos(span));
            let passed = clock.local(start + clock.global_span(span)).since(clock.local(start));
            prop_assert!(passed >= span && passed.as_nanos() <= span.as_nanos() + 2);
        }
    }
}
