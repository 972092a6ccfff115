//! Broadcast layers: how long joining takes, that data reaches everybody once and each link once, and repair.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use rapprochement_core::flow::broadcast::{Broadcast, LayerMessage, LayerOutput};
use rapprochement_core::flow::config::BroadcastConfig;
use rapprochement_core::peer::SimPeer;
use rapprochement_core::time::{Duration, Instant};

use crate::world::{Bytes, at, ms};

type Loses = fn(&LayerMessage<SimPeer, Bytes>) -> bool;
type Member = Broadcast<SimPeer, Bytes>;

/// Members with a constant delay between them, so that packets arrive in the order in which they left.
struct Layer {
    now: Instant,
    members: Vec<Member>,
    dead: BTreeSet<usize>,
    delay: Duration,
    flying: VecDeque<(Instant, usize, usize, LayerMessage<SimPeer, Bytes>)>,
    lost: Loses,
    joined: BTreeMap<usize, Instant>,
    admitted: Vec<(Instant, usize)>,
    orphaned: Vec<(Instant, usize)>,
    delivered: Vec<(Instant, usize)>,
    /// Copies of data that left, by link.
    copies: BTreeMap<(usize, usize), usize>,
}

impl Layer {
    fn new(members: usize, degree: usize) -> Self {
        let config = BroadcastConfig { degree, ..BroadcastConfig::default() };
        let mut layer = Self {
            now: Instant::ZERO,
            members: (0..members).map(|index| Member::new(SimPeer(index as u32), config.clone())).collect(),
            dead: BTreeSet::new(),
            delay: ms(10),
            flying: VecDeque::new(),
            lost: |_| false,
            joined: BTreeMap::new(),
            admitted: Vec::new(),
            orphaned: Vec::new(),
            delivered: Vec::new(),
            copies: BTreeMap::new(),
        };
        layer.members[0].bootstrap();
        layer
    }

    /// All of them, one after the other, at the root.
    fn full(members: usize, degree: usize) -> Self {
        let mut layer = Self::new(members, degree);
        for member in 1..members {
            layer.join(member, 0);
            layer.run();
        }
        layer
    }

    /// Each at the one before.
    fn chain(members: usize) -> Self {
        let mut layer = Self::new(members, 3);
        for member in 1..members {
            layer.join(member, member - 1);
            layer.run();
        }
        layer
    }

    fn join(&mut self, member: usize, at: usize) {
        self.members[member].join(self.now, SimPeer(at as u32));
        self.settle(member);
    }

    fn gone(&mut self, member: usize, peer: usize) {
        self.members[member].gone(self.now, SimPeer(peer as u32));
        self.settle(member);
    }

    fn publish(&mut self, member: usize) {
        self.members[member].publish(Bytes::from([1, 2, 3]));
        self.settle(member);
    }

    /// Until nothing flies and nothing is due.
    fn run(&mut self) {
        loop {
            let alive = (0..self.members.len()).filter(|member| !self.dead.contains(member));
            let due = alive.filter_map(|member| Some((self.members[member].deadline()?, member))).min();
            match (self.flying.front(), due) {
                (Some((arrival, ..)), due) if due.is_none_or(|(due, _)| *arrival <= due) => self.arrive(),
                (_, Some((due, member))) => {
                    self.now = due;
                    self.members[member].expire(due);
                    self.settle(member);
                }
                _ => return,
            }
        }
    }

    fn arrive(&mut self) {
        let Some((arrival, from, to, message)) = self.flying.pop_front() else { return };
        self.now = arrival;
        if !self.dead.contains(&to) {
            self.members[to].receive(arrival, SimPeer(from as u32), &message);
            self.settle(to);
        }
    }

    fn settle(&mut self, member: usize) {
        while let Some(output) = self.members[member].poll() {
            match output {
                LayerOutput::Transmit { to, message } => {
                    let to = to.0 as usize;
                    if matches!(message, LayerMessage::Data(_)) {
                        *self.copies.entry((member.min(to), member.max(to))).or_default() += 1;
                    }
                    if !(self.lost)(&message) {
                        self.flying.push_back((self.now + self.delay, member, to, message));
                    }
                }
                LayerOutput::Deliver(_) => self.delivered.push((self.now, member)),
                LayerOutput::Joined(_) => _ = self.joined.insert(member, self.now),
                LayerOutput::Admitted(_) => self.admitted.push((self.now, member)),
                LayerOutput::Orphaned => self.orphaned.push((self.now, member)),
            }
        }
    }

    fn parent(&self, member: usize) -> Option<usize> {
        self.members[member].parent().map(|peer| peer.0 as usize)
    }

    fn depth(&self, member: usize) -> usize {
        self.parent(member).map_or(0, |parent| 1 + self.depth(parent))
    }

