//! What a shard's observer records of workflows, and what samples them.

use std::ops::ControlFlow;
use std::sync::Arc;

use rapprochement_core::protocol::Protocol;
use rapprochement_core::time::Instant;

use super::message::Task;
use super::node::{Moment, WorkflowEvent};
use crate::engine::{Director, Outcome, Progress};
use crate::measure::results::Results;
use crate::model::config::MeasureConfig;
use crate::model::host::{Hosts, Observer, SimProtocol, World};
use crate::model::{Heartbeat, Watch};

/// A moment of an instance, and when it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Record {
    /// Which instance.
    pub(super) of: Task,
    /// What.
    pub(super) kind: Moment,
    /// When.
    pub(super) at: Instant,
    /// On which node.
    pub(super) node: u32,
}

/// The observer of one shard.
#[derive(Debug, Default)]
pub(super) struct WorkflowObserver {
    records: Vec<Record>,
    finished: u64,
}

impl WorkflowObserver {
    /// All there are, in the order of the shard's events.
    pub(super) fn records(&self) -> &[Record] {
        &self.records
    }
}

impl<P: SimProtocol + Protocol<Event = WorkflowEvent>> Observer<P> for WorkflowObserver {
    fn commanded(&mut self, _: u32) {}

    fn event(&mut self, now: Instant, node: u32, _since: Instant, event: WorkflowEvent) -> u64 {
        self.finished += u64::from(event.kind == Moment::Finished);
        self.records.push(Record { of: event.of, kind: event.kind, at: now, node });
        (event.kind as u64) << 56 ^ u64::from(event.of.run) << 28 ^ u64::from(event.of.task)
    }

    fn joined(&mut self, _: Instant, _: u32, _: &P) {}

    fn left(&mut self, _: Instant, _: u32, _: &P) {}
}

/// The director of a run of workflows.
pub(super) struct WorkflowDirector<'a, P: Protocol> {
    measure: MeasureConfig,
    watch: Watch<'a>,
    next: Instant,
    pub(super) results: Results,
    pub(super) world: Arc<World<P>>,
}

impl<'a, P: Protocol> WorkflowDirector<'a, P> {
    pub(super) fn new(measure: MeasureConfig, world: Arc<World<P>>, watch: Watch<'a>) -> Self {
        Self { next: Instant::ZERO + measure.sample.0, measure, watch, results: Results::default(), world }
    }
}

impl<P> Director<Hosts<P, WorkflowObserver>> for WorkflowDirector<'_, P>
where
    P: SimProtocol + Protocol<Event = WorkflowEvent>,
{
    fn next(&self) -> Option<Instant> {
        Some(self.next)
    }

    fn act(
        &mut self,
        now: Instant,
        shards: &mut [&mut Hosts<P, WorkflowObserver>],
        progress: &Progress,
    ) -> Option<Outcome> {
        self.next = now + self.measure.sample.0;
        let finished: u64 = shards.iter().map(|shard| shard.observer().finished).sum();
        self.results.sample(now, "workflows_finished", "", finished as f64);
        if let Some(fault) = shards.iter().find_map(|shard| shard.fault()) {
            return Some(Outcome::Failed(fault.into()));
        }
        if let ControlFlow::Break(why) = (self.watch)(Heartbeat { now, events: progress.events }) {
            return Some(Outcome::Failed(why));
        }
        (self.measure.event_limit > 0 && progress.events >= self.measure.event_limit).then_some(Outcome::EventLimit)
    }
}
