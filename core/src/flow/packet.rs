//! Packets of a unicast layer. Every packet has the data transfer header (DT, 15 bytes), by which it is forwarded hop by hop: the
//! destination's address, time to live, class, mark of congestion, and the endpoint id. There is no source address: who speaks is
//! known from the flow's allocation. A flow with flow and retransmission control has 12 bytes more; a flow that asks for no bit
//! errors ends each packet in a CRC-32.
//!
//! Sizes are the prototype's; the order of fields in an allocation's 61 bytes is ours, and so is what tells a receiver without the
//! flow's state how to read a packet: two bits of the class say whether that header and that trailer are there.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::config::{Combine, Marking, Qos};
use crate::peer::Peer;
use crate::wire::{DecodeError, MESSAGE_LEN_MAX, Message, Reader};

/// Bytes of the data transfer header.
pub const DT_LEN: usize = 15;
/// Bytes of the header of flow and retransmission control.
pub const FRCP_LEN: usize = 12;
/// Bytes of an allocation's message, without the hash of the name.
pub const ALLOCATION_LEN: usize = 61;
/// Bytes of the hash of a name.
pub const HASH_LEN: usize = 32;
/// Bytes of the checksum.
pub const CRC_LEN: usize = 4;
/// The most bytes that authentication and key exchange may take.
pub const KEY_EXCHANGE_MAX: usize = 1954;
/// The endpoint id of a node's flow allocator.
pub const ALLOCATOR: u64 = 1;
/// Endpoint ids below this are components of the node and not flows.
pub const FIRST_FLOW: u64 = 64;
/// The time to live of a packet that leaves its sender.
pub const TTL: u8 = 60;

const WITH_FRCP: u8 = 0x80;
const WITH_CRC: u8 = 0x40;

/// The address of a peer in the layer: flat and random, 32 bits of its id.
pub fn address<P: Peer>(peer: P) -> u32 {
    let id = peer.id().0;
    u32::from_be_bytes([id[0], id[1], id[2], id[3]])
}

/// What a data packet carries of a message (an SDU): bytes, or in a simulation their number and a handle.
pub trait Body: Clone {
    /// The message.
    type Sdu;

    /// Cuts a message into pieces of `most` bytes; at least one.
    fn cut(sdu: Self::Sdu, most: usize) -> Vec<Self>;

    /// The message again, or `None` where the pieces are not those of one.
    fn join(parts: Vec<Self>) -> Option<Self::Sdu>;

    /// Bytes of this piece.
    fn length(&self) -> usize;

    /// Appends exactly [`Body::length`] bytes.
    fn write(&self, out: &mut Vec<u8>);

    /// A piece of these bytes.
    fn read(bytes: &[u8]) -> Self;
}

impl Body for Box<[u8]> {
    type Sdu = Self;

    fn cut(sdu: Self, most: usize) -> Vec<Self> {
        if sdu.len() <= most { Vec::from([sdu]) } else { sdu.chunks(most.max(1)).map(Into::into).collect() }
    }

    fn join(parts: Vec<Self>) -> Option<Self> {
        Some(parts.concat().into())
    }

    fn length(&self) -> usize {
        self.len()
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }

    fn read(bytes: &[u8]) -> Self {
        bytes.into()
    }
}

/// A piece of a message in a simulation: how long it is, and the message itself with the last piece. Where packets are written for
/// real, zeros stand for its bytes.
#[derive(Debug, PartialEq, Eq)]
pub struct Part<M> {
    /// Bytes of the piece.
    pub bytes: u32,
    /// The message, with its last piece.
    pub sdu: Option<Arc<M>>,
}

impl<M> Clone for Part<M> {
    fn clone(&self) -> Self {
        Self { bytes: self.bytes, sdu: self.sdu.clone() }
    }
}

impl<M: Message> Body for Part<M> {
    type Sdu = Arc<M>;

