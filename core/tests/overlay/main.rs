//! The overlay's parts: closed forms, synthetic networks, hostile input.

mod book;
mod neighbours;
mod probing;
mod space;
mod wire;

use std::sync::Arc;

use rapprochement_core::overlay::address::{Address, AddressKind, AddressRecord, Reachability, Statement};
use rapprochement_core::overlay::vivaldi::NetworkCoordinate;
use rapprochement_core::peer::{Peer, PeerId, SimPeer};
use rapprochement_core::store::Keys;
use rapprochement_core::time::{Duration, Instant};

/// Keys whose signature is the first 32 bytes of the id and of the digest: enough to tell a forgery of content or key.
#[derive(Clone, Copy, Debug)]
struct PlainKeys(PeerId);

impl Keys for PlainKeys {
    fn author(&self) -> PeerId {
        self.0
    }

    fn sign(&self, message: &[u8]) -> [u8; 64] {
        let mut signature = [0; 64];
        signature[..32].copy_from_slice(&self.0.0);
        signature[32..].copy_from_slice(&message[32..64]);
        signature
    }

    fn verify(&self, author: &PeerId, message: &[u8], signature: &[u8; 64]) -> bool {
        Self(*author).sign(message) == *signature
    }

    fn shares_verdicts(&self) -> bool {
        true
    }
}

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
