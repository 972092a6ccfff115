//! Explicit topologies: hosts, routers, and links with a rate, a delay and a finite queue. A [`Fabric`] is what of it no event
//! changes; [`Queues`] is the state of its links where packets go hop by hop, and `fluid` that of flows.
//!
//! | file | what |
//! |---|---|
//! | [`config`] | what a scenario says |
//! | `plan` | vertices and edges of star, fat tree, dumbbell and random graph |
//! | `read` | the same from a GraphML file |
//! | `routes` | shortest paths, and equal-cost routes by a flow's hash |
//! | `queues` | the queues of the links, and what they count |
//!
//! A packet is stored and forwarded: it is at the other end of a link when its last byte is, and takes its turn at the next one
//! then. Routers take no time.

pub mod config;
mod plan;
mod queues;
mod read;
mod routes;

use std::path::Path;

use rapprochement_core::time::{Duration, Instant};

use self::config::{AccessBurst, Cable, Fidelity, Topology};
use self::plan::Plan;
pub use self::queues::{Hop, LinkCounter, Queues};
use self::routes::{Routes, Unroutable};
use super::config::{Access, Latency, NetworkConfig};
use super::link::Link;
use crate::problem::Problem;
use crate::random::{Purpose, Streams};
use crate::units::{Rate, Size};

const KEY: &str = "network.topology";
const SHAPE: &str = "network.topology.shape";
/// Entities of [`Purpose::Latency`], behind those of `latency`.
const GRAPH: u64 = 3;
const ROUTES: u64 = 4;

/// A topology, built: immutable and shared by a whole run.
#[derive(Debug)]
pub struct Fabric {
    hosts: u32,
    links: Vec<Place>,
    kinds: Vec<Kind>,
    routes: Routes,
    /// Bytes beside a packet's own.
    framing: u32,
    /// The key of the flows' hashes.
    key: u64,
}

/// One direction of an edge.
#[derive(Clone, Copy, Debug)]
struct Place {
    from: u32,
    to: u32,
    kind: u32,
    delay: Duration,
}

/// What links of one sort have in common.
#[derive(Debug)]
struct Kind {
    cable: (Rate, Option<Size>),
    at_host: bool,
    link: Link,
    bucket: Option<Link>,
}

impl Fabric {
    /// Builds the topology of a scenario, where it has one; `base` is the folder that its file is relative to.
    ///
    /// # Errors
    /// What is wrong with the section, with its file, or with the graph: pieces, no hosts, too much of it.
    pub fn build(
        config: &NetworkConfig,
        nodes: u32,
        base: &Path,
        streams: &Streams,
    ) -> Result<Option<Self>, Vec<Problem>> {
        let Some(topology) = &config.topology else { return Ok(None) };
        let wrong = problems(config, nodes);
        if !wrong.is_empty() {
            return Err(wrong);
        }
        let plan = match Plan::generate(&topology.shape, nodes, streams.key(Purpose::Latency, GRAPH)) {
            Some(plan) => plan,
            None => read::read(&topology.shape, base)?,
        };
        let routes = Routes::build(&plan).map_err(|why| vec![unroutable(&why, &plan, topology)])?;
        let mut fabric = Self {
            hosts: plan.hosts,
            links: Vec::with_capacity(2 * plan.edges.len()),
            kinds: Vec::new(),
            routes,
            framing: u32::try_from(topology.framing.0).unwrap_or(u32::MAX),
            key: streams.key(Purpose::Latency, ROUTES),
        };
        for (ends, cable) in &plan.edges {
            let at_host = ends.iter().any(|end| *end < plan.hosts && fabric.routes.up(*end).is_some());
            let kind = fabric.kind(cable, topology.access_burst.filter(|_| at_host), at_host);
            for [from, to] in [*ends, [ends[1], ends[0]]] {
                fabric.links.push(Place { from, to, kind, delay: cable.delay.0 });
            }
        }
        Ok(Some(fabric))
    }

    fn kind(&mut self, cable: &Cable, burst: Option<AccessBurst>, at_host: bool) -> u32 {
        let sort = (cable.rate, cable.queue);
        let known = self.kinds.iter().position(|kind| kind.cable == sort && kind.at_host == at_host);
        let place = known.unwrap_or_else(|| {
            let link = Link::new(cable.rate, cable.queue, None);
            let bucket = burst.map(|burst| Link::new(burst.baseline, cable.queue, Some(burst.burst)));
            self.kinds.push(Kind { cable: sort, at_host, link, bucket });
            self.kinds.len() - 1
        });
        place as u32
    }

