//! What a shard's nodes have sent, received and lost, by message class, together and one by one. Integer counters that
//! add up in any order.

use rapprochement_core::time::Duration;

use crate::engine::Entity;
use crate::measure::histogram::Histogram;
use crate::network::LossReason;
use crate::network::nat::Route;

/// Messages and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Volume {
    /// Messages.
    pub messages: u64,
    /// Bytes of the encoded messages.
    pub payload: u64,
    /// Bytes with the headers of every packet.
    pub wire: u64,
}

/// One class of messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClassTraffic {
    /// Handed to the network, lost ones included.
    pub sent: Volume,
    /// Handed to the receiving protocol.
    pub received: Volume,
    /// Dropped by a full queue.
    pub lost_queue: u64,
    /// Lost on the way.
    pub lost_link: u64,
    /// Cut by a partition.
    pub lost_partition: u64,
    /// Arrived at a node that was away.
    pub lost_away: u64,
    /// Not sent for want of a way to a node behind NAT.
    pub lost_undialable: u64,
}

/// By which ways messages left their senders, and what hole punches took; all 0 where everybody can be dialled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NatTraffic {
    /// Messages that went straight to a node that can be dialled, or back to one behind NAT.
    pub straight: u64,
    /// Messages from one node behind NAT to another, through a punched hole.
    pub punched: u64,
    /// Messages that went to a relay.
    pub relayed: u64,
    /// Messages that could not leave.
    pub undialable: u64,
    /// Attempts to get a path to a node behind NAT.
    pub attempts: u64,
    /// Paths that attempts gave.
    pub opened: u64,
    /// Packets that both sides sent for these attempts.
    pub packets: u64,
    /// Their wire bytes.
    pub wire: u64,
}

/// The traffic of a shard.
#[derive(Clone, Debug)]
pub struct Traffic {
    classes: Vec<ClassTraffic>,
    /// Ways, where somebody is behind NAT.
    pub nat: NatTraffic,
    /// Messages that found their uplink idle.
    unqueued: u64,
    /// Waits of the others before their first byte left, in nanoseconds.
    waits: Histogram,
    /// Messages that their receiver had at once.
    undelayed: u64,
    /// Time of the others in their receiver's downlink and processor, in nanoseconds.
    delays: Histogram,
}

impl Traffic {
    /// No traffic yet in so many classes.
    pub fn new(classes: usize) -> Self {
        Self {
            classes: vec![ClassTraffic::default(); classes],
            nat: NatTraffic::default(),
            unqueued: 0,
            waits: Histogram::new(),
            undelayed: 0,
            delays: Histogram::new(),
        }
    }

    /// A message was handed to the network; `queued` is its wait before the uplink, `None` where that dropped it.
    #[inline]
    pub(crate) fn sent(&mut self, class: usize, payload: u32, wire: u32, queued: Option<Duration>) {
        if let Some(traffic) = self.classes.get_mut(class) {
            traffic.sent.add(payload, wire);
        }
        match queued {
            Some(Duration::ZERO) => self.unqueued += 1,
            Some(wait) => self.waits.add(wait.as_nanos()),
            None => {}
        }
    }

    /// A receiver's downlink and processor took a message, for so long.
    #[inline]
    pub(crate) fn accepted(&mut self, delay: Duration) {
        if delay.is_zero() {
            self.undelayed += 1;
        } else {
            self.delays.add(delay.as_nanos());
        }
    }

    #[inline]
    pub(crate) fn received(&mut self, class: usize, payload: u32, wire: u32) {
        if let Some(traffic) = self.classes.get_mut(class) {
            traffic.received.add(payload, wire);
        }
    }

    pub(crate) fn lost(&mut self, class: usize, reason: LossReason) {
        if let Some(traffic) = self.classes.get_mut(class) {
            match reason {
                LossReason::Queue => traffic.lost_queue += 1,
                LossReason::Loss => traffic.lost_link += 1,
                LossReason::Partition => traffic.lost_partition += 1,
                LossReason::Undialable => traffic.lost_undialable += 1,
            }
        }
    }

    pub(crate) fn lost_away(&mut self, class: usize) {
        if let Some(traffic) = self.classes.get_mut(class) {
            traffic.lost_away += 1;
        }
    }

    /// The classes in the order of the protocol's class names.
    pub fn classes(&self) -> &[ClassTraffic] {
        &self.classes
    }

