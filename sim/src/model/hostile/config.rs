//! What a scenario says about hostile nodes. Data only.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::units::Share;

/// `hostile`: some of the nodes do harm, beside a protocol of sessions. All measurements are over the others: hostile nodes
/// are nobody's population, what they send counts where it is received, and writes that would be theirs do not happen.
/// They hold nothing when the run begins. What they make up themselves they write between warm-up and drain.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HostileConfig {
    /// Share of all nodes, rounded to whole ones. Who they are is drawn from a stream of its own.
    pub share: Share,
    /// What they do.
    pub behaviour: Behaviour,
}

impl HostileConfig {
    /// How many of so many nodes are hostile.
    pub fn count(&self, nodes: u32) -> u32 {
        libm::round(self.share.0 * f64::from(nodes)) as u32
    }
}

/// What hostile nodes do, besides running the protocol as honest ones do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Behaviour {
    /// Nothing: they are honest, and left out of the measurements all the same. What the others are to be compared with.
    None,
    /// They hear everything and say nothing.
    Silent,
    /// They give tuples of other authors under wrong signatures: copies of what there is, and newer versions made up.
    Forge,
    /// They give old tuples over and over.
    Replay,
    /// They sign two contents under one version, of one key and of two, and show one to half of the nodes and the other to
    /// the rest.
    Equivocate,
    /// They show each of their versions to a third of the nodes, the next one to another third: gaps arise.
    Withhold,
    /// They open many sessions at a time and never come to an end in any: cells, asks for everything, tuples.
    Endless,
    /// They lie about the sizes of their stores and of what they send, about how many tuples they gave, and about the
    /// fingerprint of what they hold.
    FalseCounts,
}

impl Behaviour {
    /// All there are.
    pub const ALL: [Self; 8] = [
        Self::None,
        Self::Silent,
        Self::Forge,
        Self::Replay,
        Self::Equivocate,
        Self::Withhold,
        Self::Endless,
        Self::FalseCounts,
    ];
}
