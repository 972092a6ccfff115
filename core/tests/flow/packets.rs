//! One encoding for each packet, of the stated length; and bytes that are none are refused.

use proptest::prelude::*;
use rapprochement_core::flow::broadcast::LayerMessage;
use rapprochement_core::flow::config::{Marking, Qos};
use rapprochement_core::flow::packet::{ALLOCATOR, Body, Content, FlowPacket, Part, Reply, Request, Segment, Update};
use rapprochement_core::overlay::sampling::peerswap::SwapMessage;
use rapprochement_core::peer::{PeerId, SimPeer};
use rapprochement_core::wire::{DecodeError, Message};

use crate::world::Bytes;

type Packet = FlowPacket<Bytes>;
type Layer = LayerMessage<PeerId, Bytes>;

fn bytes() -> impl Strategy<Value = Bytes> {
    prop::collection::vec(any::<u8>(), 0..40).prop_map(Into::into)
}

fn qos() -> impl Strategy<Value = Qos> {
    let numbers = (any::<[u32; 5]>(), any::<u64>(), any::<u8>(), any::<bool>());
    numbers.prop_map(|([delay, loss, ber, max_gap, timeout], bandwidth, availability, in_order)| Qos {
        delay,
        bandwidth,
        availability,
        loss,
        ber,
        in_order,
        max_gap,
        timeout,
    })
}

fn segment() -> impl Strategy<Value = Segment<Bytes>> {
    type Flags = Segment<()>;
    (1u8..0x80, any::<[u32; 3]>(), bytes()).prop_map(|(mut flags, [window, seqno, ackno], body)| {
        if flags & Flags::DATA == 0 {
            flags = flags & !(Flags::DRF | Flags::FFGM | Flags::MFGM) | Flags::RDVZ;
        }
        let when = |flag: u8, value: u32| if flags & flag != 0 { value } else { 0 };
        Segment {
            flags,
            window: when(Flags::FC, window & 0xff_ffff),
            seqno: when(Flags::DATA, seqno),
            ackno: when(Flags::ACK, ackno),
            body: (flags & Flags::DATA != 0).then_some(body),
        }
    })
}

fn content() -> impl Strategy<Value = Content<Bytes>> {
    let request =
        (any::<[u64; 2]>(), qos(), any::<[u8; 32]>(), bytes()).prop_map(|([source, eid], qos, name, key_exchange)| {
            Content::Request(Box::new(Request { source, eid, qos, name, key_exchange }))
        });
    let reply = (any::<[u64; 2]>(), any::<bool>(), bytes())
        .prop_map(|([to, eid], accepted, key_exchange)| Content::Reply(Reply { to, eid, accepted, key_exchange }));
    let update = any::<(u64, u16)>().prop_map(|(to, ece)| Content::Update(Update { to, ece }));
    prop_oneof![request, reply, update, bytes().prop_map(Content::Raw), segment().prop_map(Content::Frcp)]
}

fn packet() -> impl Strategy<Value = Packet> {
    (any::<u32>(), any::<[u8; 3]>(), 64u64.., any::<bool>(), content()).prop_map(
        |(to, [ttl, class, ecn], eid, checksum, content)| {
            let allocation = matches!(content, Content::Request(_) | Content::Reply(_) | Content::Update(_));
            let eid = if allocation { ALLOCATOR } else { eid };
            FlowPacket { to, ttl, class: class & 0x3f, ecn, eid, checksum, marking: Marking::default(), content }
        },
    )
}

fn layer() -> impl Strategy<Value = Layer> {
    let peer = || any::<[u8; 32]>().prop_map(PeerId);
    let path = || prop::collection::vec(peer(), 0..5).prop_map(Into::into);
    prop_oneof![
        Just(Layer::Request),
        Just(Layer::Reply { accepted: true, instead: None }),
        prop::option::of(peer()).prop_map(|instead| Layer::Reply { accepted: false, instead }),
        Just(Layer::Connect),
        Just(Layer::Connected),
        Just(Layer::Enrol),
        path().prop_map(Layer::Admit),
        Just(Layer::Enrolled),
        path().prop_map(Layer::Path),
        Just(Layer::Leave),
        bytes().prop_map(Layer::Data),
    ]
}

fn encoded(message: &impl Message) -> Vec<u8> {
    let mut out = Vec::new();
    message.encode(&mut out);
    assert_eq!(out.len(), message.encoded_len());
    out
}

proptest! {
    #[test]
    fn packets_come_back(packet in packet()) {
        prop_assert_eq!(Packet::decode(&encoded(&packet)), Ok(packet));
    }

    #[test]
    fn messages_of_a_layer_come_back(message in layer()) {
        prop_assert_eq!(Layer::decode(&encoded(&message)), Ok(message));
    }

    #[test]
    fn whatever_is_read_is_written_the_same(packet in packet(), at in any::<prop::sample::Index>(), byte: u8, cut in any::<prop::sample::Index>()) {
        let mut bytes = encoded(&packet);
        let at = at.index(bytes.len());
        bytes[at] = byte;
        bytes.truncate(cut.index(2 * bytes.len()).min(bytes.len()));
        if let Ok(read) = Packet::decode(&bytes) {
            prop_assert_eq!(encoded(&read), bytes);
        }
    }

    #[test]
    fn what_is_read_of_a_layer_is_written_the_same(bytes in prop::collection::vec(0u8..14, 0..90)) {
        if let Ok(read) = Layer::decode(&bytes) {
            prop_assert_eq!(encoded(&read), bytes);
        }
    }

    #[test]
    fn pieces_make_the_message_again(message in prop::collection::vec(any::<u8>(), 0..300), most in 1usize..100) {
        let message: Bytes = message.into();
        let parts = Bytes::cut(message.clone(), most);
        prop_assert_eq!(parts.len(), message.len().div_ceil(most).max(1));
        prop_assert_eq!(Bytes::join(parts), Some(message));
    }
}

#[test]
fn a_flipped_bit_fails_the_checksum() {
    let content = Content::Raw(Bytes::from([1, 2, 3]));
    let marking = Marking::default();
    let packet = FlowPacket { to: 1, ttl: 60, class: 0, ecn: 0, eid: 99, checksum: true, marking, content };
    let mut bytes = encoded(&packet);
    bytes[16] ^= 1;
    assert_eq!(Packet::decode(&bytes), Err(DecodeError::NotCanonical));
}

#[test]
fn in_a_simulation_pieces_are_as_long_as_the_message_and_the_last_one_has_it() {
    let message =
        std::sync::Arc::new(SwapMessage::<SimPeer>::Swap { number: 1, neighbours: Box::new([SimPeer(1), SimPeer(2)]) });
    let parts = Part::cut(message.clone(), 20);
    let lengths: Vec<usize> = parts.iter().map(Body::length).collect();
    assert_eq!(lengths, [20, 20, 20, message.encoded_len() - 60]);
    assert_eq!(parts.iter().map(|part| part.sdu.is_some()).collect::<Vec<_>>(), [false, false, false, true]);
    assert_eq!(Part::join(parts.clone()), Some(message));
    assert_eq!(Part::join(parts[1..].to_vec()), None);
}
