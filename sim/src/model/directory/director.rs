//! Samples routing tables at fixed times, between events, on all shards at once.

use std::ops::ControlFlow;

use rapprochement_core::time::{Duration, Instant};

use super::node::DirectoryNode;
use super::observer::DirectoryObserver;
use crate::engine::{Director, Outcome, Progress};
use crate::measure::results::Results;
use crate::model::config::MeasureConfig;
use crate::model::host::Hosts;
use crate::model::report::ratio;
use crate::model::{Heartbeat, Watch};

/// A shard of nodes of a directory.
pub(super) type Shard = Hosts<DirectoryNode, DirectoryObserver>;

/// The director of a run of a directory.
pub(super) struct DirectoryDirector<'a> {
    measure: MeasureConfig,
    nodes: u32,
    watch: Watch<'a>,
    next_sample: Instant,
    warm_up: Option<Instant>,
    /// Series so far.
    pub(super) results: Results,
}

impl<'a> DirectoryDirector<'a> {
    pub(super) fn new(measure: MeasureConfig, warm_up: Duration, nodes: u32, watch: Watch<'a>) -> Self {
        let next_sample = Instant::ZERO + measure.sample.0;
        let warm_up = (!warm_up.is_zero()).then_some(Instant::ZERO + warm_up);
        Self { measure, nodes, watch, next_sample, warm_up, results: Results::default() }
    }
}

/// What the routing tables of the present nodes hold now, by metric.
pub(super) fn tables<'a>(shards: impl Iterator<Item = &'a Shard> + Clone, nodes: u32) -> [(&'static str, f64); 4] {
    let all = || shards.clone().flat_map(Hosts::nodes);
    let mut up = vec![false; nodes as usize];
    for (node, since, _) in all() {
        up[node as usize] = since.is_some();
    }
    let (mut live, mut contacts, mut dead, mut keys) = (0u64, 0u64, 0u64, 0u64);
    for (_, _, node) in all().filter(|(_, since, _)| since.is_some()) {
        live += 1;
        keys += node.directory().keys() as u64;
        for contact in node.directory().table().contacts() {
            contacts += 1;
            dead += u64::from(!up[contact.0 as usize]);
        }
    }
    [
        ("live_nodes", live as f64),
        ("contacts_mean", ratio(contacts as f64, live as f64)),
        ("dead_contacts_share", ratio(dead as f64, contacts as f64)),
        ("keys_held_mean", ratio(keys as f64, live as f64)),
    ]
}

impl Director<Shard> for DirectoryDirector<'_> {
    fn next(&self) -> Option<Instant> {
        Some(self.warm_up.map_or(self.next_sample, |warm_up| warm_up.min(self.next_sample)))
    }

    fn act(&mut self, now: Instant, shards: &mut [&mut Shard], progress: &Progress) -> Option<Outcome> {
        if now >= self.next_sample {
            self.next_sample = now + self.measure.sample.0;
            for (metric, value) in tables(shards.iter().map(|shard| &**shard), self.nodes) {
                self.results.sample(now, metric, "", value);
            }
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
