//! One connection and the messages on its streams. With a stream per message, a message is all that its stream carries, and
//! the stream's end is its end; on a single stream each message stands behind its length.

use std::collections::{BTreeMap, VecDeque};

use bytes::{Buf, Bytes};
use quinn_proto::{Connection, Dir, ReadError, StreamEvent, StreamId};
use rapprochement_core::peer::SimPeer;
use rapprochement_core::time::Instant;
use rapprochement_core::wire::{MESSAGE_LEN_MAX, put_varint, varint_len};

use super::clock::from_std;
use super::config::Streams;
use crate::transport::jitter::Jitter;
use crate::transport::stack::FlowRecord;

/// Bytes that are written to a stream at once: the store of a sender is released in these pieces.
const WRITE: usize = 16 << 10;
/// Bytes of unfinished messages that a peer may leave on a connection: sixteen of the longest messages.
const PARTIAL_MAX: usize = 16 * MESSAGE_LEN_MAX;

/// The peer broke a limit of messages.
#[derive(Debug)]
pub(super) struct Excess;

/// What has come of a message, and since when its first byte can be read.
#[derive(Debug, Default)]
struct Partial {
    bytes: Vec<u8>,
    began: Option<Instant>,
}

/// A message that has come whole, and since when its first byte could be read.
pub(super) type Whole = (Instant, Vec<u8>);

/// One connection, from its first packet until its timers have ended.
pub(super) struct Link {
    pub(super) connection: Connection,
    pub(super) peer: SimPeer,
    /// Where its record stands.
    pub(super) flow: Option<usize>,
    /// What the index of deadlines holds for it.
    pub(super) deadline: Option<Instant>,
    /// Whether it waits to be driven.
    pub(super) dirty: bool,
    /// The port at which the peer reached it, where that is not the node's own: it looked the node's name up, and was not told more.
    pub(super) door: Option<u16>,
    /// It was accepted at an address that the node has no more: nothing reaches it there, and its peer hears it from nowhere else.
    pub(super) stranded: bool,
    /// Whether the owner has closed it, and so hears no more of it.
    pub(super) closed: bool,
    streams: Streams,
    /// Messages that no stream has begun with.
    waiting: VecDeque<Bytes>,
    /// What is left of messages that streams have begun with.
    writing: BTreeMap<StreamId, Bytes>,
    /// The only stream, where there is to be only one.
    single: Option<StreamId>,
    /// Messages that were written before the handshake was finished, in case the server refuses them.
    early: Vec<Bytes>,
    /// Beginnings of messages.
    partial: BTreeMap<StreamId, Partial>,
    partial_bytes: usize,
    /// Frames of streams that have come so far: a datagram with more of them carried data.
    stream_frames: u64,
    jitter: Jitter,
    pub(super) record: FlowRecord,
}

impl Link {
    pub(super) fn new(now: Instant, connection: Connection, peer: SimPeer, streams: Streams) -> Self {
        Self {
            connection,
            peer,
            flow: None,
            deadline: None,
            dirty: false,
            door: None,
            stranded: false,
            closed: false,
            streams,
            waiting: VecDeque::new(),
            writing: BTreeMap::new(),
            single: None,
            early: Vec::new(),
            partial: BTreeMap::new(),
            partial_bytes: 0,
            stream_frames: 0,
            jitter: Jitter::default(),
            record: FlowRecord { peer: peer.0, opened: now, ..FlowRecord::default() },
        }
    }

    /// The connection has handled a datagram that left its sender then. One that came before the connection was accepted is not
    /// told apart from the one that opened it.
    pub(super) fn datagram_arrived(&mut self, left: Instant, now: Instant) {
        let frames = self.connection.stats().frame_rx.stream;
        if std::mem::replace(&mut self.stream_frames, frames) != frames {
            self.jitter.arrived(left, now);
        }
    }

    /// Takes a message in its encoding.
    pub(super) fn send(&mut self, message: Vec<u8>) {
        self.record.sent_bytes += message.len() as u64;
        let framed = match self.streams {
            Streams::PerMessage => message,
            Streams::One => {
                let mut framed = Vec::with_capacity(varint_len(message.len() as u64) + message.len());
                put_varint(&mut framed, message.len() as u64);
                framed.extend(message);
                framed
            }
        };
        self.waiting.push_back(framed.into());
        self.write_waiting();
    }

    /// The handshake is finished. What the server refused of 0-RTT is written again.
    pub(super) fn on_connected(&mut self, now: Instant) {
        self.record.established = Some(now);
        let early = std::mem::take(&mut self.early);
        if self.connection.has_0rtt() && self.connection.side().is_client() && !self.connection.accepted_0rtt() {
            self.writing.clear();
            self.single = None;
            self.waiting = early.into_iter().chain(self.waiting.drain(..)).collect();
        }
        self.write_waiting();
    }

