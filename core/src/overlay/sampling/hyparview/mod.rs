//! HyParView: a small symmetric active view of neighbours whose failure is noticed at once, and a larger passive view out of
//! which the lost ones are replaced. Random walks spread the news of who joins and shuffle the passive views.
//!
//! J. Leitão, J. Pereira and L. Rodrigues, "HyParView: a membership protocol for reliable gossip-based broadcast", DSN 2007. The
//! paper rests on TCP for order, delivery and failure detection. For transports that promise less, a neighbour has to
//! say now and then that it is there (`silence`), and a node that is told so by a stranger either gives it a place or says that
//! it has none; so a lost message leaves no one-sided link.
//!
//! The active view is the view, and samples are drawn from it. Dead peers of the passive view are noticed when they
//! are asked to become neighbours, or swapped away by shuffles.

mod config;
mod message;

pub use config::HyParViewConfig;
pub use message::HyParViewMessage;

use alloc::vec::Vec;

use rand_core::Rng;

use crate::overlay::sampling::config::{choose, choose_many, phase};
use crate::overlay::sampling::view::tell_changes;
use crate::overlay::sampling::{ConfigError, Introduce, PEERS_MAX, PeerSampling, SamplingEvent};
use crate::peer::Peer;
use crate::protocol::{Context, Input, Protocol};
use crate::time::Instant;

/// What a node that runs HyParView waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HyParViewTimer {
    /// The next shuffle begins.
    Round,
    /// The peer that was asked under this number should have answered by now.
    Timeout(u32),
}

/// A node that runs HyParView.
#[derive(Debug)]
pub struct HyParView<P> {
    config: HyParViewConfig,
    active: Vec<Link<P>>,
    passive: Vec<P>,
    /// Who was asked to be a neighbour and has not answered, with a number of this node's own: at most `active`.
    asked: Vec<(P, u32)>,
    /// Who was asked since the last round.
    tried: Vec<P>,
    /// What the last shuffle offered, until it is answered.
    shuffled: Option<Vec<P>>,
}

#[derive(Debug)]
struct Link<P> {
    peer: P,
    heard: Instant,
}

impl<P: Peer> HyParView<P> {
    /// A node that knows nobody yet.
    ///
    /// # Errors
    /// A parameter that makes no sense.
    pub fn new(config: HyParViewConfig) -> Result<Self, ConfigError> {
        config.check()?;
        let (active, passive, asked, tried) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Ok(Self { config, active, passive, asked, tried, shuffled: None })
    }

    /// The peers that stand by, in no particular order.
    pub fn passive(&self) -> &[P] {
        &self.passive
    }

    fn is_active(&self, peer: P) -> bool {
        self.active.iter().any(|link| link.peer == peer)
    }

    /// Active peers other than those given.
    fn active_but(&self, others: &[P]) -> Vec<P> {
        self.active.iter().map(|link| link.peer).filter(|peer| !others.contains(peer)).collect()
    }

    /// Gives a peer a place, for which a random neighbour goes if there is none.
    fn admit<C: Context<Self>>(&mut self, peer: P, now: Instant, context: &mut C) {
        self.asked.retain(|&(asked, _)| asked != peer);
        if self.is_active(peer) || peer == context.me() {
            return;
        }
        self.passive.retain(|&known| known != peer);
        if self.active.len() >= self.config.active
            && let Some(evicted) = choose(&self.active_but(&[]), context.rng())
        {
            self.active.retain(|link| link.peer != evicted);
            context.send(evicted, HyParViewMessage::Disconnect { stays: true });
            self.stand_by(evicted, &mut Vec::new(), context);
        }
        self.active.push(Link { peer, heard: now });
    }

    /// Adds a peer to the passive view, for which one of the `spare` goes if it is full, else a random one.
    fn stand_by<C: Context<Self>>(&mut self, peer: P, spare: &mut Vec<P>, context: &mut C) {
        if peer == context.me() || self.is_active(peer) || self.passive.contains(&peer) {
            return;
        }
        if self.passive.len() >= self.config.passive {
            let given = core::iter::from_fn(|| spare.pop()).find(|given| self.passive.contains(given));
            let goes = given.or_else(|| choose(&self.passive, context.rng()));
            self.passive.retain(|&known| Some(known) != goes);
        }
        self.passive.push(peer);
    }

    /// Asks peers that stand by until the active view may become full, each at most once between rounds.
    fn refill<C: Context<Self>>(&mut self, context: &mut C) {
        while self.active.len() + self.asked.len() < self.config.active && self.tried.len() < PEERS_MAX {
            let is_untried = |peer: &P| !self.tried.contains(peer) && self.asked.iter().all(|asked| asked.0 != *peer);
            let candidates: Vec<P> = self.passive.iter().copied().filter(is_untried).collect();
            let Some(peer) = choose(&candidates, context.rng()) else { return };
            self.tried.push(peer);
            let high = self.active.is_empty();
            self.ask(peer, HyParViewMessage::Neighbour { high }, context);
        }
    }

