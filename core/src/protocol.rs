//! The contract between a protocol and whatever hosts it.
//!
//! A protocol is a state machine. Time, randomness and identity come in, effects go out, and nothing else crosses: no
//! clock, no socket, no thread, no file. **Every input is handled to its end before the next one is given**, and a host
//! drives a protocol like this:
//!
//! 1. Give [`Input::Start`] once, and nothing before it.
//! 2. Give each arriving message, due timer and command as one [`Input`], with the node's own clock as `now`.
//! 3. Carry out what the protocol asks of its [`Context`]: the simulator writes straight into its event queue, a real
//!    node collects and acts, a test collects into vectors.
//! 4. Commit staged writes before the sends of a step are released.
//! 5. Give [`Input::Stop`] before a clean shutdown; a crash gives nothing.
//!
//! A context is parametrised by the protocol and not the protocol by its host, so protocols compose by wrapping: a node
//! that samples peers, measures, ranks and reconciles is one protocol that owns four and adapts the context for each.

use crate::peer::Peer;
use crate::time::{Duration, Instant};
use crate::wire::Message;

/// A protocol without I/O.
pub trait Protocol: Sized {
    /// How the host addresses peers.
    type Peer: Peer;
    /// What peers send each other.
    type Message: Message;
    /// What a timer carries back when it is due.
    type Timer;
    /// What the application asks of the node.
    type Command;
    /// What the node tells the application and the observer of an experiment.
    type Event;

    /// Handles one input to its end. `now` is the node's own clock, which a scenario may offset and let drift.
    fn handle<C: Context<Self>>(&mut self, now: Instant, input: Input<'_, Self>, context: &mut C);
}

/// What a host tells a protocol.
#[derive(Debug)]
pub enum Input<'a, P: Protocol> {
    /// The node came up: for the first time, or again with what was durable.
    Start,
    /// A message arrived. It is borrowed, since the payload of a broadcast is shared.
    Message {
        /// The sender, as the transport knows it.
        from: P::Peer,
        /// The decoded message.
        message: &'a P::Message,
    },
    /// A timer is due.
    Timer(P::Timer),
    /// The application wants something.
    Command(P::Command),
    /// The transport has evidence that the peer answers: a finished handshake. Never an oracle. It may come again without a
    /// `PeerDown` between: the peer restarted, or both sides opened.
    PeerUp(P::Peer),
    /// The transport has evidence that the peer is gone: a timeout or a reset. Never an oracle. Not given for what a crash of
    /// this node took along.
    PeerDown(P::Peer),
    /// The node leaves cleanly; what is sent now still goes out.
    Stop,
}

/// What a protocol may do to the world, and what it may ask of it.
pub trait Context<P: Protocol> {
    /// The node's own generator.
    type Rng: rand_core::Rng;

    /// Sends one message. Delivery and order are the transport's affair: a datagram promises neither.
    fn send(&mut self, to: P::Peer, message: P::Message);

    /// Sends the same message to several peers; the host keeps one copy of it.
    fn send_many(&mut self, to: &[P::Peer], message: P::Message);

    /// How long a message sent to `to` now would wait before its first byte leaves this node.
    fn backlog(&self, to: P::Peer) -> Duration;

    /// Gives up the transport's connection to a peer, where it has one.
    fn disconnect(&mut self, to: P::Peer);

    /// Asks for [`Input::Timer`] after this span of the node's own clock.
    fn set_timer(&mut self, after: Duration, timer: P::Timer) -> TimerHandle;

    /// Drops a pending timer and what it carries; a handle whose timer has fired or was cancelled does nothing.
    fn cancel_timer(&mut self, handle: TimerHandle);

    /// Tells the application, or the protocol that wraps this one.
    fn emit(&mut self, event: P::Event);

    /// The handler has computed for so long, on the machine that its prices were measured on. A simulator lets that time
    /// pass, in proportion to how fast its nodes are, before what is sent from here on leaves the node; on a real node it has
    /// passed by itself.
    fn spend(&mut self, _time: Duration) {}

    /// The node's own stream of random numbers.
    fn rng(&mut self) -> &mut Self::Rng;

    /// This node.
    fn me(&self) -> P::Peer;
}

/// Names one pending timer of one node. Never ordered, hashed, printed or digested: its bits are the host's affair.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TimerHandle(u64);

impl TimerHandle {
    /// For hosts: wraps the bits by which they find the timer again.
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// For hosts: the bits that were wrapped.
    pub const fn to_bits(self) -> u64 {
        self.0
    }
}

impl core::fmt::Debug for TimerHandle {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("TimerHandle")
    }
}

/// A protocol that survives a crash: what is durable comes back, everything else is gone.
pub trait Durable: Protocol {
    /// What a crash leaves behind.
    type Saved;

    /// What is durable at this moment: the writes committed before the last step's sends were released.
    fn save(&self) -> Self::Saved;

    /// The node as it comes back. The host gives [`Input::Start`] next.
    fn recover(&mut self, saved: Self::Saved);
}
