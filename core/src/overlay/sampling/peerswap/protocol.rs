//! PeerSwap between peers that send messages.
//!
//! **A swap.** An edge's clock rings at rate r. Of its two ends, a and b, either acts on it at rate r/2: a peer has one
//! exponential timer of rate r k/2 and takes one of its k places at random, which gives every edge at either end a Poisson
//! clock of its own; both together are one of rate r, independent of all others, and since waiting times have no memory
//! nothing is lost when an edge moves. A ring at a place that is free is no ring. If a is not locked, it locks itself, proposes to b and
//! asks its other neighbours for their locks; b does likewise. A neighbour of both answers `Adjacent` and has nothing to do with it; a
//! neighbour that is locked refuses, and then the attempt comes to nothing. When all of a's neighbours agreed, a votes by sending its
//! list; when b has that and all of its own, b decides: it sends its list, tells the neighbours that were locked to
//! replace b by a, and takes over a's list. So does a when it has b's.
//!
//! **What may get lost.** The decision is one peer's, and who waits for more than a quarter of a lease asks again: a repeats its
//! requests and its vote, a locked neighbour asks what became of the attempt, and either is answered out of the last few swaps.
//! Locks end by themselves: an attempt that is not decided after half a lease is given up, and who voted or granted a lock
//! waits for three leases, or until the peer that it waits for falls silent. As a proposal, a decision and half a lease are less than
//! that where messages take less than a lease, a decision that is not lost is heard in time. A neighbour that gave its lock up
//! still heeds a late `Replace` as long as its link is the one that it granted the lock for: links have versions.
//! What goes wrong all the same makes edges that one end holds and the other does not. [`repair`](super::repair) finds and
//! mends them.
//!
//! **Strangers.** Only a search for a place, and a check, which may be the answer to one, are heard from peers that are no
//! neighbours. Other requests of theirs are refused, and everything else has to fit the lock or the attempt that it names.

use alloc::boxed::Box;
use alloc::vec::Vec;

use rand_core::Rng;

use crate::overlay::sampling::peerswap::config::{ConfigError, Counters, PeerSwapConfig};
use crate::overlay::sampling::peerswap::draws::exponential;
use crate::overlay::sampling::peerswap::links::Links;
use crate::overlay::sampling::peerswap::lock::{Attempts, Lock};
use crate::overlay::sampling::peerswap::message::{Answer, Reason, SwapMessage};
use crate::overlay::sampling::{Introduce, PeerSampling, SamplingEvent};
use crate::peer::Peer;
use crate::protocol::{Context, Durable, Input, Protocol};
use crate::random::below;
use crate::time::{Duration, Instant};

/// What a peer waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SwapTimer {
    /// The clock of one of its edges.
    Fire,
    /// The next look at locks and neighbours.
    Tick,
}

/// A peer.
#[derive(Clone, Debug)]
pub struct PeerSwap<P> {
    pub(super) me: P,
    pub(super) config: PeerSwapConfig,
    pub(super) links: Links<P>,
    pub(super) lock: Lock<P>,
    pub(super) attempts: Attempts<P>,
    pub(super) counters: Counters,
    /// The number of the last attempt.
    number: u32,
    /// A vote that overtook its proposal.
    early: Option<(P, u32, Box<[P]>)>,
    /// The last news of the end of an attempt that this peer knew nothing of: it may have overtaken what comes now.
    over: Option<(P, u32)>,
    /// An edge may be split for a stranger: once between two ticks.
    pub(super) may_split: bool,
    /// Places for which splits were claimed that did not come yet.
    pub(super) claimed: usize,
    /// Ticks since a place became free.
    pub(super) vacant: u32,
}

