//! Full state push: every interval the whole store goes to one random peer, in messages of at most [`CHUNK_LEN_MAX`] bytes
//! of tuples. The simplest protocol that converges, and the upper bound on bandwidth: it is what everything else is
//! measured against (push anti-entropy in Demers et al., "Epidemic algorithms for replicated database maintenance",
//! PODC 1987, without any comparison of contents).

use core::marker::PhantomData;

use crate::overlay::Sampler;
use crate::peer::Peer;
use crate::protocol::{Context, Durable, Input, Protocol};
use crate::reconcile::message::{self, SyncMessage};
use crate::reconcile::replica::{Replica, Saved};
use crate::reconcile::{SyncCommand, SyncEvent, Synchroniser, Tick, keep_ticking, start_ticking};
use crate::store::{Keys, Store};
use crate::time::{Duration, Instant};

#[cfg(doc)]
use crate::reconcile::CHUNK_LEN_MAX;

/// The parameters of full state push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FullPushConfig {
    /// Time between pushes; zero for never.
    pub interval: Duration,
}

/// A node that pushes its whole store.
#[derive(Clone, Debug)]
pub struct FullPush<P, S, K> {
    config: FullPushConfig,
    sampler: S,
    replica: Replica<K>,
    peer: PhantomData<fn() -> P>,
}

impl<P: Peer, S: Sampler<P>, K: Keys> FullPush<P, S, K> {
    /// A node with an empty store.
    pub fn new(config: FullPushConfig, sampler: S, keys: K) -> Self {
        Self { config, sampler, replica: Replica::new(keys), peer: PhantomData }
    }

    fn push<C: Context<Self>>(&mut self, context: &mut C) {
        let Some(peer) = self.sampler.sample(context.rng()) else { return };
        let tuples = self.replica.store().iter().cloned();
        message::in_chunks(tuples, |chunk| context.send(peer, SyncMessage::State(chunk)));
    }
}

impl<P: Peer, S: Sampler<P>, K: Keys> Protocol for FullPush<P, S, K> {
    type Peer = P;
    type Message = SyncMessage;
    type Timer = Tick;
    type Command = SyncCommand;
    type Event = SyncEvent<P>;

    fn handle<C: Context<Self>>(&mut self, _now: Instant, input: Input<'_, Self>, context: &mut C) {
        match input {
            Input::Start => start_ticking::<Self, C>(self.config.interval, context),
            Input::Timer(Tick) => {
                self.push(context);
                keep_ticking::<Self, C>(self.config.interval, context);
            }
            Input::Message { from, message: SyncMessage::State(tuples) } => {
                self.replica.receive_all::<Self, C>(from, tuples, context);
            }
            Input::Command(command) => {
                self.replica.command::<Self, C>(command, context);
            }
            Input::Message { .. } | Input::PeerUp(_) | Input::PeerDown(_) | Input::Stop => {}
        }
    }
}

impl<P: Peer, S: Sampler<P>, K: Keys> Durable for FullPush<P, S, K> {
    type Saved = Saved;

    fn save(&self) -> Saved {
        self.replica.save()
    }

    fn recover(&mut self, saved: Saved) {
        self.replica.recover(saved);
    }
}

impl<P: Peer, S: Sampler<P>, K: Keys> Synchroniser for FullPush<P, S, K> {
    fn store(&self) -> &Store {
        self.replica.store()
    }

    fn forget(&mut self) {
        self.replica.forget();
    }
}
