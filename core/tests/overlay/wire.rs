//! Encodings: the stated length, there and back, and nothing but canonical bytes.

use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;
use rapprochement_core::overlay::address::{
    ADDRESS_LEN_MAX, Address, AddressKind, AddressRecord, LIFETIME_MAX, Reachability, SEQUENCE_MAX, Statement,
};
use rapprochement_core::overlay::exchange::{ExchangeMessage, Introduction, Placed, RTT_MAX_MICROS};
use rapprochement_core::overlay::probe::ProbeMessage;
use rapprochement_core::overlay::refusals::Refusal;
use rapprochement_core::overlay::vivaldi::{NetworkCoordinate, REACH_MAX};
use rapprochement_core::peer::PeerId;
use rapprochement_core::store::{Ed25519Keys, Keys};
use rapprochement_core::time::{Duration, Instant};
use rapprochement_core::wire::{DecodeError, Message};

fn coordinates() -> impl Strategy<Value = NetworkCoordinate> {
    let reach = REACH_MAX as i32;
    ([-reach..=reach, -reach..=reach], 0..=REACH_MAX, 100..=15_000u16)
        .prop_map(|(position, height, error)| NetworkCoordinate::new(position, height, error).unwrap())
}

fn addresses() -> impl Strategy<Value = Vec<Address>> {
    let kinds = prop_oneof![Just(AddressKind::Node), Just(AddressKind::Socket), Just(AddressKind::Name)];
    let address = (kinds, vec(any::<u8>(), 0..=ADDRESS_LEN_MAX)).prop_map(|(kind, bytes)| Address { kind, bytes });
    vec(address, 1..=4).prop_filter("no repeats", |all| (1..all.len()).all(|at| !all[..at].contains(&all[at])))
}

fn records() -> impl Strategy<Value = Arc<AddressRecord>> {
    let reachability = prop_oneof![
        Just(Reachability::Public),
        Just(Reachability::Unknown),
        any::<[u8; 32]>().prop_map(|relay| Reachability::BehindNat { relay: PeerId(relay) }),
    ];
    let times = (1..=SEQUENCE_MAX, 0..=u64::MAX / 1_000_000_000, 1..=LIFETIME_MAX);
    (any::<[u8; 32]>(), times, reachability, addresses(), any::<[u8; 32]>()).prop_map(
        |(key, (sequence, made_at, lifetime), reachability, addresses, half)| {
            let statement = Statement { sequence, made_at, lifetime, reachability, addresses };
            let mut signature = [0; 64];
            signature[..32].copy_from_slice(&half);
            Arc::new(AddressRecord::from_parts(PeerId(key), statement, signature).unwrap())
        },
    )
}

fn introductions() -> impl Strategy<Value = Introduction> {
    let placed =
        proptest::option::of((coordinates(), 0..=86_400u32).prop_map(|(coordinate, age)| Placed { coordinate, age }));
    (records(), 0..=RTT_MAX_MICROS, placed).prop_map(|(record, rtt, placed)| Introduction { record, rtt, placed })
}

fn exchanges() -> impl Strategy<Value = ExchangeMessage> {
    prop_oneof![
        (any::<u32>(), 1..=32u8, coordinates(), records())
            .prop_map(|(number, count, near, record)| ExchangeMessage::Ask { number, count, near, record }),
        (any::<u32>(), vec(introductions(), 0..=5))
            .prop_map(|(number, introductions)| ExchangeMessage::Answer { number, introductions }),
    ]
}

fn probes() -> impl Strategy<Value = ProbeMessage> {
    (any::<bool>(), any::<u64>(), coordinates()).prop_map(|(ping, nonce, coordinate)| match ping {
        true => ProbeMessage::Ping { nonce, coordinate },
        false => ProbeMessage::Pong { nonce, coordinate },
    })
}

