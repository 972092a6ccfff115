//! Newscast: two nodes exchange all that they know, and both keep the freshest. It heals fast and is simple; its graph is
//! clustered, and the in-degrees are far apart.
//!
//! M. Jelasity, W. Kowalczyk and M. van Steen, "Newscast computing", Vrije Universiteit Amsterdam, IR-CS-006, 2003. Items there
//! carry the time at which they were made; here they carry an age, which needs no common clock.

use alloc::vec::Vec;

use rand_core::Rng;

use crate::overlay::sampling::config::{require, require_span};
use crate::overlay::sampling::exchange::{Exchange, Rule};
use crate::overlay::sampling::{ConfigError, Descriptor, PEERS_MAX, View};
use crate::peer::Peer;
use crate::time::Duration;

/// A node that runs Newscast.
pub type Newscast<P> = Exchange<P, NewscastConfig>;

/// The parameters of Newscast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewscastConfig {
    /// Neighbours, `c`: 1 to 254. The literature has 20 to 40.
    pub view: usize,
    /// Time between the rounds that a node begins.
    pub interval: Duration,
    /// How long a neighbour may take to answer before it is dropped. It ends with the round at the latest.
    pub timeout: Duration,
}

impl Default for NewscastConfig {
    /// 20 neighbours; 10 s and 2 s are this project's choice.
    fn default() -> Self {
        Self { view: 20, interval: Duration::from_secs(10), timeout: Duration::from_secs(2) }
    }
}

impl Rule for NewscastConfig {
    fn check(&self) -> Result<(), ConfigError> {
        // The own descriptor travels with the view.
        require((1..PEERS_MAX).contains(&self.view), "view", "within 1 and 254")?;
        require_span(self.interval, "interval")?;
        require_span(self.timeout, "timeout")
    }

    fn capacity(&self) -> usize {
        self.view
    }

    fn offer_max(&self) -> usize {
        self.view + 1
    }

    fn interval(&self) -> Duration {
        self.interval
    }

    fn timeout(&self) -> Duration {
        self.timeout
    }

    fn begin<P: Peer, G: Rng + ?Sized>(&self, view: &mut View<P>, rng: &mut G) -> Option<P> {
        view.random(rng)
    }

    fn offer<P: Peer, G: Rng + ?Sized>(
        &self,
        view: &mut View<P>,
        me: P,
        _opening: bool,
        _rng: &mut G,
    ) -> Vec<Descriptor<P>> {
        let own = Descriptor { peer: me, age: 0 };
        core::iter::once(own).chain(view.entries().iter().copied()).collect()
    }

    fn merge<P: Peer, G: Rng + ?Sized>(
        &self,
        view: &mut View<P>,
        _sent: &[Descriptor<P>],
        received: &[Descriptor<P>],
        rng: &mut G,
    ) {
        view.absorb(received);
        view.remove_oldest(view.len().saturating_sub(self.view), rng);
    }
}
