//! `rapsim compare`: two variants under the same seeds, as paired differences with their 95 % intervals.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::{Exit, complain, note, print};
use crate::measure::statistics::Paired;
use crate::measure::summary::{SweepRow, SweepTable};
use crate::output::{self, OutputError};

/// Pairs below which an interval says little.
const FEW: u64 = 5;

/// Compare two runs or sweeps, paired by seed (and by point), with 95 % intervals of the differences.
#[derive(Clone, Debug, Args)]
pub struct CompareArgs {
    /// The first run or sweep directory
    a: PathBuf,
    /// The second run or sweep directory
    b: PathBuf,
    /// Only this metric
    #[arg(long)]
    metric: Option<String>,
    /// How to print the comparison
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// How a comparison is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Aligned columns.
    Text,
    /// One JSON array with an object per metric; null where there is no number.
    Json,
    /// A Markdown table.
    Markdown,
}

/// One line of a comparison.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Compared {
    /// The point of the sweep, as `key=value` pairs; empty for single runs.
    point: String,
    metric: String,
    group: String,
    n: u64,
    missing: u64,
    mean_a: f64,
    mean_b: f64,
    difference: f64,
    ci95_low: f64,
    ci95_high: f64,
    relative: f64,
    excludes_zero: bool,
}

/// Compares and prints; hints go to stderr.
pub fn main(args: &CompareArgs) -> Exit {
    let (a, b) = match load(&args.a).and_then(|a| Ok((a, load(&args.b)?))) {
        Ok(tables) => tables,
        Err(error) => return Exit::from(&error),
    };
    let compared = compare(&a, &b, args.metric.as_deref());
    if compared.is_empty() {
        let metric = args.metric.as_ref().map_or_else(String::new, |metric| format!(" of {metric}"));
        complain(format!("no pair{metric} to compare: the two have no point, seed and metric in common"));
        return Exit::Usage;
    }
    let fewest = compared.iter().map(|line| line.n).min().unwrap_or(0);
    if fewest < FEW {
        note(format!("as few as {fewest} pairs; with fewer than {FEW} an interval says little, so run more seeds"));
    }
    match args.format {
        Format::Text => print(text(&compared).trim_end()),
        Format::Markdown => print(markdown(&compared).trim_end()),
        Format::Json => match serde_json::to_string_pretty(&compared) {
            Ok(json) => print(json),
            Err(error) => {
                complain(format!("cannot print the comparison: {error}"));
                Exit::Failure
            }
        },
    }
}

/// The scalars of a run or sweep directory.
fn load(directory: &Path) -> Result<SweepTable, OutputError> {
    if output::is_sweep(directory) {
        return output::read_sweep(directory).map(|sweep| sweep.table);
    }
    output::read(directory).map(|run| SweepTable::from(&run))
}

/// Pairs the two by point, metric, group and seed, in the order of the first.
fn compare(a: &SweepTable, b: &SweepTable, metric: Option<&str>) -> Vec<Compared> {
    let other: BTreeMap<_, f64> = b.rows.iter().map(|row| ((what(&b.keys, row), row.seed), row.value)).collect();
    let mut order = Vec::new();
    let mut pairs: BTreeMap<_, Vec<(f64, f64)>> = BTreeMap::new();
    for row in a.rows.iter().filter(|row| metric.is_none_or(|metric| metric == row.metric)) {
        let key = what(&a.keys, row);
        if let Some(theirs) = other.get(&(key.clone(), row.seed)) {
            let of_key = pairs.entry(key.clone()).or_insert_with(|| {
                order.push(key);
                Vec::new()
            });
            of_key.push((row.value, *theirs));
        }
    }
    order.into_iter().map(|key| compared(Paired::of(&pairs[&key]), key)).collect()
}

/// Point, metric and group of a row.
fn what(keys: &[String], row: &SweepRow) -> (String, String, String) {
    let point: Vec<String> = keys.iter().zip(&row.values).map(|(key, value)| format!("{key}={value}")).collect();
    (point.join(", "), row.metric.clone(), row.group.clone())
}

fn compared(paired: Paired, (point, metric, group): (String, String, String)) -> Compared {
    Compared {
        point,
        metric,
        group,
        n: paired.n,
        missing: paired.missing,
        mean_a: paired.mean_a,
        mean_b: paired.mean_b,
        difference: paired.difference,
        ci95_low: paired.difference - paired.ci95,
        ci95_high: paired.difference + paired.ci95,
        relative: paired.relative(),
        excludes_zero: paired.excludes_zero(),
    }
}

const HEADER: [&str; 8] = ["metric", "group", "A", "B", "B - A", "95 % interval", "change", "n"];

