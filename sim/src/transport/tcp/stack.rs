//! A node's TCP: one connection per pair of peers, opened by whoever first has something to send.
//!
//! Where both open at once, the connection of the lower peer number is used: the lower one ignores the other's SYN, and the
//! higher one moves what waits to the connection that it accepts. A SYN of a peer that counts as connected replaces the old
//! connection, since the peer has restarted or given it up; a SYN with a number that was seen before is answered by a
//! reset. Deadlines are kept lazily: one that moved back is found out when the old one comes.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use rapprochement_core::peer::SimPeer;
use rapprochement_core::time::Instant;
use rapprochement_core::wire::Message;

use super::config::{Parameters, TcpConfig};
use super::connection::{Connection, Event};
use super::packet::{Flags, TcpPacket, milliseconds};
use crate::transport::records::Records;
use crate::transport::stack::{FlowRecord, Footprint, Output, Stack};

/// Bytes that the model counts for a connection beside its buffers, and for one of which only the end is remembered: round
/// figures of the order of Linux's control blocks.
const CONNECTION_BYTES: u64 = 2_048;
const REMNANT_BYTES: u64 = 256;

/// All TCP connections of a node.
#[derive(Debug)]
pub struct TcpStack<M> {
    me: SimPeer,
    parameters: Parameters,
    slots: Vec<Option<Slot<M>>>,
    free: Vec<usize>,
    peers: BTreeMap<u32, Known>,
    /// Connections that this node has opened; survives a crash, as a clock would that numbers begin at.
    opened: u32,
    /// Of these, how many from addresses that this node has no more.
    left: u32,
    timers: BTreeSet<(Instant, usize)>,
    outputs: VecDeque<Output<M, TcpPacket<M>>>,
    flows: Records,
}

#[derive(Debug)]
struct Slot<M> {
    connection: Connection<M>,
    /// Where its record stands.
    flow: Option<usize>,
    /// The entry of `timers`.
    wake: Option<Instant>,
}

/// What is known of a peer.
#[derive(Debug, Default)]
struct Known {
    /// The connection for messages.
    current: Option<usize>,
    all: Vec<usize>,
    /// The highest number of a connection that the peer opened.
    seen: u32,
    /// The highest of these that was to an address that this node has no more.
    left: u32,
}

impl<M: Message> TcpStack<M> {
    /// The stack of node `me`.
    pub fn new(me: SimPeer, config: &TcpConfig) -> Self {
        Self {
            me,
            parameters: config.parameters(),
            slots: Vec::new(),
            free: Vec::new(),
            peers: BTreeMap::new(),
            opened: 0,
            left: 0,
            timers: BTreeSet::new(),
            outputs: VecDeque::new(),
            flows: Records::default(),
        }
    }

    fn insert(&mut self, peer: u32, connection: Connection<M>) -> usize {
        let flow = self.flows.begin(connection.record.clone());
        let slot = Some(Slot { connection, flow, wake: None });
        let at = if let Some(at) = self.free.pop() {
            self.slots[at] = slot;
            at
        } else {
            self.slots.push(slot);
            self.slots.len() - 1
        };
        let known = self.peers.entry(peer).or_default();
        known.all.push(at);
        known.current = Some(at);
        at
    }

    /// The connection that takes messages for a peer, opened where there is none.
    fn connected(&mut self, now: Instant, to: u32) -> usize {
        let current = self.peers.get(&to).and_then(|known| known.current);
        if let Some(at) = current
            && self.slots[at].as_ref().is_some_and(|slot| slot.connection.usable())
        {
            return at;
        }
        self.opened += 1;
        let connection = Connection::open(now, to, self.opened, &self.parameters);
        self.insert(to, connection)
    }

    fn find(&self, from: u32, packet: &TcpPacket<M>) -> Option<usize> {
        let known = self.peers.get(&from)?;
        known.all.iter().copied().find(|&at| {
            self.slots[at].as_ref().is_some_and(|Slot { connection, .. }| {
                connection.number == packet.number && connection.opener != packet.flags.from_opener
            })
        })
    }

    /// A SYN of a connection that is not known.
    fn accept(&mut self, now: Instant, from: u32, syn: &TcpPacket<M>) {
        let me = self.me.0;
        let known = self.peers.entry(from).or_default();
        if syn.number <= known.seen {
            return self.refuse(now, from, syn);
        }
        let current = known.current;
        let mut moved = VecDeque::new();
        if let Some(at) = current
            && let Some(Slot { connection, .. }) = self.slots[at].as_mut()
        {
            if connection.unanswered() {
                if me < from {
                    return;
                }
                moved = connection.take_waiting();
            }
            if connection.usable() {
                connection.abandon();
                self.settle(now, at);
            }
        }
        let connection = Connection::accept(now, from, syn, &self.parameters);
        let at = self.insert(from, connection);
        if let Some(known) = self.peers.get_mut(&from) {
            known.seen = syn.number;
        }
        if let Some(slot) = self.slots[at].as_mut() {
            for message in moved {
                slot.connection.send(now, message, &self.parameters);
            }
        }
        self.settle(now, at);
    }

    /// Whether a packet is of a connection to an address that this node has no more, where nothing answers.
    fn is_astray(&self, from: u32, packet: &TcpPacket<M>) -> bool {
        let left =
            if packet.flags.from_opener { self.peers.get(&from).map_or(0, |known| known.left) } else { self.left };
        packet.number <= left
    }

