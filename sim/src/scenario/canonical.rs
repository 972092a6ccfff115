//! One text for one meaning: the effective scenario as TOML with every default written out, in the order of its types,
//! and its hash, which names the run.

use super::schema::Scenario;
use super::tree::{Node, Value};

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

/// A value of the tree as TOML on one line.
pub(super) fn value_text(node: &Node) -> String {
    match &node.value {
        Value::String(text) => toml::Value::String(text.clone()).to_string(),
        Value::Integer(number) => number.to_string(),
        Value::Float(number) => toml::Value::Float(*number).to_string(),
        Value::Boolean(value) => value.to_string(),
        Value::Array(items) => format!("[{}]", items.iter().map(value_text).collect::<Vec<_>>().join(", ")),
        Value::Table(entries) => {
            let entries = entries.iter().map(|(key, node)| format!("{key} = {}", value_text(node)));
            format!("{{ {} }}", entries.collect::<Vec<_>>().join(", "))
        }
        Value::Hole => String::new(),
    }
}
