//! What the configurations of all samplers share.

use core::fmt;

use rand_core::Rng;

use crate::random;
use crate::time::Duration;

/// The most peers that any view, list of samples or message of a sampler may hold.
pub const PEERS_MAX: usize = 255;

/// A parameter that no sampler can work with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The name of the field.
    pub parameter: &'static str,
    /// What it has to be.
    pub must: &'static str,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` must be {}", self.parameter, self.must)
    }
}

impl core::error::Error for ConfigError {}

/// An error unless the condition holds.
pub(super) fn require(holds: bool, parameter: &'static str, must: &'static str) -> Result<(), ConfigError> {
    if holds { Ok(()) } else { Err(ConfigError { parameter, must }) }
}

/// A size between `least` and [`PEERS_MAX`].
pub(super) fn require_size(size: usize, least: usize, parameter: &'static str) -> Result<(), ConfigError> {
    require((least..=PEERS_MAX).contains(&size), parameter, "within its least size and 255")
}

/// An interval or timeout that is not zero.
pub(super) fn require_span(span: Duration, parameter: &'static str) -> Result<(), ConfigError> {
    require(!span.is_zero(), parameter, "more than zero")
}

/// A random point of the interval, so that nodes that start together do not act in step.
pub(super) fn phase<R: Rng + ?Sized>(interval: Duration, rng: &mut R) -> Duration {
    Duration::from_nanos(((u128::from(rng.next_u64()) * u128::from(interval.as_nanos())) >> 64) as u64)
}

/// A random item, or `None` of none.
pub(super) fn choose<T: Copy, R: Rng + ?Sized>(items: &[T], rng: &mut R) -> Option<T> {
    items.get(random::below(rng, items.len() as u32) as usize).copied()
}

/// Brings a random choice of `count` items to the front, in random order, and returns them; fewer where there are fewer.
pub(super) fn choose_many<'a, T, R: Rng + ?Sized>(items: &'a mut [T], count: usize, rng: &mut R) -> &'a mut [T] {
    let count = count.min(items.len());
    for place in 0..count {
        let other = place + random::below(rng, (items.len() - place) as u32) as usize;
        items.swap(place, other);
    }
    &mut items[..count]
}