    fn refuse(&mut self, now: Instant, from: u32, packet: &TcpPacket<M>) {
        if packet.flags.rst {
            return;
        }
        let flags = Flags { rst: true, ack: true, from_opener: !packet.flags.from_opener, ..Flags::default() };
        let reset = TcpPacket {
            flags,
            number: packet.number,
            seq: packet.ack,
            payload: 0,
            ack: packet.end(),
            time: milliseconds(now),
            echo: packet.time,
            window: 0,
            mss: 0,
            sacks: Vec::new(),
            chunks: Vec::new(),
        };
        self.outputs.push_back(Output::Transmit { to: SimPeer(from), packet: reset });
    }

    /// Carries out what a connection wants, and forgets it where it has ended.
    fn settle(&mut self, now: Instant, at: usize) {
        let Some(slot) = self.slots[at].as_mut() else { return };
        let peer = SimPeer(slot.connection.record.peer);
        while let Some(event) = slot.connection.pop_event() {
            self.outputs.push_back(match event {
                Event::Deliver(began, message) => Output::Deliver { from: peer, began, message },
                Event::Up => Output::Up(peer),
                Event::Down => Output::Down(peer),
            });
        }
        while let Some(packet) = slot.connection.transmit(now, &self.parameters) {
            self.outputs.push_back(Output::Transmit { to: peer, packet });
        }
        if slot.connection.closed() {
            self.forget(at);
            return;
        }
        if let Some(due) = slot.connection.deadline(&self.parameters)
            && slot.wake.is_none_or(|wake| due < wake)
        {
            if let Some(wake) = slot.wake.replace(due) {
                self.timers.remove(&(wake, at));
            }
            self.timers.insert((due, at));
        }
    }

    fn forget(&mut self, at: usize) {
        let Some(slot) = self.slots[at].take() else { return };
        if let Some(wake) = slot.wake {
            self.timers.remove(&(wake, at));
        }
        self.flows.write(slot.flow, slot.connection.flow());
        if let Some(known) = self.peers.get_mut(&slot.connection.record.peer) {
            known.all.retain(|&other| other != at);
            known.current = known.current.filter(|&current| current != at);
        }
        self.free.push(at);
    }
}

impl<M: Message + Send + Sync> Stack<M> for TcpStack<M> {
    type Packet = TcpPacket<M>;

    fn send(&mut self, now: Instant, to: SimPeer, message: Arc<M>) {
        let at = self.connected(now, to.0);
        if let Some(slot) = self.slots[at].as_mut() {
            slot.connection.send(now, message, &self.parameters);
        }
        self.settle(now, at);
    }

    fn receive(&mut self, now: Instant, from: SimPeer, left: Instant, packet: &TcpPacket<M>) {
        let Some(at) = self.find(from.0, packet) else {
            let Flags { syn, ack, rst, from_opener, .. } = packet.flags;
            if self.is_astray(from.0, packet) {
                return;
            }
            return if syn && from_opener && !ack && !rst {
                self.accept(now, from.0, packet);
            } else {
                self.refuse(now, from.0, packet);
            };
        };
        if let Some(slot) = self.slots[at].as_mut() {
            slot.connection.receive(now, left, packet, &self.parameters);
        }
        self.settle(now, at);
    }

    fn expire(&mut self, now: Instant) {
        while let Some(&(due, at)) = self.timers.first().filter(|(due, _)| *due <= now) {
            self.timers.remove(&(due, at));
            let Some(slot) = self.slots[at].as_mut() else { continue };
            slot.wake = None;
            if slot.connection.deadline(&self.parameters).is_some_and(|due| due <= now) {
                slot.connection.expire(now, &self.parameters);
            }
            self.settle(now, at);
        }
    }

    fn close(&mut self, now: Instant, peer: SimPeer) {
        let Some(at) = self.peers.get_mut(&peer.0).and_then(|known| known.current.take()) else { return };
        if let Some(slot) = self.slots[at].as_mut() {
            slot.connection.close();
        }
        self.settle(now, at);
    }

    fn poll(&mut self, _now: Instant) -> Option<Output<M, TcpPacket<M>>> {
        self.outputs.pop_front()
    }

    fn deadline(&self) -> Option<Instant> {
        self.timers.first().map(|&(due, _)| due)
    }

    /// Connections are between addresses, so all are given up.
    fn rebind(&mut self, _now: Instant) {
        self.outputs.retain(|output| !matches!(output, Output::Transmit { .. }));
        self.left = self.opened;
        for known in self.peers.values_mut() {
            known.left = known.seen;
        }
        for at in 0..self.slots.len() {
            if let Some(Slot { connection, .. }) = &self.slots[at]
                && connection.carries()
            {
                self.outputs.push_back(Output::Down(SimPeer(connection.record.peer)));
            }
            self.forget(at);
        }
    }

    fn restart(&mut self) {
        for at in 0..self.slots.len() {
            self.forget(at);
        }
        self.peers.clear();
        self.timers.clear();
        self.outputs.clear();
    }

    fn flows(&self) -> Vec<FlowRecord> {
        self.flows.with(self.slots.iter().flatten().map(|slot| (slot.flow, slot.connection.flow())))
    }

    fn unrecorded(&self) -> u64 {
        self.flows.beyond()
    }

    fn footprint(&self) -> Footprint {
        let mut footprint = Footprint::default();
        for Slot { connection, .. } in self.slots.iter().flatten() {
            let carries = connection.carries();
            footprint.open += u64::from(carries);
            footprint.lingering += u64::from(!carries);
            let state = if connection.is_remnant() { REMNANT_BYTES } else { CONNECTION_BYTES };
            footprint.bytes += state + connection.buffered();
        }
        footprint
    }
}
