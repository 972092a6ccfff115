//! Hosts protocols on the engine and the network: the simulated counterpart of a real node's driver.
//!
//! A message takes this path: the protocol sends; the sender's uplink, loss and latency are computed on the spot
//! (`Network::transmit`), and an `Arrive` event goes to the receiver. There, in arrival order, the downlink and the node's
//! processor are queues; when both are done, a `Deliver` event hands the message to the protocol. Where neither takes
//! time the message is handed over at its arrival. Payloads lie in the shard's slab, one copy per broadcast.
//!
//! A message to a node behind NAT to which there is no path goes to the node's relay (`relay`): it stands before the relay's
//! downlink, then leaves by the relay's uplink, and arrives like any other.
//!
//! Over a topology at packet or flow fidelity (`carriage`) every packet is a `Hop` event at every link, or every message a flow.

mod carriage;
mod relay;
mod step;

use std::sync::Arc;

use rapprochement_core::peer::SimPeer;
use rapprochement_core::protocol::{Durable, Protocol};
use rapprochement_core::time::{Duration, Instant};
use rapprochement_core::wire::Message;

use self::carriage::Carriage;
use self::relay::Gateway;
use self::step::Step;
use super::aside::Aside;
use super::slab::Slab;
use super::traffic::{Exchange, NodeTraffic, Traffic};
use crate::engine::{Entity, EventData, Handled, Scheduler, Shard, prefetch};
use crate::measure::results::CapturedPacket;
use crate::network::churn::Churn;
use crate::network::clock::Clocks;
use crate::network::config::Departure;
use crate::network::fabric::{Fabric, LinkCounter};
use crate::network::nat::Nat;
use crate::network::service::{Busy, NodeService};
use crate::network::{Incoming, Network, Outgoing};
use crate::random::{Philox, Purpose, Streams};
use crate::units::Size;

/// The source of the nodes' starts and of commands: no node has this number. It is one source because events of one source
/// keep their order, and a node starts before it gets a command of the same time.
pub const OUTSIDE: Entity = u32::MAX;

/// What an event says to a node.
#[derive(Clone, Copy, Debug)]
pub struct Note {
    kind: Kind,
    /// Class of the message.
    class: u8,
    /// The target's incarnation when the event was made; a crash voids what was made before it.
    incarnation: u16,
    /// Length of the message in bytes; for a timer the generation of its slot.
    length: u32,
    /// Slot of the message or timer; for a command its number.
    slot: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Kind {
    /// The node begins.
    Start,
    /// A message has crossed the network.
    Arrive,
    /// The downlink and the processor are done with a message.
    Deliver,
    /// A timer is due.
    Timer,
    /// The application wants something.
    Command,
    /// A session begins or ends.
    Change,
    /// A message has crossed the network from its sender to a relay; `length` is its receiver.
    Relay,
    /// The relay's downlink is done with it.
    Forward,
    /// A message has crossed the network from a relay to its receiver.
    ArriveRelayed,
    /// The downlink and the processor are done with it.
    DeliverRelayed,
    /// A packet of a hole punch has crossed the network, to a relay or to its receiver. `class` is the packet, `slot` its
    /// sender, `length` its receiver.
    Punch,
    /// The downlink is done with it.
    PunchTaken,
    /// A packet stands before a link of a topology, or it is at its receiver's host: `slot` is its message among those under way,
    /// `length` says where it is. Of flows: one begins, or one may have ended.
    Hop,
}

impl Note {
    const fn plain(kind: Kind, incarnation: u16, slot: u32) -> Self {
        Self { kind, class: 0, incarnation, length: 0, slot }
    }

    /// The first event of every node.
    pub const fn start() -> Self {
        Self::plain(Kind::Start, 0, 0)
    }

