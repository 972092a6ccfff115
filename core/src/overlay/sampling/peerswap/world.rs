//! An event loop for the message protocol: integer nanoseconds, one generator, equal times in the order of sending. Messages of
//! constant latency leave in the order in which they came, so they wait in a plain queue; the others and timers in a heap.

use alloc::collections::{BinaryHeap, VecDeque};
use alloc::vec;
use alloc::vec::Vec;
use core::cmp::Reverse;

use crate::overlay::sampling::peerswap::draws::SplitMix64;
use crate::overlay::sampling::peerswap::{Counters, PeerSwap, PeerSwapConfig, RegularGraph, SwapMessage, SwapTimer};
use crate::overlay::sampling::{Introduce, SamplingEvent};
use crate::peer::SimPeer;
use crate::protocol::{Context, Input, Protocol, TimerHandle};
use crate::random::{below, unit};
use crate::time::{Duration, Instant};
use crate::wire::Message;
use rand_core::Rng;

/// One of its nodes.
pub type Node = PeerSwap<SimPeer>;
type Msg = SwapMessage<SimPeer>;

/// How long a message takes.
#[derive(Clone, Debug)]
pub enum Latency {
    /// Always the same.
    Constant(Duration),
    /// Uniform between zero and this.
    Uniform(Duration),
    /// By sender and receiver, nanoseconds, in rows of `hosts`; node i is at host i modulo `hosts`.
    Matrix {
        /// Rows, and columns.
        hosts: usize,
        /// Row by row.
        nanos: Vec<u64>,
    },
}

/// Nodes and what is on its way between them.
#[derive(Debug)]
pub struct World {
    /// By number.
    pub nodes: Vec<Node>,
    /// Which of them are up.
    pub up: Vec<bool>,
    /// What is on its way.
    pub network: Network,
    config: PeerSwapConfig,
    incarnation: Vec<u32>,
}

/// Messages and timers on their way, and what becomes of them.
#[derive(Debug)]
pub struct Network {
    /// Virtual time in nanoseconds.
    pub now: u64,
    /// How long messages take.
    pub latency: Latency,
    /// The share of messages that are lost.
    pub loss: f64,
    /// Swallows the rings of all clocks, so that the overlay comes to rest.
    pub quiet: bool,
    /// Encodes and decodes every message, and holds it to its stated length.
    pub verify: bool,
    /// Senders, receivers and numbers of `Swap` messages, if asked for.
    pub swaps: Option<Vec<(u32, u32, u32)>>,
    /// Messages sent.
    pub messages: u64,
    /// Their bytes, where they are verified.
    pub bytes: u64,
    /// The generator of everything.
    pub rng: SplitMix64,
    sequence: u64,
    constant: VecDeque<((u64, u64), Letter)>,
    heap: BinaryHeap<Reverse<Entry>>,
    letters: Vec<Letter>,
    free: Vec<u32>,
}

#[derive(Debug)]
struct Letter {
    from: u32,
    to: u32,
    message: Msg,
}

/// When, in which order, what: a letter by its place, or a timer of a node's incarnation.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    key: (u64, u64),
    what: What,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Letter(u32),
    Fire(u32, u32),
    Tick(u32, u32),
}

impl Network {
    fn new(latency: Latency, seed: u64) -> Self {
        Self {
            now: 0,
            latency,
            loss: 0.0,
            quiet: false,
            verify: false,
            swaps: None,
            messages: 0,
            bytes: 0,
            rng: SplitMix64::new(seed),
            sequence: 0,
            constant: VecDeque::new(),
            heap: BinaryHeap::new(),
            letters: Vec::new(),
            free: Vec::new(),
        }
    }

    fn key(&mut self, after: u64) -> (u64, u64) {
        self.sequence += 1;
        (self.now.saturating_add(after), self.sequence)
    }

    fn observe(&mut self, from: u32, to: u32, message: &Msg) {
        if let (Some(swaps), SwapMessage::Swap { number, .. }) = (&mut self.swaps, message) {
            swaps.push((from, to, *number));
        }
        if self.verify {
            let mut bytes = Vec::new();
            message.encode(&mut bytes);
            assert_eq!(bytes.len(), message.encoded_len());
            assert_eq!(Msg::decode(&bytes).as_ref(), Ok(message));
            self.bytes += bytes.len() as u64;
        }
    }

