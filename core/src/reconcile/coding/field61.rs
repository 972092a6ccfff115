//! Arithmetic modulo the Mersenne prime p = 2^61 - 1. The high bits of a product fold onto the low ones, so there is no
//! division; inverses are powers by Fermat's theorem, and many of them cost one power and three products each by
//! P. L. Montgomery's trick ("Speeding the Pollard and Elliptic Curve Methods of Factorization", Mathematics of
//! Computation 48(177), 1987, section 10.3.1).

use core::ops::{Add, AddAssign, Mul, Neg, Sub, SubAssign};

/// The modulus, 2^61 - 1.
pub const MODULUS: u64 = (1 << 61) - 1;

/// A number modulo 2^61 - 1, in its canonical form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct F61(u64);

impl F61 {
    /// 0.
    pub const ZERO: Self = Self(0);
    /// 1.
    pub const ONE: Self = Self(1);

    /// The remainder of any integer.
    pub const fn new(value: u64) -> Self {
        Self(subtract_once((value & MODULUS) + (value >> 61)))
    }

    /// The number that is written as `value`, if that is its canonical form.
    pub const fn canonical(value: u64) -> Option<Self> {
        if value < MODULUS { Some(Self(value)) } else { None }
    }

    /// The canonical form: an integer below 2^61 - 1.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// True for 0.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// The inverse, and 0 for 0: the power p - 2 = 2^61 - 3 by 60 squarings and 9 products.
    pub fn inverse(self) -> Self {
        // `power[k]` = x^(2^k - 1), from the binary digits of 59 = 0b111011; then 2^61 - 3 = 4 (2^59 - 1) + 1.
        let double = |power: Self, k: u32| power.squared(k) * power;
        let longer = |power: Self| power.squared(1) * self;
        let three = longer(double(self, 1));
        let seven = longer(double(three, 3));
        let twenty_nine = longer(double(double(seven, 7), 14));
        let fifty_nine = longer(double(twenty_nine, 29));
        fifty_nine.squared(2) * self
    }

    /// The power 2^`times`.
    fn squared(self, times: u32) -> Self {
        (0..times).fold(self, |x, _| x * x)
    }
}

/// Puts into `inverses` the inverse of every value, and 0 for 0; what is longer than the other slice stays as it is.
pub fn invert_all(values: &[F61], inverses: &mut [F61]) {
    // First the product of everything before each value, then backwards the inverse of the product up to each.
    let mut product = F61::ONE;
    for (&value, slot) in values.iter().zip(inverses.iter_mut()) {
        *slot = product;
        product = product * value.or_one();
    }
    let mut inverse = product.inverse();
    let len = values.len().min(inverses.len());
    for (&value, slot) in values[..len].iter().zip(&mut inverses[..len]).rev() {
        *slot = if value.is_zero() { F61::ZERO } else { *slot * inverse };
        inverse = inverse * value.or_one();
    }
}

impl F61 {
    fn or_one(self) -> Self {
        if self.is_zero() { Self::ONE } else { self }
    }
}

/// From 0..2p to 0..p.
const fn subtract_once(value: u64) -> u64 {
    if value >= MODULUS { value - MODULUS } else { value }
}

impl Add for F61 {
    type Output = Self;

    #[inline]
    fn add(self, other: Self) -> Self {
        Self(subtract_once(self.0 + other.0))
    }
}

impl Neg for F61 {
    type Output = Self;

    #[inline]
    fn neg(self) -> Self {
        Self(subtract_once(MODULUS - self.0))
    }
}

impl Sub for F61 {
    type Output = Self;

    #[inline]
    fn sub(self, other: Self) -> Self {
        Self(subtract_once(self.0 + (MODULUS - other.0)))
    }
}

impl Mul for F61 {
    type Output = Self;

    #[inline]
    fn mul(self, other: Self) -> Self {
        let product = u128::from(self.0) * u128::from(other.0);
        // Both parts are below 2^61, and at most one of them is p.
        Self(subtract_once((product as u64 & MODULUS) + (product >> 61) as u64))
    }
}

impl AddAssign for F61 {
    #[inline]
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl SubAssign for F61 {
    #[inline]
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    const EDGES: [u64; 8] = [0, 1, 2, 1 << 30, 1 << 60, (1 << 60) - 1, MODULUS - 2, MODULUS - 1];

    /// All operations against remainders of 128-bit integers.
    fn check(a: u64, b: u64) {
        let (x, y, p) = (F61::new(a), F61::new(b), u128::from(MODULUS));
        let (a, b) = (u128::from(a) % p, u128::from(b) % p);
        let get = |x: F61| u128::from(x.get());
        assert_eq!(get(x), a);
        assert_eq!(get(x + y), (a + b) % p);
        assert_eq!(get(x - y), (a + p - b) % p);
        assert_eq!(get(-x), (p - a) % p);
        assert_eq!(get(x * y), a * b % p);
        assert_eq!(get(x.inverse()) * a % p, u128::from(a != 0));
    }

    #[test]
    fn the_edges_agree_with_wide_integers() {
        for a in EDGES.into_iter().chain([MODULUS, MODULUS + 1, u64::MAX - 1, u64::MAX]) {
            EDGES.into_iter().for_each(|b| check(a, b));
        }
    }

    #[test]
    fn only_one_form_is_canonical() {
        assert_eq!(F61::canonical(MODULUS - 1), Some(F61::new(u64::MAX - 8)));
        assert_eq!(F61::canonical(MODULUS), None);
        assert_eq!(F61::canonical(u64::MAX), None);
    }

    proptest! {
        #[test]
        fn operations_agree_with_wide_integers(a: u64, b: u64) {
            check(a, b);
        }

        #[test]
        fn inverses_in_a_batch_are_those_one_by_one(
            values in proptest::collection::vec(prop_oneof![3 => any::<u64>(), 1 => Just(0u64)], 0..50)
        ) {
            let values: Vec<F61> = values.into_iter().map(F61::new).collect();
            let mut inverses = alloc::vec![F61::ONE; values.len()];
            invert_all(&values, &mut inverses);
            prop_assert!(inverses.iter().copied().eq(values.iter().map(|value| value.inverse())));
        }
    }
}
