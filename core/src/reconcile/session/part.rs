//! What the two sides of a session say to each other. The words of a method are bytes that only the method reads; the rest
//! is the same for all: opening, asking for tuples, giving them, and the closing check.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::reconcile::message::{
    AuthorSummary, SUMMARIES_MAX, SYNC_MESSAGE_LEN_MAX, list_len, put_list, read_authors, read_list, read_some_tuples,
};
use crate::reconcile::session::{KeyId, MethodKind};
use crate::store::{SetHash, Tuple};
use crate::wire::{DecodeError, Reader, bytes_len, put_bytes, put_varint, varint_len};

/// The most bytes of a method's words in one message.
pub const WORDS_LEN_MAX: usize = 60_000;
/// The most tuples asked for in one message, which fits however great their versions are: their authors choose those.
pub const ASKS_MAX: usize = 3584;
/// The same where their ids are long.
pub const LONG_ASKS_MAX: usize = 2480;

const _: () = assert!(1 + 4 + 1 + 2 + ASKS_MAX * (8 + 10) <= SYNC_MESSAGE_LEN_MAX);
const _: () = assert!(1 + 4 + 1 + 2 + LONG_ASKS_MAX * (16 + 10) <= SYNC_MESSAGE_LEN_MAX);

/// One message of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionMessage {
    /// The session's number, which its opener drew.
    pub session: u32,
    /// What is said in it.
    pub part: Part,
}

/// What is said in a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// The first message of a session.
    Open(Opening),
    /// The opening's answer where the stores are equal: there is nothing to do.
    Equal,
    /// The method's own words.
    Words(Vec<u8>),
    /// Asks for what the sender lacks.
    Ask {
        /// By id and by what the sender holds of it, at most [`ASKS_MAX`].
        asks: Vec<Ask>,
        /// The ids name states rather than keys.
        states: bool,
        /// An ask that answers an ask is not answered with another.
        back: bool,
    },
    /// Compares authors: what the sender holds of those that it knows, and the hashes of those that it does not.
    Authors {
        /// By id, at most [`SUMMARIES_MAX`]. Newest 0 is nothing.
        known: Vec<AuthorSummary>,
        /// Author ids under the session's salt, ascending, at most [`SUMMARIES_MAX`].
        unknown: Vec<u64>,
        /// An answer to such a comparison is not answered with another.
        back: bool,
        /// By versions alone: the hashes are left out (all zero), and only what is newer is given.
        bare: bool,
    },
    /// Tuples that the receiver lacks; none where what it asked for is here no longer.
    Give {
        /// At most [`crate::reconcile::CHUNK_LEN_MAX`] bytes of them.
        tuples: Box<[Arc<Tuple>]>,
        /// The last of an answer to an ask.
        last: bool,
    },
    /// The sender has given and received everything.
    Check(Check),
    /// The sender cannot go on; the session is over.
    Abort,
}

/// How a session begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    /// How the differences are found.
    pub method: MethodKind,
    /// Ids are salted with this session's nonce rather than with the epoch's salt.
    pub salted: bool,
    /// The opener's share of what the closing check depends on.
    pub nonce: u64,
    /// The opener's whole store as one hash.
    pub root: SetHash,
    /// How many tuples, and how many authors, it holds.
    pub tuples: u32,
    /// See `tuples`.
    pub authors: u32,
    /// The method's first words.
    pub words: Vec<u8>,
}

/// What the sender of an [`Part::Ask`] holds of one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ask {
    /// The key's or the state's id under the session's salt: 8 bytes, 16 in a message with a long one.
    pub id: KeyId,
    /// The version that it holds; 0 for none.
    pub version: u64,
}

/// The closing check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Check {
    /// The sender's share of what the next check depends on.
    pub nonce: u64,
    /// The sender's whole store under both nonces.
    pub fingerprint: SetHash,
    /// How many tuples the sender gave in this session: what is under way is not missing.
    pub given: u32,
    /// The sender's store also changed for other reasons meanwhile, so that a difference proves nothing.
    pub unsettled: bool,
}

const fn flags(bits: [bool; 2]) -> u8 {
    bits[0] as u8 | (bits[1] as u8) << 1
}

/// The third flag of an ask: its ids are long.
const LONG: u8 = 4;

fn read_flags(reader: &mut Reader<'_>) -> Result<[bool; 2], DecodeError> {
    flags_of(reader.byte()?)
}

fn flags_of(byte: u8) -> Result<[bool; 2], DecodeError> {
    match byte {
        0..4 => Ok([byte & 1 == 1, byte & 2 == 2]),
        _ => Err(DecodeError::NotCanonical),
    }
}

/// Ids are 16 bytes where one of them takes more than 8.
fn are_long(asks: &[Ask]) -> bool {
    asks.iter().any(|ask| ask.id > KeyId::from(u64::MAX))
}

fn read_asks(reader: &mut Reader<'_>) -> Result<Part, DecodeError> {
    let byte = reader.byte()?;
    let long = byte & LONG == LONG;
    let [states, back] = flags_of(byte & !LONG)?;
    let asks = read_list(reader, ASKS_MAX, |reader| {
        let id = if long { u128::from_le_bytes(reader.array()?) } else { u64::from_le_bytes(reader.array()?).into() };
        Ok(Ask { id, version: reader.varint()? })
    })?;
    if long != are_long(&asks) {
        return Err(DecodeError::NotCanonical);
    }
    Ok(Part::Ask { asks, states, back })
}

