//! Ways to find the difference of two sets: items in, cells, sketches or messages out, without a store and without I/O.
//!
//! | file | what it is |
//! |---|---|
//! | `salt` | the key under which items are hashed |
//! | [`mapping`], [`prefix`], [`decoder`], [`run`] | rateless codes: which cells an item goes to, the first cells of a set, peeling, cells on the wire |
//! | [`riblt`] | the published rateless code: cells are XOR sums of items |
//! | [`keyed`] | cells are sums over a prime field by key, so that an updated key is one difference and not two |
//! | [`field61`] | arithmetic modulo 2^61 - 1 |
//! | [`iblt`], `strata` | invertible Bloom lookup tables, and the estimator that sizes them |
//! | [`pinsketch`], `partition` | power sums of ids, one per difference, and the parts of a set that is bisected |
//! | [`gf64`], `polynomial` | the field of 2^64 elements, polynomials over it and their roots |
//! | [`range`] | range-based reconciliation: fingerprints of ranges, split where they differ |
//! | [`search_tree`] | Merkle search tree: a walk down two trees of hashes |
//!
//! A rateless code writes a set as an endless sequence of cells, each the sum of a thinning random part of the set. The
//! difference of two such sequences is the sequence of the sets' difference, whatever the sets' sizes, and about 1.4 cells
//! for each item that differs are enough to recover them all, without anybody knowing beforehand how many.
//!
//! These are pure functions of their inputs. Whoever can choose items and knows the salt can choose items that cancel
//! each other in every cell (linear algebra), so no result of a decoder may be trusted to be complete: what uses it
//! compares a cryptographic hash of the whole set afterwards. All cells that arrive may be forged; what a decoder
//! spends on them is bounded by its [`Limits`], and what it recovers is a claim.

pub mod decoder;
pub mod field61;
pub mod gf64;
pub mod iblt;
pub mod keyed;
pub mod mapping;
mod partition;
pub mod pinsketch;
mod polynomial;
pub mod prefix;
pub mod range;
pub mod riblt;
pub mod run;
mod salt;
pub mod search_tree;
mod strata;
#[cfg(test)]
mod tests;

use alloc::vec::Vec;
use core::fmt::Debug;
use core::ops::{AddAssign, SubAssign};

pub use decoder::{Decoder, Limits, PeelError};
pub use iblt::{Iblt, Shape};
pub use keyed::{Entry, Keyed, KeyedCell, KeyedDifference};
pub use partition::Partition;
pub use pinsketch::Sketch;
pub use prefix::{ItemsDiffer, Places, Prefix};
pub use riblt::{Riblt, RibltCell, RibltDifference};
pub use run::Run;
pub use salt::Salt;
pub use strata::{Estimate, Strata};

use crate::wire::{DecodeError, Reader};

/// The most cells of a sequence that are ever computed or accepted.
pub const CELLS_MAX: usize = 1 << 24;

/// Who has an item, or the newer one, seen from the decoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// The peer whose cells arrive.
    Remote,
    /// The decoder itself.
    Local,
}

/// A way to write items into cells.
pub trait Code: Clone {
    /// What a set consists of.
    type Item;
    /// A sum of items.
    type Cell: Cell;
    /// What the decoder tells of one item that differs.
    type Difference: Clone + Debug;

    /// How many cells a decoder hands to [`Code::recover`] at once, where it has as many; at least 1. More share more work,
    /// but some of them are single for the same item.
    const SWEEP: usize;

    /// What `item` adds to each of its cells.
    fn symbol(&self, item: &Self::Item) -> Symbol<Self::Cell>;

    /// For every cell, appends to `found` the hash of the only item that is left in it and what differs, or `None` where
    /// the cell holds several or is inconsistent. The place of the cell is not looked at.
    fn recover(&self, cells: &[Self::Cell], found: &mut Vec<Option<(u64, Self::Difference)>>);
}

/// What an item adds to each of its cells, and the hash that tells which they are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Symbol<C> {
    /// The hash that [`mapping::Mapping`] starts from.
    pub hash: u64,
    /// The cell of this item alone.
    pub cell: C,
}

/// A sum of items: an element of a commutative group whose neutral element is the default.
pub trait Cell: Copy + Default + PartialEq + Debug + AddAssign + SubAssign {
    /// False where a look is enough to see that this is not what a single item leaves.
    fn may_be_single(&self) -> bool;

    /// The exact number of bytes that [`Cell::encode`] appends.
    fn encoded_len(&self, expected: u64) -> usize;

    /// Appends the canonical encoding. `expected` is about how many items the cell holds.
    fn encode(&self, expected: u64, out: &mut Vec<u8>);

    /// Reads a cell of a set of `items` items.
    ///
    /// # Errors
    /// The bytes are not the canonical encoding of such a cell.
    fn decode(reader: &mut Reader<'_>, items: u64, expected: u64) -> Result<Self, DecodeError>;
}
