//! Follows calls over time.

use std::ops::ControlFlow;

use rapprochement_core::protocol::Protocol;
use rapprochement_core::time::{Duration, Instant};

use super::node::CallEvent;
use super::observer::CallObserver;
use crate::engine::{Director, Outcome, Progress};
use crate::measure::results::Results;
use crate::model::config::MeasureConfig;
use crate::model::host::{Hosts, SimProtocol};
use crate::model::transports::{Look, footprint};
use crate::model::{Heartbeat, Watch};

/// The director of a run of calls.
pub(super) struct CallsDirector<'a, P> {
    measure: MeasureConfig,
    look: Look<P>,
    watch: Watch<'a>,
    next_sample: Instant,
    warm_up: Option<Instant>,
    /// Series so far.
    pub(super) results: Results,
}

impl<'a, P> CallsDirector<'a, P> {
    pub(super) fn new(measure: MeasureConfig, warm_up: Duration, look: Look<P>, watch: Watch<'a>) -> Self {
        let next_sample = Instant::ZERO + measure.sample.0;
        let warm_up = (!warm_up.is_zero()).then_some(Instant::ZERO + warm_up);
        Self { measure, look, watch, next_sample, warm_up, results: Results::default() }
    }
}

impl<P> Director<Hosts<P, CallObserver>> for CallsDirector<'_, P>
where
    P: SimProtocol + Protocol<Event = CallEvent>,
{
    fn next(&self) -> Option<Instant> {
        Some(self.warm_up.map_or(self.next_sample, |warm_up| warm_up.min(self.next_sample)))
    }

    fn act(
        &mut self,
        now: Instant,
        shards: &mut [&mut Hosts<P, CallObserver>],
        progress: &Progress,
    ) -> Option<Outcome> {
        if now >= self.next_sample {
            self.next_sample = now + self.measure.sample.0;
            let nodes = shards.iter().flat_map(|shard| shard.nodes());
            let state = footprint(nodes.filter_map(|(_, _, node)| (self.look)(node)));
            self.results.sample(now, "connections_open", "", state.open as f64);
            self.results.sample(now, "connections_lingering", "", state.lingering as f64);
        }
        if self.warm_up.is_some_and(|warm_up| warm_up <= now) {
            self.warm_up = None;
            shards.iter_mut().for_each(|shard| shard.reset_traffic());
        }
        if let Some(fault) = shards.iter().find_map(|shard| shard.fault()) {
            return Some(Outcome::Failed(fault.into()));
        }
        if let ControlFlow::Break(why) = (self.watch)(Heartbeat { now, events: progress.events }) {
            return Some(Outcome::Failed(why));
        }
        (self.measure.event_limit > 0 && progress.events >= self.measure.event_limit).then_some(Outcome::EventLimit)
    }
}
