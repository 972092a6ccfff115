//! A log-linear histogram of whole numbers: exact below 128, and above it 128 buckets to each doubling, so that a bucket is
//! less than 1/128 (0.8 %) of its values wide and a quantile, given as the middle of its bucket, is off by less than 0.4 %.
//! Count, sum, smallest and largest are exact. Only integers are added up, so merging is commutative and the result does
//! not depend on how a run was cut into shards. The bucket layout is that of G. Tene's HdrHistogram.

/// Binary digits kept of a value: 2^7 = 128 buckets to each doubling.
const DIGITS: u32 = 7;
const PER_OCTAVE: u64 = 1 << DIGITS;

/// A mergeable histogram of `u64` values. It allocates at the first value, and only up to the bucket of the largest one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    counts: Vec<u64>,
    count: u64,
    sum: u128,
    min: u64,
    max: u64,
}

/// The bucket of a value.
fn bucket(value: u64) -> usize {
    if value < PER_OCTAVE {
        return value as usize;
    }
    let shift = value.ilog2() - DIGITS;
    (u64::from(shift) * PER_OCTAVE + (value >> shift)) as usize
}

/// The smallest and the largest value of a bucket.
fn bounds(bucket: usize) -> (u64, u64) {
    let bucket = bucket as u64;
    if bucket < PER_OCTAVE {
        return (bucket, bucket);
    }
    let shift = bucket / PER_OCTAVE - 1;
    let low = (bucket - shift * PER_OCTAVE) << shift;
    (low, low + ((1 << shift) - 1))
}

impl Histogram {
    /// An empty histogram.
    pub const fn new() -> Self {
        Self { counts: Vec::new(), count: 0, sum: 0, min: 0, max: 0 }
    }

    /// Adds one value.
    pub fn add(&mut self, value: u64) {
        self.add_many(value, 1);
    }

    /// Adds the same value `times` times.
    pub fn add_many(&mut self, value: u64, times: u64) {
        if times == 0 {
            return;
        }
        let bucket = bucket(value);
        if bucket >= self.counts.len() {
            self.counts.resize(bucket + 1, 0);
        }
        self.counts[bucket] += times;
        self.min = if self.count == 0 { value } else { self.min.min(value) };
        self.max = self.max.max(value);
        self.count += times;
        self.sum += u128::from(value) * u128::from(times);
    }

    /// Adds everything that another histogram holds.
    pub fn merge(&mut self, other: &Self) {
        if other.count == 0 {
            return;
        }
        if other.counts.len() > self.counts.len() {
            self.counts.resize(other.counts.len(), 0);
        }
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
        self.min = if self.count == 0 { other.min } else { self.min.min(other.min) };
        self.max = self.max.max(other.max);
        self.count += other.count;
        self.sum += other.sum;
    }

    /// How many values were added.
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// The exact sum of the values.
    pub const fn sum(&self) -> u128 {
        self.sum
    }

    /// The smallest value; none of an empty histogram.
    pub fn min(&self) -> Option<u64> {
        (self.count > 0).then_some(self.min)
    }

    /// The largest value; none of an empty histogram.
    pub fn max(&self) -> Option<u64> {
        (self.count > 0).then_some(self.max)
    }

    /// The mean; not a number for an empty histogram.
    pub fn mean(&self) -> f64 {
        self.sum as f64 / self.count as f64
    }

    /// The value at rank `ceil(share * count)` (the inverse of the empirical distribution, Hyndman and Fan's type 1), as
    /// the middle of its bucket, never outside the smallest and the largest value. None of an empty histogram.
    pub fn quantile(&self, share: f64) -> Option<u64> {
        if self.count == 0 {
            return None;
        }
        let rank = ((share.clamp(0.0, 1.0) * self.count as f64).ceil() as u64).clamp(1, self.count);
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= rank {
                let (low, high) = bounds(bucket);
                return Some((low + (high - low) / 2).clamp(self.min, self.max));
            }
        }
        Some(self.max)
    }

    /// The filled buckets in ascending order: the largest value that each can hold, and its count.
    pub fn buckets(&self) -> impl Iterator<Item = (u64, u64)> {
        let filled = self.counts.iter().enumerate().filter(|(_, count)| **count > 0);
        filled.map(|(bucket, count)| (bounds(bucket).1.min(self.max), *count))
    }

    /// The distribution function as points `(value * unit, share of total at most value)`. With a `total` above the count,
    /// such as all deliveries that were due, the curve ends below one at the share that took place.
    pub fn cdf(&self, unit: f64, total: u64) -> Vec<(f64, f64)> {
        let mut seen = 0;
        self.buckets()
            .map(|(value, count)| {
                seen += count;
                (value as f64 * unit, seen as f64 / total as f64)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(values: &[u64]) -> Histogram {
        let mut histogram = Histogram::new();
        values.iter().for_each(|value| histogram.add(*value));
        histogram
    }

    #[test]
    fn buckets_tile_the_whole_range_without_gap_or_overlap() {
        let last = bucket(u64::MAX);
        let mut next = 0u64;
        for index in 0..=last {
            let (low, high) = bounds(index);
            assert_eq!(low, next);
            assert_eq!((bucket(low), bucket(high)), (index, index));
            assert!(
                u128::from(high - low) * 128 < u128::from(low) || high == low,
                "less than 1/128 of its values wide"
            );
            next = high.wrapping_add(1);
        }
        assert_eq!(next, 0, "the last bucket ends at the largest value");
    }

    #[test]
    fn an_empty_histogram_allocates_nothing_and_has_no_quantiles() {
        let empty = Histogram::new();
        assert_eq!(empty.counts.capacity(), 0);
        assert_eq!((empty.quantile(0.5), empty.min(), empty.max(), empty.count()), (None, None, None, 0));
        assert!(empty.mean().is_nan());
    }

    #[test]
    fn the_cdf_ends_at_the_share_that_was_delivered() {
        assert_eq!(of(&[1, 1, 3]).cdf(0.5, 4), vec![(0.5, 0.5), (1.5, 0.75)]);
    }

    proptest! {
        #[test]
        fn quantiles_are_within_half_a_percent_of_the_exact_ones(
            mut values in prop::collection::vec(prop_oneof![0u64..300, 0u64..2_000_000_000, any::<u64>()], 1..200),
            share in 0.0f64..=1.0,
        ) {
            let histogram = of(&values);
            values.sort_unstable();
            let rank = ((share * values.len() as f64).ceil() as usize).clamp(1, values.len());
            let exact = values[rank - 1];
            let got = histogram.quantile(share).unwrap();
            prop_assert!(got.abs_diff(exact) as f64 <= exact as f64 * 0.004, "{got} for {exact}");
            prop_assert_eq!(histogram.sum(), values.iter().map(|value| u128::from(*value)).sum::<u128>());
            prop_assert_eq!((histogram.min(), histogram.max()), (values.first().copied(), values.last().copied()));
        }

        #[test]
        fn merging_equals_adding_in_any_order(left in prop::collection::vec(any::<u64>(), 0..50),
                                             right in prop::collection::vec(any::<u64>(), 0..50)) {
            let mut merged = of(&left);
            merged.merge(&of(&right));
            let mut other_way = of(&right);
            other_way.merge(&of(&left));
            prop_assert_eq!(&merged, &of(&[left, right].concat()));
            prop_assert_eq!(&merged, &other_way);
        }
    }
}
