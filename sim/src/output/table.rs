//! The CSV tables: one observation per row, a header, stable order. A number is printed as the shortest decimal that reads
//! back to the same bits, a time as whole nanoseconds, and what is not a number as an empty field.

use std::fs;
use std::path::Path;

use rapprochement_core::time::Instant;

use super::OutputError;
use crate::measure::results::{LoggedEvent, NamedLine, Sample, Scalar, Table};
use crate::measure::summary::{SummaryRow, SweepTable};
use crate::plot::{Cells, Figure};

/// The shortest text that reads back to the same number; empty for what is not a number.
pub(super) fn number(value: f64) -> String {
    if value.is_nan() {
        return String::new();
    }
    let text = format!("{value:?}");
    text.strip_suffix(".0").map_or_else(|| text.clone(), str::to_owned)
}

/// A table in memory.
pub(super) fn table<R: AsRef<[String]>>(header: &[&str], rows: impl IntoIterator<Item = R>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(&mut bytes);
    // Writing to memory cannot fail.
    let _ = writer.write_record(header);
    for row in rows {
        let _ = writer.write_record(row.as_ref());
    }
    let _ = writer.flush();
    drop(writer);
    bytes
}

/// `scalars.csv`.
pub(super) fn scalars(scalars: &[Scalar]) -> Vec<u8> {
    let rows = scalars.iter().map(|scalar| [scalar.metric.clone(), scalar.group.clone(), number(scalar.value)]);
    table(&["metric", "group", "value"], rows)
}

/// `series.csv`.
pub(super) fn series(series: &[Sample]) -> Vec<u8> {
    let rows = series.iter().map(|sample| {
        [sample.time.as_nanos().to_string(), sample.metric.clone(), sample.group.clone(), number(sample.value)]
    });
    table(&["time_ns", "metric", "group", "value"], rows)
}

/// `curves/<name>.csv`.
pub(super) fn curve(lines: &[NamedLine]) -> Vec<u8> {
    let rows =
        lines.iter().flat_map(|(line, points)| points.iter().map(|(x, y)| [line.clone(), number(*x), number(*y)]));
    table(&["line", "x", "y"], rows)
}

/// Rows of numbers under their columns.
pub(super) fn plain(data: &Table) -> Vec<u8> {
    let header: Vec<&str> = data.columns.iter().map(String::as_str).collect();
    table(&header, data.rows.iter().map(|row| row.iter().map(|value| number(*value)).collect::<Vec<_>>()))
}

/// `events.csv`.
pub(super) fn events(log: &[LoggedEvent]) -> Vec<u8> {
    let optional = |value: Option<u64>| value.map_or_else(String::new, |value| value.to_string());
    let rows = log.iter().map(|event| {
        [
            event.time.as_nanos().to_string(),
            event.node.to_string(),
            event.kind.to_owned(),
            optional(event.peer.map(u64::from)),
            event.class.to_owned(),
            optional(event.update),
            event.bytes.to_string(),
        ]
    });
    table(&["time_ns", "node", "kind", "peer", "class", "update", "bytes"], rows)
}

/// `figures/<name>.csv`: exactly the points that are drawn.
pub(super) fn figure(figure: &Figure) -> Vec<u8> {
    let over_runs = figure.lines.iter().any(|line| !line.runs.is_empty());
    let rows = figure.lines.iter().flat_map(|line| {
        line.points.iter().enumerate().map(move |(index, (x, y))| {
            let (low, high) = line.band.get(index).copied().unwrap_or((f64::NAN, f64::NAN));
            let mut row = vec![line.name.clone(), number(*x), number(*y), number(low), number(high)];
            if over_runs {
                let runs = line.runs.get(index).map(|(n, missing)| [n.to_string(), missing.to_string()]);
                row.extend(runs.unwrap_or_default());
            }
            row
        })
    });
    let columns = ["line", "x", "y", "low", "high", "n", "missing"];
    table(&columns[..if over_runs { 7 } else { 5 }], rows)
}

/// `figures/<name>.csv` of a figure of cells: a row per filled cell.
pub(super) fn cells(figure: &Cells) -> Vec<u8> {
    let name = |names: &[String], place: usize| names.get(place).cloned().unwrap_or_default();
    let rows = figure.cells.iter().map(|cell| {
        [
            name(&figure.rows, cell.panel.0),
            name(&figure.columns, cell.panel.1),
            name(&figure.xs, cell.place.0),
            name(&figure.ys, cell.place.1),
            name(&figure.categories, cell.category),
            figure.letter(cell),
            cell.label.clone(),
        ]
    });
    table(&["row", "column", "x", "y", "category", "letter", "label"], rows)
}

