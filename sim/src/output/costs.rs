//! Tables of what methods take: reading one that somebody made, and writing what was found in it.

use std::fmt::Display;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::staging::replace_file;
use super::{OutputError, table};
use crate::measure::costs::{By, Cheapest, Costs, PairCrossing, Point, Setting, Step, Trial};
use crate::plot::{Cells, Figure, Rendered};

/// The columns that a table must have.
const REQUIRED: [&str; 6] = ["items", "authors", "updates", "differences", "method", "bytes"];

/// Reads a table of costs. Columns may stand in any order, and others are ignored; `docs/output.md` explains them.
///
/// # Errors
/// It cannot be read, or does not hold what it should: with the line, the column and what mends it.
pub fn read_costs(path: &Path) -> Result<Costs, OutputError> {
    let text = fs::read_to_string(path).map_err(OutputError::io("read", path))?;
    let wrong = |line: u64, message: String| OutputError::Table { path: path.to_owned(), line, message };
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header = reader.headers().map_err(|error| wrong(1, error.to_string()))?.clone();
    if let Some(missing) = REQUIRED.iter().find(|name| header.iter().all(|found| found != **name)) {
        let message = format!(
            "there is no column `{missing}`; the header needs {}, and may have link, seed, time_s, failed and wrong",
            REQUIRED.join(", ")
        );
        return Err(wrong(1, message));
    }
    let mut costs = Costs::default();
    for record in reader.records() {
        let record = record.map_err(|error| {
            let line = error.position().map_or(0, csv::Position::line);
            wrong(line, "this row has not as many fields as the header; give every column one, even if empty".into())
        })?;
        let line = record.position().map_or(0, csv::Position::line);
        let row = Row { header: &header, record: &record };
        let (point, method, trial) = row.read().map_err(|message| wrong(line, message))?;
        if !costs.add(point, &method, trial) {
            let message = "there is a row of this method at this point already; give every trial a `seed` of its own";
            return Err(wrong(line, message.into()));
        }
    }
    if costs.points().next().is_none() {
        return Err(wrong(1, "there are no rows below the header; give one per point, method and seed".into()));
    }
    Ok(costs)
}

/// One row under its header.
struct Row<'a> {
    header: &'a csv::StringRecord,
    record: &'a csv::StringRecord,
}

impl Row<'_> {
    /// The field of a column with the column's place, from 1; none where there is no such column.
    fn field(&self, column: &str) -> Option<(usize, &str)> {
        let place = self.header.iter().position(|name| name == column)?;
        Some((place + 1, self.record.get(place)?.trim()))
    }

    /// A field that has to be there, as what it should be.
    fn parse<T: FromStr>(&self, column: &str, right: impl Fn(&T) -> bool, mend: &str) -> Result<T, String> {
        let (place, text) = self.field(column).unwrap_or((0, ""));
        let value = text.parse().ok().filter(right);
        value.ok_or_else(|| format!("column {place}, `{column}`: {text:?} will not do; give {mend}"))
    }

    /// A cost, which is not a number where the field is empty or there is no such column.
    fn cost(&self, column: &str) -> Result<f64, String> {
        if self.field(column).is_none_or(|(_, text)| text.is_empty()) {
            return Ok(f64::NAN);
        }
        let mend = "a number above zero, or leave the field empty where the method did not get there";
        self.parse(column, |value: &f64| value.is_finite() && *value > 0.0, mend)
    }

    /// How many trials behind the row went astray.
    fn astray(&self, column: &str) -> Result<bool, String> {
        if self.field(column).is_none_or(|(_, text)| text.is_empty()) {
            return Ok(false);
        }
        let count: f64 =
            self.parse(column, |count: &f64| *count >= 0.0, "how many trials, or leave the field empty")?;
        Ok(count > 0.0)
    }

    fn read(&self) -> Result<(Point, String, Trial), String> {
        let whole = |column: &str, mend: &str| self.parse(column, |_: &u64| true, mend);
        let setting = Setting {
            items: whole("items", "a whole number of keys, such as 10000")?,
            authors: whole("authors", "a whole number of authors, such as 10")?,
            updates: self.parse(
                "updates",
                |share: &f64| (0.0..=1.0).contains(share),
                "a share from 0 to 1, such as 0.5",
            )?,
        };
        let at_most = |count: &u64| *count <= setting.items;
        let differences = self.parse("differences", at_most, "a whole number of keys, at most as many as `items`")?;
        let method: String = self.parse("method", |name: &String| !name.is_empty(), "the name of a method")?;
        let link = self.field("link").map_or("", |(_, text)| text).to_owned();
        let seed = match self.field("seed") {
            Some(_) => Some(whole("seed", "the trial's seed as a whole number, or leave out the column for means")?),
            None => None,
        };
        let (bytes, time_s) = (self.cost("bytes")?, self.cost("time_s")?);
        let astray = self.astray("failed")? | self.astray("wrong")?;
        let (bytes, time_s) = if astray { (f64::NAN, f64::NAN) } else { (bytes, time_s) };
        Ok((Point { setting, link, differences }, method, Trial { seed, bytes, time_s }))
    }
}

