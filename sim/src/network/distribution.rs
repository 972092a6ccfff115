//! Distributions of time spans. Every draw is the inverse of the cumulative distribution at one uniform number, so a
//! draw costs one number of its stream whatever the distribution, and two distributions drawn from the same stream stay
//! coupled. The normal quantile is algorithm AS 241, PPND16 (M. J. Wichura, Applied Statistics 37(3), 1988), exact to
//! about one part in 10^16; the gamma draw is that of G. Marsaglia and W. W. Tsang ("A simple method for generating
//! gamma variables", ACM TOMS 26(3), 2000). Transcendental functions come from `libm`.

use rand_core::Rng;
use rapprochement_core::time::Duration;

pub use crate::network::config::Distribution;
use crate::problem::{Problem, zero_time};
use crate::units::Span;

/// A number strictly between 0 and 1, from the upper 52 of 64 random bits.
#[inline]
pub(crate) fn open_unit(bits: u64) -> f64 {
    ((bits >> 12) as f64 + 0.5) * (1.0 / (1u64 << 52) as f64)
}

fn nanos(value: f64) -> Duration {
    Duration::from_nanos((value + 0.5) as u64)
}

fn float(span: Span) -> f64 {
    span.as_nanos() as f64
}

impl Distribution {
    /// One draw.
    pub fn sample<R: Rng + ?Sized>(&self, rng: &mut R) -> Duration {
        self.quantile(open_unit(rng.next_u64()))
    }

    /// The span that a share `p` of the draws stays below, for `p` strictly between 0 and 1.
    pub fn quantile(&self, p: f64) -> Duration {
        match *self {
            Self::Constant(span) => span.0,
            Self::Uniform { min, max } => nanos(float(min) + p * (float(max) - float(min))),
            Self::Exponential { mean } => nanos(-float(mean) * libm::log1p(-p)),
            Self::Lognormal { median, sigma } => nanos(float(median) * libm::exp(sigma * normal_quantile(p))),
            Self::Weibull { shape, scale } => nanos(float(scale) * libm::pow(-libm::log1p(-p), 1.0 / shape)),
            Self::Pareto { shape, min } => nanos(float(min) * libm::pow(1.0 - p, -1.0 / shape)),
        }
    }

    /// The median.
    pub fn median(&self) -> Duration {
        self.quantile(0.5)
    }

    /// The mean; [`Duration::MAX`] where it is infinite (a Pareto tail with a shape of 1 or less).
    pub fn mean(&self) -> Duration {
        match *self {
            Self::Constant(span) | Self::Exponential { mean: span } => span.0,
            Self::Uniform { min, max } => nanos((float(min) + float(max)) / 2.0),
            Self::Lognormal { median, sigma } => nanos(float(median) * libm::exp(sigma * sigma / 2.0)),
            Self::Weibull { shape, scale } => nanos(float(scale) * libm::tgamma(1.0 + 1.0 / shape)),
            Self::Pareto { shape, min } if shape > 1.0 => nanos(float(min) * shape / (shape - 1.0)),
            Self::Pareto { .. } => Duration::MAX,
        }
    }

    /// The longest span that no draw stays below: zero for the distributions that reach down to nothing.
    pub fn bounded_below(&self) -> Duration {
        match *self {
            Self::Constant(span) | Self::Uniform { min: span, .. } | Self::Pareto { min: span, .. } => span.0,
            Self::Exponential { .. } | Self::Lognormal { .. } | Self::Weibull { .. } => Duration::ZERO,
        }
    }

