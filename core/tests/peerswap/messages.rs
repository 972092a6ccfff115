//! Encodings.

use proptest::prelude::*;
use rapprochement_core::overlay::sampling::peerswap::SwapMessage;
use rapprochement_core::overlay::sampling::peerswap::message::{Answer, DEGREE_MAX, HOPS_MAX, Reason};
use rapprochement_core::peer::SimPeer;
use rapprochement_core::wire::{DecodeError, Message};

type Msg = SwapMessage<SimPeer>;

fn peer() -> impl Strategy<Value = SimPeer> {
    prop_oneof![0..8u32, any::<u32>()].prop_map(SimPeer)
}

pub(crate) fn message() -> impl Strategy<Value = Msg> {
    let number = || prop_oneof![0..4u32, any::<u32>()];
    let answer =
        prop_oneof![number().prop_map(|link| Answer::Accepted { link }), Just(Answer::Adjacent), Just(Answer::Refused)];
    let reason = prop_oneof![Just(Reason::Busy), Just(Reason::Refused), Just(Reason::Gone)];
    let list = proptest::collection::btree_set(peer(), 0..DEGREE_MAX);
    prop_oneof![
        number().prop_map(|number| Msg::Propose { number }),
        (number(), peer()).prop_map(|(number, partner)| Msg::LockRequest { number, partner }),
        (number(), answer).prop_map(|(number, answer)| Msg::LockReply { number, answer }),
        number().prop_map(|number| Msg::Unlock { number }),
        (number(), reason).prop_map(|(number, reason)| Msg::Fail { number, reason }),
        (number(), list).prop_map(|(number, list)| Msg::Swap { number, neighbours: list.into_iter().collect() }),
        (number(), number(), peer()).prop_map(|(number, link, partner)| Msg::Replace { number, link, partner }),
        number().prop_map(|number| Msg::Query { number }),
        number().prop_map(|version| Msg::Check { version }),
        number().prop_map(|version| Msg::NotHeld { version }),
        (peer(), proptest::option::of(peer()), 0..=HOPS_MAX).prop_map(|(origin, other, hops)| Msg::Seek {
            origin,
            other,
            hops
        }),
        Just(Msg::Offer),
        (peer(), peer()).prop_map(|(given, end)| Msg::OfferSplit { given, end }),
        (peer(), peer()).prop_map(|(given, end)| Msg::Claim { given, end }),
        peer().prop_map(|other| Msg::Splice { other }),
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
        message in message(), at: prop::sample::Index, flip in 1..=255u8, cut: prop::sample::Index,
    ) {
        let mut bytes = encoded(&message);
        prop_assert_eq!(bytes.len(), message.encoded_len());
        prop_assert_eq!(Msg::decode(&bytes), Ok(message.clone()));
        prop_assert!(message.class() < Msg::CLASSES.len());
        prop_assert!(Msg::decode(&bytes[..cut.index(bytes.len())]).is_err());
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        if let Ok(other) = Msg::decode(&bytes) {
            prop_assert_eq!(encoded(&other), bytes);
        }
    }

    #[test]
    fn any_bytes_are_an_error_or_the_encoding_of_a_message(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(message) = Msg::decode(&bytes) {
            prop_assert_eq!(encoded(&message), bytes);
        }
    }
}

#[test]
fn lists_have_a_limit_and_no_repeats() {
    let list =
        |peers: Vec<u32>| encoded(&Msg::Swap { number: 1, neighbours: peers.into_iter().map(SimPeer).collect() });
    assert!(Msg::decode(&list((0..DEGREE_MAX as u32).collect())).is_ok());
    assert_eq!(Msg::decode(&list((0..=DEGREE_MAX as u32).collect())), Err(DecodeError::LimitExceeded));
    assert_eq!(Msg::decode(&list(vec![3, 4, 3])), Err(DecodeError::NotCanonical));
    let far = encoded(&Msg::Seek { origin: SimPeer(1), other: None, hops: HOPS_MAX + 1 });
    assert_eq!(Msg::decode(&far), Err(DecodeError::LimitExceeded));
}
