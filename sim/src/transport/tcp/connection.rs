//! One connection: the three-way handshake, both halves of the stream, and its end. A state machine without I/O: packets and
//! times go in, packets and events come out, and offsets stand for bytes.
//!
//! The states are those of RFC 9293, section 3.3.2, as far as a model needs them: the end of each half is kept by that half, and
//! who closes first waits at the end. There is no persist timer, since receivers of this model never close their window.

use std::collections::VecDeque;
use std::sync::Arc;

use rapprochement_core::time::{Duration, Instant};
use rapprochement_core::wire::Message;

use super::config::Parameters;
use super::packet::{Chunk, Flags, PREFIX, TcpPacket, milliseconds, window_bytes, window_field};
use super::receiver::Receiver;
use super::sender::{Acknowledgement, Sender, Transmission};
use super::tls::{Handshake, in_records};
use crate::transport::jitter::Jitter;
use crate::transport::stack::FlowRecord;

/// Retransmissions of a SYN at a constant pace before it backs off (`tcp_syn_linear_timeouts` of Linux).
const SYN_LINEAR: u32 = 4;

/// What a connection has to say to its owner.
#[derive(Clone, Debug)]
pub(super) enum Event<M> {
    /// A message is complete, and its first byte could be read since then.
    Deliver(Instant, Arc<M>),
    /// The handshake is finished, that of TLS included.
    Up,
    /// The peer is gone or has closed.
    Down,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    SynSent,
    SynReceived,
    Open,
    /// Both streams have ended, or this side's has and the peer's is awaited.
    Waiting(Instant),
    Closed,
}

/// A SYN, or the answer to one, until it is acknowledged.
#[derive(Clone, Copy, Debug)]
struct Syn {
    sent: Instant,
    due: Instant,
    /// How often it was sent again.
    again: u32,
    /// It is to leave now.
    pending: bool,
}

/// A connection, as one side sees it.
#[derive(Clone, Debug)]
pub(super) struct Connection<M> {
    /// It was opened by this side.
    pub(super) opener: bool,
    /// Which of the opener's connections.
    pub(super) number: u32,
    state: State,
    syn: Syn,
    sender: Sender,
    receiver: Receiver<M>,
    /// Messages in the stream that are not wholly acknowledged.
    chunks: VecDeque<Chunk<M>>,
    /// Messages that wait for the handshake.
    waiting: VecDeque<Arc<M>>,
    tls: Handshake,
    /// Whether this side was told to close, and whether it was the first.
    closing: bool,
    first_to_close: bool,
    events: VecDeque<Event<M>>,
    last_data: Instant,
    jitter: Jitter,
    pub(super) record: FlowRecord,
}

impl<M: Message> Connection<M> {
    /// Opens a connection: its first packet is a SYN.
    pub(super) fn open(now: Instant, peer: u32, number: u32, parameters: &Parameters) -> Self {
        Self::new(now, peer, number, true, 0, parameters)
    }

    /// Answers a SYN.
    pub(super) fn accept(now: Instant, peer: u32, syn: &TcpPacket<M>, parameters: &Parameters) -> Self {
        let mut connection = Self::new(now, peer, syn.number, false, syn.time, parameters);
        connection.sender.handshake(None, window_bytes(syn.window), false);
        connection
    }

    fn new(now: Instant, peer: u32, number: u32, opener: bool, echo: u32, parameters: &Parameters) -> Self {
        let due = now + parameters.initial_rto;
        Self {
            opener,
            number,
            state: if opener { State::SynSent } else { State::SynReceived },
            syn: Syn { sent: now, due, again: 0, pending: true },
            sender: Sender::new(parameters, 0),
            receiver: Receiver::new(parameters, echo),
            chunks: VecDeque::new(),
            waiting: VecDeque::new(),
            tls: Handshake::new(opener, parameters),
            closing: false,
            first_to_close: false,
            events: VecDeque::new(),
            last_data: now,
            jitter: Jitter::default(),
            record: FlowRecord { peer, opened: now, ..FlowRecord::default() },
        }
    }

    /// Nothing is left of it.
    pub(super) fn closed(&self) -> bool {
        self.state == State::Closed
    }

