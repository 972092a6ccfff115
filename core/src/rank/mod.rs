//! MeritRank: the scores that nodes of a signed, weighted graph have in the eyes of one of them, the ego.
//!
//! A walk starts at the ego. Before each step it stops with probability `1 - continue_prob`; else it takes an
//! out-edge of its node with a probability in proportion to the edge's weight, and stops where there is none. While
//! it is in the positive layer it chooses among all out-edges by `|weight|`; when it crosses a negative edge, it goes
//! over to the negative layer for good, starting with that edge's target, and chooses among positive edges only. A
//! walk counts a node at most once in each layer: the *reach* of a node is the probability to be counted in the
//! positive, and in the negative layer, and its *score* is `(positive - negative)`, divided by the sum of both over
//! all nodes. The ego is a node like others: every walk counts it in the positive layer, and those that come back to
//! it in the negative layer count it there, too. So does every node that is met in both layers.
//!
//! | file | what it does |
//! |---|---|
//! | [`Graph`] | weighted edges, and the choice of the next step |
//! | [`Walks`] | the estimate, kept up to date edge by edge |
//! | [`Exact`] | the same quantities by linear algebra: the oracle |
//! | [`decay`] | connectivity decay and epoch decay |
//! | [`sybil`] | attack graphs and what they gain, in closed form |
//!
//! B. Nasrulin, G. Ishmaev, J. Pouwelse, "MeritRank: Sybil Tolerant Reputation for Merit-based Tokenomics", BRAINS
//! 2022 (arXiv 2207.09950): the hitting-time variant, in which visits of a walk count once. Negative edges follow the
//! layers of the authors' library. Its `alpha` and the paper's are complements of each other, so the name here is
//! `continue_prob`.

pub mod decay;
mod exact;
mod graph;
mod race;
mod snapshot;
pub mod sybil;
mod walks;

#[cfg(test)]
mod tests;

pub use exact::Exact;
pub use graph::{EdgeChange, Graph, WEIGHT_MAX, WEIGHT_MIN};
pub use walks::{Config, Walks};

use alloc::vec::Vec;
use core::fmt;

use crate::wire::DecodeError;

/// Why a call was refused. Nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RankError {
    /// There is no node with this index.
    UnknownNode(u32),
    /// An edge from a node to itself.
    SelfLoop(u32),
    /// A weight is neither zero nor of a magnitude from [`WEIGHT_MIN`] to [`WEIGHT_MAX`]: NaN and infinity are not.
    Weight,
    /// An edge that is to be deleted does not exist.
    AbsentEdge {
        /// Its source.
        from: u32,
        /// Its target.
        to: u32,
    },
    /// The probability to go on is not from 0 to 0.999.
    ContinueProb,
    /// More nodes, walks or steps than this engine takes, or none.
    Size,
    /// The bytes of a snapshot are malformed.
    Snapshot(DecodeError),
}

impl fmt::Display for RankError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownNode(node) => write!(f, "there is no node {node}"),
            Self::SelfLoop(node) => write!(f, "an edge leads from node {node} to itself"),
            Self::Weight => write!(f, "a weight must be 0 or of a magnitude from {WEIGHT_MIN} to {WEIGHT_MAX}"),
            Self::AbsentEdge { from, to } => write!(f, "there is no edge from {from} to {to} to delete"),
            Self::ContinueProb => f.write_str("the probability to go on must be from 0 to 0.999"),
            Self::Size => f.write_str("the number of nodes, walks or steps is zero or beyond the engine's limit"),
            Self::Snapshot(error) => write!(f, "malformed snapshot: {error}"),
        }
    }
}

impl core::error::Error for RankError {}

impl From<DecodeError> for RankError {
    fn from(error: DecodeError) -> Self {
        Self::Snapshot(error)
    }
}

/// What one call of [`Rank::poll`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Steps that were made: at most the budget.
    pub steps: u64,
    /// Whether every change has been taken into account.
    pub settled: bool,
}

/// Probabilities, or shares of the walks, that count a node.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Reach {
    /// In the positive layer.
    pub positive: f64,
    /// In the negative layer.
    pub negative: f64,
}

impl Reach {
    /// `positive - negative`.
    #[must_use]
    pub fn net(self) -> f64 {
        self.positive - self.negative
    }

    /// `positive + negative`.
    #[must_use]
    pub fn sum(self) -> f64 {
        self.positive + self.negative
    }
}

/// A ranking that follows a changing graph. Changes are accepted at once and take effect in later polls; what can be
/// read in between counts whole walks only, some of the old graph and some of the new one.
pub trait Rank {
    /// Takes note of a changed edge.
    ///
    /// # Errors
    /// An unknown node, a self-loop, a weight out of range, the deletion of an edge that does not exist.
    fn apply(&mut self, change: EdgeChange) -> Result<(), RankError>;

    /// Works off what was applied.
    fn poll(&mut self, budget: u64) -> Progress;

    /// The number of nodes; they are `0..nodes`.
    fn nodes(&self) -> u32;

    /// How a node is reached: not normalised.
    ///
    /// # Errors
    /// An unknown node.
    fn reach(&self, node: u32) -> Result<Reach, RankError>;

    /// The sum of [`Reach::sum`] over all nodes, by which scores are normalised.
    fn total(&self) -> f64;

    /// For each node the largest share, among the walks that count it, of those that met one and the same node
    /// (neither it nor the ego) before it: 1 where all lead over one bridge, 0 for the ego and for what is not
    /// reached.
    fn bridge_shares(&self) -> Vec<f64>;

    /// The score of a node, from -1 to 1; 0 as long as nothing is calculated.
    ///
    /// # Errors
    /// An unknown node.
    fn score(&self, node: u32) -> Result<f64, RankError> {
        Ok(normalised(self.reach(node)?.net(), self.total()))
    }

    /// The `count` highest scores among the nodes that are reached, the highest first, and the lower index first among
    /// equals.
    fn top(&self, count: usize) -> Vec<(u32, f64)> {
        let total = self.total();
        let reached = (0..self.nodes()).filter_map(|node| {
            let reach = self.reach(node).ok()?;
            (reach.sum() > 0.0).then(|| (node, normalised(reach.net(), total)))
        });
        highest(reached.collect(), count)
    }
}

fn normalised(net: f64, total: f64) -> f64 {
    if total > 0.0 { net / total } else { 0.0 }
}

/// The `count` highest of `scores`, in order.
fn highest(mut scores: Vec<(u32, f64)>, count: usize) -> Vec<(u32, f64)> {
    let order = |a: &(u32, f64), b: &(u32, f64)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
    if count == 0 {
        return Vec::new();
    }
    if count < scores.len() {
        scores.select_nth_unstable_by(count - 1, order);
        scores.truncate(count);
    }
    scores.sort_unstable_by(order);
    scores
}
