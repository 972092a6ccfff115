//! A host in memory for samplers. Nodes begin their rounds at random points of the first interval and go on in step; every
//! message takes a millisecond, so a round's messages arrive within the round.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rapprochement_core::overlay::sampling::{
    AnyMessage, AnySampler, AnyTimer, Introduce, PeerSampling, SamplingConfig, SamplingEvent,
};
use rapprochement_core::peer::SimPeer;
use rapprochement_core::protocol::{Context, Input, Protocol, TimerHandle};
use rapprochement_core::random;
use rapprochement_core::time::{Duration, Instant};
use rapprochement_core::wire::Message;

use crate::graph::Views;

type Sampler = AnySampler<SimPeer>;

const LATENCY: Duration = Duration::from_millis(1);

pub(crate) struct World {
    pub(crate) nodes: Vec<Node>,
    config: SamplingConfig,
    interval: Duration,
    pub(crate) now: Instant,
    queue: BinaryHeap<Reverse<Due>>,
    sequence: u64,
    pub(crate) rng: ChaCha8Rng,
    /// Of 1000 messages, how many are lost, and how many arrive twice.
    pub(crate) loss: u32,
    pub(crate) duplication: u32,
    /// Whether who sends to a dead node is told that it is down.
    pub(crate) evidence: bool,
    /// Whether every message is encoded and decoded on its way.
    pub(crate) encodes: bool,
    pub(crate) bytes: u64,
    pub(crate) messages: u64,
}

pub(crate) struct Node {
    pub(crate) sampler: Sampler,
    pub(crate) up: bool,
    /// What the events say the view is.
    pub(crate) told: Vec<SimPeer>,
    incarnation: u32,
    rng: ChaCha8Rng,
}

#[derive(PartialEq, Eq)]
struct Due {
    at: Instant,
    sequence: u64,
    to: u32,
    what: What,
}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.sequence).cmp(&(other.at, other.sequence))
    }
}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

#[derive(PartialEq, Eq)]
enum What {
    Message(SimPeer, AnyMessage<SimPeer>),
    Timer(u32, AnyTimer),
    Down(SimPeer),
}

struct Effects<'a> {
    me: SimPeer,
    rng: &'a mut ChaCha8Rng,
    told: &'a mut Vec<SimPeer>,
    sends: Vec<(SimPeer, AnyMessage<SimPeer>)>,
    timers: Vec<(Duration, AnyTimer)>,
}

impl Context<Sampler> for Effects<'_> {
    type Rng = ChaCha8Rng;

    fn send(&mut self, to: SimPeer, message: AnyMessage<SimPeer>) {
        assert_ne!(to, self.me, "a node sends to itself");
        self.sends.push((to, message));
    }

    fn send_many(&mut self, to: &[SimPeer], message: AnyMessage<SimPeer>) {
        to.iter().for_each(|&to| self.send(to, message.clone()));
    }

    fn backlog(&self, _to: SimPeer) -> Duration {
        Duration::ZERO
    }

    fn disconnect(&mut self, _to: SimPeer) {}

    fn set_timer(&mut self, after: Duration, timer: AnyTimer) -> TimerHandle {
        self.timers.push((after, timer));
        TimerHandle::from_bits(0)
    }

    fn cancel_timer(&mut self, _handle: TimerHandle) {}

    fn emit(&mut self, event: SamplingEvent<SimPeer>) {
        match event {
            SamplingEvent::Joined(peer) => {
                assert!(!self.told.contains(&peer), "joined twice");
                self.told.push(peer);
            }
            SamplingEvent::Left(peer) => {
                let place = self.told.iter().position(|&known| known == peer);
                self.told.swap_remove(place.expect("left without having joined"));
            }
        }
    }

    fn rng(&mut self) -> &mut ChaCha8Rng {
        self.rng
    }

    fn me(&self) -> SimPeer {
        self.me
    }
}

impl World {
    /// Nodes that know nobody yet. `interval` is that of the sampler's rounds.
    pub(crate) fn new(config: SamplingConfig, interval: Duration, nodes: u32, seed: u64) -> Self {
        let node = |me: u32| Node {
            sampler: config.build(SimPeer(me)).unwrap(),
            up: true,
            told: Vec::new(),
            incarnation: 0,
            rng: ChaCha8Rng::seed_from_u64(seed ^ (u64::from(me) + 1) << 32),
        };
        let mut world = Self {
            nodes: (0..nodes).map(node).collect(),
            config,
            interval,
            now: Instant::ZERO,
            queue: BinaryHeap::new(),
            sequence: 0,
            rng: ChaCha8Rng::seed_from_u64(seed),
            loss: 0,
            duplication: 0,
            evidence: false,
            encodes: false,
            bytes: 0,
            messages: 0,
        };
        (0..nodes).for_each(|me| world.give(me, Input::Start));
        world
    }

    /// Every node gets to know the `count` nodes before it on a ring: far from random.
    pub(crate) fn introduce_ring(&mut self, count: u32) {
        let n = self.nodes.len() as u32;
        for me in 0..n {
            let before = (1..=count.min(n - 1)).map(|step| SimPeer((me + n - step) % n)).collect();
            self.give(me, Input::Command(Introduce(before)));
        }
    }

