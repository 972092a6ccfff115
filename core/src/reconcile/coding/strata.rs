//! The strata estimator: how far two sets differ, from tables of fixed size (D. Eppstein, M. T. Goodrich, F. Uyeda and
//! G. Varghese, "What's the difference? Efficient set reconciliation without prior context", SIGCOMM 2011, section 3.1), and how
//! large a table that calls for.
//!
//! Stratum i is a small invertible Bloom lookup table of the items whose hash ends in exactly i zeros: one half of all, a quarter, and
//! so on. From the sparsest stratum downwards, the differences are peeled and counted, until a stratum does not peel: what
//! was counted is a sample of 1 in 2^(i+1) differences. As in the paper there are 32 strata of 80 cells, and an item is
//! represented by 4 bytes of its hash; with 4 bytes of check and a count that is 2,560 cells of 9 bytes or somewhat more. Empty
//! strata at the sparse end are not sent, so a set of n items takes some log2 n strata of 0.75 kB.

use alloc::vec::Vec;

use super::iblt::{Iblt, Item, Shape};
use super::salt::Salt;
use crate::wire::{DecodeError, Reader};

/// How many strata there are.
const STRATA: usize = 32;
/// The cells of a stratum.
const CELLS: usize = 80;

/// Tables of ever smaller samples of a set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Strata {
    salt: Salt,
    strata: Vec<Iblt<u32>>,
}

/// What two estimators say about the difference of their sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Estimate {
    /// Differences in the sample.
    pub sampled: u32,
    /// The sample is one in two to this power of all differences; 0 for all of them, which are then known to be so many.
    pub halvings: u8,
}

impl Strata {
    /// The estimator of the empty set.
    pub fn new(salt: Salt) -> Self {
        Self { salt, strata: (0..STRATA).map(|_| Iblt::new(shape(), salt)).collect() }
    }

    /// Adds an item that is not in the set.
    pub fn insert<T: Item>(&mut self, item: T) {
        let (stratum, key) = self.sample(item);
        stratum.insert(key);
    }

    /// Takes out an item that is in the set.
    pub fn remove<T: Item>(&mut self, item: T) {
        let (stratum, key) = self.sample(item);
        stratum.remove(key);
    }

    fn sample<T: Item>(&mut self, item: T) -> (&mut Iblt<u32>, u32) {
        let [place, key] = item.hash(self.salt);
        let stratum = (place.trailing_zeros() as usize).min(STRATA - 1);
        (&mut self.strata[stratum], key as u32)
    }

    /// How many items are in one of both sets, or `None` where the other has another salt. Should not even the sparsest stratum
    /// peel, the sample is as large as a stratum and one in 2^32.
    pub fn estimate(&self, other: &Self) -> Option<Estimate> {
        if self.salt != other.salt {
            return None;
        }
        let mut sampled = 0;
        for (halvings, (stratum, other)) in (1..=STRATA as u8).zip(self.strata.iter().zip(&other.strata)).rev() {
            let mut difference = stratum.clone();
            difference.subtract(other);
            match difference.differences() {
                Some(found) => sampled += found.len() as u32,
                None if usize::from(halvings) == STRATA => return Some(Estimate { sampled: CELLS as u32, halvings }),
                None => return Some(Estimate { sampled, halvings }),
            }
        }
        Some(Estimate { sampled, halvings: 0 })
    }

    /// The exact number of bytes that [`Strata::encode`] appends.
    pub fn encoded_len(&self) -> usize {
        1 + self.filled().iter().map(Iblt::cells_len).sum::<usize>()
    }

    /// Appends the number of strata up to the last that is not empty, and their cells. The salt is not part of it.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.push(self.filled().len() as u8);
        self.filled().iter().for_each(|stratum| stratum.encode_cells(out));
    }

    /// Reads an estimator that was made under this salt.
    ///
    /// # Errors
    /// It has more than 32 strata, the last one is empty, or it is no encoding of an estimator.
    pub fn decode(reader: &mut Reader<'_>, salt: Salt) -> Result<Self, DecodeError> {
        let filled = usize::from(reader.byte()?);
        if filled > STRATA {
            return Err(DecodeError::LimitExceeded);
        }
        let mut estimator = Self::new(salt);
        for stratum in &mut estimator.strata[..filled] {
            *stratum = Iblt::decode_cells(reader, shape(), salt)?;
        }
        if estimator.filled().len() == filled { Ok(estimator) } else { Err(DecodeError::NotCanonical) }
    }

    fn filled(&self) -> &[Iblt<u32>] {
        let last = self.strata.iter().rposition(|stratum| !stratum.is_zero());
        &self.strata[..last.map_or(0, |last| last + 1)]
    }
}

fn shape() -> Shape {
    Shape::new(4, CELLS)
}

impl Estimate {
    /// The expected number of differences.
    pub fn differences(self) -> u64 {
        u64::from(self.sampled) << self.halvings
    }

    /// The number of differences to prepare for: an estimate from a sample is raised by 40 %, which less than 1 in 100 of
    /// them falls short of.
    pub fn raised(self) -> u64 {
        if self.halvings == 0 { self.differences() } else { self.differences() * 7 / 5 }
    }

