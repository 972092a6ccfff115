//! The first cells of a set's sequence. A store keeps one and updates it at every write; that costs about 2 ln m cell
//! operations for m cells (18 for 14,000), instead of the whole set at every session (Yang, Gilad and Alizadeh 2024
//! keep 50 million cells of a ledger up to date in this way in their evaluation).
//!
//! Nothing is remembered of the items: places would take 40 bytes per item always, and would have to be found again at every
//! removal. Whoever makes a prefix longer in several steps, as a session does, finds the [`Places`] of all items once and
//! goes on from there.

use alloc::vec::Vec;
use core::fmt;

use super::mapping::Mapping;
use super::{CELLS_MAX, Cell, Code, Run, Symbol};
use crate::wire::varint_len;

/// How many items are written at a time: their steps do not wait for each other's.
const BATCH: usize = 32;

/// The first cells of a set.
#[derive(Clone, Debug)]
pub struct Prefix<C: Code> {
    code: C,
    cells: Vec<C::Cell>,
    items: u64,
}

/// The items given to [`Prefix::extend`] are not those that the prefix holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ItemsDiffer;

impl fmt::Display for ItemsDiffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the items are not those of the prefix")
    }
}

impl core::error::Error for ItemsDiffer {}

/// Where each item of a set stands behind the cells of a prefix of it: what it adds, and to which cell next.
#[derive(Clone, Debug)]
pub struct Places<C: Code>(Vec<(Mapping, C::Cell)>);

impl<C: Code> Prefix<C> {
    /// The first `len` cells of the empty set, at most [`CELLS_MAX`].
    pub fn new(code: C, len: usize) -> Self {
        Self { code, cells: alloc::vec![C::Cell::default(); len.min(CELLS_MAX)], items: 0 }
    }

    /// The first `len` cells of a set, at most [`CELLS_MAX`]. No item may come twice.
    pub fn build(code: C, len: usize, items: impl IntoIterator<Item = C::Item>) -> Self {
        let mut prefix = Self::new(code, len);
        prefix.items = write_all(&prefix.code, &mut prefix.cells, items);
        prefix
    }

    /// Adds an item that is not in the set.
    pub fn add(&mut self, item: &C::Item) {
        let symbol = self.code.symbol(item);
        self.change(&symbol, |cell, item| *cell += item);
        self.items = self.items.saturating_add(1);
    }

    /// Removes an item that is in the set.
    pub fn remove(&mut self, item: &C::Item) {
        let symbol = self.code.symbol(item);
        self.change(&symbol, |cell, item| *cell -= item);
        self.items = self.items.saturating_sub(1);
    }

    pub(super) fn change(&mut self, symbol: &Symbol<C::Cell>, mut apply: impl FnMut(&mut C::Cell, C::Cell)) {
        let mut mapping = Mapping::new(symbol.hash);
        while let Some(cell) = self.cells.get_mut(mapping.index() as usize) {
            apply(cell, symbol.cell);
            mapping.advance();
        }
    }

    /// The places of all items.
    ///
    /// # Errors
    /// Other items than those that were added.
    pub fn places(&self, items: impl IntoIterator<Item = C::Item>) -> Result<Places<C>, ItemsDiffer> {
        let symbols = items.into_iter().map(|item| self.code.symbol(&item));
        let mut places: Vec<_> = symbols.map(|symbol| (Mapping::new(symbol.hash), symbol.cell)).collect();
        let mut sum = C::Cell::default();
        places.iter().for_each(|&(_, cell)| sum += cell);
        let holds = !self.cells.is_empty();
        if holds && (places.len() as u64 != self.items || self.cells.first().is_some_and(|&first| first != sum)) {
            return Err(ItemsDiffer);
        }
        let end = self.cells.len();
        places.chunks_mut(BATCH).for_each(|batch| walk(batch, end, |_, _| {}));
        Ok(Places(places))
    }

    /// Makes the prefix `len` cells long, at most [`CELLS_MAX`], by the places of its items behind it, which then stand behind
    /// the new cells. Nothing happens where it is as long already.
    pub fn extend(&mut self, len: usize, places: &mut Places<C>) {
        let len = len.min(CELLS_MAX);
        if len <= self.cells.len() {
            return;
        }
        self.cells.resize(len, C::Cell::default());
        self.items = places.0.len() as u64;
        let cells = &mut self.cells;
        places.0.chunks_mut(BATCH).for_each(|batch| walk(batch, len, |index, cell| cells[index] += cell));
    }

    /// The cells.
    pub fn cells(&self) -> &[C::Cell] {
        &self.cells
    }

    /// The number of items in the set.
    pub fn items(&self) -> u64 {
        self.items
    }

    /// How items are written.
    pub fn code(&self) -> &C {
        &self.code
    }

    /// The cells of the remote set without those of the local one, as far as both go: the first cells of their difference.
    pub fn difference(remote: &[C::Cell], local: &[C::Cell]) -> Vec<C::Cell> {
        let subtract = |(&remote, &local): (&C::Cell, &C::Cell)| {
            let mut cell = remote;
            cell -= local;
            cell
        };
        remote.iter().zip(local).map(subtract).collect()
    }

    /// The run of cells from `start` on whose encoding is as long as possible and at most `bytes` long, with at most
    /// `cells` cells; without any where not one fits.
    pub fn run(&self, start: usize, cells: usize, bytes: usize) -> Run<C::Cell> {
        let start = start.min(self.cells.len());
        let header = varint_len(start as u64) + varint_len(self.items);
        let (mut end, mut len) = (start, header);
        for (index, cell) in self.cells.iter().enumerate().skip(start).take(cells.min(Run::<C::Cell>::CELLS_MAX)) {
            len += cell.encoded_len(Run::<C::Cell>::expected(self.items, index));
            if len + varint_len((index + 1 - start) as u64) > bytes {
                break;
            }
            end = index + 1;
        }
        Run { start: start as u32, items: self.items, cells: self.cells[start..end].to_vec() }
    }
}

/// Adds items to the cells; gives their number.
fn write_all<C: Code>(code: &C, cells: &mut [C::Cell], items: impl IntoIterator<Item = C::Item>) -> u64 {
    let mut count = 0u64;
    let mut batch: Vec<(Mapping, C::Cell)> = Vec::with_capacity(BATCH);
    let mut items = items.into_iter();
    loop {
        batch.extend(items.by_ref().take(BATCH).map(|item| {
            let symbol = code.symbol(&item);
            (Mapping::new(symbol.hash), symbol.cell)
        }));
        if batch.is_empty() {
            return count;
        }
        count += batch.len() as u64;
        write_batch(cells, &mut batch);
    }
}

/// Has the items of a batch go on to behind `end`, a step each at a time, and names every cell that they are in before it.
fn walk<C: Cell>(batch: &mut [(Mapping, C)], end: usize, mut write: impl FnMut(usize, C)) {
    let mut going = true;
    while going {
        going = false;
        for (mapping, cell) in &mut *batch {
            let index = mapping.index() as usize;
            if index < end {
                write(index, *cell);
                mapping.advance();
                going = true;
            }
        }
    }
}

/// Writes one cell of each item of the batch at a time, until none has any left.
fn write_batch<C: Cell>(cells: &mut [C], batch: &mut Vec<(Mapping, C)>) {
    while !batch.is_empty() {
        batch.retain_mut(|(mapping, symbol)| {
            let index = mapping.index() as usize;
            if let Some(cell) = cells.get_mut(index) {
                *cell += *symbol;
            }
            mapping.advance();
            (mapping.index() as usize) < cells.len()
        });
    }
}
