//! One node's QUIC: `quinn-proto`'s endpoint and connections, driven in the order that it documents, with virtual time. A
//! pair of nodes shares one connection, whoever opened it; where both open at once both live, and the newer one is used.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use quinn_proto::{
    Connection, ConnectionHandle, DatagramEvent, EcnCodepoint, Endpoint, Event, Incoming, Transmit, TransportConfig,
    VarInt,
};
use rapprochement_core::peer::SimPeer;
use rapprochement_core::time::Instant;
use rapprochement_core::wire::Message;

use super::clock::to_std;
use super::config::QuicConfig;
use super::link::{Link, Whole};
use super::null_keys::fold;
use super::packet::{Datagram, FIRST_PORT, address, node};
use super::security::{Security, name};
use super::settings;
use crate::problem::Problem;
use crate::transport::records::Records;
use crate::transport::stack::{FlowRecord, Footprint, Output, Stack};

/// Connections with one peer that may live at once: one in use, one that both opened, and those of a peer that has
/// restarted and that have not timed out.
const LINKS_PER_PEER: usize = 8;
/// What a node with one idle connection takes in memory, rounded: `quic_speed` measured 23,650 bytes (x86-64, glibc).
pub(super) const CONNECTION_BYTES: u64 = 24_000;
/// Why we close: the peer sent what is no message.
const NOT_A_MESSAGE: VarInt = VarInt::from_u32(1);

/// One node's side of QUIC.
pub struct QuicStack<M> {
    me: SimPeer,
    seed: u64,
    config: QuicConfig,
    transport: Arc<TransportConfig>,
    security: Security,
    endpoint: Endpoint,
    /// Counts restarts.
    life: u32,
    /// Counts connections that were opened here in this life.
    opened: u64,
    port: u16,
    /// Peers that were last seen at another port than the first.
    moved: BTreeMap<SimPeer, u16>,
    /// Ports other than its own at which peers have reached the node since it has its address: they looked its name up.
    doors: BTreeSet<(SimPeer, u16)>,
    /// By the endpoint's handle, which it uses again.
    links: Vec<Option<Box<Link>>>,
    /// The handles of a peer's connections, oldest first.
    peers: BTreeMap<SimPeer, Vec<usize>>,
    dirty: VecDeque<usize>,
    deadlines: BTreeSet<(Instant, usize)>,
    outputs: VecDeque<Output<M, Datagram>>,
    flows: Records,
    buffer: Vec<u8>,
    messages: Vec<Whole>,
}

impl<M> std::fmt::Debug for QuicStack<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("QuicStack").field("me", &self.me).field("port", &self.port).finish_non_exhaustive()
    }
}

impl<M: Message + Send + Sync> QuicStack<M> {
    /// A node without connections. Runs with the same seed are the same; nodes may share it.
    ///
    /// # Errors
    /// Whatever is wrong with the configuration, and cryptography that this build does not have.
    pub fn new(config: &QuicConfig, me: SimPeer, seed: u64) -> Result<Self, Vec<Problem>> {
        let problems = config.problems("transport.quic");
        if !problems.is_empty() {
            return Err(problems);
        }
        let seed = fold(seed, &me.0.to_le_bytes());
        let security = Security::build(config, ticket_key(seed, 0))
            .map_err(|error| vec![Problem::new("transport.quic.crypto", error, "")])?;
        let transport = Arc::new(settings::transport(config));
        let endpoint = settings::endpoint(config, &transport, &security, seed, 0);
        Ok(Self {
            me,
            seed,
            config: config.clone(),
            transport,
            security,
            endpoint,
            life: 0,
            opened: 0,
            port: FIRST_PORT,
            moved: BTreeMap::new(),
            doors: BTreeSet::new(),
            links: Vec::new(),
            peers: BTreeMap::new(),
            dirty: VecDeque::new(),
            deadlines: BTreeSet::new(),
            outputs: VecDeque::new(),
            flows: Records::default(),
            buffer: Vec::new(),
            messages: Vec::new(),
        })
    }

