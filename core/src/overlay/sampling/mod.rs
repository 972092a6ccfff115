//! Peer sampling: protocols by which every node comes to know a few others, drawn as evenly as can be from all that are
//! up, with nobody who knows them all. Each is a [`Protocol`] of its own behind one trait, so that a service, a scenario or
//! a test takes any of them.
//!
//! M. Jelasity, S. Voulgaris, R. Guerraoui, A.-M. Kermarrec and M. van Steen, "Gossip-based peer sampling", ACM TOCS
//! 25(3), 2007, has the abstraction and how samplers are measured.

pub mod peerswap;

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

    /// One peer out of the stream of samples, or `None` where the node knows nobody. Samplers whose view is their sample draw
    /// from it; those that keep samples apart from the view (Brahms, BASALT) draw from those.
    fn sample<R: Rng + ?Sized>(&mut self, rng: &mut R) -> Option<Self::Peer>;
}
