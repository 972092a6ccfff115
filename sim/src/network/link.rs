//! An access link: a server of a fixed rate behind a finite queue. It stores and forwards: a message has left when its
//! last byte has, and the next one starts then. The whole state is the time at which the link falls idle, and everything
//! is exact: a link counts in ticks, so small that a nanosecond and a byte are both whole numbers of them (of a link of
//! 20 Mbit/s a tick is a nanosecond and a byte 400). What did not fit at the arrival of a message is dropped and leaves
//! no trace (drop-tail).
//!
//! A burst allowance is a token bucket (RFC 2697 calls its size the committed burst size): an idle link saves up that
//! many bytes and passes them at once. The state is then the time at which the bucket would be full again (the virtual
//! scheduling form of the generic cell rate algorithm, ITU-T I.371, annex A).

use rapprochement_core::time::{Duration, Instant};

use super::config::Access;
use crate::problem::Problem;
use crate::units::{Rate, Size};

/// The parameters of a link, shared by all nodes.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    ticks_per_byte: u64,
    ticks_per_nano: u64,
    /// Ticks of work that the queue holds.
    queue: Option<u128>,
    /// Ticks of work that pass at once.
    burst: u128,
    /// The same where a tick is a nanosecond and all numbers are short.
    whole: Option<WholeTicks>,
}

/// A link whose tick is a nanosecond, as those of most rates are: what [`Link::pass`] does, in half as wide numbers.
#[derive(Clone, Debug)]
struct WholeTicks {
    per_byte: u32,
    queue: u64,
    burst: u64,
}

impl WholeTicks {
    #[inline]
    fn pass(&self, free: &mut u64, now: Instant, bytes: u32) -> Option<Passage> {
        let before = free.saturating_sub(now.as_nanos());
        let waiting = before.saturating_sub(self.burst);
        let own = u64::from(bytes) * u64::from(self.per_byte);
        if waiting.saturating_add(own) > self.queue {
            return None;
        }
        let after = before.saturating_add(own);
        *free = now.as_nanos().saturating_add(after);
        let left = now + Duration::from_nanos(after.saturating_sub(self.burst));
        Some(Passage { queued: Duration::from_nanos(waiting), left })
    }
}

/// How a message passed a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Passage {
    /// Time before its first byte left.
    pub(crate) queued: Duration,
    /// When its last byte left.
    pub(crate) left: Instant,
}

impl Link {
    pub(crate) fn new(rate: Rate, queue: Option<Size>, burst: Option<Size>) -> Self {
        const BITS_PER_BYTE_NANOS: u64 = 8_000_000_000;
        let common = greatest_common_divisor(BITS_PER_BYTE_NANOS, rate.0.max(1));
        let ticks_per_byte = BITS_PER_BYTE_NANOS / common;
        let ticks_per_nano = rate.0.max(1) / common;
        let ticks = |size: Size| u128::from(size.0) * u128::from(ticks_per_byte);
        let (queue, burst) = (queue.map(ticks), burst.map_or(0, ticks));
        let short = (u32::try_from(ticks_per_byte), queue.map_or(Ok(u64::MAX), u64::try_from), u64::try_from(burst));
        let whole = match short {
            (Ok(per_byte), Ok(queue), Ok(burst)) if ticks_per_nano == 1 => Some(WholeTicks { per_byte, queue, burst }),
            _ => None,
        };
        Self { ticks_per_byte, ticks_per_nano, queue, burst, whole }
    }

    /// True where a nanosecond is not one tick, so that the state has a fraction.
    pub(crate) fn has_fraction(&self) -> bool {
        self.ticks_per_nano != 1
    }

    /// Ticks of work that the link still has at `now`, the burst's allowance included.
    fn work(&self, free: u64, fraction: u64, now: Instant) -> u128 {
        match free.checked_sub(now.as_nanos()) {
            Some(ahead) => u128::from(ahead) * u128::from(self.ticks_per_nano) + u128::from(fraction),
            None => 0,
        }
    }

    /// How long a message that comes now would wait before its first byte leaves.
    pub(crate) fn backlog(&self, free: u64, fraction: u64, now: Instant) -> Duration {
        self.duration(self.work(free, fraction, now).saturating_sub(self.burst))
    }

    /// Takes a message that comes now, or `None` where the queue has no room for it. `free` is the whole nanosecond at
    /// which the link falls idle and `fraction` the ticks beyond it; messages come in the order of their times.
    #[inline]
    pub(crate) fn pass(&self, free: &mut u64, fraction: &mut u64, now: Instant, bytes: u32) -> Option<Passage> {
        if let Some(whole) = &self.whole {
            return whole.pass(free, now, bytes);
        }
        let before = self.work(*free, *fraction, now);
        let waiting = before.saturating_sub(self.burst);
        let own = u128::from(bytes) * u128::from(self.ticks_per_byte);
        if self.queue.is_some_and(|queue| waiting + own > queue) {
            return None;
        }
        let after = before + own;
        let nano = u128::from(self.ticks_per_nano);
        let (whole, rest) = if nano == 1 { (after, 0) } else { (after / nano, (after % nano) as u64) };
        *free = now.as_nanos().saturating_add(u64::try_from(whole).unwrap_or(u64::MAX));
        *fraction = rest;
        Some(Passage { queued: self.duration(waiting), left: now + self.duration(after.saturating_sub(self.burst)) })
    }