    /// How many directed links there are.
    pub fn links(&self) -> usize {
        self.links.len()
    }

    /// How many hosts there are.
    pub const fn hosts(&self) -> u32 {
        self.hosts
    }

    /// The vertices that a link leads from and to; hosts are the first vertices.
    pub fn ends(&self, link: u32) -> (u32, u32) {
        let place = &self.links[link as usize];
        (place.from, place.to)
    }

    /// The rate and the delay of a link.
    pub fn rate_and_delay(&self, link: u32) -> (Rate, Duration) {
        let place = &self.links[link as usize];
        (self.kinds[place.kind as usize].cable.0, place.delay)
    }

    #[inline]
    fn link(&self, link: u32) -> (&Kind, Duration) {
        let place = &self.links[link as usize];
        (&self.kinds[place.kind as usize], place.delay)
    }

    /// The host that a node is on.
    #[inline]
    pub const fn host_of(&self, node: u32) -> u32 {
        node % self.hosts
    }

    /// The link that a packet from one node to another takes next, which has just crossed `crossed` or is still at its
    /// sender; `None` where it is at its receiver's host.
    #[inline]
    pub fn next(&self, from: u32, to: u32, crossed: Option<u32>) -> Option<u32> {
        let at = crossed.map_or_else(|| self.host_of(from), |link| self.links[link as usize].to);
        self.routes.next(at, self.host_of(to), u64::from(from) << 32 | u64::from(to), self.key)
    }

    /// The links that packets from one node to another take.
    pub fn path(&self, from: u32, to: u32) -> impl Iterator<Item = u32> {
        std::iter::successors(self.next(from, to, None), move |link| self.next(from, to, Some(*link)))
    }

    /// The delays of that path, in nanoseconds; the same for all routes of equal cost.
    #[inline]
    pub(crate) fn delay(&self, from: u32, to: u32) -> u64 {
        let (from, to) = (self.host_of(from), self.host_of(to));
        if from == to {
            return 0;
        }
        let up = |host| self.routes.up(host).map_or(0, |link| self.links[link as usize].delay.as_nanos());
        // A host may be another's only neighbour.
        let anchors = self.routes.between_anchors(from, to);
        anchors.saturating_add(up(from)).saturating_add(up(to))
    }

    /// What no delay between two of `nodes` nodes falls below.
    pub(crate) fn smallest_delay(&self, nodes: u32) -> u64 {
        if nodes > self.hosts {
            return 0;
        }
        self.links.iter().map(|place| place.delay.as_nanos()).min().unwrap_or(0)
    }

    /// A message as one event: it waits for its sender's first link, which falls idle at `free`, and then takes the time
    /// that it needs on the slowest link of its path. Returns its wait and when its last byte has left; `None` where
    /// the queue has no room.
    pub(crate) fn pass_as_one(
        &self,
        free: &mut u64,
        now: Instant,
        (from, to): (u32, u32),
        bytes: u64,
    ) -> Option<(Duration, Instant)> {
        let mut path = self.path(from, to).map(|link| self.link(link).0.cable);
        let Some((first, queue)) = path.next() else { return Some((Duration::ZERO, now)) };
        let slowest = path.map(|(rate, _)| rate).fold(first, Ord::min);
        let queued = Instant::from_nanos(*free).since(now);
        let waiting = u128::from(queued.as_nanos()) * u128::from(first.0) / 8_000_000_000;
        if queue.is_some_and(|queue| waiting + u128::from(bytes) > u128::from(queue.0)) {
            return None;
        }
        let begins = now + queued;
        *free = (begins + first.transmission(bytes)).as_nanos();
        Some((queued, begins + slowest.transmission(bytes)))
    }

    /// Bytes beside a packet's own.
    pub const fn framing(&self) -> u32 {
        self.framing
    }
}

/// The longest packet with its framing.
fn longest(config: &NetworkConfig, topology: &Topology) -> Size {
    Size(config.packet.mtu.0.saturating_add(topology.framing.0))
}

