//! The curves that runs report, and their mean over the seeds of a sweep.
//!
//! A curve is a distribution function: the share of things that took at most so long, or so much. Its share is of everything
//! that was due, so it ends below one where something never happened, and stays there. What a run did not see is
//! therefore never averaged away: the mean over seeds at a place is that of all runs, each with what it lacks.

use super::results::Curve;
use super::summary::{SweepRow, SweepTable};

/// One curve that a run can report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CurveKind {
    /// Name of its file in `curves/`, without ending.
    pub name: &'static str,
    /// Meaning, in one sentence without its full stop.
    pub meaning: &'static str,
    /// What a figure calls the share by which it ends below one.
    pub lacking: &'static str,
}

/// Every curve that a run can report. `docs/output.md` explains the same list, and a test compares the two.
pub const CURVES: &[CurveKind] = &[
    CurveKind {
        name: "update_latency_cdf",
        meaning: "share of (update, node) pairs delivered within a time, over the population that stayed; it ends at one less \
                  the undelivered share",
        lacking: "undelivered",
    },
    CurveKind {
        name: "update_spread_cdf",
        meaning: "share of updates that had reached 50, 90, 99 and 100 % of the population that stayed within a time",
        lacking: "never",
    },
    CurveKind {
        name: "node_bytes_cdf",
        meaning: "share of nodes that sent and received at most so many wire bytes",
        lacking: "missing",
    },
    CurveKind {
        name: "opinion_latency_cdf",
        meaning: "share of (opinion, node) pairs delivered within a time, to nodes that were present when it was formed; it ends at \
                  one less the undelivered share of the newest opinions",
        lacking: "undelivered",
    },
    CurveKind {
        name: "best_rtt_cdf",
        meaning: "share of nodes whose best neighbours' round trip is at most so many times that of as many nearest peers",
        lacking: "missing",
    },
    CurveKind {
        name: "call_latency_cdf",
        meaning: "share of arrived requests that took at most so long, of all and of large ones; `calls_arrived_share` says how many did not",
        lacking: "missing",
    },
    CurveKind {
        name: "lookup_latency_cdf",
        meaning: "share of lookups that gave the right address within a time, over those of names that were up all the while; it ends at one \
                  less `lookups_undelivered_share`",
        lacking: "undelivered",
    },
    CurveKind {
        name: "name_to_first_byte_cdf",
        meaning: "share of lookups whose first byte was there within a time; it ends at one less \
                  `name_to_first_byte_undelivered_share`",
        lacking: "undelivered",
    },
    CurveKind {
        name: "workflow_time_cdf",
        meaning: "share of workflow runs that were done within a time of their arrival",
        lacking: "unfinished",
    },
    CurveKind {
        name: "transfer_time_cdf",
        meaning: "share of receivers in workflows that had all their input within a time of when the last of their senders had computed",
        lacking: "missing",
    },
];

/// The curve of this name, if it is one of [`CURVES`].
pub fn find(name: &str) -> Option<&'static CurveKind> {
    CURVES.iter().find(|curve| curve.name == name)
}

/// The share by which a line of a curve ends below one; 0 where it reaches one or has no points.
pub fn lacking(points: &[(f64, f64)]) -> f64 {
    const NOISE: f64 = 1e-9;
    let short = points.last().map_or(0.0, |(_, share)| 1.0 - share);
    if short > NOISE { short } else { 0.0 }
}

/// A curve of one run of a sweep.
#[derive(Clone, Debug, PartialEq)]
pub struct SweptCurve {
    /// The values of the swept keys as text.
    pub values: Vec<String>,
    /// Seed of the run.
    pub seed: u64,
    /// The curve.
    pub curve: Curve,
}

/// At how many places a curve is averaged over seeds.
const PLACES: u32 = 200;

/// The curves of a sweep as a table with one more key, `curve`, which holds the places on the horizontal axis: the same for all
/// runs, evenly over what they cover on the axis that the curve has. The group is the line of a curve that has several.
///
/// A line that a run has no points of is not a number at every place, and counts as missing over seeds.
pub fn tabulate(keys: &[String], runs: &[SweptCurve]) -> SweepTable {
    let mut keys = keys.to_vec();
    keys.push("curve".into());
    let places = places(runs);
    let mut lines: Vec<&str> = Vec::new();
    for (name, _) in runs.iter().flat_map(|run| &run.curve.lines) {
        if !lines.contains(&name.as_str()) {
            lines.push(name);
        }
    }
    let mut rows = Vec::new();
    for (run, line) in runs.iter().flat_map(|run| lines.iter().map(move |line| (run, *line))) {
        let points = run.curve.lines.iter().find(|(name, _)| name == line).map_or(&[][..], |(_, points)| points);
        for place in &places {
            rows.push(SweepRow {
                values: run.values.iter().cloned().chain([place.to_string()]).collect(),
                seed: run.seed,
                metric: run.curve.name.clone(),
                group: if lines.len() > 1 { line.to_owned() } else { String::new() },
                value: share_at(points, *place),
            });
        }
    }
    SweepTable { keys, rows }
}

