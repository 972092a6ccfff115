//! Jitter of a flow: the mean absolute difference of the transit times of consecutive data packets that arrive. It is the D of
//! RFC 3550, section 6.4.1, averaged over the flow where the RFC smooths it by sixteenths; the order is that of arrival.
//!
//! A transit begins when a packet is handed to the sender's host, so its own uplink queue is part of it, and ends when the
//! receiver's transport takes it. Each end is by its own node's clock, as real hosts would see it: a constant offset falls out
//! of every difference, and a drift adds itself times the span between two packets. What is sent again is a packet like any other.

use rapprochement_core::time::{Duration, Instant};

/// What has been seen of the packets of one direction of a flow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Jitter {
    /// Transit of the last packet in nanoseconds; clocks that disagree may make it negative.
    last: Option<i64>,
    sum: u128,
    differences: u64,
}

impl Jitter {
    /// A data packet has arrived that left then by its sender's clock.
    pub(super) const fn arrived(&mut self, left: Instant, now: Instant) {
        let transit = now.as_nanos().wrapping_sub(left.as_nanos()).cast_signed();
        if let Some(last) = self.last.replace(transit) {
            self.sum += transit.abs_diff(last) as u128;
            self.differences += 1;
        }
    }

    /// The mean so far; there is none of fewer than two packets.
    pub(super) fn mean(&self) -> Option<Duration> {
        let mean = self.sum.checked_div(u128::from(self.differences))?;
        Some(Duration::from_nanos(u64::try_from(mean).unwrap_or(u64::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(packets: &[(u64, u64)]) -> Option<u64> {
        let mut jitter = Jitter::default();
        packets.iter().for_each(|&(left, came)| jitter.arrived(Instant::from_nanos(left), Instant::from_nanos(came)));
        jitter.mean().map(Duration::as_nanos)
    }

    #[test]
    fn it_is_the_mean_difference_of_transits_by_whatever_clocks() {
        assert_eq!((of(&[]), of(&[(5, 9)])), (None, None));
        assert_eq!(of(&[(0, 10), (100, 110)]), Some(0));
        // Transits 10, 14, 8: differences 4 and 6.
        assert_eq!(of(&[(0, 10), (100, 114), (200, 208)]), Some(5));
        // The same by a receiver's clock that is 1,000 behind.
        assert_eq!(of(&[(1_000, 10), (1_100, 114), (1_200, 208)]), Some(5));
    }
}
