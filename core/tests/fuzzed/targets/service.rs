//! A node of the RTT service, whose peers are the bytes: a byte that chooses the sampler, then a piece for each thing that
//! happens. Behind its first byte, which says what, a piece is a message of the peer of that name, or what a peer answers.

use std::collections::VecDeque;
use std::sync::OnceLock;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rapprochement_core::overlay::exchange::ExchangeMessage;
use rapprochement_core::overlay::probe::ProbeMessage;
use rapprochement_core::overlay::sampling::peerswap::PeerSwapConfig;
use rapprochement_core::overlay::sampling::{
    BasaltConfig, BrahmsConfig, CyclonConfig, FrameworkConfig, HyParViewConfig, NewscastConfig, PEERS_MAX,
    SamplingConfig,
};
use rapprochement_core::overlay::vivaldi::Coordinate;
use rapprochement_core::peer::PeerId;
use rapprochement_core::protocol::{Context, Durable, Input, Protocol, TimerHandle};
use rapprochement_core::rank::Config as WalksConfig;
use rapprochement_core::service::config::ServiceConfig;
use rapprochement_core::service::message::ServiceMessage;
use rapprochement_core::service::{Service, ServiceEvent, ServiceTimer};
use rapprochement_core::time::{Duration, Instant};
use rapprochement_core::wire::Message;

use super::messages::canonical;
use super::world::{Author, check, pieces, put_piece};

/// The next timer is due.
const TIMER: u8 = 0;
/// Time passes, 16 ms for each unit of the next byte; what was due meanwhile is late.
const WAIT: u8 = 1;
/// The oldest message of the node that can be answered is: a ping by a pong, an ask by the introductions in the rest.
const ANSWER: u8 = 2;
/// What crashes loses all but the store.
const CRASH: u8 = 3;

/// The node that is fuzzed; the other names of the seeds are 4 and 5.
const NODE: u8 = 9;
/// Most messages that wait for an answer.
const WAITING_MAX: usize = 64;

type Said = ServiceMessage<PeerId>;

fn peer(name: u8) -> PeerId {
    PeerId([name; 32])
}

fn samplers() -> [SamplingConfig; 7] {
    [
        SamplingConfig::Cyclon(CyclonConfig::default()),
        SamplingConfig::Newscast(NewscastConfig::default()),
        SamplingConfig::Framework(FrameworkConfig::HEALER),
        SamplingConfig::HyParView(HyParViewConfig::default()),
        SamplingConfig::Brahms(BrahmsConfig::default()),
        SamplingConfig::Basalt(BasaltConfig::default()),
        SamplingConfig::PeerSwap(PeerSwapConfig { degree: 2, rate: 1.0, lease: Duration::from_secs(4) }),
    ]
}

fn config(sampler: u8) -> ServiceConfig {
    let (samplers, default) = (samplers(), ServiceConfig::default());
    ServiceConfig {
        ask_every: Duration::from_secs(4),
        opine_every: Duration::from_secs(6),
        review_every: Duration::from_secs(3),
        opinions: 6,
        ranked_max: 64,
        walks: WalksConfig { walks: 30, ..default.walks },
        sampling: samplers[usize::from(sampler) % samplers.len()],
        ..default
    }
}

pub(super) fn run(bytes: &[u8]) {
    let Some((&sampler, script)) = bytes.split_first() else { return };
    let mut node = Node::new(NODE, sampler);
    for piece in pieces(script) {
        let Some((&what, rest)) = piece.split_first() else { continue };
        let before = node.protocol.store().clone();
        match what {
            TIMER => drop(node.timer()),
            WAIT => node.now = node.now + Duration::from_millis(16 * u64::from(rest.first().copied().unwrap_or(1))),
            ANSWER => node.answer(rest),
            CRASH => node.crash(),
            NODE => {}
            name => {
                let Some(message) = canonical::<Said>(rest) else { continue };
                drop(node.hear(peer(name), &message));
            }
        }
        check(node.protocol.store(), &before);
        bounded(&node.protocol);
    }
    serves(node);
}

