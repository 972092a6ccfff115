//! Who signs, and who checks. The one acceptance rule is strict Ed25519 (RFC 8032 with the checks of Chalkias, Garillot and
//! Nikolaenko, "Taming the many EdDSAs", SSR 2020): no small-order keys, no malleable encodings, no batch equation,
//! so that two nodes never disagree about one signature. A simulation may put a stand-in of the same size in its place.

use core::fmt;

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};

use crate::peer::PeerId;

/// A node's own key, and the check of everybody's.
pub trait Keys {
    /// The id under which this node signs.
    fn author(&self) -> PeerId;

    /// This node's signature.
    fn sign(&self, message: &[u8]) -> [u8; 64];

    /// Whether `author` signed `message`: a pure function of the three.
    fn verify(&self, author: &PeerId, message: &[u8], signature: &[u8; 64]) -> bool;

    /// Whether the verdict on a tuple may be kept in the tuple, for every node of this process that shares it.
    fn shares_verdicts(&self) -> bool;
}

/// The keys of a real node: its author id is its Ed25519 public key.
#[derive(Clone)]
pub struct Ed25519Keys(SigningKey);

impl Ed25519Keys {
    /// The key pair of a 32-byte secret (RFC 8032, section 5.1.5).
    pub fn from_secret(secret: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(secret))
    }
}

impl Keys for Ed25519Keys {
    fn author(&self) -> PeerId {
        PeerId(self.0.verifying_key().to_bytes())
    }

    fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }

    fn verify(&self, author: &PeerId, message: &[u8], signature: &[u8; 64]) -> bool {
        VerifyingKey::from_bytes(&author.0)
            .is_ok_and(|key| key.verify_strict(message, &Signature::from_bytes(signature)).is_ok())
    }

    fn shares_verdicts(&self) -> bool {
        false
    }
}

impl fmt::Debug for Ed25519Keys {
    /// The public half only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Ed25519Keys").field(&self.author()).finish()
    }
}
