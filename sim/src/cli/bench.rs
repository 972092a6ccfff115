//! `rapsim bench`: how fast this machine is and how much memory a node takes, and what reconciling two stores, ranking and swapping take.

mod overhead;
mod peerswap;
mod rank;
mod reconcile;
mod report;
mod trial;

use std::io::{self, Write};
use std::time;

use clap::{Args, Subcommand, ValueEnum};
use rapprochement_core::time::{Duration, Instant};
use serde::Serialize;

use super::{Exit, complain};
use crate::engine::{Director, Event, Outcome, Plan, Progress, QueueKind, Shard, Stop, run, shards_for};
use crate::model::phold::{LEAST_DELAY, Phold};
use crate::model::{RunOptions, phold_protocol};
use crate::output;
use crate::random::Streams;

/// What to measure.
#[derive(Args, Clone, Debug)]
pub struct BenchArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand, Clone, Debug)]
enum What {
    /// PHOLD: one event in flight per node, to anyone, after 0.1 s plus an exponential 0.9 s.
    Phold(PholdArgs),
    Reconcile(reconcile::ReconcileArgs),
    Rank(rank::RankArgs),
    #[command(name = "peerswap")]
    PeerSwap(peerswap::PeerSwapArgs),
}

/// A PHOLD run.
#[derive(Args, Clone, Debug)]
struct PholdArgs {
    /// Nodes, with one event in flight each.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(2..))]
    nodes: u32,
    /// The most threads to use.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1024))]
    threads: u32,
    /// The future event list.
    #[arg(long, value_enum, default_value_t = Engine::Calendar)]
    engine: Engine,
    /// What a node is.
    #[arg(long, value_enum, default_value_t = Model::Bare)]
    model: Model,
    /// Events to measure, after one per node to warm up. Default: 10 per node, at least 10 million.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    events: Option<u64>,
    /// The seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How to print.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(ValueEnum, Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Engine {
    /// A ring of sorted time buckets.
    Calendar,
    /// The standard library's binary heap.
    Reference,
}

#[derive(ValueEnum, Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Model {
    /// 32 bytes of state and nothing but the engine.
    Bare,
    /// The protocol contract: 128 bytes of state, 64 of payload, region latency, access links, traffic counters.
    Protocol,
}

#[derive(ValueEnum, Clone, Copy, Debug)]
enum Format {
    /// A line per figure.
    Text,
    /// One object.
    Json,
}

/// What a run cost. The digest is a result, the rest are facts about this machine.
#[derive(Debug, Serialize)]
struct Report {
    model: Model,
    engine: Engine,
    nodes: u32,
    threads: u32,
    /// Events per second of wall time, after the warm-up.
    events_per_s: f64,
    /// Growth of resident memory from before the model was built to the peak; nothing where the system does not tell.
    bytes_per_node: Option<f64>,
    events: u64,
    wall_s: f64,
    parallel_windows: u64,
    digest: String,
}

/// Runs the benchmark and prints what it took.
pub(super) fn main(args: &BenchArgs) -> Exit {
    match &args.what {
        What::Phold(args) => phold(args),
        What::Reconcile(args) => reconcile::main(args),
        What::Rank(args) => rank::main(args),
        What::PeerSwap(args) => peerswap::main(args),
    }
}

fn phold(args: &PholdArgs) -> Exit {
    let report = match args.model {
        Model::Bare => bare(args),
        Model::Protocol => protocol(args),
    };
    let text = match (report, args.format) {
        (Err(why), _) => {
            complain(why);
            return Exit::Failure;
        }
        (Ok(report), Format::Json) => serde_json::json!(report).to_string(),
        (Ok(report), Format::Text) => describe(&report),
    };
    if writeln!(io::stdout(), "{text}").is_err() { Exit::Failure } else { Exit::Success }
}

fn describe(report: &Report) -> String {
    let Report { events_per_s, events, wall_s, .. } = report;
    let memory = report.bytes_per_node.map_or_else(|| "unknown".into(), |bytes| format!("{bytes:.0}"));
    format!(
        "{:.2} M events/s ({events} events in {wall_s:.2} s)\n{memory} bytes per node\n{} windows in parallel\ndigest {}",
        events_per_s / 1e6,
        report.parallel_windows,
        report.digest
    )
}

