//! What a scenario says of samplers and of the RTT service. Data only; what is not said is the core's default.

use rapprochement_core::overlay::neighbours::{NeighboursConfig, Weights};
use rapprochement_core::overlay::sampling::{
    BasaltConfig, BrahmsConfig, ConfigError as SamplingError, CyclonConfig, FrameworkConfig, HyParViewConfig,
    NewscastConfig, PeerSelection, Propagation, SamplingConfig, peerswap::PeerSwapConfig,
};
use rapprochement_core::peer::SimPeer;
use rapprochement_core::rank::Config as WalksConfig;
use rapprochement_core::reconcile::ReconcilerConfig;
use rapprochement_core::service::config::ServiceConfig;
use rapprochement_core::time::Duration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::config::Method;
use crate::units::{Share, Span};

/// A peer sampler and its parameters.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum SamplerConfig {
    /// Newscast: both swap their whole caches and keep the freshest.
    Newscast {
        /// Neighbours, 1 to 254.
        #[serde(default = "twenty")]
        view: u32,
        /// Time between the rounds that a node begins.
        #[serde(default = "ten_seconds")]
        interval: Span,
    },
    /// Cyclon: some entries are swapped with the oldest neighbour.
    Cyclon {
        /// Neighbours, 1 to 255.
        #[serde(default = "twenty")]
        view: u32,
        /// Entries in a message, at most as many as neighbours.
        #[serde(default = "eight")]
        shuffle: u32,
        /// Time between the rounds that a node begins.
        #[serde(default = "ten_seconds")]
        interval: Span,
    },
    /// The peer-sampling framework of Jelasity et al., by push and pull with the oldest neighbour.
    Framework {
        /// Neighbours, 2 to 255.
        #[serde(default = "thirty")]
        view: u32,
        /// Oldest entries that a merge drops, H.
        #[serde(default)]
        healer: u32,
        /// Entries given away that a merge drops, S.
        #[serde(default)]
        swapper: u32,
        /// Time between the rounds that a node begins.
        #[serde(default = "ten_seconds")]
        interval: Span,
    },
    /// HyParView: a small active view of mutual neighbours, and a passive one that stands by.
    #[serde(rename = "hyparview")]
    HyParView {
        /// Neighbours, 1 to 255.
        #[serde(default = "five")]
        active: u32,
        /// Peers that stand by, 1 to 255.
        #[serde(default = "thirty")]
        passive: u32,
        /// Time between shuffles.
        #[serde(default = "minute")]
        interval: Span,
    },
    /// Brahms: limited pushes, pulls, and min-wise samples that pings validate.
    Brahms {
        /// Peers of the view that come from pushes, and as many from pulls.
        #[serde(default = "nine")]
        pushes: u32,
        /// Peers of the view that come from the samples.
        #[serde(default = "two")]
        history: u32,
        /// Samples.
        #[serde(default = "twenty")]
        samples: u32,
        /// Time between rounds.
        #[serde(default = "ten_seconds")]
        interval: Span,
    },
    /// BASALT: slots that each keep the peer which ranks first under a seed of their own, some of them renewed in turn.
    Basalt {
        /// Slots, 1 to 255.
        #[serde(default = "sixty_four")]
        view: u32,
        /// Slots that begin again every second round.
        #[serde(default = "two")]
        rotate: u32,
        /// Time between rounds.
        #[serde(default = "ten_seconds")]
        interval: Span,
    },
    /// PeerSwap: neighbours of a regular graph swap places.
    #[serde(rename = "peerswap")]
    PeerSwap {
        /// Neighbours, 1 to 64.
        #[serde(default = "five")]
        degree: u32,
        /// How often the clock of an edge rings per second, in the mean.
        #[serde(default = "ring")]
        rate: f64,
        /// After what a lock ends and a silent neighbour is taken for dead, about; several times as long as a message takes.
        #[serde(default = "four_seconds")]
        lease: Span,
    },
}

