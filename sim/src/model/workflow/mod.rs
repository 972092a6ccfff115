//! Serverless workflows: functions whose instances run on hosts and pass data on, directly, along trees, through a broadcast layer, or
//! through storage; and the schedulers that place them.
//!
//! | file | what is in it |
//! |---|---|
//! | `config` | what a scenario says |
//! | `plan`, `tree` | the graph of functions, and the trees by which data goes |
//! | `message` | what nodes send each other |
//! | `node` | the protocol: any of the roles below |
//! | `coordinator`, `schedule` | who runs where |
//! | `host`, `storage` | instances, and how their data comes and goes |
//! | `redis`, `service`, `table` | the Redis server and its service times |
//! | `store` | the object store |
//! | `observer`, `report` | what is measured |
//! | [`formulas`] | the channel model of FMI, without simulation |
//! | [`forms`] | closed forms of one-to-many transfers for the model as it is built |

pub mod config;
pub mod coordinator;
pub mod forms;
pub mod formulas;
pub mod host;
pub mod message;
#[cfg(test)]
mod message_tests;
pub mod node;
mod observer;
pub mod plan;
pub mod redis;
mod report;
pub mod schedule;
pub mod service;
mod storage;
pub mod store;
pub mod table;
pub mod tree;

use std::sync::Arc;

use rapprochement_core::peer::SimPeer;
use rapprochement_core::protocol::Protocol;
use rapprochement_core::time::Instant;

use self::config::{Channel, Operation, Shape, WorkflowSettings};
use self::forms::{Wire, layer_pays_after};
use self::formulas::FmiChannel;
use self::node::{WorkflowEvent, WorkflowNode};
use self::observer::{WorkflowDirector, WorkflowObserver};
use self::plan::Plan;
use self::schedule::Scheduling;
use self::service::Service;
use self::table::Table;
use super::experiment::Experiment;
use super::host::{Hosts, Note, OUTSIDE, SimProtocol};
use super::report::{report_links, report_nat, report_nodes, report_traffic};
use super::stage::{Stage, one_thread, plan as engine_plan};
use super::traffic::NodeTraffic;
use super::transports::{Look, over, report_flows};
use super::{ModelRun, RunOptions, RunStatistics, Watch};
use crate::engine::{self, Event, Outcome};
use crate::measure::results::Results;
use crate::network::Network;
use crate::problem::Problem;
use crate::random::Streams;
use crate::transport::over::Over;

/// Runs workflows to their end.
///
/// # Errors
/// Everything that keeps them from being built.
pub fn run(
    experiment: &Experiment,
    settings: &WorkflowSettings,
    options: &RunOptions,
    watch: Watch<'_>,
) -> Result<ModelRun, Vec<Problem>> {
    let plan = Arc::new(Plan::build(settings, experiment.nodes)?);
    let stage = Stage::build(experiment)?;
    let scheduling = scheduling(experiment, settings, &stage.streams)?;
    let table = settings.redis.table.as_ref().map(|file| Table::read(&experiment.base.join(file)));
    let table = table.transpose().map_err(|problem| vec![problem])?;
    let service = Arc::new(Service::new(settings.redis.clone(), table));
    let node = |node| WorkflowNode::new(node, &plan, &scheduling, &service);
    let run = Run { experiment, settings, plan: &plan, options };
    Ok(match over(experiment, &stage.streams)? {
        None => run.nodes(stage, watch, |_| None, WorkflowNode::revive, node),
        Some(over) => {
            let revive = |over: &mut Over<WorkflowNode, _>, forget| {
                over.restart_stack();
                over.protocol_mut().revive(forget);
            };
            run.nodes(stage, watch, |over| Some(over), revive, |index| over(SimPeer(index), node(index)))
        }
    })
}

/// What a run of workflows is built from, with a transport or without.
struct Run<'a> {
    experiment: &'a Experiment,
    settings: &'a WorkflowSettings,
    plan: &'a Plan,
    options: &'a RunOptions,
}

