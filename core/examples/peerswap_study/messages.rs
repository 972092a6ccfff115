//! Experiments with the message protocol.

use rapprochement_core::overlay::sampling::peerswap::PeerSwapConfig;
use rapprochement_core::time::Duration;

use crate::Options;
use crate::faults;
use crate::idealised::graph;
use crate::pool;
use crate::tally::{self, About};
use rapprochement_core::overlay::sampling::peerswap::world::{Latency, World};

const NODES: usize = 1024;
const DEGREE: usize = 5;
/// Longer than any swap takes with the latencies here.
const LEASE: Duration = Duration::from_secs(8);
/// Runs of one generator.
const BATCH: u64 = 4;

fn config(swaps_per_second: f64) -> PeerSwapConfig {
    PeerSwapConfig { degree: DEGREE, rate: swaps_per_second / (NODES * DEGREE / 2) as f64, lease: LEASE }
}

fn about(experiment: &'static str, latency: &str, rate: f64, time: f64, seed: u64) -> About {
    About { experiment, nodes: NODES, degree: DEGREE, eigenvalue: None, latency: latency.into(), rate, time, seed }
}

fn uniform(millis: u64) -> (String, Latency) {
    (format!("U(0,{millis}ms)"), Latency::Uniform(Duration::from_millis(millis)))
}

/// How often each peer is a neighbour of peer 0, where messages take time.
pub(crate) fn latency(options: &Options) {
    let times = [60.0, 120.0, 180.0];
    let config = config(50.0);
    let mut latencies = vec![("0".to_owned(), Latency::Constant(Duration::ZERO)), uniform(50)];
    latencies.extend(options.matrix.clone().map(|matrix| ("matrix".to_owned(), matrix)));
    let runs = options.runs((options.expected() * (NODES as u64 - 1)).div_ceil(DEGREE as u64));
    for (name, latency) in latencies {
        for seed in 1..=options.seeds(3, 5) {
            let graph = graph(NODES, DEGREE, seed);
            let counts = pool::sum(options.threads, runs.div_ceil(BATCH), NODES * times.len(), |batch, counts| {
                for run in batch * BATCH..runs.min((batch + 1) * BATCH) {
                    let mut world = World::on(&graph, config, latency.clone(), seed << 40 | run);
                    for (&time, counts) in times.iter().zip(counts.chunks_mut(NODES)) {
                        let end = Duration::from_secs_f64(time).as_nanos();
                        world.run(Duration::from_nanos(end - world.network.now));
                        world.neighbours(0).into_iter().for_each(|peer| counts[peer as usize] += 1);
                    }
                }
            });
            for (&time, counts) in times.iter().zip(counts.chunks(NODES)) {
                let about = about("latency", &name, config.rate, time, seed);
                tally::print(&about, &counts[1..], runs, DEGREE as f64 / (NODES - 1) as f64);
            }
        }
    }
}

/// How many attempts succeed, counted both ways.
pub(crate) fn success(options: &Options) {
    let time = 120.0;
    let mut latencies = vec![uniform(20), uniform(50), uniform(100)];
    latencies.extend(options.matrix.clone().map(|matrix| ("matrix".to_owned(), matrix)));
    for (name, latency) in latencies {
        for swaps in (10..=100).step_by(10) {
            for seed in 1..=options.seeds(5, 5) {
                let config = config(f64::from(swaps));
                let mut world = World::on(&graph(NODES, DEGREE, seed), config, latency.clone(), seed);
                world.run(Duration::from_secs_f64(time));
                let counted = world.counters();
                let about = about("success", &name, config.rate, time, seed);
                for (metric, value) in [
                    ("fired", counted.fired),
                    ("busy", counted.busy),
                    ("refused", counted.refused),
                    ("failed", counted.failed),
                    ("swapped", counted.swapped),
                    ("expired", counted.expired),
                    ("messages", world.network.messages),
                ] {
                    about.print(metric, Some(f64::from(swaps)), value as f64);
                }
                about.print("success_rate", Some(f64::from(swaps)), counted.success_rate());
                about.print("yield", Some(f64::from(swaps)), counted.true_yield());
            }
        }
    }
}

/// What loss and crashes do, over many seeds: counts of runs.
pub(crate) fn faults(options: &Options) {
    with_faults(options, "faults", &[50]);
}

/// The same with messages of up to an eighth of a lease, and up to nine tenths.
pub(crate) fn slow(options: &Options) {
    with_faults(options, "slow", &[125, 250, 500, 900]);
}

fn with_faults(options: &Options, name: &'static str, latencies: &[u64]) {
    let (nodes, seeds) = (50, options.seeds(200, 10_000));
    let metrics = [
        "disconnected_at_some_look",
        "parted_at_some_look",
        "disconnected_at_the_end",
        "unsound",
        "one_sided_at_the_end",
        "places_left_free",
    ];
    for &millis in latencies {
        let counts = pool::sum(options.threads, seeds, metrics.len(), |seed, counts| {
            let outcome = faults::run(nodes, Duration::from_millis(millis), seed);
            let seen = [
                outcome.disconnected,
                outcome.parted,
                outcome.split,
                outcome.unsound,
                outcome.one_sided > 0,
                outcome.vacant > outcome.unavoidable,
            ];
            counts.iter_mut().zip(seen).for_each(|(count, seen)| *count += u32::from(seen));
        });
        let about = About { nodes, ..about(name, &uniform(millis).0, 0.03, 25.0, 0) };
        about.print("seeds", None, seeds as f64);
        for (metric, count) in metrics.into_iter().zip(counts) {
            about.print(metric, None, f64::from(count));
            about.print(&format!("share_{metric}"), None, f64::from(count) / seeds as f64);
        }
    }
}
