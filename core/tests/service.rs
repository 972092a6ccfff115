//! The whole service under random faults, in a small event loop: messages are encoded and decoded, lost, doubled and delayed, nodes
//! crash and come back, and a hostile node says whatever an attacker would. Whatever happens, pools stay bounded, nobody is its own
//! neighbour, the dead are given up, ranks are numbers, and the honest part goes on.

#[path = "support/plain_keys.rs"]
mod plain_keys;

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use proptest::prelude::*;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use rapprochement_core::overlay::refusals::Refusal;
use rapprochement_core::peer::{Peer, SimPeer};
use rapprochement_core::protocol::{Context, Durable, Input, Protocol, TimerHandle};
use rapprochement_core::random::{below, unit};
use rapprochement_core::reconcile::SyncMessage;
use rapprochement_core::service::config::ServiceConfig;
use rapprochement_core::service::message::ServiceMessage;
use rapprochement_core::service::opinion::Opinion;
use rapprochement_core::service::{Service, ServiceEvent, ServiceTimer};
use rapprochement_core::store::Tuple;
use rapprochement_core::time::{Duration, Instant};
use rapprochement_core::wire::Message;

use plain_keys::PlainKeys;

type Node = Service<SimPeer, PlainKeys>;

#[derive(Clone, Debug)]
enum What {
    Message(u32, ServiceMessage<SimPeer>),
    Timer(u32, ServiceTimer),
}

/// What one step of a node asks for.
struct Outbox<'a> {
    me: u32,
    rng: &'a mut ChaCha8Rng,
    sends: Vec<(SimPeer, ServiceMessage<SimPeer>)>,
    timers: Vec<(Duration, ServiceTimer)>,
}

impl Context<Node> for Outbox<'_> {
    type Rng = ChaCha8Rng;

    fn send(&mut self, to: SimPeer, message: ServiceMessage<SimPeer>) {
        self.sends.push((to, message));
    }

    fn send_many(&mut self, to: &[SimPeer], message: ServiceMessage<SimPeer>) {
        to.iter().for_each(|to| self.sends.push((*to, message.clone())));
    }

    fn backlog(&self, _: SimPeer) -> Duration {
        Duration::ZERO
    }

    fn disconnect(&mut self, _: SimPeer) {}

    fn set_timer(&mut self, after: Duration, timer: ServiceTimer) -> TimerHandle {
        self.timers.push((after, timer));
        TimerHandle::from_bits(0)
    }

    fn cancel_timer(&mut self, _: TimerHandle) {}

    fn emit(&mut self, _: ServiceEvent<SimPeer>) {}

    fn rng(&mut self) -> &mut ChaCha8Rng {
        self.rng
    }

    fn me(&self) -> SimPeer {
        SimPeer(self.me)
    }
}

struct World {
    rng: ChaCha8Rng,
    nodes: Vec<Node>,
    up: Vec<bool>,
    incarnation: Vec<u32>,
    now: u64,
    sequence: u64,
    queue: BinaryHeap<Reverse<(u64, u64, u32)>>,
    waiting: std::collections::BTreeMap<u64, What>,
    loss: f64,
}

impl World {
    fn new(count: u32, seed: u64) -> Self {
        let secs = Duration::from_secs;
        let config =
            ServiceConfig { opine_every: secs(10), review_every: secs(5), opinions: 6, ..ServiceConfig::default() };
        let node = |me: u32| {
            let known = vec![SimPeer((me + 1) % count), SimPeer((me + 5) % count)];
            Service::new(config, SimPeer(me), PlainKeys(SimPeer(me).id()), known).unwrap()
        };
        let mut world = Self {
            rng: ChaCha8Rng::seed_from_u64(seed),
            nodes: (0..count).map(node).collect(),
            up: vec![true; count as usize],
            incarnation: vec![0; count as usize],
            now: 0,
            sequence: 0,
            queue: BinaryHeap::new(),
            waiting: Default::default(),
            loss: 0.02,
        };
        (0..count).for_each(|node| world.give(node, Input::Start));
        world
    }

    fn post(&mut self, after: u64, to: u32, what: What) {
        self.sequence += 1;
        self.queue.push(Reverse((self.now + after, self.sequence, to)));
        self.waiting.insert(self.sequence, what);
    }

    fn send(&mut self, from: u32, to: u32, message: &ServiceMessage<SimPeer>) {
        let mut bytes = Vec::new();
        message.encode(&mut bytes);
        assert_eq!(bytes.len(), message.encoded_len());
        let decoded = ServiceMessage::decode(&bytes).unwrap();
        assert_eq!(&decoded, message);
        if to as usize >= self.nodes.len() || unit(&mut self.rng) < self.loss {
            return;
        }
        let copies = if unit(&mut self.rng) < 0.01 { 2 } else { 1 };
        for _ in 0..copies {
            let after =
                5_000_000 + u64::from(from.abs_diff(to)) * 2_000_000 + u64::from(below(&mut self.rng, 3_000_000));
            self.post(after, to, What::Message(from, decoded.clone()));
        }
    }

    fn give(&mut self, me: u32, input: Input<'_, Node>) {
        let mut outbox = Outbox { me, rng: &mut self.rng, sends: Vec::new(), timers: Vec::new() };
        self.nodes[me as usize].handle(Instant::from_nanos(self.now), input, &mut outbox);
        let Outbox { sends, timers, .. } = outbox;
        let incarnation = self.incarnation[me as usize];
        timers.into_iter().for_each(|(after, timer)| self.post(after.as_nanos(), me, What::Timer(incarnation, timer)));
        sends.into_iter().for_each(|(to, message)| self.send(me, to.0, &message));
    }

