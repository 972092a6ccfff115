//! Keyed rateless cells: a set of entries (key, version, content) is a sparse vector with a weight at every key, and a cell
//! holds three sums over the keys that map to it,
//!
//! ```text
//! S1 = Σ w    S2 = Σ k w    S3 = Σ g(k) w    (mod p = 2^61 - 1)
//! ```
//!
//! where w is a hash of version and content, k the key's id, and g a hash of k under the salt. The cells of a key depend on
//! the key alone, so in a difference a key leaves its weight here less its weight there, one item, whether it was inserted,
//! deleted or updated. Where one key is left, k = S2 / S1, and S3 = g(k) S1 confirms it; with several keys left this holds
//! with probability 2^-61. Mapping and peeling are those of the plain code, and so is the number of cells for d
//! changed keys.
//!
//! Source: this is the recovery of 1-sparse vectors by linear sketches (S. Ganguly, "Counting distinct items over
//! update streams", Theoretical Computer Science 378(3), 2007; G. Cormode and D. Firmani, "A unifying framework for
//! l0-sampling algorithms", Distributed and Parallel Databases 32, 2014) in the cells of Yang, Gilad and Alizadeh
//! (SIGCOMM 2024). No publication of the combination is known to us, nor a density evolution of its own: its tests hold it
//! to the plain code's published overhead.
//!
//! Two forms. In form (a), `VERSIONS` = 0, the direction of a change is unknown until the payload is there. In form (b),
//! `VERSIONS` = 1, a fourth sum S4 = Σ version tells who has the newer one. S1 holds the same hash as in form (a), not the
//! version, so that two contents under one version (equivocation) still leave S1 ≠ 0 and are found, with S4 = 0 to
//! tell them. Key ids are `LIMBS` = 1 or 2 elements of the field: two keys of one limb's 2^61 ids collide with probability
//! n²/2^62 for n keys, and whoever knows how ids are made can search for a collision, of 122 bits at no cost.
//! Keys of one id that differ are one key to this code: what uses it notices by the fingerprint of the whole set.

use alloc::vec::Vec;
use core::array;
use core::cmp::Ordering;
use core::ops::{AddAssign, SubAssign};

use siphasher::sip128::SipHasher24;

use super::field61::{F61, MODULUS, invert_all};
use super::{Cell, Code, Prefix, Salt, Symbol};
use crate::wire::{DecodeError, Reader};

/// The greatest version that is told from others; greater ones count as this. Differences then fit the field with sign.
pub const VERSION_MAX: u64 = MODULUS / 2;

/// How many candidates share an inversion.
const BATCH: usize = 16;

/// Form (a): three sums, 24 bytes.
pub type FormA = Keyed<1, 0>;
/// Form (b): a sum of versions, too, 32 bytes.
pub type FormB = Keyed<1, 1>;
/// Form (a) with key ids of 122 bits, 32 bytes.
pub type LongFormA = Keyed<2, 0>;
/// Form (b) with key ids of 122 bits, 40 bytes.
pub type LongFormB = Keyed<2, 1>;

/// The code over entries with key ids of `LIMBS` field elements (1 or 2), with `VERSIONS` sums of versions (0 or 1).
#[derive(Clone, Copy, Debug)]
pub struct Keyed<const LIMBS: usize, const VERSIONS: usize> {
    hasher: SipHasher24,
}

/// What the code has to know of a key and its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<const LIMBS: usize> {
    key: [F61; LIMBS],
    weight: F61,
    version: F61,
}

/// A sum of entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyedCell<const LIMBS: usize, const VERSIONS: usize> {
    /// Σ w.
    weight: F61,
    /// Σ k w, by limb.
    key: [F61; LIMBS],
    /// Σ g(k) w.
    check: F61,
    /// Σ version.
    version: [F61; VERSIONS],
}