/// There and back at the stated length; and with one byte changed, cut or added: an error, or canonical.
fn check<M: Message + PartialEq + std::fmt::Debug>(message: &M, place: usize, change: u8) {
    let mut bytes = Vec::new();
    message.encode(&mut bytes);
    assert_eq!(bytes.len(), message.encoded_len());
    assert_eq!(M::decode(&bytes).as_ref(), Ok(message));
    let place = place % bytes.len();
    assert_eq!(M::decode(&[&bytes[..], &[0]].concat()), Err(DecodeError::TrailingBytes));
    assert!(M::decode(&bytes[..place]).is_err());
    bytes[place] ^= change;
    if let Ok(other) = M::decode(&bytes) {
        let mut again = Vec::new();
        other.encode(&mut again);
        assert_eq!(again, bytes);
    }
}

proptest! {
    #[test]
    fn probe_messages_have_one_encoding(message in probes(), place: usize, change: u8) {
        check(&message, place, change);
    }

    #[test]
    fn exchange_messages_have_one_encoding(message in exchanges(), place: usize, change: u8) {
        check(&message, place, change);
    }

    #[test]
    fn noise_is_refused_or_canonical(bytes in vec(any::<u8>(), 0..400)) {
        if let Ok(message) = ExchangeMessage::decode(&bytes) {
            check(&message, 0, 0);
        }
        if let Ok(message) = ProbeMessage::decode(&bytes) {
            check(&message, 0, 0);
        }
    }
}

fn own() -> Statement {
    let addresses = vec![Address { kind: AddressKind::Socket, bytes: vec![127, 0, 0, 1, 0, 80] }];
    Statement { sequence: 7, made_at: 1_000, lifetime: 60, reachability: Reachability::Public, addresses }
}

#[test]
fn a_record_counts_with_its_keys_signature_within_its_time() {
    let keys = Ed25519Keys::from_secret(&[1; 32]);
    let record = AddressRecord::sign(&keys, own()).unwrap();
    let mut bytes = Vec::new();
    record.encode(&mut bytes);
    let signature: [u8; 64] = bytes[bytes.len() - 64..].try_into().unwrap();
    let second = |seconds| Instant::ZERO + Duration::from_secs(seconds);
    assert_eq!(record.check(second(1_000), &keys), Ok(()));
    assert_eq!(record.check(second(400), &keys), Ok(()));
    assert_eq!(record.check(second(399), &keys), Err(Refusal::FutureRecord));
    assert_eq!(record.check(second(1_059), &keys), Ok(()));
    assert_eq!(record.check(second(1_060), &keys), Err(Refusal::ExpiredRecord));
    let forge = |key, statement| AddressRecord::from_parts(key, statement, signature).unwrap();
    let other = Ed25519Keys::from_secret(&[2; 32]).author();
    let longer = Statement { lifetime: 61, ..own() };
    for forged in [forge(other, own()), forge(keys.author(), longer)] {
        assert_eq!(forged.check(second(1_000), &keys), Err(Refusal::BadSignature));
    }
}

#[test]
fn absurd_statements_are_no_records() {
    let keys = Ed25519Keys::from_secret(&[1; 32]);
    let sign = |change: fn(&mut Statement)| {
        let mut statement = own();
        change(&mut statement);
        AddressRecord::sign(&keys, statement).err()
    };
    assert_eq!(sign(|_| {}), None);
    assert_eq!(sign(|s| s.sequence = 0), Some(DecodeError::NotCanonical));
    assert_eq!(sign(|s| s.sequence = SEQUENCE_MAX + 1), Some(DecodeError::LimitExceeded));
    assert_eq!(sign(|s| s.made_at = u64::MAX), Some(DecodeError::LimitExceeded));
    assert_eq!(sign(|s| s.lifetime = 0), Some(DecodeError::NotCanonical));
    assert_eq!(sign(|s| s.lifetime = u32::MAX), Some(DecodeError::LimitExceeded));
    assert_eq!(sign(|s| s.addresses.clear()), Some(DecodeError::NotCanonical));
    assert_eq!(sign(|s| s.addresses.push(s.addresses[0].clone())), Some(DecodeError::NotCanonical));
    assert_eq!(sign(|s| s.addresses[0].bytes = vec![0; 65]), Some(DecodeError::LimitExceeded));
    let relay = keys.author();
    let own_relay = Statement { reachability: Reachability::BehindNat { relay }, ..own() };
    assert_eq!(AddressRecord::sign(&keys, own_relay).err(), Some(DecodeError::NotCanonical));
}
