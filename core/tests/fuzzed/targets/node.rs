//! A node that reconciles, whose peers are the bytes: a byte that chooses the method, then a piece for each thing that happens.
//! Behind its first byte, which says what, a piece is a message.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use rapprochement_core::overlay::Sampler;
use rapprochement_core::peer::SimPeer;
use rapprochement_core::protocol::{Context, Input, TimerHandle};
use rapprochement_core::reconcile::session::MethodKind;
use rapprochement_core::reconcile::{
    Reconciler, ReconcilerConfig, Scuttlebutt, ScuttlebuttConfig, SyncEvent, SyncMessage, Synchroniser, Tick,
};
use rapprochement_core::store::Tuple;
use rapprochement_core::time::{Duration, Instant};
use rapprochement_core::wire::Message;
use std::collections::VecDeque;
use std::sync::Arc;

use super::messages::canonical;
use super::session;
use super::world::{Author, check, pieces, put_piece, sides};

const NODE: SimPeer = SimPeer(0);
/// The only peer that the node opens sessions with.
const HONEST: SimPeer = SimPeer(1);
const INTERVAL: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(4);

const TICK: u8 = 0;
const WAIT: u8 = 1;

pub(super) fn run(bytes: &[u8]) {
    let Some((&method, script)) = bytes.split_first() else { return };
    let method = MethodKind::ALL[usize::from(method) % MethodKind::ALL.len()];
    // A node by the classic form hears all that others do, but promises nothing afterwards.
    let method = if method.repairs() { method } else { MethodKind::Summary };
    let mut nodes = [reconciler(method, NODE), reconciler(method, HONEST)];
    let before = nodes[0].protocol.store().clone();
    for piece in pieces(script) {
        let Some((&what, rest)) = piece.split_first() else { continue };
        match what {
            TICK => drop(nodes[0].give(Input::Timer(Tick))),
            WAIT => {
                nodes[0].now = nodes[0].now + Duration::from_millis(16 * u64::from(rest.first().copied().unwrap_or(1)))
            }
            hostile => {
                let Some(message) = canonical(rest) else { continue };
                drop(nodes[0].give(Input::Message { from: SimPeer(hostile.into()), message: &message }));
            }
        }
    }
    check(nodes[0].protocol.store(), &before);
    converge(&mut nodes);
}

/// Whatever others did, sessions with an honest peer make both equal. The first may find a session that is still open.
fn converge(nodes: &mut [Node<Reconciler<SimPeer, Always, Author>>; 2]) {
    for _ in 0..6 {
        if nodes[0].protocol.store().root_digest() == nodes[1].protocol.store().root_digest() {
            return;
        }
        nodes.iter_mut().for_each(|node| node.now = node.now + PATIENCE);
        let out = nodes[0].give(Input::Timer(Tick));
        pump(nodes, out);
    }
    panic!("an honest peer cannot reconcile with it");
}

/// Carries messages between the two until there is none; what was carried.
fn pump<Y: Subject>(nodes: &mut [Node<Y>; 2], first: Sent) -> Vec<(SimPeer, SyncMessage)> {
    let mut queue: VecDeque<_> = first.into_iter().map(|(to, message)| (NODE, to, message)).collect();
    let mut all = Vec::new();
    while let Some((from, to, message)) = queue.pop_front() {
        let Some(node) = nodes.get_mut(to.0 as usize) else { continue };
        let out = node.give(Input::Message { from, message: &message });
        queue.extend(out.into_iter().map(|(next, message)| (to, next, message)));
        all.push((to, message));
    }
    all
}

/// What a Scuttlebutt says, which is how a session that failed is made up for.
pub(super) fn heard() -> Vec<Vec<u8>> {
    let config = ScuttlebuttConfig { interval: INTERVAL, budget: 2000 };
    let node = |me| Node::new(me, Scuttlebutt::new(config, Always(HONEST), Author(me.0 as u8)));
    let mut nodes = [node(NODE), node(HONEST)];
    let first = nodes[0].give(Input::Timer(Tick));
    pump(&mut nodes, first).into_iter().map(|(_, message)| encoded(&message)).collect()
}

