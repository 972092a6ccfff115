//! Whom a node may contact, where its protocol does not build that itself. Nothing is stored per node but its place: the
//! uniform sampler draws a number, the full one walks a keyed permutation of all others, and the graph is one array.
//!
//! The permutation is a Feistel network of four rounds on just enough bits, walked along its cycle until it falls below
//! the number of peers (J. Black and P. Rogaway, "Ciphers with arbitrary finite domains", CT-RSA 2002). The random graph
//! is drawn by the pairing model (B. Bollobas, "A probabilistic proof of an asymptotic formula for the number of labelled
//! regular graphs", European Journal of Combinatorics 1, 1980); loops and double edges are resolved by switching their
//! ends with random other edges, and a graph that is not connected is drawn again.

use std::sync::Arc;

use rand_core::Rng;
use rapprochement_core::overlay::Sampler;
use rapprochement_core::peer::SimPeer;
use rapprochement_core::random::{below, shuffle};

use super::config::MembershipConfig;
use crate::problem::Problem;
use crate::random::{Philox, Purpose, Streams};

const DEGREE: &str = "membership.graph.degree";

/// What all nodes' samplers share.
#[derive(Debug)]
pub struct Membership {
    nodes: u32,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Uniform,
    Full { key: u64 },
    Star,
    Graph { degree: usize, neighbours: Vec<u32> },
}

/// One node's sampler: 16 bytes.
#[derive(Clone, Debug)]
pub struct NodeSampler {
    membership: Arc<Membership>,
    node: u32,
    /// How many peers the full sampler has named.
    position: u32,
}

impl Membership {
    /// Builds the membership of a scenario.
    ///
    /// # Errors
    /// A random graph of this degree does not exist, or is not connected.
    pub fn build(config: &MembershipConfig, nodes: u32, streams: &Streams) -> Result<Arc<Self>, Vec<Problem>> {
        let problems = Self::problems(config, nodes);
        if !problems.is_empty() {
            return Err(problems);
        }
        let kind = match *config {
            MembershipConfig::Uniform => Kind::Uniform,
            MembershipConfig::Full => Kind::Full { key: streams.key(Purpose::Membership, 0) },
            MembershipConfig::Star => Kind::Star,
            MembershipConfig::Graph { degree } => {
                let drawn = (0..100).find_map(|attempt| {
                    let edges = draw_regular(nodes, degree, &mut streams.stream(Purpose::Membership, attempt))?;
                    connected(nodes, &edges).then(|| adjacency(nodes, degree as usize, &edges))
                });
                let refuse = || Problem::new(DEGREE, "no connected graph was found", "use a larger degree");
                Kind::Graph { degree: degree as usize, neighbours: drawn.ok_or_else(|| vec![refuse()])? }
            }
        };
        Ok(Arc::new(Self { nodes, kind }))
    }

    /// What is wrong with the membership of a scenario.
    pub fn problems(config: &MembershipConfig, nodes: u32) -> Vec<Problem> {
        let MembershipConfig::Graph { degree } = *config else { return Vec::new() };
        let mut problems = Vec::new();
        if degree < 3 {
            let message = format!("a random graph of degree {degree} falls apart");
            problems.push(Problem::new(DEGREE, message, "use a degree of at least 3"));
        }
        let mut against_nodes = |message: String, help: String| {
            problems.push(Problem::new(DEGREE, message, help).resting_on(["nodes"]));
        };
        let ends = u64::from(degree) * u64::from(nodes);
        if degree >= nodes {
            let help = format!("use at most {}, or membership \"full\"", nodes.saturating_sub(1));
            against_nodes(format!("{degree} neighbours among {nodes} nodes"), help);
        }
        if ends % 2 == 1 {
            let help = "the number of nodes or the degree has to be even";
            against_nodes(format!("no graph has {nodes} nodes of degree {degree}"), help.into());
        }
        if ends > u64::from(u32::MAX) {
            against_nodes("more than 4 billion ends of edges".into(), "use a smaller degree".into());
        }
        problems
    }

    /// The sampler of one node.
    pub fn sampler(self: &Arc<Self>, node: u32) -> NodeSampler {
        NodeSampler { membership: Arc::clone(self), node, position: 0 }
    }
}

impl NodeSampler {
    fn neighbours(&self) -> &[u32] {
        match &self.membership.kind {
            Kind::Graph { degree, neighbours } => &neighbours[self.node as usize * degree..][..*degree],
            Kind::Uniform | Kind::Full { .. } | Kind::Star => &[],
        }
    }
}

