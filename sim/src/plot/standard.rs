//! The figures that every run gets: convergence and bandwidth over time, and each curve of its results.

use std::collections::BTreeMap;

use super::{Along, Axis, Figure, Line, Reference};
use crate::measure::curves::{self, lacking};
use crate::measure::results::{Curve, Results};

/// A figure of one series over time.
struct OverTime {
    name: &'static str,
    metric: &'static str,
    title: &'static str,
    label: &'static str,
    range: Option<(f64, f64)>,
}

const OVER_TIME: [OverTime; 2] = [
    OverTime {
        name: "convergence",
        metric: "newest_share",
        title: "Convergence",
        label: "Share of newest versions held",
        range: Some((0.0, 1.0)),
    },
    OverTime {
        name: "bandwidth",
        metric: "sent_wire_bytes_per_node_s",
        title: "Bandwidth",
        label: "Sent per node (B/s)",
        range: None,
    },
];

/// Most lines of a figure: as many as there are colours.
const LINES: usize = 7;

/// The standard figures of a run, as far as its results have what they show.
pub fn standard(results: &Results) -> Vec<Figure> {
    let over_time = OVER_TIME.iter().filter_map(|figure| over_time(figure, results));
    over_time.chain(results.curves.iter().map(curve)).collect()
}

/// A line per group, the ones that carry most first; what exceeds the colours is added up as "other".
fn over_time(figure: &OverTime, results: &Results) -> Option<Figure> {
    let mut groups: BTreeMap<&str, Vec<(f64, f64)>> = BTreeMap::new();
    for sample in results.series.iter().filter(|sample| sample.metric == figure.metric) {
        groups.entry(&sample.group).or_default().push((sample.time.as_secs_f64(), sample.value));
    }
    if groups.is_empty() {
        return None;
    }
    groups.retain(|_, points| points.iter().any(|point| point.1 != 0.0));
    let total =
        |points: &[(f64, f64)]| points.iter().map(|point| point.1).filter(|value| value.is_finite()).sum::<f64>();
    let mut lines: Vec<Line> = groups.into_iter().map(|(group, points)| Line::new(readable(group), points)).collect();
    lines.sort_by(|a, b| total(&b.points).total_cmp(&total(&a.points)).then_with(|| a.name.cmp(&b.name)));
    if lines.len() > LINES {
        let rest = lines.split_off(LINES - 1);
        lines.push(Line::new("other", add_up(&rest)));
    }
    Some(Figure {
        name: figure.name.into(),
        title: figure.title.into(),
        x: Axis::linear("Time (s)"),
        y: Axis { range: figure.range, ..Axis::linear(figure.label) },
        lines,
        ..Figure::default()
    })
}

/// Adds up lines that were sampled at the same times.
fn add_up(lines: &[Line]) -> Vec<(f64, f64)> {
    let mut sums: Vec<(f64, f64)> = lines.iter().flat_map(|line| line.points.iter().copied()).collect();
    sums.sort_by(|a, b| a.0.total_cmp(&b.0));
    sums.dedup_by(|next, sum| {
        let same = next.0 == sum.0;
        if same {
            sum.1 += next.1;
        }
        same
    });
    sums
}

fn curve(curve: &Curve) -> Figure {
    let lines = curve.lines.iter().map(|(name, points)| Line::new(readable(name), points.clone()));
    let mut figure = Figure {
        name: curve.name.clone(),
        title: curve.y_label.clone(),
        x: Axis { log: curve.x_log, ..Axis::linear(curve.x_label.clone()) },
        y: Axis::linear(curve.y_label.clone()),
        lines: lines.collect(),
        ..Figure::default()
    };
    say_what_lacks(&mut figure, &curve.name);
    figure
}

/// Says by how much lines of a distribution end below one: beside its name, or across the plot where a line stands alone and
/// has no name.
pub(super) fn say_what_lacks(figure: &mut Figure, curve: &str) {
    let Some(kind) = curves::find(curve) else { return };
    let alone = figure.lines.len() == 1;
    for line in &mut figure.lines {
        let short = lacking(&line.points);
        if short == 0.0 {
            continue;
        }
        let label = format!("{} {}", percent(short), kind.lacking);
        if alone {
            figure.references.push(Reference { along: Along::Y, at: 1.0 - short, label });
        } else {
            line.name = format!("{} ({label})", line.name);
        }
    }
}

/// A share with two digits, such as "12 %" or "0.034 %".
fn percent(share: f64) -> String {
    let percent = share * 100.0;
    let decimals = (1.0 - libm::floor(libm::log10(percent))).clamp(0.0, 9.0) as usize;
    format!("{percent:.decimals$} %")
}

/// A name of the files as a person reads it.
pub(super) fn readable(name: &str) -> String {
    name.replace('_', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_read_with_two_digits() {
        assert_eq!(
            [1.0, 0.123, 0.0456, 0.000_34, 1e-6].map(percent),
            ["100 %", "12 %", "4.6 %", "0.034 %", "0.00010 %"]
        );
    }

    #[test]
    fn what_never_arrived_is_said_across_the_plot_or_beside_names() {
        let curve = |lines: &[(&str, f64)]| Curve {
            name: "update_latency_cdf".into(),
            x_label: "Update latency (s)".into(),
            y_label: "Share".into(),
            x_log: true,
            lines: lines.iter().map(|(name, end)| ((*name).into(), vec![(0.1, 0.2), (1.0, *end)])).collect(),
        };
        let one = super::curve(&curve(&[("delivered", 0.98)]));
        assert_eq!((one.references[0].label.as_str(), one.references[0].at), ("2.0 % undelivered", 0.98));
        assert!(super::curve(&curve(&[("delivered", 1.0)])).references.is_empty());
        let two = super::curve(&curve(&[("a", 1.0), ("b", 0.75)]));
        assert!(two.references.is_empty());
        assert_eq!((two.lines[0].name.as_str(), two.lines[1].name.as_str()), ("a", "b (25 % undelivered)"));
    }
}