impl<P: Peer> PeerSwap<P> {
    /// A peer that knows nobody yet.
    ///
    /// # Errors
    /// Parameters out of their ranges.
    pub fn new(me: P, config: PeerSwapConfig) -> Result<Self, ConfigError> {
        config.check()?;
        Ok(Self {
            me,
            config,
            links: Links::new(me, config.degree),
            lock: Lock::Free,
            attempts: Attempts::new(me),
            counters: Counters::default(),
            number: 0,
            early: None,
            over: None,
            may_split: true,
            claimed: 0,
            vacant: 0,
        })
    }

    /// A peer in the midst of an overlay. Itself, repeats, and what exceeds the degree are left out.
    ///
    /// # Errors
    /// Parameters out of their ranges.
    pub fn with_neighbours(me: P, config: PeerSwapConfig, neighbours: &[P]) -> Result<Self, ConfigError> {
        let mut peer = Self::new(me, config)?;
        neighbours.iter().for_each(|&neighbour| _ = peer.links.insert(neighbour, Instant::ZERO));
        Ok(peer)
    }

    /// What it counted since it was made.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Whether its list stays as it is until somebody releases it, or the lease ends.
    pub fn is_locked(&self) -> bool {
        self.lock != Lock::Free
    }

    /// The neighbours, in no particular order.
    pub fn neighbours(&self) -> impl Iterator<Item = P> {
        self.links.peers()
    }

    fn start<C: Context<Self>>(&mut self, now: Instant, context: &mut C) {
        self.links.hear_all(now);
        // Numbers of an earlier life are unlikely to come again, and the peers do not tick in step.
        self.number = context.rng().next_u32();
        let tick = self.config.tick().as_nanos() as f64;
        let first = tick * crate::random::unit(context.rng());
        context.set_timer(Duration::from_nanos(first as u64), SwapTimer::Tick);
        self.wait_for_ring(context);
    }

    fn wait_for_ring<C: Context<Self>>(&self, context: &mut C) {
        if self.config.rate > 0.0 {
            let mean = 2.0 / (self.config.rate * self.config.degree as f64);
            let wait = Duration::from_secs_f64(mean * exponential(context.rng()));
            context.set_timer(wait, SwapTimer::Fire);
        }
    }

    fn fire<C: Context<Self>>(&mut self, now: Instant, context: &mut C) {
        self.wait_for_ring(context);
        let place = below(context.rng(), self.config.degree as u32) as usize;
        let Some(partner) = self.links.as_slice().get(place).map(|link| link.peer) else { return };
        self.counters.fired += 1;
        if self.is_locked() {
            self.counters.busy += 1;
            return;
        }
        self.number = self.number.wrapping_add(1);
        context.send(partner, SwapMessage::Propose { number: self.number });
        self.begin(self.number, partner, true, now, context);
    }

    fn propose<C: Context<Self>>(&mut self, now: Instant, from: P, number: u32, context: &mut C) {
        if self.over == Some((from, number)) || self.lock == Lock::Swapping && self.attempts.current.is(number, from) {
            return;
        }
        let reason = if self.is_locked() {
            Reason::Busy
        } else if !self.links.contains(from) {
            Reason::Gone
        } else {
            self.begin(number, from, false, now, context);
            if let Some((_, _, theirs)) = self.early.take_if(|(peer, known, _)| *peer == from && *known == number) {
                self.swap(now, from, number, &theirs, context);
            }
            return;
        };
        context.send(from, SwapMessage::Fail { number, reason });
    }

    fn begin<C: Context<Self>>(&mut self, number: u32, partner: P, initiator: bool, now: Instant, context: &mut C) {
        self.lock = Lock::Swapping;
        self.attempts.begin(number, partner, initiator, now, self.links.peers());
        self.request_locks(context);
        if self.attempts.current.waiting == 0 {
            self.agreed(now, context);
        }
    }

    /// Asks those who have not answered.
    pub(super) fn request_locks<C: Context<Self>>(&mut self, context: &mut C) {
        let attempt = &self.attempts.current;
        let (number, partner) = (attempt.number, attempt.partner);
        for asked in attempt.asked.iter().filter(|asked| asked.answer.is_none()) {
            context.send(asked.peer, SwapMessage::LockRequest { number, partner });
        }
    }

