//! What NAT makes of a node: the paths it knows to nodes that cannot be dialled, the hole punches by which it gets them,
//! and what it passes on if it is a relay. The rules are those of [`crate::network::nat`].
//!
//! A relay stores and forwards below its node: what it passes on takes its downlink and its uplink, in the order of
//! arrivals among the node's own messages, but no time of the node's processor. A relay that is away passes nothing on.
//!
//! An attempt to get a path from `a` to `b`, which is behind NAT, takes these packets:
//!
//! 1. `a` asks `b`, by way of b's relay.
//! 2. If `a` can be dialled, `b` calls `a` straight, and `a` has its path.
//! 3. Otherwise `b` calls `a` straight, which opens b's NAT and is stopped by a's, and answers by way of its relay.
//! 4. With the answer `a` has its path, if the pair can punch a hole, and calls `b` straight. Then `b` has its own.
//!
//! A packet that is lost ends the attempt.

use rapprochement_core::peer::SimPeer;
use rapprochement_core::time::Duration;
use rapprochement_core::wire::Message;

use super::step::Step;
use super::{Kind, Note, Observer, SimProtocol};
use crate::model::traffic::Traffic;
use crate::network::nat::{PUNCH_BYTES, Paths, Route};
use crate::network::{Delivery, Fate, LossReason};

/// A packet of a hole punch, in the class of its note.
const ASK: u8 = 0;
const ANSWER: u8 = 1;
const CALL: u8 = 2;

/// What one node has to do with NAT.
#[derive(Clone, Debug, Default)]
pub(super) struct Gateway {
    paths: Paths,
    /// Wire bytes that it has passed on as a relay.
    relayed: u64,
}

impl Gateway {
    pub(super) const fn relayed_bytes(&self) -> u64 {
        self.relayed
    }

    pub(super) const fn reset_traffic(&mut self) {
        self.relayed = 0;
    }
}