    /// The node has another address from now on, and gets nothing more at the old one. Peers notice it by the packets that
    /// come from there (RFC 9000, section 9). With `noticed`, connections that were opened here probe the new path at once,
    /// as on a change of networks; without, the node does not know, as when a NAT forgets it. Connections that the peers
    /// opened end by timeout, since in QUIC only clients may move; what they open from then on reaches the node, as a lookup
    /// of its name would give the new address.
    pub fn change_address(&mut self, noticed: bool) {
        self.port = self.port.checked_add(1).unwrap_or(FIRST_PORT);
        self.doors.clear();
        for handle in 0..self.links.len() {
            let Some(link) = self.links[handle].as_mut() else { continue };
            link.change_address();
            if noticed && link.is_alive() && link.connection.side().is_client() && !link.connection.is_handshaking() {
                link.connection.local_address_changed();
                self.mark(handle);
            }
        }
    }

    /// The connection to use for a peer: the newest whose handshake is finished, or else the newest.
    fn current(&self, peer: SimPeer) -> Option<usize> {
        let alive = |&&handle: &&usize| self.links[handle].as_ref().is_some_and(|link| link.is_alive());
        let established =
            |handle: &usize| self.links[*handle].as_ref().is_some_and(|link| !link.connection.is_handshaking());
        let handles = self.peers.get(&peer)?;
        let mut newest_first = handles.iter().rev().filter(alive);
        newest_first.clone().find(|handle| established(handle)).or_else(|| newest_first.next()).copied()
    }

    fn connect(&mut self, now: Instant, to: SimPeer) -> Option<usize> {
        self.opened += 1;
        let config = settings::client(&self.transport, &self.security, self.seed, self.life, self.opened);
        let (handle, connection) =
            self.endpoint.connect(to_std(now), config, address(to, self.port_of(to)), &name(to)).ok()?;
        Some(self.insert(now, handle, connection, to))
    }

    fn accept(&mut self, now: Instant, from: SimPeer, left: Instant, incoming: Incoming, door: Option<u16>) {
        self.buffer.clear();
        let source = door.unwrap_or(self.port);
        let live = self.peers.get(&from).map_or(0, Vec::len);
        if live >= LINKS_PER_PEER {
            let response = self.endpoint.refuse(incoming, &mut self.buffer);
            return self.transmit(&response, source);
        }
        match self.endpoint.accept(incoming, to_std(now), &mut self.buffer, None) {
            Ok((handle, connection)) => {
                let handle = self.insert(now, handle, connection, from);
                self.doors.extend(door.map(|door| (from, door)));
                if let Some(link) = self.links[handle].as_mut() {
                    link.door = door;
                    link.datagram_arrived(left, now);
                }
            }
            Err(error) => {
                if let Some(response) = error.response {
                    self.transmit(&response, source);
                }
            }
        }
    }

    fn insert(&mut self, now: Instant, handle: ConnectionHandle, connection: Connection, peer: SimPeer) -> usize {
        let mut link = Box::new(Link::new(now, connection, peer, self.config.streams));
        link.flow = self.flows.begin(FlowRecord::default());
        let handle = handle.0;
        if self.links.len() <= handle {
            self.links.resize_with(handle + 1, || None);
        }
        self.links[handle] = Some(link);
        self.peers.entry(peer).or_default().push(handle);
        self.mark(handle);
        handle
    }

    /// The connection is to be driven.
    fn mark(&mut self, handle: usize) {
        if let Some(link) = self.links[handle].as_mut()
            && !std::mem::replace(&mut link.dirty, true)
        {
            self.dirty.push_back(handle);
        }
    }

    /// The datagram in the buffer leaves from this port.
    fn transmit(&mut self, transmit: &Transmit, source: u16) {
        let payload = Bytes::copy_from_slice(&self.buffer[..transmit.size.min(self.buffer.len())]);
        let packet =
            Datagram { payload, source, destination: transmit.destination.port(), ecn: transmit.ecn, queued: 0 };
        self.outputs.push_back(Output::Transmit { to: node(transmit.destination), packet });
    }

    /// Does all that a connection has to do now.
    fn drive(&mut self, now: Instant, handle: usize) {
        let Some(mut link) = self.links[handle].take() else {
            return;
        };
        link.dirty = false;
        while self.drive_once(now, handle, &mut link) {}
        if link.connection.is_drained() {
            self.forget(handle, &link);
            return;
        }
        let deadline = link.poll_deadline();
        if deadline != link.deadline {
            self.schedule(handle, link.deadline, deadline);
            link.deadline = deadline;
        }
        self.links[handle] = Some(link);
    }

