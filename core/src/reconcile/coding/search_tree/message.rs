//! What two sides of a Merkle search tree send each other.
//!
//! A message is the number of keys that were found to differ and these keys, then the number of pages and these. A page is a byte
//! that tells whether there is a key before it (bit 0) and behind it (bit 1), these keys, the number of its entries, for
//! each entry the gap before it, its key and its value, and the last gap. A gap is the byte 0 where it is empty, else the byte 1
//! and the hash of the tree in it.

use alloc::vec::Vec;

use super::{Entry, Key};
use crate::wire::{DecodeError, Message, Reader, put_varint, varint_len};

/// The least limit of a message's length, in bytes: a node of average size fits.
pub const FRAME_MIN: usize = 1024;
/// The longest message, in bytes.
pub const FRAME_MAX: usize = 1 << 20;
/// The most pages, each a node or a part of one, in a message.
pub const PAGES_MAX: usize = 1 << 14;

pub(super) const HASH_LEN: usize = 16;
/// The hash of the tree of nothing.
pub(super) const EMPTY: [u8; HASH_LEN] = [0; HASH_LEN];

const KEY_LEN: usize = 16;
const ENTRY_LEN: usize = 2 * KEY_LEN;
const ENTRIES_MAX: usize = FRAME_MAX / ENTRY_LEN;
const KEYS_MAX: usize = FRAME_MAX / KEY_LEN;
/// Everything of a page but its entries and the gaps before them.
const PAGE_LEN_MAX: usize = 1 + 2 * KEY_LEN + varint_len(ENTRIES_MAX as u64) + 1 + HASH_LEN;
/// The counts, and a key that differs and a page that covers all that is left, which can always follow.
const RESERVE: usize = varint_len(KEYS_MAX as u64) + varint_len(PAGES_MAX as u64) + KEY_LEN + PAGE_LEN_MAX;

/// A message of a comparison of two Merkle search trees: at most [`FRAME_MAX`] bytes and [`PAGES_MAX`] pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeMessage {
    /// Sorted.
    pub(super) differing: Vec<Key>,
    /// Sorted, without overlap.
    pub(super) pages: Vec<Page>,
}

/// What a side holds between two keys that are settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) after: Option<Key>,
    pub(super) before: Option<Key>,
    /// Each with the hash of the gap before it.
    pub(super) entries: Vec<([u8; HASH_LEN], Entry)>,
    /// The gap behind the last entry.
    pub(super) last: [u8; HASH_LEN],
}

impl Page {
    fn encoded_len(&self) -> usize {
        let bounds = KEY_LEN * (usize::from(self.after.is_some()) + usize::from(self.before.is_some()));
        let entries: usize = self.entries.iter().map(|(gap, _)| gap_len(gap) + ENTRY_LEN).sum();
        1 + bounds + varint_len(self.entries.len() as u64) + entries + gap_len(&self.last)
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.push(u8::from(self.after.is_some()) | u8::from(self.before.is_some()) << 1);
        [self.after, self.before].iter().flatten().for_each(|key| out.extend_from_slice(key));
        put_varint(out, self.entries.len() as u64);
        for (gap, entry) in &self.entries {
            put_gap(out, gap);
            out.extend_from_slice(&entry.key);
            out.extend_from_slice(&entry.value);
        }
        put_gap(out, &self.last);
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let flags = reader.byte()?;
        if flags > 3 {
            return Err(DecodeError::UnknownTag);
        }
        let after = if flags & 1 == 1 { Some(reader.array()?) } else { None };
        let before = if flags & 2 == 2 { Some(reader.array()?) } else { None };
        let mut entries = Vec::new();
        let mut last_key = after;
        for _ in 0..reader.count(ENTRIES_MAX)? {
            let entry = (gap(reader)?, Entry { key: reader.array()?, value: reader.array()? });
            // No key is less than every other, which is how `None` compares.
            if Some(entry.1.key) <= last_key {
                return Err(DecodeError::NotCanonical);
            }
            last_key = Some(entry.1.key);
            entries.push(entry);
        }
        if before.is_some_and(|before| Some(before) <= last_key) {
            return Err(DecodeError::NotCanonical);
        }
        Ok(Self { after, before, entries, last: gap(reader)? })
    }
}