    /// That the living are one tree, and that data from any of them reaches the others once, over each link once.
    fn check(&mut self) {
        let living: Vec<usize> = (0..self.members.len()).filter(|member| !self.dead.contains(member)).collect();
        for &source in &living {
            self.delivered.clear();
            self.copies.clear();
            self.publish(source);
            self.run();
            let mut reached: Vec<usize> = self.delivered.iter().map(|(_, member)| *member).collect();
            reached.sort_unstable();
            let others: Vec<usize> = living.iter().copied().filter(|member| *member != source).collect();
            assert_eq!(reached, others, "everybody else, once");
            assert_eq!(self.copies.len(), living.len() - 1);
            assert!(self.copies.values().all(|copies| *copies == 1), "each link once");
        }
    }
}

#[test]
fn joining_takes_three_round_trips_and_half_of_one_more_at_the_other_side() {
    let mut layer = Layer::new(2, 4);
    layer.join(1, 0);
    layer.run();
    assert_eq!(layer.joined[&1], at(3 * 20), "allocation, connection, and enrolment's request and answer");
    assert_eq!(layer.admitted, [(at(70), 0)]);
}

#[test]
fn data_reaches_everybody_once_and_crosses_each_link_once() {
    for (members, degree) in [(1, 2), (2, 2), (10, 3), (40, 4), (64, 64)] {
        let mut layer = Layer::full(members, degree);
        for member in 0..members {
            let degree_of = layer.members[member].children().count() + usize::from(layer.parent(member).is_some());
            assert!(degree_of <= degree);
        }
        layer.check();
    }
}

#[test]
fn data_arrives_a_hop_later_at_each_depth() {
    let mut layer = Layer::full(40, 4);
    let start = layer.now;
    layer.publish(0);
    layer.run();
    for &(time, member) in &layer.delivered {
        assert_eq!(time, start + layer.delay.saturating_mul(layer.depth(member) as u64));
    }
    assert!(layer.depth(39) >= 3, "4 + 12 + 36 places at depths 1, 2 and 3");
}

#[test]
fn what_is_lost_while_joining_fails_after_twenty_seconds() {
    let cases: [(Loses, u64); 3] = [
        (|message| matches!(message, LayerMessage::Request), 20_000),
        (|message| matches!(message, LayerMessage::Connected), 20_020),
        (|message| matches!(message, LayerMessage::Admit(_)), 20_040),
    ];
    for (lost, fails) in cases {
        let mut layer = Layer::new(2, 4);
        layer.lost = lost;
        layer.join(1, 0);
        layer.run();
        assert_eq!(layer.orphaned, [(at(fails), 1)]);
        assert!(layer.members[0].children().next().is_none());
    }
}

#[test]
fn after_a_death_its_children_join_at_their_grandparent_and_the_layer_is_whole() {
    for degree in [3, 4] {
        let mut layer = Layer::full(30, degree);
        for victim in [1, 2, 4] {
            layer.dead.insert(victim);
            let living = (0..30).filter(|member| !layer.dead.contains(member));
            let (children, others): (Vec<usize>, Vec<usize>) =
                living.partition(|member| layer.parent(*member) == Some(victim));
            let start = layer.now;
            let above = others.into_iter().filter(|member| layer.parent(victim) == Some(*member));
            let neighbours: Vec<usize> = above.chain(children.iter().copied()).collect();
            neighbours.into_iter().for_each(|member| layer.gone(member, victim));
            layer.run();
            let first = children.iter().map(|member| layer.joined[member]).min();
            assert_eq!(first, Some(start + ms(60)), "the time of a join, where there is a place");
            layer.check();
        }
    }
}

#[test]
fn when_a_parent_leaves_its_children_hear_of_it() {
    let mut layer = Layer::full(12, 3);
    layer.members[1].leave();
    layer.settle(1);
    layer.dead.insert(1);
    layer.run();
    layer.check();
}

#[test]
fn a_chain_that_loses_two_at_once_is_repaired_from_further_up() {
    let mut layer = Layer::chain(6);
    assert_eq!(layer.depth(5), 5);
    layer.dead.extend([2, 3]);
    layer.gone(1, 2);
    layer.gone(4, 3);
    layer.run();
    assert_eq!(layer.parent(4), Some(1), "its grandparent is gone too: 20 s, then the next on the path");
    layer.check();
}

#[test]
fn strangers_and_members_of_the_own_subtree_are_not_admitted() {
    let mut layer = Layer::chain(3);
    layer.members[2].receive(Instant::ZERO, SimPeer(1), &LayerMessage::Request);
    assert!(matches!(
        layer.members[2].poll(),
        Some(LayerOutput::Transmit { message: LayerMessage::Reply { accepted: false, .. }, .. })
    ));
    layer.members[2].receive(Instant::ZERO, SimPeer(9), &LayerMessage::Data(Bytes::from([1])));
    layer.members[2].receive(Instant::ZERO, SimPeer(9), &LayerMessage::Enrolled);
    layer.members[2].receive(Instant::ZERO, SimPeer(9), &LayerMessage::Connect);
    assert!(layer.members[2].poll().is_none());
}
