//! Periodic reconciliation: every interval a node opens a [`session`](super::session) with one random peer, by the method
//! that its scenario or its owner chose. What a session brings is not passed on at once; it spreads as the sessions do. With
//! [`ReconcilerConfig::push`] new tuples spread as rumours, too, and sessions repair what rumours missed.
//!
//! Ids are under the salt of an epoch, the same for everybody, so that the index and the first cells of the store are kept and
//! serve all sessions. A session that ends in a mismatch is followed at once by a salted one, at most one per
//! [`ReconcilerConfig::patience`]; several in a row that were unsettled, and one whose method fails, are followed by a salted one
//! when the peer's turn comes again, the latter at once by the exchange of summaries that Scuttlebutt makes, too.
//!
//! Of a peer whose store was found equal a node remembers when that was, until it crashes, so that the next session by summaries
//! with it is about what changed since. Of the sessions that one peer opens, a node takes part in the latest only, and in no
//! more of them, nor of what they have it compute, in a span of time than `standing` allows. A session that falls silent is dropped at the first input after its time.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::marker::PhantomData;

use rand_core::Rng;

use crate::overlay::Sampler;
use crate::peer::Peer;
use crate::protocol::{Context, Durable, Input, Protocol};
use crate::reconcile::coding::Salt;
use crate::reconcile::message::SyncMessage;
use crate::reconcile::replica::{Replica, Saved};
use crate::reconcile::session::{Meeting, MethodKind, Opening, Part, Session, SessionMessage, Terms, Verdict};
use crate::reconcile::standing::{Allowance, Standing};
use crate::reconcile::{SyncCommand, SyncEvent, Synchroniser, Tick, keep_ticking, start_ticking};
use crate::reconcile::{exchange, rumour};
use crate::store::{Keys, Store, Tuple};
use crate::time::{Duration, Instant};

/// The salt of ids in unsalted sessions. It is no secret.
pub const EPOCH: Salt = Salt([0x7261_7070_726f_6368, 0x656d_656e_7420_7631]);
/// The most sessions that a node takes part in. Beyond it the oldest goes.
const SESSIONS_MAX: usize = 64;
/// The most peers of whom is remembered when the stores were equal. Beyond it the one that was met least recently goes.
const MEETINGS_MAX: usize = 1024;

/// The parameters of periodic reconciliation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReconcilerConfig {
    /// How differences are found.
    pub method: MethodKind,
    /// Time between the sessions that a node opens; zero for never.
    pub interval: Duration,
    /// When a node opens its first session; `None` for a random point of the interval.
    pub first: Option<Duration>,
    /// Different peers to whom a new tuple is passed on at once as a rumour; 0 for none.
    pub push: u32,
    /// Bytes of the method's words in the first message, where it has a choice.
    pub room: usize,
    /// Cells of the store's code that are kept up to date at every write; 0 for none.
    pub prefix: usize,
    /// How long a session may take, and the least time between salted sessions.
    pub patience: Duration,
    /// Most bytes of tuples in one direction of an exchange after a session that failed.
    pub budget: usize,
    /// Whether a session that goes wrong is repaired, by a salted one and by an exchange. Without it a method is its unsalted,
    /// published form, in which chosen content hides what others wrote (see [`crate::reconcile::cancellation`]): for comparison.
    pub repair: bool,
}

/// A node that reconciles.
#[derive(Debug)]
pub struct Reconciler<P, S, K> {
    config: ReconcilerConfig,
    sampler: S,
    replica: Replica<K>,
    sessions: Vec<Running<P>>,
    standing: Standing<P>,
    /// The last meeting with a peer, the least recent one first.
    meetings: Vec<(P, Meeting)>,
    /// When the next salted session may be opened.
    salted_from: Instant,
    peer: PhantomData<fn() -> P>,
}

/// A session in progress.
#[derive(Debug)]
struct Running<P> {
    peer: P,
    since: Instant,
    session: Session,
}

impl<P: Peer, S: Sampler<P>, K: Keys> Reconciler<P, S, K> {
    /// A node with an empty store.
    pub fn new(config: ReconcilerConfig, sampler: S, keys: K) -> Self {
        Self {
            config,
            sampler,
            replica: Replica::indexed(keys, EPOCH, config.method, config.prefix),
            sessions: Vec::new(),
            standing: Standing::new(Allowance::new(config.interval, config.patience)),
            meetings: Vec::new(),
            salted_from: Instant::ZERO,
            peer: PhantomData,
        }
    }

    /// Where it takes its peers from.
    pub const fn sampler_mut(&mut self) -> &mut S {
        &mut self.sampler
    }

