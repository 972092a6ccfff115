//! Closed forms of one-to-many transfers, written out for the model as it is built: framing, uplink and downlink serialisation at every
//! hop, store and forward at relays, the root's fan-out, addresses in the first message, set-up of groups, requests, and service times of the
//! server. They are recursions over the actual tree in (max, +), without an event queue, for one sender, one link of delays that are all
//! the same, hosts of their own for all receivers, and nothing else on the network.

use rapprochement_core::peer::SimPeer;
use rapprochement_core::time::{Duration, Instant};
use rapprochement_core::wire::Message;

use super::config::{Channel, RedisConfig, WorkflowSettings};
use super::message::{Command, Key, Member, Reply, Route, Task, WorkflowMessage};
use super::plan::Plan;
use super::service::per_kilobyte;
use super::tree::Tree;
use crate::network::config::{Latency, NetworkConfig};
use crate::transport::datagram::Datagrams;
use crate::units::Rate;

/// A network on which all nodes are equal.
#[derive(Clone, Debug)]
pub struct Wire {
    datagrams: Datagrams,
    uplink: Option<Rate>,
    downlink: Option<Rate>,
    latency: Duration,
}

impl Wire {
    /// The network of a scenario; `None` where its delays are not all the same, where something is lost or random, or where queues end.
    pub fn new(network: &NetworkConfig) -> Option<Self> {
        let Latency::Constant(latency) = network.latency else { return None };
        let NetworkConfig { access, packet, loss, jitter, partition, nat, .. } = network;
        let plain = jitter.is_none() && partition.is_empty() && nat.is_none() && *loss == Default::default();
        let endless = access.queue.is_none() && access.burst.is_none();
        let datagrams = Datagrams::build(packet).ok().filter(|_| plain && endless)?;
        let latency = latency.0.max(network.min_latency.map_or(Duration::ZERO, |min| min.0));
        Some(Self { datagrams, uplink: access.uplink, downlink: access.downlink, latency })
    }

    /// Bytes of a message on the wire.
    pub fn bytes(&self, message: &WorkflowMessage) -> u64 {
        self.datagrams.split(message.encoded_len()).wire_bytes.into()
    }

    fn up(&self, message: &WorkflowMessage) -> Duration {
        self.uplink.map_or(Duration::ZERO, |rate| rate.transmission(self.bytes(message)))
    }

    fn down(&self, message: &WorkflowMessage) -> Duration {
        self.downlink.map_or(Duration::ZERO, |rate| rate.transmission(self.bytes(message)))
    }

    /// From the moment that a message is sent over idle links until it is there.
    fn across(&self, message: &WorkflowMessage) -> Duration {
        self.up(message) + self.latency + self.down(message)
    }
}

/// A broadcast of instance 0, alone in its stage, over the first link to its receivers.
#[derive(Debug)]
pub struct OneToMany<'a> {
    plan: &'a Plan,
    wire: &'a Wire,
    tasks: Vec<u32>,
}

/// Somebody's address: all are equally long.
const SOMEWHERE: SimPeer = SimPeer(0);
const LINK: usize = 0;

impl<'a> OneToMany<'a> {
    /// Over a plan's first link, in its first run.
    pub fn new(plan: &'a Plan, wire: &'a Wire) -> Self {
        Self { plan, wire, tasks: plan.stages[plan.links[LINK].to].tasks().collect() }
    }

    /// The same to the receivers but for the first, who shares the sender's host.
    #[must_use]
    pub fn but_for_the_first(mut self) -> Self {
        self.tasks.remove(0);
        self
    }

    fn tree(&self) -> Tree {
        self.plan.tree(&self.plan.links[LINK])
    }

    fn route(&self, to: u32) -> Route {
        Route { run: 0, link: LINK as u32, from: 0, to }
    }

    fn members(tasks: &[u32]) -> Vec<Member> {
        tasks.iter().map(|task| Member { task: *task, host: SOMEWHERE }).collect()
    }

    /// A piece for the first of a part.
    fn piece(&self, part: &[u32], index: u32) -> WorkflowMessage {
        let link = &self.plan.links[LINK];
        let named = index == 0 && !self.plan.is_layer(link);
        let members = if named { Self::members(&part[1..]) } else { Vec::new() };
        WorkflowMessage::Piece { route: self.route(part[0]), index, bytes: self.plan.piece(link, index), members }
    }

    /// When each receiver has everything, from the moment that the sender knows whom to send to and any group stands.
    pub fn spread(&self) -> Vec<Duration> {
        let pieces = self.plan.pieces(&self.plan.links[LINK]);
        let mut done = Vec::new();
        self.pass_on(&self.tasks, &vec![Instant::ZERO; pieces as usize], &mut done);
        done
    }

    /// A node has the pieces at these times and gives them to those below.
    fn pass_on(&self, below: &[u32], had: &[Instant], done: &mut Vec<Duration>) {
        let parts = self.tree().split(below);
        let mut free = Instant::ZERO;
        let mut arrivals: Vec<Vec<Instant>> = vec![Vec::with_capacity(had.len()); parts.len()];
        for (at, index) in had.iter().zip(0..) {
            for (part, arrivals) in parts.iter().zip(&mut arrivals) {
                let piece = self.piece(part, index);
                free = free.max(*at) + self.wire.up(&piece);
                let before = arrivals.last().copied().unwrap_or(Instant::ZERO);
                arrivals.push(before.max(free + self.wire.latency) + self.wire.down(&piece));
            }
        }
        for (part, arrivals) in parts.into_iter().zip(arrivals) {
            done.push(arrivals.last().map_or(Duration::ZERO, |last| last.since(Instant::ZERO)));
            self.pass_on(&part[1..], &arrivals, done);
        }
    }

