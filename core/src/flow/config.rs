//! Constants of flows. Each default is the prototype's at the commit that [`super`] names, unless its line says otherwise.

use crate::time::Duration;

/// Everything that a node's flows are configured with.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct FlowConfig {
    /// What flows are asked to give.
    pub qos: Qos,
    /// Flow allocation.
    pub allocation: AllocationConfig,
    /// Flow and retransmission control; for flows whose [`Qos::in_order`] is set.
    pub frcp: FrcpConfig,
    /// Congestion avoidance of the layer.
    pub congestion: CongestionConfig,
}

/// A quality of service: what a flow allocation asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Qos {
    /// Longest delay, in ms.
    pub delay: u32,
    /// Bandwidth, in bit/s.
    pub bandwidth: u64,
    /// Class of availability, in nines.
    pub availability: u8,
    /// Packet loss that is tolerated; 0 asks for retransmission.
    pub loss: u32,
    /// Bit errors that are tolerated, in errors per 10^9 bits; 0 asks for a CRC-32 on every packet.
    pub ber: u32,
    /// Whether order is asked for; this is what turns flow and retransmission control on.
    pub in_order: bool,
    /// Longest interruption, in ms.
    pub max_gap: u32,
    /// Silence after which the peer is taken for gone, in ms; 0 for never.
    pub timeout: u32,
}

impl Qos {
    /// Nothing but the data transfer header.
    pub const RAW: Self = Self {
        delay: u32::MAX,
        bandwidth: 0,
        availability: 0,
        loss: 1,
        ber: 1,
        in_order: false,
        max_gap: u32::MAX,
        timeout: 120_000,
    };
    /// Raw, with a checksum.
    pub const RAW_NO_ERRORS: Self = Self { ber: 0, ..Self::RAW };
    /// Ordered and flow-controlled, without retransmission.
    pub const BEST_EFFORT: Self = Self { in_order: true, ..Self::RAW_NO_ERRORS };
    /// 100 ms, three nines.
    pub const VIDEO: Self =
        Self { delay: 100, bandwidth: u64::MAX, availability: 3, max_gap: 100, ..Self::BEST_EFFORT };
    /// 50 ms, 100 kbit/s, five nines.
    pub const VOICE: Self = Self { delay: 50, bandwidth: 100_000, availability: 5, max_gap: 50, ..Self::BEST_EFFORT };
    /// Reliable and ordered, within a second.
    pub const DATA: Self = Self { delay: 1_000, loss: 0, max_gap: 2_000, ..Self::BEST_EFFORT };

    /// True where packets are retransmitted until they are acknowledged.
    pub const fn is_reliable(&self) -> bool {
        self.in_order && self.loss == 0
    }

    /// The silence after which the peer is taken for gone.
    pub const fn peer_timeout(&self) -> Option<Duration> {
        if self.timeout == 0 { None } else { Some(Duration::from_millis(self.timeout as u64)) }
    }
}

impl Default for Qos {
    fn default() -> Self {
        Self::DATA
    }
}

/// Flow allocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllocationConfig {
    /// Whether the directory is asked for a name's address; without it, addresses are known.
    pub directory: bool,
    /// A lookup that takes longer has failed (200 ms).
    pub query_cap: Duration,
    /// How long an address is remembered (60 s).
    pub cache: Duration,
    /// How long an allocation may take from its request on (20 s).
    pub timeout: Duration,
    /// How long the application that is asked takes to accept (zero, ours).
    pub accept: Duration,
    /// An application that has not accepted after this long has refused (1 s).
    pub accept_limit: Duration,
    /// The asking application gives up after this long and asks again; the prototype itself never does.
    pub retry: Option<Duration>,
    /// How often it asks again at most (ours).
    pub retries: u32,
    /// Bytes of authentication and key exchange in the request and in the reply of an encrypted flow; ours, since the prototype
    /// leaves them to the cipher suite. They cost bytes and no round trip.
    pub key_exchange: Option<(u16, u16)>,
    /// Flows that a node keeps on its peers' word, half-open ones too (4096, the prototype's file descriptors of a process).
    pub accepted_max: usize,
    /// Of these, how many one peer may cause (ours).
    pub accepted_per_peer: usize,
    /// Ended flows whose records are kept (ours); later ones are forgotten.
    pub records_max: usize,
}

impl Default for AllocationConfig {
    fn default() -> Self {
        Self {
            directory: true,
            query_cap: Duration::from_millis(200),
            cache: Duration::from_secs(60),
            timeout: Duration::from_secs(20),
            accept: Duration::ZERO,
            accept_limit: Duration::from_secs(1),
            retry: None,
            retries: 8,
            key_exchange: None,
            accepted_max: 4096,
            accepted_per_peer: 16,
            records_max: 1 << 20,
        }
    }
}