    fn lock_request<C: Context<Self>>(&mut self, now: Instant, from: P, number: u32, partner: P, context: &mut C) {
        if self.over == Some((from, number)) {
            return;
        }
        let answer = match self.links.get(from) {
            None => Answer::Refused,
            Some(_) if self.links.contains(partner) => Answer::Adjacent,
            Some(_) if partner == self.me => Answer::Refused,
            Some(link) => match self.lock {
                Lock::Swapping => Answer::Refused,
                Lock::Lent { owner, .. } if owner != from => Answer::Refused,
                // An owner that asks for another attempt is done with the one before.
                Lock::Lent { .. } | Lock::Free => Answer::Accepted { link: link.made },
            },
        };
        if let Answer::Accepted { .. } = answer {
            self.lock = Lock::Lent { owner: from, number, since: now };
        }
        context.send(from, SwapMessage::LockReply { number, answer });
    }

    fn lock_reply<C: Context<Self>>(&mut self, now: Instant, from: P, number: u32, answer: Answer, context: &mut C) {
        let attempt = &mut self.attempts.current;
        if self.lock != Lock::Swapping || attempt.number != number || !attempt.answer(from, answer) {
            return;
        }
        let (waiting, partner) = (attempt.waiting, attempt.partner);
        if answer == Answer::Refused {
            context.send(partner, SwapMessage::Fail { number, reason: Reason::Refused });
            self.abort(Reason::Refused, context);
        } else if waiting == 0 {
            self.agreed(now, context);
        }
    }

    /// All own neighbours agreed.
    fn agreed<C: Context<Self>>(&mut self, now: Instant, context: &mut C) {
        if self.attempts.current.initiator {
            self.send_list(context);
        } else if let Some(theirs) = self.attempts.current.theirs.take() {
            self.decide(now, &theirs, context);
        }
    }

    pub(super) fn send_list<C: Context<Self>>(&self, context: &mut C) {
        let attempt = &self.attempts.current;
        context.send(attempt.partner, SwapMessage::Swap { number: attempt.number, neighbours: attempt.list() });
    }

    /// Both ends' neighbours agreed, and this end is the one that decides.
    fn decide<C: Context<Self>>(&mut self, now: Instant, theirs: &[P], context: &mut C) {
        let attempt = &self.attempts.current;
        if now.since(attempt.since) > self.config.tick().saturating_mul(2) {
            let fail = SwapMessage::Fail { number: attempt.number, reason: Reason::Gone };
            context.send(attempt.partner, fail);
            self.counters.expired += 1;
            return self.abort(Reason::Gone, context);
        }
        self.send_list(context);
        self.swap_places(now, theirs, context);
    }

    fn swap<C: Context<Self>>(&mut self, now: Instant, from: P, number: u32, theirs: &[P], context: &mut C) {
        if self.lock != Lock::Swapping || !self.attempts.current.is(number, from) {
            return self.swap_again(from, number, theirs, context);
        }
        // A list that does not hold this end is about another version of the edge.
        let (me, attempt) = (self.me, &mut self.attempts.current);
        if theirs.len() > self.config.degree || !theirs.contains(&me) || theirs.contains(&from) {
            context.send(from, SwapMessage::Fail { number, reason: Reason::Gone });
            self.abort(Reason::Gone, context);
        } else if attempt.initiator && attempt.waiting == 0 {
            self.swap_places(now, theirs, context);
        } else if !attempt.initiator && attempt.waiting == 0 {
            self.decide(now, theirs, context);
        } else if !attempt.initiator {
            attempt.theirs = Some(Box::from(theirs));
        }
    }