    fn cut(sdu: Arc<M>, most: usize) -> Vec<Self> {
        let mut left = sdu.encoded_len();
        let most = most.clamp(1, u32::MAX as usize);
        let mut parts = Vec::with_capacity(left / most + 1);
        while left > most {
            parts.push(Self { bytes: most as u32, sdu: None });
            left -= most;
        }
        parts.push(Self { bytes: left as u32, sdu: Some(sdu) });
        parts
    }

    fn join(mut parts: Vec<Self>) -> Option<Arc<M>> {
        let total: usize = parts.iter().map(Self::length).sum();
        parts.pop()?.sdu.filter(|sdu| sdu.encoded_len() == total)
    }

    fn length(&self) -> usize {
        self.bytes as usize
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.resize(out.len() + self.length(), 0);
    }

    fn read(bytes: &[u8]) -> Self {
        Self { bytes: bytes.len() as u32, sdu: None }
    }
}

/// A packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowPacket<B> {
    /// The destination's address.
    pub to: u32,
    /// Hops that are left.
    pub ttl: u8,
    /// The class of service, below 64.
    pub class: u8,
    /// The mark of congestion.
    pub ecn: u8,
    /// The endpoint id at the destination.
    pub eid: u64,
    /// Whether the packet ends in a checksum.
    pub checksum: bool,
    /// How queues on the way mark this packet; known to every node of the layer, and not sent.
    pub marking: Marking,
    /// What it carries.
    pub content: Content<B>,
}

/// What a packet carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content<B> {
    /// FLOW_REQ, to the [`ALLOCATOR`].
    Request(Box<Request>),
    /// FLOW_REPLY, to the [`ALLOCATOR`].
    Reply(Reply),
    /// FLOW_UPDATE, to the [`ALLOCATOR`].
    Update(Update),
    /// A message on a flow without flow and retransmission control.
    Raw(B),
    /// A packet of flow and retransmission control.
    Frcp(Segment<B>),
}

/// Asks for a flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Who asks.
    pub source: u64,
    /// The endpoint id of the flow at the one who asks.
    pub eid: u64,
    /// What the flow is to give.
    pub qos: Qos,
    /// Whom it asks for: the hash of a name.
    pub name: [u8; HASH_LEN],
    /// Authentication and key exchange, at most [`KEY_EXCHANGE_MAX`] bytes.
    pub key_exchange: Box<[u8]>,
}

/// Answers a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The endpoint id of the request.
    pub to: u64,
    /// The endpoint id of the flow at the one who answers.
    pub eid: u64,
    /// Whether the application accepted.
    pub accepted: bool,
    /// Authentication and key exchange, at most [`KEY_EXCHANGE_MAX`] bytes.
    pub key_exchange: Box<[u8]>,
}

/// Tells a flow's sender how congested its way is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Update {
    /// The endpoint id at the sender of the flow.
    pub to: u64,
    /// The level of congestion.
    pub ece: u16,
}

/// A packet of flow and retransmission control. What a field's flag does not announce is zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment<B> {
    /// Flags, of the constants of this type.
    pub flags: u8,
    /// The low 24 bits of the first sequence number that may not be sent yet.
    pub window: u32,
    /// The sequence number: packets are counted, not bytes.
    pub seqno: u32,
    /// The sequence number that the receiver waits for.
    pub ackno: u32,
    /// What it carries; there if and only if the flag says so.
    pub body: Option<B>,
}

impl Segment<()> {
    /// The packet carries data.
    pub const DATA: u8 = 0x01;
    /// The data run flag: nothing before this packet is unacknowledged.
    pub const DRF: u8 = 0x02;
    /// The acknowledgement is valid.
    pub const ACK: u8 = 0x04;
    /// The window is valid.
    pub const FC: u8 = 0x08;
    /// Rendez-vous: asks for the window.
    pub const RDVZ: u8 = 0x10;
    /// First fragment of a message.
    pub const FFGM: u8 = 0x20;
    /// More fragments of the message follow.
    pub const MFGM: u8 = 0x40;
}

/// The greatest window field, 24 bits.
pub const WINDOW_MASK: u32 = 0x00ff_ffff;

