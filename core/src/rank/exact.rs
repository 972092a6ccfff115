//! Exact reach by linear algebra. The walk moves on the states (node, positive) and (node, negative), if there are
//! negative edges, else on the nodes. With `Q` the probabilities of its steps times `continue_prob`, `G = (I - Q)^-1`
//! has the expected numbers of visits, and the probability to visit `v` at all from `s` is `G(s, v) / G(v, v)`. Walks
//! that avoid a state `k` have `G_k(a, b) = G(a, b) - G(a, k) G(k, b) / G(k, k)`, which gives the shares of bridges.
//!
//! J. G. Kemeny, J. L. Snell, "Finite Markov Chains", Springer 1976, chapter III (the fundamental matrix).

use alloc::vec;
use alloc::vec::Vec;

use super::walks::CONTINUE_MAX;
use super::{EdgeChange, Graph, Progress, Rank, RankError, Reach};

/// Most nodes. The matrix of a graph with negative edges has twice as many rows, and 34 MB.
const EXACT_NODES_MAX: u32 = 1024;

/// The exact ranking of a small graph, in the place of [`Walks`](super::Walks): time is cubic in the number of nodes.
#[derive(Clone, Debug)]
pub struct Exact {
    graph: Graph,
    ego: usize,
    continue_prob: f64,
    green: Green,
    reach: Vec<Reach>,
    stale: bool,
}

impl Exact {
    /// The ranking in the eyes of `ego`. It is calculated by the next poll.
    ///
    /// # Errors
    /// An unknown ego, a `continue_prob` that is not from 0 to 0.999, more than 1024 nodes.
    pub fn new(continue_prob: f64, graph: Graph, ego: u32) -> Result<Self, RankError> {
        if !(0.0..=CONTINUE_MAX).contains(&continue_prob) {
            return Err(RankError::ContinueProb);
        }
        if graph.nodes() > EXACT_NODES_MAX {
            return Err(RankError::Size);
        }
        if ego >= graph.nodes() {
            return Err(RankError::UnknownNode(ego));
        }
        let reach = vec![Reach::default(); graph.nodes() as usize];
        Ok(Self { graph, ego: ego as usize, continue_prob, green: Green::default(), reach, stale: true })
    }

    /// The states of a node.
    fn states(&self, node: usize) -> impl Iterator<Item = usize> + '_ {
        let nodes = self.reach.len();
        (0..self.green.size / nodes).map(move |layer| layer * nodes + node)
    }
}

impl Rank for Exact {
    fn apply(&mut self, change: EdgeChange) -> Result<(), RankError> {
        self.graph.apply(change)?;
        self.stale = true;
        Ok(())
    }

    /// Solves the system if anything changed, whatever the budget: that counts as no step.
    fn poll(&mut self, _: u64) -> Progress {
        if self.stale {
            self.green = Green::of(&self.graph, self.continue_prob);
            for node in 0..self.reach.len() {
                let mut hit = self.states(node).map(|state| self.green.hit(self.ego, state, &[]));
                let reach = Reach { positive: hit.next().unwrap_or(0.0), negative: hit.next().unwrap_or(0.0) };
                drop(hit);
                self.reach[node] = reach;
            }
            self.stale = false;
        }
        Progress { steps: 0, settled: true }
    }

    fn nodes(&self) -> u32 {
        self.graph.nodes()
    }

    fn reach(&self, node: u32) -> Result<Reach, RankError> {
        self.reach.get(node as usize).copied().ok_or(RankError::UnknownNode(node))
    }

    fn total(&self) -> f64 {
        self.reach.iter().map(|reach| reach.sum()).sum()
    }

    fn bridge_shares(&self) -> Vec<f64> {
        // The probability to meet a node in any layer without having met the states in `avoided` before.
        let met = |node: usize, avoided: &[usize]| {
            let mut avoided = avoided.to_vec();
            let mut sum = 0.0;
            for state in self.states(node) {
                sum += self.green.hit(self.ego, state, &avoided);
                avoided.push(state);
            }
            sum
        };
        let share = |node: usize| {
            let all = if self.green.size == 0 { 0.0 } else { met(node, &[]) };
            let share = |other: usize| {
                let avoided: Vec<usize> = self.states(other).collect();
                (all - met(node, &avoided)) / all
            };
            let others = (0..self.reach.len()).filter(|&other| other != node && other != self.ego);
            if node == self.ego || all <= 0.0 { 0.0 } else { others.map(share).fold(0.0, f64::max).clamp(0.0, 1.0) }
        };
        (0..self.reach.len()).map(share).collect()
    }
}

/// Expected numbers of visits, from row to column.
#[derive(Clone, Debug, Default)]
struct Green {
    size: usize,
    visits: Vec<f64>,
}

impl Green {
    fn of(graph: &Graph, continue_prob: f64) -> Self {
        let nodes = graph.nodes() as usize;
        let edges =
            || (0..graph.nodes()).flat_map(|from| graph.out_edges(from).map(move |(to, weight)| (from, to, weight)));
        let signed = edges().any(|(_, _, weight)| weight < 0.0);
        let size = if signed { 2 * nodes } else { nodes };
        let mut sums = vec![[0.0; 2]; nodes];
        for (from, _, weight) in edges() {
            let [all, positive] = &mut sums[from as usize];
            (*all, *positive) = (*all + weight.abs(), *positive + weight.max(0.0));
        }
        let mut system = vec![0.0; size * size];
        (0..size).for_each(|state| system[state * size + state] = 1.0);
        for (from, to, weight) in edges() {
            let (from, to) = (from as usize, to as usize);
            let [all, positive] = sums[from];
            let reached = if weight < 0.0 { nodes + to } else { to };
            system[from * size + reached] -= continue_prob * weight.abs() / all;
            if signed && weight > 0.0 {
                system[(nodes + from) * size + nodes + to] -= continue_prob * weight / positive;
            }
        }
        invert(&mut system, size);
        Self { size, visits: system }
    }

    /// The expected number of visits to `to` from `from` before any state in `avoided` is entered.
    fn visits(&self, from: usize, to: usize, avoided: &[usize]) -> f64 {
        let Some((&state, rest)) = avoided.split_last() else { return self.visits[from * self.size + to] };
        let through = self.visits(from, state, rest) * self.visits(state, to, rest);
        self.visits(from, to, rest) - through / self.visits(state, state, rest)
    }

    /// The probability to visit `to` from `from` before any state in `avoided`, which has neither.
    fn hit(&self, from: usize, to: usize, avoided: &[usize]) -> f64 {
        self.visits(from, to, avoided) / self.visits(to, to, avoided)
    }
}

/// Inverts a matrix in place (Gauss and Jordan). No pivots are sought: its rows are strictly dominated by their
/// diagonals, and so are those of every later step.
fn invert(matrix: &mut [f64], size: usize) {
    let mut pivot = vec![0.0; size];
    for k in 0..size {
        let scale = 1.0 / matrix[k * size + k];
        matrix[k * size + k] = 1.0;
        matrix[k * size..][..size].iter_mut().for_each(|entry| *entry *= scale);
        pivot.copy_from_slice(&matrix[k * size..][..size]);
        for (row, entries) in matrix.chunks_exact_mut(size).enumerate() {
            let factor = if row == k { 0.0 } else { entries[k] };
            if factor != 0.0 {
                entries[k] = 0.0;
                entries.iter_mut().zip(&pivot).for_each(|(entry, &above)| *entry -= factor * above);
            }
        }
    }
}
