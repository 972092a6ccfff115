//! The directory: names that come and go with their instances, are looked up in a Kademlia network of these, and lead to a first
//! byte. What churn leaves in routing tables, what a timeout costs, and what several requests at once buy.
//!
//! The network and who comes and goes are the scenario's; the protocol is the core's. A node keeps its id over all of its
//! sessions, so a contact that went is right again when its node comes back.

pub mod config;
mod director;
mod ledger;
mod message;
mod node;
mod observer;
mod report;

use std::sync::Arc;

use rapprochement_core::overlay::Sampler;
use rapprochement_core::time::Instant;

use self::config::DirectorySettings;
use self::director::DirectoryDirector;
use self::node::{DirectoryNode, Plan};
use self::observer::DirectoryObserver;
use super::experiment::Experiment;
use super::host::{Hosts, Note, OUTSIDE};
use super::stage::{Stage, one_thread, plan};
use super::traffic::NodeTraffic;
use super::{ModelRun, RunOptions, RunStatistics, Watch};
use crate::engine::{self, Event, Outcome};
use crate::problem::Problem;
use crate::random::Purpose;

/// Runs an experiment to its end.
///
/// # Errors
/// Everything that keeps it from being built.
pub fn run(
    experiment: &Experiment,
    settings: &DirectorySettings,
    options: &RunOptions,
    watch: Watch<'_>,
) -> Result<ModelRun, Vec<Problem>> {
    let stage = Stage::build(experiment)?;
    let (nodes, warm_up) = (experiment.nodes, experiment.workload.warm_up.0);
    let all = Arc::new(Plan {
        settings: settings.clone(),
        config: settings.kademlia(),
        nodes,
        from: Instant::ZERO + warm_up,
        to: Instant::ZERO + (experiment.duration.0 - settings.patience.0),
    });
    if let Err(error) = DirectoryNode::new(0, Arc::clone(&all), Vec::new()) {
        return Err(vec![Problem::new(format!("protocol.directory.{}", error.key), error.to_string(), "")]);
    }
    let shards = options.shards(nodes);
    let (starts, lookahead) = stage.network.shards(shards);
    let one_thread = one_thread(&stage.network, shards, &starts);
    let (streams, membership) = (stage.streams.clone(), Arc::clone(&stage.membership));
    let world = stage.world(experiment, Box::new(|_| ()), |node: &mut DirectoryNode, _| node.restart());
    let shards: Vec<_> = starts
        .windows(2)
        .map(|range| {
            let protocols = (range[0]..range[1]).map(|node| {
                let mut rng = streams.stream(Purpose::Bootstrap, u64::from(node));
                let mut bootstrap = Vec::new();
                membership.sampler(node).sample_many(settings.bootstrap as usize, &mut rng, &mut bootstrap);
                DirectoryNode::new(node, Arc::clone(&all), bootstrap).expect("these parameters were good for node 0")
            });
            let observer = DirectoryObserver::default();
            let hosts = Hosts::new(range[0], protocols, Arc::clone(&world), &streams, observer, false)
                .capturing(experiment.measure.packets);
            if nodes <= NodeTraffic::NODES_MAX { hosts.counting_by_node() } else { hosts }
        })
        .collect();
    let mut director = DirectoryDirector::new(experiment.measure.clone(), warm_up, nodes, watch);
    let plan = plan(experiment, options, starts, lookahead);
    let begins =
        (0..nodes).map(|node| Event { time: 0, source: OUTSIDE, sequence: node, target: node, data: Note::start() });
    let mut run = engine::run(shards, begins, &mut director, &plan);
    let drained = matches!(run.outcome, Outcome::Drained);
    let span = (Instant::ZERO + warm_up, if drained { plan.deadline } else { run.end });
    let mut results = report::report(&run.shards, director.results, experiment, settings, span);
    results.packets = run.shards.iter_mut().flat_map(Hosts::take_packets).collect();
    let (_, statistics) = RunStatistics::split(run);
    Ok(ModelRun { results, statistics, one_thread })
}
