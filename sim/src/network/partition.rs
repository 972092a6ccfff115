//! Partitions: times at which groups of nodes cannot reach each other. The check is a pure function of time and the two
//! nodes, so it needs no state and no order of calls. Several partitions may overlap or nest; a message is cut when any
//! active one separates its ends. A message is judged twice, when it is sent and when it arrives: none is sent into a
//! partition, and none arrives through one.

use std::collections::BTreeMap;

use rapprochement_core::time::Instant;

use super::config::{Groups, Latency, PartitionConfig};
use super::latency::{Delays, unknown_region};
use super::layout::apportion;
use crate::problem::Problem;
use crate::random::{Philox, Purpose, Streams};
use crate::units::Share;

/// All partitions of a scenario.
#[derive(Debug)]
pub(crate) struct Partitions {
    list: Vec<Partition>,
    /// Before this, none is active: the one comparison that a quiet network costs.
    first: Instant,
}

#[derive(Debug)]
struct Partition {
    start: u64,
    /// How long it lasts.
    length: u64,
    /// It begins again this long after each start.
    every: Option<u64>,
    both_ways: bool,
    /// The group of each node.
    group: Vec<u16>,
}

impl Partitions {
    /// The partitions of a scenario that has no [`problems`] and no [`unknown_regions`].
    pub(crate) fn new(configs: &[PartitionConfig], delays: &Delays, nodes: u32, streams: &Streams) -> Self {
        let of_config = |(index, config): (usize, &PartitionConfig)| Partition {
            start: config.start.as_nanos(),
            length: config.heal.as_nanos() - config.start.as_nanos(),
            every: config.every.map(|span| span.as_nanos()),
            both_ways: config.both_ways,
            group: groups(&config.groups, delays, nodes, streams.key(Purpose::Partition, index as u64)),
        };
        let list: Vec<Partition> = configs.iter().enumerate().map(of_config).collect();
        let first = list.iter().map(|partition| partition.start).min().map_or(Instant::MAX, Instant::from_nanos);
        Self { list, first }
    }

    /// Whether a message from one node to another is cut at this moment.
    #[inline]
    pub(crate) fn block(&self, at: Instant, from: u32, to: u32) -> bool {
        at >= self.first && self.list.iter().any(|partition| partition.blocks(at.as_nanos(), from, to))
    }
}

impl Partition {
    fn blocks(&self, at: u64, from: u32, to: u32) -> bool {
        let Some(since) = at.checked_sub(self.start) else { return false };
        let phase = match self.every {
            Some(every) => since % every,
            None => since,
        };
        let (from, to) = (self.group[from as usize], self.group[to as usize]);
        phase < self.length && if self.both_ways { from != to } else { from < to }
    }
}

/// What is wrong with the partitions of a scenario, but for regions that no table has.
pub(crate) fn problems(configs: &[PartitionConfig], latency: &Latency, nodes: u32) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (index, config) in configs.iter().enumerate() {
        let path = format!("network.partition[{index}]");
        problems.extend(bad_times(config, &path));
        problems.extend(bad_groups(&config.groups, latency, nodes, &format!("{path}.groups")));
    }
    problems
}

/// The regions by which a scenario groups nodes although its table has none of that name.
pub(crate) fn unknown_regions(configs: &[PartitionConfig], known: &[String]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (index, config) in configs.iter().enumerate() {
        let Groups::Regions(lists) = &config.groups else { continue };
        for (path, name) in members(&format!("network.partition[{index}].groups.regions"), lists) {
            if !known.contains(name) {
                let problem = unknown_region(path, name, known).resting_on(["network.latency"]);
                // The region may well be one of the table's that the scenario does not use.
                problems.push(Problem { message: format!("region {name:?} is not in use"), ..problem });
            }
        }
    }
    problems
}

fn bad_times(config: &PartitionConfig, path: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    let at = |key: &str| format!("{path}.{key}");
    if config.heal <= config.start {
        let message = format!("heals at {}, not after its start at {}", config.heal, config.start);
        let problem = Problem::new(at("heal"), message, "`heal` is a time of the run, not a length");
        problems.push(problem.resting_on([at("start")]));
    }
    let length = config.heal.as_nanos().saturating_sub(config.start.as_nanos());
    if config.every.is_some_and(|every| every.as_nanos() <= length) {
        let help = "make `every` longer than from `start` to `heal`";
        let problem = Problem::new(at("every"), "begins again before it is healed", help);
        problems.push(problem.resting_on([at("start"), at("heal")]));
    }
    problems
}

