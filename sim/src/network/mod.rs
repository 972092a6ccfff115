//! How messages cross the network. The sender's side is computed at the send: the wait before its uplink, the fragments,
//! partitions, loss, base delay, jitter and duplication. What stands behind a queue that senders share, the receiver's
//! downlink, is an event of the receiver, in the order of arrivals.
//!
//! | file | what it knows |
//! |---|---|
//! | [`config`] | what a scenario says |
//! | `latency` | base delays: constant, pair, regions, matrix, points, graph |
//! | `layout` | which node stands where, and where a run is cut into shards |
//! | `link` | the queue and the rate of an access link |
//! | `loss`, `partition` | what does not arrive |
//! | [`fabric`], [`fluid`] | explicit topologies: packets hop by hop, or flows that share links |
//! | [`nat`] | who cannot be dialled, and how he is reached |
//! | [`distribution`] | spans drawn at random |
//! | [`churn`], [`membership`], [`service`], [`clock`] | nodes that come and go, whom they know, how fast they are, what time they believe |

pub mod churn;
pub mod clock;
pub mod config;
pub mod distribution;
pub mod fabric;
mod file;
pub mod fluid;
mod latency;
mod layout;
mod link;
mod loss;
pub mod membership;
pub mod nat;
mod partition;
pub mod service;
mod trace;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rapprochement_core::time::{Duration, Instant};

use crate::problem::Problem;
use crate::random::{Philox, Purpose, Streams};
use crate::transport::datagram::{Datagrams, Packets};
use config::NetworkConfig;
use distribution::{Distribution, open_unit};
use fabric::Fabric;
use fabric::config::{Fidelity, FlowConfig};
use latency::Delays;
use link::Link;
use loss::{Chance, LinkState, Loss};
use nat::Nat;
use partition::{Partitions, unknown_regions};

/// The network of a run: immutable once built, shared by all shards. What changes per node is in its [`Outgoing`] and
/// [`Incoming`].
#[derive(Debug)]
pub struct Network {
    delays: Delays,
    datagrams: Datagrams,
    uplink: Option<Link>,
    downlink: Option<Link>,
    loss: Loss,
    jitter: Option<Distribution>,
    reorder: bool,
    duplicate: Chance,
    partitions: Partitions,
    nat: Option<Nat>,
    fabric: Option<Arc<Fabric>>,
    flow: FlowConfig,
    fidelity: Fidelity,
    key: u64,
    raised: AtomicU64,
}

/// A sender's state: 16 bytes, and a box where the scenario has a feature that needs more.
#[derive(Clone, Debug, Default)]
pub struct Outgoing {
    /// The nanosecond at which the uplink falls idle.
    free: u64,
    rare: Option<Box<RareOutgoing>>,
}

#[derive(Clone, Debug, Default)]
struct RareOutgoing {
    /// What the uplink needs beyond the whole nanosecond.
    fraction: u64,
    /// The latest arrival of any message so far, where messages keep their order.
    arrival: Instant,
    link: Option<LinkState>,
}

/// A receiver's state: 16 bytes, and a box where the downlink's rate is an odd one.
#[derive(Clone, Debug, Default)]
pub struct Incoming {
    free: u64,
    fraction: Option<Box<u64>>,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fate {
    /// Bytes that leave the node, headers of all fragments included; 0 where its queue dropped the message.
    pub wire_bytes: u32,
    /// Time before the first byte leaves.
    pub queued: Duration,
    /// Whether and when it arrives.
    pub outcome: Delivery,
}

/// Whether and when a message arrives at the other side of the network: the receiver, or its downlink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// Its last byte arrives then.
    Arrives(Instant),
    /// Two copies arrive, in no particular order.
    Twice(Instant, Instant),
    /// It does not arrive.
    Lost(LossReason),
}

/// Why a message does not arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LossReason {
    /// The sender's queue had no room.
    Queue,
    /// A fragment was lost on the way.
    Loss,
    /// A partition lay between the nodes when it was sent, when it had left its uplink, or when it arrived. One that begins
    /// and heals while a message is under way is not noticed by it.
    Partition,
    /// The receiver is behind NAT, and there was no way to it.
    Undialable,
}