    fn run(&mut self, secs: u64) {
        let end = self.now + secs * 1_000_000_000;
        while let Some(&Reverse((time, number, to))) = self.queue.peek().filter(|next| next.0.0 <= end) {
            self.queue.pop();
            self.now = time;
            match self.waiting.remove(&number).unwrap() {
                What::Message(from, message) if self.up[to as usize] => {
                    self.give(to, Input::Message { from: SimPeer(from), message: &message });
                }
                What::Timer(of, timer) if self.up[to as usize] && of == self.incarnation[to as usize] => {
                    self.give(to, Input::Timer(timer));
                }
                _ => {}
            }
        }
        self.now = end;
    }

    fn crash(&mut self, node: u32) {
        self.up[node as usize] = false;
        self.incarnation[node as usize] += 1;
    }

    fn restart(&mut self, node: u32) {
        if !std::mem::replace(&mut self.up[node as usize], true) {
            let saved = self.nodes[node as usize].save();
            self.nodes[node as usize].recover(saved);
            self.give(node, Input::Start);
        }
    }

    /// What must hold at any time.
    fn check(&self) {
        for (me, node) in self.nodes.iter().enumerate().filter(|(me, _)| self.up[*me]) {
            let held: Vec<u32> = node.neighbours().iter().map(|held| held.peer.0).collect();
            assert!(!held.contains(&(me as u32)) && held.len() <= 8 + 4 + 6, "{held:?}");
            assert!(
                node.book().len() <= 512 + 1024 && node.prober().links().len() <= 1024 && node.samples().len() <= 20
            );
            assert!(node.book().iter().all(|(peer, _)| peer.0 != me as u32));
            let own = node
                .store()
                .author(&SimPeer(me as u32).id())
                .map_or(0, |own| own.tuples().iter().filter(|tuple| tuple.value().is_some()).count());
            assert!(own <= 6, "{own} opinions");
            let top = node.top(usize::MAX);
            assert!(top.iter().all(|(_, score)| score.is_finite() && score.abs() <= 1.0));
        }
    }

    fn live(&self) -> impl Iterator<Item = (usize, &Node)> {
        self.nodes.iter().enumerate().filter(|(me, _)| self.up[*me])
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, ..ProptestConfig::default() })]

    #[test]
    fn faults_break_nothing(seed: u64, faults in prop::collection::vec((0u32..16, any::<bool>(), 1u64..20), 4..16)) {
        let mut world = World::new(16, seed);
        for (node, crashes, secs) in faults {
            if crashes { world.crash(node) } else { world.restart(node) }
            world.run(secs);
            world.check();
        }
        // The deadline of silence is a minute, and a review comes every five seconds.
        world.run(75);
        world.check();
        let up = world.up.clone();
        for (me, node) in world.live() {
            let dead = node.neighbours().iter().filter(|held| !up[held.peer.0 as usize]).count();
            prop_assert_eq!(dead, 0, "node {} keeps the dead", me);
        }
    }
}

/// A hostile peer forges, inflates itself, speaks of the future and of nonsense, floods, and answers what nobody asked: each is
/// counted, nothing of it is believed, and the others find each other all the same.
#[test]
fn lies_are_refused_and_counted() {
    let mut world = World::new(12, 7);
    world.run(30);
    let (liar, victim) = (SimPeer(99), 0);
    let keys = PlainKeys(liar.id());
    let opinion = |weight, formed| Opinion { weight, rtt: 1000, uptime: 1000, formed }.encode();
    let tuple = |keys: &PlainKeys, version, key: &[u8], value: &[u8]| {
        std::sync::Arc::new(Tuple::sign(keys, version, key, Some(value)).unwrap())
    };
    let rumour = |tuple| ServiceMessage::<SimPeer>::Sync(SyncMessage::Rumour { tuple, hops: 1 });
    let about = SimPeer(3).id().0;
    let lies = [
        rumour(tuple(&keys, 1, &liar.id().0, &opinion(1000, 0))),
        rumour(tuple(&keys, 2, &about, &opinion(1000, u64::MAX / 2000))),
        rumour(tuple(&keys, 3, &about, &opinion(0, 0))),
        rumour(tuple(&keys, 4, b"no peer", &opinion(5, 0))),
        rumour(std::sync::Arc::new(
            Tuple::from_parts(SimPeer(4).id(), 1 << 40, &about, Some(&opinion(-1000, 0)), [7; 64]).unwrap(),
        )),
    ];
    for lie in &lies {
        world.give(victim, Input::Message { from: liar, message: lie });
    }
    for _ in 0..200 {
        let nonce = world.rng.next_u64();
        let coordinate = rapprochement_core::overlay::vivaldi::Coordinate::ORIGIN;
        for probe in [
            rapprochement_core::overlay::probe::ProbeMessage::Ping { nonce, coordinate },
            rapprochement_core::overlay::probe::ProbeMessage::Pong { nonce, coordinate },
        ] {
            world.give(victim, Input::Message { from: liar, message: &ServiceMessage::Probe(probe) });
        }
    }
    let counters = world.nodes[0].counters().clone();
    assert_eq!(counters.of(Refusal::SelfOpinion), 1);
    assert_eq!(counters.of(Refusal::BadOpinion), 3);
    assert_eq!(counters.of(Refusal::BadSignature), 1);
    assert_eq!(counters.of(Refusal::UnknownNonce), 200);
    assert!(counters.of(Refusal::PingFlood) >= 180, "{counters:?}");
    assert_eq!(world.nodes[0].score(&liar.id()), 0.0);
    world.run(120);
    world.check();
    for (me, node) in world.live() {
        assert!(node.neighbours().len() >= 8, "node {me} has {}", node.neighbours().len());
        assert!(node.neighbours().iter().all(|held| held.peer != liar));
    }
}
