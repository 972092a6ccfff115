//! How often each peer may ask for something: a token bucket per peer, for the peers that asked lately.
//!
//! J. Turner, "New directions in communications (or which way to the information age?)", IEEE Communications Magazine
//! 24(10), 1986.

use alloc::vec::Vec;

use crate::peer::Peer;
use crate::time::{Duration, Instant};

/// The most peers that are remembered. Beyond it goes the one whose allowance is fullest.
const PEERS_MAX: usize = 256;

/// Token buckets: `burst` requests at once, and one more every `interval`.
#[derive(Clone, Debug)]
pub(crate) struct Allowance<P> {
    interval: Duration,
    burst: u32,
    /// Sorted by peer: when the bucket will be full again.
    full_at: Vec<(P, Instant)>,
}

impl<P: Peer> Allowance<P> {
    pub(crate) fn new(interval: Duration, burst: u32) -> Self {
        Self { interval, burst, full_at: Vec::new() }
    }

    /// Takes one token of the peer's; `false` where it has none left.
    pub(crate) fn take(&mut self, now: Instant, peer: P) -> bool {
        let window = self.interval.saturating_mul(self.burst.into());
        let at = self.full_at.binary_search_by_key(&peer, |entry| entry.0);
        let full_at = at.map_or(now, |at| self.full_at[at].1.max(now)) + self.interval;
        if full_at.since(now) > window {
            return false;
        }
        match at {
            Ok(at) => self.full_at[at].1 = full_at,
            Err(at) => self.insert(now, at, (peer, full_at)),
        }
        true
    }

    fn insert(&mut self, now: Instant, mut at: usize, entry: (P, Instant)) {
        if self.full_at.len() >= PEERS_MAX {
            self.full_at.retain(|known| known.1 > now);
            if self.full_at.len() >= PEERS_MAX
                && let Some(fullest) = (0..self.full_at.len()).min_by_key(|at| self.full_at[*at].1)
            {
                self.full_at.remove(fullest);
            }
            at = self.full_at.partition_point(|known| known.0 < entry.0);
        }
        self.full_at.insert(at, entry);
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.full_at.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peer::SimPeer;

    #[test]
    fn a_burst_passes_and_then_one_per_interval() {
        let mut allowance = Allowance::new(Duration::from_secs(1), 3);
        let at = |millis| Instant::ZERO + Duration::from_millis(millis);
        let taken = (0..10).filter(|_| allowance.take(at(0), SimPeer(1))).count();
        assert_eq!(taken, 3);
        assert!(!allowance.take(at(999), SimPeer(1)));
        assert!(allowance.take(at(1000), SimPeer(1)));
        assert!(!allowance.take(at(1001), SimPeer(1)));
        assert!(allowance.take(at(1001), SimPeer(2)));
    }

    #[test]
    fn many_peers_are_not_remembered_without_bound() {
        let mut allowance = Allowance::new(Duration::from_secs(1), 3);
        assert!((0..10_000).all(|peer| allowance.take(Instant::ZERO, SimPeer(peer))));
        assert_eq!(allowance.len(), PEERS_MAX);
    }
}
