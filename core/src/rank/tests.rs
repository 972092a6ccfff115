//! The engine against closed forms, against the oracle, and against itself.

use alloc::vec;
use alloc::vec::Vec;

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

use super::decay::{Connectivity, Epochs};
use super::sybil::{Shape, measured_gain, weight_of_share};
use super::{Config, EdgeChange, Exact, Graph, Rank, RankError, Reach, Walks};
use crate::random::{below, unit};

mod engine;
mod oracle;
mod sybils;

fn config(walks: u32, continue_prob: f64) -> Config {
    Config { seed: 7, walks, continue_prob }
}

fn graph(nodes: u32, edges: &[(u32, u32, f64)]) -> Graph {
    let mut graph = Graph::new(nodes).unwrap();
    edges.iter().for_each(|&(from, to, weight)| graph.apply(EdgeChange::new(from, to, weight)).unwrap());
    graph
}

fn walks(config: Config, graph: &Graph, ego: u32) -> Walks {
    let mut walks = Walks::new(config, graph.clone(), ego).unwrap();
    assert!(walks.poll(u64::MAX).settled);
    walks
}

fn exact(continue_prob: f64, graph: &Graph, ego: u32) -> Exact {
    let mut exact = Exact::new(continue_prob, graph.clone(), ego).unwrap();
    exact.poll(0);
    exact
}

fn reaches(rank: &impl Rank) -> Vec<Reach> {
    (0..rank.nodes()).map(|node| rank.reach(node).unwrap()).collect()
}

/// A change that may be applied: of an edge that is there, or of a new one; in a quarter of cases a deletion, in a
/// fifth a negative weight. Weights differ by a factor of up to 1000.
fn random_change<R: Rng>(graph: &Graph, rng: &mut R) -> EdgeChange {
    loop {
        let from = below(rng, graph.nodes());
        let known: Vec<u32> = graph.out_edges(from).map(|(to, _)| to).collect();
        let known = known.get(below(rng, 1 + known.len() as u32) as usize).copied();
        let to = known.unwrap_or_else(|| below(rng, graph.nodes()));
        if from == to {
            continue;
        }
        let sign = if below(rng, 5) == 0 { -1.0 } else { 1.0 };
        let magnitude = libm::pow(1000.0, unit(rng));
        let deletes = below(rng, 4) == 0 && graph.weight(from, to) != Ok(0.0);
        return EdgeChange::new(from, to, if deletes { 0.0 } else { sign * magnitude });
    }
}
