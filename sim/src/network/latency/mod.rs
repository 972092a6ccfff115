//! Base delays: the one-way delay of a pair of nodes, before jitter. It is a pure function of the scenario and the seed,
//! so two protocols compared under one seed meet the same network. A pair drawn from a distribution has its delay from a
//! hash of (seed, pair): nothing is stored, and a node more moves no other pair.

mod graph;
mod graphml;
mod places;
mod points;
mod regions;
mod table;

use std::path::Path;
use std::sync::Arc;

use rapprochement_core::time::Duration;

use super::config::{Latency, NetworkConfig, Space};
use super::distribution::{Distribution, open_unit};
use super::fabric::Fabric;
use super::file::read_text;
use crate::problem::Problem;
use crate::random::{Philox, Purpose, Streams};
pub(crate) use graphml::parse as parse_graphml;
use places::Places;
use points::Coordinates;
pub(crate) use regions::unknown_region;
use table::Table;
pub(crate) use table::number;

/// The delays of all pairs.
#[derive(Debug)]
pub(crate) struct Delays {
    model: Model,
    nodes: u32,
    /// What each host adds at its end, and the least that any adds.
    access: Option<(Vec<u64>, u64)>,
    /// What `min_latency` raises smaller delays to.
    floor: u64,
    /// Names of the regions; one group "all" where the model has none.
    groups: Vec<String>,
}

#[derive(Debug)]
enum Model {
    Constant(u64),
    Pair { distribution: Distribution, key: u64 },
    Coordinates(Coordinates),
    Places(Places),
    Topology(Arc<Fabric>),
}

/// Entities of [`Purpose::Latency`].
const PAIRS: u64 = 0;
const POINTS: u64 = 1;
const ACCESS: u64 = 2;

impl Delays {
    pub(crate) fn build(
        config: &NetworkConfig,
        nodes: u32,
        base: &Path,
        streams: &Streams,
    ) -> Result<Self, Vec<Problem>> {
        check(problems(config))?;
        let model = Model::build(&config.latency, nodes, base, streams)?;
        let groups = match &model {
            Model::Places(places) if places.regions => places.table.names.clone(),
            _ => vec!["all".into()],
        };
        let access = match &config.latency {
            Latency::Points(points) => points.access_delay.as_ref().map(|delay| {
                let key = streams.key(Purpose::Latency, ACCESS);
                let of = |node: u32| delay.quantile(open_unit(Philox::block(key, [node.into(), 0])[0])).as_nanos();
                ((0..nodes).map(of).collect(), delay.bounded_below().as_nanos())
            }),
            _ => None,
        };
        let floor = config.min_latency.map_or(0, |span| span.as_nanos());
        let delays = Self { model, nodes, access, floor, groups };
        let is_zero_on_purpose = matches!(config.latency, Latency::Constant(_));
        if delays.least(delays.model.smallest()) == 0 && !is_zero_on_purpose {
            return Err(vec![unbounded().resting_on(["nodes"])]);
        }
        Ok(delays)
    }

    /// Those of the paths of a topology.
    pub(crate) fn of_topology(fabric: Arc<Fabric>, nodes: u32) -> Self {
        Self { model: Model::Topology(fabric), nodes, access: None, floor: 0, groups: vec!["all".into()] }
    }

    /// The delays of a scenario that takes them from a table, built in or in a file; `None` where it does not.
    pub(crate) fn of_table(config: &NetworkConfig, nodes: u32, base: &Path) -> Option<Result<Self, Vec<Problem>>> {
        let is_table = match &config.latency {
            Latency::Regions(_) | Latency::Matrix(_) | Latency::Graph(_) => true,
            Latency::Points(points) => matches!(points.space, Space::Places { .. }),
            Latency::Constant(_) | Latency::Pair(_) => false,
        };
        // What comes from a table draws nothing, so that any seed will do.
        is_table.then(|| Self::build(config, nodes, base, &Streams::new(0)))
    }

    /// A lower bound of the model, with what the hosts add and what `min_latency` raises it to.
    fn least(&self, bound: u64) -> u64 {
        let ends = self.access.as_ref().map_or(0, |(_, least)| least.saturating_mul(2));
        bound.saturating_add(ends).max(self.floor)
    }

    /// The delay of a pair, and whether the lower bound raised it.
    #[inline]
    pub(crate) fn between(&self, from: u32, to: u32) -> (Duration, bool) {
        let mut delay = match &self.model {
            Model::Constant(delay) => *delay,
            Model::Pair { distribution, key } => {
                let pair = [u64::from(from.min(to)), u64::from(from.max(to))];
                distribution.quantile(open_unit(Philox::block(*key, pair)[0])).as_nanos()
            }
            Model::Coordinates(coordinates) => coordinates.delay(from, to),
            Model::Places(places) => places.table.delay(places.of(from).into(), places.of(to).into()),
            Model::Topology(fabric) => fabric.delay(from, to),
        };
        if let Some((access, _)) = &self.access {
            delay = delay.saturating_add(access[from as usize]).saturating_add(access[to as usize]);
        }
        (Duration::from_nanos(delay.max(self.floor)), delay < self.floor)
    }

