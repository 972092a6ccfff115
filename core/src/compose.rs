//! How a protocol owns others. The owner says how the messages and timers of a part are among its own; the part then
//! runs in a context that passes on what it sends and arms, and collects what it tells, for the owner to act on when the
//! part is done with its input.

use alloc::vec::Vec;
use core::marker::PhantomData;

use crate::protocol::{Context, Protocol, TimerHandle};
use crate::time::{Duration, Instant};

/// A protocol that owns a part `Y`.
pub trait Embeds<Y: Protocol<Peer = Self::Peer>>: Protocol {
    /// The part's message as one of the owner's.
    fn message(message: Y::Message) -> Self::Message;

    /// The part's timer as one of the owner's.
    fn timer(timer: Y::Timer) -> Self::Timer;
}

/// The context of the owner `X` as its part `Y` sees it.
#[derive(Debug)]
pub struct Within<'a, C, X, Y: Protocol> {
    outer: &'a mut C,
    events: Vec<Y::Event>,
    owner: PhantomData<fn() -> X>,
}

/// Gives a part one input, and returns what it told.
pub fn give<X, Y, C>(part: &mut Y, now: Instant, input: crate::protocol::Input<'_, Y>, outer: &mut C) -> Vec<Y::Event>
where
    X: Embeds<Y>,
    Y: Protocol<Peer = X::Peer>,
    C: Context<X>,
{
    let mut within = Within { outer, events: Vec::new(), owner: PhantomData };
    part.handle(now, input, &mut within);
    within.events
}

impl<X, Y, C> Context<Y> for Within<'_, C, X, Y>
where
    X: Embeds<Y>,
    Y: Protocol<Peer = X::Peer>,
    C: Context<X>,
{
    type Rng = C::Rng;

    fn send(&mut self, to: Y::Peer, message: Y::Message) {
        self.outer.send(to, X::message(message));
    }

    fn send_many(&mut self, to: &[Y::Peer], message: Y::Message) {
        self.outer.send_many(to, X::message(message));
    }

    fn backlog(&self, to: Y::Peer) -> Duration {
        self.outer.backlog(to)
    }

    fn disconnect(&mut self, to: Y::Peer) {
        self.outer.disconnect(to);
    }

    fn set_timer(&mut self, after: Duration, timer: Y::Timer) -> TimerHandle {
        self.outer.set_timer(after, X::timer(timer))
    }

    fn cancel_timer(&mut self, handle: TimerHandle) {
        self.outer.cancel_timer(handle);
    }

    fn emit(&mut self, event: Y::Event) {
        self.events.push(event);
    }

    fn spend(&mut self, time: Duration) {
        self.outer.spend(time);
    }

    fn rng(&mut self) -> &mut C::Rng {
        self.outer.rng()
    }

    fn me(&self) -> Y::Peer {
        self.outer.me()
    }
}
