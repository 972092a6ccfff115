//! Messages on the links of a topology. As packets, each is an event at every link of its path: at the receiver's entity, since
//! links have none, and in the one shard of such a run. As flows, each message takes its share of its path, and one event comes
//! at a time, the next at which a flow begins to share or ends (`network::fluid`).
//!
//! A message longer than a packet is cut; its packets travel by themselves, and one that is dropped takes the message with it,
//! which is counted when the last one has ended. What is lost on the way (`network.loss`) is lost behind the last link.

use rapprochement_core::peer::SimPeer;
use rapprochement_core::time::{Duration, Instant};
use rapprochement_core::wire::Message;

use super::step::Step;
use super::{Kind, MessageFate, Note, Observer, Parcel, SimProtocol};
use crate::engine::Handled;
use crate::measure::results::CapturedPacket;
use crate::model::slab::Slab;
use crate::network::fabric::config::Fidelity;
use crate::network::fabric::{Fabric, Queues};
use crate::network::fluid::Fluid;
use crate::network::{LossReason, Network};

/// In the length of a note: this packet is the last one of its message.
const LAST: u32 = 1 << 31;
/// In place of a link: the packet is still at its sender, or the flow begins.
const START: u32 = LAST - 1;
/// In place of a link: a flow may have begun to share, or ended.
const WAKE: u32 = START - 1;

/// What is under way, and the state of the links.
pub(super) struct Carriage<M> {
    queues: Queues,
    trips: Slab<Trip<M>>,
    flows: Option<Flows>,
    /// So many bytes are kept of each packet, and the packets.
    capture: Option<(usize, Vec<CapturedPacket>)>,
}

/// Messages as flows.
struct Flows {
    fluid: Fluid,
    /// The message of each flow.
    trips: Vec<u32>,
    /// The earliest event that is set.
    wake: Option<Instant>,
}

/// A message under way.
struct Trip<M> {
    parcel: Parcel<M>,
    to: u32,
    class: u8,
    length: u32,
    /// Packets that have not ended.
    open: u32,
    lost: Option<LossReason>,
}

impl<M> Carriage<M> {
    /// Nothing under way; `None` where messages cross the network as a whole.
    pub(super) fn build(network: &Network) -> Option<Self> {
        let (fabric, fidelity) = network.by_hop()?;
        let links = (0..fabric.links() as u32).map(|link| fabric.rate_and_delay(link));
        let flows = (fidelity == Fidelity::Flow).then(|| Flows {
            fluid: Fluid::new(links, network.flow()),
            trips: Vec::new(),
            wake: None,
        });
        Some(Self { queues: Queues::new(fabric), trips: Slab::default(), flows, capture: None })
    }

    pub(super) const fn queues(&self) -> &Queues {
        &self.queues
    }

    /// Keeps every packet from now on, with so many bytes of its payload.
    pub(super) fn capture(&mut self, kept: usize) {
        self.capture = Some((kept, Vec::new()));
    }

    pub(super) fn take_packets(&mut self) -> Vec<CapturedPacket> {
        self.capture.as_mut().map_or(Vec::new(), |(_, packets)| std::mem::take(packets))
    }

    pub(super) fn reset_traffic(&mut self) {
        self.queues.reset_counters();
    }

    /// How long a packet would wait for its first link; flows do not wait.
    pub(super) fn backlog(&self, network: &Network, now: Instant, from: u32, to: u32) -> Duration {
        let first = network.by_hop().and_then(|(fabric, _)| Some((fabric, fabric.next(from, to, None)?)));
        first.map_or(Duration::ZERO, |(fabric, link)| self.queues.backlog(fabric, link, now))
    }
}

