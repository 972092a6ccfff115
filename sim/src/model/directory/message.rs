//! What nodes send each other: the directory's own messages as they are, and the allocation of a flow to who was found:
//! a request, its acceptance, and the first byte.
//!
//! | tag | message | fields |
//! |---|---|---|
//! | 0 to 6 | of the directory | see `core/src/kademlia/message.rs` |
//! | 7 | request | lookup 4, instance 4 |
//! | 8 | accept | lookup 4 |
//! | 9 | first byte | lookup 4, instance 4, the byte |

use rapprochement_core::kademlia::{KademliaMessage, Value};
use rapprochement_core::peer::{PeerId, SimPeer};
use rapprochement_core::wire::{DecodeError, Message, Reader};

const REQUEST: u8 = 7;
const ACCEPT: u8 = 8;
const FIRST_BYTE: u8 = 9;

/// The key of a name: that of a node is its number, and nobody has one beyond.
pub(super) fn key_of(name: u32) -> PeerId {
    PeerId(blake3::derive_key("rapprochement simulated name v1", &name.to_be_bytes()))
}

/// What a name stands for: a node, and which of its instances.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) node: u32,
    /// Sessions of the node before.
    pub(super) instance: u32,
}

impl Address {
    /// As the directory keeps it.
    pub(super) fn value(self) -> Value {
        let bytes = (u64::from(self.node) << 32 | u64::from(self.instance)).to_be_bytes();
        Value::new(&bytes).expect("eight bytes are neither none nor too many")
    }

    /// From what the directory kept; `None` where that is no address.
    pub(super) fn read(value: &Value) -> Option<Self> {
        let bits = u64::from_be_bytes(value.bytes().try_into().ok()?);
        Some(Self { node: (bits >> 32) as u32, instance: bits as u32 })
    }
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum DirectoryMessage {
    /// Of the directory.
    Kademlia(KademliaMessage<SimPeer>),
    /// Will this instance take a flow?
    Request {
        /// The asker's number for its lookup.
        lookup: u32,
        /// Whom it means.
        instance: u32,
    },
    /// It will.
    Accept {
        /// That of the request.
        lookup: u32,
    },
    /// The first byte on the flow.
    FirstByte {
        /// That of the request.
        lookup: u32,
        /// See `Request`.
        instance: u32,
    },
}

impl Message for DirectoryMessage {
    const CLASSES: &'static [&'static str] =
        &["ping", "find_node", "find_value", "contacts", "values", "store", "request", "accept", "first_byte"];

    fn class(&self) -> usize {
        match self {
            Self::Kademlia(message) => message.class(),
            Self::Request { .. } => 6,
            Self::Accept { .. } => 7,
            Self::FirstByte { .. } => 8,
        }
    }

    fn encoded_len(&self) -> usize {
        match self {
            Self::Kademlia(message) => message.encoded_len(),
            Self::Request { .. } => 9,
            Self::Accept { .. } => 5,
            Self::FirstByte { .. } => 10,
        }
    }

    fn encode(&self, out: &mut Vec<u8>) {
        let mut put = |tag: u8, numbers: &[u32], rest: &[u8]| {
            out.push(tag);
            numbers.iter().for_each(|number| out.extend_from_slice(&number.to_be_bytes()));
            out.extend_from_slice(rest);
        };
        match self {
            Self::Kademlia(message) => message.encode(out),
            Self::Request { lookup, instance } => put(REQUEST, &[*lookup, *instance], &[]),
            Self::Accept { lookup } => put(ACCEPT, &[*lookup], &[]),
            Self::FirstByte { lookup, instance } => put(FIRST_BYTE, &[*lookup, *instance], &[0]),
        }
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let tag = bytes.first().copied().unwrap_or_default();
        if tag < REQUEST {
            return KademliaMessage::decode(bytes).map(Self::Kademlia);
        }
        let mut reader = Reader::new(bytes)?;
        reader.byte()?;
        let lookup = u32::from_be_bytes(reader.array()?);
        let message = match tag {
            REQUEST => Self::Request { lookup, instance: u32::from_be_bytes(reader.array()?) },
            ACCEPT => Self::Accept { lookup },
            FIRST_BYTE => {
                let instance = u32::from_be_bytes(reader.array()?);
                if reader.byte()? != 0 {
                    return Err(DecodeError::NotCanonical);
                }
                Self::FirstByte { lookup, instance }
            }
            _ => return Err(DecodeError::UnknownTag),
        };
        reader.finish()?;
        Ok(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_as_long_as_it_says_and_comes_back() {
        let key = key_of(3);
        for message in [
            DirectoryMessage::Kademlia(KademliaMessage::Ping { cookie: 5 }),
            DirectoryMessage::Kademlia(KademliaMessage::FindValue { cookie: 5, key }),
            DirectoryMessage::Request { lookup: 7, instance: 2 },
            DirectoryMessage::Accept { lookup: u32::MAX },
            DirectoryMessage::FirstByte { lookup: 7, instance: 2 },
        ] {
            let mut bytes = Vec::new();
            message.encode(&mut bytes);
            assert_eq!(bytes.len(), message.encoded_len());
            assert_eq!(DirectoryMessage::decode(&bytes).as_ref(), Ok(&message));
            for at in 0..bytes.len() {
                assert!(DirectoryMessage::decode(&bytes[..at]).is_err());
                let mut other = bytes.clone();
                other[at] ^= 0x80;
                if let Ok(decoded) = DirectoryMessage::decode(&other) {
                    let mut again = Vec::new();
                    decoded.encode(&mut again);
                    assert_eq!(again, other, "an encoding that is not the only one");
                }
            }
            bytes.push(0);
            assert!(DirectoryMessage::decode(&bytes).is_err());
        }
        assert!(DirectoryMessage::decode(&[]).is_err() && DirectoryMessage::decode(&[10, 0, 0, 0, 0]).is_err());
    }

    #[test]
    fn classes_begin_with_those_of_the_directory() {
        let of_core = KademliaMessage::<SimPeer>::CLASSES;
        assert_eq!(&DirectoryMessage::CLASSES[..of_core.len()], of_core);
        let classes = [
            DirectoryMessage::Request { lookup: 0, instance: 0 }.class(),
            DirectoryMessage::Accept { lookup: 0 }.class(),
            DirectoryMessage::FirstByte { lookup: 0, instance: 0 }.class(),
        ];
        assert_eq!(classes.map(|class| DirectoryMessage::CLASSES[class]), ["request", "accept", "first_byte"]);
    }

    #[test]
    fn an_address_comes_back_from_the_directory_and_names_differ() {
        let address = Address { node: 17, instance: 4 };
        assert_eq!(Address::read(&address.value()), Some(address));
        assert_eq!(Address::read(&Value::new(b"elsewhere").unwrap()), None);
        assert_ne!(key_of(1), key_of(2));
    }
}
