//! What a scenario says of a study of MeritRank. Data only; the defaults are the size of the paper's experiments.

use rapprochement_core::rank::decay::Connectivity;
use rapprochement_core::rank::sybil::Shape;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[protocol.meritrank]`: a study of one feedback graph in the eyes of one of its users, the ego. It sends no messages.
/// `nodes` are the users, the ego among them; `measure.sample` is the length of an epoch, so `duration` says how many
/// there are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RankSettings {
    /// Pairs of users, other than the ego, of which one gave the other feedback.
    pub edges: u32,
    /// Exponent of the power law of the users' feedback, above 2.
    pub exponent: f64,
    /// Users that the ego trusts, all alike: those with the most feedback.
    pub trusted: u32,
    /// How feedback is spread over epochs.
    pub feedback: Spread,
    /// The probability that a walk makes another step, from 0 to 0.999: what transitivity decay leaves, the complement of the
    /// paper's alpha.
    pub continue_prob: f64,
    /// How reach is calculated.
    pub engine: RankEngine,
    /// Connectivity decay.
    pub connectivity: ConnectivityConfig,
    /// What the end of an epoch leaves of the reputation from before it: 1 for all; 0 for none, so that reputation is that of the
    /// running epoch alone.
    pub keep: f64,
    /// The attack; nobody attacks where it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attack: Option<AttackConfig>,
    /// How long the list is in which Sybils are counted: so many of the best behind the ego.
    pub top: u32,
    /// `continue_prob` of the undecayed ranking that informativeness is measured against; the same by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<f64>,
}

impl Default for RankSettings {
    /// The MakerDAO forum's size, and the paper's ten edges of the seed node.
    fn default() -> Self {
        Self {
            edges: 1_528,
            exponent: 2.5,
            trusted: 10,
            feedback: Spread::Whole,
            continue_prob: 0.85,
            engine: RankEngine::Walks(10_000),
            connectivity: ConnectivityConfig::default(),
            keep: 0.0,
            attack: None,
            top: 10,
            reference: None,
        }
    }
}

/// Which feedback an epoch's graph is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Spread {
    /// All there is, from the first epoch on.
    #[default]
    Whole,
    /// What was given so far: as much is added in every epoch.
    Growing,
    /// What was given in that epoch.
    Passing,
}

/// How reach is calculated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum RankEngine {
    /// By so many random walks: what a node of a network can do.
    Walks(u32),
    /// By linear algebra, without error; for at most 1,024 users and Sybils together.
    Exact,
}

/// Connectivity decay: who is known by the word of one other user loses reputation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ConnectivityConfig {
    /// How much is taken away, from 0 to 1; 0 takes nothing from those behind strict bridges.
    pub beta: f64,
    /// The share of a user's walks over one and the same other user from which on it counts as behind a bridge, above 0; 1 for
    /// strict bridges alone. Below 1 the reach of those is multiplied by that share, too.
    pub threshold: f64,
}

impl Default for ConnectivityConfig {
    /// No decay.
    fn default() -> Self {
        Self { beta: 0.0, threshold: 1.0 }
    }
}

impl ConnectivityConfig {
    /// The decay in the core's terms.
    pub fn decay(self) -> Connectivity {
        Connectivity { threshold: self.threshold, beta: self.beta }
    }
}

/// Sybils of one user, the attacker.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AttackConfig {
    /// How they are connected.
    pub shape: AttackShape,
    /// How many there are; with 0 the attacker does nothing.
    pub sybils: u32,
    /// How much of the attacker's word goes to them; all of it by default.
    #[serde(default)]
    pub strength: Strength,
    /// The first epoch, from 1, in which they are there.
    #[serde(default = "one")]
    pub epoch: u32,
    /// Who the attacker is.
    #[serde(default)]
    pub attacker: Position,
}

fn one() -> u32 {
    1
}

/// How an attacker's Sybils are connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AttackShape {
    /// One behind the other.
    Path,
    /// Side by side.
    Parallel,
    /// Side by side, each with an edge back to the attacker.
    Cycle,
}

impl AttackShape {
    /// The shape in the core's terms.
    pub const fn shape(self) -> Shape {
        match self {
            Self::Path => Shape::Path,
            Self::Parallel => Shape::Parallel,
            Self::Cycle => Shape::Cycle,
        }
    }
}

/// The weight of an attacker's edges to its Sybils.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Strength {
    /// This part of the attacker's out-weight, above 0; at 1 it takes back all feedback that it gave to others. Of who gave nobody
    /// else feedback it is always all.
    Share(f64),
    /// This weight beside what it gave to others; one piece of feedback has the weight 1.
    Weight(f64),
}

impl Default for Strength {
    /// All of it.
    fn default() -> Self {
        Self::Share(1.0)
    }
}

/// Among whom the attacker is drawn: users with feedback, whom a walk from the ego can meet when all feedback is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Position {
    /// Those whom the ego trusts itself.
    Trusted,
    /// Those to whom the ego's walks lead over more than one user, or none.
    #[default]
    Unbridged,
    /// Those to whom all of them lead over one and the same other user.
    Bridged,
}
