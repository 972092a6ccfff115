//! Peer sampling: protocols by which every node comes to know a few others, drawn as evenly as can be from all that are
//! up, with nobody who knows them all. Each is a [`Protocol`] of its own behind one trait, so that a service, a scenario or
//! a test takes any of them.
//!
//! M. Jelasity, S. Voulgaris, R. Guerraoui, A.-M. Kermarrec and M. van Steen, "Gossip-based peer sampling", ACM TOCS
//! 25(3), 2007, has the abstraction and how samplers are measured.

mod any;
mod basalt;
mod brahms;
mod codec;
mod config;
mod cyclon;
pub mod exchange;
mod framework;
mod hyparview;
mod minwise;
mod newscast;
pub mod peerswap;
mod view;

pub use any::{AnyMessage, AnySampler, AnyTimer, SamplingConfig};
pub use basalt::{Basalt, BasaltConfig, BasaltMessage, BasaltTimer};
pub use brahms::{Brahms, BrahmsConfig, BrahmsMessage, BrahmsTimer};
pub use config::{ConfigError, PEERS_MAX};
pub use cyclon::{Cyclon, CyclonConfig};
pub use framework::{Framework, FrameworkConfig, PeerSelection, Propagation};
pub use hyparview::{HyParView, HyParViewConfig, HyParViewMessage, HyParViewTimer};
pub use newscast::{Newscast, NewscastConfig};
pub use view::{Descriptor, View};

use alloc::vec::Vec;

use rand_core::Rng;

use crate::protocol::Protocol;

/// Peers that somebody else knows to be worth a try: a bootstrap list, or what peer exchange brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Introduce<P>(pub Vec<P>);

/// What a sampler tells the protocol that wraps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SamplingEvent<P> {
    /// The peer is a neighbour from now on.
    Joined(P),
    /// The peer is no neighbour any more.
    Left(P),
}

/// A protocol that keeps a view of random peers. It opens no connections and holds no addresses: the host knows
/// how to reach a peer, or finds out.
pub trait PeerSampling:
    Protocol<Command = Introduce<<Self as Protocol>::Peer>, Event = SamplingEvent<<Self as Protocol>::Peer>>
{
    /// The neighbours that are held now, in no particular order, without this node and without repeats.
    fn view(&self) -> Vec<Self::Peer>;

    /// The peers out of which [`PeerSampling::sample`] draws: the view, unless the sampler keeps samples apart from it.
    fn samples(&self) -> Vec<Self::Peer> {
        self.view()
    }

    /// One peer out of the stream of samples, or `None` where the node knows nobody. Samplers whose view is their sample draw
    /// from it; those that keep samples apart from the view (Brahms, BASALT) draw from those.
    fn sample<R: Rng + ?Sized>(&mut self, rng: &mut R) -> Option<Self::Peer>;
}
