//! Regions of a cloud, from a built-in table or a file.

use std::path::Path;

use super::places::Places;
use super::table::Table;
use crate::network::config;
use crate::network::file::read_text;
use crate::problem::Problem;

const AWS_P50: &str = include_str!("../../../data/aws-33-rtt-ms-p50.csv");
const AWS_P90: &str = include_str!("../../../data/aws-33-rtt-ms-p90.csv");

/// The nodes in the regions of the scenario, in proportion to their weights.
pub(crate) fn read(config: &config::Regions, nodes: u32, base: &Path) -> Result<Places, Vec<Problem>> {
    let key = "network.latency.regions.table";
    let table = match config.table.as_str() {
        name @ "aws-33-p50" => Table::parse(AWS_P50, key, name)?,
        name @ "aws-33-p90" => Table::parse(AWS_P90, key, name)?,
        file if !file.contains('.') => {
            let message = format!("there is no built-in table \"{file}\"");
            return Err(vec![Problem::new(
                key,
                message,
                "use \"aws-33-p50\", \"aws-33-p90\" or the name of a CSV file",
            )]);
        }
        file => Table::parse(&read_text(base, Path::new(file), key)?, key, file)?,
    };
    let mut problems = Vec::new();
    let mut chosen = Vec::new();
    for (index, name) in config.only.iter().enumerate() {
        let at = format!("network.latency.regions.only[{index}]");
        match table.names.iter().position(|known| known == name) {
            None => problems.push(unknown_region(at, name, &table.names)),
            Some(place) if chosen.contains(&place) => {
                problems.push(Problem::new(at, format!("the region \"{name}\" is named twice"), ""));
            }
            Some(place) => chosen.push(place),
        }
    }
    if config.only.len() > nodes as usize {
        problems.push(Problem::new(
            "network.latency.regions.only",
            format!("{} regions for {nodes} nodes", config.only.len()),
            "name at most as many regions as there are nodes",
        ));
    }
    problems.extend(bad_weights(config));
    if !problems.is_empty() {
        return Err(problems);
    }
    let table = if chosen.is_empty() { table } else { table.only(&chosen) };
    let equal = vec![1.0; table.names.len()];
    let weights = if config.weights.is_empty() { &equal } else { &config.weights };
    let mut places = Places::weighted(table, weights, nodes);
    places.regions = true;
    Ok(places)
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
    if config.weights.is_empty() {
        return problems;
    }
    if config.weights.len() != config.only.len() {
        let message = format!("{} weights for {} regions in `only`", config.weights.len(), config.only.len());
        problems.push(Problem::new(key, message, "give one weight per region, in the same order"));
    }
    for (index, weight) in config.weights.iter().enumerate() {
        if !(0.0..=1e9).contains(weight) {
            let message = format!("the weight is {weight}");
            problems.push(Problem::new(format!("{key}[{index}]"), message, "it lies between 0 and 10^9"));
        }
    }
    if config.weights.iter().all(|weight| *weight == 0.0) {
        problems.push(Problem::new(key, "all weights are zero", ""));
    }
    problems
}
