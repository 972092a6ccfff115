//! One signed statement: its author says that at this version this key has this value, or none any more.
//!
//! The encoding is author (32 bytes), version, key with its length, a byte that tells a value (1) from a tombstone (0),
//! the value with its length, and the signature (64 bytes). The digest covers everything but the signature, which covers
//! the digest under a prefix of its own. Since an author can make several valid signatures for one content, nothing
//! orders, compares or samples by signature bytes.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::cmp::Ordering;
use core::fmt;
use core::sync::atomic::{AtomicU8, Ordering as Memory};

use crate::peer::PeerId;
use crate::store::keys::Keys;
use crate::wire::{DecodeError, Reader, bytes_len, put_bytes, put_varint, varint_len};

/// The longest key, in bytes.
pub const KEY_LEN_MAX: usize = 256;
/// The longest value, in bytes.
pub const VALUE_LEN_MAX: usize = 64 << 10;
/// Bytes of the shortest encoded tuple: a tombstone of the empty key with a one-byte version.
pub const TUPLE_LEN_MIN: usize = PeerId::LEN + 1 + 1 + 1 + SIGNATURE_LEN;
/// Bytes of the longest encoded tuple.
pub const TUPLE_LEN_MAX: usize =
    PeerId::LEN + 10 + bytes_len(KEY_LEN_MAX) + 1 + bytes_len(VALUE_LEN_MAX) + SIGNATURE_LEN;

const SIGNATURE_LEN: usize = 64;
const DIGEST_CONTEXT: &[u8] = b"rapprochement tuple v1";
const SIGNATURE_CONTEXT: &[u8; 32] = b"rapprochement tuple signature v1";

const UNKNOWN: u8 = 0;
const AUTHENTIC: u8 = 1;
const FORGED: u8 = 2;

/// A signed key-value-version tuple. Immutable; handled as `Arc<Tuple>`.
pub struct Tuple {
    author: PeerId,
    version: u64,
    digest: [u8; 32],
    signature: [u8; SIGNATURE_LEN],
    /// The key, then the value.
    content: Box<[u8]>,
    key_len: u16,
    tombstone: bool,
    verdict: AtomicU8,
}

/// Why there can be no such tuple.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TupleError {
    /// The key is longer than [`KEY_LEN_MAX`].
    KeyTooLong,
    /// The value is longer than [`VALUE_LEN_MAX`].
    ValueTooLong,
    /// Versions begin at 1.
    VersionZero,
    /// The author has used the last version that there is.
    VersionsExhausted,
}

impl fmt::Display for TupleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::KeyTooLong => "the key is longer than 256 bytes",
            Self::ValueTooLong => "the value is longer than 64 KiB",
            Self::VersionZero => "versions begin at 1",
            Self::VersionsExhausted => "the author has no versions left",
        })
    }
}

impl core::error::Error for TupleError {}

impl Tuple {
    /// Makes and signs a tuple of this node. A value of `None` is a tombstone: the key is deleted.
    ///
    /// # Errors
    /// A field is outside its limits.
    pub fn sign<K: Keys>(keys: &K, version: u64, key: &[u8], value: Option<&[u8]>) -> Result<Self, TupleError> {
        let mut tuple = Self::from_parts(keys.author(), version, key, value, [0; SIGNATURE_LEN])?;
        tuple.signature = keys.sign(&tuple.signed_message());
        Ok(tuple)
    }

    /// A tuple as somebody else states it; whether its author signed it is for [`Tuple::is_authentic`] to say.
    ///
    /// # Errors
    /// A field is outside its limits.
    pub fn from_parts(
        author: PeerId,
        version: u64,
        key: &[u8],
        value: Option<&[u8]>,
        signature: [u8; SIGNATURE_LEN],
    ) -> Result<Self, TupleError> {
        if version == 0 {
            return Err(TupleError::VersionZero);
        }
        if key.len() > KEY_LEN_MAX {
            return Err(TupleError::KeyTooLong);
        }
        if value.is_some_and(|value| value.len() > VALUE_LEN_MAX) {
            return Err(TupleError::ValueTooLong);
        }
        let content = [key, value.unwrap_or_default()].concat().into_boxed_slice();
        let verdict = AtomicU8::new(UNKNOWN);
        let (key_len, tombstone) = (key.len() as u16, value.is_none());
        let mut tuple = Self { author, version, digest: [0; 32], signature, content, key_len, tombstone, verdict };
        tuple.digest = tuple.compute_digest();
        Ok(tuple)
    }

