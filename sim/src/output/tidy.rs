//! Any tidy table, one observation per row, as the figures over sweeps take it: the observations that share what is told apart are
//! summarised.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::costs::write_forms;
use super::{OutputError, table};
use crate::measure::statistics::Summary;
use crate::measure::summary::SummaryRow;
use crate::plot::Figure;

/// What is taken out of a table.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// The columns that are told apart.
    pub keys: Vec<String>,
    /// The column with the observations.
    pub value: String,
    /// Columns, each with the only value of which rows are taken.
    pub only: Vec<(String, String)>,
}

/// Reads a tidy table: a row for each combination of the keys' values, in the order in which they first appear. An empty
/// observation is a missing one.
///
/// # Errors
/// It cannot be read, has no such column, has an observation that is no number, or nothing that fits.
pub fn read_tidy(path: &Path, selection: &Selection) -> Result<Vec<SummaryRow>, OutputError> {
    let text = fs::read_to_string(path).map_err(OutputError::io("read", path))?;
    let wrong = |line: u64, message: String| OutputError::Table { path: path.to_owned(), line, message };
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header = reader.headers().map_err(|error| wrong(1, error.to_string()))?.clone();
    let column = |name: &str| {
        let found = header.iter().position(|known| known == name);
        let known = || header.iter().collect::<Vec<_>>().join(", ");
        found.ok_or_else(|| wrong(1, format!("there is no column `{name}`; the table has {}", known())))
    };
    let keys: Vec<usize> = selection.keys.iter().map(|key| column(key)).collect::<Result<_, _>>()?;
    let value = column(&selection.value)?;
    let only: Vec<(usize, &str)> =
        selection.only.iter().map(|(name, text)| Ok((column(name)?, text.as_str()))).collect::<Result<_, _>>()?;
    let mut found: Vec<(Vec<String>, Vec<f64>)> = Vec::new();
    let mut places: BTreeMap<Vec<String>, usize> = BTreeMap::new();
    for record in reader.records() {
        let record =
            record.map_err(|error| wrong(error.position().map_or(0, csv::Position::line), error.to_string()))?;
        let field = |place: usize| record.get(place).unwrap_or("").trim();
        if only.iter().any(|&(place, text)| field(place) != text) {
            continue;
        }
        let observed = match field(value) {
            "" => f64::NAN,
            text => text.parse().ok().filter(|number: &f64| number.is_finite()).ok_or_else(|| {
                let line = record.position().map_or(0, csv::Position::line);
                wrong(
                    line,
                    format!("`{}`: {text:?} is no number; leave the field empty where there is none", selection.value),
                )
            })?,
        };
        let values: Vec<String> = keys.iter().map(|&key| field(key).to_owned()).collect();
        let place = *places.entry(values.clone()).or_insert_with(|| {
            found.push((values, Vec::new()));
            found.len() - 1
        });
        found[place].1.push(observed);
    }
    if found.is_empty() {
        return Err(wrong(0, "no row fits; see --only, and whether there are rows below the header".into()));
    }
    let row = |(values, observations): (Vec<String>, Vec<f64>)| SummaryRow {
        values,
        metric: selection.value.clone(),
        group: String::new(),
        summary: Summary::of(&observations),
    };
    Ok(found.into_iter().map(row).collect())
}

/// Writes a figure in all its forms with the numbers behind it; gives the path of the SVG.
///
/// # Errors
/// The directory cannot be written, or the figure cannot be drawn.
pub fn write_figure(folder: &Path, figure: &Figure) -> Result<PathBuf, OutputError> {
    fs::create_dir_all(folder).map_err(OutputError::io("create", folder))?;
    write_forms(folder, &figure.name, figure.render(), &table::figure(figure))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, text: &str, selection: &Selection) -> Result<Vec<SummaryRow>, OutputError> {
        let path = std::env::temp_dir().join(format!("rapprochement-tidy-{name}-{}.csv", std::process::id()));
        fs::write(&path, text).unwrap();
        let rows = read_tidy(&path, selection);
        fs::remove_file(&path).unwrap();
        rows
    }

    fn selection(only: &[(&str, &str)]) -> Selection {
        Selection {
            keys: vec!["n".into(), "kind".into()],
            value: "y".into(),
            only: only.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect(),
        }
    }

    const TABLE: &str = "n,kind,seed,y\n10,a,1,2\n10,a,2,4\n10,b,1,5\n5,a,1,\n5,a,2,7\n";

    #[test]
    fn observations_are_summarised_by_what_is_told_apart() {
        let rows = read("all", TABLE, &selection(&[])).unwrap();
        let told: Vec<_> = rows
            .iter()
            .map(|row| (row.values.join(" "), row.summary.n, row.summary.missing, row.summary.mean))
            .collect();
        let expected = [("10 a", 2, 0, 3.0), ("10 b", 1, 0, 5.0), ("5 a", 1, 1, 7.0)];
        assert_eq!(told, expected.map(|(values, n, missing, mean)| (values.to_owned(), n, missing, mean)));
        let rows = read("some", TABLE, &selection(&[("seed", "2"), ("kind", "a")])).unwrap();
        assert_eq!(rows.iter().map(|row| row.summary.mean).collect::<Vec<_>>(), [4.0, 7.0]);
    }

    #[test]
    fn what_a_table_lacks_is_named() {
        let said = |name, text, only: &[(&str, &str)]| read(name, text, &selection(only)).unwrap_err().to_string();
        assert!(said("column", "n,y\n1,2\n", &[]).contains("no column `kind`; the table has n, y"));
        assert!(said("only", TABLE, &[("sed", "1")]).contains("no column `sed`"));
        assert!(said("none", TABLE, &[("seed", "9")]).contains("no row fits"));
        assert!(said("word", "n,kind,y\n1,a,2\n1,a,many\n", &[]).contains(":3: `y`: \"many\" is no number"));
        assert!(said("nan", "n,kind,y\n1,a,NaN\n", &[]).contains("is no number"));
        assert!(said("ragged", "n,kind,y\n1,a\n", &[]).contains(":2: "));
    }
}
