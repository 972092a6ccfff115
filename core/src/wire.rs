//! Bytes on the wire. Every message has one canonical encoding, knows its exact length without encoding, and is decoded
//! under hard limits: a decoder returns an error for whatever is not the canonical encoding of a message, and neither
//! panics, nor loops without bound, nor allocates more than a fixed multiple of its input.
//!
//! Integers are LEB128 variable-length (7 bits a byte, low group first, shortest form only) unless a field is fixed.

use alloc::vec::Vec;
use core::fmt;

/// The longest message that is accepted from a peer, in bytes.
pub const MESSAGE_LEN_MAX: usize = 16 << 20;

/// A message of a protocol.
pub trait Message: Sized + Clone {
    /// The names of the classes by which traffic is reported, in the order of [`Message::class`].
    const CLASSES: &'static [&'static str];

    /// Which of [`Message::CLASSES`] this message belongs to.
    fn class(&self) -> usize;

    /// The exact number of bytes that [`Message::encode`] appends.
    fn encoded_len(&self) -> usize;

    /// Appends the canonical encoding.
    fn encode(&self, out: &mut Vec<u8>);

    /// Reads one message that fills `bytes` exactly.
    ///
    /// # Errors
    /// Whatever is not the canonical encoding of a message within the limits.
    fn decode(bytes: &[u8]) -> Result<Self, DecodeError>;

    /// How many signatures a receiver has to check: a simulation charges for them in virtual time.
    fn signatures(&self) -> usize {
        0
    }

    /// A queue on the way says how many packets stood before this one when it came: what explicit congestion notification is
    /// made of. Only the packets of transports listen.
    fn queued(&mut self, _packets: u32) {}
}

/// Why bytes are not a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// The bytes end inside a field.
    Truncated,
    /// Bytes are left over behind the message.
    TrailingBytes,
    /// An integer is longer than its shortest form, or does not fit.
    BadInteger,
    /// A tag names no known variant.
    UnknownTag,
    /// A length or a count exceeds its limit.
    LimitExceeded,
    /// The fields are not in canonical form or order.
    NotCanonical,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Truncated => "the message ends inside a field",
            Self::TrailingBytes => "bytes are left over behind the message",
            Self::BadInteger => "an integer is not in its shortest form or does not fit",
            Self::UnknownTag => "a tag names no known variant",
            Self::LimitExceeded => "a length or a count exceeds its limit",
            Self::NotCanonical => "the encoding is not canonical",
        })
    }
}

impl core::error::Error for DecodeError {}

/// Bytes that `value` takes as a variable-length integer: 1 to 10.
pub const fn varint_len(value: u64) -> usize {
    (64 - (value | 1).leading_zeros() as usize).div_ceil(7)
}

/// Appends a variable-length integer.
pub fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Reads fields off the front of a message.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// A reader over the whole of `bytes`.
    ///
    /// # Errors
    /// More than [`MESSAGE_LEN_MAX`] bytes.
    pub fn new(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        if bytes.len() > MESSAGE_LEN_MAX {
            return Err(DecodeError::LimitExceeded);
        }
        Ok(Self { rest: bytes })
    }

    /// One byte.
    ///
    /// # Errors
    /// Nothing is left.
    pub fn byte(&mut self) -> Result<u8, DecodeError> {
        Ok(self.array::<1>()?[0])
    }

    /// A fixed number of bytes.
    ///
    /// # Errors
    /// Fewer are left.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (head, rest) = self.rest.split_first_chunk::<N>().ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(*head)
    }

    /// A variable-length integer in its shortest form.
    ///
    /// # Errors
    /// It ends early, is longer than needed, or exceeds 64 bits.
    pub fn varint(&mut self) -> Result<u64, DecodeError> {
        let mut value = 0u64;
        for shift in (0..70).step_by(7) {
            let byte = self.byte()?;
            let group = u64::from(byte & 0x7f);
            if shift == 63 && group > 1 {
                return Err(DecodeError::BadInteger);
            }
            value |= group << shift;
            if byte < 0x80 {
                let shortest = shift == 0 || byte != 0;
                return if shortest { Ok(value) } else { Err(DecodeError::BadInteger) };
            }
        }
        Err(DecodeError::BadInteger)
    }

    /// A length or count that is at most `limit` and at most the number of bytes that are left (every counted item
    /// takes at least one), so that nothing can be reserved on a peer's word alone.
    ///
    /// # Errors
    /// The number is malformed or exceeds a bound.
    pub fn count(&mut self, limit: usize) -> Result<usize, DecodeError> {
        let value = usize::try_from(self.varint()?).map_err(|_| DecodeError::LimitExceeded)?;
        if value > limit {
            return Err(DecodeError::LimitExceeded);
        }
        if value > self.rest.len() {
            return Err(DecodeError::Truncated);
        }
        Ok(value)
    }

    /// A length, at most `limit`, and as many bytes.
    ///
    /// # Errors
    /// The length is malformed, exceeds the limit, or fewer bytes are left.
    pub fn bytes(&mut self, limit: usize) -> Result<&'a [u8], DecodeError> {
        let len = self.count(limit)?;
        let (head, rest) = self.rest.split_at(len);
        self.rest = rest;
        Ok(head)
    }

    /// Ends the message.
    ///
    /// # Errors
    /// Bytes are left over.
    pub fn finish(self) -> Result<(), DecodeError> {
        if self.rest.is_empty() { Ok(()) } else { Err(DecodeError::TrailingBytes) }
    }
}

/// Appends a length and as many bytes.
pub fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Bytes that [`put_bytes`] appends for `len` bytes.
pub const fn bytes_len(len: usize) -> usize {
    varint_len(len as u64) + len
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_have_one_encoding_of_the_stated_length() {
        for value in [0, 1, 127, 128, 16_383, 16_384, u64::from(u32::MAX), u64::MAX - 1, u64::MAX] {
            let mut out = Vec::new();
            put_varint(&mut out, value);
            assert_eq!(out.len(), varint_len(value));
            let mut reader = Reader::new(&out).unwrap();
            assert_eq!(reader.varint(), Ok(value));
            assert_eq!(reader.finish(), Ok(()));
        }
    }

    #[test]
    fn longer_forms_and_overflows_are_refused() {
        let read = |bytes: &[u8]| Reader::new(bytes).unwrap().varint();
        assert_eq!(read(&[0x80, 0x00]), Err(DecodeError::BadInteger));
        assert_eq!(read(&[0xff; 10]), Err(DecodeError::BadInteger));
        assert_eq!(read(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02]), Err(DecodeError::BadInteger));
        assert_eq!(read(&[0x80]), Err(DecodeError::Truncated));
    }

    #[test]
    fn a_count_never_exceeds_what_is_there() {
        let mut out = Vec::new();
        put_varint(&mut out, 1_000_000);
        assert_eq!(Reader::new(&out).unwrap().count(2_000_000), Err(DecodeError::Truncated));
        assert_eq!(Reader::new(&out).unwrap().count(10), Err(DecodeError::LimitExceeded));
    }
}
