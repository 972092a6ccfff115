//! What is known of each node: how many walks count it, and which walks meet it.

use alloc::vec::Vec;

use super::arena::Trace;
use super::pool::{List, Pool};
use crate::rank::graph::POSITIVE;

#[derive(Clone, Copy, Debug)]
struct Node {
    /// How many walks count it, by layer; the ego's place at the start of every walk is not included.
    hits: [u32; 2],
    walks: List,
}

/// The index of all walks.
#[derive(Clone, Debug)]
pub(super) struct Index {
    nodes: Vec<Node>,
    pool: Pool,
    /// The sum of all hits.
    total: u64,
}

impl Index {
    /// Bytes that each node takes.
    pub(super) const NODE_BYTES: usize = size_of::<Node>();

    pub(super) fn new(nodes: usize) -> Self {
        let mut index = Self { nodes: Vec::new(), pool: Pool::new(), total: 0 };
        index.resize(nodes);
        index
    }

    pub(super) fn resize(&mut self, nodes: usize) {
        self.nodes.resize(nodes, Node { hits: [0; 2], walks: List::EMPTY });
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

    /// The walks that meet a node, in ascending order; for the ego those that come back to it.
    pub(super) fn walks(&self, node: u32) -> &[u32] {
        self.pool.get(self.nodes[node as usize].walks)
    }

    /// Bytes that are reserved for the lists.
    pub(super) fn list_bytes(&self) -> usize {
        self.pool.bytes()
    }

    /// Counts the steps of a walk from `keep` on (`ADD`), or takes them out of the count, given that those before are
    /// counted.
    pub(super) fn count<const ADD: bool>(&mut self, number: u32, ego: u32, trace: Trace<'_>, keep: u16) {
        let (kept, rest) = trace.steps.split_at(usize::from(keep).min(trace.steps.len()));
        for (step, &node) in (kept.len()..).zip(rest) {
            let layer = trace.layer(step);
            let known = &mut self.nodes[node as usize];
            // The lists tell whether the walk met the node before, since its steps enter and leave in order.
            let is_first = !kept.contains(&node)
                && if ADD {
                    self.pool.insert(&mut known.walks, number)
                } else {
                    self.pool.remove(&mut known.walks, number)
                };
            let earlier = || trace.steps[..step].iter().rposition(|&earlier| earlier == node);
            let counted = (!is_first && earlier().is_some_and(|earlier| trace.layer(earlier) == layer))
                || (node == ego && layer == POSITIVE);
            if !counted {
                let hits = &mut known.hits[layer];
                (*hits, self.total) = if ADD { (*hits + 1, self.total + 1) } else { (*hits - 1, self.total - 1) };
            }
        }
    }
}
