//! CUBIC (RFC 9438). After a loss the window returns to where it was along a cubic function of time since then, flat around
//! the old maximum and independent of the round trip:
//!
//! W(t) = C (t - K)^3 + W_max, K = cbrt((W_max - cwnd_epoch) / C).
//!
//! Where Reno would have the larger window, its estimate holds (section 4.3); a window that fell before it was back gives
//! up more (fast convergence, section 4.7). Where the RFC leaves a choice this is Linux (`tcp_cubic.c`): the target is W at one
//! smallest round trip ahead, the growth is held to one half per round trip, it is 5 % per round trip before the first
//! loss, and the function is evaluated when the window has moved or 1/32 s has passed.

use rapprochement_core::time::{Duration, Instant};

use super::hystart::HyStart;
use crate::transport::tcp::config::CubicConfig;

const REFRESH: Duration = Duration::from_nanos(1_000_000_000 / 32);
/// Round trips right after a recovery say little.
const SETTLING: Duration = Duration::from_secs(1);

#[derive(Clone, Debug)]
pub(super) struct Cubic {
    config: CubicConfig,
    /// Segments per acknowledged window that an equivalent Reno gains: 3 (1 - beta) / (1 + beta).
    reno_gain: f64,
    epoch: Option<Instant>,
    /// The maximum before the last loss; 0 for none.
    last_max: u32,
    origin: u32,
    /// Seconds from the epoch to the origin.
    k: f64,
    per_segment: u32,
    last: Option<(u32, Instant)>,
    /// Estimate of an equivalent Reno's window, and segments acknowledged towards its next step.
    reno: u32,
    reno_acked: f64,
    delay_min: Option<Duration>,
    hystart: HyStart,
}

impl Cubic {
    pub(super) fn new(config: CubicConfig) -> Self {
        let beta = config.beta.0;
        Self {
            config,
            reno_gain: 3.0 * (1.0 - beta) / (1.0 + beta),
            epoch: None,
            last_max: 0,
            origin: 0,
            k: 0.0,
            per_segment: 1,
            last: None,
            reno: 0,
            reno_acked: 0.0,
            delay_min: None,
            hystart: HyStart::default(),
        }
    }

    pub(super) fn reset(&mut self) {
        *self = Self::new(self.config);
    }

    /// Takes a round trip; true if slow start is to end here.
    pub(super) fn sample(
        &mut self,
        now: Instant,
        delay: Duration,
        una: u64,
        next: u64,
        size: u32,
        slow_start: bool,
    ) -> bool {
        if self.epoch.is_some_and(|epoch| now.since(epoch) < SETTLING) {
            return false;
        }
        let least = self.delay_min.map_or(delay, |least| least.min(delay));
        self.delay_min = Some(least);
        self.config.hystart && slow_start && self.hystart.ends(now, delay, least, una, next, size)
    }

    /// Acknowledged segments for which the window grows by one.
    pub(super) fn per_segment(&mut self, now: Instant, size: u32, acked: u32) -> u32 {
        self.reno_acked += f64::from(acked);
        if let Some((last_size, at)) = self.last
            && last_size == size
            && now.since(at) <= REFRESH
        {
            return self.per_segment;
        }
        self.last = Some((size, now));
        let epoch = *self.epoch.get_or_insert_with(|| {
            self.reno_acked = f64::from(acked);
            self.reno = size;
            let below = self.last_max.saturating_sub(size);
            self.k = if below == 0 { 0.0 } else { libm::cbrt(f64::from(below) / self.config.c) };
            self.origin = self.last_max.max(size);
            now
        });
        let t = (now.since(epoch) + self.delay_min.unwrap_or_default()).as_secs_f64() - self.k;
        let target = f64::from(self.origin) + self.config.c * t * t * t;
        let ahead = target - f64::from(size);
        let mut per = if ahead >= 1.0 { (f64::from(size) / ahead) as u32 } else { size.saturating_mul(100) };
        if self.last_max == 0 {
            per = per.min(20);
        }
        if self.config.reno_friendly {
            per = per.min(self.reno_per_segment(size));
        }
        self.per_segment = per.max(2);
        self.per_segment
    }

    /// What it takes to catch up with an equivalent Reno, where that is ahead.
    fn reno_per_segment(&mut self, size: u32) -> u32 {
        let step = f64::from(size) / self.reno_gain;
        if self.reno_acked > step {
            let steps = libm::floor(self.reno_acked / step);
            self.reno_acked -= steps * step;
            self.reno = self.reno.saturating_add(steps as u32);
        }
        size.checked_div(self.reno.saturating_sub(size)).unwrap_or(u32::MAX)
    }

    /// A loss at this window; the threshold that follows.
    pub(super) fn reduce(&mut self, size: u32) -> u32 {
        self.epoch = None;
        let beta = self.config.beta.0;
        self.last_max = if size < self.last_max && self.config.fast_convergence {
            (f64::from(size) * (1.0 + beta) / 2.0) as u32
        } else {
            size
        };
        (f64::from(size) * beta) as u32
    }

    /// Time in which nothing was sent is not time of growth.
    pub(super) fn idle(&mut self, idle: Duration) {
        self.epoch = self.epoch.map(|epoch| epoch + idle);
    }
}
