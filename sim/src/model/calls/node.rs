//! A node that calls others, or answers those who call it.

use std::collections::BTreeMap;
use std::sync::Arc;

use rand_core::Rng;
use rapprochement_core::peer::SimPeer;
use rapprochement_core::protocol::{Context, Input, Protocol};
use rapprochement_core::time::{Duration, Instant};

use super::config::{CallsSettings, Connection, Request};
use super::message::CallMessage;
use crate::network::distribution::open_unit;

/// What all nodes know.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) settings: CallsSettings,
    pub(super) nodes: u32,
    pub(super) warm_up: Duration,
}

/// One node.
#[derive(Debug)]
pub(super) struct CallNode {
    me: u32,
    plan: Arc<Plan>,
    /// The next call's number.
    next: u32,
    /// Calls that wait for their reply.
    pending: BTreeMap<u32, Pending>,
    /// When the first byte of the next message could be read, where a transport tells.
    began: Option<Instant>,
}

#[derive(Debug)]
struct Pending {
    to: SimPeer,
    issued: Instant,
    large: bool,
}

/// What a timer carries.
#[derive(Clone, Copy, Debug)]
pub(super) enum CallTimer {
    /// The next call is due.
    Next,
    /// The reply to this call is overdue.
    Overdue(u32),
}

/// What a node tells.
#[derive(Clone, Copy, Debug)]
pub(super) enum CallEvent {
    /// A call was made.
    Made,
    /// A request arrived after this time.
    Arrived {
        /// Since it was made.
        took: Duration,
        /// From when it was made until its first byte could be read.
        first_byte: Duration,
        /// Whether it is a large one.
        large: bool,
        /// Whether it was its caller's first to this node.
        first: bool,
    },
    /// A reply arrived after this time.
    Replied {
        /// Since the request was made.
        took: Duration,
        /// Whether the request was a large one.
        large: bool,
    },
    /// A call was given up.
    Lost,
}

impl CallNode {
    pub(super) const fn new(me: u32, plan: Arc<Plan>) -> Self {
        Self { me, plan, next: 0, pending: BTreeMap::new(), began: None }
    }

    /// A caller that comes back after a crash goes on with its next call.
    pub(super) fn restart(&mut self) {
        self.pending.clear();
    }

    /// The first byte of the message that comes next could be read since then.
    pub(super) const fn first_byte(&mut self, began: Instant) {
        self.began = Some(began);
    }

    /// Whether a request of these bytes is a large one of a mixture.
    fn is_large(&self, body: u32) -> bool {
        match self.plan.settings.request {
            Request::Constant(_) => false,
            Request::Mixed { large, .. } => body == CallMessage::body_for(large.0),
        }
    }

    /// How many are called.
    fn called(&self) -> u32 {
        self.plan.nodes - self.plan.settings.callers
    }

    fn call<C: Context<Self>>(&mut self, now: Instant, context: &mut C) {
        let settings = &self.plan.settings;
        let call = self.next;
        self.next += 1;
        let to = SimPeer(settings.callers + (self.me.wrapping_add(call)) % self.called());
        let bytes = match settings.request {
            Request::Constant(size) => size,
            Request::Mixed { small, large, large_share } => {
                if open_unit(context.rng().next_u64()) < large_share.0 {
                    large
                } else {
                    small
                }
            }
        };
        let body = CallMessage::body_for(bytes.0);
        if settings.reply.is_some() {
            let large = self.is_large(body);
            self.pending.insert(call, Pending { to, issued: now, large });
            context.set_timer(settings.patience.0, CallTimer::Overdue(call));
        }
        context.emit(CallEvent::Made);
        context.send(to, CallMessage { reply: false, call, issued: now, body });
        if self.next < self.plan.settings.calls {
            let gap = self.plan.settings.gap.sample(context.rng());
            context.set_timer(gap, CallTimer::Next);
        }
    }

    fn hear<C: Context<Self>>(&mut self, now: Instant, from: SimPeer, message: CallMessage, context: &mut C) {
        let CallMessage { reply, call, issued, body } = message;
        // A datagram is handed over whole.
        let began = self.began.take().unwrap_or(now);
        if !reply {
            let first = call < self.called();
            let took = now.since(issued);
            if took <= self.plan.settings.patience.0 {
                let first_byte = began.since(issued);
                context.emit(CallEvent::Arrived { took, first_byte, large: self.is_large(body), first });
            }
            if let Some(size) = self.plan.settings.reply {
                let body = CallMessage::body_for(size.0);
                context.send(from, CallMessage { reply: true, call, issued, body });
            }
        } else if let Some(pending) = self.pending.remove(&call) {
            context.emit(CallEvent::Replied { took: now.since(pending.issued), large: pending.large });
            self.done_with(pending.to, context);
        }
    }

    /// A call to this peer is over.
    fn done_with<C: Context<Self>>(&self, peer: SimPeer, context: &mut C) {
        let others = self.pending.values().any(|pending| pending.to == peer);
        if self.plan.settings.connection == Connection::PerCall && !others {
            context.disconnect(peer);
        }
    }
}

impl Protocol for CallNode {
    type Peer = SimPeer;
    type Message = CallMessage;
    type Timer = CallTimer;
    type Command = ();
    type Event = CallEvent;

    fn handle<C: Context<Self>>(&mut self, now: Instant, input: Input<'_, Self>, context: &mut C) {
        match input {
            Input::Start => {
                if self.me < self.plan.settings.callers && self.next < self.plan.settings.calls {
                    let warm_up = (Instant::ZERO + self.plan.warm_up).since(now);
                    context.set_timer(warm_up, CallTimer::Next);
                }
            }
            Input::Timer(CallTimer::Next) => self.call(now, context),
            Input::Timer(CallTimer::Overdue(call)) => {
                if let Some(pending) = self.pending.remove(&call) {
                    context.emit(CallEvent::Lost);
                    self.done_with(pending.to, context);
                }
            }
            Input::Message { from, message } => self.hear(now, from, *message, context),
            Input::Command(()) | Input::PeerUp(_) | Input::PeerDown(_) | Input::Stop => {}
        }
    }
}
