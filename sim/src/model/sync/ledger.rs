//! What all observers of a run share: the schedule, and which update each signed version is. A version's author writes its
//! row when it issues the update; anybody else can only have the tuple later, so what they read does not depend on
//! threads.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};

use rapprochement_core::peer::{Peer, PeerId, SimPeer};
use rapprochement_core::store::Tuple;

use crate::model::workload::{NO_UPDATE, Schedule};

/// The schedule and the versions that were issued.
#[derive(Debug)]
pub struct Ledger {
    /// All scheduled updates.
    pub schedule: Schedule,
    /// Where each writer's versions begin in `updates`.
    first: Vec<usize>,
    /// The update behind each writer's versions 1, 2, ...
    updates: Vec<AtomicU32>,
    /// The update behind what is preloaded at one node alone, by author and version.
    preloaded: BTreeMap<(PeerId, u64), u32>,
}

impl Ledger {
    /// A ledger in which nothing has been issued but the preloaded tuples, which are the first updates of the schedule.
    pub fn new<'a>(schedule: Schedule, preloaded: impl Iterator<Item = &'a Tuple>) -> Self {
        let mut first = vec![0; schedule.writers.len() + 1];
        for (_, update) in schedule.commanded() {
            first[update.rank as usize + 1] += 1;
        }
        for rank in 1..first.len() {
            first[rank] += first[rank - 1];
        }
        let updates = schedule.updates.iter().map(|_| AtomicU32::new(NO_UPDATE)).collect();
        let preloaded = preloaded.map(|tuple| (tuple.author(), tuple.version())).zip(0..).collect();
        Self { schedule, first, updates, preloaded }
    }

    /// Notes that update number `index` was issued as this tuple.
    pub fn issue(&self, tuple: &Tuple, index: u32) {
        if let Some(row) = self.row(tuple) {
            row.store(index, Ordering::Release);
        }
    }

    /// Which update a tuple is, if it was issued by a writer of the schedule.
    pub fn update_of(&self, tuple: &Tuple) -> Option<u32> {
        let Some(row) = self.row(tuple) else {
            return self.preloaded.get(&(tuple.author(), tuple.version())).copied();
        };
        let index = row.load(Ordering::Acquire);
        (index != NO_UPDATE).then_some(index)
    }

    fn row(&self, tuple: &Tuple) -> Option<&AtomicU32> {
        let node = SimPeer::from_id(tuple.author())?.0;
        let rank = self.schedule.writers.binary_search(&node).ok()?;
        let offset = usize::try_from(tuple.version().checked_sub(1)?).ok()?;
        self.updates[self.first[rank]..self.first[rank + 1]].get(offset)
    }
}
