//! What a scenario says about the protocol and its workload. Data only.

use rapprochement_core::reconcile::session::MethodKind;
use rapprochement_core::time::Duration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::calls::config::CallsSettings;
use super::directory::config::DirectorySettings;
use super::overlay::config::{SamplerConfig, ServiceSettings};
use super::rank::config::RankSettings;
use super::workflow::config::WorkflowSettings;
use crate::units::{Share, Size, Span};

/// `[protocol]`: which synchroniser keeps the nodes' stores alike, and its parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ProtocolConfig {
    /// The whole store to one random peer every interval.
    FullPush {
        /// Time between pushes.
        interval: Span,
    },
    /// Rumours: every new tuple to `fanout` random peers at once; a periodic repair catches what rumours missed.
    EagerPush {
        /// Peers that a new tuple is passed on to.
        fanout: u32,
        /// Time between repair exchanges with one random peer.
        repair: Span,
        /// Most bytes of tuples in one repair reply.
        #[serde(default = "budget")]
        budget: Size,
    },
    /// Scuttlebutt digests: what each author's newest version is, then what the other side lacks, oldest first.
    Scuttlebutt {
        /// Time between exchanges with one random peer.
        interval: Span,
        /// Most bytes of tuples in one direction of an exchange.
        #[serde(default = "budget")]
        budget: Size,
    },
    /// A session with one random peer every interval, by any method of the reconciliation family.
    Reconcile {
        /// How the differences are found.
        method: Method,
        /// Time between the sessions that a node opens.
        interval: Span,
        /// Different peers to whom a new tuple is passed on at once, as a rumour; 0 for none, so that sessions alone spread it.
        #[serde(default)]
        push: u32,
        /// When a node opens its first session; by default at a random point of the interval, so that nodes that start
        /// together do not open in step.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        first: Option<Span>,
        /// Bytes of the method's words in the first message, where it has a choice.
        #[serde(default = "first_message")]
        first_message: Size,
        /// Cells of the store's code that are kept up to date at every write, where the method has a code; 0 for none.
        /// Speed only: no result depends on it.
        #[serde(default = "kept_cells")]
        kept_cells: u32,
        /// How long a session may take, and the least time between two salted ones.
        #[serde(default = "patience")]
        patience: Span,
        /// Most bytes of tuples in one direction of the exchange that follows a session that failed.
        #[serde(default = "budget")]
        budget: Size,
        /// Whether a session that goes wrong is repaired, by a salted one and by an exchange. `false` is for comparison: the
        /// unsalted, published forms, in which chosen content hides what others wrote.
        #[serde(default = "repair", skip_serializing_if = "Clone::clone")]
        repair: bool,
    },
    /// A peer sampler alone: who has whom as a neighbour. Nothing is written.
    Sample {
        /// Which one, and its parameters.
        sampler: SamplerConfig,
        /// Peers that a node knows when it begins, drawn from the membership.
        #[serde(default = "five")]
        bootstrap: u32,
    },
    /// The RTT service: peers that probe, rate each other, reconcile and rank by these opinions, and connect to the best. Nodes
    /// write what they think; the workload writes nothing.
    RttService(ServiceSettings),
    /// MeritRank under Sybil attacks: a study of one feedback graph, without messages. What concerns the network, its nodes and a
    /// workload has no place beside it.
    Meritrank(RankSettings),
    /// Requests from some nodes to others, and replies: what a transport makes of them. The workload writes nothing.
    Calls(CallsSettings),
    /// Names that nodes register and look up in a Kademlia directory of themselves. The workload writes nothing.
    Directory(Box<DirectorySettings>),
    /// Serverless workflows: functions that run on hosts and pass data on, directly or through storage. There is no workload beside them.
    Workflow(Box<WorkflowSettings>),
}

impl ProtocolConfig {
    /// Whether nodes keep neighbours of their own and write what they like.
    pub const fn is_overlay(&self) -> bool {
        matches!(self, Self::Sample { .. } | Self::RttService(_))
    }

    /// Whether stores are kept alike: what the workload writes is about these alone.
    pub const fn keeps_stores(&self) -> bool {
        matches!(
            self,
            Self::FullPush { .. } | Self::EagerPush { .. } | Self::Scuttlebutt { .. } | Self::Reconcile { .. }
        )
    }
}

fn five() -> u32 {
    5
}

