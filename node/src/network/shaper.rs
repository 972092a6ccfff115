//! What a [`Link`] does to a message: it is lost, or leaves after those before it and the delay.

use std::time::Duration;

use rand_chacha::ChaCha12Rng;
use rand_core::{Rng, SeedableRng};
use tokio::time::Instant;

use super::config::Link;

/// One node's link.
#[derive(Debug)]
pub(super) struct Shaper {
    link: Link,
    rng: ChaCha12Rng,
    /// When the last byte of what was sent so far has left.
    free: Option<Instant>,
}

impl Shaper {
    pub(super) fn new(link: Link, seed: [u8; 32]) -> Self {
        Self { link, rng: ChaCha12Rng::from_seed(seed), free: None }
    }

    /// When a message of so many bytes leaves; `None` where it is lost.
    pub(super) fn leaves(&mut self, now: Instant, bytes: usize) -> Option<Instant> {
        let drawn = (self.rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
        let start = self.free.map_or(now, |free| free.max(now));
        let done = match self.link.rate {
            0 => start,
            rate => start + Duration::from_secs_f64(bytes as f64 / rate as f64),
        };
        // What is lost has taken its time on the link too.
        self.free = Some(done);
        (drawn >= self.link.loss).then_some(done + self.link.delay)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_leave_one_after_the_other_and_after_the_delay() {
        let link = Link { delay: Duration::from_millis(20), loss: 0.0, rate: 1_000 };
        let mut shaper = Shaper::new(link, [0; 32]);
        let now = Instant::now();
        assert_eq!(shaper.leaves(now, 100), Some(now + Duration::from_millis(120)));
        assert_eq!(shaper.leaves(now, 50), Some(now + Duration::from_millis(170)));
    }

    #[test]
    fn as_many_are_lost_as_the_link_says() {
        let mut shaper = Shaper::new(Link { loss: 0.25, ..Link::default() }, [1; 32]);
        let now = Instant::now();
        let lost = (0..10_000).filter(|_| shaper.leaves(now, 1).is_none()).count();
        // Five standard deviations of a binomial.
        assert!((lost as f64 - 2_500.0).abs() < 5.0 * (10_000.0 * 0.25 * 0.75_f64).sqrt(), "{lost}");
    }
}