fn bad_groups(groups: &Groups, latency: &Latency, nodes: u32, path: &str) -> Vec<Problem> {
    match groups {
        Groups::Shares(shares) => bad_shares(&format!("{path}.shares"), shares),
        Groups::Regions(_) if !matches!(latency, Latency::Regions(_)) => {
            let help = "use `latency.regions`, or group by `shares` or `nodes`";
            let problem = Problem::new(format!("{path}.regions"), "nodes have no regions here", help);
            vec![problem.resting_on(["network.latency"])]
        }
        Groups::Regions(lists) => bad_lists(&format!("{path}.regions"), lists),
        Groups::Nodes(lists) => {
            let path = format!("{path}.nodes");
            let mut problems = bad_lists(&path, lists);
            for (place, node) in members(&path, lists).filter(|(_, node)| **node >= nodes) {
                let help = format!("nodes are numbered from 0 to {}", nodes.saturating_sub(1));
                let problem = Problem::new(place, format!("there is no node {node} among {nodes}"), help);
                problems.push(problem.resting_on(["nodes"]));
            }
            problems
        }
    }
}

fn bad_shares(path: &str, shares: &[Share]) -> Vec<Problem> {
    let mut problems = Vec::new();
    let sum: f64 = shares.iter().map(|share| share.0).sum();
    if sum > 1.0 + 1e-9 {
        problems.push(Problem::new(path, format!("the shares sum to {sum}, more than 1"), ""));
    }
    if shares.is_empty() || (shares.len() == 1 && sum > 1.0 - 1e-9) {
        problems.push(Problem::new(path, "one group of all nodes parts nobody", "give at least two groups"));
    }
    for (index, _) in shares.iter().enumerate().filter(|(_, share)| share.0 == 0.0) {
        problems.push(Problem::new(format!("{path}[{index}]"), "an empty group", "leave it out"));
    }
    problems.extend(too_many(path, shares.len()));
    problems
}

/// Empty groups, and members of more than one.
fn bad_lists<T: Ord + std::fmt::Debug>(path: &str, lists: &[Vec<T>]) -> Vec<Problem> {
    let mut problems: Vec<Problem> = too_many(path, lists.len()).into_iter().collect();
    if lists.is_empty() {
        problems.push(Problem::new(path, "there are no groups", "give at least one; all other nodes form the last"));
    }
    let mut owner = BTreeMap::new();
    for (group, list) in lists.iter().enumerate() {
        if list.is_empty() {
            problems.push(Problem::new(format!("{path}[{group}]"), "an empty group", "leave it out"));
        }
        for (position, member) in list.iter().enumerate() {
            let Some(other) = owner.insert(member, group) else { continue };
            let message = if other == group {
                format!("{member:?} stands twice in this group")
            } else {
                format!("{member:?} is also in group {other}: groups cannot overlap")
            };
            problems.push(Problem::new(format!("{path}[{group}][{position}]"), message, ""));
        }
    }
    problems
}

fn too_many(path: &str, groups: usize) -> Option<Problem> {
    let most = usize::from(u16::MAX) - 1;
    (groups > most).then(|| Problem::new(path, format!("{groups} groups"), format!("use at most {most}")))
}

/// Every member of groups with its place in the scenario.
fn members<'a, T>(path: &str, lists: &'a [Vec<T>]) -> impl Iterator<Item = (String, &'a T)> {
    let place = move |group, position| format!("{path}[{group}][{position}]");
    let of_list = move |(group, list): (usize, &'a Vec<T>)| {
        let members = list.iter().enumerate().map(|(position, member)| (place(group, position), member));
        members.collect::<Vec<_>>()
    };
    lists.iter().enumerate().flat_map(of_list)
}

/// The group of each node; those that no group names form a last one.
fn groups(config: &Groups, delays: &Delays, nodes: u32, key: u64) -> Vec<u16> {
    match config {
        Groups::Shares(shares) => by_shares(shares.iter().map(|share| share.0).collect(), nodes, key),
        Groups::Regions(lists) => {
            let of_region = by_lists(lists, delays.group_names());
            (0..nodes).map(|node| of_region[usize::from(delays.group_of(node))]).collect()
        }
        Groups::Nodes(lists) => {
            let mut group = vec![lists.len() as u16; nodes as usize];
            for (index, list) in lists.iter().enumerate() {
                list.iter().for_each(|&node| group[node as usize] = index as u16);
            }
            group
        }
    }
}

/// Random groups of exact sizes. Nodes stand in the order of a keyed hash of their number, so that a node more moves
/// only the few at a border.
fn by_shares(mut shares: Vec<f64>, nodes: u32, key: u64) -> Vec<u16> {
    let sum: f64 = shares.iter().sum();
    shares.push((1.0 - sum).max(0.0));
    let mut order: Vec<(u64, u32)> = (0..nodes).map(|node| (Philox::block(key, [node.into(), 0])[0], node)).collect();
    order.sort_unstable();
    let mut group = vec![0; nodes as usize];
    let mut ordered = order.into_iter();
    for (index, count) in apportion(nodes, &shares).into_iter().enumerate() {
        for (_, node) in ordered.by_ref().take(count as usize) {
            group[node as usize] = index as u16;
        }
    }
    group
}

/// The group of each region.
fn by_lists(lists: &[Vec<String>], regions: &[String]) -> Vec<u16> {
    let group = |region| lists.iter().position(|list| list.contains(region)).unwrap_or(lists.len());
    regions.iter().map(|region| group(region) as u16).collect()
}
