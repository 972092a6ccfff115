//! What a scenario says about the network. Data only: each model's own file builds itself from its part.

use std::path::{Path, PathBuf};

use rapprochement_core::time::Duration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::fabric::config::{Fidelity, FlowConfig, Topology};
use crate::units::{Rate, Share, Size, Span};

/// `[network]`: how messages cross the network.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NetworkConfig {
    /// One-way delay between two nodes.
    pub latency: Latency,
    /// Raises every delay below it, and bounds how far shards may run apart; required for unbounded delay models.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_latency: Option<Span>,
    /// Every node's own uplink and downlink.
    pub access: Access,
    /// Sizes of packets and headers.
    pub packet: Packet,
    /// Loss of fragments.
    pub loss: Loss,
    /// A random addition to each message's delay.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jitter: Option<Jitter>,
    /// Share of messages that arrive twice.
    pub duplicate: Share,
    /// Times at which groups of nodes cannot reach each other.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub partition: Vec<PartitionConfig>,
    /// Nodes that cannot be dialled, and the relays by which they are reached; without it everybody can be dialled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nat: Option<NatConfig>,
    /// Nodes that change their address, as a phone does between two networks; datagrams do not notice, connections do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address_change: Option<AddressChange>,
    /// Hosts, routers and links one by one, instead of `latency` and `access`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topology: Option<Topology>,
    /// Whether messages, packets or flows cross the network.
    #[serde(skip_serializing_if = "Fidelity::is_message")]
    pub fidelity: Fidelity,
    /// How flows share links.
    #[serde(skip_serializing_if = "FlowConfig::is_default")]
    pub flow: FlowConfig,
}

/// `[network.address_change]`: nodes whose address changes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AddressChange {
    /// How many: those with the lowest numbers.
    pub nodes: u32,
    /// Time between two changes, from the start of the node on.
    pub every: Span,
}

/// One-way delay between two nodes, before jitter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Latency {
    /// The same for every pair: `{ constant = "50 ms" }`.
    Constant(Span),
    /// Drawn once per pair from any distribution of spans; a pair keeps its delay.
    Pair(Distribution),
    /// Nodes live in regions; half the round-trip time of a table: `{ regions = { table = "aws-33-p50" } }`.
    Regions(Regions),
    /// A full matrix from a file of round-trip times in ms (CSV or whitespace, with or without a header, `.gz` too);
    /// nodes take its rows in turn: `{ matrix = { file = "rtt.tsv.gz" } }`.
    Matrix(MatrixFile),
    /// Points on the globe or in a plane: distance over speed, plus an access delay per host.
    Points(Points),
    /// Shortest paths on a graph from a GraphML file or an edge list; nodes take its vertices in turn.
    Graph(GraphFile),
}

impl Latency {
    /// The file that it is read from, relative to the scenario.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::Matrix(matrix) => Some(&matrix.file),
            Self::Graph(graph) => Some(&graph.file),
            Self::Points(Points { space: Space::Places { file, .. }, .. }) => Some(file),
            Self::Regions(regions) => regions.file(),
            Self::Constant(_) | Self::Pair(_) | Self::Points(_) => None,
        }
    }
}

impl Default for Latency {
    fn default() -> Self {
        Self::Regions(Regions::default())
    }
}

/// `latency.regions`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Regions {
    /// "aws-33-p50" or "aws-33-p90" (built in), or a CSV file of round-trip times in ms with a header row and column.
    pub table: String,
    /// The regions to use; all of the table's when empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub only: Vec<String>,
    /// Relative numbers of nodes in the regions of `only`, in the same order; equal when empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub weights: Vec<f64>,
}

impl Regions {
    /// The file of the table, where that is not a built-in one.
    pub fn file(&self) -> Option<&Path> {
        self.table.contains(['.', '/', '\\']).then(|| Path::new(&self.table))
    }
}

impl Default for Regions {
    fn default() -> Self {
        Self { table: "aws-33-p50".into(), only: Vec::new(), weights: Vec::new() }
    }
}

/// `latency.matrix`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MatrixFile {
    /// Path of the file, relative to the scenario.
    pub file: PathBuf,
}

/// `latency.points`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Points {
    /// How far apart two points are.
    pub space: Space,
    /// Delay at each end between the host and its point; drawn once per node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_delay: Option<Distribution>,
}

/// Where the points of `latency.points` lie.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Space {
    /// Uniform on the globe; great-circle distance at 200,000 km/s (light in fibre), times a detour factor of at least 1.
    Globe {
        /// Length of the cable over the great circle.
        detour: f64,
    },
    /// Uniform in a square; Euclidean distance, given as the delay along one side.
    Plane {
        /// Delay along one side of the square.
        side: Span,
    },
    /// Places from a CSV file `name,latitude,longitude` in degrees; nodes take its rows in turn.
    Places {
        /// Path of the file, relative to the scenario.
        file: PathBuf,
        /// Length of the cable over the great circle.
        detour: f64,
    },
}

