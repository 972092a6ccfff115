//! What crosses the network: a TCP segment (RFC 9293) with the timestamps option (RFC 7323) and up to three blocks of
//! selective acknowledgement (RFC 2018), of which the first may report a duplicate (RFC 2883).
//!
//! A packet takes as many bytes as the real one above the IP header: 32 of TCP header with timestamps, 40 for SYN, 4 + 8n for
//! n blocks, and the payload. Its own encoding fills these bytes with what the model needs: stream offsets of 64 bits
//! instead of ports, checksum and sequence numbers that wrap; blocks hold the low 32 bits of offsets. The payload is a
//! slice of the stream of messages, and that is what [`Message::encode`] writes; what TLS adds to it is written as zeros,
//! since nothing is encrypted. Whole messages cannot be had back from slices, so [`Message::decode`] reads packets without
//! payload and **refuses those with payload**: a scenario that encodes every message cannot run over this transport.

use std::sync::Arc;

use rapprochement_core::time::Instant;
use rapprochement_core::wire::{DecodeError, Message, Reader};

/// Bytes of a TCP header with timestamps.
pub const HEADER: usize = 32;
/// Bytes of a SYN beyond that: its segment size and window scale.
const SYN_OPTIONS: usize = 8;
/// The most blocks that fit beside timestamps.
pub const BLOCKS_MAX: usize = 3;
/// Bytes per unit of the window field (a window scale of 10).
const WINDOW_UNIT: u64 = 1 << 10;
/// The length before every message.
pub const PREFIX: u64 = 4;

/// A segment of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TcpPacket<M> {
    /// What it is.
    pub flags: Flags,
    /// Which of its sender's and receiver's connections: the count of its opener.
    pub number: u32,
    /// Offset of the first byte of payload.
    pub seq: u64,
    /// Bytes of payload.
    pub payload: u32,
    /// Every byte below has arrived.
    pub ack: u64,
    /// The sender's clock in milliseconds.
    pub time: u32,
    /// The clock of the receiver, as last heard.
    pub echo: u32,
    /// Window in units of 1 KiB.
    pub window: u16,
    /// Largest payload; on a SYN only, else 0.
    pub mss: u16,
    /// What arrived out of order, newest first. Offsets above `ack`, except in a first block that reports a duplicate.
    pub sacks: Vec<(u64, u64)>,
    /// The messages of which the payload has bytes.
    pub chunks: Vec<Chunk<M>>,
}

/// A message in the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk<M> {
    /// Offset of its first byte, which is that of its length.
    pub start: u64,
    /// Offset behind its last byte, what TLS adds included.
    pub end: u64,
    /// The message.
    pub message: Arc<M>,
}

/// Control bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// Opens a connection.
    pub syn: bool,
    /// Acknowledges.
    pub ack: bool,
    /// The stream ends here.
    pub fin: bool,
    /// There is no such connection (any more).
    pub rst: bool,
    /// Sent by the side that opened the connection.
    pub from_opener: bool,
}

impl Flags {
    const fn to_bits(self) -> u8 {
        self.syn as u8
            | (self.ack as u8) << 1
            | (self.fin as u8) << 2
            | (self.rst as u8) << 3
            | (self.from_opener as u8) << 4
    }

    fn from_bits(bits: u8) -> Option<Self> {
        if bits >= 1 << 5 {
            return None;
        }
        let bit = |n: u8| bits & 1 << n != 0;
        Some(Self { syn: bit(0), ack: bit(1), fin: bit(2), rst: bit(3), from_opener: bit(4) })
    }
}

impl<M> TcpPacket<M> {
    /// Offset behind the payload and the end of the stream.
    pub const fn end(&self) -> u64 {
        self.seq.saturating_add(self.payload as u64).saturating_add(self.flags.fin as u64)
    }

    /// Bytes above the IP header that are not payload.
    fn overhead(&self) -> usize {
        let blocks = if self.sacks.is_empty() { 0 } else { 4 + 8 * self.sacks.len() };
        HEADER + blocks + if self.flags.syn { SYN_OPTIONS } else { 0 }
    }
}

