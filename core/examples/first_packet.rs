//! How many differences the first packet of a session identifies, with no round trip before it: the largest number of which, in
//! 95 of 100 trials, all are decoded from the cells that fit an opening of 1,200 bytes, everything in it included. The
//! stores have 100,000 tuples, which matters only to the bytes of counts. Inserts are half at either side; of an update
//! the opener has the newer state, and the plain code sees two differences.
//!
//! `cargo run --release -p rapprochement-core --example first_packet [trials]`

use rapprochement_core::reconcile::SyncMessage;
use rapprochement_core::reconcile::coding::keyed::{FormA, FormB, key_id};
use rapprochement_core::reconcile::coding::{Cell, Code, Decoder, Entry, Limits, Prefix, Riblt, Salt};
use rapprochement_core::reconcile::session::{MethodKind, Opening, Part, SessionMessage};
use rapprochement_core::store::SetHash;
use rapprochement_core::wire::Message;

const SALT: Salt = Salt([0x0123_4567_89ab_cdef, 0xfedc_ba98_7654_3210]);
const LIMITS: Limits = Limits { cells: 1 << 20, differences: 1 << 20 };
const PACKET: usize = 1200;
const COMMON: u64 = 100_000;
const SHARE: f64 = 0.95;
/// Far more cells than any code has in a packet.
const CELLS: usize = 64;

fn main() {
    let trials = std::env::args().nth(1).and_then(|trials| trials.parse().ok()).unwrap_or(20_000);
    println!("| code | cells | differences | identified, largest number | share there | share at one more |");
    println!("|---|--:|---|--:|--:|--:|");
    measure(MethodKind::Riblt, Riblt::new(SALT), |i, state| u128::from(mix(i)) << 64 | u128::from(mix(state)), trials);
    let entry =
        |i: u64, state: u64| Entry::<1>::new(key_id(u128::from(mix(i)) << 64 | u128::from(i)), state, mix(state));
    measure(MethodKind::KeyedRiblt, FormA::new(SALT), entry, trials);
    measure(MethodKind::VersionedRiblt, FormB::new(SALT), entry, trials);
}

/// A bijective mix, so that items differ (D. Stafford's variant 13 of MurmurHash3's finaliser).
fn mix(i: u64) -> u64 {
    let x = (i ^ (i >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// Prints a row for inserts and one for updates. `item` is of a key and its state.
fn measure<C: Code>(kind: MethodKind, code: C, item: impl Fn(u64, u64) -> C::Item, trials: u64)
where
    C::Cell: Cell,
{
    let common = Prefix::build(code, CELLS, (0..COMMON).map(|i| item(i, i + 1)));
    for updates in [false, true] {
        let share = |differences: u64| {
            let is_identified = |trial: &u64| {
                let (mut opener, mut answerer) = (common.clone(), common.clone());
                let fresh = COMMON * (2 + trial * 100);
                for change in 0..differences {
                    if updates {
                        let key = (trial * differences + change) % COMMON;
                        opener.remove(&item(key, key + 1));
                        opener.add(&item(key, fresh + change));
                    } else {
                        let side = if change % 2 == 0 { &mut opener } else { &mut answerer };
                        side.add(&item(fresh + change, fresh + change));
                    }
                }
                identifies(
                    kind,
                    &opener,
                    &answerer,
                    if updates && kind == MethodKind::Riblt { 2 } else { 1 } * differences,
                )
            };
            (0..trials).filter(is_identified).count() as f64 / trials as f64
        };
        let mut last = (0, 1.0);
        let beyond = loop {
            let next = share(last.0 + 1);
            if next < SHARE {
                break next;
            }
            last = (last.0 + 1, next);
        };
        let cells = opening(kind, &common).1;
        let what = if updates { "updates" } else { "inserts" };
        println!("| {} | {cells} | {what} | {} | {:.4} | {beyond:.4} |", kind.name(), last.0, last.1);
    }
}

/// A packet's worth of an opening, and the number of cells in it.
fn opening<C: Code>(kind: MethodKind, prefix: &Prefix<C>) -> (Vec<C::Cell>, usize)
where
    C::Cell: Cell,
{
    let message = |words| {
        let tuples = prefix.items() as u32;
        let opening =
            Opening { method: kind, salted: false, nonce: 1, root: SetHash([9; 16]), tuples, authors: tuples, words };
        SyncMessage::Session(Box::new(SessionMessage { session: 1, part: Part::Open(opening) })).encoded_len()
    };
    // The length of the words takes a second byte from 128 on.
    let room = PACKET - message(Vec::new()) - 1;
    let run = prefix.run(0, usize::MAX, room - 1);
    let mut words = vec![1];
    run.encode(&mut words);
    assert!(message(words) <= PACKET && run.cells.len() < CELLS);
    let cells = run.cells.len();
    (run.cells, cells)
}

/// Whether what the packet holds tells all differences.
fn identifies<C: Code>(kind: MethodKind, opener: &Prefix<C>, answerer: &Prefix<C>, differences: u64) -> bool
where
    C::Cell: Cell,
{
    let (cells, _) = opening(kind, opener);
    let mut decoder = Decoder::new(answerer.code().clone(), LIMITS);
    match decoder.push(&cells, answerer.cells()) {
        Ok(true) => {
            assert_eq!(decoder.differences().len() as u64, differences);
            true
        }
        Ok(false) => false,
        Err(error) => panic!("honest cells: {error:?}"),
    }
}