/// What was found in a table of costs.
#[derive(Clone, Copy, Debug)]
pub struct CostStudy<'a> {
    /// The table.
    pub costs: &'a Costs,
    /// The cheapest methods.
    pub cheapest: &'a [Cheapest],
    /// The crossings of all pairs.
    pub crossings: &'a [PairCrossing],
    /// How the cheapest follow one another.
    pub steps: &'a [Step],
    /// The map.
    pub map: &'a Cells,
    /// Costs against differences.
    pub curves: &'a [Figure],
}

/// Writes tables and figures into a directory, which is created where it is missing, and gives the paths of the tables and of the SVG
/// files. Each file appears when it is whole; others in the directory stay.
///
/// # Errors
/// The directory cannot be written, or a figure cannot be drawn.
pub fn write_study(directory: &Path, study: &CostStudy<'_>) -> Result<Vec<PathBuf>, OutputError> {
    let folder = directory.join("figures");
    fs::create_dir_all(&folder).map_err(OutputError::io("create", &folder))?;
    let mut written = Vec::new();
    let mut put = |name: &str, bytes: &[u8]| {
        written.push(directory.join(name));
        replace_file(&directory.join(name), bytes)
    };
    put("cheapest.csv", &cheapest_table(study))?;
    put("crossings.csv", &crossing_table(study))?;
    put("crossings.md", succession_text(study).as_bytes())?;
    written.push(write_forms(&folder, &study.map.name, study.map.render(), &table::cells(study.map))?);
    for figure in study.curves {
        written.push(write_forms(&folder, &figure.name, figure.render(), &table::figure(figure))?);
    }
    Ok(written)
}

/// A figure in all its forms with the numbers behind it; gives the path of the SVG.
pub(super) fn write_forms(
    folder: &Path,
    name: &str,
    rendered: Result<Rendered, String>,
    numbers: &[u8],
) -> Result<PathBuf, OutputError> {
    let rendered = rendered.map_err(|message| OutputError::Figure { name: name.to_owned(), message })?;
    let path = |ending: &str| folder.join(format!("{name}.{ending}"));
    replace_file(&path("csv"), numbers)?;
    replace_file(&path("pdf"), &rendered.pdf)?;
    replace_file(&path("png"), &rendered.png)?;
    replace_file(&path("svg"), rendered.svg.as_bytes())?;
    Ok(path("svg"))
}

/// The link of a row; empty where bytes do not depend on it.
fn link(link: &str, by: By, bytes_by_link: bool) -> String {
    if by == By::Bytes && !bytes_by_link { String::new() } else { link.to_owned() }
}