/// Milliseconds of a clock as the timestamps option counts them: 32 bits that wrap.
pub(super) const fn milliseconds(at: Instant) -> u32 {
    (at.as_nanos() / 1_000_000) as u32
}

/// The window field for so many bytes, rounded down.
pub(super) fn window_field(bytes: u64) -> u16 {
    u16::try_from(bytes / WINDOW_UNIT).unwrap_or(u16::MAX)
}

/// The bytes of a window field.
pub(super) const fn window_bytes(field: u16) -> u64 {
    field as u64 * WINDOW_UNIT
}

impl<M: Message> TcpPacket<M> {
    /// The payload's bytes, from the messages of which it is made.
    fn encode_payload(&self, out: &mut Vec<u8>) {
        let (from, base) = (out.len(), self.seq);
        out.resize(from + self.payload as usize, 0);
        for chunk in &self.chunks {
            let mut bytes = Vec::with_capacity(PREFIX as usize + chunk.message.encoded_len());
            bytes.extend_from_slice(&(chunk.message.encoded_len() as u32).to_be_bytes());
            chunk.message.encode(&mut bytes);
            let low = chunk.start.max(base);
            let high = (chunk.start + bytes.len() as u64).min(base + u64::from(self.payload));
            if low < high {
                let source = &bytes[(low - chunk.start) as usize..(high - chunk.start) as usize];
                out[from + (low - base) as usize..from + (high - base) as usize].copy_from_slice(source);
            }
        }
    }
}

impl<M: Message> Message for TcpPacket<M> {
    const CLASSES: &'static [&'static str] = &["tcp_data", "tcp_ack", "tcp_control"];

    fn class(&self) -> usize {
        if self.payload > 0 {
            0
        } else if self.flags.syn || self.flags.fin || self.flags.rst {
            2
        } else {
            1
        }
    }

    fn encoded_len(&self) -> usize {
        self.overhead() + self.payload as usize
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.push(self.flags.to_bits());
        out.push(self.sacks.len() as u8);
        out.extend_from_slice(&self.number.to_be_bytes());
        out.extend_from_slice(&self.seq.to_be_bytes());
        out.extend_from_slice(&self.ack.to_be_bytes());
        out.extend_from_slice(&self.time.to_be_bytes());
        out.extend_from_slice(&self.echo.to_be_bytes());
        out.extend_from_slice(&self.window.to_be_bytes());
        if self.flags.syn {
            out.extend_from_slice(&syn_options(self.mss));
        }
        if !self.sacks.is_empty() {
            out.extend_from_slice(&sack_option(self.sacks.len()));
            for &(start, end) in &self.sacks {
                out.extend_from_slice(&(start as u32).to_be_bytes());
                out.extend_from_slice(&(end as u32).to_be_bytes());
            }
        }
        self.encode_payload(out);
    }

    /// # Errors
    /// A packet with payload, see above; and whatever is not the encoding of one without.
    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes)?;
        let flags = Flags::from_bits(reader.byte()?).ok_or(DecodeError::UnknownTag)?;
        let blocks = usize::from(reader.byte()?);
        if blocks > BLOCKS_MAX {
            return Err(DecodeError::LimitExceeded);
        }
        let number = u32::from_be_bytes(reader.array()?);
        let seq = u64::from_be_bytes(reader.array()?);
        let ack = u64::from_be_bytes(reader.array()?);
        let time = u32::from_be_bytes(reader.array()?);
        let echo = u32::from_be_bytes(reader.array()?);
        let window = u16::from_be_bytes(reader.array()?);
        let mut mss = 0;
        if flags.syn {
            let options = reader.array::<SYN_OPTIONS>()?;
            mss = u16::from_be_bytes([options[2], options[3]]);
            if options != syn_options(mss) {
                return Err(DecodeError::NotCanonical);
            }
        }
        if blocks > 0 && reader.array::<4>()? != sack_option(blocks) {
            return Err(DecodeError::NotCanonical);
        }
        let mut sacks = Vec::with_capacity(blocks);
        for _ in 0..blocks {
            let (start, end) = (u32::from_be_bytes(reader.array()?), u32::from_be_bytes(reader.array()?));
            sacks.push((unwrap(start, ack), unwrap(end, ack)));
        }
        reader.finish()?;
        let chunks = Vec::new();
        Ok(Self { flags, number, seq, payload: 0, ack, time, echo, window, mss, sacks, chunks })
    }

    /// Of the messages that end here; one whose last packet is sent again is counted again.
    fn signatures(&self) -> usize {
        self.chunks.iter().filter(|chunk| chunk.end <= self.end()).map(|chunk| chunk.message.signatures()).sum()
    }
}

