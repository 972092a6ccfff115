//! The field of 2^64 elements, as polynomials over GF(2) of degree below 64 modulo x^64 + x^4 + x^3 + x + 1 (the first
//! irreducible pentanomial of that degree: G. Seroussi, "Table of low-weight binary irreducible polynomials",
//! HPL-98-135, 1998). Bit i of an element is the coefficient of x^i.
//!
//! Without a carry-less instruction a product is made of integer products of operands in which only every fourth bit may
//! be set: no sum of up to 15 ones then reaches the next place that counts (the idea is T. Pornin's, in BearSSL's GHASH). Where
//! one factor meets many others, the products are looked up digit by digit. Neither takes constant time, since
//! nothing here is secret.

use core::ops::{Add, AddAssign, Mul};

/// x^64 in the field, without the term of degree 64: x^4 + x^3 + x + 1.
const X_64: u64 = 0b1_1011;

/// An element of GF(2^64).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Gf64(pub u64);

impl Gf64 {
    /// The neutral element of addition.
    pub const ZERO: Self = Self(0);
    /// The neutral element of multiplication.
    pub const ONE: Self = Self(1);

    /// The square: the same coefficients at twice the exponents, since squaring is additive here.
    pub const fn square(self) -> Self {
        reduce(spread(self.0 as u32), spread((self.0 >> 32) as u32))
    }

    /// This element multiplied by itself, `exponent` factors; one for an exponent of zero.
    pub fn pow(self, exponent: u64) -> Self {
        (0..64).rev().fold(Self::ONE, |power, bit| {
            let power = power.square();
            if exponent >> bit & 1 == 1 { power * self } else { power }
        })
    }

    /// The element whose product with this one is one; zero for zero. It is the power 2^64 - 2, by doubling the number of
    /// ones in the exponent (T. Itoh and S. Tsujii, "A fast algorithm for computing multiplicative inverses in GF(2^m)
    /// using normal bases", Information and Computation 78(3), 1988).
    pub fn inverse(self) -> Self {
        let squared = |times: u32, power: Self| (0..times).fold(power, |power, _| power.square());
        // ones(n) is the power 2^n - 1; 63 = 1 + 2 * (1 + 2 * (1 + 2 * (1 + 2 * (1 + 2)))).
        let mut ones = self;
        let mut count = 1;
        while count < 63 {
            ones = squared(count, ones) * ones;
            ones = ones.square() * self;
            count = 2 * count + 1;
        }
        ones.square()
    }

    /// The sum of the 64 conjugates, which is zero or one: true for one. Half of all elements have trace one.
    pub fn trace(self) -> bool {
        let mut conjugate = self;
        let mut sum = self;
        for _ in 1..64 {
            conjugate = conjugate.square();
            sum += conjugate;
        }
        sum == Self::ONE
    }
}

impl Add for Gf64 {
    type Output = Self;

    #[expect(clippy::suspicious_arithmetic_impl, reason = "addition of polynomials over GF(2)")]
    fn add(self, other: Self) -> Self {
        Self(self.0 ^ other.0)
    }
}

impl AddAssign for Gf64 {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Mul for Gf64 {
    type Output = Self;

    fn mul(self, other: Self) -> Self {
        Unreduced::product(self, other).reduce()
    }
}

/// A sum of products that is not yet reduced: an inner product is reduced once.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Unreduced(u128);

impl Unreduced {
    /// The product of two elements as polynomials, of degree at most 126.
    pub(super) fn product(a: Gf64, b: Gf64) -> Self {
        /// Every fourth bit.
        const FOURTHS: u64 = 0x1111_1111_1111_1111;
        // The top class of bits of one factor has 15 members, as its last four bits are left for later.
        let left = [0, 1, 2, 3].map(|class| a.0 >> class & FOURTHS >> 4);
        let right = [0, 1, 2, 3].map(|class| b.0 >> class & FOURTHS);
        // Karatsuba's method, twice: nine integer products instead of sixteen.
        let times = |a: u64, b: u64| u128::from(a) * u128::from(b);
        let pair = |a: [u64; 2], b: [u64; 2]| {
            let (low, high) = (times(a[0], b[0]), times(a[1], b[1]));
            [low, times(a[0] ^ a[1], b[0] ^ b[1]) ^ low ^ high, high]
        };
        let low = pair([left[0], left[1]], [right[0], right[1]]);
        let high = pair([left[2], left[3]], [right[2], right[3]]);
        let cross = pair([left[0] ^ left[2], left[1] ^ left[3]], [right[0] ^ right[2], right[1] ^ right[3]]);
        let fourths = |sum: u128| sum & 0x1111_1111_1111_1111_1111_1111_1111_1111;
        let middle = |i: usize| cross[i] ^ low[i] ^ high[i];
        let mut product = fourths(low[0])
            ^ fourths(low[1]) << 1
            ^ fourths(low[2] ^ middle(0)) << 2
            ^ fourths(middle(1)) << 3
            ^ fourths(middle(2) ^ high[0]) << 4
            ^ fourths(high[1]) << 5
            ^ fourths(high[2]) << 6;
        for bit in 60..64 {
            product ^= (u128::from(b.0) << bit) & (u128::from(a.0 >> bit & 1)).wrapping_neg();
        }
        Self(product)
    }

