//! Tables of delays between places: regions of a cloud, hosts of a measured matrix, vertices of a graph.

use crate::network::file::FileProblems;
use crate::problem::Problem;

/// The most places of a table; the delays of so many take 134 MB.
pub(crate) const PLACES_MAX: usize = 4096;
/// The longest round-trip time that a file may hold, in ms: an hour.
const RTT_MS_MAX: f64 = 3_600_000.0;

/// One-way delays between places, in nanoseconds, row by row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) names: Vec<String>,
    pub(crate) delays: Vec<u64>,
}

impl Table {
    /// The one-way delay from one place to another.
    #[inline]
    pub(crate) fn delay(&self, from: usize, to: usize) -> u64 {
        self.delays[from * self.names.len() + to]
    }

    /// The smaller of the delays there and back.
    pub(crate) fn either_way(&self, a: usize, b: usize) -> u64 {
        self.delay(a, b).min(self.delay(b, a))
    }

    /// The table of some of the places, in the given order.
    pub(crate) fn only(&self, places: &[usize]) -> Self {
        Self {
            names: places.iter().map(|&place| self.names[place].clone()).collect(),
            delays: places.iter().flat_map(|&a| places.iter().map(move |&b| self.delay(a, b))).collect(),
        }
    }

    /// Reads round-trip times in ms, one row per line, with commas or white space between. A header of names and a
    /// first column of names are recognised by not being numbers; lines that start with `#` are comments.
    pub(crate) fn parse(text: &str, key: &str, file: &str) -> Result<Self, Vec<Problem>> {
        let mut problems = FileProblems::new(key, file);
        let mut rows = text
            .lines()
            .enumerate()
            .map(|(index, line)| (index + 1, cells(line)))
            .filter(|(_, cells)| cells.iter().any(|cell| !cell.is_empty()) && !cells[0].starts_with('#'))
            .peekable();
        let header = match rows.peek() {
            Some((_, first)) if first.iter().skip(1).any(|cell| number(cell).is_none()) => rows.next(),
            Some(_) => None,
            None => {
                problems.whole("no rows");
                return Err(problems.take());
            }
        };
        let rows: Vec<(usize, Vec<&str>)> = rows.take(PLACES_MAX + 1).collect();
        let places = rows.len();
        if places == 0 || places > PLACES_MAX {
            problems.whole(format!("a matrix has 1 to {PLACES_MAX} rows"));
            return Err(problems.take());
        }
        let labelled = number(rows[0].1[0]).is_none();
        let names = match header {
            Some((line, cells)) => header_names(line, &cells[usize::from(labelled)..], places, &mut problems),
            None if labelled => rows.iter().map(|(_, cells)| cells[0].to_owned()).collect(),
            None => (0..places).map(|row| row.to_string()).collect(),
        };
        let mut delays = Vec::with_capacity(places * places);
        for (row, (line, cells)) in rows.iter().enumerate() {
            let values = &cells[usize::from(labelled)..];
            if labelled && names.get(row).is_some_and(|name| name != cells[0]) {
                problems.line(*line, format!("row \"{}\" stands where \"{}\" belongs", cells[0], names[row]));
            }
            if values.len() != places {
                problems.line(*line, format!("{} columns for {places} rows", values.len()));
                continue;
            }
            for (column, value) in values.iter().enumerate() {
                match number(value).filter(|ms| (0.0..=RTT_MS_MAX).contains(ms)) {
                    Some(ms) => delays.push((ms * 1e6 / 2.0 + 0.5) as u64),
                    None => problems.line(
                        *line,
                        format!("column {}: \"{value}\" is not a time in ms from 0 to {RTT_MS_MAX}", column + 1),
                    ),
                }
            }
        }
        problems.or(Self { names, delays })
    }
}

fn header_names(line: usize, cells: &[&str], places: usize, problems: &mut FileProblems) -> Vec<String> {
    let names: Vec<String> = cells.iter().map(|&name| name.into()).collect();
    if names.len() != places {
        problems.line(line, format!("{} names for {places} rows", names.len()));
    }
    for (index, name) in names.iter().enumerate() {
        if name.is_empty() {
            problems.line(line, format!("name {} is empty", index + 1));
        } else if names[..index].contains(name) {
            problems.line(line, format!("the name \"{name}\" stands twice"));
        }
    }
    names
}

/// The cells of a line: one empty cell for an empty line.
fn cells(line: &str) -> Vec<&str> {
    if line.contains(',') {
        line.split(',').map(str::trim).collect()
    } else {
        let cells: Vec<&str> = line.split_whitespace().collect();
        if cells.is_empty() { vec![""] } else { cells }
    }
}

/// A finite number.
pub(crate) fn number(cell: &str) -> Option<f64> {
    cell.parse::<f64>().ok().filter(|value| value.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Whatever a file holds, it is a square table or a problem.
        #[test]
        fn no_text_breaks_the_parser(text in "([ab,.0-9-]{0,8}[,\\s]?){0,30}") {
            if let Ok(table) = Table::parse(&text, "key", "file") {
                prop_assert_eq!(table.delays.len(), table.names.len() * table.names.len());
            }
        }
    }
}
