//! Statistics over replications. Quantiles are Hyndman and Fan's type 7 ("Sample Quantiles in Statistical Packages", The
//! American Statistician 50(4), 1996), the default of R and NumPy. Intervals are two-sided 95 % Student-t intervals. The t
//! distribution is computed through the regularised incomplete beta function (Abramowitz and Stegun 26.7.1 and 26.5.8) on
//! `libm`, so that an interval has the same bytes on every machine.

/// What the replications of one metric say. A number that they do not determine (a spread of one value) is not a number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Summary {
    /// How many values there are.
    pub n: u64,
    /// How many replications had no value, such as a time that was not reached.
    pub missing: u64,
    /// Arithmetic mean.
    pub mean: f64,
    /// Sample standard deviation (divided by n - 1).
    pub sd: f64,
    /// Half the width of the 95 % Student-t interval around the mean.
    pub ci95: f64,
    /// Median.
    pub median: f64,
    /// 5th percentile.
    pub p5: f64,
    /// 95th percentile.
    pub p95: f64,
    /// 99th percentile.
    pub p99: f64,
}

impl Summary {
    /// Summarises the values; those that are not a number count as missing.
    pub fn of(values: &[f64]) -> Self {
        let mut sorted: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
        let missing = (values.len() - sorted.len()) as u64;
        let (mean, sd) = mean_and_sd(&sorted);
        let n = sorted.len() as u64;
        sorted.sort_by(f64::total_cmp);
        Self {
            n,
            missing,
            mean,
            sd,
            ci95: half_width(sd, n),
            median: quantile(&sorted, 0.5),
            p5: quantile(&sorted, 0.05),
            p95: quantile(&sorted, 0.95),
            p99: quantile(&sorted, 0.99),
        }
    }

    /// The lower end of the 95 % interval of the mean.
    pub fn ci95_low(&self) -> f64 {
        self.mean - self.ci95
    }

    /// The upper end of the 95 % interval of the mean.
    pub fn ci95_high(&self) -> f64 {
        self.mean + self.ci95
    }
}

/// The comparison of two variants that met the same seeds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Paired {
    /// Pairs of which both have a value.
    pub n: u64,
    /// Pairs of which at least one has none.
    pub missing: u64,
    /// Mean of the first variant over the pairs.
    pub mean_a: f64,
    /// Mean of the second variant over the pairs.
    pub mean_b: f64,
    /// Mean of second less first.
    pub difference: f64,
    /// Half the width of the 95 % Student-t interval around the difference.
    pub ci95: f64,
}

impl Paired {
    /// Compares pairs `(first, second)`.
    pub fn of(pairs: &[(f64, f64)]) -> Self {
        let whole: Vec<_> = pairs.iter().filter(|(a, b)| !a.is_nan() && !b.is_nan()).collect();
        let column = |pick: fn(&(f64, f64)) -> f64| whole.iter().map(|pair| pick(pair)).collect::<Vec<_>>();
        let (difference, sd) = mean_and_sd(&column(|(a, b)| b - a));
        let n = whole.len() as u64;
        Self {
            n,
            missing: (pairs.len() - whole.len()) as u64,
            mean_a: mean_and_sd(&column(|pair| pair.0)).0,
            mean_b: mean_and_sd(&column(|pair| pair.1)).0,
            difference,
            ci95: half_width(sd, n),
        }
    }

    /// The difference as a share of the first mean; not a number where that is zero.
    pub fn relative(&self) -> f64 {
        if self.mean_a == 0.0 { f64::NAN } else { self.difference / self.mean_a.abs() }
    }

    /// Whether the interval of the difference excludes zero. Fewer than two pairs exclude nothing.
    pub fn excludes_zero(&self) -> bool {
        self.difference.abs() > self.ci95
    }
}

/// Mean and sample standard deviation, the latter not a number below two values.
fn mean_and_sd(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    if values.len() < 2 {
        return (mean, f64::NAN);
    }
    let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
    (mean, (squares / (n - 1.0)).sqrt())
}

/// Half the width of the 95 % interval of a mean.
fn half_width(sd: f64, n: u64) -> f64 {
    if n < 2 { f64::NAN } else { student_t_quantile(0.975, n - 1) * sd / (n as f64).sqrt() }
}

/// The quantile of ascending values by linear interpolation at `(n - 1) * share` (Hyndman and Fan's type 7); not a number of
/// an empty list.
pub fn quantile(ascending: &[f64], share: f64) -> f64 {
    let Some(last) = ascending.len().checked_sub(1) else { return f64::NAN };
    let place = last as f64 * share.clamp(0.0, 1.0);
    let below = (place.floor() as usize).min(last);
    let (low, high) = (ascending[below], ascending[(below + 1).min(last)]);
    if low == high { low } else { low + (high - low) * (place - place.floor()) }
}