    pub(super) fn add(&mut self, other: Self) {
        self.0 ^= other.0;
    }

    pub(super) fn reduce(self) -> Gf64 {
        reduce(self.0 as u64, (self.0 >> 64) as u64)
    }
}

/// One factor with its multiples at hand, for many products: for each of `DIGITS` digits of the other factor, all `VALUES`
/// that it can have.
#[derive(Clone, Debug)]
struct Multiplier<const DIGITS: usize, const VALUES: usize>([[u64; VALUES]; DIGITS]);

/// A table of 2 KiB, for rows of tens of elements.
type ByFourBits = Multiplier<16, 16>;
/// A table of 16 KiB, twice as fast once it stands.
type ByBytes = Multiplier<8, 256>;

impl<const DIGITS: usize, const VALUES: usize> Multiplier<DIGITS, VALUES> {
    const WIDTH: usize = 64 / DIGITS;

    /// To be filled: a table that is returned would be copied.
    const EMPTY: Self = Self([[0; VALUES]; DIGITS]);

    fn fill(&mut self, factor: Gf64) {
        let mut shifted = factor.0;
        for row in &mut self.0 {
            for bit in 0..Self::WIDTH {
                let (known, next) = row.split_at_mut(1 << bit);
                known.iter().zip(next).for_each(|(&value, next)| *next = value ^ shifted);
                shifted = shifted << 1 ^ (X_64 & (shifted >> 63).wrapping_neg());
            }
        }
    }

