//! One event at one node: the message, timer, command or change is handed to the protocol, and what the protocol asks for
//! goes straight into the network and the queue.

use rapprochement_core::peer::SimPeer;
use rapprochement_core::protocol::{Context, Input, TimerHandle};
use rapprochement_core::time::{Duration, Instant};
use rapprochement_core::wire::Message;

use super::{Desk, Hosts, Kind, MessageFate, NodeState, Note, Observer, Parcel, SimProtocol};
use crate::engine::{Entity, Handled, Scheduler, prefetch};
use crate::model::traffic::Traffic;
use crate::network::clock::Clock;
use crate::network::config::Departure;
use crate::network::nat::Route;
use crate::network::service::Busy;
use crate::network::{Delivery, Fate, Incoming, LossReason};
use crate::random::Philox;

/// What a handler may touch besides the protocol itself.
pub(super) struct Step<'a, 'b, P, O>
where
    P: SimProtocol,
    O: Observer<P>,
{
    pub(super) entity: Entity,
    /// The node's place in its shard.
    pub(super) place: usize,
    pub(super) now: Instant,
    /// When what is sent next leaves: later than now where the handler has computed.
    pub(super) departs: Instant,
    pub(super) state: &'a mut NodeState,
    pub(super) desk: &'a mut Desk<P, O>,
    pub(super) scheduler: &'a mut Scheduler<'b, Hosts<P, O>>,
}

