//! Key-value synchronisation: a population of nodes keeps signed tuples alike with one of the synchronisers of the core.

mod any;
pub mod director;
pub mod ledger;
pub mod observer;
mod preloaded;
pub mod report;

use std::sync::Arc;

use rapprochement_core::peer::SimPeer;
use rapprochement_core::reconcile::{
    EagerPush, EagerPushConfig, FullPush, FullPushConfig, Reconciler, ReconcilerConfig, Saved, Scuttlebutt,
    ScuttlebuttConfig, Synchroniser,
};
use rapprochement_core::time::Instant;

use self::any::AnySynchroniser;
use self::director::SyncDirector;
use self::ledger::Ledger;
use self::observer::SyncObserver;
use self::preloaded::Preloaded;
use super::config::ProtocolConfig;
use super::experiment::Experiment;
use super::host::{self, Hosts, Note, OUTSIDE, SimProtocol};
use super::hostile::Crew;
use super::identity::SimKeys;
use super::stage::{Stage, one_thread, plan};
use super::traffic::NodeTraffic;
use super::transports::{Connections, Look, over, report_flows};
use super::workload::Schedule;
use super::{ModelRun, RunOptions, RunStatistics, Watch};
use crate::engine::{self, Event, Outcome};
use crate::measure::results::LoggedEvent;
use crate::network::membership::NodeSampler;
use crate::problem::Problem;
use crate::random::Purpose;

/// Runs an experiment to its end.
///
/// # Errors
/// Everything that keeps it from being built: files that are missing or malformed, parts that contradict each other.
pub fn run(experiment: &Experiment, options: &RunOptions, watch: Watch<'_>) -> Result<ModelRun, Vec<Problem>> {
    let parts = Parts::build(experiment)?;
    let Some(kind) = Kind::of(&experiment.protocol) else {
        return Err(vec![Problem::new("protocol", "this protocol keeps no stores alike", "")]);
    };
    if let Some(over) = over(experiment, &parts.stage.streams)? {
        let protocol = |sampler, keys: SimKeys| over(keys.node(), kind.any(sampler, keys));
        return Ok(parts.run(experiment, options, watch, |over| Some(over), protocol));
    }
    Ok(match kind {
        Kind::FullPush(config) => {
            parts.run(experiment, options, watch, bare, |sampler, keys| FullPush::new(config, sampler, keys))
        }
        Kind::EagerPush(config) => {
            parts.run(experiment, options, watch, bare, |sampler, keys| EagerPush::new(config, sampler, keys))
        }
        Kind::Scuttlebutt(config) => {
            parts.run(experiment, options, watch, bare, |sampler, keys| Scuttlebutt::new(config, sampler, keys))
        }
        Kind::Reconciler(config) => {
            let honest = |sampler, keys| Reconciler::new(config, sampler, keys);
            let Some(hostile) = experiment.hostile else {
                return Ok(parts.run(experiment, options, watch, bare, honest));
            };
            let (aside, streams) = (parts.stage.aside.clone(), parts.stage.streams.clone());
            let crew = Crew::new(hostile.behaviour, config.method, experiment, &aside, &streams);
            parts.run(experiment, options, watch, bare, |sampler, keys| crew.member(keys, honest(sampler, keys)))
        }
    })
}

/// Without a transport there are no connections to look at.
fn bare<P>(_: &P) -> Option<&dyn Connections> {
    None
}

/// The synchronisers of the core, each with the parameters that `[protocol]` gives it: in a scenario, and in the configuration of a real node.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// `[protocol.full_push]`.
    FullPush(FullPushConfig),
    /// `[protocol.eager_push]`.
    EagerPush(EagerPushConfig),
    /// `[protocol.scuttlebutt]`.
    Scuttlebutt(ScuttlebuttConfig),
    /// `[protocol.reconcile]`.
    Reconciler(ReconcilerConfig),
}

impl Kind {
    /// `None` for what keeps no stores alike.
    pub fn of(protocol: &ProtocolConfig) -> Option<Self> {
        Some(match *protocol {
            ProtocolConfig::FullPush { interval } => Self::FullPush(FullPushConfig { interval: interval.0 }),
            ProtocolConfig::EagerPush { fanout, repair, budget } => {
                Self::EagerPush(EagerPushConfig { fanout, repair: repair.0, budget: budget.0 as usize })
            }
            ProtocolConfig::Scuttlebutt { interval, budget } => {
                Self::Scuttlebutt(ScuttlebuttConfig { interval: interval.0, budget: budget.0 as usize })
            }
            ProtocolConfig::Reconcile {
                method,
                interval,
                push,
                first,
                first_message,
                kept_cells,
                patience,
                budget,
                repair,
            } => Self::Reconciler(ReconcilerConfig {
                method: method.kind(),
                interval: interval.0,
                push,
                first: first.map(|first| first.0),
                room: first_message.0 as usize,
                prefix: kept_cells as usize,
                patience: patience.0,
                budget: budget.0 as usize,
                repair,
            }),
            ProtocolConfig::Sample { .. }
            | ProtocolConfig::RttService(_)
            | ProtocolConfig::Meritrank(_)
            | ProtocolConfig::Calls(_)
            | ProtocolConfig::Directory(_)
            | ProtocolConfig::Workflow(_) => return None,
        })
    }

    /// One of them, whichever it is.
    fn any(self, sampler: NodeSampler, keys: SimKeys) -> AnySynchroniser {
        match self {
            Self::FullPush(config) => AnySynchroniser::FullPush(FullPush::new(config, sampler, keys)),
            Self::EagerPush(config) => AnySynchroniser::EagerPush(EagerPush::new(config, sampler, keys)),
            Self::Scuttlebutt(config) => AnySynchroniser::Scuttlebutt(Scuttlebutt::new(config, sampler, keys)),
            Self::Reconciler(config) => AnySynchroniser::Reconciler(Box::new(Reconciler::new(config, sampler, keys))),
        }
    }
}

