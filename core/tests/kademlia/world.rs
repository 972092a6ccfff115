//! A host in memory for directories. Every message takes 10 to 50 ms; what is sent to a dead node is lost without a word.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use rapprochement_core::kademlia::{
    Kademlia, KademliaCommand, KademliaConfig, KademliaEvent, KademliaMessage, KademliaTimer, Value,
};
use rapprochement_core::peer::{PeerId, SimPeer};
use rapprochement_core::protocol::{Context, Durable, Input, Protocol, TimerHandle};
use rapprochement_core::random::below;
use rapprochement_core::time::{Duration, Instant};
use rapprochement_core::wire::Message;

pub(crate) type Node = Kademlia<SimPeer>;
pub(crate) type Msg = KademliaMessage<SimPeer>;

/// A message that a node sent, for tests that play its peers.
pub(crate) type Sent = (SimPeer, SimPeer, Msg);

pub(crate) struct World {
    pub(crate) nodes: Vec<Node>,
    pub(crate) up: Vec<bool>,
    rngs: Vec<ChaCha8Rng>,
    pub(crate) now: Instant,
    queue: BinaryHeap<Reverse<(Instant, u64)>>,
    what: BTreeMap<u64, (u32, What)>,
    cancelled: BTreeSet<u64>,
    sequence: u64,
    pub(crate) rng: ChaCha8Rng,
    /// What nodes told since this was last taken.
    pub(crate) events: Vec<(u32, KademliaEvent)>,
    /// Of 1000 messages, how many are lost.
    pub(crate) loss: u32,
    pub(crate) messages: u64,
    /// Nodes that the test plays itself: what is sent to them is collected here.
    pub(crate) played: Vec<SimPeer>,
    pub(crate) collected: Vec<Sent>,
}

enum What {
    Message(SimPeer, Msg),
    /// Of a life of the node.
    Timer(KademliaTimer),
}

struct Effects<'a> {
    me: SimPeer,
    rng: &'a mut ChaCha8Rng,
    sequence: &'a mut u64,
    sends: Vec<(SimPeer, Msg)>,
    timers: Vec<(u64, Duration, KademliaTimer)>,
    cancelled: Vec<u64>,
    events: Vec<KademliaEvent>,
}

impl Context<Node> for Effects<'_> {
    type Rng = ChaCha8Rng;

    fn send(&mut self, to: SimPeer, message: Msg) {
        assert_ne!(to, self.me, "a node sends to itself");
        self.sends.push((to, message));
    }

    fn send_many(&mut self, to: &[SimPeer], message: Msg) {
        to.iter().for_each(|&to| self.send(to, message.clone()));
    }

    fn backlog(&self, _to: SimPeer) -> Duration {
        Duration::ZERO
    }

    fn disconnect(&mut self, _to: SimPeer) {}

    fn set_timer(&mut self, after: Duration, timer: KademliaTimer) -> TimerHandle {
        *self.sequence += 1;
        self.timers.push((*self.sequence, after, timer));
        TimerHandle::from_bits(*self.sequence)
    }

    fn cancel_timer(&mut self, handle: TimerHandle) {
        self.cancelled.push(handle.to_bits());
    }

    fn emit(&mut self, event: KademliaEvent) {
        self.events.push(event);
    }

    fn rng(&mut self) -> &mut ChaCha8Rng {
        self.rng
    }

    fn me(&self) -> SimPeer {
        self.me
    }
}

pub(crate) fn key(name: &str) -> PeerId {
    let mut id = PeerId::default();
    ChaCha8Rng::seed_from_u64(name.bytes().fold(7, |sum, byte| sum * 257 + u64::from(byte))).fill_bytes(&mut id.0);
    id
}

pub(crate) fn value(text: &str) -> Value {
    Value::new(text.as_bytes()).unwrap()
}

impl World {
    /// Nodes that know nobody yet.
    pub(crate) fn new(nodes: u32, config: KademliaConfig, seed: u64) -> Self {
        let mut world = Self {
            nodes: (0..nodes).map(|me| Node::new(SimPeer(me), config).unwrap()).collect(),
            up: vec![true; nodes as usize],
            rngs: (0..nodes).map(|me| ChaCha8Rng::seed_from_u64(seed ^ (u64::from(me) + 1) << 32)).collect(),
            now: Instant::ZERO,
            queue: BinaryHeap::new(),
            what: BTreeMap::new(),
            cancelled: BTreeSet::new(),
            sequence: 0,
            rng: ChaCha8Rng::seed_from_u64(seed),
            events: Vec::new(),
            loss: 0,
            messages: 0,
            played: Vec::new(),
            collected: Vec::new(),
        };
        (0..nodes).for_each(|me| world.give(me, Input::Start));
        world
    }

