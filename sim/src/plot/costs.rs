//! The figures of what methods of reconciliation take between two peers: the map of the cheapest, and the costs against the
//! differences.

use super::{Axis, Cell, Cells, Figure, Line};
use crate::measure::costs::{By, Cheapest, Costs, Point, Setting};
use crate::measure::statistics::Summary;

/// The map: a panel for every number of items and authors (rows) and share of updates (columns), the differences along it, bytes
/// and links down it, and in each cell the cheapest method with what the adaptive one takes over it.
pub fn decision_map(costs: &Costs, cheapest: &[Cheapest], adaptive: &str) -> Cells {
    let settings = costs.settings();
    let rows = distinct(settings.iter().map(|setting| (setting.items, setting.authors)));
    let columns = distinct(settings.iter().map(|setting| setting.updates.to_bits()));
    let mut differences: Vec<u64> = costs.points().map(|point| point.differences).collect();
    differences.sort_unstable();
    differences.dedup();
    let views = costs.views();
    let place = |one: &Cheapest| {
        let setting = one.point.setting;
        let row = rows.iter().position(|row| *row == (setting.items, setting.authors))?;
        let column = columns.iter().position(|bits| *bits == setting.updates.to_bits())?;
        let x = differences.iter().position(|d| *d == one.point.differences)?;
        let y = views.iter().position(|view| *view == (one.by, one.point.link.as_str()))?;
        let category = costs.methods().iter().position(|method| *method == one.method)?;
        Some(Cell { panel: (row, column), place: (x, y), category, label: ratio(one.adaptive_ratio) })
    };
    Cells {
        name: "map".into(),
        title: "The cheapest method between two peers".into(),
        rows: rows
            .iter()
            .map(|(items, authors)| format!("{} items, {} authors", whole(*items), whole(*authors)))
            .collect(),
        columns: columns.iter().map(|bits| format!("{} updates", share(f64::from_bits(*bits)))).collect(),
        x_label: "Differences".into(),
        xs: differences.iter().copied().map(whole).collect(),
        ys: views.iter().map(|view| costs.name_of(*view)).collect(),
        cells: cheapest.iter().filter_map(place).collect(),
        note: if cheapest.iter().any(|one| !one.adaptive_ratio.is_nan()) {
            format!("number: {adaptive} over the cheapest")
        } else {
            String::new()
        },
        categories: costs.methods().to_vec(),
        ..Cells::default()
    }
}

/// What every method takes against the differences, with 95 % intervals over seeds: a figure per setting and view.
pub fn cost_curves(costs: &Costs, settings: &[Setting]) -> Vec<Figure> {
    let views = costs.views();
    let all = settings.iter().flat_map(|setting| views.iter().map(|view| (*setting, *view)));
    all.map(|(setting, view)| curves(costs, setting, view)).filter(|figure| !figure.lines.is_empty()).collect()
}

fn curves(costs: &Costs, setting: Setting, (by, link): (By, &str)) -> Figure {
    let Setting { items, authors, updates } = setting;
    // Where bytes do not depend on the link, the figure is of all links.
    let view = costs.name_of((by, link));
    let of = |method: &String| line(costs, setting, (by, link), method);
    Figure {
        name: file_name(&format!("{view}-{items}-items-{authors}-authors-{}-updates", share(updates))),
        title: format!("{view}: {} items, {} authors, {} updates", whole(items), whole(authors), share(updates)),
        x: Axis { log: true, ..Axis::linear("Differences") },
        y: Axis { log: true, ..Axis::linear(if by == By::Bytes { "Bytes (B)" } else { "Time (s)" }) },
        lines: costs.methods().iter().map(of).filter(|line| !line.points.is_empty()).collect(),
        ..Figure::default()
    }
}

fn line(costs: &Costs, setting: Setting, (by, link): (By, &str), method: &str) -> Line {
    let mut line = Line::new(method, Vec::new());
    for differences in costs.differences(setting, link) {
        let point = Point { setting, link: link.to_owned(), differences };
        let values: Vec<f64> = costs.trials(&point, method, by).into_iter().map(|(_, value)| value).collect();
        if values.is_empty() {
            continue;
        }
        let summary = Summary::of(&values);
        line.points.push((differences as f64, summary.mean));
        line.band.push((summary.ci95_low(), summary.ci95_high()));
        line.runs.push((summary.n, 0));
    }
    line
}

/// What differs, in ascending order.
fn distinct<T: Ord>(values: impl Iterator<Item = T>) -> Vec<T> {
    let mut values: Vec<T> = values.collect();
    values.sort_unstable();
    values.dedup();
    values
}

