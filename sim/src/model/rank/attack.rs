//! The attacker: who it is, what it does to the graph, and what that gives it in closed form.

use petgraph::algo::dominators::simple_fast;
use petgraph::graph::{DiGraph, NodeIndex};
use rand_core::Rng;
use rapprochement_core::random::below;
use rapprochement_core::rank::EdgeChange;
use rapprochement_core::rank::sybil::{Shape, weight_of_share};

use super::config::{AttackConfig, Position, Strength};
use super::feedback::EGO;

/// An attacker and its Sybils, which are the numbers behind those of the users.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attack {
    /// The attacker.
    pub(super) node: u32,
    /// Whether all walks from the ego lead to it over one other user.
    pub(super) bridged: bool,
    first: u32,
    config: AttackConfig,
}

/// A graph in which the attack takes place.
#[derive(Clone, Debug)]
pub(super) struct Attacked {
    /// Its edges.
    pub(super) edges: Vec<EdgeChange>,
    /// The part of the attacker's out-weight that leads to Sybils.
    share: f64,
    /// Whether a walk that leaves the attacker by an edge to an honest user may come back to it.
    returns: bool,
}

impl Attack {
    /// Draws the attacker among the users of this graph that stand where it is to stand; none where nobody does.
    pub(super) fn draw<R: Rng>(config: AttackConfig, users: u32, edges: &[EdgeChange], rng: &mut R) -> Option<Self> {
        let mut graph = DiGraph::<(), ()>::new();
        for _ in 0..users {
            graph.add_node(());
        }
        for edge in edges {
            graph.add_edge(NodeIndex::new(edge.from as usize), NodeIndex::new(edge.to as usize), ());
        }
        let ego = NodeIndex::new(EGO as usize);
        let bridges = simple_fast(&graph, ego);
        let position = |user: u32| {
            let behind = bridges.immediate_dominator(NodeIndex::new(user as usize))?;
            let trusted = graph.contains_edge(ego, NodeIndex::new(user as usize));
            Some((behind != ego, trusted))
        };
        let fits = |&user: &u32| match (config.attacker, position(user)) {
            (_, None) => false,
            (Position::Trusted, Some((_, trusted))) => trusted,
            (Position::Unbridged, Some((bridged, _))) => !bridged,
            (Position::Bridged, Some((bridged, _))) => bridged,
        };
        let candidates: Vec<u32> = (1..users).filter(fits).collect();
        let node = *candidates.get(below(rng, candidates.len() as u32) as usize)?;
        let bridged = position(node).is_some_and(|(bridged, _)| bridged);
        Some(Self { node, bridged, first: users, config })
    }

    /// The Sybils.
    pub(super) fn sybils(&self) -> Vec<u32> {
        (self.first..self.first + self.config.sybils).collect()
    }

    /// How they are connected.
    pub(super) fn shape(&self) -> Shape {
        self.config.shape.shape()
    }

    /// Whether the attack is on in an epoch, counted from 0.
    pub(super) fn is_on(&self, epoch: u32) -> bool {
        self.config.sybils > 0 && epoch + 1 >= self.config.epoch
    }

    /// The graph with the attack in it.
    pub(super) fn carry_out(&self, honest: &[EdgeChange]) -> Attacked {
        let given: f64 = honest.iter().filter(|edge| edge.from == self.node).map(|edge| edge.weight).sum();
        let weight = match self.config.strength {
            Strength::Share(share) if share < 1.0 && given > 0.0 => weight_of_share(given, share),
            Strength::Share(_) => 1.0,
            Strength::Weight(weight) => weight,
        };
        let takes_back = self.config.strength == Strength::Share(1.0);
        let mut edges: Vec<EdgeChange> =
            honest.iter().filter(|edge| !(takes_back && edge.from == self.node)).copied().collect();
        let share = if takes_back { 1.0 } else { weight / (weight + given) };
        let returns = self.comes_back(&edges);
        edges.extend(self.shape().edges(self.node, self.first, self.config.sybils, weight));
        Attacked { edges, share, returns }
    }