    /// Command number `index` of the workload.
    pub const fn command(index: u32) -> Self {
        Self::plain(Kind::Command, 0, index)
    }
}

impl EventData for Note {
    /// Slots and generations depend on how nodes are spread over shards, so they stay outside.
    fn fingerprint(self) -> u64 {
        let length = if self.kind == Kind::Timer { 0 } else { self.length };
        u64::from(length) | u64::from(self.incarnation) << 32 | u64::from(self.class) << 48 | (self.kind as u64) << 56
    }

    fn slot(self) -> Option<u32> {
        let with_payload = match self.kind {
            Kind::Arrive | Kind::Deliver | Kind::Relay | Kind::Forward | Kind::ArriveRelayed | Kind::DeliverRelayed => {
                true
            }
            Kind::Start | Kind::Timer | Kind::Command | Kind::Change | Kind::Punch | Kind::PunchTaken => false,
            // A run with a topology has one shard, and its own slab.
            Kind::Hop => false,
        };
        with_payload.then_some(self.slot)
    }

    fn with_slot(self, slot: u32) -> Self {
        Self { slot, ..self }
    }
}

const _: () = assert!(size_of::<Note>() == 12);

/// A message between its sending and its delivery.
#[derive(Clone, Debug)]
pub struct Parcel<M> {
    from: SimPeer,
    wire_bytes: u32,
    message: M,
}

/// What all shards share and no event changes.
pub struct World<P: Protocol> {
    /// The network.
    pub network: Network,
    /// Who comes and goes.
    pub churn: Option<Churn>,
    /// What happens at the end of a session.
    pub departure: Departure,
    /// How fast nodes work.
    pub service: NodeService,
    /// The nodes' clocks; `None` where all are true.
    pub clocks: Option<Clocks>,
    /// Encodes and decodes every message for real.
    pub encode_messages: bool,
    /// Nodes that are not measured: what they do is seen at the others alone.
    pub aside: Aside,
    /// The command of this number.
    pub command: Box<dyn Fn(u32) -> P::Command + Send + Sync>,
    /// Brings a node back after its absence; the flag says that it lost its store.
    pub revive: fn(&mut P, bool),
}

impl<P: Protocol> std::fmt::Debug for World<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World").finish_non_exhaustive()
    }
}

/// A protocol that can be simulated on several threads.
pub trait SimProtocol: Protocol<Peer = SimPeer, Message: Send, Timer: Send> + Send {}

impl<P: Protocol<Peer = SimPeer, Message: Send, Timer: Send> + Send> SimProtocol for P {}

/// Brings a protocol back with what was durable.
pub fn revive<P: Durable>(protocol: &mut P, _forget: bool) {
    let saved = protocol.save();
    protocol.recover(saved);
}

/// Watches a shard's nodes, but for those that are not measured. What it sees is in the order of the shard's events, so it must add up in any order.
pub trait Observer<P: Protocol>: Send {
    /// The node is about to be given command number `index`.
    fn commanded(&mut self, index: u32);
    /// The node said something. `since` is the start of its session. Returns what enters the digest.
    fn event(&mut self, now: Instant, node: u32, since: Instant, event: P::Event) -> u64;
    /// The node's session begins, with what its protocol kept.
    fn joined(&mut self, now: Instant, node: u32, protocol: &P);
    /// The node's session ends.
    fn left(&mut self, now: Instant, node: u32, protocol: &P);
    /// A message was sent (`Some` wire bytes) or was delivered (`None`); only asked for when messages are logged.
    fn message(&mut self, _now: Instant, _node: u32, _peer: u32, _class: usize, _length: u32, _what: MessageFate) {}
}

/// What happened to a message, for the event log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageFate {
    /// It left its sender.
    Sent,
    /// It left its sender and will not arrive.
    Lost,
    /// It was handed to the receiver.
    Received,
}

/// One node, on cache lines of its own.
#[derive(Debug)]
#[repr(align(64))]
pub struct Node<P> {
    state: NodeState,
    /// The protocol that the node runs.
    pub protocol: P,
}