/// Gini coefficient of non-negative values: 0 where all are equal, towards 1 where one has everything; not a number where
/// there is nothing to share.
pub fn gini(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let n = sorted.len() as f64;
    let total: f64 = sorted.iter().sum();
    let ranked: f64 = sorted.iter().zip(1u32..).map(|(value, rank)| f64::from(rank) * value).sum();
    if total > 0.0 { 2.0 * ranked / (n * total) - (n + 1.0) / n } else { f64::NAN }
}

/// The largest value over the median: how much more the busiest node carries than the middle one. Not a number where the
/// median is zero.
pub fn max_to_median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let median = quantile(&sorted, 0.5);
    match sorted.last() {
        Some(max) if median > 0.0 => max / median,
        _ => f64::NAN,
    }
}

/// Spearman's rank correlation: that of the places of values in order, equal ones sharing the mean of theirs. Not a number
/// where a side has fewer than two different values.
pub fn spearman(pairs: &[(f64, f64)]) -> f64 {
    let first = places(pairs.iter().map(|pair| pair.0));
    let second = places(pairs.iter().map(|pair| pair.1));
    let middle = (pairs.len() as f64 + 1.0) / 2.0;
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - middle) * (b - middle)).sum::<f64>();
    let scale = (product(&first, &first) * product(&second, &second)).sqrt();
    if scale > 0.0 { product(&first, &second) / scale } else { f64::NAN }
}

/// The place of each value in ascending order, from 1.
fn places(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let values: Vec<f64> = values.collect();
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut places = vec![0.0; values.len()];
    let mut below = 0;
    for equal in order.chunk_by(|a, b| values[*a] == values[*b]) {
        equal.iter().for_each(|index| places[*index] = below as f64 + (equal.len() as f64 + 1.0) / 2.0);
        below += equal.len();
    }
    places
}

/// The quantile of Student's t distribution with `df >= 1` degrees of freedom at `share` in (0, 1).
///
/// The distribution function is concave above zero, so Newton's method from zero climbs to the root without overshooting.
pub fn student_t_quantile(share: f64, df: u64) -> f64 {
    if share < 0.5 {
        return -student_t_quantile(1.0 - share, df);
    }
    let df = df.max(1) as f64;
    let (a, b) = (df / 2.0, 0.5);
    let log_beta = libm::lgamma(a) + libm::lgamma(b) - libm::lgamma(a + b);
    let tail = 1.0 - share;
    let mut t = 0.0;
    for _ in 0..200 {
        let above = 0.5 * incomplete_beta(df / (df + t * t), a, b, log_beta);
        let density = libm::exp(-(df + 1.0) / 2.0 * libm::log1p(t * t / df) - log_beta) / df.sqrt();
        let step = (above - tail) / density;
        t += step;
        if step.abs() <= 1e-13 * t {
            break;
        }
    }
    t
}

/// The regularised incomplete beta function I_x(a, b), given the logarithm of B(a, b).
fn incomplete_beta(x: f64, a: f64, b: f64, log_beta: f64) -> f64 {
    if x >= 1.0 {
        return 1.0;
    }
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - incomplete_beta_fraction(1.0 - x, b, a, log_beta);
    }
    incomplete_beta_fraction(x, a, b, log_beta)
}

