//! One end of a flow that is allocated: what its quality of service asks for, and the layer's congestion avoidance below that.

use alloc::boxed::Box;
use alloc::collections::VecDeque;

use super::config::FlowConfig;
use super::congestion::{Receiver, Sender};
use super::frcp::{Frcp, FrcpStats};
use super::packet::{Body, CRC_LEN, Content};
use crate::time::{Duration, Instant};

/// Bytes of state of a flow's end, and of one with flow and retransmission control: about what the prototype's structures take,
/// the latter's queue of 256 places included. They count, and nothing else depends on them.
const RAW_STATE: u64 = 160;
const FRCP_STATE: u64 = 2_400;

/// One end of a flow.
pub(super) struct Channel<B: Body> {
    /// The endpoint id at the other side.
    pub(super) remote: u64,
    carrier: Carrier<B>,
    checksum: bool,
    sender: Sender,
    receiver: Receiver,
    /// A packet that waits for its slot; everything else of this flow waits behind it.
    held: Option<(Instant, Content<B>)>,
    /// When a packet last left or came.
    last: Instant,
    /// When something last came, or when the flow began: what is sent is no sign that anybody is there.
    last_heard: Instant,
    /// Whether any packet has come.
    pub(super) heard: bool,
    /// Whether what is sent is sent again until it is acknowledged, or the other side is taken for gone.
    reliable: bool,
    /// After so much silence the flow ends.
    patience: Option<Duration>,
}

enum Carrier<B: Body> {
    Raw(VecDeque<B>),
    Frcp(Box<Frcp<B>>),
}

/// What came of a packet.
#[derive(Debug)]
pub(super) struct Arrival {
    /// The sender is to be told this level of congestion.
    pub(super) tell: Option<u16>,
    /// Bytes of messages in it.
    pub(super) bytes: u64,
}

impl<B: Body> Channel<B> {
    pub(super) fn new(now: Instant, remote: u64, config: &FlowConfig, key: u64) -> Self {
        let carrier = if config.qos.in_order {
            Carrier::Frcp(Box::new(Frcp::new(config.frcp, config.qos.is_reliable(), key)))
        } else {
            Carrier::Raw(VecDeque::new())
        };
        Self {
            remote,
            carrier,
            checksum: config.qos.ber == 0,
            sender: Sender::new(now, config.congestion),
            receiver: Receiver::default(),
            held: None,
            last: now,
            last_heard: now,
            heard: false,
            reliable: config.qos.is_reliable(),
            patience: config.qos.peer_timeout(),
        }
    }

    pub(super) fn send(&mut self, sdu: B::Sdu) {
        match &mut self.carrier {
            // What is too long for the layer below is for that layer to split or to lose.
            Carrier::Raw(queue) => queue.extend(B::cut(sdu, usize::MAX)),
            Carrier::Frcp(frcp) => frcp.send(sdu),
        }
    }

    /// Takes a packet; `deliver` is given the messages that it completes, and since when their first byte could be read.
    pub(super) fn receive(
        &mut self,
        now: Instant,
        content: &Content<B>,
        ecn: u8,
        config: &FlowConfig,
        mut deliver: impl FnMut(Instant, B::Sdu),
    ) -> Arrival {
        let bytes = match (&mut self.carrier, content) {
            (Carrier::Raw(_), Content::Raw(body)) => {
                B::join([body.clone()].into()).into_iter().for_each(|sdu| deliver(now, sdu));
                body.length()
            }
            (Carrier::Frcp(frcp), Content::Frcp(segment)) => {
                frcp.receive(now, segment);
                while let Some((began, sdu)) = frcp.delivered() {
                    deliver(began, sdu);
                }
                segment.body.as_ref().map_or(0, Body::length)
            }
            _ => return Arrival { tell: None, bytes: 0 },
        };
        self.last = now;
        self.last_heard = now;
        self.heard = true;
        Arrival { tell: self.receiver.receive(&config.congestion, ecn), bytes: bytes as u64 }
    }

    /// The level of congestion that the other side tells.
    pub(super) fn update(&mut self, now: Instant, ece: u16) {
        self.last_heard = now;
        self.sender.update(ece);
    }

    pub(super) fn expire(&mut self, now: Instant) {
        if let Carrier::Frcp(frcp) = &mut self.carrier {
            frcp.expire(now);
        }
    }

    /// The next packet that may leave now, until there is none.
    pub(super) fn transmit(&mut self, now: Instant) -> Option<Content<B>> {
        if self.held.is_none() {
            let content = match &mut self.carrier {
                Carrier::Raw(queue) => Content::Raw(queue.pop_front()?),
                Carrier::Frcp(frcp) => Content::Frcp(frcp.transmit(now)?),
            };
            let bytes = content.length() + if self.checksum { CRC_LEN } else { 0 };
            self.held = Some((self.sender.admit(now, bytes as u64), content));
        }
        let (_, content) = self.held.take_if(|(release, _)| *release <= now)?;
        self.last = now;
        Some(content)
    }

    pub(super) fn checksum(&self) -> bool {
        self.checksum
    }

    /// True once the other side has to be taken for gone.
    pub(super) fn failed(&self) -> bool {
        matches!(&self.carrier, Carrier::Frcp(frcp) if frcp.failed())
    }

    /// When the flow has been silent for too long. Retransmission finds out by itself that nobody answers, and says so; without it only
    /// what is heard counts.
    pub(super) fn ends(&self) -> Option<Instant> {
        let last = if self.reliable { self.last } else { self.last_heard };
        self.patience.map(|patience| last + patience)
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        let next = match (&self.held, &self.carrier) {
            (Some((release, _)), _) => Some(*release),
            (None, Carrier::Frcp(frcp)) => frcp.deadline(),
            (None, Carrier::Raw(_)) => None,
        };
        [next, self.ends()].into_iter().flatten().min()
    }

    /// Until when a timer-based protocol keeps its state after the flow's end; without flow and retransmission control not at all.
    pub(super) fn lingers(&self, config: &FlowConfig) -> Option<Instant> {
        matches!(self.carrier, Carrier::Frcp(_)).then(|| self.last + config.frcp.sender_inactivity())
    }

    pub(super) fn stats(&self) -> FrcpStats {
        match &self.carrier {
            Carrier::Raw(queue) => FrcpStats { kept: queue.len(), ..FrcpStats::default() },
            Carrier::Frcp(frcp) => frcp.stats(),
        }
    }

    /// Bytes of state, packets that are kept included.
    pub(super) fn state_bytes(&self, config: &FlowConfig) -> u64 {
        let fixed = match self.carrier {
            Carrier::Raw(_) => RAW_STATE,
            Carrier::Frcp(_) => FRCP_STATE,
        };
        fixed.saturating_add((self.stats().kept as u64).saturating_mul(config.frcp.fragment as u64))
    }
}