fn ring() -> f64 {
    0.02
}

fn four_seconds() -> Span {
    Span(Duration::from_secs(4))
}

fn two() -> u32 {
    2
}

fn five() -> u32 {
    5
}

fn eight() -> u32 {
    8
}

fn nine() -> u32 {
    9
}

fn twenty() -> u32 {
    20
}

fn sixty_four() -> u32 {
    64
}

fn thirty() -> u32 {
    30
}

fn ten_seconds() -> Span {
    Span(Duration::from_secs(10))
}

fn minute() -> Span {
    Span(Duration::from_secs(60))
}

impl SamplerConfig {
    /// The parameters of the core.
    pub fn sampling(self) -> SamplingConfig {
        let timeout = |interval: Span| Duration::from_secs(2).min(interval.0);
        match self {
            Self::Newscast { view, interval } => SamplingConfig::Newscast(NewscastConfig {
                view: view as usize,
                interval: interval.0,
                timeout: timeout(interval),
            }),
            Self::Cyclon { view, shuffle, interval } => SamplingConfig::Cyclon(CyclonConfig {
                view: view as usize,
                shuffle: shuffle as usize,
                interval: interval.0,
                timeout: timeout(interval),
            }),
            Self::Framework { view, healer, swapper, interval } => SamplingConfig::Framework(FrameworkConfig {
                view: view as usize,
                healer: healer as usize,
                swapper: swapper as usize,
                selection: PeerSelection::Tail,
                propagation: Propagation::PushPull,
                interval: interval.0,
                timeout: timeout(interval),
            }),
            Self::HyParView { active, passive, interval } => SamplingConfig::HyParView(HyParViewConfig {
                active: active as usize,
                passive: passive as usize,
                interval: interval.0,
                ..HyParViewConfig::default()
            }),
            Self::Brahms { pushes, history, samples, interval } => SamplingConfig::Brahms(BrahmsConfig {
                pushes: pushes as usize,
                pulls: pushes as usize,
                history: history as usize,
                samples: samples as usize,
                interval: interval.0,
                ..BrahmsConfig::default()
            }),
            Self::Basalt { view, rotate, interval } => SamplingConfig::Basalt(BasaltConfig {
                view: view as usize,
                rotate: rotate as usize,
                interval: interval.0,
                suspicion: interval.0.saturating_mul(60),
                ..BasaltConfig::default()
            }),
            Self::PeerSwap { degree, rate, lease } => {
                SamplingConfig::PeerSwap(PeerSwapConfig { degree: degree as usize, rate, lease: lease.0 })
            }
        }
    }

    /// What is wrong with the parameters.
    ///
    /// # Errors
    /// The first parameter that makes no sense.
    pub fn check(self) -> Result<(), SamplingError> {
        self.sampling().build(SimPeer(0)).map(drop)
    }

    /// The least time between two rounds of a node.
    pub fn interval(self) -> Span {
        match self {
            Self::Newscast { interval, .. }
            | Self::Cyclon { interval, .. }
            | Self::Framework { interval, .. }
            | Self::HyParView { interval, .. }
            | Self::Brahms { interval, .. }
            | Self::Basalt { interval, .. } => interval,
            Self::PeerSwap { lease, .. } => lease,
        }
    }
}

