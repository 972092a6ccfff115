//! The study itself: the rankings of each epoch's graph with the attack and without it, and what decays make of them.

use rapprochement_core::rank::decay::{Decayed, Epochs};
use rapprochement_core::rank::{Config, EdgeChange, Exact, Graph, Rank, RankError, Walks};

use super::attack::{Attack, Attacked};
use super::config::{RankEngine, RankSettings, Spread};
use super::feedback::{EGO, Feedback};

/// The ranking of one graph. Feedback is never negative, so reach has a positive layer alone.
#[derive(Clone, Debug, Default)]
pub(super) struct Ranking {
    /// Reach before connectivity decay.
    pub(super) reach: Vec<f64>,
    /// The share of the strongest bridge.
    pub(super) bridges: Vec<f64>,
    /// Scores before connectivity decay.
    pub(super) scores: Vec<f64>,
    /// Reach after it.
    pub(super) decayed_reach: Vec<f64>,
    /// Scores after it.
    pub(super) decayed_scores: Vec<f64>,
}

/// A graph and its ranking: most epochs have that of the one before.
#[derive(Clone, Debug, Default)]
struct Known(Vec<EdgeChange>, Ranking);

/// What stands at the end of an epoch.
#[derive(Clone, Debug, Default)]
pub(super) struct Standing {
    /// The ranking of the epoch's graph.
    pub(super) ranking: Ranking,
    /// Reach after both decays, up to a common factor.
    pub(super) reach: Vec<f64>,
    /// Scores after both.
    pub(super) scores: Vec<f64>,
}

/// Rankings of a graph that changes from epoch to epoch, and what past ones have left.
#[derive(Clone, Debug)]
struct Course {
    known: Known,
    reach: Epochs,
    scores: Epochs,
}

/// All that a run has to know.
#[derive(Clone, Debug)]
pub(super) struct Study<'a> {
    pub(super) settings: &'a RankSettings,
    pub(super) users: u32,
    pub(super) epochs: u32,
    pub(super) feedback: Feedback,
    pub(super) attack: Option<Attack>,
    /// Seed of the walks.
    pub(super) seed: u64,
    honest: Course,
    attacked: Course,
    /// Rankings that were calculated.
    pub(super) calculated: u64,
}

/// One epoch, with the attack and without it; the same where there is none.
#[derive(Clone, Debug)]
pub(super) struct Epoch {
    /// Without the attack.
    pub(super) honest: Standing,
    /// With it.
    pub(super) attacked: Standing,
    /// The graph with the attack, where it is on.
    pub(super) graph: Option<Attacked>,
}

impl<'a> Study<'a> {
    pub(super) fn new(
        settings: &'a RankSettings,
        (users, epochs): (u32, u32),
        feedback: Feedback,
        attack: Option<Attack>,
        seed: u64,
    ) -> Self {
        let course =
            Course { known: Known::default(), reach: Epochs::new(settings.keep), scores: Epochs::new(settings.keep) };
        let (honest, attacked) = (course.clone(), course);
        Self { settings, users, epochs, feedback, attack, seed, honest, attacked, calculated: 0 }
    }

    /// The honest graph of an epoch, counted from 0.
    pub(super) fn edges(&self, epoch: u32) -> Vec<EdgeChange> {
        let all = self.feedback.len();
        // Pieces are many and epochs few, so a product of both fits by far.
        let until = |epoch: u32| (all as u64 * u64::from(epoch) / u64::from(self.epochs)) as usize;
        self.feedback.edges(match self.settings.feedback {
            Spread::Whole => 0..all,
            Spread::Growing => 0..until(epoch + 1),
            Spread::Passing => until(epoch)..until(epoch + 1),
        })
    }

    /// Ranks the next epoch.
    pub(super) fn epoch(&mut self, epoch: u32) -> Result<Epoch, RankError> {
        let edges = self.edges(epoch);
        let attack = self.attack.filter(|attack| attack.is_on(epoch));
        let graph = attack.map(|attack| attack.carry_out(&edges));
        let with = graph.as_ref().map_or_else(|| edges.clone(), |graph| graph.edges.clone());
        let same = with == edges;
        let mut honest = self.honest.clone();
        self.calculated += u64::from(honest.turn(self, edges)?);
        let mut attacked = self.attacked.clone();
        if same {
            attacked.known = honest.known.clone();
        }
        self.calculated += u64::from(attacked.turn(self, with)?);
        let standing = (honest.standing(), attacked.standing());
        honest.end();
        attacked.end();
        (self.honest, self.attacked) = (honest, attacked);
        Ok(Epoch { honest: standing.0, attacked: standing.1, graph })
    }

