//! The figures that a scenario asks for over its sweep: a metric against a swept key or time, or a curve, as the mean over seeds
//! with its 95 % interval.

use std::collections::BTreeSet;

use super::standard::{readable, say_what_lacks};
use super::{Axis, Figure, Line, Style};
use crate::measure::curves::{SweptCurve, tabulate};
use crate::measure::metrics;
use crate::measure::summary::SummaryRow;
use crate::scenario::canonical::toml_text;
use crate::scenario::schema::FigureConfig;
use crate::units::{Rate, Size, Span};

/// Draws `[[figure]]` entries. `keys` are the swept keys in the order of the rows' values. A figure whose horizontal axis is not
/// swept is left out; swept keys that are neither its axis nor its lines give a line for each of their combinations.
pub fn sweep_figures(configs: &[FigureConfig], keys: &[String], rows: &[SummaryRow]) -> Vec<Figure> {
    configs.iter().filter_map(|config| figure(config, keys, rows)).collect()
}

/// Draws a `[[figure]]` of a curve: its mean over seeds at the same places for all runs, a line per point of the sweep, each with
/// the share that it lacks. None where no run has the curve.
pub fn sweep_curve(config: &FigureConfig, keys: &[String], runs: &[SweptCurve]) -> Option<Figure> {
    let axes = &runs.first()?.curve;
    let table = tabulate(keys, runs);
    let mut config = config.clone();
    config.x_label.get_or_insert_with(|| axes.x_label.clone());
    config.y_label.get_or_insert_with(|| axes.y_label.clone());
    config.x_log = axes.x_log;
    let mut figure = figure(&config, &table.keys, &table.summarise())?;
    figure.y.range = (!config.y_log).then_some((0.0, 1.0));
    say_what_lacks(&mut figure, &config.y);
    Some(figure)
}

fn figure(config: &FigureConfig, keys: &[String], rows: &[SummaryRow]) -> Option<Figure> {
    let along = keys.iter().position(|key| key == &config.x)?;
    let names: Vec<Vec<(String, String)>> = (0..keys.len()).map(|key| display_names(key, rows)).collect();
    // Values that are no quantities stand side by side in the order of the sweep.
    let quantities: Option<Vec<f64>> = names[along].iter().map(|(value, _)| quantity(value)).collect();
    let mut lines: Vec<Line> = Vec::new();
    // The groups of a metric are parts of it, those of a curve its lines.
    let of_curve = config.x == "curve";
    let wanted = |row: &&SummaryRow| {
        let asked = |(key, value)| {
            let place = keys.iter().position(|known| known == key)?;
            Some(*row.values.get(place)? == toml_text(value))
        };
        row.metric == config.y
            && (of_curve || row.group.is_empty())
            && config.only.iter().all(|of| asked(of) == Some(true))
    };
    for row in rows.iter().filter(wanted) {
        let Some(place) = names[along].iter().position(|(value, _)| Some(value) == row.values.get(along)) else {
            continue;
        };
        let x = quantities.as_ref().map_or(place as f64 + 1.0, |quantities| quantities[place]);
        let name = line_name(config, keys, &names, along, row);
        let index = lines.iter().position(|line| line.name == name).unwrap_or_else(|| {
            let style = if quantities.is_some() { Style::Connected } else { Style::Points };
            lines.push(Line { style, ..Line::new(name, Vec::new()) });
            lines.len() - 1
        });
        let summary = &row.summary;
        // Where a run has no value there is no point: a mean over those alone that got there would flatter.
        let shown = |value: f64| if summary.missing == 0 { value } else { f64::NAN };
        lines[index].points.push((x, shown(summary.mean)));
        lines[index].band.push((shown(summary.ci95_low()), shown(summary.ci95_high())));
        lines[index].runs.push((summary.n, summary.missing));
    }
    lines.retain(|line| line.points.iter().any(|(_, y)| !y.is_nan()));
    lines.iter_mut().for_each(sort_by_x);
    if let Some(reference) = config.reference.as_ref().filter(|_| !lines.is_empty()) {
        lines[0].name = if lines[0].name.is_empty() { "simulated".into() } else { lines[0].name.clone() };
        lines.push(Line::new(reference.label.clone(), reference.points.clone()));
    }
    let named =
        if quantities.is_some() { Vec::new() } else { names[along].iter().map(|(_, name)| name.clone()).collect() };
    let x_label = config.x_label.clone().unwrap_or_else(|| readable(&config.x));
    let y_label = config.y_label.clone().unwrap_or_else(|| metric_label(&config.y));
    (!lines.is_empty()).then(|| Figure {
        name: config.name.clone(),
        title: readable(&config.name),
        x: Axis { log: config.x_log && named.is_empty(), names: named, ..Axis::linear(x_label) },
        // Intervals of a share may leave what a share can be; the axis does not.
        y: Axis {
            log: config.y_log,
            range: (config.y == "newest_share").then_some((0.0, 1.0)),
            ..Axis::linear(y_label)
        },
        lines,
        ..Figure::default()
    })
}

