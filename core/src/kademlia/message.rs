//! What nodes of a directory send each other: the four requests of Kademlia (P. Maymounkov and D. Mazières, IPTPS 2002, section 2.3)
//! and their answers. As in the Ouroboros prototype a store is not answered, and contacts are ids alone, since an id leads to
//! its peer ([`Peer::from_id`]).
//!
//! | tag | message | fields |
//! |---|---|---|
//! | 0, 1 | ping, pong | cookie 8 |
//! | 2, 3 | find node, find value | cookie 8, key 32 |
//! | 4 | contacts | cookie 8, count, ids of 32 without repeats |
//! | 5 | values | cookie 8, count (1 to 8), each with its length, without repeats |
//! | 6 | store | key 32, value with its length, lifetime in seconds |

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::kademlia::config::{K_MAX, VALUES_MAX};
use crate::peer::{Peer, PeerId};
use crate::wire::{DecodeError, Message, Reader, bytes_len, put_bytes, put_varint, varint_len};

/// The most bytes of a value: an address, not a document.
pub const VALUE_LEN_MAX: usize = 64;
/// The longest lifetime that a store may ask for, in seconds: a year.
pub const LIFETIME_MAX: u32 = 365 * 86_400;

/// What a key stands for: 1 to [`VALUE_LEN_MAX`] bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Value(Box<[u8]>);

impl Value {
    /// The value of these bytes; `None` where they are none or too many.
    pub fn new(bytes: &[u8]) -> Option<Self> {
        (1..=VALUE_LEN_MAX).contains(&bytes.len()).then(|| Self(bytes.into()))
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Self::new(reader.bytes(VALUE_LEN_MAX)?).ok_or(DecodeError::NotCanonical)
    }
}

/// A message of the directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KademliaMessage<P> {
    /// Are you there?
    Ping {
        /// Repeated by the answer. Random.
        cookie: u64,
    },
    /// Answers a ping.
    Pong {
        /// That of the ping.
        cookie: u64,
    },
    /// Who is closest to this id?
    FindNode {
        /// Repeated by the answer. Random.
        cookie: u64,
        /// The id.
        key: PeerId,
    },
    /// What does this key stand for, or who is closest to it?
    FindValue {
        /// Repeated by the answer. Random.
        cookie: u64,
        /// The key.
        key: PeerId,
    },
    /// Answers both: the closest peers that the sender knows.
    Contacts {
        /// That of the request.
        cookie: u64,
        /// At most [`K_MAX`], without repeats.
        contacts: Box<[P]>,
    },
    /// Answers the question for a value.
    Values {
        /// That of the request.
        cookie: u64,
        /// 1 to [`VALUES_MAX`], without repeats.
        values: Box<[Value]>,
    },
    /// Keep this value. Boxed, since it is rare and large.
    Store(Box<Store>),
}

/// A value to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Store {
    /// The key.
    pub key: PeerId,
    /// What it stands for.
    pub value: Value,
    /// For how many seconds, 1 to [`LIFETIME_MAX`].
    pub lifetime: u32,
}

const PING: u8 = 0;
const PONG: u8 = 1;
const FIND_NODE: u8 = 2;
const FIND_VALUE: u8 = 3;
const CONTACTS: u8 = 4;
const VALUES: u8 = 5;
const STORE: u8 = 6;
const COOKIE_LEN: usize = 8;