impl Run<'_> {
    fn nodes<P>(
        &self,
        stage: Stage,
        watch: Watch<'_>,
        look: Look<P>,
        revive: fn(&mut P, bool),
        node: impl Fn(u32) -> P,
    ) -> ModelRun
    where
        P: SimProtocol + Protocol<Command = (), Event = WorkflowEvent>,
    {
        let Self { experiment, settings, plan, options } = *self;
        let shards = options.shards(experiment.nodes);
        let (starts, lookahead) = stage.network.shards(shards);
        let one_thread = one_thread(&stage.network, shards, &starts);
        let streams = stage.streams.clone();
        let world = stage.world(experiment, Box::new(|_| ()), revive);
        let shards: Vec<_> = starts
            .windows(2)
            .map(|range| {
                let nodes = (range[0]..range[1]).map(&node);
                let observer = WorkflowObserver::default();
                let hosts = Hosts::new(range[0], nodes, Arc::clone(&world), &streams, observer, false)
                    .capturing(experiment.measure.packets);
                if experiment.nodes <= NodeTraffic::NODES_MAX { hosts.counting_by_node() } else { hosts }
            })
            .collect();
        let mut director = WorkflowDirector::new(experiment.measure.clone(), Arc::clone(&world), watch);
        let engine_plan = engine_plan(experiment, options, starts, lookahead);
        let start = |node| Event { time: 0, source: OUTSIDE, sequence: node, target: node, data: Note::start() };
        let mut run = engine::run(shards, (0..experiment.nodes).map(start), &mut director, &engine_plan);
        let end = if matches!(run.outcome, Outcome::Drained) { engine_plan.deadline } else { run.end };
        let mut results = std::mem::take(&mut director.results);
        report::report(&run.shards, plan, &mut results);
        of_collective(experiment, settings, &mut results);
        let seconds = end.since(Instant::ZERO).as_secs_f64();
        report_traffic(&run.shards, f64::from(experiment.nodes) * seconds, &mut results);
        report_nat(&run.shards, &mut results);
        report_links(&run.shards, seconds, &mut results);
        report_nodes(&run.shards, &mut results);
        report_flows(&run.shards, look, &mut results);
        results.scalar("delays_raised", director.world.network.raised() as f64);
        results.packets = run.shards.iter_mut().flat_map(Hosts::take_packets).collect();
        let (_, statistics) = RunStatistics::split(run);
        ModelRun { results, statistics, one_thread }
    }
}

/// What formulas say of a collective operation.
fn of_collective(experiment: &Experiment, settings: &WorkflowSettings, results: &mut Results) {
    let Some(Shape::Collective { operation, receivers, .. }) = settings.shape else { return };
    let channel = match settings.channel {
        Channel::Redis => FmiChannel::Redis,
        Channel::ObjectStore => FmiChannel::S3,
        _ => FmiChannel::Direct,
    };
    let formula = channel.collective(operation, receivers.saturating_add(1), settings.size.0 as f64);
    results.scalar("fmi_formula_s", formula);
    let wire = Wire::new(&experiment.network);
    if let (Some(wire), Channel::BroadcastLayer { packet, .. }, Operation::Broadcast) =
        (wire, settings.channel, operation)
    {
        // What is not soon said is not said.
        const MOST: u64 = 1 << 20;
        let pieces = settings.size.0.div_ceil(packet.0.max(1)).saturating_mul(receivers.into());
        let pays = if pieces <= MOST { layer_pays_after(settings, experiment.nodes, &wire) } else { [None; 2] };
        for (name, after) in ["layer_pays_after_messages", "layer_saves_bytes_after_messages"].into_iter().zip(pays) {
            results.scalar(name, after.map_or(f64::NAN, f64::from));
        }
    }
}

/// What the scheduler goes by: the network's own delays, as the routing of a layer measures them.
fn scheduling(
    experiment: &Experiment,
    settings: &WorkflowSettings,
    streams: &Streams,
) -> Result<Scheduling, Vec<Problem>> {
    let network = Network::build(&experiment.network, experiment.nodes, &experiment.base, streams)?;
    let access = &experiment.network.access;
    let rate = [access.uplink, access.downlink].into_iter().flatten().min();
    let delay = move |from, to| network.latency(from, to);
    Ok(Scheduling { scheduler: settings.scheduler, delay: Arc::new(delay), rate })
}
