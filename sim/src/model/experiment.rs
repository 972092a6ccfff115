//! One experiment, ready to run: a scenario without its sweep, its figures and its expectations.

use std::path::PathBuf;

use super::config::{MeasureConfig, ProtocolConfig, Signatures, WorkloadConfig};
use super::hostile::config::HostileConfig;
use crate::network::config::{ChurnConfig, MembershipConfig, NetworkConfig, NodeConfig};
use crate::transport::config::TransportConfig;
use crate::units::Span;

/// What to simulate.
#[derive(Clone, Debug, PartialEq)]
pub struct Experiment {
    /// Seed of every stream.
    pub seed: u64,
    /// How many nodes.
    pub nodes: u32,
    /// When the run ends at the latest.
    pub duration: Span,
    /// How tuples are signed and checked.
    pub signatures: Signatures,
    /// Encodes and decodes every message for real.
    pub encode_messages: bool,
    /// The network.
    pub network: NetworkConfig,
    /// What carries messages over it.
    pub transport: TransportConfig,
    /// The nodes' speed and clocks.
    pub node: NodeConfig,
    /// Who comes and goes.
    pub churn: Option<ChurnConfig>,
    /// Whom nodes may contact.
    pub membership: MembershipConfig,
    /// The protocol.
    pub protocol: ProtocolConfig,
    /// Who does harm.
    pub hostile: Option<HostileConfig>,
    /// Who writes what, when.
    pub workload: WorkloadConfig,
    /// What is recorded, and when the run may end early.
    pub measure: MeasureConfig,
    /// Folder that relative file names start from.
    pub base: PathBuf,
}