    fn ask<C: Context<Self>>(&mut self, peer: P, question: HyParViewMessage<P>, context: &mut C) {
        let number = context.rng().next_u32();
        self.asked.push((peer, number));
        context.send(peer, question);
        context.set_timer(self.config.neighbour_timeout, HyParViewTimer::Timeout(number));
    }

    /// The peer is gone.
    fn forget(&mut self, peer: P) {
        self.active.retain(|link| link.peer != peer);
        self.passive.retain(|&known| known != peer);
        self.asked.retain(|&(asked, _)| asked != peer);
    }

    fn round<C: Context<Self>>(&mut self, now: Instant, context: &mut C) {
        context.set_timer(self.config.interval, HyParViewTimer::Round);
        self.tried.clear();
        if self.config.silence > 0 {
            let patience = self.config.interval.saturating_mul(self.config.silence.into());
            let silent = self.active.iter().filter(|link| now.since(link.heard) > patience);
            for peer in silent.map(|link| link.peer).collect::<Vec<_>>() {
                context.send(peer, HyParViewMessage::Disconnect { stays: true });
                self.forget(peer);
            }
            context.send_many(&self.active_but(&[]), HyParViewMessage::Alive);
        }
        self.shuffle(context);
    }

    fn shuffle<C: Context<Self>>(&mut self, context: &mut C) {
        let mut active = self.active_but(&[]);
        let Some(to) = choose(&active, context.rng()) else { return };
        active.retain(|&peer| peer != to);
        let mut peers = choose_many(&mut active, self.config.shuffle_active, context.rng()).to_vec();
        let spare = choose_many(&mut self.passive, self.config.shuffle_passive, context.rng()).to_vec();
        peers.extend(&spare);
        self.shuffled = Some(spare);
        let (origin, ttl) = (context.me(), self.config.shuffle_walk);
        context.send(to, HyParViewMessage::Shuffle { origin, ttl, peers });
    }

    /// A node joins through this one, which always has a place for it.
    fn join<C: Context<Self>>(&mut self, peer: P, now: Instant, context: &mut C) {
        self.admit(peer, now, context);
        context.send(peer, HyParViewMessage::Answer { accepted: true });
        let ttl = self.config.join_walk;
        context.send_many(&self.active_but(&[peer]), HyParViewMessage::ForwardJoin { peer, ttl });
    }

    fn forward_join<C: Context<Self>>(&mut self, from: P, peer: P, ttl: u8, context: &mut C) {
        if peer == context.me() || self.is_active(peer) {
            return;
        }
        let ttl = ttl.min(self.config.join_walk);
        let onward = choose(&self.active_but(&[from, peer]), context.rng());
        match onward {
            Some(next) if ttl > 0 => {
                if ttl == self.config.passive_walk {
                    self.stand_by(peer, &mut Vec::new(), context);
                }
                context.send(next, HyParViewMessage::ForwardJoin { peer, ttl: ttl - 1 });
            }
            _ if self.asked.len() < self.config.active && self.asked.iter().all(|asked| asked.0 != peer) => {
                self.ask(peer, HyParViewMessage::Neighbour { high: true }, context);
            }
            _ => self.stand_by(peer, &mut Vec::new(), context),
        }
    }

    fn neighbour<C: Context<Self>>(&mut self, from: P, high: bool, now: Instant, context: &mut C) {
        let accepted = high || self.is_active(from) || self.active.len() < self.config.active;
        if accepted {
            self.admit(from, now, context);
        }
        context.send(from, HyParViewMessage::Answer { accepted });
    }

    fn answer<C: Context<Self>>(&mut self, from: P, accepted: bool, now: Instant, context: &mut C) {
        let asked = self.asked.iter().any(|asked| asked.0 == from);
        self.asked.retain(|asked| asked.0 != from);
        match (accepted, asked) {
            (true, true) => self.admit(from, now, context),
            (true, false) if !self.is_active(from) => {
                context.send(from, HyParViewMessage::Disconnect { stays: true });
            }
            (false, true) => self.stand_by(from, &mut Vec::new(), context),
            _ => {}
        }
    }

    /// Who says that it is a neighbour becomes one if there is room, or is told that it is not.
    fn alive<C: Context<Self>>(&mut self, from: P, now: Instant, context: &mut C) {
        let asked = self.asked.iter().any(|asked| asked.0 == from);
        if asked || self.active.len() < self.config.active {
            self.admit(from, now, context);
        } else if !self.is_active(from) {
            context.send(from, HyParViewMessage::Disconnect { stays: true });
        }
    }

