//! Hosts protocols on the engine and the network: the simulated counterpart of a real node's driver.
//!
//! A message takes this path: the protocol sends; the sender's uplink, loss and latency are computed on the spot
//! (`Network::transmit`), and an `Arrive` event goes to the receiver. There, in arrival order, the downlink and the node's
//! processor are queues; when both are done, a `Deliver` event hands the message to the protocol. Where neither takes
//! time the message is handed over at its arrival. Payloads lie in the shard's slab, one copy per broadcast.

use std::sync::Arc;

use rapprochement_core::peer::SimPeer;
use rapprochement_core::protocol::{Context, Durable, Input, Protocol, TimerHandle};
use rapprochement_core::time::{Duration, Instant};
use rapprochement_core::wire::Message;

use super::slab::Slab;
use super::traffic::Traffic;
use crate::engine::{Entity, EventData, Handled, Scheduler, Shard, prefetch};
use crate::network::churn::Churn;
use crate::network::clock::{Clock, Clocks};
use crate::network::config::Departure;
use crate::network::service::{Busy, NodeService};
use crate::network::{Delivery, Fate, Incoming, LossReason, Network, Outgoing};
use crate::random::{Philox, Purpose, Streams};

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
        matches!(self.kind, Kind::Arrive | Kind::Deliver).then_some(self.slot)
    }

    fn with_slot(self, slot: u32) -> Self {
        Self { slot, ..self }
    }
}

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

/// Watches a shard's nodes. What it sees is in the order of the shard's events, so it must add up in any order.
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

/// One node.
#[derive(Debug)]
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
    traffic: Traffic,
    observer: O,
    log_messages: bool,
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
        let nodes = protocols
            .zip(first..)
            .map(|(protocol, entity)| Node { state: NodeState::new(streams, entity), protocol })
            .collect();
        let desk = Desk {
            world,
            messages: Slab::default(),
            timers: Slab::default(),
            generations: Vec::new(),
            traffic: Traffic::new(P::Message::CLASSES.len()),
            observer,
            log_messages,
            fault: None,
        };
        Self { first, nodes, desk }
    }

    /// How many nodes the shard has.
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

    /// Traffic so far.
    pub const fn traffic(&self) -> &Traffic {
        &self.desk.traffic
    }

    /// Forgets all traffic so far: the warm-up is over.
    pub fn reset_traffic(&mut self) {
        self.desk.traffic = Traffic::new(P::Message::CLASSES.len());
        for node in &mut self.nodes {
            node.state.sent = 0;
            node.state.received = 0;
        }
    }

    /// What went wrong inside the program, if anything did.
    pub fn fault(&self) -> Option<&str> {
        self.desk.fault.as_deref()
    }

    /// Each node's number, start of its session (`None` while away), and protocol.
    pub fn nodes(&self) -> impl Iterator<Item = (Entity, Option<Instant>, &P)> {
        self.nodes
            .iter()
            .zip(self.first..)
            .map(|(node, entity)| (entity, node.state.up.then_some(node.state.since), &node.protocol))
    }

    /// The protocol of a node of this shard that is present.
    pub fn present(&self, entity: Entity) -> Option<&P> {
        let node = self.nodes.get(entity.checked_sub(self.first)? as usize)?;
        node.state.up.then_some(&node.protocol)
    }

    /// Wire bytes that each node has sent and received.
    pub fn node_bytes(&self) -> impl Iterator<Item = (u64, u64)> {
        self.nodes.iter().map(|node| (node.state.sent, node.state.received))
    }
}