    /// One round; true where another may have something to do.
    fn drive_once(&mut self, now: Instant, handle: usize, link: &mut Link) -> bool {
        let mut again = false;
        // Events come first, so that what the application has to say to them shares packets with the handshake.
        while let Some(event) = link.connection.poll() {
            self.on_event(now, link, event);
            again = true;
        }
        loop {
            self.buffer.clear();
            let Some(transmit) = link.connection.poll_transmit(to_std(now), 1, &mut self.buffer) else {
                break;
            };
            self.transmit(&transmit, link.door.unwrap_or(self.port));
        }
        while let Some(event) = link.connection.poll_endpoint_events() {
            if let Some(event) = self.endpoint.handle_event(ConnectionHandle(handle), event) {
                link.connection.handle_event(event);
            }
            again = true;
        }
        again
    }

    fn on_event(&mut self, now: Instant, link: &mut Link, event: Event) {
        match event {
            Event::Connected => {
                link.on_connected(now);
                if !link.closed {
                    self.outputs.push_back(Output::Up(link.peer));
                }
            }
            Event::ConnectionLost { .. } => {
                let told = std::mem::replace(&mut link.closed, true);
                // The link itself is not in its place now.
                if !told && self.current(link.peer).is_none() {
                    self.outputs.push_back(Output::Down(link.peer));
                }
            }
            Event::Stream(event) => {
                let whole = link.on_stream(now, event, &mut self.messages).is_ok();
                let mut sound = true;
                for (began, bytes) in self.messages.drain(..) {
                    match M::decode(&bytes) {
                        _ if link.closed => {}
                        Ok(message) => {
                            let message = Arc::new(message);
                            self.outputs.push_back(Output::Deliver { from: link.peer, began, message });
                        }
                        Err(_) => sound = false,
                    }
                }
                if !(whole && sound) {
                    self.give_up(now, link);
                }
            }
            Event::HandshakeDataReady | Event::DatagramReceived | Event::DatagramsUnblocked => {}
        }
    }

    /// The peer breaks the rules of messages: the connection ends, and the owner hears of it.
    fn give_up(&mut self, now: Instant, link: &mut Link) {
        link.connection.close(to_std(now), NOT_A_MESSAGE, Bytes::from_static(b"not a message"));
        if !std::mem::replace(&mut link.closed, true) && self.current(link.peer).is_none() {
            self.outputs.push_back(Output::Down(link.peer));
        }
    }

    fn schedule(&mut self, handle: usize, old: Option<Instant>, new: Option<Instant>) {
        if let Some(old) = old {
            self.deadlines.remove(&(old, handle));
        }
        if let Some(new) = new {
            self.deadlines.insert((new, handle));
        }
    }

    /// A connection has ended for good, and its place is empty.
    fn forget(&mut self, handle: usize, link: &Link) {
        self.schedule(handle, link.deadline, None);
        if let Some(handles) = self.peers.get_mut(&link.peer) {
            handles.retain(|&other| other != handle);
            if handles.is_empty() {
                self.peers.remove(&link.peer);
            }
        }
        self.flows.write(link.flow, link.record());
    }

    /// Where a peer was last seen. A new connection to one that has moved since reaches it all the same, see
    /// [`QuicStack::change_address`].
    fn port_of(&self, peer: SimPeer) -> u16 {
        self.moved.get(&peer).copied().unwrap_or(FIRST_PORT)
    }

    /// The port that a packet comes from; where it does not say, the one that its sender was last seen at.
    fn source_port(&mut self, from: SimPeer, packet: &Datagram) -> u16 {
        match packet.source {
            0 => self.port_of(from),
            FIRST_PORT if self.moved.is_empty() => FIRST_PORT,
            FIRST_PORT => {
                self.moved.remove(&from);
                FIRST_PORT
            }
            port => {
                self.moved.insert(from, port);
                port
            }
        }
    }

    fn mark_of(&self, packet: &Datagram) -> Option<EcnCodepoint> {
        let congested = self.config.mark_above.is_some_and(|limit| packet.queued >= limit);
        packet.ecn.map(|ecn| if congested { EcnCodepoint::Ce } else { ecn })
    }
}

