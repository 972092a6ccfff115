//! What a shard's observer records of an overlay: how often neighbours change, and how long opinions take.
//!
//! An opinion says itself when it was formed, so its latency needs no ledger. Its population is the nodes that were present
//! then: at a node that came later it is caught up, which is counted and has no latency.

use rapprochement_core::peer::Peer;
use rapprochement_core::service::opinion::Opinion;
use rapprochement_core::store::Tuple;
use rapprochement_core::time::Instant;

use super::node::{OverlayNode, Told};
use crate::measure::histogram::Histogram;
use crate::model::host::Observer;

/// Sums that a warm-up forgets.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    /// Neighbours that were taken, and that were given up.
    pub(super) joined: u64,
    /// See `joined`.
    pub(super) left: u64,
    /// Opinions published, withdrawals included.
    pub(super) opined: u64,
    /// Opinions that reached a node that was present when they were formed.
    pub(super) latencies: Histogram,
    /// Opinions that reached a node that was not.
    pub(super) caught_up: u64,
    /// Forged tuples.
    pub(super) rejected: u64,
}

impl Tally {
    /// Adds another shard's.
    pub(super) fn merge(&mut self, other: &Self) {
        self.joined += other.joined;
        self.left += other.left;
        self.opined += other.opined;
        self.latencies.merge(&other.latencies);
        self.caught_up += other.caught_up;
        self.rejected += other.rejected;
    }
}

/// The observer of one shard.
#[derive(Debug, Default)]
pub(super) struct OverlayObserver {
    changes: Vec<(Instant, bool)>,
    tally: Tally,
}

impl OverlayObserver {
    /// When nodes joined (`true`) and left.
    pub(super) fn changes(&self) -> &[(Instant, bool)] {
        &self.changes
    }

    /// The sums since the warm-up.
    pub(super) const fn tally(&self) -> &Tally {
        &self.tally
    }

    /// The warm-up is over.
    pub(super) fn reset(&mut self) {
        self.tally = Tally::default();
    }

    fn heard(&mut self, now: Instant, since: Instant, tuple: &Tuple) {
        // A withdrawal says no time.
        let Some(Ok(opinion)) = tuple.value().map(Opinion::decode) else { return };
        let formed = Instant::from_nanos(opinion.formed.saturating_mul(1000));
        if since <= formed {
            self.tally.latencies.add(now.since(formed).as_nanos());
        } else {
            self.tally.caught_up += 1;
        }
    }
}

impl<P: OverlayNode> Observer<P> for OverlayObserver {
    fn commanded(&mut self, _: u32) {}

    fn event(&mut self, now: Instant, _node: u32, since: Instant, event: P::Event) -> u64 {
        const KINDS: u64 = 8;
        match P::told(&event) {
            Some(Told::Joined(peer)) => {
                self.tally.joined += 1;
                u64::from(peer.0) * KINDS + 1
            }
            Some(Told::Left(peer)) => {
                self.tally.left += 1;
                u64::from(peer.0) * KINDS + 2
            }
            Some(Told::Opined(tuple)) => {
                self.tally.opined += 1;
                fingerprint(tuple) * KINDS + 3
            }
            Some(Told::Heard(tuple)) => {
                self.heard(now, since, tuple);
                fingerprint(tuple) * KINDS + 4
            }
            Some(Told::Rejected) => {
                self.tally.rejected += 1;
                5
            }
            None => 0,
        }
    }

    fn joined(&mut self, now: Instant, _: u32, _: &P) {
        self.changes.push((now, true));
    }

    fn left(&mut self, now: Instant, _: u32, _: &P) {
        self.changes.push((now, false));
    }
}

/// Author and version, in 61 bits.
fn fingerprint(tuple: &Tuple) -> u64 {
    let author = rapprochement_core::peer::SimPeer::from_id(tuple.author())
        .map_or_else(|| u64::from(u32::MAX), |peer| u64::from(peer.0));
    (author << 28 ^ tuple.version()) & (u64::MAX >> 3)
}
