//! Keys that protect nothing: payloads stay as they are, and the 16 bytes of the authentication tag (as long as those of
//! AES-GCM, RFC 9001, section 5.3) hold the name of the key and the number of the packet. So a packet opens under its own
//! key and number only, like a real one, and whoever reads a tag can forge one.

use bytes::BytesMut;
use quinn_proto::crypto::{AeadKey, CryptoError, HandshakeTokenKey, HeaderKey, HmacKey, KeyPair, Keys, PacketKey};
use quinn_proto::{ConnectionId, Side};

/// Bytes of an authentication tag.
const TAG_LEN: usize = 16;
/// Packets of one key: RFC 9001, section 6.6, for AES-128-GCM.
const CONFIDENTIALITY_LIMIT: u64 = 1 << 23;
/// Packets that may fail to open: RFC 9001, section 6.6, for AES-128-GCM.
const INTEGRITY_LIMIT: u64 = 1 << 52;

/// The stages of a connection, each with keys of its own.
#[derive(Clone, Copy, Debug)]
pub(super) enum Level {
    Initial,
    ZeroRtt,
    Handshake,
    OneRtt,
}

/// The finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
pub(super) fn mix(state: u64) -> u64 {
    let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A number that stands for bytes under a key.
pub(super) fn fold(key: u64, bytes: &[u8]) -> u64 {
    bytes.chunks(8).fold(mix(key ^ bytes.len() as u64), |state, chunk| {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        mix(state.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ u64::from_le_bytes(word))
    })
}

/// Both directions' keys of a level, as `side` holds them.
pub(super) fn keys(secret: u64, level: Level, side: Side) -> Keys {
    Keys {
        header: KeyPair { local: Box::new(NullHeader), remote: Box::new(NullHeader) },
        packet: pair(secret, level, 0, side),
    }
}

/// The keys of packets alone; `phase` counts key updates.
pub(super) fn pair(secret: u64, level: Level, phase: u64, side: Side) -> KeyPair<Box<dyn PacketKey>> {
    let key = |side| -> Box<dyn PacketKey> { Box::new(NullKey::new(secret, level, phase, side)) };
    KeyPair { local: key(side), remote: key(!side) }
}

/// What the first packets of a connection are protected with (RFC 9001, section 5.2).
pub(super) fn initial_keys(destination: &ConnectionId, side: Side) -> Keys {
    keys(fold(0, destination), Level::Initial, side)
}

/// A key that names itself.
pub(super) struct NullKey(u64);

impl NullKey {
    pub(super) fn new(secret: u64, level: Level, phase: u64, sender: Side) -> Self {
        let place = (phase << 3) | ((level as u64) << 1) | sender as u64;
        Self(mix(secret ^ mix(place.wrapping_add(1))))
    }

    fn tag(&self, packet: u64) -> [u8; TAG_LEN] {
        let mut tag = [0; TAG_LEN];
        tag[..8].copy_from_slice(&self.0.to_le_bytes());
        tag[8..].copy_from_slice(&packet.to_le_bytes());
        tag
    }
}

impl PacketKey for NullKey {
    fn encrypt(&self, packet: u64, buf: &mut [u8], _header_len: usize) {
        if let Some(tag) = buf.last_chunk_mut::<TAG_LEN>() {
            *tag = self.tag(packet);
        }
    }

    fn decrypt(&self, packet: u64, _header: &[u8], payload: &mut BytesMut) -> Result<(), CryptoError> {
        let Some((body, tag)) = payload.split_last_chunk::<TAG_LEN>() else {
            return Err(CryptoError);
        };
        let len = body.len();
        if *tag != self.tag(packet) {
            return Err(CryptoError);
        }
        payload.truncate(len);
        Ok(())
    }

    fn tag_len(&self) -> usize {
        TAG_LEN
    }

    fn confidentiality_limit(&self) -> u64 {
        CONFIDENTIALITY_LIMIT
    }

    fn integrity_limit(&self) -> u64 {
        INTEGRITY_LIMIT
    }
}

/// Header protection that protects nothing, with the sample size of AES.
pub(super) struct NullHeader;

impl HeaderKey for NullHeader {
    fn decrypt(&self, _pn_offset: usize, _packet: &mut [u8]) {}

    fn encrypt(&self, _pn_offset: usize, _packet: &mut [u8]) {}

    fn sample_size(&self) -> usize {
        16
    }
}

/// A key of the node itself: for stateless resets and address tokens. It stays the same over restarts, so that a node that
/// comes back can tell its peers that their connections are gone (RFC 9000, section 10.3).
#[derive(Clone, Copy, Debug)]
pub(super) struct NodeKey(pub(super) u64);

impl HmacKey for NodeKey {
    fn sign(&self, data: &[u8], signature_out: &mut [u8]) {
        let state = fold(self.0, data);
        for (i, chunk) in signature_out.chunks_mut(8).enumerate() {
            let word = mix(state.wrapping_add(i as u64)).to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
    }

    fn signature_len(&self) -> usize {
        32
    }

    fn verify(&self, data: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
        let mut expected = [0; 32];
        self.sign(data, &mut expected);
        if signature == expected { Ok(()) } else { Err(CryptoError) }
    }
}

impl HandshakeTokenKey for NodeKey {
    fn aead_from_hkdf(&self, random_bytes: &[u8]) -> Box<dyn AeadKey> {
        Box::new(NullAead(fold(self.0, random_bytes)))
    }
}

/// Seals an address token by naming the key behind it.
struct NullAead(u64);

impl AeadKey for NullAead {
    fn seal(&self, data: &mut Vec<u8>, _additional_data: &[u8]) -> Result<(), CryptoError> {
        let tag = fold(self.0, data).to_le_bytes();
        data.extend(tag);
        data.extend([0; TAG_LEN - 8]);
        Ok(())
    }

    fn open<'a>(&self, data: &'a mut [u8], _additional_data: &[u8]) -> Result<&'a mut [u8], CryptoError> {
        let (body, tag) = data.split_last_chunk_mut::<TAG_LEN>().ok_or(CryptoError)?;
        if tag[..8] == fold(self.0, body).to_le_bytes() { Ok(body) } else { Err(CryptoError) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_opens_under_its_own_key_and_number_only() {
        let seal = |key: &NullKey| {
            let mut buf = [&[7; 20][..], &[0; TAG_LEN]].concat();
            key.encrypt(3, &mut buf, 4);
            BytesMut::from(&buf[4..])
        };
        let client = NullKey::new(1, Level::OneRtt, 0, Side::Client);
        let others = [
            (1, Level::OneRtt, 0, Side::Server),
            (1, Level::OneRtt, 1, Side::Client),
            (2, Level::OneRtt, 0, Side::Client),
        ];
        let mut opened = seal(&client);
        client.decrypt(3, &[], &mut opened).unwrap();
        assert_eq!(opened, [7; 16][..]);
        assert!(client.decrypt(4, &[], &mut seal(&client)).is_err());
        for (secret, level, phase, side) in others {
            assert!(NullKey::new(secret, level, phase, side).decrypt(3, &[], &mut seal(&client)).is_err());
        }
        assert!(client.decrypt(3, &[], &mut BytesMut::from(&[0; 15][..])).is_err());
    }

    #[test]
    fn a_token_opens_unchanged_only() {
        let key = NodeKey(5).aead_from_hkdf(&[1]);
        let mut token = vec![9; 10];
        key.seal(&mut token, &[]).unwrap();
        assert_eq!(key.open(&mut token.clone(), &[]).unwrap(), [9; 10]);
        token[3] ^= 1;
        assert!(key.open(&mut token, &[]).is_err());
        assert!(key.open(&mut [0; 3], &[]).is_err());
    }
}