    /// A list of no attempt under way: a vote that is answered as before, one that overtook its proposal and is kept for when that comes,
    /// or, if it comes again, one of an attempt that came to nothing.
    fn swap_again<C: Context<Self>>(&mut self, from: P, number: u32, theirs: &[P], context: &mut C) {
        let early = matches!(self.early, Some((peer, known, _)) if peer == from && known == number);
        match self.attempts.done(number, from).filter(|done| done.partner == from) {
            Some(done) if done.initiator => {}
            Some(done) => context.send(from, SwapMessage::Swap { number, neighbours: done.list() }),
            None if early || !self.links.contains(from) || theirs.len() > self.config.degree => {
                context.send(from, SwapMessage::Fail { number, reason: Reason::Gone });
            }
            None => self.early = Some((from, number, Box::from(theirs))),
        }
    }

    fn swap_places<C: Context<Self>>(&mut self, now: Instant, theirs: &[P], context: &mut C) {
        let attempt = &self.attempts.current;
        let (number, partner) = (attempt.number, attempt.partner);
        for (peer, link) in attempt.accepted() {
            context.send(peer, SwapMessage::Replace { number, link, partner });
        }
        self.links.adopt(theirs, partner, now, |event| context.emit(event));
        self.counters.swapped += u64::from(self.attempts.current.initiator);
        // The one that a swap leaves behind is as good as any to be remembered.
        if let Some((peer, _)) = self.attempts.current.accepted().next() {
            self.links.remember(peer);
        }
        self.lock = Lock::Free;
        self.attempts.keep(self.me);
    }

    fn fail<C: Context<Self>>(&mut self, from: P, number: u32, reason: Reason, context: &mut C) {
        if self.lock == Lock::Swapping && self.attempts.current.is(number, from) {
            self.abort(reason, context);
        } else {
            self.over = Some((from, number));
        }
    }

    /// Gives the attempt up, and frees whoever may be locked for it. The partner is told by the caller.
    pub(super) fn abort<C: Context<Self>>(&mut self, reason: Reason, context: &mut C) {
        let attempt = &self.attempts.current;
        let locked = |answer| !matches!(answer, Some(Answer::Refused | Answer::Adjacent));
        for asked in attempt.asked.iter().filter(|asked| locked(asked.answer)) {
            context.send(asked.peer, SwapMessage::Unlock { number: attempt.number });
        }
        if attempt.initiator {
            match reason {
                Reason::Busy => self.counters.busy += 1,
                Reason::Refused => self.counters.refused += 1,
                Reason::Gone => self.counters.failed += 1,
            }
        }
        self.lock = Lock::Free;
    }

    fn unlock<C: Context<Self>>(&mut self, from: P, number: u32, context: &mut C) {
        match self.lock {
            Lock::Lent { owner, number: lent, .. } if owner == from && lent == number => self.lock = Lock::Free,
            // The answer to a partner's query.
            _ => self.fail(from, number, Reason::Gone, context),
        }
    }

    fn query<C: Context<Self>>(&self, from: P, number: u32, context: &mut C) {
        let current = &self.attempts.current;
        let part = current.partner == from || current.asked.iter().any(|asked| asked.peer == from);
        if self.lock == Lock::Swapping && current.number == number && part {
            return;
        }
        let done = self.attempts.done(number, from);
        let accepted = done.and_then(|done| done.accepted().find(|(peer, _)| *peer == from).zip(Some(done.partner)));
        context.send(
            from,
            match accepted {
                Some(((_, link), partner)) => SwapMessage::Replace { number, link, partner },
                None => SwapMessage::Unlock { number },
            },
        );
    }

    fn replace<C: Context<Self>>(&mut self, now: Instant, from: P, [number, link]: [u32; 2], new: P, context: &mut C) {
        let fits = match self.lock {
            Lock::Lent { owner, number: lent, .. } if owner == from && lent == number => {
                self.lock = Lock::Free;
                true
            }
            lock => lock == Lock::Free,
        };
        let same = self.links.get(from).is_some_and(|held| held.made == link);
        if fits && same && self.links.substitute(from, new, now) {
            context.emit(SamplingEvent::Left(from));
            context.emit(SamplingEvent::Joined(new));
        }
    }

