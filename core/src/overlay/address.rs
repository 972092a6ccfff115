//! Signed address records: a node says under its own key how it can be reached, and anybody may pass that on. Of two records of
//! one key the one with the higher sequence number holds, as in ENR (EIP-778) and the signed peer records of libp2p (RFC 0003).
//!
//! The encoding is key (32 bytes), sequence number, seconds at which it was made and seconds that it holds, reachability (0
//! public, 1 behind NAT with its relay's key, 2 unknown), the addresses with their count (each a kind, and its bytes with
//! their length), and the signature (64 bytes). The signature covers the BLAKE3 digest of all that under a tag of its own.

use alloc::vec::Vec;
use core::fmt;
use core::sync::atomic::{AtomicU8, Ordering};

use crate::overlay::refusals::Refusal;
use crate::peer::PeerId;
use crate::store::Keys;
use crate::time::{Duration, Instant};
use crate::wire::{DecodeError, Reader, bytes_len, put_bytes, put_varint, varint_len};

/// The most addresses of one node.
pub const ADDRESSES_MAX: usize = 4;
/// The longest address, in bytes.
pub const ADDRESS_LEN_MAX: usize = 64;
/// The longest time that a record may hold, in seconds: a week.
pub const LIFETIME_MAX: u32 = 7 * 24 * 3600;
/// The highest sequence number. A node that makes one record a microsecond reaches it after nine years.
pub const SEQUENCE_MAX: u64 = 1 << 48;
/// A record may have been made this much later than now, as clocks differ.
pub const CLOCK_TOLERANCE: Duration = Duration::from_secs(600);

const SIGNATURE_LEN: usize = 64;
const DIGEST_CONTEXT: &[u8] = b"rapprochement address record v1";
const SIGNATURE_CONTEXT: &[u8; 32] = b"rapprochement address signing v1";
const NANOS: u64 = 1_000_000_000;
const UNKNOWN: u8 = 0;
const AUTHENTIC: u8 = 1;
const FORGED: u8 = 2;

/// What the bytes of an address mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AddressKind {
    /// The index of a simulated node.
    Node = 0,
    /// An IP address and a port.
    Socket = 1,
    /// A name to resolve.
    Name = 2,
}

/// Where a node can be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// What the bytes mean.
    pub kind: AddressKind,
    /// At most [`ADDRESS_LEN_MAX`] bytes.
    pub bytes: Vec<u8>,
}

/// From where a node can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reachability {
    /// From everywhere.
    Public,
    /// Through a relay, or after a hole punch that the relay arranges.
    BehindNat {
        /// The relay's key, never the node's own.
        relay: PeerId,
    },
    /// The node does not know yet.
    Unknown,
}

/// What a node says of itself before it signs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// 1 to [`SEQUENCE_MAX`]; the higher one holds.
    pub sequence: u64,
    /// When it was made, in whole seconds of the author's clock.
    pub made_at: u64,
    /// For how many seconds it holds: 1 to [`LIFETIME_MAX`].
    pub lifetime: u32,
    /// From where the node can be reached.
    pub reachability: Reachability,
    /// At most [`ADDRESSES_MAX`], the preferred one first, without repeats; at least one for [`Reachability::Public`].
    pub addresses: Vec<Address>,
}

/// A signed address record. Immutable; handled as `Arc<AddressRecord>`.
pub struct AddressRecord {
    key: PeerId,
    statement: Statement,
    signature: [u8; SIGNATURE_LEN],
    verdict: AtomicU8,
}

impl AddressRecord {
    /// Makes and signs a record of this node.
    ///
    /// # Errors
    /// A field of the statement is outside its limits.
    pub fn sign<K: Keys>(keys: &K, statement: Statement) -> Result<Self, DecodeError> {
        let mut record = Self::from_parts(keys.author(), statement, [0; SIGNATURE_LEN])?;
        record.signature = keys.sign(&record.signed_message());
        Ok(record)
    }

    /// A record as somebody else states it; whether its key signed it is for [`AddressRecord::check`] to say.
    ///
    /// # Errors
    /// A field of the statement is outside its limits.
    pub fn from_parts(key: PeerId, statement: Statement, signature: [u8; 64]) -> Result<Self, DecodeError> {
        let Statement { sequence, lifetime, addresses, .. } = &statement;
        if *sequence > SEQUENCE_MAX || *lifetime > LIFETIME_MAX || statement.made_at > u64::MAX / NANOS {
            return Err(DecodeError::LimitExceeded);
        }
        if addresses.len() > ADDRESSES_MAX || addresses.iter().any(|address| address.bytes.len() > ADDRESS_LEN_MAX) {
            return Err(DecodeError::LimitExceeded);
        }
        let repeated = (1..addresses.len()).any(|at| addresses[..at].contains(&addresses[at]));
        let nowhere = statement.reachability == Reachability::Public && addresses.is_empty();
        let own_relay = statement.reachability == Reachability::BehindNat { relay: key };
        if *sequence == 0 || *lifetime == 0 || repeated || nowhere || own_relay {
            return Err(DecodeError::NotCanonical);
        }
        Ok(Self { key, statement, signature, verdict: AtomicU8::new(UNKNOWN) })
    }

    /// Whose record this is.
    pub fn key(&self) -> PeerId {
        self.key
    }

    /// What it says.
    pub fn statement(&self) -> &Statement {
        &self.statement
    }

