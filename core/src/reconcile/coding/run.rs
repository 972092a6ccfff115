//! A run of consecutive cells on the wire: where it begins, how many items the set has, how many cells follow, and the
//! cells. A cell that counts its items is expected to hold N / (1 + i/2) of N, so only the small difference from that is
//! sent (Yang, Gilad and Alizadeh 2024, on their implementation: 1.05 bytes on average for a million items and 10,000 cells).

use alloc::vec::Vec;

use super::{CELLS_MAX, Cell};
use crate::wire::{DecodeError, Reader, put_varint, varint_len};

/// The most items that a peer may say its set has.
const ITEMS_MAX: u64 = 1 << 48;

/// Consecutive cells of a set.
#[derive(Clone, Debug, PartialEq)]
pub struct Run<C> {
    /// The index of the first.
    pub start: u32,
    /// How many items the sender's set has.
    pub items: u64,
    /// The cells.
    pub cells: Vec<C>,
}

impl<C: Cell> Run<C> {
    /// The most cells of a run.
    pub const CELLS_MAX: usize = 1 << 16;

    /// About how many of `items` items cell `index` holds: items / (1 + index / 2), rounded.
    pub const fn expected(items: u64, index: usize) -> u64 {
        let half_pairs = index as u64 + 2;
        let items = if items < ITEMS_MAX { items } else { ITEMS_MAX };
        (2 * items + half_pairs / 2) / half_pairs
    }

    fn with_expected(&self) -> impl Iterator<Item = (&C, u64)> {
        self.cells.iter().enumerate().map(|(at, cell)| (cell, Self::expected(self.items, self.start as usize + at)))
    }

    /// The exact number of bytes that [`Run::encode`] appends.
    pub fn encoded_len(&self) -> usize {
        let header = varint_len(u64::from(self.start)) + varint_len(self.items) + varint_len(self.cells.len() as u64);
        header + self.with_expected().map(|(cell, expected)| cell.encoded_len(expected)).sum::<usize>()
    }

    /// Appends the canonical encoding. A run that [`Run::decode`] accepts has at most [`Run::CELLS_MAX`] cells of a set of
    /// at most 2^48 items.
    pub fn encode(&self, out: &mut Vec<u8>) {
        put_varint(out, u64::from(self.start));
        put_varint(out, self.items);
        put_varint(out, self.cells.len() as u64);
        self.with_expected().for_each(|(cell, expected)| cell.encode(expected, out));
    }

    /// Reads a run.
    ///
    /// # Errors
    /// The bytes are not the canonical encoding of a run within the limits.
    pub fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let start = reader.varint()?;
        let items = reader.varint()?;
        let count = reader.count(Self::CELLS_MAX)?;
        let limit = (CELLS_MAX - count) as u64;
        if start > limit || items > ITEMS_MAX {
            return Err(DecodeError::LimitExceeded);
        }
        let cell = |at| C::decode(reader, items, Self::expected(items, start as usize + at));
        let cells = (0..count).map(cell).collect::<Result<_, _>>()?;
        Ok(Self { start: start as u32, items, cells })
    }
}
