//! What every family of protocols needs of an experiment before its nodes run: the network, who comes and goes, who knows
//! whom, whose clocks lie, and who is not measured.

use std::sync::Arc;

use rapprochement_core::protocol::Protocol;
use rapprochement_core::time::{Duration, Instant};

use super::RunOptions;
use super::aside::Aside;
use super::experiment::Experiment;
use super::host::World;
use super::hostile;
use crate::engine::Plan;
use crate::network::Network;
use crate::network::churn::Churn;
use crate::network::clock::Clocks;
use crate::network::config::{Departure, NetworkConfig};
use crate::network::membership::Membership;
use crate::network::nat::Nat;
use crate::network::service::NodeService;
use crate::problem::Problem;
use crate::random::Streams;

const NO_BOUND: &str = "the delays have no positive lower bound between two parts of the network, by which they could run apart; \
                        `network.min_latency` gives one";

const SHARED_LINKS: &str = "at `network.fidelity` \"packet\" and \"flow\" all nodes share the links of the topology";

/// The parts of an experiment that do not depend on its protocol.
pub(super) struct Stage {
    pub(super) streams: Streams,
    pub(super) network: Network,
    pub(super) churn: Option<Churn>,
    pub(super) membership: Arc<Membership>,
    pub(super) clocks: Clocks,
    /// The hostile nodes.
    pub(super) aside: Aside,
}

impl Stage {
    /// Builds them.
    ///
    /// # Errors
    /// Every problem of every part.
    pub(super) fn build(experiment: &Experiment) -> Result<Self, Vec<Problem>> {
        let streams = Streams::new(experiment.seed);
        let (nodes, base) = (experiment.nodes, experiment.base.as_path());
        let mut problems = Vec::new();
        let mut keep = |built: Vec<Problem>| problems.extend(built);
        let packet = experiment.transport.below(&experiment.network.packet);
        let network = NetworkConfig { packet, ..experiment.network.clone() };
        let network = Network::build(&network, nodes, base, &streams).map_err(&mut keep).ok();
        let churn =
            experiment.churn.as_ref().map(|churn| Churn::build(churn, nodes, base, &streams, experiment.duration.0));
        let churn = churn.transpose().map_err(&mut keep).ok();
        let membership = Membership::build(&experiment.membership, nodes, &streams).map_err(&mut keep).ok();
        let clocks = Clocks::build(&experiment.node, &streams).map_err(&mut keep).ok();
        let (Some(network), Some(churn), Some(membership), Some(clocks)) = (network, churn, membership, clocks) else {
            return Err(problems);
        };
        let churn = churn.map(|churn| churn.sparing(network.nat().map_or(&[], Nat::staying)));
        let aside = hostile::draw(experiment.hostile.as_ref(), nodes, &network, &streams);
        Ok(Self { streams, network, churn, membership, clocks, aside })
    }

    /// What all shards share; commands and returns are the protocol's affair.
    pub(super) fn world<P: Protocol>(
        self,
        experiment: &Experiment,
        command: Box<dyn Fn(u32) -> P::Command + Send + Sync>,
        revive: fn(&mut P, bool),
    ) -> Arc<World<P>> {
        Arc::new(World {
            network: self.network,
            churn: self.churn,
            departure: experiment.churn.as_ref().map_or(Departure::Crash, |churn| churn.departure),
            service: NodeService::new(&experiment.node),
            clocks: (!self.clocks.are_true()).then_some(self.clocks),
            encode_messages: experiment.encode_messages,
            aside: self.aside,
            command,
            revive,
        })
    }
}

/// Why a run that was to be cut into so many shards has one thread, if that is so.
pub(super) fn one_thread(network: &Network, shards: usize, starts: &[u32]) -> Option<&'static str> {
    let why = if network.by_hop().is_some() { SHARED_LINKS } else { NO_BOUND };
    (shards > 1 && starts.len() == 2).then_some(why)
}

/// How the engine is to run.
pub(super) fn plan(experiment: &Experiment, options: &RunOptions, starts: Vec<u32>, lookahead: Duration) -> Plan {
    Plan {
        starts,
        lookahead,
        threads: options.threads,
        always_parallel: options.exact_threads,
        queue: options.queue,
        seed: experiment.seed,
        deadline: Instant::ZERO + experiment.duration.0,
        slice: experiment.measure.sample.0,
        trace: options.trace.clone(),
        stop: options.stop.clone(),
    }
}