impl SessionMessage {
    /// Bytes that [`SessionMessage::encode`] appends, without the part's tag.
    pub fn encoded_len(&self) -> usize {
        4 + match &self.part {
            Part::Open(open) => {
                2 + 8
                    + SetHash::LEN
                    + varint_len(open.tuples.into())
                    + varint_len(open.authors.into())
                    + bytes_len(open.words.len())
            }
            Part::Equal | Part::Abort => 0,
            Part::Words(words) => bytes_len(words.len()),
            Part::Ask { asks, .. } => {
                let id = if are_long(asks) { 16 } else { 8 };
                1 + list_len(asks, |ask| id + varint_len(ask.version))
            }
            Part::Authors { known, unknown, bare, .. } => {
                1 + list_len(known, |summary| summary.encoded_len(*bare)) + list_len(unknown, |_| 8)
            }
            Part::Give { tuples, .. } => 1 + list_len(tuples, |tuple| tuple.encoded_len()),
            Part::Check(check) => 8 + SetHash::LEN + varint_len(check.given.into()) + 1,
        }
    }

    /// Appends the encoding behind the part's tag, which is the message's.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.session.to_le_bytes());
        match &self.part {
            Part::Open(open) => {
                out.extend_from_slice(&[open.method as u8, flags([open.salted, false])]);
                out.extend_from_slice(&open.nonce.to_le_bytes());
                out.extend_from_slice(&open.root.0);
                put_varint(out, open.tuples.into());
                put_varint(out, open.authors.into());
                put_bytes(out, &open.words);
            }
            Part::Equal | Part::Abort => {}
            Part::Words(words) => put_bytes(out, words),
            Part::Ask { asks, states, back } => {
                let (long, len) = if are_long(asks) { (LONG, 16) } else { (0, 8) };
                out.push(flags([*states, *back]) | long);
                put_list(out, asks, |ask, out| {
                    out.extend_from_slice(&ask.id.to_le_bytes()[..len]);
                    put_varint(out, ask.version);
                });
            }
            Part::Authors { known, unknown, back, bare } => {
                out.push(flags([*back, *bare]));
                put_list(out, known, |summary, out| summary.encode(*bare, out));
                put_list(out, unknown, |id, out| out.extend_from_slice(&id.to_le_bytes()));
            }
            Part::Give { tuples, last } => {
                out.push(flags([*last, false]));
                put_list(out, tuples, |tuple, out| tuple.encode(out));
            }
            Part::Check(check) => {
                out.extend_from_slice(&check.nonce.to_le_bytes());
                out.extend_from_slice(&check.fingerprint.0);
                put_varint(out, check.given.into());
                out.push(flags([check.unsettled, false]));
            }
        }
    }

    /// Signatures that the receiver has to check.
    pub fn signatures(&self) -> usize {
        if let Part::Give { tuples, .. } = &self.part { tuples.len() } else { 0 }
    }

    /// Reads what is behind the tag of a part.
    pub(in crate::reconcile) fn read(tag: u8, reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let session = u32::from_le_bytes(reader.array()?);
        let part = match tag {
            0 => Part::Open(Opening::read(reader)?),
            1 => Part::Equal,
            2 => Part::Words(reader.bytes(WORDS_LEN_MAX)?.to_vec()),
            3 => read_asks(reader)?,
            4 => {
                let [back, bare] = read_flags(reader)?;
                let known = read_authors(reader, bare)?;
                let unknown = read_list(reader, SUMMARIES_MAX, |reader| Ok(u64::from_le_bytes(reader.array()?)))?;
                if !unknown.is_sorted_by(|a, b| a < b) {
                    return Err(DecodeError::NotCanonical);
                }
                Part::Authors { known, unknown, back, bare }
            }
            5 => {
                let [last, _] = one_flag(reader)?;
                Part::Give { tuples: read_some_tuples(reader)?, last }
            }
            6 => Part::Check(Check {
                nonce: u64::from_le_bytes(reader.array()?),
                fingerprint: SetHash(reader.array()?),
                given: read_u32(reader)?,
                unsettled: one_flag(reader)?[0],
            }),
            7 => Part::Abort,
            _ => return Err(DecodeError::UnknownTag),
        };
        Ok(Self { session, part })
    }
}

impl Part {
    /// Which of the parts this is, from 0.
    pub(in crate::reconcile) const fn tag(&self) -> u8 {
        match self {
            Self::Open(_) => 0,
            Self::Equal => 1,
            Self::Words(_) => 2,
            Self::Ask { .. } => 3,
            Self::Authors { .. } => 4,
            Self::Give { .. } => 5,
            Self::Check(_) => 6,
            Self::Abort => 7,
        }
    }
}

impl Opening {
    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            method: MethodKind::from_tag(reader.byte()?)?,
            salted: one_flag(reader)?[0],
            nonce: u64::from_le_bytes(reader.array()?),
            root: SetHash(reader.array()?),
            tuples: read_u32(reader)?,
            authors: read_u32(reader)?,
            words: reader.bytes(WORDS_LEN_MAX)?.to_vec(),
        })
    }
}

fn one_flag(reader: &mut Reader<'_>) -> Result<[bool; 2], DecodeError> {
    match read_flags(reader)? {
        [_, true] => Err(DecodeError::NotCanonical),
        flags => Ok(flags),
    }
}

fn read_u32(reader: &mut Reader<'_>) -> Result<u32, DecodeError> {
    u32::try_from(reader.varint()?).map_err(|_| DecodeError::LimitExceeded)
}
