//! Periodic reconciliation: every interval a node opens a [`session`](super::session) with one random peer, by the method
//! that its scenario or its owner chose. What a session brings is not passed on at once; it spreads as the sessions do.
//!
//! Ids are under the salt of an epoch, the same for everybody, so that the index and the first cells of the store are kept and
//! serve all sessions. A session that ends in a mismatch is followed at once by a salted one, at most one per
//! [`ReconcilerConfig::patience`]; one whose method fails, at once by the exchange of summaries that Scuttlebutt makes, and later
//! by a salted one, too.
//!
//! What a peer can cost by opening is bounded: a node answers a few openings of each peer in an interval, and keeps one session
//! of its making, so that nobody can push the sessions of others out.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::marker::PhantomData;

use rand_core::Rng;

use crate::overlay::Sampler;
use crate::peer::Peer;
use crate::protocol::{Context, Durable, Input, Protocol};
use crate::reconcile::coding::Salt;
use crate::reconcile::exchange;
use crate::reconcile::message::SyncMessage;
use crate::reconcile::replica::{Replica, Saved};
use crate::reconcile::session::{MethodKind, Part, Session, SessionMessage, Verdict};
use crate::reconcile::{SyncCommand, SyncEvent, Synchroniser, Tick, keep_ticking, start_ticking};
use crate::store::{Keys, Store};
use crate::time::{Duration, Instant};

/// The salt of ids in unsalted sessions. It is no secret.
const EPOCH: Salt = Salt([0x7261_7070_726f_6368, 0x656d_656e_7420_7631]);
/// The most openings of one peer that are answered in an interval. An honest peer opens at most two in one, since each waits
/// for the end of the one before, and a salted one; a datagram may come twice. A node that opens none itself takes any number.
const OPENINGS_MAX: usize = 4;
/// The most openings that a node remembers. Beyond it the oldest is forgotten.
const REMEMBERED_MAX: usize = 1024;
/// The most sessions that a node takes part in. Beyond it the oldest goes.
const SESSIONS_MAX: usize = 64;
/// The most peers whose next session is salted.
const SUSPECTS_MAX: usize = 64;

/// The parameters of periodic reconciliation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReconcilerConfig {
    /// How differences are found.
    pub method: MethodKind,
    /// Time between the sessions that a node opens; zero for never.
    pub interval: Duration,
    /// When a node opens its first session; `None` for a random point of the interval.
    pub first: Option<Duration>,
    /// Bytes of the method's words in the first message, where it has a choice.
    pub room: usize,
    /// Cells of the store's code that are kept up to date at every write; 0 for none.
    pub prefix: usize,
    /// How long a session may take, and the least time between salted sessions.
    pub patience: Duration,
    /// Most bytes of tuples in one direction of an exchange after a session that failed.
    pub budget: usize,
}

/// A node that reconciles.
#[derive(Debug)]
pub struct Reconciler<P, S, K> {
    config: ReconcilerConfig,
    sampler: S,
    replica: Replica<K>,
    sessions: Vec<Running<P>>,
    /// Who opened a session here within the last interval, and when.
    openings: Vec<(P, Instant)>,
    suspects: Vec<P>,
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

impl<P: Peer> Running<P> {
    /// Whether the peer opened it.
    fn is_answer_to(&self, peer: P) -> bool {
        self.peer == peer && !self.session.is_opener()
    }
}

impl<P: Peer, S: Sampler<P>, K: Keys> Reconciler<P, S, K> {
    /// A node with an empty store.
    pub fn new(config: ReconcilerConfig, sampler: S, keys: K) -> Self {
        Self {
            config,
            sampler,
            replica: Replica::indexed(keys, EPOCH, config.method, config.prefix),
            sessions: Vec::new(),
            openings: Vec::new(),
            suspects: Vec::new(),
            salted_from: Instant::ZERO,
            peer: PhantomData,
        }
    }

    fn open<C: Context<Self>>(&mut self, now: Instant, context: &mut C) {
        let patience = self.config.patience;
        self.sessions.retain(|running| now.since(running.since) < patience);
        let Some(peer) = self.sampler.sample(context.rng()) else { return };
        self.open_with(peer, now, context);
    }