    fn open<C: Context<Self>>(&mut self, now: Instant, context: &mut C) {
        let Some(peer) = self.sampler.sample(context.rng()) else { return };
        self.open_with(peer, now, context);
    }

    fn open_with<C: Context<Self>>(&mut self, peer: P, now: Instant, context: &mut C) {
        if self.sessions.iter().any(|running| running.peer == peer && running.session.is_opener()) {
            return;
        }
        let salted = now >= self.salted_from && self.standing.is_suspect(peer);
        if salted {
            self.standing.acquit(peer);
            self.salted_from = now + self.config.patience;
        }
        let (number, nonce) = (context.rng().next_u32(), context.rng().next_u64());
        let (store, index) = self.replica.view();
        let ReconcilerConfig { method, room, .. } = self.config;
        let terms = Terms { method, salted, room, met: self.met(peer) };
        let (mut session, message) = Session::open(number, terms, nonce, store, index);
        context.spend(session.take_work().time());
        self.keep(peer, now, session);
        context.send(peer, SyncMessage::Session(Box::new(message)));
    }

    fn keep(&mut self, peer: P, since: Instant, session: Session) {
        if self.sessions.len() >= SESSIONS_MAX {
            self.sessions.remove(0);
        }
        self.sessions.push(Running { peer, since, session });
    }

    /// Drops the sessions whose time is over. Who opens none has nothing else to notice it by than what arrives.
    fn expire(&mut self, now: Instant) {
        let patience = self.config.patience;
        self.sessions.retain(|running| now.since(running.since) < patience);
    }

    fn session<C: Context<Self>>(&mut self, now: Instant, from: P, message: &SessionMessage, context: &mut C) {
        let (mut out, mut opener) = (Vec::new(), false);
        let verdict = if let Part::Open(opening) = &message.part {
            self.answer(now, from, message.session, opening, &mut out, context)
        } else {
            opener = self.opened(from, message.session);
            self.go_on(now, from, message, &mut out, context)
        };
        for message in out {
            context.send(from, SyncMessage::Session(Box::new(message)));
        }
        self.note(from, verdict, now);
        if opener && verdict == Verdict::Mismatch && now >= self.salted_from && self.repairs() {
            self.open_with(from, now, context);
        }
    }

    /// A peer opens a session, in place of the one that it opened before.
    fn answer<C: Context<Self>>(
        &mut self,
        now: Instant,
        from: P,
        number: u32,
        opening: &Opening,
        out: &mut Vec<SessionMessage>,
        context: &mut C,
    ) -> Verdict {
        let opened = |running: &Running<P>| running.peer == from && !running.session.is_opener();
        let before = self.sessions.iter().position(opened);
        let repeats = before.is_some_and(|place| self.sessions[place].session.number() == number);
        if repeats || !self.standing.admits(from, opening.salted, now) {
            return Verdict::Open;
        }
        before.map(|place| self.sessions.remove(place));
        let nonce = context.rng().next_u64();
        let (store, index) = self.replica.view();
        let met = self.met(from);
        let (mut session, verdict) = Session::answer(number, opening, nonce, met, store, index, out);
        if let Some(session) = &mut session {
            let work = session.take_work().time();
            self.standing.computed(from, work, now);
            context.spend(work);
        }
        if let (Some(session), Verdict::Open) = (session, verdict) {
            self.keep(from, now, session);
        }
        verdict
    }

    /// When both stores were equal last, as far as this node knows.
    fn met(&self, peer: P) -> Option<Meeting> {
        self.meetings.iter().find(|(met, _)| *met == peer).map(|(_, meeting)| *meeting)
    }

    /// What a session's end says about the next one with the peer.
    fn note(&mut self, peer: P, verdict: Verdict, now: Instant) {
        if verdict.calls_for_salt() || verdict == Verdict::Equal {
            self.meetings.retain(|(met, _)| *met != peer);
        }
        let (store, index) = self.replica.view();
        if let (Verdict::Equal, Some(meeting)) = (verdict, Meeting::now(store, index)) {
            if self.meetings.len() >= MEETINGS_MAX {
                self.meetings.remove(0);
            }
            self.meetings.push((peer, meeting));
        }
        if self.repairs() {
            self.standing.judge(peer, verdict, now);
        }
    }

    /// Whether this node opened the session.
    fn opened(&self, peer: P, number: u32) -> bool {
        let is_it = |running: &Running<P>| running.peer == peer && running.session.number() == number;
        self.sessions.iter().find(|running| is_it(running)).is_some_and(|running| running.session.is_opener())
    }

