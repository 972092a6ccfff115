//! What a shard's observer records of a synchroniser: who holds what, how long updates took, how often they came.
//!
//! The population of an update is the nodes that were present when it was issued; its latency at one of them is the time
//! until that node held this version or a newer one of the same key. A node that leaves before that has left the
//! population; one that joins later is not in it, and what it receives counts as catching up.

use std::sync::Arc;

use rapprochement_core::peer::SimPeer;
use rapprochement_core::reconcile::{SyncEvent, Synchroniser};
use rapprochement_core::store::{Store, Tuple};
use rapprochement_core::time::Instant;
use rapprochement_core::wire::Message;

use super::ledger::Ledger;
use crate::measure::histogram::Histogram;
use crate::measure::results::LoggedEvent;
use crate::model::host::{MessageFate, Observer};
use crate::model::workload::NO_UPDATE;

/// Sums that a warm-up forgets.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Tuples newly held.
    pub adopted: u64,
    /// Of these, how many did not come as a rumour.
    pub repaired: u64,
    /// Of all, how many came to a node that joined after the update was issued.
    pub caught_up: u64,
    /// Tuples that were already held.
    pub duplicates: u64,
    /// Tuples older than what was held.
    pub stale: u64,
    /// Tuples whose signature was wrong.
    pub rejected: u64,
    /// Writes and tuples that a store had no room for.
    pub refused: u64,
    /// Proofs of equivocation found.
    pub equivocations: u64,
    /// Encoded bytes of the tuples newly held: what any protocol has to send at least.
    pub needed_bytes: u64,
    /// Hops of rumours.
    pub hops: Histogram,
}

/// The observer of one shard.
#[derive(Debug)]
pub struct SyncObserver {
    ledger: Arc<Ledger>,
    current: u32,
    live: u32,
    /// How many present nodes hold each update as their newest.
    holders: Vec<u32>,
    /// Latencies in the population of each update, in nanoseconds.
    latencies: Vec<Vec<u64>>,
    /// Most hops of a rumour that brought each update to a node; 0 where none did.
    hops: Vec<u8>,
    issued: Vec<u32>,
    changes: Vec<(Instant, bool)>,
    tally: Tally,
    log: Option<Vec<LoggedEvent>>,
}

impl SyncObserver {
    /// An observer that has seen nothing.
    pub fn new(ledger: Arc<Ledger>, with_log: bool) -> Self {
        let updates = ledger.schedule.updates.len();
        Self {
            ledger,
            current: NO_UPDATE,
            live: 0,
            holders: vec![0; updates],
            latencies: vec![Vec::new(); updates],
            hops: vec![0; updates],
            issued: Vec::new(),
            changes: Vec::new(),
            tally: Tally::default(),
            log: with_log.then(Vec::new),
        }
    }

    /// Nodes of the shard that are present.
    pub const fn live(&self) -> u32 {
        self.live
    }

    /// How many present nodes hold each update as their newest of its entry.
    pub fn holders(&self) -> &[u32] {
        &self.holders
    }

    /// Takes the numbers of the updates issued since the last call.
    pub fn take_issued(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.issued)
    }

    /// Takes the latencies of every update.
    pub fn take_latencies(&mut self) -> Vec<Vec<u64>> {
        std::mem::take(&mut self.latencies)
    }

    /// Most hops of a rumour that brought each update to a node of the shard: 0 where none did.
    pub fn hops(&self) -> &[u8] {
        &self.hops
    }

    /// When nodes joined (`true`) and left.
    pub fn changes(&self) -> &[(Instant, bool)] {
        &self.changes
    }

    /// The sums since the warm-up.
    pub const fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Takes the event log.
    pub fn take_log(&mut self) -> Vec<LoggedEvent> {
        self.log.take().unwrap_or_default()
    }

    /// Forgets the sums: the warm-up is over.
    pub fn reset(&mut self) {
        self.tally = Tally::default();
    }

    fn note(&mut self, time: Instant, node: u32, kind: &'static str, peer: Option<u32>, update: Option<u64>) {
        if let Some(log) = &mut self.log {
            log.push(LoggedEvent { time, node, kind, peer, class: "", update, bytes: 0 });
        }
    }

    /// The node now holds `index` instead of what it held before.
    fn hold(&mut self, index: u32, replaced: Option<&Tuple>) -> Option<u32> {
        self.holders[index as usize] += 1;
        let old = replaced.and_then(|tuple| self.ledger.update_of(tuple));
        if let Some(old) = old {
            self.holders[old as usize] -= 1;
        }
        old
    }

    fn adopted(&mut self, now: Instant, since: Instant, tuple: &Tuple, replaced: Option<&Tuple>) -> Option<u32> {
        let index = self.ledger.update_of(tuple)?;
        let old = self.hold(index, replaced);
        if since > self.ledger.schedule.updates[index as usize].at {
            self.tally.caught_up += 1;
        }
        // Older updates of the entry that the node never saw are settled by this one too.
        let mut settled = index;
        while settled != NO_UPDATE && old.is_none_or(|old| settled > old) {
            let update = &self.ledger.schedule.updates[settled as usize];
            if since <= update.at {
                self.latencies[settled as usize].push(now.since(update.at).as_nanos());
            }
            settled = update.previous;
        }
        Some(index)
    }

    /// What a node alone holds when the run begins is issued then, and its holder has it at once.
    fn preloaded(&mut self, store: &Store) {
        for index in store.iter().filter_map(|tuple| self.ledger.update_of(tuple)) {
            self.latencies[index as usize].push(0);
        }
    }

    fn each_held(&mut self, store: &Store, change: impl Fn(&mut u32)) {
        for tuple in store.iter() {
            if let Some(index) = self.ledger.update_of(tuple) {
                change(&mut self.holders[index as usize]);
            }
        }
    }
}