    /// Both sides have answered, and neither has closed.
    pub(super) fn carries(&self) -> bool {
        self.state == State::Open && !self.closing && !self.receiver.finished()
    }

    /// It waits for an answer to its first SYN.
    pub(super) fn unanswered(&self) -> bool {
        self.state == State::SynSent
    }

    /// It takes messages still.
    pub(super) fn usable(&self) -> bool {
        !self.closing && !matches!(self.state, State::Closed | State::Waiting(_))
    }

    /// Bytes that it holds: sent and not acknowledged, written and not sent, and out of order.
    pub(super) fn buffered(&self) -> u64 {
        self.sender.written().saturating_sub(self.sender.una()) + self.receiver.held()
    }

    /// Only its end is remembered.
    pub(super) fn is_remnant(&self) -> bool {
        matches!(self.state, State::Waiting(_))
    }

    /// Messages that never entered the stream.
    pub(super) fn take_waiting(&mut self) -> VecDeque<Arc<M>> {
        std::mem::take(&mut self.waiting)
    }

    /// The connection as a row of a table of flows.
    pub(super) fn flow(&self) -> FlowRecord {
        let counters = self.sender.counters;
        FlowRecord {
            retransmissions: counters.retransmissions + self.record.retransmissions,
            losses: counters.losses,
            timeouts: counters.timeouts + self.record.timeouts,
            jitter: self.jitter.mean(),
            round_trip: self.sender.round_trip(),
            ..self.record.clone()
        }
    }

    /// Takes a message.
    pub(super) fn send(&mut self, now: Instant, message: Arc<M>, parameters: &Parameters) {
        self.last_data = now;
        if self.state == State::Open && self.tls.ready {
            self.write(message, parameters);
        } else {
            self.waiting.push_back(message);
        }
    }

    fn write(&mut self, message: Arc<M>, parameters: &Parameters) {
        let length = message.encoded_len() as u64;
        self.record.sent_bytes += length;
        let start = self.sender.write(in_records(parameters.tls, PREFIX + length));
        self.chunks.push_back(Chunk { start, end: self.sender.written(), message });
    }

    /// Closes this half behind what was written, and the connection with it.
    pub(super) fn close(&mut self) {
        if matches!(self.state, State::SynSent | State::SynReceived) {
            self.state = State::Closed;
        } else if self.usable() {
            self.closing = true;
            self.first_to_close = !self.receiver.finished();
            self.sender.finish();
        }
    }

    /// Forgets the connection at once.
    pub(super) fn abandon(&mut self) {
        self.state = State::Closed;
    }

    pub(super) fn pop_event(&mut self) -> Option<Event<M>> {
        self.events.pop_front()
    }

    /// Takes a packet.
    pub(super) fn receive(&mut self, now: Instant, left: Instant, packet: &TcpPacket<M>, parameters: &Parameters) {
        if packet.flags.rst {
            return self.give_up();
        }
        match self.state {
            State::SynSent if packet.flags.syn && packet.flags.ack => {
                self.receiver = Receiver::new(parameters, packet.time);
                self.receiver.demand_ack();
                self.establish(now, packet, parameters);
            }
            State::SynReceived if packet.flags.ack && !packet.flags.syn => self.establish(now, packet, parameters),
            State::SynReceived if packet.flags.syn => self.syn.pending = true,
            State::Open | State::Waiting(_) if packet.flags.syn => return self.receiver.demand_ack(),
            State::Open | State::Waiting(_) => {}
            State::SynSent | State::SynReceived | State::Closed => return,
        }
        if !packet.flags.syn {
            if !packet.chunks.is_empty() {
                self.jitter.arrived(left, now);
            }
            self.take(now, packet, parameters);
        }
    }

    fn establish(&mut self, now: Instant, packet: &TcpPacket<M>, parameters: &Parameters) {
        let round_trip = (self.syn.again == 0).then(|| now.since(self.syn.sent));
        // A SYN that was lost twice leaves a window of one segment (RFC 6298, section 5.7, as Linux has it).
        self.sender.handshake(round_trip, window_bytes(packet.window), self.syn.again > 1);
        self.state = State::Open;
        self.syn.pending = self.opener;
        self.record.established = Some(now);
        self.advance_tls(parameters);
    }

