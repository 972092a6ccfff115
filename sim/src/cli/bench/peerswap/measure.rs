//! How many swaps a second one core makes.

use std::time::Instant;

use rapprochement_core::overlay::sampling::peerswap::draws::SplitMix64;
use rapprochement_core::overlay::sampling::peerswap::{Counters, Idealised, PeerSwapConfig, RegularGraph};
use rapprochement_core::time::Duration;

use rapprochement_core::overlay::sampling::peerswap::world::{Latency, World};

/// Which form of PeerSwap.
#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// Swaps take no time.
    Idealised,
    /// Swaps are brought about by messages.
    Protocol,
}

/// Swaps per second in each of several stretches, of wall time and of the time that the thread had a core, in ascending
/// order, and what was counted in all of them. The two differ on a machine that is shared.
pub(super) struct Measured {
    pub(super) per_second: Vec<f64>,
    pub(super) per_core_second: Vec<f64>,
    pub(super) counters: Counters,
    pub(super) messages: u64,
}

/// Stretches of about `swaps` swaps each, after one that is not counted. The clocks of edges ring once a second of virtual
/// time, leases last 10 s, and messages take `latency`. `None` where there is no such graph.
#[expect(clippy::disallowed_methods, reason = "a measurement of wall time decides nothing")]
pub(super) fn measure(
    mode: Mode,
    nodes: usize,
    degree: usize,
    latency: Duration,
    seed: u64,
    swaps: u64,
) -> Option<Measured> {
    let graph = RegularGraph::random(nodes, degree, &mut SplitMix64::new(seed))?;
    let mut measured =
        Measured { per_second: Vec::new(), per_core_second: Vec::new(), counters: Counters::default(), messages: 0 };
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
        let (start, core) = (Instant::now(), core_seconds());
        let (after, sent) = stretch();
        let swapped = (after.swapped - before.swapped) as f64;
        measured.per_second.push(swapped / start.elapsed().as_secs_f64());
        if let Some((begin, end)) = core.zip(core_seconds()).filter(|(begin, end)| begin < end) {
            measured.per_core_second.push(swapped / (end - begin));
        }
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
    measured.per_core_second.sort_by(f64::total_cmp);
    Some(measured)
}

/// How long this process has had a core, where the system says so (Linux, one thread).
fn core_seconds() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/self/schedstat").ok()?;
    Some(text.split_whitespace().next()?.parse::<f64>().ok()? / 1e9)
}

/// Least, median and greatest as JSON.
fn range(rates: &[f64]) -> String {
    match rates {
        [] => "null".to_owned(),
        [least, .., most] => format!("[{least:.0},{:.0},{most:.0}]", rates[rates.len() / 2]),
        [only] => format!("[{only:.0},{only:.0},{only:.0}]"),
    }
}

/// One JSON object. `swaps_per_s` is the median of the stretches by wall time; the ranges are least, median and greatest, by
/// wall time and by the time that the process had a core.
pub(super) fn json(
    mode: Mode,
    nodes: usize,
    degree: usize,
    latency: Duration,
    seed: u64,
    measured: &Measured,
) -> String {
    let Measured { per_second, per_core_second, counters, messages } = measured;
    let Counters { fired, busy, refused, failed, swapped, expired } = counters;
    let mode = if mode == Mode::Idealised { "idealised" } else { "protocol" };
    format!(
        "{{\"mode\":\"{mode}\",\"nodes\":{nodes},\"degree\":{degree},\"latency_ns\":{},\"seed\":{seed},\
         \"swaps_per_s\":{:.0},\"wall\":{},\"core\":{},\"fired\":{fired},\"busy\":{busy},\
         \"refused\":{refused},\"failed\":{failed},\"swapped\":{swapped},\"expired\":{expired},\"messages\":{messages},\
         \"success_rate\":{:.6},\"yield\":{:.6}}}",
        latency.as_nanos(),
        per_second[per_second.len() / 2],
        range(per_second),
        range(per_core_second),
        counters.success_rate(),
        counters.true_yield(),
    )
}