    #[inline]
    /// Puts a message on its way, unless it is lost.
    pub fn post(&mut self, from: u32, to: u32, message: Msg) {
        self.messages += 1;
        if self.verify || self.swaps.is_some() {
            self.observe(from, to, &message);
        }
        if self.loss > 0.0 && unit(&mut self.rng) < self.loss {
            return;
        }
        let letter = Letter { from, to, message };
        let nanos = match &self.latency {
            Latency::Constant(nanos) => {
                let key = self.key(nanos.as_nanos());
                return self.constant.push_back((key, letter));
            }
            Latency::Uniform(most) => {
                let draw = u128::from(self.rng.next_u64()) * (u128::from(most.as_nanos()) + 1);
                (draw >> 64) as u64
            }
            Latency::Matrix { hosts, nanos } => nanos[(from as usize % hosts) * hosts + to as usize % hosts],
        };
        let key = self.key(nanos);
        let place = self.free.pop().unwrap_or(self.letters.len() as u32);
        if let Some(slot) = self.letters.get_mut(place as usize) {
            *slot = letter;
        } else {
            self.letters.push(letter);
        }
        self.heap.push(Reverse(Entry { key, what: What::Letter(place) }));
    }

    /// Messages on their way.
    pub fn in_flight(&self) -> usize {
        self.constant.len() + self.letters.len() - self.free.len()
    }
}

struct Effects<'a> {
    network: &'a mut Network,
    me: u32,
    incarnation: u32,
}

impl Context<Node> for Effects<'_> {
    type Rng = SplitMix64;

    #[inline]
    fn send(&mut self, to: SimPeer, message: Msg) {
        self.network.post(self.me, to.0, message);
    }

    #[inline]
    fn send_many(&mut self, to: &[SimPeer], message: Msg) {
        for peer in to {
            self.network.post(self.me, peer.0, message.clone());
        }
    }

    fn backlog(&self, _to: SimPeer) -> Duration {
        Duration::ZERO
    }

    fn disconnect(&mut self, _to: SimPeer) {}

    fn set_timer(&mut self, after: Duration, timer: SwapTimer) -> TimerHandle {
        let key = self.network.key(after.as_nanos());
        let what = match timer {
            SwapTimer::Fire => What::Fire(self.me, self.incarnation),
            SwapTimer::Tick => What::Tick(self.me, self.incarnation),
        };
        self.network.heap.push(Reverse(Entry { key, what }));
        TimerHandle::from_bits(0)
    }

    fn cancel_timer(&mut self, _handle: TimerHandle) {}

    fn emit(&mut self, _event: SamplingEvent<SimPeer>) {}

    fn rng(&mut self) -> &mut SplitMix64 {
        &mut self.network.rng
    }

    fn me(&self) -> SimPeer {
        SimPeer(self.me)
    }
}

impl World {
    /// Peer i on vertex i of a graph, at time zero.
    pub fn on(graph: &RegularGraph, config: PeerSwapConfig, latency: Latency, seed: u64) -> Self {
        let mut world = Self::alone(graph.nodes(), config, latency, seed);
        for (node, me) in world.nodes.iter_mut().zip(0..) {
            let around: Vec<SimPeer> = graph.neighbours(me).iter().map(|&peer| SimPeer(peer)).collect();
            *node = Node::with_neighbours(SimPeer(me), config, &around).expect("the parameters are in their ranges");
        }
        (0..graph.nodes() as u32).for_each(|me| world.give(me, Input::Start));
        world
    }

    /// Peers that know nobody and have not started.
    pub fn alone(nodes: usize, config: PeerSwapConfig, latency: Latency, seed: u64) -> Self {
        let node = |me| Node::new(SimPeer(me), config).expect("the parameters are in their ranges");
        Self {
            nodes: (0..nodes as u32).map(node).collect(),
            up: vec![true; nodes],
            network: Network::new(latency, seed),
            config,
            incarnation: vec![0; nodes],
        }
    }

    #[inline]
    /// Gives a node an input, and carries out what it asks for.
    pub fn give(&mut self, me: u32, input: Input<'_, Node>) {
        if let Some(node) = self.nodes.get_mut(me as usize).filter(|_| self.up[me as usize]) {
            let incarnation = self.incarnation[me as usize];
            let now = Instant::from_nanos(self.network.now);
            node.handle(now, input, &mut Effects { network: &mut self.network, me, incarnation });
        }
    }

    /// A node goes down, and what it knew is gone.
    pub fn crash(&mut self, me: u32) {
        self.up[me as usize] = false;
        self.incarnation[me as usize] += 1;
    }

    /// A crashed peer comes back with nothing but some peers to ask.
    pub fn restart(&mut self, me: u32, known: Vec<SimPeer>) {
        self.nodes[me as usize] = Node::new(SimPeer(me), self.config).expect("as before");
        self.up[me as usize] = true;
        self.give(me, Input::Start);
        self.give(me, Input::Command(Introduce(known)));
    }

    /// A random peer that is up.
    pub fn any(&mut self) -> u32 {
        loop {
            let peer = below(&mut self.network.rng, self.nodes.len() as u32);
            if self.up[peer as usize] {
                return peer;
            }
        }
    }

