//! What synchronisers send each other. One type serves all three, so that their traffic is reported in the same classes;
//! each ignores what is not part of it. An encoding is a tag byte and the fields of that variant.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::peer::PeerId;
use crate::reconcile::session::SessionMessage;
use crate::store::{Author, SetHash, TUPLE_LEN_MAX, TUPLE_LEN_MIN, Tuple};
use crate::wire::{DecodeError, Message, Reader, put_varint, varint_len};

/// The most bytes of tuples in one message, unless a single tuple is longer.
pub const CHUNK_LEN_MAX: usize = 64 << 10;
/// The most author summaries in one message.
pub const SUMMARIES_MAX: usize = 1024;
/// The longest message of this room, in bytes: a tag, a session, a flag, a count, and tuples. A full message of summaries is shorter.
pub const SYNC_MESSAGE_LEN_MAX: usize =
    1 + 4 + 1 + 2 + if CHUNK_LEN_MAX > TUPLE_LEN_MAX { CHUNK_LEN_MAX } else { TUPLE_LEN_MAX };

/// The class and tag of the first part of a session; the others follow.
const SESSION_TAG: usize = 6;
const TUPLES_MAX: usize = CHUNK_LEN_MAX / TUPLE_LEN_MIN;

const _: () = assert!(1 + 66 + 2 + SUMMARIES_MAX * (PeerId::LEN + 10 + SetHash::LEN) <= SYNC_MESSAGE_LEN_MAX);
const _: () = assert!(size_of::<SyncMessage>() <= 32);

/// A message between synchronisers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SyncMessage {
    /// A part of the sender's store (full push).
    State(Box<[Arc<Tuple>]>),
    /// A tuple that is new to the sender (eager push).
    Rumour {
        /// The news.
        tuple: Arc<Tuple>,
        /// How many times it was sent to get here, this time included; at least 1, and 255 for more.
        hops: u8,
    },
    /// Opens an exchange: the sender's whole store as one hash.
    Root(SetHash),
    /// Answers a root that differs: what the sender holds of a range of authors.
    Summary(Box<Summary>),
    /// Answers a summary: what the sender of this holds of authors of whom it lacks something, by id. Newest 0 is nothing.
    Request(Box<[AuthorSummary]>),
    /// Answers a summary or a request: tuples that the receiver lacks.
    Delta(Box<[Arc<Tuple>]>),
    /// A part of a reconciliation session.
    Session(Box<SessionMessage>),
}

/// What a store holds of all authors in a range of ids. Whoever is in the range and not named has no tuple there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The least id of the range, or `None` for the least of all.
    pub from: Option<PeerId>,
    /// The first id beyond the range, or `None` where it reaches to the end.
    pub to: Option<PeerId>,
    /// By id, at most [`SUMMARIES_MAX`].
    pub authors: Vec<AuthorSummary>,
}

/// What a store holds of one author.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuthorSummary {
    /// Who.
    pub author: PeerId,
    /// The newest version; 0 for an author without tuples.
    pub newest: u64,
    /// The hash of the author's current set; all zero for an author without tuples.
    pub hash: SetHash,
}

impl AuthorSummary {
    /// The summary of an author without tuples.
    pub const fn nothing(author: PeerId) -> Self {
        Self { author, newest: 0, hash: SetHash([0; SetHash::LEN]) }
    }

    /// The summary of an author's current set.
    pub fn of(author: &Author) -> Self {
        Self { author: author.id(), newest: author.newest(), hash: author.hash() }
    }

    /// The same without the hash: what the classic protocol tells of an author.
    pub(super) const fn bare(self) -> Self {
        Self { hash: SetHash([0; SetHash::LEN]), ..self }
    }

    /// A bare encoding leaves the hash out.
    pub(super) fn encoded_len(&self, bare: bool) -> usize {
        PeerId::LEN + varint_len(self.newest) + if self.newest == 0 || bare { 0 } else { SetHash::LEN }
    }

