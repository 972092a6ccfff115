//! The invertible Bloom lookup table: a table of cells from which the difference of two sets is peeled (D. Eppstein,
//! M. T. Goodrich, F. Uyeda and G. Varghese, "What's the difference? Efficient set reconciliation without prior context",
//! SIGCOMM 2011, section 3, there called invertible Bloom filter; M. T. Goodrich and M. Mitzenmacher, "Invertible Bloom lookup
//! tables", Allerton 2011).
//!
//! Each item is added to one cell in each of 3 or 4 subtables. A cell is the XOR of its items, the XOR of their checks, and their
//! number. The difference of two tables holds the difference of the sets; a cell with one item in it, a pure one, gives the
//! item away, which is taken out of its other cells, and so on. Asymptotically that succeeds from 1.222 cells per difference on
//! with 3 subtables and 1.295 with 4; for few differences 4 fail more seldom.
//!
//! A cell with several items passes for a pure one where the check of their XOR happens to be the XOR of their checks, and
//! where it is among the cells of that XOR: with a probability of 2^-32 times one over the width of a subtable. At most every cell
//! is looked at once and every item touches as many as there are subtables, so the whole table is mistaken with a
//! probability below 20 * 2^-32, however large it is; and an item that is not there mostly shows, since its other cells do not
//! become empty. So 4 bytes of check are enough. Both hold against peers only under a salt that they did not know when
//! they chose their items.

use alloc::vec;
use alloc::vec::Vec;
use core::fmt::Debug;
use core::ops::BitXor;

use super::salt::Salt;
use crate::wire::{DecodeError, Reader, put_varint, varint_len};

/// The most cells of a table: some 6 MB on the wire.
pub const CELLS_MAX: usize = 1 << 18;

/// What a table holds: bit strings of a fixed length.
pub trait Item: Copy + Debug + Default + Ord + BitXor<Output = Self> {
    /// Bytes of an item.
    const LEN: usize;
    /// Two words of hash.
    fn hash(self, salt: Salt) -> [u64; 2];
    /// Appends it, low byte first.
    fn encode(self, out: &mut Vec<u8>);
    /// Reads it.
    ///
    /// # Errors
    /// Fewer bytes are left.
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError>;
}

macro_rules! item {
    ($($integer:ty),*) => { $(impl Item for $integer {
        const LEN: usize = size_of::<Self>();

        fn hash(self, salt: Salt) -> [u64; 2] {
            salt.hash128(&self.to_le_bytes())
        }

        fn encode(self, out: &mut Vec<u8>) {
            out.extend_from_slice(&self.to_le_bytes());
        }

        fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
            reader.array().map(Self::from_le_bytes)
        }
    })* };
}

item!(u32, u128);

/// How many cells a table has, in how many subtables. Only tables of one shape and salt can be subtracted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    subtables: usize,
    width: usize,
}

impl Shape {
    /// At least this many cells, rounded up to subtables of one width, but at most [`CELLS_MAX`]; in 3 subtables, or else in 4.
    pub fn new(subtables: usize, cells: usize) -> Self {
        let subtables = subtables.clamp(3, 4);
        Self { subtables, width: cells.div_ceil(subtables).clamp(1, CELLS_MAX / subtables) }
    }

    /// Cells enough for this many differences to peel in at least 99 of 100 cases: 1.4 cells for each and 24 in 4 subtables;
    /// from 3,000 on 1.3 and 24 in 3. With fewer differences 3 fail too often, as two items that share their cells
    /// get stuck. Beyond [`CELLS_MAX`] they do not peel.
    pub fn for_differences(differences: u64) -> Self {
        let differences = differences.min(CELLS_MAX as u64) as usize;
        match differences {
            0..3_000 => Self::new(4, differences * 7 / 5 + 24),
            _ => Self::new(3, differences * 13 / 10 + 24),
        }
    }

    /// How many cells there are.
    pub fn cells(self) -> usize {
        self.subtables * self.width
    }

    /// The cells of a hash, one in each subtable: two digits to the base of the width from each word, the highest first.
    fn places(self, hash: [u64; 2]) -> impl Iterator<Item = usize> {
        let digits = hash.into_iter().flat_map(move |word| {
            let first = u128::from(word) * self.width as u128;
            let second = u128::from(first as u64) * self.width as u128;
            [(first >> 64) as usize, (second >> 64) as usize]
        });
        digits.take(self.subtables).enumerate().map(move |(subtable, place)| subtable * self.width + place)
    }
}