impl Sampler<SimPeer> for NodeSampler {
    fn sample<R: Rng + ?Sized>(&mut self, rng: &mut R) -> Option<SimPeer> {
        let others = self.membership.nodes.saturating_sub(1);
        if others == 0 {
            return None;
        }
        let draw = match self.membership.kind {
            Kind::Uniform => below(rng, others),
            Kind::Star => return (self.node > 0).then_some(SimPeer(0)),
            Kind::Full { key } => {
                let position = self.position;
                self.position = if position + 1 == others { 0 } else { position + 1 };
                permuted(position, others, Philox::block(key, [self.node.into(), 0])[0])
            }
            Kind::Graph { degree, .. } => return Some(SimPeer(self.neighbours()[below(rng, degree as u32) as usize])),
        };
        // All numbers but the node's own.
        Some(SimPeer(draw + u32::from(draw >= self.node)))
    }

    fn sample_many<R: Rng + ?Sized>(&mut self, count: usize, rng: &mut R, out: &mut Vec<SimPeer>) {
        let start = out.len();
        if let Kind::Graph { .. } = self.membership.kind {
            out.extend(self.neighbours().iter().map(|&node| SimPeer(node)));
            shuffle(rng, &mut out[start..]);
            out.truncate(start.saturating_add(count));
            return;
        }
        // Draws that repeat one are made again; the request is cut to what there is, so that this ends.
        let most = match self.membership.kind {
            Kind::Star => usize::from(self.node > 0),
            _ => self.membership.nodes.saturating_sub(1) as usize,
        };
        let count = count.min(most);
        while out.len() - start < count {
            match self.sample(rng) {
                Some(peer) if !out[start..].contains(&peer) => out.push(peer),
                Some(_) => {}
                None => return,
            }
        }
    }
}

/// Where `position` lies in the keyed permutation of `0..count`.
fn permuted(position: u32, count: u32, key: u64) -> u32 {
    let half = (u64::from(count).next_power_of_two().ilog2()).div_ceil(2).max(1);
    let mask = (1u64 << half) - 1;
    let mut value = u64::from(position);
    loop {
        let (mut left, mut right) = (value >> half, value & mask);
        for round in 0..4 {
            (left, right) = (right, left ^ (Philox::block(key, [right, round])[0] & mask));
        }
        value = left << half | right;
        if value < u64::from(count) {
            return value as u32;
        }
    }
}

/// Edges of a random regular graph. A dense one is the complement of a sparse one, since the double edges of a dense draw
/// seldom resolve.
fn draw_regular(nodes: u32, degree: u32, rng: &mut Philox) -> Option<Vec<(u32, u32)>> {
    if degree < nodes / 2 {
        return draw_edges(nodes, degree, rng);
    }
    let mut absent: Vec<(u32, u32)> =
        draw_edges(nodes, nodes - 1 - degree, rng)?.into_iter().map(|(a, b)| (a.min(b), a.max(b))).collect();
    absent.sort_unstable();
    let pairs = (0..nodes).flat_map(|a| (a + 1..nodes).map(move |b| (a, b)));
    Some(pairs.filter(|pair| absent.binary_search(pair).is_err()).collect())
}

/// Edges of a sparse random regular graph, or `None` where the double edges of a draw could not be resolved.
fn draw_edges(nodes: u32, degree: u32, rng: &mut Philox) -> Option<Vec<(u32, u32)>> {
    let mut stubs: Vec<u32> = (0..nodes).flat_map(|node| (0..degree).map(move |_| node)).collect();
    shuffle(rng, &mut stubs);
    let mut edges: Vec<(u32, u32)> = stubs.chunks_exact(2).map(|ends| (ends[0], ends[1])).collect();
    for _ in 0..200 {
        let bad = bad_edges(&edges);
        if bad.is_empty() {
            return Some(edges);
        }
        for index in bad {
            let other = below(rng, edges.len() as u32) as usize;
            let swapped = (edges[index].1, edges[other].1);
            (edges[other].1, edges[index].1) = swapped;
        }
    }
    None
}

/// Loops, and all but the first of equal edges.
fn bad_edges(edges: &[(u32, u32)]) -> Vec<usize> {
    let mut sorted: Vec<((u32, u32), usize)> =
        edges.iter().enumerate().map(|(index, &(a, b))| ((a.min(b), a.max(b)), index)).collect();
    sorted.sort_unstable();
    let doubles = sorted.windows(2).filter(|pair| pair[0].0 == pair[1].0).map(|pair| pair[1].1);
    let loops = edges.iter().enumerate().filter(|(_, (a, b))| a == b).map(|(index, _)| index);
    let mut bad: Vec<usize> = doubles.chain(loops).collect();
    bad.sort_unstable();
    bad.dedup();
    bad
}

fn connected(nodes: u32, edges: &[(u32, u32)]) -> bool {
    let mut sets = petgraph::unionfind::UnionFind::new(nodes as usize);
    let joined = edges.iter().filter(|&&(a, b)| sets.union(a as usize, b as usize)).count();
    joined + 1 == nodes as usize
}

