//! Base delays: the one-way delay of a pair of nodes, before jitter. It is a pure function of the scenario and the seed,
//! so two protocols compared under one seed meet the same network. A pair drawn from a distribution has its delay from a
//! hash of (seed, pair): nothing is stored, and a node more moves no other pair.

mod table;

use std::path::Path;

use rapprochement_core::time::Duration;

use super::config::{self, NetworkConfig};
use super::distribution::{Distribution, open_unit};
use super::file::read_text;
use super::layout::{Layout, apportion, bisect};
use crate::problem::Problem;
use crate::random::{Philox, Purpose, Streams};
use table::Table;
pub(crate) use table::number;

const AWS_P50: &str = include_str!("../../../data/aws-33-rtt-ms-p50.csv");
const AWS_P90: &str = include_str!("../../../data/aws-33-rtt-ms-p90.csv");

/// The delays of all pairs.
#[derive(Debug)]
pub(crate) struct Delays {
    model: Model,
    nodes: u32,
    /// What `min_latency` raises smaller delays to.
    floor: u64,
    /// Names of the regions; one group "all" where the model has none.
    groups: Vec<String>,
}

#[derive(Debug)]
enum Model {
    Constant(u64),
    Pair { distribution: Distribution, key: u64 },
    Places(Places),
}

/// Nodes at the places of a table.
#[derive(Debug)]
struct Places {
    table: Table,
    layout: Layout,
    /// The place of each node.
    of: Vec<u16>,
    /// Whether the places are regions, which have names that a scenario may use.
    regions: bool,
}

impl Delays {
    pub(crate) fn build(
        config: &NetworkConfig,
        nodes: u32,
        base: &Path,
        streams: &Streams,
    ) -> Result<Self, Vec<Problem>> {
        let model = match &config.latency {
            config::Latency::Constant(span) => Model::Constant(span.as_nanos()),
            config::Latency::Pair(distribution) => {
                let problems = distribution.validate("network.latency.pair");
                if !problems.is_empty() {
                    return Err(problems);
                }
                let key = streams.key(Purpose::Latency, 0);
                Model::Pair { distribution: distribution.clone(), key }
            }
            config::Latency::Regions(regions) => Model::Places(region_places(regions, nodes, base)?),
            config::Latency::Matrix(matrix) => {
                let key = "network.latency.matrix.file";
                let text = read_text(base, &matrix.file, key)?;
                let table = Table::parse(&text, key, &matrix.file.display().to_string())?;
                Model::Places(Places::in_turn(table, nodes))
            }
            config::Latency::Points(_) | config::Latency::Graph(_) => {
                return Err(vec![Problem::new("network.latency", "points and graphs are not built yet", "")]);
            }
        };
        let groups = match &model {
            Model::Places(places) if places.regions => places.table.names.clone(),
            _ => vec!["all".into()],
        };
        let delays = Self { model, nodes, floor: config.min_latency.map_or(0, |span| span.as_nanos()), groups };
        if delays.floor == 0 && delays.is_unbounded() {
            return Err(vec![Problem::new(
                "network.min_latency",
                "this latency model reaches down to no delay at all",
                "set a lower bound, such as \"1 ms\"; smaller delays are raised to it",
            )]);
        }
        Ok(delays)
    }

    /// True where any pair may get any small delay, so that the model itself bounds nothing.
    fn is_unbounded(&self) -> bool {
        match &self.model {
            Model::Constant(_) | Model::Places(_) => false,
            Model::Pair { distribution, .. } => distribution.bounded_below().is_zero(),
        }
    }

    /// The delay of a pair, and whether the lower bound raised it.
    #[inline]
    pub(crate) fn between(&self, from: u32, to: u32) -> (Duration, bool) {
        let delay = match &self.model {
            Model::Constant(delay) => *delay,
            Model::Pair { distribution, key } => {
                let pair = [u64::from(from.min(to)), u64::from(from.max(to))];
                distribution.quantile(open_unit(Philox::block(*key, pair)[0])).as_nanos()
            }
            Model::Places(places) => places.table.delay(places.of[from as usize].into(), places.of[to as usize].into()),
        };
        (Duration::from_nanos(delay.max(self.floor)), delay < self.floor)
    }

    pub(crate) fn group_names(&self) -> &[String] {
        &self.groups
    }

    pub(crate) fn group_of(&self, node: u32) -> u16 {
        match &self.model {
            Model::Places(places) if places.regions => places.of[node as usize],
            _ => 0,
        }
    }

    /// At most `threads` contiguous ranges of nodes, and the smallest delay between different ones.
    pub(crate) fn shards(&self, threads: usize) -> (Vec<u32>, Duration) {
        let (starts, bound) = match &self.model {
            Model::Constant(delay) => (equal_ranges(threads, self.nodes), *delay),
            Model::Pair { distribution, .. } => {
                (equal_ranges(threads, self.nodes), distribution.bounded_below().as_nanos())
            }
            Model::Places(places) => {
                let starts = places.layout.starts(threads, self.nodes);
                let bound = places.smallest_across(&starts);
                (starts, bound)
            }
        };
        let bound = bound.max(self.floor);
        if starts.len() <= 2 || bound == 0 {
            return (vec![0, self.nodes], Duration::MAX);
        }
        (starts, Duration::from_nanos(bound))
    }
}

impl Places {
    /// Equal numbers of nodes at every place, or one at each of the first where there are fewer nodes than places.
    fn in_turn(table: Table, nodes: u32) -> Self {
        let weights = vec![1.0; table.names.len()];
        Self::weighted(table, &weights, nodes)
    }

    fn weighted(table: Table, weights: &[f64], nodes: u32) -> Self {
        let counts = apportion(nodes, weights);
        let layout = bisect(&counts, |a, b| table.either_way(a, b));
        let of = layout.order.iter().flat_map(|&place| (0..counts[place]).map(move |_| place as u16)).collect();
        Self { table, layout, of, regions: false }
    }

    /// The smallest delay between places in different ranges of nodes.
    fn smallest_across(&self, starts: &[u32]) -> u64 {
        let mut ranges: Vec<(u16, usize)> = Vec::new();
        for (range, bounds) in starts.windows(2).enumerate() {
            let places = &self.of[bounds[0] as usize..bounds[1] as usize];
            ranges.extend(places.chunk_by(|a, b| a == b).map(|same| (same[0], range)));
        }
        let pairs = ranges.iter().enumerate().flat_map(|(index, a)| ranges[index + 1..].iter().map(move |b| (a, b)));
        pairs
            .filter(|(a, b)| a.1 != b.1)
            .map(|(a, b)| self.table.either_way(a.0.into(), b.0.into()))
            .min()
            .unwrap_or(u64::MAX)
    }
}

/// At most `threads` ranges of nodes that differ by at most one, none of them empty.
fn equal_ranges(threads: usize, nodes: u32) -> Vec<u32> {
    let ranges = u32::try_from(threads).unwrap_or(u32::MAX).min(nodes).max(1);
    (0..=ranges).map(|range| (u64::from(nodes) * u64::from(range) / u64::from(ranges)) as u32).collect()
}

fn region_places(config: &config::Regions, nodes: u32, base: &Path) -> Result<Places, Vec<Problem>> {
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
    Ok(Places { regions: true, ..Places::weighted(table, weights, nodes) })
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
