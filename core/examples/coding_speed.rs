//! What the rateless codes cost, on one core: building a prefix from 100,000 items, updating a long one at a write, and
//! peeling 1,000 and 10,000 differences. Prints the best wall time and
//! the mean processor time of several rounds.
//!
//! `cargo run --release -p rapprochement-core --example coding_speed [rounds]`
//!
//! With an argument of the form `NAME` (`build-plain`, ...) runs that once and nothing else, for callgrind.

#![allow(clippy::disallowed_methods, reason = "a measurement of wall time decides nothing")]

use std::hint::black_box;
use std::time::Instant;

use rapprochement_core::reconcile::coding::keyed::{FormA, FormB, key_id};
use rapprochement_core::reconcile::coding::{Code, Decoder, Entry, Limits, Prefix, Riblt, Salt};

const SALT: Salt = Salt([0x0123_4567_89ab_cdef, 0xfedc_ba98_7654_3210]);
const LIMITS: Limits = Limits { cells: 1 << 20, differences: 1 << 20 };

fn main() {
    let argument = std::env::args().nth(1);
    let rounds = argument.as_deref().and_then(|argument| argument.parse().ok());
    let only = if rounds.is_some() { None } else { argument };
    let bench = Bench { only, rounds: rounds.unwrap_or(40) };
    println!("{:28} {:>12} {:>12}", "us", "best", "cpu mean");
    bench.code("plain", Riblt::new(SALT), item);
    bench.code("form-a", FormA::new(SALT), entry);
    bench.code("form-b", FormB::new(SALT), entry);
    bench.replace();
}

/// A bijective mix, so that items differ (D. Stafford's variant 13 of MurmurHash3's finaliser).
fn mix(i: u64) -> u64 {
    let x = (i ^ (i >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

fn item(i: u64) -> u128 {
    u128::from(mix(i)) << 64 | u128::from(mix(!i))
}

fn entry(i: u64) -> Entry<1> {
    Entry::new(key_id(item(i)), i, mix(i ^ 0x5555))
}

struct Bench {
    only: Option<String>,
    rounds: usize,
}

impl Bench {
    fn code<C: Code>(&self, name: &str, code: C, item: impl Fn(u64) -> C::Item)
    where
        C::Item: Copy,
    {
        if self.only.as_ref().is_some_and(|only| !only.contains(name)) {
            return;
        }
        let items: Vec<C::Item> = (0..100_000).map(&item).collect();
        self.time(&format!("build-{name}"), 1, || Prefix::build(code.clone(), 1400, items.iter().copied()));
        self.time(&format!("build-{name}-14000"), 1, || Prefix::build(code.clone(), 14_000, items.iter().copied()));
        let mut prefix = Prefix::new(code.clone(), 14_000);
        self.time(&format!("add-{name}"), items.len(), || items.iter().for_each(|item| prefix.add(item)));
        for (differences, cells) in [(1_000, 2_000), (10_000, 14_000)] {
            let (remote, local) = items[..differences].split_at(differences / 2);
            let remote = Prefix::build(code.clone(), cells, remote.iter().copied());
            let local = Prefix::build(code.clone(), cells, local.iter().copied());
            for (way, run) in [("run", cells), ("stream", 48)] {
                self.time(&format!("peel-{name}-{differences}-{way}"), 1, || {
                    let mut decoder = Decoder::new(code.clone(), LIMITS);
                    let complete = remote.cells().chunks(run).any(|run| decoder.push(run, local.cells()).unwrap());
                    assert!(complete && decoder.differences().len() == differences);
                    decoder
                });
            }
        }
    }

    /// A write to a key that is there: one pass for the keyed code.
    fn replace(&self) {
        if self.only.as_ref().is_some_and(|only| only != "replace-form-b") {
            return;
        }
        let entries: Vec<Entry<1>> = (0..100_000).map(entry).collect();
        let newer: Vec<Entry<1>> = (0..100_000).map(|i| Entry::new(entry(i).key(), i + 1, mix(i ^ 0x7777))).collect();
        let mut prefix = Prefix::build(FormB::new(SALT), 14_000, entries.iter().copied());
        self.time("replace-form-b", entries.len(), || {
            entries.iter().zip(&newer).for_each(|(old, new)| prefix.replace(old, new));
        });
    }

    fn time<T>(&self, name: &str, divisor: usize, mut work: impl FnMut() -> T) {
        if self.only.as_deref().is_some_and(|only| only != name) {
            return;
        }
        let rounds = if self.only.is_some() { 1 } else { self.rounds };
        let mut best = f64::INFINITY;
        let before = processor_ns();
        for _ in 0..rounds {
            let start = Instant::now();
            black_box(work());
            best = best.min(start.elapsed().as_secs_f64());
        }
        let processor = (processor_ns() - before) / (1e3 * rounds as f64);
        println!("{name:28} {:12.3} {:12.3}", best * 1e6 / divisor as f64, processor / divisor as f64);
    }
}

/// Processor time of this process so far, in ns, as the scheduler of Linux accounts for it: it knows nothing of what else
/// runs on the machine. NaN elsewhere.
fn processor_ns() -> f64 {
    // The scheduler brings its account up to date when a thread gives way.
    std::thread::yield_now();
    let account = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    account.split(' ').next().and_then(|ns| ns.parse().ok()).unwrap_or(f64::NAN)
}