impl Network {
    /// Builds the network of a scenario; `base` is the folder that its files are relative to.
    ///
    /// # Errors
    /// Every problem of the section `network`, those of its files with their lines.
    pub fn build(config: &NetworkConfig, nodes: u32, base: &Path, streams: &Streams) -> Result<Self, Vec<Problem>> {
        if nodes == 0 {
            return Err(vec![Problem::new("nodes", "a run needs a node", "")]);
        }
        let mut problems = part_problems(config, nodes);
        // What is wrong with the section is among the problems already.
        let fabric = if problems.is_empty() { Fabric::build(config, nodes, base, streams) } else { Ok(None) };
        let mut keep = |more: Vec<Problem>| problems.extend(more);
        let fabric = fabric.map_err(&mut keep).ok().flatten().map(Arc::new);
        let delays = match (&config.topology, &fabric) {
            (None, _) => Delays::build(config, nodes, base, streams).map_err(&mut keep).ok(),
            (Some(_), fabric) => fabric.clone().map(|fabric| Delays::of_topology(fabric, nodes)),
        };
        let regions = delays.as_ref().map(|delays| unknown_regions(&config.partition, delays.group_names()));
        problems.extend(regions.into_iter().flatten());
        let datagrams = Datagrams::build(&config.packet);
        let (Some(delays), Ok(datagrams), true) = (delays, datagrams, problems.is_empty()) else {
            return Err(problems);
        };
        let access = &config.access;
        Ok(Self {
            datagrams,
            uplink: access.uplink.map(|rate| Link::new(rate, access.queue, access.burst)),
            downlink: access.downlink.map(|rate| Link::new(rate, access.queue, access.burst)),
            loss: Loss::new(&config.loss),
            partitions: Partitions::new(&config.partition, &delays, nodes, streams),
            delays,
            nat: config.nat.as_ref().map(|nat| Nat::new(nat, nodes, streams)),
            jitter: config.jitter.as_ref().map(|jitter| jitter.delay.clone()),
            reorder: config.jitter.as_ref().is_none_or(|jitter| jitter.reorder),
            duplicate: Chance::new(config.duplicate.0),
            fabric,
            flow: config.flow,
            fidelity: config.fidelity,
            key: streams.key(Purpose::Link, 0),
            raised: AtomicU64::new(0),
        })
    }

    /// What is wrong with the section `network` of a scenario, but for what stands in tables of delays.
    pub fn problems(config: &NetworkConfig, nodes: u32) -> Vec<Problem> {
        // A latency beside a topology is refused as a whole.
        let latency = if config.topology.is_none() { latency::problems(config) } else { Vec::new() };
        latency.into_iter().chain(part_problems(config, nodes)).collect()
    }

    /// What is wrong with the table of delays that a scenario names, be it built in or a file, whose lines are told; and
    /// with the regions of its partitions, which the table has to have.
    pub fn table_problems(config: &NetworkConfig, nodes: u32, base: &Path) -> Vec<Problem> {
        if config.topology.is_some() {
            return fabric::file_problems(config, nodes, base);
        }
        match Delays::of_table(config, nodes, base) {
            Some(Ok(delays)) => unknown_regions(&config.partition, delays.group_names()),
            // Those of the section itself are told with it.
            Some(Err(_)) if !latency::problems(config).is_empty() => Vec::new(),
            Some(Err(problems)) => problems,
            None => Vec::new(),
        }
    }

    /// The base one-way delay of a pair, after `min_latency`. A pure function; the same both ways unless the scenario's
    /// table differs by direction.
    #[inline]
    pub fn latency(&self, from: u32, to: u32) -> Duration {
        self.delays.between(from, to).0
    }

    /// Names of the regions, in the order of [`Network::group_of`]; one group "all" where the model has none.
    pub fn group_names(&self) -> &[String] {
        self.delays.group_names()
    }

    /// The region of a node.
    pub fn group_of(&self, node: u32) -> u16 {
        self.delays.group_of(node)
    }

    /// Contiguous ranges of nodes for up to `threads` shards: the first node of each, and the number of nodes at the end;
    /// and the smallest delay between different ranges, by which they may run apart. There are fewer ranges than threads
    /// where there are fewer places, and one range with [`Duration::MAX`] where the delay has no positive bound. The
    /// cuts for more threads refine those for fewer.
    pub fn shards(&self, threads: usize) -> (Vec<u32>, Duration) {
        self.delays.shards(if self.by_hop().is_some() { 1 } else { threads })
    }

    /// The topology, where packets or flows cross it link by link instead of messages: a run then has one shard, since
    /// everybody shares the links.
    #[inline]
    pub fn by_hop(&self) -> Option<(&Arc<Fabric>, Fidelity)> {
        let fabric = self.fabric.as_ref().filter(|_| self.fidelity != Fidelity::Message);
        fabric.map(|fabric| (fabric, self.fidelity))
    }