/// What must hold at any time: pools are bounded, nobody is its own neighbour, ranks are numbers.
fn bounded(node: &Service<PeerId, Author>) {
    let me = peer(NODE);
    let config = config(0);
    let held = node.neighbours();
    assert!(held.iter().all(|neighbour| neighbour.peer != me) && held.len() <= 8 + 4 + 6);
    assert!(node.book().len() <= 512 + 1024 && node.book().entry(me).is_none());
    assert!(node.prober().links().len() <= 1024 && node.samples().len() <= PEERS_MAX);
    let top = node.top(usize::MAX);
    assert!(top.len() <= config.ranked_max as usize);
    assert!(top.iter().all(|(_, score)| score.is_finite() && score.abs() <= 1.0));
}

/// Whatever others did, an honest peer's ping is answered, and what is stored survives a crash.
fn serves(mut node: Node) {
    node.now = node.now + Duration::from_secs(3600);
    let (honest, nonce) = (peer(251), 77);
    let ping = ServiceMessage::Probe(ProbeMessage::Ping { nonce, coordinate: Coordinate::ORIGIN });
    let answers = node.hear(honest, &ping);
    let pong = |(to, message): &(PeerId, Said)| {
        *to == honest && matches!(message, ServiceMessage::Probe(ProbeMessage::Pong { nonce: 77, .. }))
    };
    assert!(answers.iter().any(pong), "an honest peer's ping is not answered");
    let root = node.protocol.store().root_digest();
    node.crash();
    assert_eq!(node.protocol.store().root_digest(), root);
    bounded(&node.protocol);
}

/// What became of some seconds among honest nodes: the script of what happened to one of them, and what it heard.
pub(super) struct Conversation {
    script: Vec<u8>,
    pub(super) heard: Vec<Said>,
}

/// A conversation by each sampler.
pub(super) fn conversations() -> &'static [Conversation] {
    static ALL: OnceLock<Vec<Conversation>> = OnceLock::new();
    ALL.get_or_init(|| (0..samplers().len() as u8).map(converse).collect())
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    conversations().iter().map(|conversation| conversation.script.clone()).collect()
}

/// Three nodes that hear each other at once, up to when the first has seen 12 seconds.
fn converse(sampler: u8) -> Conversation {
    let mut nodes = [NODE, 4, 5].map(|name| Node::new(name, sampler));
    let (mut script, mut heard, mut queue) = (vec![sampler], Vec::new(), VecDeque::new());
    let end = Instant::ZERO + Duration::from_secs(12);
    loop {
        let next = (0..3).filter_map(|at| Some((nodes[at].due()?, at))).min();
        let Some((_, at)) = next.filter(|(due, _)| *due < end) else { break };
        if at == 0 {
            put_piece(&mut script, &[TIMER]);
        }
        let sent = nodes[at].timer();
        let now = nodes[at].now;
        queue.extend(sent.into_iter().map(|(to, message)| (nodes[at].name, to, message)));
        while let Some((from, to, message)) = queue.pop_front() {
            let Some(node) = nodes.iter_mut().find(|node| peer(node.name) == to) else { continue };
            if node.name == NODE {
                // What it does not hear at its own timers it hears at the time of the one before.
                let mut piece = vec![from];
                message.encode(&mut piece);
                put_piece(&mut script, &piece);
                heard.push(message.clone());
            } else {
                node.now = node.now.max(now);
            }
            let name = node.name;
            queue.extend(node.hear(peer(from), &message).into_iter().map(|(to, message)| (name, to, message)));
        }
    }
    put_piece(&mut script, &[ANSWER]);
    put_piece(&mut script, &[WAIT, 100]);
    put_piece(&mut script, &[CRASH]);
    Conversation { script, heard }
}

/// A node, and a host that keeps timers and what is to be sent.
struct Node {
    name: u8,
    protocol: Service<PeerId, Author>,
    now: Instant,
    timers: Vec<(Instant, ServiceTimer)>,
    /// What was sent last and not answered.
    waiting: VecDeque<(PeerId, Said)>,
    rng: ChaCha8Rng,
}