impl TreeMessage {
    pub(super) fn is_empty(&self) -> bool {
        self.differing.is_empty() && self.pages.is_empty()
    }
}

impl Message for TreeMessage {
    const CLASSES: &'static [&'static str] = &["tree"];

    fn class(&self) -> usize {
        0
    }

    fn encoded_len(&self) -> usize {
        let pages: usize = self.pages.iter().map(Page::encoded_len).sum();
        let counts = varint_len(self.differing.len() as u64) + varint_len(self.pages.len() as u64);
        counts + self.differing.len() * KEY_LEN + pages
    }

    fn encode(&self, out: &mut Vec<u8>) {
        put_varint(out, self.differing.len() as u64);
        self.differing.iter().for_each(|key| out.extend_from_slice(key));
        put_varint(out, self.pages.len() as u64);
        self.pages.iter().for_each(|page| page.encode(out));
    }

    /// Keys ascend, pages ascend without overlap, and there is one or the other.
    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        if bytes.len() > FRAME_MAX {
            return Err(DecodeError::LimitExceeded);
        }
        let mut reader = Reader::new(bytes)?;
        let mut differing: Vec<Key> = Vec::new();
        for _ in 0..reader.count(KEYS_MAX)? {
            let key = reader.array()?;
            if differing.last().is_some_and(|last| *last >= key) {
                return Err(DecodeError::NotCanonical);
            }
            differing.push(key);
        }
        let mut pages: Vec<Page> = Vec::new();
        for _ in 0..reader.count(PAGES_MAX)? {
            let page = Page::decode(&mut reader)?;
            let overlaps = |last: &Page| last.before.is_none_or(|before| page.after.is_none_or(|after| after < before));
            if pages.last().is_some_and(overlaps) {
                return Err(DecodeError::NotCanonical);
            }
            pages.push(page);
        }
        reader.finish()?;
        let message = Self { differing, pages };
        if message.is_empty() { Err(DecodeError::NotCanonical) } else { Ok(message) }
    }
}

/// A message in the making, which never outgrows its frame.
pub(super) struct Draft {
    message: TreeMessage,
    len: usize,
    frame: usize,
}

impl Draft {
    pub(super) fn new(frame: usize) -> Self {
        Self { message: TreeMessage { differing: Vec::new(), pages: Vec::new() }, len: RESERVE, frame }
    }

    /// Appends a key that differs; false where it was the last for which there is room.
    pub(super) fn tell(&mut self, key: Key) -> bool {
        self.message.differing.push(key);
        self.len += KEY_LEN;
        self.len <= self.frame
    }

    /// How many entries fit into a page that is appended now; a few more might.
    pub(super) fn room_for_entries(&self) -> usize {
        self.frame.saturating_sub(self.len + PAGE_LEN_MAX) / (1 + HASH_LEN + ENTRY_LEN)
    }

    /// Appends a page; false, and nothing done, where it does not fit.
    pub(super) fn push(&mut self, page: Page) -> bool {
        let len = self.len + page.encoded_len();
        if len > self.frame || self.message.pages.len() + 1 >= PAGES_MAX {
            return false;
        }
        self.len = len;
        self.message.pages.push(page);
        true
    }

    /// Ends a message that is full with the hash of everything behind a key.
    pub(super) fn leave_rest(&mut self, after: Option<Key>, hash: [u8; HASH_LEN]) {
        self.message.pages.push(Page { after, before: None, entries: Vec::new(), last: hash });
    }

    /// The message, which is empty where nothing is open.
    pub(super) fn finish(self) -> TreeMessage {
        self.message
    }
}

fn gap_len(hash: &[u8; HASH_LEN]) -> usize {
    if *hash == EMPTY { 1 } else { 1 + HASH_LEN }
}

fn put_gap(out: &mut Vec<u8>, hash: &[u8; HASH_LEN]) {
    out.push(u8::from(*hash != EMPTY));
    if *hash != EMPTY {
        out.extend_from_slice(hash);
    }
}

fn gap(reader: &mut Reader<'_>) -> Result<[u8; HASH_LEN], DecodeError> {
    match reader.byte()? {
        0 => Ok(EMPTY),
        1 => Some(reader.array()?).filter(|hash| *hash != EMPTY).ok_or(DecodeError::NotCanonical),
        _ => Err(DecodeError::UnknownTag),
    }
}
