//! Hostile nodes among honest ones: what they do is noticed, and costs a bounded amount; the honest ones end alike. All numbers of
//! a run are over the honest ones.

mod common;

use common::{experiment, run};
use rapprochement_sim::measure::results::Results;
use rapprochement_sim::model::RunOptions;
use rapprochement_sim::model::config::Method;
use rapprochement_sim::model::hostile::config::Behaviour;
use rapprochement_sim::scenario::parse;

/// Nine honest nodes and three others; every message crosses the network as bytes.
fn results(behaviour: Behaviour, method: Method) -> Results {
    let text = "name = 'hostile'\nnodes = 12\nduration = '24 s'\nsignatures = 'stand_in'\nencode_messages = true\n\
                network.latency.constant = '20 ms'\nprotocol.reconcile = { method = 'auto', interval = '500 ms', patience = '5 s' }\n\
                hostile = { share = '25 %', behaviour = 'none' }\n\
                workload = { writers = 8, arrivals.poisson.per_second = 4.0, keys.per_writer = 4, drain = '14 s' }";
    let name = |value: serde_json::Value| value.as_str().unwrap().to_owned();
    let sets = [
        format!("hostile.behaviour={}", name(serde_json::to_value(behaviour).unwrap())),
        format!("protocol.reconcile.method={}", name(serde_json::to_value(method).unwrap())),
    ];
    let scenario = parse("hostile", text, &sets).unwrap_or_else(|wrong| panic!("{wrong}")).scenario;
    run(&experiment(&scenario), &RunOptions { threads: 1, ..RunOptions::default() }).results
}

/// Whatever others do, honest nodes end with equal stores, in which nothing is missing that an honest node wrote.
#[test]
fn honest_nodes_end_alike() {
    for behaviour in Behaviour::SESSIONS {
        for method in Method::ALL.into_iter().filter(|method| method.kind().repairs()) {
            let results = results(behaviour, method);
            let what = format!("{behaviour:?} {method:?}");
            for (metric, value) in
                [("equal_stores_share_at_end", 1.0), ("newest_share_at_end", 1.0), ("undelivered_share", 0.0)]
            {
                assert_eq!(results.get(metric), Some(value), "{what}: {metric}");
            }
        }
    }
}

/// Versions alone do not tell two contents of one version apart, so who was shown one of them keeps it.
#[test]
fn the_classic_form_does_not_end_alike_where_authors_equivocate() {
    let share = |behaviour| results(behaviour, Method::Versions).get("equal_stores_share_at_end").unwrap();
    assert_eq!(share(Behaviour::None), 1.0);
    assert!(share(Behaviour::Equivocate) < 0.5);
}

/// Each behaviour does what it says, and is noticed by nobody where it is not there.
#[test]
fn what_hostile_nodes_do_is_seen() {
    let [none, silent, forge, replay, equivocate, withhold, endless, false_counts] =
        Behaviour::SESSIONS.map(|behaviour| results(behaviour, Method::Riblt));
    let of = |results: &Results, metric: &str| results.get(metric).unwrap();
    for (results, hostile) in [(&none, false), (&silent, false), (&forge, true), (&replay, false)] {
        assert_eq!(of(results, "tuples_rejected") > 0.0, hostile);
        assert_eq!(of(results, "equivocations_noticed"), 0.0);
    }
    assert!(of(&silent, "received_messages_per_node") < of(&none, "received_messages_per_node"));
    assert!(of(&replay, "copies_per_needed") > 3.0 * of(&none, "copies_per_needed"));
    // At most one proof for each honest node and hostile author.
    let noticed = of(&equivocate, "equivocations_noticed");
    assert!((1.0..=27.0).contains(&noticed), "{noticed}");
    // Honest nodes hold what hostile authors let out of their hands.
    for results in [&equivocate, &withhold] {
        assert!(of(results, "tuples_adopted") > 1.2 * of(&none, "tuples_adopted"));
    }
    // Cells that contradict the number of items end a session.
    for (results, ends) in [(&none, false), (&false_counts, true)] {
        let aborts =
            results.scalars.iter().find(|scalar| scalar.metric == "sent_messages_per_node" && scalar.group == "abort");
        assert_eq!(aborts.unwrap().value > 0.0, ends);
    }
    let bytes = |results| of(results, "sent_wire_bytes_per_node");
    assert!((2.0..50.0).contains(&(bytes(&endless) / bytes(&none))), "{} {}", bytes(&endless), bytes(&none));
}

/// A tuple that chosen content hides in the first message's cells stays hidden from the published code, however often the two meet;
/// with the repair, and from codes of other sums, it does not.
#[test]
fn a_hidden_tuple_is_found_by_the_default() {
    for (method, repair, found) in
        [("riblt", true, true), ("riblt", false, false), ("keyed_riblt", false, true), ("range", false, true)]
    {
        let text = format!(
            "name = 'hidden'\nnodes = 2\nduration = '10 s'\nsignatures = 'stand_in'\nmembership = 'star'\n\
             protocol.reconcile = {{ method = '{method}', interval = '1 s', first = '0 s', first_message = '200 B', repair = {repair} }}\n\
             workload = {{ writers = 0, arrivals = 'never', preload = {{ items = 50, authors = 5, cancelled_cells = 8 }} }}"
        );
        let scenario = parse("hidden", &text, &[]).unwrap_or_else(|wrong| panic!("{wrong}")).scenario;
        let results = run(&experiment(&scenario), &RunOptions { threads: 1, ..RunOptions::default() }).results;
        // Everything is at one of the two, and at both where it is found: the victim's, and nearly two hundred halves.
        let share = if found { 1.0 } else { 0.5 };
        assert_eq!(results.get("newest_share_at_end"), Some(share), "{method} {repair}");
    }
}
