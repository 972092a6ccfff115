//! The parameters of the service: those of its parts, and how often each has its turn.

use core::fmt;

use super::ServiceTimer;
use crate::overlay::book::BookConfig;
use crate::overlay::exchange::ExchangeConfig;
use crate::overlay::neighbours::NeighboursConfig;
use crate::overlay::probe::ProbeConfig;
use crate::overlay::sampling::{ConfigError as SamplingError, CyclonConfig, SamplingConfig};
use crate::overlay::search::SearchConfig;
use crate::overlay::vivaldi::VivaldiConfig;
use crate::rank::{Config as WalksConfig, RankError};
use crate::reconcile::ReconcilerConfig;
use crate::reconcile::session::MethodKind;
use crate::time::Duration;

/// The most peers that a node is configured to know.
pub const BOOTSTRAP_MAX: usize = 64;
/// The most opinions that a node publishes.
pub const OPINIONS_MAX: usize = 256;

/// The parameters of a node. An interval of zero means never.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ServiceConfig {
    /// Time between probes.
    pub probe_every: Duration,
    /// Time between asks for introductions.
    pub ask_every: Duration,
    /// Time between rounds of opinions.
    pub opine_every: Duration,
    /// Time between turns of the ranking.
    pub rank_every: Duration,
    /// Steps of the walks in one turn.
    pub rank_steps: u64,
    /// Time between choices of neighbours.
    pub review_every: Duration,
    /// Opinions that a node publishes at most, up to [`OPINIONS_MAX`].
    pub opinions: usize,
    /// Answers of a peer before there is an opinion of it.
    pub answers_min: u64,
    /// The round trip of a peer that is half as good as one without distance.
    pub reference: Duration,
    /// The share of its weight by which an opinion has to change to be published anew.
    pub change_min: f64,
    /// Refusals after which a peer has an opinion of the worst kind, and is no neighbour.
    pub misdeeds_max: u32,
    /// The rank of a peer whom nobody has an opinion of, where 1 is the average.
    pub stranger: f64,
    /// The most peers in the ranking.
    pub ranked_max: u32,
    /// The walks.
    pub walks: WalksConfig,
    /// Reconciliation of opinions.
    pub reconcile: ReconcilerConfig,
    /// The sampler.
    pub sampling: SamplingConfig,
    /// The address book.
    pub book: BookConfig,
    /// Probing.
    pub probe: ProbeConfig,
    /// Peer exchange.
    pub exchange: ExchangeConfig,
    /// Coordinates.
    pub vivaldi: VivaldiConfig,
    /// Whom to probe.
    pub search: SearchConfig,
    /// Whom to connect to.
    pub neighbours: NeighboursConfig,
}

impl Default for ServiceConfig {
    /// A probe a second, an ask every 20 s, opinions every 30 s, ranking every 2 s in 10,000 steps, a review every 10 s; 16 opinions, after 3
    /// answers, half weight at 100 ms, new ones from a change by a quarter on; 300 walks that go on with 0.85.
    fn default() -> Self {
        let secs = Duration::from_secs;
        Self {
            probe_every: secs(1),
            ask_every: secs(20),
            opine_every: secs(30),
            rank_every: secs(2),
            rank_steps: 10_000,
            review_every: secs(10),
            opinions: 16,
            answers_min: 3,
            reference: Duration::from_millis(100),
            change_min: 0.25,
            misdeeds_max: 8,
            stranger: 0.1,
            ranked_max: 1 << 16,
            walks: WalksConfig { seed: 1, walks: 300, continue_prob: 0.85 },
            reconcile: ReconcilerConfig {
                method: MethodKind::Auto,
                interval: secs(5),
                first: None,
                push: 3,
                room: 1200,
                prefix: 256,
                patience: secs(10),
                budget: 64 << 10,
                repair: true,
            },
            sampling: SamplingConfig::Cyclon(CyclonConfig::default()),
            book: BookConfig::default(),
            probe: ProbeConfig::default(),
            exchange: ExchangeConfig::default(),
            vivaldi: VivaldiConfig::default(),
            search: SearchConfig::default(),
            neighbours: NeighboursConfig::default(),
        }
    }
}

impl ServiceConfig {
    /// The turns that a timer gives, and how often.
    pub(super) fn turns(&self) -> [(ServiceTimer, Duration); 5] {
        [
            (ServiceTimer::Probe, self.probe_every),
            (ServiceTimer::Ask, self.ask_every),
            (ServiceTimer::Opine, self.opine_every),
            (ServiceTimer::Rank, self.rank_every),
            (ServiceTimer::Review, self.review_every),
        ]
    }

    /// Refuses what makes no sense and no part refuses itself.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let positive = |number: f64| number.is_finite() && number >= 0.0;
        if self.opinions > OPINIONS_MAX {
            return Err(ConfigError::Opinions);
        }
        if !positive(self.change_min) || !positive(self.stranger) {
            return Err(ConfigError::Number);
        }
        Ok(())
    }
}

/// Why parameters were refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigError {
    /// More opinions than [`OPINIONS_MAX`].
    Opinions,
    /// A share or a rank is negative or no number.
    Number,
    /// The sampler's.
    Sampling(SamplingError),
    /// The ranking's.
    Rank(RankError),
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Opinions => write!(f, "a node publishes at most {OPINIONS_MAX} opinions"),
            Self::Number => f.write_str("a share of change or the rank of strangers is negative or no number"),
            Self::Sampling(error) => error.fmt(f),
            Self::Rank(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for ConfigError {}
