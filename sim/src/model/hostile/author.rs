//! Lies of authors about their own tuples: not everybody is shown the same.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use rapprochement_core::peer::SimPeer;
use rapprochement_core::reconcile::session::Part;
use rapprochement_core::reconcile::{SyncCommand, SyncEvent, SyncMessage};
use rapprochement_core::store::{Keys, Tuple};
use rapprochement_core::time::Instant;

use super::Deeds;
use crate::model::identity::SimKeys;

/// Keys of one hostile author: enough for gaps to stay, few enough for its tuples to stay few.
const KEYS: u32 = 16;

/// Writes one key after the other, one at each exchange of the node while others write, too.
#[derive(Debug)]
struct Writer {
    keys: SimKeys,
    while_others_write: Range<Instant>,
    written: u32,
}

impl Writer {
    const fn new(keys: SimKeys, while_others_write: Range<Instant>) -> Self {
        Self { keys, while_others_write, written: 0 }
    }

    fn write(&mut self, now: Instant) -> Option<SyncCommand> {
        let key = (self.written % KEYS).to_be_bytes().to_vec();
        self.while_others_write.contains(&now).then(|| {
            self.written += 1;
            SyncCommand::Write { key, value: b"one".to_vec() }
        })
    }
}

/// Changes the tuples of a message; one that needs some and is left with none is not sent.
fn with_tuples(message: SyncMessage, change: impl Fn(&Arc<Tuple>) -> Option<Arc<Tuple>>) -> Vec<SyncMessage> {
    match message {
        SyncMessage::Delta(tuples) => {
            let tuples: Box<[_]> = tuples.iter().filter_map(change).collect();
            if tuples.is_empty() { Vec::new() } else { vec![SyncMessage::Delta(tuples)] }
        }
        SyncMessage::Session(mut message) => {
            if let Part::Give { tuples, .. } = &mut message.part {
                *tuples = tuples.iter().filter_map(change).collect();
            }
            vec![SyncMessage::Session(message)]
        }
        other => vec![other],
    }
}

/// Signs two contents under each version.
#[derive(Debug)]
pub(super) struct Equivocate {
    writer: Writer,
    /// The other content of each version: of the same key, or, every other time, of a key of its own.
    twins: BTreeMap<u64, Arc<Tuple>>,
}

impl Equivocate {
    pub(super) const fn new(keys: SimKeys, while_others_write: Range<Instant>) -> Self {
        Self { writer: Writer::new(keys, while_others_write), twins: BTreeMap::new() }
    }
}

impl Deeds for Equivocate {
    fn write(&mut self, now: Instant) -> Option<SyncCommand> {
        self.writer.write(now)
    }

    fn notice(&mut self, event: &SyncEvent<SimPeer>) {
        let SyncEvent::Wrote { tuple, .. } = event else { return };
        let mut key = tuple.key().to_vec();
        key[0] = (tuple.version() % 2) as u8;
        let twin = Tuple::sign(&self.writer.keys, tuple.version(), &key, Some(b"two"));
        twin.into_iter().for_each(|twin| drop(self.twins.insert(tuple.version(), Arc::new(twin))));
    }

    fn say(&mut self, to: SimPeer, message: SyncMessage) -> Vec<SyncMessage> {
        let me = self.writer.keys.author();
        let twin =
            |tuple: &Arc<Tuple>| self.twins.get(&tuple.version()).filter(|_| tuple.author() == me && to.0 % 2 == 1);
        with_tuples(message, |tuple| Some(Arc::clone(twin(tuple).unwrap_or(tuple))))
    }
}

/// Shows each version to some.
#[derive(Debug)]
pub(super) struct Withhold {
    writer: Writer,
}

impl Withhold {
    pub(super) const fn new(keys: SimKeys, while_others_write: Range<Instant>) -> Self {
        Self { writer: Writer::new(keys, while_others_write) }
    }
}

impl Deeds for Withhold {
    fn write(&mut self, now: Instant) -> Option<SyncCommand> {
        self.writer.write(now)
    }

    fn say(&mut self, to: SimPeer, message: SyncMessage) -> Vec<SyncMessage> {
        let me = self.writer.keys.author();
        let is_shown = |tuple: &Tuple| tuple.author() != me || (u64::from(to.0) + tuple.version()).is_multiple_of(3);
        with_tuples(message, |tuple| is_shown(tuple).then(|| Arc::clone(tuple)))
    }
}
