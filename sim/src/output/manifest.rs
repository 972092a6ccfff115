//! `manifest.toml`: what was run and what came out, without a word about the machine, so that it has the same bytes anywhere.

use std::fs;
use std::io;
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{FORMAT, OutputError};
use crate::scenario::parse::read_written;
use crate::scenario::schema::Scenario;

/// `manifest.toml` of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Layout of the directory, [`FORMAT`].
    pub format: u32,
    /// Version of the program.
    pub version: String,
    /// Hash of the effective scenario without its seed.
    pub scenario_hash: String,
    /// Seed of every random stream.
    pub seed: u64,
    /// Digest of the run, 32 hexadecimal digits.
    pub digest: String,
    /// How the run ended, such as "condition met".
    pub outcome: String,
    /// Events that the engine handled.
    pub events: u64,
    /// Virtual time of the end, in nanoseconds.
    pub end_ns: u64,
    /// The axes of the curves in `curves/`.
    #[serde(default, rename = "curve", skip_serializing_if = "Vec::is_empty")]
    pub curves: Vec<CurveAxes>,
    /// The effective scenario: every default filled in, every override applied.
    pub scenario: Scenario,
}

/// What the points of `curves/<name>.csv` are drawn on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CurveAxes {
    /// File name without ending.
    pub name: String,
    /// Label of the horizontal axis.
    pub x_label: String,
    /// Label of the vertical axis.
    pub y_label: String,
    /// Whether the horizontal axis is logarithmic.
    pub x_log: bool,
}

/// The text of a TOML file.
pub(super) fn to_text<T: Serialize>(path: &Path, value: &T) -> Result<String, OutputError> {
    toml::to_string(value)
        .map_err(|error| OutputError::io("write", path)(io::Error::new(io::ErrorKind::InvalidData, error.to_string())))
}

/// Reads a TOML file of a directory that the program wrote.
pub(super) fn read_toml<T: DeserializeOwned>(path: &Path) -> Result<T, OutputError> {
    let text = fs::read_to_string(path).map_err(OutputError::io("read", path))?;
    read_written(&text).map_err(|(at, message)| corrupt_at(path, &text, at, &message))
}

/// Reads the manifest of a directory, of a run or of a sweep.
pub(super) fn read_manifest<T: DeserializeOwned>(directory: &Path) -> Result<T, OutputError> {
    let path = directory.join("manifest.toml");
    if directory.is_dir() && !path.is_file() {
        return Err(OutputError::NotResults { path: directory.to_owned(), missing: "manifest.toml" });
    }
    let format = format_of(&path)?;
    if format != i64::from(FORMAT) {
        return Err(OutputError::corrupt(&path, 0, format!("its format is {format}, and this program reads {FORMAT}")));
    }
    read_toml(&path)
}

/// The layout that a manifest claims, whatever else is in it.
fn format_of(path: &Path) -> Result<i64, OutputError> {
    let text = fs::read_to_string(path).map_err(OutputError::io("read", path))?;
    let table: toml::Table = toml::from_str(&text)
        .map_err(|error| corrupt_at(path, &text, error.span().map_or(0, |span| span.start), error.message()))?;
    let claimed = table.get("format").and_then(toml::Value::as_integer);
    claimed.ok_or_else(|| OutputError::corrupt(path, 0, "it has no `format`"))
}

/// What is wrong at a byte of a text, with its line.
fn corrupt_at(path: &Path, text: &str, at: usize, message: &str) -> OutputError {
    let line = text.get(..at).map_or(0, |head| head.matches('\n').count() + 1);
    OutputError::corrupt(path, line as u64, message)
}
