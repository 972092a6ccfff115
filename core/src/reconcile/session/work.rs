//! What a session computes, as time. A simulator has no other way to know that a sketch of ten thousand ids takes longer
//! than a list of ten authors; a real node, in which that time passes by itself, ignores it.
//!
//! Each step is counted where it is done and has a price, in picoseconds of one core of a 2.5 GHz Xeon, as the example
//! `session_prices` prints them (best of several runs, 20,000 items, in cache); it prints both columns, so whoever runs it
//! elsewhere sees how that machine differs. Signatures are priced by the host, since who checks them is its affair.

use crate::time::Duration;

/// A tuple gets its ids under another salt: two keyed hashes and a place in the order of keys.
pub const INDEX: u64 = 600_000;
/// A digest goes into the hash of a set.
pub const DIGEST: u64 = 80_000;
/// An item goes into a cell.
pub const CELL: u64 = 15_000;
/// An item is recovered from cells and taken out of the others.
pub const PEEL: u64 = 550_000;
/// An id goes into a syndrome.
pub const SYNDROME: u64 = 6_000;
/// A sketch is decoded: times the square of its syndromes.
pub const DECODE: u64 = 380_000;
/// An item goes into a table.
pub const TABLE: u64 = 46_000;
/// A cell of a table is peeled.
pub const TABLE_PEEL: u64 = 70_000;
/// An item goes into the strata of an estimator.
pub const STRATA: u64 = 75_000;
/// An item is hashed for ranges.
pub const RANGE: u64 = 85_000;
/// An entry is hashed for a tree.
pub const TREE: u64 = 200_000;
/// A byte of a walk's messages is made or compared.
pub const WALK: u64 = 9_000;

/// Steps done, in time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    picoseconds: u64,
}

impl Work {
    /// Counts so many steps of this price, in picoseconds.
    pub fn add(&mut self, steps: usize, price: u64) {
        self.picoseconds = self.picoseconds.saturating_add((steps as u64).saturating_mul(price));
    }

    /// Counts this many items written to the cells from `from` to `to` of a rateless code.
    pub fn add_cells(&mut self, items: usize, from: usize, to: usize) {
        let cells = items as f64 * (cells_of_an_item(to) - cells_of_an_item(from));
        self.add(cells as usize, CELL);
    }

    /// Adds what another part did.
    pub fn merge(&mut self, other: Self) {
        self.picoseconds = self.picoseconds.saturating_add(other.picoseconds);
    }

    /// What was done since this was asked last.
    pub fn take(&mut self) -> Self {
        core::mem::take(self)
    }

    /// The time that it takes, rounded down.
    pub const fn time(self) -> Duration {
        Duration::from_nanos(self.picoseconds / 1_000)
    }
}

/// How many of the first `cells` cells of a rateless code an item is expected in: the sum of 1 / (1 + i/2), which is
/// 2 (H(n + 1) - 1) for n cells (Yang, Gilad and Alizadeh 2024, section 4.2), by Euler's approximation of H.
pub fn cells_of_an_item(cells: usize) -> f64 {
    const EULER: f64 = 0.577_215_664_901_532_9;
    if cells == 0 {
        return 0.0;
    }
    let n = (cells + 1) as f64;
    2.0 * (libm::log(n) + EULER + 0.5 / n - 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_is_in_as_many_cells_as_the_densities_say() {
        for cells in [0usize, 1, 2, 10, 160, 1_400, 14_000] {
            let sum: f64 = (0..cells).map(|i| 1.0 / (1.0 + i as f64 / 2.0)).sum();
            assert!((cells_of_an_item(cells) - sum).abs() < 0.05, "{cells}: {sum}");
        }
    }

    #[test]
    fn work_adds_up_and_does_not_overflow() {
        let mut work = Work::default();
        work.add(3, 1_500);
        work.add(1, 500);
        assert_eq!(work.time(), Duration::from_nanos(5));
        work.add(usize::MAX, u64::MAX);
        work.add_cells(1_000_000, 0, 1 << 20);
        assert_eq!(work.take().time(), Duration::from_nanos(u64::MAX / 1_000));
        assert_eq!(work, Work::default());
    }
}
