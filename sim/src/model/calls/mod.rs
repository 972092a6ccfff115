//! Calls: requests from some nodes to others, and their replies, over any transport. What a handshake costs a small request,
//! what waits behind what, what a lost packet delays, what state connections leave behind.

pub mod config;
mod director;
mod message;
mod node;
mod observer;
mod report;

use std::sync::Arc;

use rapprochement_core::peer::SimPeer;
use rapprochement_core::protocol::Protocol;
use rapprochement_core::time::Instant;

use self::config::CallsSettings;
use self::director::CallsDirector;
use self::node::{CallEvent, CallNode, Plan};
use self::observer::CallObserver;
use super::experiment::Experiment;
use super::host::{Hosts, Note, OUTSIDE, SimProtocol};
use super::stage::{Stage, one_thread, plan};
use super::traffic::NodeTraffic;
use super::transports::{Look, over};
use super::{ModelRun, RunOptions, RunStatistics, Watch};
use crate::engine::{self, Event, Outcome};
use crate::problem::Problem;
use crate::transport::over::Over;

/// Runs an experiment to its end.
///
/// # Errors
/// Everything that keeps it from being built.
pub fn run(
    experiment: &Experiment,
    settings: &CallsSettings,
    options: &RunOptions,
    watch: Watch<'_>,
) -> Result<ModelRun, Vec<Problem>> {
    let stage = Stage::build(experiment)?;
    let settings = settings.clone();
    let plan = Arc::new(Plan { settings, nodes: experiment.nodes, warm_up: experiment.workload.warm_up.0 });
    let node = |node| CallNode::new(node, Arc::clone(&plan));
    Ok(match over(experiment, &stage.streams)? {
        None => {
            let kind =
                Kind { plan: Arc::clone(&plan), look: |_| None, revive: |node: &mut CallNode, _| node.restart() };
            run_nodes(stage, experiment, options, watch, kind, node)
        }
        Some(over) => {
            let kind = Kind {
                plan: Arc::clone(&plan),
                look: |over| Some(over),
                revive: |over: &mut Over<CallNode, _>, _| {
                    over.restart_stack();
                    over.protocol_mut().restart();
                },
            };
            let node = |index| over(SimPeer(index), node(index)).telling_first_bytes(CallNode::first_byte);
            run_nodes(stage, experiment, options, watch, kind, node)
        }
    })
}

/// What is to be known of nodes with a transport or without.
struct Kind<P> {
    plan: Arc<Plan>,
    look: Look<P>,
    revive: fn(&mut P, bool),
}

fn run_nodes<P>(
    stage: Stage,
    experiment: &Experiment,
    options: &RunOptions,
    watch: Watch<'_>,
    kind: Kind<P>,
    protocol: impl Fn(u32) -> P,
) -> ModelRun
where
    P: SimProtocol + Protocol<Command = (), Event = CallEvent>,
{
    let shards = options.shards(experiment.nodes);
    let (starts, lookahead) = stage.network.shards(shards);
    let one_thread = one_thread(&stage.network, shards, &starts);
    let streams = stage.streams.clone();
    let world = stage.world(experiment, Box::new(|_| ()), kind.revive);
    let shards: Vec<_> = starts
        .windows(2)
        .map(|range| {
            let protocols = (range[0]..range[1]).map(&protocol);
            let observer = CallObserver::default();
            let hosts = Hosts::new(range[0], protocols, Arc::clone(&world), &streams, observer, false)
                .capturing(experiment.measure.packets);
            if experiment.nodes <= NodeTraffic::NODES_MAX { hosts.counting_by_node() } else { hosts }
        })
        .collect();
    let warm_up = experiment.workload.warm_up.0;
    let mut director = CallsDirector::new(experiment.measure.clone(), warm_up, kind.look, watch);
    let plan = plan(experiment, options, starts, lookahead);
    let begins = (0..experiment.nodes).map(|node| Event {
        time: 0,
        source: OUTSIDE,
        sequence: node,
        target: node,
        data: Note::start(),
    });
    let mut run = engine::run(shards, begins, &mut director, &plan);
    let drained = matches!(run.outcome, Outcome::Drained);
    let span = (Instant::ZERO + warm_up, if drained { plan.deadline } else { run.end });
    let mut results = report::report(&run.shards, director, kind.look, &kind.plan.settings, span);
    results.packets = run.shards.iter_mut().flat_map(Hosts::take_packets).collect();
    let (_, statistics) = RunStatistics::split(run);
    ModelRun { results, statistics, one_thread }
}