    /// What is left of a span that is under way at a random moment. Such a moment falls into long spans more often: the
    /// span around it is length-biased (density x f(x) / mean), and the moment lies anywhere in it alike (D. R. Cox,
    /// "Renewal Theory", 1962, section 5.4). The length-biased form of each distribution is known: lognormal with its
    /// logarithm's mean moved by sigma^2, Pareto with its shape less 1, and for Weibull (X / scale)^shape is
    /// gamma-distributed with shape 1 + 1/k. The mean must be finite.
    pub fn residual<R: Rng + ?Sized>(&self, rng: &mut R) -> Duration {
        let around = match *self {
            Self::Constant(span) => float(span),
            // Without memory: what is left is distributed as the whole.
            Self::Exponential { .. } => return self.sample(rng),
            Self::Uniform { min, max } => {
                let (low, high) = (float(min) * float(min), float(max) * float(max));
                libm::sqrt(low + open_unit(rng.next_u64()) * (high - low))
            }
            Self::Lognormal { median, sigma } => {
                let normal = normal_quantile(open_unit(rng.next_u64()));
                float(median) * libm::exp(sigma * sigma + sigma * normal)
            }
            Self::Weibull { shape, scale } => float(scale) * libm::pow(gamma(1.0 + 1.0 / shape, rng), 1.0 / shape),
            Self::Pareto { shape, min } => float(min) * libm::pow(open_unit(rng.next_u64()), -1.0 / (shape - 1.0)),
        };
        nanos(around * open_unit(rng.next_u64()))
    }

    /// What is wrong with the parameters, each problem under `path`.
    pub fn validate(&self, path: &str) -> Vec<Problem> {
        let at = |key: &str| format!("{path}.{key}");
        let positive = |key: &str, span: Span| span.0.is_zero().then(|| zero_time(at(key)));
        let shape = |key: &str, shape: f64| {
            let fine = (0.05..=1000.0).contains(&shape);
            (!fine).then(|| {
                Problem::new(at(key), format!("{shape} is no sensible shape"), "it lies between 0.05 and 1000")
            })
        };
        let found = match *self {
            Self::Uniform { min, max } if min > max => {
                let problem = Problem::new(at("uniform.min"), format!("min ({min}) is above max ({max})"), "");
                [Some(problem.resting_on([at("uniform.max")])), None]
            }
            Self::Constant(_) | Self::Uniform { .. } => [None, None],
            Self::Exponential { mean } => [positive("exponential.mean", mean), None],
            Self::Lognormal { median, sigma } => {
                let fine = (0.0..=10.0).contains(&sigma);
                let help = "the standard deviation of the logarithm lies between 0 and 10; 0.5 is usual for delays";
                let problem = || Problem::new(at("lognormal.sigma"), format!("{sigma} is no sensible sigma"), help);
                [positive("lognormal.median", median), (!fine).then(problem)]
            }
            Self::Weibull { shape: k, scale } => [shape("weibull.shape", k), positive("weibull.scale", scale)],
            Self::Pareto { shape: k, min } => [shape("pareto.shape", k), positive("pareto.min", min)],
        };
        found.into_iter().flatten().collect()
    }
}

/// The polynomial with these coefficients, the constant first.
fn polynomial(coefficients: &[f64], x: f64) -> f64 {
    coefficients.iter().rev().fold(0.0, |sum, coefficient| sum * x + coefficient)
}

/// The standard normal quantile, for `p` strictly between 0 and 1 (AS 241, PPND16).
pub(crate) fn normal_quantile(p: f64) -> f64 {
    const A: [f64; 8] = [
        3.387_132_872_796_366_5,
        133.141_667_891_784_38,
        1_971.590_950_306_551_3,
        13_731.693_765_509_46,
        45_921.953_931_549_87,
        67_265.770_927_008_7,
        33_430.575_583_588_13,
        2_509.080_928_730_122_7,
    ];
    const B: [f64; 8] = [
        1.0,
        42.313_330_701_600_91,
        687.187_007_492_057_9,
        5_394.196_021_424_751,
        21_213.794_301_586_597,
        39_307.895_800_092_71,
        28_729.085_735_721_943,
        5_226.495_278_852_854,
    ];
    const C: [f64; 8] = [
        1.423_437_110_749_683_5,
        4.630_337_846_156_546,
        5.769_497_221_460_691,
        3.647_848_324_763_204_5,
        1.270_458_252_452_368_4,
        0.241_780_725_177_450_6,
        0.022_723_844_989_269_184,
        7.745_450_142_783_414e-4,
    ];
    const D: [f64; 8] = [
        1.0,
        2.053_191_626_637_759,
        1.676_384_830_183_803_8,
        0.689_767_334_985_1,
        0.148_103_976_427_480_08,
        0.015_198_666_563_616_457,
        5.475_938_084_995_345e-4,
        1.050_750_071_644_416_8e-9,
    ];
    const E: [f64; 8] = [
        6.657_904_643_501_103,
        5.463_784_911_164_114,
        1.784_826_539_917_291_3,
        0.296_560_571_828_504_87,
        0.026_532_189_526_576_124,
        0.001_242_660_947_388_078_4,
        2.711_555_568_743_487_6e-5,
        2.010_334_399_292_288_1e-7,
    ];
    const F: [f64; 8] = [
        1.0,
        0.599_832_206_555_887_9,
        0.136_929_880_922_735_8,
        0.014_875_361_290_850_615,
        7.868_691_311_456_133e-4,
        1.846_318_317_510_054_8e-5,
        1.421_511_758_316_446e-7,
        2.044_263_103_389_939_8e-15,
    ];
    let centred = p - 0.5;
    if centred.abs() <= 0.425 {
        let r = 0.180_625 - centred * centred;
        return centred * polynomial(&A, r) / polynomial(&B, r);
    }
    let r = libm::sqrt(-libm::log(p.min(1.0 - p)));
    let tail = if r <= 5.0 {
        polynomial(&C, r - 1.6) / polynomial(&D, r - 1.6)
    } else {
        polynomial(&E, r - 5.0) / polynomial(&F, r - 5.0)
    };
    if centred < 0.0 { -tail } else { tail }
}

