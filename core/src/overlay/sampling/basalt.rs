//! BASALT: every slot of the view searches, stubbornly, for the one peer that its own secret ranking puts first, among all
//! ids that come by. Repeating an id gains an attacker nothing. A few slots at a time hand out what they found and begin
//! again under a new ranking, which gives a stream of samples.
//!
//! A. Auvolat, Y.-D. Bromberg, D. Frey, D. Mvondo and F. Taïani, "BASALT: a rock-solid Byzantine-tolerant peer sampling for very large
//! decentralized networks", Middleware 2023 (arXiv 2102.04063). The ranking here is a keyed hash of the id; the paper's
//! other one, which spreads the slots over prefixes of IP addresses, needs addresses that this crate does not have.
//!
//! The search would return to a dead peer for ever, and hardly ever ask one that was often heard of while it lived. So,
//! beyond the paper, slots are probed in turn. A pull or a ping that has not been answered when the next round begins clears
//! the peer out of all slots, which are searched again among the rest of the view, and for `suspicion` the peer is not taken
//! back on others' word.

use alloc::vec::Vec;
use core::cmp::Ordering;
use core::mem::take;

use rand_core::Rng;

use crate::overlay::sampling::codec::{NUMBER_LEN, peers_len, put_number, put_peers, read_number, read_peers};
use crate::overlay::sampling::config::{choose, phase, require, require_size, require_span};
use crate::overlay::sampling::minwise::{MinWise, Secret};
use crate::overlay::sampling::view::tell_changes;
use crate::overlay::sampling::{ConfigError, Introduce, PEERS_MAX, PeerSampling, SamplingEvent};
use crate::peer::Peer;
use crate::protocol::{Context, Input, Protocol};
use crate::time::{Duration, Instant};
use crate::wire::{DecodeError, Message, Reader};

/// The parameters of BASALT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BasaltConfig {
    /// Slots of the view, `v`: 1 to 255. Several may hold the same peer.
    pub view: usize,
    /// Slots that begin again at a rotation, `k`: 1 to `view`.
    pub rotate: usize,
    /// Rounds between rotations: the paper's `k / ρ` in rounds, so that ρ = `rotate / every` samples come in a round.
    pub every: u32,
    /// Slots whose peers are pinged in a round, in turn.
    pub probes: usize,
    /// Time between rounds, τ.
    pub interval: Duration,
    /// How long a peer that did not answer is not taken back on others' word. Of such peers at most 255 are remembered.
    pub suspicion: Duration,
}

impl Default for BasaltConfig {
    /// 64 slots, of which one begins again every second round, ρ = 0.5, and four are probed in a round; 10 s between rounds.
    /// These are this project's choice, and serve up to about 1000 nodes: see [`Basalt`].
    fn default() -> Self {
        let interval = Duration::from_secs(10);
        Self { view: 64, rotate: 1, every: 2, probes: 4, interval, suspicion: interval.saturating_mul(60) }
    }
}

impl BasaltConfig {
    /// Whether the parameters make sense.
    ///
    /// # Errors
    /// The first parameter that does not.
    pub fn check(&self) -> Result<(), ConfigError> {
        require_size(self.view, 1, "view")?;
        require((1..=self.view).contains(&self.rotate), "rotate", "within 1 and `view`")?;
        require(self.every > 0, "every", "at least 1")?;
        require(self.probes <= self.view, "probes", "at most `view`")?;
        require_span(self.interval, "interval")
    }
}

/// What nodes that run BASALT send each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BasaltMessage<P> {
    /// The sender wants the view.
    Pull(u32),
    /// The view, under the pull's number.
    Reply(u32, Vec<P>),
    /// The view, unasked.
    Push(Vec<P>),
    /// Is the receiver still there?
    Ping(u32),
    /// It is.
    Pong(u32),
}

impl<P: Peer> Message for BasaltMessage<P> {
    const CLASSES: &'static [&'static str] = &["pull", "pull reply", "push", "ping", "pong"];

    fn class(&self) -> usize {
        match self {
            Self::Pull(_) => 0,
            Self::Reply(..) => 1,
            Self::Push(_) => 2,
            Self::Ping(_) => 3,
            Self::Pong(_) => 4,
        }
    }

    fn encoded_len(&self) -> usize {
        match self {
            Self::Pull(_) | Self::Ping(_) | Self::Pong(_) => 1 + NUMBER_LEN,
            Self::Reply(_, peers) => 1 + NUMBER_LEN + peers_len(peers.len()),
            Self::Push(peers) => 1 + peers_len(peers.len()),
        }
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.push(self.class() as u8);
        match self {
            Self::Pull(number) | Self::Ping(number) | Self::Pong(number) => put_number(out, *number),
            Self::Reply(number, peers) => {
                put_number(out, *number);
                put_peers(out, peers);
            }
            Self::Push(peers) => put_peers(out, peers),
        }
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes)?;
        let message = match reader.byte()? {
            0 => Self::Pull(read_number(&mut reader)?),
            1 => Self::Reply(read_number(&mut reader)?, read_peers(&mut reader)?),
            2 => Self::Push(read_peers(&mut reader)?),
            3 => Self::Ping(read_number(&mut reader)?),
            4 => Self::Pong(read_number(&mut reader)?),
            _ => return Err(DecodeError::UnknownTag),
        };
        reader.finish()?;
        Ok(message)
    }
}