/// How a session finds the differences of two stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// The newest version and the hash of every author: Scuttlebutt's digests. Between peers whose stores were equal before, of
    /// the authors that changed since.
    Summary,
    /// RIBLT over (key, state): the published rateless code.
    Riblt,
    /// Keyed RIBLT: an updated key is one difference; 24 bytes a cell.
    KeyedRiblt,
    /// Keyed RIBLT with a sum of versions, so that the newer side is known; 32 bytes a cell.
    VersionedRiblt,
    /// Keyed RIBLT with key ids of 122 bits instead of 61, for stores so large or so long-lived that two keys may share an id;
    /// 32 bytes a cell.
    KeyedRibltLong,
    /// The same with a sum of versions; 40 bytes a cell.
    VersionedRibltLong,
    /// PinSketch, up to 1,000 differences.
    Pinsketch,
    /// PinSketch of 64 differences, bisected where there are more.
    PinsketchBisect,
    /// Invertible Bloom lookup table behind a strata estimator (Difference Digest).
    Iblt,
    /// Everything that one side holds, and back what was not among it.
    FullPush,
    /// Range-based reconciliation.
    Range,
    /// Merkle search tree.
    SearchTree,
    /// Keyed RIBLT over the authors, then deltas of those that differ.
    TwoLevel,
    /// Summaries or keyed RIBLT, whichever takes fewer bytes.
    Auto,
    /// The newest version of every author and nothing else: classic Scuttlebutt. It does not notice equivocation, withheld
    /// versions, or what a lost message left out; for comparison only.
    Versions,
}

impl Method {
    /// All there are.
    pub const ALL: [Self; 15] = [
        Self::Summary,
        Self::Riblt,
        Self::KeyedRiblt,
        Self::VersionedRiblt,
        Self::Pinsketch,
        Self::PinsketchBisect,
        Self::Iblt,
        Self::FullPush,
        Self::Range,
        Self::SearchTree,
        Self::TwoLevel,
        Self::Auto,
        Self::Versions,
        Self::KeyedRibltLong,
        Self::VersionedRibltLong,
    ];

    /// The method's name in the core.
    pub const fn kind(self) -> MethodKind {
        match self {
            Self::Summary => MethodKind::Summary,
            Self::Riblt => MethodKind::Riblt,
            Self::KeyedRiblt => MethodKind::KeyedRiblt,
            Self::VersionedRiblt => MethodKind::VersionedRiblt,
            Self::Pinsketch => MethodKind::PinSketch,
            Self::PinsketchBisect => MethodKind::PinSketchBisect,
            Self::Iblt => MethodKind::Iblt,
            Self::FullPush => MethodKind::FullPush,
            Self::Range => MethodKind::Range,
            Self::SearchTree => MethodKind::SearchTree,
            Self::TwoLevel => MethodKind::TwoLevel,
            Self::Auto => MethodKind::Auto,
            Self::Versions => MethodKind::Versions,
            Self::KeyedRibltLong => MethodKind::KeyedRibltLong,
            Self::VersionedRibltLong => MethodKind::VersionedRibltLong,
        }
    }
}

fn first_message() -> Size {
    Size(1200)
}

fn repair() -> bool {
    true
}

fn kept_cells() -> u32 {
    64
}

fn patience() -> Span {
    Span(Duration::from_secs(30))
}

fn budget() -> Size {
    Size(64 << 10)
}

/// `[workload]`: who writes what, when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkloadConfig {
    /// How many nodes write; drawn at random.
    #[serde(default)]
    pub writers: u32,
    /// When writes happen.
    #[serde(default = "never")]
    pub arrivals: Arrivals,
    /// What nodes hold when the run begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preload: Option<Preload>,
    /// Which of its keys a writer writes.
    #[serde(default)]
    pub keys: Keys,
    /// Bytes of a value: random ones, up to 64 KiB.
    #[serde(default = "hundred")]
    pub value: ValueSize,
    /// Share of writes that delete their key.
    #[serde(default)]
    pub deletes: Share,
    /// Nothing is written before this time, and nothing before it is counted.
    #[serde(default)]
    pub warm_up: Span,
    /// Nothing is written in this last part of the run, so that updates have time to arrive.
    #[serde(default)]
    pub drain: Span,
    /// Reads per sample, each of a random entry at a random live node, for the staleness of reads.
    #[serde(default)]
    pub reads: u32,
}

impl Default for WorkloadConfig {
    /// Nothing is written.
    fn default() -> Self {
        Self {
            writers: 0,
            arrivals: Arrivals::Never,
            preload: None,
            keys: Keys::default(),
            value: hundred(),
            deletes: Share(0.0),
            warm_up: Span::default(),
            drain: Span::default(),
            reads: 0,
        }
    }
}

