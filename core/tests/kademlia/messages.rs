//! Encodings: the stated length, there and back, and nothing but canonical bytes.

use proptest::collection::vec;
use proptest::prelude::*;
use rapprochement_core::kademlia::config::{K_MAX, VALUES_MAX};
use rapprochement_core::kademlia::message::{KademliaMessage, LIFETIME_MAX, Store, VALUE_LEN_MAX, Value};
use rapprochement_core::peer::{PeerId, SimPeer};
use rapprochement_core::wire::{DecodeError, Message};

type Msg = KademliaMessage<SimPeer>;

fn values() -> impl Strategy<Value = Value> {
    vec(any::<u8>(), 1..=VALUE_LEN_MAX).prop_map(|bytes| Value::new(&bytes).unwrap())
}

fn distinct<T: PartialEq + Clone>(mut list: Vec<T>) -> Box<[T]> {
    let all = list.clone();
    let mut at = 0;
    list.retain(|item| {
        at += 1;
        !all[..at - 1].contains(item)
    });
    list.into()
}

fn messages() -> impl Strategy<Value = Msg> {
    let key = || any::<[u8; 32]>().prop_map(PeerId);
    let contacts = vec(any::<u32>().prop_map(SimPeer), 0..=K_MAX).prop_map(distinct);
    prop_oneof![
        any::<u64>().prop_map(|cookie| Msg::Ping { cookie }),
        any::<u64>().prop_map(|cookie| Msg::Pong { cookie }),
        (any::<u64>(), key()).prop_map(|(cookie, key)| Msg::FindNode { cookie, key }),
        (any::<u64>(), key()).prop_map(|(cookie, key)| Msg::FindValue { cookie, key }),
        (any::<u64>(), contacts).prop_map(|(cookie, contacts)| Msg::Contacts { cookie, contacts }),
        (any::<u64>(), vec(values(), 1..=VALUES_MAX).prop_map(distinct))
            .prop_map(|(cookie, values)| Msg::Values { cookie, values }),
        (key(), values(), 1..=LIFETIME_MAX).prop_map(|(key, value, lifetime)| Msg::Store(Box::new(Store {
            key,
            value,
            lifetime
        }))),
    ]
}

fn encoded(message: &Msg) -> Vec<u8> {
    let mut bytes = Vec::new();
    message.encode(&mut bytes);
    bytes
}

proptest! {
    #[test]
    fn messages_have_one_encoding_of_the_stated_length(
        message in messages(), at: prop::sample::Index, flip in 1..=255u8, cut: prop::sample::Index,
    ) {
        let mut bytes = encoded(&message);
        prop_assert_eq!(bytes.len(), message.encoded_len());
        prop_assert_eq!(Msg::decode(&bytes), Ok(message.clone()));
        prop_assert!(message.class() < Msg::CLASSES.len());
        prop_assert!(Msg::decode(&bytes[..cut.index(bytes.len())]).is_err());
        prop_assert_eq!(Msg::decode(&[&bytes[..], &[0]].concat()), Err(DecodeError::TrailingBytes));
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        if let Ok(other) = Msg::decode(&bytes) {
            prop_assert_eq!(encoded(&other), bytes);
        }
    }

    #[test]
    fn any_bytes_are_an_error_or_the_encoding_of_a_message(tag in 0..8u8, bytes in vec(any::<u8>(), 0..200)) {
        for bytes in [[&[tag], &bytes[..]].concat(), bytes] {
            if let Ok(message) = Msg::decode(&bytes) {
                prop_assert_eq!(encoded(&message), bytes);
            }
        }
    }
}

#[test]
fn requests_are_as_long_as_the_format_says() {
    let (cookie, key) = (7, PeerId([1; 32]));
    assert_eq!(encoded(&Msg::Ping { cookie }).len(), 9);
    assert_eq!(encoded(&Msg::FindValue { cookie, key }).len(), 41);
    let contacts = (0..8).map(SimPeer).collect();
    assert_eq!(encoded(&Msg::Contacts { cookie, contacts }).len(), 1 + 8 + 1 + 8 * 32);
}

#[test]
fn lists_values_and_lifetimes_have_limits_and_no_repeats() {
    let contacts = |peers: Vec<u32>| {
        let contacts = peers.into_iter().map(SimPeer).collect();
        Msg::decode(&encoded(&Msg::Contacts { cookie: 1, contacts })).err()
    };
    assert_eq!(contacts((0..K_MAX as u32).collect()), None);
    assert_eq!(contacts((0..=K_MAX as u32).collect()), Some(DecodeError::LimitExceeded));
    assert_eq!(contacts(vec![3, 4, 3]), Some(DecodeError::NotCanonical));
    let list = |list: &[u8]| {
        let values = list.iter().map(|byte| Value::new(&[*byte]).unwrap()).collect();
        Msg::decode(&encoded(&Msg::Values { cookie: 1, values })).err()
    };
    assert_eq!(list(&[1, 2]), None);
    assert_eq!(list(&[]), Some(DecodeError::NotCanonical));
    assert_eq!(list(&[1, 1]), Some(DecodeError::NotCanonical));
    assert_eq!(list(&[0, 1, 2, 3, 4, 5, 6, 7, 8]), Some(DecodeError::LimitExceeded));
    let store = |lifetime| {
        let (key, value) = (PeerId::default(), Value::new(&[1]).unwrap());
        Msg::decode(&encoded(&Msg::Store(Box::new(Store { key, value, lifetime })))).err()
    };
    assert_eq!(store(LIFETIME_MAX), None);
    assert_eq!(store(0), Some(DecodeError::NotCanonical));
    assert_eq!(store(LIFETIME_MAX + 1), Some(DecodeError::LimitExceeded));
    assert_eq!(Value::new(&[]), None);
    assert_eq!(Value::new(&[0; VALUE_LEN_MAX + 1]), None);
    // A value of no bytes and one of too many on the wire.
    let raw = |value: &[u8]| [&[6u8][..], &[0; 32], value, &[1]].concat();
    assert_eq!(Msg::decode(&raw(&[0])), Err(DecodeError::NotCanonical));
    let long = [&[VALUE_LEN_MAX as u8 + 1][..], &[9; VALUE_LEN_MAX + 1]].concat();
    assert_eq!(Msg::decode(&raw(&long)), Err(DecodeError::LimitExceeded));
    assert_eq!(Msg::decode(&[7]), Err(DecodeError::UnknownTag));
}
