//! Peer sampling and the RTT service: who has whom as a neighbour, and what comes of it.
//!
//! Nodes begin with a few peers that the scenario's membership draws for them, and build the rest themselves.

pub mod config;
mod director;
pub mod graph;
mod node;
mod observer;
mod report;

use std::sync::Arc;

use rapprochement_core::overlay::Sampler;
use rapprochement_core::overlay::sampling::Introduce;
use rapprochement_core::peer::SimPeer;
use rapprochement_core::service::Service;
use rapprochement_core::time::Instant;

use self::director::OverlayDirector;
use self::node::{OverlayNode, SamplerNode};
use self::observer::OverlayObserver;
use super::config::ProtocolConfig;
use super::experiment::Experiment;
use super::host::{Hosts, Note, OUTSIDE};
use super::hostile::service::ServiceCrew;
use super::identity::SimKeys;
use super::stage::{Stage, one_thread, plan};
use super::traffic::NodeTraffic;
use super::{ModelRun, RunOptions, RunStatistics, Watch};
use crate::engine::{self, Event, Outcome};
use crate::problem::Problem;
use crate::random::Purpose;

/// Runs an experiment with samplers or with the service to its end.
///
/// # Errors
/// Everything that keeps it from being built.
pub fn run(experiment: &Experiment, options: &RunOptions, watch: Watch<'_>) -> Result<ModelRun, Vec<Problem>> {
    let stage = Stage::build(experiment)?;
    match &experiment.protocol {
        ProtocolConfig::Sample { sampler, bootstrap } => {
            let (config, known) = (sampler.sampling(), *bootstrap);
            Ok(run_nodes(stage, experiment, options, watch, known, |node, bootstrap| {
                SamplerNode::new(SimPeer(node), config, bootstrap)
            }))
        }
        ProtocolConfig::RttService(settings) => {
            let known = settings.bootstrap;
            let built = |node, bootstrap| {
                // Every node draws its own walks; what a node draws does not depend on how many there are.
                let seed = experiment.seed ^ u64::from(node) << 32;
                let keys = SimKeys::new(SimPeer(node), experiment.signatures);
                Service::new(settings.service(seed), SimPeer(node), keys, bootstrap)
            };
            if let Err(error) = built(0, Vec::new()) {
                return Err(vec![Problem::new("protocol.rtt_service", error.to_string(), "")]);
            }
            let node = |node, bootstrap| built(node, bootstrap).expect("these parameters were good for node 0");
            let Some(hostile) = experiment.hostile else {
                return Ok(run_nodes(stage, experiment, options, watch, known, node));
            };
            let crew = ServiceCrew::new(hostile.behaviour, experiment, settings, &stage);
            let member = |index, bootstrap| crew.member(SimPeer(index), node(index, bootstrap));
            Ok(run_nodes(stage, experiment, options, watch, known, member))
        }
        _ => Err(vec![Problem::new("protocol", "this protocol is no overlay", "")]),
    }
}

fn run_nodes<P: OverlayNode<Command = Introduce<SimPeer>>>(
    stage: Stage,
    experiment: &Experiment,
    options: &RunOptions,
    watch: Watch<'_>,
    known: u32,
    protocol: impl Fn(u32, Vec<SimPeer>) -> P,
) -> ModelRun {
    let shards = options.shards(experiment.nodes);
    let (starts, lookahead) = stage.network.shards(shards);
    let one_thread = one_thread(&stage.network, shards, &starts);
    let (streams, membership) = (stage.streams.clone(), Arc::clone(&stage.membership));
    let world = stage.world(experiment, Box::new(|_| Introduce(Vec::new())), P::revive);
    let shards: Vec<_> = starts
        .windows(2)
        .map(|range| {
            let protocols = (range[0]..range[1]).map(|node| {
                let mut rng = streams.stream(Purpose::Bootstrap, u64::from(node));
                let mut bootstrap = Vec::new();
                membership.sampler(node).sample_many(known as usize, &mut rng, &mut bootstrap);
                protocol(node, bootstrap)
            });
            let observer = OverlayObserver::default();
            let hosts = Hosts::new(range[0], protocols, Arc::clone(&world), &streams, observer, false)
                .capturing(experiment.measure.packets);
            if experiment.nodes <= NodeTraffic::NODES_MAX { hosts.counting_by_node() } else { hosts }
        })
        .collect();
    let warm_up = experiment.workload.warm_up.0;
    let measure = experiment.measure.clone();
    let mut director = OverlayDirector::new(Arc::clone(&world), measure, warm_up, experiment.nodes, watch);
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
    let mut results = report::report(&mut run.shards, director, &world, span);
    results.packets = run.shards.iter_mut().flat_map(Hosts::take_packets).collect();
    let (_, statistics) = RunStatistics::split(run);
    ModelRun { results, statistics, one_thread }
}