/// The head of a tuple's digest, marked with what happened to it.
fn record(tuple: &Tuple, mark: u64) -> u64 {
    let digest = tuple.digest();
    let head = [digest[0], digest[1], digest[2], digest[3], digest[4], digest[5], digest[6], digest[7]];
    u64::from_le_bytes(head) ^ mark
}

impl<P> Observer<P> for SyncObserver
where
    P: Synchroniser<Peer = SimPeer>,
{
    fn commanded(&mut self, index: u32) {
        self.current = index;
    }

    fn event(&mut self, now: Instant, node: u32, since: Instant, event: SyncEvent<SimPeer>) -> u64 {
        match event {
            SyncEvent::Wrote { tuple, replaced } => {
                let index = self.current;
                if index != NO_UPDATE {
                    self.ledger.issue(&tuple, index);
                    self.issued.push(index);
                    self.hold(index, replaced.as_deref());
                    self.latencies[index as usize].push(0);
                    self.note(now, node, "write", None, Some(u64::from(index)));
                }
                record(&tuple, 1)
            }
            SyncEvent::Adopted { from, tuple, replaced, hops } => {
                self.tally.adopted += 1;
                self.tally.needed_bytes += tuple.encoded_len() as u64;
                match hops {
                    0 => self.tally.repaired += 1,
                    hops => self.tally.hops.add(u64::from(hops)),
                }
                let index = self.adopted(now, since, &tuple, replaced.as_deref());
                if let Some(most) = index.and_then(|index| self.hops.get_mut(index as usize)) {
                    *most = hops.max(*most);
                }
                self.note(now, node, "adopt", Some(from.0), index.map(u64::from));
                record(&tuple, 2)
            }
            SyncEvent::Duplicate => {
                self.tally.duplicates += 1;
                3
            }
            SyncEvent::Stale => {
                self.tally.stale += 1;
                4
            }
            SyncEvent::Rejected { .. } => {
                self.tally.rejected += 1;
                5
            }
            SyncEvent::Equivocation { .. } => {
                self.tally.equivocations += 1;
                6
            }
            SyncEvent::WriteRefused(_) => {
                self.tally.refused += 1;
                7
            }
            SyncEvent::Full => {
                self.tally.refused += 1;
                8
            }
        }
    }

    fn joined(&mut self, now: Instant, node: u32, protocol: &P) {
        self.live += 1;
        self.changes.push((now, true));
        self.each_held(protocol.store(), |holders| *holders += 1);
        if now == Instant::ZERO {
            self.preloaded(protocol.store());
        }
        self.note(now, node, "join", None, None);
    }

    fn left(&mut self, now: Instant, node: u32, protocol: &P) {
        self.live -= 1;
        self.changes.push((now, false));
        self.each_held(protocol.store(), |holders| *holders -= 1);
        self.note(now, node, "leave", None, None);
    }

    fn message(&mut self, time: Instant, node: u32, peer: u32, class: usize, length: u32, fate: MessageFate) {
        let kind = match fate {
            MessageFate::Sent => "send",
            MessageFate::Lost => "lose",
            MessageFate::Received => "receive",
        };
        if let Some(log) = &mut self.log {
            let class = P::Message::CLASSES.get(class).copied().unwrap_or_default();
            log.push(LoggedEvent { time, node, kind, peer: Some(peer), class, update: None, bytes: length.into() });
        }
    }
}

impl Tally {
    /// Adds another shard's sums.
    pub fn merge(&mut self, other: &Self) {
        self.adopted += other.adopted;
        self.repaired += other.repaired;
        self.caught_up += other.caught_up;
        self.duplicates += other.duplicates;
        self.stale += other.stale;
        self.rejected += other.rejected;
        self.refused += other.refused;
        self.equivocations += other.equivocations;
        self.needed_bytes += other.needed_bytes;
        self.hops.merge(&other.hops);
    }
}