impl<P, O> Step<'_, '_, P, O>
where
    P: SimProtocol,
    O: Observer<P>,
{
    /// By which way a message leaves; counts it.
    #[inline]
    pub(super) fn route(&mut self, to: u32) -> Route {
        let Some(nat) = self.desk.world.network.nat() else { return Route::Straight };
        let paths = &self.desk.gateways[self.place].paths;
        let route = nat.route(paths, self.departs, self.entity, to);
        self.traffic().nat.leaves(route);
        route
    }

    /// A straight packet of another node has come.
    #[inline]
    pub(super) fn hear(&mut self, from: u32) {
        let network = &self.desk.world.network;
        if network.nat().is_some_and(|nat| nat.is_behind(from)) {
            let age = network.latency(from, self.entity);
            self.open(from, age);
        }
    }

    /// Another node's NAT lets this node through, since a packet that it sent so long ago.
    fn open(&mut self, peer: u32, age: Duration) {
        let network = &self.desk.world.network;
        let Some(nat) = network.nat() else { return };
        let lasts = nat.mapping() - (age + network.latency(self.entity, peer));
        if !lasts.is_zero() {
            self.desk.gateways[self.place].paths.open(peer, self.now, lasts);
        }
    }

    /// The node's session is over, and with it what it knew.
    pub(super) fn forget_paths(&mut self) {
        if let Some(gateway) = self.desk.gateways.get_mut(self.place) {
            gateway.paths = Paths::default();
        }
    }

    /// A message of another node stands before this relay's downlink.
    pub(super) fn relay(&mut self, note: Note) {
        let Some((_, parcel)) = self.desk.messages.get(note.slot) else { return };
        let (from, wire_bytes) = (parcel.from.0, parcel.wire_bytes);
        let note = Note { kind: Kind::Forward, incarnation: self.state.incarnation, ..note };
        if !self.state.up {
            self.forward(note);
            return;
        }
        match self.desk.world.network.receive(&mut self.state.incoming, self.now, wire_bytes) {
            Some(done) if done == self.now => self.forward(note),
            Some(done) => self.scheduler.at(done, self.entity, note),
            None => {
                self.traffic_of(from).lost(usize::from(note.class), LossReason::Queue);
                self.desk.release(note.slot);
            }
        }
    }

    /// This relay passes a message on to its receiver, unless it went away.
    pub(super) fn forward(&mut self, note: Note) {
        let Some((_, parcel)) = self.desk.messages.get(note.slot) else { return };
        let (from, length, class) = (parcel.from.0, parcel.message.encoded_len(), usize::from(note.class));
        if !self.state.up || note.incarnation != self.state.incarnation {
            self.traffic_of(from).lost_away(class);
            self.desk.release(note.slot);
            return;
        }
        let fate = self.pass_on(note.length, length);
        if let Delivery::Lost(reason) = fate.outcome {
            self.traffic_of(from).lost(class, reason);
        }
        let token = self.scheduler.token();
        let arrival = Note { kind: Kind::ArriveRelayed, incarnation: 0, length: length as u32, ..note };
        self.schedule_arrivals(fate.outcome, SimPeer(note.length), arrival, token);
        self.desk.release(note.slot);
    }

    fn pass_on(&mut self, to: u32, bytes: usize) -> Fate {
        let fate = self.transmit(to, bytes);
        self.desk.gateways[self.place].relayed += u64::from(fate.wire_bytes);
        fate
    }

    /// Where the traffic of the node that sent something is counted.
    pub(super) fn traffic_of(&mut self, sender: u32) -> &mut Traffic {
        let aside = self.desk.world.aside.contains(sender);
        &mut self.desk.traffic[usize::from(aside)]
    }

    /// Begins an attempt to get a path, unless there was one not long ago.
    pub(super) fn ask(&mut self, to: u32) {
        let Some(nat) = self.desk.world.network.nat() else { return };
        let (relay, pause) = (nat.home(to), nat.mapping());
        let Some(relay) = relay else { return };
        if self.desk.gateways[self.place].paths.ask(to, self.departs, pause) {
            self.traffic().nat.attempts += 1;
            self.send_punch(ASK, to, relay);
        }
    }

    /// Sends a packet of a hole punch, with this first hop.
    fn send_punch(&mut self, packet: u8, to: u32, hop: u32) {
        let fate = self.knock(hop);
        let note = Note { kind: Kind::Punch, class: packet, incarnation: 0, length: to, slot: self.entity };
        self.schedule_punch(fate, hop, note);
    }

    /// Puts such a packet on the uplink: all that becomes of one that a NAT stops.
    fn knock(&mut self, hop: u32) -> Fate {
        let fate = self.transmit(hop, PUNCH_BYTES);
        let nat = &mut self.traffic().nat;
        nat.packets += 1;
        nat.wire += u64::from(fate.wire_bytes);
        fate
    }

    /// A second copy says nothing new.
    fn schedule_punch(&mut self, fate: Fate, hop: u32, note: Note) {
        match fate.outcome {
            Delivery::Arrives(at) => self.scheduler.at(at, hop, note),
            Delivery::Twice(first, second) => self.scheduler.at(first.min(second), hop, note),
            Delivery::Lost(_) => {}
        }
    }

    /// A packet of a hole punch stands before the downlink.
    pub(super) fn punch_arrives(&mut self, note: Note) {
        if !self.state.up {
            return;
        }
        let network = &self.desk.world.network;
        let received = network.receive(&mut self.state.incoming, self.now, network.wire_bytes(PUNCH_BYTES));
        let note = Note { kind: Kind::PunchTaken, incarnation: self.state.incarnation, ..note };
        match received {
            Some(done) if done == self.now => self.punch_taken(note),
            Some(done) => self.scheduler.at(done, self.entity, note),
            None => {}
        }
    }

    /// The downlink is done with it: a relay passes it on, and its receiver does its part of the attempt.
    pub(super) fn punch_taken(&mut self, note: Note) {
        if !self.state.up || note.incarnation != self.state.incarnation {
            return;
        }
        let (from, to) = (note.slot, note.length);
        if to != self.entity {
            let fate = self.pass_on(to, PUNCH_BYTES);
            self.schedule_punch(fate, to, Note { kind: Kind::Punch, incarnation: 0, ..note });
            return;
        }
        match note.class {
            ASK => self.asked(from),
            ANSWER => self.answered(from),
            _ => self.called(from),
        }
    }

    fn asked(&mut self, from: u32) {
        let Some(nat) = self.desk.world.network.nat() else { return };
        match nat.home(self.entity).filter(|_| nat.is_behind(from)) {
            Some(relay) => {
                self.knock(from);
                self.send_punch(ANSWER, from, relay);
            }
            None => self.send_punch(CALL, from, from),
        }
    }

    fn answered(&mut self, from: u32) {
        let network = &self.desk.world.network;
        let Some((nat, relay)) = network.nat().and_then(|nat| Some((nat, nat.home(from)?))) else { return };
        if nat.opens(self.entity, from) {
            let age = network.latency(from, relay) + network.latency(relay, self.entity);
            self.traffic().nat.opened += 1;
            self.open(from, age);
            self.send_punch(CALL, from, from);
        } else {
            self.knock(from);
        }
    }

    fn called(&mut self, from: u32) {
        self.hear(from);
        let by_call = self.desk.world.network.nat().is_some_and(|nat| !nat.is_behind(self.entity));
        self.traffic().nat.opened += u64::from(by_call);
    }
}
