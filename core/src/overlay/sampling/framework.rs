//! The peer-sampling framework: one protocol whose parameters span most gossip samplers. Healing (H) drops the oldest
//! descriptors and so the dead; swapping (S) drops what was given away and so keeps in-degrees level.
//!
//! M. Jelasity, S. Voulgaris, R. Guerraoui, A.-M. Kermarrec and M. van Steen, "Gossip-based peer sampling", ACM TOCS
//! 25(3), 2007, figure 1. The framework has no failure detector of its own; here, with push-pull, a neighbour that
//! does not answer is dropped, too. Ages are times, not hops.

use alloc::vec::Vec;

use rand_core::Rng;

use crate::overlay::sampling::config::{require, require_size, require_span};
use crate::overlay::sampling::exchange::{Exchange, Rule};
use crate::overlay::sampling::{ConfigError, Descriptor, View};
use crate::peer::Peer;
use crate::time::Duration;

/// A node that runs the framework.
pub type Framework<P> = Exchange<P, FrameworkConfig>;

/// With whom a node exchanges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerSelection {
    /// A random neighbour.
    Random,
    /// The neighbour of the greatest age.
    Tail,
}

/// Which way descriptors travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Propagation {
    /// From who begins the round; nothing is answered, and nobody is dropped for silence.
    Push,
    /// Both ways.
    PushPull,
}

/// The parameters of the framework.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameworkConfig {
    /// Neighbours, `c`: 2 to 255. Half as many descriptors make a message. The paper has 30.
    pub view: usize,
    /// Oldest descriptors that a merge drops, `H`: at most half of the view.
    pub healer: usize,
    /// Descriptors given away that a merge drops, `S`: at most half of the view, less `healer`.
    pub swapper: usize,
    /// With whom a node exchanges.
    pub selection: PeerSelection,
    /// Which way descriptors travel.
    pub propagation: Propagation,
    /// Time between the rounds that a node begins.
    pub interval: Duration,
    /// How long a neighbour may take to answer before it is dropped. It ends with the round at the latest.
    pub timeout: Duration,
}

impl FrameworkConfig {
    /// The paper's view of 30 with full healing, H = c/2: the tail is asked, by push-pull.
    pub const HEALER: Self = Self {
        view: 30,
        healer: 15,
        swapper: 0,
        selection: PeerSelection::Tail,
        propagation: Propagation::PushPull,
        interval: Duration::from_secs(10),
        timeout: Duration::from_secs(2),
    };

    /// The same with full swapping, S = c/2.
    pub const SWAPPER: Self = Self { healer: 0, swapper: 15, ..Self::HEALER };

    /// The same with neither: blind selection.
    pub const BLIND: Self = Self { healer: 0, swapper: 0, ..Self::HEALER };
}

impl Rule for FrameworkConfig {
    fn check(&self) -> Result<(), ConfigError> {
        require_size(self.view, 2, "view")?;
        require(self.healer <= self.view / 2, "healer", "at most half of `view`")?;
        require(self.swapper <= self.view / 2 - self.healer, "swapper", "at most half of `view`, less `healer`")?;
        require_span(self.interval, "interval")?;
        require_span(self.timeout, "timeout")
    }

    fn capacity(&self) -> usize {
        self.view
    }

    fn offer_max(&self) -> usize {
        self.view / 2
    }

    fn interval(&self) -> Duration {
        self.interval
    }

    fn timeout(&self) -> Duration {
        self.timeout
    }

    fn is_answered(&self) -> bool {
        self.propagation == Propagation::PushPull
    }

    fn begin<P: Peer, G: Rng + ?Sized>(&self, view: &mut View<P>, rng: &mut G) -> Option<P> {
        match self.selection {
            PeerSelection::Random => view.random(rng),
            PeerSelection::Tail => view.oldest(rng),
        }
    }

    fn offer<P: Peer, G: Rng + ?Sized>(
        &self,
        view: &mut View<P>,
        me: P,
        _opening: bool,
        rng: &mut G,
    ) -> Vec<Descriptor<P>> {
        view.permute(self.healer, rng);
        let own = Descriptor { peer: me, age: 0 };
        let head = view.entries().iter().copied().take(self.view / 2 - 1);
        core::iter::once(own).chain(head).collect()
    }

    /// The paper's head of the view is what was sent; that is remembered by name here, as another exchange may have
    /// come between.
    fn merge<P: Peer, G: Rng + ?Sized>(
        &self,
        view: &mut View<P>,
        sent: &[Descriptor<P>],
        received: &[Descriptor<P>],
        rng: &mut G,
    ) {
        let excess = |view: &View<P>| view.len().saturating_sub(self.view);
        // Who only pushes has not remembered what it gave away: as in the paper, the head of the view goes.
        let given_away = if self.is_answered() { sent } else { view.entries() };
        let is_fresher = |old: &Descriptor<P>| received.iter().any(|new| new.peer == old.peer && new.age < old.age);
        let given_away: Vec<P> = given_away.iter().filter(|old| !is_fresher(old)).map(|old| old.peer).collect();
        view.absorb(received);
        view.remove_oldest(self.healer.min(excess(view)), rng);
        let swapped = self.swapper.min(excess(view));
        let given_away: Vec<P> = given_away.into_iter().filter(|&peer| view.contains(peer)).take(swapped).collect();
        given_away.into_iter().for_each(|peer| view.remove(peer));
        view.remove_random(excess(view), rng);
    }
}