/// `sweep.csv`.
pub(super) fn sweep(sweep: &SweepTable) -> Vec<u8> {
    let mut header: Vec<&str> = sweep.keys.iter().map(String::as_str).collect();
    header.extend(["seed", "metric", "group", "value"]);
    let rows = sweep.rows.iter().map(|row| {
        let mut fields = row.values.clone();
        fields.extend([row.seed.to_string(), row.metric.clone(), row.group.clone(), number(row.value)]);
        fields
    });
    table(&header, rows)
}

/// `summary.csv`.
pub(super) fn summary(keys: &[String], rows: &[SummaryRow]) -> Vec<u8> {
    let mut header: Vec<&str> = keys.iter().map(String::as_str).collect();
    header.extend([
        "metric",
        "group",
        "n",
        "missing",
        "mean",
        "sd",
        "ci95_low",
        "ci95_high",
        "median",
        "p5",
        "p95",
        "p99",
    ]);
    let rows = rows.iter().map(|row| {
        let summary = &row.summary;
        let mut fields = row.values.clone();
        fields.extend([row.metric.clone(), row.group.clone(), summary.n.to_string(), summary.missing.to_string()]);
        let (low, high) = (summary.ci95_low(), summary.ci95_high());
        let numbers = [summary.mean, summary.sd, low, high, summary.median, summary.p5, summary.p95, summary.p99];
        fields.extend(numbers.map(number));
        fields
    });
    table(&header, rows)
}

/// Reads a table whose header must be as given, handing over each row with its line.
pub(super) fn read(
    path: &Path,
    header: &[&str],
    mut row: impl FnMut(&csv::StringRecord) -> Result<(), String>,
) -> Result<(), OutputError> {
    let text = fs::read_to_string(path).map_err(OutputError::io("read", path))?;
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let found = reader.headers().map_err(|error| OutputError::corrupt(path, 1, error))?;
    if found != header {
        return Err(OutputError::corrupt(path, 1, format!("the columns should be {}", header.join(","))));
    }
    let mut record = csv::StringRecord::new();
    loop {
        let more = reader.read_record(&mut record).map_err(|error| {
            let line = error.position().map_or(0, csv::Position::line);
            OutputError::corrupt(path, line, error)
        })?;
        if !more {
            return Ok(());
        }
        let line = record.position().map_or(0, csv::Position::line);
        row(&record).map_err(|message| OutputError::corrupt(path, line, message))?;
    }
}

/// The number in a field; empty is not a number.
pub(super) fn parse_number(field: &str) -> Result<f64, String> {
    if field.is_empty() {
        return Ok(f64::NAN);
    }
    field.parse().map_err(|_| format!("\"{field}\" is not a number"))
}

/// Reads `scalars.csv`.
pub(super) fn read_scalars(path: &Path) -> Result<Vec<Scalar>, OutputError> {
    let mut scalars = Vec::new();
    read(path, &["metric", "group", "value"], |row| {
        scalars.push(Scalar { metric: row[0].into(), group: row[1].into(), value: parse_number(&row[2])? });
        Ok(())
    })?;
    Ok(scalars)
}

/// Reads `series.csv`.
pub(super) fn read_series(path: &Path) -> Result<Vec<Sample>, OutputError> {
    let mut series = Vec::new();
    read(path, &["time_ns", "metric", "group", "value"], |row| {
        let nanos = row[0].parse().map_err(|_| format!("\"{}\" is not a time in whole nanoseconds", &row[0]))?;
        let time = Instant::from_nanos(nanos);
        series.push(Sample { time, metric: row[1].into(), group: row[2].into(), value: parse_number(&row[3])? });
        Ok(())
    })?;
    Ok(series)
}

/// Reads `curves/<name>.csv`.
pub(super) fn read_curve(path: &Path) -> Result<Vec<NamedLine>, OutputError> {
    let mut lines: Vec<NamedLine> = Vec::new();
    read(path, &["line", "x", "y"], |row| {
        let point = (parse_number(&row[1])?, parse_number(&row[2])?);
        match lines.last_mut().filter(|(name, _)| name == &row[0]) {
            Some((_, points)) => points.push(point),
            None => lines.push((row[0].into(), vec![point])),
        }
        Ok(())
    })?;
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_are_short_and_what_is_none_is_empty() {
        let texts = [0.1, 12.0, f64::NAN, -3.5e-9, 1e300, 0.0].map(number);
        assert_eq!(texts, ["0.1", "12", "", "-3.5e-9", "1e300", "0"]);
    }

    proptest! {
        #[test]
        fn every_number_reads_back_to_the_same_bits(bits in any::<u64>()) {
            let value = f64::from_bits(bits);
            let back = parse_number(&number(value)).unwrap();
            prop_assert!(back.to_bits() == bits || (back.is_nan() && value.is_nan()));
        }
    }
}
