//! Protocol families: each builds its entities from the experiment and turns their events into metrics.
//!
//! [`host`] runs any protocol of the core on the engine and the network; [`sync`] is key-value synchronisation; [`overlay`] is
//! peer sampling and the RTT service; [`rank`] is MeritRank under Sybil attacks; [`calls`] is requests and replies;
//! [`directory`] is names and their lookups;
//! [`workflow`] is serverless workflows;
//! [`hostile`] is what some of the nodes may do to the others;
//! [`phold`] is the engine's benchmark.

pub mod aside;
pub mod calls;
pub mod config;
pub mod directory;
pub mod experiment;
pub mod host;
pub mod hostile;
pub mod identity;
pub mod overlay;
pub mod phold;
pub mod phold_protocol;
pub mod preload;
pub mod rank;
mod report;
pub mod slab;
mod stage;
pub mod sync;
pub mod traffic;
pub mod transports;
pub mod workflow;
pub mod workload;

use std::ops::{ControlFlow, Range};

use rapprochement_core::time::Instant;

use self::config::ProtocolConfig;
use self::experiment::Experiment;
use crate::engine::{Checkpoint, Outcome, QueueKind, Run, Shard, Stop, TraceRecord, shards_for};
use crate::measure::results::Results;
use crate::problem::Problem;

/// How to run an experiment; none of it changes a result.
#[derive(Clone, Debug, Default)]
pub struct RunOptions {
    /// Threads at most.
    pub threads: usize,
    /// Uses that many threads in every window, even where one would be faster: for checks of determinism.
    pub exact_threads: bool,
    /// The event queue.
    pub queue: QueueKind,
    /// Span of virtual time in which every event's key is kept.
    pub trace: Option<Range<Instant>>,
    /// What may end a run between its samples; such a run has failed.
    pub stop: Stop,
}

impl RunOptions {
    /// How many shards to cut this many nodes into: one per thread, but fewer where that is faster, unless the threads
    /// were asked for to the letter.
    pub fn shards(&self, nodes: u32) -> usize {
        if self.exact_threads { self.threads } else { shards_for(nodes, self.threads) }
    }
}

/// How a run went.
#[derive(Clone, Debug)]
pub struct RunStatistics {
    /// Why it ended.
    pub outcome: Outcome,
    /// Events that were handled.
    pub events: u64,
    /// The digest of all events and records.
    pub digest: u128,
    /// The digest of each slice of virtual time.
    pub checkpoints: Vec<Checkpoint>,
    /// Virtual time at the end.
    pub end: Instant,
    /// The keys that were asked for.
    pub trace: Vec<TraceRecord>,
    /// Windows that several threads ran side by side. A fact about the machine, not a result.
    pub windows: u64,
}

impl RunStatistics {
    /// Takes a finished run apart.
    pub fn split<S: Shard>(run: Run<S>) -> (Vec<S>, Self) {
        let Run { shards, outcome, events, digest, checkpoints, end, windows, trace, .. } = run;
        (shards, Self { outcome, events, digest, checkpoints, end, trace, windows })
    }
}

/// What a caller is told while a run goes on.
#[derive(Clone, Copy, Debug)]
pub struct Heartbeat {
    /// Virtual time reached.
    pub now: Instant,
    /// Events so far.
    pub events: u64,
}

/// Called at every sample. A break gives the run up: it has failed, for this reason.
pub type Watch<'a> = &'a mut dyn FnMut(Heartbeat) -> ControlFlow<String>;

/// What one run gives.
#[derive(Debug)]
pub struct ModelRun {
    /// The measurements.
    pub results: Results,
    /// How the run went.
    pub statistics: RunStatistics,
    /// Why the run had one thread although more were asked for, if that is so.
    pub one_thread: Option<&'static str>,
}

/// Runs an experiment to its end, whatever its protocol.
///
/// # Errors
/// Everything that keeps it from being built: files that are missing or malformed, parts that contradict each other.
pub fn run(experiment: &Experiment, options: &RunOptions, watch: Watch<'_>) -> Result<ModelRun, Vec<Problem>> {
    if let ProtocolConfig::Meritrank(settings) = &experiment.protocol {
        rank::run(experiment, settings, watch)
    } else if let ProtocolConfig::Calls(settings) = &experiment.protocol {
        calls::run(experiment, settings, options, watch)
    } else if let ProtocolConfig::Directory(settings) = &experiment.protocol {
        directory::run(experiment, settings, options, watch)
    } else if let ProtocolConfig::Workflow(settings) = &experiment.protocol {
        workflow::run(experiment, settings, options, watch)
    } else if experiment.protocol.is_overlay() {
        overlay::run(experiment, options, watch)
    } else {
        sync::run(experiment, options, watch)
    }
}