    /// All classes together.
    pub fn total(&self) -> ClassTraffic {
        let mut total = ClassTraffic::default();
        self.classes.iter().for_each(|class| total.merge(class));
        total
    }

    /// Waits before the uplink in nanoseconds, idle links counted as none.
    pub fn waits(&self) -> Histogram {
        let mut all = self.waits.clone();
        all.add_many(0, self.unqueued);
        all
    }

    /// Time in the receiver's downlink and processor in nanoseconds, waits and transmission included.
    pub fn delays(&self) -> Histogram {
        let mut all = self.delays.clone();
        all.add_many(0, self.undelayed);
        all
    }

    /// Adds another shard's traffic.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.classes.iter_mut().zip(&other.classes) {
            mine.merge(theirs);
        }
        self.nat.merge(&other.nat);
        self.unqueued += other.unqueued;
        self.waits.merge(&other.waits);
        self.undelayed += other.undelayed;
        self.delays.merge(&other.delays);
    }
}

/// What one node has sent and received in one class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exchange {
    /// Handed to the network, lost ones included.
    pub sent: Volume,
    /// Handed to the protocol.
    pub received: Volume,
}

/// What each node of a shard has sent and received by message class, where that is counted: 48 bytes per node and class.
#[derive(Clone, Debug, Default)]
pub struct NodeTraffic {
    first: Entity,
    classes: usize,
    /// The classes of the first node, then those of the next; empty where nothing is counted.
    exchanges: Vec<Exchange>,
}

impl NodeTraffic {
    /// Runs of more nodes are not counted: a million nodes would take 288 MB, and their counters no longer fit in a cache.
    pub const NODES_MAX: u32 = 200_000;

    /// Nothing yet, in so many classes at each of `nodes` nodes from number `first` on.
    pub fn new(first: Entity, nodes: usize, classes: usize) -> Self {
        Self { first, classes, exchanges: vec![Exchange::default(); nodes * classes] }
    }

    #[inline]
    pub(crate) fn sent(&mut self, node: Entity, class: usize, payload: u32, wire: u32) {
        if let Some(exchange) = self.exchange(node, class) {
            exchange.sent.add(payload, wire);
        }
    }

    #[inline]
    pub(crate) fn received(&mut self, node: Entity, class: usize, payload: u32, wire: u32) {
        if let Some(exchange) = self.exchange(node, class) {
            exchange.received.add(payload, wire);
        }
    }

    #[inline]
    fn exchange(&mut self, node: Entity, class: usize) -> Option<&mut Exchange> {
        self.exchanges.get_mut((node - self.first) as usize * self.classes + class)
    }

    /// The classes of each node, in the order of the protocol's class names; nothing where they are not counted.
    pub fn nodes(&self) -> impl Iterator<Item = &[Exchange]> {
        self.exchanges.chunks_exact(self.classes.max(1))
    }

    /// Forgets what was counted.
    pub(crate) fn reset(&mut self) {
        self.exchanges.fill(Exchange::default());
    }
}

impl Volume {
    #[inline]
    fn add(&mut self, payload: u32, wire: u32) {
        self.messages += 1;
        self.payload += u64::from(payload);
        self.wire += u64::from(wire);
    }

    fn merge(&mut self, other: &Self) {
        self.messages += other.messages;
        self.payload += other.payload;
        self.wire += other.wire;
    }
}

impl ClassTraffic {
    /// Adds another shard's share.
    pub fn merge(&mut self, other: &Self) {
        self.sent.merge(&other.sent);
        self.received.merge(&other.received);
        self.lost_queue += other.lost_queue;
        self.lost_link += other.lost_link;
        self.lost_partition += other.lost_partition;
        self.lost_away += other.lost_away;
        self.lost_undialable += other.lost_undialable;
    }
}

impl NatTraffic {
    /// Counts a message that leaves by this way.
    pub(crate) fn leaves(&mut self, route: Route) {
        match route {
            Route::Straight => self.straight += 1,
            Route::Punched => self.punched += 1,
            Route::Relay(_) => self.relayed += 1,
            Route::Undialable => self.undialable += 1,
        }
    }

    fn merge(&mut self, other: &Self) {
        self.straight += other.straight;
        self.punched += other.punched;
        self.relayed += other.relayed;
        self.undialable += other.undialable;
        self.attempts += other.attempts;
        self.opened += other.opened;
        self.packets += other.packets;
        self.wire += other.wire;
    }
}
