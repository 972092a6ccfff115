//! What two sides of range-based reconciliation send each other.
//!
//! A message is the number of its ranges and the ranges in order, each from the end of the one before, the first from the
//! least item; what stands behind the last one is not spoken of. A range is
//!
//! - a byte: its kind in bits 5 and 6, the length of its bound's id in bits 0 to 4, or 17 there for the end of everything;
//! - the bound: its order as the difference to the bound before, and its id as the shortest prefix (zeros follow);
//! - the body: nothing, a fingerprint of 16 bytes, a list of ids, or the ids wanted and those offered. Lists carry their
//!   count; the ids wanted are prefixes, and where there are any, their length in bytes stands before them.

use alloc::vec::Vec;

use super::{Id, Item};
use crate::wire::{DecodeError, Message, Reader, put_varint, varint_len};

/// The least limit of a message's length, in bytes: a split of a range fits, and so does an answer to a list.
pub const FRAME_MIN: usize = 1024;
/// The longest message, in bytes.
pub const FRAME_MAX: usize = 1 << 20;
/// The most ranges of a message.
pub const RANGES_MAX: usize = 1 << 16;
/// The most ids of a list.
pub const LIST_MAX: usize = 31;

pub(super) const FINGERPRINT_LEN: usize = 16;
pub(super) const ID_LEN: usize = 16;
const END_TAG: u8 = 17;

/// A message of range-based reconciliation: at most [`FRAME_MAX`] bytes and [`RANGES_MAX`] ranges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RangeMessage {
    pub(super) ranges: Vec<Range>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) end: Bound,
    pub(super) body: Body,
}

/// Where a range ends, exclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Bound {
    Before(Item),
    End,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Body {
    /// Nothing is open here.
    Skip,
    /// This is the fingerprint of what I hold here.
    Fingerprint([u8; FINGERPRINT_LEN]),
    /// This is what I hold here, sorted: at most [`LIST_MAX`].
    List(Vec<Id>),
    /// Of what you listed I lack `wanted`, and I hold `offered` besides, sorted; not both empty.
    Difference { wanted: Prefixes, offered: Vec<Id> },
}

/// Names some ids of a list that the peer has sent: at most [`LIST_MAX`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Prefixes {
    /// In bytes.
    len: usize,
    /// Sorted, filled up with zeros.
    prefixes: Vec<Id>,
}

impl Prefixes {
    /// Names `chosen`, which stand in `ids`, by prefixes just long enough to tell all of `ids` apart; both sorted.
    pub(super) fn among(ids: &[Id], chosen: &[Id]) -> Self {
        let shared = |pair: &[Id]| pair[0].iter().zip(&pair[1]).take_while(|(a, b)| a == b).count();
        let ids = if chosen.is_empty() { chosen } else { ids };
        let len = ids.windows(2).map(shared).max().map_or(1, |shared| (shared + 1).min(ID_LEN));
        Self { len, prefixes: chosen.iter().map(|id| Self::cut(id, len)).collect() }
    }

    pub(super) fn names(&self, id: &Id) -> bool {
        self.prefixes.binary_search(&Self::cut(id, self.len)).is_ok()
    }

    fn cut(id: &Id, len: usize) -> Id {
        let mut prefix = [0; ID_LEN];
        prefix[..len].copy_from_slice(&id[..len]);
        prefix
    }

    fn encoded_len(&self) -> usize {
        match self.prefixes.len() {
            0 => 1,
            count => varint_len(count as u64) + 1 + count * self.len,
        }
    }

    fn encode(&self, out: &mut Vec<u8>) {
        put_varint(out, self.prefixes.len() as u64);
        if !self.prefixes.is_empty() {
            out.push(self.len as u8);
            self.prefixes.iter().for_each(|prefix| out.extend_from_slice(&prefix[..self.len]));
        }
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let count = reader.count(LIST_MAX)?;
        let len = if count == 0 { 1 } else { usize::from(reader.byte()?) };
        if !(1..=ID_LEN).contains(&len) {
            return Err(DecodeError::LimitExceeded);
        }
        let prefixes = ascending(reader, count, |reader| prefix(reader, len))?;
        Ok(Self { len, prefixes })
    }
}

impl Bound {
    /// The shortest bound that parts two neighbours.
    pub(super) fn between(before: &Item, after: &Item) -> Self {
        let mut id = [0; ID_LEN];
        if before.order == after.order {
            let shared = before.id.iter().zip(&after.id).take_while(|(a, b)| a == b).count();
            let len = (shared + 1).min(ID_LEN);
            id[..len].copy_from_slice(&after.id[..len]);
        }
        Self::Before(Item { order: after.order, id })
    }

    /// The id without the zeros at its end, which need not be sent.
    fn prefix(item: &Item) -> &[u8] {
        let zeros = item.id.iter().rev().take_while(|byte| **byte == 0).count();
        &item.id[..ID_LEN - zeros]
    }

    pub(super) fn order(&self) -> u64 {
        match self {
            Self::Before(item) => item.order,
            Self::End => u64::MAX,
        }
    }
}

impl Range {
    pub(super) fn encoded_len(&self, order_before: u64) -> usize {
        let end_len = match &self.end {
            Bound::End => 1,
            Bound::Before(item) => 1 + varint_len(item.order - order_before) + Bound::prefix(item).len(),
        };
        end_len
            + match &self.body {
                Body::Skip => 0,
                Body::Fingerprint(_) => FINGERPRINT_LEN,
                Body::List(ids) => ids_len(ids),
                Body::Difference { wanted, offered } => wanted.encoded_len() + ids_len(offered),
            }
    }