/// The one timer of BASALT: the next round begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BasaltTimer;

/// A node that runs BASALT.
///
/// A slot finds the peer that it ranks first only if nearly all come by before it begins again. Those that a node
/// exchanges views with are about `2 view` others, whose views change slowly; so `2 view²` should be several times the number
/// of nodes, or in-degrees spread, and the spread feeds itself: `view` at least twice the square root of that number. Slots that
/// have just begun choose among few in any case. What is uniform is therefore [`PeerSampling::samples`], which come from
/// slots that had their time; the view is a little less even.
#[derive(Debug)]
pub struct Basalt<P> {
    config: BasaltConfig,
    slots: Vec<Slot<P>>,
    secret: Secret,
    /// The slot that begins again next, and the rounds until then.
    next: usize,
    wait: u32,
    /// What the last slots handed out, the oldest first: at most as many as there are slots.
    samples: Vec<P>,
    /// Under which this round's questions go out, who has not answered a pull yet, and who has not answered a ping.
    number: u32,
    asked: Option<P>,
    pinged: Vec<P>,
    /// The slot that is probed next.
    probe: usize,
    /// Who did not answer, and until when that counts; the oldest first.
    suspects: Vec<(P, Instant)>,
}

#[derive(Debug)]
struct Slot<P> {
    search: MinWise<P>,
    /// How often the slot's peer was heard of or asked: the least confirmed is asked first.
    hits: u32,
}

impl<P: Peer> Slot<P> {
    fn offer(&mut self, peer: P, digest: u64) {
        match self.search.offer(peer, digest) {
            Ordering::Less => self.hits = 1,
            Ordering::Equal => self.hits = self.hits.saturating_add(1),
            Ordering::Greater => {}
        }
    }
}

impl<P: Peer> Basalt<P> {
    /// A node that knows nobody yet.
    ///
    /// # Errors
    /// A parameter that makes no sense.
    pub fn new(config: BasaltConfig) -> Result<Self, ConfigError> {
        config.check()?;
        let (slots, samples, suspects, pinged) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (secret, wait, asked) = (Secret::default(), config.every, None);
        Ok(Self { config, slots, secret, next: 0, wait, samples, number: 0, asked, pinged, probe: 0, suspects })
    }

    fn start<C: Context<Self>>(&mut self, context: &mut C) {
        self.secret = Secret::new(context.rng());
        let slots = 0..self.config.view;
        self.slots = slots.map(|_| Slot { search: MinWise::new(context.rng()), hits: 0 }).collect();
        let first = phase(self.config.interval, context.rng());
        context.set_timer(first, BasaltTimer);
    }

    fn round<C: Context<Self>>(&mut self, now: Instant, context: &mut C) {
        context.set_timer(self.config.interval, BasaltTimer);
        self.suspects.retain(|&(_, until)| until > now);
        let silent: Vec<P> = self.asked.take().into_iter().chain(take(&mut self.pinged)).collect();
        silent.into_iter().for_each(|peer| self.suspect(peer, now));
        self.wait = self.wait.saturating_sub(1);
        if self.wait == 0 {
            self.wait = self.config.every;
            self.rotate(context.rng());
        }
        self.number = context.rng().next_u32();
        self.asked = self.least_confirmed(context.rng());
        self.asked.into_iter().for_each(|peer| context.send(peer, BasaltMessage::Pull(self.number)));
        if let Some(peer) = self.least_confirmed(context.rng()) {
            context.send(peer, BasaltMessage::Push(self.view()));
        }
        for _ in 0..self.config.probes.min(self.slots.len()) {
            self.probe = (self.probe + 1) % self.slots.len();
            if let Some(peer) = self.slots[self.probe].search.peer() {
                self.pinged.push(peer);
                context.send(peer, BasaltMessage::Ping(self.number));
            }
        }
    }

    /// The peer of the slot with the fewest hits, a random one of several; the choice counts as one.
    fn least_confirmed<R: Rng + ?Sized>(&mut self, rng: &mut R) -> Option<P> {
        let filled = |slot: &&Slot<P>| slot.search.peer().is_some();
        let least = self.slots.iter().filter(filled).map(|slot| slot.hits).min()?;
        let is_least = |&at: &usize| self.slots[at].hits == least && filled(&&self.slots[at]);
        let places: Vec<usize> = (0..self.slots.len()).filter(is_least).collect();
        let slot = &mut self.slots[choose(&places, rng)?];
        slot.hits = slot.hits.saturating_add(1);
        slot.search.peer()
    }

