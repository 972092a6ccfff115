//! Brahms: a gossip view that attackers can bias but not fill, and beside it a list of samples that they cannot bias for
//! long. The view is rebuilt each round from limited pushes, pulls and the samples; a round with more pushes than expected
//! leaves it as it is. Each sample is the least under a keyed hash of all ids that were ever heard.
//!
//! E. Bortnikov, M. Gurevich, I. Keidar, G. Kliot and A. Shraer, "Brahms: Byzantine resilient random membership sampling",
//! Computer Networks 53(13), 2009. The shares there, α = β = 0.45 and γ = 0.1 of the view, are counts of peers here. Pushes
//! are limited by counting them; the paper leaves it to a cost of sending that this crate does not impose.
//!
//! What is uniform is [`PeerSampling::samples`]; the view is only as even as the gossip makes it. A pull or a ping that has
//! not been answered when the next round begins drops its peer from the view, and starts the sample that held it anew.

use alloc::vec::Vec;
use core::mem::{replace, take};

use rand_core::Rng;

use crate::overlay::sampling::codec::{NUMBER_LEN, peers_len, put_number, put_peers, read_number, read_peers};
use crate::overlay::sampling::config::{choose, choose_many, phase, require, require_size, require_span};
use crate::overlay::sampling::minwise::{MinWise, Secret};
use crate::overlay::sampling::view::tell_changes;
use crate::overlay::sampling::{ConfigError, Introduce, PeerSampling, SamplingEvent};
use crate::peer::Peer;
use crate::protocol::{Context, Input, Protocol};
use crate::time::{Duration, Instant};
use crate::wire::{DecodeError, Message, Reader};

/// The parameters of Brahms. The view holds `pushes + pulls + history` peers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BrahmsConfig {
    /// Peers of the view that come from pushes, and pushes that a node sends in a round: α times the view.
    pub pushes: usize,
    /// Peers of the view that come from pulls, and pulls that a node makes in a round: β times the view.
    pub pulls: usize,
    /// Peers of the view that come from the samples: γ times the view.
    pub history: usize,
    /// Samples that are kept.
    pub samples: usize,
    /// Samples that are validated by a ping in a round, in turn.
    pub probes: usize,
    /// Time between rounds.
    pub interval: Duration,
}

impl Default for BrahmsConfig {
    /// A view of 20 by the paper's shares, as many samples; two probes and 10 s are this project's choice.
    fn default() -> Self {
        Self { pushes: 9, pulls: 9, history: 2, samples: 20, probes: 2, interval: Duration::from_secs(10) }
    }
}

impl BrahmsConfig {
    /// Whether the parameters make sense.
    ///
    /// # Errors
    /// The first parameter that does not.
    pub fn check(&self) -> Result<(), ConfigError> {
        require_size(self.pushes, 1, "pushes")?;
        require_size(self.pulls, 1, "pulls")?;
        require_size(self.history, 0, "history")?;
        require_size(self.view(), 1, "pushes + pulls + history")?;
        require_size(self.samples, 1, "samples")?;
        require(self.probes <= self.samples, "probes", "at most `samples`")?;
        require_span(self.interval, "interval")
    }

    /// The most peers of the view.
    pub fn view(&self) -> usize {
        self.pushes.saturating_add(self.pulls).saturating_add(self.history)
    }
}

/// What nodes that run Brahms send each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BrahmsMessage<P> {
    /// The sender wants to be known.
    Push,
    /// The sender wants the view.
    PullRequest(u32),
    /// The view, under the request's number.
    PullReply(u32, Vec<P>),
    /// Is the receiver still there?
    Ping(u32),
    /// It is.
    Pong(u32),
}

