//! How an overlay mends itself. Every quarter of a lease a peer tells its neighbours that it holds them. Who is told so by
//! a peer that it does not hold takes it in if a place is free, and says so if not, upon which the other lets go: so edges that one end
//! holds become whole or vanish. A neighbour that said nothing for five quarters is let go of.
//!
//! **Free places** are filled by searches, random walks of a few hops. One who has a place free itself offers it. For
//! a searcher with two places an edge is split: a full peer y gives up a neighbour v, both take the searcher instead, and nobody
//! has gained or lost. Two searchers with one place each that are neighbours already cannot have each other; when their search
//! shows that, an edge y-v is split for both. Many may offer; the searcher takes what it has room for, and answers
//! nobody else, so that an offer costs nothing. So the number of free places in the overlay falls as long as searchers meet, down to one if the degrees add up to an odd number.
//! A peer with one place sends 4 searches, then 8, and so on to 128 at a tick, and one at a tick after sixteen ticks. In fifteen ticks,
//! which is what a death leaves of five leases, that is 22,000 hops: many times the peers of an overlay of a few thousand.
//!
//! A search is a stranger's word. It may cost a peer at most one neighbour between two ticks.

use crate::overlay::sampling::SamplingEvent;
use crate::overlay::sampling::peerswap::links::{Link, later};
use crate::overlay::sampling::peerswap::lock::Lock;
use crate::overlay::sampling::peerswap::message::{HOPS_MAX, Reason, SwapMessage};
use crate::overlay::sampling::peerswap::protocol::{PeerSwap, SwapTimer};
use crate::peer::Peer;
use crate::protocol::Context;
use crate::random::below;
use crate::time::Instant;

/// Ticks in which a peer with a place free sends many searches.
const BURSTS: u32 = 16;
/// Ticks after which a split that was claimed and did not come is claimed again.
const CLAIM_TICKS: u32 = 4;
/// How long who voted or granted a lock waits for the outcome, in leases, if the other end of the edge is not silent.
const HELD_LEASES: u64 = 3;
/// Ticks after which a silent neighbour is taken for dead.
const SILENT_TICKS: u64 = 5;

impl<P: Peer> PeerSwap<P> {
    pub(super) fn tick<C: Context<Self>>(&mut self, now: Instant, context: &mut C) {
        context.set_timer(self.config.tick(), SwapTimer::Tick);
        self.may_split = true;
        if self.vacant.is_multiple_of(CLAIM_TICKS) {
            self.claimed = 0;
        }
        match self.lock {
            Lock::Free => {}
            Lock::Lent { owner, number, since } => self.renew_lent(now, owner, number, since, context),
            Lock::Swapping => self.renew_attempt(now, context),
        }
        self.drop_silent(now, context);
        for peer in self.links.peers() {
            context.send(peer, SwapMessage::Check { version: self.links.version() });
        }
        self.seek(context);
        self.vacant = if self.links.room() > 0 { self.vacant.saturating_add(1) } else { 0 };
    }

    fn drop_silent<C: Context<Self>>(&mut self, now: Instant, context: &mut C) {
        let patience = self.config.tick().saturating_mul(SILENT_TICKS);
        let silent = |link: &Link<P>| now.since(link.heard) > patience;
        let lost = |peer: P| self.links.get(peer).is_none_or(silent);
        let attempt = &self.attempts.current;
        match self.lock {
            // A vote stands as long as the partner does.
            Lock::Swapping if attempt.voted() && !lost(attempt.partner) => return,
            Lock::Swapping if self.links.as_slice().iter().any(silent) => {
                self.counters.expired += 1;
                self.give_up(context);
            }
            Lock::Lent { owner, .. } if lost(owner) => {
                self.counters.expired += 1;
                self.lock = Lock::Free;
            }
            _ => {}
        }
        while let Some(peer) = self.links.as_slice().iter().find(|link| silent(link)).map(|link| link.peer) {
            self.let_go(peer, context);
        }
    }