    /// Something happened to a stream; what arrived whole goes to `messages`.
    ///
    /// # Errors
    /// The peer sends more than anybody may.
    pub(super) fn on_stream(
        &mut self,
        now: Instant,
        event: StreamEvent,
        messages: &mut Vec<Whole>,
    ) -> Result<(), Excess> {
        match event {
            StreamEvent::Opened { dir } => {
                while let Some(id) = self.connection.streams().accept(dir) {
                    self.read(now, id, messages)?;
                }
            }
            StreamEvent::Readable { id } => self.read(now, id, messages)?,
            StreamEvent::Writable { id } => self.write(id),
            StreamEvent::Available { .. } => self.write_waiting(),
            StreamEvent::Stopped { id, .. } => {
                self.writing.remove(&id);
            }
            StreamEvent::Finished { .. } => {}
        }
        Ok(())
    }

    /// Begins streams with waiting messages as long as the peer lets it.
    fn write_waiting(&mut self) {
        while !self.waiting.is_empty() {
            let id = match self.single {
                Some(id) if self.writing.contains_key(&id) => return,
                Some(id) => id,
                None => match self.connection.streams().open(Dir::Uni) {
                    Some(id) => id,
                    None => return,
                },
            };
            if self.streams == Streams::One {
                self.single = Some(id);
            }
            if let Some(message) = self.waiting.pop_front() {
                if self.connection.is_handshaking() && self.connection.side().is_client() {
                    self.early.push(message.clone());
                }
                self.writing.insert(id, message);
                self.write_some(id);
            }
        }
    }

    fn write(&mut self, id: StreamId) {
        self.write_some(id);
        self.write_waiting();
    }

    /// Writes what fits, and ends a message's own stream behind it. What cannot be written to a stream that the peer has
    /// stopped is dropped with it.
    fn write_some(&mut self, id: StreamId) {
        let Some(mut rest) = self.writing.remove(&id) else {
            return;
        };
        let mut stream = self.connection.send_stream(id);
        while !rest.is_empty() {
            let piece = rest.slice(..rest.len().min(WRITE));
            match stream.write_chunks(&mut [piece]) {
                Ok(written) => rest.advance(written.bytes),
                Err(quinn_proto::WriteError::Blocked) => {
                    self.writing.insert(id, rest);
                    return;
                }
                Err(_) => return,
            }
        }
        if self.streams == Streams::PerMessage {
            // An error means that the peer has stopped the stream.
            let _ = stream.finish();
        }
    }

    fn read(&mut self, now: Instant, id: StreamId, messages: &mut Vec<Whole>) -> Result<(), Excess> {
        let Partial { bytes: mut buffer, mut began } = self.partial.remove(&id).unwrap_or_default();
        self.partial_bytes -= buffer.len();
        let before = buffer.len();
        let whole = match read_stream(&mut self.connection, id, &mut buffer) {
            Ok(whole) => whole,
            Err(ReadError::Reset(_)) => return Ok(()),
            Err(ReadError::Blocked) => false,
        };
        let arrived = (buffer.len() - before) as u64;
        if arrived > 0 {
            self.record.received_bytes += arrived;
            self.record.first_byte = self.record.first_byte.or(Some(now));
            self.record.last_byte = Some(now);
        }
        match self.streams {
            Streams::One => {
                let mut framed = Vec::new();
                take_framed(&mut buffer, &mut framed)?;
                messages.extend(framed.into_iter().map(|message| (began.take().unwrap_or(now), message)));
            }
            Streams::PerMessage if buffer.len() > MESSAGE_LEN_MAX => return Err(Excess),
            Streams::PerMessage if whole => {
                messages.push((began.unwrap_or(now), buffer));
                return Ok(());
            }
            Streams::PerMessage => {}
        }
        self.partial_bytes += buffer.len();
        if whole || buffer.is_empty() {
            self.partial_bytes -= buffer.len();
            return Ok(());
        }
        if has_begun(self.streams, &buffer)? {
            began.get_or_insert(now);
        }
        self.partial.insert(id, Partial { bytes: buffer, began });
        if self.partial_bytes > PARTIAL_MAX { Err(Excess) } else { Ok(()) }
    }

    /// The node has another address. Only clients take their connections along (RFC 9000, section 9).
    pub(super) fn change_address(&mut self) {
        self.door = None;
        self.stranded |= self.connection.side().is_server();
    }

    /// Whether a datagram reaches it that came to the node's own address (`None`) or to the one that a lookup gave.
    pub(super) fn hears(&self, door: Option<u16>) -> bool {
        if self.connection.side().is_client() { door.is_none() } else { !self.stranded }
    }

    /// Whether it can still carry messages.
    pub(super) fn is_alive(&self) -> bool {
        !self.closed && !self.connection.is_closed()
    }

