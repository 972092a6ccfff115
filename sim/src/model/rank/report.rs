//! What a study of MeritRank is judged by.

use rapprochement_core::time::Instant;

use super::attack::Attack;
use super::config::{RankEngine, RankSettings, Spread};
use super::feedback::EGO;
use super::study::{Epoch, Standing, Study};
use crate::measure::results::Results;
use crate::measure::statistics::spearman;
use crate::model::report::ratio;

/// The attack in numbers, at the end of an epoch.
struct Gains {
    /// Sybils' reach over the attacker's, after all decays; not a number where the attacker is not reached.
    gain: f64,
    /// The same of the epoch's graph alone and without connectivity decay.
    plain: f64,
    /// Sybils' scores over what the attacker's would be without the attack, after all decays.
    score: f64,
    /// The same of the epoch's graph alone and without connectivity decay.
    score_plain: f64,
    /// The score of attacker and Sybils together, after all decays.
    share: f64,
    /// What the attacker would have without the attack.
    share_honest: f64,
}

impl Gains {
    fn of(attack: &Attack, epoch: &Epoch) -> Self {
        let sybils = attack.sybils();
        let sum = |values: &[f64]| sybils.iter().map(|&sybil| values[sybil as usize]).sum::<f64>();
        let own = |values: &[f64]| values[attack.node as usize];
        let Epoch { honest, attacked, .. } = epoch;
        let before = &attacked.ranking;
        Self {
            gain: ratio(sum(&attacked.reach), own(&attacked.reach)),
            plain: ratio(sum(&before.reach), own(&before.reach)),
            score: ratio(sum(&attacked.scores), own(&honest.scores)),
            score_plain: ratio(sum(&before.scores), own(&honest.ranking.scores)),
            share: sum(&attacked.scores) + own(&attacked.scores),
            share_honest: own(&honest.scores),
        }
    }
}

/// What is followed over epochs.
pub(super) fn sample(study: &Study<'_>, epoch: &Epoch, time: Instant, results: &mut Results) {
    if let Some(attack) = &study.attack {
        let gains = Gains::of(attack, epoch);
        for (metric, value) in [
            ("sybil_gain", gains.gain),
            ("sybil_score_gain", gains.score),
            ("attacker_score_share", gains.share),
            ("attacker_score_share_honest", gains.share_honest),
        ] {
            results.sample(time, metric, "", value);
        }
    }
}

/// What stands at the end of the last epoch. `reference` has the scores of its honest graph without any decay.
pub(super) fn report(study: &Study<'_>, last: &Epoch, reference: &[f64], results: &mut Results) {
    let honest: Vec<u32> =
        (1..study.users).filter(|user| study.attack.is_none_or(|attack| attack.node != *user)).collect();
    informativeness(study, &honest, last, reference, results);
    let reach = &last.attacked.ranking.reach;
    let reached: Vec<u32> = honest.iter().copied().filter(|&user| reach[user as usize] > 0.0).collect();
    // The oracle's shares come out of a division.
    let threshold = study.settings.connectivity.threshold - 1e-9;
    let bridges = &last.attacked.ranking.bridges;
    let bridged = reached.iter().filter(|&&user| bridges[user as usize] >= threshold).count();
    results.scalar("reached_share", ratio(reached.len() as f64, honest.len() as f64));
    results.scalar("bridged_share", ratio(bridged as f64, reached.len() as f64));
    if let Some(attack) = &study.attack {
        attacked(study, attack, last, results);
    }
}

/// How far the decayed scores of honest users are from the undecayed ones, and from what feedback they have. Both are scaled to
/// the sum 1 over the honest users whom the undecayed ranking reaches: it is the standing of the honest among themselves.
fn informativeness(study: &Study<'_>, honest: &[u32], last: &Epoch, reference: &[f64], results: &mut Results) {
    let mut received = vec![0.0; study.users as usize];
    for edge in study.edges(study.epochs - 1) {
        received[edge.to as usize] += if edge.from == EGO { 0.0 } else { edge.weight };
    }
    let known: Vec<usize> = honest.iter().map(|&user| user as usize).filter(|&user| reference[user] > 0.0).collect();
    let scores = &last.attacked.scores;
    let sum = |values: &[f64]| known.iter().map(|&user| values[user]).sum::<f64>();
    let (total, undecayed) = (sum(scores), sum(reference));
    let deviation = |user: usize| (scores[user] / total * undecayed / reference[user] - 1.0).abs();
    let pairs = |other: &[f64]| known.iter().map(|&user| (scores[user], other[user])).collect::<Vec<_>>();
    let mapd = ratio(known.iter().map(|&user| deviation(user)).sum(), known.len() as f64);
    results.scalar("honest_mapd", mapd);
    results.scalar("honest_rank_correlation", spearman(&pairs(reference)));
    results.scalar("feedback_rank_correlation", spearman(&pairs(&received)));
}

