//! The files that a scenario names: tables of delays and of service times and traces of sessions, read and judged before anything is run.

use std::path::{Path, PathBuf};

use super::super::schema::Scenario;
use super::{Checker, MAX_NODES};
use crate::model::config::ProtocolConfig;
use crate::model::workflow::table::Table;
use crate::network::Network;
use crate::network::churn::Churn;
use crate::network::config::{ChurnConfig, NetworkConfig};
use crate::network::fabric::config::Topology;
use crate::problem::Problem;

/// Judges files, each once: most points of a sweep name the same.
#[derive(Debug, Default)]
pub(in super::super) struct Files {
    /// The folder that file names are relative to; without one, files are left unread.
    base: Option<PathBuf>,
    tables: Judged<NetworkConfig>,
    traces: Judged<ChurnConfig>,
    times: Judged<PathBuf>,
}

/// What was found under which configuration and with how many nodes.
type Judged<T> = Vec<(T, u32, Vec<Problem>)>;

impl Files {
    /// Reads the files of a scenario that stands in `base`, or none of a scenario that stands nowhere.
    pub(in super::super) fn new(base: Option<PathBuf>) -> Self {
        Self { base, ..Self::default() }
    }

    /// Reports what is wrong with the files of a scenario.
    pub(in super::super) fn check(&mut self, s: &Scenario, c: &mut Checker) {
        let nodes = s.nodes.clamp(1, MAX_NODES);
        let unread = PathBuf::new();
        let base = self.base.as_ref().unwrap_or(&unread);
        let is_read = |file: Option<&Path>| self.base.is_some() || file.is_none();
        // The rest of the network changes from point to point and has nothing to do with the table.
        let NetworkConfig { latency, min_latency, partition, .. } = s.network.clone();
        let mut network = NetworkConfig { latency, min_latency, partition, ..NetworkConfig::default() };
        if s.network.topology.is_some() {
            let NetworkConfig { topology, packet, fidelity, .. } = s.network.clone();
            network = NetworkConfig { topology, packet, fidelity, ..network };
        }
        let file = network.topology.as_ref().map_or_else(|| network.latency.file(), Topology::file);
        if is_read(file) {
            let judge = |network: &NetworkConfig| Network::table_problems(network, nodes, base);
            c.take(once(&mut self.tables, network, nodes, judge));
        }
        if let Some(churn) = s.churn.as_ref().filter(|churn| is_read(churn.file())) {
            let judge = |churn: &ChurnConfig| Churn::trace_problems(churn, nodes, base);
            c.take(once(&mut self.traces, churn.clone(), nodes, judge));
        }
        if let (ProtocolConfig::Workflow(workflow), true) = (&s.protocol, self.base.is_some())
            && let Some(file) = &workflow.redis.table
        {
            let judge = |file: &PathBuf| Table::read(&base.join(file)).err().into_iter().collect();
            c.take(once(&mut self.times, file.clone(), nodes, judge));
        }
    }
}

/// The verdict on a configuration, from before where it is known.
fn once<T: PartialEq>(
    judged: &mut Judged<T>,
    config: T,
    nodes: u32,
    judge: impl Fn(&T) -> Vec<Problem>,
) -> Vec<Problem> {
    let known = judged.iter().find(|(known, with, _)| *known == config && *with == nodes);
    if let Some((.., problems)) = known {
        return problems.clone();
    }
    let problems = judge(&config);
    judged.push((config, nodes, problems.clone()));
    problems
}
