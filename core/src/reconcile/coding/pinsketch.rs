//! PinSketch: the symmetric difference of two sets of 64-bit ids from as many power sums as there are differences
//! (Y. Dodis, R. Ostrovsky, L. Reyzin and A. Smith, "Fuzzy extractors: how to generate strong keys from biometrics and other
//! noisy data", SIAM J. Comput. 38(1), 2008, section 6.3; G. Naumenko et al., "Erlay", CCS 2019, uses it for transactions).
//!
//! Ids are elements of GF(2^64), and syndrome j of a set is the sum of the (2j+1)-th powers of its ids: the even powers are
//! squares of earlier ones. Sketches add up to the sketch of the symmetric difference, since what both sets hold cancels. That
//! one is read as the syndromes of a BCH code: the Berlekamp-Massey algorithm (J. L. Massey, "Shift-register synthesis and BCH
//! decoding", IEEE Trans. Inf. Theory 15(1), 1969) finds the polynomial whose roots are the ids.
//!
//! A sketch of c syndromes decodes up to c differences. With more, it is a random polynomial that is found, which has all its roots
//! in the field, and so gives a wrong answer, with probability 1/c!. Every syndrome that is left for verification
//! divides that by 2^64. Whoever may choose ids can still make sketches that decode to what he likes.
//!
//! Syndromes do not depend on how many there are. A longer sketch extends a shorter one, so one that did not decode is followed by
//! the missing syndromes only ([`Sketch::extend`]); and beyond the capacity, the set is bisected ([`Partition`]): where the
//! sketch of the whole is known, that of one half gives the other.

use alloc::vec;
use alloc::vec::Vec;

use super::gf64::{Gf64, Multiplier, Unreduced};
use super::polynomial::{add_scaled, distinct_roots};
use super::salt::Salt;
use crate::wire::{DecodeError, Reader, put_varint, varint_len};

/// The most differences that a sketch is decoded to: the time grows with the square.
pub const CAPACITY_MAX: usize = 1_000;
/// The most syndromes of a sketch that are left for verification.
pub const VERIFICATION_MAX: usize = 8;
/// The most syndromes of a sketch, 8 bytes each.
pub const SYNDROMES_MAX: usize = CAPACITY_MAX + VERIFICATION_MAX;

/// The odd power sums of a set of ids, from the first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sketch {
    syndromes: Vec<Gf64>,
}

impl Sketch {
    /// The sketch of the empty set with this many syndromes, at most [`SYNDROMES_MAX`]: the differences that it is to decode and
    /// those for verification.
    pub fn new(syndromes: usize) -> Self {
        Self { syndromes: vec![Gf64::ZERO; syndromes.min(SYNDROMES_MAX)] }
    }

    /// The sketch of the ids in a part of a set.
    pub fn of_partition(ids: impl IntoIterator<Item = u64>, partition: Partition, salt: Salt, syndromes: usize) -> Self {
        let mut sketch = Self::new(syndromes);
        ids.into_iter().filter(|&id| partition.contains(id, salt)).for_each(|id| sketch.toggle(id));
        sketch
    }

    /// How many syndromes there are.
    pub fn len(&self) -> usize {
        self.syndromes.len()
    }

    /// True for a sketch without syndromes, which says nothing.
    pub fn is_empty(&self) -> bool {
        self.syndromes.is_empty()
    }

    /// The syndromes, from the first power on, as bit patterns of field elements.
    pub fn syndromes(&self) -> impl ExactSizeIterator<Item = u64> {
        self.syndromes.iter().map(|syndrome| syndrome.0)
    }

    /// Adds an id to the set, or takes it out if it is in it. Zero is no id: it leaves no trace in any power sum.
    pub fn toggle(&mut self, id: u64) {
        let id = Gf64(id);
        let square = id.square();
        if self.syndromes.len() < Multiplier::WORTHWHILE {
            let mut power = id;
            for syndrome in &mut self.syndromes {
                *syndrome += power;
                power = power * square;
            }
            return;
        }
        // Four chains of powers, so that products need not wait for each other.
        let eighth = Multiplier::new(square.square().square());
        let cube = id * square;
        let mut powers = [id, cube, cube * square, cube * square.square()];
        for syndromes in self.syndromes.chunks_mut(powers.len()) {
            for (syndrome, power) in syndromes.iter_mut().zip(&mut powers) {
                *syndrome += *power;
                *power = eighth.times(*power);
            }
        }
    }

    /// Becomes the sketch of the symmetric difference of both sets, as long as the shorter one.
    pub fn merge(&mut self, other: &Self) {
        self.syndromes.truncate(other.len());
        self.syndromes.iter_mut().zip(&other.syndromes).for_each(|(syndrome, &other)| *syndrome += other);
    }

