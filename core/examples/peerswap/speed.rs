//! How many swaps a second one core makes.
#![allow(clippy::disallowed_methods, reason = "a measurement of wall time decides nothing")]

use std::time::Instant;

use rapprochement_core::overlay::sampling::peerswap::draws::SplitMix64;
use rapprochement_core::overlay::sampling::peerswap::{Counters, Idealised, PeerSwapConfig, RegularGraph};
use rapprochement_core::time::Duration;

use super::driver::{Latency, World};

/// Which form of PeerSwap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Idealised,
    Protocol,
}

/// Swaps per second of wall time in each of several stretches, and what was counted in all of them.
pub(crate) struct Measured {
    pub(crate) per_second: Vec<f64>,
    pub(crate) counters: Counters,
    pub(crate) messages: u64,
}

/// Stretches of about `swaps` swaps each, after one that is not counted. The clocks of edges ring once a second of virtual
/// time, leases last 10 s, and messages take `latency`. `None` where there is no such graph.
pub(crate) fn measure(
    mode: Mode,
    nodes: usize,
    degree: usize,
    latency: Duration,
    seed: u64,
    swaps: u64,
) -> Option<Measured> {
    let graph = RegularGraph::random(nodes, degree, &mut SplitMix64::new(seed))?;
    let mut measured = Measured { per_second: Vec::new(), counters: Counters::default(), messages: 0 };
    let mut stretch: Box<dyn FnMut() -> (Counters, u64)> = match mode {
        Mode::Idealised => {
            let (mut process, mut rng) = (Idealised::new(&graph), SplitMix64::new(seed ^ 1));
            let rings = swaps as f64 / graph.edges().len() as f64;
            let mut counters = Counters::default();
            Box::new(move || {
                let swapped = process.run(rings, &mut rng);
                counters.fired += swapped;
                counters.swapped += swapped;
                (counters, 0)
            })
        }
        Mode::Protocol => {
            let config = PeerSwapConfig { degree, rate: 1.0, lease: Duration::from_secs(10) };
            let mut world = World::on(&graph, config, Latency::Constant(latency), seed ^ 1);
            let span = Duration::from_secs_f64(swaps as f64 / graph.edges().len() as f64);
            Box::new(move || {
                world.run(span);
                (world.counters(), world.network.messages)
            })
        }
    };
    let (mut before, mut messages) = stretch();
    let first = before;
    for _ in 0..7 {
        let start = Instant::now();
        let (after, sent) = stretch();
        measured.per_second.push((after.swapped - before.swapped) as f64 / start.elapsed().as_secs_f64());
        measured.messages += sent - messages;
        (before, messages) = (after, sent);
    }
    measured.counters = Counters {
        fired: before.fired - first.fired,
        busy: before.busy - first.busy,
        refused: before.refused - first.refused,
        failed: before.failed - first.failed,
        swapped: before.swapped - first.swapped,
        expired: before.expired - first.expired,
    };
    measured.per_second.sort_by(f64::total_cmp);
    Some(measured)
}

/// One JSON object. The rate is the median of the stretches.
pub(crate) fn json(
    mode: Mode,
    nodes: usize,
    degree: usize,
    latency: Duration,
    seed: u64,
    measured: &Measured,
) -> String {
    let Measured { per_second, counters, messages } = measured;
    let Counters { fired, busy, refused, failed, swapped, expired } = counters;
    let mode = if mode == Mode::Idealised { "idealised" } else { "protocol" };
    format!(
        "{{\"mode\":\"{mode}\",\"nodes\":{nodes},\"degree\":{degree},\"latency_ns\":{},\"seed\":{seed},\
         \"swaps_per_s\":{:.0},\"swaps_per_s_min\":{:.0},\"swaps_per_s_max\":{:.0},\"fired\":{fired},\"busy\":{busy},\
         \"refused\":{refused},\"failed\":{failed},\"swapped\":{swapped},\"expired\":{expired},\"messages\":{messages},\
         \"success_rate\":{:.6},\"yield\":{:.6}}}",
        latency.as_nanos(),
        per_second[per_second.len() / 2],
        per_second[0],
        per_second[per_second.len() - 1],
        counters.success_rate(),
        counters.true_yield(),
    )
}
