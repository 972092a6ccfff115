//! A small host in memory: seeded latency, loss, duplication, partitions and crashes. Every message crosses it as bytes,
//! and every message is held to the rules of its encoding on the way.

use std::collections::BTreeMap;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rapprochement_core::peer::SimPeer;
use rapprochement_core::protocol::{Context, Input, TimerHandle};
use rapprochement_core::random;
use rapprochement_core::reconcile::{SyncCommand, SyncEvent, SyncMessage, Tick};
use rapprochement_core::store::Store;
use rapprochement_core::time::{Duration, Instant};
use rapprochement_core::wire::Message;

use crate::subjects::Subject;

pub(crate) struct Host<Y: Subject> {
    pub(crate) nodes: Vec<Node<Y>>,
    /// Nodes of different groups do not hear each other.
    pub(crate) groups: Vec<u8>,
    /// Of 1000 messages, how many are lost, and how many arrive twice.
    pub(crate) loss: u32,
    pub(crate) duplication: u32,
    /// What the nodes told, in order.
    pub(crate) events: Vec<(u32, SyncEvent<SimPeer>)>,
    /// What the nodes sent: class and length, in order.
    pub(crate) sent: Vec<(usize, usize)>,
    /// What the last input had its node send.
    pub(crate) answer: Vec<(SimPeer, SyncMessage)>,
    /// What the nodes asked of their timers, in order.
    pub(crate) armed: Vec<(u32, Duration)>,
    pub(crate) now: Instant,
    budget: usize,
    rng: ChaCha8Rng,
    queue: BTreeMap<(Instant, u64), Due>,
    sequence: u64,
}

pub(crate) struct Node<Y: Subject> {
    protocol: Y,
    pub(crate) up: bool,
    saved: Option<Y::Saved>,
    incarnation: u32,
    rng: ChaCha8Rng,
}

enum Due {
    Message { from: u32, to: u32, bytes: Vec<u8> },
    Tick { node: u32, incarnation: u32 },
}

struct Effects<'a> {
    me: u32,
    rng: &'a mut ChaCha8Rng,
    sends: Vec<(SimPeer, SyncMessage)>,
    timers: Vec<Duration>,
    events: Vec<SyncEvent<SimPeer>>,
}

impl<Y: Subject> Context<Y> for Effects<'_> {
    type Rng = ChaCha8Rng;

    fn send(&mut self, to: SimPeer, message: SyncMessage) {
        self.sends.push((to, message));
    }

    fn send_many(&mut self, to: &[SimPeer], message: SyncMessage) {
        self.sends.extend(to.iter().map(|&to| (to, message.clone())));
    }

    fn backlog(&self, _to: SimPeer) -> Duration {
        Duration::ZERO
    }

    fn disconnect(&mut self, _to: SimPeer) {}

    fn set_timer(&mut self, after: Duration, Tick: Tick) -> TimerHandle {
        self.timers.push(after);
        TimerHandle::from_bits(0)
    }

    fn cancel_timer(&mut self, _handle: TimerHandle) {}

    fn emit(&mut self, event: SyncEvent<SimPeer>) {
        self.events.push(event);
    }

    fn rng(&mut self) -> &mut ChaCha8Rng {
        self.rng
    }

    fn me(&self) -> SimPeer {
        SimPeer(self.me)
    }
}

impl<Y: Subject> Host<Y> {
    pub(crate) fn new(nodes: u32, budget: usize, seed: u64) -> Self {
        let node = |me| Node {
            protocol: Y::make(me, nodes, budget),
            up: true,
            saved: None,
            incarnation: 0,
            rng: ChaCha8Rng::seed_from_u64(seed ^ (u64::from(me) + 1) << 32),
        };
        let mut host = Self {
            nodes: (0..nodes).map(node).collect(),
            groups: vec![0; nodes as usize],
            loss: 0,
            duplication: 0,
            events: Vec::new(),
            sent: Vec::new(),
            answer: Vec::new(),
            armed: Vec::new(),
            now: Instant::ZERO,
            budget,
            rng: ChaCha8Rng::seed_from_u64(seed),
            queue: BTreeMap::new(),
            sequence: 0,
        };
        for me in 0..nodes {
            host.give(me, Input::Start);
        }
        host
    }

    pub(crate) fn store(&self, node: u32) -> &Store {
        self.nodes[node as usize].protocol.store()
    }

