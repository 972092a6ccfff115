//! The same scenario and seed give the same events and results, whatever runs them: any queue, any number of threads, any
//! signer, with messages as values or as bytes. What must change a digest does.
//!
//! `RAPSIM_LONG=1` (see `scripts/long`) runs many more random scenarios.

mod common;

use std::path::Path;

use common::{experiment, run};
use rapprochement_sim::engine::{Outcome, QueueKind};
use rapprochement_sim::model::ModelRun;
use rapprochement_sim::model::RunOptions;
use rapprochement_sim::model::config::Signatures;
use rapprochement_sim::model::experiment::Experiment;
use rapprochement_sim::scenario::{generate, load};

/// How many random scenarios: a few, or with the long suite many.
fn numbers(short: u64, long: u64) -> std::ops::Range<u64> {
    0..if std::env::var_os("RAPSIM_LONG").is_some_and(|value| value == "1") { long } else { short }
}

/// The quickstart, with fewer nodes and a shorter run; its partition and its churn stay inside.
fn quickstart() -> Experiment {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/quickstart.toml");
    let sets = ["nodes=120", "duration=20 s", "workload.drain=5 s", "network.partition[0].start=5 s"];
    let more = ["network.partition[0].heal=10 s", "churn.stop=15 s", "expect={}"];
    let sets: Vec<String> = sets.iter().chain(&more).map(ToString::to_string).collect();
    experiment(&load(&file, &sets).unwrap_or_else(|wrong| panic!("{wrong}")).scenario)
}

/// One thread and the calendar.
fn plainly(experiment: &Experiment) -> ModelRun {
    run(experiment, &RunOptions { threads: 1, ..RunOptions::default() })
}

/// Everything that must not depend on how a run was run. As text, where a number that is none equals itself, and two
/// floating-point numbers are equal only if all their bits are.
fn facts(run: &ModelRun) -> String {
    let statistics = &run.statistics;
    assert!(!matches!(statistics.outcome, Outcome::Failed(_)), "{}", statistics.outcome);
    let course = (statistics.digest, statistics.events, &statistics.outcome, statistics.end, &statistics.checkpoints);
    format!("{course:?}\n{:?}", run.results)
}

/// Runs an experiment in every way, and returns how many windows ran in parallel.
fn equal_in_every_way(experiment: &Experiment, what: &str) -> u64 {
    let ways = [(QueueKind::Calendar, 1), (QueueKind::Calendar, 2), (QueueKind::Calendar, 3), (QueueKind::Calendar, 8)];
    let options = |queue, threads| RunOptions { threads, exact_threads: true, queue, ..RunOptions::default() };
    let reference = facts(&run(experiment, &options(QueueKind::Reference, 1)));
    let mut windows = 0;
    for (queue, threads) in ways {
        let run = run(experiment, &options(queue, threads));
        windows += run.statistics.windows;
        assert!(facts(&run) == reference, "{what}: {queue:?} with {threads} threads differs from the reference engine");
    }
    windows
}

#[test]
fn every_engine_and_any_number_of_threads_give_the_same_run() {
    let mut windows = equal_in_every_way(&quickstart(), "the quickstart");
    for number in numbers(25, 1_000) {
        windows += equal_in_every_way(&experiment(&generate(number)), &format!("generated scenario {number}"));
    }
    // Runs with no lookahead between their shards have one thread; most here have some.
    assert!(windows > 10_000, "only {windows} windows ran in parallel: the comparison is of one thread with itself");
}

/// A real check of a signature takes real time, so this keeps to runs with few receipts.
#[test]
fn a_digest_does_not_depend_on_the_signer() {
    let mut compared = 0;
    for number in numbers(60, 1_000) {
        let base = experiment(&generate(number));
        let with = |signatures| plainly(&Experiment { signatures, ..base.clone() });
        let shared = with(Signatures::Shared);
        let receipts = shared.results.get("copies_per_needed").zip(shared.results.get("tuples_adopted"));
        if receipts.is_none_or(|(copies, adopted)| copies * adopted > 4_000.0) {
            continue;
        }
        compared += 1;
        let shared = facts(&shared);
        assert!(facts(&with(Signatures::StandIn)) == shared, "generated scenario {number}, stand-in");
        assert!(facts(&with(Signatures::Real)) == shared, "generated scenario {number}, real");
    }
    assert!(compared >= 10, "only {compared} scenarios were small enough");
}

#[test]
fn messages_may_cross_as_values_or_as_bytes() {
    for number in numbers(20, 500) {
        let base = experiment(&generate(number));
        if !base.transport.is_datagram() {
            continue; // Its packets are not read back from their bytes.
        }
        let with = |encode_messages| facts(&plainly(&Experiment { encode_messages, ..base.clone() }));
        assert!(with(true) == with(false), "generated scenario {number}");
    }
}

#[test]
fn a_log_of_events_changes_nothing_else() {
    for number in numbers(20, 500) {
        let mut base = experiment(&generate(number));
        if !base.protocol.keeps_stores() {
            continue; // There is no update to log the fate of.
        }
        base.measure.events = false;
        let silent = plainly(&base);
        base.measure.events = true;
        let mut logged = plainly(&base);
        assert!(silent.results.log.is_empty());
        assert!(!logged.results.log.is_empty(), "generated scenario {number} logs nothing");
        logged.results.log.clear();
        assert!(facts(&logged) == facts(&silent), "generated scenario {number}");
    }
}

#[test]
fn another_seed_gives_another_digest() {
    let base = quickstart();
    let mut digests: Vec<u128> =
        (0..8).map(|seed| plainly(&Experiment { seed, ..base.clone() }).statistics.digest).collect();
    digests.sort_unstable();
    digests.dedup();
    assert_eq!(digests.len(), 8);
}
