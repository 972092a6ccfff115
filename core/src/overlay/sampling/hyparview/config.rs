//! The parameters of HyParView.

use crate::overlay::sampling::ConfigError;
use crate::overlay::sampling::config::{require, require_size, require_span};
use crate::time::Duration;

/// The parameters of HyParView. The defaults are those of iroh-gossip, but for `silence`, which it does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HyParViewConfig {
    /// Neighbours: 1 to 255.
    pub active: usize,
    /// Peers that stand by: 1 to 255.
    pub passive: usize,
    /// Hops that the news of a joining node walks.
    pub join_walk: u8,
    /// Hops before the end of that walk at which the joining node enters a passive view.
    pub passive_walk: u8,
    /// Hops that a shuffle walks.
    pub shuffle_walk: u8,
    /// Neighbours in a shuffle, `ka`.
    pub shuffle_active: usize,
    /// Peers of the passive view in a shuffle, `kp`.
    pub shuffle_passive: usize,
    /// Time between the shuffles that a node begins.
    pub interval: Duration,
    /// How long a peer may take to answer that it is a neighbour.
    pub neighbour_timeout: Duration,
    /// Intervals after which a neighbour that has said nothing is dropped; zero leaves failure detection to the transport, as
    /// the paper does with TCP, and saves the message per neighbour and interval that it takes.
    pub silence: u32,
}

impl Default for HyParViewConfig {
    fn default() -> Self {
        Self {
            active: 5,
            passive: 30,
            join_walk: 6,
            passive_walk: 3,
            shuffle_walk: 6,
            shuffle_active: 3,
            shuffle_passive: 4,
            interval: Duration::from_secs(60),
            neighbour_timeout: Duration::from_millis(500),
            silence: 3,
        }
    }
}

impl HyParViewConfig {
    /// Whether the parameters make sense.
    ///
    /// # Errors
    /// The first parameter that does not.
    pub fn check(&self) -> Result<(), ConfigError> {
        require_size(self.active, 1, "active")?;
        require_size(self.passive, 1, "passive")?;
        require(self.passive_walk <= self.join_walk, "passive_walk", "at most `join_walk`")?;
        require_size(self.shuffle_active, 0, "shuffle_active")?;
        require_size(self.shuffle_passive, 0, "shuffle_passive")?;
        require_size(self.shuffle_max(), 1, "shuffle_active + shuffle_passive + 1")?;
        require_span(self.interval, "interval")?;
        require_span(self.neighbour_timeout, "neighbour_timeout")
    }

    /// The most peers of a shuffle: the origin, and what it chooses from its views.
    pub(super) fn shuffle_max(&self) -> usize {
        self.shuffle_active.saturating_add(self.shuffle_passive).saturating_add(1)
    }
}