/// An invertible Bloom lookup table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Iblt<T = u128> {
    shape: Shape,
    salt: Salt,
    cells: Vec<Cell<T>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Cell<T> {
    sum: T,
    check: u32,
    count: i32,
}

/// What one of two sets holds and the other does not, sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference<T = u128> {
    /// Items of the table that was subtracted from.
    pub only_remote: Vec<T>,
    /// Items of the table that was subtracted.
    pub only_local: Vec<T>,
}

impl<T: Item> Iblt<T> {
    /// The table of the empty set.
    pub fn new(shape: Shape, salt: Salt) -> Self {
        Self { shape, salt, cells: vec![Cell::default(); shape.cells()] }
    }

    /// How many cells there are, and in how many subtables.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Adds an item that is not in the set.
    pub fn insert(&mut self, item: T) {
        self.add(item, item.hash(self.salt), 1);
    }

    /// Takes out an item that is in the set.
    pub fn remove(&mut self, item: T) {
        self.add(item, item.hash(self.salt), -1);
    }

    fn add(&mut self, item: T, hash: [u64; 2], count: i32) {
        for place in self.shape.places(hash) {
            self.cells[place].add(Cell { sum: item, check: check(hash), count });
        }
    }

    /// Becomes the table of the difference. False, and nothing happens, where the other has another shape or salt.
    pub fn subtract(&mut self, other: &Self) -> bool {
        let alike = self.shape == other.shape && self.salt == other.salt;
        if alike {
            for (cell, other) in self.cells.iter_mut().zip(&other.cells) {
                cell.add(Cell { count: other.count.wrapping_neg(), ..*other });
            }
        }
        alike
    }

    /// Peels a difference of two tables, or gives `None` where there are too many differences for the table, or where it is none
    /// of honest tables. Takes time proportional to the number of cells, whatever is in them: no honest table
    /// holds more items than cells and still peels.
    pub fn differences(mut self) -> Option<Difference<T>> {
        let mut found = Difference::default();
        let mut waiting: Vec<usize> = (0..self.cells.len()).filter(|&place| self.cells[place].count != 0).collect();
        while let Some(place) = waiting.pop() {
            let Cell { sum: item, check: sum_of_checks, count } = self.cells[place];
            if count.wrapping_abs() != 1 {
                continue;
            }
            let hash = item.hash(self.salt);
            if check(hash) != sum_of_checks || !self.shape.places(hash).any(|other| other == place) {
                continue;
            }
            if found.len() == self.cells.len() {
                return None;
            }
            if count == 1 {
                found.only_remote.push(item)
            } else {
                found.only_local.push(item)
            }
            self.add(item, hash, -count);
            waiting.extend(self.shape.places(hash));
        }
        (self.is_zero() && found.sort()).then_some(found)
    }

    /// True where all cells are empty.
    pub fn is_zero(&self) -> bool {
        self.cells.iter().all(|cell| *cell == Cell::default())
    }

    /// The exact number of bytes that [`Iblt::encode`] appends.
    pub fn encoded_len(&self) -> usize {
        1 + varint_len(self.shape.width as u64) + self.cells_len()
    }

    /// Appends the number of subtables, their width and the cells. The salt is not part of it.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.push(self.shape.subtables as u8);
        put_varint(out, self.shape.width as u64);
        self.encode_cells(out);
    }

    /// Reads a table that was made under this salt.
    ///
    /// # Errors
    /// There are more than [`CELLS_MAX`] cells, or it is not an encoding of a table.
    pub fn decode(reader: &mut Reader<'_>, salt: Salt) -> Result<Self, DecodeError> {
        let subtables = match reader.byte()? {
            subtables @ 3..=4 => usize::from(subtables),
            _ => return Err(DecodeError::UnknownTag),
        };
        let width = reader.count(CELLS_MAX / subtables)?;
        if width == 0 {
            return Err(DecodeError::NotCanonical);
        }
        Self::decode_cells(reader, Shape { subtables, width }, salt)
    }

    pub(super) fn cells_len(&self) -> usize {
        self.cells.iter().map(|cell| T::LEN + 4 + varint_len(zigzag(cell.count))).sum()
    }

    pub(super) fn encode_cells(&self, out: &mut Vec<u8>) {
        for cell in &self.cells {
            cell.sum.encode(out);
            out.extend_from_slice(&cell.check.to_le_bytes());
            put_varint(out, zigzag(cell.count));
        }
    }

    /// Grows with what is read, since the number of cells is a peer's word.
    pub(super) fn decode_cells(reader: &mut Reader<'_>, shape: Shape, salt: Salt) -> Result<Self, DecodeError> {
        let mut cells = Vec::new();
        for _ in 0..shape.cells() {
            let (sum, check) = (T::decode(reader)?, u32::from_le_bytes(reader.array()?));
            let count = u32::try_from(reader.varint()?).map_err(|_| DecodeError::LimitExceeded)?;
            cells.push(Cell { sum, check, count: (count >> 1) as i32 ^ -((count & 1) as i32) });
        }
        Ok(Self { shape, salt, cells })
    }
}