/// The parts of an experiment that do not depend on its protocol.
struct Parts {
    stage: Stage,
    ledger: Arc<Ledger>,
    preload: Option<Preloaded>,
}

impl Parts {
    fn build(experiment: &Experiment) -> Result<Self, Vec<Problem>> {
        let stage = Stage::build(experiment)?;
        let (nodes, streams) = (experiment.nodes, &stage.streams);
        let preload = Preloaded::draw(experiment, stage.churn.as_ref(), &stage.aside, streams)?;
        let differences = || preload.iter().flat_map(|preload| &preload.writes);
        let holders = differences().map(|write| write.holder);
        let schedule = Schedule::draw(&experiment.workload, nodes, experiment.duration.0, holders, streams);
        let ledger = Arc::new(Ledger::new(schedule, differences().map(|write| &*write.tuple)));
        Ok(Self { stage, ledger, preload })
    }

    fn run<P>(
        self,
        experiment: &Experiment,
        options: &RunOptions,
        watch: Watch<'_>,
        look: Look<P>,
        protocol: impl Fn(NodeSampler, SimKeys) -> P,
    ) -> ModelRun
    where
        P: Synchroniser<Saved = Saved> + SimProtocol,
    {
        let Self { stage, ledger, mut preload } = self;
        let shards = options.shards(experiment.nodes);
        let (starts, lookahead) = stage.network.shards(shards);
        let one_thread = one_thread(&stage.network, shards, &starts);
        let last_heal = last_heal(experiment);
        let schedule = Arc::clone(&ledger);
        let (streams, membership) = (stage.streams.clone(), Arc::clone(&stage.membership));
        let command = Box::new(move |index| schedule.schedule.command(index));
        let world = stage.world(experiment, command, revive::<P>);
        let shards: Vec<_> = starts
            .windows(2)
            .map(|range| {
                let protocols = (range[0]..range[1]).map(|node| {
                    let keys = SimKeys::new(SimPeer(node), experiment.signatures);
                    let mut protocol = protocol(membership.sampler(node), keys);
                    let store = preload.as_mut().and_then(|preload| preload.take(node));
                    store.into_iter().for_each(|store| protocol.recover(Saved::holding(store)));
                    protocol
                });
                let observer = SyncObserver::new(Arc::clone(&ledger), experiment.measure.events);
                let log = experiment.measure.events;
                let hosts = Hosts::new(range[0], protocols, Arc::clone(&world), &streams, observer, log)
                    .capturing(experiment.measure.packets);
                if experiment.nodes <= NodeTraffic::NODES_MAX { hosts.counting_by_node() } else { hosts }
            })
            .collect();
        let reads = (experiment.workload.reads, streams.stream(Purpose::Observer, 0));
        let warm_up = experiment.workload.warm_up.0;
        let mut director = SyncDirector::new(Arc::clone(&ledger), experiment.measure.clone(), warm_up, reads, watch);
        let plan = plan(experiment, options, starts, lookahead);
        let initial = initial_events(experiment.nodes, &ledger.schedule);
        let mut run = engine::run(shards, initial, &mut director, &plan);
        let mut all: Vec<&mut Hosts<P, SyncObserver>> = run.shards.iter_mut().collect();
        director.catch_up(Instant::MAX, &mut all);
        let mut log: Vec<LoggedEvent> =
            run.shards.iter_mut().flat_map(|shard| shard.observer_mut().take_log()).collect();
        log.sort_by_key(|line| (line.time, line.node));
        let (mut shards, statistics) = RunStatistics::split(run);
        let measured_from = Instant::ZERO + warm_up;
        // A run that drained was idle until its deadline, and is measured up to there.
        let drained = statistics.outcome == Outcome::Drained;
        let measured_to = if drained { plan.deadline } else { statistics.end };
        let raised = world.network.raised();
        let mut results = report::report(&mut shards, &ledger, director, measured_to, measured_from, last_heal);
        results.scalar("delays_raised", raised as f64);
        report_flows(&shards, look, &mut results);
        results.log = log;
        results.packets = shards.iter_mut().flat_map(Hosts::take_packets).collect();
        ModelRun { results, statistics, one_thread }
    }
}

/// When the last partition of a run ends.
fn last_heal(experiment: &Experiment) -> Option<Instant> {
    let duration = experiment.duration.as_nanos();
    let heals = experiment.network.partition.iter().filter_map(|partition| {
        let (start, heal) = (partition.start.as_nanos(), partition.heal.as_nanos());
        let every = partition.every.map_or(u64::MAX, |every| every.as_nanos().max(1));
        (start < duration).then(|| heal.saturating_add((duration - 1 - start) / every * every.min(duration)))
    });
    heals.max().map(Instant::from_nanos)
}

/// Every node's start, and then every scheduled write.
fn initial_events(nodes: u32, schedule: &Schedule) -> impl Iterator<Item = Event<Note>> {
    let event =
        |at: Instant, sequence, target, data| Event { time: at.as_nanos(), source: OUTSIDE, sequence, target, data };
    let starts = (0..nodes).map(move |node| event(Instant::ZERO, node, node, Note::start()));
    let writes = schedule.commanded();
    starts.chain(
        writes.map(move |(index, update)| {
            event(update.at, nodes.saturating_add(index), update.writer, Note::command(index))
        }),
    )
}

/// Brings a synchroniser back with what was durable, or with its identity and version counter alone.
fn revive<P: Synchroniser>(protocol: &mut P, forget: bool) {
    host::revive(protocol, forget);
    if forget {
        protocol.forget();
    }
}
