//! Where the curves of two methods cross, and how sure that is.
//!
//! Between two places of the grid both curves are power laws: the logarithm of the mean is linear in that of x. The interval is
//! that of the percentile bootstrap (B. Efron, "Bootstrap Methods: Another Look at the Jackknife", The Annals of Statistics 7(1),
//! 1979): seeds are drawn with replacement, the same for all places and both methods, which met the same stores under
//! the same seed; the crossing is found again, and the interval reaches from the 2.5th to the 97.5th percentile. A resample whose
//! curves do not cross in the range has its crossing below or above it, and counts as such.

use rand_core::Rng;
use rapprochement_core::random::below;

/// What two methods took at one place, by seed: as many values as there are seeds at all, in one order for both methods and all
/// places. Not a number where a method has none.
#[derive(Clone, Debug, PartialEq)]
pub struct Place {
    /// Where, above zero.
    pub x: f64,
    /// The first method's costs, above zero.
    pub first: Vec<f64>,
    /// The second method's.
    pub second: Vec<f64>,
}

/// Where two curves cross.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Change {
    /// Where.
    pub x: f64,
    /// Whether the first method is the cheaper one below and the dearer one above.
    pub rises: bool,
}

/// Where two curves cross, with its interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Crossing {
    /// The crossing of the means over all seeds.
    pub change: Change,
    /// The lower end of the 95 % interval: zero where it lies below the range, not a number with fewer than two seeds.
    pub low: f64,
    /// The upper end: infinite where it lies above the range.
    pub high: f64,
}

/// How many times seeds are drawn anew. The percentiles of one less than a thousand are values, not between two.
const RESAMPLES: usize = 999;
const LOWEST: usize = 24;
const HIGHEST: usize = 974;

/// Where the costs of two methods cross, in ascending order; nothing where they do not in the range of the places, which are in
/// ascending order. Curves that touch and part again do not cross.
pub fn crossings(places: &[Place], rng: &mut impl Rng) -> Vec<Crossing> {
    let seeds = places.iter().map(|place| place.first.len().min(place.second.len())).min().unwrap_or(0);
    let all: Vec<usize> = (0..seeds).collect();
    let found = changes(&gaps(places, &all));
    if found.is_empty() || seeds < 2 {
        return found.into_iter().map(|change| Crossing { change, low: f64::NAN, high: f64::NAN }).collect();
    }
    let mut again: Vec<Vec<f64>> = vec![Vec::with_capacity(RESAMPLES); found.len()];
    for _ in 0..RESAMPLES {
        let drawn: Vec<usize> = (0..seeds).map(|_| below(rng, seeds as u32) as usize).collect();
        let gaps = gaps(places, &drawn);
        let changes = changes(&gaps);
        for (values, change) in again.iter_mut().zip(&found) {
            values.push(find_again(change, &changes, &gaps));
        }
    }
    let interval = |(change, mut values): (Change, Vec<f64>)| {
        values.sort_by(f64::total_cmp);
        Crossing { change, low: values[LOWEST], high: values[HIGHEST] }
    };
    found.into_iter().zip(again).map(interval).collect()
}

/// The logarithms of x and of the ratio of the mean costs, over these seeds, where both methods have them.
fn gaps(places: &[Place], seeds: &[usize]) -> Vec<(f64, f64)> {
    let gap = |place: &Place| {
        let both = seeds.iter().map(|seed| (place.first[*seed], place.second[*seed]));
        let both = both.filter(|(first, second)| *first > 0.0 && *second > 0.0);
        let (first, second) = both.fold((0.0, 0.0), |sum, pair| (sum.0 + pair.0, sum.1 + pair.1));
        (first > 0.0).then(|| (libm::log(place.x), libm::log(first) - libm::log(second)))
    };
    places.iter().filter_map(gap).collect()
}

/// The changes of sign. Where the ratio is one over several places, the crossing is in their middle.
fn changes(gaps: &[(f64, f64)]) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut last: Option<usize> = None;
    for (index, (x, gap)) in gaps.iter().enumerate().filter(|(_, (_, gap))| *gap != 0.0) {
        if let Some(before) = last.filter(|before| (gaps[*before].1 > 0.0) != (*gap > 0.0)) {
            let (from, ago) = gaps[before];
            let at = if before + 1 == index {
                from + (x - from) * (-ago / (gap - ago))
            } else {
                f64::midpoint(gaps[before + 1].0, gaps[index - 1].0)
            };
            changes.push(Change { x: libm::exp(at), rises: *gap > 0.0 });
        }
        last = Some(index);
    }
    changes
}

/// Where a crossing is in a resample: the nearest one of its direction; where there is none, below or above the range, by
/// which method is the cheaper one at the place.
fn find_again(change: &Change, changes: &[Change], gaps: &[(f64, f64)]) -> f64 {
    let at = libm::log(change.x);
    let away = |other: &&Change| (libm::log(other.x) - at).abs();
    let alike = changes.iter().filter(|other| other.rises == change.rises);
    if let Some(nearest) = alike.min_by(|a, b| away(a).total_cmp(&away(b))) {
        return nearest.x;
    }
    match between(gaps, at) {
        0.0 => change.x,
        gap if (gap > 0.0) == change.rises => 0.0,
        _ => f64::INFINITY,
    }
}

