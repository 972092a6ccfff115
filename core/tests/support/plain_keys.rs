//! Keys for tests in which nobody forges with skill: a signature is who signs, and a part of what is signed.

use rapprochement_core::peer::PeerId;
use rapprochement_core::store::Keys;

/// A changed key shows, and so does any changed byte of what is signed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlainKeys(pub(crate) PeerId);

impl Keys for PlainKeys {
    fn author(&self) -> PeerId {
        self.0
    }

    fn sign(&self, message: &[u8]) -> [u8; 64] {
        let mut signature = [0; 64];
        signature[..32].copy_from_slice(&self.0.0);
        message.iter().enumerate().for_each(|(at, byte)| signature[32 + at % 32] ^= byte.rotate_left(at as u32 % 8));
        signature
    }

    fn verify(&self, author: &PeerId, message: &[u8], signature: &[u8; 64]) -> bool {
        Self(*author).sign(message) == *signature
    }

    fn shares_verdicts(&self) -> bool {
        true
    }
}