    /// Writes what the handshake of TLS asks for, and what has waited for its end.
    fn advance_tls(&mut self, parameters: &Parameters) {
        let was_ready = self.tls.ready;
        loop {
            let bytes = self.tls.advance(self.receiver.next());
            if bytes == 0 {
                break;
            }
            self.sender.write(bytes);
            if self.tls.ready {
                break;
            }
        }
        if self.tls.ready && !was_ready {
            self.events.push_back(Event::Up);
            for message in std::mem::take(&mut self.waiting) {
                self.write(message, parameters);
            }
        }
    }

    /// A packet of an open connection.
    fn take(&mut self, now: Instant, packet: &TcpPacket<M>, parameters: &Parameters) {
        if packet.end() > packet.seq {
            self.last_data = now;
            self.take_data(now, packet, parameters);
        }
        if packet.flags.ack {
            let (duplicate, sacks) = match packet.sacks.split_first() {
                Some((first, rest)) if reports_duplicate(*first, rest, packet.ack) => (Some(*first), rest),
                _ => (None, &packet.sacks[..]),
            };
            let said = Acknowledgement {
                ack: packet.ack,
                sacks,
                duplicate,
                echo: packet.echo,
                edge: packet.ack.saturating_add(window_bytes(packet.window)),
                pure: packet.end() == packet.seq,
            };
            self.sender.acknowledge(now, &said, parameters);
            while self.chunks.front().is_some_and(|chunk| chunk.end <= self.sender.una()) {
                self.chunks.pop_front();
            }
        }
        self.end_if_done(now, parameters);
    }

    fn take_data(&mut self, now: Instant, packet: &TcpPacket<M>, parameters: &Parameters) {
        let disordered = self.receiver.disordered();
        let was_finished = self.receiver.finished();
        let (events, record, deaf) = (&mut self.events, &mut self.record, self.closing);
        if !packet.chunks.is_empty() {
            record.first_byte.get_or_insert(now);
            record.last_byte = Some(now);
        }
        self.receiver.receive(now, packet, parameters, |began, message| {
            record.received_bytes += message.encoded_len() as u64;
            if !deaf {
                events.push_back(Event::Deliver(began, message));
            }
        });
        self.receiver.schedule_ack(now, disordered, parameters);
        self.advance_tls(parameters);
        if self.receiver.finished() && !was_finished && !self.closing {
            self.events.push_back(Event::Down);
            self.close();
        }
    }

    /// Where both streams have ended the connection is closed; who closed first stays for a while.
    fn end_if_done(&mut self, now: Instant, parameters: &Parameters) {
        if self.state != State::Open || !self.sender.done() {
            return;
        }
        self.state = if self.receiver.finished() && !self.first_to_close {
            State::Closed
        } else {
            State::Waiting(now + parameters.time_wait)
        };
    }

    fn give_up(&mut self) {
        if self.usable() {
            self.events.push_back(Event::Down);
        }
        self.state = State::Closed;
    }

    /// When something is to be done.
    pub(super) fn deadline(&self, parameters: &Parameters) -> Option<Instant> {
        let halves = [self.sender.deadline(), self.receiver.deadline()];
        match self.state {
            State::Closed => None,
            State::SynSent | State::SynReceived => Some(self.syn.due),
            State::Waiting(until) => Some(self.receiver.deadline().map_or(until, |at| at.min(until))),
            State::Open => {
                let idle = parameters.idle_timeout.filter(|_| !self.closing).map(|span| self.last_data + span);
                halves.into_iter().chain([idle]).flatten().min()
            }
        }
    }

    /// A deadline has come.
    pub(super) fn expire(&mut self, now: Instant, parameters: &Parameters) {
        match self.state {
            State::SynSent | State::SynReceived => self.expire_syn(now, parameters),
            State::Waiting(until) if until <= now => self.state = State::Closed,
            State::Open => {
                if !self.sender.expire(now, parameters) {
                    return self.give_up();
                }
                if parameters.idle_timeout.is_some_and(|span| self.last_data + span <= now) && !self.closing {
                    self.events.push_back(Event::Down);
                    self.close();
                }
            }
            State::Waiting(_) | State::Closed => {}
        }
        self.receiver.expire(now);
    }

