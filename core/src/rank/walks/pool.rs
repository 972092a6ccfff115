//! Many short ascending lists of numbers in one vector.
//!
//! Each lies in a block whose size follows from the list's length: 2, 4, 6, 8, 12, 16, 24, 32 and so on, so that less
//! than half is wasted. A list that outgrows its block moves to one of the next size; blocks that are given back are
//! chained, by size, through their first word (segregated free lists: P. R. Wilson et al., "Dynamic storage
//! allocation", IWMM 1995).

use alloc::vec::Vec;
use core::ops::Range;

/// Blocks start at multiples of this, and their sizes are such.
const UNIT: usize = 2;
/// No block.
const NONE: u32 = u32::MAX;
/// One size for each power of two below 2^32, and one between each two.
const SIZES: usize = 64;
/// Up to this length all items are compared: no branch depends on them.
const SHORT: usize = 16;

/// A list: its length, and where its block starts, in units.
#[derive(Clone, Copy, Debug)]
pub(super) struct List {
    len: u32,
    block: u32,
}

impl List {
    pub(super) const EMPTY: Self = Self { len: 0, block: 0 };

    pub(super) fn is_empty(self) -> bool {
        self.len == 0
    }

    fn start(self) -> usize {
        self.block as usize * UNIT
    }

    fn range(self) -> Range<usize> {
        self.start()..self.start() + self.len as usize
    }

    /// Whether it fills its block; an empty list has none.
    #[inline]
    fn is_full(self) -> bool {
        self.len.is_multiple_of(2) && (self.len == 0 || self.len >> self.len.trailing_zeros() <= 3)
    }

    /// Which size its block has, if it is not empty.
    fn size(self) -> usize {
        let last = (self.len - 1) | 1;
        let top = last.ilog2();
        (2 * top + (last >> top.saturating_sub(1) & 1)) as usize
    }
}

/// The words of a block.
fn words(size: usize) -> usize {
    (3 + size % 2) << (size / 2) >> 1
}

/// The place of the first item that is at least this number.
#[inline]
fn place(items: &[u32], number: u32) -> usize {
    if items.len() > SHORT {
        return items.partition_point(|&item| item < number);
    }
    items.iter().map(|&item| usize::from(item < number)).sum()
}

/// Where the lists lie.
#[derive(Clone, Debug)]
pub(super) struct Pool {
    words: Vec<u32>,
    /// The first free block of each size.
    free: [u32; SIZES],
}

impl Pool {
    pub(super) const fn new() -> Self {
        Self { words: Vec::new(), free: [NONE; SIZES] }
    }

    /// Bytes that are reserved.
    pub(super) fn bytes(&self) -> usize {
        size_of::<u32>() * self.words.capacity()
    }

    pub(super) fn get(&self, list: List) -> &[u32] {
        &self.words[list.range()]
    }

    /// Puts a number in; whether it was not in before.
    #[inline]
    pub(super) fn insert(&mut self, list: &mut List, number: u32) -> bool {
        let len = list.len as usize;
        let items = self.get(*list);
        let place = match items.last() {
            Some(&last) if last >= number => place(items, number),
            _ => len,
        };
        if items.get(place) == Some(&number) {
            return false;
        }
        if list.is_full() {
            self.resize(list, list.len + 1);
        }
        let start = list.start();
        if place < len {
            self.words.copy_within(start + place..start + len, start + place + 1);
        }
        self.words[start + place] = number;
        list.len += 1;
        true
    }

    /// Takes a number out; whether it was in.
    #[inline]
    pub(super) fn remove(&mut self, list: &mut List, number: u32) -> bool {
        let items = &mut self.words[list.range()];
        let place = place(items, number);
        if items.get(place) != Some(&number) {
            return false;
        }
        items.copy_within(place + 1.., place);
        let shorter = List { len: list.len - 1, ..*list };
        if shorter.is_full() {
            self.resize(list, shorter.len);
        }
        list.len = shorter.len;
        true
    }

    /// Moves what a list has in a block of another length to one for `len`. Its length stays, unless it is shorter
    /// then.
    fn resize(&mut self, list: &mut List, len: u32) {
        let mut block = 0;
        if len > 0 {
            block = self.take(List { len, block }.size());
            let start = list.start();
            let kept = list.len.min(len) as usize;
            self.words.copy_within(start..start + kept, block as usize * UNIT);
        }
        if !list.is_empty() {
            let size = list.size();
            self.words[list.start()] = self.free[size];
            self.free[size] = list.block;
        }
        list.block = block;
    }

    /// A block of a size.
    fn take(&mut self, size: usize) -> u32 {
        let first = self.free[size];
        if first != NONE {
            self.free[size] = self.words[first as usize * UNIT];
            return first;
        }
        let (end, words) = (self.words.len(), words(size));
        if self.words.capacity() - end < words {
            // Vectors double; this one is large, and stays.
            self.words.reserve_exact(words.max(end / 8));
        }
        self.words.resize(end + words, 0);
        (end / UNIT) as u32
    }
}