/// An honest session of each method with a peer that opens it, and one exchange.
pub(super) fn seeds() -> Vec<Vec<u8>> {
    const PEER: u8 = 2;
    let script = |method: u8, messages: Vec<Vec<u8>>| {
        let mut seed = vec![method];
        for message in messages {
            put_piece(&mut seed, &[&[PEER], message.as_slice()].concat());
        }
        put_piece(&mut seed, &[TICK]);
        put_piece(&mut seed, &[WAIT, 100]);
        seed
    };
    let mut seeds = vec![script(0, heard())];
    seeds.extend((0..).zip(MethodKind::ALL).map(|(at, &kind)| script(at, session::heard(kind, at % 2 == 0))));
    seeds
}

fn encoded(message: &SyncMessage) -> Vec<u8> {
    let mut bytes = Vec::new();
    message.encode(&mut bytes);
    bytes
}

type Sent = Vec<(SimPeer, SyncMessage)>;

trait Subject: Synchroniser<Peer = SimPeer, Message = SyncMessage, Timer = Tick> {}
impl<Y: Synchroniser<Peer = SimPeer, Message = SyncMessage, Timer = Tick>> Subject for Y {}

struct Always(SimPeer);

impl Sampler<SimPeer> for Always {
    fn sample<R: Rng + ?Sized>(&mut self, _: &mut R) -> Option<SimPeer> {
        Some(self.0)
    }
}

fn reconciler(method: MethodKind, me: SimPeer) -> Node<Reconciler<SimPeer, Always, Author>> {
    let config = ReconcilerConfig {
        method,
        interval: INTERVAL,
        first: None,
        push: 0,
        room: 300,
        prefix: 20,
        patience: PATIENCE,
        budget: 2000,
        repair: true,
    };
    Node::new(me, Reconciler::new(config, Always(HONEST), Author(me.0 as u8)))
}

/// A node, and a host that carries out nothing but keeps what is to be sent.
struct Node<Y> {
    me: SimPeer,
    protocol: Y,
    now: Instant,
    rng: ChaCha8Rng,
}

impl<Y: Subject> Node<Y> {
    /// A node with the store of its side.
    fn new(me: SimPeer, protocol: Y) -> Self {
        let mut node = Self { me, protocol, now: Instant::ZERO, rng: ChaCha8Rng::seed_from_u64(me.0.into()) };
        let tuples: Box<[Arc<Tuple>]> = sides(false)[me.0 as usize].store().iter().cloned().collect();
        node.give(Input::Message { from: me, message: &SyncMessage::Delta(tuples) });
        node
    }

    fn give(&mut self, input: Input<'_, Y>) -> Sent {
        let mut effects = Effects { me: self.me, rng: &mut self.rng, sent: Vec::new() };
        self.protocol.handle(self.now, input, &mut effects);
        effects.sent
    }
}

struct Effects<'a> {
    me: SimPeer,
    rng: &'a mut ChaCha8Rng,
    sent: Sent,
}

impl<Y: Subject> Context<Y> for Effects<'_> {
    type Rng = ChaCha8Rng;

    fn send(&mut self, to: SimPeer, message: SyncMessage) {
        self.sent.push((to, message));
    }

    fn send_many(&mut self, to: &[SimPeer], message: SyncMessage) {
        self.sent.extend(to.iter().map(|&to| (to, message.clone())));
    }

    fn backlog(&self, _: SimPeer) -> Duration {
        Duration::ZERO
    }

    fn disconnect(&mut self, _: SimPeer) {}

    fn set_timer(&mut self, _: Duration, _: Tick) -> TimerHandle {
        TimerHandle::from_bits(0)
    }

    fn cancel_timer(&mut self, _: TimerHandle) {}

    fn emit(&mut self, _: SyncEvent<SimPeer>) {}

    fn rng(&mut self) -> &mut ChaCha8Rng {
        self.rng
    }

    fn me(&self) -> SimPeer {
        self.me
    }
}