    /// A directory that all of the nodes have joined, each through one that was there before.
    pub(crate) fn joined(nodes: u32, config: KademliaConfig, seed: u64) -> Self {
        let mut world = Self::new(nodes, config, seed);
        for me in 1..nodes {
            let contact = SimPeer(below(&mut world.rng, me));
            world.command(me, KademliaCommand::Join(vec![contact]));
            world.run(Duration::from_millis(200));
        }
        world.run(Duration::from_secs(10));
        world
    }

    pub(crate) fn command(&mut self, me: u32, command: KademliaCommand<SimPeer>) {
        self.give(me, Input::Command(command));
    }

    pub(crate) fn give(&mut self, me: u32, input: Input<'_, Node>) {
        let at = me as usize;
        if !self.up[at] {
            return;
        }
        let (sends, timers, cancelled, events) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (rng, sequence) = (&mut self.rngs[at], &mut self.sequence);
        let mut effects = Effects { me: SimPeer(me), rng, sequence, sends, timers, cancelled, events };
        self.nodes[at].handle(self.now, input, &mut effects);
        let Effects { sends, timers, cancelled, events, .. } = effects;
        self.events.extend(events.into_iter().map(|event| (me, event)));
        for (number, after, timer) in timers {
            self.queue.push(Reverse((self.now + after, number)));
            self.what.insert(number, (me, What::Timer(timer)));
        }
        self.cancelled.extend(cancelled);
        sends.into_iter().for_each(|(to, message)| self.transmit(SimPeer(me), to, message));
    }

    fn transmit(&mut self, from: SimPeer, to: SimPeer, message: Msg) {
        self.messages += 1;
        let mut bytes = Vec::new();
        message.encode(&mut bytes);
        assert_eq!(bytes.len(), message.encoded_len());
        let message = Msg::decode(&bytes).unwrap();
        if self.played.contains(&to) {
            self.collected.push((from, to, message));
        } else if below(&mut self.rng, 1000) >= self.loss {
            self.sequence += 1;
            let after = Duration::from_millis(u64::from(10 + below(&mut self.rng, 41)));
            self.queue.push(Reverse((self.now + after, self.sequence)));
            self.what.insert(self.sequence, (to.0, What::Message(from, message)));
        }
    }

    pub(crate) fn run(&mut self, span: Duration) {
        let end = self.now + span;
        while let Some(&Reverse((at, number))) = self.queue.peek()
            && at <= end
        {
            self.queue.pop();
            let Some((to, what)) = self.what.remove(&number) else { continue };
            if self.cancelled.remove(&number) {
                continue;
            }
            self.now = at;
            match what {
                What::Message(from, message) => self.give(to, Input::Message { from, message: &message }),
                What::Timer(timer) => self.give(to, Input::Timer(timer)),
            }
        }
        self.now = end;
    }

    /// The node is gone, and with it its timers.
    pub(crate) fn crash(&mut self, me: u32) {
        self.up[me as usize] = false;
        self.what.retain(|_, (to, what)| *to != me || matches!(what, What::Message(..)));
    }

    /// The node is back, with what is durable.
    pub(crate) fn restart(&mut self, me: u32) {
        let at = me as usize;
        let saved = self.nodes[at].save();
        self.nodes[at].recover(saved);
        self.up[at] = true;
        self.give(me, Input::Start);
    }

    /// So many random living nodes but the first `spared` vanish at once.
    pub(crate) fn crash_some(&mut self, count: usize, spared: u32) {
        for _ in 0..count {
            let living: Vec<u32> = (spared..self.nodes.len() as u32).filter(|me| self.up[*me as usize]).collect();
            let me = living[below(&mut self.rng, living.len() as u32) as usize];
            self.crash(me);
        }
    }

    /// What a node tells after the command, within a minute.
    pub(crate) fn ask(&mut self, me: u32, command: KademliaCommand<SimPeer>) -> Option<KademliaEvent> {
        self.events.clear();
        self.command(me, command);
        let end = self.now + Duration::from_secs(60);
        while self.now < end {
            let found =
                self.events.iter().find(|(who, event)| *who == me && !matches!(event, KademliaEvent::Joined { .. }));
            if let Some((_, event)) = found {
                return Some(event.clone());
            }
            self.run(Duration::from_millis(5));
        }
        None
    }

    /// The values that a node finds, and in how many hops.
    pub(crate) fn resolve(&mut self, me: u32, key: PeerId) -> Option<(Vec<Value>, u16)> {
        match self.ask(me, KademliaCommand::Resolve(key)) {
            Some(KademliaEvent::Resolved { values, hops, .. }) => Some((values, hops)),
            _ => None,
        }
    }
}
