//! The key under which items are hashed to places: SipHash-2-4 (J.-P. Aumasson and D. J. Bernstein, "SipHash: a fast
//! short-input PRF", INDOCRYPT 2012). Whoever does not know the salt cannot choose items that fall into the same places.

use siphasher::sip::SipHasher24;
use siphasher::sip128::SipHasher24 as SipHasher24x128;

/// A key of 128 bits for hashing items.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Salt(pub [u64; 2]);

impl Salt {
    /// 64 bits of hash of an id.
    pub fn hash64(self, id: u64) -> u64 {
        let [k0, k1] = self.0;
        SipHasher24::new_with_keys(k0, k1).hash(&id.to_le_bytes())
    }

    /// Two words of hash of an item's bytes.
    pub(super) fn hash128(self, bytes: &[u8]) -> [u64; 2] {
        let [k0, k1] = self.0;
        let hash = SipHasher24x128::new_with_keys(k0, k1).hash(bytes);
        [hash.h1, hash.h2]
    }
}
