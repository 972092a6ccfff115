//! `[expect]`: bounds that were written down before the run, and are judged after it.

use std::collections::BTreeMap;

use crate::measure::results::Results;
use crate::scenario::schema::Bound;

/// A bound that was not met.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Miss {
    metric: String,
    bound: Bound,
    value: f64,
}

impl std::fmt::Display for Miss {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "expected {}", self.metric)?;
        if let Some(min) = self.bound.min {
            write!(f, " >= {min}")?;
        }
        if let Some(max) = self.bound.max {
            write!(f, " <= {max}")?;
        }
        if self.value.is_nan() { f.write_str(", but it has no value") } else { write!(f, ", but it is {}", self.value) }
    }
}

/// The bounds that a run misses. A metric without a value misses its bound, and so does one that this run does not have,
/// such as the hops of rumours where the protocol has none.
pub(super) fn judge(expect: &BTreeMap<String, Bound>, results: &Results) -> Vec<Miss> {
    let misses = expect.iter().filter_map(|(metric, bound)| {
        let value = results.get(metric).unwrap_or(f64::NAN);
        let met =
            !value.is_nan() && bound.min.is_none_or(|min| value >= min) && bound.max.is_none_or(|max| value <= max);
        (!met).then(|| Miss { metric: metric.clone(), bound: *bound, value })
    });
    misses.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bound(min: Option<f64>, max: Option<f64>) -> Bound {
        Bound { min, max }
    }

    #[test]
    fn bounds_are_inclusive_and_a_missing_value_misses() {
        let mut results = Results::default();
        results.scalar("share", 1.0);
        results.scalar("time_s", f64::NAN);
        let judged = |metric: &str, bound| judge(&BTreeMap::from([(metric.to_owned(), bound)]), &results);
        assert_eq!(judged("share", bound(Some(1.0), Some(1.0))), Vec::new());
        assert_eq!(judged("share", bound(None, Some(0.9))).len(), 1);
        assert_eq!(judged("time_s", bound(None, Some(9.0))).len(), 1);
        assert_eq!(judged("absent", bound(Some(0.0), None)).len(), 1);
    }
}
