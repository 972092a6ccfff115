//! What a scenario says of serverless workflows. Data only.

use std::path::PathBuf;

use rapprochement_core::time::Duration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::units::{Rate, Share, Size, Span};

/// `[protocol.workflow]`: functions that run on hosts and pass data on. Node 0 is the coordinator, node 1 the Redis server, the
/// next `object_store.front_ends` nodes are the object store, and all others are hosts. What crosses between them are messages of the
/// network; instances on one host hand data over without it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WorkflowSettings {
    /// A workflow by name; or else `functions` and `edges`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shape: Option<Shape>,
    /// The functions, where no shape is named.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub functions: Vec<FunctionConfig>,
    /// Who gives data to whom, where no shape is named.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub edges: Vec<EdgeConfig>,
    /// Bytes from an instance to another, in a named shape.
    pub size: Size,
    /// How long an instance computes, in a named shape.
    pub compute: Span,
    /// By which way data goes.
    pub channel: Channel,
    /// Who runs where.
    pub scheduler: Scheduler,
    /// How many hosts are used; all nodes that are nothing else by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hosts: Option<u32>,
    /// Instances that start or compute on a host at once; further ones wait their turn.
    pub instances_per_host: u32,
    /// How long an instance takes to start from nothing.
    pub cold_start: Span,
    /// How long one takes to start that was there already.
    pub warm_start: Span,
    /// Share of starts that are cold.
    pub cold_share: Share,
    /// How long a hand-over between instances on one host takes.
    pub local_delay: Span,
    /// How often the workflow is run.
    pub runs: u32,
    /// Time between the arrivals of two runs.
    pub interval: Span,
    /// The Redis server.
    pub redis: RedisConfig,
    /// The object store.
    pub object_store: StoreConfig,
}

impl Default for WorkflowSettings {
    /// Starts: a warm one is the median of Wang et al., USENIX ATC 2018; a cold one is in the middle of what they saw. A local hand-over
    /// is that of Pheromone (NSDI 2023).
    fn default() -> Self {
        Self {
            shape: None,
            functions: Vec::new(),
            edges: Vec::new(),
            size: Size(100_000),
            compute: Span(Duration::from_millis(10)),
            channel: Channel::Unicast,
            scheduler: Scheduler::LeastLoaded,
            hosts: None,
            instances_per_host: 1,
            cold_start: Span(Duration::from_millis(500)),
            warm_start: Span(Duration::from_millis(25)),
            cold_share: Share(0.0),
            local_delay: Span(Duration::from_micros(40)),
            runs: 1,
            interval: Span(Duration::from_secs(1)),
            redis: RedisConfig::default(),
            object_store: StoreConfig::default(),
        }
    }
}

/// A workflow by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[schemars(rename = "WorkflowShape")]
pub enum Shape {
    /// One function behind the other.
    Chain {
        /// How many.
        length: u32,
    },
    /// One instance gives the same data to many, and they give theirs to one.
    Fan {
        /// How many.
        width: u32,
    },
    /// One splits its data, mappers give a part to each reducer, and one collects.
    MapShuffleReduce {
        /// Mappers.
        mappers: u32,
        /// Reducers.
        reducers: u32,
    },
    /// Training: in every round the workers' data is combined, and the result goes to all of them.
    AllReduce {
        /// Workers.
        workers: u32,
        /// Rounds.
        rounds: u32,
    },
    /// One collective operation alone.
    Collective {
        /// Which.
        operation: Operation,
        /// All instances but the root.
        receivers: u32,
        /// Messages of a broadcast, one behind the other to the same receivers; 1 by default.
        #[serde(default = "one")]
        messages: u32,
    },
}

fn one() -> u32 {
    1
}

/// A collective operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// The same data from the root to all.
    Broadcast,
    /// Data of its own from the root to each.
    Scatter,
    /// Data of each to the root.
    Gather,
    /// The same, but data is combined, so that it does not grow on the way.
    Reduce,
    /// A reduction, and its result to all.
    AllReduce,
    /// The same with a single byte.
    Barrier,
}

/// A function: `protocol.workflow.functions`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FunctionConfig {
    /// Its name.
    pub name: String,
    /// How many instances of it run.
    #[serde(default = "one")]
    pub instances: u32,
    /// How long each computes.
    #[serde(default)]
    pub compute: Span,
}

