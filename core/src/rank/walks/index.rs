//! What is known of each node: how many walks count it, and which walks meet it.

use alloc::vec::Vec;

use super::arena::Trace;
use super::lists::{Head, Lists};
use crate::rank::graph::POSITIVE;

#[derive(Clone, Copy, Debug, Default)]
struct Node {
    /// How many walks count it, by layer; the ego's place at the start of every walk is not included.
    hits: [u32; 2],
    /// The places where walks meet it first.
    met: Head,
}

/// The index of all walks.
#[derive(Clone, Debug)]
pub(super) struct Index {
    nodes: Vec<Node>,
    pub(super) lists: Lists,
    /// The sum of all hits.
    total: u64,
}

impl Index {
    /// Bytes that each node takes.
    pub(super) const NODE_BYTES: usize = size_of::<Node>();

    pub(super) fn new(nodes: usize) -> Self {
        let mut index = Self { nodes: Vec::new(), lists: Lists::new(), total: 0 };
        index.resize(nodes);
        index
    }

    pub(super) fn resize(&mut self, nodes: usize) {
        self.nodes.resize(nodes, Node::default());
    }

    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    pub(super) fn hits(&self, node: u32) -> Option<[u32; 2]> {
        self.nodes.get(node as usize).map(|known| known.hits)
    }

    pub(super) fn total(&self) -> u64 {
        self.total
    }

    /// Whether a walk meets the node; if it is the ego, whether one comes back to it.
    pub(super) fn is_met(&self, node: u32) -> bool {
        !self.nodes[node as usize].met.is_empty()
    }

    /// The places where walks meet a node first, in no order; for the ego those where they come back to it.
    pub(super) fn places(&self, node: u32) -> impl Iterator<Item = u32> + '_ {
        self.lists.iter(self.nodes[node as usize].met)
    }

    /// Counts the steps of a walk from `keep` on (`ADD`), or takes them out of the count, given that those before are
    /// counted. Takes time in proportion to the square of the walk's length.
    pub(super) fn count<const ADD: bool>(&mut self, ego: u32, trace: Trace<'_>, keep: u16) {
        for step in usize::from(keep)..trace.steps.len() {
            let node = trace.steps[step];
            let known = &mut self.nodes[node as usize];
            let layer = trace.layer(step);
            // A walk in the negative layer may have met the node in the positive one.
            let (others, same) = trace.steps[..step].split_at(if layer == POSITIVE { 0 } else { trace.turn.into() });
            if same.contains(&node) {
                continue;
            }
            if !others.contains(&node) {
                let place = trace.start + step as u32;
                if ADD {
                    self.lists.insert(&mut known.met, place);
                } else {
                    self.lists.remove(&mut known.met, place);
                }
            }
            if node != ego || layer != POSITIVE {
                let hits = &mut known.hits[layer];
                (*hits, self.total) = if ADD { (*hits + 1, self.total + 1) } else { (*hits - 1, self.total - 1) };
            }
        }
    }
}