impl Node {
    fn new(name: u8, sampler: u8) -> Self {
        let bootstrap = vec![peer(4), peer(5)].into_iter().filter(|&known| known != peer(name)).collect();
        let protocol = Service::new(config(sampler), peer(name), Author(name), bootstrap).unwrap();
        let rng = ChaCha8Rng::seed_from_u64(name.into());
        let (timers, waiting) = (Vec::new(), VecDeque::new());
        let mut node = Self { name, protocol, now: Instant::ZERO, timers, waiting, rng };
        node.give(Input::Start);
        node
    }

    /// When the next timer is due.
    fn due(&self) -> Option<Instant> {
        self.timers.iter().map(|(due, _)| *due).min()
    }

    /// The next timer goes off.
    fn timer(&mut self) -> Vec<(PeerId, Said)> {
        let Some(due) = self.due() else { return Vec::new() };
        let Some(at) = self.timers.iter().position(|(at, _)| *at == due) else { return Vec::new() };
        let (_, timer) = self.timers.remove(at);
        self.now = self.now.max(due);
        self.give(Input::Timer(timer))
    }

    fn hear(&mut self, from: PeerId, message: &Said) -> Vec<(PeerId, Said)> {
        self.give(Input::Message { from, message })
    }

    fn answer(&mut self, rest: &[u8]) {
        while let Some((from, asked)) = self.waiting.pop_front() {
            let answer = match asked {
                ServiceMessage::Probe(ProbeMessage::Ping { nonce, .. }) => {
                    Some(ServiceMessage::Probe(ProbeMessage::Pong { nonce, coordinate: Coordinate::ORIGIN }))
                }
                ServiceMessage::Exchange(ExchangeMessage::Ask { number, .. }) => match canonical(rest) {
                    Some(ExchangeMessage::Answer { introductions, .. }) => {
                        Some(ServiceMessage::Exchange(ExchangeMessage::Answer { number, introductions }))
                    }
                    _ => None,
                },
                _ => None,
            };
            if let Some(answer) = answer {
                return drop(self.hear(from, &answer));
            }
        }
    }

    fn crash(&mut self) {
        let saved = self.protocol.save();
        self.protocol.recover(saved);
        self.timers.clear();
        self.waiting.clear();
        self.give(Input::Start);
    }

    fn give(&mut self, input: Input<'_, Service<PeerId, Author>>) -> Vec<(PeerId, Said)> {
        let (timers, sent) = (Vec::new(), Vec::new());
        let mut effects = Effects { me: peer(self.name), rng: &mut self.rng, timers, sent };
        self.protocol.handle(self.now, input, &mut effects);
        let Effects { timers, sent, .. } = effects;
        self.timers.extend(timers.into_iter().map(|(after, timer)| (self.now + after, timer)));
        self.waiting.extend(sent.iter().cloned());
        let excess = self.waiting.len().saturating_sub(WAITING_MAX);
        self.waiting.drain(..excess);
        sent
    }
}

struct Effects<'a> {
    me: PeerId,
    rng: &'a mut ChaCha8Rng,
    timers: Vec<(Duration, ServiceTimer)>,
    sent: Vec<(PeerId, Said)>,
}

impl Context<Service<PeerId, Author>> for Effects<'_> {
    type Rng = ChaCha8Rng;

    fn send(&mut self, to: PeerId, message: Said) {
        assert!(to != self.me, "a node talks to itself");
        self.sent.push((to, message));
    }

    fn send_many(&mut self, to: &[PeerId], message: Said) {
        to.iter().for_each(|&to| self.send(to, message.clone()));
    }

    fn backlog(&self, _: PeerId) -> Duration {
        Duration::ZERO
    }

    fn disconnect(&mut self, _: PeerId) {}

    fn set_timer(&mut self, after: Duration, timer: ServiceTimer) -> TimerHandle {
        self.timers.push((after, timer));
        TimerHandle::from_bits(self.timers.len() as u64)
    }

    fn cancel_timer(&mut self, _: TimerHandle) {}

    fn emit(&mut self, _: ServiceEvent<PeerId>) {}

    fn rng(&mut self) -> &mut ChaCha8Rng {
        self.rng
    }

    fn me(&self) -> PeerId {
        self.me
    }
}
