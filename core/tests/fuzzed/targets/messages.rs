//! Messages and tuples: what decodes is the one encoding of what it decodes to.

use rapprochement_core::reconcile::SyncMessage;
use rapprochement_core::reconcile::session::MethodKind;
use rapprochement_core::store::Tuple;
use rapprochement_core::wire::{Message, Reader};

use super::session;
use super::world::sides;

/// Holds one message to its rules.
pub(super) fn canonical<M: Message + PartialEq + core::fmt::Debug>(bytes: &[u8]) -> Option<M> {
    let message = M::decode(bytes).ok()?;
    assert_eq!(message.encoded_len(), bytes.len());
    let mut again = Vec::with_capacity(bytes.len());
    message.encode(&mut again);
    assert_eq!(again, bytes);
    assert!(message.class() < M::CLASSES.len());
    Some(message)
}

pub(super) fn message(bytes: &[u8]) {
    if let Some(message) = canonical::<SyncMessage>(bytes) {
        assert!(message.signatures() * 99 <= bytes.len());
    }
}

/// Everything that a session of each method says.
pub(super) fn message_seeds() -> Vec<Vec<u8>> {
    let heard = MethodKind::ALL.iter().flat_map(|&kind| session::heard(kind, false));
    let mut seeds: Vec<_> = heard.collect();
    seeds.extend(super::node::heard());
    seeds.retain(|seed| seed.len() < 600);
    seeds
}

pub(super) fn tuple(bytes: &[u8]) {
    let Ok(mut reader) = Reader::new(bytes) else { return };
    let Ok(tuple) = Tuple::decode(&mut reader) else { return };
    let mut again = Vec::new();
    tuple.encode(&mut again);
    assert_eq!(again.len(), tuple.encoded_len());
    assert!(bytes.starts_with(&again));
    assert_eq!(reader.finish().is_ok(), again.len() == bytes.len());
    let (author, version, key, value) = (tuple.author(), tuple.version(), tuple.key(), tuple.value());
    let parts = Tuple::from_parts(author, version, key, value, *tuple.signature()).unwrap();
    assert!(parts.same_content(&tuple));
}

pub(super) fn tuple_seeds() -> Vec<Vec<u8>> {
    let encoded = |tuple: &std::sync::Arc<Tuple>| {
        let mut bytes = Vec::new();
        tuple.encode(&mut bytes);
        bytes
    };
    sides(false)[0].store().iter().map(encoded).collect()
}
