//! Min-wise sampling: of all peers in a stream, keep the one whose keyed hash is least. However often an id comes, and
//! in whatever order, each different one has the same chance.
//!
//! A. Z. Broder, M. Charikar, A. M. Frieze and M. Mitzenmacher, "Min-wise independent permutations", JCSS 60(3), 2000. An id is hashed
//! once, by SipHash-1-3 under the node's secret of 128 bits; each sampler of the node permutes that under a key of its
//! own. So nobody can choose ids that win.

use core::cmp::Ordering;

use rand_core::Rng;
use siphasher::sip::SipHasher13;

use crate::peer::{Peer, mix};

/// The secret of a node's samplers.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Secret([u64; 2]);

impl Secret {
    pub(super) fn new<R: Rng + ?Sized>(rng: &mut R) -> Self {
        Self([rng.next_u64(), rng.next_u64()])
    }

    /// What the node's samplers are offered with a peer.
    pub(super) fn digest<P: Peer>(self, peer: P) -> u64 {
        let [k0, k1] = self.0;
        SipHasher13::new_with_keys(k0, k1).hash(&peer.id().0)
    }
}

/// Keeps one peer of a stream.
#[derive(Clone, Debug)]
pub(super) struct MinWise<P> {
    key: u64,
    /// The rank of the peer, or the greatest of all without one.
    rank: u64,
    best: Option<P>,
}

impl<P: Peer> MinWise<P> {
    pub(super) fn new<R: Rng + ?Sized>(rng: &mut R) -> Self {
        Self { key: rng.next_u64(), rank: u64::MAX, best: None }
    }

    /// The one that is kept.
    pub(super) fn peer(&self) -> Option<P> {
        self.best
    }

    pub(super) fn holds(&self, peer: P) -> bool {
        self.peer() == Some(peer)
    }

    /// The next peer of the stream, with its digest: kept from now on (`Less`), kept already (`Equal`), or not (`Greater`).
    #[inline]
    pub(super) fn offer(&mut self, peer: P, digest: u64) -> Ordering {
        let rank = mix(digest ^ self.key);
        let order = rank.cmp(&self.rank);
        if order == Ordering::Less {
            (self.rank, self.best) = (rank, Some(peer));
        }
        order
    }

    /// Forgets the peer and keeps the key.
    pub(super) fn clear(&mut self) {
        (self.rank, self.best) = (u64::MAX, None);
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::SeedableRng;

    use super::*;
    use crate::peer::SimPeer;

    /// Of 50 peers, of which some come 21 times as often as others, each is kept equally often: chi-square with 49
    /// degrees of freedom, whose 99.99 % point is 94.3.
    #[test]
    fn a_biased_stream_gives_uniform_samples() {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let (secret, mut kept) = (Secret::new(&mut rng), [0u32; 50]);
        for _ in 0..2500 {
            let mut sampler = MinWise::new(&mut rng);
            (0..50).for_each(|peer| {
                (0..1 + (peer % 5) * 5).for_each(|_| _ = sampler.offer(SimPeer(peer), secret.digest(SimPeer(peer))))
            });
            kept[sampler.peer().unwrap().0 as usize] += 1;
        }
        let chi2: f64 = kept.iter().map(|&count| (f64::from(count) - 50.0) * (f64::from(count) - 50.0) / 50.0).sum();
        assert!(chi2 < 94.3, "{chi2}");
    }
}
