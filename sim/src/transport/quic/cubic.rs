//! CUBIC (RFC 9438) as a congestion controller of `quinn-proto`. Its own one takes the cube root from the platform, whose last bit differs
//! between C libraries; this one takes it from `libm`, so that runs are the same everywhere. As in that one, the Reno-friendly
//! window is the closed form of RFC 8312, section 4.2, and the window grows by at most one datagram at a time.

use std::any::Any;
use std::sync::Arc;
use std::time::{Duration, Instant};

use quinn_proto::RttEstimator;
use quinn_proto::congestion::{Controller, ControllerFactory, ControllerMetrics};

/// What a loss leaves of the window (RFC 9438, section 4.6).
const BETA: f64 = 0.7;
/// Datagrams per second cubed (section 5.1).
const C: f64 = 0.4;

/// Makes controllers that begin with so many bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct CubicFactory {
    pub(super) initial_window: u64,
}

impl ControllerFactory for CubicFactory {
    fn build(self: Arc<Self>, _now: Instant, mtu: u16) -> Box<dyn Controller> {
        Box::new(Cubic::new(self.initial_window, mtu))
    }
}

/// The window of one path.
#[derive(Clone, Debug)]
struct Cubic {
    initial: u64,
    mtu: u64,
    window: u64,
    threshold: u64,
    /// The last loss, or where growth began without one: packets that were sent before it say nothing new.
    epoch: Option<Instant>,
    /// The window before the last loss, in datagrams.
    w_max: f64,
    /// Seconds from the epoch until the window is there again.
    k: f64,
    /// Growth that does not make a datagram yet.
    growth: u64,
}

impl Cubic {
    fn new(initial: u64, mtu: u16) -> Self {
        let mtu = u64::from(mtu);
        Self { initial, mtu, window: initial, threshold: u64::MAX, epoch: None, w_max: 0.0, k: 0.0, growth: 0 }
    }

    fn datagrams(&self) -> f64 {
        self.window as f64 / self.mtu as f64
    }

    fn least(&self) -> u64 {
        2 * self.mtu
    }

    /// Grows behind the threshold, where an acknowledgement came at this time.
    fn avoid(&mut self, now: Instant, round_trip: Duration) {
        let epoch = *self.epoch.get_or_insert(now);
        if epoch == now && self.w_max == 0.0 {
            self.w_max = self.datagrams();
        }
        let (since, round_trip) = (now.saturating_duration_since(epoch).as_secs_f64(), round_trip.as_secs_f64());
        let ahead = since + round_trip - self.k;
        let cubic = C * ahead * ahead * ahead + self.w_max;
        let reno = self.w_max * BETA + 3.0 * (1.0 - BETA) / (1.0 + BETA) * since / round_trip;
        let window = self.datagrams();
        let grown = if cubic < reno { (reno - window).max(0.0) } else { ((cubic - window) / window).max(0.0) };
        self.growth = self.growth.saturating_add((grown * self.mtu as f64) as u64);
        if self.growth >= self.mtu {
            self.window = self.window.saturating_add(self.mtu);
            self.growth = 0;
        }
    }

    /// Shrinks by a loss at this time.
    fn reduce(&mut self, now: Instant, persistent: bool) {
        let window = self.datagrams();
        self.epoch = Some(now);
        // Fast convergence, section 4.7.
        self.w_max = if window < self.w_max { window * (1.0 + BETA) / 2.0 } else { window };
        self.threshold = ((self.window as f64 * BETA) as u64).max(self.least());
        self.window = self.threshold;
        self.k = libm::cbrt(self.w_max * (1.0 - BETA) / C);
        self.growth = (self.growth as f64 * BETA) as u64;
        if persistent {
            self.epoch = None;
            self.w_max = 0.0;
            self.k = 0.0;
            self.growth = 0;
            self.threshold = ((self.window as f64 * BETA) as u64).max(self.least());
            self.window = self.least();
        }
    }
}

impl Controller for Cubic {
    fn on_ack(&mut self, now: Instant, sent: Instant, bytes: u64, app_limited: bool, rtt: &RttEstimator) {
        if app_limited || self.epoch.is_some_and(|epoch| sent <= epoch) {
            return;
        }
        if self.window < self.threshold {
            self.window = self.window.saturating_add(bytes);
        } else {
            self.avoid(now, rtt.get());
        }
    }

    fn on_congestion_event(&mut self, now: Instant, sent: Instant, is_persistent_congestion: bool, _lost_bytes: u64) {
        if self.epoch.is_none_or(|epoch| sent > epoch) {
            self.reduce(now, is_persistent_congestion);
        }
    }

    fn on_mtu_update(&mut self, new_mtu: u16) {
        self.mtu = u64::from(new_mtu);
        self.window = self.window.max(self.least());
    }

    fn window(&self) -> u64 {
        self.window
    }

    fn metrics(&self) -> ControllerMetrics {
        let mut metrics = ControllerMetrics::default();
        metrics.congestion_window = self.window;
        metrics.ssthresh = Some(self.threshold);
        metrics
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(self.clone())
    }

    fn initial_window(&self) -> u64 {
        self.initial
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::quic::clock::to_std;
    use rapprochement_core::time::Instant as Virtual;

    fn at(seconds: f64) -> Instant {
        to_std(Virtual::from_nanos((seconds * 1e9) as u64))
    }

    /// RFC 9438, figure 2 and equation 1: the old maximum is reached K seconds after the loss.
    #[test]
    fn the_window_is_back_after_k() {
        let mut cubic = Cubic::new(1_000_000, 1_000);
        cubic.reduce(at(0.0), false);
        assert_eq!(cubic.window, 700_000);
        let k = libm::cbrt(1_000.0 * 0.3 / 0.4);
        assert!((cubic.k - k).abs() < 1e-12);
        // An acknowledgement for each datagram of a window and round trip.
        let mut now = 0.0;
        while now < k {
            cubic.avoid(at(now), Duration::from_millis(100));
            now += 0.1 * 1_000.0 / cubic.window as f64;
        }
        assert!((0.97..=1.03).contains(&(cubic.window as f64 / 1e6)), "{}", cubic.window);
    }

    #[test]
    fn a_second_loss_below_the_maximum_gives_up_more() {
        let mut cubic = Cubic::new(1_000_000, 1_000);
        cubic.reduce(at(0.0), false);
        cubic.reduce(at(1.0), false);
        assert!((cubic.w_max - 595.0).abs() < 1e-9);
        cubic.reduce(at(2.0), true);
        assert_eq!(cubic.window, 2_000);
    }
}
