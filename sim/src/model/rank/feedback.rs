//! A feedback graph: who gave whom how much of it, in which order.
//!
//! Pieces of feedback are drawn one by one, giver and receiver independently, each user `i` with a probability in proportion to
//! `i^(-1 / (exponent - 1))`, until so many different pairs have come about. So degrees follow a power law of that exponent,
//! who gives much receives much, and the weight of an edge is how often its pair was drawn: much between the busiest.
//!
//! K.-I. Goh, B. Kahng, D. Kim, "Universal behavior of load distribution in scale-free networks", Phys. Rev. Lett. 87,
//! 278701, 2001 (the static model; here pairs may be drawn again).

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use rand_core::Rng;
use rapprochement_core::random::unit;
use rapprochement_core::rank::EdgeChange;

/// The user in whose eyes all others are ranked. It gives no feedback but its trust, and receives none.
pub(super) const EGO: u32 = 0;

/// Draws for each different pair at most.
const DRAWS_PER_EDGE: usize = 1_000;

/// Feedback in the order in which it was given.
#[derive(Clone, Debug)]
pub(super) struct Feedback {
    /// From whom, to whom.
    given: Vec<(u32, u32)>,
    /// Whom the ego trusts.
    trusted: Vec<u32>,
}

impl Feedback {
    /// Draws the feedback among `users` users, of whom the first is the ego and trusts the `trusted` with the most. None
    /// where so many different pairs do not come about.
    pub(super) fn draw<R: Rng>(users: u32, edges: u32, exponent: f64, trusted: u32, rng: &mut R) -> Option<Self> {
        let mut total = 0.0;
        let rise = |user: u32| {
            total += libm::pow(f64::from(user), -1.0 / (exponent - 1.0));
            total
        };
        let ends: Vec<f64> = (1..users).map(rise).collect();
        let total = *ends.last()?;
        let mut user = || {
            let place = unit(rng) * total;
            1 + ends.partition_point(|&end| end <= place).min(ends.len() - 1) as u32
        };
        let (mut given, mut pairs) = (Vec::new(), BTreeSet::new());
        for _ in 0..(edges as usize).saturating_mul(DRAWS_PER_EDGE) {
            let pair = (user(), user());
            if pair.0 != pair.1 {
                given.push(pair);
                pairs.insert(pair);
            }
            if pairs.len() == edges as usize {
                let trusted = most(&given, users, trusted);
                return Some(Self { given, trusted });
            }
        }
        None
    }

    /// Whom the ego trusts.
    #[cfg(test)]
    fn trusted(&self) -> &[u32] {
        &self.trusted
    }

    /// How many pieces there are.
    pub(super) fn len(&self) -> usize {
        self.given.len()
    }

    /// The graph of these pieces and of the ego's trust, by source and target.
    pub(super) fn edges(&self, pieces: Range<usize>) -> Vec<EdgeChange> {
        let mut weights: BTreeMap<(u32, u32), f64> = self.trusted.iter().map(|&user| ((EGO, user), 1.0)).collect();
        for &pair in self.given.get(pieces).unwrap_or_default() {
            *weights.entry(pair).or_default() += 1.0;
        }
        weights.into_iter().map(|((from, to), weight)| EdgeChange::new(from, to, weight)).collect()
    }
}

/// The `count` users with the most feedback, lower numbers first among equals.
fn most(given: &[(u32, u32)], users: u32, count: u32) -> Vec<u32> {
    let mut received = vec![0u32; users as usize];
    given.iter().for_each(|&(_, to)| received[to as usize] += 1);
    let mut order: Vec<u32> = (1..users).filter(|&user| received[user as usize] > 0).collect();
    order.sort_by_key(|&user| (std::cmp::Reverse(received[user as usize]), user));
    order.truncate(count as usize);
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Philox;

    #[test]
    fn the_graph_has_so_many_edges_and_the_busiest_are_trusted() {
        let feedback = Feedback::draw(291, 1_528, 2.5, 10, &mut Philox::new(1)).unwrap();
        let edges = feedback.edges(0..feedback.len());
        assert_eq!(edges.len(), 1_528 + 10);
        let received = |user: u32| {
            let to_user = edges.iter().filter(|edge| edge.to == user && edge.from != EGO);
            to_user.map(|edge| edge.weight).sum::<f64>()
        };
        assert_eq!((0..291).map(received).sum::<f64>(), feedback.len() as f64);
        assert!(edges.iter().all(|edge| edge.to != EGO && edge.from != edge.to));
        let least = feedback.trusted().iter().map(|&user| received(user)).fold(f64::INFINITY, f64::min);
        let others = (1..291).filter(|user| !feedback.trusted().contains(user));
        assert!(others.map(received).all(|amount| amount <= least));
    }

    /// The share of user `i` is `i^-a / sum j^-a`, with `a = 1 / (exponent - 1)`.
    #[test]
    fn feedback_follows_the_power_law() {
        let feedback = Feedback::draw(201, 5_000, 3.0, 10, &mut Philox::new(2)).unwrap();
        let shares: Vec<f64> = (1..=200).map(|user| 1.0 / f64::from(user).sqrt()).collect();
        let total: f64 = shares.iter().sum();
        // Pairs of one user with itself are drawn again: that changes the first user's share the most.
        let alone: f64 = shares.iter().map(|share| share * share / (total * total)).sum();
        for user in [1u32, 4, 25, 100] {
            let share = shares[user as usize - 1] / total;
            let expected = share * (1.0 - share) / (1.0 - alone) * feedback.len() as f64;
            let found = feedback.given.iter().filter(|(_, to)| *to == user).count() as f64;
            assert!((found - expected).abs() < 4.0 * expected.sqrt(), "{user}: {found}, {expected}");
        }
    }

    #[test]
    fn more_pairs_than_there_are_do_not_come_about() {
        assert!(Feedback::draw(4, 7, 2.5, 1, &mut Philox::new(3)).is_none());
        assert!(Feedback::draw(4, 6, 2.5, 1, &mut Philox::new(3)).is_some());
        assert!(Feedback::draw(1, 1, 2.5, 1, &mut Philox::new(3)).is_none());
    }
}