/// The neighbours of node 0, of node 1, and so on.
fn adjacency(nodes: u32, degree: usize, edges: &[(u32, u32)]) -> Vec<u32> {
    let mut filled = vec![0; nodes as usize];
    let mut neighbours = vec![0; nodes as usize * degree];
    for &(a, b) in edges {
        for (from, to) in [(a, b), (b, a)] {
            neighbours[from as usize * degree + filled[from as usize]] = to;
            filled[from as usize] += 1;
        }
    }
    neighbours
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn build(config: MembershipConfig, nodes: u32) -> Arc<Membership> {
        Membership::build(&config, nodes, &Streams::new(3)).unwrap()
    }

    #[test]
    fn samplers_are_small() {
        assert!(size_of::<NodeSampler>() <= 16);
    }

    #[test]
    fn the_uniform_sampler_names_all_others_alike() {
        let mut sampler = build(MembershipConfig::Uniform, 10).sampler(4);
        let mut rng = Philox::new(1);
        let mut counts = [0u32; 10];
        for _ in 0..90_000 {
            counts[sampler.sample(&mut rng).unwrap().0 as usize] += 1;
        }
        assert_eq!(counts[4], 0);
        // Chi-square with 8 degrees of freedom: 26.1 is exceeded once in a thousand.
        let others = counts.iter().enumerate().filter(|(node, _)| *node != 4);
        let statistic: f64 = others.map(|(_, &n)| (f64::from(n) - 1e4) * (f64::from(n) - 1e4) / 1e4).sum();
        assert!(statistic < 26.1, "{statistic}");
        assert_eq!(build(MembershipConfig::Uniform, 1).sampler(0).sample(&mut rng), None);
    }

    #[test]
    fn the_full_sampler_names_everybody_once_per_round() {
        for nodes in [2, 3, 17, 64, 1000] {
            let membership = build(MembershipConfig::Full, nodes);
            let mut rng = Philox::new(1);
            for node in [0, nodes / 2, nodes - 1] {
                let mut sampler = membership.sampler(node);
                let mut round = || (1..nodes).map(|_| sampler.sample(&mut rng).unwrap().0).collect::<Vec<_>>();
                let (first, second) = (round(), round());
                assert_eq!(first, second);
                let mut sorted = first;
                sorted.sort_unstable();
                assert_eq!(sorted, (0..nodes).filter(|&other| other != node).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn a_request_for_many_gives_different_peers() {
        let mut rng = Philox::new(1);
        for config in [MembershipConfig::Uniform, MembershipConfig::Full, MembershipConfig::Graph { degree: 5 }] {
            let mut sampler = build(config, 20).sampler(3);
            for (asked, uniform) in [(0, 0), (4, 4), (19, 19), (100, 19)] {
                let given = if matches!(config, MembershipConfig::Graph { .. }) { asked.min(5) } else { uniform };
                let mut peers = vec![SimPeer(3)];
                sampler.sample_many(asked, &mut rng, &mut peers);
                assert_eq!(peers.len(), given + 1);
                peers.sort_unstable();
                peers.dedup();
                assert_eq!(peers.len(), given + 1, "{config:?}");
            }
        }
    }

    #[test]
    fn every_dense_graph_that_exists_is_found() {
        for nodes in 4..24 {
            for degree in (3..nodes).filter(|degree| nodes * degree % 2 == 0) {
                let config = MembershipConfig::Graph { degree };
                assert!(
                    Membership::build(&config, nodes, &Streams::new(0)).is_ok(),
                    "{nodes} nodes of degree {degree}"
                );
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn random_graphs_are_simple_regular_and_symmetric(nodes in 4u32..200, degree in 3u32..12, seed in any::<u64>()) {
            let result = Membership::build(&MembershipConfig::Graph { degree }, nodes, &Streams::new(seed));
            let possible = degree < nodes && nodes * degree % 2 == 0;
            prop_assert_eq!(result.is_ok(), possible);
            let Ok(membership) = result else { return Ok(()) };
            for node in 0..nodes {
                let mut own = membership.sampler(node).neighbours().to_vec();
                own.sort_unstable();
                prop_assert!(own.windows(2).all(|pair| pair[0] < pair[1]) && !own.contains(&node));
                prop_assert!(own.iter().all(|&other| membership.sampler(other).neighbours().contains(&node)));
            }
        }
    }

    /// Whoever asks for more peers than there are gets those there are: in a star that is node 0.
    #[test]
    fn a_star_has_one_peer_for_everybody_however_many_are_asked_for() {
        let streams = Streams::new(1);
        let membership = Arc::new(Membership::build(&MembershipConfig::Star, 5, &streams).unwrap());
        let mut rng = streams.stream(Purpose::Protocol, 0);
        for (node, expected) in [(0, vec![]), (3, vec![SimPeer(0)])] {
            let mut peers = Vec::new();
            membership.sampler(node).sample_many(4, &mut rng, &mut peers);
            assert_eq!(peers, expected);
        }
    }
}