    pub(super) fn encode(&self, bare: bool, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.author.0);
        put_varint(out, self.newest);
        if self.newest > 0 && !bare {
            out.extend_from_slice(&self.hash.0);
        }
    }

    fn decode(reader: &mut Reader<'_>, bare: bool) -> Result<Self, DecodeError> {
        let author = PeerId(reader.array()?);
        match reader.varint()? {
            0 => Ok(Self::nothing(author)),
            newest if bare => Ok(Self { newest, ..Self::nothing(author) }),
            newest => Ok(Self { author, newest, hash: SetHash(reader.array()?) }),
        }
    }
}

impl Summary {
    pub(super) fn encoded_len(&self, bare: bool) -> usize {
        bound_len(self.from) + bound_len(self.to) + list_len(&self.authors, |author| author.encoded_len(bare))
    }

    pub(super) fn encode(&self, bare: bool, out: &mut Vec<u8>) {
        put_bound(out, self.from);
        put_bound(out, self.to);
        put_list(out, &self.authors, |author, out| author.encode(bare, out));
    }

    pub(super) fn read(reader: &mut Reader<'_>, bare: bool) -> Result<Self, DecodeError> {
        let (from, to) = (read_bound(reader)?, read_bound(reader)?);
        let authors = read_authors(reader, bare)?;
        let ordered = from.zip(to).is_none_or(|(from, to)| from < to);
        let inside = |author: &AuthorSummary| {
            author.newest > 0 && from.is_none_or(|from| from <= author.author) && to.is_none_or(|to| author.author < to)
        };
        if ordered && authors.iter().all(inside) {
            Ok(Self { from, to, authors })
        } else {
            Err(DecodeError::NotCanonical)
        }
    }
}

/// Cuts tuples into messages of at most [`CHUNK_LEN_MAX`] bytes of them; a single longer one goes alone.
pub(super) fn in_chunks(tuples: impl IntoIterator<Item = Arc<Tuple>>, mut send: impl FnMut(Box<[Arc<Tuple>]>)) {
    let (mut chunk, mut len) = (Vec::new(), 0);
    for tuple in tuples {
        let next = tuple.encoded_len();
        if len + next > CHUNK_LEN_MAX && !chunk.is_empty() {
            send(core::mem::take(&mut chunk).into_boxed_slice());
            len = 0;
        }
        len += next;
        chunk.push(tuple);
    }
    if !chunk.is_empty() {
        send(chunk.into_boxed_slice());
    }
}

impl Message for SyncMessage {
    const CLASSES: &'static [&'static str] = &[
        "state", "rumour", "root", "summary", "request", "delta", "open", "equal", "words", "ask", "authors", "give",
        "check", "abort",
    ];

    fn class(&self) -> usize {
        match self {
            Self::State(_) => 0,
            Self::Rumour { .. } => 1,
            Self::Root(_) => 2,
            Self::Summary(_) => 3,
            Self::Request(_) => 4,
            Self::Delta(_) => 5,
            Self::Session(session) => SESSION_TAG + session.part.tag() as usize,
        }
    }

    fn encoded_len(&self) -> usize {
        1 + match self {
            Self::State(tuples) | Self::Delta(tuples) => list_len(tuples, |tuple| tuple.encoded_len()),
            Self::Rumour { tuple, .. } => 1 + tuple.encoded_len(),
            Self::Root(_) => SetHash::LEN,
            Self::Summary(summary) => summary.encoded_len(false),
            Self::Request(authors) => list_len(authors, |author| author.encoded_len(false)),
            Self::Session(session) => session.encoded_len(),
        }
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.push(self.class() as u8);
        match self {
            Self::State(tuples) | Self::Delta(tuples) => put_list(out, tuples, |tuple, out| tuple.encode(out)),
            Self::Rumour { tuple, hops } => {
                out.push(*hops);
                tuple.encode(out);
            }
            Self::Root(hash) => out.extend_from_slice(&hash.0),
            Self::Summary(summary) => summary.encode(false, out),
            Self::Request(authors) => put_list(out, authors, |author, out| author.encode(false, out)),
            Self::Session(session) => session.encode(out),
        }
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        if bytes.len() > SYNC_MESSAGE_LEN_MAX {
            return Err(DecodeError::LimitExceeded);
        }
        let mut reader = Reader::new(bytes)?;
        let message = match reader.byte()? {
            0 => Self::State(read_tuples(&mut reader)?),
            1 => match reader.byte()? {
                0 => return Err(DecodeError::NotCanonical),
                hops => Self::Rumour { hops, tuple: Arc::new(Tuple::decode(&mut reader)?) },
            },
            2 => Self::Root(SetHash(reader.array()?)),
            3 => Self::Summary(Box::new(Summary::read(&mut reader, false)?)),
            4 => {
                let authors = read_authors(&mut reader, false)?;
                if authors.is_empty() {
                    return Err(DecodeError::NotCanonical);
                }
                Self::Request(authors.into_boxed_slice())
            }
            5 => Self::Delta(read_tuples(&mut reader)?),
            tag @ 6..14 => Self::Session(Box::new(SessionMessage::read(tag - SESSION_TAG as u8, &mut reader)?)),
            _ => return Err(DecodeError::UnknownTag),
        };
        reader.finish()?;
        Ok(message)
    }

    fn signatures(&self) -> usize {
        match self {
            Self::State(tuples) | Self::Delta(tuples) => tuples.len(),
            Self::Rumour { .. } => 1,
            Self::Session(session) => session.signatures(),
            Self::Root(_) | Self::Summary(_) | Self::Request(_) => 0,
        }
    }
}