    /// The shape of the table to ask for. It peels in at least 99 of 100 cases, estimate and table taken together.
    pub fn shape(self) -> Shape {
        Shape::for_differences(self.raised())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::MESSAGE_LEN_MAX;
    use proptest::prelude::*;

    /// Two sets that share as many items as they differ in, the differences being on both sides.
    fn estimate(differences: u128, trial: u64) -> Estimate {
        let salt = Salt([trial, differences as u64]);
        let (mut remote, mut local) = (Strata::new(salt), Strata::new(salt));
        (0..differences).for_each(|item| if item % 3 == 0 { remote.insert(item) } else { local.insert(item) });
        remote.estimate(&local).unwrap()
    }

    #[test]
    fn few_differences_are_counted_exactly() {
        for differences in 0..=25 {
            assert_eq!(estimate(differences, 1), Estimate { sampled: differences as u32, halvings: 0 });
        }
    }

    /// A sample of one in 2^h is binomial: its variance is known. Where sampling stops depends on the sample, though,
    /// so the bounds are wider than chance alone would ask for.
    #[test]
    fn the_error_is_that_of_a_binomial_sample() {
        const TRIALS: u64 = 150;
        for differences in [300, 1_000, 2_000] {
            let (mut ratio, mut squares, mut low) = (0.0, 0.0, 0.0);
            for trial in 0..TRIALS {
                let estimate = estimate(differences, trial);
                let share = 1.0 / (1u64 << estimate.halvings) as f64;
                let expected = differences as f64 * share;
                let error = f64::from(estimate.sampled) - expected;
                ratio += estimate.differences() as f64 / differences as f64 / TRIALS as f64;
                squares += if estimate.halvings == 0 { 1.0 } else { error * error / (expected * (1.0 - share)) };
                low += f64::from(estimate.differences() * 7 / 5 < differences as u64);
            }
            assert!((0.94..1.06).contains(&ratio), "{differences}: {ratio}");
            assert!((0.6..1.4).contains(&(squares / TRIALS as f64)), "{differences}: {squares}");
            let allowed = TRIALS as f64 * 0.01;
            assert!(low <= allowed + 3.0 * libm::sqrt(allowed), "{differences}: {low}");
        }
    }

    /// Estimate, size the table, peel: what a session does.
    #[test]
    fn tables_of_the_estimated_size_peel_as_often_as_stated() {
        const TRIALS: u64 = 200;
        for differences in [20u128, 200, 1_000] {
            let peels = |&trial: &u64| {
                let mut table = Iblt::new(estimate(differences, trial).shape(), Salt([!trial, 7]));
                (0..differences).for_each(|item| table.insert(item));
                table.differences().is_some()
            };
            let failed = TRIALS as f64 - (0..TRIALS).filter(peels).count() as f64;
            let allowed = TRIALS as f64 * 0.01;
            assert!(failed <= allowed + 3.0 * libm::sqrt(allowed), "{differences}: {failed}");
        }
    }

    #[test]
    fn whatever_a_peer_states_has_an_estimate_and_a_shape() {
        let salt = Salt::default();
        let cell = [1, 2, 3, 4, 5, 6, 7, 8, 1];
        let bytes: Vec<u8> = core::iter::once(STRATA as u8).chain(cell.repeat(STRATA * CELLS)).collect();
        let hostile = Strata::decode(&mut Reader::new(&bytes).unwrap(), salt).unwrap();
        let estimate = hostile.estimate(&Strata::new(salt)).unwrap();
        assert_eq!(estimate.halvings, STRATA as u8);
        assert_eq!(estimate.shape(), Shape::for_differences(u64::MAX));
        assert!(Shape::for_differences(u64::MAX).cells() * 25 < MESSAGE_LEN_MAX);
        assert_eq!(hostile.estimate(&Strata::new(Salt([1, 0]))), None);
    }

    #[test]
    fn an_empty_last_stratum_is_not_canonical() {
        let decode = |bytes: &[u8]| Strata::decode(&mut Reader::new(bytes).unwrap(), Salt::default()).map(|_| ());
        let mut bytes = std::vec![0; 1 + CELLS * 9];
        bytes[0] = 1;
        assert_eq!(decode(&bytes), Err(DecodeError::NotCanonical));
        bytes[1] = 1;
        assert_eq!(decode(&bytes), Ok(()));
        assert_eq!(decode(&[STRATA as u8 + 1]), Err(DecodeError::LimitExceeded));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn the_encoding_is_exact(items in proptest::collection::btree_set(any::<u128>(), 0..200), salt in any::<[u64; 2]>()) {
            let salt = Salt(salt);
            let mut estimator = Strata::new(salt);
            items.iter().for_each(|&item| estimator.insert(item));
            let mut bytes = Vec::new();
            estimator.encode(&mut bytes);
            prop_assert_eq!(bytes.len(), estimator.encoded_len());
            let mut reader = Reader::new(&bytes).unwrap();
            prop_assert_eq!(Strata::decode(&mut reader, salt), Ok(estimator.clone()));
            prop_assert_eq!(reader.finish(), Ok(()));
            items.iter().for_each(|&item| estimator.remove(item));
            prop_assert_eq!(estimator, Strata::new(salt));
        }
    }
}
