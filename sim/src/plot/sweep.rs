//! The figures that a scenario asks for over its sweep: a metric against a swept key, as the mean over seeds with its 95 %
//! interval.

use std::collections::BTreeMap;

use super::standard::readable;
use super::{Axis, Figure, Line};
use crate::measure::metrics;
use crate::measure::summary::SummaryRow;
use crate::scenario::schema::FigureConfig;
use crate::units::{Rate, Share, Size, Span};

/// Draws `[[figure]]` entries. `keys` are the swept keys in the order of the rows' values. A figure whose horizontal axis is not
/// swept is left out; swept keys that are neither its axis nor its lines give a line for each of their combinations.
pub fn sweep_figures(configs: &[FigureConfig], keys: &[String], rows: &[SummaryRow]) -> Vec<Figure> {
    configs.iter().filter_map(|config| figure(config, keys, rows)).collect()
}

fn figure(config: &FigureConfig, keys: &[String], rows: &[SummaryRow]) -> Option<Figure> {
    let along = keys.iter().position(|key| key == &config.x)?;
    let shown: Vec<&SummaryRow> = rows.iter().filter(|row| row.metric == config.y && row.summary.n > 0).collect();
    // Values that are no quantities, such as names, stand side by side in the order of the sweep.
    let mut named: Vec<&str> = Vec::new();
    for value in rows.iter().filter_map(|row| row.values.get(along)) {
        if !named.contains(&value.as_str()) {
            named.push(value);
        }
    }
    let quantities: Option<BTreeMap<&str, f64>> = named.iter().map(|text| Some((*text, quantity(text)?))).collect();
    let mut lines: Vec<Line> = Vec::new();
    for row in shown {
        let place = |text: &String| match &quantities {
            Some(quantities) => quantities.get(text.as_str()).copied(),
            None => named.iter().position(|name| name == text).map(|index| index as f64 + 1.0),
        };
        let Some(x) = row.values.get(along).and_then(place) else { continue };
        let name = line_name(config, keys, along, row);
        let index = lines.iter().position(|line| line.name == name).unwrap_or_else(|| {
            lines.push(Line::new(name, Vec::new()));
            lines.len() - 1
        });
        lines[index].points.push((x, row.summary.mean));
        lines[index].band.push((row.summary.ci95_low(), row.summary.ci95_high()));
    }
    lines.iter_mut().for_each(sort_by_x);
    (!lines.is_empty()).then(|| Figure {
        name: config.name.clone(),
        title: readable(&config.name),
        x: Axis { log: config.x_log, ..Axis::linear(config.x_label.clone().unwrap_or_else(|| readable(&config.x))) },
        y: Axis {
            log: config.y_log,
            ..Axis::linear(config.y_label.clone().unwrap_or_else(|| metric_label(&config.y)))
        },
        lines,
        ..Figure::default()
    })
}

/// The name of the line that a row belongs to.
fn line_name(config: &FigureConfig, keys: &[String], along: usize, row: &SummaryRow) -> String {
    let mut parts: Vec<String> = Vec::new();
    for (index, value) in row.values.iter().enumerate().filter(|(index, _)| *index != along) {
        let key = keys.get(index).map_or("", String::as_str);
        if config.lines.as_deref() == Some(key) {
            parts.insert(0, readable(value));
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
    let mut both: Vec<_> = line.points.iter().copied().zip(line.band.iter().copied()).collect();
    both.sort_by(|a, b| a.0.0.total_cmp(&b.0.0));
    (line.points, line.band) = both.into_iter().unzip();
}

/// The number in a swept value: a plain one, or a quantity in its base unit (s, bit/s, B, share).
fn quantity(text: &str) -> Option<f64> {
    let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
    number
        .or_else(|| text.parse::<Span>().ok().map(|span| span.0.as_secs_f64()))
        .or_else(|| text.parse::<Rate>().ok().map(|rate| rate.0 as f64))
        .or_else(|| text.parse::<Size>().ok().map(|size| size.0 as f64))
        .or_else(|| toml_share(text))
}

fn toml_share(text: &str) -> Option<f64> {
    let percent = text.strip_suffix('%')?.trim().parse::<f64>().ok()?;
    Some(Share(percent / 100.0).0)
}

/// A metric's name with its unit set apart, where it is known.
fn metric_label(name: &str) -> String {
    match metrics::find(name).map(|metric| metric.unit) {
        Some("s") => format!("{} (s)", readable(name.trim_end_matches("_s"))),
        Some(unit) if !unit.is_empty() => format!("{} ({unit})", readable(name.trim_end_matches("_per_node_s"))),
        _ => readable(name),
    }
}
