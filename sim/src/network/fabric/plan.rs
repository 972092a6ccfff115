//! A topology as vertices and edges, before anything is computed on it. Hosts are its first vertices.

use std::collections::BTreeSet;

use rapprochement_core::random::shuffle;

use super::config::{Cable, DELAY_MAX, Shape};
use crate::network::link::RATE_MIN;
use crate::problem::Problem;
use crate::random::Philox;
use crate::units::Size;

/// The most vertices of a topology.
pub(super) const VERTICES_MAX: u64 = 1 << 20;
/// The most ports of a fat tree's switch: 65,536 hosts.
const PORTS_MAX: u32 = 64;
/// The most neighbours of a router in a random graph.
const DEGREE_MAX: u32 = 64;

const SHAPE: &str = "network.topology.shape";

/// Vertices and edges.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) hosts: u32,
    pub(super) vertices: u32,
    pub(super) edges: Vec<([u32; 2], Cable)>,
    /// Names of the vertices, where a file has them.
    pub(super) names: Vec<String>,
}

impl Plan {
    fn edge(&mut self, a: u32, b: u32, cable: Cable) {
        self.edges.push(([a, b], cable));
    }

    /// What a vertex is called when something is wrong with it.
    pub(super) fn name(&self, vertex: usize) -> String {
        self.names.get(vertex).map_or_else(|| format!("vertex {vertex}"), |name| format!("\"{name}\""))
    }

    /// A generated topology for so many nodes; `None` for one that stands in a file. `key` is that of its draws.
    pub(super) fn generate(shape: &Shape, nodes: u32, key: u64) -> Option<Self> {
        Some(match *shape {
            Shape::Star { hosts, link } => star(hosts.unwrap_or(nodes), link),
            Shape::FatTree { k, link } => fat_tree(k, link),
            Shape::Dumbbell { pairs, access, bottleneck } => {
                dumbbell(pairs.unwrap_or_else(|| nodes.div_ceil(2)), access, bottleneck)
            }
            Shape::Random { routers, degree, hosts, access, core } => {
                let mut plan = rings(hosts.unwrap_or(nodes), routers, degree, core, &mut Philox::new(key));
                for host in 0..plan.hosts {
                    plan.edge(host, plan.hosts + host % routers, access);
                }
                plan
            }
            Shape::Graphml { .. } => return None,
        })
    }
}

fn star(hosts: u32, link: Cable) -> Plan {
    let mut plan = Plan { hosts, vertices: hosts + 1, ..Plan::default() };
    (0..hosts).for_each(|host| plan.edge(host, hosts, link));
    plan
}

/// Hosts, then the edge switches, then the aggregation switches pod by pod, then the core.
fn fat_tree(k: u32, link: Cable) -> Plan {
    let half = k / 2;
    let (hosts, layer) = (k * half * half, k * half);
    let (edges, aggregations, cores) = (hosts, hosts + layer, hosts + 2 * layer);
    let mut plan = Plan { hosts, vertices: cores + half * half, ..Plan::default() };
    (0..hosts).for_each(|host| plan.edge(host, edges + host / half, link));
    for pod in 0..k {
        for upper in 0..half {
            let aggregation = aggregations + pod * half + upper;
            (0..half).for_each(|lower| plan.edge(edges + pod * half + lower, aggregation, link));
            (0..half).for_each(|port| plan.edge(aggregation, cores + upper * half + port, link));
        }
    }
    plan
}

fn dumbbell(pairs: u32, access: Cable, bottleneck: Cable) -> Plan {
    let hosts = 2 * pairs;
    let mut plan = Plan { hosts, vertices: hosts + 2, ..Plan::default() };
    (0..hosts).for_each(|host| plan.edge(host, hosts + host % 2, access));
    plan.edge(hosts, hosts + 1, bottleneck);
    plan
}

