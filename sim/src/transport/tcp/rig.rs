//! Nodes on both sides of one link, without the engine: what the tests and the comparison with the kernel run on. The link is
//! that of the measurements in `sim/data/kernel-tcp.csv`: in each direction every packet may be lost, then waits in a
//! drop-tail queue of bytes, is stored and forwarded at the rate, and arrives after the delay.
//!
//! A packet takes its own length, 20 bytes of IPv4 header, and 38 bytes of Ethernet: preamble 8, header 14, frame
//! check 4, gap 12 (IEEE 802.3).

use std::collections::VecDeque;
use std::sync::Arc;

use rapprochement_core::peer::SimPeer;
use rapprochement_core::time::{Duration, Instant};
use rapprochement_core::wire::{DecodeError, Message};

use super::config::TcpConfig;
use super::packet::TcpPacket;
use super::stack::TcpStack;
use crate::transport::stack::{Output, Stack};

/// Bytes of a packet on the wire beyond its encoded length.
pub const FRAMING: u64 = 38 + 20;

/// A message of any bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text(pub Vec<u8>);

impl Message for Text {
    const CLASSES: &'static [&'static str] = &["text"];

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
        Ok(Self(bytes.to_vec()))
    }
}

/// One direction of the link.
#[derive(Clone, Copy, Debug)]
pub struct Link {
    /// Bits per second.
    pub rate: u64,
    /// One way, behind the last bit.
    pub delay: Duration,
    /// Bytes that wait, the packet that is being sent included.
    pub queue: u64,
}

/// A message that arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// When its first byte could be read.
    pub began: Instant,
    /// When it was complete.
    pub at: Instant,
    /// Who sent it.
    pub from: usize,
    /// Where it arrived.
    pub to: usize,
    /// Its bytes.
    pub bytes: usize,
}

/// Independent losses of packets in both directions, from SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
pub fn independent(seed: u64, share: f64) -> impl FnMut(usize, &TcpPacket<Text>) -> bool {
    let mut state = seed;
    move |_, _| {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (((z ^ (z >> 31)) >> 11) as f64) < share * (1u64 << 53) as f64
    }
}

/// Nodes and their link. Nodes of the first half reach those of the second by direction 0 of the link and are reached by
/// direction 1; within a half there is no way.
#[derive(Debug)]
pub struct Rig<F> {
    /// The nodes' stacks.
    pub stacks: Vec<TcpStack<Text>>,
    /// Now.
    pub now: Instant,
    /// Messages that arrived so far.
    pub arrivals: Vec<Arrival>,
    /// When at which node which peer went up or down.
    pub changes: Vec<(Instant, usize, usize, bool)>,
    /// Packets that were handed to the link so far, lost ones included.
    pub packets: u64,
    /// Packets that found the queue full.
    pub dropped: u64,
    links: [Link; 2],
    busy: [Instant; 2],
    under_way: [VecDeque<Transit>; 2],
    /// Says whether a packet is lost, given the direction and the packet.
    lose: F,
}

/// When something is due, and in which direction or at which node.
type Due = Option<(Instant, usize)>;

#[derive(Debug)]
struct Transit {
    at: Instant,
    left: Instant,
    from: usize,
    to: usize,
    packet: TcpPacket<Text>,
}

impl<F: FnMut(usize, &TcpPacket<Text>) -> bool> Rig<F> {
    /// `nodes` nodes that know nothing of each other.
    pub fn new(nodes: usize, config: &TcpConfig, link: Link, lose: F) -> Self {
        Self {
            stacks: (0..nodes as u32).map(|node| TcpStack::new(SimPeer(node), config)).collect(),
            now: Instant::ZERO,
            arrivals: Vec::new(),
            changes: Vec::new(),
            packets: 0,
            dropped: 0,
            links: [link; 2],
            busy: [Instant::ZERO; 2],
            under_way: [VecDeque::new(), VecDeque::new()],
            lose,
        }
    }