/// The value of a step function at `x`: that of its last point up to there, zero before the first, and not a number where
/// there are no points.
fn share_at(points: &[(f64, f64)], x: f64) -> f64 {
    if points.is_empty() {
        return f64::NAN;
    }
    points[..points.partition_point(|point| point.0 <= x)].last().map_or(0.0, |point| point.1)
}

/// Where curves are averaged. The ends are exact, so that the last place has all that ever happened.
fn places(runs: &[SweptCurve]) -> Vec<f64> {
    let log = runs.first().is_some_and(|run| run.curve.x_log);
    let all = runs.iter().flat_map(|run| &run.curve.lines).flat_map(|(_, points)| points.iter().map(|point| point.0));
    let shown = all.filter(|x| x.is_finite() && (!log || *x > 0.0));
    let (low, high) = shown.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)));
    if low >= high {
        return if low == high { vec![low] } else { Vec::new() };
    }
    let last = PLACES - 1;
    let place = |index: u32| {
        let share = f64::from(index) / f64::from(last);
        match index {
            0 => low,
            _ if index == last => high,
            _ if log => low * libm::pow(high / low, share),
            _ => low + (high - low) * share,
        }
    };
    (0..PLACES).map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(value: &str, seed: u64, lines: &[(&str, &[(f64, f64)])]) -> SweptCurve {
        let lines = lines.iter().map(|(name, points)| ((*name).to_owned(), points.to_vec())).collect();
        let (name, label) = ("update_latency_cdf".to_owned(), String::new());
        let curve = Curve { name, x_label: label.clone(), y_label: label, x_log: true, lines };
        SweptCurve { values: vec![value.into()], seed, curve }
    }

    /// The exponential distribution of which a share never arrives, as a run would report it: `(1 - lost) (1 - exp(-x))`.
    fn exponential(lost: f64) -> Vec<(f64, f64)> {
        let delivered = 1.0 - lost;
        (1..=4_000u32).map(f64::from).map(|i| (i / 100.0, delivered * -libm::expm1(-i / 100.0))).collect()
    }

    #[test]
    fn the_mean_over_seeds_is_that_of_the_closed_form_and_keeps_what_never_arrived() {
        let (a, b) = (exponential(0.1), exponential(0.3));
        let runs = [run("4", 1, &[("delivered", &a)]), run("4", 2, &[("delivered", &b)])];
        let table = tabulate(&["fanout".into()], &runs);
        assert_eq!(table.keys, ["fanout", "curve"]);
        let summary = table.summarise();
        assert_eq!(summary.len(), PLACES as usize, "a row per place over both seeds");
        for row in &summary {
            let x: f64 = row.values[1].parse().unwrap();
            let truth = 0.8 * -libm::expm1(-x);
            // The reported steps are 0.01 apart, and the density is at most 0.8.
            assert!((row.summary.mean - truth).abs() <= 0.008 + 1e-9, "{} is not {truth} at {x}", row.summary.mean);
            // Two values that differ by a fifth of the distribution: half-width t(0.975, 1) * |difference| / 2.
            let half = 12.706_204_7 * 0.1 * row.summary.mean / 0.8;
            assert!((row.summary.ci95 - half).abs() < 1e-6 * half, "{} is not {half}", row.summary.ci95);
        }
        let (first, last) = (&summary[0], &summary[PLACES as usize - 1]);
        assert_eq!((first.values[1].as_str(), last.values[1].as_str()), ("0.01", "40"));
        assert!((last.summary.mean - 0.8).abs() < 1e-12, "a fifth never arrived, and is not shared out");
    }

    #[test]
    fn a_curve_is_a_step_function_that_stays_where_it_ends() {
        let points = [(1.0, 0.25), (2.0, 0.5), (2.0, 0.75)];
        let shares = [0.5, 1.0, 1.9, 2.0, 9.0].map(|x| share_at(&points, x));
        assert_eq!(shares, [0.0, 0.25, 0.25, 0.75, 0.75]);
        assert_eq!((lacking(&points), lacking(&[(1.0, 1.0)]), lacking(&[])), (0.25, 0.0, 0.0));
    }

    #[test]
    fn runs_share_their_places_and_lines_without_points_are_missing() {
        let (fast, slow): (&[_], &[_]) = (&[(0.0, 0.1), (0.01, 1.0)], &[(1.0, 1.0)]);
        let runs = [run("a", 1, &[("50 %", fast), ("90 %", slow)]), run("b", 1, &[("50 %", slow)])];
        let table = tabulate(&["k".into()], &runs);
        assert_eq!(table.rows.len(), 4 * PLACES as usize);
        let of = |value: &str, group: &str| -> Vec<f64> {
            let rows = table.rows.iter().filter(|row| row.values[0] == value && row.group == group);
            rows.map(|row| row.value).collect()
        };
        assert_eq!((of("a", "50 %")[0], of("a", "90 %")[0]), (1.0, 0.0), "zero is on no logarithmic axis");
        assert!(of("b", "50 %")[..PLACES as usize - 1].iter().all(|share| *share == 0.0));
        assert!(of("b", "90 %").iter().all(|share| share.is_nan()));
        assert!(tabulate(&[], &[]).rows.is_empty());
    }
}