/// The continued fraction 26.5.8 of Abramowitz and Stegun, evaluated by the modified method of Lentz.
fn incomplete_beta_fraction(x: f64, a: f64, b: f64, log_beta: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let away = |value: f64| if value.abs() < TINY { TINY } else { value };
    let front = libm::exp(a * libm::log(x) + b * libm::log1p(-x) - log_beta) / a;
    let (mut numerator, mut denominator, mut fraction) = (1.0, 0.0, 1.0);
    for step in 0..500u32 {
        let m = f64::from(step / 2);
        let term = match step {
            0 => 1.0,
            _ if step % 2 == 0 => m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m)),
            _ => -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0)),
        };
        denominator = 1.0 / away(1.0 + term * denominator);
        numerator = away(1.0 + term / numerator);
        let factor = numerator * denominator;
        fraction *= factor;
        if (factor - 1.0).abs() < 1e-15 {
            break;
        }
    }
    front * (fraction - 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A textbook example: hours of television against IQ, rho = -29/165 (ten pairs without ties). With ties, by hand.
    #[test]
    fn rank_correlation() {
        let iq = [106.0, 100.0, 86.0, 101.0, 99.0, 103.0, 97.0, 113.0, 112.0, 110.0];
        let hours = [7.0, 27.0, 2.0, 50.0, 28.0, 29.0, 20.0, 12.0, 6.0, 17.0];
        let pairs: Vec<_> = iq.into_iter().zip(hours).collect();
        assert!((spearman(&pairs) + 29.0 / 165.0).abs() < 1e-12);
        // Places 1.5, 1.5, 3 and 1, 2, 3: covariance 1.5, variances 1.5 and 2.
        assert!((spearman(&[(1.0, 1.0), (1.0, 2.0), (5.0, 9.0)]) - 1.5 / 3f64.sqrt()).abs() < 1e-12);
        assert!((spearman(&[(1.0, 3.0), (2.0, 2.0), (3.0, 1.0)]) + 1.0).abs() < 1e-12);
        assert!(spearman(&[(1.0, 3.0), (1.0, 2.0)]).is_nan() && spearman(&[]).is_nan());
    }

    fn close(got: f64, want: f64, tolerance: f64) {
        assert!((got - want).abs() <= tolerance, "{got} is not {want}");
    }

    /// Two-sided 95 % points as printed in statistical tables (three digits), df 1 to 30, 60, 120.
    #[test]
    fn student_t_matches_the_printed_table() {
        const TABLE: [f64; 30] = [
            12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
            2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
        ];
        for (df, want) in (1..).zip(TABLE) {
            close(student_t_quantile(0.975, df), want, 0.000_5);
        }
        close(student_t_quantile(0.975, 60), 2.000, 0.000_5);
        close(student_t_quantile(0.975, 120), 1.980, 0.000_5);
        close(student_t_quantile(0.95, 5), 2.015, 0.000_5);
        close(student_t_quantile(0.995, 10), 3.169, 0.000_5);
        close(student_t_quantile(0.9995, 1), 636.619, 0.000_5);
        close(student_t_quantile(0.975, 1_000_000), 1.959_966, 0.000_001);
    }

    /// With one degree of freedom the quantile is tan(pi (p - 1/2)), with two (2p - 1) sqrt(2 / (4p (1 - p))).
    #[test]
    fn student_t_matches_its_closed_forms() {
        for share in [0.1, 0.5, 0.6, 0.9, 0.99, 0.999] {
            close(student_t_quantile(share, 1), libm::tan(core::f64::consts::PI * (share - 0.5)), 1e-8);
            close(student_t_quantile(share, 2), (2.0 * share - 1.0) * (0.5 / (share * (1.0 - share))).sqrt(), 1e-9);
        }
    }

    #[test]
    fn a_summary_by_hand() {
        let summary = Summary::of(&[4.0, 2.0, f64::NAN, 8.0, 6.0]);
        assert_eq!((summary.n, summary.missing, summary.mean, summary.median), (4, 1, 5.0, 5.0));
        close(summary.sd, (20.0f64 / 3.0).sqrt(), 1e-12);
        close(summary.ci95, 3.182_446 * (20.0f64 / 3.0).sqrt() / 2.0, 1e-5);
        close(summary.p5, 2.3, 1e-12);
        close(summary.p95, 7.7, 1e-12);
        close(summary.p99, 7.94, 1e-12);
    }

    #[test]
    fn one_value_has_no_interval_and_none_has_nothing() {
        let one = Summary::of(&[3.0]);
        assert_eq!((one.n, one.mean, one.median, one.p99), (1, 3.0, 3.0, 3.0));
        assert!(one.sd.is_nan() && one.ci95.is_nan() && one.ci95_low().is_nan());
        let none = Summary::of(&[f64::NAN]);
        assert_eq!((none.n, none.missing), (0, 1));
        assert!(none.mean.is_nan() && none.median.is_nan());
    }

    #[test]
    fn paired_differences_by_hand() {
        let paired = Paired::of(&[(10.0, 12.0), (20.0, 23.0), (30.0, 34.0), (5.0, f64::NAN)]);
        assert_eq!(
            (paired.n, paired.missing, paired.mean_a, paired.mean_b, paired.difference),
            (3, 1, 20.0, 23.0, 3.0)
        );
        close(paired.ci95, 4.302_653 / 3.0f64.sqrt(), 1e-5);
        close(paired.relative(), 0.15, 1e-12);
        assert!(paired.excludes_zero());
        assert!(!Paired::of(&[(1.0, 2.0)]).excludes_zero(), "one pair shows nothing");
        assert!(!Paired::of(&[(1.0, 1.0), (2.0, 2.0)]).excludes_zero());
    }

    #[test]
    fn inequality_by_hand() {
        assert_eq!(gini(&[5.0, 5.0, 5.0]), 0.0);
        close(gini(&[0.0, 0.0, 0.0, 1.0]), 0.75, 1e-12);
        close(gini(&[1.0, 2.0, 3.0, 4.0]), 0.25, 1e-12);
        assert!(gini(&[]).is_nan() && gini(&[0.0, 0.0]).is_nan());
        assert_eq!(max_to_median(&[1.0, 2.0, 9.0]), 4.5);
        assert!(max_to_median(&[0.0, 0.0, 9.0]).is_nan());
    }
}
