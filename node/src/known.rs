//! The peers that a node was configured with, as a sampler: what synchronisers talk to.

use rand_core::Rng;
use rapprochement_core::overlay::Sampler;
use rapprochement_core::peer::PeerId;

/// A fixed set of peers, drawn from uniformly.
#[derive(Clone, Debug, Default)]
pub struct Known(Vec<PeerId>);

impl Known {
    /// These peers, without `me`.
    pub fn new(me: PeerId, peers: impl IntoIterator<Item = PeerId>) -> Self {
        let mut peers: Vec<_> = peers.into_iter().filter(|peer| *peer != me).collect();
        peers.sort_unstable();
        peers.dedup();
        Self(peers)
    }
}

impl Sampler<PeerId> for Known {
    fn sample<R: Rng + ?Sized>(&mut self, rng: &mut R) -> Option<PeerId> {
        let place = (u128::from(rng.next_u64()) * self.0.len() as u128) >> 64;
        self.0.get(place as usize).copied()
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha12Rng;
    use rand_core::SeedableRng;

    use super::*;

    #[test]
    fn every_peer_is_drawn_and_the_node_itself_never() {
        let peer = |byte| PeerId([byte; 32]);
        let mut known = Known::new(peer(1), [peer(3), peer(1), peer(2), peer(3)]);
        let mut rng = ChaCha12Rng::seed_from_u64(1);
        let mut drawn: Vec<_> = (0..100).filter_map(|_| known.sample(&mut rng)).collect();
        drawn.sort_unstable();
        drawn.dedup();
        assert_eq!(drawn, [peer(2), peer(3)]);
        assert_eq!(Known::default().sample(&mut rng), None);
    }
}
