//! MeritRank under Sybil attacks: studies of one feedback graph, epoch by epoch, without nodes and messages.
//!
//! A run draws a feedback graph, an attacker in it, and the ego's walks; ranks every epoch's graph with the attack and
//! without it; applies the decays; and measures what the attack gained and what the decays cost. The experiments are those
//! of B. Nasrulin, G. Ishmaev, J. Pouwelse, "MeritRank: Sybil Tolerant Reputation for Merit-based Tokenomics", BRAINS
//! 2022, on drawn graphs of the size of theirs.

mod attack;
pub mod config;
mod feedback;
mod report;
mod study;

use std::ops::ControlFlow;

use rapprochement_core::rank::RankError;
use rapprochement_core::time::{Duration, Instant};

use self::attack::Attack;
use self::config::RankSettings;
use self::feedback::Feedback;
use self::study::{Epoch, Study};
use super::experiment::Experiment;
use super::{Heartbeat, ModelRun, RunStatistics, Watch};
use crate::engine::{Checkpoint, Outcome};
use crate::measure::results::Results;
use crate::problem::Problem;
use crate::random::{Purpose, Streams};

/// The draws of a run.
const GRAPH: u64 = 0;
const ATTACKER: u64 = 1;
const WALKS: u64 = 2;

/// How many epochs a run has: as many samples as fit into it.
pub fn epochs(duration: Duration, sample: Duration) -> u64 {
    duration.as_nanos() / sample.as_nanos().max(1)
}

/// Runs a study to its end. It is one thread's work, so no option changes anything.
///
/// # Errors
/// A graph that cannot be drawn, an attacker that does not exist.
pub fn run(experiment: &Experiment, settings: &RankSettings, watch: Watch<'_>) -> Result<ModelRun, Vec<Problem>> {
    let streams = Streams::new(experiment.seed);
    let (users, sample) = (experiment.nodes, experiment.measure.sample.0);
    let epochs = u32::try_from(epochs(experiment.duration.0, sample)).unwrap_or(u32::MAX).max(1);
    let feedback = draw_feedback(settings, users, &streams)?;
    let attack = draw_attack(settings, users, &feedback, experiment.seed)?;
    let seed = streams.key(Purpose::Feedback, WALKS);
    let mut study = Study::new(settings, (users, epochs), feedback, attack, seed);
    let mut results = Results::default();
    let mut digest = Digest::default();
    let (mut end, mut outcome, mut last) = (Instant::ZERO, Outcome::DeadlineReached, None);
    for epoch in 0..epochs {
        let standing = study.epoch(epoch).map_err(refused)?;
        end = end + sample;
        report::sample(&study, &standing, end, &mut results);
        digest.add(epoch, &standing);
        last = Some(standing);
        if let ControlFlow::Break(why) = watch(Heartbeat { now: end, events: study.calculated }) {
            outcome = Outcome::Failed(why);
            break;
        }
    }
    if let Some(last) = &last {
        let reference = study.reference(&study.edges(epochs - 1)).map_err(refused)?;
        report::report(&study, last, &reference, &mut results);
    }
    let statistics = RunStatistics {
        outcome,
        events: study.calculated,
        digest: digest.sum,
        checkpoints: digest.checkpoints,
        end,
        trace: Vec::new(),
        windows: 0,
    };
    Ok(ModelRun { results, statistics, one_thread: None })
}

fn draw_feedback(settings: &RankSettings, users: u32, streams: &Streams) -> Result<Feedback, Vec<Problem>> {
    let mut rng = streams.stream(Purpose::Feedback, GRAPH);
    let drawn = Feedback::draw(users, settings.edges, settings.exponent, settings.trusted, &mut rng);
    drawn.ok_or_else(|| {
        let message = format!("{} different pairs of {users} users do not come about", settings.edges);
        let help = "use fewer edges, more nodes, or a larger exponent";
        vec![Problem::new("protocol.meritrank.edges", message, help)]
    })
}

fn draw_attack(
    settings: &RankSettings,
    users: u32,
    feedback: &Feedback,
    seed: u64,
) -> Result<Option<Attack>, Vec<Problem>> {
    let Some(config) = settings.attack else { return Ok(None) };
    let mut rng = Streams::new(seed).stream(Purpose::Feedback, ATTACKER);
    let attack = Attack::draw(config, users, &feedback.edges(0..feedback.len()), &mut rng);
    attack.map(Some).ok_or_else(|| {
        let message = format!("under seed {seed} no user stands there");
        let help = "use another seed, more nodes, or fewer edges";
        vec![Problem::new("protocol.meritrank.attack.attacker", message, help)]
    })
}

fn refused(error: RankError) -> Vec<Problem> {
    vec![Problem::new("protocol.meritrank", error.to_string(), "")]
}

/// What all rankings of a run come to: a sum over epochs of a hash of every reach, to the bit.
#[derive(Default)]
struct Digest {
    sum: u128,
    checkpoints: Vec<Checkpoint>,
}

impl Digest {
    fn add(&mut self, epoch: u32, standing: &Epoch) {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&epoch.to_le_bytes());
        for standing in [&standing.honest, &standing.attacked] {
            for values in [&standing.ranking.reach, &standing.ranking.bridges, &standing.reach, &standing.scores] {
                for value in values {
                    hasher.update(&value.to_bits().to_le_bytes());
                }
            }
        }
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
        let digest = u128::from_le_bytes(bytes);
        self.sum = self.sum.wrapping_add(digest);
        self.checkpoints.push(Checkpoint { slice: epoch.into(), digest });
    }
}