    /// Whether this says the same as the other, whatever their signatures.
    pub fn same_content(&self, other: &Self) -> bool {
        self.key == other.key && self.statement == other.statement
    }

    /// Whether the record counts at this time of this node's clock: signed by its key, not from the future, not over.
    ///
    /// # Errors
    /// The first reason, the cheap ones before the signature.
    pub fn check<K: Keys>(&self, now: Instant, keys: &K) -> Result<(), Refusal> {
        if self.made() > now + CLOCK_TOLERANCE {
            return Err(Refusal::FutureRecord);
        }
        if self.is_over(now) {
            return Err(Refusal::ExpiredRecord);
        }
        if self.is_authentic(keys) { Ok(()) } else { Err(Refusal::BadSignature) }
    }

    /// Whether the record's lifetime is over.
    pub fn is_over(&self, now: Instant) -> bool {
        self.made() + Duration::from_secs(self.statement.lifetime.into()) <= now
    }

    fn made(&self) -> Instant {
        Instant::from_nanos(self.statement.made_at.saturating_mul(NANOS))
    }

    /// The verdict is a pure function of the record's bytes; where the keys allow it, it is kept for all who share the record.
    fn is_authentic<K: Keys>(&self, keys: &K) -> bool {
        let check = || keys.verify(&self.key, &self.signed_message(), &self.signature);
        if !keys.shares_verdicts() {
            return check();
        }
        match self.verdict.load(Ordering::Relaxed) {
            UNKNOWN => {
                let authentic = check();
                self.verdict.store(if authentic { AUTHENTIC } else { FORGED }, Ordering::Relaxed);
                authentic
            }
            verdict => verdict == AUTHENTIC,
        }
    }

    fn signed_message(&self) -> [u8; 64] {
        let mut signed = Vec::with_capacity(DIGEST_CONTEXT.len() + self.encoded_len());
        signed.extend_from_slice(DIGEST_CONTEXT);
        self.encode_unsigned(&mut signed);
        let mut message = [0; 64];
        message[..32].copy_from_slice(SIGNATURE_CONTEXT);
        message[32..].copy_from_slice(blake3::hash(&signed).as_bytes());
        message
    }

    /// The exact number of bytes that [`AddressRecord::encode`] appends.
    pub fn encoded_len(&self) -> usize {
        let Statement { sequence, made_at, lifetime, reachability, addresses } = &self.statement;
        let numbers = varint_len(*sequence) + varint_len(*made_at) + varint_len((*lifetime).into());
        let relay = if matches!(reachability, Reachability::BehindNat { .. }) { PeerId::LEN } else { 0 };
        let addresses: usize = addresses.iter().map(|address| 1 + bytes_len(address.bytes.len())).sum();
        PeerId::LEN + numbers + 1 + relay + 1 + addresses + SIGNATURE_LEN
    }

    /// Appends the canonical encoding.
    pub fn encode(&self, out: &mut Vec<u8>) {
        self.encode_unsigned(out);
        out.extend_from_slice(&self.signature);
    }

    fn encode_unsigned(&self, out: &mut Vec<u8>) {
        let Statement { sequence, made_at, lifetime, reachability, addresses } = &self.statement;
        out.extend_from_slice(&self.key.0);
        put_varint(out, *sequence);
        put_varint(out, *made_at);
        put_varint(out, (*lifetime).into());
        match reachability {
            Reachability::Public => out.push(0),
            Reachability::BehindNat { relay } => {
                out.push(1);
                out.extend_from_slice(&relay.0);
            }
            Reachability::Unknown => out.push(2),
        }
        put_varint(out, addresses.len() as u64);
        for address in addresses {
            out.push(address.kind as u8);
            put_bytes(out, &address.bytes);
        }
    }

    /// Reads one record; its signature is not checked here.
    ///
    /// # Errors
    /// The bytes are not the canonical encoding of a record within the limits.
    pub fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let key = PeerId(reader.array()?);
        let (sequence, made_at) = (reader.varint()?, reader.varint()?);
        let lifetime = u32::try_from(reader.varint()?).map_err(|_| DecodeError::LimitExceeded)?;
        let reachability = match reader.byte()? {
            0 => Reachability::Public,
            1 => Reachability::BehindNat { relay: PeerId(reader.array()?) },
            2 => Reachability::Unknown,
            _ => return Err(DecodeError::UnknownTag),
        };
        let count = reader.count(ADDRESSES_MAX)?;
        let addresses = (0..count).map(|_| Address::decode(reader)).collect::<Result<_, _>>()?;
        let statement = Statement { sequence, made_at, lifetime, reachability, addresses };
        Self::from_parts(key, statement, reader.array()?)
    }
}

impl Address {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let kind = match reader.byte()? {
            0 => AddressKind::Node,
            1 => AddressKind::Socket,
            2 => AddressKind::Name,
            _ => return Err(DecodeError::UnknownTag),
        };
        Ok(Self { kind, bytes: reader.bytes(ADDRESS_LEN_MAX)?.to_vec() })
    }
}

impl PartialEq for AddressRecord {
    /// Byte for byte, the signature included.
    fn eq(&self, other: &Self) -> bool {
        self.same_content(other) && self.signature == other.signature
    }
}

impl Eq for AddressRecord {}

impl fmt::Debug for AddressRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut record = f.debug_struct("AddressRecord");
        record.field("key", &self.key).field("statement", &self.statement).finish_non_exhaustive()
    }
}