    /// Node after node joins through one that is there already.
    pub(crate) fn introduce_one_by_one(&mut self) {
        for me in 1..self.nodes.len() as u32 {
            let contact = SimPeer(random::below(&mut self.rng, me));
            self.give(me, Input::Command(Introduce(vec![contact])));
            self.run(Duration::from_millis(20));
        }
    }

    pub(crate) fn give(&mut self, me: u32, input: Input<'_, Sampler>) {
        let Node { sampler, told, rng, incarnation, up } = &mut self.nodes[me as usize];
        if !*up {
            return;
        }
        let (sends, timers) = (Vec::new(), Vec::new());
        let mut effects = Effects { me: SimPeer(me), rng, told, sends, timers };
        sampler.handle(self.now, input, &mut effects);
        let Effects { sends, timers, .. } = effects;
        let incarnation = *incarnation;
        timers.into_iter().for_each(|(after, timer)| self.post(after, me, What::Timer(incarnation, timer)));
        sends.into_iter().for_each(|(to, message)| self.transmit(SimPeer(me), to, message));
    }

    pub(crate) fn crash(&mut self, me: u32) {
        let node = &mut self.nodes[me as usize];
        node.up = false;
        node.incarnation += 1;
        node.sampler = self.config.build(SimPeer(me)).unwrap();
        node.told.clear();
    }

    pub(crate) fn restart(&mut self, me: u32, contacts: Vec<SimPeer>) {
        if !std::mem::replace(&mut self.nodes[me as usize].up, true) {
            self.give(me, Input::Start);
            self.give(me, Input::Command(Introduce(contacts)));
        }
    }

    /// A random half of the nodes vanishes at once.
    pub(crate) fn halve(&mut self) {
        let mut all: Vec<u32> = (0..self.nodes.len() as u32).collect();
        random::shuffle(&mut self.rng, &mut all);
        let half = all.len() / 2;
        all.into_iter().take(half).for_each(|me| self.crash(me));
    }

    pub(crate) fn cycles(&mut self, count: u64) {
        self.run(self.interval.saturating_mul(count));
    }

    pub(crate) fn run(&mut self, span: Duration) {
        let end = self.now + span;
        while self.queue.peek().is_some_and(|Reverse(due)| due.at <= end) {
            let Some(Reverse(due)) = self.queue.pop() else { break };
            self.now = due.at;
            self.happen(due.to, due.what);
        }
        self.now = end;
    }

    fn happen(&mut self, to: u32, what: What) {
        match what {
            What::Message(from, message) => {
                if self.nodes[to as usize].up {
                    self.give(to, Input::Message { from, message: &message });
                } else if self.evidence {
                    self.post(LATENCY, from.0, What::Down(SimPeer(to)));
                }
            }
            What::Timer(incarnation, timer) => {
                if self.nodes[to as usize].incarnation == incarnation {
                    self.give(to, Input::Timer(timer));
                }
            }
            What::Down(peer) => self.give(to, Input::PeerDown(peer)),
        }
    }

    fn transmit(&mut self, from: SimPeer, to: SimPeer, message: AnyMessage<SimPeer>) {
        self.bytes += message.encoded_len() as u64;
        self.messages += 1;
        if self.encodes {
            let mut bytes = Vec::new();
            message.encode(&mut bytes);
            assert_eq!(bytes.len(), message.encoded_len());
            assert_eq!(AnyMessage::decode(&bytes).as_ref(), Ok(&message));
        }
        let copies = if self.chance(self.duplication) { 2 } else { 1 };
        for _ in 0..copies {
            if !self.chance(self.loss) {
                self.post(LATENCY, to.0, What::Message(from, message.clone()));
            }
        }
    }

    fn chance(&mut self, of_1000: u32) -> bool {
        of_1000 > 0 && random::below(&mut self.rng, 1000) < of_1000
    }

    fn post(&mut self, after: Duration, to: u32, what: What) {
        self.sequence += 1;
        self.queue.push(Reverse(Due { at: self.now + after, sequence: self.sequence, to, what }));
    }

    pub(crate) fn views(&self) -> Views {
        self.lists(PeerSampling::view)
    }

    pub(crate) fn samples(&self) -> Views {
        self.lists(PeerSampling::samples)
    }

    fn lists(&self, list: impl Fn(&Sampler) -> Vec<SimPeer>) -> Views {
        let of = |node: &Node| if node.up { list(&node.sampler) } else { Vec::new() };
        self.nodes.iter().map(|node| of(node).iter().map(|peer| peer.0).collect()).collect()
    }

    /// The share of links that lead to dead nodes.
    pub(crate) fn dead_share(&self, lists: &Views) -> f64 {
        let dead = lists.iter().flatten().filter(|&&peer| !self.nodes[peer as usize].up).count();
        dead as f64 / lists.iter().flatten().count().max(1) as f64
    }

    /// Cycles until less than 1 % of the links lead to dead nodes; `None` beyond `limit`.
    pub(crate) fn self_cleaning(&mut self, lists: impl Fn(&Self) -> Views, limit: u64) -> Option<u64> {
        for cycle in 0..=limit {
            if self.dead_share(&lists(self)) < 0.01 {
                return Some(cycle);
            }
            self.cycles(1);
        }
        None
    }
}
