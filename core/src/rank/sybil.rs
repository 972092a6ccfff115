//! Sybil attacks and their gains. An attacker creates `count` Sybils and leads a share of its out-weight to them; its
//! gain is the sum of the Sybils' reach, divided by its own. With `q` the probability to go on and `f` that share, if
//! no honest path leads back to the attacker:
//!
//! | shape | edges | gain | limit |
//! |---|---|---|---|
//! | path | a → s1 → s2 → … → sk | `f (q + q^2 + … + q^k)` | `f q / (1 - q)` |
//! | parallel | a → each s | `f q` | `f q` |
//! | cycle | a ⇄ each s | `f q / (1 - f q^2 (1 - 1/k))` | `f q / (1 - f q^2)` |
//!
//! In the cycle a walk at the attacker meets Sybil `j` next with probability `f q / k`; else, with `f q (k - 1) / k`,
//! another one, from which it is back with probability `q`. The shapes are those of the paper's experiments (see
//! [`rank`](super)).

use super::EdgeChange;

/// How the Sybils are connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// One behind the other.
    Path,
    /// Side by side.
    Parallel,
    /// Side by side, each with an edge back to the attacker.
    Cycle,
}

impl Shape {
    /// All shapes.
    pub const ALL: [Self; 3] = [Self::Path, Self::Parallel, Self::Cycle];

    /// The shape's name in scenarios and tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Path => "path",
            Self::Parallel => "parallel",
            Self::Cycle => "cycle",
        }
    }

    /// The edges of an attack by `count` Sybils, which are the nodes from `first` on. Their source's edges to them
    /// have the sum `weight`, those out of Sybils the weight 1. Indices beyond `u32::MAX` are left out.
    pub fn edges(self, attacker: u32, first: u32, count: u32, weight: f64) -> impl Iterator<Item = EdgeChange> {
        let sybils = first..first.saturating_add(count);
        let share = weight / f64::from(count.max(1));
        let edge = EdgeChange::new;
        sybils
            .flat_map(move |sybil| match self {
                Self::Path if sybil == first => [Some(edge(attacker, sybil, weight)), None],
                Self::Path => [Some(edge(sybil - 1, sybil, 1.0)), None],
                Self::Parallel => [Some(edge(attacker, sybil, share)), None],
                Self::Cycle => [Some(edge(attacker, sybil, share)), Some(edge(sybil, attacker, 1.0))],
            })
            .flatten()
    }

    /// The gain of `count` Sybils in closed form; `continue_prob` is the probability to go on, `share` the part of
    /// the attacker's out-weight that leads to them.
    #[must_use]
    pub fn gain(self, continue_prob: f64, count: u32, share: f64) -> f64 {
        let q = continue_prob;
        match self {
            _ if count == 0 => 0.0,
            Self::Path => share * (0..count).fold(0.0, |sum, _| q * (1.0 + sum)),
            Self::Parallel => share * q,
            Self::Cycle => share * q / (1.0 - share * q * q * (1.0 - 1.0 / f64::from(count))),
        }
    }

    /// The variance of the number of different Sybils that a walk meets, given that it meets the attacker; their mean
    /// is [`Self::gain`]. So a gain that `n` such walks show has the standard error `sqrt(variance / n)`.
    ///
    /// A walk meets the first `j` of a path with probability `f q^j`, so the mean square is `sum (2 j - 1) f q^j`. Of a
    /// cycle it meets one given Sybil with probability `p = gain / k`, and two given ones with `x = 2 a q p + (k - 2) a q
    /// x`, where `a = f q / k` is the probability to meet a given one next; the mean square is `k p + k (k - 1) x`.
    #[must_use]
    pub fn gain_variance(self, continue_prob: f64, count: u32, share: f64) -> f64 {
        let (q, k) = (continue_prob, f64::from(count));
        let mean = self.gain(q, count, share);
        let square = match self {
            _ if count == 0 => 0.0,
            // From the far end: sum_{j >= i} (2 j - 1) q^(j - i + 1).
            Self::Path => share * (1..=count).rev().fold(0.0, |sum, j| q * (2.0 * f64::from(j) - 1.0 + sum)),
            Self::Parallel => mean,
            Self::Cycle => {
                let again = share * q * q / k;
                let both = 2.0 * again * (mean / k) / (1.0 - (k - 2.0).max(0.0) * again);
                mean + k * (k - 1.0) * both
            }
        };
        (square - mean * mean).max(0.0)
    }
}

/// The weight of the edges to Sybils that is the part `share` (above 0, below 1) of an attacker's out-weight, the
/// rest of which is `honest`.
#[must_use]
pub fn weight_of_share(honest: f64, share: f64) -> f64 {
    honest * share / (1.0 - share)
}

/// The gain that a ranking shows: the Sybils' reach (positive layer) over the attacker's; 0 where that one is not
/// reached. Reach and not score, so that decay and normalisation do not enter twice.
pub fn measured_gain(reach: impl Fn(u32) -> f64, attacker: u32, sybils: &[u32]) -> f64 {
    let own = reach(attacker);
    let sum: f64 = sybils.iter().map(|&sybil| reach(sybil)).sum();
    if own > 0.0 { sum / own } else { 0.0 }
}
