//! What nodes of the service send each other: the messages of its parts, each under a tag.

use alloc::vec::Vec;

use crate::overlay::exchange::ExchangeMessage;
use crate::overlay::probe::ProbeMessage;
use crate::overlay::sampling::AnyMessage;
use crate::peer::Peer;
use crate::reconcile::SyncMessage;
use crate::wire::{DecodeError, Message, Reader};

/// A message of the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServiceMessage<P: Peer> {
    /// Measures a round trip.
    Probe(ProbeMessage),
    /// Introduces peers.
    Exchange(ExchangeMessage),
    /// Keeps the sampler's view.
    Sampling(AnyMessage<P>),
    /// Reconciles opinions.
    Sync(SyncMessage),
}

/// The classes by which the service's traffic is reported.
const CLASSES: [&str; 4] = ["probe", "exchange", "sampling", "reconcile"];

impl<P: Peer> ServiceMessage<P> {
    fn tag(&self) -> u8 {
        match self {
            Self::Probe(_) => 0,
            Self::Exchange(_) => 1,
            Self::Sampling(_) => 2,
            Self::Sync(_) => 3,
        }
    }
}

impl<P: Peer> Message for ServiceMessage<P> {
    const CLASSES: &'static [&'static str] = &CLASSES;

    fn class(&self) -> usize {
        self.tag().into()
    }

    fn encoded_len(&self) -> usize {
        1 + match self {
            Self::Probe(message) => message.encoded_len(),
            Self::Exchange(message) => message.encoded_len(),
            Self::Sampling(message) => message.encoded_len(),
            Self::Sync(message) => message.encoded_len(),
        }
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.push(self.tag());
        match self {
            Self::Probe(message) => message.encode(out),
            Self::Exchange(message) => message.encode(out),
            Self::Sampling(message) => message.encode(out),
            Self::Sync(message) => message.encode(out),
        }
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        Reader::new(bytes)?;
        let (&tag, rest) = bytes.split_first().ok_or(DecodeError::Truncated)?;
        match tag {
            0 => Message::decode(rest).map(Self::Probe),
            1 => Message::decode(rest).map(Self::Exchange),
            2 => Message::decode(rest).map(Self::Sampling),
            3 => Message::decode(rest).map(Self::Sync),
            _ => Err(DecodeError::UnknownTag),
        }
    }

    fn signatures(&self) -> usize {
        match self {
            Self::Probe(_) => 0,
            Self::Exchange(message) => message.signatures(),
            Self::Sampling(message) => message.signatures(),
            Self::Sync(message) => message.signatures(),
        }
    }
}
