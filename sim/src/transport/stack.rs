//! What a transport is to the node that uses it: messages go in at one end and come out at the other, and in between are
//! packets and time. A stack is a state machine without I/O, like a protocol; `over` drives one around any protocol.
//!
//! The order of calls is that of `quinn-proto`: after each `send`, `receive`, `expire` or `close` the owner polls until
//! nothing is left, carries out what it was told, and then asks for the deadline.

use std::sync::Arc;

use rapprochement_core::peer::SimPeer;
use rapprochement_core::time::{Duration, Instant};
use rapprochement_core::wire::Message;

/// One node's side of a transport, with all its connections.
pub trait Stack<M: Message>: Send {
    /// What crosses the network. Its encoded length is all that lies above the headers of the network.
    type Packet: Message + Send;

    /// Takes a message for a peer, and connects to it first where that is needed.
    fn send(&mut self, now: Instant, to: SimPeer, message: Arc<M>);

    /// Takes a packet that has arrived, and left at `left` by its sender's clock: what jitter is measured by, and nothing else.
    fn receive(&mut self, now: Instant, from: SimPeer, left: Instant, packet: &Self::Packet);

    /// A deadline has come; early and repeated calls do no harm.
    fn expire(&mut self, now: Instant);

    /// Gives up the connection to a peer, where there is one. What was handed over for it may be lost.
    fn close(&mut self, now: Instant, peer: SimPeer);

    /// The next thing to do, until there is none.
    fn poll(&mut self, now: Instant) -> Option<Output<M, Self::Packet>>;

    /// When `expire` is to be called next; `None` where nothing is pending.
    fn deadline(&self) -> Option<Instant>;

    /// The node has another address from now on, and knows it. A transport that cannot take its connections along gives them up:
    /// what their other sides still send goes to the old address.
    fn rebind(&mut self, now: Instant);

    /// The node has crashed and comes back: connections are gone, without a word to anybody.
    fn restart(&mut self);

    /// What every connection so far has done, ended ones too, in the order of their beginnings.
    fn flows(&self) -> Vec<FlowRecord>;

    /// Connections so far that `flows` leaves out, since there are too many.
    fn unrecorded(&self) -> u64;

    /// State that is kept now: connections and half-open ones, and their memory as the model counts it.
    fn footprint(&self) -> Footprint;
}

/// What a stack asks of its owner.
#[derive(Debug)]
pub enum Output<M, K> {
    /// A packet leaves.
    Transmit {
        /// For whom.
        to: SimPeer,
        /// The packet.
        packet: K,
    },
    /// A message is complete.
    Deliver {
        /// Its sender.
        from: SimPeer,
        /// When its first byte could be read: everything before it was there, and whatever encloses it.
        began: Instant,
        /// The message.
        message: Arc<M>,
    },
    /// The peer has answered: a finished handshake.
    Up(SimPeer),
    /// The peer is gone: a timeout or a reset.
    Down(SimPeer),
}

impl<M, K> Output<M, K> {
    /// The same, with another kind of packet.
    pub fn map<L>(self, packet: impl FnOnce(K) -> L) -> Output<M, L> {
        match self {
            Self::Transmit { to, packet: inner } => Output::Transmit { to, packet: packet(inner) },
            Self::Deliver { from, began, message } => Output::Deliver { from, began, message },
            Self::Up(peer) => Output::Up(peer),
            Self::Down(peer) => Output::Down(peer),
        }
    }
}

/// One direction of one connection, as its own side saw it: a row of `flows.csv`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FlowRecord {
    /// The other side.
    pub peer: u32,
    /// When it began here.
    pub opened: Instant,
    /// When the handshake was finished.
    pub established: Option<Instant>,
    /// When the first byte of a message arrived from the peer.
    pub first_byte: Option<Instant>,
    /// When the last byte of a message arrived from the peer.
    pub last_byte: Option<Instant>,
    /// Bytes of messages handed over by the owner.
    pub sent_bytes: u64,
    /// Bytes of messages that arrived.
    pub received_bytes: u64,
    /// Packets that left, of every kind.
    pub packets: u64,
    /// Of these, packets that carried something again.
    pub retransmissions: u64,
    /// Packets that were taken for lost.
    pub losses: u64,
    /// Timeouts of retransmission.
    pub timeouts: u64,
    /// Mean absolute difference of the transit times of consecutive data packets that arrived (RFC 3550, section 6.4.1, averaged
    /// instead of smoothed), by the clocks of both nodes; `None` of fewer than two packets.
    pub jitter: Option<Duration>,
    /// Smoothed round trip.
    pub round_trip: Option<Duration>,
}

/// State that a transport keeps at a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Footprint {
    /// Connections that carry messages.
    pub open: u64,
    /// Connections that one side alone believes in, or that wait for their timers to end.
    pub lingering: u64,
    /// Bytes of state, as the transport's model counts them.
    pub bytes: u64,
}
