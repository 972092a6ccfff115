//! Many short ascending lists of numbers in one vector.
//!
//! Each lies in a block whose size follows from the list's length: 2, 4, 6, 8, 12, 16, 24, 32 and so on, so that less
//! than half is wasted, of all but lists of one. A list that outgrows its block moves to one of the next size; blocks that are given back are
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::below;
    use alloc::collections::BTreeSet;
    use alloc::vec;
    use rand_chacha::ChaCha8Rng;
    use rand_core::SeedableRng;

    /// Against sets, with lists that grow to hundreds and shrink to none; and no more is held than the sizes explain.
    #[test]
    fn lists_are_sets_in_order() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut pool = Pool::new();
        let mut lists = vec![(List::EMPTY, BTreeSet::new()); 20];
        for round in 0..60_000u32 {
            let (list, set) = &mut lists[below(&mut rng, 20) as usize];
            let number = below(&mut rng, 400);
            // Growth and decline take turns.
            if below(&mut rng, 8) < if round / 10_000 % 2 == 0 { 6 } else { 2 } {
                assert_eq!(pool.insert(list, number), set.insert(number));
            } else {
                assert_eq!(pool.remove(list, number), set.remove(&number));
            }
            assert!(pool.get(*list).iter().eq(set.iter()));
            if round.is_multiple_of(100) {
                assert!(lists.iter().all(|(list, set)| pool.get(*list).iter().eq(set.iter())));
            }
        }
        // Drained and filled again, the pool does not grow: what was given back is used.
        for _ in 0..2 {
            lists.iter_mut().for_each(|(list, _)| (0..400).for_each(|number| _ = pool.remove(list, number)));
            lists.iter_mut().for_each(|(list, _)| (0..400).for_each(|number| _ = pool.insert(list, number)));
        }
        let full = pool.words.len();
        lists.iter_mut().for_each(|(list, _)| (0..400).for_each(|number| assert!(pool.remove(list, number))));
        lists.iter_mut().for_each(|(list, _)| (0..400).for_each(|number| assert!(pool.insert(list, number))));
        assert_eq!(pool.words.len(), full);
    }

    #[test]
    fn a_block_holds_its_list_and_less_than_half_is_waste() {
        let mut before = 0;
        for len in 1..100_000 {
            let list = List { len, block: 0 };
            let words = words(list.size());
            assert!(words >= len as usize && words.is_multiple_of(UNIT), "{len}: {words}");
            assert!(len == 1 || words < 2 * len as usize, "{len}: {words}");
            assert_eq!(list.is_full(), words == len as usize, "{len}: {words}");
            assert!(list.size() >= before && list.size() < SIZES);
            before = list.size();
        }
        assert!(List { len: u32::MAX, block: 0 }.size() < SIZES);
    }
}
