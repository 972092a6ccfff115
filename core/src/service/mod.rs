//! The RTT service: peers that measure round trips, form opinions of each other, reconcile these between all, rank each
//! other by them, and connect to those that are up longest and nearest. It is the blueprint of services whose peers rate
//! each other by something else.
//!
//! | file | what it does |
//! |---|---|
//! | [`config`] | the parameters of all parts |
//! | [`message`] | what nodes send each other |
//! | [`opinion`] | what a node says of a peer |
//! | `measure` | probes, coordinates, introductions |
//! | `opine` | forms opinions, publishes them, takes in those of others |
//! | `ranking` | opinions as a graph, and MeritRank over it |
//! | `contacts` | whom reconciliation talks to |
//!
//! One turn after the other, each by its own timer: **probe** a neighbour, a promising peer or a sampled one; **ask** one for introductions;
//! **opine** about neighbours, as signed versioned tuples; **reconcile** these with a neighbour; **rank**, some steps of the walks; **review** who is to
//! be a neighbour. Probes, coordinates, introductions and ranks are kept apart: a liar about its place is not probed for long, a liar
//! about others is ranked by who believes it, and neither changes what a node measures itself.
//!
//! A crash leaves the store, with this node's version, and the peers that it was configured with. Everything else is measured anew.

pub mod config;
mod contacts;
mod measure;
pub mod message;
mod opine;
pub mod opinion;
mod ranking;

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

use config::{ConfigError, ServiceConfig};
use contacts::Contacts;
use message::ServiceMessage;
use ranking::Ranking;

use crate::compose::{Embeds, give};
use crate::overlay::address::AddressRecord;
use crate::overlay::book::Book;
use crate::overlay::exchange::Exchange;
use crate::overlay::neighbours::{Candidate, Neighbour, Neighbours};
use crate::overlay::probe::Prober;
use crate::overlay::refusals::Counters;
use crate::overlay::sampling::{AnySampler, AnyTimer, Introduce, PeerSampling};
use crate::overlay::search::Search;
use crate::overlay::vivaldi::Vivaldi;
use crate::peer::{Peer, PeerId};
use crate::protocol::{Context, Durable, Input, Protocol};
use crate::reconcile::{Reconciler, Saved, SyncEvent, Synchroniser, Tick};
use crate::store::{Keys, Store, Tuple};
use crate::time::{Duration, Instant};

/// A timer of the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServiceTimer {
    /// The next probe is due.
    Probe,
    /// The next ask for introductions is due.
    Ask,
    /// Opinions are due.
    Opine,
    /// The ranking has its turn.
    Rank,
    /// The choice of neighbours is due.
    Review,
    /// The sampler's.
    Sampling(AnyTimer),
    /// The synchroniser's.
    Sync(Tick),
}

/// What the service tells the application and the observer of an experiment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServiceEvent<P> {
    /// The peer is a neighbour from now on.
    Joined(P),
    /// The peer is no neighbour any more.
    Left(P),
    /// This node published an opinion, or withdrew one.
    Opined(Arc<Tuple>),
    /// Another author's opinion is now the newest here; so many hops as a rumour.
    Heard(Arc<Tuple>, u8),
    /// A tuple arrived that its author did not sign.
    Rejected,
}

/// A node of the service.
#[derive(Debug)]
pub struct Service<P: Peer, K> {
    config: ServiceConfig,
    me: P,
    keys: K,
    /// Whom it was configured to know.
    bootstrap: Vec<P>,
    record: Option<Arc<AddressRecord>>,
    book: Book<P>,
    prober: Prober<P>,
    exchange: Exchange<P>,
    vivaldi: Vivaldi<2>,
    search: Search,
    sampler: AnySampler<P>,
    reconciler: Reconciler<P, Contacts<P>, K>,
    ranking: Ranking,
    neighbours: Neighbours<P>,
    /// What peers did that no honest one does; at most [`MISDEEDS_MAX`] peers.
    misdeeds: BTreeMap<P, u32>,
    counters: Counters,
    turn: u64,
}

/// The most peers whose misdeeds are counted.
const MISDEEDS_MAX: usize = 256;