/// A gamma draw with the given shape, at least 1, and scale 1: rejection under a squeezed normal.
fn gamma<R: Rng + ?Sized>(shape: f64, rng: &mut R) -> f64 {
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / libm::sqrt(9.0 * d);
    loop {
        let normal = normal_quantile(open_unit(rng.next_u64()));
        let root = 1.0 + c * normal;
        let cube = root * root * root;
        let uniform = open_unit(rng.next_u64());
        if root > 0.0 && libm::log(uniform) < 0.5 * normal * normal + d - d * cube + d * libm::log(cube) {
            return d * cube;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: f64 = 60e9;

    fn span(nanos: f64) -> Span {
        Span(Duration::from_nanos(nanos as u64))
    }

    fn all() -> Vec<Distribution> {
        vec![
            Distribution::Constant(span(5e6)),
            Distribution::Uniform { min: span(2e6), max: span(8e6) },
            Distribution::Exponential { mean: span(4e6) },
            Distribution::Lognormal { median: span(140e6), sigma: 0.75 },
            Distribution::Weibull { shape: 0.59, scale: span(41.9 * MINUTE) },
            Distribution::Weibull { shape: 2.0, scale: span(1e6) },
            Distribution::Pareto { shape: 4.5, min: span(1e6) },
        ]
    }

    /// The n-th moment from the closed form of each distribution, in ns^n.
    fn moment(distribution: &Distribution, n: i32) -> f64 {
        let power = |x: f64| libm::pow(x, f64::from(n));
        let order = f64::from(n);
        match *distribution {
            Distribution::Constant(value) => power(float(value)),
            Distribution::Uniform { min, max } => {
                let (a, b) = (float(min), float(max));
                (power(b) * b - power(a) * a) / ((order + 1.0) * (b - a))
            }
            Distribution::Exponential { mean } => power(float(mean)) * libm::tgamma(order + 1.0),
            Distribution::Lognormal { median, sigma } => {
                power(float(median)) * libm::exp(order * order * sigma * sigma / 2.0)
            }
            Distribution::Weibull { shape, scale } => power(float(scale)) * libm::tgamma(1.0 + order / shape),
            Distribution::Pareto { shape, min } => power(float(min)) * shape / (shape - order),
        }
    }

    /// The share of draws below a span, from the closed form of each distribution.
    fn share_below(distribution: &Distribution, x: f64) -> f64 {
        match *distribution {
            Distribution::Constant(value) => f64::from(u8::from(float(value) < x)),
            Distribution::Uniform { min, max } => (x - float(min)) / (float(max) - float(min)),
            Distribution::Exponential { mean } => 1.0 - libm::exp(-x / float(mean)),
            Distribution::Lognormal { median, sigma } => {
                libm::erfc(-libm::log(x / float(median)) / (sigma * std::f64::consts::SQRT_2)) / 2.0
            }
            Distribution::Weibull { shape, scale } => 1.0 - libm::exp(-libm::pow(x / float(scale), shape)),
            Distribution::Pareto { shape, min } => 1.0 - libm::pow(float(min) / x, shape),
        }
    }

    #[test]
    fn the_normal_quantile_inverts_the_error_function() {
        for p in [1e-300, 1e-20, 1e-9, 1e-4, 0.01, 0.074, 0.076, 0.2, 0.4999, 0.5, 0.7, 0.925, 0.99, 0.999_999] {
            let below = libm::erfc(-normal_quantile(p) / std::f64::consts::SQRT_2) / 2.0;
            assert!((below / p - 1.0).abs() < 1e-12, "{p}: {below}");
        }
    }

    #[test]
    fn draws_have_the_analytic_mean_median_and_tail() {
        const DRAWS: usize = 200_000;
        for (index, distribution) in all().iter().enumerate() {
            let mut rng = crate::random::Philox::new(index as u64);
            let mut draws: Vec<f64> = (0..DRAWS).map(|_| distribution.sample(&mut rng).as_nanos() as f64).collect();
            let mean = draws.iter().sum::<f64>() / DRAWS as f64;
            let expected = moment(distribution, 1);
            let deviation = libm::sqrt((moment(distribution, 2) - expected * expected).max(0.0));
            let error = libm::sqrt(DRAWS as f64);
            assert!((mean - expected).abs() <= 4.0 * deviation / error + 1.0, "{distribution:?}: mean {mean}");
            assert!((distribution.mean().as_nanos() as f64 - expected).abs() <= 1.0 + expected * 1e-12);
            if let Distribution::Constant(value) = distribution {
                assert!(draws.iter().all(|draw| *draw == float(*value)));
                continue;
            }
            draws.sort_by(f64::total_cmp);
            for p in [0.1, 0.5, 0.9, 0.99] {
                let at = draws[(DRAWS as f64 * p) as usize];
                let width = 4.0 * libm::sqrt(p * (1.0 - p)) / error;
                assert!((share_below(distribution, at) - p).abs() < width, "{distribution:?}: {p}-quantile {at}");
                let exact = distribution.quantile(p).as_nanos() as f64;
                assert!((share_below(distribution, exact) - p).abs() < 1e-5, "{distribution:?} at {p}");
            }
        }
    }

    /// The mean residual is E[X^2] / 2 E[X], and its second moment E[X^3] / 3 E[X].
    #[test]
    fn residuals_are_length_biased() {
        const DRAWS: usize = 200_000;
        let memoryless = Distribution::Weibull { shape: 1.0, scale: span(4e6) };
        for distribution in all().iter().chain([&memoryless]) {
            let mut rng = crate::random::Philox::new(99);
            let sum: f64 = (0..DRAWS).map(|_| distribution.residual(&mut rng).as_nanos() as f64).sum();
            let first = moment(distribution, 1);
            let expected = moment(distribution, 2) / (2.0 * first);
            let variance = moment(distribution, 3) / (3.0 * first) - expected * expected;
            let error = 4.0 * libm::sqrt(variance / DRAWS as f64);
            let mean = sum / DRAWS as f64;
            assert!((mean - expected).abs() < error, "{distribution:?}: {mean}, not {expected} +- {error}");
        }
    }

    #[test]
    fn parameters_without_meaning_are_problems() {
        let bad = [
            Distribution::Uniform { min: span(2.0), max: span(1.0) },
            Distribution::Exponential { mean: span(0.0) },
            Distribution::Lognormal { median: span(1.0), sigma: f64::NAN },
            Distribution::Weibull { shape: -1.0, scale: span(1.0) },
            Distribution::Pareto { shape: f64::INFINITY, min: span(1.0) },
        ];
        for distribution in bad {
            let problems = distribution.validate("here");
            assert_eq!(problems.len(), 1, "{distribution:?}");
            assert!(problems[0].path.starts_with("here."));
        }
        assert!(all().iter().all(|distribution| distribution.validate("here").is_empty()));
        assert_eq!(Distribution::Pareto { shape: 1.0, min: span(1.0) }.mean(), Duration::MAX);
    }
}
