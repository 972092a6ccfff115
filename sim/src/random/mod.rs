//! Where randomness comes from. Every (seed, purpose, entity) has a key of its own, cut from a ChaCha12 stream; what is
//! drawn per event comes from Philox2x64-10 (Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2,
//! 3", SC 2011) under such a key, so a node's generator is 16 bytes without a buffer, and no two streams are shifts of
//! one another. Adding a node or a purpose moves no other stream.

mod exponential;

use std::convert::Infallible;

use rand_chacha::ChaCha12Rng;
use rand_core::{Rng, SeedableRng, TryRng};

pub use exponential::Exponential;

/// What a stream is for. The discriminants are part of the results: never reuse one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum Purpose {
    /// The protocol's own draws, per node.
    Protocol = 1,
    /// Base latency of a pair.
    Latency = 2,
    /// Jitter, loss, duplication: keyed by (from, to, the sender's sequence).
    Link = 3,
    /// Session and down times, per node.
    Churn = 4,
    /// Who writes what when.
    Workload = 5,
    /// Which node stands in which place.
    Placement = 6,
    /// Static random graphs.
    Membership = 7,
    /// Clock offset and drift, per node.
    Clock = 8,
    /// Order of events at equal times.
    Tie = 9,
    /// The digest of a run.
    Digest = 10,
    /// Reads and other draws of an observer.
    Observer = 11,
    /// A partition's groups.
    Partition = 12,
    /// Gilbert-Elliott states, per sender.
    Burst = 13,
    /// Stores that differ, and the salts and nonces of their sessions, for benchmarks of reconciliation.
    Reconciliation = 14,
    /// Which nodes are hostile, and their own draws, per node.
    Hostile = 15,
    /// Which nodes are behind NAT, which are relays, and which pairs can punch a hole.
    Nat = 16,
    /// Whom nodes know when they begin, where their protocol keeps its neighbours itself.
    Bootstrap = 17,
    /// Feedback graphs, who attacks, and the walks that rank them.
    Feedback = 18,
    /// Connection ids, keys and directories of transports, per node.
    Transport = 19,
}

/// The keys of one run.
#[derive(Clone, Debug)]
pub struct Streams {
    seed: [u8; 32],
}

impl Streams {
    /// The streams of a scenario's seed.
    pub fn new(seed: u64) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        bytes[8..24].copy_from_slice(b"rapprochement v1");
        Self { seed: bytes }
    }

    /// The key of one entity for one purpose.
    pub fn key(&self, purpose: Purpose, entity: u64) -> u64 {
        let mut chacha = ChaCha12Rng::from_seed(self.seed);
        chacha.set_stream(purpose as u64);
        chacha.set_word_pos(u128::from(entity) * 2);
        chacha.next_u64()
    }

    /// A generator for one entity and one purpose.
    pub fn stream(&self, purpose: Purpose, entity: u64) -> Philox {
        Philox::new(self.key(purpose, entity))
    }
}

/// A counter-based generator: 16 bytes, its state is (key, position).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Philox {
    key: u64,
    position: u64,
}

impl Philox {
    /// The generator under this key, at its start.
    pub const fn new(key: u64) -> Self {
        Self { key, position: 0 }
    }

    /// 128 random bits for a counter, without a generator: what a stateless draw uses.
    #[inline]
    pub fn block(key: u64, counter: [u64; 2]) -> [u64; 2] {
        const MULTIPLIER: u64 = 0xd2b7_4407_b1ce_6e93;
        const WEYL: u64 = 0x9e37_79b9_7f4a_7c15;
        let ([mut left, mut right], mut key) = (counter, key);
        for _ in 0..10 {
            let product = u128::from(left) * u128::from(MULTIPLIER);
            left = (product >> 64) as u64 ^ key ^ right;
            right = product as u64;
            key = key.wrapping_add(WEYL);
        }
        [left, right]
    }
}

impl TryRng for Philox {
    type Error = Infallible;

    #[inline]
    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.try_next_u64().map(|bits| (bits >> 32) as u32)
    }

    #[inline]
    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let block = Self::block(self.key, [self.position, 0]);
        self.position += 1;
        Ok(block[0])
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.next_u64().to_le_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The known answers of the Random123 library for philox2x64-10.
    #[test]
    fn philox_gives_the_published_answers() {
        assert_eq!(Philox::block(0, [0, 0]), [0xca00_a045_9843_d731, 0x66c2_4222_c9a8_45b5]);
        assert_eq!(Philox::block(u64::MAX, [u64::MAX; 2]), [0x65b0_21d6_0cd8_310f, 0x4d02_f322_2f86_df20]);
        assert_eq!(
            Philox::block(0xa409_3822_299f_31d0, [0x243f_6a88_85a3_08d3, 0x1319_8a2e_0370_7344]),
            [0x0a5e_742c_2997_341c, 0xb0f8_83d3_8000_de5d]
        );
    }

    #[test]
    fn streams_differ_by_seed_purpose_and_entity() {
        let keys = [
            Streams::new(1).key(Purpose::Protocol, 0),
            Streams::new(2).key(Purpose::Protocol, 0),
            Streams::new(1).key(Purpose::Churn, 0),
            Streams::new(1).key(Purpose::Protocol, 1),
        ];
        for (i, a) in keys.iter().enumerate() {
            assert!(keys[i + 1..].iter().all(|b| a != b));
        }
    }
}