impl<P: Peer, K: Keys + Clone> Service<P, K> {
    /// The node `me` that knows nobody but `bootstrap`.
    ///
    /// # Errors
    /// A parameter of a part that makes no sense.
    pub fn new(config: ServiceConfig, me: P, keys: K, bootstrap: Vec<P>) -> Result<Self, ConfigError> {
        config.check()?;
        Ok(Self {
            config,
            me,
            bootstrap,
            record: None,
            book: Book::new(config.book, me),
            prober: Prober::new(config.probe),
            exchange: Exchange::new(config.exchange),
            vivaldi: Vivaldi::new(config.vivaldi),
            search: Search::new(config.search),
            sampler: config.sampling.build(me).map_err(ConfigError::Sampling)?,
            reconciler: Reconciler::new(config.reconcile, Contacts::default(), keys.clone()),
            ranking: Ranking::new(config.walks, me.id(), config.ranked_max).map_err(ConfigError::Rank)?,
            neighbours: Neighbours::new(config.neighbours, me),
            misdeeds: BTreeMap::new(),
            counters: Counters::default(),
            turn: 0,
            keys,
        })
    }

    /// The neighbours.
    pub fn neighbours(&self) -> &[Neighbour<P>] {
        self.neighbours.held()
    }

    /// What it measured.
    pub fn prober(&self) -> &Prober<P> {
        &self.prober
    }

    /// Whom it has heard of.
    pub fn book(&self) -> &Book<P> {
        &self.book
    }

    /// The peers out of which its sampler draws.
    pub fn samples(&self) -> Vec<P> {
        self.sampler.samples()
    }

    /// What it refused.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// A peer's score in its eyes, -1 to 1.
    pub fn score(&self, id: &PeerId) -> f64 {
        self.ranking.score(id)
    }

    /// The highest scores in its eyes.
    pub fn top(&self, count: usize) -> Vec<(PeerId, f64)> {
        self.ranking.top(count)
    }

    /// The opinions that it holds.
    pub fn store(&self) -> &Store {
        self.reconciler.store()
    }

    /// Loses the opinions, as a crash does that takes the disk along.
    pub fn forget(&mut self) {
        self.reconciler.forget();
        self.rebuild_ranking();
    }

    /// Chooses the neighbours anew, and who is reconciled with.
    fn review<C: Context<Self>>(&mut self, now: Instant, context: &mut C) {
        self.book.expire(now);
        let peers = self.ranking.peers() as f64;
        let candidates = self.prober.links().map(|(peer, link)| Candidate {
            peer,
            // An average score is 1; who has none is a stranger, and not the worst there is.
            rank: (self.ranking.score(&peer.id()).max(0.0) * peers).max(self.config.stranger),
            uptime: link.uptime(),
            rtt: link.smoothed(),
            heard: link.heard(),
        });
        let candidates: Vec<_> = candidates.filter(|candidate| !self.is_caught(candidate.peer)).collect();
        let sampled = self.sampler.samples();
        let changes = self.neighbours.review(now, &candidates, &sampled, &mut self.counters);
        for peer in changes.left {
            context.emit(ServiceEvent::Left(peer));
        }
        for peer in changes.joined {
            context.emit(ServiceEvent::Joined(peer));
        }
        let held = self.neighbours.held().iter().map(|neighbour| neighbour.peer).collect();
        self.reconciler.sampler_mut().set(held);
    }

    fn is_caught(&self, peer: P) -> bool {
        self.misdeeds.get(&peer).is_some_and(|count| *count >= self.config.misdeeds_max)
    }

    /// Counts what a peer did where something of it was refused meanwhile that no honest peer says.
    fn blame(&mut self, peer: P, misdeeds_before: u64) {
        if self.counters.misdeeds() == misdeeds_before {
            return;
        }
        if self.misdeeds.len() < MISDEEDS_MAX || self.misdeeds.contains_key(&peer) {
            let count = self.misdeeds.entry(peer).or_default();
            *count = count.saturating_add(1);
        }
    }

    fn start<C: Context<Self>>(&mut self, now: Instant, context: &mut C) {
        self.renew_record(now);
        give::<Self, _, _>(&mut self.sampler, now, Input::Start, context);
        let introduced = Introduce(self.bootstrap.clone());
        give::<Self, _, _>(&mut self.sampler, now, Input::Command(introduced), context);
        give::<Self, _, _>(&mut self.reconciler, now, Input::Start, context);
        for (timer, every) in self.config.turns() {
            if !every.is_zero() {
                // A random phase, so that nodes that start together take no turns together.
                let phase = (u128::from(rand_core::Rng::next_u64(context.rng())) * u128::from(every.as_nanos())) >> 64;
                context.set_timer(Duration::from_nanos(phase as u64), timer);
            }
        }
        self.ask(now, context);
    }

