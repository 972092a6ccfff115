//! Microseconds of the sketches of fixed size: `cargo run --release -p rapprochement-core --example sketch_speed`.
//! Best of several runs, one thread.

use std::hint::black_box;
use std::time::Instant;

use rapprochement_core::reconcile::coding::{Iblt, Salt, Shape, Sketch, Strata};

/// The shortest of `runs` runs, in microseconds.
#[expect(clippy::disallowed_methods, reason = "this measures the machine")]
fn best<T>(runs: usize, mut work: impl FnMut() -> T) -> f64 {
    let once = |_| {
        let start = Instant::now();
        black_box(work());
        start.elapsed().as_secs_f64() * 1e6
    };
    (0..runs).map(once).fold(f64::INFINITY, f64::min)
}

fn pinsketch(differences: u64) {
    const TOGGLES: u64 = 1_000;
    let salt = Salt([1, 2]);
    let mut sketch = Sketch::new(differences as usize + 1);
    let toggle = best(10, || (0..TOGGLES).for_each(|id| sketch.toggle(salt.hash64(id) | 1))) / TOGGLES as f64;
    let sketch = Sketch::of((0..differences).map(|id| salt.hash64(id) | 1), differences as usize + 1);
    let decode = best(5, || sketch.differences(1).expect("it holds as many differences"));
    let overfull = Sketch::of((0..2 * differences).map(|id| salt.hash64(id) | 1), differences as usize + 1);
    let refuse = best(5, || assert!(overfull.differences(1).is_none()));
    let bytes = sketch.encoded_len();
    println!(
        "pinsketch d={differences:<5} toggle {toggle:9.3} us, decode {decode:10.1} us, refuse {refuse:10.1} us, {bytes} B"
    );
}

fn iblt(differences: u64) {
    const INSERTS: u64 = 10_000;
    let salt = Salt([1, 2]);
    let shape = Shape::for_differences(differences);
    let mut table = Iblt::<u128>::new(shape, salt);
    let insert = best(20, || (0..INSERTS).for_each(|item| table.insert(u128::from(item)))) / INSERTS as f64;
    let difference = |salt| {
        let mut table = Iblt::<u128>::new(shape, salt);
        (0..differences).for_each(|item| table.insert(u128::from(item)));
        table
    };
    let tables = (0..).map(|nonce| difference(Salt([nonce, 2])));
    let table = tables.into_iter().find(|table| table.clone().differences().is_some()).expect("some table peels");
    let decode = best(50, || table.clone().differences());
    let bytes = table.encoded_len();
    println!("iblt      d={differences:<5} toggle {insert:9.3} us, decode {decode:10.1} us, {bytes} B");
}

fn strata() {
    const ITEMS: u64 = 100_000;
    let build = || {
        let mut estimator = Strata::new(Salt([1, 2]));
        (0..ITEMS).for_each(|item| estimator.insert(u128::from(item)));
        estimator
    };
    let insert = best(5, build) / ITEMS as f64;
    let (estimator, empty) = (build(), Strata::new(Salt([1, 2])));
    let estimate = best(20, || estimator.estimate(&empty));
    println!("strata    n={ITEMS} insert {insert:6.3} us, estimate {estimate:8.1} us, {} B", estimator.encoded_len());
}

fn main() {
    for differences in [10, 100, 1_000] {
        pinsketch(differences);
        iblt(differences);
    }
    strata();
}
