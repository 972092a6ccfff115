//! Scuttlebutt (R. van Renesse, D. Dumitriu, V. Gough and C. Thomas, "Efficient reconciliation and flow control for
//! anti-entropy protocols", LADIS 2008): every interval a node compares digests with one random peer, and both send
//! what the other lacks, the oldest versions of an author first, within a byte budget.
//!
//! Two things differ from the paper. An author's summary is its newest version *and* a hash of its current set, so that
//! gaps and equivocation are seen, which a version alone hides. And the root digest goes first, so that an exchange
//! between equal stores costs one small message.

use core::marker::PhantomData;

use crate::overlay::Sampler;
use crate::peer::Peer;
use crate::protocol::{Context, Durable, Input, Protocol};
use crate::reconcile::exchange;
use crate::reconcile::message::SyncMessage;
use crate::reconcile::replica::{Replica, Saved};
use crate::reconcile::{SyncCommand, SyncEvent, Synchroniser, Tick, keep_ticking, start_ticking};
use crate::store::{Keys, Store};
use crate::time::{Duration, Instant};

/// The parameters of Scuttlebutt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScuttlebuttConfig {
    /// Time between the exchanges that a node opens; zero for never.
    pub interval: Duration,
    /// Most bytes of tuples in one direction of an exchange; the first tuple goes in any case.
    pub budget: usize,
}

/// A node that exchanges digests.
#[derive(Clone, Debug)]
pub struct Scuttlebutt<P, S, K> {
    config: ScuttlebuttConfig,
    sampler: S,
    replica: Replica<K>,
    peer: PhantomData<fn() -> P>,
}

impl<P: Peer, S: Sampler<P>, K: Keys> Scuttlebutt<P, S, K> {
    /// A node with an empty store.
    pub fn new(config: ScuttlebuttConfig, sampler: S, keys: K) -> Self {
        Self { config, sampler, replica: Replica::new(keys), peer: PhantomData }
    }
}

impl<P: Peer, S: Sampler<P>, K: Keys> Protocol for Scuttlebutt<P, S, K> {
    type Peer = P;
    type Message = SyncMessage;
    type Timer = Tick;
    type Command = SyncCommand;
    type Event = SyncEvent<P>;

    fn handle<C: Context<Self>>(&mut self, _now: Instant, input: Input<'_, Self>, context: &mut C) {
        match input {
            Input::Start => start_ticking::<Self, C>(self.config.interval, context),
            Input::Timer(Tick) => {
                if let Some(peer) = self.sampler.sample(context.rng()) {
                    exchange::open::<Self, C>(self.replica.store(), peer, context);
                }
                keep_ticking::<Self, C>(self.config.interval, context);
            }
            Input::Message { from, message } => {
                exchange::handle::<Self, K, C>(&mut self.replica, self.config.budget, from, message, context);
            }
            Input::Command(command) => {
                self.replica.command::<Self, C>(command, context);
            }
            Input::PeerUp(_) | Input::PeerDown(_) | Input::Stop => {}
        }
    }
}

impl<P: Peer, S: Sampler<P>, K: Keys> Durable for Scuttlebutt<P, S, K> {
    type Saved = Saved;

    fn save(&self) -> Saved {
        self.replica.save()
    }

    fn recover(&mut self, saved: Saved) {
        self.replica.recover(saved);
    }
}

impl<P: Peer, S: Sampler<P>, K: Keys> Synchroniser for Scuttlebutt<P, S, K> {
    fn store(&self) -> &Store {
        self.replica.store()
    }

    fn forget(&mut self) {
        self.replica.forget();
    }
}