    fn encode(&self, order_before: u64, out: &mut Vec<u8>) {
        let kind = match &self.body {
            Body::Skip => 0,
            Body::Fingerprint(_) => 1,
            Body::List(_) => 2,
            Body::Difference { .. } => 3,
        } << 5;
        match &self.end {
            Bound::End => out.push(kind | END_TAG),
            Bound::Before(item) => {
                let prefix = Bound::prefix(item);
                out.push(kind | prefix.len() as u8);
                put_varint(out, item.order - order_before);
                out.extend_from_slice(prefix);
            }
        }
        match &self.body {
            Body::Skip => {}
            Body::Fingerprint(fingerprint) => out.extend_from_slice(fingerprint),
            Body::List(ids) => put_ids(out, ids),
            Body::Difference { wanted, offered } => {
                wanted.encode(out);
                put_ids(out, offered);
            }
        }
    }

    fn decode(reader: &mut Reader<'_>, order_before: u64) -> Result<Self, DecodeError> {
        let tag = reader.byte()?;
        let end = match tag & 0x1f {
            END_TAG => Bound::End,
            len => {
                let order = order_before.checked_add(reader.varint()?).ok_or(DecodeError::BadInteger)?;
                let bound = Item { order, id: prefix(reader, usize::from(len))? };
                if Bound::prefix(&bound).len() != usize::from(len) {
                    return Err(DecodeError::NotCanonical);
                }
                Bound::Before(bound)
            }
        };
        let body = match tag >> 5 {
            0 => Body::Skip,
            1 => Body::Fingerprint(reader.array()?),
            2 => Body::List(ids(reader, LIST_MAX)?),
            3 => {
                let (wanted, offered) = (Prefixes::decode(reader)?, ids(reader, FRAME_MAX / ID_LEN)?);
                if wanted.prefixes.is_empty() && offered.is_empty() {
                    return Err(DecodeError::NotCanonical);
                }
                Body::Difference { wanted, offered }
            }
            _ => return Err(DecodeError::UnknownTag),
        };
        Ok(Self { end, body })
    }
}

impl RangeMessage {
    #[cfg(test)]
    pub(super) fn single(end: Bound) -> Self {
        Self { ranges: alloc::vec![Range { end, body: Body::Fingerprint([0; FINGERPRINT_LEN]) }] }
    }

    /// Each range with the order of the bound before it.
    fn ranges_with_order(&self) -> impl Iterator<Item = (&Range, u64)> {
        let before = [0].into_iter().chain(self.ranges.iter().map(|range| range.end.order()));
        self.ranges.iter().zip(before)
    }
}

impl Message for RangeMessage {
    const CLASSES: &'static [&'static str] = &["ranges"];

    fn class(&self) -> usize {
        0
    }

    fn encoded_len(&self) -> usize {
        let ranges = self.ranges_with_order().map(|(range, order)| range.encoded_len(order));
        varint_len(self.ranges.len() as u64) + ranges.sum::<usize>()
    }

    fn encode(&self, out: &mut Vec<u8>) {
        put_varint(out, self.ranges.len() as u64);
        self.ranges_with_order().for_each(|(range, order)| range.encode(order, out));
    }

    /// There are ranges, they ascend, and a skipped one stands neither last nor beside another.
    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        if bytes.len() > FRAME_MAX {
            return Err(DecodeError::LimitExceeded);
        }
        let mut reader = Reader::new(bytes)?;
        let count = reader.count(RANGES_MAX)?;
        let mut ranges: Vec<Range> = Vec::new();
        let mut before = Bound::Before(Item { order: 0, id: [0; ID_LEN] });
        for _ in 0..count {
            let range = Range::decode(&mut reader, before.order())?;
            let twice = range.body == Body::Skip && ranges.last().is_some_and(|last| last.body == Body::Skip);
            if range.end <= before || twice {
                return Err(DecodeError::NotCanonical);
            }
            before = range.end;
            ranges.push(range);
        }
        reader.finish()?;
        if ranges.last().is_none_or(|last| last.body == Body::Skip) {
            return Err(DecodeError::NotCanonical);
        }
        Ok(Self { ranges })
    }
}

fn ids_len(ids: &[Id]) -> usize {
    varint_len(ids.len() as u64) + ids.len() * ID_LEN
}

fn put_ids(out: &mut Vec<u8>, ids: &[Id]) {
    put_varint(out, ids.len() as u64);
    ids.iter().for_each(|id| out.extend_from_slice(id));
}

fn ids(reader: &mut Reader<'_>, limit: usize) -> Result<Vec<Id>, DecodeError> {
    let count = reader.count(limit)?;
    ascending(reader, count, Reader::array)
}

/// An id of which the first bytes are there and the others are zero.
fn prefix(reader: &mut Reader<'_>, len: usize) -> Result<Id, DecodeError> {
    let mut id = [0; ID_LEN];
    for byte in id.get_mut(..len).ok_or(DecodeError::LimitExceeded)? {
        *byte = reader.byte()?;
    }
    Ok(id)
}

fn ascending<'a>(
    reader: &mut Reader<'a>,
    count: usize,
    read: impl Fn(&mut Reader<'a>) -> Result<Id, DecodeError>,
) -> Result<Vec<Id>, DecodeError> {
    let mut ids: Vec<Id> = Vec::new();
    for _ in 0..count {
        let id = read(reader)?;
        if ids.last().is_some_and(|last| *last >= id) {
            return Err(DecodeError::NotCanonical);
        }
        ids.push(id);
    }
    Ok(ids)
}