    /// Bytes of messages that it holds.
    pub(super) fn buffered(&self) -> u64 {
        let out = self.waiting.iter().chain(self.writing.values()).map(Bytes::len).sum::<usize>();
        (out + self.partial_bytes) as u64
    }

    /// Its record, with what the connection counts. Of what is sent again `quinn-proto` counts the packets that were lost,
    /// not those that carry it; it does not count timeouts.
    pub(super) fn record(&self) -> FlowRecord {
        let stats = self.connection.stats();
        FlowRecord {
            packets: stats.udp_tx.datagrams,
            retransmissions: stats.path.lost_packets,
            losses: stats.path.lost_packets,
            jitter: self.jitter.mean(),
            round_trip: self.record.established.map(|_| nanos(stats.path.rtt)),
            ..self.record.clone()
        }
    }

    /// When its timers want to be looked at.
    pub(super) fn poll_deadline(&mut self) -> Option<Instant> {
        self.connection.poll_timeout().map(from_std)
    }
}

fn nanos(span: std::time::Duration) -> rapprochement_core::time::Duration {
    rapprochement_core::time::Duration::from_nanos(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX))
}

/// Appends what can be read in order; true at the end of the stream.
fn read_stream(connection: &mut Connection, id: StreamId, buffer: &mut Vec<u8>) -> Result<bool, ReadError> {
    let mut stream = connection.recv_stream(id);
    let Ok(mut chunks) = stream.read(true) else {
        return Err(ReadError::Blocked);
    };
    let end = loop {
        match chunks.next(usize::MAX) {
            Ok(Some(chunk)) => buffer.extend_from_slice(&chunk.bytes),
            Ok(None) => break Ok(true),
            Err(ReadError::Blocked) => break Ok(false),
            Err(error) => break Err(error),
        }
    };
    // Credit goes out with the packets that are polled for next.
    let _ = chunks.finalize();
    end
}

/// Takes whole messages off the front of a single stream.
fn take_framed(buffer: &mut Vec<u8>, messages: &mut Vec<Vec<u8>>) -> Result<(), Excess> {
    let mut rest = buffer.as_slice();
    while let Some((len, header)) = frame_header(rest)? {
        let Some(body) = rest.get(header..header + len) else {
            break;
        };
        messages.push(body.to_vec());
        rest = &rest[header + len..];
    }
    let taken = buffer.len() - rest.len();
    buffer.drain(..taken);
    Ok(())
}

/// Whether the first byte of a message is among these, behind its length where it has one.
fn has_begun(streams: Streams, bytes: &[u8]) -> Result<bool, Excess> {
    Ok(match streams {
        Streams::PerMessage => !bytes.is_empty(),
        Streams::One => frame_header(bytes)?.is_some_and(|(_, header)| bytes.len() > header),
    })
}

/// The length of a message and of the varint that says it, once that is there.
fn frame_header(bytes: &[u8]) -> Result<Option<(usize, usize)>, Excess> {
    let mut len = 0;
    for (i, &byte) in bytes.iter().take(4).enumerate() {
        len |= usize::from(byte & 0x7f) << (7 * i);
        if byte < 0x80 {
            return if len > MESSAGE_LEN_MAX { Err(Excess) } else { Ok(Some((len, i + 1))) };
        }
    }
    if bytes.len() < 4 { Ok(None) } else { Err(Excess) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_on_one_stream_come_apart_wherever_it_is_cut() {
        let sent: Vec<Vec<u8>> = vec![vec![], vec![1; 127], vec![2; 128], vec![3; 20_000]];
        let mut bytes = Vec::new();
        for message in &sent {
            put_varint(&mut bytes, message.len() as u64);
            bytes.extend(message);
        }
        for cut in [0, 1, 2, 130, 131, 300, bytes.len()] {
            let (mut buffer, mut got) = (bytes[..cut].to_vec(), Vec::new());
            take_framed(&mut buffer, &mut got).unwrap();
            buffer.extend(&bytes[cut..]);
            take_framed(&mut buffer, &mut got).unwrap();
            assert_eq!((got, buffer.len()), (sent.clone(), 0));
        }
    }

    #[test]
    fn a_length_beyond_the_longest_message_is_refused() {
        let mut longest = Vec::new();
        put_varint(&mut longest, MESSAGE_LEN_MAX as u64);
        assert!(matches!(frame_header(&longest), Ok(Some((MESSAGE_LEN_MAX, 4)))));
        let mut beyond = Vec::new();
        put_varint(&mut beyond, MESSAGE_LEN_MAX as u64 + 1);
        assert!(frame_header(&beyond).is_err());
        assert!(frame_header(&[0xff; 4]).is_err());
        assert!(matches!(frame_header(&[0xff; 3]), Ok(None)));
    }
}
