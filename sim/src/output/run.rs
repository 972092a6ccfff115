//! The directory of one run.

use std::path::{Path, PathBuf};

use rapprochement_core::time::Instant;

use super::manifest::{read_manifest, to_text};
use super::staging::{Disk, Machine, Staging};
use super::{CurveAxes, FORMAT, HostFacts, Manifest, OutputError, pcapng, table};
use crate::measure::results::{Curve, Results};
use crate::plot::Figure;
use crate::scenario::schema::Scenario;

/// Everything that is written about one run.
#[derive(Clone, Copy, Debug)]
pub struct RunRecord<'a> {
    /// Name of the directory, from [`run_name`] or [`super::point_name`].
    pub directory: &'a str,
    /// The effective scenario, with the seed of this run.
    pub scenario: &'a Scenario,
    /// Hash of the effective scenario without its seed.
    pub scenario_hash: &'a str,
    /// Digest of the run.
    pub digest: u128,
    /// How the run ended.
    pub outcome: &'a str,
    /// Events that the engine handled.
    pub events: u64,
    /// Virtual time of the end.
    pub end: Instant,
    /// What was measured.
    pub results: &'a Results,
    /// The figures to draw, such as [`crate::plot::standard`] gives; runs of a sweep have none of their own.
    pub figures: &'a [Figure],
    /// Facts about the machine.
    pub host: &'a HostFacts,
}

/// A run directory, read back.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredRun {
    /// The manifest.
    pub manifest: Manifest,
    /// The measurements, without the log of events.
    pub results: Results,
}

/// The directory name of a single run: `<scenario>-<hash>-s<seed>`.
pub fn run_name(scenario: &str, scenario_hash: &str, seed: u64) -> String {
    format!("{scenario}-{scenario_hash}-s{seed}")
}

/// Whether this is a whole run directory that this version of the program wrote. A sweep leaves such runs alone.
pub fn exists(directory: &Path) -> bool {
    read_manifest::<Manifest>(directory).is_ok_and(|manifest| manifest.version == env!("CARGO_PKG_VERSION"))
}

/// Makes sure that `parent` exists and can be written to, and removes what killed writers left in it. Call it once, before the
/// first run of a process.
///
/// # Errors
/// It cannot be created or written.
pub fn prepare(parent: &Path) -> Result<(), OutputError> {
    std::fs::create_dir_all(parent).map_err(OutputError::io("create", parent))?;
    super::clean(parent)?;
    Staging::begin(parent, "probe").map(drop)
}

/// Writes a run directory into `parent`, which is created where it is missing, and returns its path. It appears when it is
/// whole; an existing one of the same name is replaced.
///
/// # Errors
/// The disk is full or not writable, or a figure cannot be drawn. Nothing half-written stays.
pub fn write(parent: &Path, record: &RunRecord<'_>) -> Result<PathBuf, OutputError> {
    write_on(Machine, parent, record)
}

/// [`write()`] on a given disk.
pub(super) fn write_on<D: Disk>(disk: D, parent: &Path, record: &RunRecord<'_>) -> Result<PathBuf, OutputError> {
    let results = record.results;
    let mut staging = Staging::begin_on(disk, parent, record.directory)?;
    let path = parent.join(record.directory).join("manifest.toml");
    staging.file("manifest.toml", to_text(&path, &manifest(record))?.as_bytes())?;
    staging.file("host.toml", to_text(&path.with_file_name("host.toml"), record.host)?.as_bytes())?;
    staging.file("scalars.csv", &table::scalars(&results.scalars))?;
    staging.file("series.csv", &table::series(&results.series))?;
    for curve in &results.curves {
        staging.file(&format!("curves/{}.csv", curve.name), &table::curve(&curve.lines))?;
    }
    for table in &results.tables {
        staging.file(&format!("{}.csv", table.name), &table::plain(table))?;
    }
    if record.scenario.measure.events {
        staging.file("events.csv", &table::events(&results.log))?;
    }
    if record.scenario.measure.packets.is_some() {
        staging.file("packets.pcapng", &pcapng::file(&results.packets))?;
    }
    for figure in record.figures {
        write_figure(&mut staging, "figures/", figure)?;
    }
    staging.commit()
}

fn manifest(record: &RunRecord<'_>) -> Manifest {
    let axes = |curve: &Curve| CurveAxes {
        name: curve.name.clone(),
        x_label: curve.x_label.clone(),
        y_label: curve.y_label.clone(),
        x_log: curve.x_log,
    };
    Manifest {
        format: FORMAT,
        version: env!("CARGO_PKG_VERSION").into(),
        scenario_hash: record.scenario_hash.into(),
        seed: record.scenario.seed,
        digest: format!("{:032x}", record.digest),
        outcome: record.outcome.into(),
        events: record.events,
        end_ns: record.end.as_nanos(),
        curves: record.results.curves.iter().map(axes).collect(),
        scenario: record.scenario.clone(),
    }
}

/// One figure in all its forms, with the numbers behind it.
fn write_figure<D: Disk>(staging: &mut Staging<D>, folder: &str, figure: &Figure) -> Result<(), OutputError> {
    let fault = |message: String| OutputError::Figure { name: figure.name.clone(), message };
    let rendered = figure.render().map_err(fault)?;
    let path = |ending: &str| format!("{folder}{}.{ending}", figure.name);
    staging.file(&path("svg"), rendered.svg.as_bytes())?;
    staging.file(&path("png"), &rendered.png)?;
    staging.file(&path("pdf"), &rendered.pdf)?;
    staging.file(&path("csv"), &table::figure(figure))
}

/// Replaces the figures of a run or sweep directory.
///
/// # Errors
/// As [`write()`]; the old figures stay where the new ones cannot be written.
pub fn redraw(directory: &Path, figures: &[Figure]) -> Result<PathBuf, OutputError> {
    let mut staging = Staging::begin(directory, "figures")?;
    for figure in figures {
        write_figure(&mut staging, "", figure)?;
    }
    staging.commit()
}

/// Reads a run directory back.
///
/// # Errors
/// It is not a run directory, cannot be read, or a file does not hold what it should (with the line).
pub fn read(directory: &Path) -> Result<StoredRun, OutputError> {
    let manifest: Manifest = read_manifest(directory)?;
    let curve = |axes: &CurveAxes| on_axes(directory, axes);
    let results = Results {
        scalars: table::read_scalars(&directory.join("scalars.csv"))?,
        series: table::read_series(&directory.join("series.csv"))?,
        curves: manifest.curves.iter().map(curve).collect::<Result<_, OutputError>>()?,
        log: Vec::new(),
        tables: Vec::new(),
        packets: Vec::new(),
    };
    Ok(StoredRun { manifest, results })
}

/// One curve of a run directory; none where the run has no curve of this name.
pub(super) fn read_curve(directory: &Path, name: &str) -> Result<Option<Curve>, OutputError> {
    let manifest: Manifest = read_manifest(directory)?;
    manifest.curves.iter().find(|axes| axes.name == name).map(|axes| on_axes(directory, axes)).transpose()
}

/// Reads the lines of a curve whose axes the manifest tells.
fn on_axes(directory: &Path, axes: &CurveAxes) -> Result<Curve, OutputError> {
    Ok(Curve {
        name: axes.name.clone(),
        x_label: axes.x_label.clone(),
        y_label: axes.y_label.clone(),
        x_log: axes.x_log,
        lines: table::read_curve(&directory.join("curves").join(format!("{}.csv", axes.name)))?,
    })
}