/// A key whose entries differ, or that only one side has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyedDifference<const LIMBS: usize> {
    /// The id, as [`key_id`] gives it.
    pub key: [F61; LIMBS],
    /// The peer's weight less this side's, where a missing entry weighs 0.
    pub weight: F61,
    /// The peer's version against this side's: `Equal` is one version with two contents, `None` unknown (form a). A forged
    /// cell may lie about it; the payload decides.
    pub version: Option<Ordering>,
}

/// The id of a key from a hash of it: `LIMBS` times 64 bits of the hash, each modulo 2^61 - 1, the low ones first.
pub fn key_id<const LIMBS: usize>(hash: u128) -> [F61; LIMBS] {
    array::from_fn(|limb| F61::new(hash.checked_shr(64 * limb as u32).unwrap_or(0) as u64))
}

impl<const LIMBS: usize> Entry<LIMBS> {
    /// `content` is a hash of version and content; 0 counts as 1, as a weight is never 0. What has version 0 counts as absent
    /// to [`KeyedDifference::version`].
    pub fn new(key: [F61; LIMBS], version: u64, content: u64) -> Self {
        let weight = F61::new(content);
        let weight = if weight.is_zero() { F61::ONE } else { weight };
        Self { key, weight, version: F61::new(version.min(VERSION_MAX)) }
    }

    /// What it adds to a cell's first sum: its content's hash.
    pub fn weight(&self) -> F61 {
        self.weight
    }

    /// The id of its key.
    pub fn key(&self) -> [F61; LIMBS] {
        self.key
    }
}

impl<const LIMBS: usize, const VERSIONS: usize> Keyed<LIMBS, VERSIONS> {
    /// The code under a salt that both sides share.
    pub fn new(salt: Salt) -> Self {
        const { assert!((LIMBS == 1 || LIMBS == 2) && VERSIONS <= 1) };
        Self { hasher: SipHasher24::new_with_keys(salt.0[0], salt.0[1]) }
    }

    /// Two hashes of a key: the one that maps it to its cells, and g.
    #[inline]
    fn hashes(&self, key: &[F61; LIMBS]) -> (u64, F61) {
        let mut bytes = [0; 16];
        for (limb, bytes) in key.iter().zip(bytes.as_chunks_mut().0) {
            *bytes = limb.get().to_le_bytes();
        }
        let hash = self.hasher.hash(&bytes[..8 * LIMBS]);
        (hash.h1, F61::new(hash.h2))
    }

    /// What a key with this weight and version adds to its cells.
    #[inline]
    fn symbol_of(&self, key: &[F61; LIMBS], weight: F61, version: F61) -> Symbol<KeyedCell<LIMBS, VERSIONS>> {
        let (hash, check) = self.hashes(key);
        let key = key.map(|limb| limb * weight);
        Symbol { hash, cell: KeyedCell { weight, key, check: check * weight, version: [version; VERSIONS] } }
    }

    /// The only key of a cell, given the inverse of its weight.
    fn single(&self, cell: &KeyedCell<LIMBS, VERSIONS>, inverse: F61) -> Option<(u64, KeyedDifference<LIMBS>)> {
        let key = cell.key.map(|limb| limb * inverse);
        let (hash, check) = self.hashes(&key);
        if cell.weight.is_zero() || check * cell.weight != cell.check {
            return None;
        }
        let version = cell.version.first().map(|version| match version.get() {
            0 => Ordering::Equal,
            1..=VERSION_MAX => Ordering::Greater,
            _ => Ordering::Less,
        });
        Some((hash, KeyedDifference { key, weight: cell.weight, version }))
    }
}

impl<const LIMBS: usize, const VERSIONS: usize> Code for Keyed<LIMBS, VERSIONS> {
    type Item = Entry<LIMBS>;
    type Cell = KeyedCell<LIMBS, VERSIONS>;
    type Difference = KeyedDifference<LIMBS>;
    const SWEEP: usize = BATCH;

    #[inline]
    fn symbol(&self, entry: &Entry<LIMBS>) -> Symbol<Self::Cell> {
        self.symbol_of(&entry.key, entry.weight, entry.version)
    }

