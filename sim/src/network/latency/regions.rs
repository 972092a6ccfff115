//! Regions of a cloud, from a built-in table or a file.

use std::path::Path;

use super::places::Places;
use super::table::Table;
use crate::network::config;
use crate::network::file::read_text;
use crate::problem::Problem;

const AWS_P50: &str = include_str!("../../../data/aws-33-rtt-ms-p50.csv");
const AWS_P90: &str = include_str!("../../../data/aws-33-rtt-ms-p90.csv");

/// The tables that are built in.
const TABLES: [(&str, &str); 2] = [("aws-33-p50", AWS_P50), ("aws-33-p90", AWS_P90)];
const KEY: &str = "network.latency.regions.table";

/// The nodes in the regions of the scenario, in proportion to their weights.
pub(crate) fn read(config: &config::Regions, nodes: u32, base: &Path) -> Result<Places, Vec<Problem>> {
    let all = read_table(config, base);
    let mut problems = Vec::new();
    let mut chosen = Vec::new();
    for (index, name) in config.only.iter().enumerate() {
        let at = format!("network.latency.regions.only[{index}]");
        if config.only[..index].contains(name) {
            problems.push(Problem::new(at, format!("region \"{name}\" is named twice"), ""));
        } else if let Ok(table) = &all {
            match table.names.iter().position(|known| known == name) {
                Some(place) => chosen.push(place),
                None => problems.push(unknown_region(at, name, &table.names).resting_on([KEY])),
            }
        }
    }
    if config.only.len() > nodes as usize {
        let message = format!("{} regions for {nodes} nodes: some would be empty", config.only.len());
        let problem = Problem::new("network.latency.regions.only", message, "use more nodes or fewer regions");
        problems.push(problem.resting_on(["nodes"]));
    }
    problems.extend(bad_weights(config));
    let table = match all {
        Ok(table) if problems.is_empty() => table,
        table => return Err(table.err().into_iter().flatten().chain(problems).collect()),
    };
    let table = if chosen.is_empty() { table } else { table.only(&chosen) };
    let equal = vec![1.0; table.names.len()];
    let weights = if config.weights.is_empty() { &equal } else { &config.weights };
    let mut places = Places::weighted(table, weights, nodes);
    places.regions = true;
    Ok(places)
}

/// All regions of the table that a scenario names.
fn read_table(config: &config::Regions, base: &Path) -> Result<Table, Vec<Problem>> {
    let name = config.table.as_str();
    if let Some(file) = config.file() {
        return Table::parse(&read_text(base, file, KEY)?, KEY, name);
    }
    if let Some((_, text)) = TABLES.iter().find(|(known, _)| *known == name) {
        return Table::parse(text, KEY, name);
    }
    let [first, second] = TABLES.map(|(known, _)| known);
    let near = [first, second].into_iter().find(|known| strsim::damerau_levenshtein(known, name) <= 2);
    let near = near.map_or_else(String::new, |near| format!("did you mean \"{near}\"? "));
    let help = format!("{near}built in: {first}, {second}; or name a CSV file");
    Err(vec![Problem::new(KEY, format!("unknown region table \"{name}\""), help)])
}

/// An unknown region's problem, with the nearest known name.
pub(crate) fn unknown_region(path: String, name: &str, known: &[String]) -> Problem {
    let nearest = known.iter().max_by(|a, b| strsim::jaro_winkler(a, name).total_cmp(&strsim::jaro_winkler(b, name)));
    let help = nearest.map_or_else(String::new, |nearest| format!("did you mean \"{nearest}\"?"));
    Problem::new(path, format!("there is no region \"{name}\""), help)
}

fn bad_weights(config: &config::Regions) -> Vec<Problem> {
    let key = "network.latency.regions.weights";
    let mut problems = Vec::new();
    if !config.weights.is_empty() && config.weights.len() != config.only.len() {
        let message = format!("{} weights for {} regions", config.weights.len(), config.only.len());
        let help = "give one weight for each region of `only`, or none at all";
        problems.push(Problem::new(key, message, help).resting_on(["network.latency.regions.only"]));
    }
    for (index, weight) in config.weights.iter().enumerate() {
        if !(*weight > 0.0 && *weight <= 1e9) {
            let message = format!("{weight} is no weight");
            problems.push(Problem::new(format!("{key}[{index}]"), message, "it lies above 0, and at 10^9 at most"));
        }
    }
    problems
}