    /// The syndromes from this place on, by which a sketch of that length is extended.
    pub fn tail(&self, from: usize) -> Self {
        Self { syndromes: self.syndromes.get(from..).unwrap_or_default().to_vec() }
    }

    /// Lengthens the sketch by the following syndromes of the same set; those beyond [`SYNDROMES_MAX`] are left out.
    pub fn extend(&mut self, tail: &Self) {
        let room = SYNDROMES_MAX - self.syndromes.len();
        self.syndromes.extend(tail.syndromes.iter().take(room));
    }

    /// The ids in the set, sorted, or `None` where there are more than syndromes that are not left for verification, or more
    /// than [`CAPACITY_MAX`]. What it may miss is in the module's description. The time is bounded by the square of
    /// the length, whatever the syndromes are; verification refuses most sketches in a small part of it.
    pub fn differences(&self, verification: usize) -> Option<Vec<u64>> {
        let capacity = self.len().saturating_sub(verification).min(CAPACITY_MAX);
        let roots = distinct_roots(self.polynomial(capacity)?)?;
        Some(roots.into_iter().map(|root| root.0).collect())
    }

    /// The monic polynomial of at most this degree whose roots are the ids, if these are the syndromes of so few.
    ///
    /// It is the shortest recurrence that generates all syndromes. Should it have as many distinct roots as its degree, then
    /// syndrome j is a sum of a_i r_i^j, and every even one being the square of an earlier one, a_i^2 = a_i: no
    /// other sums than those of powers pass.
    fn polynomial(&self, degree_max: usize) -> Option<Vec<Gf64>> {
        let sequence = self.all_power_sums();
        // The recurrence's polynomial is kept with the constant term first; the ids are the inverses of its roots.
        let mut current = vec![Gf64::ONE];
        let mut previous = vec![Gf64::ONE];
        let mut scale = Gf64::ONE;
        let mut length = 0;
        let mut shift = 1;
        // The discrepancy is zero at every other place, because squares follow from their roots (Berlekamp, 1968).
        for place in (0..sequence.len()).step_by(2) {
            let discrepancy = discrepancy(&current, &sequence[..=place]);
            if discrepancy != Gf64::ZERO {
                let earlier = (2 * length <= place).then(|| current.clone());
                current.resize(current.len().max(previous.len() + shift), Gf64::ZERO);
                add_scaled(&mut current[shift..], discrepancy * scale, &previous);
                if let Some(earlier) = earlier {
                    (length, previous) = (place + 1 - length, earlier);
                    (scale, shift) = (discrepancy.inverse(), 0);
                    if length > degree_max {
                        return None;
                    }
                }
            }
            shift += 2;
        }
        current.truncate(length + 1);
        (current.len() == length + 1 && current[length] != Gf64::ZERO).then(|| {
            current.reverse();
            current
        })
    }

    /// The power sums from the first on, without gaps.
    fn all_power_sums(&self) -> Vec<Gf64> {
        let mut sums = Vec::with_capacity(2 * self.len());
        for (j, &syndrome) in self.syndromes.iter().enumerate() {
            sums.push(syndrome);
            sums.push(Gf64::square(sums[j]));
        }
        sums
    }

    /// The exact number of bytes that [`Sketch::encode`] appends.
    pub fn encoded_len(&self) -> usize {
        varint_len(self.len() as u64) + 8 * self.len()
    }

    /// Appends the number of syndromes and each in 8 bytes, low byte first.
    pub fn encode(&self, out: &mut Vec<u8>) {
        put_varint(out, self.len() as u64);
        self.syndromes().for_each(|syndrome| out.extend_from_slice(&syndrome.to_le_bytes()));
    }

    /// Reads a sketch.
    ///
    /// # Errors
    /// There are more than [`SYNDROMES_MAX`] syndromes, or the bytes end early.
    pub fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let len = reader.count(SYNDROMES_MAX)?;
        let syndromes = (0..len).map(|_| Ok(Gf64(u64::from_le_bytes(reader.array()?)))).collect::<Result<_, _>>()?;
        Ok(Self { syndromes })
    }
}

/// By how much the last of these power sums differs from what the recurrence makes of those before.
fn discrepancy(recurrence: &[Gf64], sums: &[Gf64]) -> Gf64 {
    let mut total = Unreduced::default();
    for (&coefficient, &sum) in recurrence.iter().zip(sums.iter().rev()) {
        total.add(Unreduced::product(coefficient, sum));
    }
    total.reduce()
}

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
