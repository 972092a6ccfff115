//! The addresses that a node remembers, so that it need not ask the directory again.

use alloc::collections::{BTreeMap, VecDeque};

use crate::peer::Peer;
use crate::time::Instant;

/// Addresses that are remembered, and until when. All are remembered equally long, so the oldest are forgotten first.
#[derive(Debug)]
pub(super) struct Directory<P> {
    until: BTreeMap<P, Instant>,
    order: VecDeque<(Instant, P)>,
}

impl<P> Default for Directory<P> {
    fn default() -> Self {
        Self { until: BTreeMap::new(), order: VecDeque::new() }
    }
}

impl<P: Peer> Directory<P> {
    pub(super) fn learn(&mut self, until: Instant, peer: P) {
        self.until.insert(peer, until);
        self.order.push_back((until, peer));
    }

    pub(super) fn knows(&mut self, now: Instant, peer: P) -> bool {
        while let Some(&(until, old)) = self.order.front().filter(|(until, _)| *until <= now) {
            self.order.pop_front();
            if self.until.get(&old) == Some(&until) {
                self.until.remove(&old);
            }
        }
        self.until.contains_key(&peer)
    }
}
