//! Studies of MeritRank: gains against the closed forms, decays against what they are by definition, and runs against
//! themselves.

mod common;

use common::{experiment, run};
use rapprochement_sim::engine::QueueKind;
use rapprochement_sim::measure::results::Results;
use rapprochement_sim::model::RunOptions;
use rapprochement_sim::scenario::parse;

const SHAPES: [&str; 3] = ["path", "parallel", "cycle"];
const PLACES: [&str; 3] = ["trusted", "unbridged", "bridged"];

/// The text of a study with 60 users; `more` are lines of `[protocol.meritrank]`.
fn text(seed: u64, epochs: u32, more: &str) -> String {
    let edges = if more.starts_with("edges") { "" } else { "edges = 180" };
    format!(
        "name = 'study'\nseed = {seed}\nnodes = 60\nduration = '{epochs} s'\nmeasure.sample = '1 s'\n\
         [protocol.meritrank]\n{edges}\n{more}\n"
    )
}

fn study(seed: u64, epochs: u32, more: &str) -> Results {
    let text = text(seed, epochs, more);
    let scenario = parse("study", &text, &[]).unwrap_or_else(|wrong| panic!("{wrong}")).scenario;
    run(&experiment(&scenario), &RunOptions { threads: 1, ..RunOptions::default() }).results
}

fn of(results: &Results, metric: &str) -> f64 {
    results.get(metric).unwrap_or_else(|| panic!("{metric} is not reported"))
}

fn near(found: f64, expected: f64, what: &str) {
    assert!((found - expected).abs() < 1e-9 * expected.abs().max(1.0), "{what}: {found}, not {expected}");
}

/// The closed forms, written down once more: the study takes its own from the core.
fn closed(shape: &str, q: f64, k: u32) -> f64 {
    match shape {
        "path" => (1..=k).fold((0.0, 1.0), |(sum, power), _| (sum + power * q, power * q)).0,
        "parallel" => q,
        _ => q / (1.0 - q * q * (1.0 - 1.0 / f64::from(k))),
    }
}

#[test]
fn the_exact_engine_gives_the_closed_forms() {
    for (index, shape) in SHAPES.into_iter().enumerate() {
        for (q, k) in [(0.2, 5), (0.5, 1), (0.85, 25), (0.95, 50)] {
            let place = PLACES[(index + k as usize) % 3];
            let more = format!(
                "engine = 'exact'\ncontinue_prob = {q}\nattack = {{ shape = '{shape}', sybils = {k}, attacker = '{place}' }}"
            );
            let results = study(3 + u64::from(k), 1, &more);
            let what = format!("{shape}, q {q}, k {k}, {place}");
            near(of(&results, "sybil_gain"), closed(shape, q, k), &what);
            near(of(&results, "sybil_gain_closed_form"), closed(shape, q, k), &what);
            assert!(of(&results, "sybil_gain_deviation") < 1e-9, "{what}");
            assert_eq!(of(&results, "attacker_bridged"), f64::from(u8::from(place == "bridged")), "{what}");
        }
    }
}

/// Ten graphs, attackers and seeds of walks each: the mean gain, and every single one in its own standard errors.
#[test]
fn walks_give_the_closed_forms() {
    for shape in SHAPES {
        for (q, k) in [(0.5, 5), (0.85, 10), (0.95, 50)] {
            let more = format!(
                "engine.walks = 4000\ncontinue_prob = {q}\n\
                 attack = {{ shape = '{shape}', sybils = {k}, attacker = 'trusted' }}"
            );
            let runs: Vec<Results> = (1..=10).map(|seed| study(seed, 1, &more)).collect();
            let gains: Vec<f64> = runs.iter().map(|results| of(results, "sybil_gain")).collect();
            let mean = gains.iter().sum::<f64>() / 10.0;
            let variance = gains.iter().map(|gain| (gain - mean) * (gain - mean)).sum::<f64>() / 9.0;
            let (expected, error) = (closed(shape, q, k), (variance / 10.0).sqrt());
            assert!((mean - expected).abs() < 4.0 * error, "{shape}, {q}, {k}: {mean} +- {error}, not {expected}");
            for results in &runs {
                let deviation = of(results, "sybil_gain_deviation_se");
                assert!(deviation < 4.0, "{shape}, {q}, {k}: {deviation} standard errors");
            }
        }
    }
}