    fn expire_syn(&mut self, now: Instant, parameters: &Parameters) {
        if now < self.syn.due {
            return;
        }
        if self.syn.again >= parameters.syn_retries {
            return self.give_up();
        }
        self.syn.again += 1;
        self.syn.pending = true;
        self.record.timeouts += 1;
        self.record.retransmissions += 1;
        let linear = if self.opener { SYN_LINEAR } else { 0 };
        let doublings = self.syn.again.saturating_sub(linear).min(32);
        let wait: Duration = parameters.initial_rto.saturating_mul(1 << doublings);
        self.syn.due = now + wait.min(parameters.max_rto);
    }

    /// The next packet that leaves now.
    pub(super) fn transmit(&mut self, now: Instant, parameters: &Parameters) -> Option<TcpPacket<M>> {
        let packet = match self.state {
            State::Closed => return None,
            State::SynSent | State::SynReceived => {
                if !std::mem::take(&mut self.syn.pending) {
                    return None;
                }
                let flags = Flags { syn: true, ack: !self.opener, ..Flags::default() };
                let mss = u16::try_from(parameters.mss).unwrap_or(u16::MAX);
                TcpPacket { mss, ..self.packet(now, flags, 0, parameters) }
            }
            State::Open | State::Waiting(_) => self.transmit_open(now, parameters)?,
        };
        self.record.packets += 1;
        Some(packet)
    }

    fn transmit_open(&mut self, now: Instant, parameters: &Parameters) -> Option<TcpPacket<M>> {
        // The answer to a SYN leaves before there is data. Blocks travel alone, since beside a full payload they would not fit.
        let alone = self.receiver.wants_ack() && self.receiver.has_blocks();
        if std::mem::take(&mut self.syn.pending) || alone {
            return Some(self.pure_ack(now, parameters));
        }
        if let Some(sent) = self.sender.poll(now, parameters) {
            return Some(self.segment(now, sent, parameters));
        }
        self.receiver.wants_ack().then(|| self.pure_ack(now, parameters))
    }

    fn pure_ack(&mut self, now: Instant, parameters: &Parameters) -> TcpPacket<M> {
        let sacks = self.receiver.blocks();
        self.receiver.acknowledged();
        let flags = Flags { ack: true, ..Flags::default() };
        TcpPacket { sacks, ..self.packet(now, flags, self.sender.next(), parameters) }
    }

    fn segment(&mut self, now: Instant, sent: Transmission, parameters: &Parameters) -> TcpPacket<M> {
        let written = self.sender.written();
        let fin = self.sender.finished() && sent.end > written;
        let end = sent.end.min(written);
        let flags = Flags { ack: true, fin, ..Flags::default() };
        let first = self.chunks.partition_point(|chunk| chunk.end <= sent.seq);
        let chunks = self.chunks.range(first..).take_while(|chunk| chunk.start < end).cloned().collect();
        if !self.receiver.has_blocks() {
            self.receiver.acknowledged();
        }
        self.last_data = now;
        let payload = (end - sent.seq.min(end)) as u32;
        TcpPacket { payload, chunks, ..self.packet(now, flags, sent.seq, parameters) }
    }

    fn packet(&self, now: Instant, flags: Flags, seq: u64, parameters: &Parameters) -> TcpPacket<M> {
        TcpPacket {
            flags: Flags { from_opener: self.opener, ..flags },
            number: self.number,
            seq,
            payload: 0,
            ack: self.receiver.next(),
            time: milliseconds(now),
            echo: self.receiver.echo(),
            window: window_field(parameters.receive_window),
            mss: 0,
            sacks: Vec::new(),
            chunks: Vec::new(),
        }
    }
}

/// Whether a first block reports what arrived twice (RFC 2883, section 4): below the acknowledgement, or within the second.
fn reports_duplicate(first: (u64, u64), rest: &[(u64, u64)], ack: u64) -> bool {
    first.0 < ack || rest.first().is_some_and(|second| second.0 <= first.0 && first.1 <= second.1)
}
