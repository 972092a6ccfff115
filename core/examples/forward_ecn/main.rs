//! Forward ECN on the published testbed: two clients with 1 Gbit/s and a server behind 100 Mbit/s, packets of 1000 bytes
//! (D. Staessens, "Congestion avoidance in Ouroboros", 12 December 2020: 79.0 Mbit/s alone; 42.8 and 45 once the second has joined).
//! Prints a table over how queues mark, how senders offer packets, and whether they are spread over a slot, with what is left to the
//! published figures. Shift 4, offset 0, or, no pacing, increase by the limit is the setting of the commit that is modelled
//! (`core/src/flow/mod.rs`): it is the configuration's default, and was fixed before any row was seen.
//!
//! `cargo run --release --example forward_ecn` prints the whole grid, with `-- regression` the one row that a test looks at.

mod testbed;

use rapprochement_core::flow::config::{Combine, CongestionConfig, Increase, Marking, Pacing};
use rapprochement_core::time::Duration;
use testbed::{HEADERS, Row, Setting, Testbed};

/// Root mean square of what is left to the published 79.0, 42.8 and 45 Mbit/s.
fn residual(row: &Row) -> f64 {
    let [first, second] = row.after_one;
    let apart = |a: f64, b: f64| (a - 42.8) * (a - 42.8) + (b - 45.0) * (b - 45.0);
    let alone = (row.alone - 79.0) * (row.alone - 79.0);
    libm::sqrt((alone + apart(first, second).min(apart(second, first))) / 3.0)
}

fn print(name: &str, setting: Setting) -> f64 {
    let row = Testbed::run(setting);
    let CongestionConfig { marking, pacing, increase, .. } = setting.congestion;
    let residual = residual(&row);
    let [[a, b], [c, d]] = [row.after_one, row.after_five];
    let combine = format!("{:?}", marking.combine).to_lowercase();
    let rule = format!("{pacing:?},{increase:?}").to_lowercase();
    let Marking { shift, offset, .. } = marking;
    let Row { alone, queue, drops, .. } = row;
    println!(
        "{name},{shift},{offset},{combine},{rule},{alone:.1},{a:.1},{b:.1},{c:.1},{d:.1},{queue},{drops},{residual:.1}"
    );
    residual
}

fn main() {
    println!(
        "sender,shift,offset,combine,pacing,increase,alone,first_1s,second_1s,first_5s,second_5s,median_queue,drops,residual"
    );
    let senders = [("greedy", 1), ("cbr100", 80), ("cbr200", 40)].map(|(name, us)| (name, Duration::from_micros(us)));
    if std::env::args().any(|argument| argument == "regression") {
        let congestion =
            CongestionConfig { marking: Marking { offset: 64, ..Marking::default() }, ..Default::default() };
        let gap = Duration::from_micros(40);
        // The row was taken without headers: 1000 bytes at 100 Mbit/s are 80 us. With them, in the grid, it is lower.
        print("cbr200", Setting { congestion, gap, headers: 0 });
        print("cbr200", Setting { congestion, gap, headers: HEADERS });
        return;
    }
    let mut nearest: Option<(f64, String)> = None;
    for (name, gap) in senders {
        for increase in [Increase::Limit, Increase::Sent] {
            for pacing in [Pacing::None, Pacing::Even] {
                for combine in [Combine::Or, Combine::Max, Combine::Sum] {
                    for (shift, offset) in [4, 3, 2, 5, 6].into_iter().flat_map(|s| [0, 16, 64, 128].map(|o| (s, o))) {
                        let marking = Marking { shift, offset, combine };
                        let congestion = CongestionConfig { marking, pacing, increase, ..Default::default() };
                        let residual = print(name, Setting { congestion, gap, headers: HEADERS });
                        if nearest.as_ref().is_none_or(|(least, _)| residual < *least) {
                            let what = format!("{name} {combine:?} {shift} {offset} {pacing:?} {increase:?}");
                            nearest = Some((residual, what));
                        }
                    }
                }
            }
        }
    }
    if let Some((residual, what)) = nearest {
        eprintln!("nearest: {what}, {residual:.1} Mbit/s from the published figures");
    }
}