/// The RTT service: `protocol.rtt_service`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ServiceSettings {
    /// Peers that a node knows when it begins, drawn from the membership.
    pub bootstrap: u32,
    /// The sampler of the random neighbours.
    pub sampler: SamplerConfig,
    /// Time between the probes of a node.
    pub probe: Span,
    /// Time between its asks for introductions.
    pub ask: Span,
    /// Time between its rounds of opinions.
    pub opine: Span,
    /// Time between its choices of neighbours.
    pub review: Span,
    /// Opinions that a node publishes at most; 0 for a service without ranking.
    pub opinions: u32,
    /// How opinions are reconciled.
    pub method: Method,
    /// Time between the sessions that a node opens.
    pub reconcile: Span,
    /// Neighbours to whom a new opinion is passed on at once.
    pub push: u32,
    /// Walks of a node's ranking.
    pub walks: u32,
    /// The probability that a walk goes on.
    pub continue_prob: f64,
    /// Which defences the choice of neighbours has.
    pub choice: Choice,
    /// Neighbours by score.
    pub best: u32,
    /// Neighbours from the sampler.
    pub random: u32,
    /// Neighbours by distance: one from each ring of round-trip times.
    pub rings: u32,
    /// How much the rank counts in the score.
    pub rank_weight: f64,
    /// How much the uptime counts.
    pub uptime_weight: f64,
    /// How much the round trip counts.
    pub rtt_weight: f64,
    /// The share of its weight by which an opinion has to change to be published anew.
    pub change: Share,
}

impl Default for ServiceSettings {
    fn default() -> Self {
        let core = ServiceConfig::default();
        let Weights { rank, uptime, rtt } = core.neighbours.weights;
        Self {
            bootstrap: 5,
            sampler: SamplerConfig::Cyclon { view: 20, shuffle: 8, interval: ten_seconds() },
            probe: Span(core.probe_every),
            ask: Span(core.ask_every),
            opine: Span(core.opine_every),
            review: Span(core.review_every),
            opinions: core.opinions as u32,
            method: Method::Auto,
            reconcile: Span(core.reconcile.interval),
            push: core.reconcile.push,
            walks: core.walks.walks,
            continue_prob: core.walks.continue_prob,
            choice: Choice::Mixed,
            best: core.neighbours.best as u32,
            random: core.neighbours.random as u32,
            rings: core.neighbours.rings.into(),
            rank_weight: rank,
            uptime_weight: uptime,
            rtt_weight: rtt,
            change: Share(core.change_min),
        }
    }
}

impl ServiceSettings {
    /// The parameters of the core; walks are drawn from this seed.
    pub fn service(&self, seed: u64) -> ServiceConfig {
        let core = ServiceConfig::default();
        ServiceConfig {
            probe_every: self.probe.0,
            ask_every: self.ask.0,
            opine_every: if self.opinions == 0 { Duration::ZERO } else { self.opine.0 },
            review_every: self.review.0,
            opinions: self.opinions as usize,
            change_min: self.change.0,
            walks: WalksConfig { seed, walks: self.walks, continue_prob: self.continue_prob },
            sampling: self.sampler.sampling(),
            reconcile: ReconcilerConfig {
                method: self.method.kind(),
                interval: if self.opinions == 0 { Duration::ZERO } else { self.reconcile.0 },
                push: self.push,
                ..core.reconcile
            },
            neighbours: self.neighbours(core.neighbours),
            ..core
        }
    }

    fn neighbours(&self, core: NeighboursConfig) -> NeighboursConfig {
        let (best, random) = (self.best as usize, self.random as usize);
        let rings = u8::try_from(self.rings).unwrap_or(u8::MAX);
        let weights = Weights { rank: self.rank_weight, uptime: self.uptime_weight, rtt: self.rtt_weight };
        let all = NeighboursConfig { best: best + random + usize::from(rings), random: 0, rings: 0, weights, ..core };
        match self.choice {
            Choice::Mixed => NeighboursConfig { best, random, rings, ..all },
            Choice::Ranked => all,
            Choice::Nearest => NeighboursConfig { weights: Weights { rank: 0.0, ..weights }, ..all },
        }
    }
}

/// Which defences the choice of neighbours has. There are as many neighbours in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Choice {
    /// Some by score, some from the sampler, some by rings of distance, as many of each as the other keys say.
    #[default]
    Mixed,
    /// All by score: ranks count, but there is no diversity.
    Ranked,
    /// All by uptime and round trip, whatever the ranks: no defence at all.
    Nearest,
}
