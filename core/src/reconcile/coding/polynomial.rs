//! Polynomials over GF(2^64), lowest coefficient first, and the roots of those that split into distinct linear factors.
//!
//! A polynomial f has only simple roots in the field, as many as its degree, exactly if it divides x^(2^64) - x: the number of
//! roots is checked before any is looked for. The roots are then told apart by the Berlekamp trace algorithm (E. R. Berlekamp,
//! "Factoring polynomials over large finite fields", Mathematics of Computation 24(111), 1970): for a constant b, the
//! trace of b r is 0 for some roots r and 1 for the others, so the greatest common divisor of f with the polynomial
//! Tr(b x) collects the former. The constants are the basis 1, x, x^2, ... of the field, whose 64 traces determine an element: no
//! randomness is needed, and 64 rounds always suffice. All rounds share the powers x^(2^k) mod f that the check has computed.

use alloc::vec;
use alloc::vec::Vec;

use super::gf64::{Gf64, add_scaled};

/// The roots of a monic polynomial, sorted, or `None` unless it has as many distinct ones as its degree d. Takes some 40 d^2
/// products, 160 d^2 at worst, and d^2 / 2 + 64 d elements of memory: 4.5 MB for degree 1,000.
pub(super) fn distinct_roots(monic: Vec<Gf64>) -> Option<Vec<Gf64>> {
    if monic.len() <= 2 {
        return Some(monic.split_last().map_or_else(Vec::new, |(_, root)| root.to_vec()));
    }
    let powers = conjugates_of_x(&monic)?;
    let mut roots = Vec::with_capacity(monic.len() - 1);
    let mut factors = vec![monic];
    for bit in 0..64 {
        let trace = trace_of_multiple(Gf64(1 << bit), &powers);
        let parts = factors.into_iter().flat_map(|factor| split(factor, &trace));
        let (linear, rest) = parts.partition::<Vec<_>, _>(|part| part.len() <= 2);
        roots.extend(linear.into_iter().map(|part| part[0]));
        factors = rest;
        if factors.is_empty() {
            break;
        }
    }
    roots.sort_unstable();
    factors.is_empty().then_some(roots)
}

/// x^(2^k) modulo a polynomial of degree 2 or more, for k from 0 to 63, or `None` unless x^(2^64) is x again.
fn conjugates_of_x(monic: &[Gf64]) -> Option<Vec<Vec<Gf64>>> {
    let degree = monic.len() - 1;
    let modulus = &monic[..degree];
    // The even powers from the degree on, reduced: with them, to square is to add up rows.
    let mut rows = Vec::with_capacity(degree / 2);
    let mut power = modulus.to_vec();
    for exponent in degree..2 * degree - 1 {
        if exponent % 2 == 0 {
            rows.push(power.clone());
        }
        let carry = power[degree - 1];
        power.copy_within(..degree - 1, 1);
        power[0] = Gf64::ZERO;
        add_scaled(&mut power, carry, modulus);
    }
    let mut x = vec![Gf64::ZERO; degree];
    x[1] = Gf64::ONE;
    let mut powers = vec![x];
    for k in 0..64 {
        let mut square = vec![Gf64::ZERO; degree];
        for (place, coefficient) in powers[k].iter().enumerate() {
            match rows.get(place.wrapping_sub(degree.div_ceil(2))) {
                Some(row) => add_scaled(&mut square, coefficient.square(), row),
                None => square[2 * place] += coefficient.square(),
            }
        }
        powers.push(square);
    }
    (powers.pop()? == powers[0]).then_some(powers)
}

/// Tr(b x) modulo the polynomial whose powers of x these are.
fn trace_of_multiple(b: Gf64, powers: &[Vec<Gf64>]) -> Vec<Gf64> {
    let mut conjugate = b;
    let mut trace = vec![Gf64::ZERO; powers[0].len()];
    for power in powers {
        add_scaled(&mut trace, conjugate, power);
        conjugate = conjugate.square();
    }
    trace
}

