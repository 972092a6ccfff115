//! A sweep's points: every combination of the grid's values, the last key varying fastest, each with the same seeds.

use std::collections::BTreeMap;

use super::canonical::value_text;
use super::check::{self, Checker};
use super::diagnostics::{Diagnostic, Diagnostics};
use super::parse::{Loaded, locate_fault};
use super::path::Path;
use super::reader::read;
use super::schema::Scenario;
use super::tree::{Node, Value};

/// Problems of so many points are shown.
const MAX_FAULTY_POINTS: usize = 20;

/// One variant of a scenario, and the seeds it is run with.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// Dotted key and value, as TOML, of what differs from the scenario; empty without a sweep.
    pub overrides: Vec<(String, String)>,
    /// The variant, without sweep and figures, with the first seed.
    pub scenario: Scenario,
    /// The seeds, from the scenario's own upwards.
    pub seeds: Vec<u64>,
}

/// The points of a scenario's sweep in a fixed order; the scenario itself where it has none.
///
/// # Errors
/// What is wrong with single points: a value that does not fit its key, or a contradiction that only this combination has.
pub fn points(loaded: &Loaded) -> Result<Vec<Point>, Diagnostics> {
    let scenario = &loaded.scenario;
    let replications = scenario.sweep.as_ref().map_or(1, |sweep| sweep.replications);
    let seeds: Vec<u64> = (0..u64::from(replications)).map(|i| scenario.seed.saturating_add(i)).collect();
    let grid = grid(loaded);
    let count = grid.iter().map(|(_, values)| values.len()).product::<usize>();
    let mut base = loaded.document.root.clone();
    base.remove("sweep");
    base.remove("figure");
    let (mut points, mut faults) = (Vec::with_capacity(count), Vec::new());
    let mut faulty = 0;
    for number in 0..count {
        let chosen = choose(&grid, number);
        match point(loaded, &base, &chosen) {
            Ok(scenario) => {
                let overrides = chosen.iter().map(|(key, value)| ((*key).clone(), value_text(value))).collect();
                points.push(Point { overrides, scenario, seeds: seeds.clone() });
            }
            Err(items) => {
                faults.extend(items);
                faulty += 1;
            }
        }
        if faulty == MAX_FAULTY_POINTS {
            break;
        }
    }
    if faults.is_empty() { Ok(points) } else { Err(Diagnostics::new(loaded.document.sources.clone(), merged(faults))) }
}

/// The swept keys with their values, each of which stands under its key of the grid.
fn grid(loaded: &Loaded) -> Vec<(&String, Vec<Node>)> {
    let entries = loaded.document.root.get("sweep").and_then(|sweep| sweep.get("grid")).map(|grid| &grid.value);
    let Some(Value::Table(entries)) = entries else { return Vec::new() };
    let lists = entries.iter().filter_map(|(key, node)| match &node.value {
        Value::Array(values) => {
            let keyed = |value: &Node| Node { key: node.key.clone(), ..value.clone() };
            Some((key, values.iter().map(keyed).collect()))
        }
        _ => None,
    });
    lists.collect()
}

/// The values of the point with this number.
fn choose<'a>(grid: &'a [(&'a String, Vec<Node>)], mut number: usize) -> Vec<(&'a String, &'a Node)> {
    let mut chosen = Vec::with_capacity(grid.len());
    for (key, values) in grid.iter().rev() {
        chosen.push((*key, &values[number % values.len()]));
        number /= values.len();
    }
    chosen.reverse();
    chosen
}

/// Builds and checks one point.
fn point(loaded: &Loaded, base: &Node, chosen: &[(&String, &Node)]) -> Result<Scenario, Vec<Diagnostic>> {
    let mut root = base.clone();
    let mut items = Vec::new();
    for (key, value) in chosen {
        let set = Path::parse(key).and_then(|path| root.set(&path, (*value).clone()));
        if let Err(message) = set {
            items.push(Diagnostic { message, help: String::new(), span: value.place() });
        }
    }
    let reading = read::<Scenario>(&mut root.clone());
    items.extend(reading.faults.iter().map(|fault| locate_fault(&root, fault)));
    if let Some(scenario) = reading.value {
        let mut checker = Checker::new(&reading.holes);
        check::scenario(&scenario, &mut checker);
        items.extend(checker.problems().iter().map(|problem| loaded.document.locate(&root, problem)));
        if items.is_empty() {
            return Ok(scenario);
        }
    }
    let place = chosen.iter().map(|(key, value)| format!("{key} = {}", value_text(value))).collect::<Vec<_>>();
    for item in &mut items {
        let separator = if item.help.is_empty() { "" } else { "; " };
        item.help = format!("{}{separator}at the sweep's point {}", item.help, place.join(", "));
    }
    Err(items)
}

/// One of each problem that several points have: the first.
fn merged(items: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let mut kept: Vec<Diagnostic> = Vec::new();
    for item in items {
        if !kept.iter().any(|other| other.message == item.message && other.span == item.span) {
            kept.push(item);
        }
    }
    kept
}

/// Lets a grid's keys be written without quotes: the tables that TOML makes of `network.duplicate = [...]` become one
/// dotted key again.
pub(super) fn flatten_grid(root: &mut Node) {
    let Some(grid) = root.get_mut("sweep").and_then(|sweep| sweep.get_mut("grid")) else { return };
    let mut flat = BTreeMap::new();
    if let Value::Table(entries) = &mut grid.value {
        for (key, node) in std::mem::take(entries) {
            flatten(key, node, &mut flat);
        }
        *entries = flat;
    }
}

fn flatten(key: String, node: Node, flat: &mut BTreeMap<String, Node>) {
    match node.value {
        Value::Table(entries) => {
            for (inner, node) in entries {
                flatten(format!("{key}.{inner}"), node, flat);
            }
        }
        _ => {
            flat.insert(key, node);
        }
    }
}