    fn compute_digest(&self) -> [u8; 32] {
        let mut signed = Vec::with_capacity(DIGEST_CONTEXT.len() + self.encoded_len() - SIGNATURE_LEN);
        signed.extend_from_slice(DIGEST_CONTEXT);
        self.encode_unsigned(&mut signed);
        *blake3::hash(&signed).as_bytes()
    }

    /// Whose statement this is.
    pub fn author(&self) -> PeerId {
        self.author
    }

    /// The author's counter at the write, at least 1.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// What it is about: at most [`KEY_LEN_MAX`] bytes.
    pub fn key(&self) -> &[u8] {
        &self.content[..usize::from(self.key_len)]
    }

    /// What it says: at most [`VALUE_LEN_MAX`] bytes, or `None` where the key was deleted.
    pub fn value(&self) -> Option<&[u8]> {
        (!self.tombstone).then(|| &self.content[usize::from(self.key_len)..])
    }

    /// The author's signature, which may be forged.
    pub fn signature(&self) -> &[u8; SIGNATURE_LEN] {
        &self.signature
    }

    /// BLAKE3 of everything but the signature, under a context of its own; computed once.
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// True where both say the same, whatever their signatures.
    pub fn same_content(&self, other: &Self) -> bool {
        core::ptr::eq(self, other) || (self.version == other.version && self.digest == other.digest)
    }

    /// The order in which the tuples of one author and key win: by version, then by digest. A total order over contents,
    /// which every node computes alike.
    pub fn precedence(&self, other: &Self) -> Ordering {
        self.version.cmp(&other.version).then_with(|| self.digest.cmp(&other.digest))
    }

    /// Whether the author signed this. Where the keys allow it, the verdict is kept in the tuple: it is a pure function of
    /// the tuple's bytes, so sharing it changes no result.
    pub fn is_authentic<K: Keys>(&self, keys: &K) -> bool {
        let check = || keys.verify(&self.author, &self.signed_message(), &self.signature);
        if !keys.shares_verdicts() {
            return check();
        }
        match self.verdict.load(Memory::Relaxed) {
            UNKNOWN => {
                let authentic = check();
                self.verdict.store(if authentic { AUTHENTIC } else { FORGED }, Memory::Relaxed);
                authentic
            }
            verdict => verdict == AUTHENTIC,
        }
    }

    fn signed_message(&self) -> [u8; 64] {
        let mut message = [0; 64];
        message[..32].copy_from_slice(SIGNATURE_CONTEXT);
        message[32..].copy_from_slice(&self.digest);
        message
    }

    /// The exact number of bytes that [`Tuple::encode`] appends.
    pub fn encoded_len(&self) -> usize {
        let key_len = usize::from(self.key_len);
        let value_len = if self.tombstone { 0 } else { bytes_len(self.content.len() - key_len) };
        PeerId::LEN + varint_len(self.version) + bytes_len(key_len) + 1 + value_len + SIGNATURE_LEN
    }

    /// Appends the canonical encoding.
    pub fn encode(&self, out: &mut Vec<u8>) {
        self.encode_unsigned(out);
        out.extend_from_slice(&self.signature);
    }

    fn encode_unsigned(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.author.0);
        put_varint(out, self.version);
        put_bytes(out, self.key());
        match self.value() {
            None => out.push(0),
            Some(value) => {
                out.push(1);
                put_bytes(out, value);
            }
        }
    }

    /// Reads one tuple; its signature is not checked here.
    ///
    /// # Errors
    /// The bytes are not the canonical encoding of a tuple within the limits.
    pub fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let author = PeerId(reader.array()?);
        let version = reader.varint()?;
        let key = reader.bytes(KEY_LEN_MAX)?;
        let value = match reader.byte()? {
            0 => None,
            1 => Some(reader.bytes(VALUE_LEN_MAX)?),
            _ => return Err(DecodeError::UnknownTag),
        };
        let signature = reader.array()?;
        Self::from_parts(author, version, key, value, signature).map_err(|error| match error {
            TupleError::VersionZero => DecodeError::NotCanonical,
            _ => DecodeError::LimitExceeded,
        })
    }
}

impl PartialEq for Tuple {
    /// Byte for byte, the signature included.
    fn eq(&self, other: &Self) -> bool {
        self.same_content(other) && self.signature == other.signature
    }
}

impl Eq for Tuple {}

impl fmt::Debug for Tuple {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut tuple = f.debug_struct("Tuple");
        tuple.field("author", &self.author).field("version", &self.version).field("key", &self.key());
        tuple.field("value_len", &self.value().map(<[u8]>::len)).finish_non_exhaustive()
    }
}