/// The key of the tickets that a node gives in one of its lives.
fn ticket_key(seed: u64, life: u32) -> u64 {
    fold(seed, &[&b"ticket"[..], &life.to_le_bytes()].concat())
}

impl<M: Message + Send + Sync> Stack<M> for QuicStack<M> {
    type Packet = Datagram;

    fn send(&mut self, now: Instant, to: SimPeer, message: Arc<M>) {
        let Some(handle) = self.current(to).or_else(|| self.connect(now, to)) else {
            self.outputs.push_back(Output::Down(to));
            return;
        };
        if let Some(link) = self.links[handle].as_mut() {
            let mut bytes = Vec::with_capacity(message.encoded_len());
            message.encode(&mut bytes);
            link.send(bytes);
        }
        self.mark(handle);
    }

    fn receive(&mut self, now: Instant, from: SimPeer, left: Instant, packet: &Datagram) {
        let door = Some(packet.destination).filter(|&port| port != 0 && port != self.port);
        let remote = address(from, self.source_port(from, packet));
        let data = BytesMut::from(&packet.payload[..]);
        self.buffer.clear();
        let ecn = self.mark_of(packet);
        match self.endpoint.handle(to_std(now), remote, None, ecn, data, &mut self.buffer) {
            Some(DatagramEvent::ConnectionEvent(ConnectionHandle(handle), event)) => {
                let link = self.links.get_mut(handle).and_then(Option::as_mut);
                if let Some(link) = link.filter(|link| link.hears(door)) {
                    link.connection.handle_event(event);
                    link.datagram_arrived(left, now);
                    self.mark(handle);
                }
            }
            Some(DatagramEvent::NewConnection(incoming)) => self.accept(now, from, left, incoming, door),
            // To an address that the node has no more nothing answers.
            Some(DatagramEvent::Response(response)) if door.is_none_or(|door| self.doors.contains(&(from, door))) => {
                self.transmit(&response, door.unwrap_or(self.port));
            }
            Some(DatagramEvent::Response(_)) => {}
            None => {}
        }
    }

    fn expire(&mut self, now: Instant) {
        while let Some(&(deadline, handle)) = self.deadlines.first()
            && deadline <= now
        {
            self.deadlines.pop_first();
            if let Some(link) = self.links[handle].as_mut() {
                link.deadline = None;
                link.connection.handle_timeout(to_std(now));
                self.mark(handle);
            }
        }
    }

    fn close(&mut self, now: Instant, peer: SimPeer) {
        for handle in self.peers.get(&peer).cloned().unwrap_or_default() {
            if let Some(link) = self.links[handle].as_mut() {
                link.closed = true;
                link.connection.close(to_std(now), VarInt::from_u32(0), Bytes::new());
                self.mark(handle);
            }
        }
    }

    fn poll(&mut self, now: Instant) -> Option<Output<M, Datagram>> {
        loop {
            if let Some(output) = self.outputs.pop_front() {
                return Some(output);
            }
            let handle = self.dirty.pop_front()?;
            self.drive(now, handle);
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|&(deadline, _)| deadline)
    }

    fn rebind(&mut self, _now: Instant) {
        self.change_address(true);
    }

    fn restart(&mut self) {
        for link in self.links.iter().flatten() {
            self.flows.write(link.flow, link.record());
        }
        self.life += 1;
        self.opened = 0;
        if let Ok(security) = Security::build(&self.config, ticket_key(self.seed, self.life)) {
            self.security = security;
        }
        self.endpoint = settings::endpoint(&self.config, &self.transport, &self.security, self.seed, self.life);
        self.links.clear();
        self.peers.clear();
        self.moved.clear();
        self.dirty.clear();
        self.deadlines.clear();
        self.outputs.clear();
    }

    fn flows(&self) -> Vec<FlowRecord> {
        self.flows.with(self.links.iter().flatten().map(|link| (link.flow, link.record())))
    }

    fn unrecorded(&self) -> u64 {
        self.flows.beyond()
    }

    fn footprint(&self) -> Footprint {
        let links = || self.links.iter().flatten();
        let open = links().filter(|link| link.is_alive() && !link.connection.is_handshaking()).count() as u64;
        let all = links().count() as u64;
        let buffered: u64 = links().map(|link| link.buffered()).sum();
        Footprint { open, lingering: all - open, bytes: all * CONNECTION_BYTES + buffered }
    }
}
