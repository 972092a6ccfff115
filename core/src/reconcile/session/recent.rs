//! What two stores that were equal once have to tell each other: which authors changed since.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::peer::PeerId;
use crate::reconcile::session::Index;
use crate::store::{SetHash, Store};

/// A point at which this node's store was equal to a peer's. Two peers that remember points of one root held the same
/// tuples at those points, whether or not it was each other that they met: so an author that changed behind neither is the
/// same at both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meeting {
    pub(super) root: SetHash,
    /// [`Index::changes`] of this node then.
    pub(super) changes: u64,
}

impl Meeting {
    /// The store as it is now, of a node whose index keeps the order in which authors changed; `None` for others.
    pub fn now(store: &Store, index: &Index) -> Option<Self> {
        index.changed_since(index.changes()).map(|_| Self { root: store.root_digest(), changes: index.changes() })
    }
}

/// Authors in the order of their last change.
#[derive(Clone, Debug)]
pub(super) struct Recent {
    /// Nothing is known of changes up to this one.
    from: u64,
    last: BTreeMap<PeerId, u64>,
    order: BTreeMap<u64, PeerId>,
}

impl Recent {
    /// Follows the changes behind this one.
    pub(super) const fn new(from: u64) -> Self {
        Self { from, last: BTreeMap::new(), order: BTreeMap::new() }
    }

    /// An author's tuples changed; changes are numbered in ascending order.
    pub(super) fn note(&mut self, author: PeerId, change: u64) {
        if let Some(before) = self.last.insert(author, change) {
            self.order.remove(&before);
        }
        self.order.insert(change, author);
    }

    /// The authors whose last change comes after this one, by id; `None` where that is not known.
    pub(super) fn after(&self, change: u64) -> Option<Vec<PeerId>> {
        if change < self.from {
            return None;
        }
        let mut authors: Vec<PeerId> =
            self.order.range(change.saturating_add(1)..).map(|(_, author)| *author).collect();
        authors.sort_unstable();
        Some(authors)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        /// Held to a list of all changes.
        #[test]
        fn authors_behind_a_point_are_those_that_changed_since(
            from in 0..5u64,
            changes in proptest::collection::vec(0..8u8, 0..40),
            point in 0..50u64,
        ) {
            let mut recent = Recent::new(from);
            let numbered = || (from + 1..).zip(changes.iter().map(|&author| PeerId([author; 32])));
            numbered().for_each(|(change, author)| recent.note(author, change));
            let mut expected: Vec<_> = numbered().filter(|(change, _)| *change > point).map(|(_, author)| author).collect();
            expected.sort_unstable();
            expected.dedup();
            assert_eq!(recent.after(point), (point >= from).then_some(expected));
            assert_eq!(recent.last.len(), recent.order.len());
        }
    }
}
