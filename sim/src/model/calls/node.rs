//! A node that calls others, or answers those who call it.

use std::collections::{BTreeMap, BTreeSet};
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
    /// Calls that were given up: a reply that comes all the same is late.
    given_up: BTreeSet<u32>,
    /// Requests that have come, by caller and call, so that none counts twice whatever the network or a crash does.
    heard: BTreeSet<Call>,
    /// When the first byte of the next message could be read, where a transport tells.
    began: Option<Instant>,
}

/// A caller and its number for a call.
pub(super) type Call = (u32, u32);

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
    Made(Call),
    /// A request arrived in time.
    Arrived {
        /// Which.
        call: Call,
        /// Since it was made.
        took: Duration,
        /// From when it was made until its first byte could be read.
        first_byte: Duration,
        /// Whether it is a large one.
        large: bool,
        /// Whether it was its caller's first to this node.
        first: bool,
    },
    /// A reply arrived in time.
    Replied {
        /// To which call.
        call: Call,
        /// Since the request was made.
        took: Duration,
        /// Whether the request was a large one.
        large: bool,
    },
    /// The caller has given a call up.
    Lost(Call),
    /// What would have completed a call came when its patience was over: the reply, or the request where there are no replies.
    Late {
        /// Which.
        call: Call,
        /// Since it was made.
        took: Duration,
    },
}

impl CallNode {
    pub(super) const fn new(me: u32, plan: Arc<Plan>) -> Self {
        Self {
            me,
            plan,
            next: 0,
            pending: BTreeMap::new(),
            given_up: BTreeSet::new(),
            heard: BTreeSet::new(),
            began: None,
        }
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
        context.emit(CallEvent::Made((self.me, call)));
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
        let took = now.since(issued);
        if !reply {
            let (number, call) = (call, (from.0, call));
            let (new, in_time) = (self.heard.insert(call), took <= self.plan.settings.patience.0);
            if new && in_time {
                let (first, large) = (number < self.called(), self.is_large(body));
                context.emit(CallEvent::Arrived { call, took, first_byte: began.since(issued), large, first });
            } else if new && self.plan.settings.reply.is_none() {
                context.emit(CallEvent::Late { call, took });
            }
            if let Some(size) = self.plan.settings.reply {
                let body = CallMessage::body_for(size.0);
                context.send(from, CallMessage { reply: true, call: number, issued, body });
            }
        } else if let Some(pending) = self.pending.remove(&call) {
            let call = (self.me, call);
            context.emit(CallEvent::Replied { call, took: now.since(pending.issued), large: pending.large });
            self.done_with(pending.to, context);
        } else if self.given_up.remove(&call) {
            context.emit(CallEvent::Late { call: (self.me, call), took });
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
                    self.given_up.insert(call);
                    context.emit(CallEvent::Lost((self.me, call)));
                    self.done_with(pending.to, context);
                }
            }
            Input::Message { from, message } => self.hear(now, from, *message, context),
            Input::Command(()) | Input::PeerUp(_) | Input::PeerDown(_) | Input::Stop => {}
        }
    }
}
