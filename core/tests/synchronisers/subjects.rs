//! The nodes under test: stand-in keys, a uniform sampler, and the three synchronisers with small budgets.

use rand_core::Rng;
use rapprochement_core::overlay::Sampler;
use rapprochement_core::peer::{Peer, PeerId, SimPeer};
use rapprochement_core::random;
use rapprochement_core::reconcile::session::MethodKind;
use rapprochement_core::reconcile::{
    EagerPush, EagerPushConfig, FullPush, FullPushConfig, Reconciler, ReconcilerConfig, Scuttlebutt, ScuttlebuttConfig,
    SyncMessage, Synchroniser, Tick,
};
use rapprochement_core::store::{Keys, Tuple};
use rapprochement_core::time::Duration;
use std::sync::Arc;

pub(crate) const INTERVAL: Duration = Duration::from_secs(1);

/// A keyed hash in place of a signature: whoever knows the id can sign.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StandIn(pub(crate) u32);

impl StandIn {
    fn tag(author: &PeerId, message: &[u8]) -> [u8; 64] {
        let mut tag = [0; 64];
        tag[..32].copy_from_slice(blake3::keyed_hash(&author.0, message).as_bytes());
        tag
    }

    pub(crate) fn tuple(self, version: u64, key: &[u8], value: Option<&[u8]>) -> Arc<Tuple> {
        Arc::new(Tuple::sign(&self, version, key, value).unwrap())
    }
}

impl Keys for StandIn {
    fn author(&self) -> PeerId {
        SimPeer(self.0).id()
    }

    fn sign(&self, message: &[u8]) -> [u8; 64] {
        Self::tag(&self.author(), message)
    }

    fn verify(&self, author: &PeerId, message: &[u8], signature: &[u8; 64]) -> bool {
        Self::tag(author, message) == *signature
    }

    fn shares_verdicts(&self) -> bool {
        true
    }
}

/// Any of the other nodes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Others {
    pub(crate) me: u32,
    pub(crate) nodes: u32,
}

impl Sampler<SimPeer> for Others {
    fn sample<R: Rng + ?Sized>(&mut self, rng: &mut R) -> Option<SimPeer> {
        let drawn = (self.nodes > 1).then(|| random::below(rng, self.nodes - 1))?;
        Some(SimPeer(if drawn < self.me { drawn } else { drawn + 1 }))
    }
}

pub(crate) type Full = FullPush<SimPeer, Others, StandIn>;
pub(crate) type Eager = EagerPush<SimPeer, Others, StandIn>;
pub(crate) type Scuttle = Scuttlebutt<SimPeer, Others, StandIn>;

pub(crate) type Sessions = Reconciler<SimPeer, Others, StandIn>;

/// A synchroniser that the host can make, and through which a test can plant tuples.
pub(crate) trait Subject: Synchroniser<Peer = SimPeer, Message = SyncMessage, Timer = Tick> {
    fn make(me: u32, nodes: u32, budget: usize) -> Self;

    /// The message by which a peer hands over a tuple unasked.
    fn carrier(tuple: Arc<Tuple>) -> SyncMessage {
        SyncMessage::Delta([tuple].into())
    }
}

impl Subject for Full {
    fn make(me: u32, nodes: u32, _budget: usize) -> Self {
        Self::new(FullPushConfig { interval: INTERVAL }, Others { me, nodes }, StandIn(me))
    }

    fn carrier(tuple: Arc<Tuple>) -> SyncMessage {
        SyncMessage::State([tuple].into())
    }
}

impl Subject for Eager {
    fn make(me: u32, nodes: u32, budget: usize) -> Self {
        Self::new(EagerPushConfig { fanout: 2, repair: INTERVAL, budget }, Others { me, nodes }, StandIn(me))
    }
}

impl Subject for Scuttle {
    fn make(me: u32, nodes: u32, budget: usize) -> Self {
        Self::new(ScuttlebuttConfig { interval: INTERVAL, budget }, Others { me, nodes }, StandIn(me))
    }
}

/// The budget that chooses the classic form of summaries.
pub(crate) const CLASSIC: usize = usize::MAX;

impl Subject for Sessions {
    /// The budget chooses the method (a budget of nothing: summaries), the room of its first message, and how much of its code
    /// is kept. The classic form is chosen by [`CLASSIC`] alone: it repairs neither gaps nor equivocation.
    fn make(me: u32, nodes: u32, budget: usize) -> Self {
        let repairing: Vec<_> = MethodKind::ALL.iter().filter(|kind| kind.repairs()).collect();
        let methods = repairing.len();
        let config = ReconcilerConfig {
            method: if budget == CLASSIC { MethodKind::Versions } else { *repairing[budget % methods] },
            interval: INTERVAL,
            first: None,
            push: 0,
            room: budget / methods % 1300,
            prefix: budget / methods % 3 * 20,
            patience: Duration::from_secs(4),
            budget: 2000,
            repair: true,
        };
        Self::new(config, Others { me, nodes }, StandIn(me))
    }
}
