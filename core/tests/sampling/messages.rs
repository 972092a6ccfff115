//! Encodings of all messages, and parameters that make no sense.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use rapprochement_core::overlay::sampling::exchange::ExchangeMessage;
use rapprochement_core::overlay::sampling::peerswap::SwapMessage;
use rapprochement_core::overlay::sampling::{
    AnyMessage, BasaltConfig, BasaltMessage, BrahmsConfig, BrahmsMessage, CyclonConfig, Descriptor, FrameworkConfig,
    HyParViewConfig, HyParViewMessage, NewscastConfig, PEERS_MAX, SamplingConfig,
};
use rapprochement_core::peer::SimPeer;
use rapprochement_core::random::below;
use rapprochement_core::time::Duration;
use rapprochement_core::wire::{DecodeError, Message, put_varint, varint_len};

/// A message of any kind about peers below `peers`, with at most `most` of them.
pub(crate) fn random_message(peers: u32, most: u32, rng: &mut ChaCha8Rng) -> AnyMessage<SimPeer> {
    let peer = |rng: &mut ChaCha8Rng| SimPeer(below(rng, peers));
    let list = |rng: &mut ChaCha8Rng| -> Vec<SimPeer> { (0..below(rng, most + 1)).map(|_| peer(rng)).collect() };
    let flag = |rng: &mut ChaCha8Rng| below(rng, 2) == 1;
    let exchange = |rng: &mut ChaCha8Rng| {
        let of = |peer| Descriptor { peer, age: 0 };
        let mut offer: Vec<_> = list(rng).into_iter().map(of).collect();
        offer.iter_mut().for_each(|entry| entry.age = rng.next_u32() >> below(rng, 32));
        ExchangeMessage { is_reply: flag(rng), number: rng.next_u32(), offer }
    };
    match below(rng, 21) {
        0 => AnyMessage::Newscast(exchange(rng)),
        1 => AnyMessage::Cyclon(exchange(rng)),
        2 => AnyMessage::Framework(exchange(rng)),
        3 => AnyMessage::HyParView(HyParViewMessage::Join),
        4 => AnyMessage::HyParView(HyParViewMessage::ForwardJoin { peer: peer(rng), ttl: rng.next_u32() as u8 }),
        5 => AnyMessage::HyParView(HyParViewMessage::Neighbour { high: flag(rng) }),
        6 => AnyMessage::HyParView(HyParViewMessage::Answer { accepted: flag(rng) }),
        7 => AnyMessage::HyParView(HyParViewMessage::Disconnect { stays: flag(rng) }),
        8 => {
            let (origin, ttl) = (peer(rng), rng.next_u32() as u8);
            AnyMessage::HyParView(HyParViewMessage::Shuffle { origin, ttl, peers: list(rng) })
        }
        9 => AnyMessage::HyParView(HyParViewMessage::ShuffleReply(list(rng))),
        10 => AnyMessage::HyParView(HyParViewMessage::Alive),
        11 => AnyMessage::Brahms(BrahmsMessage::Push),
        12 => AnyMessage::Brahms(BrahmsMessage::PullRequest(rng.next_u32())),
        13 => AnyMessage::Brahms(BrahmsMessage::PullReply(rng.next_u32(), list(rng))),
        14 => AnyMessage::Brahms(BrahmsMessage::Ping(rng.next_u32())),
        15 => AnyMessage::Brahms(BrahmsMessage::Pong(rng.next_u32())),
        16 => AnyMessage::Basalt(BasaltMessage::Pull(rng.next_u32())),
        17 => AnyMessage::Basalt(BasaltMessage::Reply(rng.next_u32(), list(rng))),
        18 => AnyMessage::Basalt(BasaltMessage::Push(list(rng))),
        19 => AnyMessage::Basalt(BasaltMessage::Ping(rng.next_u32())),
        _ => AnyMessage::Basalt(BasaltMessage::Pong(rng.next_u32())),
    }
}

