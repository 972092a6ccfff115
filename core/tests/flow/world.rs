//! Nodes with flows and a network between them: constant delay, and a fate for each packet.

use std::collections::BTreeMap;

use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::SeedableRng;
use rapprochement_core::flow::config::FlowConfig;
use rapprochement_core::flow::node::{Flows, Output};
use rapprochement_core::flow::packet::FlowPacket;
use rapprochement_core::peer::SimPeer;
use rapprochement_core::time::{Duration, Instant};
use rapprochement_core::wire::Message;

/// Bytes are messages.
pub(crate) type Bytes = Box<[u8]>;
type Loses = Box<dyn FnMut(u64, &Packet) -> bool>;
type Packet = FlowPacket<Bytes>;

pub(crate) struct World {
    pub(crate) now: Instant,
    pub(crate) nodes: Vec<Flows<SimPeer, Bytes>>,
    delay: Duration,
    /// How long the directory takes, and whether it knows the name; `None` for no answer.
    pub(crate) directory: Option<(Duration, bool)>,
    /// Whether the packet with this number is lost.
    pub(crate) lost: Loses,
    /// How much later than the others it comes.
    pub(crate) late: Box<dyn FnMut(u64) -> Duration>,
    events: BTreeMap<(Instant, u64), Event>,
    scheduled: u64,
    pub(crate) packets: Vec<(Instant, usize, usize, Packet)>,
    pub(crate) delivered: Vec<(Instant, usize, Bytes)>,
    pub(crate) up: Vec<(Instant, usize, SimPeer)>,
    pub(crate) down: Vec<(Instant, usize, SimPeer)>,
}

enum Event {
    Arrive(usize, usize, Packet),
    Resolved(usize, SimPeer, bool),
}

impl World {
    pub(crate) fn new(nodes: usize, delay: Duration, config: &FlowConfig) -> Self {
        let node = |index| {
            let mut rng = ChaCha12Rng::seed_from_u64(index as u64);
            Flows::new(SimPeer(index as u32), config.clone(), &mut rng)
        };
        Self {
            now: Instant::ZERO,
            nodes: (0..nodes).map(node).collect(),
            delay,
            directory: Some((Duration::ZERO, true)),
            lost: Box::new(|_, _| false),
            late: Box::new(|_| Duration::ZERO),
            events: BTreeMap::new(),
            scheduled: 0,
            packets: Vec::new(),
            delivered: Vec::new(),
            up: Vec::new(),
            down: Vec::new(),
        }
    }

    pub(crate) fn send(&mut self, from: usize, to: usize, bytes: &[u8]) {
        self.nodes[from].send(self.now, SimPeer(to as u32), bytes.into());
        self.settle(from);
    }

    pub(crate) fn close(&mut self, node: usize, peer: usize) {
        self.nodes[node].close(self.now, SimPeer(peer as u32));
        self.settle(node);
    }

    /// Runs everything up to and at this time.
    pub(crate) fn run_to(&mut self, end: Instant) {
        loop {
            let event = self.events.first_key_value().map(|((at, _), _)| *at);
            let deadlines = self.nodes.iter().enumerate();
            let deadline = deadlines.filter_map(|(node, flows)| Some((flows.deadline()?, node))).min();
            match (event, deadline) {
                (Some(at), deadline) if at <= end && deadline.is_none_or(|(due, _)| at <= due) => {
                    self.now = self.now.max(at);
                    if let Some((_, event)) = self.events.pop_first() {
                        self.handle(event);
                    }
                }
                (_, Some((due, node))) if due <= end => {
                    self.now = self.now.max(due);
                    self.nodes[node].expire(self.now);
                    self.settle(node);
                }
                _ => break,
            }
        }
        self.now = end;
    }

    fn handle(&mut self, event: Event) {
        let node = match event {
            Event::Arrive(from, to, packet) => {
                self.nodes[to].receive(self.now, SimPeer(from as u32), &packet);
                to
            }
            Event::Resolved(node, peer, found) => {
                self.nodes[node].resolved(self.now, peer, found);
                node
            }
        };
        self.settle(node);
    }

    fn at(&mut self, at: Instant, event: Event) {
        self.scheduled += 1;
        self.events.insert((at, self.scheduled), event);
    }

    fn settle(&mut self, node: usize) {
        while let Some(output) = self.nodes[node].poll(self.now) {
            match output {
                Output::Transmit { to, packet } => self.transmit(node, to.0 as usize, packet),
                Output::Deliver { sdu, .. } => self.delivered.push((self.now, node, sdu)),
                Output::Resolve(peer) => {
                    if let Some((after, found)) = self.directory {
                        self.at(self.now + after, Event::Resolved(node, peer, found));
                    }
                }
                Output::Up(peer) => self.up.push((self.now, node, peer)),
                Output::Down(peer) => self.down.push((self.now, node, peer)),
            }
        }
    }

    /// Packets cross the network as bytes.
    fn transmit(&mut self, from: usize, to: usize, packet: Packet) {
        let number = self.packets.len() as u64;
        let mut bytes = Vec::new();
        packet.encode(&mut bytes);
        assert_eq!(bytes.len(), packet.encoded_len());
        if !(self.lost)(number, &packet) {
            let arrival = self.now + self.delay + (self.late)(number);
            let decoded = Packet::decode(&bytes).expect("what a node sends can be read");
            self.at(arrival, Event::Arrive(from, to, decoded));
        }
        self.packets.push((self.now, from, to, packet));
    }
}

pub(crate) fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(crate) fn at(millis: u64) -> Instant {
    Instant::ZERO + ms(millis)
}