    fn recover(&self, cells: &[Self::Cell], found: &mut Vec<Option<(u64, Self::Difference)>>) {
        let (mut weights, mut inverses) = ([F61::ZERO; BATCH], [F61::ZERO; BATCH]);
        for cells in cells.chunks(BATCH) {
            weights.iter_mut().zip(cells).for_each(|(weight, cell)| *weight = cell.weight);
            invert_all(&weights[..cells.len()], &mut inverses);
            found.extend(cells.iter().zip(inverses).map(|(cell, inverse)| self.single(cell, inverse)));
        }
    }
}

impl<const LIMBS: usize, const VERSIONS: usize> Prefix<Keyed<LIMBS, VERSIONS>> {
    /// Puts `new` in the place of `old`, an entry of the set with the same key: one pass over the key's cells.
    pub fn replace(&mut self, old: &Entry<LIMBS>, new: &Entry<LIMBS>) {
        if old.key != new.key {
            self.remove(old);
            return self.add(new);
        }
        let symbol = self.code().symbol_of(&new.key, new.weight - old.weight, new.version - old.version);
        self.change(&symbol, |cell, change| *cell += change);
    }
}

impl<const LIMBS: usize, const VERSIONS: usize> KeyedCell<LIMBS, VERSIONS> {
    #[inline]
    fn combine(&mut self, other: &Self, apply: impl Fn(&mut F61, F61)) {
        apply(&mut self.weight, other.weight);
        self.key.iter_mut().zip(other.key).for_each(|(mine, other)| apply(mine, other));
        apply(&mut self.check, other.check);
        self.version.iter_mut().zip(other.version).for_each(|(mine, other)| apply(mine, other));
    }
}

impl<const LIMBS: usize, const VERSIONS: usize> Default for KeyedCell<LIMBS, VERSIONS> {
    fn default() -> Self {
        Self { weight: F61::ZERO, key: [F61::ZERO; LIMBS], check: F61::ZERO, version: [F61::ZERO; VERSIONS] }
    }
}

impl<const LIMBS: usize, const VERSIONS: usize> AddAssign for KeyedCell<LIMBS, VERSIONS> {
    #[inline]
    fn add_assign(&mut self, other: Self) {
        self.combine(&other, |mine, other| *mine += other);
    }
}

impl<const LIMBS: usize, const VERSIONS: usize> SubAssign for KeyedCell<LIMBS, VERSIONS> {
    #[inline]
    fn sub_assign(&mut self, other: Self) {
        self.combine(&other, |mine, other| *mine -= other);
    }
}

/// The sums in the order of the fields, 8 bytes each.
impl<const LIMBS: usize, const VERSIONS: usize> Cell for KeyedCell<LIMBS, VERSIONS> {
    #[inline]
    fn may_be_single(&self) -> bool {
        !self.weight.is_zero()
    }

    fn encoded_len(&self, _: u64) -> usize {
        8 * (2 + LIMBS + VERSIONS)
    }

    fn encode(&self, _: u64, out: &mut Vec<u8>) {
        let mut put = |sum: &F61| out.extend_from_slice(&sum.get().to_le_bytes());
        put(&self.weight);
        self.key.iter().for_each(&mut put);
        put(&self.check);
        self.version.iter().for_each(&mut put);
    }

    fn decode(reader: &mut Reader<'_>, _: u64, _: u64) -> Result<Self, DecodeError> {
        let mut cell = Self::default();
        let mut fill = |sum: &mut F61| {
            *sum = F61::canonical(u64::from_le_bytes(reader.array()?)).ok_or(DecodeError::NotCanonical)?;
            Ok(())
        };
        fill(&mut cell.weight)?;
        cell.key.iter_mut().try_for_each(&mut fill)?;
        fill(&mut cell.check)?;
        cell.version.iter_mut().try_for_each(&mut fill)?;
        Ok(cell)
    }
}