    /// A node sends a message that takes so many bytes of the stream, the 4 of its length included.
    pub fn send(&mut self, from: usize, to: usize, bytes: usize) {
        self.send_message(from, to, Arc::new(Text(vec![0; bytes.saturating_sub(4)])));
    }

    /// A node sends a message.
    pub fn send_message(&mut self, from: usize, to: usize, message: Arc<Text>) {
        self.stacks[from].send(self.now, SimPeer(to as u32), message);
        self.settle(from);
    }

    /// Carries out what a node asks for.
    pub fn settle(&mut self, node: usize) {
        while let Some(output) = self.stacks[node].poll(self.now) {
            match output {
                Output::Transmit { to, packet } => self.transmit(node, to.0 as usize, packet),
                Output::Deliver { from, began, message } => {
                    let from = from.0 as usize;
                    self.arrivals.push(Arrival { began, at: self.now, from, to: node, bytes: message.0.len() });
                }
                Output::Up(peer) => self.changes.push((self.now, node, peer.0 as usize, true)),
                Output::Down(peer) => self.changes.push((self.now, node, peer.0 as usize, false)),
            }
        }
    }

    fn transmit(&mut self, from: usize, to: usize, packet: TcpPacket<Text>) {
        self.packets += 1;
        let way = usize::from(from >= self.stacks.len() / 2);
        if (self.lose)(way, &packet) {
            return;
        }
        let Link { rate, delay, queue } = self.links[way];
        let bytes = packet.encoded_len() as u64 + FRAMING;
        let waiting =
            (u128::from(self.busy[way].since(self.now).as_nanos()) * u128::from(rate)).div_ceil(8_000_000_000);
        if waiting + u128::from(bytes) > u128::from(queue) {
            self.dropped += 1;
            return;
        }
        let nanos = (bytes * 8_000_000_000).div_ceil(rate);
        self.busy[way] = self.busy[way].max(self.now) + Duration::from_nanos(nanos);
        self.under_way[way].push_back(Transit { at: self.busy[way] + delay, left: self.now, from, to, packet });
    }

    /// When the next packet arrives and by which direction, and when the next deadline comes and at which node.
    fn next(&self) -> (Due, Due) {
        let arrivals = [0, 1].into_iter().filter_map(|way| self.under_way[way].front().map(|next| (next.at, way)));
        let nodes = self.stacks.iter().enumerate();
        (arrivals.min(), nodes.filter_map(|(node, stack)| stack.deadline().map(|at| (at, node))).min())
    }

    /// The next thing happens; false where nothing is left to happen.
    pub fn step(&mut self) -> bool {
        self.step_until(Instant::MAX)
    }

    /// The next thing happens, unless that is later than `until`.
    fn step_until(&mut self, until: Instant) -> bool {
        let (arrival, timer) = self.next();
        match (arrival, timer) {
            (Some((at, way)), timer) if timer.is_none_or(|(due, _)| at <= due) && at <= until => {
                self.now = at;
                if let Some(Transit { left, from, to, packet, .. }) = self.under_way[way].pop_front() {
                    self.stacks[to].receive(at, SimPeer(from as u32), left, &packet);
                    self.settle(to);
                }
                true
            }
            (_, Some((due, node))) if due <= until => {
                self.now = self.now.max(due);
                self.stacks[node].expire(self.now);
                self.settle(node);
                true
            }
            _ => false,
        }
    }

    /// Goes on until so many messages have arrived; the time of the last, or `None` if that never happens.
    pub fn run_until(&mut self, arrivals: usize) -> Option<Instant> {
        while self.arrivals.len() < arrivals {
            if !self.step() {
                return None;
            }
        }
        self.arrivals.get(arrivals - 1).map(|arrival| arrival.at)
    }

    /// Goes on until then.
    pub fn run_to(&mut self, until: Instant) {
        while self.step_until(until) {}
        self.now = self.now.max(until);
    }
}