/// Flow and retransmission control.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrcpConfig {
    /// MPL: how long a packet lives in the layer (100 ms).
    pub packet_lifetime: Duration,
    /// A: how long an acknowledgement may be withheld (10 s).
    pub acknowledge_within: Duration,
    /// R: how long a packet is retransmitted (120 s).
    pub retransmit_within: Duration,
    /// Packets that a sender may have under way before it has heard of the receiver's window (64).
    pub start_window: u32,
    /// Packets that a receiver keeps for reordering, and the window that it grants (256).
    pub reorder_queue: u32,
    /// The timeout before a round trip is known (1 s).
    pub initial_rto: Duration,
    /// The shortest timeout (250 us).
    pub min_rto: Duration,
    /// `rto = srtt + (mdev << this)` (2).
    pub deviation_shift: u32,
    /// When something arrived, what acknowledges it leaves this much later (5 ms).
    pub tick: Duration,
    /// Retransmissions happen at multiples of 2 to this many nanoseconds (20).
    pub wheel_shift: u32,
    /// A sender in front of a closed window asks for it this often (100 ms).
    pub rendezvous: Duration,
    /// and gives up after this long without a word (1 s).
    pub rendezvous_limit: Duration,
    /// Whether it gives up although packets are still being retransmitted (true, as the prototype's code reads). Then a flow fails
    /// whose very first packet is lost with a whole window behind it: the receiver, in no run yet, does not answer, and the initial
    /// timeout is as long as the limit. Without it, R decides while anything is unacknowledged.
    pub rendezvous_fails: bool,
    /// Bytes of a message in one packet at most (1400, ours: what fits Ethernet with all headers).
    pub fragment: usize,
}

impl FrcpConfig {
    /// Silence after which a sender begins a new run: 3 MPL + A + R, and 1 s for the prototype's clock of whole seconds.
    pub fn sender_inactivity(&self) -> Duration {
        self.timers(3)
    }

    /// Silence after which a receiver forgets its run: 2 MPL + A + R, and 1 s as above.
    pub fn receiver_inactivity(&self) -> Duration {
        self.timers(2)
    }

    fn timers(&self, lifetimes: u64) -> Duration {
        let lifetimes = self.packet_lifetime.saturating_mul(lifetimes);
        lifetimes + self.acknowledge_within + self.retransmit_within + Duration::from_secs(1)
    }
}

impl Default for FrcpConfig {
    fn default() -> Self {
        Self {
            packet_lifetime: Duration::from_millis(100),
            acknowledge_within: Duration::from_secs(10),
            retransmit_within: Duration::from_secs(120),
            start_window: 64,
            reorder_queue: 256,
            initial_rto: Duration::from_secs(1),
            min_rto: Duration::from_micros(250),
            deviation_shift: 2,
            tick: Duration::from_millis(5),
            wheel_shift: 20,
            rendezvous: Duration::from_millis(100),
            rendezvous_limit: Duration::from_secs(1),
            rendezvous_fails: true,
            fragment: 1400,
        }
    }
}

/// How a queue marks a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marking {
    /// A mark is the number of packets that are seen waiting, shifted right by this (4: marks begin at 16 packets).
    pub shift: u8,
    /// Packets of the queue that are not seen, since they wait below the ring that is looked at: in a network card (0).
    pub offset: u16,
    /// How marks of several queues become one ([`Combine::Or`]).
    pub combine: Combine,
}

impl Default for Marking {
    fn default() -> Self {
        Self { shift: 4, offset: 0, combine: Combine::Or }
    }
}

/// How marks of several queues become one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Combine {
    /// Bitwise or, as the prototype has it.
    #[default]
    Or,
    /// The greatest.
    Max,
    /// The sum, at most 255.
    Sum,
}

/// When packets of a slot leave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pacing {
    /// At once, until the slot's limit is reached, as the prototype has it.
    #[default]
    None,
    /// Spread over the slot.
    Even,
}

/// What a slot without congestion adds to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Increase {
    /// The limit, where it was exceeded. What the description that this model is built to has for the named commit, and what the
    /// prototype of 2021 has.
    #[default]
    Limit,
    /// What was sent in the slot, exceeded or not: other versions of the prototype (commits `11d2ecc1` and `06ee3370`).
    Sent,
}

/// Congestion avoidance by multi-bit forward ECN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CongestionConfig {
    /// Whether flows are limited at all; the prototype's other policy is none.
    pub enabled: bool,
    /// How queues mark.
    pub marking: Marking,
    /// Whether packets of a slot are spread over it.
    pub pacing: Pacing,
    /// What a slot without congestion adds to.
    pub increase: Increase,
    /// A slot lasts 2 to this many nanoseconds at first (24: 16.8 ms).
    pub slot_shift: u32,
    /// Bytes that a slot may carry at first (64 KiB).
    pub limit: u64,
    /// Bytes that a slot without congestion adds (64 KiB).
    pub increment: u64,
    /// The receiver averages over 2 to this many packets, and a sender that sent so many without hearing of congestion takes it for
    /// over (5: 32 packets).
    pub average_shift: u32,
    /// The receiver tells the sender of every so many'th marked packet (8).
    pub update_every: u32,
    /// An unmarked packet shifts the level of congestion right by this (2).
    pub decay_shift: u32,
    /// Fewer packets in a slot lengthen it (8).
    pub packets_min: u32,
    /// More packets in a slot shorten it (64).
    pub packets_max: u32,
}

impl Default for CongestionConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            marking: Marking::default(),
            pacing: Pacing::None,
            increase: Increase::Limit,
            slot_shift: 24,
            limit: 1 << 16,
            increment: 1 << 16,
            average_shift: 5,
            update_every: 8,
            decay_shift: 2,
            packets_min: 8,
            packets_max: 64,
        }
    }
}

/// The broadcast layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BroadcastConfig {
    /// How long each of allocation, connection and enrolment may take (20 s).
    pub timeout: Duration,
    /// Neighbours that a member has at most, its parent among them (ours: the prototype's operator builds the tree by hand).
    pub degree: usize,
    /// Members that a joining one is sent on to at most (ours).
    pub redirects: u32,
}

impl Default for BroadcastConfig {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(20), degree: 8, redirects: 64 }
    }
}
