//! One encoding per message, of the length that it states; and no bytes that a decoder cannot stand.

use std::sync::Arc;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use rapprochement_core::peer::PeerId;
use rapprochement_core::reconcile::{AuthorSummary, SYNC_MESSAGE_LEN_MAX, Summary, SyncMessage};
use rapprochement_core::store::{KEY_LEN_MAX, SetHash, TUPLE_LEN_MAX, TUPLE_LEN_MIN, Tuple, VALUE_LEN_MAX};
use rapprochement_core::wire::{DecodeError, Message, put_varint};

fn tuple() -> impl Strategy<Value = Arc<Tuple>> {
    let version = prop_oneof![1..300u64, 1..=u64::MAX, Just(u64::MAX)];
    let key = proptest::collection::vec(any::<u8>(), 0..=KEY_LEN_MAX);
    let value = proptest::option::of(proptest::collection::vec(any::<u8>(), 0..300));
    (any::<[u8; 32]>(), version, key, value, any::<[u8; 32]>()).prop_map(|(author, version, key, value, half)| {
        let mut signature = [7; 64];
        signature[..32].copy_from_slice(&half);
        Arc::new(Tuple::from_parts(PeerId(author), version, &key, value.as_deref(), signature).unwrap())
    })
}

fn authors(least: u64) -> impl Strategy<Value = Vec<AuthorSummary>> {
    let author = (any::<[u8; 16]>(), prop_oneof![least..=1, 1..=u64::MAX]);
    proptest::collection::btree_map(any::<[u8; 32]>(), author, 1..20).prop_map(|authors| {
        let summary = |(author, (hash, newest))| match newest {
            0 => AuthorSummary::nothing(PeerId(author)),
            newest => AuthorSummary { author: PeerId(author), newest, hash: SetHash(hash) },
        };
        authors.into_iter().map(summary).collect()
    })
}

fn message() -> impl Strategy<Value = SyncMessage> {
    let tuples = || proptest::collection::vec(tuple(), 1..8);
    prop_oneof![
        tuples().prop_map(|tuples| SyncMessage::State(tuples.into())),
        tuples().prop_map(|tuples| SyncMessage::Delta(tuples.into())),
        (tuple(), 1..=u8::MAX).prop_map(|(tuple, hops)| SyncMessage::Rumour { tuple, hops }),
        any::<[u8; 16]>().prop_map(|hash| SyncMessage::Root(SetHash(hash))),
        authors(0).prop_map(|authors| SyncMessage::Request(authors.into())),
        (authors(1), any::<bool>(), any::<bool>()).prop_map(|(mut authors, from, to)| {
            // The bounds are two of the authors, of whom the second is no longer inside.
            let from = from.then(|| authors[0].author);
            let to = if to { authors.pop().map(|last| last.author).filter(|to| Some(*to) != from) } else { None };
            SyncMessage::Summary(Box::new(Summary { from, to, authors }))
        }),
    ]
}

fn encoded(message: &SyncMessage) -> Vec<u8> {
    let mut bytes = Vec::new();
    message.encode(&mut bytes);
    bytes
}

/// Bytes that decode are the encoding of what they decode to.
fn decodes_canonically_or_not_at_all(bytes: &[u8]) {
    if let Ok(message) = SyncMessage::decode(bytes) {
        assert_eq!(encoded(&message), bytes);
        assert_eq!(message.encoded_len(), bytes.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 1000, failure_persistence: None, rng_seed: RngSeed::Fixed(21), ..ProptestConfig::default()
    })]

    #[test]
    fn messages_come_back_from_an_encoding_of_the_stated_length(message in message()) {
        let bytes = encoded(&message);
        prop_assert_eq!(bytes.len(), message.encoded_len());
        prop_assert_eq!(SyncMessage::decode(&bytes), Ok(message));
    }

    #[test]
    fn every_prefix_and_every_extension_is_refused(message in message(), at: prop::sample::Index) {
        let mut bytes = encoded(&message);
        prop_assert!(SyncMessage::decode(&bytes[..at.index(bytes.len())]).is_err());
        bytes.push(0);
        prop_assert!(SyncMessage::decode(&bytes).is_err());
    }

    #[test]
    fn mutated_messages_are_canonical_or_refused(
        message in message(),
        edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3u8), 1..6),
    ) {
        let mut bytes = encoded(&message);
        for (at, byte, edit) in edits {
            let at = at.index(bytes.len());
            match edit {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ if bytes.len() > 1 => _ = bytes.remove(at),
                _ => {}
            }
        }
        decodes_canonically_or_not_at_all(&bytes);
    }

    #[test]
    fn random_bytes_are_canonical_or_refused(tag in 0..7u8, bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let mut tagged = vec![tag];
        tagged.extend_from_slice(&bytes);
        decodes_canonically_or_not_at_all(&tagged);
        decodes_canonically_or_not_at_all(&bytes);
    }
}

