//! PHOLD on other engines: `foreign-engines ENGINE NODES EVENTS` prints events per second of wall time, after one event
//! per node of warm-up. Every engine is driven as its documentation shows, with the same node and the same draws.

mod desru;
#[path = "../../../../sim/src/random/exponential.rs"]
#[allow(dead_code, unreachable_pub, reason = "one module of the simulator, of which this takes the draws alone")]
mod exponential;
mod nexosim;
mod process;
mod simcore;
mod simrs;

use std::time::Instant;

/// Runs until `warm_up` events have happened, then takes the time of `events` more. `run_to` runs an engine until its
/// nodes have handled so many events in all, or a few more, and returns how many they have.
fn measure(warm_up: u64, events: u64, mut run_to: impl FnMut(u64) -> u64) -> f64 {
    let from = run_to(warm_up);
    let start = Instant::now();
    let to = run_to(from + events);
    (to - from) as f64 / start.elapsed().as_secs_f64()
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, engine, nodes, events] = &arguments[..] else { panic!("usage: foreign-engines ENGINE NODES EVENTS") };
    let nodes: u32 = nodes.parse().expect("a number of nodes");
    let events: u64 = events.parse().expect("a number of events");
    let rate = match engine.as_str() {
        "desru" => desru::phold(nodes, events),
        "nexosim" => nexosim::phold(nodes, events),
        "simcore" => simcore::phold(nodes, events),
        "simrs" => simrs::phold(nodes, events),
        other => panic!("no engine is called {other}"),
    };
    println!("{rate}");
}
