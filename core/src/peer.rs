//! Who a node is. A protocol is generic in its peer type: a dense index in a simulation, a public key in a real node.

use core::fmt;
use core::hash::Hash;

/// The 32 bytes by which peers know each other: an Ed25519 public key in a real node, a fixed hash of the index in a
/// simulation. Only these bytes may enter a distance, an order that peers must share, or an encoding.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct PeerId(pub [u8; 32]);

impl PeerId {
    /// Bytes that an id takes in every encoding.
    pub const LEN: usize = 32;
}

impl fmt::Debug for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in &self.0[..4] {
            write!(f, "{byte:02x}")?;
        }
        f.write_str("…")
    }
}

/// A peer as its host addresses it.
pub trait Peer: Copy + Eq + Ord + Hash + fmt::Debug + Send + 'static {
    /// The peer's public id.
    fn id(&self) -> PeerId;

    /// The peer with this id, or `None` where there can be none.
    fn from_id(id: PeerId) -> Option<Self>;
}

impl Peer for PeerId {
    fn id(&self) -> PeerId {
        *self
    }

    fn from_id(id: PeerId) -> Option<Self> {
        Some(id)
    }
}

/// A simulated node: its index. The id is a fixed hash whose first 32 bits are a bijection of the index, so that an
/// id that arrives in an encoded message leads back to the node without a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SimPeer(pub u32);

impl Peer for SimPeer {
    fn id(&self) -> PeerId {
        let mut id = [0; 32];
        let head = scramble(self.0);
        id[..4].copy_from_slice(&head.to_be_bytes());
        let mut state = u64::from(head) ^ 0x5bd1_e995_9e37_79b9;
        for chunk in id[4..].chunks_mut(4) {
            state = mix(state);
            chunk.copy_from_slice(&((state >> 32) as u32).to_be_bytes());
        }
        PeerId(id)
    }

    fn from_id(id: PeerId) -> Option<Self> {
        let head = u32::from_be_bytes([id.0[0], id.0[1], id.0[2], id.0[3]]);
        let peer = Self(unscramble(head));
        (peer.id() == id).then_some(peer)
    }
}

/// A bijection of 32 bits with good avalanche (the `lowbias32` constants of C. Wellons, "Prospecting for hash
/// functions", 2018).
fn scramble(mut x: u32) -> u32 {
    x ^= x >> 16;
    x = x.wrapping_mul(0x7feb_352d);
    x ^= x >> 15;
    x = x.wrapping_mul(0x846c_a68b);
    x ^ (x >> 16)
}

/// The inverse of [`scramble`]: the modular inverses of its factors, in reverse order.
fn unscramble(mut x: u32) -> u32 {
    x ^= x >> 16;
    x = x.wrapping_mul(0x4302_1123);
    x ^= x >> 15 ^ x >> 30;
    x = x.wrapping_mul(0x1d69_e2a5);
    x ^ (x >> 16)
}

/// The SplitMix64 step (Steele, Lea and Flood, OOPSLA 2014).
#[inline]
pub(crate) fn mix(state: u64) -> u64 {
    let mut z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_leads_back_to_its_node_and_to_no_other() {
        for index in (0..100_000).chain([u32::MAX, u32::MAX - 1]) {
            let id = SimPeer(index).id();
            assert_eq!(SimPeer::from_id(id), Some(SimPeer(index)));
            let mut other = id;
            other.0[31] ^= 1;
            assert_eq!(SimPeer::from_id(other), None);
        }
    }
}