/// `latency.graph`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GraphFile {
    /// A `.graphml` file, or an edge list with a line `from to [delay in ms]` per edge; relative to the scenario.
    pub file: PathBuf,
    /// Edge attribute of a GraphML file that holds the delay in ms; without it, node coordinates give the distance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay: Option<String>,
    /// Delay of an edge without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_delay: Option<Span>,
}

/// `network.access`: every node's own link; no limit where a key is left out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Access {
    /// Rate from the node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uplink: Option<Rate>,
    /// Rate to the node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub downlink: Option<Rate>,
    /// Bytes that wait before each link; what does not fit is dropped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue: Option<Size>,
    /// Bytes that an idle link passes at once (a token bucket).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub burst: Option<Size>,
}

/// `network.packet`: how messages become packets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Packet {
    /// Largest packet, headers included.
    pub mtu: Size,
    /// Bytes of headers on every packet: 28 for IPv4 and UDP, 48 for IPv6 and UDP.
    pub headers: Size,
}

impl Default for Packet {
    fn default() -> Self {
        Self { mtu: Size(1500), headers: Size(28) }
    }
}

/// Loss of fragments; a lost fragment loses its message.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Loss {
    /// Nothing is lost.
    #[default]
    None,
    /// Each fragment alone: `{ independent = "1 %" }`.
    Independent(Share),
    /// Two states of each sender's link, good and bad, with exponential stays.
    GilbertElliott {
        /// Mean stay in the good state.
        good: Span,
        /// Mean stay in the bad state.
        bad: Span,
        /// Loss of a fragment in the good state.
        loss_good: Share,
        /// Loss of a fragment in the bad state.
        loss_bad: Share,
    },
}

/// `network.jitter`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Jitter {
    /// The addition to a message's delay.
    pub delay: Distribution,
    /// Whether a message may overtake an earlier one of the same sender; otherwise it arrives right behind it.
    #[serde(default = "yes")]
    pub reorder: bool,
}

fn yes() -> bool {
    true
}

/// A distribution of time spans.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Distribution {
    /// Always the same.
    Constant(Span),
    /// Every span from `min` to `max` alike.
    Uniform {
        /// The shortest.
        min: Span,
        /// The longest.
        max: Span,
    },
    /// Without memory.
    Exponential {
        /// Mean.
        mean: Span,
    },
    /// Its logarithm is normal.
    Lognormal {
        /// Median.
        median: Span,
        /// Standard deviation of the natural logarithm.
        sigma: f64,
    },
    /// P(X > x) = exp(-(x / scale)^shape).
    Weibull {
        /// Shape k; below 1 the tail is long.
        shape: f64,
        /// Scale lambda.
        scale: Span,
    },
    /// P(X > x) = (min / x)^shape.
    Pareto {
        /// Shape alpha; the mean is finite above 1.
        shape: f64,
        /// The shortest.
        min: Span,
    },
}

/// `[[network.partition]]`: one partition, from `start` to `heal`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PartitionConfig {
    /// When it begins.
    pub start: Span,
    /// When it is healed.
    pub heal: Span,
    /// Who is parted from whom.
    pub groups: Groups,
    /// With `false` only messages from a lower to a higher group number are cut.
    #[serde(default = "yes")]
    pub both_ways: bool,
    /// Begins again this long after each start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<Span>,
}

/// The groups of a partition. Nodes that no group names form a last group of their own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Groups {
    /// Random groups with these shares of all nodes: `{ shares = [0.3, 0.7] }`.
    Shares(Vec<Share>),
    /// Groups of regions by name: `{ regions = [["eu-west-1", "eu-west-2"], ["us-east-1"]] }`.
    Regions(Vec<Vec<String>>),
    /// Groups of nodes by number: `{ nodes = [[0, 1, 2], [3]] }`.
    Nodes(Vec<Vec<u32>>),
}

/// `[network.nat]`: nodes behind NAT, which only who has a path to them reaches: a relay passes on what others send.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NatConfig {
    /// Share of the nodes that cannot be dialled; drawn at random.
    pub share: Share,
    /// How many of the other nodes, drawn at random, are relays too; nodes behind NAT are dealt to them in turn. With 0,
    /// what is sent to a node behind NAT without a path to it is lost.
    pub relays: u32,
    /// Share of the pairs of nodes behind NAT that can punch a hole. The default is what D. Trautwein et al., "Challenging
    /// tribal knowledge", arXiv 2510.27500, 2025, measured in IPFS: 70 % of attempts.
    #[serde(default = "punching")]
    pub punching: Share,
    /// How long a packet of a node behind NAT lets its receiver answer straight; also the least time between two attempts
    /// of a node to get a path to another. The default is the least that RFC 4787 allows a NAT.
    #[serde(default = "two_minutes")]
    pub mapping: Span,
    /// Whether relays carry messages; with `false` they carry only the packets of hole punches.
    #[serde(default = "yes")]
    pub relayed: bool,
    /// Whether churn spares the relays, as servers that somebody runs. With `false`, what reaches a relay that is away is
    /// lost until it returns: nobody changes to another.
    #[serde(default = "yes")]
    pub relays_stay: bool,
}