impl<B> Segment<B> {
    /// Whether all of these flags are set.
    pub const fn has(&self, flags: u8) -> bool {
        self.flags & flags == flags
    }

    /// Whether the fields fit the flags.
    fn is_canonical(&self) -> bool {
        type Flags = Segment<()>;
        let data = self.has(Flags::DATA);
        let of_data = Flags::DRF | Flags::FFGM | Flags::MFGM;
        self.flags != 0
            && self.flags & 0x80 == 0
            && data == self.body.is_some()
            && (data || (self.seqno == 0 && self.flags & of_data == 0))
            && (self.has(Flags::ACK) || self.ackno == 0)
            && (self.has(Flags::FC) || self.window == 0)
            && self.window <= WINDOW_MASK
    }
}

impl<B: Body> Content<B> {
    /// Whether it carries a piece of a message.
    pub fn is_data(&self) -> bool {
        match self {
            Self::Request(_) | Self::Reply(_) | Self::Update(_) => false,
            Self::Raw(_) => true,
            Self::Frcp(segment) => segment.body.is_some(),
        }
    }

    /// Bytes behind the data transfer header, without a checksum.
    pub fn length(&self) -> usize {
        match self {
            Self::Request(request) => ALLOCATION_LEN + HASH_LEN + request.key_exchange.len(),
            Self::Reply(reply) => ALLOCATION_LEN + reply.key_exchange.len(),
            Self::Update(_) => ALLOCATION_LEN,
            Self::Raw(body) => body.length(),
            Self::Frcp(segment) => FRCP_LEN + segment.body.as_ref().map_or(0, Body::length),
        }
    }
}

impl Marking {
    /// The mark that a packet has behind a queue in which `queued` packets stood before it.
    pub fn mark(&self, ecn: u8, queued: u32) -> u8 {
        let seen = queued.saturating_sub(u32::from(self.offset));
        let here = u8::try_from(seen.checked_shr(u32::from(self.shift)).unwrap_or(0)).unwrap_or(u8::MAX);
        match self.combine {
            Combine::Or => ecn | here,
            Combine::Max => ecn.max(here),
            Combine::Sum => ecn.saturating_add(here),
        }
    }
}

impl<B: Body> Message for FlowPacket<B> {
    const CLASSES: &'static [&'static str] = &["allocate", "update", "data", "control"];

    fn class(&self) -> usize {
        match &self.content {
            Content::Request(_) | Content::Reply(_) => 0,
            Content::Update(_) => 1,
            Content::Raw(_) => 2,
            Content::Frcp(segment) => 2 + usize::from(segment.body.is_none()),
        }
    }

    fn encoded_len(&self) -> usize {
        DT_LEN + self.content.length() + if self.checksum { CRC_LEN } else { 0 }
    }

    fn encode(&self, out: &mut Vec<u8>) {
        let frcp = matches!(self.content, Content::Frcp(_));
        let class = self.class | if frcp { WITH_FRCP } else { 0 } | if self.checksum { WITH_CRC } else { 0 };
        out.extend_from_slice(&self.to.to_be_bytes());
        out.extend_from_slice(&[self.ttl, class, self.ecn]);
        out.extend_from_slice(&self.eid.to_be_bytes());
        let start = out.len();
        match &self.content {
            Content::Request(request) => {
                Fields::of_request(request).write(out);
                out.extend_from_slice(&request.name);
                out.extend_from_slice(&request.key_exchange);
            }
            Content::Reply(reply) => {
                Fields::of_reply(reply).write(out);
                out.extend_from_slice(&reply.key_exchange);
            }
            Content::Update(update) => Fields::of_update(update).write(out),
            Content::Raw(body) => body.write(out),
            Content::Frcp(segment) => write_segment(segment, out),
        }
        if self.checksum {
            let sum = crc32(&out[start..]);
            out.extend_from_slice(&sum.to_be_bytes());
        }
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes)?;
        let to = u32::from_be_bytes(reader.array()?);
        let [ttl, class, ecn] = reader.array()?;
        let eid = u64::from_be_bytes(reader.array()?);
        let (frcp, checksum) = (class & WITH_FRCP != 0, class & WITH_CRC != 0);
        let mut rest = &bytes[DT_LEN..];
        if checksum {
            let (content, sum) = rest.split_last_chunk::<CRC_LEN>().ok_or(DecodeError::Truncated)?;
            if crc32(content) != u32::from_be_bytes(*sum) {
                return Err(DecodeError::NotCanonical);
            }
            rest = content;
        }
        let content = match (eid, frcp) {
            (ALLOCATOR, false) => read_allocation(rest)?,
            (FIRST_FLOW.., true) => Content::Frcp(read_segment(rest)?),
            (FIRST_FLOW.., false) => Content::Raw(B::read(rest)),
            _ => return Err(DecodeError::NotCanonical),
        };
        let class = class & !(WITH_FRCP | WITH_CRC);
        Ok(Self { to, ttl, class, ecn, eid, checksum, marking: Marking::default(), content })
    }

    fn queued(&mut self, packets: u32) {
        self.ecn = self.marking.mark(self.ecn, packets);
    }
}

