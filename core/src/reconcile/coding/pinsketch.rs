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
//! the missing syndromes only ([`Sketch::extend`]); and beyond the capacity, the set is bisected (`partition`).

use alloc::vec;
use alloc::vec::Vec;

use super::gf64::{Gf64, Unreduced, add_odd_powers, add_scaled};
use super::polynomial::distinct_roots;
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

    /// The sketch of these ids.
    pub fn of(ids: impl IntoIterator<Item = u64>, syndromes: usize) -> Self {
        let mut sketch = Self::new(syndromes);
        ids.into_iter().for_each(|id| sketch.toggle(id));
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
        add_odd_powers(&mut self.syndromes, Gf64(id));
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::{btree_set, vec as vec_of};
    use proptest::prelude::*;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::{Rng, SeedableRng};
    use std::collections::BTreeSet;

    fn random_ids(rng: &mut ChaCha8Rng, count: usize) -> Vec<u64> {
        let mut ids: Vec<u64> = (0..count).map(|_| rng.next_u64()).collect();
        ids.sort_unstable();
        ids
    }

    /// Power sums by their definition.
    fn by_definition(ids: &[u64], syndromes: usize) -> Sketch {
        let sum = |j| ids.iter().fold(Gf64::ZERO, |sum, &id| sum + Gf64(id).pow(2 * j as u64 + 1));
        Sketch { syndromes: (0..syndromes).map(sum).collect() }
    }

    #[test]
    fn as_many_differences_as_syndromes_decode() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        for syndromes in (0..20).chain([23, 24, 25, 40, 61]) {
            for count in 0..=syndromes {
                let ids = random_ids(&mut rng, count);
                assert_eq!(Sketch::of(ids.iter().copied(), syndromes).differences(0), Some(ids));
            }
        }
    }

    #[test]
    fn the_largest_capacity_decodes() {
        let ids = random_ids(&mut ChaCha8Rng::seed_from_u64(2), CAPACITY_MAX);
        let mut sketch = Sketch::of(ids.iter().copied(), CAPACITY_MAX + 1);
        assert_eq!(sketch.differences(1), Some(ids));
        sketch.toggle(7);
        assert_eq!(sketch.differences(1), None);
    }

    /// All sets of ids up to 9, small ids being dependent: a sketch stands for the one set within its capacity that has its
    /// syndromes, found by looking at all of them, and for no other.
    #[test]
    fn small_sets_decode_as_brute_force_says() {
        let set = |bits: u32| (1..=9).filter(move |id| bits >> (id - 1) & 1 == 1).collect::<Vec<u64>>();
        for syndromes in 1..=3 {
            let sketches: Vec<Sketch> = (0..1 << 9).map(|bits| by_definition(&set(bits), syndromes)).collect();
            for (bits, sketch) in (0..).zip(&sketches) {
                assert_eq!(*sketch, Sketch::of(set(bits), syndromes));
                let small = |other: &u32| other.count_ones() as usize <= syndromes;
                let expected = (0..1 << 9).filter(small).find(|&other| sketches[other as usize] == *sketch).map(set);
                let found = sketch.differences(0);
                assert!(expected.is_none() || found == expected);
                if let Some(ids) = found {
                    assert_eq!(by_definition(&ids, syndromes), *sketch);
                }
            }
        }
    }

    /// A random monic polynomial of degree c splits into distinct linear factors with probability 1/c!.
    #[test]
    fn an_overfull_sketch_decodes_wrongly_as_often_as_a_random_polynomial_splits() {
        const TRIALS: u32 = 3_000;
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        for (capacity, factorial) in [(1, 1.0), (2, 2.0), (3, 6.0), (4, 24.0)] {
            let (mut unverified, mut verified) = (0, 0);
            for trial in 0..TRIALS {
                let ids = random_ids(&mut rng, capacity + 1 + trial as usize % 3);
                let sketch = Sketch::of(ids, capacity + 1);
                verified += u32::from(sketch.differences(1).is_some());
                let unchecked = Sketch { syndromes: sketch.syndromes[..capacity].to_vec() };
                unverified += u32::from(unchecked.differences(0).is_some());
            }
            let expected = f64::from(TRIALS) / factorial;
            let deviation = libm::sqrt(expected * (1.0 - 1.0 / factorial));
            assert!((f64::from(unverified) - expected).abs() <= 4.0 * deviation, "{capacity}: {unverified}");
            assert_eq!(verified, 0);
        }
    }

    #[test]
    fn a_count_beyond_the_limit_is_refused() {
        let mut bytes = Vec::new();
        put_varint(&mut bytes, SYNDROMES_MAX as u64 + 1);
        bytes.resize(bytes.len() + 8 * SYNDROMES_MAX + 8, 0);
        assert_eq!(Sketch::decode(&mut Reader::new(&bytes).unwrap()), Err(DecodeError::LimitExceeded));
        assert_eq!(Sketch::new(usize::MAX).len(), SYNDROMES_MAX);
    }

    fn id_set(max: usize) -> impl Strategy<Value = BTreeSet<u64>> {
        btree_set(prop_oneof![1..100u64, 1..=u64::MAX], 0..max)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn merged_sketches_decode_to_the_symmetric_difference(a in id_set(40), b in id_set(40), common in id_set(40)) {
            let (a, b): (BTreeSet<u64>, BTreeSet<u64>) = (&a | &common, &b | &common);
            let expected: Vec<u64> = (&a ^ &b).into_iter().collect();
            let mut merged = Sketch::of(a, 90);
            merged.merge(&Sketch::of(b, 80));
            prop_assert_eq!(&merged, &Sketch::of(expected.iter().copied(), 80));
            prop_assert_eq!(merged.differences(2), Some(expected));
        }

        #[test]
        fn a_longer_sketch_extends_a_shorter_one(ids in id_set(60), short in 0..70usize) {
            let long = Sketch::of(ids.iter().copied(), 61);
            let mut sketch = Sketch::of(ids.iter().copied(), short);
            sketch.extend(&long.tail(short));
            prop_assert!(short > 61 || sketch == long);
            prop_assert_eq!(sketch.differences(1), Some(ids.into_iter().collect()));
        }
    }

    proptest! {
        #[test]
        fn whatever_is_decoded_has_the_syndromes(syndromes in vec_of(prop_oneof![Just(0), 0..4u64, any::<u64>()], 0..30), spare in 0..4usize) {
            let sketch = Sketch { syndromes: syndromes.into_iter().map(Gf64).collect() };
            if let Some(ids) = sketch.differences(spare) {
                prop_assert!(ids.len() + spare <= sketch.len().max(spare));
                prop_assert_eq!(by_definition(&ids, sketch.len()), sketch);
            }
        }

        #[test]
        fn the_encoding_is_exact(ids in id_set(20), syndromes in 0..40usize) {
            let sketch = Sketch::of(ids, syndromes);
            let mut bytes = Vec::new();
            sketch.encode(&mut bytes);
            prop_assert_eq!(bytes.len(), sketch.encoded_len());
            let mut reader = Reader::new(&bytes).unwrap();
            prop_assert_eq!(Sketch::decode(&mut reader), Ok(sketch));
            prop_assert_eq!(reader.finish(), Ok(()));
            prop_assert!(Sketch::decode(&mut Reader::new(&bytes[..bytes.len() - 1]).unwrap()).is_err());
        }
    }
}