impl<P: Peer> Message for BrahmsMessage<P> {
    const CLASSES: &'static [&'static str] = &["push", "pull request", "pull reply", "ping", "pong"];

    fn class(&self) -> usize {
        match self {
            Self::Push => 0,
            Self::PullRequest(_) => 1,
            Self::PullReply(..) => 2,
            Self::Ping(_) => 3,
            Self::Pong(_) => 4,
        }
    }

    fn encoded_len(&self) -> usize {
        match self {
            Self::Push => 1,
            Self::PullReply(_, peers) => 1 + NUMBER_LEN + peers_len(peers.len()),
            Self::PullRequest(_) | Self::Ping(_) | Self::Pong(_) => 1 + NUMBER_LEN,
        }
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.push(self.class() as u8);
        match self {
            Self::Push => {}
            Self::PullRequest(number) | Self::Ping(number) | Self::Pong(number) => put_number(out, *number),
            Self::PullReply(number, peers) => {
                put_number(out, *number);
                put_peers(out, peers);
            }
        }
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes)?;
        let message = match reader.byte()? {
            0 => Self::Push,
            1 => Self::PullRequest(read_number(&mut reader)?),
            2 => Self::PullReply(read_number(&mut reader)?, read_peers(&mut reader)?),
            3 => Self::Ping(read_number(&mut reader)?),
            4 => Self::Pong(read_number(&mut reader)?),
            _ => return Err(DecodeError::UnknownTag),
        };
        reader.finish()?;
        Ok(message)
    }
}

/// The one timer of Brahms: the next round begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BrahmsTimer;

/// A node that runs Brahms.
#[derive(Debug)]
pub struct Brahms<P> {
    config: BrahmsConfig,
    view: Vec<P>,
    samplers: Vec<MinWise<P>>,
    secret: Secret,
    /// The sample that is validated next.
    next: usize,
    /// Under which this round's questions go out.
    number: u32,
    round: Round<P>,
}

/// What this round has brought so far.
#[derive(Debug)]
struct Round<P> {
    /// Pushes that came, and from whom; no names beyond those that are expected.
    pushes: usize,
    pushed: Vec<P>,
    /// Ids that pulls brought, with repeats.
    pulled: Vec<P>,
    /// Who has not answered a pull yet, and who has not answered a ping.
    asked: Vec<P>,
    pinged: Vec<P>,
}

impl<P> Round<P> {
    const fn new() -> Self {
        Self { pushes: 0, pushed: Vec::new(), pulled: Vec::new(), asked: Vec::new(), pinged: Vec::new() }
    }
}

impl<P: Peer> Brahms<P> {
    /// A node that knows nobody yet.
    ///
    /// # Errors
    /// A parameter that makes no sense.
    pub fn new(config: BrahmsConfig) -> Result<Self, ConfigError> {
        config.check()?;
        let (view, samplers, round) = (Vec::new(), Vec::new(), Round::new());
        Ok(Self { config, view, samplers, secret: Secret::default(), next: 0, number: 0, round })
    }

    /// Ends one round and begins the next.
    fn turn<C: Context<Self>>(&mut self, context: &mut C) {
        context.set_timer(self.config.interval, BrahmsTimer);
        for peer in [take(&mut self.round.asked), take(&mut self.round.pinged)].concat() {
            self.drop_peer(peer, context.rng());
        }
        let mut round = replace(&mut self.round, Round::new());
        if (1..=self.config.pushes).contains(&round.pushes) && !round.pulled.is_empty() {
            self.rebuild(&mut round, context.rng());
        }
        self.ask(context);
    }

    /// The new view: from pushes, from pulls, and from the samples.
    fn rebuild<R: Rng + ?Sized>(&mut self, round: &mut Round<P>, rng: &mut R) {
        let mut samples = self.samples();
        let chosen = choose_many(&mut round.pushed, self.config.pushes, rng).iter();
        let chosen = chosen.chain(choose_many(&mut round.pulled, self.config.pulls, rng).iter());
        let chosen = chosen.chain(choose_many(&mut samples, self.config.history, rng).iter());
        self.view.clear();
        for &peer in chosen {
            if !self.view.contains(&peer) {
                self.view.push(peer);
            }
        }
    }

    fn ask<C: Context<Self>>(&mut self, context: &mut C) {
        self.number = context.rng().next_u32();
        let pushed = choose_many(&mut self.view, self.config.pushes, context.rng()).to_vec();
        context.send_many(&pushed, BrahmsMessage::Push);
        self.round.asked = choose_many(&mut self.view, self.config.pulls, context.rng()).to_vec();
        context.send_many(&self.round.asked, BrahmsMessage::PullRequest(self.number));
        for _ in 0..self.config.probes.min(self.samplers.len()) {
            self.next = (self.next + 1) % self.samplers.len();
            if let Some(peer) = self.samplers[self.next].peer() {
                self.round.pinged.push(peer);
                context.send(peer, BrahmsMessage::Ping(self.number));
            }
        }
    }

