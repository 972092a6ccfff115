//! A node of the directory: it keeps a routing table, answers requests, and looks ids up to resolve and publish names.
//!
//! P. Maymounkov and D. Mazières, "Kademlia: a peer-to-peer information system based on the XOR metric", IPTPS 2002, with the constants
//! of the Ouroboros prototype's directory ([`KademliaConfig`]). Where the two differ, this is the paper's: a value is published to
//! the closest nodes that a lookup finds, and not to the closest ones of the publisher's own table; a lookup keeps to `alpha` requests,
//! where the prototype asks every contact that it is told of; silent contacts are pinged and dropped.
//!
//! A peer's answer counts only with the cookie of a request to that peer, while it is waited for. Requests are answered from a token
//! bucket per peer; what a node keeps for others is bounded in keys, in values per key and in time. Anybody may store
//! anything under any key, as in the paper: values that matter have to prove themselves, by a signature for example.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use rand_core::Rng;

use crate::kademlia::config::{ConfigError, K_MAX, KademliaConfig};
use crate::kademlia::contract::{KademliaCommand, KademliaEvent, Reason, Refusals};
use crate::kademlia::lookup::{Lookup, Rejected};
use crate::kademlia::message::{KademliaMessage, Store, Value};
use crate::kademlia::table::{Failure, RoutingTable};
use crate::kademlia::values::Values;
use crate::overlay::allowance::Allowance;
use crate::peer::{Peer, PeerId};
use crate::protocol::{Context, Durable, Input, Protocol, TimerHandle};
use crate::random::below;
use crate::time::{Duration, Instant};

/// What a node waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KademliaTimer {
    /// The answer to the request with this cookie.
    Timeout(u64),
    /// The end of the lookup with this number.
    Deadline(u32),
    /// The next attempt at joining.
    Rejoin,
    /// Values that expire or have to be sent on, and parts of the key space that were not looked at for long.
    Upkeep,
}

/// A node of the directory.
#[derive(Debug)]
pub struct Kademlia<P> {
    pub(super) config: KademliaConfig,
    pub(super) me: P,
    pub(super) table: RoutingTable<P>,
    pub(super) values: Values,
    pub(super) lookups: BTreeMap<u32, Running<P>>,
    /// By cookie. A request outlives its lookup: whether it is answered tells of the peer.
    requests: BTreeMap<u64, Request<P>>,
    next_lookup: u32,
    /// When an id that shares so many leading bits with this node's was last looked up.
    pub(super) looked_up: Vec<Instant>,
    /// Where to begin anew if nobody is known any more.
    pub(super) bootstrap: Vec<P>,
    allowance: Allowance<P>,
    refusals: Refusals,
}

/// A lookup under way.
#[derive(Debug)]
pub(super) struct Running<P> {
    lookup: Lookup<P>,
    goal: Goal,
    began: Instant,
    deadline: TimerHandle,
}

/// What a lookup is for.
#[derive(Clone, Debug)]
pub(super) enum Goal {
    Join,
    Refresh,
    Resolve,
    /// The closest nodes are to keep this value for so long; the application may be waiting to hear of it.
    Store {
        value: Value,
        lifetime: Duration,
        tells: bool,
    },
}

#[derive(Debug)]
struct Request<P> {
    peer: P,
    /// The lookup that it belongs to; a ping belongs to none.
    lookup: Option<u32>,
    timeout: TimerHandle,
}

impl<P: Peer> Kademlia<P> {
    /// A node that knows nobody yet.
    ///
    /// # Errors
    /// A parameter that makes no sense.
    pub fn new(me: P, config: KademliaConfig) -> Result<Self, ConfigError> {
        config.check()?;
        Ok(Self {
            config,
            me,
            table: RoutingTable::new(me, &config),
            values: Values::default(),
            lookups: BTreeMap::new(),
            requests: BTreeMap::new(),
            next_lookup: 0,
            looked_up: Vec::new(),
            bootstrap: Vec::new(),
            allowance: Allowance::new(config.request_interval, config.request_burst),
            refusals: Refusals::default(),
        })
    }

    /// For studies that begin in the steady state: this node with this routing table (see [`RoutingTable::full`]).
    #[must_use]
    pub fn with_table(mut self, table: RoutingTable<P>) -> Self {
        self.table = table;
        self
    }

    /// For studies that begin in the steady state: this node keeps a value for others, with its full lifetime. Whether it had room.
    pub fn keep(&mut self, now: Instant, key: PeerId, value: Value) -> bool {
        self.values.store(now, key, value, self.config.expire, &self.config)
    }

    /// The routing table.
    pub const fn table(&self) -> &RoutingTable<P> {
        &self.table
    }

    /// Keys that are kept for others.
    pub fn keys(&self) -> usize {
        self.values.len()
    }

