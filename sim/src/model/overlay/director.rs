//! Samples an overlay at fixed times, between events, on all shards at once.

use std::ops::ControlFlow;
use std::sync::Arc;

use rapprochement_core::time::{Duration, Instant};

use super::graph::{OverlayGraph, OverlayMetrics};
use super::node::OverlayNode;
use super::observer::OverlayObserver;
use crate::engine::{Director, Outcome, Progress};
use crate::measure::results::Results;
use crate::model::Heartbeat;
use crate::model::Watch;
use crate::model::config::MeasureConfig;
use crate::model::host::{Hosts, World};

/// A share of dead neighbours below which an overlay has cleaned itself.
const CLEAN: f64 = 0.01;

/// The director of a run of an overlay.
pub(super) struct OverlayDirector<'a, P: OverlayNode> {
    world: Arc<World<P>>,
    measure: MeasureConfig,
    watch: Watch<'a>,
    nodes: u32,
    next_sample: Instant,
    warm_up: Option<Instant>,
    /// The last sample that was not clean, once there was one.
    unclean: Option<(Instant, Instant)>,
    /// Series so far.
    pub(super) results: Results,
    /// The last sample.
    pub(super) last: Option<OverlayMetrics>,
}

impl<'a, P: OverlayNode> OverlayDirector<'a, P> {
    pub(super) fn new(
        world: Arc<World<P>>,
        measure: MeasureConfig,
        warm_up: Duration,
        nodes: u32,
        watch: Watch<'a>,
    ) -> Self {
        Self {
            world,
            watch,
            nodes,
            next_sample: Instant::ZERO + measure.sample.0,
            measure,
            warm_up: (!warm_up.is_zero()).then_some(Instant::ZERO + warm_up),
            unclean: None,
            results: Results::default(),
            last: None,
        }
    }

    /// From the first sample since the warm-up with dead neighbours in views to the first one behind all of these that is clean again;
    /// not a number where there was none, or it never is.
    pub(super) fn cleaned_after(&self) -> f64 {
        match (self.unclean, self.last) {
            (Some((first, last)), Some(metrics)) if metrics.dead_share < CLEAN => {
                (last + self.measure.sample.0).since(first).as_secs_f64()
            }
            _ => f64::NAN,
        }
    }

    /// Who has whom as a neighbour now; hostile nodes have no view, and nobody's neighbour is counted that is one.
    pub(super) fn graph(&self, shards: &[&mut Hosts<P, OverlayObserver>]) -> OverlayGraph {
        let mut views = vec![None; self.nodes as usize];
        for (node, since, protocol) in shards.iter().flat_map(|shard| shard.nodes()) {
            if since.is_some() {
                let mut view = protocol.neighbours();
                view.retain(|peer| !self.world.aside.contains(*peer));
                views[node as usize] = Some(view);
            }
        }
        OverlayGraph::new(views)
    }

    fn sample(&mut self, now: Instant, shards: &[&mut Hosts<P, OverlayObserver>]) {
        let metrics = self.graph(shards).measure();
        self.last = Some(metrics);
        if metrics.dead_share >= CLEAN {
            let (first, _) = self.unclean.unwrap_or((now, now));
            self.unclean = Some((first, now));
        }
        for (metric, value) in listed(&metrics) {
            self.results.sample(now, metric, "", value);
        }
        self.results.sample(now, "hostile_neighbours_share", "", self.hostile_share(shards));
        if let Some(share) = self.victim_share(shards) {
            self.results.sample(now, "victim_hostile_neighbours_share", "", share);
        }
    }

    /// The share of the victim's neighbours that are hostile: not a number while it is away or has none, `None` where there is no
    /// victim.
    pub(super) fn victim_share(&self, shards: &[&mut Hosts<P, OverlayObserver>]) -> Option<f64> {
        let victim = self.world.aside.victim()?;
        let view = shards.iter().find_map(|shard| shard.present(victim)).map(P::neighbours).unwrap_or_default();
        let hostile = view.iter().filter(|peer| self.world.aside.contains(**peer)).count();
        Some(hostile as f64 / view.len() as f64)
    }

    /// The share of the measured nodes' neighbours that are hostile.
    pub(super) fn hostile_share(&self, shards: &[&mut Hosts<P, OverlayObserver>]) -> f64 {
        let (mut hostile, mut all) = (0u64, 0u64);
        for (_, _, protocol) in shards.iter().flat_map(|shard| shard.nodes()).filter(|(_, since, _)| since.is_some()) {
            let view = protocol.neighbours();
            hostile += view.iter().filter(|peer| self.world.aside.contains(**peer)).count() as u64;
            all += view.len() as u64;
        }
        hostile as f64 / all as f64
    }
}

/// The metrics of a moment by name.
pub(super) fn listed(metrics: &OverlayMetrics) -> [(&'static str, f64); 9] {
    [
        ("live_nodes", metrics.live as f64),
        ("view_mean", metrics.view_mean),
        ("dead_neighbours_share", metrics.dead_share),
        ("in_degree_sd", metrics.in_degree_sd),
        ("in_degree_sd_to_random", metrics.in_degree_sd_to_random),
        ("in_degree_max", metrics.in_degree_max),
        ("clustering", metrics.clustering),
        ("path_mean", metrics.path_mean),
        ("largest_component_share", metrics.largest_component_share),
    ]
}

impl<P: OverlayNode> Director<Hosts<P, OverlayObserver>> for OverlayDirector<'_, P> {
    fn next(&self) -> Option<Instant> {
        Some(self.warm_up.map_or(self.next_sample, |warm_up| warm_up.min(self.next_sample)))
    }

    fn act(
        &mut self,
        now: Instant,
        shards: &mut [&mut Hosts<P, OverlayObserver>],
        progress: &Progress,
    ) -> Option<Outcome> {
        if now >= self.next_sample {
            self.next_sample = now + self.measure.sample.0;
            self.sample(now, shards);
        }
        if self.warm_up.is_some_and(|warm_up| warm_up <= now) {
            self.warm_up = None;
            self.unclean = None;
            for shard in shards.iter_mut() {
                shard.reset_traffic();
                shard.observer_mut().reset();
            }
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
