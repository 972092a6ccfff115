//! One text for one meaning: the effective scenario as TOML with every default written out, in the order of its types,
//! and its hash, which names the run.

use std::collections::BTreeMap;
use std::path::Path;

use super::schema::Scenario;
use super::tree::{Node, Value};
use crate::network::config::ChurnConfig;

/// The effective scenario as TOML; it reads back to an equal scenario.
pub fn canonical(scenario: &Scenario) -> String {
    toml::to_string(scenario).unwrap_or_else(|error| unreachable!("a scenario has only TOML types: {error}"))
}

/// The first 16 hex digits of the BLAKE3 hash of the canonical text, without what does not change a run or is told
/// apart elsewhere: description, seed, sweep, bounds and figures.
pub fn content_hash(scenario: &Scenario) -> String {
    let mut scenario = scenario.clone();
    scenario.description.clear();
    scenario.seed = 0;
    scenario.sweep = None;
    scenario.expect.clear();
    scenario.figure.clear();
    let hash = blake3::hash(canonical(&scenario).as_bytes());
    hash.to_hex()[..16].to_owned()
}

/// [`content_hash`] that also covers the files which the scenario reads, relative to `base`: another matrix is another
/// experiment. A file that cannot be read counts as empty here; building the network says what is wrong with it.
pub fn experiment_hash(scenario: &Scenario, base: &Path) -> String {
    cover_files(content_hash(scenario), scenario, base)
}

/// The hash of a sweep: everything that its runs depend on, the grid included; other words, figures and bounds are the same
/// sweep.
pub fn sweep_hash(scenario: &Scenario, base: &Path) -> String {
    let mut bare = scenario.clone();
    bare.description.clear();
    bare.figure.clear();
    bare.expect.clear();
    cover_files(blake3::hash(canonical(&bare).as_bytes()).to_hex()[..16].to_owned(), scenario, base)
}

fn cover_files(hash: String, scenario: &Scenario, base: &Path) -> String {
    let mut files = input_files(scenario).peekable();
    if files.peek().is_none() {
        return hash;
    }
    let mut hasher = blake3::Hasher::new();
    hasher.update(hash.as_bytes());
    for file in files {
        let content = std::fs::read(base.join(file)).unwrap_or_default();
        hasher.update(blake3::hash(&content).as_bytes());
    }
    hasher.finalize().to_hex()[..16].to_owned()
}

/// The files that a scenario names.
fn input_files(scenario: &Scenario) -> impl Iterator<Item = &Path> {
    let sessions = scenario.churn.as_ref().and_then(ChurnConfig::file);
    scenario.network.latency.file().into_iter().chain(sessions)
}

/// A value as TOML on one line, as the values of sweeps are written.
pub fn toml_text(value: &toml::Value) -> String {
    match value {
        toml::Value::Array(items) => array_text(items.iter().map(toml_text)),
        toml::Value::Table(entries) => {
            table_text(entries.iter().map(|(key, value)| (key, toml_text(value))).collect::<BTreeMap<_, _>>())
        }
        value => value.to_string(),
    }
}

/// A value of the tree as TOML on one line.
pub(super) fn value_text(node: &Node) -> String {
    match &node.value {
        Value::String(text) => toml::Value::String(text.clone()).to_string(),
        Value::Integer(number) => number.to_string(),
        Value::Float(number) => toml::Value::Float(*number).to_string(),
        Value::Boolean(value) => value.to_string(),
        Value::Array(items) => array_text(items.iter().map(value_text)),
        Value::Table(entries) => table_text(entries.iter().map(|(key, node)| (key, value_text(node)))),
        Value::Hole => String::new(),
    }
}

fn array_text(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(", "))
}

fn table_text<'a>(entries: impl IntoIterator<Item = (&'a String, String)>) -> String {
    let entries = entries.into_iter().map(|(key, text)| format!("{key} = {text}"));
    format!("{{ {} }}", entries.collect::<Vec<_>>().join(", "))
}