#[derive(Debug)]
struct NodeState {
    sequence: u32,
    /// Draws from the node's churn stream so far.
    turn: u32,
    /// Messages sent so far: keys their loss and jitter.
    sends: u32,
    incarnation: u16,
    up: bool,
    /// It is not measured.
    aside: bool,
    rng: Philox,
    outgoing: Outgoing,
    incoming: Incoming,
    /// Until when the processor is busy with what has been accepted.
    busy: Busy,
    /// Start of the session.
    since: Instant,
    sent: u64,
    received: u64,
}

/// A shard of nodes: a contiguous range of node numbers.
pub struct Hosts<P: Protocol, O> {
    first: Entity,
    nodes: Vec<Node<P>>,
    desk: Desk<P, O>,
}

/// What the nodes of a shard share.
struct Desk<P: Protocol, O> {
    world: Arc<World<P>>,
    messages: Slab<(u32, Parcel<P::Message>)>,
    timers: Slab<P::Timer>,
    /// Generations of the timer slots: a handle or event of an older one is stale.
    generations: Vec<u32>,
    /// Of the nodes that are measured, and of the others.
    traffic: [Traffic; 2],
    node_traffic: NodeTraffic,
    observer: O,
    log_messages: bool,
    /// Nothing lies between a message's arrival and its receiver.
    hands_over_at_once: bool,
    /// Until when each node computes; empty where that costs nothing.
    computing: Vec<Instant>,
    /// What all nodes have computed for, together.
    computed: Duration,
    /// What each node has to do with NAT; empty where everybody can be dialled.
    gateways: Vec<Gateway>,
    /// What is under way on the links of a topology, where packets or flows cross it.
    carriage: Option<Box<Carriage<P::Message>>>,
    fault: Option<String>,
}

impl<P: Protocol, O> std::fmt::Debug for Hosts<P, O> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hosts").field("first", &self.first).field("nodes", &self.nodes.len()).finish_non_exhaustive()
    }
}

impl<P: Protocol<Peer = SimPeer>, O: Observer<P>> Hosts<P, O> {
    /// The nodes from number `first` on, each with its protocol.
    pub fn new(
        first: Entity,
        protocols: impl Iterator<Item = P>,
        world: Arc<World<P>>,
        streams: &Streams,
        observer: O,
        log_messages: bool,
    ) -> Self {
        let nodes: Vec<_> = protocols
            .zip(first..)
            .map(|(protocol, entity)| Node {
                state: NodeState::new(streams, entity, world.aside.contains(entity)),
                protocol,
            })
            .collect();
        let hands_over_at_once = !world.network.has_downlink() && world.service.is_free();
        let computing = if world.service.computes_for_free() { Vec::new() } else { vec![Instant::ZERO; nodes.len()] };
        let gateways = world.network.nat().map_or(Vec::new(), |_| vec![Gateway::default(); nodes.len()]);
        let carriage = Carriage::build(&world.network).map(Box::new);
        let desk = Desk {
            world,
            carriage,
            gateways,
            hands_over_at_once,
            computing,
            computed: Duration::ZERO,
            messages: Slab::default(),
            timers: Slab::default(),
            generations: Vec::new(),
            traffic: [(); 2].map(|()| Traffic::new(P::Message::CLASSES.len())),
            node_traffic: NodeTraffic::default(),
            observer,
            log_messages,
            fault: None,
        };
        Self { first, nodes, desk }
    }

    /// How many nodes the shard has, measured or not.
    pub const fn len(&self) -> usize {
        self.nodes.len()
    }

    /// True for a shard without nodes.
    pub const fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// What the observer has seen.
    pub const fn observer(&self) -> &O {
        &self.desk.observer
    }

    /// The observer, to read and reset.
    pub const fn observer_mut(&mut self) -> &mut O {
        &mut self.desk.observer
    }