    /// What this node answers who asks for a key.
    pub fn values_of(&self, now: Instant, key: PeerId) -> Vec<Value> {
        self.values.get(now, key, self.config.values)
    }

    /// What it refused so far.
    pub const fn refusals(&self) -> Refusals {
        self.refusals
    }

    fn command<C: Context<Self>>(&mut self, now: Instant, command: KademliaCommand<P>, context: &mut C) {
        match command {
            KademliaCommand::Join(mut contacts) => {
                contacts.retain(|contact| *contact != self.me);
                contacts.truncate(K_MAX);
                self.bootstrap = contacts;
                self.join(now, context);
            }
            KademliaCommand::Resolve(key) => self.resolve(now, key, context),
            KademliaCommand::Publish { key, value } => {
                let room = self.values.publish(now, key, value.clone(), &self.config);
                let goal = Goal::Store { value, lifetime: self.config.expire, tells: true };
                if !room || !self.look_up(now, key, goal, context) {
                    context.emit(KademliaEvent::NotPublished { key, reason: Reason::Busy });
                }
            }
            KademliaCommand::Withdraw(key) => {
                let existed = self.values.withdraw(key);
                context.emit(KademliaEvent::Withdrawn { key, existed });
            }
        }
    }

    pub(super) fn join<C: Context<Self>>(&mut self, now: Instant, context: &mut C) {
        let joins = self.lookups.values().any(|running| matches!(running.goal, Goal::Join));
        let knows_nobody = self.bootstrap.is_empty() && self.table.is_empty();
        if !joins && !knows_nobody {
            self.look_up(now, self.me.id(), Goal::Join, context);
        }
    }

    fn resolve<C: Context<Self>>(&mut self, now: Instant, key: PeerId, context: &mut C) {
        let values = self.values.known(now, key, self.config.values);
        if !values.is_empty() {
            context.emit(KademliaEvent::Resolved { key, values, hops: 0, messages: 0, took: Duration::ZERO });
        } else if !self.look_up(now, key, Goal::Resolve, context) {
            let reason = Reason::Busy;
            context.emit(KademliaEvent::NotFound { key, reason, messages: 0, took: Duration::ZERO });
        }
    }

    /// Begins a lookup; `false` where too many are under way.
    pub(super) fn look_up<C: Context<Self>>(
        &mut self,
        now: Instant,
        target: PeerId,
        goal: Goal,
        context: &mut C,
    ) -> bool {
        if self.lookups.len() >= self.config.lookups_max {
            return false;
        }
        self.note_look_up(now, target);
        let mut seeds = self.table.closest(target, self.config.window());
        if matches!(goal, Goal::Join) {
            seeds.extend(&self.bootstrap);
        }
        let lookup = Lookup::new(self.me.id(), target, &self.config, &seeds);
        let number = self.next_lookup;
        self.next_lookup = number.wrapping_add(1);
        let deadline = context.set_timer(self.config.deadline, KademliaTimer::Deadline(number));
        self.lookups.insert(number, Running { lookup, goal, began: now, deadline });
        self.advance(now, number, context);
        true
    }

    /// Sends what the lookup wants to send, and ends it where it is done.
    fn advance<C: Context<Self>>(&mut self, now: Instant, number: u32, context: &mut C) {
        while let Some(running) = self.lookups.get_mut(&number) {
            let target = running.lookup.target();
            let asks_value = matches!(running.goal, Goal::Resolve);
            match running.lookup.next_peer() {
                Some(peer) => self.request(peer, Some(number), context, |cookie| match asks_value {
                    true => KademliaMessage::FindValue { cookie, key: target },
                    false => KademliaMessage::FindNode { cookie, key: target },
                }),
                None if running.lookup.is_done() => return self.finish(now, number, false, context),
                None => return,
            }
        }
    }

    fn request<C: Context<Self>>(
        &mut self,
        peer: P,
        lookup: Option<u32>,
        context: &mut C,
        message: impl Fn(u64) -> KademliaMessage<P>,
    ) {
        let cookie = context.rng().next_u64();
        context.send(peer, message(cookie));
        let timeout = context.set_timer(self.config.timeout, KademliaTimer::Timeout(cookie));
        self.requests.insert(cookie, Request { peer, lookup, timeout });
    }

    fn ping<C: Context<Self>>(&mut self, peer: P, context: &mut C) {
        let is_pinged = self.requests.values().any(|request| request.peer == peer && request.lookup.is_none());
        if !is_pinged {
            self.request(peer, None, context, |cookie| KademliaMessage::Ping { cookie });
        }
    }