    /// Whether a path leads from the attacker back to it.
    fn comes_back(&self, edges: &[EdgeChange]) -> bool {
        let (mut reached, mut open) = (vec![false; self.first as usize], vec![self.node]);
        while let Some(from) = open.pop() {
            // Edges are in the order of their sources.
            let first = edges.partition_point(|edge| edge.from < from);
            for edge in edges[first..].iter().take_while(|edge| edge.from == from) {
                if !std::mem::replace(&mut reached[edge.to as usize], true) {
                    open.push(edge.to);
                }
            }
        }
        reached[self.node as usize]
    }

    /// The gain in closed form, and its standard deviation over walks that meet the attacker; where honest paths lead back to
    /// the attacker there is none.
    pub(super) fn closed_form(&self, continue_prob: f64, attacked: &Attacked) -> Option<(f64, f64)> {
        let (shape, count) = (self.shape(), self.config.sybils);
        (!attacked.returns).then(|| {
            let gain = shape.gain(continue_prob, count, attacked.share);
            (gain, shape.gain_variance(continue_prob, count, attacked.share).sqrt())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::config::AttackShape;
    use super::*;
    use crate::random::Philox;

    fn edges(pairs: &[(u32, u32)]) -> Vec<EdgeChange> {
        pairs.iter().map(|&(from, to)| EdgeChange::new(from, to, 1.0)).collect()
    }

    fn config(strength: Strength, attacker: Position) -> AttackConfig {
        AttackConfig { shape: AttackShape::Parallel, sybils: 2, strength, epoch: 3, attacker }
    }

    /// The ego trusts 1 and 2; 3 is behind both, 4 behind 3 alone, 5 unknown.
    #[test]
    fn attackers_stand_where_they_are_to_stand() {
        let graph = edges(&[(0, 1), (0, 2), (1, 3), (2, 3), (3, 4), (5, 4)]);
        for (position, candidates) in
            [(Position::Trusted, vec![1, 2]), (Position::Unbridged, vec![1, 2, 3]), (Position::Bridged, vec![4])]
        {
            let mut drawn: Vec<u32> = (0..60)
                .map(|key| {
                    let config = config(Strength::default(), position);
                    let attack = Attack::draw(config, 6, &graph, &mut Philox::new(key)).unwrap();
                    assert_eq!(attack.bridged, attack.node == 4);
                    attack.node
                })
                .collect();
            drawn.sort_unstable();
            drawn.dedup();
            assert_eq!(drawn, candidates);
        }
        let nobody = config(Strength::default(), Position::Bridged);
        assert!(Attack::draw(nobody, 6, &edges(&[(0, 1)]), &mut Philox::new(1)).is_none());
    }

    #[test]
    fn strengths_are_parts_of_the_out_weight() {
        let graph = edges(&[(0, 1), (1, 2), (1, 3), (2, 1), (2, 4)]);
        for (strength, share, returns) in [
            (Strength::Share(0.25), 0.25, true),
            (Strength::Share(1.0), 1.0, false),
            (Strength::Weight(6.0), 0.75, true),
        ] {
            let config = config(strength, Position::Trusted);
            let attack = Attack::draw(config, 5, &graph, &mut Philox::new(1)).unwrap();
            let attacked = attack.carry_out(&graph);
            let weight = |sybils: bool| {
                let mine = attacked.edges.iter().filter(|edge| edge.from == 1 && (edge.to >= 5) == sybils);
                mine.map(|edge| edge.weight).sum::<f64>()
            };
            assert!((weight(true) / (weight(true) + weight(false)) - share).abs() < 1e-12);
            assert!((attacked.share - share).abs() < 1e-12);
            assert_eq!(attacked.returns, returns);
            assert_eq!(attack.closed_form(0.5, &attacked).is_none(), returns);
            assert_eq!([1, 2, 3].map(|epoch| attack.is_on(epoch - 1)), [false, false, true]);
        }
    }
}