    fn open_with<C: Context<Self>>(&mut self, peer: P, now: Instant, context: &mut C) {
        if self.sessions.iter().any(|running| running.peer == peer && running.session.is_opener()) {
            return;
        }
        let suspect = self.suspects.iter().position(|suspect| *suspect == peer).filter(|_| now >= self.salted_from);
        if let Some(place) = suspect {
            self.suspects.swap_remove(place);
            self.salted_from = now + self.config.patience;
        }
        let (number, nonce) = (context.rng().next_u32(), context.rng().next_u64());
        let (store, index) = self.replica.view();
        let ReconcilerConfig { method, room, .. } = self.config;
        let (mut session, message) = Session::open(number, method, suspect.is_some(), nonce, store, index, room);
        context.spend(session.take_work().time());
        self.keep(peer, now, session);
        context.send(peer, SyncMessage::Session(Box::new(message)));
    }

    /// Whether an opening is to be answered: not one that came twice, nor those of a peer that opens without end.
    fn welcomes(&mut self, now: Instant, peer: P, number: u32) -> bool {
        let window = self.config.interval.min(self.config.patience);
        self.openings.retain(|(_, at)| now.since(*at) < window);
        let is_it = |running: &Running<P>| running.is_answer_to(peer) && running.session.number() == number;
        let openings = self.openings.iter().filter(|(opener, _)| *opener == peer).count();
        if openings >= OPENINGS_MAX || self.sessions.iter().any(is_it) {
            return false;
        }
        if self.openings.len() >= REMEMBERED_MAX {
            self.openings.remove(0);
        }
        self.openings.push((peer, now));
        true
    }

    fn keep(&mut self, peer: P, since: Instant, session: Session) {
        if self.sessions.len() >= SESSIONS_MAX {
            self.sessions.remove(0);
        }
        self.sessions.push(Running { peer, since, session });
    }

    fn session<C: Context<Self>>(&mut self, now: Instant, from: P, message: &SessionMessage, context: &mut C) {
        let (mut out, mut opener) = (Vec::new(), false);
        let verdict = if let Part::Open(opening) = &message.part {
            if !self.welcomes(now, from, message.session) {
                return;
            }
            let nonce = context.rng().next_u64();
            let (store, index) = self.replica.view();
            let (mut session, verdict) = Session::answer(message.session, opening, nonce, store, index, &mut out);
            session.iter_mut().for_each(|session| context.spend(session.take_work().time()));
            if let (Some(session), Verdict::Open) = (session, verdict) {
                // Its opener has given up an earlier one.
                self.sessions.retain(|running| !running.is_answer_to(from));
                self.keep(from, now, session);
            }
            verdict
        } else {
            opener = self.opened(from, message.session);
            self.go_on(from, message, &mut out, context)
        };
        for message in out {
            context.send(from, SyncMessage::Session(Box::new(message)));
        }
        if verdict.calls_for_salt() && !self.suspects.contains(&from) && self.suspects.len() < SUSPECTS_MAX {
            self.suspects.push(from);
        }
        if opener && verdict == Verdict::Mismatch && now >= self.salted_from {
            self.open_with(from, now, context);
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
        context.spend(session.take_work().time());
        if verdict != Verdict::Open {
            self.sessions.remove(place);
        }
        if opener && matches!(verdict, Verdict::Failed(_)) {
            exchange::open::<Self, C>(self.replica.store(), from, context);
        }
        verdict
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
            Input::Message { from, message } => {
                let before = self.replica.changes();
                exchange::handle::<Self, K, C>(&mut self.replica, self.config.budget, from, message, context);
                if self.replica.changes() != before {
                    self.unsettle(None);
                }
            }
            Input::Command(command) => {
                self.replica.command::<Self, C>(command, context);
                self.unsettle(None);
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

    /// Sessions that were open are gone.
    fn recover(&mut self, saved: Saved) {
        self.sessions.clear();
        self.openings.clear();
        self.suspects.clear();
        self.replica.recover(saved);
    }
}

impl<P: Peer, S: Sampler<P>, K: Keys> Synchroniser for Reconciler<P, S, K> {
    fn store(&self) -> &Store {
        self.replica.store()
    }

    fn forget(&mut self) {
        self.replica.forget();
    }
}