    /// Traffic of the measured nodes so far.
    pub const fn traffic(&self) -> &Traffic {
        &self.desk.traffic[0]
    }

    /// Who is behind NAT, where anybody may be.
    pub fn nat(&self) -> Option<&Nat> {
        self.desk.world.network.nat()
    }

    /// Wire bytes that each relay of the shard has passed on.
    pub fn relayed_bytes(&self) -> impl Iterator<Item = u64> {
        let here = move |relay: &&u32| (self.first..).contains(relay);
        let relays = self.nat().map_or(&[][..], Nat::relays).iter().filter(here);
        relays.filter_map(|relay| Some(self.desk.gateways.get((relay - self.first) as usize)?.relayed_bytes()))
    }

    /// The topology and what each of its links has carried, where packets or flows cross it.
    pub fn links(&self) -> Option<(&Fabric, impl Iterator<Item = &LinkCounter>)> {
        let carriage = self.desk.carriage.as_ref()?;
        let (fabric, _) = self.desk.world.network.by_hop()?;
        Some((fabric, carriage.queues().counters()))
    }

    /// What all measured nodes have computed for since the warm-up, together.
    pub const fn computed(&self) -> Duration {
        self.desk.computed
    }

    /// Counts traffic by node and class too, from now on.
    #[must_use]
    pub fn counting_by_node(mut self) -> Self {
        self.desk.node_traffic = NodeTraffic::new(self.first, self.nodes.len(), P::Message::CLASSES.len());
        self
    }

    /// Keeps every packet from now on, with so many bytes of its payload, where packets cross a topology.
    #[must_use]
    pub fn capturing(mut self, kept: Option<Size>) -> Self {
        if let (Some(carriage), Some(kept)) = (&mut self.desk.carriage, kept) {
            carriage.capture(usize::try_from(kept.0).unwrap_or(usize::MAX));
        }
        self
    }

    /// The packets that were kept, in the order in which they were sent.
    pub fn take_packets(&mut self) -> Vec<CapturedPacket> {
        self.desk.carriage.as_mut().map_or(Vec::new(), |carriage| carriage.take_packets())
    }

    /// Traffic of each measured node so far, by class; that of no node where it is not counted.
    pub fn exchanges(&self) -> impl Iterator<Item = &[Exchange]> {
        let exchanges = self.desk.node_traffic.nodes().zip(&self.nodes);
        exchanges.filter(|(_, node)| !node.state.aside).map(|(exchanges, _)| exchanges)
    }

    /// Forgets all traffic so far: the warm-up is over.
    pub fn reset_traffic(&mut self) {
        self.desk.traffic = [(); 2].map(|()| Traffic::new(P::Message::CLASSES.len()));
        self.desk.node_traffic.reset();
        self.desk.computed = Duration::ZERO;
        self.desk.gateways.iter_mut().for_each(Gateway::reset_traffic);
        self.desk.carriage.iter_mut().for_each(|carriage| carriage.reset_traffic());
        for node in &mut self.nodes {
            node.state.sent = 0;
            node.state.received = 0;
        }
    }

    /// What went wrong inside the program, if anything did.
    pub fn fault(&self) -> Option<&str> {
        self.desk.fault.as_deref()
    }

    /// Each measured node's number, start of its session (`None` while away), and protocol.
    pub fn nodes(&self) -> impl Iterator<Item = (Entity, Option<Instant>, &P)> {
        let measured = self.nodes.iter().zip(self.first..).filter(|(node, _)| !node.state.aside);
        measured.map(|(node, entity)| (entity, node.state.up.then_some(node.state.since), &node.protocol))
    }

    /// Everybody who is present, measured or not.
    pub fn everybody(&self) -> impl Iterator<Item = Entity> {
        self.nodes.iter().zip(self.first..).filter(|(node, _)| node.state.up).map(|(_, entity)| entity)
    }

