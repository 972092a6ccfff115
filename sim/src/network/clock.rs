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
        let mut problems = config.clock_offset.as_ref().map_or_else(Vec::new, |it| it.validate("node.clock_offset"));
        if config.clock_drift_ppm > 100_000 {
            let message = format!("a drift of {} parts per million", config.clock_drift_ppm);
            problems.push(Problem::new("node.clock_drift_ppm", message, "at most 100000, which is 10 %"));
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Self {
            offset: config.clock_offset.clone(),
            drift_ppb: u64::from(config.clock_drift_ppm) * 1000,
            key: streams.key(Purpose::Clock, 0),
        })
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
