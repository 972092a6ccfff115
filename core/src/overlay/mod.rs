//! Whom a node may contact, and whom it should. What stands here is the one question that every gossip protocol asks of
//! its overlay; the rooms hold parts for a service to own, none of which sends anything by itself.

pub mod address;
pub(crate) mod allowance;
pub mod book;
pub mod exchange;
pub mod neighbours;
pub mod probe;
pub mod refusals;
pub mod sampling;
pub mod search;
pub mod vivaldi;

use alloc::vec::Vec;

use rand_core::Rng;

use crate::peer::Peer;

/// Draws peers to contact. The draw may name a peer that is down: there is no oracle.
pub trait Sampler<P: Peer> {
    /// One peer other than this node, or `None` where it knows nobody.
    fn sample<R: Rng + ?Sized>(&mut self, rng: &mut R) -> Option<P>;

    /// Appends up to `count` different peers to `out`; fewer where the node knows fewer.
    fn sample_many<R: Rng + ?Sized>(&mut self, count: usize, rng: &mut R, out: &mut Vec<P>) {
        let start = out.len();
        // A sampler with few peers repeats itself; the bound keeps the effort linear in the request.
        for _ in 0..count.saturating_mul(4).saturating_add(16) {
            if out.len() - start == count {
                return;
            }
            match self.sample(rng) {
                Some(peer) if !out[start..].contains(&peer) => out.push(peer),
                Some(_) => {}
                None => return,
            }
        }
    }
}
