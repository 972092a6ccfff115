//! The directory of a sweep: `runs/` with a run directory per point and seed, `sweep.csv` with all their scalars,
//! `summary.csv` with the statistics over seeds, and the figures. The runs are what counts: the tables are made from them, so an
//! interrupted sweep is finished by adding the runs that are missing.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::manifest::{read_manifest, to_text};
use super::staging::{clean, replace_file};
use super::{FORMAT, Manifest, OutputError, exists, table};
use crate::measure::curves::SweptCurve;
use crate::measure::summary::{SweepRow, SweepTable};
use crate::scenario::schema::Scenario;

/// `manifest.toml` of a sweep.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SweepManifest {
    /// Layout of the directory, [`FORMAT`].
    pub format: u32,
    /// Version of the program.
    pub version: String,
    /// Hash of the scenario with its grid.
    pub scenario_hash: String,
    /// The seeds that every point is run with.
    pub seeds: Vec<u64>,
    /// The points of the grid.
    #[serde(rename = "point")]
    pub points: Vec<PointRecord>,
    /// The scenario, with its `[sweep]` and its figures.
    pub scenario: Scenario,
}

/// One point of the grid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PointRecord {
    /// Swept key and its value as text, in the order of the columns of `sweep.csv`.
    pub values: Vec<(String, String)>,
}

/// A sweep directory, read back.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredSweep {
    /// The manifest.
    pub manifest: SweepManifest,
    /// The scalars of all complete runs.
    pub table: SweepTable,
    /// Runs that are not there yet.
    pub missing: u64,
}

/// The directory name of a sweep: `<scenario>-<hash>`.
pub fn sweep_name(scenario: &str, scenario_hash: &str) -> String {
    format!("{scenario}-{scenario_hash}")
}

/// The directory name of a point's run inside `runs/`: `key=value,key=value-s<seed>`, or `base-s<seed>` where nothing is
/// swept, without spaces. Where a value does not fit a file name, or the whole is long, a hash of the exact text tells points
/// apart.
pub fn point_name(values: &[(String, String)], seed: u64) -> String {
    const LONGEST: usize = 100;
    let exact = values.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",");
    let exact = exact.replace(' ', "");
    let fits = |c: char| c.is_ascii_alphanumeric() || "._=,-".contains(c);
    let mut name: String = exact.chars().map(|c| if fits(c) { c } else { '-' }).take(LONGEST).collect();
    if name != exact {
        name.push('-');
        name.push_str(&blake3::hash(exact.as_bytes()).to_hex()[..8]);
    }
    if name.is_empty() {
        name.push_str("base");
    }
    format!("{name}-s{seed}")
}

/// Whether a directory is that of a sweep rather than of a run.
pub fn is_sweep(directory: &Path) -> bool {
    read_manifest::<SweepManifest>(directory).is_ok()
}

/// Prepares the directory of a sweep in `parent` and returns its path. Runs go to its `runs/`, each under its [`point_name`].
/// What a killed sweep left half-written is removed; its whole runs stay.
///
/// # Errors
/// The directory cannot be written.
pub fn begin_sweep(
    parent: &Path,
    scenario: &Scenario,
    scenario_hash: &str,
    seeds: &[u64],
    points: &[Vec<(String, String)>],
) -> Result<PathBuf, OutputError> {
    let directory = parent.join(sweep_name(&scenario.name, scenario_hash));
    let runs = directory.join("runs");
    std::fs::create_dir_all(&runs).map_err(OutputError::io("create", &runs))?;
    clean(&directory)?;
    clean(&runs)?;
    let manifest = SweepManifest {
        format: FORMAT,
        version: env!("CARGO_PKG_VERSION").into(),
        scenario_hash: scenario_hash.into(),
        seeds: seeds.to_vec(),
        points: points.iter().map(|values| PointRecord { values: values.clone() }).collect(),
        scenario: scenario.clone(),
    };
    let path = directory.join("manifest.toml");
    replace_file(&path, to_text(&path, &manifest)?.as_bytes())?;
    Ok(directory)
}

/// Writes `sweep.csv` and `summary.csv` from the complete runs of a sweep.
///
/// # Errors
/// A run cannot be read, or a table cannot be written.
pub fn finish_sweep(directory: &Path) -> Result<StoredSweep, OutputError> {
    let sweep = gather(directory, read_manifest(directory)?)?;
    replace_file(&directory.join("sweep.csv"), &table::sweep(&sweep.table))?;
    replace_file(&directory.join("summary.csv"), &table::summary(&sweep.table.keys, &sweep.table.summarise()))?;
    Ok(sweep)
}

