//! What the steps of a session cost on this machine, in nanoseconds, beside what simulations charge for them
//! (`rapprochement_core::reconcile::session::work`): `cargo run --release -p rapprochement-core --example session_prices`.
//! Best of several runs, one thread.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use rapprochement_core::peer::{Peer, PeerId, SimPeer};
use rapprochement_core::reconcile::coding::keyed::{FormA, key_id};
use rapprochement_core::reconcile::coding::range::{Item, Ranges};
use rapprochement_core::reconcile::coding::search_tree::{self, SearchTree};
use rapprochement_core::reconcile::coding::{Decoder, Entry, Iblt, Limits, Prefix, Riblt, Salt, Shape, Sketch, Strata};
use rapprochement_core::reconcile::session::{Index, work};
use rapprochement_core::store::{Keys, Store, Tuple};

const SALT: Salt = Salt([1, 2]);
const ITEMS: u64 = 20_000;
const CELLS: usize = 1_400;
const DIFFERENCES: u64 = 1_000;
const SYNDROMES: usize = 201;

/// The shortest of some runs, in nanoseconds.
#[expect(clippy::disallowed_methods, reason = "this measures the machine")]
fn best<T>(mut step: impl FnMut() -> T) -> f64 {
    let once = |_| {
        let start = Instant::now();
        black_box(step());
        start.elapsed().as_secs_f64() * 1e9
    };
    (0..12).map(once).fold(f64::INFINITY, f64::min)
}

fn print(step: &str, measured: f64, price: u64) {
    println!("{step:44} {measured:9.2} {:9.2}", price as f64 / 1e3);
}

fn item(i: u64) -> u128 {
    u128::from(SALT.hash64(i)) << 64 | u128::from(SALT.hash64(!i))
}

fn entry(i: u64) -> Entry<1> {
    Entry::new(key_id(item(i)), i, SALT.hash64(i))
}

fn main() {
    println!("{:44} {:>9} {:>9}", "ns", "measured", "charged");
    stores();
    cells();
    sketches();
    walks();
}

struct NoKeys;

impl Keys for NoKeys {
    fn author(&self) -> PeerId {
        PeerId([0; 32])
    }

    fn sign(&self, _: &[u8]) -> [u8; 64] {
        [0; 64]
    }

    fn verify(&self, _: &PeerId, _: &[u8], _: &[u8; 64]) -> bool {
        true
    }

    fn shares_verdicts(&self) -> bool {
        true
    }
}

fn stores() {
    let mut store = Store::default();
    for i in 0..ITEMS {
        let author = SimPeer((i % 100) as u32).id();
        let tuple = Tuple::from_parts(author, i + 1, &i.to_be_bytes(), Some(&[7; 32]), [0; 64]).expect("it is short");
        store.offer(&Arc::new(tuple), &NoKeys);
    }
    print("a tuple under a new salt", best(|| Index::of(&store, SALT)) / ITEMS as f64, work::INDEX);
    let digests: Vec<[u8; 32]> = store.iter().map(|tuple| tuple.digest()).collect();
    let hash = || {
        let mut hasher = blake3::Hasher::new();
        for digest in &digests {
            hasher.update(digest);
        }
        hasher.finalize()
    };
    print("a digest in the hash of a set", best(hash) / ITEMS as f64, work::DIGEST);
}

fn cells() {
    let items: Vec<u128> = (0..ITEMS).map(item).collect();
    let entries: Vec<Entry<1>> = (0..ITEMS).map(entry).collect();
    let updates = ITEMS as f64 * work::cells_of_an_item(CELLS);
    let plain = best(|| Prefix::build(Riblt::new(SALT), CELLS, items.iter().copied()));
    let keyed = best(|| Prefix::build(FormA::new(SALT), CELLS, entries.iter().copied()));
    print("an item in a cell: RIBLT", plain / updates, work::CELL);
    print("an item in a cell: keyed RIBLT", keyed / updates, work::CELL);
    let limits = Limits { cells: 1 << 20, differences: 1 << 20 };
    let remote = Prefix::build(FormA::new(SALT), 2_000, entries[..DIFFERENCES as usize].iter().copied());
    let local = Prefix::new(FormA::new(SALT), 2_000);
    let peel = || Decoder::new(FormA::new(SALT), limits).push(remote.cells(), local.cells());
    print("a difference peeled: keyed RIBLT", best(peel) / DIFFERENCES as f64, work::PEEL);
    let remote = Prefix::build(Riblt::new(SALT), 2_000, items[..DIFFERENCES as usize].iter().copied());
    let local = Prefix::new(Riblt::new(SALT), 2_000);
    let peel = || Decoder::new(Riblt::new(SALT), limits).push(remote.cells(), local.cells());
    print("a difference peeled: RIBLT", best(peel) / DIFFERENCES as f64, work::PEEL);
}

fn sketches() {
    let ids = || (0..2_000).map(|i| SALT.hash64(i) | 1);
    let toggles = 2_000.0 * SYNDROMES as f64;
    print("an id in a syndrome", best(|| Sketch::of(ids(), SYNDROMES)) / toggles, work::SYNDROME);
    let capacity = SYNDROMES - 1;
    let full = Sketch::of(ids().take(capacity), SYNDROMES);
    let square = (SYNDROMES * SYNDROMES) as f64;
    print("a sketch decoded, by its length squared", best(|| full.differences(1)) / square, work::DECODE);
    let items: Vec<u128> = (0..ITEMS).map(item).collect();
    let mut table = Iblt::<u128>::new(Shape::for_differences(DIFFERENCES), SALT);
    let insert = best(|| items.iter().for_each(|item| table.insert(*item)));
    print("an item in a table", insert / ITEMS as f64, work::TABLE);
    let mut table = Iblt::<u128>::new(Shape::for_differences(DIFFERENCES), SALT);
    items[..DIFFERENCES as usize].iter().for_each(|item| table.insert(*item));
    let cells = table.shape().cells() as f64;
    print("a cell of a table peeled", best(|| table.clone().differences()) / cells, work::TABLE_PEEL);
    let mut strata = Strata::new(SALT);
    let insert = best(|| items.iter().for_each(|item| strata.insert(*item)));
    print("an item in the strata", insert / ITEMS as f64, work::STRATA);
}

fn walks() {
    let mut items: Vec<Item> = (0..ITEMS).map(|i| Item { order: SALT.hash64(i), id: item(i).to_be_bytes() }).collect();
    items.sort_unstable();
    print("an item in ranges", best(|| Ranges::new(items.as_slice(), [1; 32], 60_000)) / ITEMS as f64, work::RANGE);
    let value = |i: u64| item(!i).to_be_bytes();
    let mut entries: Vec<search_tree::Entry> =
        (0..ITEMS).map(|i| search_tree::Entry { key: item(i).to_be_bytes(), value: value(i) }).collect();
    entries.sort_unstable();
    print(
        "an entry in a tree",
        best(|| SearchTree::new(entries.as_slice(), [1; 32], 60_000)) / ITEMS as f64,
        work::TREE,
    );
    let ranges = Ranges::new(items.as_slice(), [1; 32], 60_000);
    let other = Ranges::new(&items[..items.len() / 2], [1; 32], 60_000);
    let (open, bytes) = (other.open(), 16.0 * 32.0);
    print("a byte of a walk", best(|| ranges.answer(&open)) / bytes, work::WALK);
}
