//! What a scenario says about an explicit topology. Data only.

use std::path::{Path, PathBuf};

use rapprochement_core::time::Duration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::units::{Rate, Size, Span};

/// `[network.topology]`: hosts, routers, and the links between them, instead of `latency` and `access`. Nodes are dealt to the
/// hosts in turn; those on one host share its links, and reach each other at once. At message fidelity a message
/// takes the delays of its path and the time that it takes on the path's slowest link, behind what its sender sent before
/// on its first link; messages of different senders do not meet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Topology {
    /// Hosts, routers and links.
    pub shape: Shape,
    /// Bytes that every packet takes on a link beside its own, and in the queue before it: 38 are Ethernet's preamble,
    /// header, check sequence and gap.
    #[serde(default = "ethernet")]
    pub framing: Size,
    /// A token bucket before both directions of every host's link, as cloud functions have them; at packet fidelity only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_burst: Option<AccessBurst>,
}

impl Topology {
    /// The file that it is read from, relative to the scenario.
    pub fn file(&self) -> Option<&Path> {
        match &self.shape {
            Shape::Graphml { file, .. } => Some(file),
            Shape::Star { .. } | Shape::FatTree { .. } | Shape::Dumbbell { .. } | Shape::Random { .. } => None,
        }
    }
}

const fn ethernet() -> Size {
    Size(38)
}

/// `topology.access_burst`: so many bytes pass at the link's rate, what follows at the baseline, at which idle links save up
/// their burst again.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AccessBurst {
    /// Bytes of a full bucket; at least one packet.
    pub burst: Size,
    /// Rate at which it is filled.
    pub baseline: Rate,
}

/// A link, the same in both directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cable {
    /// Rate of each direction.
    pub rate: Rate,
    /// Time from the last bit's sending to its arrival.
    pub delay: Span,
    /// Bytes that wait before each direction, the packet in service included; what does not fit is dropped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<Size>,
}

/// `topology.shape`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Shape {
    /// Every host has a link to the one switch.
    Star {
        /// How many hosts; as many as nodes where it is left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        hosts: Option<u32>,
        /// The link of a host.
        link: Cable,
    },
    /// k pods of k/2 edge and k/2 aggregation switches, (k/2)^2 core switches and k^3/4 hosts (M. Al-Fares, A. Loukissas
    /// and A. Vahdat, SIGCOMM 2008); between pods there are (k/2)^2 routes of equal cost.
    FatTree {
        /// Ports of a switch; even.
        k: u32,
        /// Every link.
        link: Cable,
    },
    /// Two routers with one link between them, and hosts at both: even ones at the one, odd ones at the other.
    Dumbbell {
        /// Hosts on each side; enough for all nodes where it is left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pairs: Option<u32>,
        /// The link of a host.
        access: Cable,
        /// The link between the routers.
        bottleneck: Cable,
    },
    /// Routers in a random graph, which is as many random rings through all of them as half their degree; hosts at each in
    /// turn.
    Random {
        /// How many routers.
        routers: u32,
        /// Neighbours of a router, fewer where two rings share a link; even.
        degree: u32,
        /// How many hosts; as many as nodes where it is left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        hosts: Option<u32>,
        /// The link of a host.
        access: Cable,
        /// A link between routers.
        core: Cable,
    },
    /// A graph from a GraphML file.
    Graphml {
        /// Path of the file, relative to the scenario.
        file: PathBuf,
        /// Edge attribute with the delay in ms.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        delay: Option<String>,
        /// Edge attribute with the rate in bit/s, such as `LinkSpeedRaw` of the Internet Topology Zoo.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rate: Option<String>,
        /// What an edge has of which the file does not say it; the queue of all.
        default: Cable,
        /// Which vertices are hosts.
        #[serde(default)]
        hosts: HostVertices,
    },
}

/// Which vertices of a graph are hosts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HostVertices {
    /// Every vertex is a host and passes on what is for others.
    #[default]
    All,
    /// Vertices with a single edge are hosts, the others routers.
    Leaves,
}

/// `network.fidelity`: what of the network takes place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Fidelity {
    /// A message is one event: its delay, and the queues of its sender's and its receiver's own links.
    #[default]
    Message,
    /// Every packet is an event at every link of its path, with the queues of all links; needs a topology.
    Packet,
    /// A message is a flow, and flows share the links of their paths max-min fairly; needs a topology.
    Flow,
}

impl Fidelity {
    /// True for the one that is left out of files.
    pub(crate) fn is_message(&self) -> bool {
        *self == Self::Message
    }
}

/// `[network.flow]`: how flows share links, at flow fidelity.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FlowConfig {
    /// What a flow gets of a link.
    pub model: FlowModel,
    /// Flows share a link in inverse proportion to their round trips, instead of alike.
    pub rtt_weighted: bool,
    /// Each direction of a link has its rate for itself; otherwise both share it, as those of SimGrid's links do by default.
    pub full_duplex: bool,
}

impl Default for FlowConfig {
    fn default() -> Self {
        Self { model: FlowModel::Plain, rtt_weighted: false, full_duplex: true }
    }
}

impl FlowConfig {
    /// True where it is left out of files.
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// `flow.model`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FlowModel {
    /// Delays and rates as the topology says.
    #[default]
    Plain,
    /// TCP as SimGrid's LV08 has it: 13.01 times the delay, 97 % of the rate, and 5 % of a flow's rate on the way back.
    Lv08,
}

/// A delay that a scenario may write: an hour.
pub(super) const DELAY_MAX: Span = Span(Duration::from_secs(3600));
