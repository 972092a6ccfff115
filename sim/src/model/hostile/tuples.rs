//! Lies about tuples of other authors. Whoever wants to be listened to opens with a root that nobody has: stores that are
//! equal have no session.

use std::collections::VecDeque;
use std::sync::Arc;

use rapprochement_core::peer::{PeerId, SimPeer};
use rapprochement_core::reconcile::session::Part;
use rapprochement_core::reconcile::{CHUNK_LEN_MAX, SyncEvent, SyncMessage};
use rapprochement_core::store::{Keys, Tuple};

use super::{Deeds, opening, part};
use crate::model::identity::SimKeys;

/// The most tuples of others that a node keeps for its purposes.
const KEPT_MAX: usize = 64;
/// How often a tuple is given in one session.
const TIMES: usize = 3;

/// Tuples of others, the latest ones.
#[derive(Debug, Default)]
struct Kept(VecDeque<Arc<Tuple>>);

impl Kept {
    fn push(&mut self, tuple: &Arc<Tuple>) {
        if self.0.len() == KEPT_MAX {
            self.0.pop_front();
        }
        self.0.push_back(Arc::clone(tuple));
    }
}

/// An opening that is listened to, and what is given unasked behind it; any other message stays as it is.
fn give_behind_opening(mut message: SyncMessage, tuples: impl Iterator<Item = Arc<Tuple>>) -> Vec<SyncMessage> {
    let Some((session, opening)) = opening(&mut message) else { return vec![message] };
    opening.root.0[0] ^= 1;
    let mut room = CHUNK_LEN_MAX;
    let mut fits = |tuple: &Arc<Tuple>| {
        let rest = room.checked_sub(tuple.encoded_len());
        room = rest.unwrap_or(room);
        rest.is_some()
    };
    let tuples: Box<[_]> = tuples.filter(|tuple| fits(tuple)).collect();
    let give = (!tuples.is_empty()).then(|| part(session, Part::Give { tuples, last: false }));
    [message].into_iter().chain(give).collect()
}

/// Gives tuples that their authors did not sign.
#[derive(Debug)]
pub(super) struct Forge {
    me: PeerId,
    kept: Kept,
}

impl Forge {
    pub(super) fn new(keys: SimKeys) -> Self {
        Self { me: keys.author(), kept: Kept::default() }
    }

    /// The same content under a spoilt signature: it must not stand in the way of the true one.
    fn spoilt(&self, tuple: &Arc<Tuple>) -> Arc<Tuple> {
        if tuple.author() == self.me {
            return Arc::clone(tuple);
        }
        let mut signature = *tuple.signature();
        signature[0] ^= 1;
        let spoilt = Tuple::from_parts(tuple.author(), tuple.version(), tuple.key(), tuple.value(), signature);
        spoilt.map_or_else(|_| Arc::clone(tuple), Arc::new)
    }

    /// A newer version that its author never wrote, under the signature of an older one.
    fn newer(tuple: &Arc<Tuple>) -> Option<Arc<Tuple>> {
        let version = tuple.version().checked_add(1)?;
        let forged = Tuple::from_parts(tuple.author(), version, tuple.key(), Some(b"forged"), *tuple.signature());
        forged.ok().map(Arc::new)
    }
}

impl Deeds for Forge {
    fn notice(&mut self, event: &SyncEvent<SimPeer>) {
        if let SyncEvent::Adopted { tuple, .. } = event {
            self.kept.push(tuple);
        }
    }

    fn say(&mut self, _: SimPeer, message: SyncMessage) -> Vec<SyncMessage> {
        let spoil = |tuples: &[Arc<Tuple>]| tuples.iter().map(|tuple| self.spoilt(tuple)).collect();
        match message {
            SyncMessage::Delta(tuples) => vec![SyncMessage::Delta(spoil(&tuples))],
            SyncMessage::Session(mut message) => {
                if let Part::Give { tuples, .. } = &mut message.part {
                    *tuples = spoil(tuples);
                }
                give_behind_opening(SyncMessage::Session(message), self.kept.0.iter().filter_map(Self::newer))
            }
            other => vec![other],
        }
    }
}

/// Gives what everybody has seen.
#[derive(Debug, Default)]
pub(super) struct Replay {
    kept: Kept,
}

impl Deeds for Replay {
    /// The oldest that it can get: what its own store has no more.
    fn notice(&mut self, event: &SyncEvent<SimPeer>) {
        if let SyncEvent::Adopted { tuple, replaced, .. } = event {
            self.kept.push(replaced.as_ref().unwrap_or(tuple));
        }
    }

    fn say(&mut self, _: SimPeer, message: SyncMessage) -> Vec<SyncMessage> {
        let mut said = give_behind_opening(message, self.kept.0.iter().cloned());
        if let [_, give] = said.as_slice() {
            let again = give.clone();
            said.extend(std::iter::repeat_n(again, TIMES - 1));
        }
        said
    }
}
