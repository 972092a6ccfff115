//! The overlay's parts: closed forms, synthetic networks, hostile input.

mod book;
mod neighbours;
#[path = "../support/plain_keys.rs"]
mod plain_keys;
mod probing;
mod space;
mod wire;

use std::sync::Arc;

use rapprochement_core::overlay::address::{Address, AddressKind, AddressRecord, Reachability, Statement};
use rapprochement_core::overlay::vivaldi::NetworkCoordinate;
use rapprochement_core::peer::{Peer, SimPeer};
use rapprochement_core::time::{Duration, Instant};

use plain_keys::PlainKeys;

fn at(millis: u64) -> Instant {
    Instant::ZERO + Duration::from_millis(millis)
}

fn statement(peer: SimPeer, sequence: u64) -> Statement {
    let address = Address { kind: AddressKind::Node, bytes: peer.0.to_be_bytes().to_vec() };
    Statement { sequence, made_at: 0, lifetime: 3600, reachability: Reachability::Public, addresses: vec![address] }
}

fn record(peer: SimPeer, sequence: u64) -> Arc<AddressRecord> {
    Arc::new(AddressRecord::sign(&PlainKeys(peer.id()), statement(peer, sequence)).unwrap())
}

fn place(x: i32, y: i32, height: u32) -> NetworkCoordinate {
    NetworkCoordinate::new([x, y], height, 1_000).unwrap()
}
