//! What a peer is told about how to behave, and what it counts.

use core::fmt;

use crate::overlay::sampling::peerswap::message::DEGREE_MAX;
use crate::time::Duration;

/// The most rings of an edge's clock per second.
pub const RATE_MAX: f64 = 1e6;
/// The shortest lease of a lock.
pub const LEASE_MIN: Duration = Duration::from_micros(1);

/// The parameters of a peer. All peers of an overlay are meant to have the same.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PeerSwapConfig {
    /// How many neighbours a peer has: 1 to [`DEGREE_MAX`].
    pub degree: usize,
    /// How often the clock of an edge rings, in the mean, per second: 0 (never) to [`RATE_MAX`].
    pub rate: f64,
    /// The measure of all waiting: an attempt at a swap is given up after half of it, neighbours are checked four times in it, and one
    /// that was silent for five quarters of it is taken for dead, upon which its locks end. Messages are meant to take
    /// less than an eighth of it. Where they take longer, fewer and fewer swaps succeed, and where they take longer than a quarter,
    /// free places may stay so for more than five leases. At least [`LEASE_MIN`].
    pub lease: Duration,
}

/// Why a peer cannot have such parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigError {
    /// The degree is 0, or exceeds [`DEGREE_MAX`].
    Degree,
    /// The rate is negative, exceeds [`RATE_MAX`], or is not a number.
    Rate,
    /// The lease is shorter than [`LEASE_MIN`].
    Lease,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Degree => write!(f, "the degree must be 1 to {DEGREE_MAX}"),
            Self::Rate => write!(f, "the rate must be 0 to {RATE_MAX} per second"),
            Self::Lease => write!(f, "the lease must be at least {LEASE_MIN}"),
        }
    }
}

impl core::error::Error for ConfigError {}

impl PeerSwapConfig {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        match self {
            _ if !(1..=DEGREE_MAX).contains(&self.degree) => Err(ConfigError::Degree),
            _ if !(0.0..=RATE_MAX).contains(&self.rate) => Err(ConfigError::Rate),
            _ if self.lease < LEASE_MIN => Err(ConfigError::Lease),
            _ => Ok(()),
        }
    }

    /// The time between two looks at locks and neighbours.
    pub(super) fn tick(&self) -> Duration {
        Duration::from_nanos(self.lease.as_nanos() / 4)
    }
}

/// What became of the attempts that a peer initiated: those that ended add up to `busy + refused + failed + swapped`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Rings of the clocks of this peer's edges, as far as it is the end that acts on them.
    pub fired: u64,
    /// One of the ends was locked.
    pub busy: u64,
    /// A neighbour of one of the ends refused the lock.
    pub refused: u64,
    /// The partner did not hold this peer, lost the attempt, or never answered.
    pub failed: u64,
    /// The two ends swapped places.
    pub swapped: u64,
    /// Locks of any kind that were given up since their lease had ended, as an initiator, a partner or a neighbour.
    pub expired: u64,
}

impl Counters {
    /// Adds what another peer counted.
    pub fn add(&mut self, other: &Self) {
        self.fired += other.fired;
        self.busy += other.busy;
        self.refused += other.refused;
        self.failed += other.failed;
        self.swapped += other.swapped;
        self.expired += other.expired;
    }

    /// The share of swaps among the attempts that were not dropped because an end was locked: what the paper calls the success
    /// rate. Attempts that are under way count as if they failed. Not a number where there were none.
    pub fn success_rate(&self) -> f64 {
        self.swapped as f64 / self.fired.saturating_sub(self.busy) as f64
    }

    /// The share of swaps among all rings. Not a number where there were none.
    pub fn true_yield(&self) -> f64 {
        self.swapped as f64 / self.fired as f64
    }
}