/// The value of a line through points at `x`; that of the nearest end outside.
pub(super) fn between(points: &[(f64, f64)], x: f64) -> f64 {
    let after = points.partition_point(|point| point.0 < x);
    match (after.checked_sub(1).map(|before| points[before]), points.get(after)) {
        (Some(low), Some(high)) => low.1 + (high.1 - low.1) * (x - low.0) / (high.0 - low.0),
        (Some(end), None) => end.1,
        (None, Some(end)) => end.1,
        (None, None) => f64::NAN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Philox;

    const GRID: [f64; 5] = [1.0, 10.0, 100.0, 1_000.0, 10_000.0];

    /// Two power laws, the first one times a factor for every seed.
    fn laws((scale, power): (f64, f64), other: (f64, f64), factors: &[f64]) -> Vec<Place> {
        let place = |x: &f64| Place {
            x: *x,
            first: factors.iter().map(|factor| factor * scale * libm::pow(*x, power)).collect(),
            second: vec![other.0 * libm::pow(*x, other.1); factors.len()],
        };
        GRID.iter().map(place).collect()
    }

    fn close(found: f64, truth: f64) {
        assert!((found / truth - 1.0).abs() < 1e-9, "{found} is not {truth}");
    }

    /// `a x^p` and `b x^q` cross at `(b / a)^(1 / (p - q))`, wherever the grid lies.
    #[test]
    fn two_power_laws_cross_where_they_should() {
        for (first, second, truth, rises) in [
            ((2.0, 1.0), (300.0, 0.0), 150.0, true),
            ((300.0, 0.0), (2.0, 1.0), 150.0, false),
            ((1.0, 1.0), (7.0, 0.5), 49.0, true),
            ((1.0, 1.0), (100.0, 0.0), 100.0, true),
        ] {
            let found = crossings(&laws(first, second, &[1.0]), &mut Philox::new(1));
            assert_eq!((found.len(), found[0].change.rises), (1, rises));
            close(found[0].change.x, truth);
            assert!(found[0].low.is_nan() && found[0].high.is_nan(), "one seed shows no spread");
        }
        assert!(crossings(&laws((1.0, 1.0), (0.5, 0.0), &[1.0, 1.0]), &mut Philox::new(1)).is_empty());
        assert!(crossings(&[], &mut Philox::new(1)).is_empty());
    }

    /// Two seeds with the factors 1 and 4: resamples have the means 1, 2.5 and 4 with the chances 1/4, 1/2 and 1/4, so the interval
    /// is that of the crossings for 4 and for 1.
    #[test]
    fn the_interval_is_that_of_all_resamples() {
        let found = crossings(&laws((1.0, 1.0), (1_000.0, 0.0), &[1.0, 4.0]), &mut Philox::new(7));
        close(found[0].change.x, 400.0);
        close(found[0].low, 250.0);
        close(found[0].high, 1_000.0);
        // Without spread there is none; and the same draws give the same interval.
        let still = crossings(&laws((1.0, 1.0), (1_000.0, 0.0), &[2.0, 2.0, 2.0]), &mut Philox::new(7));
        close(still[0].low, 500.0);
        close(still[0].high, 500.0);
        let many: Vec<f64> = (0..20).map(|seed| 1.0 + f64::from(seed) / 10.0).collect();
        let again = || crossings(&laws((1.0, 1.0), (1_000.0, 0.0), &many), &mut Philox::new(3));
        assert_eq!(again(), again());
    }

    #[test]
    fn an_interval_may_leave_the_range() {
        let beyond = crossings(&laws((1.0, 1.0), (9_000.0, 0.0), &[0.5, 2.0]), &mut Philox::new(7));
        close(beyond[0].change.x, 7_200.0);
        close(beyond[0].low, 4_500.0);
        assert!(beyond[0].high.is_infinite());
        let before = crossings(&laws((1.0, 1.0), (2.0, 0.0), &[0.5, 3.0]), &mut Philox::new(7));
        assert!(before[0].low == 0.0 && before[0].high > 3.9);
    }

    /// Seeds whose factors are spread evenly: the interval holds the true crossing about as often as it says.
    #[test]
    fn the_interval_covers_the_truth_as_often_as_it_says() {
        let (mut rng, mut covered) = (Philox::new(11), 0);
        for _ in 0..300 {
            let factors: Vec<f64> = (0..20).map(|_| 0.5 + rapprochement_core::random::unit(&mut rng)).collect();
            let found = crossings(&laws((1.0, 1.0), (500.0, 0.0), &factors), &mut rng);
            covered += u32::from(found[0].low <= 500.0 && 500.0 <= found[0].high);
        }
        // 95 % of 300 is 285, with a standard error of 3.8; percentile intervals of 20 values are a little narrow.
        assert!((265..=297).contains(&covered), "{covered} of 300");
    }

    #[test]
    fn curves_may_cross_twice_touch_or_run_together() {
        let curve = |gaps: [f64; 5]| -> Vec<f64> {
            let gaps: Vec<(f64, f64)> = (0..5u32).map(f64::from).zip(gaps).collect();
            changes(&gaps).iter().map(|change| libm::log(change.x)).collect()
        };
        let near = |found: Vec<f64>, truth: &[f64]| {
            assert_eq!(found.len(), truth.len());
            found.iter().zip(truth).for_each(|(found, truth)| assert!((found - truth).abs() < 1e-12));
        };
        near(curve([-1.0, 1.0, 1.0, -3.0, -1.0]), &[0.5, 2.25]);
        near(curve([-1.0, 0.0, -1.0, -1.0, -1.0]), &[]);
        near(curve([-1.0, 0.0, 0.0, 0.0, 1.0]), &[2.0]);
        near(curve([0.0; 5]), &[]);
    }

    #[test]
    fn a_place_that_a_seed_lacks_is_judged_by_the_others() {
        let mut places = laws((1.0, 1.0), (50.0, 0.0), &[1.0, 1.0]);
        places[1].first[0] = f64::NAN;
        places[4].second = vec![f64::NAN; 2];
        let found = crossings(&places, &mut Philox::new(5));
        close(found[0].change.x, 50.0);
        close(found[0].low, 50.0);
    }
}
