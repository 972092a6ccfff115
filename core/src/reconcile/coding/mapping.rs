//! Which cells of an infinite sequence an item goes to. Cell 0 holds every item, cell i about 1 / (1 + i/2) of them, so
//! that whatever prefix of the sequence has arrived has cells sparse enough to begin with and dense enough to go on.
//! An item's cells are a function of its hash alone: from a cell the next one is found by one draw, at the cost of one
//! square root, so that an item touches about 2 ln m of the first m cells and no more work is done for it.
//!
//! Source: L. Yang, Y. Gilad, M. Alizadeh, "Practical Rateless Set Reconciliation", ACM SIGCOMM 2024 (arXiv 2402.02668),
//! section 4, with parameter 0.5 and the generator of the authors' implementation: with u uniform in (0, 1] the
//! next index after i is i + ceil((i + 3/2) (1/sqrt(u) - 1)). It approximates the stated density: of cell 1 it gives
//! 0.64 where 1/(1 + 1/2) = 0.667.
//!
//! Conversion, sum, product, quotient and root are each one correctly rounded operation of IEEE 754, in a fixed order
//! and never fused, so every platform finds the same cells.

/// The state's multiplier, odd, so that no state but zero comes to zero.
const MULTIPLIER: u64 = 0xda94_2042_e4dd_58b5;
/// 2^32, the root of the number of states.
const ROOT: f64 = 4_294_967_296.0;
/// Where the sequence ends.
const END: f64 = 4_294_967_295.0;
/// 2^52: adding it to a smaller number rounds that to an integer, which is then in the lowest bits.
const ROUNDER: f64 = 4_503_599_627_370_496.0;

/// The cells of one item, in ascending order, beginning with 0.
///
/// The sequence ends before [`Mapping::END`]. The published generator counts on to 2^64 and repeats an index once in
/// 2^54 steps; this one does neither, and is otherwise equal to it. A hash of 0, which the generator cannot leave, maps to
/// cell 0 and nothing near; a salted hash gives it to nobody on purpose.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mapping {
    state: u64,
    /// An integer of 0 to [`Mapping::END`]. Kept as a float, which is what the next index is computed from: a conversion
    /// each way would double the latency of a step.
    index: f64,
}

impl Mapping {
    /// What [`Mapping::index`] gives when there are no more cells.
    pub const END: u32 = u32::MAX;

    /// The cells of the item with this hash.
    pub const fn new(hash: u64) -> Self {
        Self { state: hash, index: 0.0 }
    }

    /// The current cell, or [`Mapping::END`].
    pub const fn index(&self) -> u32 {
        // The low bits of the significand are the integer; a cast would have to look for what is out of range first.
        (self.index + ROUNDER).to_bits() as u32
    }

    /// Goes on to the next cell.
    #[inline]
    pub fn advance(&mut self) {
        self.state = self.state.wrapping_mul(MULTIPLIER);
        let stretch = ROOT / libm::sqrt(self.state as f64 + 1.0) - 1.0;
        // A draw within 2^-53 of 1 would not move at all; any positive stretch moves by 1.
        let stretch = if stretch > f64::MIN_POSITIVE { stretch } else { f64::MIN_POSITIVE };
        let next = self.index + ceil((self.index + 1.5) * stretch);
        self.index = if next < END { next } else { END };
    }

    /// Whether the item is in cell `index`, at the cost of about 2 ln `index` steps.
    pub fn contains(hash: u64, index: u32) -> bool {
        let mut mapping = Self::new(hash);
        while mapping.index() < index {
            mapping.advance();
        }
        mapping.index() == index && index != Self::END
    }
}

impl Iterator for Mapping {
    type Item = u32;

    #[inline]
    fn next(&mut self) -> Option<u32> {
        let index = self.index();
        if index == Self::END {
            return None;
        }
        self.advance();
        Some(index)
    }
}

/// The least integer that is not less than `x`, for positive `x` below 2^51; for greater ones it is off by at most a part
/// in 2^51, where [`Mapping::advance`] has long reached the end.
#[inline]
fn ceil(x: f64) -> f64 {
    let rounded = (x + ROUNDER) - ROUNDER;
    rounded + if rounded < x { 1.0 } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use std::vec::Vec;

    use super::*;

    /// The generator as it is published, on the platform's own root and ceiling.
    fn published(mut state: u64) -> impl Iterator<Item = u64> {
        core::iter::successors(Some(0u64), move |&index| {
            state = state.wrapping_mul(0xda94_2042_e4dd_58b5);
            let step = ((index as f64 + 1.5) * ((1u64 << 32) as f64 / (state as f64 + 1.0).sqrt() - 1.0)).ceil();
            index.checked_add(step as u64)
        })
    }

    #[test]
    fn equals_the_published_generator() {
        let mut hash = 1u64;
        for _ in 0..20_000 {
            hash = hash.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let expected = published(hash).take_while(|&index| index < u64::from(Mapping::END));
            assert!(Mapping::new(hash).map(u64::from).eq(expected), "{hash}");
        }
    }

    proptest! {
        #[test]
        fn indices_ascend_from_zero_and_end(hash: u64) {
            let indices: Vec<u32> = Mapping::new(hash).take(10_000).collect();
            prop_assert_eq!(indices[0], 0);
            prop_assert!(indices.is_sorted_by(|a, b| a < b));
            prop_assert!(indices.len() < 1000);
            for probe in indices[0]..50 {
                prop_assert_eq!(Mapping::contains(hash, probe), indices.contains(&probe));
            }
        }
    }

    #[test]
    fn extreme_hashes_end_too() {
        // The states are fixed points or near 2^64: only the first steps are like those of other hashes.
        let inverse =
            (0..6).fold(1u64, |inverse, _| inverse.wrapping_mul(2u64.wrapping_sub(MULTIPLIER.wrapping_mul(inverse))));
        assert_eq!(MULTIPLIER.wrapping_mul(inverse), 1);
        for next in [0, 1, 1 << 63, u64::MAX, u64::MAX - 1023, u64::MAX - 1024] {
            let indices: Vec<u32> = Mapping::new(next.wrapping_mul(inverse)).take(10_000).collect();
            assert!(indices.len() < 10_000 && indices.is_sorted_by(|a, b| a < b), "{next}");
        }
        assert_eq!(Mapping::new(0).collect::<Vec<_>>(), [0]);
        assert!(!Mapping::contains(0, Mapping::END));
    }

    /// The stated density: 1 / (1 + i/2), within what the approximation gives away.
    #[test]
    fn cells_have_the_published_density() {
        let mut filled = [0u32; 1000];
        let items = 40_000u32;
        let mut hash = 9u64;
        for _ in 0..items {
            hash = hash.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            for index in Mapping::new(hash).take_while(|&index| index < 1000) {
                filled[index as usize] += 1;
            }
        }
        let density = |range: core::ops::Range<usize>| {
            let expected: f64 = range.clone().map(|i| 1.0 / (1.0 + i as f64 / 2.0)).sum();
            filled[range].iter().map(|&n| f64::from(n)).sum::<f64>() / f64::from(items) / expected
        };
        // P(1) = 1 - (1 + 1/1.5)^-2 = 0.64 exactly, with a standard error of 0.0024.
        assert!((f64::from(filled[1]) / f64::from(items) - 0.64).abs() < 0.01);
        for range in [2..10, 10..100, 100..1000] {
            assert!((density(range.clone()) - 1.0).abs() < 0.02, "{range:?}");
        }
    }
}
