//! `[expect]`: bounds that were written down before the run, and are judged after it.

use std::collections::BTreeMap;

use crate::measure::results::Results;
use crate::problem::Problem;
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
        if self.value.is_nan() {
            f.write_str(", but it was not reached")
        } else {
            write!(f, ", but it is {}", self.value)
        }
    }
}

/// The bounds that a run misses. A metric without a value misses its bound.
///
/// # Errors
/// Names of metrics that no run of this protocol has.
pub(super) fn judge(expect: &BTreeMap<String, Bound>, results: &Results) -> Result<Vec<Miss>, Vec<Problem>> {
    let (mut misses, mut problems) = (Vec::new(), Vec::new());
    for (metric, bound) in expect {
        let Some(value) = results.get(metric) else {
            problems.push(unknown(metric, results));
            continue;
        };
        let met =
            !value.is_nan() && bound.min.is_none_or(|min| value >= min) && bound.max.is_none_or(|max| value <= max);
        if !met {
            misses.push(Miss { metric: metric.clone(), bound: *bound, value });
        }
    }
    if problems.is_empty() { Ok(misses) } else { Err(problems) }
}

fn unknown(metric: &str, results: &Results) -> Problem {
    let names = results.scalars.iter().filter(|scalar| scalar.group.is_empty()).map(|scalar| scalar.metric.as_str());
    let help = crate::scenario::diagnostics::did_you_mean(metric, names)
        .unwrap_or_else(|| "scalars.csv of any run lists the metrics".into());
    Problem::new(format!("expect.{metric}"), format!("this run has no metric `{metric}`"), help)
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
        assert_eq!(judged("share", bound(Some(1.0), Some(1.0))), Ok(Vec::new()));
        assert_eq!(judged("share", bound(None, Some(0.9))).map(|misses| misses.len()), Ok(1));
        assert_eq!(judged("time_s", bound(None, Some(9.0))).map(|misses| misses.len()), Ok(1));
        assert!(judged("shore", bound(None, None)).unwrap_err()[0].help.contains("share"));
    }
}