    /// The time that so many ticks take, rounded up to the nanosecond.
    #[inline]
    fn duration(&self, ticks: u128) -> Duration {
        let nano = u128::from(self.ticks_per_nano);
        let nanos = if nano == 1 { ticks } else { ticks.div_ceil(nano) };
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

fn greatest_common_divisor(mut a: u64, mut b: u64) -> u64 {
    while b > 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// Below this, a full packet takes longer than ten seconds.
pub(super) const RATE_MIN: Rate = Rate(1_200);

/// What is wrong with the access links of a scenario, whose packets are up to `mtu` long.
pub(crate) fn problems(access: &Access, mtu: Size) -> Vec<Problem> {
    const RATES: [&str; 2] = ["network.access.uplink", "network.access.downlink"];
    let mut problems = Vec::new();
    for (path, rate) in RATES.into_iter().zip([access.uplink, access.downlink]) {
        if rate.is_some_and(|rate| rate < RATE_MIN) {
            problems.push(Problem::new(path, format!("a link below {RATE_MIN}"), "is the unit the one you meant?"));
        }
    }
    let unlimited = access.uplink.is_none() && access.downlink.is_none();
    for (path, size) in [("network.access.queue", access.queue), ("network.access.burst", access.burst)] {
        if unlimited && size.is_some() {
            let problem = Problem::new(path, "this has no effect without a rate", "set `uplink`, `downlink` or both");
            problems.push(problem.resting_on(RATES));
        }
    }
    if access.queue.is_some_and(|queue| queue < mtu) {
        let message = format!("a queue that cannot hold one packet of {mtu}");
        let problem = Problem::new("network.access.queue", message, "make it at least one MTU");
        problems.push(problem.resting_on(["network.packet.mtu"]));
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(nanos: u64) -> Instant {
        Instant::from_nanos(nanos)
    }

    /// 8 Mbit/s are a byte per microsecond. The queue holds 1,000 bytes: what fills it to the last byte is taken, and one
    /// byte more is dropped.
    #[test]
    fn drop_tail_drops_exactly_what_does_not_fit() {
        let link = Link::new(Rate(8_000_000), Some(Size(1000)), None);
        let (mut free, mut fraction) = (0, 0);
        let mut pass = |now, bytes| link.pass(&mut free, &mut fraction, at(now), bytes).map(|p| p.left.as_nanos());
        assert_eq!(pass(0, 1001), None);
        assert_eq!(pass(0, 600), Some(600_000));
        assert_eq!(pass(0, 401), None);
        assert_eq!(pass(0, 400), Some(1_000_000));
        // A byte has left after a microsecond, and not a nanosecond earlier.
        assert_eq!(pass(999, 1), None);
        assert_eq!(pass(1000, 1), Some(1_001_000));
        // An idle link starts afresh.
        assert_eq!(pass(5_000_000, 1000), Some(6_000_000));
    }

    /// A bucket of 500 bytes: they pass at once when it is full, and it refills at the link's rate.
    #[test]
    fn a_bucket_passes_its_burst_and_refills() {
        let link = Link::new(Rate(8_000_000), None, Some(Size(500)));
        let (mut free, mut fraction) = (0, 0);
        let mut pass = |now, bytes| {
            let passage = link.pass(&mut free, &mut fraction, at(now), bytes).unwrap();
            (passage.queued.as_nanos(), passage.left.as_nanos())
        };
        assert_eq!(pass(0, 300), (0, 0));
        assert_eq!(pass(0, 300), (0, 100_000));
        assert_eq!(pass(0, 50), (100_000, 150_000));
        // 150 us later the debt is paid, and 200 us after that 200 bytes are saved up.
        assert_eq!(pass(350_000, 200), (0, 350_000));
        assert_eq!(pass(350_000, 1), (0, 351_000));
        assert_eq!(pass(10_000_000, 500), (0, 10_000_000));
    }

    proptest! {
        /// The oracle keeps the backlog as a fraction of a byte over the common denominator of all times, without any
        /// rounding: in units of 1 / 8e9 byte, a nanosecond drains exactly the rate.
        #[test]
        fn every_rate_agrees_with_exact_fractions(
            rate in prop_oneof![1_000u64..20_000_000_000, prop::sample::select(vec![8_000, 1_000_000, 20_000_000, 8_000_000_000])],
            queue in 2_000u64..50_000,
            steps in prop::collection::vec((0u64..200_000, 1u32..3_000), 1..200),
        ) {
            const BYTE: u128 = 8_000_000_000;
            let link = Link::new(Rate(rate), Some(Size(queue)), None);
            let (mut free, mut fraction, mut now, mut backlog) = (0, 0, 0u64, 0u128);
            for (gap, bytes) in steps {
                now += gap;
                backlog = backlog.saturating_sub(u128::from(gap) * u128::from(rate));
                let fits = backlog + u128::from(bytes) * BYTE <= u128::from(queue) * BYTE;
                let passage = link.pass(&mut free, &mut fraction, at(now), bytes);
                prop_assert_eq!(passage.is_some(), fits);
                if let Some(passage) = passage {
                    prop_assert_eq!(u128::from(passage.queued.as_nanos()), backlog.div_ceil(u128::from(rate)));
                    backlog += u128::from(bytes) * BYTE;
                    let left = u128::from(now) + backlog.div_ceil(u128::from(rate));
                    prop_assert_eq!(u128::from(passage.left.as_nanos()), left);
                }
            }
        }
    }
}