    /// How long a group takes to stand.
    pub fn set_up(&self) -> Duration {
        self.join(0, &self.tasks, Instant::ZERO).since(Instant::ZERO)
    }

    /// When all below have joined, of a node that hears of it at this time.
    fn join(&self, me: u32, below: &[u32], at: Instant) -> Instant {
        let mut free = at;
        let mut answers = Vec::new();
        for part in self.tree().split(below) {
            let join = WorkflowMessage::Join(self.route(part[0]), me, Self::members(&part[1..]));
            free = free + self.wire.up(&join);
            let stands = self.join(part[0], &part[1..], free + self.wire.latency + self.wire.down(&join));
            answers.push(stands + self.wire.up(&WorkflowMessage::Joined(self.route(me))) + self.wire.latency);
        }
        answers.sort_unstable();
        let down = self.wire.down(&WorkflowMessage::Joined(self.route(me)));
        answers.into_iter().fold(at, |free, answer| free.max(answer) + down)
    }

    /// From the sender's question where its receivers are to the answer; they are told before the answer is sent.
    pub fn ask(&self) -> Duration {
        let (of, places) = (Task { run: 0, task: 0 }, vec![SOMEWHERE; self.plan.stages[1].instances as usize]);
        let told = self.plan.stages[1].tasks().map(|task| WorkflowMessage::Invoke(Task { task, ..of }, Vec::new()));
        let told = told.map(|message| self.wire.up(&message)).fold(Duration::ZERO, |sum, up| sum + up);
        self.wire.across(&WorkflowMessage::Ready(of)) + told + self.wire.across(&WorkflowMessage::Placed(of, places))
    }

    /// When each receiver has what the sender adds to a stream of Redis, all of them waiting for it.
    pub fn stream(&self, redis: &RedisConfig) -> Vec<Duration> {
        let bytes = self.plan.links[LINK].size;
        let key = Key { run: 0, link: LINK as u32, to: Key::ALL, from: Key::ALL, index: 0 };
        let add = WorkflowMessage::Command { connection: 0, command: Command::Add, key, bytes, pipelined: false };
        let id = WorkflowMessage::Reply { connection: 0, reply: Reply::Value, bytes: 15 };
        let entry = WorkflowMessage::Reply { connection: 0, reply: Reply::Entry, bytes };
        let served = Instant::ZERO
            + self.wire.across(&add)
            + redis.per_command.0
            + per_kilobyte(redis.write_per_kilobyte.0, bytes);
        let each = redis.per_command.0 + per_kilobyte(redis.read_per_kilobyte.0, bytes);
        let mut free = served + self.wire.up(&id);
        let one = |i: u64| {
            free = free.max(served + each.saturating_mul(i)) + self.wire.up(&entry);
            (free + self.wire.latency + self.wire.down(&entry)).since(Instant::ZERO)
        };
        (1..=self.tasks.len() as u64).map(one).collect()
    }

    /// Bytes that the sender puts on the wire for the data, and for the group.
    pub fn sender_bytes(&self) -> (u64, u64) {
        let parts = self.tree().split(&self.tasks);
        let pieces = self.plan.pieces(&self.plan.links[LINK]);
        let data =
            (0..pieces).flat_map(|index| parts.iter().map(move |part| self.wire.bytes(&self.piece(part, index))));
        let join =
            |part: &&[u32]| self.wire.bytes(&WorkflowMessage::Join(self.route(part[0]), 0, Self::members(&part[1..])));
        let group = if self.plan.is_layer(&self.plan.links[LINK]) { parts.iter().map(join).sum() } else { 0 };
        (data.sum(), group)
    }
}

/// After how many messages to the same receivers a broadcast layer, its set-up included, has them all there sooner than unicast, and after
/// how many its sender has sent fewer bytes; `None` where that is not so with 64.
pub fn layer_pays_after(settings: &WorkflowSettings, nodes: u32, wire: &Wire) -> [Option<u32>; 2] {
    const MOST: u32 = 64;
    let with = |channel, count| {
        let mut settings = settings.clone();
        settings.channel = channel;
        if let Some(super::config::Shape::Collective { messages, .. }) = &mut settings.shape {
            *messages = count;
        }
        Plan::build(&settings, nodes).ok()
    };
    let mut pays = [None; 2];
    for messages in 1..=MOST {
        let (Some(unicast), Some(layer)) = (with(Channel::Unicast, messages), with(settings.channel, messages)) else {
            break;
        };
        let (unicast, layer) = (OneToMany::new(&unicast, wire), OneToMany::new(&layer, wire));
        let last = |times: Vec<Duration>| times.into_iter().max().unwrap_or(Duration::ZERO);
        if pays[0].is_none() && layer.set_up() + last(layer.spread()) < last(unicast.spread()) {
            pays[0] = Some(messages);
        }
        let ((data, _), (passed, group)) = (unicast.sender_bytes(), layer.sender_bytes());
        if pays[1].is_none() && passed + group < data {
            pays[1] = Some(messages);
        }
        if pays.iter().all(Option::is_some) {
            break;
        }
    }
    pays
}