fn write_segment<B: Body>(segment: &Segment<B>, out: &mut Vec<u8>) {
    let window = segment.window & WINDOW_MASK;
    out.extend_from_slice(&(u32::from(segment.flags) << 24 | window).to_be_bytes());
    out.extend_from_slice(&segment.seqno.to_be_bytes());
    out.extend_from_slice(&segment.ackno.to_be_bytes());
    if let Some(body) = &segment.body {
        body.write(out);
    }
}

fn read_segment<B: Body>(bytes: &[u8]) -> Result<Segment<B>, DecodeError> {
    let mut reader = Reader::new(bytes)?;
    let head = u32::from_be_bytes(reader.array()?);
    let flags = (head >> 24) as u8;
    let (seqno, ackno) = (u32::from_be_bytes(reader.array()?), u32::from_be_bytes(reader.array()?));
    let data = flags & Segment::DATA != 0;
    let rest = &bytes[FRCP_LEN..];
    if !data && !rest.is_empty() {
        return Err(DecodeError::TrailingBytes);
    }
    let body = data.then(|| B::read(rest));
    let segment = Segment { flags, window: head & WINDOW_MASK, seqno, ackno, body };
    if segment.is_canonical() { Ok(segment) } else { Err(DecodeError::NotCanonical) }
}

const REQUEST: u8 = 0;
const REPLY: u8 = 1;
const UPDATE: u8 = 2;
const REFUSED: u32 = u32::MAX;

/// The 61 bytes that requests, replies and updates share.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Fields {
    source: u64,
    to: u64,
    eid: u64,
    bandwidth: u64,
    numbers: [u32; 5],
    response: u32,
    ece: u16,
    code: u8,
    availability: u8,
    in_order: u8,
}

impl Fields {
    fn of_request(request: &Request) -> Self {
        let qos = &request.qos;
        Self {
            source: request.source,
            eid: request.eid,
            bandwidth: qos.bandwidth,
            numbers: [qos.delay, qos.loss, qos.ber, qos.max_gap, qos.timeout],
            code: REQUEST,
            availability: qos.availability,
            in_order: u8::from(qos.in_order),
            ..Self::default()
        }
    }

    fn of_reply(reply: &Reply) -> Self {
        let response = if reply.accepted { 0 } else { REFUSED };
        Self { to: reply.to, eid: reply.eid, response, code: REPLY, ..Self::default() }
    }

    fn of_update(update: &Update) -> Self {
        Self { to: update.to, ece: update.ece, code: UPDATE, ..Self::default() }
    }