    /// What the slots hold now, in their order.
    fn found(&self) -> Vec<P> {
        self.slots.iter().filter_map(|slot| slot.search.peer()).collect()
    }

    /// Hands out the samples of the next slots, which begin again among the peers of the view.
    fn rotate<R: Rng + ?Sized>(&mut self, rng: &mut R) {
        let view = self.view();
        for _ in 0..self.config.rotate.min(self.slots.len()) {
            self.next = (self.next + 1) % self.slots.len();
            let slot = &mut self.slots[self.next];
            if let Some(peer) = slot.search.peer() {
                if self.samples.len() >= self.config.view {
                    self.samples.remove(0);
                }
                self.samples.push(peer);
            }
            *slot = Slot { search: MinWise::new(rng), hits: 0 };
        }
        self.search(&view);
    }

    /// Shows peers to all slots.
    fn search(&mut self, peers: &[P]) {
        for &peer in peers {
            let digest = self.secret.digest(peer);
            self.slots.iter_mut().for_each(|slot| slot.offer(peer, digest));
        }
    }

    /// Shows the slots what a peer said, without this node, repeats, and those that did not answer.
    fn learn(&mut self, peers: &[P], me: P) {
        let mut taken: Vec<P> = Vec::new();
        for &peer in peers.iter().take(self.config.view + 1) {
            let suspected = self.suspects.iter().any(|&(known, _)| known == peer);
            if peer != me && !suspected && !taken.contains(&peer) {
                taken.push(peer);
            }
        }
        self.search(&taken);
    }

    /// The peer does not answer.
    fn suspect(&mut self, peer: P, now: Instant) {
        self.samples.retain(|&known| known != peer);
        self.suspects.retain(|&(known, _)| known != peer);
        if self.suspects.len() >= PEERS_MAX {
            self.suspects.remove(0);
        }
        self.suspects.push((peer, now + self.config.suspicion));
        for slot in self.slots.iter_mut().filter(|slot| slot.search.holds(peer)) {
            slot.search.clear();
            slot.hits = 0;
        }
        self.search(&self.view());
    }

    fn hear<C: Context<Self>>(&mut self, from: P, message: &BasaltMessage<P>, context: &mut C) {
        // Whoever speaks is there.
        self.suspects.retain(|&(known, _)| known != from);
        let mut said = Vec::from([from]);
        match message {
            BasaltMessage::Pull(number) => context.send(from, BasaltMessage::Reply(*number, self.view())),
            BasaltMessage::Reply(number, peers) => {
                if *number != self.number || self.asked.take_if(|asked| *asked == from).is_none() {
                    return;
                }
                said.extend(peers);
                self.learn(&said, context.me());
            }
            BasaltMessage::Push(peers) => {
                said.extend(peers);
                self.learn(&said, context.me());
            }
            BasaltMessage::Ping(number) => context.send(from, BasaltMessage::Pong(*number)),
            BasaltMessage::Pong(number) if *number == self.number => self.pinged.retain(|&peer| peer != from),
            BasaltMessage::Pong(_) => {}
        }
    }
}

/// Each of the peers once.
fn different<P: Peer>(mut peers: Vec<P>) -> Vec<P> {
    peers.sort_unstable();
    peers.dedup();
    peers
}

impl<P: Peer> Protocol for Basalt<P> {
    type Peer = P;
    type Message = BasaltMessage<P>;
    type Timer = BasaltTimer;
    type Command = Introduce<P>;
    type Event = SamplingEvent<P>;

    fn handle<C: Context<Self>>(&mut self, now: Instant, input: Input<'_, Self>, context: &mut C) {
        let before = self.found();
        match input {
            Input::Start => self.start(context),
            Input::Timer(BasaltTimer) => self.round(now, context),
            Input::Message { from, message } if from != context.me() => self.hear(from, message, context),
            Input::Command(Introduce(peers)) => {
                let me = context.me();
                self.suspects.retain(|(known, _)| !peers.contains(known));
                peers.chunks(self.config.view).for_each(|some| self.learn(some, me));
            }
            Input::PeerDown(peer) => {
                self.asked.take_if(|asked| *asked == peer);
                self.suspect(peer, now);
            }
            Input::Message { .. } | Input::PeerUp(_) | Input::Stop => {}
        }
        let after = self.found();
        if before != after {
            tell_changes(different(before), different(after), |event| context.emit(event));
        }
    }
}

impl<P: Peer> PeerSampling for Basalt<P> {
    /// The different peers of the slots.
    fn view(&self) -> Vec<P> {
        different(self.found())
    }

    /// The different peers that the last slots handed out; the view until there are some.
    fn samples(&self) -> Vec<P> {
        let samples = different(self.samples.clone());
        if samples.is_empty() { self.view() } else { samples }
    }

    /// What the last slots handed out, each with the same chance; a slot of the view until there is some.
    fn sample<R: Rng + ?Sized>(&mut self, rng: &mut R) -> Option<P> {
        choose(&self.samples, rng).or_else(|| choose(&self.found(), rng))
    }
}
