//! What hostile nodes agreed on: who they are, against whom, and what they say of each other.

use std::sync::Arc;

use rapprochement_core::overlay::address::{
    Address, AddressKind, AddressRecord, LIFETIME_MAX, Reachability, Statement,
};
use rapprochement_core::overlay::exchange::{Introduction, Placed, RTT_MAX_MICROS};
use rapprochement_core::overlay::sampling::SamplingConfig;
use rapprochement_core::overlay::vivaldi::{ERROR_UNIT, NetworkCoordinate};
use rapprochement_core::peer::{Peer, PeerId, SimPeer};
use rapprochement_core::service::opinion::{self, Opinion, WEIGHT_MAX};
use rapprochement_core::time::{Duration, Instant};

use crate::model::identity::SimKeys;

/// What hostile nodes agreed on.
#[derive(Debug)]
pub(super) struct Plot {
    /// All of them, in the order in which they were drawn.
    pub(super) members: Vec<SimPeer>,
    /// Their address records, each signed by its own node, in the same order.
    pub(super) records: Vec<Arc<AddressRecord>>,
    /// Against whom.
    pub(super) victim: Option<SimPeer>,
    /// When it begins.
    pub(super) start: Instant,
    pub(super) sampling: SamplingConfig,
}

impl Plot {
    pub(super) fn contains(&self, peer: SimPeer) -> bool {
        self.members.contains(&peer)
    }

    /// The best opinion of each member but one.
    pub(super) fn praise(&self, now: Instant, me: SimPeer) -> Vec<Verdict> {
        let others = self.members.iter().filter(|peer| **peer != me);
        others.map(|peer| verdict(*peer, WEIGHT_MAX, now)).collect()
    }

    /// Introductions of members to `to`, by a node to which `to` has this round trip: each placed where `to` places itself, at a
    /// distance that leaves open that it is right beside `to`.
    pub(super) fn introduce(&self, to: SimPeer, near: NetworkCoordinate, rtt: Option<Duration>) -> Vec<Introduction> {
        let rtt = rtt.map_or(0, |rtt| u32::try_from(rtt.as_nanos() / 1000).unwrap_or(RTT_MAX_MICROS));
        let others = self.members.iter().zip(&self.records).filter(|(peer, _)| **peer != to);
        let introduction = |(_, record): (&SimPeer, &Arc<AddressRecord>)| Introduction {
            record: Arc::clone(record),
            rtt: rtt.min(RTT_MAX_MICROS),
            placed: Some(Placed { coordinate: beside(near), age: 0 }),
        };
        others.map(introduction).collect()
    }
}

/// A key and a value to publish.
pub(super) type Verdict = (PeerId, [u8; opinion::LEN]);

pub(super) fn verdict(about: SimPeer, weight: i16, now: Instant) -> Verdict {
    let formed = now.as_nanos() / 1000;
    (about.id(), Opinion { weight, rtt: 1000, uptime: 1000, formed }.encode())
}

/// A place as near to this one as can be stated, with the least error.
pub(super) fn beside(place: NetworkCoordinate) -> NetworkCoordinate {
    NetworkCoordinate::new(place.position(), 0, ERROR_UNIT / 100).unwrap_or(place)
}

/// The address record of the node with these keys: the one that it makes itself if it is there from the beginning.
pub(super) fn record(keys: SimKeys) -> AddressRecord {
    let statement = Statement {
        sequence: 1,
        made_at: 0,
        lifetime: LIFETIME_MAX,
        reachability: Reachability::Unknown,
        addresses: vec![Address { kind: AddressKind::Node, bytes: keys.node().id().0.to_vec() }],
    };
    AddressRecord::sign(&keys, statement).expect("all of it is within the limits of a record")
}