fn never() -> Arrivals {
    Arrivals::Never
}

fn hundred() -> ValueSize {
    ValueSize::Constant(Size(100))
}

/// When writes happen, between warm-up and drain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Arrivals {
    /// A Poisson process over all writers together.
    Poisson {
        /// Writes per second of all writers together.
        per_second: f64,
    },
    /// Every writer in turn, evenly spaced.
    Periodic {
        /// Time between two writes of the whole system.
        interval: Span,
    },
    /// Never: only what is preloaded spreads.
    Never,
    /// All at once, when the warm-up ends.
    Burst {
        /// How many writes.
        count: u32,
    },
}

/// What nodes hold when the run begins: tuples of authors who are no nodes and write no more. Whoever is away then holds
/// nothing. Values have the sizes of the workload.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Preload {
    /// Keys of all nodes together.
    pub items: u32,
    /// Their authors.
    pub authors: u32,
    /// Keys whose newest version one node alone holds: the first updates of the run, issued when it begins.
    #[serde(default)]
    pub differences: u32,
    /// Share of these that all other nodes hold in an older version; they lack the rest.
    #[serde(default)]
    pub updates: Share,
    /// Which node that is.
    #[serde(default)]
    pub holders: Holders,
    /// One more difference between two nodes, a victim's tuple that is in the first cell of the rateless code alone; and an
    /// attacker's tuples, half of them at each node, chosen to hide it: together with it they cancel in the first so many cells
    /// of `riblt` under the salt that everybody knows. A first message of 1,200 bytes has 45.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancelled_cells: Option<u32>,
}

/// Who holds what others lack.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Holders {
    /// A drawn node for each key: versions are missing below the newest that a node has of an author.
    #[default]
    ByKey,
    /// A drawn node for all keys of an author, as after a partition: a node has the newest versions, or lacks them from one on.
    ByAuthor,
}

/// Which of its keys a writer writes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Keys {
    /// Keys of each writer.
    pub per_writer: u32,
    /// How often each is drawn.
    pub popularity: Popularity,
    /// Share of writes that overwrite a key already written, where both kinds of key are left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overwrites: Option<Share>,
}

impl Default for Keys {
    fn default() -> Self {
        Self { per_writer: 1, popularity: Popularity::Uniform, overwrites: None }
    }
}

/// How often each key is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Popularity {
    /// All alike.
    #[default]
    Uniform,
    /// The r-th most popular in proportion to r^-exponent.
    Zipf {
        /// The exponent, 0 for uniform.
        exponent: f64,
    },
}

/// Bytes of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ValueSize {
    /// Always the same.
    Constant(Size),
    /// Every size from `min` to `max` alike.
    Uniform {
        /// The smallest.
        min: Size,
        /// The largest.
        max: Size,
    },
}

/// `signatures`: how tuples are signed and checked in this run. The digest of a run is the same for all three.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Signatures {
    /// Ed25519, checked at every receipt.
    Real,
    /// Ed25519, each tuple checked once for all nodes: its verdict is a pure function of its bytes.
    #[default]
    Shared,
    /// A keyed hash of the same size: no security, for large runs.
    StandIn,
}

/// `[measure]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MeasureConfig {
    /// Time between samples of the series; conditions are judged at samples only.
    pub sample: Span,
    /// Ends the run at the first sample after the last write at which every live node holds every newest version.
    pub stop_when_converged: bool,
    /// Writes `events.csv`: every message and every adoption, in order. Large.
    pub events: bool,
    /// Ends the run as `event limit` after this many events; 0 for none. Judged at samples.
    pub event_limit: u64,
    /// Writes `packets.pcapng`: every packet as it leaves its sender, with so many bytes of its payload; at
    /// `network.fidelity = "packet"` only. Large.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub packets: Option<Size>,
}

impl Default for MeasureConfig {
    fn default() -> Self {
        Self {
            sample: Span(Duration::from_millis(500)),
            stop_when_converged: false,
            events: false,
            event_limit: 0,
            packets: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A scenario can name every method of the core, and no two names mean the same.
    #[test]
    fn every_method_of_the_core_has_a_name() {
        let mut kinds = Method::ALL.map(Method::kind);
        kinds.sort_unstable();
        assert_eq!(kinds, MethodKind::ALL);
        for method in Method::ALL {
            let name = serde_json::to_value(method).unwrap();
            assert_eq!(name.as_str().unwrap().replace('_', "-"), method.kind().name());
        }
    }
}