    /// A lookup has come to its end without a value.
    fn finish<C: Context<Self>>(&mut self, now: Instant, number: u32, given_up: bool, context: &mut C) {
        let Some(Running { lookup, goal, began, deadline }) = self.lookups.remove(&number) else { return };
        context.cancel_timer(deadline);
        let (key, messages, took) = (lookup.target(), lookup.messages(), now.since(began));
        let closest: Vec<P> = lookup.closest().map(|(peer, _)| peer).collect();
        let reason = match given_up || messages >= self.config.requests_max {
            _ if closest.is_empty() => Reason::Alone,
            true => Reason::GivenUp,
            false => Reason::Missing,
        };
        match goal {
            Goal::Join => self.joined(now, messages, took, context),
            Goal::Refresh => {}
            Goal::Resolve => context.emit(KademliaEvent::NotFound { key, reason, messages, took }),
            Goal::Store { value, lifetime, tells } => {
                // Rounded down, so that copies of copies do not outlive the first.
                let lifetime = (lifetime.as_nanos() / 1_000_000_000) as u32;
                if lifetime > 0 && !closest.is_empty() {
                    context.send_many(&closest, KademliaMessage::Store(Box::new(Store { key, value, lifetime })));
                }
                let sent_to = closest.len();
                match tells {
                    true if sent_to == 0 => context.emit(KademliaEvent::NotPublished { key, reason }),
                    true => {
                        let messages = messages.saturating_add(sent_to as u32);
                        context.emit(KademliaEvent::Published { key, sent_to, messages, took });
                    }
                    false => {}
                }
            }
        }
    }

    fn hear<C: Context<Self>>(&mut self, now: Instant, from: P, message: &KademliaMessage<P>, context: &mut C) {
        let taken = match message {
            KademliaMessage::Pong { cookie } => self.answer(now, from, *cookie, Answer::Pong, context),
            KademliaMessage::Contacts { cookie, contacts } => {
                self.answer(now, from, *cookie, Answer::Contacts(contacts), context)
            }
            KademliaMessage::Values { cookie, values } => {
                self.answer(now, from, *cookie, Answer::Values(values), context)
            }
            request => self.serve(now, from, request, context),
        };
        if taken && let Some(suspect) = self.table.heard(from, now) {
            self.ping(suspect, context);
        }
    }

    /// Answers a request; `false` where it is refused.
    fn serve<C: Context<Self>>(
        &mut self,
        now: Instant,
        from: P,
        request: &KademliaMessage<P>,
        context: &mut C,
    ) -> bool {
        if !self.allowance.take(now, from) {
            self.refusals.flood = self.refusals.flood.saturating_add(1);
            return false;
        }
        match request {
            KademliaMessage::Ping { cookie } => context.send(from, KademliaMessage::Pong { cookie: *cookie }),
            KademliaMessage::FindNode { cookie, key } => self.tell_contacts(from, *cookie, *key, context),
            KademliaMessage::FindValue { cookie, key } => {
                let values = self.values.get(now, *key, self.config.values);
                match values.is_empty() {
                    true => self.tell_contacts(from, *cookie, *key, context),
                    false => context.send(from, KademliaMessage::Values { cookie: *cookie, values: values.into() }),
                }
            }
            KademliaMessage::Store(store) => {
                let lifetime = Duration::from_secs(store.lifetime.into());
                if !self.values.store(now, store.key, store.value.clone(), lifetime, &self.config) {
                    self.refusals.full = self.refusals.full.saturating_add(1);
                }
            }
            KademliaMessage::Pong { .. } | KademliaMessage::Contacts { .. } | KademliaMessage::Values { .. } => {}
        }
        true
    }

    fn tell_contacts<C: Context<Self>>(&mut self, to: P, cookie: u64, key: PeerId, context: &mut C) {
        let mut contacts = self.table.closest(key, self.config.k + 1);
        contacts.retain(|contact| *contact != to);
        contacts.truncate(self.config.k);
        context.send(to, KademliaMessage::Contacts { cookie, contacts: contacts.into() });
    }

    /// Takes an answer; `false` where it is to no request of ours.
    fn answer<C: Context<Self>>(
        &mut self,
        now: Instant,
        from: P,
        cookie: u64,
        answer: Answer<'_, P>,
        context: &mut C,
    ) -> bool {
        if self.requests.get(&cookie).is_none_or(|request| request.peer != from) {
            self.refusals.unasked = self.refusals.unasked.saturating_add(1);
            return false;
        }
        let Some(request) = self.requests.remove(&cookie) else { return false };
        context.cancel_timer(request.timeout);
        match (request.lookup, answer) {
            (None, Answer::Pong) => {}
            (Some(number), Answer::Contacts(contacts)) => self.told_contacts(now, from, number, contacts, context),
            (Some(number), Answer::Values(values)) => self.told_values(now, from, number, values, context),
            (lookup, _) => {
                self.refusals.wrong_kind = self.refusals.wrong_kind.saturating_add(1);
                self.useless(now, from, lookup, context);
            }
        }
        true
    }

