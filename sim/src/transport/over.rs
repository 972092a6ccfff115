//! A protocol over a transport: the protocol is unchanged, what the network carries are the transport's packets.
//!
//! The pair is a protocol itself, so the host runs it like any other. All connections of a node share one timer: it is set
//! anew only where a deadline has come nearer, and one that comes too early finds nothing to do.

use std::marker::PhantomData;
use std::sync::Arc;

use rapprochement_core::peer::SimPeer;
use rapprochement_core::protocol::{Context, Durable, Input, Protocol, TimerHandle};
use rapprochement_core::reconcile::{SyncCommand, SyncEvent, Synchroniser};
use rapprochement_core::store::Store;
use rapprochement_core::time::{Duration, Instant};
use rapprochement_core::wire::{DecodeError, Message};

use super::stack::{Output, Stack};

/// A protocol and the transport below it.
#[derive(Debug)]
pub struct Over<P, S> {
    protocol: P,
    stack: S,
    /// The pending timer of the stack, and when it is due.
    armed: Option<(Instant, TimerHandle)>,
    /// How often the node's address changes.
    moves: Option<Duration>,
    /// Tells the protocol, just before it is given a message, when the first byte of it could be read.
    first_byte: Option<fn(&mut P, Instant)>,
}

/// A packet and when its sender handed it to its host, by its own clock: a stamp that takes no bytes on the wire, and by which
/// nothing but jitter is measured.
#[derive(Clone, Debug)]
pub struct Stamped<K> {
    packet: K,
    left: Instant,
}

impl<K: Message> Message for Stamped<K> {
    const CLASSES: &'static [&'static str] = K::CLASSES;

    fn class(&self) -> usize {
        self.packet.class()
    }

    fn encoded_len(&self) -> usize {
        self.packet.encoded_len()
    }

    fn encode(&self, out: &mut Vec<u8>) {
        self.packet.encode(out);
    }

    /// Nothing: the stamp is not among the bytes, so scenarios that encode every message have no transport.
    fn decode(_: &[u8]) -> Result<Self, DecodeError> {
        Err(DecodeError::UnknownTag)
    }

    fn signatures(&self) -> usize {
        self.packet.signatures()
    }

    fn queued(&mut self, packets: u32) {
        self.packet.queued(packets);
    }
}

/// A timer of either part.
#[derive(Debug)]
pub enum OverTimer<T> {
    /// The protocol's.
    Protocol(T),
    /// The stack's one timer.
    Stack,
    /// The node's address changes.
    Move,
}

impl<P, S> Over<P, S> {
    /// Puts a protocol on a transport.
    pub const fn new(protocol: P, stack: S) -> Self {
        Self { protocol, stack, armed: None, moves: None, first_byte: None }
    }

    /// The same, at a node whose address changes so often.
    #[must_use]
    pub fn moving(self, every: Option<Duration>) -> Self {
        Self { moves: every.filter(|every| !every.is_zero()), ..self }
    }

    /// The same, where the protocol is told of every message, just before it is given it, when its first byte could be read. The
    /// contract of protocols has no word for that; nothing that a protocol does may depend on it.
    #[must_use]
    pub fn telling_first_bytes(self, tell: fn(&mut P, Instant)) -> Self {
        Self { first_byte: Some(tell), ..self }
    }

    /// The protocol.
    pub const fn protocol(&self) -> &P {
        &self.protocol
    }

    /// The protocol, to be changed between inputs.
    pub const fn protocol_mut(&mut self) -> &mut P {
        &mut self.protocol
    }

    /// The transport.
    pub const fn stack(&self) -> &S {
        &self.stack
    }
}

impl<P, S> Over<P, S>
where
    P: Protocol<Peer = SimPeer>,
    S: Stack<P::Message>,
{
    /// The node comes back after a crash: no connection and no timer has survived it.
    pub fn restart_stack(&mut self) {
        self.stack.restart();
        self.armed = None;
    }

    fn give<C: Context<Self>>(&mut self, now: Instant, input: Input<'_, P>, outer: &mut C) {
        let mut above = Above { now, stack: &mut self.stack, outer, protocol: PhantomData };
        self.protocol.handle(now, input, &mut above);
    }

    fn await_move<C: Context<Self>>(&self, outer: &mut C) {
        if let Some(every) = self.moves {
            outer.set_timer(every, OverTimer::Move);
        }
    }

    /// Carries out what the stack asks for, until there is nothing left.
    fn settle<C: Context<Self>>(&mut self, now: Instant, outer: &mut C) {
        while let Some(output) = self.stack.poll(now) {
            match output {
                Output::Transmit { to, packet } => outer.send(to, Stamped { packet, left: now }),
                Output::Deliver { from, began, message } => {
                    if let Some(tell) = self.first_byte {
                        tell(&mut self.protocol, began);
                    }
                    self.give(now, Input::Message { from, message: &message }, outer);
                }
                Output::Up(peer) => self.give(now, Input::PeerUp(peer), outer),
                Output::Down(peer) => self.give(now, Input::PeerDown(peer), outer),
            }
        }
        let Some(deadline) = self.stack.deadline() else { return };
        match self.armed {
            Some((due, _)) if due <= deadline => return,
            Some((_, handle)) => outer.cancel_timer(handle),
            None => {}
        }
        self.armed = Some((deadline, outer.set_timer(deadline.since(now), OverTimer::Stack)));
    }
}