    fn hear<C: Context<Self>>(&mut self, from: P, message: &BrahmsMessage<P>, context: &mut C) {
        match message {
            BrahmsMessage::Push => {
                self.round.pushes = self.round.pushes.saturating_add(1);
                if self.round.pushes <= self.config.pushes && !self.round.pushed.contains(&from) {
                    self.round.pushed.push(from);
                }
                self.observe(from);
            }
            BrahmsMessage::PullRequest(number) => {
                context.send(from, BrahmsMessage::PullReply(*number, self.view.clone()));
            }
            BrahmsMessage::PullReply(number, peers) if *number == self.number => {
                let Some(place) = self.round.asked.iter().position(|&peer| peer == from) else { return };
                self.round.asked.swap_remove(place);
                let me = context.me();
                for &peer in peers.iter().take(self.config.view()).filter(|&&peer| peer != me) {
                    self.round.pulled.push(peer);
                    self.observe(peer);
                }
            }
            BrahmsMessage::Ping(number) => context.send(from, BrahmsMessage::Pong(*number)),
            BrahmsMessage::Pong(number) if *number == self.number => self.round.pinged.retain(|&peer| peer != from),
            BrahmsMessage::PullReply(..) | BrahmsMessage::Pong(_) => {}
        }
    }

    fn observe(&mut self, peer: P) {
        let digest = self.secret.digest(peer);
        self.samplers.iter_mut().for_each(|sampler| _ = sampler.offer(peer, digest));
    }

    /// The peer does not answer: it leaves the view, and its samples start anew under other keys.
    fn drop_peer<R: Rng + ?Sized>(&mut self, peer: P, rng: &mut R) {
        self.view.retain(|&known| known != peer);
        self.round.pushed.retain(|&known| known != peer);
        self.round.pulled.retain(|&known| known != peer);
        for sampler in self.samplers.iter_mut().filter(|sampler| sampler.holds(peer)) {
            *sampler = MinWise::new(rng);
        }
    }

    fn introduce(&mut self, peers: &[P], me: P) {
        for &peer in peers.iter().filter(|&&peer| peer != me) {
            self.observe(peer);
            if self.view.len() < self.config.view() && !self.view.contains(&peer) {
                self.view.push(peer);
            }
        }
    }

    fn start<C: Context<Self>>(&mut self, context: &mut C) {
        self.secret = Secret::new(context.rng());
        let samplers = 0..self.config.samples;
        self.samplers = samplers.map(|_| MinWise::new(context.rng())).collect();
        let first = phase(self.config.interval, context.rng());
        context.set_timer(first, BrahmsTimer);
    }
}

impl<P: Peer> Protocol for Brahms<P> {
    type Peer = P;
    type Message = BrahmsMessage<P>;
    type Timer = BrahmsTimer;
    type Command = Introduce<P>;
    type Event = SamplingEvent<P>;

    fn handle<C: Context<Self>>(&mut self, _now: Instant, input: Input<'_, Self>, context: &mut C) {
        let before = self.view.clone();
        match input {
            Input::Start => self.start(context),
            Input::Timer(BrahmsTimer) => self.turn(context),
            Input::Message { from, message } if from != context.me() => self.hear(from, message, context),
            Input::Command(Introduce(peers)) => self.introduce(&peers, context.me()),
            Input::PeerDown(peer) => self.drop_peer(peer, context.rng()),
            Input::Message { .. } | Input::PeerUp(_) | Input::Stop => {}
        }
        tell_changes(before, self.view.clone(), |event| context.emit(event));
    }
}

impl<P: Peer> PeerSampling for Brahms<P> {
    fn view(&self) -> Vec<P> {
        self.view.clone()
    }

    fn samples(&self) -> Vec<P> {
        let mut samples: Vec<P> = self.samplers.iter().filter_map(MinWise::peer).collect();
        samples.sort_unstable();
        samples.dedup();
        samples
    }

    /// Each sampler with the same chance; the view while there are no samples.
    fn sample<R: Rng + ?Sized>(&mut self, rng: &mut R) -> Option<P> {
        let samples: Vec<P> = self.samplers.iter().filter_map(MinWise::peer).collect();
        choose(&samples, rng).or_else(|| choose(&self.view, rng))
    }
}
