//! A sweep's points: every combination of the grid's values, the last key varying fastest, each with the same seeds.

use std::collections::BTreeMap;

use super::canonical::value_text;
use super::check::{self, Checker, Files};
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
/// Of a loaded scenario none is: the loading has looked at them all.
pub fn points(loaded: &Loaded) -> Result<Vec<Point>, Diagnostics> {
    check_points(loaded, &mut Files::default())
}

/// [`points`], with the files that they name.
pub(super) fn check_points(loaded: &Loaded, files: &mut Files) -> Result<Vec<Point>, Diagnostics> {
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
        match point(loaded, &base, &chosen, files) {
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
fn point(
    loaded: &Loaded,
    base: &Node,
    chosen: &[(&String, &Node)],
    files: &mut Files,
) -> Result<Scenario, Vec<Diagnostic>> {
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
        check::scenario(&scenario, &mut checker, files);
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
/// dotted key again. Where a key is written in both ways, the one without quotes counts: it may come from an override.
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
            flat.entry(key).or_insert(node);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::Problem;
    use crate::scenario::{generate, parse};

    const SWEEP: &str = r#"name = "sweep"
seed = 7
nodes = 100
duration = "60 s"
protocol.full_push.interval = "1 s"
workload = { writers = 3, arrivals = { burst = { count = 5 } } }

[sweep]
replications = 3

[sweep.grid]
nodes = [10, 20]
"network.duplicate" = [0.0, 0.5]
protocol = [{ full_push = { interval = "2 s" } }, { scuttlebutt = { interval = "1 s" } }]

[[figure]]
name = "f"
x = "nodes"
y = "sent_wire_bytes_per_node"
"#;

    #[test]
    fn the_grid_is_walked_in_a_fixed_order_with_equal_seeds() {
        let points = points(&parse("sweep", SWEEP, &[]).unwrap()).unwrap();
        assert_eq!(points.len(), 8);
        assert!(points.iter().all(|point| point.seeds == [7, 8, 9] && point.scenario.seed == 7));
        assert!(points.iter().all(|point| point.scenario.sweep.is_none() && point.scenario.figure.is_empty()));
        let text = |point: &Point| {
            point.overrides.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(" ")
        };
        let (first, last) = (text(&points[0]), text(&points[7]));
        assert_eq!(first, "network.duplicate=0.0 nodes=10 protocol={ full_push = { interval = \"2 s\" } }");
        assert_eq!(last, "network.duplicate=0.5 nodes=20 protocol={ scuttlebutt = { interval = \"1 s\" } }");
        let differing: std::collections::BTreeSet<_> =
            points.iter().map(|point| crate::scenario::content_hash(&point.scenario)).collect();
        assert_eq!(differing.len(), 8);
    }

    #[test]
    fn keys_with_and_without_quotes_are_the_same() {
        let bare = SWEEP.replace("\"network.duplicate\"", "network.duplicate");
        let both = [SWEEP, &bare].map(|text| points(&parse("sweep", text, &[]).unwrap()).unwrap());
        assert_eq!(both[0], both[1]);
        let sets = ["sweep.grid.network.duplicate=[0.25]".to_owned(), "sweep.replications=1".to_owned()];
        let one = points(&parse("sweep", SWEEP, &sets).unwrap()).unwrap();
        assert_eq!((one.len(), one[0].seeds.len()), (4, 1));
        assert!(one.iter().all(|point| point.scenario.network.duplicate.0 == 0.25));
    }

    #[test]
    fn without_a_sweep_the_scenario_is_its_only_point() {
        let scenario = generate(3);
        let loaded = parse("one", &crate::scenario::canonical(&scenario), &[]).unwrap();
        let seeds = vec![scenario.seed];
        assert_eq!(points(&loaded).unwrap(), [Point { overrides: Vec::new(), scenario, seeds }]);
    }

    #[test]
    fn later_problems_are_shown_in_the_text() {
        let loaded = parse("sweep.toml", SWEEP, &[]).unwrap();
        let said = loaded.render(&[
            Problem::new("workload.writers", "too busy", "write less"),
            Problem::new("network.latency.matrix.file", "malformed", ""),
        ]);
        assert!(said.contains("sweep.toml:6:24") && said.contains("help: write less"), "{said}");
        assert!(said.contains("`network.latency.matrix.file`: malformed"), "{said}");
    }
}