impl<P, S> Protocol for Over<P, S>
where
    P: Protocol<Peer = SimPeer>,
    S: Stack<P::Message>,
{
    type Peer = SimPeer;
    type Message = Stamped<S::Packet>;
    type Timer = OverTimer<P::Timer>;
    type Command = P::Command;
    type Event = P::Event;

    fn handle<C: Context<Self>>(&mut self, now: Instant, input: Input<'_, Self>, context: &mut C) {
        match input {
            Input::Message { from, message: Stamped { packet, left } } => self.stack.receive(now, from, *left, packet),
            Input::Timer(OverTimer::Stack) => {
                self.armed = None;
                self.stack.expire(now);
            }
            Input::Timer(OverTimer::Protocol(timer)) => self.give(now, Input::Timer(timer), context),
            Input::Command(command) => self.give(now, Input::Command(command), context),
            // The network below has no evidence of its own.
            Input::PeerUp(_) | Input::PeerDown(_) => {}
            Input::Timer(OverTimer::Move) => {
                self.stack.rebind(now);
                self.await_move(context);
            }
            Input::Start => {
                self.await_move(context);
                self.give(now, Input::Start, context);
            }
            Input::Stop => self.give(now, Input::Stop, context),
        }
        self.settle(now, context);
    }
}

/// The context of the pair as the protocol sees it: what it sends goes to the stack.
struct Above<'a, C, P, S> {
    now: Instant,
    stack: &'a mut S,
    outer: &'a mut C,
    protocol: PhantomData<fn() -> P>,
}

impl<P, S, C> Context<P> for Above<'_, C, P, S>
where
    P: Protocol<Peer = SimPeer>,
    S: Stack<P::Message>,
    C: Context<Over<P, S>>,
{
    type Rng = C::Rng;

    fn send(&mut self, to: SimPeer, message: P::Message) {
        self.stack.send(self.now, to, Arc::new(message));
    }

    fn send_many(&mut self, to: &[SimPeer], message: P::Message) {
        let message = Arc::new(message);
        for &peer in to {
            self.stack.send(self.now, peer, Arc::clone(&message));
        }
    }

    /// What stands before the uplink; what the stack holds back for a peer is not in it.
    fn backlog(&self, to: SimPeer) -> Duration {
        self.outer.backlog(to)
    }

    fn disconnect(&mut self, to: SimPeer) {
        self.stack.close(self.now, to);
    }

    fn set_timer(&mut self, after: Duration, timer: P::Timer) -> TimerHandle {
        self.outer.set_timer(after, OverTimer::Protocol(timer))
    }

    fn cancel_timer(&mut self, handle: TimerHandle) {
        self.outer.cancel_timer(handle);
    }

    fn emit(&mut self, event: P::Event) {
        self.outer.emit(event);
    }

    fn spend(&mut self, time: Duration) {
        self.outer.spend(time);
    }

    fn rng(&mut self) -> &mut C::Rng {
        self.outer.rng()
    }

    fn me(&self) -> SimPeer {
        self.outer.me()
    }
}

impl<P, S> Durable for Over<P, S>
where
    P: Durable<Peer = SimPeer>,
    S: Stack<P::Message>,
{
    type Saved = P::Saved;

    fn save(&self) -> P::Saved {
        self.protocol.save()
    }

    /// Connections do not survive a crash.
    fn recover(&mut self, saved: P::Saved) {
        self.restart_stack();
        self.protocol.recover(saved);
    }
}

impl<P, S> Synchroniser for Over<P, S>
where
    P: Synchroniser<Peer = SimPeer, Command = SyncCommand, Event = SyncEvent<SimPeer>>,
    S: Stack<P::Message>,
{
    fn store(&self) -> &Store {
        self.protocol.store()
    }

    fn forget(&mut self) {
        self.protocol.forget();
    }
}