    fn turn<C: Context<Self>>(&mut self, now: Instant, timer: ServiceTimer, context: &mut C) {
        match timer {
            ServiceTimer::Probe => self.probe(now, context),
            ServiceTimer::Ask => self.ask(now, context),
            ServiceTimer::Opine => self.opine(now, context),
            ServiceTimer::Rank => drop(self.ranking.poll(self.config.rank_steps)),
            ServiceTimer::Review => self.review(now, context),
            ServiceTimer::Sampling(timer) => {
                drop(give::<Self, _, _>(&mut self.sampler, now, Input::Timer(timer), context));
                return;
            }
            ServiceTimer::Sync(tick) => {
                let told = give::<Self, _, _>(&mut self.reconciler, now, Input::Timer(tick), context);
                return self.learn(now, told, context);
            }
        }
        if let Some((_, every)) = self.config.turns().into_iter().find(|(turn, _)| *turn == timer) {
            context.set_timer(every, timer);
        }
    }

    fn message<C: Context<Self>>(&mut self, now: Instant, from: P, message: &ServiceMessage<P>, context: &mut C) {
        let misdeeds = self.counters.misdeeds();
        match message {
            ServiceMessage::Probe(message) => self.probed(now, from, message, context),
            ServiceMessage::Exchange(message) => {
                let Self { exchange, book, prober, keys, counters, .. } = self;
                let answer = exchange.handle(now, from, message, book, prober, keys, context.rng(), counters);
                answer.into_iter().for_each(|answer| context.send(from, ServiceMessage::Exchange(answer)));
            }
            ServiceMessage::Sampling(message) => {
                drop(give::<Self, _, _>(&mut self.sampler, now, Input::Message { from, message }, context));
            }
            ServiceMessage::Sync(message) => {
                let told = give::<Self, _, _>(&mut self.reconciler, now, Input::Message { from, message }, context);
                self.learn(now, told, context);
            }
        }
        self.blame(from, misdeeds);
    }

    /// The transport has evidence of a peer: the sampler and the neighbours hear of it.
    fn peer_down<C: Context<Self>>(&mut self, now: Instant, peer: P, context: &mut C) {
        drop(give::<Self, _, _>(&mut self.sampler, now, Input::PeerDown(peer), context));
        if self.neighbours.drop_peer(peer) {
            context.emit(ServiceEvent::Left(peer));
        }
    }
}

impl<P: Peer, K: Keys + Clone> Protocol for Service<P, K> {
    type Peer = P;
    type Message = ServiceMessage<P>;
    type Timer = ServiceTimer;
    type Command = Introduce<P>;
    type Event = ServiceEvent<P>;

    fn handle<C: Context<Self>>(&mut self, now: Instant, input: Input<'_, Self>, context: &mut C) {
        match input {
            Input::Start => self.start(now, context),
            Input::Message { from, message } => self.message(now, from, message, context),
            Input::Timer(timer) => self.turn(now, timer, context),
            Input::Command(command) => {
                self.bootstrap.extend(command.0.iter().copied().filter(|peer| *peer != self.me));
                self.bootstrap.truncate(config::BOOTSTRAP_MAX);
                drop(give::<Self, _, _>(&mut self.sampler, now, Input::Command(command), context));
            }
            Input::PeerUp(peer) => drop(give::<Self, _, _>(&mut self.sampler, now, Input::PeerUp(peer), context)),
            Input::PeerDown(peer) => self.peer_down(now, peer, context),
            Input::Stop => drop(give::<Self, _, _>(&mut self.sampler, now, Input::Stop, context)),
        }
    }
}

impl<P: Peer, K: Keys + Clone> Durable for Service<P, K> {
    type Saved = Saved;

    fn save(&self) -> Saved {
        self.reconciler.save()
    }

    fn recover(&mut self, saved: Saved) {
        let (keys, bootstrap) = (self.keys.clone(), core::mem::take(&mut self.bootstrap));
        // The parameters were good before.
        if let Ok(fresh) = Self::new(self.config, self.me, keys, bootstrap) {
            *self = Self { counters: core::mem::take(&mut self.counters), ..fresh };
        }
        self.reconciler.recover(saved);
        self.rebuild_ranking();
    }
}

impl<P: Peer, K: Keys + Clone> Embeds<AnySampler<P>> for Service<P, K> {
    fn message(message: <AnySampler<P> as Protocol>::Message) -> ServiceMessage<P> {
        ServiceMessage::Sampling(message)
    }

    fn timer(timer: AnyTimer) -> ServiceTimer {
        ServiceTimer::Sampling(timer)
    }
}

impl<P: Peer, K: Keys + Clone> Embeds<Reconciler<P, Contacts<P>, K>> for Service<P, K> {
    fn message(message: crate::reconcile::SyncMessage) -> ServiceMessage<P> {
        ServiceMessage::Sync(message)
    }

    fn timer(timer: Tick) -> ServiceTimer {
        ServiceTimer::Sync(timer)
    }
}

/// What a synchroniser tells.
type Told<P> = Vec<SyncEvent<P>>;
