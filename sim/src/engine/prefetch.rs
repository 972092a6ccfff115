//! The one file of the workspace with `unsafe` in it: the hint to the processor that a place in memory will be read
//! soon. At a million nodes nearly every event touches a node that is in no cache; asking for it a few events ahead hides
//! most of that wait, and a plain load in its place costs a third of the speed (it occupies the reorder buffer until it
//! completes, a hint does not).

#![allow(unsafe_code)]

/// Bytes of a cache line.
const LINE: usize = 64;
/// The most lines that one hint asks for.
const LINES_MAX: usize = 4;

/// Asks for the cache lines of `place` (the first 256 bytes of it). A hint: nothing is read, nothing can fail, and on
/// other processors than x86-64 nothing happens.
#[inline(always)]
pub fn read<T>(place: &T) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        let start = std::ptr::from_ref(place).cast::<i8>();
        for line in 0..size_of::<T>().div_ceil(LINE).min(LINES_MAX) {
            // SAFETY: the instruction reads nothing and faults on no address; `wrapping_add` only computes one, and it
            // stays inside `place`.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(start.wrapping_add(line * LINE)) };
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (place, LINE, LINES_MAX);
}
