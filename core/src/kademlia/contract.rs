//! What a node of the directory is asked, what it tells, and what it counts.

use alloc::vec::Vec;

use crate::kademlia::message::Value;
use crate::peer::PeerId;
use crate::time::Duration;

/// What the application asks of its node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KademliaCommand<P> {
    /// Enter the directory through these peers, of whom at most [`K_MAX`](crate::kademlia::config::K_MAX) are remembered for when
    /// the node should know nobody any more.
    Join(Vec<P>),
    /// What does this key stand for?
    Resolve(PeerId),
    /// Let this key stand for this value, until it is withdrawn; a key may stand for several.
    Publish {
        /// The key.
        key: PeerId,
        /// What it stands for.
        value: Value,
    },
    /// Let it lapse: this node forgets what it published under the key. Others answer it until it expires.
    Withdraw(PeerId),
}

/// What a node tells its application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KademliaEvent {
    /// The node has found its own surroundings. Told again after it had lost everybody.
    Joined {
        /// Contacts that it has by now.
        contacts: usize,
        /// Requests sent.
        messages: u32,
        /// Since the command.
        took: Duration,
    },
    /// A key was resolved.
    Resolved {
        /// The key.
        key: PeerId,
        /// What it stands for: at least one.
        values: Vec<Value>,
        /// Length of the chain of answers that led to it; 0 for what the node itself held or remembered.
        hops: u16,
        /// Requests sent, those that were not answered by then included.
        messages: u32,
        /// Since the command.
        took: Duration,
    },
    /// A key was not resolved.
    NotFound {
        /// The key.
        key: PeerId,
        /// Why.
        reason: Reason,
        /// Requests sent.
        messages: u32,
        /// Since the command.
        took: Duration,
    },
    /// A value was sent to the closest nodes. Nobody says whether it arrived.
    Published {
        /// The key.
        key: PeerId,
        /// How many nodes it was sent to.
        sent_to: usize,
        /// Requests and stores sent.
        messages: u32,
        /// Since the command.
        took: Duration,
    },
    /// A value was not published.
    NotPublished {
        /// The key.
        key: PeerId,
        /// Why.
        reason: Reason,
    },
    /// What was published under a key is forgotten.
    Withdrawn {
        /// The key.
        key: PeerId,
        /// Whether there was anything.
        existed: bool,
    },
}

/// Why the node did not do what it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The closest nodes that answered have no value.
    Missing,
    /// Nobody answered, or nobody is known.
    Alone,
    /// The deadline came, or the lookup used up its requests.
    GivenUp,
    /// As many lookups are under way, or as many keys are kept, as may be.
    Busy,
}

/// What a node refused of its peers, and how often.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Refusals {
    /// Requests and stores beyond a peer's allowance.
    pub flood: u64,
    /// Answers to nothing that was asked of this peer, or that came too late.
    pub unasked: u64,
    /// Answers of another kind than was asked for.
    pub wrong_kind: u64,
    /// Answers that name more contacts than `k`, or more values than are kept of a key.
    pub oversized: u64,
    /// Stores for which there was no room.
    pub full: u64,
}

impl Refusals {
    /// How often any occurred.
    pub const fn total(&self) -> u64 {
        self.flood + self.unasked + self.wrong_kind + self.oversized + self.full
    }
}
