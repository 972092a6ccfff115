//! An attack: tuples chosen so that they hide a victim's tuple in the cells of the plain rateless code, under a salt that is
//! known. It is here to show that sessions survive it (hoytech, issue 3 of the `riblt` repository, found that they would not).
//!
//! A cell is three sums: 128 bits of items (key id, state id), 64 bits of their checks, and their number. The first two are
//! linear over GF(2), so of any 193 random items some subset adds up to any item in all 192 bits; Gaussian elimination finds
//! it at once, however good the hashes are. Their number is an integer: it cancels where half of the subset and the victim
//! are on one side and half on the other, which whoever signs tuples arranges by showing one half to each peer. A subset of
//! an odd size makes the halves even: one row more.
//!
//! A decoder peels whatever came in one message before it looks at cell 0, so to have the session end in peace all cells of a
//! message must cancel. Items in the same of these cells as the victim do that together, with the same 193 rows: 193 / P
//! hashes, where P is the share of such items. For some 45 cells, which are 1,200 bytes, P is 2^-21 for the median victim and 2^-10
//! for one that is in cell 0 alone.

use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::reconcile::coding::mapping::Mapping;
use crate::reconcile::coding::riblt::Riblt;
use crate::reconcile::coding::{Code, Salt};
use crate::reconcile::session::Index;
use crate::store::{Store, Tuple};

/// Rows that nearly always have the subset: 193, and a chance of one in 4,096 less for each that is on top.
const ROWS: usize = 205;

/// What an item adds to its cells, and one bit by which subsets of odd size are told.
type Row = [u64; 4];
/// A sum of rows, and of which ones.
type Combination = (Row, [u64; 4]);

/// The attack on stores whose ids are under one salt.
#[derive(Debug)]
pub struct Cancellation {
    salt: Salt,
    index: Index,
    cells: u32,
}

impl Cancellation {
    /// Aims at the first so many cells, one at least.
    #[must_use]
    pub fn new(salt: Salt, cells: u32) -> Self {
        Self { salt, index: Index::of(&Store::default(), salt), cells: cells.max(1) }
    }

    /// Which of the cells a tuple is in. Cell 0 is always one of them.
    pub fn cells_of(&self, tuple: &Arc<Tuple>) -> Vec<u32> {
        let hash = self.row(tuple)[2];
        Mapping::new(hash).take_while(|&cell| cell < self.cells).collect()
    }

    /// What has to be shown to the side that holds the victim's tuple, and to the other one: tuples out of those that the
    /// attacker can sign. `None` where these are too few.
    pub fn halves(
        &self,
        victim: &Arc<Tuple>,
        signed: impl IntoIterator<Item = Arc<Tuple>>,
    ) -> Option<[Vec<Arc<Tuple>>; 2]> {
        let wanted = self.cells_of(victim);
        let in_them = signed.into_iter().filter(|tuple| self.cells_of(tuple) == wanted);
        let chosen: Vec<_> = in_them.take(ROWS).collect();
        let rows: Vec<_> = chosen.iter().map(|tuple| self.row(tuple)).collect();
        let mut halves = [Vec::new(), Vec::new()];
        // The first and the last, and so one more, go where the victim's tuple is not.
        for (at, place) in subset(&rows, self.row(victim))?.into_iter().enumerate() {
            halves[1 - at % 2].push(chosen[place].clone());
        }
        Some(halves)
    }

    fn row(&self, tuple: &Arc<Tuple>) -> Row {
        let item = self.index.item(tuple);
        let hash = Riblt::new(self.salt).symbol(&item.pair()).hash;
        [item.key as u64, item.state, hash, 1]
    }
}

fn bit(words: &[u64; 4], at: usize) -> bool {
    words[at / 64] >> (at % 64) & 1 == 1
}

fn xor(a: &mut [u64; 4], b: &[u64; 4]) {
    a.iter_mut().zip(b).for_each(|(a, b)| *a ^= b);
}

/// Which of the rows add up to the target: Gaussian elimination, a row at a time. At most 256 rows.
fn subset(rows: &[Row], target: Row) -> Option<Vec<usize>> {
    let mut basis: Vec<(usize, Combination)> = Vec::new();
    let reduce = |basis: &[(usize, Combination)], mut row: Combination| {
        for (pivot, (sum, of)) in basis {
            if bit(&row.0, *pivot) {
                xor(&mut row.0, sum);
                xor(&mut row.1, of);
            }
        }
        row
    };
    for (at, row) in rows.iter().enumerate() {
        let mut of = [0; 4];
        of[at / 64] = 1 << (at % 64);
        let row = reduce(&basis, (*row, of));
        basis.extend((0..256).find(|&at| bit(&row.0, at)).map(|pivot| (pivot, row)));
    }
    let (rest, of) = reduce(&basis, (target, [0; 4]));
    (rest == [0; 4]).then(|| (0..rows.len()).filter(|&at| bit(&of, at)).collect())
}