fn setting_fields(setting: &Setting) -> Vec<String> {
    vec![setting.items.to_string(), setting.authors.to_string(), table::number(setting.updates)]
}

fn cheapest_table(study: &CostStudy<'_>) -> Vec<u8> {
    let by_link = study.costs.bytes_depend_on_link();
    let rows = study.cheapest.iter().map(|one| {
        let mut row = setting_fields(&one.point.setting);
        row.extend([one.point.differences.to_string(), link(&one.point.link, one.by, by_link), one.by.name().into()]);
        row.extend([one.method.clone(), table::number(one.cost), one.next.clone(), table::number(one.next_ratio)]);
        row.extend([one.certain.to_string(), table::number(one.adaptive_ratio)]);
        row
    });
    let columns = ["items", "authors", "updates", "differences", "link", "by", "method", "cost", "next", "next_ratio"];
    table::table(&[&columns[..], &["certain", "adaptive_ratio"]].concat(), rows)
}

fn crossing_table(study: &CostStudy<'_>) -> Vec<u8> {
    let by_link = study.costs.bytes_depend_on_link();
    let rows = study.crossings.iter().map(|pair| {
        let mut row = setting_fields(&pair.setting);
        row.extend([
            link(&pair.link, pair.by, by_link),
            pair.by.name().into(),
            pair.first.clone(),
            pair.second.clone(),
        ]);
        let ends = pair.crossing.map(|crossing| [crossing.change.x, crossing.low, crossing.high]);
        row.extend(ends.unwrap_or([f64::NAN; 3]).map(table::number));
        row.extend([pair.range.0.to_string(), pair.range.1.to_string(), pair.leads.to_string()]);
        row
    });
    let columns = ["items", "authors", "updates", "link", "by", "first", "second", "differences", "low", "high"];
    table::table(&[&columns[..], &["from", "to", "leads"]].concat(), rows)
}

/// The succession of the cheapest as a table for people.
fn succession_text(study: &CostStudy<'_>) -> String {
    let mut text = "# Where the cheapest method gives way to the next\n\n\
         Differences at which the mean costs cross, with the 95 % bootstrap interval over seeds where there are several; between the \
         places of the grid, costs are interpolated on logarithmic axes.\n\n\
         | items | authors | updates | in | cheapest | then | from differences | 95 % interval |\n|---|---|---|---|---|---|---|---|\n"
        .to_owned();
    for step in study.steps {
        let Setting { items, authors, updates } = step.setting;
        let (from, to) = step.between;
        let (place, interval) = match (step.crossing, step.second.is_empty()) {
            (Some(crossing), _) => (digits(crossing.change.x), interval(crossing.low, crossing.high)),
            (None, true) => (format!("no crossing in the range {from} to {to}"), String::new()),
            (None, false) => (format!("no crossing: {} has no cost above {from}", step.first), String::new()),
        };
        let view = study.costs.name_of((step.by, &step.link));
        let (first, second) = (&step.first, &step.second);
        let fields: [&dyn Display; 8] = [&items, &authors, &updates, &view, first, second, &place, &interval];
        let fields: Vec<String> = fields.iter().map(ToString::to_string).collect();
        text += &format!("| {} |\n", fields.join(" | "));
    }
    text
}

/// "31 to 45"; an end beyond the range says so, and without an interval there is nothing to say.
fn interval(low: f64, high: f64) -> String {
    if low.is_nan() || high.is_nan() {
        return String::new();
    }
    let low = if low == 0.0 { "below the range".to_owned() } else { digits(low) };
    let high = if high.is_infinite() { "above the range".to_owned() } else { digits(high) };
    format!("{low} to {high}")
}

/// A number of differences with three digits, or all those before the point.
fn digits(value: f64) -> String {
    // What is a power of ten but for rounding is one.
    let decimals = (2.0 - libm::floor(libm::log10(value) + 1e-9)).clamp(0.0, 2.0) as usize;
    format!("{value:.decimals$}")
}