/// The factor with the roots where the trace is zero, and the one with the others; one of them where all are alike.
fn split(mut factor: Vec<Gf64>, trace: &[Gf64]) -> Vec<Vec<Gf64>> {
    let mut rest = trace.to_vec();
    divide(&mut rest, &factor);
    rest.truncate(factor.len() - 1);
    let zeros = gcd(factor.clone(), rest);
    if zeros.len() == 1 || zeros.len() == factor.len() {
        return vec![factor];
    }
    divide(&mut factor, &zeros);
    let ones = factor.split_off(zeros.len() - 1);
    vec![zeros, ones]
}

/// Divides by a monic polynomial in place: the remainder stays in the places below its degree, the quotient above.
fn divide(dividend: &mut [Gf64], monic: &[Gf64]) {
    let degree = monic.len() - 1;
    for top in (degree..dividend.len()).rev() {
        let (low, high) = dividend.split_at_mut(top);
        add_scaled(&mut low[top - degree..], high[0], &monic[..degree]);
    }
}

/// The monic greatest common divisor of a monic polynomial and another one.
fn gcd(mut monic: Vec<Gf64>, mut other: Vec<Gf64>) -> Vec<Gf64> {
    loop {
        while other.last() == Some(&Gf64::ZERO) {
            other.pop();
        }
        let Some(leading) = other.last() else { return monic };
        let scale = leading.inverse();
        other.iter_mut().for_each(|coefficient| *coefficient = *coefficient * scale);
        divide(&mut monic, &other);
        monic.truncate(other.len() - 1);
        (monic, other) = (other, monic);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::{btree_set, vec as vec_of};
    use proptest::prelude::*;

    fn with_roots(roots: impl IntoIterator<Item = u64>) -> Vec<Gf64> {
        roots.into_iter().fold(vec![Gf64::ONE], |polynomial, root| {
            let mut product = vec![Gf64::ZERO; polynomial.len() + 1];
            add_scaled(&mut product[1..], Gf64::ONE, &polynomial);
            add_scaled(&mut product, Gf64(root), &polynomial);
            product
        })
    }

    #[test]
    fn neighbours_and_subspaces_come_apart() {
        // The low traces of these are alike, or few of them tell anything.
        let sets: [Vec<u64>; 3] =
            [(0..40).collect(), (0..40).map(|bit| 1 << bit).collect(), (0..33).map(|i| (i * i) << 50 | 1).collect()];
        for mut roots in sets {
            roots.sort_unstable();
            roots.dedup();
            let found = distinct_roots(with_roots(roots.iter().copied()));
            assert_eq!(found, Some(roots.into_iter().map(Gf64).collect()));
        }
    }

    /// x^2 + x + c has roots in the field exactly if c has trace 0.
    #[test]
    fn a_quadratic_splits_by_the_trace() {
        for bit in 0..64 {
            let constant = Gf64(1 << bit);
            let roots = distinct_roots(vec![constant, Gf64::ONE, Gf64::ONE]);
            assert_eq!(roots.is_some(), !constant.trace());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn all_roots_are_found(roots in btree_set(any::<u64>(), 0..60)) {
            let found = distinct_roots(with_roots(roots.iter().copied()));
            prop_assert_eq!(found, Some(roots.into_iter().map(Gf64).collect()));
        }

        #[test]
        fn repeated_roots_are_refused(mut roots in vec_of(any::<u64>(), 1..20), again in any::<proptest::sample::Index>()) {
            roots.push(roots[again.index(roots.len())]);
            prop_assert_eq!(distinct_roots(with_roots(roots)), None);
        }

        #[test]
        fn division_undoes_multiplication(a in vec_of(any::<u64>(), 1..30), b in vec_of(any::<u64>(), 1..30)) {
            let mut product = with_roots(a.iter().chain(&b).copied());
            let (a, b) = (with_roots(a), with_roots(b));
            divide(&mut product, &a);
            prop_assert!(product[..a.len() - 1].iter().all(|&rest| rest == Gf64::ZERO));
            prop_assert_eq!(&product[a.len() - 1..], &b[..]);
        }
    }
}