    /// How flows share links.
    pub fn flow(&self) -> FlowConfig {
        self.flow
    }

    /// The packets of a message.
    pub fn packets(&self, payload: usize) -> Packets {
        self.datagrams.split(payload)
    }

    /// Payload bytes of a full packet; at least 1.
    pub fn capacity(&self) -> usize {
        self.datagrams.capacity() as usize
    }

    /// The bytes of one packet of a message, which is its last one or not; without framing.
    pub fn packet_bytes(&self, payload: usize, is_last: bool) -> u32 {
        self.datagrams.packet_bytes(payload, is_last)
    }

    /// What becomes of a message that crosses a topology link by link, but for its queues: as in [`Network::transmit`], with
    /// the same draws. Loss falls on its packets behind the last link.
    pub fn judge(
        &self,
        out: &mut Outgoing,
        now: Instant,
        (from, to): (u32, u32),
        sequence: u32,
        fragments: u32,
    ) -> Option<LossReason> {
        let lost = self.loses(out, now, (from, to), sequence, fragments);
        if self.partitions.block(now, from, to) {
            return Some(LossReason::Partition);
        }
        lost.then_some(LossReason::Loss)
    }

    /// Sends a message of `payload` bytes at `now`. `sequence` numbers the sender's messages and keys the draws; calls for
    /// one sender come in the order of their times. Loss is judged before duplication: a lost message has no copy.
    pub fn transmit(
        &self,
        out: &mut Outgoing,
        now: Instant,
        from: u32,
        to: u32,
        sequence: u32,
        payload: usize,
    ) -> Fate {
        let packets = self.datagrams.split(payload);
        let Some((queued, left)) = self.pass_uplink(out, now, (from, to), packets) else {
            return Fate { wire_bytes: 0, queued: Duration::ZERO, outcome: Delivery::Lost(LossReason::Queue) };
        };
        let draw = |which: u64| self.draw((from, to), sequence, which);
        let fate = |outcome| Fate { wire_bytes: packets.wire_bytes, queued, outcome };
        let lost = self.loses(out, left, (from, to), sequence, packets.fragments);
        if self.partitions.block(now, from, to) || self.partitions.block(left, from, to) {
            return fate(Delivery::Lost(LossReason::Partition));
        }
        if lost {
            return fate(Delivery::Lost(LossReason::Loss));
        }
        let (latency, raised) = self.delays.between(from, to);
        if raised {
            self.raised.fetch_add(1, Ordering::Relaxed);
        }
        let copies = !self.duplicate.is_zero() && self.duplicate.hits(draw(1)[0]);
        let (first, second) = self.arrivals(out, left + latency, || draw(2));
        fate(match (self.partitions.block(first, from, to), copies && !self.partitions.block(second, from, to)) {
            (false, false) => Delivery::Arrives(first),
            (false, true) => Delivery::Twice(first, second),
            (true, true) => Delivery::Arrives(second),
            (true, false) => Delivery::Lost(LossReason::Partition),
        })
    }

    #[inline]
    fn draw(&self, (from, to): (u32, u32), sequence: u32, which: u64) -> [u64; 2] {
        let pair = u64::from(from) << 32 | u64::from(to);
        Philox::block(self.key, [pair, u64::from(sequence) | which << 32])
    }

    /// Whether a message that left at `left` loses a fragment. The chain of a bursty link moves on even where a partition
    /// takes the message.
    #[inline]
    fn loses(&self, out: &mut Outgoing, left: Instant, pair: (u32, u32), sequence: u32, fragments: u32) -> bool {
        let draw = || self.draw(pair, sequence, 0);
        match &self.loss {
            Loss::None => false,
            Loss::Independent(chance) => chance.loses(fragments, draw()[0]),
            Loss::Burst(burst) => burst.loses(&mut out.rare().link, left, fragments, draw()),
        }
    }

    #[inline]
    fn pass_uplink(
        &self,
        out: &mut Outgoing,
        now: Instant,
        pair: (u32, u32),
        packets: Packets,
    ) -> Option<(Duration, Instant)> {
        let Some(link) = &self.uplink else { return self.pass_path(out, now, pair, packets) };
        let bytes = packets.wire_bytes;
        let mut none = 0;
        let passage = if link.has_fraction() {
            let mut free = out.free;
            let passage = link.pass(&mut free, &mut out.rare().fraction, now, bytes);
            out.free = free;
            passage
        } else {
            link.pass(&mut out.free, &mut none, now, bytes)
        };
        passage.map(|passage| (passage.queued, passage.left))
    }

