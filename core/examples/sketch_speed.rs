//! Microseconds of the sketches of fixed size: `cargo run --release -p rapprochement-core --example sketch_speed`.
//! Best of several runs, one thread.

use std::hint::black_box;
use std::time::Instant;

use rapprochement_core::reconcile::coding::{Salt, Sketch};

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

fn main() {
    for differences in [10, 100, 1_000] {
        pinsketch(differences);
    }
}