    fn told_contacts<C: Context<Self>>(&mut self, now: Instant, from: P, number: u32, contacts: &[P], context: &mut C) {
        if contacts.len() > self.config.k {
            self.refusals.oversized = self.refusals.oversized.saturating_add(1);
        }
        if let Some(running) = self.lookups.get_mut(&number) {
            let _: Result<(), Rejected> = running.lookup.answered(from, contacts);
            self.advance(now, number, context);
        }
    }

    fn told_values<C: Context<Self>>(&mut self, now: Instant, from: P, number: u32, values: &[Value], context: &mut C) {
        let Some(running) = self.lookups.get_mut(&number) else { return };
        let (resolves, fits) = (matches!(running.goal, Goal::Resolve), values.len() <= self.config.values);
        if !resolves || !fits {
            let count = if resolves { &mut self.refusals.oversized } else { &mut self.refusals.wrong_kind };
            *count = count.saturating_add(1);
            return self.useless(now, from, Some(number), context);
        }
        let Ok(hops) = running.lookup.found(from) else { return };
        let Some(Running { lookup, began, deadline, .. }) = self.lookups.remove(&number) else { return };
        context.cancel_timer(deadline);
        let (key, messages, took) = (lookup.target(), lookup.messages(), now.since(began));
        self.values.cache(now, key, values, &self.config);
        context.emit(KademliaEvent::Resolved { key, values: values.to_vec(), hops, messages, took });
    }

    /// The peer is of no use to this lookup.
    fn useless<C: Context<Self>>(&mut self, now: Instant, peer: P, lookup: Option<u32>, context: &mut C) {
        if let Some(number) = lookup
            && let Some(running) = self.lookups.get_mut(&number)
        {
            running.lookup.failed(peer);
            self.advance(now, number, context);
        }
    }

    fn timed_out<C: Context<Self>>(&mut self, now: Instant, cookie: u64, context: &mut C) {
        let Some(Request { peer, lookup, .. }) = self.requests.remove(&cookie) else { return };
        if self.table.failed(peer) == Failure::Ping {
            self.ping(peer, context);
        }
        self.useless(now, peer, lookup, context);
    }

    /// The transport says that a peer is gone: nothing is waited for any more.
    fn gone<C: Context<Self>>(&mut self, now: Instant, peer: P, context: &mut C) {
        self.table.remove(peer);
        let of_peer = self.requests.iter().filter(|(_, request)| request.peer == peer);
        for cookie in of_peer.map(|(cookie, _)| *cookie).collect::<Vec<_>>() {
            let Some(request) = self.requests.remove(&cookie) else { continue };
            context.cancel_timer(request.timeout);
            self.useless(now, peer, request.lookup, context);
        }
    }
}

enum Answer<'a, P> {
    Pong,
    Contacts(&'a [P]),
    Values(&'a [Value]),
}

impl<P: Peer> Protocol for Kademlia<P> {
    type Peer = P;
    type Message = KademliaMessage<P>;
    type Timer = KademliaTimer;
    type Command = KademliaCommand<P>;
    type Event = KademliaEvent;

    fn handle<C: Context<Self>>(&mut self, now: Instant, input: Input<'_, Self>, context: &mut C) {
        match input {
            Input::Start => {
                // At a random phase, so that those who got a value together do not send it on together.
                let phase = u64::from(below(context.rng(), 1 << 20)) + 1;
                let first = Duration::from_nanos((self.upkeep_interval().as_nanos() >> 20).saturating_mul(phase));
                context.set_timer(first, KademliaTimer::Upkeep);
                if !self.bootstrap.is_empty() {
                    self.join(now, context);
                }
            }
            Input::Message { from, message } if from != self.me => self.hear(now, from, message, context),
            Input::Timer(KademliaTimer::Timeout(cookie)) => self.timed_out(now, cookie, context),
            Input::Timer(KademliaTimer::Deadline(number)) => self.finish(now, number, true, context),
            Input::Timer(KademliaTimer::Rejoin) => self.join(now, context),
            Input::Timer(KademliaTimer::Upkeep) => self.upkeep(now, context),
            Input::Command(command) => self.command(now, command, context),
            Input::PeerDown(peer) => self.gone(now, peer, context),
            Input::Message { .. } | Input::PeerUp(_) | Input::Stop => {}
        }
    }
}

impl<P: Peer> Durable for Kademlia<P> {
    /// Those through whom it joins; contacts and values are gone.
    type Saved = Vec<P>;

    fn save(&self) -> Vec<P> {
        self.bootstrap.clone()
    }

    fn recover(&mut self, saved: Vec<P>) {
        if let Ok(fresh) = Self::new(self.me, self.config) {
            *self = fresh;
        }
        self.bootstrap = saved;
    }
}
