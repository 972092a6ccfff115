//! Distances between 256-bit ids: their exclusive or, read as a number (P. Maymounkov and D. Mazières, "Kademlia: a peer-to-peer
//! information system based on the XOR metric", IPTPS 2002, section 2.1).

use crate::peer::PeerId;

/// Bits of an id.
pub const ID_BITS: u32 = 256;

/// How far two ids are from each other. The order is that of the number, high half first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Distance(u128, u128);

impl Distance {
    /// The distance between two ids; the same in both directions, and zero only between an id and itself.
    pub fn between(a: PeerId, b: PeerId) -> Self {
        let half = |id: &PeerId, at: usize| {
            let mut bytes = [0; 16];
            bytes.copy_from_slice(&id.0[at..at + 16]);
            u128::from_be_bytes(bytes)
        };
        Self(half(&a, 0) ^ half(&b, 0), half(&a, 16) ^ half(&b, 16))
    }

    /// How many leading bits the two ids share: 0 to [`ID_BITS`].
    pub const fn shared_bits(self) -> u32 {
        if self.0 == 0 { 128 + self.1.leading_zeros() } else { self.0.leading_zeros() }
    }

    /// The first digit of so many bits in which the two ids differ: how many digits before it are equal, and what it is, which is
    /// never zero. `None` for equal ids. `bits` has to be 1, 2, 4 or 8.
    pub(super) fn first_digit(self, bits: u32) -> Option<(u32, u32)> {
        let shared = self.shared_bits();
        if shared == ID_BITS {
            return None;
        }
        let depth = shared / bits;
        let end = (depth + 1) * bits;
        // A digit never lies across the two halves, since 128 is a multiple of its bits.
        let digit = if end <= 128 { self.0 >> (128 - end) } else { self.1 >> (ID_BITS - end) };
        Some((depth, digit as u32 & ((1 << bits) - 1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(first: u8, last: u8) -> PeerId {
        let mut id = PeerId::default();
        (id.0[0], id.0[31]) = (first, last);
        id
    }

    #[test]
    fn the_first_difference_decides() {
        let zero = PeerId::default();
        let far = Distance::between(zero, id(0x05, 0));
        let near = Distance::between(zero, id(0, 0xff));
        assert!(near < far && Distance::between(zero, zero) < near);
        assert_eq!((far.shared_bits(), near.shared_bits()), (5, 248));
        assert_eq!(Distance::between(zero, zero).shared_bits(), ID_BITS);
        assert_eq!(Distance::between(id(3, 9), id(6, 1)), Distance::between(id(5, 8), zero));
    }

    #[test]
    fn digits_of_any_width_are_found() {
        let digit = |first, last, bits| Distance::between(PeerId::default(), id(first, last)).first_digit(bits);
        assert_eq!(digit(0x05, 0, 1), Some((5, 1)));
        assert_eq!(digit(0x05, 0, 2), Some((2, 1)));
        assert_eq!(digit(0x05, 0, 4), Some((1, 5)));
        assert_eq!(digit(0x35, 0, 4), Some((0, 3)));
        assert_eq!(digit(0x35, 0, 8), Some((0, 0x35)));
        assert_eq!(digit(0, 0x35, 8), Some((31, 0x35)));
        assert_eq!(digit(0, 0x35, 1), Some((250, 1)));
        assert_eq!(digit(0, 0, 8), None);
    }
}