    /// Gives a node one input, and carries out what it asks.
    pub(crate) fn give(&mut self, me: u32, input: Input<'_, Y>) {
        let node = &mut self.nodes[me as usize];
        if !node.up {
            return;
        }
        let (sends, timers, events) = (Vec::new(), Vec::new(), Vec::new());
        let mut effects = Effects { me, rng: &mut node.rng, sends, timers, events };
        node.protocol.handle(self.now, input, &mut effects);
        let Effects { sends, timers, events, .. } = effects;
        let incarnation = node.incarnation;
        self.events.extend(events.into_iter().map(|event| (me, event)));
        for after in timers {
            self.armed.push((me, after));
            self.post(self.now + after, Due::Tick { node: me, incarnation });
        }
        for (to, message) in &sends {
            self.transmit(me, to.0, message);
        }
        self.answer = sends;
    }

    pub(crate) fn command(&mut self, me: u32, command: SyncCommand) {
        self.give(me, Input::Command(command));
    }

    pub(crate) fn write(&mut self, me: u32, key: &[u8], value: &[u8]) {
        self.command(me, SyncCommand::Write { key: key.into(), value: value.into() });
    }

    pub(crate) fn deliver(&mut self, from: u32, to: u32, message: &SyncMessage) {
        self.give(to, Input::Message { from: SimPeer(from), message });
    }

    /// Takes a node down without warning; with `loses`, what it had on its disk goes too.
    pub(crate) fn crash(&mut self, me: u32, loses: bool) {
        let nodes = self.nodes.len() as u32;
        let node = &mut self.nodes[me as usize];
        if !node.up {
            return;
        }
        if loses {
            node.protocol.forget();
        }
        node.saved = Some(node.protocol.save());
        node.protocol = Y::make(me, nodes, self.budget);
        node.incarnation += 1;
        node.up = false;
    }

    pub(crate) fn restart(&mut self, me: u32) {
        let node = &mut self.nodes[me as usize];
        if let Some(saved) = node.saved.take() {
            node.protocol.recover(saved);
            node.up = true;
            self.give(me, Input::Start);
        }
    }

    pub(crate) fn run(&mut self, span: Duration) {
        let end = self.now + span;
        while let Some(due) = self.queue.first_entry().filter(|due| due.key().0 <= end) {
            self.now = due.key().0;
            match due.remove() {
                Due::Message { from, to, bytes } if self.connected(from, to) => {
                    self.deliver(from, to, &SyncMessage::decode(&bytes).unwrap());
                }
                Due::Tick { node, incarnation } if self.nodes[node as usize].incarnation == incarnation => {
                    self.give(node, Input::Timer(Tick));
                }
                Due::Message { .. } | Due::Tick { .. } => {}
            }
        }
        self.now = end;
    }

    /// Runs until all nodes that are up hold the same, and says whether they got there in time.
    pub(crate) fn converges_within(&mut self, span: Duration) -> bool {
        let deadline = self.now + span;
        while !self.converged() && self.now < deadline {
            self.run(Duration::from_millis(250));
        }
        self.converged()
    }

    /// By the tuples themselves and not by their hashes, which must tell the same.
    pub(crate) fn converged(&self) -> bool {
        let mut stores = self.nodes.iter().filter(|node| node.up).map(|node| node.protocol.store());
        let Some(first) = stores.next() else { return true };
        stores.all(|store| {
            let equal = first.len() == store.len() && first.iter().zip(store.iter()).all(|(a, b)| a.same_content(b));
            assert_eq!(equal, first.root_digest() == store.root_digest());
            equal
        })
    }

    pub(crate) fn bytes_sent(&self) -> usize {
        self.sent.iter().map(|(_, len)| len).sum()
    }

    fn connected(&self, from: u32, to: u32) -> bool {
        self.groups[from as usize] == self.groups[to as usize]
    }

    fn transmit(&mut self, from: u32, to: u32, message: &SyncMessage) {
        let mut bytes = Vec::new();
        message.encode(&mut bytes);
        assert_eq!(bytes.len(), message.encoded_len());
        assert_eq!(SyncMessage::decode(&bytes).as_ref(), Ok(message));
        self.sent.push((message.class(), bytes.len()));
        let copies = if random::below(&mut self.rng, 1000) < self.duplication { 2 } else { 1 };
        for _ in 0..copies {
            if self.connected(from, to) && random::below(&mut self.rng, 1000) >= self.loss {
                let latency = Duration::from_millis(u64::from(random::below(&mut self.rng, 200)));
                self.post(self.now + latency, Due::Message { from, to, bytes: bytes.clone() });
            }
        }
    }

    fn post(&mut self, at: Instant, due: Due) {
        self.sequence += 1;
        self.queue.insert((at, self.sequence), due);
    }
}