    pub(crate) fn group_names(&self) -> &[String] {
        &self.groups
    }

    pub(crate) fn group_of(&self, node: u32) -> u16 {
        match &self.model {
            Model::Places(places) if places.regions => places.of(node),
            _ => 0,
        }
    }

    /// At most `threads` contiguous ranges of nodes, and the smallest delay between different ones.
    pub(crate) fn shards(&self, threads: usize) -> (Vec<u32>, Duration) {
        let (starts, bound) = match &self.model {
            Model::Places(places) => {
                let starts = places.layout.starts(threads, self.nodes);
                let bound = places.smallest_across(&starts);
                (starts, bound)
            }
            Model::Topology(fabric) => (equal_ranges(threads, self.nodes), fabric.smallest_delay(self.nodes)),
            model => (equal_ranges(threads, self.nodes), model.smallest()),
        };
        let bound = self.least(bound);
        if starts.len() <= 2 || bound == 0 {
            return (vec![0, self.nodes], Duration::MAX);
        }
        (starts, Duration::from_nanos(bound))
    }
}

impl Model {
    fn build(config: &Latency, nodes: u32, base: &Path, streams: &Streams) -> Result<Self, Vec<Problem>> {
        Ok(match config {
            Latency::Constant(span) => Self::Constant(span.as_nanos()),
            Latency::Pair(distribution) => {
                Self::Pair { distribution: distribution.clone(), key: streams.key(Purpose::Latency, PAIRS) }
            }
            Latency::Regions(regions) => Self::Places(regions::read(regions, nodes, base)?),
            Latency::Matrix(matrix) => {
                let key = "network.latency.matrix.file";
                let text = read_text(base, &matrix.file, key)?;
                Self::Places(Places::in_turn(Table::parse(&text, key, &matrix.file.display().to_string())?, nodes))
            }
            Latency::Points(config) => {
                let key = streams.key(Purpose::Latency, POINTS);
                match &config.space {
                    Space::Globe { detour } => Self::Coordinates(Coordinates::on_globe(nodes, *detour, key)),
                    Space::Plane { side } => Self::Coordinates(Coordinates::in_square(nodes, side.as_nanos(), key)),
                    Space::Places { file, detour } => {
                        Self::Places(Places::in_turn(points::read_places(file, *detour, base)?, nodes))
                    }
                }
            }
            Latency::Graph(config) => Self::Places(Places::in_turn(graph::read(config, nodes, base)?, nodes)),
        })
    }

    /// What no delay between two nodes falls below.
    fn smallest(&self) -> u64 {
        match self {
            Self::Constant(delay) => *delay,
            Self::Pair { distribution, .. } => distribution.bounded_below().as_nanos(),
            Self::Coordinates(_) => 0,
            Self::Places(places) => places.smallest(),
            Self::Topology(fabric) => fabric.smallest_delay(u32::MAX),
        }
    }
}

/// What is wrong with the delays of a scenario, but for what stands in a table.
pub(crate) fn problems(config: &NetworkConfig) -> Vec<Problem> {
    let (mut problems, least) = match &config.latency {
        Latency::Pair(distribution) => (distribution.validate("network.latency.pair"), distribution.bounded_below()),
        Latency::Points(points) => {
            let ends = points.access_delay.as_ref().map_or(Duration::ZERO, Distribution::bounded_below);
            let is_table = matches!(points.space, Space::Places { .. });
            (points::validate(points), if is_table { Duration::MAX } else { ends })
        }
        _ => return Vec::new(),
    };
    if least.is_zero() && config.min_latency.is_none_or(|min| min.0.is_zero()) {
        problems.push(unbounded());
    }
    problems
}

/// A model without a positive lower bound.
fn unbounded() -> Problem {
    let help = "set `network.min_latency`, such as \"1 ms\"; delays below it are raised to it";
    let message = "these delays have no lower bound above zero";
    Problem::new("network.latency", message, help).resting_on(["network.min_latency"])
}

fn check(problems: Vec<Problem>) -> Result<(), Vec<Problem>> {
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

/// At most `threads` ranges of nodes that differ by at most one, none of them empty.
fn equal_ranges(threads: usize, nodes: u32) -> Vec<u32> {
    let ranges = u32::try_from(threads).unwrap_or(u32::MAX).min(nodes).max(1);
    (0..=ranges).map(|range| (u64::from(nodes) * u64::from(range) / u64::from(ranges)) as u32).collect()
}
