//! The link of the measurement that the tests repeat: 100 Mbit/s, 50 ms one way, 66 bytes of headers and framing on every
//! datagram (38 of Ethernet, 28 of IPv4 and UDP), and a drop-tail queue of 1.5 MB in each direction. Nothing else takes time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use rapprochement_core::peer::SimPeer;
use rapprochement_core::time::{Duration, Instant};
use rapprochement_core::wire::{DecodeError, Message};

use super::super::null_keys::mix;
use super::super::{Datagram, QuicConfig, QuicStack};
use crate::transport::stack::{Output, Stack};

pub(super) const DELAY: u64 = 50_000_000;
/// A seed whose megabyte takes about as long as the measured one; see `speed.rs`.
pub(super) const SEED: u64 = 3;
pub(super) const NANOS_PER_BYTE: u64 = 80;
pub(super) const OVERHEAD: u64 = 66;
const QUEUE: u64 = 1_500_000;

/// A message that is its bytes; those that begin with 0xff are not messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Blob(pub(super) Vec<u8>);

impl Message for Blob {
    const CLASSES: &'static [&'static str] = &["blob"];

    fn class(&self) -> usize {
        0
    }

    fn encoded_len(&self) -> usize {
        self.0.len()
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0);
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        if bytes.first() == Some(&0xff) { Err(DecodeError::UnknownTag) } else { Ok(Self(bytes.to_vec())) }
    }
}

/// What a stack told its owner, with the time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Told {
    Up,
    Down,
    Message(Blob),
}

/// A packet that was put on the link: time, sender, and bytes.
pub(super) type Sent = (Instant, usize, bytes::Bytes);

/// Whether a packet is lost: its sender, its number among the sender's, and the packet.
type Lose = Box<dyn FnMut(usize, u64, &Datagram) -> bool>;

/// Two nodes with a link between them.
pub(super) struct Rig {
    pub(super) now: Instant,
    pub(super) nodes: [QuicStack<Blob>; 2],
    pub(super) told: [Vec<(Instant, Told)>; 2],
    pub(super) trace: Vec<Sent>,
    pub(super) lose: Lose,
    counts: [u64; 2],
    free: [u64; 2],
    arrivals: BinaryHeap<Reverse<(u64, u64, usize)>>,
    packets: Vec<Option<(Instant, Datagram)>>,
}

impl Rig {
    pub(super) fn new(config: &QuicConfig) -> Self {
        Self::seeded(config, SEED)
    }

    pub(super) fn seeded(config: &QuicConfig, seed: u64) -> Self {
        let node = |i| QuicStack::new(config, SimPeer(i), seed).unwrap();
        Self {
            now: Instant::ZERO,
            nodes: [node(0), node(1)],
            told: [Vec::new(), Vec::new()],
            trace: Vec::new(),
            lose: Box::new(|_, _, _| false),
            counts: [0; 2],
            free: [0; 2],
            arrivals: BinaryHeap::new(),
            packets: Vec::new(),
        }
    }

    /// Loses packets of both directions independently.
    pub(super) fn with_loss(mut self, percent: u64, seed: u64) -> Self {
        self.lose = Box::new(move |from, number, _| mix(mix(seed ^ number) ^ from as u64) % 100 < percent);
        self
    }

    pub(super) fn send(&mut self, from: usize, message: Vec<u8>) {
        self.nodes[from].send(self.now, SimPeer(1 - from as u32), Arc::new(Blob(message)));
        self.settle(from);
    }

    pub(super) fn close(&mut self, from: usize) {
        self.nodes[from].close(self.now, SimPeer(1 - from as u32));
        self.settle(from);
    }

    pub(super) fn rebind(&mut self, node: usize, noticed: bool) {
        self.nodes[node].change_address(noticed);
        self.settle(node);
    }

    /// Hands over a datagram that the network did not carry.
    pub(super) fn inject(&mut self, to: usize, bytes: &[u8]) {
        if let Ok(packet) = Datagram::decode(bytes) {
            self.nodes[to].receive(self.now, SimPeer(1 - to as u32), self.now, &packet);
            self.settle(to);
        }
    }

    /// Polls until nothing is left.
    fn settle(&mut self, node: usize) {
        while let Some(output) = self.nodes[node].poll(self.now) {
            let told = match output {
                Output::Transmit { to, packet } => {
                    assert_eq!(to, SimPeer(1 - node as u32));
                    self.transmit(node, packet);
                    continue;
                }
                Output::Deliver { message, .. } => Told::Message((*message).clone()),
                Output::Up(_) => Told::Up,
                Output::Down(_) => Told::Down,
            };
            self.told[node].push((self.now, told));
        }
    }

    fn transmit(&mut self, from: usize, packet: Datagram) {
        self.trace.push((self.now, from, packet.payload().clone()));
        let number = self.counts[from];
        self.counts[from] += 1;
        let size = packet.encoded_len() as u64 + OVERHEAD;
        let start = self.free[from].max(self.now.as_nanos());
        let backlog = (start - self.now.as_nanos()) / NANOS_PER_BYTE;
        if backlog + size > QUEUE {
            return;
        }
        self.free[from] = start + size * NANOS_PER_BYTE;
        if !(self.lose)(from, number, &packet) {
            let id = self.packets.len();
            self.arrivals.push(Reverse((self.free[from] + DELAY, id as u64, 1 - from)));
            self.packets.push(Some((self.now, packet)));
        }
    }

    /// Runs until the deadline, or until `done` says so; true if it did.
    pub(super) fn run(&mut self, until: Duration, mut done: impl FnMut(&Self) -> bool) -> bool {
        loop {
            if done(self) {
                return true;
            }
            let arrival = self.arrivals.peek().map(|Reverse((at, ..))| *at);
            let timer = self.nodes.iter().filter_map(Stack::deadline).min().map(Instant::as_nanos);
            let Some(next) = arrival.into_iter().chain(timer).min().filter(|&at| at <= until.as_nanos()) else {
                self.now = Instant::ZERO + until;
                return false;
            };
            self.now = self.now.max(Instant::from_nanos(next));
            if arrival == Some(next) {
                let Some(Reverse((_, id, to))) = self.arrivals.pop() else { continue };
                if let Some((left, packet)) = self.packets[id as usize].take() {
                    self.nodes[to].receive(self.now, SimPeer(1 - to as u32), left, &packet);
                    self.settle(to);
                }
            } else {
                for node in 0..2 {
                    self.nodes[node].expire(self.now);
                    self.settle(node);
                }
            }
        }
    }

    /// How many messages a node has got.
    pub(super) fn messages(&self, node: usize) -> usize {
        self.told[node].iter().filter(|(_, told)| matches!(told, Told::Message(_))).count()
    }

    /// When a node was first told what fits.
    pub(super) fn when(&self, node: usize, fits: impl Fn(&Told) -> bool) -> Option<u64> {
        self.told[node].iter().find(|(_, told)| fits(told)).map(|(at, _)| at.as_nanos())
    }

    /// When a message of this length came.
    pub(super) fn arrival(&self, node: usize, len: usize) -> Option<u64> {
        self.when(node, |told| matches!(told, Told::Message(blob) if blob.0.len() == len))
    }
}