    fn message<C: Context<Self>>(&mut self, now: Instant, from: P, message: &SwapMessage<P>, context: &mut C) {
        match *message {
            _ if from == self.me => {}
            SwapMessage::Propose { number } => self.propose(now, from, number, context),
            SwapMessage::LockRequest { number, partner } => self.lock_request(now, from, number, partner, context),
            SwapMessage::LockReply { number, answer } => self.lock_reply(now, from, number, answer, context),
            SwapMessage::Unlock { number } => self.unlock(from, number, context),
            SwapMessage::Fail { number, reason } => self.fail(from, number, reason, context),
            SwapMessage::Swap { number, ref neighbours } => self.swap(now, from, number, neighbours, context),
            SwapMessage::Replace { number, link, partner } => {
                self.replace(now, from, [number, link], partner, context);
            }
            SwapMessage::Query { number } => self.query(from, number, context),
            SwapMessage::Check { version } => self.checked(now, from, version, context),
            SwapMessage::NotHeld { version } => self.not_held(from, version, context),
            SwapMessage::Seek { origin, other, hops } => self.sought(from, origin, other, hops, context),
            SwapMessage::Offer => self.offered(now, from, context),
            SwapMessage::OfferSplit { given, end } => self.offered_split(from, given, end, context),
            SwapMessage::Claim { given, end } => self.claim(now, from, given, end, context),
            SwapMessage::Splice { other } => self.splice(now, from, other, context),
        }
    }
}

impl<P: Peer> Protocol for PeerSwap<P> {
    type Peer = P;
    type Message = SwapMessage<P>;
    type Timer = SwapTimer;
    type Command = Introduce<P>;
    type Event = SamplingEvent<P>;

    fn handle<C: Context<Self>>(&mut self, now: Instant, input: Input<'_, Self>, context: &mut C) {
        match input {
            Input::Message { from, message } => self.message(now, from, message, context),
            Input::Timer(SwapTimer::Fire) => self.fire(now, context),
            Input::Timer(SwapTimer::Tick) => self.tick(now, context),
            Input::Start => self.start(now, context),
            Input::Command(Introduce(peers)) => {
                peers.into_iter().for_each(|peer| self.links.remember(peer));
                self.seek(context);
            }
            Input::PeerUp(_) => {}
            Input::PeerDown(peer) => self.gone(peer, context),
            Input::Stop => self.leave(context),
        }
    }
}

impl<P: Peer> PeerSampling for PeerSwap<P> {
    fn view(&self) -> Vec<P> {
        self.links.peers().collect()
    }

    /// One of the neighbours. Draws are independent only if swaps came between them.
    fn sample<R: Rng + ?Sized>(&mut self, rng: &mut R) -> Option<P> {
        let links = self.links.as_slice();
        links.get(below(rng, links.len() as u32) as usize).map(|link| link.peer)
    }
}

impl<P: Peer> Durable for PeerSwap<P> {
    /// Whom the peer knew: neighbours and former neighbours.
    type Saved = Vec<P>;

    fn save(&self) -> Vec<P> {
        self.links.former().iter().copied().chain(self.links.peers()).collect()
    }

    /// Places are gone, as others have taken them; the peers that were known are asked for new ones. Counters stay.
    fn recover(&mut self, saved: Vec<P>) {
        self.links = Links::new(self.me, self.config.degree);
        self.lock = Lock::Free;
        (self.attempts, self.early, self.over) = (Attempts::new(self.me), None, None);
        (self.may_split, self.claimed, self.vacant) = (true, 0, 0);
        saved.into_iter().for_each(|peer| self.links.remember(peer));
    }
}
