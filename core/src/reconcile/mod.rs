//! Synchronisers: protocols that make the stores of all nodes alike. Each owns a [`Store`], takes the application's writes
//! as commands, and tells what became of every tuple as events.
//!
//! | file | protocol |
//! |---|---|
//! | `full_push` | the whole store to one random peer every interval |
//! | `eager_push` | rumours at once, a repair exchange every interval |
//! | `scuttlebutt` | a digest exchange every interval |
//! | `exchange` | the digest exchange that the last two share |
//! | `message` | what they send each other |
//! | `reconciler` | a session with one random peer every interval |
//! | `standing` | what it remembers of its peers |
//! | [`session`] | one reconciliation with one peer, by any method of the family |
//! | `rumour` | passing a tuple on to random peers |
//! | `replica` | what they all own: store, keys, version counter |
//! | [`coding`] | ways to find the difference of two sets |
//! | [`cancellation`] | an attack on one of them, which sessions survive |

pub mod cancellation;
pub mod coding;
mod eager_push;
mod exchange;
mod full_push;
mod message;
mod reconciler;
mod replica;
mod rumour;
mod scuttlebutt;
pub mod session;
mod standing;

use alloc::sync::Arc;
use alloc::vec::Vec;

use rand_core::Rng;

pub use eager_push::{EagerPush, EagerPushConfig};
pub use full_push::{FullPush, FullPushConfig};
pub use message::{AuthorSummary, CHUNK_LEN_MAX, SUMMARIES_MAX, SYNC_MESSAGE_LEN_MAX, Summary, SyncMessage};
pub use reconciler::{EPOCH, Reconciler, ReconcilerConfig};
pub use replica::Saved;
pub use scuttlebutt::{Scuttlebutt, ScuttlebuttConfig};

use crate::peer::PeerId;
use crate::protocol::{Context, Durable, Protocol};
use crate::store::{Store, Tuple, TupleError};
use crate::time::Duration;

/// A protocol that keeps a store alike with those of its peers.
pub trait Synchroniser: Protocol<Command = SyncCommand, Event = SyncEvent<<Self as Protocol>::Peer>> + Durable {
    /// What this node holds.
    fn store(&self) -> &Store;

    /// Loses the store, as a crash does that takes the disk along. The identity and the version counter stay, so that
    /// this node's versions never run backwards.
    fn forget(&mut self);
}

/// What the application asks of a synchroniser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SyncCommand {
    /// Sets one of this node's own keys.
    Write {
        /// At most [`crate::store::KEY_LEN_MAX`] bytes.
        key: Vec<u8>,
        /// At most [`crate::store::VALUE_LEN_MAX`] bytes.
        value: Vec<u8>,
    },
    /// Deletes one of this node's own keys, whether it was set or not.
    Delete {
        /// At most [`crate::store::KEY_LEN_MAX`] bytes.
        key: Vec<u8>,
    },
}

/// What a synchroniser tells the application and the observer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SyncEvent<P> {
    /// A command was carried out.
    Wrote {
        /// The new tuple.
        tuple: Arc<Tuple>,
        /// The one that it replaced.
        replaced: Option<Arc<Tuple>>,
    },
    /// A command was not carried out.
    WriteRefused(TupleError),
    /// A peer's tuple is now the newest of its key here.
    Adopted {
        /// Who sent it.
        from: P,
        /// The new tuple.
        tuple: Arc<Tuple>,
        /// The one that it replaced.
        replaced: Option<Arc<Tuple>>,
        /// How many times the tuple was passed on as a rumour on its way here; 0 for a tuple that came otherwise.
        hops: u8,
    },
    /// A tuple arrived that was held already.
    Duplicate,
    /// A tuple arrived that is older than what is held.
    Stale,
    /// A tuple arrived that its author did not sign.
    Rejected {
        /// Who sent it.
        from: P,
    },
    /// The store has no room for another author.
    Full,
    /// The first proof that an author signed two contents under one version; the store keeps it.
    Equivocation {
        /// Who did.
        author: PeerId,
    },
}

/// The one timer of a synchroniser: the next periodic exchange is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tick;

/// Arms the first tick at a random point of the interval, so that nodes that start together do not tick in step. An
/// interval of zero means never.
fn start_ticking<Y: Protocol<Timer = Tick>, C: Context<Y>>(interval: Duration, context: &mut C) {
    if !interval.is_zero() {
        let phase = (u128::from(context.rng().next_u64()) * u128::from(interval.as_nanos())) >> 64;
        context.set_timer(Duration::from_nanos(phase as u64), Tick);
    }
}

/// Arms the next tick.
fn keep_ticking<Y: Protocol<Timer = Tick>, C: Context<Y>>(interval: Duration, context: &mut C) {
    if !interval.is_zero() {
        context.set_timer(interval, Tick);
    }
}
