//! Sweeps, figures over them, and bounds.

use std::collections::BTreeSet;

use super::super::canonical::toml_text;
use super::super::diagnostics::did_you_mean;
use super::super::path::{Path, Step};
use super::super::schema::{FigureConfig, Scenario, Sweep};
use super::{Checker, is_file_name};
use crate::measure::{curves, metrics};

/// A sweep has at most this many points.
pub(in super::super) const MAX_POINTS: usize = 10_000;
/// A point is run with at most this many seeds.
const MAX_REPLICATIONS: u32 = 10_000;
/// Keys that do not change what a run does, or that a sweep sets itself.
const NOT_SWEPT: [&str; 6] = ["name", "description", "seed", "sweep", "expect", "figure"];

pub(super) fn expect(s: &Scenario, c: &mut Checker) {
    for (metric, bound) in &s.expect {
        let path = Path::default().key("expect").key(metric).to_string();
        self::metric(c, &path, metric);
        match (bound.min, bound.max) {
            (None, None) => c.report(&[&path], "this bound holds for every value", "give `min`, `max` or both"),
            (Some(min), Some(max)) if min > max => {
                c.report(&[&path], format!("no value is at least {min} and at most {max}"), "");
            }
            _ => {}
        }
        for (key, value) in [("min", bound.min), ("max", bound.max)] {
            if value.is_some_and(|value| !value.is_finite()) {
                c.report(&[&format!("{path}.{key}")], "a bound is a finite number", "leave it out for no bound");
            }
        }
    }
}

/// The number of points of a grid, if it does not overflow.
pub(in super::super) fn grid_size(sweep: &Sweep) -> Option<usize> {
    sweep.grid.values().try_fold(1usize, |size, values| size.checked_mul(values.len()))
}

pub(super) fn sweep(s: &Scenario, c: &mut Checker) {
    let Some(sweep) = &s.sweep else { return };
    if sweep.replications == 0 {
        c.report(&["sweep.replications"], "a sweep without runs", "use at least 1; 5 or more give an interval");
    }
    if sweep.replications > MAX_REPLICATIONS {
        let message = format!("{} seeds for every point", sweep.replications);
        c.report(&["sweep.replications"], message, format!("use at most {MAX_REPLICATIONS}"));
    }
    if s.seed.saturating_add(u64::from(sweep.replications)) > i64::MAX as u64 {
        c.report(&["seed", "sweep.replications"], "the sweep's further seeds are too large", "use a smaller seed");
    }
    for (key, values) in &sweep.grid {
        let place = Path::default().key("sweep").key("grid").key(key);
        let first = Path::parse(key).ok().and_then(|path| path.0.into_iter().next());
        match first {
            None => c.report(
                &[&place.to_string()],
                format!("`{key}` is not a dotted key"),
                "for example \"protocol.eager_push.fanout\"",
            ),
            Some(Step::Key(root)) if NOT_SWEPT.contains(&root.as_str()) => {
                let help = if root == "seed" { "`sweep.replications` varies the seed" } else { "" };
                c.report(&[&place.to_string()], format!("`{root}` cannot be swept"), help);
            }
            Some(_) => {}
        }
        if values.is_empty() {
            c.report(&[&place.to_string()], "a list without values leaves no point", "give at least one value");
        }
        for (i, value) in values.iter().enumerate() {
            if values[..i].contains(value) {
                c.report(&[&place.index(i).to_string()], "this value stands in the list twice", "");
            }
        }
    }
    if grid_size(sweep).is_none_or(|size| size > MAX_POINTS) {
        c.report(&["sweep.grid"], format!("the grid has more than {MAX_POINTS} points"), "sweep fewer values at once");
    }
}

pub(super) fn figures(s: &Scenario, c: &mut Checker) {
    let mut names = BTreeSet::new();
    for (i, figure) in s.figure.iter().enumerate() {
        let at = |key: &str| format!("figure[{i}].{key}");
        if !is_file_name(&figure.name) {
            let help = "a name has 1 to 64 letters, digits, `-` and `_`";
            c.report(&[&at("name")], format!("{:?} cannot name a file", figure.name), help);
        }
        if !names.insert(&figure.name) {
            c.report(&[&at("name")], format!("there are two figures {:?}", figure.name), "");
        }
        axes(s, c, figure, at);
    }
}

fn axes(s: &Scenario, c: &mut Checker, figure: &FigureConfig, at: impl Fn(&str) -> String) {
    let swept = s.sweep.as_ref().map(|sweep| sweep.grid.keys().map(String::as_str).collect::<Vec<_>>());
    let swept = swept.unwrap_or_default();
    let along = ["time", "curve"].contains(&figure.x.as_str());
    let x = Some(&figure.x).filter(|_| !along || s.sweep.is_none());
    let axes = [("x", x), ("lines", figure.lines.as_ref())];
    for (key, value) in axes.into_iter().filter_map(|(key, value)| Some((key, value?))) {
        if !swept.contains(&value.as_str()) {
            let help = match did_you_mean(value, swept.iter().copied()) {
                Some(near) => near,
                None if swept.is_empty() => "there is no `[sweep.grid]`".into(),
                None => format!("swept: {}", swept.join(", ")),
            };
            c.report(&[&at(key), "sweep"], format!("`{value}` is not swept"), help);
        }
    }
    for (key, value) in &figure.only {
        let path = format!("{}.{key:?}", at("only"));
        match s.sweep.as_ref().and_then(|sweep| sweep.grid.get(key)) {
            None => {
                c.report(&[&path, "sweep"], format!("`{key}` is not swept"), format!("swept: {}", swept.join(", ")))
            }
            Some(values) if !values.contains(value) => {
                let known: Vec<String> = values.iter().map(toml_text).collect();
                let message = format!("the sweep has no {} of `{key}`", toml_text(value));
                c.report(&[&path, "sweep"], message, format!("values: {}", known.join(", ")));
            }
            Some(_) if *key == figure.x || figure.lines.as_ref() == Some(key) => {
                c.report(&[&path], format!("`{key}` is an axis of this figure, too"), "leave it out of one of them");
            }
            Some(_) => {}
        }
    }
    if figure.lines.as_ref() == Some(&figure.x) {
        c.report(&[&at("lines")], "the lines vary the same key as the horizontal axis", "leave `lines` out");
    }
    match figure.x.as_str() {
        "curve" => curve(c, &at("y"), &figure.y),
        _ if curves::find(&figure.y).is_some() => {
            c.report(&[&at("y"), &at("x")], format!("`{}` is a curve", figure.y), "draw it with `x = \"curve\"`");
        }
        _ => metric(c, &at("y"), &figure.y),
    }
}

/// A figure of a curve names one that runs report.
fn curve(c: &mut Checker, path: &str, name: &str) {
    if curves::find(name).is_none() {
        let known: Vec<&str> = curves::CURVES.iter().map(|curve| curve.name).collect();
        let help = did_you_mean(name, known.iter().copied()).unwrap_or_else(|| format!("curves: {}", known.join(", ")));
        c.report(&[path], format!("there is no curve `{name}`"), help);
    }
}

/// Bounds and figures name metrics of docs/output.md.
pub(super) fn metric(c: &mut Checker, path: &str, name: &str) {
    if metrics::find(name).is_none() {
        let known = metrics::METRICS.iter().map(|metric| metric.name);
        let help = did_you_mean(name, known).unwrap_or_else(|| "docs/output.md lists the metrics".into());
        c.report(&[path], format!("there is no metric `{name}`"), help);
    }
}