fn attacked(study: &Study<'_>, attack: &Attack, last: &Epoch, results: &mut Results) {
    let gains = Gains::of(attack, last);
    results.scalar("sybil_gain", gains.gain);
    results.scalar("sybil_gain_undecayed", gains.plain);
    let (expected, error) = closed_form(study, attack, last);
    results.scalar("sybil_gain_closed_form", expected);
    results.scalar("sybil_gain_to_closed_form", ratio(gains.gain, expected));
    let deviation = (gains.gain - expected).abs();
    results.scalar("sybil_gain_deviation", deviation);
    results.scalar("sybil_gain_deviation_se", ratio(deviation, error));
    results.scalar("sybil_score_gain", gains.score);
    results.scalar("sybil_score_gain_undecayed", gains.score_plain);
    results.scalar("attacker_score_share", gains.share);
    results.scalar("attacker_score_share_honest", gains.share_honest);
    results.scalar("attacker_reach", last.attacked.ranking.reach[attack.node as usize]);
    results.scalar("attacker_bridged", f64::from(u8::from(attack.bridged)));
    results.scalar("sybils_in_top", sybils_in_top(study.settings, attack, &last.attacked));
}

/// The gain that the closed forms give after all decays, and its standard error with these walks; not a number where none
/// applies. The standard error is that of a single epoch's walks.
fn closed_form(study: &Study<'_>, attack: &Attack, last: &Epoch) -> (f64, f64) {
    let settings = study.settings;
    let none = (f64::NAN, f64::NAN);
    let Some(graph) = &last.graph else { return (0.0, f64::NAN) };
    let Some((gain, deviation)) = attack.closed_form(settings.continue_prob, graph) else { return none };
    let Some(memory) = memory(settings, attack, study.epochs) else { return none };
    // All walks lead to Sybils over the attacker, to whom itself the decay may apply.
    let ranking = &last.attacked.ranking;
    let own = ratio(ranking.decayed_reach[attack.node as usize], ranking.reach[attack.node as usize]);
    let factor = memory * ratio(1.0 - settings.connectivity.beta, own);
    let error = match settings.engine {
        RankEngine::Exact => f64::NAN,
        RankEngine::Walks(walks) => {
            let met = ranking.reach[attack.node as usize] * f64::from(walks);
            factor * ratio(deviation, met.sqrt())
        }
    };
    (factor * gain, error)
}

/// The part of the attacker's reputation that is from epochs of the attack, if its reach is the same in all.
fn memory(settings: &RankSettings, attack: &Attack, epochs: u32) -> Option<f64> {
    if settings.keep == 0.0 {
        return Some(1.0);
    }
    let (mut all, mut on, mut weight) = (0.0, 0.0, 1.0);
    for epoch in (0..epochs).rev() {
        all += weight;
        on += if attack.is_on(epoch) { weight } else { 0.0 };
        weight *= settings.keep;
    }
    (settings.feedback == Spread::Whole || on == all).then_some(on / all)
}

/// Sybils among the best behind the ego.
fn sybils_in_top(settings: &RankSettings, attack: &Attack, standing: &Standing) -> f64 {
    let sybils = attack.sybils();
    let mut order: Vec<u32> = (1..standing.scores.len() as u32).collect();
    order.retain(|&node| standing.scores[node as usize] > 0.0);
    order.sort_by(|a, b| standing.scores[*b as usize].total_cmp(&standing.scores[*a as usize]).then(a.cmp(b)));
    order.iter().take(settings.top as usize).filter(|node| sybils.binary_search(node).is_ok()).count() as f64
}
