//! Choice by exponential race: candidate `j` arrives after a time `E_j / w_j`, with `E_j` exponentially distributed
//! and a pure function of (key, j), and the first to arrive is chosen, which is `j` with probability `w_j / sum w`.
//! When one weight changes, the arrivals of the others stay, so the choice under the new weights differs from the
//! choice under the old ones as seldom as is possible at all: only where this candidate arrives first before or after
//! the change.
//!
//! L. Devroye, "Non-Uniform Random Variate Generation", Springer 1986, chapter V.2 (exponential races); P. S.
//! Efraimidis, P. G. Spirakis, "Weighted random sampling with a reservoir", Inf. Process. Lett. 97(5), 2006.
//!
//! With `E = -ln(1 - x)` for a uniform `x`, `x <= E <= x / (1 - x)`: where these bounds single out a candidate, no
//! logarithm is computed.

/// Most candidates of one race.
pub(super) const WIDTH: usize = 16;
/// More than all rounding errors of the bounds, which are computed in single precision, relative to them.
const MARGIN: f32 = 1e-5;

/// The increment of SplitMix64, the golden ratio.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The finaliser of SplitMix64 (G. L. Steele, D. Lea, C. H. Flood, OOPSLA 2014; constants of D. Stafford's variant 13).
pub(super) const fn mix(x: u64) -> u64 {
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// Draw number `index` of the counter-based generator that `key` names.
pub(super) const fn draw(key: u64, index: u64) -> u64 {
    mix(key.wrapping_add(index.wrapping_add(1).wrapping_mul(GOLDEN)))
}

/// What takes part in the races of a layer.
pub(super) trait Candidate {
    /// The weight in the layer, 0 for who does not take part.
    fn weight(&self, layer: usize) -> f64;
    /// The reciprocal of the weight, rounded; infinite for who does not take part.
    fn reciprocal(&self, layer: usize) -> f32;
}

/// The index of the candidate that arrives first; `None` where none takes part. At most [`WIDTH`] candidates.
pub(super) fn race<C: Candidate>(key: u64, candidates: &[C], layer: usize) -> Option<usize> {
    let (mut first, mut second) = (f32::INFINITY, f32::INFINITY);
    let (mut winner, mut x_of_winner) = (usize::MAX, 0.0);
    for (pair, two) in candidates.chunks(2).enumerate() {
        let bits = draw(key, pair as u64);
        for (half, candidate) in two.iter().enumerate() {
            let x = ((bits >> (32 * half)) as u32 as f32 + 0.5) * (1.0 / 4_294_967_296.0);
            let bound = x * candidate.reciprocal(layer);
            if bound < first {
                (second, first) = (first, bound);
                (winner, x_of_winner) = (2 * pair + half, x);
            } else if bound < second {
                second = bound;
            }
        }
    }
    if first * (1.0 + MARGIN) < second * (1.0 - x_of_winner) * (1.0 - MARGIN) && winner != usize::MAX {
        return Some(winner);
    }
    photo_finish(key, candidates, layer)
}

/// The same in full precision. Of two that arrive together the lower index is chosen.
#[cold]
fn photo_finish<C: Candidate>(key: u64, candidates: &[C], layer: usize) -> Option<usize> {
    let (mut first, mut winner) = (f64::INFINITY, None);
    for (index, candidate) in candidates.iter().enumerate() {
        let weight = candidate.weight(layer);
        if weight > 0.0 {
            let bits = (draw(key, index as u64 / 2) >> (32 * (index % 2))) as u32;
            let x = (f64::from(bits) + 0.5) * (1.0 / 4_294_967_296.0);
            let arrival = -libm::log1p(-x) / weight;
            if arrival < first {
                (first, winner) = (arrival, Some(index));
            }
        }
    }
    winner
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    struct Runner(f64);

    impl Candidate for Runner {
        fn weight(&self, _: usize) -> f64 {
            self.0
        }

        fn reciprocal(&self, _: usize) -> f32 {
            if self.0 > 0.0 { (1.0 / self.0) as f32 } else { f32::INFINITY }
        }
    }

    /// What is left out by the bounds is left out rightly.
    #[test]
    fn the_bounds_never_change_the_winner() {
        for key in 0..20_000 {
            let count = 1 + (mix(key) % WIDTH as u64) as usize;
            let runners: Vec<Runner> = (0..count as u64)
                .map(|j| Runner((draw(key, 100 + j) % 5 * (1 + draw(key, 200 + j) % 100)) as f64))
                .collect();
            assert_eq!(race(mix(key), &runners, 0), photo_finish(mix(key), &runners, 0));
        }
        assert_eq!(race::<Runner>(1, &[], 0), None);
        assert_eq!(race(1, &[Runner(0.0), Runner(0.0)], 0), None);
    }

    #[test]
    fn candidates_win_in_proportion_to_their_weights() {
        let runners = [1.0, 0.0, 7.0, 0.5, 30.0, 2.5].map(Runner);
        let mut won = [0u32; 6];
        let trials = 400_000;
        (0..trials).for_each(|key| won[race(mix(key), &runners, 0).unwrap()] += 1);
        let chi_square: f64 = (0..6)
            .filter(|&j| runners[j].0 > 0.0)
            .map(|j| {
                let expected = trials as f64 * runners[j].0 / 41.0;
                (f64::from(won[j]) - expected) * (f64::from(won[j]) - expected) / expected
            })
            .sum();
        assert_eq!(won[1], 0);
        // The 0.9999 quantile of the chi-square distribution with 4 degrees of freedom.
        assert!(chi_square < 23.51, "{chi_square}: {won:?}");
    }

    /// A larger weight wins more, and takes from each other no more than it must.
    #[test]
    fn a_changed_weight_moves_only_its_own_share() {
        let (before, after) = ([1.0, 1.0, 1.0, 1.0].map(Runner), [1.0, 1.0, 2.0, 1.0].map(Runner));
        for key in 0..20_000 {
            let (old, new) = (race(mix(key), &before, 0), race(mix(key), &after, 0));
            assert!(old == new || new == Some(2), "{key}");
        }
    }
}
