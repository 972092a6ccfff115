//! Decays that are applied to a ranking as a whole; the decay along a path is `continue_prob` itself.
//!
//! **Connectivity decay.** A node all, or most, of whose walks lead over one other node is known by the word of that
//! one. Where the share of the strongest such bridge is at least a threshold, the node's reach is multiplied by it
//! and by `1 - beta`. To the scores that come of it, the nodes that were not cut are scaled up, so that the
//! magnitudes of all sum up to 1 again.
//!
//! **Epoch decay.** What an epoch brought counts less with each that follows. The paper's authors found it to be
//! counter-productive against Sybils.
//!
//! See [`rank`](super) for the paper; the definitions follow the code of its experiments.

use alloc::vec::Vec;

use super::{Rank, RankError, Reach, highest, normalised};

/// Shares that differ by less count as equal: the oracle's come out of a division.
const ROUNDING: f64 = 1e-9;

/// The parameters of connectivity decay.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Connectivity {
    /// The share of a bridge from which on a node is cut, above 0 and at most 1; 1 for strict bridges only.
    pub threshold: f64,
    /// How much is taken away, from 0 to 1.
    pub beta: f64,
}

/// A ranking after connectivity decay: the state of one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Decayed {
    reach: Vec<Reach>,
    scores: Vec<f64>,
}

impl Connectivity {
    /// Applies the decay to a ranking. Parameters out of range count as the nearest that are in range, a NaN as no
    /// decay.
    pub fn apply<R: Rank>(self, rank: &R) -> Decayed {
        let (threshold, beta) = (self.threshold.clamp(ROUNDING, 1.0) - ROUNDING, self.beta.clamp(0.0, 1.0));
        let total = rank.total();
        let (mut cut, mut uncut) = (0.0, 0.0);
        let decay = |(node, share): (u32, &f64)| {
            let reach = rank.reach(node).unwrap_or_default();
            let is_cut = *share > 0.0 && *share >= threshold && !beta.is_nan();
            let kept = if is_cut { (1.0 - beta) * share } else { 1.0 };
            let reach = Reach { positive: reach.positive * kept, negative: reach.negative * kept };
            *(if is_cut { &mut cut } else { &mut uncut }) += reach.sum();
            (reach, is_cut)
        };
        let decayed: Vec<(Reach, bool)> = (0..).zip(&rank.bridge_shares()).map(decay).collect();
        // The cut ones keep the scale of before; the others share what is left.
        let rest = (total - cut).max(0.0);
        let score = |&(reach, is_cut): &(Reach, bool)| {
            if is_cut {
                normalised(reach.net(), total)
            } else {
                normalised(reach.net(), uncut) * normalised(rest, total)
            }
        };
        let scores = decayed.iter().map(score).collect();
        Decayed { reach: decayed.into_iter().map(|(reach, _)| reach).collect(), scores }
    }
}

impl Decayed {
    /// The reach of a node after the decay, before any renormalisation.
    ///
    /// # Errors
    /// An unknown node.
    pub fn reach(&self, node: u32) -> Result<Reach, RankError> {
        self.reach.get(node as usize).copied().ok_or(RankError::UnknownNode(node))
    }

    /// The score of a node.
    ///
    /// # Errors
    /// An unknown node.
    pub fn score(&self, node: u32) -> Result<f64, RankError> {
        self.scores.get(node as usize).copied().ok_or(RankError::UnknownNode(node))
    }

    /// The `count` highest scores among the nodes that are reached, as [`Rank::top`] orders them.
    #[must_use]
    pub fn top(&self, count: usize) -> Vec<(u32, f64)> {
        let scores = (0..).zip(&self.reach).zip(&self.scores);
        highest(
            scores.filter(|((_, reach), _)| reach.sum() > 0.0).map(|((node, _), &score)| (node, score)).collect(),
            count,
        )
    }
}

/// Reputation over epochs: that of the running epoch, plus `keep` times what was before it.
#[derive(Clone, Debug, PartialEq)]
pub struct Epochs {
    keep: f64,
    past: Vec<f64>,
}

impl Epochs {
    /// No past yet. `keep` is what the end of an epoch leaves of the past: 1 for all, 0 for the running epoch only.
    /// It is brought into that range, and a NaN counts as 0.
    #[must_use]
    pub fn new(keep: f64) -> Self {
        Self { keep: if keep.is_nan() { 0.0 } else { keep.clamp(0.0, 1.0) }, past: Vec::new() }
    }

    /// Ends an epoch with these scores. Nodes without one had 0.
    pub fn end(&mut self, scores: &[f64]) {
        self.past.resize(self.past.len().max(scores.len()), 0.0);
        for (node, past) in self.past.iter_mut().enumerate() {
            *past = self.keep * *past + scores.get(node).copied().unwrap_or(0.0);
        }
    }

    /// The reputation of each node while the running epoch has these scores, scaled so that the magnitudes sum up to
    /// 1; all 0 where nobody has any.
    #[must_use]
    pub fn reputation(&self, scores: &[f64]) -> Vec<f64> {
        let mut with = self.clone();
        with.end(scores);
        let sum: f64 = with.past.iter().map(|past| past.abs()).sum();
        with.past.into_iter().map(|past| normalised(past, sum)).collect()
    }
}