const fn syn_options(mss: u16) -> [u8; SYN_OPTIONS] {
    let [high, low] = mss.to_be_bytes();
    [2, 4, high, low, 1, 3, 3, 10]
}

const fn sack_option(blocks: usize) -> [u8; 4] {
    [1, 1, 5, 2 + 8 * blocks as u8]
}

/// The offset nearest to `near` with these low bits.
const fn unwrap(low: u32, near: u64) -> u64 {
    let ahead = low.wrapping_sub(near as u32) as i32;
    near.wrapping_add_signed(ahead as i64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::rig::Text;
    use super::*;

    fn packets() -> impl Strategy<Value = TcpPacket<Text>> {
        let offsets = 1u64 << 40..1 << 60;
        let blocks = prop::collection::vec((0u64..1 << 29, 1u64..1 << 20), 0..=BLOCKS_MAX);
        (0u8..32, any::<u32>(), any::<u64>(), offsets, any::<(u32, u32, u16, u16)>(), blocks).prop_map(
            |(bits, number, seq, ack, (time, echo, window, mss), blocks)| {
                let flags = Flags::from_bits(bits).unwrap();
                let mss = if flags.syn { mss } else { 0 };
                let sacks = blocks.into_iter().map(|(skip, len)| (ack + skip, ack + skip + len)).collect();
                TcpPacket { flags, number, seq, payload: 0, ack, time, echo, window, mss, sacks, chunks: Vec::new() }
            },
        )
    }

    proptest! {
        #[test]
        fn packets_without_payload_come_back(packet in packets()) {
            let mut bytes = Vec::new();
            packet.encode(&mut bytes);
            prop_assert_eq!(bytes.len(), packet.encoded_len());
            prop_assert_eq!(TcpPacket::<Text>::decode(&bytes), Ok(packet));
        }

        #[test]
        fn bytes_are_refused_or_canonical(bytes in prop::collection::vec(any::<u8>(), 0..80), flags in 0u8..32, blocks in 0u8..4) {
            let mut bytes = bytes;
            for (slot, value) in bytes.iter_mut().zip([flags, blocks]) {
                *slot = value;
            }
            if let Ok(packet) = TcpPacket::<Text>::decode(&bytes) {
                let mut again = Vec::new();
                packet.encode(&mut again);
                prop_assert_eq!(again, bytes);
            }
        }
    }

    #[test]
    fn payload_is_a_slice_of_the_stream_and_has_no_way_back() {
        let message = Arc::new(Text(b"reconciliation".to_vec()));
        let chunk = Chunk { start: 100, end: 118, message };
        let flags = Flags { ack: true, ..Flags::default() };
        let mut packet = TcpPacket {
            flags,
            number: 1,
            seq: 102,
            payload: 8,
            ack: 0,
            time: 0,
            echo: 0,
            window: 0,
            mss: 0,
            sacks: Vec::new(),
            chunks: vec![chunk],
        };
        let mut bytes = Vec::new();
        packet.encode(&mut bytes);
        assert_eq!(bytes.len(), packet.encoded_len());
        assert_eq!(&bytes[HEADER..], b"\x00\x0ereconc");
        assert!(TcpPacket::<Text>::decode(&bytes).is_err());
        (packet.payload, packet.flags.syn, packet.chunks) = (0, true, Vec::new());
        assert_eq!(packet.encoded_len(), 40);
    }
}
