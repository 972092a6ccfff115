//! The round trip and the timeout of retransmission: RFC 6298 with the two refinements of Linux (`tcp_rtt_estimator`): the
//! floor is put under the variance and not under the sum, so that the timeout is never closer than `min_rto` to the smoothed
//! round trip, and the variance falls at most once per round trip, by a quarter of the way to the largest deviation in it.

use rapprochement_core::time::Duration;

/// Smoothed round trip, its deviation, and the smallest seen. All spans in nanoseconds.
#[derive(Clone, Debug)]
pub(super) struct RoundTrip {
    /// The smoothed round trip; `None` before the first sample.
    smoothed: Option<i64>,
    /// Four times the mean deviation.
    deviation: i64,
    deviation_max: i64,
    variance: i64,
    /// The variance may fall once this offset is acknowledged.
    round_end: u64,
    minimum: Option<Duration>,
    floor: i64,
}

impl RoundTrip {
    /// Nothing measured yet; `min_rto` is the floor of the variance.
    pub(super) fn new(min_rto: Duration) -> Self {
        let floor = nanos(min_rto);
        Self { smoothed: None, deviation: 0, deviation_max: floor, variance: floor, round_end: 0, minimum: None, floor }
    }

    /// A packet that was sent once has been acknowledged after `sample`; all below `una` is acknowledged, `next` comes next.
    pub(super) fn sample(&mut self, sample: Duration, una: u64, next: u64) {
        self.minimum = Some(self.minimum.map_or(sample, |least| least.min(sample)));
        let sample = nanos(sample).max(1);
        let Some(smoothed) = self.smoothed else {
            self.smoothed = Some(sample);
            self.deviation = sample * 2;
            self.variance = self.deviation.max(self.floor);
            self.deviation_max = self.variance;
            self.round_end = next;
            return;
        };
        let error = sample - smoothed;
        self.smoothed = Some(smoothed + error / 8);
        // A sample below the mean moves the deviation an eighth as far, lest a falling round trip raise the timeout.
        let surplus = error.abs() - self.deviation / 4;
        self.deviation += if error < 0 && surplus > 0 { surplus / 8 } else { surplus };
        self.deviation_max = self.deviation_max.max(self.deviation);
        self.variance = self.variance.max(self.deviation_max);
        if una > self.round_end {
            self.variance -= (self.variance - self.deviation_max) / 4;
            self.round_end = next;
            self.deviation_max = self.floor;
        }
    }

    /// The smoothed round trip.
    pub(super) fn smoothed(&self) -> Option<Duration> {
        self.smoothed.map(|value| Duration::from_nanos(value.unsigned_abs()))
    }

    /// The smallest sample.
    pub(super) fn minimum(&self) -> Option<Duration> {
        self.minimum
    }

    /// The timeout without backoff; `None` before the first sample.
    pub(super) fn timeout(&self) -> Option<Duration> {
        self.smoothed.map(|value| Duration::from_nanos((value + self.variance).unsigned_abs()))
    }
}

fn nanos(span: Duration) -> i64 {
    // A day bounds every sample, so that sums and products stay far from overflow.
    span.as_nanos().min(86_400_000_000_000) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIN: Duration = Duration::from_millis(200);

    #[test]
    fn a_steady_round_trip_times_out_one_floor_later() {
        let mut rtt = RoundTrip::new(MIN);
        assert_eq!(rtt.timeout(), None);
        for round in 0..50 {
            rtt.sample(Duration::from_millis(100), round, round + 1);
        }
        assert_eq!(rtt.smoothed(), Some(Duration::from_millis(100)));
        assert_eq!(rtt.timeout(), Some(Duration::from_millis(300)));
    }

    #[test]
    fn the_first_sample_sets_all_as_rfc_6298_2_2() {
        let mut rtt = RoundTrip::new(MIN);
        rtt.sample(Duration::from_millis(400), 0, 1);
        // SRTT = R, RTTVAR = R/2, RTO = SRTT + 4 RTTVAR.
        assert_eq!(rtt.timeout(), Some(Duration::from_millis(1200)));
        rtt.sample(Duration::from_secs(1_000_000), 0, 1);
        assert!(rtt.timeout().is_some());
    }
}