/// The columns of a line; a difference whose interval excludes zero is marked with a star.
fn columns(line: &Compared) -> [String; 8] {
    let interval = if line.ci95_low.is_nan() {
        String::from("-")
    } else {
        format!("[{}, {}]", short(line.ci95_low), short(line.ci95_high))
    };
    let change = if line.relative.is_nan() { "-".into() } else { format!("{:+.1} %", line.relative * 100.0) };
    let star = if line.excludes_zero { " *" } else { "" };
    let missing = if line.missing > 0 { format!(" ({} without a value)", line.missing) } else { String::new() };
    [
        line.metric.clone(),
        line.group.clone(),
        short(line.mean_a),
        short(line.mean_b),
        short(line.difference),
        interval,
        change + star,
        format!("{}{missing}", line.n),
    ]
}

/// Four significant digits; a dash for no number.
fn short(value: f64) -> String {
    if value.is_nan() {
        return "-".into();
    }
    let size = libm::floor(libm::log10(value.abs()));
    if value != 0.0 && !(-4.0..6.0).contains(&size) {
        return format!("{value:.3e}");
    }
    let decimals = if value == 0.0 { 0 } else { (3.0 - size).max(0.0) as usize };
    format!("{value:.decimals$}")
}

/// The lines of each point, in order.
fn by_point(compared: &[Compared]) -> impl Iterator<Item = &[Compared]> {
    compared.chunk_by(|a, b| a.point == b.point)
}

fn text(compared: &[Compared]) -> String {
    let mut text = String::new();
    for lines in by_point(compared) {
        let rows: Vec<[String; 8]> =
            std::iter::once(HEADER.map(String::from)).chain(lines.iter().map(columns)).collect();
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let widths: [usize; 8] = std::array::from_fn(width);
        if !lines[0].point.is_empty() {
            let _ = writeln!(text, "{}", lines[0].point);
        }
        for row in &rows {
            let mut line = String::new();
            for (column, (field, width)) in row.iter().zip(widths).enumerate() {
                let _ = if column < 2 { write!(line, "{field:<width$}  ") } else { write!(line, "{field:>width$}  ") };
            }
            let _ = writeln!(text, "{}", line.trim_end());
        }
        text.push('\n');
    }
    text + "* the 95 % interval of the paired difference excludes zero\n"
}

fn markdown(compared: &[Compared]) -> String {
    let mut text = String::new();
    for lines in by_point(compared) {
        if !lines[0].point.is_empty() {
            let _ = writeln!(text, "**{}**\n", lines[0].point);
        }
        let _ = writeln!(text, "| {} |\n|---|---|--:|--:|--:|--:|--:|--:|", HEADER.join(" | "));
        for line in lines {
            let _ = writeln!(text, "| {} |", columns(line).join(" | "));
        }
        text.push('\n');
    }
    text + "\\* the 95 % interval of the paired difference excludes zero\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(fanout: &str, values: &[(u64, f64)]) -> SweepTable {
        let row = |(seed, value): &(u64, f64)| SweepRow {
            values: vec![fanout.into()],
            seed: *seed,
            metric: "bytes".into(),
            group: String::new(),
            value: *value,
        };
        SweepTable { keys: vec!["fanout".into()], rows: values.iter().map(row).collect() }
    }

    #[test]
    fn pairs_are_of_equal_seed_and_point() {
        let a = table("4", &[(1, 10.0), (2, 20.0), (3, 30.0), (9, 1.0)]);
        let b = table("4", &[(3, 34.0), (1, 12.0), (2, 23.0), (8, 500.0)]);
        let lines = compare(&a, &b, None);
        assert_eq!(lines.len(), 1);
        let line = &lines[0];
        assert_eq!((line.n, line.mean_a, line.mean_b, line.difference), (3, 20.0, 23.0, 3.0));
        assert!(line.excludes_zero && line.ci95_low > 0.5 && line.ci95_low < 0.52);
        assert!(compare(&a, &table("8", &[(1, 1.0)]), None).is_empty());
        assert!(compare(&a, &b, Some("time_s")).is_empty());
    }

    #[test]
    fn a_difference_is_printed_with_its_interval_and_its_mark() {
        let lines = compare(
            &table("4", &[(1, 10.0), (2, 20.0), (3, 30.0)]),
            &table("4", &[(1, 12.0), (2, 23.0), (3, 34.0)]),
            None,
        );
        let shown = text(&lines);
        for part in ["fanout=4", "20.00", "23.00", "[0.5159, 5.484]", "+15.0 % *"] {
            assert!(shown.contains(part), "{part} is not in\n{shown}");
        }
        assert!(markdown(&lines).contains("| bytes |  | 20.00 | 23.00 | 3.000 | [0.5159, 5.484] | +15.0 % * | 3 |"));
        let single = compare(&table("4", &[(1, 10.0)]), &table("4", &[(1, f64::NAN)]), None);
        assert!(
            text(&single).contains("0 (1 without a value)") && serde_json::to_string(&single).unwrap().contains("null")
        );
    }

    #[test]
    fn numbers_have_four_digits() {
        let shown = [0.0, 1234.56, 0.012_345, -2.5, 1.5e9, 3e-7, f64::NAN].map(short);
        assert_eq!(shown, ["0", "1235", "0.01235", "-2.500", "1.500e9", "3.000e-7", "-"]);
    }
}