    /// Ends the attempt for lack of answers.
    fn give_up<C: Context<Self>>(&mut self, context: &mut C) {
        let attempt = &self.attempts.current;
        context.send(attempt.partner, SwapMessage::Fail { number: attempt.number, reason: Reason::Gone });
        self.abort(Reason::Gone, context);
    }

    fn let_go<C: Context<Self>>(&mut self, peer: P, context: &mut C) {
        if self.links.remove(peer) {
            context.emit(SamplingEvent::Left(peer));
        }
    }

    /// The transport has evidence that a peer is gone. Who is locked lets it fall silent.
    pub(super) fn gone<C: Context<Self>>(&mut self, peer: P, context: &mut C) {
        if !self.is_locked() {
            self.let_go(peer, context);
        }
    }

    fn take_in<C: Context<Self>>(&mut self, peer: P, now: Instant, context: &mut C) {
        if self.links.insert(peer, now) {
            self.claimed = self.claimed.saturating_sub(1);
            context.emit(SamplingEvent::Joined(peer));
        }
    }

    fn renew_lent<C: Context<Self>>(&mut self, now: Instant, owner: P, number: u32, since: Instant, context: &mut C) {
        let age = now.since(since);
        if age >= self.config.lease.saturating_mul(HELD_LEASES) {
            self.counters.expired += 1;
            self.lock = Lock::Free;
        } else if age >= self.config.tick() {
            context.send(owner, SwapMessage::Query { number });
        }
    }

    fn renew_attempt<C: Context<Self>>(&mut self, now: Instant, context: &mut C) {
        let attempt = &self.attempts.current;
        let (age, tick) = (now.since(attempt.since), self.config.tick());
        let (number, partner) = (attempt.number, attempt.partner);
        let lease =
            if attempt.voted() { self.config.lease.saturating_mul(HELD_LEASES) } else { tick.saturating_mul(2) };
        if age >= lease {
            self.counters.expired += 1;
            self.give_up(context);
        } else if age >= tick {
            let agreed = attempt.waiting == 0;
            match (attempt.initiator, agreed) {
                (true, true) => self.send_list(context),
                (_, false) => self.request_locks(context),
                (false, true) => context.send(partner, SwapMessage::Query { number }),
            }
        }
    }

    pub(super) fn checked<C: Context<Self>>(&mut self, now: Instant, from: P, version: u32, context: &mut C) {
        // Who is locked is about to hold others: it says nothing.
        if self.links.hear(from, now) || self.is_locked() {
        } else if self.links.room() > 0 {
            self.take_in(from, now, context);
        } else {
            context.send(from, SwapMessage::NotHeld { version });
        }
    }

    pub(super) fn not_held<C: Context<Self>>(&mut self, from: P, version: u32, context: &mut C) {
        let old = self.links.get(from).is_some_and(|link| !later(link.made, version));
        let may_go = match self.lock {
            Lock::Free => true,
            Lock::Lent { owner, .. } => owner != from,
            Lock::Swapping => false,
        };
        if old && may_go {
            self.let_go(from, context);
        }
    }

    /// Places that are free and wait for nobody.
    fn unclaimed(&self) -> usize {
        self.links.room().saturating_sub(self.claimed)
    }

    /// Sends searches, if a place is free and somebody is known.
    pub(super) fn seek<C: Context<Self>>(&mut self, context: &mut C) {
        let (walks, other) = match self.unclaimed() {
            0 => return,
            1 if self.vacant < BURSTS => (4 << self.vacant.min(5), None),
            1 => (1, None),
            // More than are needed: offers that come late cost nothing.
            room => (2 * room, Some(self.me)),
        };
        // Newcomers that found each other still have to find the rest.
        let share = if other.is_some() { 4 } else { 1 };
        for _ in 0..walks {
            let former = self.links.former();
            let of_former = self.links.as_slice().is_empty() || below(context.rng(), 8) < share;
            let next = if of_former && !former.is_empty() {
                former.get(below(context.rng(), former.len() as u32) as usize).copied()
            } else {
                self.any_neighbour(self.me, self.me, context)
            };
            let Some(next) = next else { return };
            context.send(next, SwapMessage::Seek { origin: self.me, other, hops: HOPS_MAX });
        }
    }

