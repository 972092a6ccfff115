//! Any of the stacks, so that a protocol over a transport is one type whatever the transport.

use std::sync::Arc;

use rapprochement_core::flow::packet::FlowPacket;
use rapprochement_core::peer::SimPeer;
use rapprochement_core::time::Instant;
use rapprochement_core::wire::{DecodeError, Message};

use super::config::TransportConfig;
use super::ouroboros::{OuroborosStack, Piece};
use super::quic::{Datagram, QuicStack};
use super::stack::{FlowRecord, Footprint, Output, Stack};
use super::tcp::{TcpPacket, TcpStack};
use crate::network::config::Packet;
use crate::problem::Problem;
use crate::random::{Purpose, Streams};

/// One of the stacks.
#[derive(Debug)]
pub enum AnyStack<M: Message> {
    /// TCP, with TLS or without.
    Tcp(Box<TcpStack<M>>),
    /// QUIC.
    Quic(Box<QuicStack<M>>),
    /// Ouroboros flows.
    Ouroboros(Box<OuroborosStack<M>>),
}

/// A packet of one of the stacks.
#[derive(Clone, Debug)]
pub enum AnyPacket<M: Message> {
    /// A segment.
    Tcp(TcpPacket<M>),
    /// A datagram.
    Quic(Datagram),
    /// A packet of a layer.
    Ouroboros(FlowPacket<Piece<M>>),
}

impl<M: Message + Send + Sync> AnyStack<M> {
    /// The stack of a node; `packet` has the sizes that [`TransportConfig::below`] gives. `None` where messages go as datagrams.
    ///
    /// # Errors
    /// What keeps a node's QUIC from being built, such as cryptography that this build does not have. It is the same for all nodes.
    pub fn build(
        config: &TransportConfig,
        packet: &Packet,
        me: SimPeer,
        streams: &Streams,
    ) -> Result<Option<Self>, Vec<Problem>> {
        Ok(Some(match config {
            TransportConfig::Datagram => return Ok(None),
            TransportConfig::Tcp(_) | TransportConfig::Tls(_) => {
                let Some(tcp) = config.tcp() else { return Ok(None) };
                Self::Tcp(Box::new(TcpStack::new(me, &tcp)))
            }
            TransportConfig::Quic(quic) => {
                Self::Quic(Box::new(QuicStack::new(quic, me, streams.key(Purpose::Transport, 0))?))
            }
            TransportConfig::Ouroboros(ouroboros) => {
                let room = packet.mtu.0.saturating_sub(packet.headers.0) as usize;
                Self::Ouroboros(Box::new(OuroborosStack::new(
                    me,
                    ouroboros,
                    room,
                    streams.stream(Purpose::Transport, u64::from(me.0)),
                )))
            }
        }))
    }
}

/// Calls the same method of whichever stack there is.
macro_rules! each {
    ($any:expr, $stack:ident => $body:expr) => {
        match $any {
            Self::Tcp($stack) => $body,
            Self::Quic($stack) => $body,
            Self::Ouroboros($stack) => $body,
        }
    };
}

impl<M: Message + Send + Sync> Stack<M> for AnyStack<M> {
    type Packet = AnyPacket<M>;

    fn send(&mut self, now: Instant, to: SimPeer, message: Arc<M>) {
        each!(self, stack => stack.send(now, to, message));
    }

    /// A packet of another transport than this node's is of no use to it.
    fn receive(&mut self, now: Instant, from: SimPeer, left: Instant, packet: &AnyPacket<M>) {
        match (self, packet) {
            (Self::Tcp(stack), AnyPacket::Tcp(packet)) => stack.receive(now, from, left, packet),
            (Self::Quic(stack), AnyPacket::Quic(packet)) => stack.receive(now, from, left, packet),
            (Self::Ouroboros(stack), AnyPacket::Ouroboros(packet)) => stack.receive(now, from, left, packet),
            _ => {}
        }
    }

    fn expire(&mut self, now: Instant) {
        each!(self, stack => stack.expire(now));
    }

    fn close(&mut self, now: Instant, peer: SimPeer) {
        each!(self, stack => stack.close(now, peer));
    }

    fn poll(&mut self, now: Instant) -> Option<Output<M, AnyPacket<M>>> {
        Some(match self {
            Self::Tcp(stack) => stack.poll(now)?.map(AnyPacket::Tcp),
            Self::Quic(stack) => stack.poll(now)?.map(AnyPacket::Quic),
            Self::Ouroboros(stack) => stack.poll(now)?.map(AnyPacket::Ouroboros),
        })
    }

    fn deadline(&self) -> Option<Instant> {
        each!(self, stack => stack.deadline())
    }

    fn rebind(&mut self, now: Instant) {
        each!(self, stack => stack.rebind(now));
    }

    fn restart(&mut self) {
        each!(self, stack => stack.restart());
    }

    fn flows(&self) -> Vec<FlowRecord> {
        each!(self, stack => stack.flows())
    }

    fn unrecorded(&self) -> u64 {
        each!(self, stack => stack.unrecorded())
    }

    fn footprint(&self) -> Footprint {
        each!(self, stack => stack.footprint())
    }
}

impl<M: Message> Message for AnyPacket<M> {
    const CLASSES: &'static [&'static str] = &["handshake", "data", "acknowledgement", "control"];

    fn class(&self) -> usize {
        match self {
            // Data, acknowledgements, control.
            Self::Tcp(packet) => [1, 2, 0][packet.class()],
            // Initial, 0-RTT, handshake, retry, and everything else.
            Self::Quic(packet) => [0, 1, 0, 0, 1][packet.class()],
            // Allocations, updates of congestion, data, control.
            Self::Ouroboros(packet) => [0, 3, 1, 2][packet.class()],
        }
    }

    fn encoded_len(&self) -> usize {
        match self {
            Self::Tcp(packet) => packet.encoded_len(),
            Self::Quic(packet) => packet.encoded_len(),
            Self::Ouroboros(packet) => packet.encoded_len(),
        }
    }

    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Tcp(packet) => packet.encode(out),
            Self::Quic(packet) => packet.encode(out),
            Self::Ouroboros(packet) => packet.encode(out),
        }
    }

    /// Nothing: bytes do not say which stack they are for, so scenarios that encode every message have no transport.
    fn decode(_: &[u8]) -> Result<Self, DecodeError> {
        Err(DecodeError::UnknownTag)
    }

    fn queued(&mut self, packets: u32) {
        match self {
            Self::Tcp(packet) => packet.queued(packets),
            Self::Quic(packet) => packet.queued(packets),
            Self::Ouroboros(packet) => packet.queued(packets),
        }
    }
}
