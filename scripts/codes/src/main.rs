//! Builds the first cells of 100,000 items, on one core: our plain and keyed codes, and the crate `riblt` 0.1.1, in turn, in one
//! process, from the same items of 16 bytes. Prints medians over the rounds, and the
//! least times, which whatever else the machine does touches least.
//!
//! `cargo run --release --manifest-path scripts/codes/Cargo.toml [rounds]`
//!
//! `riblt` makes cells in blocks of 1,024, and hence 2,048 in two passes where 1,400 are wanted; so one block of it is
//! timed as well.

#![allow(clippy::disallowed_methods, reason = "a measurement of wall time decides nothing")]

use std::hint::black_box;
use std::iter::Cloned;
use std::slice::Iter;
use std::time::Instant;

use rapprochement_core::reconcile::coding::keyed::{FormA, FormB, key_id};
use rapprochement_core::reconcile::coding::{Entry, Prefix, Riblt, Salt};
use riblt::{RatelessIBLT, Symbol};

const ITEMS: u64 = 100_000;
const SALT: Salt = Salt([0x0123_4567_89ab_cdef, 0xfedc_ba98_7654_3210]);

/// An item as the crate wants it.
#[derive(Clone, Debug)]
struct Item(u128);

impl Symbol for Item {
    const BYTE_ARRAY_LENGTH: usize = 16;

    fn encode_to_bytes(&self) -> Vec<u8> {
        self.0.to_le_bytes().to_vec()
    }

    fn decode_from_bytes(bytes: &Vec<u8>) -> Self {
        let mut item = [0; 16];
        item.copy_from_slice(bytes);
        Self(u128::from_le_bytes(item))
    }
}

fn main() {
    let rounds = std::env::args().nth(1).and_then(|rounds| rounds.parse().ok()).unwrap_or(15usize).max(1);
    let items: Vec<Item> = (0..ITEMS).map(|i| Item(u128::from(mix(i)) << 64 | u128::from(mix(!i)))).collect();
    let entries: Vec<Entry<1>> =
        (0..ITEMS).zip(&items).map(|(i, item)| Entry::new(key_id(item.0), i + 1, item.0 as u64)).collect();
    let theirs = |cells: usize| {
        let mut code: RatelessIBLT<Item, Cloned<Iter<'_, Item>>> = RatelessIBLT::new(items.iter().cloned());
        black_box(code.get_coded_symbol(cells - 1));
        black_box(code.coded_symbols.len());
    };
    let plain = |cells| drop(black_box(Prefix::build(Riblt::new(SALT), cells, items.iter().map(|item| item.0))));
    let keyed = |cells| drop(black_box(Prefix::build(FormA::new(SALT), cells, entries.iter().copied())));
    let versioned = |cells| drop(black_box(Prefix::build(FormB::new(SALT), cells, entries.iter().copied())));
    println!(
        "| cells of {ITEMS} items | code | processor, ms, median | least | wall, ms, median | `riblt` 0.1.1 takes |"
    );
    println!("|--:|---|--:|--:|--:|--:|");
    for cells in [1024, 1400] {
        let codes: [(&str, &dyn Fn(usize)); 4] = [
            ("plain, 16 bytes", &plain),
            ("keyed, 24 bytes", &keyed),
            ("keyed with versions, 32 bytes", &versioned),
            ("`riblt` 0.1.1, 16 bytes", &theirs),
        ];
        let mut times = [const { Vec::new() }; 4];
        for _ in 0..rounds {
            // In turn, so that whatever else the machine does meets all of them.
            codes.iter().zip(&mut times).for_each(|((_, build), times)| times.push(time(|| build(cells))));
        }
        let sorted = times.map(|times| [0, 1].map(|clock| sorted(times.iter().map(|time| time[clock]).collect())));
        let middle = rounds / 2;
        for ((name, _), [processor, wall]) in codes.iter().zip(&sorted) {
            let ratio = sorted[3][0][middle] / processor[middle];
            let (processor, least, wall) = (processor[middle], processor[0], wall[middle]);
            println!("| {cells} | {name} | {processor:.2} | {least:.2} | {wall:.2} | {ratio:.1} times |");
        }
    }
}

/// A bijective mix, so that items differ (D. Stafford's variant 13 of MurmurHash3's finaliser).
fn mix(i: u64) -> u64 {
    let x = (i ^ (i >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// Processor and wall time of some work, in ms.
fn time(work: impl FnOnce()) -> [f64; 2] {
    let (processor, wall) = (processor_ns(), Instant::now());
    work();
    let wall = wall.elapsed().as_secs_f64() * 1e3;
    [(processor_ns() - processor) / 1e6, wall]
}

/// Processor time of this process so far, in ns, as the scheduler of Linux accounts for it. NaN elsewhere.
fn processor_ns() -> f64 {
    // The scheduler brings its account up to date when a thread gives way.
    std::thread::yield_now();
    let account = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    account.split(' ').next().and_then(|ns| ns.parse().ok()).unwrap_or(f64::NAN)
}

fn sorted(mut times: Vec<f64>) -> Vec<f64> {
    times.sort_by(f64::total_cmp);
    times
}
