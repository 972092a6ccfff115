//! Exponentially distributed spans by the ziggurat method (G. Marsaglia and W. W. Tsang, "The ziggurat method for
//! generating random variables", Journal of Statistical Software 5(8), 2000), in integers: one table look-up, one
//! multiplication and one comparison in 98.9 % of draws, and the same bits on every platform.
//!
//! The density exp(-x) is covered by 256 layers of equal area: 255 rectangles, and a base that ends in the tail beyond
//! [`TAIL`]. The tail of an exponential is the exponential itself, moved.

use std::array;

use rand_core::Rng;
use rapprochement_core::random::unit;
use rapprochement_core::time::Duration;

const LAYERS: usize = 256;
/// Where the tail begins, and the area of a layer: Marsaglia and Tsang, for 256 layers.
const TAIL: f64 = 7.697_117_470_131_05;
const AREA: f64 = 3.949_659_822_581_572e-3;
/// Fractional bits of a draw in units of the mean.
const FRACTION: u32 = 56;
const ONE: f64 = (1u64 << FRACTION) as f64;

/// The tables: 4 kB, computed once with `libm` and shared.
#[derive(Clone, Debug)]
pub struct Exponential {
    /// Right ends of the layers from the base up, in units of 2^-56 means; the first is the width that the base would
    /// have as a rectangle, the last is 0.
    edges: [u64; LAYERS + 1],
    /// The density at each edge.
    heights: [f64; LAYERS + 1],
}

impl Default for Exponential {
    fn default() -> Self {
        Self::new()
    }
}

impl Exponential {
    /// Computes the tables.
    pub fn new() -> Self {
        let mut edges = [0.0; LAYERS + 1];
        edges[0] = AREA / libm::exp(-TAIL);
        edges[1] = TAIL;
        for layer in 2..LAYERS {
            let below: f64 = edges[layer - 1];
            edges[layer] = -libm::log(libm::exp(-below) + AREA / below);
        }
        Self {
            edges: array::from_fn(|layer| libm::round(edges[layer] * ONE) as u64),
            heights: array::from_fn(|layer| libm::exp(-edges[layer])),
        }
    }

    /// A draw with the given mean, rounded down to the nanosecond.
    #[inline]
    pub fn sample<R: Rng + ?Sized>(&self, mean: Duration, rng: &mut R) -> Duration {
        let draw = u128::from(self.unit(rng)) * u128::from(mean.as_nanos());
        Duration::from_nanos(u64::try_from(draw >> FRACTION).unwrap_or(u64::MAX))
    }

    /// A draw with mean one, in units of 2^-56.
    #[inline]
    pub fn unit<R: Rng + ?Sized>(&self, rng: &mut R) -> u64 {
        let bits = rng.next_u64();
        let layer = (bits & (LAYERS as u64 - 1)) as usize;
        let x = (u128::from(bits & !(LAYERS as u64 - 1)) * u128::from(self.edges[layer])) >> 64;
        let x = x as u64;
        if x < self.edges[layer + 1] { x } else { self.edge(layer, x, rng) }
    }

    /// The rest: the tail, and the wedges between rectangles and density.
    #[cold]
    fn edge<R: Rng + ?Sized>(&self, layer: usize, x: u64, rng: &mut R) -> u64 {
        if layer == 0 {
            return self.edges[1].saturating_add(self.unit(rng));
        }
        let (low, high) = (self.heights[layer], self.heights[layer + 1]);
        if low + unit(rng) * (high - low) < libm::exp(-(x as f64 / ONE)) { x } else { self.unit(rng) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Philox;

    fn draws(seed: u64, count: usize) -> Vec<f64> {
        let table = Exponential::new();
        let mut rng = Philox::new(seed);
        (0..count).map(|_| table.unit(&mut rng) as f64 / ONE).collect()
    }

    /// The layers have equal areas and the topmost closes the figure: the published constants fit each other.
    #[test]
    fn the_layers_cover_the_density() {
        let table = Exponential::new();
        for layer in 1..LAYERS {
            let area = table.edges[layer] as f64 / ONE * (table.heights[layer + 1] - table.heights[layer]);
            assert!((area - AREA).abs() < 1e-12, "layer {layer} has {area}");
        }
        assert_eq!((table.edges[LAYERS], table.heights[LAYERS]), (0, 1.0));
    }

    /// Mean 1, variance 1, median ln 2, 90th percentile ln 10; over 2^20 draws the bounds are 4 standard errors
    /// (1, sqrt 8, 1 and 3 over 1024).
    #[test]
    fn moments_and_quantiles_are_those_of_the_distribution() {
        let count = 1 << 20;
        let mut draws = draws(3, count);
        let mean = draws.iter().sum::<f64>() / count as f64;
        let variance = draws.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / count as f64;
        draws.sort_by(f64::total_cmp);
        let near = |value: f64, truth: f64, error: f64| {
            assert!((value - truth).abs() < 4.0 * error / 1024.0, "{value} is not {truth}");
        };
        near(mean, 1.0, 1.0);
        near(variance, 1.0, 8f64.sqrt());
        near(draws[count / 2], std::f64::consts::LN_2, 1.0);
        near(draws[count * 9 / 10], std::f64::consts::LN_10, 3.0);
    }

    /// Kolmogorov and Smirnov over the whole range, wedges and tail included: D sqrt(n) exceeds 1.95 in 0.1 % of cases.
    #[test]
    fn the_whole_distribution_fits() {
        let mut draws = draws(5, 1 << 20);
        draws.sort_by(f64::total_cmp);
        let n = draws.len() as f64;
        let distance = draws.iter().enumerate().fold(0f64, |worst, (i, x)| {
            let share = 1.0 - libm::exp(-x);
            worst.max(share - i as f64 / n).max((i + 1) as f64 / n - share)
        });
        assert!(distance * n.sqrt() < 1.95, "{}", distance * n.sqrt());
        let tail = draws.iter().filter(|x| **x > TAIL).count() as f64;
        let expected = n * libm::exp(-TAIL);
        assert!((tail - expected).abs() < 4.0 * expected.sqrt(), "{tail} draws in the tail, not {expected}");
    }

    #[test]
    fn a_mean_scales_and_saturates() {
        let table = Exponential::new();
        let (mut a, mut b) = (Philox::new(1), Philox::new(1));
        for _ in 0..1_000 {
            let small = table.sample(Duration::from_nanos(1 << 20), &mut a).as_nanos();
            let large = table.sample(Duration::from_nanos(1 << 40), &mut b).as_nanos();
            assert_eq!(large >> 20, small);
        }
        assert!((0..100).any(|_| table.sample(Duration::MAX, &mut a) == Duration::MAX));
        assert_eq!(table.sample(Duration::ZERO, &mut a), Duration::ZERO);
    }
}