    /// Lets time pass.
    pub fn run(&mut self, span: Duration) {
        let end = self.network.now.saturating_add(span.as_nanos());
        while self.step(end) {}
        self.network.now = end;
    }

    /// Lets the next thing happen, if it is due before the end.
    #[inline]
    pub fn step(&mut self, end: u64) -> bool {
        let heap = self.network.heap.peek().map_or((u64::MAX, u64::MAX), |entry| entry.0.key);
        let constant = self.network.constant.front().map_or((u64::MAX, u64::MAX), |due| due.0);
        let due = heap.min(constant);
        if due.0 > end || due.0 == u64::MAX {
            return false;
        }
        self.network.now = due.0;
        if constant < heap {
            if let Some((_, letter)) = self.network.constant.pop_front() {
                self.deliver(&letter);
            }
        } else if let Some(Reverse(entry)) = self.network.heap.pop() {
            self.due(&entry.what);
        }
        true
    }

    fn due(&mut self, what: &What) {
        match *what {
            What::Letter(place) => {
                let empty = Letter { from: 0, to: 0, message: SwapMessage::Query { number: 0 } };
                let letter = core::mem::replace(&mut self.network.letters[place as usize], empty);
                self.network.free.push(place);
                self.deliver(&letter);
            }
            What::Fire(me, incarnation) | What::Tick(me, incarnation)
                if incarnation != self.incarnation[me as usize] => {}
            // Waiting times have no memory: a clock that is held back may ring at any time later.
            What::Fire(me, incarnation) if self.network.quiet => {
                let key = self.network.key(50_000_000);
                self.network.heap.push(Reverse(Entry { key, what: What::Fire(me, incarnation) }));
            }
            What::Fire(me, _) => self.give(me, Input::Timer(SwapTimer::Fire)),
            What::Tick(me, _) => self.give(me, Input::Timer(SwapTimer::Tick)),
        }
    }

    #[inline]
    fn deliver(&mut self, letter: &Letter) {
        self.give(letter.to, Input::Message { from: SimPeer(letter.from), message: &letter.message });
    }

    /// What all peers counted that are or were in this world's places.
    pub fn counters(&self) -> Counters {
        let mut sum = Counters::default();
        self.nodes.iter().for_each(|node| sum.add(node.counters()));
        sum
    }

    /// Whom a node holds, by number.
    pub fn neighbours(&self, me: u32) -> Vec<u32> {
        self.nodes[me as usize].neighbours().map(|peer| peer.0).collect()
    }

    /// Peers that are up.
    pub fn alive(&self) -> impl Iterator<Item = u32> {
        (0..self.nodes.len() as u32).filter(|&me| self.up[me as usize])
    }

    /// Edges that only one end holds, of peers that are up.
    pub fn one_sided(&self) -> usize {
        let holds = |a: u32, b: u32| self.up[a as usize] && self.nodes[a as usize].neighbours().any(|peer| peer.0 == b);
        self.alive().map(|me| self.neighbours(me).into_iter().filter(|&peer| !holds(peer, me)).count()).sum()
    }

    /// How many peers that are up have fewer neighbours than they should.
    pub fn vacant(&self) -> usize {
        self.alive().filter(|&me| self.nodes[me as usize].neighbours().count() < self.config.degree).count()
    }

    /// No peer has itself, a repeat, or more neighbours than it should.
    pub fn is_sound(&self) -> bool {
        self.alive().all(|me| {
            let mut list = self.neighbours(me);
            let count = list.len();
            list.sort_unstable();
            list.dedup();
            list.len() == count && count <= self.config.degree && !list.contains(&me)
        })
    }

    /// Into how many parts those that are up fall, over edges that at least one end holds; and how many of the parts are a peer
    /// alone, which has just come back.
    pub fn parts(&self) -> (usize, usize) {
        let mut group: Vec<u32> = (0..self.nodes.len() as u32).collect();
        fn root(group: &mut [u32], mut at: u32) -> u32 {
            while group[at as usize] != at {
                group[at as usize] = group[group[at as usize] as usize];
                at = group[at as usize];
            }
            at
        }
        let mut groups = self.alive().count();
        let mut alone = vec![true; self.nodes.len()];
        for me in self.alive() {
            for peer in self.neighbours(me).into_iter().filter(|&peer| self.up[peer as usize]) {
                (alone[me as usize], alone[peer as usize]) = (false, false);
                let (a, b) = (root(&mut group, me), root(&mut group, peer));
                if a != b {
                    group[a as usize] = b;
                    groups -= 1;
                }
            }
        }
        (groups, self.alive().filter(|&me| alone[me as usize]).count())
    }

    /// Whether the nodes that are up are in one piece.
    pub fn is_connected(&self) -> bool {
        self.parts().0 <= 1
    }
}
