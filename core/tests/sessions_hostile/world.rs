//! Stores of a small world, and one side of a session that is driven message by message.

use std::sync::Arc;

use rapprochement_core::peer::PeerId;
use rapprochement_core::reconcile::SyncMessage;
use rapprochement_core::reconcile::coding::Salt;
use rapprochement_core::reconcile::session::pair::Side;
use rapprochement_core::reconcile::session::{MethodKind, Part, Session, SessionMessage, Terms, Verdict};
use rapprochement_core::store::{Keys, Store, Tuple};
use rapprochement_core::wire::Message;

pub(crate) const EPOCH: Salt = Salt([7, 8]);

/// A keyed hash in place of a signature: whoever knows the author's id can sign, and a changed bit shows.
pub(crate) struct StandIn(pub(crate) PeerId);

fn tag(author: &PeerId, message: &[u8]) -> [u8; 64] {
    let mut tag = [0; 64];
    tag[..32].copy_from_slice(blake3::keyed_hash(&author.0, message).as_bytes());
    tag
}

impl Keys for StandIn {
    fn author(&self) -> PeerId {
        self.0
    }

    fn sign(&self, message: &[u8]) -> [u8; 64] {
        tag(&self.0, message)
    }

    fn verify(&self, author: &PeerId, message: &[u8], signature: &[u8; 64]) -> bool {
        tag(author, message) == *signature
    }

    fn shares_verdicts(&self) -> bool {
        true
    }
}

/// Whoever only checks.
pub(crate) const ANYBODY: StandIn = StandIn(PeerId([0; 32]));

pub(crate) fn tuple(author: u8, key: &[u8], version: u64, value: &[u8]) -> Arc<Tuple> {
    Arc::new(Tuple::sign(&StandIn(PeerId([author; 32])), version, key, Some(value)).unwrap())
}

/// A side with tuples of ten authors, by number.
pub(crate) fn numbered(range: core::ops::Range<u64>) -> Side {
    let mut side = Side::new(Store::default(), EPOCH);
    for i in range {
        side.offer(&tuple((i % 10) as u8, &i.to_le_bytes(), i + 1, b"value"), &ANYBODY);
    }
    side
}

/// A session without memories, whose first message is a packet.
pub(crate) const fn terms(method: MethodKind, salted: bool) -> Terms {
    Terms { method, salted, room: 1200, met: None }
}

/// A session whose other side is the test.
pub(crate) struct Driven {
    pub(crate) side: Side,
    pub(crate) session: Session,
    pub(crate) verdict: Verdict,
}

impl Driven {
    /// Opens one, and forgets what it says.
    pub(crate) fn opener(kind: MethodKind, side: Side) -> Self {
        let (session, _) = Session::open(1, terms(kind, false), 5, side.store(), side.index());
        Self { side, session, verdict: Verdict::Open }
    }

    /// Says something to it, and gives the answer.
    pub(crate) fn hear(&mut self, part: Part) -> Vec<Part> {
        if let Part::Give { tuples, .. } = &part {
            tuples.iter().for_each(|tuple| drop(self.side.offer(tuple, &ANYBODY)));
        }
        let mut out = Vec::new();
        self.verdict = self.session.handle(&part, self.side.store(), self.side.index(), &mut out);
        out.into_iter().map(|message| message.part).collect()
    }
}

/// Bytes of parts as messages.
pub(crate) fn bytes(parts: &[Part]) -> usize {
    let len =
        |part: &Part| SyncMessage::Session(Box::new(SessionMessage { session: 1, part: part.clone() })).encoded_len();
    parts.iter().map(len).sum()
}

/// How many tuples are given.
pub(crate) fn given(parts: &[Part]) -> usize {
    parts.iter().map(|part| if let Part::Give { tuples, .. } = part { tuples.len() } else { 0 }).sum()
}