    /// A random neighbour but these two.
    fn any_neighbour<C: Context<Self>>(&self, one: P, two: P, context: &mut C) -> Option<P> {
        let fits = |peer: &P| *peer != one && *peer != two;
        let count = self.links.peers().filter(fits).count() as u32;
        self.links.peers().filter(fits).nth(below(context.rng(), count) as usize)
    }

    pub(super) fn sought<C: Context<Self>>(
        &mut self,
        from: P,
        origin: P,
        mut other: Option<P>,
        hops: u8,
        context: &mut C,
    ) {
        if origin == self.me {
            return;
        }
        if !self.is_locked() {
            let (held, room) = (self.links.contains(origin), self.unclaimed() > 0);
            match other {
                _ if room && !held => return context.send(origin, SwapMessage::Offer),
                None if room => other = Some(self.me),
                // Who has a place that waits for somebody offers nothing.
                Some(end) if !held && end != self.me && self.may_split && self.links.room() == 0 => {
                    let Some(given) = self.any_neighbour(end, from, context) else { return };
                    return context.send(origin, SwapMessage::OfferSplit { given, end });
                }
                _ => {}
            }
        }
        if let (Some(next), 2..) = (self.any_neighbour(from, origin, context), hops) {
            context.send(next, SwapMessage::Seek { origin, other, hops: hops - 1 });
        }
    }

    pub(super) fn offered<C: Context<Self>>(&mut self, now: Instant, from: P, context: &mut C) {
        if !self.is_locked() && self.unclaimed() > 0 && !self.links.contains(from) {
            self.take_in(from, now, context);
            context.send(from, SwapMessage::Check { version: self.links.version() });
        }
    }

    pub(super) fn offered_split<C: Context<Self>>(&mut self, from: P, given: P, end: P, context: &mut C) {
        let places = if end == self.me { 2 } else { 1 };
        let takes = end != self.me || self.links.admits(given);
        if !self.is_locked() && takes && self.unclaimed() >= places && self.links.admits(from) {
            self.claimed += places;
            context.send(from, SwapMessage::Claim { given, end });
        }
    }

    /// Gives an edge up for one to the claimant, and one between its other end and `end`.
    pub(super) fn claim<C: Context<Self>>(&mut self, now: Instant, from: P, given: P, end: P, context: &mut C) {
        let may = self.may_split && !self.is_locked() && self.links.room() == 0 && given != end && end != self.me;
        if may && self.links.substitute(given, from, now) {
            self.may_split = false;
            context.emit(SamplingEvent::Left(given));
            context.emit(SamplingEvent::Joined(from));
            context.send(given, SwapMessage::Splice { other: end });
            context.send(from, SwapMessage::Check { version: self.links.version() });
        }
    }

    pub(super) fn splice<C: Context<Self>>(&mut self, now: Instant, from: P, other: P, context: &mut C) {
        if self.is_locked() || !self.links.contains(from) {
        } else if self.links.substitute(from, other, now) {
            context.emit(SamplingEvent::Left(from));
            context.emit(SamplingEvent::Joined(other));
            context.send(other, SwapMessage::Check { version: self.links.version() });
        } else {
            self.let_go(from, context);
        }
    }

    /// Joins the neighbours by pairs. One that is left over finds out by itself.
    pub(super) fn leave<C: Context<Self>>(&mut self, context: &mut C) {
        for pair in self.links.as_slice().chunks_exact(2) {
            let [a, b] = [pair[0].peer, pair[1].peer];
            context.send(a, SwapMessage::Splice { other: b });
            context.send(b, SwapMessage::Splice { other: a });
        }
    }
}