/// The values of a swept key in the order of the sweep, each with what a figure calls it: a table such as
/// `{ eager_push = { ... } }` by its first key, unless two of the values would then be called the same.
fn display_names(key: usize, rows: &[SummaryRow]) -> Vec<(String, String)> {
    let mut values: Vec<&str> = Vec::new();
    for value in rows.iter().filter_map(|row| row.values.get(key)) {
        if !values.contains(&value.as_str()) {
            values.push(value);
        }
    }
    let first_key = |value: &str| {
        let inside = value.strip_prefix('{').map(str::trim_start)?;
        inside.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '-').next().map(readable)
    };
    let short: Vec<String> = values.iter().map(|value| first_key(value).unwrap_or_else(|| unquoted(value))).collect();
    let distinct = short.iter().collect::<BTreeSet<_>>().len() == values.len();
    let name = |(value, short): (&&str, String)| ((*value).to_owned(), if distinct { short } else { unquoted(value) });
    values.iter().zip(short).map(name).collect()
}

/// A value of a table as a person reads it: a string without its quotes, a table without its punctuation.
fn unquoted(value: &str) -> String {
    if !value.starts_with('{') {
        return readable(value.trim_matches('"'));
    }
    let words = value.split(|c: char| c.is_whitespace() || "{}=\",".contains(c)).filter(|word| !word.is_empty());
    readable(&words.collect::<Vec<_>>().join(" "))
}

/// The name of the line that a row belongs to.
fn line_name(
    config: &FigureConfig,
    keys: &[String],
    names: &[Vec<(String, String)>],
    along: usize,
    row: &SummaryRow,
) -> String {
    let mut parts: Vec<String> = Vec::new();
    for (index, value) in row.values.iter().enumerate().filter(|(index, _)| *index != along) {
        let (Some(key), Some(names)) = (keys.get(index), names.get(index)) else { continue };
        if config.only.contains_key(key) {
            continue;
        }
        let value = names.iter().find(|(known, _)| known == value).map_or(value, |(_, name)| name);
        if config.lines.as_ref() == Some(key) {
            parts.insert(0, value.clone());
        } else {
            parts.push(format!("{} = {value}", readable(key.rsplit('.').next().unwrap_or(key))));
        }
    }
    if !row.group.is_empty() {
        parts.push(readable(&row.group));
    }
    parts.join(", ")
}

fn sort_by_x(line: &mut Line) {
    let mut order: Vec<usize> = (0..line.points.len()).collect();
    order.sort_by(|a, b| line.points[*a].0.total_cmp(&line.points[*b].0));
    line.points = order.iter().map(|place| line.points[*place]).collect();
    line.band = order.iter().map(|place| line.band[*place]).collect();
    line.runs = order.iter().map(|place| line.runs[*place]).collect();
}

/// The number in a swept value: a plain one, or a quantity in its base unit (s, bit/s, B, share).
fn quantity(text: &str) -> Option<f64> {
    let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
    number
        .or_else(|| text.parse::<Span>().ok().map(|span| span.0.as_secs_f64()))
        .or_else(|| text.parse::<Rate>().ok().map(|rate| rate.0 as f64))
        .or_else(|| text.parse::<Size>().ok().map(|size| size.0 as f64))
        .or_else(|| text.strip_suffix('%')?.trim().parse().ok().map(|percent: f64| percent / 100.0))
}

/// A metric's name with its unit set apart, where it is known.
fn metric_label(name: &str) -> String {
    match metrics::find(name).map(|metric| metric.unit) {
        Some("s") => format!("{} (s)", readable(name.trim_end_matches("_s"))),
        Some(unit) if !unit.is_empty() => format!("{} ({unit})", readable(name.trim_end_matches("_per_node_s"))),
        _ => readable(name),
    }
}
