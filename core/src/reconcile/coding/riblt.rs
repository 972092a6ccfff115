//! Rateless Invertible Bloom Lookup Tables: a cell is the XOR of its items, the XOR of their hashes, and their number. A cell
//! of a difference whose number is 1 or -1, and whose sum has the hash that it says, holds one item, of the peer or of
//! this side. An item that was replaced by another is two differences.
//!
//! Source: L. Yang, Y. Gilad, M. Alizadeh, "Practical Rateless Set Reconciliation", ACM SIGCOMM 2024 (arXiv 2402.02668),
//! sections 3 and 4. The hash is SipHash-2-4 (J.-P. Aumasson, D. J. Bernstein, INDOCRYPT 2012) under the salt, and
//! gives an item's cells, too.

use alloc::vec::Vec;
use core::ops::{AddAssign, SubAssign};

use siphasher::sip::SipHasher24;

use super::{Cell, Code, Decoder, Salt, Side, Symbol};
use crate::wire::{DecodeError, Reader, put_varint, varint_len};

/// The code over items of 128 bits.
#[derive(Clone, Copy, Debug)]
pub struct Riblt {
    hasher: SipHasher24,
}

/// A sum of items.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RibltCell {
    /// The XOR of the items.
    pub sum: u128,
    /// The XOR of their hashes.
    pub check: u64,
    /// How many they are; in a difference, those of the peer less those of this side.
    pub count: i64,
}

/// An item that only one side has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RibltDifference {
    /// Who has it.
    pub side: Side,
    /// What it is.
    pub item: u128,
}

impl Riblt {
    /// The code under a salt that both sides share.
    pub fn new(salt: Salt) -> Self {
        Self { hasher: SipHasher24::new_with_keys(salt.0[0], salt.0[1]) }
    }

    #[inline]
    fn hash(&self, item: u128) -> u64 {
        self.hasher.hash(&item.to_le_bytes())
    }
}

impl Code for Riblt {
    type Item = u128;
    type Cell = RibltCell;
    type Difference = RibltDifference;
    const SWEEP: usize = 1;

    #[inline]
    fn symbol(&self, item: &u128) -> Symbol<RibltCell> {
        let hash = self.hash(*item);
        Symbol { hash, cell: RibltCell { sum: *item, check: hash, count: 1 } }
    }

    fn recover(&self, cells: &[RibltCell], found: &mut Vec<Option<(u64, RibltDifference)>>) {
        found.extend(cells.iter().map(|cell| {
            let side = match cell.count {
                1 => Side::Remote,
                -1 => Side::Local,
                _ => return None,
            };
            (self.hash(cell.sum) == cell.check).then_some((cell.check, RibltDifference { side, item: cell.sum }))
        }));
    }
}

impl Decoder<Riblt> {
    /// The items that were recovered so far: those that only the peer has, and those that only this side has.
    pub fn sides(&self) -> (Vec<u128>, Vec<u128>) {
        let of = |side| self.differences().iter().filter(move |found| found.side == side).map(|found| found.item);
        (of(Side::Remote).collect(), of(Side::Local).collect())
    }
}

impl AddAssign for RibltCell {
    #[inline]
    fn add_assign(&mut self, other: Self) {
        self.sum ^= other.sum;
        self.check ^= other.check;
        self.count = self.count.wrapping_add(other.count);
    }
}

impl SubAssign for RibltCell {
    #[inline]
    fn sub_assign(&mut self, other: Self) {
        self.sum ^= other.sum;
        self.check ^= other.check;
        self.count = self.count.wrapping_sub(other.count);
    }
}

impl RibltCell {
    /// The difference from the expected number, with the sign in the lowest bit.
    fn surplus(&self, expected: u64) -> u64 {
        let surplus = self.count.wrapping_sub(expected as i64);
        ((surplus as u64) << 1) ^ (surplus >> 63) as u64
    }
}

/// 16 bytes of sum, 8 of check, and the number as an integer's difference from what is expected.
impl Cell for RibltCell {
    #[inline]
    fn may_be_single(&self) -> bool {
        matches!(self.count, 1 | -1)
    }

    fn encoded_len(&self, expected: u64) -> usize {
        16 + 8 + varint_len(self.surplus(expected))
    }

    fn encode(&self, expected: u64, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.sum.to_le_bytes());
        out.extend_from_slice(&self.check.to_le_bytes());
        put_varint(out, self.surplus(expected));
    }

    fn decode(reader: &mut Reader<'_>, items: u64, expected: u64) -> Result<Self, DecodeError> {
        let sum = u128::from_le_bytes(reader.array()?);
        let check = u64::from_le_bytes(reader.array()?);
        let surplus = reader.varint()?;
        let surplus = (surplus >> 1) as i64 ^ -((surplus & 1) as i64);
        let count = i64::try_from(expected).ok().and_then(|expected| expected.checked_add(surplus));
        match count {
            Some(count) if u64::try_from(count).is_ok_and(|count| count <= items) => Ok(Self { sum, check, count }),
            _ => Err(DecodeError::NotCanonical),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The authors' test vector for a message of the 16 bytes 0 to 15 under the key of the same bytes.
    #[test]
    fn items_are_hashed_with_siphash_2_4() {
        let bytes = 0x0f0e_0d0c_0b0a_0908_0706_0504_0302_0100u128;
        let symbol = Riblt::new(Salt([bytes as u64, (bytes >> 64) as u64])).symbol(&bytes);
        assert_eq!(symbol.hash, 0x3f2a_cc7f_57c2_9bdb);
        assert_eq!(symbol.cell, RibltCell { sum: bytes, check: symbol.hash, count: 1 });
    }
}