    fn disconnected<C: Context<Self>>(&mut self, from: P, stays: bool, context: &mut C) {
        if self.is_active(from) {
            self.active.retain(|link| link.peer != from);
            if stays {
                self.stand_by(from, &mut Vec::new(), context);
                // Not the first to be asked again.
                self.tried.push(from);
            }
        }
        if !stays {
            self.forget(from);
        }
    }

    fn shuffled<C: Context<Self>>(&mut self, from: P, origin: P, ttl: u8, peers: &[P], context: &mut C) {
        if origin == context.me() {
            return;
        }
        let ttl = ttl.min(self.config.shuffle_walk).saturating_sub(1);
        let peers = &peers[..peers.len().min(self.config.shuffle_max() - 1)];
        if let (Some(next), 1..) = (choose(&self.active_but(&[from, origin]), context.rng()), ttl) {
            return context.send(next, HyParViewMessage::Shuffle { origin, ttl, peers: peers.to_vec() });
        }
        let mut given = choose_many(&mut self.passive, peers.len() + 1, context.rng()).to_vec();
        given.retain(|&peer| peer != origin);
        context.send(origin, HyParViewMessage::ShuffleReply(given.clone()));
        self.integrate(&[peers, &[origin]].concat(), given, context);
    }

    /// Takes peers into the passive view, in place of those that were given away for them.
    fn integrate<C: Context<Self>>(&mut self, peers: &[P], mut spare: Vec<P>, context: &mut C) {
        peers.iter().take(self.config.shuffle_max()).for_each(|&peer| self.stand_by(peer, &mut spare, context));
    }

    fn hear<C: Context<Self>>(&mut self, from: P, message: &HyParViewMessage<P>, now: Instant, context: &mut C) {
        self.active.iter_mut().filter(|link| link.peer == from).for_each(|link| link.heard = now);
        match message {
            HyParViewMessage::Join => self.join(from, now, context),
            HyParViewMessage::ForwardJoin { peer, ttl } => self.forward_join(from, *peer, *ttl, context),
            HyParViewMessage::Neighbour { high } => self.neighbour(from, *high, now, context),
            HyParViewMessage::Answer { accepted } => self.answer(from, *accepted, now, context),
            HyParViewMessage::Disconnect { stays } => self.disconnected(from, *stays, context),
            HyParViewMessage::Shuffle { origin, ttl, peers } => self.shuffled(from, *origin, *ttl, peers, context),
            HyParViewMessage::ShuffleReply(peers) => {
                if let Some(spare) = self.shuffled.take() {
                    self.integrate(peers, spare, context);
                }
            }
            HyParViewMessage::Alive => self.alive(from, now, context),
        }
    }

    fn introduce<C: Context<Self>>(&mut self, peers: &[P], context: &mut C) {
        peers.iter().for_each(|&peer| self.stand_by(peer, &mut Vec::new(), context));
        if self.active.is_empty()
            && self.asked.is_empty()
            && let Some(contact) = choose(&self.passive, context.rng())
        {
            self.ask(contact, HyParViewMessage::Join, context);
        }
    }
}

impl<P: Peer> Protocol for HyParView<P> {
    type Peer = P;
    type Message = HyParViewMessage<P>;
    type Timer = HyParViewTimer;
    type Command = Introduce<P>;
    type Event = SamplingEvent<P>;

    fn handle<C: Context<Self>>(&mut self, now: Instant, input: Input<'_, Self>, context: &mut C) {
        let before = self.view();
        match input {
            Input::Start => {
                let first = phase(self.config.interval, context.rng());
                context.set_timer(first, HyParViewTimer::Round);
            }
            Input::Timer(HyParViewTimer::Round) => self.round(now, context),
            Input::Timer(HyParViewTimer::Timeout(number)) => {
                if let Some(&(peer, _)) = self.asked.iter().find(|asked| asked.1 == number) {
                    self.forget(peer);
                }
            }
            Input::Message { from, message } if from != context.me() => self.hear(from, message, now, context),
            Input::Command(Introduce(peers)) => self.introduce(&peers, context),
            Input::PeerDown(peer) => self.forget(peer),
            Input::Stop => {
                return context.send_many(&self.active_but(&[]), HyParViewMessage::Disconnect { stays: false });
            }
            Input::Message { .. } | Input::PeerUp(_) => {}
        }
        self.refill(context);
        tell_changes(before, self.view(), |event| context.emit(event));
    }
}

impl<P: Peer> PeerSampling for HyParView<P> {
    fn view(&self) -> Vec<P> {
        self.active_but(&[])
    }

    fn sample<R: Rng + ?Sized>(&mut self, rng: &mut R) -> Option<P> {
        choose(&self.view(), rng)
    }
}
