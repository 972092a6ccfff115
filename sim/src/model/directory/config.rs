//! `[protocol.directory]`: names that are registered and looked up. Data only; what is not said is the core's default.

use rapprochement_core::kademlia::KademliaConfig;
use rapprochement_core::time::Duration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::network::config::Distribution;
use crate::units::{Share, Span};

/// A Kademlia directory. Each node registers its own name, with its address, when its session begins, and looks up those of
/// others; an instance that comes and goes takes its name along, and comes back under the same name at another address.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DirectorySettings {
    /// Peers that a node knows when it begins, drawn from the membership.
    pub bootstrap: u32,
    /// Contacts per bucket and per answer, and replicas of a name: 1 to 32.
    pub k: u32,
    /// Requests of one lookup that are under way at once: 1 to 32.
    pub alpha: u32,
    /// Bits by which a bucket is split: 1, 2, 4 or 8.
    pub split: u32,
    /// How long a single request is waited for.
    pub timeout: Span,
    /// How long a whole lookup may take: one that takes longer ends with what it has.
    pub deadline: Span,
    /// Pings that a contact may leave unanswered, after a request, before it is dropped.
    pub ping_retries: u32,
    /// How long a contact is trusted to be there without having been heard of.
    pub questionable: Span,
    /// How long a name is kept by those that it was sent to, unless it is sent again; longer than `replicate`.
    pub expire: Span,
    /// A part of the key space in which no lookup was made for so long is looked up.
    pub refresh: Span,
    /// A name that was not sent to a node for so long is sent by it to the closest nodes.
    pub replicate: Span,
    /// An instance sends its name anew so many times `replicate` before it expires.
    pub republish: u32,
    /// How long what a node found answers its own further lookups; zero for no cache.
    pub cache: Span,
    /// Time between two lookups of a node. The first comes within such a time of when the node has joined and the warm-up is
    /// over, the last `patience` before the end of the run.
    pub gap: Distribution,
    /// Share of lookups of names that nobody has. The others are of any other node's name alike, whether it is up or not.
    pub unknown_share: Share,
    /// Whether the instance that was found is asked for a flow, and sent a byte when it has accepted.
    pub first_byte: bool,
    /// How long a node waits for the name's address, and for its first byte to be sent, before it counts the lookup as timed out.
    pub patience: Span,
}

impl Default for DirectorySettings {
    fn default() -> Self {
        let core = KademliaConfig::default();
        Self {
            bootstrap: 5,
            k: core.k as u32,
            alpha: core.alpha as u32,
            split: core.split,
            timeout: Span(core.timeout),
            deadline: Span(core.deadline),
            ping_retries: core.ping_retries,
            questionable: Span(core.questionable),
            expire: Span(core.expire),
            refresh: Span(core.refresh),
            replicate: Span(core.replicate),
            republish: core.republish,
            cache: Span(core.cache),
            gap: Distribution::Constant(Span(Duration::from_secs(10))),
            unknown_share: Share(0.0),
            first_byte: true,
            patience: Span(Duration::from_secs(30)),
        }
    }
}

impl DirectorySettings {
    /// The parameters of the core.
    pub fn kademlia(&self) -> KademliaConfig {
        KademliaConfig {
            k: self.k as usize,
            alpha: self.alpha as usize,
            split: self.split,
            timeout: self.timeout.0,
            deadline: self.deadline.0,
            ping_retries: self.ping_retries,
            questionable: self.questionable.0,
            expire: self.expire.0,
            refresh: self.refresh.0,
            replicate: self.replicate.0,
            republish: self.republish,
            cache: self.cache.0,
            ..KademliaConfig::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_is_the_cores_default() {
        assert_eq!(DirectorySettings::default().kademlia(), KademliaConfig::default());
    }
}
