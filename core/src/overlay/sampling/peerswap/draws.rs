//! What the swaps of a run are drawn with: a small counter-based generator, waiting times, and how often a Poisson clock rings.

use core::convert::Infallible;

use libm::{fabs, floor, lgamma, log, sqrt};
use rand_core::{Rng, TryRng};

use crate::random::unit;

/// SplitMix64 (G. L. Steele, D. Lea and C. H. Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014): the n-th
/// output is a mix of seed + n times a constant. Its state is 8 bytes; it is no secret to anybody who sees an output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SplitMix64(u64);

impl SplitMix64 {
    /// The stream of a seed. Streams of nearby seeds are unrelated: the seed is mixed first.
    pub fn new(seed: u64) -> Self {
        Self(finish(seed ^ 0x5065_6572_5377_6170))
    }
}

impl TryRng for SplitMix64 {
    type Error = Infallible;

    #[inline]
    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok((self.next_u64() >> 32) as u32)
    }

    #[inline]
    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        Ok(finish(self.0))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.next_u64().to_le_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}

#[inline]
fn finish(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A waiting time with mean 1, exponentially distributed: finite, and not negative.
#[inline]
pub fn exponential<R: Rng + ?Sized>(rng: &mut R) -> f64 {
    -log(1.0 - unit(rng))
}

/// How often a Poisson clock rings in a time in which it is expected to ring `mean` times. Exact at any mean: up to 10 by a
/// product of uniforms (D. E. Knuth, TAOCP 2, 3.4.1), beyond by transformed rejection (W. Hörmann, "The transformed rejection
/// method for generating Poisson random variables", Insurance: Mathematics and Economics 12, 1993, algorithm PTRS). A mean that is
/// not a positive number gives 0, one beyond 2^52 is taken for that.
pub fn poisson<R: Rng + ?Sized>(mean: f64, rng: &mut R) -> u64 {
    if mean.is_nan() || mean <= 0.0 {
        0
    } else if mean < 10.0 {
        poisson_by_products(mean, rng)
    } else {
        poisson_by_rejection(mean.min((1u64 << 52) as f64), rng)
    }
}

fn poisson_by_products<R: Rng + ?Sized>(mean: f64, rng: &mut R) -> u64 {
    let least = libm::exp(-mean);
    let mut product = unit(rng);
    let mut count = 0;
    while product > least {
        product *= unit(rng);
        count += 1;
    }
    count
}

fn poisson_by_rejection<R: Rng + ?Sized>(mean: f64, rng: &mut R) -> u64 {
    let b = 0.931 + 2.53 * sqrt(mean);
    let a = -0.059 + 0.024_83 * b;
    let inverse_alpha = 1.1239 + 1.1328 / (b - 3.4);
    let squeeze = 0.9277 - 3.6224 / (b - 2.0);
    loop {
        let (u, v) = (unit(rng) - 0.5, unit(rng));
        let us = 0.5 - fabs(u);
        let count = floor((2.0 * a / us + b) * u + mean + 0.43);
        if us >= 0.07 && v <= squeeze {
            return count as u64;
        }
        if count < 0.0 || (us < 0.013 && v > us) {
            continue;
        }
        if log(v * inverse_alpha / (a / (us * us) + b)) <= count * log(mean) - mean - lgamma(count + 1.0) {
            return count as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    /// Chi-square against the probabilities themselves, cells with at least 20 expected, at both methods.
    #[test]
    fn poisson_counts_have_their_law() {
        for (mean, cells) in [(0.5, 12), (9.5, 40), (10.5, 44), (640.0, 1000)] {
            let mut rng = SplitMix64::new(7);
            let draws = 200_000;
            let mut counts = vec![0.0; cells];
            for _ in 0..draws {
                counts[(poisson(mean, &mut rng) as usize).min(cells - 1)] += 1.0;
            }
            let (mut chi, mut df) = (0.0, 0.0);
            for (count, &seen) in counts.iter().enumerate() {
                let count = count as f64;
                let expected = f64::from(draws) * libm::exp(count * log(mean) - mean - lgamma(count + 1.0));
                if expected >= 20.0 {
                    chi += (seen - expected) * (seen - expected) / expected;
                    df += 1.0;
                }
            }
            // Five standard deviations of a chi-square variable, by its normal approximation.
            assert!(fabs(chi - df) < 5.0 * sqrt(2.0 * df), "mean {mean}: {chi} at {df}");
        }
    }

    #[test]
    fn waiting_times_have_mean_and_variance_one() {
        let mut rng = SplitMix64::new(1);
        let draws = 100_000;
        let (mut sum, mut squares) = (0.0, 0.0);
        for _ in 0..draws {
            let time = exponential(&mut rng);
            assert!(time >= 0.0 && time.is_finite());
            sum += time;
            squares += time * time;
        }
        let mean = sum / f64::from(draws);
        // The mean of n draws deviates by n^-1/2, that of their squares (variance 20) by (20 / n)^1/2.
        assert!(fabs(mean - 1.0) < 5.0 / sqrt(f64::from(draws)));
        assert!(fabs(squares / f64::from(draws) - 2.0) < 5.0 * sqrt(20.0 / f64::from(draws)));
    }

    #[test]
    fn no_mean_is_a_fault() {
        let mut rng = SplitMix64::new(1);
        for mean in [0.0, -1.0, f64::NAN, f64::NEG_INFINITY] {
            assert_eq!(poisson(mean, &mut rng), 0);
        }
        assert!(poisson(f64::INFINITY, &mut rng) > 1 << 51);
    }
}
