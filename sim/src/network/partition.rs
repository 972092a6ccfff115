//! Partitions: times at which groups of nodes cannot reach each other. The check is a pure function of time and the two
//! nodes, so it needs no state and no order of calls. Several partitions may overlap or nest; a message is cut when any
//! active one separates its ends. A message is judged twice, when it is sent and when it arrives: none is sent into a
//! partition, and none arrives through one.

use rapprochement_core::time::Instant;

use super::config::{Groups, PartitionConfig};
use super::latency::{Delays, unknown_region};
use super::layout::apportion;
use crate::problem::Problem;
use crate::random::{Philox, Purpose, Streams};

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
    pub(crate) fn build(
        configs: &[PartitionConfig],
        delays: &Delays,
        nodes: u32,
        streams: &Streams,
    ) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut list = Vec::new();
        for (index, config) in configs.iter().enumerate() {
            let path = format!("network.partition[{index}]");
            let mut wrong = bad_times(config, &path);
            match groups(&config.groups, delays, nodes, &path, streams.key(Purpose::Partition, index as u64)) {
                Ok(group) if wrong.is_empty() => list.push(Partition {
                    start: config.start.as_nanos(),
                    length: config.heal.as_nanos() - config.start.as_nanos(),
                    every: config.every.map(|span| span.as_nanos()),
                    both_ways: config.both_ways,
                    group,
                }),
                Ok(_) => {}
                Err(more) => wrong.extend(more),
            }
            problems.extend(wrong);
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let first = list.iter().map(|partition| partition.start).min().map_or(Instant::MAX, Instant::from_nanos);
        Ok(Self { list, first })
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

fn bad_times(config: &PartitionConfig, path: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    if config.heal <= config.start {
        problems.push(Problem::new(
            format!("{path}.heal"),
            format!("it heals at {}, not after its start at {}", config.heal, config.start),
            "",
        ));
    } else if let Some(every) = config.every
        && every.as_nanos() < config.heal.as_nanos() - config.start.as_nanos()
    {
        problems.push(Problem::new(
            format!("{path}.every"),
            format!("it begins again after {every}, before it has healed"),
            "let `every` be at least as long as from `start` to `heal`",
        ));
    }
    problems
}

/// The group of each node; those that no group names form a last one.
fn groups(config: &Groups, delays: &Delays, nodes: u32, path: &str, key: u64) -> Result<Vec<u16>, Vec<Problem>> {
    let (kind, count) = match config {
        Groups::Shares(list) => ("shares", list.len()),
        Groups::Regions(list) => ("regions", list.len()),
        Groups::Nodes(list) => ("nodes", list.len()),
    };
    let path = format!("{path}.groups.{kind}");
    if count == 0 || count >= usize::from(u16::MAX) {
        return Err(vec![Problem::new(path, format!("{count} groups"), "name one group at least, and 65000 at most")]);
    }
    let rest = count as u16;
    match config {
        Groups::Shares(shares) => by_shares(shares.iter().map(|share| share.0).collect(), nodes, path, key),
        Groups::Regions(lists) => {
            let of_region = assign(lists, delays.group_names().len(), rest, &path, |name, at| {
                let known = delays.group_names();
                known.iter().position(|region| region == name).ok_or_else(|| unknown_region(at, name, known))
            })?;
            Ok((0..nodes).map(|node| of_region[usize::from(delays.group_of(node))]).collect())
        }
        Groups::Nodes(lists) => assign(lists, nodes as usize, rest, &path, |&node, at| {
            if node < nodes {
                return Ok(node as usize);
            }
            let help = format!("nodes are numbered from 0 to {}", nodes.saturating_sub(1));
            Err(Problem::new(at, format!("there is no node {node}"), help))
        }),
    }
}

/// Random groups of exact sizes. Nodes stand in the order of a keyed hash of their number, so that a node more moves
/// only the few at a border.
fn by_shares(mut shares: Vec<f64>, nodes: u32, path: String, key: u64) -> Result<Vec<u16>, Vec<Problem>> {
    let sum: f64 = shares.iter().sum();
    if sum > 1.0 + 1e-9 || sum == 0.0 {
        return Err(vec![Problem::new(path, format!("the shares add up to {sum}"), "they add up to at most 1")]);
    }
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
    Ok(group)
}

/// Puts each listed item into the group of its list, and the others into the group `rest`.
fn assign<T: std::fmt::Display>(
    lists: &[Vec<T>],
    items: usize,
    rest: u16,
    path: &str,
    place: impl Fn(&T, String) -> Result<usize, Problem>,
) -> Result<Vec<u16>, Vec<Problem>> {
    let mut group = vec![rest; items];
    let mut problems = Vec::new();
    for (index, list) in lists.iter().enumerate() {
        for (position, item) in list.iter().enumerate() {
            let at = format!("{path}[{index}][{position}]");
            match place(item, at.clone()) {
                Ok(slot) if group[slot] == rest => group[slot] = index as u16,
                Ok(_) => problems.push(Problem::new(at, format!("{item} is named twice"), "")),
                Err(problem) => problems.push(problem),
            }
        }
    }
    if problems.is_empty() { Ok(group) } else { Err(problems) }
}
