//! What a shard's observer records: each lookup of its nodes, and when its nodes came, registered their names, and went.

use std::collections::BTreeMap;

use rapprochement_core::kademlia::contract::Reason;
use rapprochement_core::time::Instant;

use super::ledger::{End, Lookup};
use super::node::{DirectoryEvent, DirectoryNode};
use crate::model::host::Observer;

/// The observer of one shard.
#[derive(Debug, Default)]
pub(super) struct DirectoryObserver {
    /// When nodes came (`true`) and went.
    pub(super) changes: Vec<(Instant, bool)>,
    /// The same by node: a shard's events are in the order of time.
    pub(super) by_node: BTreeMap<u32, Vec<(Instant, bool)>>,
    /// By node: when each session's name had been sent to the closest nodes for the first time, by the session's start.
    pub(super) registered: BTreeMap<(u32, Instant), Instant>,
    /// Attempts at registering that failed.
    pub(super) not_registered: u64,
    /// By asker and number.
    pub(super) lookups: BTreeMap<(u32, u32), Lookup>,
    /// First bytes that arrived at this shard's nodes: of whose lookups, and when.
    pub(super) first_bytes: Vec<((u32, u32), Instant)>,
}

impl DirectoryObserver {
    fn change(&mut self, now: Instant, node: u32, joined: bool) {
        self.changes.push((now, joined));
        self.by_node.entry(node).or_default().push((now, joined));
    }

    fn end(&mut self, now: Instant, node: u32, lookup: u32, end: End) {
        if let Some(lookup) = self.lookups.get_mut(&(node, lookup)) {
            lookup.end = Some((now, end));
        }
    }
}

impl Observer<DirectoryNode> for DirectoryObserver {
    fn commanded(&mut self, _: u32) {}

    fn event(&mut self, now: Instant, node: u32, since: Instant, event: DirectoryEvent) -> u64 {
        const KINDS: u64 = 8;
        match event {
            DirectoryEvent::Registered => {
                self.registered.entry((node, since)).or_insert(now);
                1
            }
            DirectoryEvent::NotRegistered => {
                self.not_registered += 1;
                2
            }
            DirectoryEvent::Asked { lookup, name } => {
                self.lookups.insert((node, lookup), Lookup::new(now, name));
                name.map_or(0, |name| u64::from(name) + 1) * KINDS + 3
            }
            DirectoryEvent::Found { lookup, address, hops, messages } => {
                self.end(now, node, lookup, End::Found { address, hops, messages });
                (u64::from(address.node) << 24 ^ u64::from(address.instance) << 8 ^ u64::from(hops)) * KINDS + 4
            }
            DirectoryEvent::NotFound { lookup, reason, messages } => {
                self.end(now, node, lookup, End::NotFound { given_up: reason == Reason::GivenUp, messages });
                u64::from(messages) * KINDS + 5
            }
            DirectoryEvent::Overdue { lookup } => {
                if let Some(lookup) = self.lookups.get_mut(&(node, lookup)) {
                    lookup.overdue = true;
                }
                6
            }
            DirectoryEvent::FirstByte { asker, lookup } => {
                self.first_bytes.push(((asker, lookup), now));
                (u64::from(asker) << 28 ^ u64::from(lookup)) * KINDS + 7
            }
        }
    }

    fn joined(&mut self, now: Instant, node: u32, _: &DirectoryNode) {
        self.change(now, node, true);
    }

    fn left(&mut self, now: Instant, node: u32, _: &DirectoryNode) {
        self.change(now, node, false);
    }
}