    /// What takes the place of the uplink where nodes have none: nothing, or the links of a topology.
    #[inline]
    fn pass_path(
        &self,
        out: &mut Outgoing,
        now: Instant,
        pair: (u32, u32),
        packets: Packets,
    ) -> Option<(Duration, Instant)> {
        let Some(fabric) = &self.fabric else { return Some((Duration::ZERO, now)) };
        let framing = u64::from(packets.fragments) * u64::from(fabric.framing());
        fabric.pass_as_one(&mut out.free, now, pair, u64::from(packets.wire_bytes) + framing)
    }

    /// When a message and a copy of it arrive that without jitter would at `due`.
    #[inline]
    fn arrivals(&self, out: &mut Outgoing, due: Instant, draw: impl Fn() -> [u64; 2]) -> (Instant, Instant) {
        let Some(jitter) = &self.jitter else { return (due, due) };
        let [mut first, mut second] = draw().map(|bits| due + jitter.quantile(open_unit(bits)));
        if !self.reorder {
            let latest = &mut out.rare().arrival;
            first = first.max(*latest);
            second = second.max(first);
            *latest = first;
        }
        (first, second)
    }

    /// Bytes that a payload takes on the wire, the headers of all its fragments included.
    #[inline]
    pub fn wire_bytes(&self, payload: usize) -> u32 {
        self.datagrams.split(payload).wire_bytes
    }

    /// How long a message that is sent now would wait before its first byte leaves.
    pub fn backlog(&self, out: &Outgoing, now: Instant) -> Duration {
        let fraction = out.rare.as_ref().map_or(0, |rare| rare.fraction);
        match &self.uplink {
            Some(link) => link.backlog(out.free, fraction, now),
            // Where there is a topology, its first link; it stays at the start of time where there is none.
            None => Instant::from_nanos(out.free).since(now),
        }
    }

    /// Whether nodes have downlinks of a finite rate, so that a message takes time behind its arrival.
    pub fn has_downlink(&self) -> bool {
        self.downlink.is_some()
    }

    /// Takes a message that arrives at a node's downlink at `now`, and says when the node has it: `None` where the queue
    /// had no room. Calls for one receiver come in the order of arrivals.
    #[inline]
    pub fn receive(&self, incoming: &mut Incoming, now: Instant, wire_bytes: u32) -> Option<Instant> {
        let Some(link) = &self.downlink else { return Some(now) };
        let mut none = 0;
        let fraction = if link.has_fraction() { incoming.fraction.get_or_insert_default() } else { &mut none };
        link.pass(&mut incoming.free, fraction, now, wire_bytes).map(|passage| passage.left)
    }

    /// Who is behind NAT, where anybody may be.
    #[inline]
    pub fn nat(&self) -> Option<&Nat> {
        self.nat.as_ref()
    }

    /// Whether a partition cuts the way from one node to another at this moment.
    pub fn blocked(&self, at: Instant, from: u32, to: u32) -> bool {
        self.partitions.block(at, from, to)
    }

    /// How many messages so far had a base delay below `min_latency`, which was raised to it.
    pub fn raised(&self) -> u64 {
        self.raised.load(Ordering::Relaxed)
    }
}

impl Fate {
    /// That of a message that did not leave, for want of a way.
    pub const fn undialable() -> Self {
        Self { wire_bytes: 0, queued: Duration::ZERO, outcome: Delivery::Lost(LossReason::Undialable) }
    }
}

impl Outgoing {
    fn rare(&mut self) -> &mut RareOutgoing {
        self.rare.get_or_insert_default()
    }
}

/// What is wrong with all parts of the network but its delays.
fn part_problems(config: &NetworkConfig, nodes: u32) -> Vec<Problem> {
    let jitter = config.jitter.as_ref().map(|jitter| jitter.delay.validate("network.jitter.delay"));
    let nat = config.nat.as_ref().map(|nat| nat::problems(nat, nodes));
    let parts = [
        Datagrams::problems(&config.packet),
        fabric::problems(config, nodes),
        link::problems(&config.access, config.packet.mtu),
        loss::problems(&config.loss),
        jitter.unwrap_or_default(),
        partition::problems(&config.partition, &config.latency, nodes),
        nat.unwrap_or_default(),
    ];
    parts.into_iter().flatten().collect()
}
