//! The round trip and the timeout of retransmission: Linux's estimator (V. Jacobson, M. Karels, "Congestion avoidance and control",
//! 1988, appendix A; with Linux's slower decrease of the deviation), and delta-t's neighbour of RFC 6298 with another floor.

use super::super::config::FrcpConfig;
use crate::time::Duration;

/// The estimator of one flow.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rtt {
    smoothed: Option<i64>,
    deviation: i64,
}

impl Rtt {
    /// Takes a measurement.
    pub(super) fn measure(&mut self, span: Duration) {
        let span = i64::try_from(span.as_nanos()).unwrap_or(i64::MAX / 16).min(i64::MAX / 16);
        let Some(smoothed) = self.smoothed else {
            self.smoothed = Some(span);
            self.deviation = span / 2;
            return;
        };
        let error = span - smoothed;
        self.smoothed = Some(smoothed + error / 8);
        let more = error.abs() - self.deviation;
        // A round trip that became shorter is no reason to trust it less.
        let gain = if error < 0 && more > 0 { 32 } else { 4 };
        self.deviation += more / gain;
    }

    /// The smoothed round trip.
    pub(super) fn smoothed(&self) -> Option<Duration> {
        self.smoothed.map(|nanos| Duration::from_nanos(nanos.max(0) as u64))
    }

    /// The timeout: max(min, srtt + 4 mdev).
    pub(super) fn timeout(&self, config: &FrcpConfig) -> Duration {
        let Some(smoothed) = self.smoothed() else { return config.initial_rto };
        let deviation = Duration::from_nanos(self.deviation.max(0) as u64);
        (smoothed + deviation.saturating_mul(1 << config.deviation_shift.min(32))).max(config.min_rto)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_timeout_follows_the_estimator_by_hand() {
        let config = FrcpConfig::default();
        let mut rtt = Rtt::default();
        assert_eq!(rtt.timeout(&config), Duration::from_secs(1));
        rtt.measure(Duration::from_millis(80));
        // srtt 80, mdev 40.
        assert_eq!(rtt.timeout(&config), Duration::from_millis(240));
        rtt.measure(Duration::from_millis(160));
        // srtt 80 + 80/8, mdev 40 + (80 - 40)/4.
        assert_eq!(rtt.timeout(&config), Duration::from_millis(90 + 4 * 50));
        rtt.measure(Duration::from_millis(10));
        // srtt 90 - 10, mdev 50 + (80 - 50)/32 = 50.9375.
        assert_eq!(rtt.timeout(&config), Duration::from_micros(80_000 + 4 * 50_937 + 2) + Duration::from_nanos(0));
        let mut fast = Rtt::default();
        (0..100).for_each(|_| fast.measure(Duration::from_micros(10)));
        assert_eq!(fast.timeout(&config), Duration::from_micros(250));
    }
}