/// A ratio with two decimals where they say something; empty where there is none.
fn ratio(value: f64) -> String {
    match value {
        value if value.is_nan() => String::new(),
        value if value < 9.995 => format!("{value:.2}"),
        value => format!("{value:.0}"),
    }
}

/// A share in per cent, with the decimals that it has.
fn share(value: f64) -> String {
    let percent = libm::round(value * 1e8) / 1e6;
    format!("{percent} %")
}

/// "10,000".
fn whole(value: u64) -> String {
    let digits = value.to_string();
    let from = |index: usize| (digits.len() - index).is_multiple_of(3) && index > 0;
    digits
        .chars()
        .enumerate()
        .flat_map(|(index, digit)| from(index).then_some(',').into_iter().chain([digit]))
        .collect()
}

/// A text as the name of a file: words and numbers with hyphens between them.
fn file_name(text: &str) -> String {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '.').filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-").replace('.', "_").to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::costs::{Trial, cheapest};

    fn study() -> Costs {
        let mut costs = Costs::default();
        for (items, authors, updates) in [(1_000, 10, 0.5), (1_000, 10, 0.0), (10_000, 10, 0.0)] {
            for (link, slow) in [("20 Mbit/s, 50 ms", 1.0), ("1 Gbit/s, 1 ms", 0.01)] {
                for (differences, seed) in [(1, 1), (1, 2), (100, 1), (100, 2)] {
                    let point = Point { setting: Setting { items, authors, updates }, link: link.into(), differences };
                    let mut add = |method: &str, bytes: f64, time_s: f64| {
                        costs.add(point.clone(), method, Trial { seed: Some(seed), bytes, time_s });
                    };
                    let d = differences as f64;
                    add("flat", 500.0 + seed as f64, slow * 2.0);
                    add("steep", 20.0 * d, slow * (0.5 + 0.1 * d));
                    add("auto", 600.0, slow * 3.0);
                }
            }
        }
        costs
    }

    #[test]
    fn the_map_has_a_panel_per_setting_and_the_cheapest_in_each_cell() {
        let costs = study();
        let map = decision_map(&costs, &cheapest(&costs, "auto"), "auto");
        assert_eq!(map.rows, ["1,000 items, 10 authors", "10,000 items, 10 authors"]);
        assert_eq!(
            (map.columns, map.xs),
            (vec!["0 % updates".into(), "50 % updates".into()], vec!["1".into(), "100".into()])
        );
        assert_eq!(map.ys, ["bytes", "time, 20 Mbit/s, 50 ms", "time, 1 Gbit/s, 1 ms"]);
        assert_eq!(map.cells.len(), 3 * 2 * 3, "three settings, two numbers of differences, three views");
        let cell = |panel, place| map.cells.iter().find(|cell| cell.panel == panel && cell.place == place).unwrap();
        let few = cell((0, 1), (0, 0));
        assert_eq!((map.categories[few.category].as_str(), few.label.as_str()), ("steep", "30"));
        let many = cell((1, 0), (1, 1));
        assert_eq!((map.categories[many.category].as_str(), many.label.as_str()), ("flat", "1.50"));
        assert!(map.cells.iter().all(|cell| cell.panel != (1, 1)), "no study of that setting");
    }

    #[test]
    fn curves_have_a_line_per_method_with_its_interval() {
        let costs = study();
        let figures = cost_curves(&costs, &costs.settings()[..1]);
        let names: Vec<&str> = figures.iter().map(|figure| figure.name.as_str()).collect();
        let of = "1000-items-10-authors-0-updates";
        assert_eq!(
            names,
            [format!("bytes-{of}"), format!("time-20-mbit-s-50-ms-{of}"), format!("time-1-gbit-s-1-ms-{of}")]
        );
        let flat = &figures[0].lines[0];
        assert_eq!((flat.name.as_str(), flat.points[1], flat.runs[1]), ("flat", (100.0, 501.5), (2, 0)));
        // Two values 1 apart: half-width 12.7062 / 2.
        assert!((flat.band[1].1 - 501.5 - 6.3531).abs() < 1e-4);
    }

    #[test]
    fn numbers_read_as_in_a_paper() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(whole), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([0.0, 0.125, 1.0, 1.0 / 3.0].map(share), ["0 %", "12.5 %", "100 %", "33.333333 %"]);
        assert_eq!([1.0, 0.998, 9.99, 9.999, 123.4, f64::NAN].map(ratio), ["1.00", "1.00", "9.99", "10", "123", ""]);
        assert_eq!(file_name("time, 1.5 Gbit/s"), "time-1_5-gbit-s");
    }
}