impl<P, O> Step<'_, '_, P, O>
where
    P: SimProtocol,
    O: Observer<P>,
{
    /// The node's own clock, where it is not the run's.
    fn clock(&self) -> Option<Clock> {
        self.desk.world.clocks.as_ref().map(|clocks| clocks.of(self.entity))
    }

    fn give(&mut self, protocol: &mut P, input: Input<'_, P>) {
        let now = self.clock().map_or(self.now, |clock| clock.local(self.now));
        protocol.handle(now, input, self);
    }

    /// The run begins: the node is present or away, and its first change is set.
    pub(super) fn begin(&mut self, protocol: &mut P) {
        let presence = self.desk.world.churn.as_ref().map(|churn| churn.start(self.entity));
        if let Some(until) = presence.and_then(|presence| presence.until) {
            self.scheduler.at(until, self.entity, Note::plain(Kind::Change, 0, 0));
        }
        if presence.is_none_or(|presence| presence.up) {
            self.join(protocol);
        }
    }

    fn join(&mut self, protocol: &mut P) {
        self.state.up = true;
        self.state.since = self.now;
        if !self.state.aside {
            self.desk.observer.joined(self.now, self.entity, protocol);
        }
        self.give(protocol, Input::Start);
    }

    /// A session ends or begins.
    pub(super) fn change(&mut self, protocol: &mut P) {
        let departure = self.desk.world.departure;
        if self.state.up {
            if departure == Departure::Leave {
                self.give(protocol, Input::Stop);
            }
            if !self.state.aside {
                self.desk.observer.left(self.now, self.entity, protocol);
            }
            self.forget_paths();
            self.state.up = false;
            self.state.incarnation = self.state.incarnation.wrapping_add(1);
        } else {
            (self.desk.world.revive)(protocol, departure == Departure::CrashAndForget);
            self.state.incoming = Incoming::default();
            self.state.busy = Busy::default();
            self.computing().into_iter().for_each(|until| *until = Instant::ZERO);
            self.join(protocol);
        }
        self.state.turn += 1;
        let (turn, up) = (self.state.turn, self.state.up);
        let next = self.desk.world.churn.as_ref().and_then(|churn| churn.next(self.entity, turn, self.now, up));
        if let Some(until) = next {
            self.scheduler.at(until, self.entity, Note::plain(Kind::Change, 0, 0));
        }
    }

    pub(super) fn command(&mut self, protocol: &mut P, index: u32) {
        if self.state.up {
            let command = (self.desk.world.command)(index);
            if !self.state.aside {
                self.desk.observer.commanded(index);
            }
            self.give(protocol, Input::Command(command));
        }
    }

    /// The message stands before the downlink: when will it have been received and processed?
    pub(super) fn arrive(&mut self, protocol: &mut P, note: Note) {
        let class = usize::from(note.class);
        if !self.state.up {
            self.traffic().lost_away(class);
            self.desk.release(note.slot);
            return;
        }
        let Some((_, parcel)) = self.desk.messages.get(note.slot) else { return };
        // What came by way of a relay opens no path.
        let kind = if note.kind == Kind::Arrive { Kind::Deliver } else { Kind::DeliverRelayed };
        let world = &self.desk.world;
        let Some(received) = world.network.receive(&mut self.state.incoming, self.now, parcel.wire_bytes) else {
            self.traffic().lost(class, LossReason::Queue);
            self.desk.release(note.slot);
            return;
        };
        let mut done = received;
        if !world.service.is_free() {
            let cost = world.service.cost(note.length as usize, parcel.message.signatures());
            done = self.state.busy.serve(received, cost);
        }
        let delay = done.since(self.now);
        self.traffic().accepted(delay);
        if done == self.now {
            self.deliver_now(protocol, Note { kind, ..note });
        } else {
            prefetch::read(protocol);
            let note = Note { kind, incarnation: self.state.incarnation, ..note };
            self.scheduler.at(done, self.entity, note);
        }
    }

    pub(super) fn deliver(&mut self, protocol: &mut P, note: Note) {
        if self.state.up && note.incarnation == self.state.incarnation {
            let (now, entity) = (self.now, self.entity);
            match self.computing().map(|until| *until).filter(|until| *until > now) {
                // What was not known when the message was given its turn.
                Some(until) => self.scheduler.at(until, entity, note),
                None => self.deliver_now(protocol, note),
            }
        } else {
            self.traffic().lost_away(usize::from(note.class));
            self.desk.release(note.slot);
        }
    }

    fn deliver_now(&mut self, protocol: &mut P, note: Note) {
        // The message leaves its slot for the call, since the handler may send and so write into the slab.
        let messages = &mut self.desk.messages;
        if messages.get(note.slot).is_some_and(|(references, _)| *references == 1) {
            let Some((_, parcel)) = messages.remove(note.slot) else { return };
            self.hand_over(protocol, note, &parcel);
        } else if let Some((references, parcel)) = messages.lend(note.slot) {
            self.hand_over(protocol, note, &parcel);
            self.desk.messages.restore(note.slot, (references - 1, parcel));
        }
    }

    fn hand_over(&mut self, protocol: &mut P, note: Note, parcel: &Parcel<P::Message>) {
        let (class, length) = (usize::from(note.class), note.length);
        if note.kind == Kind::Deliver {
            self.hear(parcel.from.0);
        }
        self.state.received += u64::from(parcel.wire_bytes);
        self.traffic().received(class, length, parcel.wire_bytes);
        self.desk.node_traffic.received(self.entity, class, length, parcel.wire_bytes);
        if self.desk.log_messages {
            let (now, node, from) = (self.now, self.entity, parcel.from.0);
            self.desk.observer.message(now, node, from, class, length, MessageFate::Received);
        }
        self.give(protocol, Input::Message { from: parcel.from, message: &parcel.message });
    }

    pub(super) fn timer(&mut self, protocol: &mut P, note: Note) -> Handled {
        let Some(timer) = self.desk.take_timer(note.slot, note.length) else { return Handled::Stale };
        if note.incarnation != self.state.incarnation || !self.state.up {
            return Handled::Stale;
        }
        self.give(protocol, Input::Timer(timer));
        Handled::Counted
    }

    /// Where the node's traffic is counted.
    #[inline]
    pub(super) fn traffic(&mut self) -> &mut Traffic {
        &mut self.desk.traffic[usize::from(self.state.aside)]
    }

    /// Until when the node computes, where that takes time.
    fn computing(&mut self) -> Option<&mut Instant> {
        self.desk.computing.get_mut(self.place)
    }

    /// Puts so many bytes on the uplink.
    #[inline]
    pub(super) fn transmit(&mut self, to: u32, bytes: usize) -> Fate {
        self.state.sends = self.state.sends.wrapping_add(1);
        let (network, sends) = (&self.desk.world.network, self.state.sends);
        network.transmit(&mut self.state.outgoing, self.departs, self.entity, to, sends, bytes)
    }

    /// Puts one message on the uplink: when does it arrive, how often, and how large is it on the wire? The second is where
    /// it arrives first, its receiver or a relay, and the third the note of that arrival, without its slot.
    #[inline]
    fn launch(&mut self, to: SimPeer, class: usize, length: u32) -> (Fate, SimPeer, Note) {
        let note = Note { kind: Kind::Arrive, class: class as u8, incarnation: 0, length, slot: 0 };
        let route = self.route(to.0);
        let (fate, hop, note) = match route {
            Route::Straight | Route::Punched => (self.transmit(to.0, length as usize), to, note),
            Route::Relay(relay) => {
                let note = Note { kind: Kind::Relay, length: to.0, ..note };
                (self.transmit(relay, length as usize), SimPeer(relay), note)
            }
            Route::Undialable => (Fate::undialable(), to, note),
        };
        self.state.sent += u64::from(fate.wire_bytes);
        let dropped = matches!(fate.outcome, Delivery::Lost(LossReason::Queue | LossReason::Undialable));
        self.traffic().sent(class, length, fate.wire_bytes, (!dropped).then_some(fate.queued));
        self.desk.node_traffic.sent(self.entity, class, length, fate.wire_bytes);
        let mut what = MessageFate::Sent;
        if let Delivery::Lost(reason) = fate.outcome {
            self.traffic().lost(class, reason);
            what = MessageFate::Lost;
        }
        if self.desk.log_messages {
            self.desk.observer.message(self.departs, self.entity, to.0, class, length, what);
        }
        if matches!(route, Route::Relay(_) | Route::Undialable) {
            self.ask(to.0);
        }
        (fate, hop, note)
    }

    /// Schedules as many arrivals of a message as there are.
    pub(super) fn schedule_arrivals(&mut self, outcome: Delivery, to: SimPeer, note: Note, token: u64) {
        match outcome {
            Delivery::Arrives(at) => self.schedule_arrival(at, to, note, token),
            Delivery::Twice(first, second) => {
                self.schedule_arrival(first, to, note, token);
                self.schedule_arrival(second, to, note, token);
            }
            Delivery::Lost(_) => {}
        }
    }

    /// Schedules one arrival of the message in `slot`; one in another shard takes a copy along, once per broadcast.
    fn schedule_arrival(&mut self, at: Instant, to: SimPeer, note: Note, token: u64) {
        if self.scheduler.is_local(to.0) {
            if let Some((references, _)) = self.desk.messages.get_mut(note.slot) {
                *references += 1;
            }
            self.scheduler.at(at, to.0, note);
        } else if let Some((_, parcel)) = self.desk.messages.get(note.slot) {
            self.scheduler.post(at, to.0, note, token, || parcel.clone());
        }
    }

    /// Encodes and decodes a message for real: what the receiver gets is what crossed the wire.
    fn through_bytes(&mut self, message: P::Message) -> P::Message {
        let mut bytes = Vec::with_capacity(message.encoded_len());
        message.encode(&mut bytes);
        if bytes.len() != message.encoded_len() {
            self.desk.fail(format!("a message takes {} bytes but says {}", bytes.len(), message.encoded_len()));
        }
        match P::Message::decode(&bytes) {
            Ok(decoded) => decoded,
            Err(error) => {
                self.desk.fail(format!("a message does not decode: {error}"));
                message
            }
        }
    }
}

