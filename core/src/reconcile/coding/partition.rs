//! Bisection: where two sets differ by more than a sketch holds, their parts are sketched. A part is named by the first bits of
//! its ids' hashes, so that both sides cut alike and differences fall on either side as by the throw of a coin.
//!
//! Sketches add up, so the sketch of a whole minus that of one half is the sketch of the other half: of two halves only one is
//! ever sent, and d differences in parts of capacity c take about d/c sketches beyond the first. The sketch of a whole that did
//! not decode is not wasted, as it is half of the next step (the Bitcoin developers' designs for reconciling transactions
//! describe it; see G. Naumenko et al., "Erlay", CCS 2019).

use alloc::vec::Vec;

use super::salt::Salt;
use crate::wire::{DecodeError, Reader, put_varint};

/// A part of the id space: the ids whose hash under a salt begins, at its lowest bit, with a path of bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Partition {
    depth: u8,
    path: u64,
}

impl Partition {
    /// The deepest partitions: this many times a set can be halved.
    pub const DEPTH_MAX: u8 = 32;
    /// All ids.
    pub const WHOLE: Self = Self { depth: 0, path: 0 };

    /// The halves of it: those ids whose next bit is 0, and those where it is 1. `None` at [`Partition::DEPTH_MAX`].
    pub fn halves(self) -> Option<[Self; 2]> {
        let depth = self.depth + 1;
        (depth <= Self::DEPTH_MAX).then(|| [0, 1].map(|bit| Self { depth, path: self.path | bit << self.depth }))
    }

    /// The part of this depth, at most [`Partition::DEPTH_MAX`], that a hash is in.
    pub fn containing(hash: u64, depth: u8) -> Self {
        let depth = depth.min(Self::DEPTH_MAX);
        Self { depth, path: hash & ((1 << depth) - 1) }
    }

    /// Appends the encoding: the depth and the path.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.push(self.depth);
        put_varint(out, self.path);
    }

    /// Reads a part.
    ///
    /// # Errors
    /// The bytes are not the canonical encoding of a part.
    pub fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (depth, path) = (reader.byte()?, reader.varint()?);
        if depth > Self::DEPTH_MAX {
            return Err(DecodeError::LimitExceeded);
        }
        if path >> depth == 0 { Ok(Self { depth, path }) } else { Err(DecodeError::NotCanonical) }
    }

    /// How many times the id space was halved.
    pub fn depth(self) -> u8 {
        self.depth
    }

    /// Whether an id is in it.
    pub fn contains(self, id: u64, salt: Salt) -> bool {
        self.contains_hash(salt.hash64(id))
    }

    /// Whether an id is in it whose hash, [`Salt::hash64`], is at hand.
    pub fn contains_hash(self, hash: u64) -> bool {
        hash & ((1 << self.depth) - 1) == self.path
    }
}

#[cfg(test)]
mod tests {
    use super::super::pinsketch::Sketch;
    use super::*;
    use proptest::prelude::*;

    const SALT: Salt = Salt([1, 2]);

    fn within(ids: &[u64], partition: Partition) -> impl Iterator<Item = u64> {
        ids.iter().copied().filter(move |&id| partition.contains(id, SALT))
    }

    /// What a session does: a sketch of the whole, then of the first half of whatever does not decode.
    fn bisect(remote: &[u64], local: &[u64], syndromes: usize) -> (Vec<u64>, usize) {
        let difference = |partition| {
            let mut sketch = Sketch::of(within(remote, partition), syndromes);
            sketch.merge(&Sketch::of(within(local, partition), syndromes));
            sketch
        };
        let (mut found, mut sent) = (Vec::new(), 1);
        let mut open = Vec::from([(Partition::WHOLE, difference(Partition::WHOLE))]);
        while let Some((partition, sketch)) = open.pop() {
            if let Some(ids) = sketch.differences(1) {
                found.extend(ids);
                continue;
            }
            let [first, second] = partition.halves().unwrap();
            let half = difference(first);
            sent += 1;
            let mut other = sketch;
            other.merge(&half);
            assert_eq!(other, difference(second));
            open.extend([(first, half), (second, other)]);
        }
        found.sort_unstable();
        (found, sent)
    }

    #[test]
    fn more_differences_than_capacity_are_found_by_halves() {
        let id = |i: u64| SALT.hash64(i) | 1;
        let (remote, local): (Vec<u64>, Vec<u64>) = ((0..700).map(id).collect(), (300..1000).map(id).collect());
        let mut expected: Vec<u64> = (0..300).chain(700..1000).map(id).collect();
        expected.sort_unstable();
        let (found, sent) = bisect(&remote, &local, 33);
        assert_eq!(found, expected);
        // Every sketch sent holds at most 32 of the 600; parts are seldom emptier than half of what their size allows.
        assert!((600usize.div_ceil(32)..=64).contains(&sent), "{sent}");
    }

    #[test]
    fn the_deepest_partition_has_no_halves() {
        let mut partition = Partition::WHOLE;
        for depth in 0..Partition::DEPTH_MAX {
            assert_eq!(partition.depth(), depth);
            partition = partition.halves().unwrap()[1];
        }
        assert_eq!(partition.halves(), None);
    }

    proptest! {
        #[test]
        fn the_halves_share_out_the_whole(hash in any::<u64>(), path in any::<u32>(), depth in 0..Partition::DEPTH_MAX) {
            let descend = |part: Partition, bit: u8| part.halves().unwrap()[(path >> bit & 1) as usize];
            let partition = (0..depth).fold(Partition::WHOLE, descend);
            let inside = partition.halves().unwrap().map(|half| half.contains_hash(hash));
            prop_assert_eq!(partition.contains_hash(hash), inside[0] ^ inside[1]);
            prop_assert!(!(inside[0] && inside[1]));
        }
    }
}