impl NatConfig {
    /// How many of `nodes` nodes are behind NAT.
    pub fn count(&self, nodes: u32) -> u32 {
        (libm::round(self.share.0 * f64::from(nodes)) as u32).min(nodes)
    }
}

fn punching() -> Share {
    Share(0.7)
}

fn two_minutes() -> Span {
    Span(Duration::from_secs(120))
}

/// `[churn]`: nodes that come and go.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChurnConfig {
    /// How long nodes stay and stay away.
    pub sessions: Sessions,
    /// What happens at the end of a session.
    #[serde(default)]
    pub departure: Departure,
    /// Share of the nodes that come and go; the others stay.
    #[serde(default = "everyone")]
    pub share: Share,
    /// Divides every session and down time, so that a published profile of hours fits a run of minutes.
    #[serde(default = "one")]
    pub speed_up: f64,
    /// No departure before this time.
    #[serde(default)]
    pub start: Span,
    /// No departure after this time; who is away still returns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop: Option<Span>,
}

impl ChurnConfig {
    /// The file that sessions are read from, relative to the scenario.
    pub fn file(&self) -> Option<&Path> {
        match &self.sessions {
            Sessions::Trace { file } => Some(file),
            Sessions::Times { .. } | Sessions::Profile { .. } | Sessions::Vanish { .. } => None,
        }
    }
}

fn everyone() -> Share {
    Share(1.0)
}

fn one() -> f64 {
    1.0
}

/// How long nodes stay and stay away.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Sessions {
    /// Two distributions.
    Times {
        /// Length of a session.
        up: Distribution,
        /// Time between sessions.
        down: Distribution,
    },
    /// A published profile of session lengths: `{ profile = { name = "flatout" } }`.
    Profile {
        /// debian, redhat, flatout, kad or ipfs.
        name: ProfileName,
        /// Time between sessions; the profile's own where it has one, else exponential with the mean of a session.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        down: Option<Distribution>,
    },
    /// A CSV file with the columns `node,up_s,down_s`: one row per session, in seconds from the start of the run.
    Trace {
        /// Path of the file, relative to the scenario.
        file: PathBuf,
    },
    /// All who come and go (`churn.share`) leave at once, and do not return.
    Vanish {
        /// When.
        at: Span,
    },
}

/// A named churn profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProfileName {
    /// BitTorrent, Debian images (Stutzbach and Rejaie, IMC 2006).
    Debian,
    /// BitTorrent, Red Hat images (same source).
    Redhat,
    /// BitTorrent, FlatOut (same source).
    Flatout,
    /// Kad.
    Kad,
    /// IPFS 2022.
    Ipfs,
}

/// What happens at the end of a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Departure {
    /// The node stops at once; what was durable comes back with it.
    #[default]
    Crash,
    /// The node says goodbye first.
    Leave,
    /// The node stops at once and loses its store; only its identity and its version counter come back.
    CrashAndForget,
}

/// `[node]`: how fast a node works, and how true its clock is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NodeConfig {
    /// Time to handle one received message.
    pub per_message: Span,
    /// Further time per received kilobyte (1000 bytes).
    pub per_kilobyte: Span,
    /// Further time per signature in a received message, for a tuple that the node already holds too.
    pub per_signature: Span,
    /// Time to compute what the protocol says it computed (ids, cells, sketches), as a multiple of what a core of a
    /// 2.5 GHz Xeon takes: 1 is such a core, 4 a small device; 0 costs nothing.
    pub compute: f64,
    /// Offset of a node's clock from the run's time; drawn once per node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clock_offset: Option<Distribution>,
    /// Largest drift of a node's clock in parts per million; drawn uniformly from minus to plus this much.
    pub clock_drift_ppm: u32,
}

/// `[membership]`: whom a node may contact, where its protocol does not build that itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum MembershipConfig {
    /// Every draw is uniform over all other nodes; no view is stored.
    #[default]
    Uniform,
    /// Every node knows all others and contacts them in turn, in an order of its own.
    Full,
    /// Node 0 contacts nobody and all others contact it alone: a server and its clients.
    Star,
    /// A static random graph, the same for both ends of an edge: `{ graph = { degree = 8 } }`.
    Graph {
        /// Neighbours of a node.
        degree: u32,
    },
}
