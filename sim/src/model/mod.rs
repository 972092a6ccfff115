//! Protocol families: each builds its entities from the experiment and turns their events into metrics.
//!
//! [`host`] runs any protocol of the core on the engine and the network; [`sync`] is key-value synchronisation;
//! [`hostile`] is what some of the nodes may do to the others;
//! [`phold`] is the engine's benchmark.

pub mod aside;
pub mod config;
pub mod experiment;
pub mod host;
pub mod hostile;
pub mod identity;
pub mod phold;
pub mod phold_protocol;
pub mod preload;
pub mod slab;
pub mod sync;
pub mod traffic;
pub mod workload;

use std::ops::Range;

use rapprochement_core::time::Instant;

use crate::engine::{Checkpoint, Outcome, QueueKind, Run, Shard, TraceRecord, shards_for};

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