impl NodeState {
    fn new(streams: &Streams, entity: Entity) -> Self {
        Self {
            sequence: 0,
            turn: 0,
            sends: 0,
            incarnation: 0,
            up: false,
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
        let Node { state, protocol } = &mut self.nodes[(entity - self.first) as usize];
        let mut step = Step { entity, now, state, desk: &mut self.desk, scheduler };
        match note.kind {
            Kind::Arrive => step.arrive(protocol, note),
            Kind::Deliver => step.deliver(protocol, note),
            Kind::Timer => return step.timer(protocol, note),
            Kind::Command => step.command(protocol, note.slot),
            Kind::Start => step.begin(protocol),
            Kind::Change => step.change(protocol),
        }
        Handled::Counted
    }

    #[inline]
    fn prefetch(&self, entity: Entity, note: Note) {
        let node = &self.nodes[(entity - self.first) as usize];
        prefetch::read(&node.state);
        prefetch::read(&node.protocol);
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

/// One event at one node: what its handler may touch besides the protocol itself.
struct Step<'a, 'b, P, O>
where
    P: SimProtocol,
    O: Observer<P>,
{
    entity: Entity,
    now: Instant,
    state: &'a mut NodeState,
    desk: &'a mut Desk<P, O>,
    scheduler: &'a mut Scheduler<'b, Hosts<P, O>>,
}

impl<P, O> Step<'_, '_, P, O>
where
    P: SimProtocol,
    O: Observer<P>,
{
    /// The node's own clock, where it is not the run's.
    fn clock(&self) -> Option<Clock> {
        self.desk.world.clocks.as_ref().map(|clocks| clocks.of(self.entity))
    }

    fn give(&mut self, protocol: &mut P, input: Input<'_, P>) {
        let now = self.clock().map_or(self.now, |clock| clock.local(self.now));
        protocol.handle(now, input, self);
    }

    /// The run begins: the node is present or away, and its first change is set.
    fn begin(&mut self, protocol: &mut P) {
        let presence = self.desk.world.churn.as_ref().map(|churn| churn.start(self.entity));
        if let Some(until) = presence.and_then(|presence| presence.until) {
            self.scheduler.at(until, self.entity, Note::plain(Kind::Change, 0, 0));
        }
        if presence.is_none_or(|presence| presence.up) {
            self.join(protocol);
        }
    }

    fn join(&mut self, protocol: &mut P) {
        self.state.up = true;
        self.state.since = self.now;
        self.desk.observer.joined(self.now, self.entity, protocol);
        self.give(protocol, Input::Start);
    }

    /// A session ends or begins.
    fn change(&mut self, protocol: &mut P) {
        let departure = self.desk.world.departure;
        if self.state.up {
            if departure == Departure::Leave {
                self.give(protocol, Input::Stop);
            }
            self.desk.observer.left(self.now, self.entity, protocol);
            self.state.up = false;
            self.state.incarnation = self.state.incarnation.wrapping_add(1);
        } else {
            (self.desk.world.revive)(protocol, departure == Departure::CrashAndForget);
            self.state.incoming = Incoming::default();
            self.state.busy = Busy::default();
            self.join(protocol);
        }
        self.state.turn += 1;
        let (turn, up) = (self.state.turn, self.state.up);
        let next = self.desk.world.churn.as_ref().and_then(|churn| churn.next(self.entity, turn, self.now, up));
        if let Some(until) = next {
            self.scheduler.at(until, self.entity, Note::plain(Kind::Change, 0, 0));
        }
    }

    fn command(&mut self, protocol: &mut P, index: u32) {
        if self.state.up {
            let command = (self.desk.world.command)(index);
            self.desk.observer.commanded(index);
            self.give(protocol, Input::Command(command));
        }
    }

    /// The message stands before the downlink: when will it have been received and processed?
    fn arrive(&mut self, protocol: &mut P, note: Note) {
        let class = usize::from(note.class);
        if !self.state.up {
            self.desk.traffic.lost_away(class);
            self.desk.release(note.slot);
            return;
        }
        let Some((_, parcel)) = self.desk.messages.get(note.slot) else { return };
        let world = &self.desk.world;
        let Some(received) = world.network.receive(&mut self.state.incoming, self.now, parcel.wire_bytes) else {
            self.desk.traffic.lost(class, LossReason::Queue);
            self.desk.release(note.slot);
            return;
        };
        let mut done = received;
        if !world.service.is_free() {
            let cost = world.service.cost(note.length as usize, parcel.message.signatures());
            done = self.state.busy.serve(received, cost);
        }
        if done == self.now {
            self.deliver_now(protocol, note);
        } else {
            let note = Note { kind: Kind::Deliver, incarnation: self.state.incarnation, ..note };
            self.scheduler.at(done, self.entity, note);
        }
    }

    fn deliver(&mut self, protocol: &mut P, note: Note) {
        if self.state.up && note.incarnation == self.state.incarnation {
            self.deliver_now(protocol, note);
        } else {
            self.desk.traffic.lost_away(usize::from(note.class));
            self.desk.release(note.slot);
        }
    }

    fn deliver_now(&mut self, protocol: &mut P, note: Note) {
        // The message leaves its slot for the call, since the handler may send and so write into the slab.
        let Some((references, parcel)) = self.desk.messages.lend(note.slot) else { return };
        self.hand_over(protocol, usize::from(note.class), note.length, &parcel);
        if references > 1 {
            self.desk.messages.restore(note.slot, (references - 1, parcel));
        } else {
            self.desk.messages.release(note.slot);
        }
    }

    fn hand_over(&mut self, protocol: &mut P, class: usize, length: u32, parcel: &Parcel<P::Message>) {
        self.state.received += u64::from(parcel.wire_bytes);
        self.desk.traffic.received(class, length, parcel.wire_bytes);
        if self.desk.log_messages {
            let (now, node, from) = (self.now, self.entity, parcel.from.0);
            self.desk.observer.message(now, node, from, class, length, MessageFate::Received);
        }
        self.give(protocol, Input::Message { from: parcel.from, message: &parcel.message });
    }

    fn timer(&mut self, protocol: &mut P, note: Note) -> Handled {
        let Some(timer) = self.desk.take_timer(note.slot, note.length) else { return Handled::Stale };
        if note.incarnation != self.state.incarnation || !self.state.up {
            return Handled::Stale;
        }
        self.give(protocol, Input::Timer(timer));
        Handled::Counted
    }

    /// Puts one message on the uplink: when does it arrive, how often, and how large is it on the wire?
    fn launch(&mut self, to: SimPeer, class: usize, length: u32) -> Fate {
        let state = &mut *self.state;
        state.sends = state.sends.wrapping_add(1);
        let network = &self.desk.world.network;
        let fate = network.transmit(&mut state.outgoing, self.now, self.entity, to.0, state.sends, length as usize);
        state.sent += u64::from(fate.wire_bytes);
        self.desk.traffic.sent(class, length, fate.wire_bytes, fate.queued);
        let mut what = MessageFate::Sent;
        if let Delivery::Lost(reason) = fate.outcome {
            self.desk.traffic.lost(class, reason);
            what = MessageFate::Lost;
        }
        if self.desk.log_messages {
            self.desk.observer.message(self.now, self.entity, to.0, class, length, what);
        }
        fate
    }

    /// Schedules one arrival of the message in `slot`; one in another shard takes a copy along, once per broadcast.
    fn schedule_arrival(&mut self, at: Instant, to: SimPeer, note: Note, token: u64) {
        if self.scheduler.is_local(to.0) {
            if let Some((references, _)) = self.desk.messages.get_mut(note.slot) {
                *references += 1;
            }
            self.scheduler.at(at, to.0, note);
        } else if let Some((_, parcel)) = self.desk.messages.get(note.slot) {
            self.scheduler.post(at, to.0, note, token, || parcel.clone());
        }
    }

    /// Encodes and decodes a message for real: what the receiver gets is what crossed the wire.
    fn through_bytes(&mut self, message: P::Message) -> P::Message {
        let mut bytes = Vec::with_capacity(message.encoded_len());
        message.encode(&mut bytes);
        if bytes.len() != message.encoded_len() {
            self.desk.fail(format!("a message takes {} bytes but says {}", bytes.len(), message.encoded_len()));
        }
        match P::Message::decode(&bytes) {
            Ok(decoded) => decoded,
            Err(error) => {
                self.desk.fail(format!("a message does not decode: {error}"));
                message
            }
        }
    }
}

impl<P, O> Context<P> for Step<'_, '_, P, O>
where
    P: SimProtocol,
    O: Observer<P>,
{
    type Rng = Philox;

    #[inline]
    fn send(&mut self, to: SimPeer, message: P::Message) {
        self.send_many(&[to], message);
    }

    fn send_many(&mut self, to: &[SimPeer], message: P::Message) {
        let message = if self.desk.world.encode_messages { self.through_bytes(message) } else { message };
        let (class, length) = (message.class(), message.encoded_len() as u32);
        let wire_bytes = self.desk.world.network.wire_bytes(length as usize);
        let parcel = Parcel { from: SimPeer(self.entity), wire_bytes, message };
        let slot = self.desk.messages.insert((0, parcel));
        let note = Note { kind: Kind::Arrive, class: class as u8, incarnation: 0, length, slot };
        let token = self.scheduler.token();
        for &peer in to {
            match self.launch(peer, class, length).outcome {
                Delivery::Arrives(at) => self.schedule_arrival(at, peer, note, token),
                Delivery::Twice(first, second) => {
                    self.schedule_arrival(first, peer, note, token);
                    self.schedule_arrival(second, peer, note, token);
                }
                Delivery::Lost(_) => {}
            }
        }
        if let Some((0, _)) = self.desk.messages.get(slot) {
            self.desk.messages.remove(slot);
        }
    }

    fn backlog(&self, _to: SimPeer) -> Duration {
        self.desk.world.network.backlog(&self.state.outgoing, self.now)
    }

    /// Datagrams have no connection to give up.
    fn disconnect(&mut self, _to: SimPeer) {}

    fn set_timer(&mut self, after: Duration, timer: P::Timer) -> TimerHandle {
        let span = self.clock().map_or(after, |clock| clock.global_span(after));
        let slot = self.desk.timers.insert(timer);
        if self.desk.generations.len() <= slot as usize {
            self.desk.generations.resize(slot as usize + 1, 0);
        }
        let generation = self.desk.generations[slot as usize];
        let note = Note { length: generation, ..Note::plain(Kind::Timer, self.state.incarnation, slot) };
        self.scheduler.at(self.now + span, self.entity, note);
        TimerHandle::from_bits(u64::from(slot) << 32 | u64::from(generation))
    }

    fn cancel_timer(&mut self, handle: TimerHandle) {
        let bits = handle.to_bits();
        self.desk.take_timer((bits >> 32) as u32, bits as u32);
    }

    fn emit(&mut self, event: P::Event) {
        let record = self.desk.observer.event(self.now, self.entity, self.state.since, event);
        self.scheduler.record(record);
    }

    fn rng(&mut self) -> &mut Philox {
        &mut self.state.rng
    }

    fn me(&self) -> SimPeer {
        SimPeer(self.entity)
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
