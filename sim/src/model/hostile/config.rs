//! What a scenario says about hostile nodes. Data only.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::units::Share;

/// `hostile`: some of the nodes do harm, beside a protocol of sessions or the RTT service. All measurements are over the others:
/// hostile nodes are nobody's population, what they send counts where it is received, and writes that would be theirs do not
/// happen. They hold nothing when the run begins. What they make up themselves they write between warm-up and drain; beside
/// the service they are honest until the warm-up is over. One of the others is their victim, the same for every share.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HostileConfig {
    /// Share of all nodes, rounded to whole ones; 0 for what the rest of a sweep is compared with. Who they are is drawn from a
    /// stream of its own.
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

/// What hostile nodes do, besides running the protocol as honest ones do. The first eight are for sessions; `none` and those behind
/// them for the RTT service.
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
    /// One in ten works honestly and is rated for it. The others appear when the warm-up is over: its Sybils, each of which rates the
    /// next one, the worker the first.
    SybilPath,
    /// The same, but the worker rates all of its Sybils, and they nobody.
    SybilParallel,
    /// The same, and they rate the worker.
    SybilCycle,
    /// They are the nearest to the victim, and rate each other as high as can be.
    Proximity,
    /// They lie about round trips: state coordinates beside whomever they talk to, introduce each other as near and the others as
    /// far, rate each other high and the others low, and every second one answers late.
    RttLiars,
    /// All aim at the victim: they introduce each other to it and nobody else, fill its sampler with each other, flood it with
    /// introductions, and rate each other up.
    Eclipse,
    /// They send what no honest node says: wrong signatures, records and opinions of the future, of others or of themselves,
    /// round trips of a minute, answers nobody asked for, floods.
    BadInput,
}

impl Behaviour {
    /// Those beside the RTT service.
    pub const SERVICE: [Self; 8] = [
        Self::None,
        Self::SybilPath,
        Self::SybilParallel,
        Self::SybilCycle,
        Self::Proximity,
        Self::RttLiars,
        Self::Eclipse,
        Self::BadInput,
    ];

    /// Whether some hostile nodes are Sybils of others.
    pub const fn is_sybil(self) -> bool {
        matches!(self, Self::SybilPath | Self::SybilParallel | Self::SybilCycle)
    }

    /// Those in sessions.
    pub const SESSIONS: [Self; 8] = [
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