/// Sybils of who is not behind a bridge lose beta, and so does the gain; who is behind one loses as much as its Sybils.
#[test]
fn connectivity_decay_takes_beta() {
    for shape in SHAPES {
        for (place, scales) in [("trusted", true), ("unbridged", true), ("bridged", false)] {
            let gain = |beta: f64| {
                let more = format!(
                    "engine = 'exact'\nconnectivity.beta = {beta:?}\n\
                     attack = {{ shape = '{shape}', sybils = 5, attacker = '{place}' }}"
                );
                let results = study(4, 1, &more);
                assert!(beta == 1.0 && !scales || of(&results, "sybil_gain_deviation") < 1e-9, "{shape}, {place}");
                (
                    of(&results, "sybil_gain"),
                    of(&results, "sybil_score_gain"),
                    of(&results, "sybil_score_gain_undecayed"),
                )
            };
            let (before, score, undecayed) = gain(0.0);
            near(score, undecayed, "no decay");
            for beta in [0.25, 0.5, 0.9, 1.0] {
                let (after, score, of_none) = gain(beta);
                near(of_none, undecayed, "the undecayed gain");
                if scales {
                    near(after, (1.0 - beta) * before, &format!("{shape}, {place}, {beta}"));
                    assert!(score < undecayed, "{shape}, {place}, {beta}: {score} of {undecayed}");
                } else if beta < 1.0 {
                    near(after, before, &format!("{shape}, {place}, {beta}"));
                } else {
                    assert!(after.is_nan(), "nobody has anything left");
                }
            }
        }
    }
}

/// With part of the attacker's word the gain has a closed form where no path leads back; else it is larger, by what comes back. Who
/// gave nobody else feedback gives Sybils all of its word.
#[test]
fn honest_returns_are_told_from_closed_forms() {
    let (mut half, mut all, mut returns) = (0, 0, 0);
    for seed in 1..=16 {
        let more = "edges = 60\nengine = 'exact'\nattack = { shape = 'path', sybils = 3, strength = { share = 0.5 } }";
        let results = study(seed, 1, more);
        let (gain, expected) = (of(&results, "sybil_gain"), of(&results, "sybil_gain_closed_form"));
        let formula = closed("path", 0.85, 3);
        if expected.is_nan() {
            returns += 1;
            assert!(gain > 0.5 * formula + 1e-6 && of(&results, "sybil_gain_deviation").is_nan(), "{gain}");
        } else {
            near(gain, expected, "no returns");
            *(if expected < 0.75 * formula { &mut half } else { &mut all }) += 1;
            near(expected, if expected < 0.75 * formula { 0.5 * formula } else { formula }, "the closed form");
        }
    }
    assert!(half > 0 && all > 0 && returns > 0, "{half} {all} {returns}");
}

/// In a graph that stays, the gain in week `t` of an attack from week `a` on is the closed form times the weight of the weeks
/// since, among all weeks.
#[test]
fn past_epochs_weigh_as_much_as_is_kept() {
    for keep in [0.0f64, 0.5, 1.0] {
        let more = format!(
            "engine = 'exact'\nkeep = {keep:?}\nconnectivity.beta = 0.5\nattack = {{ shape = 'cycle', sybils = 4, epoch = 3 }}"
        );
        let results = study(5, 6, &more);
        let gains: Vec<_> = results.series.iter().filter(|sample| sample.metric == "sybil_gain").collect();
        assert_eq!(gains.len(), 6);
        for (week, sample) in (1..).zip(&gains) {
            assert_eq!(sample.time.as_nanos(), week * 1_000_000_000);
            let weight = |past: u64| (past..week).fold(1.0, |product, _| product * keep);
            let sum = |from: u64| (from..=week).map(weight).sum::<f64>();
            let expected = 0.5 * closed("cycle", 0.85, 4) * if week < 3 { 0.0 } else { sum(3) / sum(1) };
            near(sample.value, expected, &format!("week {week}, {keep} kept"));
        }
        near(of(&results, "sybil_gain"), of(&results, "sybil_gain_closed_form"), "at the end");
    }
}

/// Without decay nothing is lost; connectivity decay takes from who is behind a bridge, the more the larger it is.
#[test]
fn decays_cost_information() {
    let informed = |more: &str| {
        let results = study(6, 1, &format!("engine = 'exact'\n{more}"));
        let [deviation, correlation] = ["honest_mapd", "honest_rank_correlation"].map(|metric| of(&results, metric));
        (deviation, correlation, of(&results, "bridged_share"))
    };
    let (deviation, correlation, bridged) = informed("");
    assert!(deviation < 1e-12 && correlation > 1.0 - 1e-12 && bridged > 0.05, "{deviation} {correlation} {bridged}");
    let mut before = 0.0;
    for beta in [0.25, 0.5, 0.75, 1.0] {
        let (deviation, correlation, _) = informed(&format!("connectivity.beta = {beta:?}"));
        assert!(deviation > before && correlation < 1.0, "{beta}: {deviation} {correlation}");
        before = deviation;
    }
    assert!(before >= bridged, "of who loses everything the deviation is 1: {before} {bridged}");
    let (deviation, ..) = informed("continue_prob = 0.5\nreference = 0.85");
    assert!(deviation > 0.05, "{deviation}");
}

