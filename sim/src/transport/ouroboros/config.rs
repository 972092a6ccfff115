//! `transport.ouroboros`: flows of the Ouroboros prototype. Data only; the defaults are the prototype's, at the commit that
//! `core/src/flow/mod.rs` names, unless a line says otherwise.

use rapprochement_core::flow::config::{Combine, FlowConfig, Increase, Marking, Pacing, Qos};
use rapprochement_core::time::Duration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::network::config::Distribution;
use crate::problem::Problem;
use crate::units::Span;

/// Flows between peers, allocated by name over the prototype's UDP shim (4 bytes beside the headers of UDP and IP).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct OuroborosConfig {
    /// What flows are asked to give.
    pub qos: QosCube,
    /// How long the directory takes to find the address behind a name; without it, addresses are known. What it found is
    /// remembered for `cache`, and a lookup beyond `query_cap` has failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub directory: Option<Distribution>,
    /// Longest lookup (200 ms).
    pub query_cap: Span,
    /// How long an address is remembered (60 s).
    pub cache: Span,
    /// How long the application that is asked takes to accept (zero, ours; 1 s at most, or it has refused).
    pub accept: Span,
    /// How long an allocation may take (20 s): its messages are sent once.
    pub timeout: Span,
    /// The application gives an allocation up after this long and asks again, which the prototype never does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry: Option<Span>,
    /// Whether request and reply carry a key exchange: bytes, and no round trip.
    pub encrypted: bool,
    /// Whether a reliable flow whose very first packet is lost, with more than a window behind it, fails after a second without a word
    /// of the other side's window, as the prototype's does. `false` has it wait for the retransmission.
    pub rendezvous_fails: bool,
    /// Congestion avoidance by multi-bit forward ECN.
    pub congestion: ForwardEcn,
}

impl Default for OuroborosConfig {
    fn default() -> Self {
        let allocation = FlowConfig::default().allocation;
        Self {
            qos: QosCube::Data,
            directory: None,
            query_cap: Span(allocation.query_cap),
            cache: Span(allocation.cache),
            accept: Span(allocation.accept),
            timeout: Span(allocation.timeout),
            retry: None,
            encrypted: false,
            rendezvous_fails: FlowConfig::default().frcp.rendezvous_fails,
            congestion: ForwardEcn::default(),
        }
    }
}

/// The prototype's qualities of service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum QosCube {
    /// The data transfer header and nothing else: a message is one packet however long, which the network below cuts at its MTU, and
    /// which is lost with any of its fragments.
    Raw,
    /// The same with a checksum.
    RawNoErrors,
    /// In order and flow-controlled, without retransmission.
    BestEffort,
    /// Reliable and in order.
    #[default]
    Data,
}

/// Multi-bit forward ECN: queues mark, receivers tell senders, senders change what they send in a slot of time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ForwardEcn {
    /// Whether flows are limited at all.
    pub enabled: bool,
    /// A mark is the number of waiting packets, shifted right by this (4).
    pub shift: u8,
    /// Packets of a queue that are not seen (0).
    pub offset: u16,
    /// How the marks of several queues become one (`or`).
    pub combine: CombineMarks,
    /// When the packets of a slot leave (`none`: at once).
    pub pacing: SlotPacing,
    /// What a slot without congestion adds to (`limit`).
    pub increase: SlotIncrease,
}

impl Default for ForwardEcn {
    fn default() -> Self {
        let marking = Marking::default();
        Self {
            enabled: true,
            shift: marking.shift,
            offset: marking.offset,
            combine: CombineMarks::Or,
            pacing: SlotPacing::None,
            increase: SlotIncrease::Limit,
        }
    }
}

/// How the marks of several queues become one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CombineMarks {
    /// Bitwise or, as the prototype has it.
    #[default]
    Or,
    /// The greatest.
    Max,
    /// The sum.
    Sum,
}

/// When the packets of a slot leave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SlotPacing {
    /// At once, as the prototype has it.
    #[default]
    None,
    /// Spread over the slot.
    Even,
}

