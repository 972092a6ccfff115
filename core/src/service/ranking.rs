//! The ranking of a node: the opinions that it holds as edges, and MeritRank's walks over them from its own place. Peers are
//! numbered as they come. Beyond a cap no new ones are taken in, so that a crowd of invented names costs bounded memory: who
//! comes first stays, and those are the peers that a node meets while it starts, its own neighbours among them.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::peer::PeerId;
use crate::rank::{Config, EdgeChange, Graph, Progress, Rank, RankError, Walks};

/// The ranking of one node.
#[derive(Debug)]
pub(super) struct Ranking {
    numbers: BTreeMap<PeerId, u32>,
    walks: Walks,
    peers_max: u32,
}

/// What became of an opinion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// It is an edge.
    Edge,
    /// There is no room for another peer.
    Full,
    /// It cannot be an edge.
    Refused,
}

impl Ranking {
    /// A ranking without opinions.
    ///
    /// # Errors
    /// A `continue_prob` out of range, or no walks.
    pub(super) fn new(config: Config, me: PeerId, peers_max: u32) -> Result<Self, RankError> {
        let walks = Walks::new(config, Graph::new(1)?, 0)?;
        Ok(Self { numbers: BTreeMap::from([(me, 0)]), walks, peers_max })
    }

    /// Takes in an opinion; a weight of 0 is none any more.
    pub(super) fn hear(&mut self, author: &PeerId, subject: &PeerId, weight: f64) -> Taken {
        let known = |id| self.numbers.get(id).copied();
        if weight == 0.0 && (known(author).is_none() || known(subject).is_none()) {
            return Taken::Edge;
        }
        let (Some(from), Some(to)) = (self.number(author), self.number(subject)) else { return Taken::Full };
        if weight == 0.0 && self.walks.graph().weight(from, to) == Ok(0.0) {
            return Taken::Edge;
        }
        match self.walks.apply(EdgeChange { from, to, weight }) {
            Ok(()) => Taken::Edge,
            Err(_) => Taken::Refused,
        }
    }

    fn number(&mut self, id: &PeerId) -> Option<u32> {
        if let Some(number) = self.numbers.get(id) {
            return Some(*number);
        }
        let next = self.walks.nodes();
        if next >= self.peers_max || self.walks.add_nodes(1).is_err() {
            return None;
        }
        self.numbers.insert(*id, next);
        Some(next)
    }

    /// Works off what was taken in, in at most so many steps.
    pub(super) fn poll(&mut self, budget: u64) -> Progress {
        self.walks.poll(budget)
    }

    /// A peer's score; 0 for one that is unknown.
    pub(super) fn score(&self, id: &PeerId) -> f64 {
        self.numbers.get(id).and_then(|number| self.walks.score(*number).ok()).unwrap_or(0.0)
    }

    /// Peers with an opinion about them, or of their own.
    pub(super) fn peers(&self) -> usize {
        self.numbers.len()
    }

    /// The highest scores.
    pub(super) fn top(&self, count: usize) -> Vec<(PeerId, f64)> {
        let mut ids = Vec::new();
        ids.resize(self.numbers.len(), PeerId::default());
        self.numbers.iter().for_each(|(id, number)| ids[*number as usize] = *id);
        self.walks.top(count).into_iter().map(|(number, score)| (ids[number as usize], score)).collect()
    }
}