impl<P: Peer> Message for KademliaMessage<P> {
    const CLASSES: &'static [&'static str] = &["ping", "find_node", "find_value", "contacts", "values", "store"];

    fn class(&self) -> usize {
        match self {
            Self::Ping { .. } | Self::Pong { .. } => 0,
            Self::FindNode { .. } => 1,
            Self::FindValue { .. } => 2,
            Self::Contacts { .. } => 3,
            Self::Values { .. } => 4,
            Self::Store(_) => 5,
        }
    }

    fn encoded_len(&self) -> usize {
        1 + match self {
            Self::Ping { .. } | Self::Pong { .. } => COOKIE_LEN,
            Self::FindNode { .. } | Self::FindValue { .. } => COOKIE_LEN + PeerId::LEN,
            Self::Contacts { contacts, .. } => {
                COOKIE_LEN + varint_len(contacts.len() as u64) + contacts.len() * PeerId::LEN
            }
            Self::Values { values, .. } => {
                let each: usize = values.iter().map(|value| bytes_len(value.bytes().len())).sum();
                COOKIE_LEN + varint_len(values.len() as u64) + each
            }
            Self::Store(store) => {
                PeerId::LEN + bytes_len(store.value.bytes().len()) + varint_len(store.lifetime.into())
            }
        }
    }

    fn encode(&self, out: &mut Vec<u8>) {
        let put = |out: &mut Vec<u8>, tag: u8, cookie: u64, rest: &[u8]| {
            out.push(tag);
            out.extend_from_slice(&cookie.to_be_bytes());
            out.extend_from_slice(rest);
        };
        match self {
            Self::Ping { cookie } => put(out, PING, *cookie, &[]),
            Self::Pong { cookie } => put(out, PONG, *cookie, &[]),
            Self::FindNode { cookie, key } => put(out, FIND_NODE, *cookie, &key.0),
            Self::FindValue { cookie, key } => put(out, FIND_VALUE, *cookie, &key.0),
            Self::Contacts { cookie, contacts } => {
                put(out, CONTACTS, *cookie, &[]);
                put_varint(out, contacts.len() as u64);
                contacts.iter().for_each(|contact| out.extend_from_slice(&contact.id().0));
            }
            Self::Values { cookie, values } => {
                put(out, VALUES, *cookie, &[]);
                put_varint(out, values.len() as u64);
                values.iter().for_each(|value| put_bytes(out, value.bytes()));
            }
            Self::Store(store) => {
                out.push(STORE);
                out.extend_from_slice(&store.key.0);
                put_bytes(out, store.value.bytes());
                put_varint(out, store.lifetime.into());
            }
        }
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes)?;
        let message = read(&mut reader)?;
        reader.finish()?;
        Ok(message)
    }
}

fn read<P: Peer>(reader: &mut Reader<'_>) -> Result<KademliaMessage<P>, DecodeError> {
    let tag = reader.byte()?;
    if tag == STORE {
        let (key, value) = (key(reader)?, Value::decode(reader)?);
        return Ok(KademliaMessage::Store(Box::new(Store { key, value, lifetime: lifetime(reader)? })));
    }
    if tag > STORE {
        return Err(DecodeError::UnknownTag);
    }
    let cookie = u64::from_be_bytes(reader.array()?);
    Ok(match tag {
        PING => KademliaMessage::Ping { cookie },
        PONG => KademliaMessage::Pong { cookie },
        FIND_NODE => KademliaMessage::FindNode { cookie, key: key(reader)? },
        FIND_VALUE => KademliaMessage::FindValue { cookie, key: key(reader)? },
        CONTACTS => {
            let contact = |reader: &mut Reader<'_>| P::from_id(key(reader)?).ok_or(DecodeError::NotCanonical);
            KademliaMessage::Contacts { cookie, contacts: distinct(reader, 0, K_MAX, contact)? }
        }
        _ => KademliaMessage::Values { cookie, values: distinct(reader, 1, VALUES_MAX, Value::decode)? },
    })
}

fn key(reader: &mut Reader<'_>) -> Result<PeerId, DecodeError> {
    Ok(PeerId(reader.array()?))
}

fn lifetime(reader: &mut Reader<'_>) -> Result<u32, DecodeError> {
    match u32::try_from(reader.varint()?) {
        Ok(0) => Err(DecodeError::NotCanonical),
        Ok(seconds) if seconds <= LIFETIME_MAX => Ok(seconds),
        _ => Err(DecodeError::LimitExceeded),
    }
}

/// A list of `least` to `most` items, none of them twice.
fn distinct<T: PartialEq>(
    reader: &mut Reader<'_>,
    least: usize,
    most: usize,
    item: impl Fn(&mut Reader<'_>) -> Result<T, DecodeError>,
) -> Result<Box<[T]>, DecodeError> {
    let count = reader.count(most)?;
    let mut list = Vec::with_capacity(count);
    for _ in 0..count {
        let next = item(reader)?;
        if list.contains(&next) {
            return Err(DecodeError::NotCanonical);
        }
        list.push(next);
    }
    if count < least { Err(DecodeError::NotCanonical) } else { Ok(list.into()) }
}
