//! Measuring: probes, coordinates and introductions.

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::Service;
use super::message::ServiceMessage;
use crate::overlay::address::{Address, AddressKind, AddressRecord, LIFETIME_MAX, Reachability, Statement};
use crate::overlay::probe::ProbeMessage;
use crate::overlay::sampling::PeerSampling;
use crate::overlay::search::{prospects, relax};
use crate::peer::Peer;
use crate::protocol::Context;
use crate::random::below;
use crate::store::Keys;
use crate::time::Instant;

/// Old samples that a coordinate is fed again with every answer.
const RELAXED: usize = 2;
/// Of this many probes, two keep an eye on neighbours, one goes to a promising peer and one to a sampled one.
const PROBES: u64 = 4;

impl<P: Peer, K: Keys + Clone> Service<P, K> {
    /// Signs a record of this node where there is none, or the one that there is has lost half of its lifetime.
    pub(super) fn renew_record(&mut self, now: Instant) {
        let secs = now.as_nanos() / 1_000_000_000;
        let half = u64::from(LIFETIME_MAX / 2);
        if self.record.as_ref().is_some_and(|record| record.statement().made_at + half > secs) {
            return;
        }
        let statement = Statement {
            // The clock is what keeps sequence numbers rising over a crash.
            sequence: secs + 1,
            made_at: secs,
            lifetime: LIFETIME_MAX,
            reachability: Reachability::Unknown,
            addresses: Vec::from([Address { kind: AddressKind::Node, bytes: self.me.id().0.to_vec() }]),
        };
        self.record = AddressRecord::sign(&self.keys, statement).ok().map(Arc::new).or_else(|| self.record.take());
    }

    /// Gives up probes that were not answered, and sends the next one.
    pub(super) fn probe<C: Context<Self>>(&mut self, now: Instant, context: &mut C) {
        for peer in self.prober.expire(now) {
            self.book.failed(peer);
        }
        let turn = self.turn % PROBES;
        self.turn = self.turn.wrapping_add(1);
        let target = match turn {
            0 | 2 => self.least_heard().or_else(|| self.promising(context)),
            1 => self.promising(context).or_else(|| self.sampler.sample(context.rng())),
            _ => self.sampler.sample(context.rng()).or_else(|| self.promising(context)),
        };
        let target = target.or_else(|| self.one_of_bootstrap(context)).filter(|peer| *peer != self.me);
        let Some(peer) = target else { return };
        if let Some(nonce) = self.prober.ping(now, peer, context.rng()) {
            let coordinate = self.vivaldi.coordinate();
            context.send(peer, ServiceMessage::Probe(ProbeMessage::Ping { nonce, coordinate }));
        }
    }

    /// The neighbour that was not heard of for longest.
    fn least_heard(&self) -> Option<P> {
        let held = self.neighbours.held().iter().map(|neighbour| neighbour.peer);
        let free = held.filter(|peer| !self.prober.is_probing(*peer));
        free.min_by_key(|peer| (self.prober.link(*peer).and_then(|link| link.heard()), *peer))
    }

    fn promising<C: Context<Self>>(&mut self, context: &mut C) -> Option<P> {
        let prospects = prospects(&self.book, &self.prober, &self.vivaldi.coordinate());
        self.search.next(&prospects, context.rng())
    }

    fn one_of_bootstrap<C: Context<Self>>(&self, context: &mut C) -> Option<P> {
        self.bootstrap.get(below(context.rng(), self.bootstrap.len() as u32) as usize).copied()
    }

    /// Takes a ping or a pong.
    pub(super) fn probed<C: Context<Self>>(&mut self, now: Instant, from: P, message: &ProbeMessage, context: &mut C) {
        match message {
            ProbeMessage::Ping { nonce, coordinate } => {
                if let Err(refusal) = self.prober.admit_ping(now, from) {
                    return self.counters.count(refusal);
                }
                self.book.place(from, *coordinate, now);
                let coordinate = self.vivaldi.coordinate();
                context.send(from, ServiceMessage::Probe(ProbeMessage::Pong { nonce: *nonce, coordinate }));
            }
            ProbeMessage::Pong { nonce, coordinate } => {
                if let Err(refusal) = self.prober.pong(now, from, *nonce) {
                    return self.counters.count(refusal);
                }
                self.book.answered(now, from);
                self.book.place(from, *coordinate, now);
                let Some(least) = self.prober.link(from).and_then(|link| link.least()) else { return };
                self.vivaldi.update(coordinate, least, context.rng());
                relax(&mut self.vivaldi, &self.book, &self.prober, RELAXED, context.rng());
            }
        }
    }

    /// Asks a peer for introductions: one of the book, or of the sampler, or of those it was configured with.
    pub(super) fn ask<C: Context<Self>>(&mut self, now: Instant, context: &mut C) {
        self.renew_record(now);
        let known = self.book.any(context.rng()).or_else(|| self.sampler.sample(context.rng()));
        let peer = known.or_else(|| self.one_of_bootstrap(context)).filter(|peer| *peer != self.me);
        let (Some(peer), Some(record)) = (peer, &self.record) else { return };
        let ask = self.exchange.ask(now, peer, self.vivaldi.coordinate(), record, context.rng());
        ask.into_iter().for_each(|ask| context.send(peer, ServiceMessage::Exchange(ask)));
    }
}
