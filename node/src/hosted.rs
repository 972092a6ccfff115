//! What the driver has to know of a protocol besides the contract: which of its events carry tuples that have to be durable before anything
//! is sent, and how it comes back after a restart.

use std::sync::Arc;

use rapprochement_core::overlay::Sampler;
use rapprochement_core::peer::PeerId;
use rapprochement_core::protocol::{Durable, Protocol};
use rapprochement_core::reconcile::{EagerPush, FullPush, Reconciler, Saved, Scuttlebutt, SyncEvent, Synchroniser};
use rapprochement_core::service::{Service, ServiceEvent};
use rapprochement_core::store::{Ed25519Keys, Store, Tuple};

/// A protocol that a node can host.
pub trait Hosted: Protocol<Peer = PeerId> {
    /// What it holds.
    fn store(&self) -> &Store;

    /// The tuple that an event says is new here.
    fn kept(event: &Self::Event) -> Option<&Arc<Tuple>>;

    /// The protocol as it comes back with what a storage held.
    fn restore(&mut self, saved: Saved);
}

macro_rules! synchroniser {
    ($name:ident) => {
        impl<S: Sampler<PeerId>> Hosted for $name<PeerId, S, Ed25519Keys> {
            fn store(&self) -> &Store {
                Synchroniser::store(self)
            }

            fn kept(event: &SyncEvent<PeerId>) -> Option<&Arc<Tuple>> {
                match event {
                    SyncEvent::Wrote { tuple, .. } | SyncEvent::Adopted { tuple, .. } => Some(tuple),
                    _ => None,
                }
            }

            fn restore(&mut self, saved: Saved) {
                self.recover(saved);
            }
        }
    };
}

synchroniser!(FullPush);
synchroniser!(EagerPush);
synchroniser!(Scuttlebutt);
synchroniser!(Reconciler);

impl Hosted for Service<PeerId, Ed25519Keys> {
    fn store(&self) -> &Store {
        Self::store(self)
    }

    fn kept(event: &ServiceEvent<PeerId>) -> Option<&Arc<Tuple>> {
        match event {
            ServiceEvent::Opined(tuple) | ServiceEvent::Heard(tuple, _) => Some(tuple),
            _ => None,
        }
    }

    fn restore(&mut self, saved: Saved) {
        self.recover(saved);
    }
}