    /// The undecayed ranking of a graph that informativeness is measured against: its scores.
    pub(super) fn reference(&self, edges: &[EdgeChange]) -> Result<Vec<f64>, RankError> {
        let continue_prob = self.settings.reference.unwrap_or(self.settings.continue_prob);
        Ok(self.rank(edges, continue_prob)?.scores)
    }

    fn rank(&self, edges: &[EdgeChange], continue_prob: f64) -> Result<Ranking, RankError> {
        let sybils = self.attack.map_or(0, |attack| attack.sybils().len() as u32);
        let mut graph = Graph::new(self.users + sybils)?;
        edges.iter().try_for_each(|edge| graph.apply(*edge))?;
        match self.settings.engine {
            RankEngine::Exact => self.ranking(Exact::new(continue_prob, graph, EGO)?),
            RankEngine::Walks(walks) => {
                self.ranking(Walks::new(Config { seed: self.seed, walks, continue_prob }, graph, EGO)?)
            }
        }
    }

    fn ranking<R: Rank>(&self, mut rank: R) -> Result<Ranking, RankError> {
        rank.poll(u64::MAX);
        let decayed: Decayed = self.settings.connectivity.decay().apply(&rank);
        let each =
            |of: &dyn Fn(u32) -> Result<f64, RankError>| (0..rank.nodes()).map(of).collect::<Result<Vec<f64>, _>>();
        Ok(Ranking {
            reach: each(&|node| Ok(rank.reach(node)?.positive))?,
            bridges: rank.bridge_shares(),
            scores: each(&|node| rank.score(node))?,
            decayed_reach: each(&|node| Ok(decayed.reach(node)?.positive))?,
            decayed_scores: each(&|node| decayed.score(node))?,
        })
    }
}

impl Course {
    /// Ranks the graph of a new epoch; whether that took a calculation.
    fn turn(&mut self, study: &Study<'_>, edges: Vec<EdgeChange>) -> Result<bool, RankError> {
        let is_new = self.known.0 != edges;
        if is_new {
            let ranking = study.rank(&edges, study.settings.continue_prob)?;
            self.known = Known(edges, ranking);
        }
        Ok(is_new)
    }

    fn standing(&self) -> Standing {
        let Known(_, ranking) = &self.known;
        Standing {
            reach: self.reach.reputation(&ranking.decayed_reach),
            scores: self.scores.reputation(&ranking.decayed_scores),
            ranking: ranking.clone(),
        }
    }

    /// The epoch becomes a past one.
    fn end(&mut self) {
        self.reach.end(&self.known.1.decayed_reach);
        self.scores.end(&self.known.1.decayed_scores);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Philox;

    /// What passes week by week is what gathers, and that is in the end the whole.
    #[test]
    fn epochs_cut_the_feedback_into_parts() {
        let feedback = Feedback::draw(50, 200, 2.5, 5, &mut Philox::new(1)).unwrap();
        let edges = |spread, epoch| {
            let settings = RankSettings { feedback: spread, ..RankSettings::default() };
            Study::new(&settings, (50, 7), feedback.clone(), None, 1).edges(epoch)
        };
        let given = |edges: Vec<EdgeChange>| {
            let by_users = edges.iter().filter(|edge| edge.from != EGO);
            by_users.map(|edge| edge.weight).sum::<f64>()
        };
        let mut gathered = 0.0;
        for epoch in 0..7 {
            let passing = given(edges(Spread::Passing, epoch));
            assert!((passing - feedback.len() as f64 / 7.0).abs() <= 1.0, "{passing}");
            gathered += passing;
            assert_eq!(given(edges(Spread::Growing, epoch)), gathered);
        }
        assert_eq!(edges(Spread::Growing, 6), edges(Spread::Whole, 0));
        assert_eq!(edges(Spread::Whole, 3), edges(Spread::Whole, 0));
    }

    /// An epoch whose graph is known already takes no calculation.
    #[test]
    fn what_is_known_is_not_calculated_again() {
        let settings = RankSettings { engine: RankEngine::Walks(50), ..RankSettings::default() };
        let feedback = Feedback::draw(50, 200, 2.5, 5, &mut Philox::new(1)).unwrap();
        let mut study = Study::new(&settings, (50, 3), feedback, None, 1);
        let first = study.epoch(0).unwrap();
        let last = study.epoch(1).unwrap();
        assert_eq!(study.calculated, 1);
        assert_eq!(first.honest.ranking.reach, last.attacked.ranking.reach);
    }
}