/// The ego's own list: 50 Sybils in parallel share one part, in a path the first ones have nearly the attacker's.
#[test]
fn sybils_in_the_list_are_counted() {
    let listed = |shape: &str| {
        let more = format!(
            "engine = 'exact'\nattack = {{ shape = '{shape}', sybils = 50, attacker = 'trusted' }}\ncontinue_prob = 0.95"
        );
        of(&study(7, 1, &more), "sybils_in_top")
    };
    assert!(listed("parallel") == 0.0 && listed("path") >= 5.0, "{} {}", listed("parallel"), listed("path"));
}

#[test]
fn threads_change_nothing_and_seeds_do() {
    let more = "feedback = 'growing'\nkeep = 0.5\nconnectivity = { beta = 0.5, threshold = 0.5 }\n\
                engine.walks = 500\nattack = { shape = 'cycle', sybils = 5, epoch = 4 }";
    let facts = |seed, threads, queue| {
        let scenario = parse("study", &text(seed, 8, more), &[]).unwrap_or_else(|wrong| panic!("{wrong}")).scenario;
        let options = RunOptions { threads, queue, exact_threads: true, ..RunOptions::default() };
        let run = run(&experiment(&scenario), &options);
        (run.statistics.digest, run.statistics.checkpoints, format!("{:?}", run.results))
    };
    let plain = facts(1, 1, QueueKind::default());
    assert_eq!(plain.1.len(), 8);
    assert!(plain == facts(1, 3, QueueKind::default()) && plain == facts(1, 1, QueueKind::Reference));
    assert!(plain.0 != facts(2, 1, QueueKind::default()).0);
}

/// What cannot be meant is refused at its place, and so is what a study has no use for.
#[test]
fn wrong_parameters_are_refused() {
    let refused = |text: &str, place: &str| {
        let why = parse("x", text, &[]).err().map(|wrong| wrong.to_string());
        assert!(why.as_ref().is_some_and(|why| why.contains(place)), "{text}: {why:?}");
    };
    for (more, place) in [
        ("edges = 0", "use 1 to"),
        ("edges = 3000", "use 1 to"),
        ("exponent = 2.0", "power law"),
        ("trusted = 60", "use 1 to 59"),
        ("continue_prob = 1.0", "0 to 0.999"),
        ("reference = -0.1", "reference"),
        ("keep = 1.5", "past reputation"),
        ("top = 0", "a list of nobody"),
        ("connectivity = { beta = 2.0 }", "beta"),
        ("connectivity = { threshold = 0.0 }", "above 0"),
        ("engine.walks = 0", "0 walks"),
        ("engine = 'exact'\nattack = { shape = 'path', sybils = 1000 }", "at most 1024"),
        ("attack = { shape = 'path', sybils = 5, strength = { share = 0.0 } }", "above 0"),
        ("attack = { shape = 'path', sybils = 5, strength = { weight = -1.0 } }", "no weight"),
        ("attack = { shape = 'path', sybils = 5, epoch = 3 }", "epoch 3 of 2"),
        ("attack = { shape = 'star', sybils = 5 }", "star"),
        ("continue_probb = 0.5", "continue_prob"),
    ] {
        refused(&text(1, 2, more), place);
    }
    for (more, place) in [
        ("network.duplicate = '1 %'", "leave `network` out"),
        ("churn.sessions.profile.name = 'kad'", "leave `churn` out"),
        ("workload.warm_up = '1 s'", "leave `workload` out"),
        ("workload = { writers = 3 }", "leave `workload` out"),
        ("signatures = 'stand_in'", "leave `signatures` out"),
        ("membership = 'full'", "leave `membership` out"),
        ("hostile = { share = '10 %', behaviour = 'silent' }", "protocol.meritrank.attack"),
        ("node.per_message = '1 ms'", "leave `node` out"),
        ("encode_messages = true", "leave `encode_messages` out"),
        ("measure.events = true", "measure.sample"),
    ] {
        refused(&format!("{more}\n{}", text(1, 2, "").replace("measure.sample = '1 s'\n", "")), place);
    }
    refused("name = 'x'\nnodes = 60\nduration = '10 h'\nprotocol.meritrank = { edges = 90 }", "72000 epochs");
}