/// The union of random Hamiltonian cycles: connected by construction, and contiguous to random regular graphs (N. C.
/// Wormald, "Models of random regular graphs", 1999, section 4). A link that two rings share is there once.
fn rings(hosts: u32, routers: u32, degree: u32, core: Cable, rng: &mut Philox) -> Plan {
    let mut plan = Plan { hosts, vertices: hosts + routers, ..Plan::default() };
    let mut pairs = BTreeSet::new();
    let mut order: Vec<u32> = (0..routers).collect();
    for _ in 0..degree / 2 {
        shuffle(rng, &mut order);
        let next = order.iter().cycle().skip(1);
        pairs.extend(order.iter().zip(next).filter(|(a, b)| a != b).map(|(a, b)| (*a.min(b), *a.max(b))));
    }
    pairs.into_iter().for_each(|(a, b)| plan.edge(hosts + a, hosts + b, core));
    plan
}

/// What is wrong with a shape by itself.
pub(super) fn problems(shape: &Shape, nodes: u32, packet: Size) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut refuse = |key: &str, message: String, help: &str| {
        problems.push(Problem::new(format!("{SHAPE}.{key}"), message, help));
    };
    let none = |count: Option<u32>| count == Some(0);
    let vertices = match shape {
        Shape::Star { hosts, .. } => {
            if none(*hosts) {
                refuse("star.hosts", "a star without hosts".into(), "use at least 1");
            }
            u64::from(hosts.unwrap_or(nodes)) + 1
        }
        Shape::FatTree { k, .. } => {
            if *k < 2 || *k > PORTS_MAX || k % 2 == 1 {
                refuse("fat_tree.k", format!("switches of {k} ports"), "use an even number from 2 to 64");
            }
            0
        }
        Shape::Dumbbell { pairs, .. } => {
            if none(*pairs) {
                refuse("dumbbell.pairs", "a dumbbell without hosts".into(), "use at least 1");
            }
            2 * u64::from(pairs.unwrap_or_else(|| nodes.div_ceil(2))) + 2
        }
        Shape::Random { routers, degree, hosts, .. } => {
            if none(*hosts) {
                refuse("random.hosts", "a network without hosts".into(), "use at least 1");
            }
            if *routers < 3 {
                refuse("random.routers", format!("a ring of {routers} routers"), "use at least 3");
            }
            if *degree == 0 || *degree > DEGREE_MAX || degree % 2 == 1 || degree >= routers {
                let help = "use an even number below the number of routers, at most 64";
                refuse("random.degree", format!("{degree} neighbours of each of {routers} routers"), help);
            }
            u64::from(*routers) + u64::from(hosts.unwrap_or(nodes))
        }
        Shape::Graphml { .. } => 0,
    };
    if vertices > VERTICES_MAX {
        problems.push(Problem::new(SHAPE, format!("{vertices} hosts and routers are too many"), "use at most 1048576"));
    }
    for (key, cable) in cables(shape) {
        cable_problems(&format!("{SHAPE}.{key}"), &cable, packet, &mut problems);
    }
    problems
}

fn cables(shape: &Shape) -> Vec<(&'static str, Cable)> {
    match *shape {
        Shape::Star { link, .. } => vec![("star.link", link)],
        Shape::FatTree { link, .. } => vec![("fat_tree.link", link)],
        Shape::Dumbbell { access, bottleneck, .. } => {
            vec![("dumbbell.access", access), ("dumbbell.bottleneck", bottleneck)]
        }
        Shape::Random { access, core, .. } => vec![("random.access", access), ("random.core", core)],
        Shape::Graphml { default, .. } => vec![("graphml.default", default)],
    }
}

fn cable_problems(path: &str, cable: &Cable, packet: Size, problems: &mut Vec<Problem>) {
    if cable.rate < RATE_MIN {
        let help = "is the unit the one you meant?";
        problems.push(Problem::new(format!("{path}.rate"), format!("a link below {RATE_MIN}"), help));
    }
    if cable.delay > DELAY_MAX {
        problems.push(Problem::new(format!("{path}.delay"), "a link of more than an hour", ""));
    }
    if cable.queue.is_some_and(|queue| queue < packet) {
        let message = format!("a queue that cannot hold one packet of {packet}, its framing included");
        let problem = Problem::new(format!("{path}.queue"), message, "make it at least one packet");
        problems.push(problem.resting_on(["network.packet.mtu", "network.topology.framing"]));
    }
}