impl<P, O> Context<P> for Step<'_, '_, P, O>
where
    P: SimProtocol,
    O: Observer<P>,
{
    type Rng = Philox;

    /// What `send_many` does for one receiver, without a count of references to keep.
    #[inline]
    fn send(&mut self, to: SimPeer, message: P::Message) {
        let message = if self.desk.world.encode_messages { self.through_bytes(message) } else { message };
        let (class, length) = (message.class(), message.encoded_len() as u32);
        if self.desk.carriage.is_some() {
            return self.carry(to, message, class, length);
        }
        let (fate, to, note) = self.launch(to, class, length);
        let parcel = Parcel { from: SimPeer(self.entity), wire_bytes: fate.wire_bytes, message };
        match fate.outcome {
            Delivery::Arrives(at) if self.scheduler.is_local(to.0) => {
                let slot = self.desk.messages.insert((1, parcel));
                self.scheduler.at(at, to.0, Note { slot, ..note });
            }
            Delivery::Twice(first, second) if self.scheduler.is_local(to.0) => {
                let slot = self.desk.messages.insert((2, parcel));
                self.scheduler.at(first, to.0, Note { slot, ..note });
                self.scheduler.at(second, to.0, Note { slot, ..note });
            }
            Delivery::Arrives(at) => {
                let token = self.scheduler.token();
                self.scheduler.post(at, to.0, note, token, || parcel);
            }
            Delivery::Twice(first, second) => {
                let token = self.scheduler.token();
                self.scheduler.post(first, to.0, note, token, || parcel.clone());
                self.scheduler.post(second, to.0, note, token, || parcel.clone());
            }
            Delivery::Lost(_) => {}
        }
    }

    fn send_many(&mut self, to: &[SimPeer], message: P::Message) {
        let message = if self.desk.world.encode_messages { self.through_bytes(message) } else { message };
        let (class, length) = (message.class(), message.encoded_len() as u32);
        if self.desk.carriage.is_some() {
            to.iter().for_each(|peer| self.carry(*peer, message.clone(), class, length));
            return;
        }
        let wire_bytes = self.desk.world.network.wire_bytes(length as usize);
        let parcel = Parcel { from: SimPeer(self.entity), wire_bytes, message };
        let slot = self.desk.messages.insert((0, parcel));
        let token = self.scheduler.token();
        for &peer in to {
            let (fate, hop, note) = self.launch(peer, class, length);
            self.schedule_arrivals(fate.outcome, hop, Note { slot, ..note }, token);
        }
        if let Some((0, _)) = self.desk.messages.get(slot) {
            self.desk.messages.remove(slot);
        }
    }

    fn backlog(&self, to: SimPeer) -> Duration {
        if let Some(carriage) = &self.desk.carriage {
            return carriage.backlog(&self.desk.world.network, self.now, self.entity, to.0);
        }
        self.desk.world.network.backlog(&self.state.outgoing, self.now)
    }

    /// Datagrams have no connection to give up.
    fn disconnect(&mut self, _to: SimPeer) {}

    fn set_timer(&mut self, after: Duration, timer: P::Timer) -> TimerHandle {
        let span = self.clock().map_or(after, |clock| clock.global_span(after));
        let slot = self.desk.timers.insert(timer);
        if self.desk.generations.len() <= slot as usize {
            self.desk.generations.resize(slot as usize + 1, 0);
        }
        let generation = self.desk.generations[slot as usize];
        let note = Note { length: generation, ..Note::plain(Kind::Timer, self.state.incarnation, slot) };
        self.scheduler.at(self.now + span, self.entity, note);
        TimerHandle::from_bits(u64::from(slot) << 32 | u64::from(generation))
    }

    fn cancel_timer(&mut self, handle: TimerHandle) {
        let bits = handle.to_bits();
        self.desk.take_timer((bits >> 32) as u32, bits as u32);
    }

    fn emit(&mut self, event: P::Event) {
        if self.state.aside {
            return;
        }
        let record = self.desk.observer.event(self.now, self.entity, self.state.since, event);
        self.scheduler.record(record);
    }

    fn spend(&mut self, time: Duration) {
        let cost = self.desk.world.service.computing(time);
        let now = self.now;
        let Some(until) = self.computing().filter(|_| !cost.is_zero()) else { return };
        *until = now.max(*until) + cost;
        self.departs = *until;
        if !self.state.aside {
            self.desk.computed = self.desk.computed + cost;
        }
        // A nanosecond more, so that what comes from now on has its turn behind what waits for the same end.
        self.state.busy.serve(now, cost + Duration::from_nanos(1));
    }

    fn rng(&mut self) -> &mut Philox {
        &mut self.state.rng
    }

    fn me(&self) -> SimPeer {
        SimPeer(self.entity)
    }
}