/// Reads a sweep directory back: from `sweep.csv`, or from the runs where the sweep is not finished.
///
/// # Errors
/// It is not a sweep directory, cannot be read, or a file does not hold what it should.
pub fn read_sweep(directory: &Path) -> Result<StoredSweep, OutputError> {
    let manifest: SweepManifest = read_manifest(directory)?;
    let path = directory.join("sweep.csv");
    if !path.exists() {
        return gather(directory, manifest);
    }
    let keys = manifest.keys();
    let width = keys.len();
    let header: Vec<&str> = keys.iter().map(String::as_str).chain(["seed", "metric", "group", "value"]).collect();
    let mut rows = Vec::new();
    table::read(&path, &header, |row| {
        rows.push(SweepRow {
            values: row.iter().take(width).map(str::to_owned).collect(),
            seed: row[width].parse().map_err(|_| format!("\"{}\" is not a seed", &row[width]))?,
            metric: row[width + 1].into(),
            group: row[width + 2].into(),
            value: table::parse_number(&row[width + 3])?,
        });
        Ok(())
    })?;
    Ok(StoredSweep { manifest, table: SweepTable { keys, rows }, missing: 0 })
}

impl SweepManifest {
    /// The swept keys in the order of the columns.
    fn keys(&self) -> Vec<String> {
        self.points.first().map_or_else(Vec::new, |point| point.values.iter().map(|(key, _)| key.clone()).collect())
    }
}

/// Collects the scalars of all complete runs.
fn gather(directory: &Path, manifest: SweepManifest) -> Result<StoredSweep, OutputError> {
    let mut table = SweepTable { keys: manifest.keys(), rows: Vec::new() };
    let mut missing = 0;
    for point in &manifest.points {
        for seed in manifest.seeds.iter().copied() {
            let run = directory.join("runs").join(point_name(&point.values, seed));
            if !exists(&run) {
                missing += 1;
                continue;
            }
            let values: Vec<String> = point.values.iter().map(|(_, value)| value.clone()).collect();
            for scalar in table::read_scalars(&run.join("scalars.csv"))? {
                let (metric, group) = (scalar.metric, scalar.group);
                table.rows.push(SweepRow { values: values.clone(), seed, metric, group, value: scalar.value });
            }
        }
    }
    Ok(StoredSweep { manifest, table, missing })
}

/// One series of every complete run as a table with one more key, `time`, in seconds.
///
/// # Errors
/// A run cannot be read.
pub fn sweep_series(directory: &Path, manifest: &SweepManifest, metric: &str) -> Result<SweepTable, OutputError> {
    let mut table = SweepTable { keys: manifest.keys(), rows: Vec::new() };
    table.keys.push("time".into());
    for point in &manifest.points {
        for seed in manifest.seeds.iter().copied() {
            let run = directory.join("runs").join(point_name(&point.values, seed));
            if !exists(&run) {
                continue;
            }
            let samples = table::read_series(&run.join("series.csv"))?;
            for sample in samples.into_iter().filter(|sample| sample.metric == metric && sample.group.is_empty()) {
                let mut values: Vec<String> = point.values.iter().map(|(_, value)| value.clone()).collect();
                values.push(sample.time.as_secs_f64().to_string());
                table.rows.push(SweepRow {
                    values,
                    seed,
                    metric: sample.metric,
                    group: sample.group,
                    value: sample.value,
                });
            }
        }
    }
    Ok(table)
}

/// One curve of every complete run that has it.
///
/// # Errors
/// A run cannot be read.
pub fn sweep_curve(directory: &Path, manifest: &SweepManifest, name: &str) -> Result<Vec<SweptCurve>, OutputError> {
    let mut found = Vec::new();
    for point in &manifest.points {
        for seed in manifest.seeds.iter().copied() {
            let run = directory.join("runs").join(point_name(&point.values, seed));
            if !exists(&run) {
                continue;
            }
            if let Some(curve) = super::run::read_curve(&run, name)? {
                let values = point.values.iter().map(|(_, value)| value.clone()).collect();
                found.push(SweptCurve { values, seed, curve });
            }
        }
    }
    Ok(found)
}

/// The seed and scalars of a stored run as rows of a sweep without swept keys, for comparisons.
impl From<&super::StoredRun> for SweepTable {
    fn from(run: &super::StoredRun) -> Self {
        let Manifest { seed, .. } = run.manifest;
        let row = |scalar: &crate::measure::results::Scalar| SweepRow {
            values: Vec::new(),
            seed,
            metric: scalar.metric.clone(),
            group: scalar.group.clone(),
            value: scalar.value,
        };
        Self { keys: Vec::new(), rows: run.results.scalars.iter().map(row).collect() }
    }
}