impl<T: Item> Cell<T> {
    /// Counts wrap, since a peer may state any.
    fn add(&mut self, other: Self) {
        self.sum = self.sum ^ other.sum;
        self.check ^= other.check;
        self.count = self.count.wrapping_add(other.count);
    }
}

impl<T: Item> Difference<T> {
    /// How many items there are on both sides.
    pub fn len(&self) -> usize {
        self.only_remote.len() + self.only_local.len()
    }

    /// True where both sets are alike.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Sorts the items; false if one is there twice.
    fn sort(&mut self) -> bool {
        self.only_remote.sort_unstable();
        self.only_local.sort_unstable();
        let distinct = |items: &[T]| items.windows(2).all(|pair| pair[0] != pair[1]);
        let elsewhere = |item| self.only_local.binary_search(item).is_ok();
        distinct(&self.only_remote) && distinct(&self.only_local) && !self.only_remote.iter().any(elsewhere)
    }
}

/// The low half of the second word: the digits that are taken from it are taken from the top.
fn check(hash: [u64; 2]) -> u32 {
    hash[1] as u32
}

/// Small numbers of either sign to small numbers.
fn zigzag(count: i32) -> u64 {
    u64::from((count << 1 ^ count >> 31) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::btree_set;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    /// The table of as many items, of which half are to be subtracted, under a salt of its own for every trial.
    fn difference(shape: Shape, differences: usize, trial: u64) -> Iblt {
        let mut table = Iblt::new(shape, Salt([trial, (shape.cells() + differences) as u64]));
        for item in 0..differences as u128 {
            if item % 2 == 0 { table.insert(item) } else { table.remove(item) }
        }
        table
    }

    fn peeled(shape: Shape, differences: usize, trials: u64) -> u64 {
        let peels = |&trial: &u64| match difference(shape, differences, trial).differences() {
            Some(found) => {
                let both = found.only_remote.iter().chain(&found.only_local).copied().collect::<BTreeSet<u128>>();
                assert_eq!(both, (0..differences as u128).collect());
                true
            }
            None => false,
        };
        (0..trials).filter(peels).count() as u64
    }

    /// Goodrich and Mitzenmacher 2011, table 1: the thresholds are 1.222 and 1.295 cells per difference.
    #[test]
    fn peeling_succeeds_above_the_published_thresholds_and_fails_below() {
        const DIFFERENCES: usize = 5_000;
        for (subtables, threshold) in [(3, 1.222), (4, 1.295)] {
            let at = |factor: f64| Shape::new(subtables, (DIFFERENCES as f64 * threshold * factor) as usize);
            assert_eq!(peeled(at(0.95), DIFFERENCES, 8), 0);
            assert!(peeled(at(1.05), DIFFERENCES, 8) >= 7);
        }
    }

    /// Two items get stuck if they share all their cells: in k subtables of width w with probability w^-k.
    #[test]
    fn two_items_collide_as_often_as_they_should() {
        const TRIALS: u64 = 4_000;
        for (subtables, width) in [(3, 2), (4, 2), (3, 3), (4, 3)] {
            let failed = TRIALS - peeled(Shape::new(subtables, subtables * width), 2, TRIALS);
            let probability = 1.0 / width.pow(subtables as u32) as f64;
            let expected = TRIALS as f64 * probability;
            let deviation = libm::sqrt(expected * (1.0 - probability));
            assert!((failed as f64 - expected).abs() <= 4.0 * deviation, "{subtables} of {width}: {failed}");
        }
    }

    #[test]
    fn tables_as_large_as_stated_peel_as_often_as_stated() {
        for (differences, trials) in
            [(1, 400), (2, 2_000), (5, 2_000), (20, 2_000), (100, 1_000), (700, 200), (3_000, 40)]
        {
            let failed = trials - peeled(Shape::for_differences(differences as u64), differences, trials);
            let allowed = trials as f64 * 0.01;
            assert!(failed as f64 <= allowed + 3.0 * libm::sqrt(allowed), "{differences}: {failed} of {trials}");
        }
        assert!(Shape::for_differences(u64::MAX).cells() <= CELLS_MAX);
    }

    #[test]
    fn a_table_that_refills_itself_ends() {
        // The item lies in one of its cells only, so taking it out puts it into the others, and back again.
        let mut table = Iblt::<u128>::new(Shape::new(3, 30), Salt::default());
        let hash = 7u128.hash(table.salt);
        let place = table.shape.places(hash).next().unwrap();
        table.cells[place] = Cell { sum: 7, check: check(hash), count: 1 };
        assert_eq!(table.differences(), None);
    }

    #[test]
    fn foreign_tables_and_bad_encodings_are_refused() {
        let mut table = Iblt::<u128>::new(Shape::new(3, 30), Salt([1, 2]));
        assert!(!table.subtract(&Iblt::new(Shape::new(3, 33), Salt([1, 2]))));
        assert!(!table.subtract(&Iblt::new(Shape::new(3, 30), Salt([1, 3]))));
        let decode =
            |bytes: &[u8]| Iblt::<u128>::decode(&mut Reader::new(bytes).unwrap(), Salt::default()).unwrap_err();
        assert_eq!(decode(&[5, 1]), DecodeError::UnknownTag);
        assert_eq!(decode(&[3, 0]), DecodeError::NotCanonical);
        assert_eq!(decode(&[4, 0x81, 0x80, 0x04]), DecodeError::LimitExceeded);
        let mut cell = [0; 63 + 2];
        cell[..2].copy_from_slice(&[3, 1]);
        cell[22] = 0x80;
        assert_eq!(decode(&cell), DecodeError::BadInteger);
    }

    proptest! {
        #[test]
        fn peeling_tells_the_sides_apart(
            remote in btree_set(any::<u128>(), 0..40),
            local in btree_set(any::<u128>(), 0..40),
            common in btree_set(any::<u128>(), 0..40),
            salt in any::<[u64; 2]>(),
        ) {
            let (remote, local): (BTreeSet<u128>, BTreeSet<u128>) = (&remote | &common, &local | &common);
            let table = |items: &BTreeSet<u128>| {
                let mut table = Iblt::new(Shape::new(4, 400), Salt(salt));
                items.iter().for_each(|&item| table.insert(item));
                table
            };
            let mut difference = table(&remote);
            prop_assert!(difference.subtract(&table(&local)));
            let found = difference.differences().unwrap();
            prop_assert_eq!(found.only_remote, remote.difference(&local).copied().collect::<Vec<_>>());
            prop_assert_eq!(found.only_local, local.difference(&remote).copied().collect::<Vec<_>>());
        }

        #[test]
        fn the_encoding_is_exact(items in btree_set(any::<u128>(), 0..60), subtables in 3..=4usize, cells in 0..40usize) {
            let mut table = Iblt::new(Shape::new(subtables, cells), Salt([3, 4]));
            for &item in &items {
                if item % 3 == 0 { table.remove(item) } else { table.insert(item) }
            }
            let mut bytes = Vec::new();
            table.encode(&mut bytes);
            prop_assert_eq!(bytes.len(), table.encoded_len());
            let mut reader = Reader::new(&bytes).unwrap();
            prop_assert_eq!(Iblt::decode(&mut reader, Salt([3, 4])), Ok(table));
            prop_assert_eq!(reader.finish(), Ok(()));
            prop_assert!(Iblt::<u128>::decode(&mut Reader::new(&bytes[..bytes.len() - 1]).unwrap(), Salt([3, 4])).is_err());
        }

        /// Any cells at all, pure ones among them: an answer leaves nothing in the table.
        #[test]
        fn hostile_tables_end(cells in proptest::collection::vec((0..4u32, any::<bool>(), -2..3i32), 12), extreme in any::<bool>()) {
            let mut table = Iblt::<u32>::new(Shape::new(3, 12), Salt::default());
            for (cell, &(sum, honest, count)) in table.cells.iter_mut().zip(&cells) {
                let check = if honest { check(sum.hash(Salt::default())) } else { 0 };
                *cell = Cell { sum, check, count: if extreme { i32::MIN + count.abs() } else { count } };
            }
            if let Some(found) = table.clone().differences() {
                found.only_remote.iter().for_each(|&item| table.remove(item));
                found.only_local.iter().for_each(|&item| table.insert(item));
                prop_assert!(table.is_zero());
            }
        }
    }
}