    fn write(&self, out: &mut Vec<u8>) {
        for long in [self.source, self.to, self.eid, self.bandwidth] {
            out.extend_from_slice(&long.to_be_bytes());
        }
        for number in self.numbers.iter().chain([&self.response]) {
            out.extend_from_slice(&number.to_be_bytes());
        }
        out.extend_from_slice(&self.ece.to_be_bytes());
        out.extend_from_slice(&[self.code, self.availability, self.in_order]);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut fields = Self::default();
        for long in [&mut fields.source, &mut fields.to, &mut fields.eid, &mut fields.bandwidth] {
            *long = u64::from_be_bytes(reader.array()?);
        }
        for number in fields.numbers.iter_mut().chain([&mut fields.response]) {
            *number = u32::from_be_bytes(reader.array()?);
        }
        fields.ece = u16::from_be_bytes(reader.array()?);
        [fields.code, fields.availability, fields.in_order] = reader.array()?;
        Ok(fields)
    }
}

fn read_allocation<B>(bytes: &[u8]) -> Result<Content<B>, DecodeError> {
    let mut reader = Reader::new(bytes)?;
    let fields = Fields::read(&mut reader)?;
    let mut rest = &bytes[ALLOCATION_LEN..];
    let (content, again) = match fields.code {
        REQUEST => {
            let (name, more) = rest.split_first_chunk::<HASH_LEN>().ok_or(DecodeError::Truncated)?;
            let [delay, loss, ber, max_gap, timeout] = fields.numbers;
            let (bandwidth, availability) = (fields.bandwidth, fields.availability);
            let in_order = fields.in_order == 1;
            let qos = Qos { delay, bandwidth, availability, loss, ber, in_order, max_gap, timeout };
            rest = &[];
            let key_exchange = key_exchange(more)?;
            let request = Request { source: fields.source, eid: fields.eid, qos, name: *name, key_exchange };
            let again = Fields::of_request(&request);
            (Content::Request(request.into()), again)
        }
        REPLY => {
            let accepted = fields.response == 0;
            let reply = Reply { to: fields.to, eid: fields.eid, accepted, key_exchange: key_exchange(rest)? };
            rest = &[];
            let again = Fields::of_reply(&reply);
            (Content::Reply(reply), again)
        }
        UPDATE => {
            let update = Update { to: fields.to, ece: fields.ece };
            (Content::Update(update), Fields::of_update(&update))
        }
        _ => return Err(DecodeError::UnknownTag),
    };
    match (rest.is_empty(), again == fields) {
        (false, _) => Err(DecodeError::TrailingBytes),
        (_, false) => Err(DecodeError::NotCanonical),
        _ => Ok(content),
    }
}

fn key_exchange(bytes: &[u8]) -> Result<Box<[u8]>, DecodeError> {
    if bytes.len() > KEY_EXCHANGE_MAX { Err(DecodeError::LimitExceeded) } else { Ok(bytes.into()) }
}

/// CRC-32 of IEEE 802.3, bit by bit: packets are written for real in tests only.
fn crc32(bytes: &[u8]) -> u32 {
    let fold = |sum: u32, byte: &u8| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| (sum >> 1) ^ (0xedb8_8320 & (sum & 1).wrapping_neg()))
    };
    !bytes.iter().fold(u32::MAX, fold)
}

const _: () = assert!(DT_LEN + ALLOCATION_LEN + HASH_LEN == 108 && DT_LEN + ALLOCATION_LEN == 76);
const _: () = assert!(KEY_EXCHANGE_MAX < MESSAGE_LEN_MAX);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_one_of_ethernet() {
        // The check value of the catalogue of CRCs for CRC-32/ISO-HDLC.
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn marks_combine_as_configured() {
        let marking = |combine| Marking { shift: 4, offset: 64, combine };
        assert_eq!(marking(Combine::Or).mark(0, 79), 0, "fifteen are seen");
        assert_eq!(marking(Combine::Or).mark(0, 80), 1, "sixteen are seen");
        assert_eq!(marking(Combine::Or).mark(5, 64 + 3 * 16), 7);
        assert_eq!(marking(Combine::Max).mark(5, 64 + 3 * 16), 5);
        assert_eq!(marking(Combine::Sum).mark(5, 64 + 3 * 16), 8);
        assert_eq!(marking(Combine::Sum).mark(250, u32::MAX), 255);
    }
}