    /// A session's next message.
    fn go_on<C: Context<Self>>(
        &mut self,
        now: Instant,
        from: P,
        message: &SessionMessage,
        out: &mut Vec<SessionMessage>,
        context: &mut C,
    ) -> Verdict {
        let is_it = |running: &Running<P>| running.peer == from && running.session.number() == message.session;
        let Some(place) = self.sessions.iter().position(is_it) else { return Verdict::Open };
        if let Part::Give { tuples, .. } = &message.part {
            let before = self.replica.changes();
            self.replica.receive_all::<Self, C>(from, tuples, context);
            if self.replica.changes() != before {
                self.unsettle(Some(place));
            }
        }
        let (store, index) = self.replica.view();
        let session = &mut self.sessions[place].session;
        let (verdict, opener) = (session.handle(&message.part, store, index, out), session.is_opener());
        let work = session.take_work().time();
        context.spend(work);
        let listing = session.take_listing().time();
        if !opener {
            self.standing.computed(from, work + listing, now);
        }
        if verdict != Verdict::Open {
            self.sessions.remove(place);
        }
        if opener && self.repairs() && matches!(verdict, Verdict::Failed(_)) {
            exchange::open::<Self, C>(self.replica.store(), from, context);
        }
        verdict
    }

    /// A classic form knows no repair, whatever is asked for.
    const fn repairs(&self) -> bool {
        self.config.repair && self.config.method.repairs()
    }

    /// Passes a new tuple on.
    fn push<C: Context<Self>>(&mut self, tuple: Arc<Tuple>, hops: u8, context: &mut C) {
        if self.config.push > 0 {
            let rumour = SyncMessage::Rumour { tuple, hops };
            rumour::spread::<Self, S, C>(&mut self.sampler, self.config.push, rumour, context);
        }
    }

    /// The store changed: all sessions but one cannot conclude anything from a difference.
    fn unsettle(&mut self, except: Option<usize>) {
        let others = self.sessions.iter_mut().enumerate().filter(|(place, _)| Some(*place) != except);
        others.for_each(|(_, running)| running.session.unsettle());
    }
}

impl<P: Peer, S: Sampler<P>, K: Keys> Protocol for Reconciler<P, S, K> {
    type Peer = P;
    type Message = SyncMessage;
    type Timer = Tick;
    type Command = SyncCommand;
    type Event = SyncEvent<P>;

    fn handle<C: Context<Self>>(&mut self, now: Instant, input: Input<'_, Self>, context: &mut C) {
        self.expire(now);
        match input {
            Input::Start => match self.config.first {
                Some(first) if !self.config.interval.is_zero() => drop(context.set_timer(first, Tick)),
                _ => start_ticking::<Self, C>(self.config.interval, context),
            },
            Input::Timer(Tick) => {
                self.open(now, context);
                keep_ticking::<Self, C>(self.config.interval, context);
            }
            Input::Message { from, message: SyncMessage::Session(message) } => {
                self.session(now, from, message, context);
            }
            Input::Message { from, message: SyncMessage::Rumour { tuple, hops } } => {
                if self.replica.receive::<Self, C>(from, tuple, *hops, context) {
                    self.unsettle(None);
                    self.push(tuple.clone(), hops.saturating_add(1), context);
                }
            }
            Input::Message { from, message } => {
                use SyncMessage::{Request, Root, Summary};
                if matches!(message, Root(_) | Summary(_) | Request(_)) && !self.standing.admits_exchange(from, now) {
                    return;
                }
                let before = self.replica.changes();
                exchange::handle::<Self, K, C>(&mut self.replica, self.config.budget, from, message, context);
                if self.replica.changes() != before {
                    self.unsettle(None);
                }
            }
            Input::Command(command) => {
                let written = self.replica.command::<Self, C>(command, context);
                self.unsettle(None);
                written.into_iter().for_each(|tuple| self.push(tuple, 1, context));
            }
            Input::PeerUp(_) | Input::PeerDown(_) | Input::Stop => {}
        }
    }
}

impl<P: Peer, S: Sampler<P>, K: Keys> Durable for Reconciler<P, S, K> {
    type Saved = Saved;

    fn save(&self) -> Saved {
        self.replica.save()
    }

    /// Sessions that were open are gone, and so is what was remembered of peers.
    fn recover(&mut self, saved: Saved) {
        self.sessions.clear();
        self.standing.clear();
        self.meetings.clear();
        self.replica.recover(saved);
    }
}

impl<P: Peer, S: Sampler<P>, K: Keys> Synchroniser for Reconciler<P, S, K> {
    fn store(&self) -> &Store {
        self.replica.store()
    }

    fn forget(&mut self) {
        self.meetings.clear();
        self.replica.forget();
    }
}
