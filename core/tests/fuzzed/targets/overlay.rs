//! What the overlay and the service read from the wire: probes, introductions with their signed records, the messages of every
//! sampler, and opinions.

use std::sync::Arc;

use rapprochement_core::overlay::address::AddressRecord;
use rapprochement_core::overlay::book::{Book, BookConfig, Heard};
use rapprochement_core::overlay::exchange::ExchangeMessage;
use rapprochement_core::overlay::refusals::Counters;
use rapprochement_core::overlay::sampling::AnyMessage;
use rapprochement_core::overlay::sampling::peerswap::SwapMessage;
use rapprochement_core::peer::PeerId;
use rapprochement_core::service::message::ServiceMessage;
use rapprochement_core::service::opinion::Opinion;
use rapprochement_core::time::Instant;
use rapprochement_core::wire::{Message, Reader};

use super::messages::canonical;
use super::service;
use super::world::Author;

/// A signature is 64 bytes, behind a key of 32.
const SIGNED_LEN: usize = 96;

pub(super) fn service_message(bytes: &[u8]) {
    if let Some(message) = canonical::<ServiceMessage<PeerId>>(bytes) {
        assert!(message.signatures() * SIGNED_LEN <= bytes.len());
    }
}

pub(super) fn service_seeds() -> Vec<Vec<u8>> {
    said(|message| Some(encoded(message)))
}

pub(super) fn sampling(bytes: &[u8]) {
    canonical::<AnyMessage<PeerId>>(bytes);
}

pub(super) fn sampling_seeds() -> Vec<Vec<u8>> {
    said(|message| if let ServiceMessage::Sampling(message) = message { Some(encoded(message)) } else { None })
}

pub(super) fn swap(bytes: &[u8]) {
    canonical::<SwapMessage<PeerId>>(bytes);
}

pub(super) fn swap_seeds() -> Vec<Vec<u8>> {
    said(|message| match message {
        ServiceMessage::Sampling(AnyMessage::PeerSwap(message)) => Some(encoded(message)),
        _ => None,
    })
}

/// A book takes no record that it does not hold authentic, and of one peer none that is older than what it has.
pub(super) fn introductions(bytes: &[u8]) {
    let Some(message) = canonical::<ExchangeMessage>(bytes) else { return };
    let records: Vec<Arc<AddressRecord>> = match message {
        ExchangeMessage::Ask { record, .. } => vec![record],
        ExchangeMessage::Answer { introductions, .. } => introductions.into_iter().map(|each| each.record).collect(),
    };
    let (me, source, now) = (PeerId([0; 32]), PeerId([1; 32]), Instant::from_nanos(1_000_000_000_000));
    let (mut book, mut counters) = (Book::new(BookConfig::default(), me), Counters::default());
    for record in &records {
        let before = book.entry(record.key()).map(|entry| entry.record().statement().sequence);
        if book.hear(now, source, record, &Author(0), &mut counters) != Heard::Known {
            continue;
        }
        assert!(record.key() != me && record.check(now, &Author(0)).is_ok());
        let after = book.entry(record.key()).map(|entry| entry.record().statement().sequence);
        assert!(after >= before);
    }
    assert!(book.len() <= records.len() && book.entry(me).is_none());
}

pub(super) fn introduction_seeds() -> Vec<Vec<u8>> {
    said(|message| if let ServiceMessage::Exchange(message) = message { Some(encoded(message)) } else { None })
}

pub(super) fn record(bytes: &[u8]) {
    let Ok(mut reader) = Reader::new(bytes) else { return };
    let Ok(record) = AddressRecord::decode(&mut reader) else { return };
    let mut again = Vec::new();
    record.encode(&mut again);
    assert_eq!(again.len(), record.encoded_len());
    assert!(bytes.starts_with(&again));
    assert_eq!(reader.finish().is_ok(), again.len() == bytes.len());
}

pub(super) fn record_seeds() -> Vec<Vec<u8>> {
    said(|message| match message {
        ServiceMessage::Exchange(ExchangeMessage::Ask { record, .. }) => {
            let mut bytes = Vec::new();
            record.encode(&mut bytes);
            Some(bytes)
        }
        _ => None,
    })
}

pub(super) fn opinion(bytes: &[u8]) {
    if let Ok(opinion) = Opinion::decode(bytes) {
        assert_eq!(opinion.encode().as_slice(), bytes);
        assert!(opinion.weight != 0);
    }
}

pub(super) fn opinion_seeds() -> Vec<Vec<u8>> {
    let opinion = |weight| Opinion { weight, rtt: 40_000, uptime: 990, formed: 77_000_000 };
    [1, 1000, -1000].iter().map(|&weight| opinion(weight).encode().to_vec()).collect()
}

/// Of what nodes of the service say, by every sampler, what is asked for: some of each length.
fn said(pick: impl FnMut(&ServiceMessage<PeerId>) -> Option<Vec<u8>>) -> Vec<Vec<u8>> {
    let all = service::conversations().iter().flat_map(|conversation| conversation.heard.iter());
    let mut seeds: Vec<Vec<u8>> = all.filter_map(pick).filter(|seed| seed.len() < 600).collect();
    seeds.sort_unstable_by(|a, b| (a.len(), a).cmp(&(b.len(), b)));
    // Those of one tag and length are of one kind as a rule.
    seeds.dedup_by_key(|seed| (seed.len(), seed.first().copied(), seed.get(1).copied()));
    let step = seeds.len().div_ceil(40).max(1);
    seeds.into_iter().step_by(step).collect()
}

fn encoded<M: Message>(message: &M) -> Vec<u8> {
    let mut bytes = Vec::new();
    message.encode(&mut bytes);
    bytes
}
