//! What a node's flows have done, and what they keep.

use super::allocation::Failure;
use crate::time::{Duration, Instant};

/// What one flow has done at this side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowStats<P> {
    /// The other side.
    pub peer: P,
    /// Whether this side asked for the flow.
    pub asked: bool,
    /// When it began here.
    pub opened: Instant,
    /// When it was allocated here.
    pub established: Option<Instant>,
    /// Why it was not.
    pub failure: Option<Failure>,
    /// When it ended here.
    pub ended: Option<Instant>,
    /// When the first byte of a message arrived.
    pub first_byte: Option<Instant>,
    /// When the last byte of a message arrived.
    pub last_byte: Option<Instant>,
    /// Messages that were handed over.
    pub sent: u64,
    /// Messages that arrived.
    pub received: u64,
    /// Bytes of messages that left, each once.
    pub sent_bytes: u64,
    /// Bytes of messages that arrived; what came twice counts twice.
    pub received_bytes: u64,
    /// Packets that left, of every kind.
    pub packets: u64,
    /// Of these, packets that carried something again.
    pub retransmissions: u64,
    /// Timeouts of packets; each takes its packet for lost.
    pub timeouts: u64,
    /// The smoothed round trip.
    pub round_trip: Option<Duration>,
}

/// State that a node keeps for flows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FlowFootprint {
    /// Flows that carry messages, or may.
    pub open: u64,
    /// Allocations under way at the asking side.
    pub allocating: u64,
    /// Flows that a peer asked for and never used: half-open ones, after a lost reply, among them.
    pub unused: u64,
    /// Ended flows whose timers go on.
    pub lingering: u64,
    /// Bytes of state, as the model counts them.
    pub bytes: u64,
}

impl<P> FlowStats<P> {
    pub(super) const fn begun(now: Instant, peer: P, asked: bool) -> Self {
        Self {
            peer,
            asked,
            opened: now,
            established: None,
            failure: None,
            ended: None,
            first_byte: None,
            last_byte: None,
            sent: 0,
            received: 0,
            sent_bytes: 0,
            received_bytes: 0,
            packets: 0,
            retransmissions: 0,
            timeouts: 0,
            round_trip: None,
        }
    }
}
