//! Keys of simulated nodes. A node's secret is a fixed hash of its id, so that no table of keys is needed: whoever checks a
//! signature derives the author's key pair. That makes forgery trivial for code in the simulator and is no security
//! claim; tests of forgery run on the real signer.

use rapprochement_core::peer::{Peer, PeerId, SimPeer};
use rapprochement_core::store::{Ed25519Keys, Keys};

use super::config::Signatures;

/// The keys of one simulated node.
#[derive(Clone, Copy, Debug)]
pub struct SimKeys {
    node: SimPeer,
    mode: Signatures,
}

impl SimKeys {
    /// The keys of this node, in the experiment's mode.
    pub const fn new(node: SimPeer, mode: Signatures) -> Self {
        Self { node, mode }
    }

    /// Whose they are.
    pub const fn node(&self) -> SimPeer {
        self.node
    }
}

impl Keys for SimKeys {
    fn author(&self) -> PeerId {
        self.node.id()
    }

    fn sign(&self, message: &[u8]) -> [u8; 64] {
        match self.mode {
            Signatures::Real | Signatures::Shared => key_pair(&self.author()).sign(message),
            Signatures::StandIn => tag(&self.author(), message),
        }
    }

    fn verify(&self, author: &PeerId, message: &[u8], signature: &[u8; 64]) -> bool {
        match self.mode {
            Signatures::Real | Signatures::Shared => {
                let keys = key_pair(author);
                keys.verify(&keys.author(), message, signature)
            }
            Signatures::StandIn => tag(author, message) == *signature,
        }
    }

    fn shares_verdicts(&self) -> bool {
        self.mode != Signatures::Real
    }
}

fn key_pair(author: &PeerId) -> Ed25519Keys {
    Ed25519Keys::from_secret(&blake3::derive_key("rapprochement simulated identity v1", &author.0))
}

/// A keyed hash of the length of a signature.
fn tag(author: &PeerId, message: &[u8]) -> [u8; 64] {
    let mut tag = [0; 64];
    blake3::Hasher::new_keyed(&author.0).update(message).finalize_xof().fill(&mut tag);
    tag
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mode_accepts_its_own_signatures_and_no_others() {
        for mode in [Signatures::Real, Signatures::Shared, Signatures::StandIn] {
            let (a, b) = (SimKeys::new(SimPeer(1), mode), SimKeys::new(SimPeer(2), mode));
            let signature = a.sign(b"hello");
            assert!(b.verify(&a.author(), b"hello", &signature), "{mode:?}");
            assert!(!b.verify(&b.author(), b"hello", &signature), "{mode:?}");
            assert!(!b.verify(&a.author(), b"hellp", &signature), "{mode:?}");
        }
    }
}