    /// The protocol of a measured node of this shard that is present.
    pub fn present(&self, entity: Entity) -> Option<&P> {
        let node = self.nodes.get(entity.checked_sub(self.first)? as usize)?;
        (node.state.up && !node.state.aside).then_some(&node.protocol)
    }

    /// Wire bytes that each measured node has sent and received.
    pub fn node_bytes(&self) -> impl Iterator<Item = (u64, u64)> {
        let measured = self.nodes.iter().filter(|node| !node.state.aside);
        measured.map(|node| (node.state.sent, node.state.received))
    }
}

impl NodeState {
    fn new(streams: &Streams, entity: Entity, aside: bool) -> Self {
        Self {
            sequence: 0,
            turn: 0,
            sends: 0,
            incarnation: 0,
            up: false,
            aside,
            rng: streams.stream(Purpose::Protocol, u64::from(entity)),
            outgoing: Outgoing::default(),
            incoming: Incoming::default(),
            busy: Busy::default(),
            since: Instant::ZERO,
            sent: 0,
            received: 0,
        }
    }
}

impl<P, O> Shard for Hosts<P, O>
where
    P: SimProtocol,
    O: Observer<P>,
{
    type Data = Note;
    type Parcel = Parcel<P::Message>;

    #[inline]
    fn handle(&mut self, now: Instant, entity: Entity, note: Note, scheduler: &mut Scheduler<'_, Self>) -> Handled {
        let place = (entity - self.first) as usize;
        let Node { state, protocol } = &mut self.nodes[place];
        let mut step = Step { entity, place, now, state, departs: now, desk: &mut self.desk, scheduler };
        match note.kind {
            Kind::Arrive | Kind::ArriveRelayed => step.arrive(protocol, note),
            Kind::Deliver | Kind::DeliverRelayed => step.deliver(protocol, note),
            Kind::Timer => return step.timer(protocol, note),
            Kind::Command => step.command(protocol, note.slot),
            Kind::Start => step.begin(protocol),
            Kind::Change => step.change(protocol),
            Kind::Relay => step.relay(note),
            Kind::Forward => step.forward(note),
            Kind::Punch => step.punch_arrives(note),
            Kind::PunchTaken => step.punch_taken(note),
            Kind::Hop => return step.hop(protocol, note),
        }
        Handled::Counted
    }

    #[inline]
    fn prefetch(&self, entity: Entity, note: Note) {
        let node = &self.nodes[(entity - self.first) as usize];
        prefetch::read(&node.state);
        // An arrival has the protocol's turn fetched once it is known when that comes.
        if note.kind != Kind::Arrive || self.desk.hands_over_at_once {
            prefetch::read(&node.protocol);
        }
        if note.slot().is_some() {
            self.desk.messages.prefetch(note.slot);
        }
    }

    #[inline]
    fn sequence(&mut self, entity: Entity) -> &mut u32 {
        &mut self.nodes[(entity - self.first) as usize].state.sequence
    }

    fn accept(&mut self, parcel: Self::Parcel, references: u32) -> u32 {
        self.desk.messages.insert((references, parcel))
    }
}

impl<P: Protocol, O> Desk<P, O> {
    /// Drops one reference to a message that nobody will get.
    fn release(&mut self, slot: u32) {
        match self.messages.get_mut(slot) {
            Some((references, _)) if *references > 1 => *references -= 1,
            _ => drop(self.messages.remove(slot)),
        }
    }

    /// Takes a pending timer out of its slot, unless it has fired or was cancelled.
    fn take_timer(&mut self, slot: u32, generation: u32) -> Option<P::Timer> {
        let current = self.generations.get_mut(slot as usize).filter(|current| **current == generation)?;
        *current = current.wrapping_add(1);
        self.timers.remove(slot)
    }

    /// Notes that the program itself is at fault; the run ends as failed.
    fn fail(&mut self, why: String) {
        self.fault.get_or_insert(why);
    }
}