/// What is wrong with the topology of a scenario, but for what stands in its file.
pub(crate) fn problems(config: &NetworkConfig, nodes: u32) -> Vec<Problem> {
    let Some(topology) = &config.topology else {
        let lone = (config.fidelity != Fidelity::Message).then(|| {
            let message = "packets and flows need links to go over";
            Problem::new("network.fidelity", message, "set `network.topology`").resting_on([KEY])
        });
        return lone.into_iter().collect();
    };
    let mut problems = plan::problems(&topology.shape, nodes, longest(config, topology));
    if topology.framing.0 > 65_535 {
        problems.push(Problem::new("network.topology.framing", "more framing than a packet has bytes", ""));
    }
    if let Some(burst) = topology.access_burst {
        problems.extend(burst_problems(burst, config.fidelity, longest(config, topology)));
    }
    problems.extend(replaced(config));
    problems
}

fn burst_problems(burst: AccessBurst, fidelity: Fidelity, packet: Size) -> Vec<Problem> {
    let mut problems = Vec::new();
    if fidelity != Fidelity::Packet {
        let message = "this has an effect on packets only";
        let problem = Problem::new("network.topology.access_burst", message, "set `network.fidelity = \"packet\"`");
        problems.push(problem.resting_on(["network.fidelity"]));
    }
    if burst.burst < packet {
        let message = format!("a bucket that cannot hold one packet of {packet}, its framing included");
        let problem = Problem::new("network.topology.access_burst.burst", message, "make it at least one packet");
        problems.push(problem.resting_on(["network.packet.mtu", "network.topology.framing"]));
    }
    if burst.baseline < super::link::RATE_MIN {
        let message = format!("a bucket filled at less than {}", super::link::RATE_MIN);
        let path = "network.topology.access_burst.baseline";
        problems.push(Problem::new(path, message, "is the unit the one you meant?"));
    }
    problems
}

/// Keys that contradict a topology, or packets and flows.
fn replaced(config: &NetworkConfig) -> Vec<Problem> {
    let by_message = config.fidelity == Fidelity::Message;
    let with_topology = [
        ("network.latency", config.latency != Latency::default(), "delays are those of the topology's links"),
        ("network.min_latency", config.min_latency.is_some(), "delays are those of the topology's links"),
        ("network.access", config.access != Access::default(), "nodes have the links of their hosts"),
    ];
    let by_hop = [
        ("network.jitter", config.jitter.is_some(), "packets and flows have the jitter of their queues"),
        ("network.duplicate", config.duplicate.0 > 0.0, "packets and flows are not duplicated"),
        ("network.nat", config.nat.is_some(), "relays know messages only, not packets or flows"),
    ];
    let with_topology = with_topology.into_iter().map(|(path, set, why)| (path, set, why, KEY));
    let by_hop = by_hop.into_iter().map(|(path, set, why)| (path, set && !by_message, why, "network.fidelity"));
    with_topology
        .chain(by_hop)
        .filter(|(_, set, ..)| *set)
        .map(|(path, _, why, rests_on)| {
            Problem::new(path, why, format!("leave out this or `{rests_on}`")).resting_on([rests_on])
        })
        .collect()
}

/// What is wrong with the file of a topology, whose lines are told.
pub(crate) fn file_problems(config: &NetworkConfig, nodes: u32, base: &Path) -> Vec<Problem> {
    if !problems(config, nodes).is_empty() || config.topology.as_ref().is_none_or(|topology| topology.file().is_none())
    {
        // Those are told with the section.
        return Vec::new();
    }
    // What comes from a file draws nothing, so that any seed will do.
    Fabric::build(config, nodes, base, &Streams::new(0)).err().unwrap_or_default()
}

fn unroutable(why: &Unroutable, plan: &Plan, topology: &Topology) -> Problem {
    match why {
        Unroutable::Pieces(a, b) => {
            let (a, b) = (plan.name(*a), plan.name(*b));
            let (path, file) = match topology.file() {
                Some(file) => (format!("{SHAPE}.graphml.file"), format!("{}: ", file.display())),
                None => (SHAPE.into(), String::new()),
            };
            Problem::new(path, format!("{file}there is no path from {a} to {b}"), "")
        }
        Unroutable::TooLarge(routers, goals) => {
            let message = format!("routes from {routers} routers to {goals} of them are too many");
            Problem::new(SHAPE, message, "use fewer routers, or hosts at fewer of them")
        }
    }
}