pub(super) fn list_len<T>(items: &[T], item_len: impl Fn(&T) -> usize) -> usize {
    varint_len(items.len() as u64) + items.iter().map(item_len).sum::<usize>()
}

pub(super) fn put_list<T>(out: &mut Vec<u8>, items: &[T], put: impl Fn(&T, &mut Vec<u8>)) {
    put_varint(out, items.len() as u64);
    for item in items {
        put(item, out);
    }
}

/// A list of items, whose memory grows only as items are really there.
pub(super) fn read_list<T>(
    reader: &mut Reader<'_>,
    limit: usize,
    mut read: impl FnMut(&mut Reader<'_>) -> Result<T, DecodeError>,
) -> Result<Vec<T>, DecodeError> {
    let count = reader.count(limit)?;
    let mut items = Vec::new();
    for _ in 0..count {
        items.push(read(reader)?);
    }
    Ok(items)
}

fn read_tuples(reader: &mut Reader<'_>) -> Result<Box<[Arc<Tuple>]>, DecodeError> {
    let tuples = read_some_tuples(reader)?;
    if tuples.is_empty() { Err(DecodeError::NotCanonical) } else { Ok(tuples) }
}

/// Tuples, or none.
pub(super) fn read_some_tuples(reader: &mut Reader<'_>) -> Result<Box<[Arc<Tuple>]>, DecodeError> {
    read_list(reader, TUPLES_MAX, |reader| Tuple::decode(reader).map(Arc::new)).map(Vec::into_boxed_slice)
}

/// Summaries in ascending order of their ids.
pub(super) fn read_authors(reader: &mut Reader<'_>, bare: bool) -> Result<Vec<AuthorSummary>, DecodeError> {
    let authors = read_list(reader, SUMMARIES_MAX, |reader| AuthorSummary::decode(reader, bare))?;
    let ascending = authors.is_sorted_by(|a, b| a.author < b.author);
    if ascending { Ok(authors) } else { Err(DecodeError::NotCanonical) }
}

const fn bound_len(bound: Option<PeerId>) -> usize {
    if bound.is_some() { 1 + PeerId::LEN } else { 1 }
}

fn put_bound(out: &mut Vec<u8>, bound: Option<PeerId>) {
    out.push(u8::from(bound.is_some()));
    if let Some(id) = bound {
        out.extend_from_slice(&id.0);
    }
}

fn read_bound(reader: &mut Reader<'_>) -> Result<Option<PeerId>, DecodeError> {
    match reader.byte()? {
        0 => Ok(None),
        1 => Ok(Some(PeerId(reader.array()?))),
        _ => Err(DecodeError::UnknownTag),
    }
}