/// Data from every instance of a function to every instance of another: `protocol.workflow.edges`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EdgeConfig {
    /// Whose data.
    pub from: String,
    /// Who gets it.
    pub to: String,
    /// Bytes from an instance to another.
    pub size: Size,
    /// What the instances of `to` get.
    #[serde(default)]
    pub data: EdgeData,
}

/// What the instances at the end of an edge get.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EdgeData {
    /// Each gets data of its own of every sender.
    #[default]
    Parts,
    /// All get the same of a sender.
    Same,
    /// What senders give can be combined on the way without growing, as in a sum.
    Combined,
}

/// By which way data goes from instances to others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Channel {
    /// From the sender to every receiver.
    Unicast,
    /// Receivers pass on what they have: half of those that are left go to the first, half of the rest to the next. The first message
    /// names them. Data of many to one comes together by the same tree.
    BinomialTree,
    /// The same in chunks, each passed on when it is there. Only what is the same for all receivers is cut.
    ChunkedTree {
        /// Bytes of a chunk.
        chunk: Size,
    },
    /// A layer for the group, as a broadcast layer of Ouroboros: members join first, along a tree, and whatever packet comes is passed on
    /// to the members below. It stays for further messages of the same sender. What is not the same for all receivers goes by unicast.
    BroadcastLayer {
        /// Members that a member passes on to.
        degree: u32,
        /// Bytes of data in a packet.
        #[serde(default = "packet")]
        packet: Size,
    },
    /// Through the Redis server.
    Redis,
    /// Through the object store.
    ObjectStore,
}

fn packet() -> Size {
    Size(1_400)
}

/// Who runs where. But for the last, a scheduler places a function when its input is at hand, and senders ask it where to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scheduler {
    /// On a random host.
    Random,
    /// On the host with the fewest unfinished instances.
    LeastLoaded,
    /// On the host that holds most of the input and has room; else on that with the fewest.
    LocalityAware,
    /// Where the input arrives first, by the delays and rates of the network, among the hosts with room. All is placed when a run arrives:
    /// instances start ahead, and senders know whom to send to, and set groups up while they compute.
    TransportAware,
}

/// The Redis server: one command at a time, first come, first served. A command takes a fixed time and a time per byte.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RedisConfig {
    /// How data is exchanged.
    pub exchange: Exchange,
    /// Time of a command.
    pub per_command: Span,
    /// Time of a command that comes behind another one of the same client without waiting for its reply.
    pub per_pipelined: Span,
    /// Further time per kilobyte (1000 bytes) that is written.
    pub write_per_kilobyte: Span,
    /// Further time per kilobyte that is read.
    pub read_per_kilobyte: Span,
    /// Time after which a client asks again for what was not there, or says again what nobody heard.
    pub poll: Span,
    /// A table of measured times from `rapsim calibrate redis`, relative to the scenario; instead of the times above.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub table: Option<PathBuf>,
}

impl Default for RedisConfig {
    /// Redis 7.0.15 on the loopback of a shared two-core machine.
    fn default() -> Self {
        Self {
            exchange: Exchange::Stream,
            per_command: Span(Duration::from_micros(20)),
            per_pipelined: Span(Duration::from_micros(2)),
            write_per_kilobyte: Span(Duration::from_nanos(300)),
            read_per_kilobyte: Span(Duration::from_nanos(100)),
            poll: Span(Duration::from_millis(1)),
            table: None,
        }
    }
}

/// How data is exchanged through Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Exchange {
    /// SET, and GET until it is there.
    SetGet,
    /// RPUSH to a list for each receiver, and BLPOP.
    List,
    /// XADD, and XREAD BLOCK of all receivers.
    Stream,
    /// SUBSCRIBE, and PUBLISH until all receivers have subscribed.
    PubSub,
}

/// The object store. Its inside is not modelled: what one front end has stored the others can give once they have heard of it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct StoreConfig {
    /// Its nodes; a host always asks the same one.
    pub front_ends: u32,
    /// Time of an operation before its first byte.
    pub delay: Span,
    /// Rate of one operation's data; any number go on side by side.
    pub rate: Rate,
    /// Time after which a client asks again for what was not there.
    pub poll: Span,
}

impl Default for StoreConfig {
    /// S3 as FMI models it (Copik et al., ICS 2023): 40.4 ms, 50 MB/s.
    fn default() -> Self {
        Self {
            front_ends: 16,
            delay: Span(Duration::from_micros(40_400)),
            rate: Rate(400_000_000),
            poll: Span(Duration::from_millis(20)),
        }
    }
}