#[test]
fn lengths_and_counts_beyond_their_limits_are_refused() {
    for tag in [0, 4, 5] {
        for count in [5_000, u64::from(u32::MAX), u64::MAX] {
            let mut bytes = vec![tag];
            put_varint(&mut bytes, count);
            bytes.resize(20_000, 0);
            assert_eq!(SyncMessage::decode(&bytes), Err(DecodeError::LimitExceeded));
        }
    }
    assert_eq!(SyncMessage::decode(&vec![0; SYNC_MESSAGE_LEN_MAX + 1]), Err(DecodeError::LimitExceeded));
    assert_eq!(SyncMessage::decode(&[]), Err(DecodeError::Truncated));
    assert_eq!(SyncMessage::decode(&[0, 0]), Err(DecodeError::NotCanonical));
    assert_eq!(SyncMessage::decode(&[14]), Err(DecodeError::UnknownTag));
}

#[test]
fn the_shortest_and_the_longest_tuple_have_the_stated_lengths() {
    let least = Tuple::from_parts(PeerId([1; 32]), 1, &[], None, [0; 64]).unwrap();
    assert_eq!(least.encoded_len(), TUPLE_LEN_MIN);
    let (key, value) = ([2; KEY_LEN_MAX], vec![3; VALUE_LEN_MAX]);
    let most = Tuple::from_parts(PeerId([1; 32]), u64::MAX, &key, Some(&value), [0; 64]).unwrap();
    assert_eq!(most.encoded_len(), TUPLE_LEN_MAX);
    let message = SyncMessage::State([Arc::new(most)].into());
    assert_eq!(SyncMessage::decode(&encoded(&message)), Ok(message));
}

#[test]
fn lists_out_of_order_or_out_of_range_are_refused() {
    let at = |byte| AuthorSummary { author: PeerId([byte; 32]), newest: 1, hash: SetHash([byte; 16]) };
    let request = |authors: &[AuthorSummary]| SyncMessage::decode(&encoded(&SyncMessage::Request(authors.into())));
    assert!(request(&[at(1), at(2)]).is_ok());
    assert_eq!(request(&[at(2), at(1)]), Err(DecodeError::NotCanonical));
    assert_eq!(request(&[at(1), at(1)]), Err(DecodeError::NotCanonical));
    let summary = |from: u8, to: u8, authors: &[AuthorSummary]| {
        let (from, to) = (Some(PeerId([from; 32])), Some(PeerId([to; 32])));
        SyncMessage::decode(&encoded(&SyncMessage::Summary(Box::new(Summary { from, to, authors: authors.into() }))))
    };
    assert!(summary(1, 3, &[at(1), at(2)]).is_ok());
    assert_eq!(summary(1, 2, &[at(1), at(2)]), Err(DecodeError::NotCanonical));
    assert_eq!(summary(2, 3, &[at(1), at(2)]), Err(DecodeError::NotCanonical));
    assert_eq!(summary(3, 1, &[]), Err(DecodeError::NotCanonical));
    let nothing = AuthorSummary::nothing(PeerId([2; 32]));
    assert_eq!(summary(1, 3, &[nothing]), Err(DecodeError::NotCanonical));
}
