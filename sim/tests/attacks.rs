//! The RTT service among hostile nodes: every attack ends, is the same on any number of threads, and leaves the honest nodes their
//! service; what the defence is worth, by behaviour.

mod common;

use common::{experiment, run};
use rapprochement_sim::engine::QueueKind;
use rapprochement_sim::measure::results::Results;
use rapprochement_sim::model::experiment::Experiment;
use rapprochement_sim::model::hostile::config::Behaviour;
use rapprochement_sim::model::{ModelRun, RunOptions};
use rapprochement_sim::scenario::parse;

fn attack(behaviour: Behaviour, nodes: u32, minutes: u32, more: &[&str]) -> Experiment {
    let name = serde_json::to_value(behaviour).unwrap();
    let text = format!(
        "name = 'attack'\nnodes = {nodes}\nduration = '{minutes} min'\nsignatures = 'stand_in'\n\
         network.latency.regions = {{ table = 'aws-33-p50' }}\nmeasure.sample = '10 s'\nworkload.warm_up = '1 min'\n\
         protocol.rtt_service = {{ opine = '20 s' }}\nhostile = {{ share = '20 %', behaviour = '{}' }}\n",
        name.as_str().unwrap()
    );
    let sets: Vec<String> = more.iter().map(ToString::to_string).collect();
    experiment(&parse("attack", &text, &sets).unwrap_or_else(|wrong| panic!("{wrong}")).scenario)
}

fn plainly(experiment: &Experiment) -> Results {
    run(experiment, &RunOptions { threads: 1, ..RunOptions::default() }).results
}

fn of(results: &Results, metric: &str) -> f64 {
    results.get(metric).unwrap_or_else(|| panic!("{metric} is not reported"))
}

fn refused(results: &Results, kind: &str) -> f64 {
    let of_kind = |scalar: &&_| {
        let scalar: &rapprochement_sim::measure::results::Scalar = scalar;
        scalar.metric == "refused_per_node" && scalar.group == kind
    };
    results.scalars.iter().find(of_kind).unwrap_or_else(|| panic!("{kind} is not reported")).value
}

/// Whatever hostile nodes do, what honest ones hold stays within its bounds, ranks are finite, and opinions of the
/// honest still reach the honest. Every message crosses the network as bytes.
#[test]
fn honest_nodes_keep_their_service() {
    for behaviour in Behaviour::SERVICE {
        let results = plainly(&attack(behaviour, 30, 3, &["encode_messages=true", "network.loss.independent='1 %'"]));
        let what = format!("{behaviour:?}");
        assert!(of(&results, "view_mean") > 6.0 && of(&results, "view_mean") <= 18.0, "{what}");
        assert!(of(&results, "addresses_max") <= 29.0, "{what}");
        let score = of(&results, "hostile_score_share");
        assert!((-1.0..=1.0).contains(&score), "{what}: {score}");
        assert_eq!(of(&results, "dead_neighbours_share"), 0.0, "{what}");
        assert_eq!(of(&results, "largest_component_share"), 1.0, "{what}");
        assert!(of(&results, "opinions_undelivered_share") < 0.02, "{what}");
        assert!(of(&results, "neighbours_rtt_to_oracle") < 5.0, "{what}");
    }
}

/// The same bytes for one thread and for three.
#[test]
fn threads_change_nothing() {
    for behaviour in Behaviour::SERVICE {
        let churn = "churn.sessions={ times = { up.exponential.mean = '2 min', down.exponential.mean = '1 min' } }";
        let experiment = attack(behaviour, 20, 2, &[churn, "network.loss.independent='2 %'"]);
        let facts = |run: ModelRun| (run.statistics.digest, run.statistics.events, format!("{:?}", run.results));
        let with = |threads, queue| RunOptions { threads, queue, exact_threads: true, ..RunOptions::default() };
        let plain = facts(run(&experiment, &with(1, QueueKind::default())));
        assert!(plain.1 > 1000, "{behaviour:?}");
        assert!(plain == facts(run(&experiment, &with(3, QueueKind::default()))), "{behaviour:?}: three threads");
    }
}

/// The hostile nodes and their victim: the victim is honest, and the same for every share.
#[test]
fn nobody_is_against_anybody_without_hostile_nodes() {
    let nobody = plainly(&attack(Behaviour::Eclipse, 40, 3, &["hostile.share='0 %'"]));
    for metric in
        ["hostile_neighbours_share", "victim_hostile_neighbours_share", "victim_eclipsed", "hostile_score_share"]
    {
        assert_eq!(of(&nobody, metric), 0.0, "{metric}");
    }
    assert_eq!(of(&nobody, "live_nodes"), 40.0);
}

/// A fifth of all nodes who aim at one, for several minutes, do not get it for themselves; nor do they if they are the nearest.
/// One that chooses the nearest alone has them all as neighbours in the second case.
#[test]
fn a_defended_victim_is_not_eclipsed() {
    let share = |behaviour, choice: &str| {
        let set = format!("protocol.rtt_service.choice={choice}");
        let results = plainly(&attack(behaviour, 60, 4, &[&set]));
        of(&results, "victim_hostile_neighbours_share")
    };
    for behaviour in [Behaviour::Eclipse, Behaviour::Proximity] {
        assert!(share(behaviour, "mixed") < 0.8, "{behaviour:?}");
    }
    // Twelve attackers can be twelve of eighteen neighbours.
    assert!(share(Behaviour::Proximity, "nearest") > 0.6);
}

/// Each kind of bad input is counted where it arrives, and by that alone; who sends it is found out.
#[test]
fn bad_input_is_counted_and_costs_its_senders() {
    let kinds = [
        "bad_signature",
        "future_record",
        "foreign_record",
        "ask_flood",
        "unasked",
        "unknown_nonce",
        "ping_flood",
        "bad_opinion",
        "self_opinion",
    ];
    let [none, bad] = [Behaviour::None, Behaviour::BadInput].map(|behaviour| plainly(&attack(behaviour, 30, 4, &[])));
    for kind in kinds {
        assert!(refused(&bad, kind) > 1.0, "{kind}: {}", refused(&bad, kind));
    }
    for kind in ["bad_signature", "future_record", "foreign_record", "bad_opinion", "self_opinion"] {
        assert_eq!(refused(&none, kind), 0.0, "{kind}");
    }
    let share = |results| of(results, "hostile_neighbours_share");
    assert!(share(&bad) < 0.25 * share(&none), "{} {}", share(&bad), share(&none));
}

/// Sybils whose opinions are of each other alone are ranked for what their workers earned, and not for their number: they have
/// less of all scores than as many honest nodes.
#[test]
fn parallel_sybils_gain_less_than_they_would_by_work() {
    let [none, parallel] =
        [Behaviour::None, Behaviour::SybilParallel].map(|behaviour| plainly(&attack(behaviour, 50, 4, &[])));
    let score = |results| of(results, "hostile_score_share");
    assert!(score(&parallel) < score(&none), "{} {}", score(&parallel), score(&none));
}
