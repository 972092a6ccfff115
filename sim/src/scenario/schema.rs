//! The scenario file as types. The JSON Schema and the guide come from these.

use std::collections::BTreeMap;
use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::config::{MeasureConfig, ProtocolConfig, Signatures, WorkloadConfig};
use crate::model::experiment::Experiment;
use crate::model::hostile::config::HostileConfig;
use crate::network::config::{ChurnConfig, MembershipConfig, NetworkConfig, NodeConfig};
use crate::transport::config::TransportConfig;
use crate::units::Span;

/// One experiment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Short name: letters, digits, `-` and `_`; names the run directory.
    pub name: String,
    /// What it shows and what to expect.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Seed of every random stream; a sweep's replications use the following ones.
    #[serde(default = "one")]
    pub seed: u64,
    /// How many nodes.
    pub nodes: u32,
    /// Virtual time at which the run ends at the latest.
    pub duration: Span,
    /// How tuples are signed and checked.
    #[serde(default)]
    pub signatures: Signatures,
    /// Encodes and decodes every message for real, instead of only charging its length.
    #[serde(default)]
    pub encode_messages: bool,
    /// How messages cross the network.
    #[serde(default)]
    pub network: NetworkConfig,
    /// What carries messages over the network.
    #[serde(default, skip_serializing_if = "TransportConfig::is_datagram")]
    pub transport: TransportConfig,
    /// How fast nodes work, and how true their clocks are.
    #[serde(default)]
    pub node: NodeConfig,
    /// Nodes that come and go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub churn: Option<ChurnConfig>,
    /// Whom nodes may contact.
    #[serde(default)]
    pub membership: MembershipConfig,
    /// The protocol that the nodes run.
    pub protocol: ProtocolConfig,
    /// Nodes that do harm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostile: Option<HostileConfig>,
    /// Who writes what, when; nobody and nothing where it is left out.
    #[serde(default)]
    pub workload: WorkloadConfig,
    /// What is recorded, and when the run may end early.
    #[serde(default)]
    pub measure: MeasureConfig,
    /// A grid of variants: dotted key to the values it takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sweep: Option<Sweep>,
    /// Bounds by which a run is judged: metric name to bound.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub expect: BTreeMap<String, Bound>,
    /// Figures beyond the standard ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub figure: Vec<FigureConfig>,
}

impl Scenario {
    /// What a run of this scenario simulates; file names in it are relative to `base`.
    pub fn experiment(&self, base: &Path) -> Experiment {
        Experiment {
            seed: self.seed,
            nodes: self.nodes,
            duration: self.duration,
            signatures: self.signatures,
            encode_messages: self.encode_messages,
            network: self.network.clone(),
            transport: self.transport.clone(),
            node: self.node.clone(),
            churn: self.churn.clone(),
            membership: self.membership,
            protocol: self.protocol.clone(),
            hostile: self.hostile,
            workload: self.workload.clone(),
            measure: self.measure.clone(),
            base: base.to_owned(),
        }
    }
}

fn one() -> u64 {
    1
}

/// `[sweep]`: every combination of the values, each with every seed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sweep {
    /// How many seeds, from the scenario's own upwards.
    #[serde(default = "five")]
    pub replications: u32,
    /// Dotted key, such as "network.loss.independent", to the values it takes; a value may be a whole table.
    #[serde(default)]
    /// A key may be written without quotes; the tables that TOML makes of it are read as one dotted key.
    #[schemars(with = "BTreeMap<String, serde_json::Value>")]
    pub grid: BTreeMap<String, Vec<toml::Value>>,
}

fn five() -> u32 {
    5
}

/// A bound on a metric, judged after the run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Bound {
    /// The metric is at least this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// The metric is at most this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
}

/// `[[figure]]`: a figure over a sweep.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FigureConfig {
    /// File name without ending.
    pub name: String,
    /// What is on the horizontal axis: a swept key, `time`, or `curve` for the axis of the curve that `y` names.
    pub x: String,
    /// What is on the vertical axis: a metric of `scalars.csv`, over time one of `series.csv`, or a curve of `curves/`.
    pub y: String,
    /// A swept key that gives a line each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lines: Option<String>,
    /// The part of the sweep that is shown: swept keys, each with the one of its values that is; all of it where it is left out.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(with = "BTreeMap<String, serde_json::Value>")]
    pub only: BTreeMap<String, toml::Value>,
    /// Label of the horizontal axis; the key otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub x_label: Option<String>,
    /// Label of the vertical axis; the metric otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub y_label: Option<String>,
    /// Logarithmic horizontal axis.
    #[serde(default)]
    pub x_log: bool,
    /// Logarithmic vertical axis.
    #[serde(default)]
    pub y_log: bool,
    /// A line to compare with, such as a closed form or published points.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<FigureReference>,
}

/// `figure.reference`: a line that does not come from runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FigureReference {
    /// Name in the legend; say where the numbers come from.
    pub label: String,
    /// Points as `[x, y]`, in base units (s, bit/s, B).
    pub points: Vec<(f64, f64)>,
}