fn encoded(message: &AnyMessage<SimPeer>) -> Vec<u8> {
    let mut bytes = Vec::new();
    message.encode(&mut bytes);
    assert_eq!(bytes.len(), message.encoded_len());
    bytes
}

#[test]
fn messages_have_one_encoding_of_the_stated_length() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let mut classes = vec![0; AnyMessage::<SimPeer>::CLASSES.len()];
    for _ in 0..5000 {
        let message = random_message(u32::MAX, 8, &mut rng);
        let bytes = encoded(&message);
        assert_eq!(AnyMessage::decode(&bytes).as_ref(), Ok(&message));
        classes[message.class()] += 1;
        let mut other = bytes.clone();
        match below(&mut rng, 3) {
            0 => other.truncate(below(&mut rng, bytes.len() as u32) as usize),
            1 => other.push(rng.next_u32() as u8),
            _ => other[below(&mut rng, bytes.len() as u32) as usize] ^= 1 << below(&mut rng, 8),
        }
        if let Ok(decoded) = AnyMessage::<SimPeer>::decode(&other) {
            assert_eq!(encoded(&decoded), other);
        }
    }
    // Those of PeerSwap come last, and are tested beside it.
    let swaps = SwapMessage::<SimPeer>::CLASSES.len();
    let others = classes.len() - swaps;
    assert_eq!(others, 24);
    assert!(classes[..others].iter().all(|&count| count > 0), "{classes:?}");
}

#[test]
fn lists_and_ages_beyond_the_limits_are_refused() {
    let message = |count: usize| {
        let offer = (0..count as u32).map(|peer| Descriptor { peer: SimPeer(peer), age: u32::MAX }).collect();
        encoded(&AnyMessage::Cyclon(ExchangeMessage { is_reply: false, number: 1, offer }))
    };
    assert!(AnyMessage::<SimPeer>::decode(&message(PEERS_MAX)).is_ok());
    assert_eq!(AnyMessage::<SimPeer>::decode(&message(PEERS_MAX + 1)), Err(DecodeError::LimitExceeded));
    // The age is what stands last.
    let mut older = message(1);
    older.truncate(older.len() - varint_len(u32::MAX.into()));
    put_varint(&mut older, 1 << 32);
    assert_eq!(AnyMessage::<SimPeer>::decode(&older), Err(DecodeError::LimitExceeded));
}

#[test]
fn parameters_that_make_no_sense_are_named() {
    let newscast = |view| SamplingConfig::Newscast(NewscastConfig { view, ..NewscastConfig::default() });
    let cyclon = |shuffle| SamplingConfig::Cyclon(CyclonConfig { shuffle, ..CyclonConfig::default() });
    let healer = |healer| SamplingConfig::Framework(FrameworkConfig { healer, swapper: 8, ..FrameworkConfig::HEALER });
    let hyparview = |active| SamplingConfig::HyParView(HyParViewConfig { active, ..HyParViewConfig::default() });
    let brahms = |probes| SamplingConfig::Brahms(BrahmsConfig { probes, ..BrahmsConfig::default() });
    let basalt = |rotate| SamplingConfig::Basalt(BasaltConfig { rotate, ..BasaltConfig::default() });
    let never = NewscastConfig { interval: Duration::ZERO, ..NewscastConfig::default() };
    for (config, parameter) in [
        (newscast(0), "view"),
        (newscast(255), "view"),
        (SamplingConfig::Newscast(never), "interval"),
        (cyclon(0), "shuffle"),
        (cyclon(21), "shuffle"),
        (healer(16), "healer"),
        (healer(8), "swapper"),
        (hyparview(0), "active"),
        (hyparview(usize::MAX), "active"),
        (brahms(21), "probes"),
        (basalt(0), "rotate"),
    ] {
        assert_eq!(config.build(SimPeer(0)).err().map(|error| error.parameter), Some(parameter));
    }
}
