//! Eager push with repair: a tuple that is new to a node goes on to `fanout` random peers at once, and a tuple that it
//! knows goes nowhere ("infect and die": Kermarrec, Massoulié and Ganesh, "Probabilistic reliable dissemination in
//! large-scale systems", IEEE TPDS 14(3), 2003). Rumours reach almost everybody in O(log n) hops and nobody for certain, so
//! every interval a node repairs with one random peer by the exchange of [`super::exchange`].
//!
//! What repair brings is not passed on as a rumour: it is old news to most.

use core::marker::PhantomData;

use crate::overlay::Sampler;
use crate::peer::Peer;
use crate::protocol::{Context, Durable, Input, Protocol};
use crate::reconcile::exchange;
use crate::reconcile::message::SyncMessage;
use crate::reconcile::replica::{Replica, Saved};
use crate::reconcile::rumour;
use crate::reconcile::{SyncCommand, SyncEvent, Synchroniser, Tick, keep_ticking, start_ticking};
use crate::store::{Keys, Store};
use crate::time::{Duration, Instant};

/// The parameters of eager push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EagerPushConfig {
    /// Different peers to whom a new tuple is passed on.
    pub fanout: u32,
    /// Time between the repair exchanges that a node opens; zero for never.
    pub repair: Duration,
    /// Most bytes of tuples in one direction of a repair exchange; the first tuple goes in any case.
    pub budget: usize,
}

/// A node that spreads rumours and repairs.
#[derive(Clone, Debug)]
pub struct EagerPush<P, S, K> {
    config: EagerPushConfig,
    sampler: S,
    replica: Replica<K>,
    peer: PhantomData<fn() -> P>,
}

impl<P: Peer, S: Sampler<P>, K: Keys> EagerPush<P, S, K> {
    /// A node with an empty store.
    pub fn new(config: EagerPushConfig, sampler: S, keys: K) -> Self {
        Self { config, sampler, replica: Replica::new(keys), peer: PhantomData }
    }
}

impl<P: Peer, S: Sampler<P>, K: Keys> Protocol for EagerPush<P, S, K> {
    type Peer = P;
    type Message = SyncMessage;
    type Timer = Tick;
    type Command = SyncCommand;
    type Event = SyncEvent<P>;

    fn handle<C: Context<Self>>(&mut self, _now: Instant, input: Input<'_, Self>, context: &mut C) {
        match input {
            Input::Start => start_ticking::<Self, C>(self.config.repair, context),
            Input::Timer(Tick) => {
                if let Some(peer) = self.sampler.sample(context.rng()) {
                    exchange::open::<Self, C>(self.replica.store(), peer, context);
                }
                keep_ticking::<Self, C>(self.config.repair, context);
            }
            Input::Message { from, message: SyncMessage::Rumour { tuple, hops } } => {
                if self.replica.receive::<Self, C>(from, tuple, *hops, context) {
                    let rumour = SyncMessage::Rumour { tuple: tuple.clone(), hops: hops.saturating_add(1) };
                    rumour::spread::<Self, S, C>(&mut self.sampler, self.config.fanout, rumour, context);
                }
            }
            Input::Message { from, message } => {
                exchange::handle::<Self, K, C>(&mut self.replica, self.config.budget, from, message, context);
            }
            Input::Command(command) => {
                if let Some(tuple) = self.replica.command::<Self, C>(command, context) {
                    let rumour = SyncMessage::Rumour { tuple, hops: 1 };
                    rumour::spread::<Self, S, C>(&mut self.sampler, self.config.fanout, rumour, context);
                }
            }
            Input::PeerUp(_) | Input::PeerDown(_) | Input::Stop => {}
        }
    }
}

impl<P: Peer, S: Sampler<P>, K: Keys> Durable for EagerPush<P, S, K> {
    type Saved = Saved;

    fn save(&self) -> Saved {
        self.replica.save()
    }

    fn recover(&mut self, saved: Saved) {
        self.replica.recover(saved);
    }
}

impl<P: Peer, S: Sampler<P>, K: Keys> Synchroniser for EagerPush<P, S, K> {
    fn store(&self) -> &Store {
        self.replica.store()
    }

    fn forget(&mut self) {
        self.replica.forget();
    }
}
