//! The engine: typed events between entities, in time order. It knows nothing of networks or protocols.
//!
//! | file | what is in it |
//! |---|---|
//! | `event` | events and their total order |
//! | `queue`, `calendar`, `reference` | the future event list, fast and plain |
//! | `scheduler` | what a handler may do; mail between shards |
//! | `lane` | the loop that handles events |
//! | `simulation` | a run in hand: begin, pause, change, finish |
//! | [`fork`] | futures from one past, by clone or by replay |
//! | `drive` | what moves a run: global actions, sequential and parallel phases |
//! | `stop` | what ends a run from outside |
//! | `windows`, `barrier` | conservative windows on several threads |
//! | `digest` | digest, checkpoints, trace |
//! | [`prefetch`] | the hint to the processor: the one file with `unsafe` in it |
//!
//! The path of an event: a handler calls [`Scheduler::at`], the event gets its source's next sequence number and is
//! appended to its time bucket; when virtual time comes to that bucket it is sorted and its entities are fetched ahead
//! of time; the event is handed to its shard, and its key, target and fingerprint are added to the digest.
//!
//! An entity's events are handled in their total order, and a shard's handlers touch nothing outside their shard, so
//! the results do not depend on the number of shards or threads. Where that is given away: shared mutable state behind
//! a shard's back, or a payload's slot in a fingerprint.

mod barrier;
mod calendar;
mod digest;
mod drive;
mod event;
pub mod fork;
mod lane;
mod late;
pub mod prefetch;
mod queue;
mod reference;
mod scheduler;
mod simulation;
mod stop;
mod windows;

use std::ops::Range;

use rapprochement_core::time::{Duration, Instant};

pub use digest::{Checkpoint, TraceRecord};
pub use event::{Entity, Event, EventData};
pub use queue::QueueKind;
pub use scheduler::Scheduler;
pub use simulation::{Simulation, run};
pub use stop::Stop;

/// A contiguous range of entities that one thread handles at a time. Entities that share a queue or a host without
/// latency between them share a shard.
pub trait Shard: Send + Sized {
    /// What its events say.
    type Data: EventData;
    /// A payload on its way to another shard.
    type Parcel: Send;

    /// Handles one event to its end. The event's source is not passed: what a handler needs of it is in the data. Events of
    /// different sources at one instant come in an order that a model must not rely on.
    fn handle(
        &mut self,
        now: Instant,
        entity: Entity,
        data: Self::Data,
        scheduler: &mut Scheduler<'_, Self>,
    ) -> Handled;

    /// Asks for the memory that [`Shard::handle`] will touch for this event: see [`prefetch::read`].
    fn prefetch(&self, entity: Entity, data: Self::Data);

    /// How many events the entity has sent: kept with its state, loaded before and stored after [`Shard::handle`], never
    /// reset. Initial events take their numbers from it too.
    fn sequence(&mut self, entity: Entity) -> &mut u32;

    /// Takes a payload from another shard, to which `references` events refer, and returns its slot here.
    fn accept(&mut self, parcel: Self::Parcel, references: u32) -> u32;
}

/// Whether an event happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handled {
    /// It is part of the run: it enters the digest and the count.
    Counted,
    /// A cancelled timer, or an event for a dead incarnation: it stays outside of both.
    Stale,
}

/// Global actions: partitions, churn batches, samples, stop conditions. They run between events, before every entity's
/// event of their time, on all shards at once, by one thread; so whatever they judge does not depend on threads.
pub trait Director<S: Shard> {
    /// The time of the next action. It never lies before the last one.
    fn next(&self) -> Option<Instant>;

    /// Carries the next action out. An outcome ends the run.
    fn act(&mut self, now: Instant, shards: &mut [&mut S], progress: &Progress) -> Option<Outcome>;

    /// Hands over events that the last action caused, of sources above all entities and no earlier than its time. Sources
    /// that are entities take their sequence numbers from [`Shard::sequence`].
    fn inject(&mut self, _events: &mut Vec<Event<S::Data>>) {}
}

impl<S: Shard, G: Director<S>> Director<S> for &mut G {
    fn next(&self) -> Option<Instant> {
        (**self).next()
    }

    fn act(&mut self, now: Instant, shards: &mut [&mut S], progress: &Progress) -> Option<Outcome> {
        (**self).act(now, shards, progress)
    }

    fn inject(&mut self, events: &mut Vec<Event<S::Data>>) {
        (**self).inject(events);
    }
}

/// How far a run has come, as a global action sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Events counted so far.
    pub events: u64,
    /// Events that are scheduled.
    pub pending: u64,
    /// The digest so far.
    pub digest: u128,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing was left to happen.
    Drained,
    /// The deadline came.
    DeadlineReached,
    /// A condition of the director was met.
    ConditionMet,
    /// The director's limit on events was reached.
    EventLimit,
    /// Something is wrong, and what; the digest of such a run means nothing.
    Failed(String),
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Drained => "drained",
            Self::DeadlineReached => "deadline reached",
            Self::ConditionMet => "condition met",
            Self::EventLimit => "event limit",
            Self::Failed(why) => return write!(f, "failed: {why}"),
        })
    }
}

/// How to run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Shard `i` owns the entities `starts[i]..starts[i + 1]`; the last is the number of entities.
    pub starts: Vec<Entity>,
    /// No event comes from another shard sooner than this. Zero: one thread.
    pub lookahead: Duration,
    /// The most threads to use; never more than there are shards, and one where that is faster.
    pub threads: usize,
    /// Uses the threads in every window, even where one would be faster: small runs meet the same code as large ones.
    pub always_parallel: bool,
    /// The future event list.
    pub queue: QueueKind,
    /// The scenario's seed.
    pub seed: u64,
    /// The run covers the events before this time, and the global actions up to it.
    pub deadline: Instant,
    /// Virtual time between two checkpoints of the digest; zero for one over the whole run.
    pub slice: Duration,
    /// The virtual time of which to keep a full trace.
    pub trace: Option<Range<Instant>>,
    /// Asked every so many events whether the run is to end.
    pub stop: Stop,
}

/// Entities below which a shard seldom has enough events in a window to be worth a thread of its own.
const ENTITIES_PER_SHARD: u32 = 16_384;

/// How many shards to deal entities out to for a number of threads, where nothing else decides: one per thread, and fewer
/// where entities are few, since a run on one thread is fastest with one shard. At least one.
pub fn shards_for(entities: u32, threads: usize) -> usize {
    threads.min((entities / ENTITIES_PER_SHARD) as usize).max(1)
}

/// What a run leaves behind.
#[derive(Debug)]
pub struct Run<S> {
    /// The shards, as the last event left them.
    pub shards: Vec<S>,
    /// Why it ended.
    pub outcome: Outcome,
    /// Events that were counted.
    pub events: u64,
    /// Events that turned out stale.
    pub stale: u64,
    /// The sum over all counted events and records.
    pub digest: u128,
    /// The digest by slices of virtual time.
    pub checkpoints: Vec<Checkpoint>,
    /// Virtual time at the end: of the last event where the run drained.
    pub end: Instant,
    /// Windows that ran in parallel. A fact about this machine, not a result.
    pub windows: u64,
    /// What [`Plan::trace`] asked for, in the order of events.
    pub trace: Vec<TraceRecord>,
}