fn bare(args: &PholdArgs) -> Result<Report, String> {
    let streams = Streams::new(args.seed);
    let shards = shards_for(args.nodes, args.threads as usize) as u64;
    let starts = (0..=shards).map(|shard| (u64::from(args.nodes) * shard / shards) as u32).collect();
    measure(args, (starts, LEAST_DELAY), |starts| {
        let shard = |range: &[u32]| Phold::new(&streams, range[0], range[1], args.nodes);
        (starts.windows(2).map(shard).collect(), Phold::initial(&streams, args.nodes))
    })
}

fn protocol(args: &PholdArgs) -> Result<Report, String> {
    let streams = Streams::new(args.seed);
    let network = phold_protocol::network(args.nodes, &streams)
        .map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))?;
    let options = RunOptions { threads: args.threads as usize, ..RunOptions::default() };
    measure(args, network.shards(options.shards(args.nodes)), |starts| {
        (phold_protocol::shards(network, starts, args.nodes, &streams), phold_protocol::initial(args.nodes))
    })
}

/// Builds and runs one model of PHOLD, cut into shards with this lookahead; `build` gets the first entity of each shard, and
/// the end.
fn measure<S: Shard, I: Iterator<Item = Event<S::Data>>>(
    args: &PholdArgs,
    (starts, lookahead): (Vec<u32>, Duration),
    build: impl FnOnce(&[u32]) -> (Vec<S>, I),
) -> Result<Report, String> {
    let plan = Plan {
        starts,
        lookahead,
        threads: args.threads as usize,
        always_parallel: false,
        queue: match args.engine {
            Engine::Calendar => QueueKind::Calendar,
            Engine::Reference => QueueKind::Reference,
        },
        seed: args.seed,
        deadline: Instant::MAX,
        slice: Duration::from_secs(10),
        trace: None,
        stop: Stop::default(),
    };
    let events = args.events.unwrap_or_else(|| 10_000_000.max(10 * u64::from(args.nodes)));
    let mut stopwatch = Stopwatch::new(u64::from(args.nodes), events);
    let before = output::resident_bytes();
    let (shards, initial) = build(&plan.starts);
    let run = run(shards, initial, &mut stopwatch, &plan);
    if let Outcome::Failed(why) = run.outcome {
        return Err(why);
    }
    let grown = output::peak_rss_bytes().zip(before).map(|(peak, before)| peak.saturating_sub(before));
    let wall_s = stopwatch.wall.as_secs_f64();
    Ok(Report {
        model: args.model,
        engine: args.engine,
        nodes: args.nodes,
        threads: args.threads,
        events_per_s: stopwatch.counted as f64 / wall_s,
        bytes_per_node: grown.map(|bytes| bytes as f64 / f64::from(args.nodes)),
        events: stopwatch.counted,
        wall_s,
        parallel_windows: run.windows,
        digest: format!("{:032x}", run.digest),
    })
}

/// Takes the time from the end of the warm-up until enough events have happened, looking on a grid of virtual time that
/// has at least some 65,000 events between two looks.
#[derive(Debug)]
struct Stopwatch {
    next: Instant,
    grid: Duration,
    warm_up: u64,
    events: u64,
    start: Option<(time::Instant, u64)>,
    counted: u64,
    wall: time::Duration,
}

impl Stopwatch {
    fn new(nodes: u64, events: u64) -> Self {
        let grid = Duration::from_nanos((1 << 16) * 1_000_000_000 / nodes.max(1)).max(Duration::from_millis(100));
        let (start, counted, wall) = (None, 0, time::Duration::ZERO);
        Self { next: Instant::ZERO + grid, grid, warm_up: nodes, events, start, counted, wall }
    }
}

impl<S: Shard> Director<S> for Stopwatch {
    fn next(&self) -> Option<Instant> {
        Some(self.next)
    }

    #[expect(clippy::disallowed_methods, reason = "the wall clock is what is measured")]
    fn act(&mut self, now: Instant, _: &mut [&mut S], progress: &Progress) -> Option<Outcome> {
        self.next = now + self.grid;
        match self.start {
            None if progress.events >= self.warm_up => self.start = Some((time::Instant::now(), progress.events)),
            None => {}
            Some((start, from)) => {
                self.counted = progress.events - from;
                self.wall = start.elapsed();
            }
        }
        (self.counted >= self.events).then_some(Outcome::EventLimit)
    }
}
