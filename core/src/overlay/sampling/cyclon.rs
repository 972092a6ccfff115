//! Cyclon: a node swaps a few descriptors with the neighbour that it has not heard of for longest. Descriptors move and are not
//! copied, so every node stays known to about as many others; in-degrees are narrower than those of a random graph.
//!
//! S. Voulgaris, D. Gavidia and M. van Steen, "CYCLON: inexpensive membership management for unstructured P2P overlays",
//! Journal of Network and Systems Management 13(2), 2005: the enhanced shuffling. The neighbour that is asked gives up its
//! place at once, not when the answer fails to come; either way its place is what the answer fills first.

use alloc::vec::Vec;

use rand_core::Rng;

use crate::overlay::sampling::config::{require, require_size, require_span};
use crate::overlay::sampling::exchange::{Exchange, Rule};
use crate::overlay::sampling::{ConfigError, Descriptor, View};
use crate::peer::Peer;
use crate::time::Duration;

/// A node that runs Cyclon.
pub type Cyclon<P> = Exchange<P, CyclonConfig>;

/// The parameters of Cyclon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CyclonConfig {
    /// Neighbours, `c`: 1 to 255. The paper has 20, 50 and 100.
    pub view: usize,
    /// Descriptors in a message, `l`: 1 to `view`. The paper has 8.
    pub shuffle: usize,
    /// Time between the rounds that a node begins.
    pub interval: Duration,
    /// How long an answer may take to be accepted. It ends with the round at the latest.
    pub timeout: Duration,
}

impl Default for CyclonConfig {
    /// The paper's 20 neighbours and 8 descriptors; 10 s and 2 s are this project's choice.
    fn default() -> Self {
        Self { view: 20, shuffle: 8, interval: Duration::from_secs(10), timeout: Duration::from_secs(2) }
    }
}

impl Rule for CyclonConfig {
    fn check(&self) -> Result<(), ConfigError> {
        require_size(self.view, 1, "view")?;
        require((1..=self.view).contains(&self.shuffle), "shuffle", "within 1 and `view`")?;
        require_span(self.interval, "interval")?;
        require_span(self.timeout, "timeout")
    }

    fn capacity(&self) -> usize {
        self.view
    }

    fn offer_max(&self) -> usize {
        self.shuffle
    }

    fn interval(&self) -> Duration {
        self.interval
    }

    fn timeout(&self) -> Duration {
        self.timeout
    }

    fn begin<P: Peer, G: Rng + ?Sized>(&self, view: &mut View<P>, rng: &mut G) -> Option<P> {
        let oldest = view.oldest(rng)?;
        view.remove(oldest);
        Some(oldest)
    }

    fn offer<P: Peer, G: Rng + ?Sized>(
        &self,
        view: &mut View<P>,
        me: P,
        opening: bool,
        rng: &mut G,
    ) -> Vec<Descriptor<P>> {
        let own = opening.then_some(Descriptor { peer: me, age: 0 });
        let mut offer = view.random_entries(self.shuffle - usize::from(opening), rng);
        offer.extend(own);
        offer
    }

    fn merge<P: Peer, G: Rng + ?Sized>(
        &self,
        view: &mut View<P>,
        sent: &[Descriptor<P>],
        received: &[Descriptor<P>],
        _rng: &mut G,
    ) {
        let mut given_away = sent.iter();
        for entry in received.iter().filter(|entry| !view.contains(entry.peer)).copied().collect::<Vec<_>>() {
            if view.len() >= self.view {
                let Some(old) = given_away.find(|old| view.contains(old.peer)) else { return };
                view.remove(old.peer);
            }
            view.push_new(entry);
        }
    }
}