/// What a slot without congestion adds to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SlotIncrease {
    /// The limit, where it was exceeded.
    #[default]
    Limit,
    /// What was sent in the slot.
    Sent,
}

/// Bytes of an Ed25519-signed X25519 exchange with a certificate of some hundred bytes: what an encrypted allocation carries in its
/// request and its reply. The prototype leaves them to the cipher suite.
const KEY_EXCHANGE: (u16, u16) = (600, 600);

impl OuroborosConfig {
    /// The parameters of the core; `packet` is what fits a packet above the network's headers.
    pub fn flow(&self, packet: usize) -> FlowConfig {
        let mut flow = FlowConfig {
            qos: match self.qos {
                QosCube::Raw => Qos::RAW,
                QosCube::RawNoErrors => Qos::RAW_NO_ERRORS,
                QosCube::BestEffort => Qos::BEST_EFFORT,
                QosCube::Data => Qos::DATA,
            },
            ..FlowConfig::default()
        };
        let allocation = &mut flow.allocation;
        allocation.directory = self.directory.is_some();
        allocation.query_cap = self.query_cap.0;
        allocation.cache = self.cache.0;
        allocation.accept = self.accept.0;
        allocation.timeout = self.timeout.0;
        allocation.retry = self.retry.map(|retry| retry.0);
        allocation.key_exchange = self.encrypted.then_some(KEY_EXCHANGE);
        // The prototype bounds the flows of a node, and not those of each peer.
        allocation.accepted_per_peer = allocation.accepted_max;
        let ForwardEcn { enabled, shift, offset, combine, pacing, increase } = self.congestion;
        let congestion = &mut flow.congestion;
        congestion.enabled = enabled;
        congestion.marking = Marking {
            shift,
            offset,
            combine: match combine {
                CombineMarks::Or => Combine::Or,
                CombineMarks::Max => Combine::Max,
                CombineMarks::Sum => Combine::Sum,
            },
        };
        congestion.pacing = match pacing {
            SlotPacing::None => Pacing::None,
            SlotPacing::Even => Pacing::Even,
        };
        congestion.increase = match increase {
            SlotIncrease::Limit => Increase::Limit,
            SlotIncrease::Sent => Increase::Sent,
        };
        flow.frcp.rendezvous_fails = self.rendezvous_fails;
        // The data transfer header, that of flow control, and a checksum.
        flow.frcp.fragment = flow.frcp.fragment.min(packet.saturating_sub(15 + 12 + 4)).max(1);
        flow
    }

    /// What is wrong with the keys, each under `path`.
    pub fn problems(&self, path: &str) -> Vec<Problem> {
        let at = |key: &str| format!("{path}.{key}");
        let mut problems = Vec::new();
        if let Some(directory) = &self.directory {
            problems.extend(directory.validate(&at("directory")));
            if directory.bounded_below() > self.query_cap.0 {
                let message = format!("no lookup is done within the {} after which it has failed", self.query_cap);
                problems.push(Problem::new(at("directory"), message, "make it faster, or query_cap longer"));
            }
        }
        for (key, span) in [("query_cap", self.query_cap), ("timeout", self.timeout)] {
            if span.0.is_zero() {
                problems.push(crate::problem::zero_time(at(key)));
            }
        }
        if let Some(retry) = self.retry.filter(|retry| retry.0.is_zero()) {
            problems.push(Problem::new(at("retry"), format!("a retry after {retry}"), "use a time, or leave it out"));
        }
        if self.accept.0 > Duration::from_secs(1) {
            let message = format!("an application that takes {} to accept has refused", self.accept);
            problems.push(Problem::new(at("accept"), message, "use at most \"1 s\""));
        }
        if self.congestion.shift > 7 {
            let message = format!("a shift of {} leaves nothing of a mark of 8 bits", self.congestion.shift);
            problems.push(Problem::new(at("congestion.shift"), message, "use at most 7"));
        }
        problems
    }
}