impl<P, O> Step<'_, '_, P, O>
where
    P: SimProtocol,
    O: Observer<P>,
{
    /// Sends a message over the links of the topology.
    pub(super) fn carry(&mut self, to: SimPeer, message: P::Message, class: usize, length: u32) {
        self.state.sends = self.state.sends.wrapping_add(1);
        let (from, sends, departs) = (self.entity, self.state.sends, self.departs);
        let world = self.desk.world.clone();
        let network = &world.network;
        let (Some((fabric, fidelity)), packets) = (network.by_hop(), network.packets(length as usize)) else { return };
        let lost = network.judge(&mut self.state.outgoing, departs, (from, to.0), sends, packets.fragments);
        let parcel = Parcel { from: SimPeer(from), wire_bytes: packets.wire_bytes, message };
        let open = if fidelity == Fidelity::Packet { packets.fragments } else { 1 };
        let mut queued = None;
        if lost == Some(LossReason::Partition) {
            self.traffic().lost(class, LossReason::Partition);
        } else {
            let trip = Trip { parcel, to: to.0, class: class as u8, length, open, lost };
            queued = self.set_out((network, fabric), trip, departs);
        }
        self.state.sent += u64::from(packets.wire_bytes);
        self.traffic().sent(class, length, packets.wire_bytes, queued);
        self.desk.node_traffic.sent(from, class, length, packets.wire_bytes);
        if self.desk.log_messages {
            let what = if lost.is_some() { MessageFate::Lost } else { MessageFate::Sent };
            self.desk.observer.message(departs, from, to.0, class, length, what);
        }
    }

    /// Puts the packets of a message on their first link; says how long the first one waits there, where that is known.
    fn set_out(
        &mut self,
        (network, fabric): (&Network, &Fabric),
        trip: Trip<P::Message>,
        departs: Instant,
    ) -> Option<Duration> {
        let (open, to, class) = (trip.open, trip.to, trip.class);
        let carriage = self.desk.carriage.as_mut()?;
        let is_packet = carriage.flows.is_none();
        if let Some((kept, packets)) = carriage.capture.as_mut().filter(|_| is_packet) {
            let capacity = network.capacity();
            packets.extend(captured(&trip, *kept, capacity, departs));
        }
        let slot = carriage.trips.insert(trip);
        // From the host of the receiver itself there is no link to take: the event below brings it there.
        let at_once = is_packet && departs == self.now && fabric.host_of(self.entity) != fabric.host_of(to);
        let mut first = None;
        for packet in 0..open {
            let place = START | if packet + 1 == open { LAST } else { 0 };
            let note = Note { kind: Kind::Hop, class, incarnation: 0, length: place, slot };
            if at_once {
                let queued = self.advance(fabric, note);
                first = first.or(queued);
            } else {
                self.scheduler.at(departs, to, note);
            }
        }
        first
    }

    /// A packet is at the end of a link, or something happens to flows.
    pub(super) fn hop(&mut self, protocol: &mut P, note: Note) -> Handled {
        let world = self.desk.world.clone();
        let Some((fabric, fidelity)) = world.network.by_hop() else { return Handled::Stale };
        if fidelity == Fidelity::Flow {
            return self.flow(fabric, note);
        }
        let carriage = self.desk.carriage.as_ref();
        let Some(trip) = carriage.and_then(|carriage| carriage.trips.get(note.slot)) else { return Handled::Stale };
        if fabric.next(trip.parcel.from.0, trip.to, crossed(note.length)).is_some() {
            self.advance(fabric, note);
        } else if let Some(note) = self.end(note.slot, None) {
            self.arrive(protocol, note);
        }
        Handled::Counted
    }

    /// Puts a packet on the next link of its path; says how long it waits there, unless it was dropped.
    fn advance(&mut self, fabric: &Fabric, note: Note) -> Option<Duration> {
        let world = self.desk.world.clone();
        let Carriage { queues, trips, .. } = &mut **self.desk.carriage.as_mut()?;
        let trip = trips.get_mut(note.slot)?;
        let link = fabric.next(trip.parcel.from.0, trip.to, crossed(note.length))?;
        let bytes = world.network.packet_bytes(trip.length as usize, note.length & LAST != 0);
        match queues.pass(fabric, link, self.now, bytes) {
            Some(hop) => {
                trip.parcel.message.queued(hop.before);
                let note = Note { length: link | note.length & LAST, ..note };
                self.scheduler.at(hop.arrives, trip.to, note);
                Some(hop.queued)
            }
            None => {
                self.end(note.slot, Some(LossReason::Queue));
                None
            }
        }
    }

    /// One packet has ended, at its receiver or on the way. The last one of a message ends that: the note of an arrival, if it
    /// is whole.
    fn end(&mut self, slot: u32, lost: Option<LossReason>) -> Option<Note> {
        let trips = &mut self.desk.carriage.as_mut()?.trips;
        let trip = trips.get_mut(slot)?;
        trip.lost = trip.lost.or(lost);
        trip.open -= 1;
        if trip.open > 0 {
            return None;
        }
        let Trip { parcel, to, class, length, lost, .. } = trips.remove(slot)?;
        let from = parcel.from.0;
        let cut = self.desk.world.network.blocked(self.now, from, to).then_some(LossReason::Partition);
        if let Some(reason) = lost.or(cut) {
            self.traffic_of(from).lost(usize::from(class), reason);
            // Random loss is in the log since the message was sent.
            if self.desk.log_messages && reason != LossReason::Loss {
                let (now, class) = (self.now, usize::from(class));
                self.desk.observer.message(now, from, to, class, length, MessageFate::Lost);
            }
            return None;
        }
        let slot = self.desk.messages.insert((1, parcel));
        Some(Note { kind: Kind::Arrive, class, incarnation: 0, length, slot })
    }

    /// A flow begins, or flows may have begun to share or ended.
    fn flow(&mut self, fabric: &Fabric, note: Note) -> Handled {
        let Some(Carriage { queues, trips, flows: Some(flows), .. }) = self.desk.carriage.as_deref_mut() else {
            return Handled::Stale;
        };
        let mut ended = Vec::new();
        if note.length & !LAST == START {
            let Some(trip) = trips.get(note.slot) else { return Handled::Stale };
            let path = || fabric.path(trip.parcel.from.0, trip.to);
            path().for_each(|link| queues.count(link, u64::from(trip.length)));
            let number = flows.fluid.start(self.now, path(), u64::from(trip.length)) as usize;
            flows.trips.resize(flows.trips.len().max(number + 1), 0);
            flows.trips[number] = note.slot;
        } else if flows.wake == Some(self.now) {
            flows.wake = None;
            let numbers = flows.fluid.advance(self.now);
            ended.extend(numbers.into_iter().map(|number| flows.trips[number as usize]));
        } else {
            // Another one came first and set a new one.
            return Handled::Stale;
        }
        if let Some(next) = flows.fluid.next().filter(|next| flows.wake.is_none_or(|wake| *next < wake)) {
            flows.wake = Some(next);
            let note = Note { length: WAKE, ..Note::plain(Kind::Hop, 0, 0) };
            self.scheduler.at(next, self.entity, note);
        }
        for slot in ended {
            let to = self.desk.carriage.as_ref().and_then(|carriage| Some(carriage.trips.get(slot)?.to));
            if let (Some(to), Some(note)) = (to, self.end(slot, None)) {
                self.scheduler.at(self.now, to, note);
            }
        }
        Handled::Counted
    }
}

/// The packets of a message as they are captured, of which each holds up to `capacity` bytes of its encoding.
fn captured<M: Message>(trip: &Trip<M>, kept: usize, capacity: usize, time: Instant) -> Vec<CapturedPacket> {
    let mut bytes = Vec::with_capacity(trip.length as usize);
    trip.parcel.message.encode(&mut bytes);
    // An empty message is a packet too.
    let pieces = bytes.chunks(capacity.max(1)).chain(bytes.is_empty().then_some(&[][..]));
    let packet = |piece: &[u8]| CapturedPacket {
        time,
        from: trip.parcel.from.0,
        to: trip.to,
        class: trip.class,
        length: piece.len() as u32,
        payload: piece[..piece.len().min(kept)].to_vec(),
    };
    pieces.map(packet).collect()
}

/// The link that a packet has crossed, where it is not at its sender.
const fn crossed(length: u32) -> Option<u32> {
    let link = length & !LAST;
    if link == START { None } else { Some(link) }
}
