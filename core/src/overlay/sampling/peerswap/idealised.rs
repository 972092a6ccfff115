//! The interchange process: PeerSwap in which a swap takes no time. The clocks of all edges together are one Poisson clock, each of
//! whose rings picks an edge at random, so in a time T there are Poisson(rate x edges x T) swaps of random edges, and nothing
//! but their order matters. A swap exchanges two places of an array.

use alloc::vec;
use alloc::vec::Vec;

use rand_core::Rng;

use crate::overlay::sampling::peerswap::draws::poisson;
use crate::overlay::sampling::peerswap::graph::RegularGraph;
use crate::random::below;

/// Peers on the vertices of a graph.
#[derive(Clone, Debug)]
pub struct Idealised<'g> {
    graph: &'g RegularGraph,
    /// Which peer stands on a vertex, by vertex.
    peers: Vec<u32>,
}

impl<'g> Idealised<'g> {
    /// Peer i on vertex i.
    pub fn new(graph: &'g RegularGraph) -> Self {
        Self { graph, peers: (0..graph.nodes() as u32).collect() }
    }

    /// Puts every peer back where it began.
    pub fn reset(&mut self) {
        self.peers.iter_mut().zip(0..).for_each(|(peer, vertex)| *peer = vertex);
    }

    /// Lets a time pass in which every edge rings `rings` times in the mean: rate times span. Says how many swaps it had.
    pub fn run<R: Rng + ?Sized>(&mut self, rings: f64, rng: &mut R) -> u64 {
        let swaps = poisson(rings * self.graph.edges().len() as f64, rng);
        self.swap(swaps, rng);
        swaps
    }

    /// Swaps the peers on the ends of so many random edges, one after the other.
    pub fn swap<R: Rng + ?Sized>(&mut self, count: u64, rng: &mut R) {
        let edges = self.graph.edges();
        for _ in 0..count {
            let [a, b] = edges[below(rng, edges.len() as u32) as usize];
            self.peers.swap(a as usize, b as usize);
        }
    }

    /// Which peer stands on a vertex, by vertex.
    pub fn peers(&self) -> &[u32] {
        &self.peers
    }

    /// Which vertex a peer stands on, by peer. It is the inverse of [`Self::peers`], and made when asked for: keeping it up to
    /// date would double the work of a swap.
    pub fn positions(&self) -> Vec<u32> {
        let mut positions = vec![0; self.peers.len()];
        for (&peer, vertex) in self.peers.iter().zip(0..) {
            positions[peer as usize] = vertex;
        }
        positions
    }

    /// Appends the neighbours of a peer to `out`, in the order of their vertices; of one that is not there, none.
    pub fn neighbours(&self, peer: u32, out: &mut Vec<u32>) {
        if let Some(vertex) = self.peers.iter().position(|&here| here == peer) {
            out.extend(self.graph.neighbours(vertex as u32).iter().map(|&next| self.peers[next as usize]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::overlay::sampling::peerswap::draws::SplitMix64;

    #[test]
    fn swaps_permute_peers_along_edges() {
        let graph = RegularGraph::random(10, 3, &mut SplitMix64::new(5)).unwrap();
        let mut process = Idealised::new(&graph);
        let mut rng = SplitMix64::new(6);
        for _ in 0..1000 {
            let before = process.peers().to_vec();
            process.swap(1, &mut rng);
            let moved: Vec<u32> = (0..10).filter(|&at| before[at as usize] != process.peers()[at as usize]).collect();
            assert_eq!(moved.len(), 2);
            assert!(graph.neighbours(moved[0]).contains(&moved[1]));
        }
        let positions = process.positions();
        assert!((0..10).all(|peer| process.peers()[positions[peer] as usize] == peer as u32));
    }

    /// On the complete graph of n vertices with rate r the chance that a peer is where it began is 1/n + (1 - 1/n) exp(-n r t).
    #[test]
    fn a_peer_walks_at_the_rate_of_its_edges() {
        let graph = RegularGraph::random(5, 4, &mut SplitMix64::new(1)).unwrap();
        let (mut process, mut rng) = (Idealised::new(&graph), SplitMix64::new(2));
        let (runs, rings) = (100_000, 0.2);
        let stayed = (0..runs).filter(|_| {
            process.reset();
            process.run(rings, &mut rng);
            process.peers()[0] == 0
        });
        let share = stayed.count() as f64 / f64::from(runs);
        let expected = 0.2 + 0.8 * libm::exp(-5.0 * rings);
        let deviation = libm::sqrt(expected * (1.0 - expected) / f64::from(runs));
        assert!((share - expected).abs() < 5.0 * deviation, "{share} {expected}");
    }

    #[test]
    fn after_long_a_peers_neighbours_are_uniform() {
        let graph = RegularGraph::random(12, 3, &mut SplitMix64::new(8)).unwrap();
        let (mut process, mut rng) = (Idealised::new(&graph), SplitMix64::new(9));
        let runs = 22_000;
        let mut counts = [0.0; 12];
        let mut around = Vec::new();
        for _ in 0..runs {
            process.reset();
            process.run(10.0, &mut rng);
            around.clear();
            process.neighbours(0, &mut around);
            around.iter().for_each(|&peer| counts[peer as usize] += 1.0);
        }
        let expected = f64::from(runs) * 3.0 / 11.0;
        let square: f64 = counts[1..].iter().map(|seen| (seen - expected) * (seen - expected) / expected).sum();
        // A draw of 3 out of 11 without repeats: variance np(1 - p) a cell, so the sum over (1 - p) 11/10 is chi-square of 10.
        let chi = square / ((1.0 - 3.0 / 11.0) * 1.1);
        assert!(counts[0] == 0.0 && chi < 35.56, "{chi}: the chance of more is 1e-4");
    }
}