    #[inline]
    fn times(&self, other: Gf64) -> Gf64 {
        let mut product = 0;
        for (digit, row) in self.0.iter().enumerate() {
            product ^= row[(other.0 >> (Self::WIDTH * digit)) as usize % VALUES];
        }
        Gf64(product)
    }
}

/// Adds `factor` times `row`, place by place, to as many leading places of `sum`.
pub(super) fn add_scaled(sum: &mut [Gf64], factor: Gf64, row: &[Gf64]) {
    fn add(sum: &mut [Gf64], row: &[Gf64], times: impl Fn(Gf64) -> Gf64) {
        sum.iter_mut().zip(row).for_each(|(sum, &term)| *sum += times(term));
    }
    match row.len() {
        _ if factor == Gf64::ZERO => {}
        0..24 => add(sum, row, |term| factor * term),
        24..200 => {
            let mut table = ByFourBits::EMPTY;
            table.fill(factor);
            add(sum, row, |term| table.times(term));
        }
        _ => {
            let mut table = ByBytes::EMPTY;
            table.fill(factor);
            add(sum, row, |term| table.times(term));
        }
    }
}

/// Adds the odd powers of an element, from the first on.
pub(super) fn add_odd_powers(sums: &mut [Gf64], base: Gf64) {
    /// Four chains of powers, so that products need not wait for each other.
    fn add(sums: &mut [Gf64], base: Gf64, times_eighth_power: impl Fn(Gf64) -> Gf64) {
        let square = base.square();
        let mut powers = [base, base * square, Gf64::ZERO, Gf64::ZERO];
        powers[2] = powers[1] * square;
        powers[3] = powers[2] * square;
        for sums in sums.chunks_mut(powers.len()) {
            for (sum, power) in sums.iter_mut().zip(&mut powers) {
                *sum += *power;
                *power = times_eighth_power(*power);
            }
        }
    }
    let eighth = base.square().square().square();
    match sums.len() {
        0..24 => add(sums, base, |power| power * eighth),
        24..200 => {
            let mut table = ByFourBits::EMPTY;
            table.fill(eighth);
            add(sums, base, |power| table.times(power));
        }
        _ => {
            let mut table = ByBytes::EMPTY;
            table.fill(eighth);
            add(sums, base, |power| table.times(power));
        }
    }
}

/// Puts a zero before every bit.
const fn spread(bits: u32) -> u64 {
    let mut x = bits as u64;
    x = (x | x << 16) & 0x0000_ffff_0000_ffff;
    x = (x | x << 8) & 0x00ff_00ff_00ff_00ff;
    x = (x | x << 4) & 0x0f0f_0f0f_0f0f_0f0f;
    x = (x | x << 2) & 0x3333_3333_3333_3333;
    (x | x << 1) & 0x5555_5555_5555_5555
}

/// The remainder of a polynomial of degree below 128.
const fn reduce(low: u64, high: u64) -> Gf64 {
    // high * x^64 overflows once more by at most four bits, and those no further.
    let over = high >> 60 ^ high >> 61 ^ high >> 63;
    let high = high ^ over;
    Gf64(low ^ high ^ high << 1 ^ high << 3 ^ high << 4)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The modulus with its leading term.
    const MODULUS: u128 = 1 << 64 | X_64 as u128;

    /// Long multiplication and long division, bit by bit.
    fn product_by_the_book(a: u64, b: u64) -> u64 {
        let mut product = (0..64).filter(|bit| b >> bit & 1 == 1).fold(0u128, |sum, bit| sum ^ u128::from(a) << bit);
        for degree in (64..128).rev() {
            if product >> degree & 1 == 1 {
                product ^= MODULUS << (degree - 64);
            }
        }
        product as u64
    }

    fn gcd(mut a: u128, mut b: u128) -> u128 {
        while b != 0 {
            while a != 0 && a.leading_zeros() <= b.leading_zeros() {
                a ^= b << (b.leading_zeros() - a.leading_zeros());
            }
            (a, b) = (b, a);
        }
        a
    }

    /// M. O. Rabin's test, "Probabilistic algorithms in finite fields", SIAM J. Comput. 9(2), 1980: 2 is the only prime
    /// divisor of the degree.
    #[test]
    fn the_modulus_is_irreducible() {
        let conjugate = |times| (0..times).fold(2, |power, _| product_by_the_book(power, power));
        assert_eq!(conjugate(64), 2);
        assert_eq!(gcd(MODULUS, u128::from(conjugate(32) ^ 2)), 1);
    }

    #[test]
    fn the_trace_of_half_the_elements_is_one() {
        // It is linear and not zero, so it is one for exactly half of them.
        assert!((0..64).any(|bit| Gf64(1 << bit).trace()));
        assert!(!Gf64::ZERO.trace());
    }

    fn any_element() -> impl Strategy<Value = Gf64> {
        prop_oneof![8 => any::<u64>(), 1 => Just(u64::MAX), 1 => (0..64u32).prop_map(|bit| u64::MAX << bit)]
            .prop_map(Gf64)
    }

    proptest! {
        #[test]
        fn products_are_those_of_long_multiplication(a in any_element(), b in any_element()) {
            let expected = Gf64(product_by_the_book(a.0, b.0));
            prop_assert_eq!(a * b, expected);
            let (mut narrow, mut wide) = (ByFourBits::EMPTY, ByBytes::EMPTY);
            narrow.fill(a);
            wide.fill(a);
            prop_assert_eq!([narrow.times(b), wide.times(b)], [expected; 2]);
            prop_assert_eq!(a.square(), Gf64(product_by_the_book(a.0, a.0)));
        }

        #[test]
        fn it_is_a_field(a in any_element(), b in any_element(), c in any_element()) {
            prop_assert_eq!(a * (b + c), a * b + a * c);
            prop_assert_eq!(a * (b * c), (a * b) * c);
            prop_assert_eq!(a * a.inverse(), if a == Gf64::ZERO { Gf64::ZERO } else { Gf64::ONE });
            prop_assert_eq!(a.pow(u64::MAX), if a == Gf64::ZERO { Gf64::ZERO } else { Gf64::ONE });
            prop_assert_eq!(a.pow(5), a * a * a * a * a);
            prop_assert_eq!((a + b).trace(), a.trace() ^ b.trace());
            prop_assert_eq!(a.square().trace(), a.trace());
        }
    }
}
