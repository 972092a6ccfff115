//! What the metrics of a study mean, on scenarios small enough to compute by hand, and against the log of random ones.
//!
//! Three nodes know each other, every message takes 10 ms, and node links have no limit. A write of 100 bytes under a 4-byte
//! key is a tuple of 32 + 1 + 5 + 1 + 101 + 64 = 204 bytes; a rumour is 2 bytes longer, and 28 bytes of IP and UDP go with
//! each packet.

mod common;

use std::collections::BTreeMap;
use std::path::PathBuf;

use common::{experiment, run};
use rapprochement_core::time::Instant;
use rapprochement_sim::measure::curves::CURVES;
use rapprochement_sim::measure::results::{LoggedEvent, Results};
use rapprochement_sim::model::ModelRun;
use rapprochement_sim::model::RunOptions;
use rapprochement_sim::model::experiment::Experiment;
use rapprochement_sim::model::workload::{NO_UPDATE, Schedule};
use rapprochement_sim::network::config::{ChurnConfig, Departure, Groups, Latency, PartitionConfig, Sessions};
use rapprochement_sim::random::Streams;
use rapprochement_sim::scenario::{generate, parse};
use rapprochement_sim::units::{Share, Size, Span};

const RUMOUR: f64 = 206.0;

fn span(text: &str) -> Span {
    text.parse().unwrap()
}

/// Three nodes; one of them writes its one key at 1 s and every further second before 4 s.
fn three(writes: u32, protocol: &str) -> Experiment {
    let drain = 9 - writes;
    let text = format!(
        "name = 'three'\nnodes = 3\nduration = '10 s'\nsignatures = 'stand_in'\nmembership = 'full'\n\
         network.latency.constant = '10 ms'\nprotocol.{protocol}\nmeasure.sample = '1 s'\n\
         workload = {{ writers = 1, arrivals.periodic.interval = '1 s', warm_up = '1 s', drain = '{drain} s' }}"
    );
    experiment(&parse("three", &text, &[]).unwrap_or_else(|wrong| panic!("{wrong}")).scenario)
}

/// Rumours to both others, and no repair.
fn rumours(writes: u32) -> Experiment {
    let mut experiment = three(writes, "eager_push = { fanout = 2, repair = '1 h' }");
    if let rapprochement_sim::model::config::ProtocolConfig::EagerPush { repair, .. } = &mut experiment.protocol {
        *repair = Span::default();
    }
    experiment
}

fn schedule(experiment: &Experiment) -> Schedule {
    Schedule::draw(
        &experiment.workload,
        experiment.nodes,
        experiment.duration.0,
        std::iter::empty(),
        &Streams::new(experiment.seed),
    )
}

/// The node that writes, and the two others.
fn roles(experiment: &Experiment) -> (u32, [u32; 2]) {
    let writer = schedule(experiment).writers[0];
    (writer, [(writer + 1) % 3, (writer + 2) % 3])
}

fn plainly(experiment: &Experiment) -> ModelRun {
    run(experiment, &RunOptions { threads: 1, ..RunOptions::default() })
}

/// Cuts all three nodes off each other.
fn isolated(start: &str, heal: &str) -> PartitionConfig {
    let groups = Groups::Nodes(vec![vec![0], vec![1], vec![2]]);
    PartitionConfig { start: span(start), heal: span(heal), groups, both_ways: true, every: None }
}

/// Sessions from a file of rows `node,up_s,down_s`, which is deleted when the experiment has been run.
struct TraceFile(PathBuf);

impl TraceFile {
    fn new(name: &str, rows: &str) -> Self {
        let path = std::env::temp_dir().join(format!("rapsim-{}-{name}.csv", std::process::id()));
        std::fs::write(&path, format!("node,up_s,down_s\n{rows}\n")).unwrap();
        Self(path)
    }

    fn churn(&self) -> Option<ChurnConfig> {
        Some(ChurnConfig {
            sessions: Sessions::Trace { file: self.0.clone() },
            departure: Departure::Crash,
            share: Share(1.0),
            speed_up: 1.0,
            start: Span::default(),
            stop: None,
        })
    }
}

impl Drop for TraceFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Holds metrics to values computed by hand.
fn assert_metrics(results: &Results, expected: &[(&str, f64)]) {
    for (metric, value) in expected {
        let found = results.get(metric).unwrap_or_else(|| panic!("there is no metric {metric}"));
        assert!((found - value).abs() <= 1e-9 * value.abs().max(1.0), "{metric}: {found}, by hand {value}");
    }
}

/// Columns of the first row of the table of updates.
fn assert_update(results: &Results, row: usize, expected: &[(&str, f64)]) {
    let table = results.tables.iter().find(|table| table.name == "updates").unwrap();
    for (column, value) in expected {
        let place = table.columns.iter().position(|name| name == column).unwrap();
        let found = table.rows[row][place];
        assert!(
            (found - value).abs() < 1e-9 || (found.is_nan() && value.is_nan()),
            "{column}: {found}, by hand {value}"
        );
    }
}

/// The writer tells both, each of them tells both others: 6 rumours for 2 that were needed.
#[test]
fn one_write_among_three_nodes() {
    let results = plainly(&rumours(1)).results;
    assert_update(&results, 0, &[("population", 3.0), ("left", 0.0), ("delivered", 3.0), ("undelivered", 0.0)]);
    assert_update(&results, 0, &[("issued_ns", 1e9), ("time_to_50_s", 0.01), ("time_to_100_s", 0.01)]);
    assert_metrics(
        &results,
        &[
            ("updates_issued", 1.0),
            ("updates_skipped", 0.0),
            ("update_latency_mean_s", 0.02 / 3.0),
            ("update_latency_max_s", 0.01),
            ("undelivered_share", 0.0),
            ("left_share", 0.0),
            ("store_time_to_100_s", 0.01),
            ("newest_share_at_end", 1.0),
            ("tuples_adopted", 2.0),
            ("copies_per_needed", 3.0),
            ("rumour_hops_mean", 1.0),
            ("sent_messages_per_node", 2.0),
            ("sent_payload_bytes_per_node", 2.0 * RUMOUR),
            ("received_wire_bytes_per_node", 2.0 * (RUMOUR + 28.0)),
            ("sent_wire_bytes_per_node_s", 2.0 * (RUMOUR + 28.0) / 9.0),
            ("payload_bytes_over_lower_bound", 6.0 * RUMOUR / (2.0 * 204.0)),
            ("node_sent_bytes_max_to_median", 1.0),
            ("node_sent_bytes_gini", 0.0),
        ],
    );
}

/// 2000 bytes of value make a rumour of 2107 bytes, which takes two packets of at most 1500 - 28 bytes.
#[test]
fn every_fragment_pays_its_headers() {
    let mut experiment = rumours(1);
    experiment.workload.value = rapprochement_sim::model::config::ValueSize::Constant(Size(2000));
    let results = plainly(&experiment).results;
    assert_metrics(
        &results,
        &[("sent_payload_bytes_per_node", 2.0 * 2107.0), ("sent_wire_bytes_per_node", 2.0 * 2163.0)],
    );
}

/// Every exchange opens with a root: a tag and a hash of 16 bytes.
#[test]
fn traffic_is_told_apart_by_class() {
    let results = plainly(&three(1, "scuttlebutt = { interval = '300 ms' }")).results;
    let of = |metric: &str, class: &str| {
        let found = results.scalars.iter().find(|scalar| scalar.metric == metric && scalar.group == class);
        found.map_or(0.0, |scalar| scalar.value)
    };
    let roots = of("sent_messages_per_node", "root");
    // 9 s after the warm-up, at random phases: 30 exchanges a node.
    assert!((29.0..=31.0).contains(&roots), "{roots}");
    assert_eq!(of("sent_payload_bytes_per_node", "root"), roots * 17.0);
    assert_eq!(of("sent_wire_bytes_per_node", "root"), roots * 45.0);
    let classes = ["state", "rumour", "root", "summary", "request", "delta"];
    for metric in ["sent_messages_per_node", "sent_payload_bytes_per_node", "received_wire_bytes_per_node"] {
        let sum: f64 = classes.iter().map(|class| of(metric, class)).sum();
        assert!((results.get(metric).unwrap() - sum).abs() < 1e-9, "{metric}");
    }
    assert_eq!(of("sent_messages_per_node", "rumour"), 0.0);
}

/// A metric about a part of a run.
fn of(results: &Results, metric: &str, group: &str) -> f64 {
    let found = results.scalars.iter().find(|scalar| scalar.metric == metric && scalar.group == group);
    found.unwrap_or_else(|| panic!("there is no metric {metric} of {group:?}")).value
}

/// One of the readers is away: the writer and the other send two rumours each, and receive one from each other. Over nodes,
/// that is 0, 2, 2 sent and 0, 1, 1 received: the Gini coefficient is 2 (2 * 2 + 3 * 2) / (3 * 4) - 4 / 3 = 1 / 3.
#[test]
fn traffic_is_spread_over_nodes() {
    let mut experiment = rumours(1);
    let (_, [first, _]) = roles(&experiment);
    let file = TraceFile::new("spread", &format!("{first},9.5,"));
    experiment.churn = file.churn();
    let results = plainly(&experiment).results;
    for (name, sent, received) in [
        ("bytes", 2.0 * (RUMOUR + 28.0), RUMOUR + 28.0),
        ("payload_bytes", 2.0 * RUMOUR, RUMOUR),
        ("messages", 2.0, 1.0),
    ] {
        for (direction, median) in [("sent", sent), ("received", received)] {
            for class in ["", "rumour"] {
                assert_eq!(of(&results, &format!("node_{direction}_{name}_median"), class), median, "{name} {class:?}");
                assert_eq!(of(&results, &format!("node_{direction}_{name}_max_to_median"), class), 1.0);
                let gini = of(&results, &format!("node_{direction}_{name}_gini"), class);
                assert!((gini - 1.0 / 3.0).abs() < 1e-12, "{gini}");
            }
            assert_eq!(of(&results, &format!("node_{direction}_{name}_median"), "root"), 0.0);
            assert!(of(&results, &format!("node_{direction}_{name}_gini"), "root").is_nan());
        }
    }
}

/// Beyond 200,000 nodes, single nodes have their wire bytes counted and no more.
#[test]
fn very_large_runs_count_by_class_for_all_nodes_together() {
    let mut experiment = rumours(1);
    experiment.duration = span("10 ms");
    experiment.measure.sample = span("10 ms");
    experiment.workload.warm_up = Span::default();
    experiment.workload.drain = Span::default();
    for (nodes, counted) in [(200_000, true), (200_001, false)] {
        let results = plainly(&Experiment { nodes, ..experiment.clone() }).results;
        assert_eq!(results.get("node_sent_bytes_median"), Some(0.0));
        assert_eq!(results.get("node_sent_messages_median").is_some(), counted, "{nodes} nodes");
    }
}

/// What nodes sent before the end of the warm-up is forgotten: of 33 exchanges each, the 10 of the last 3 s remain.
#[test]
fn a_warm_up_is_forgotten_of_single_nodes_too() {
    let mut experiment = three(1, "scuttlebutt = { interval = '300 ms' }");
    experiment.workload.arrivals = rapprochement_sim::model::config::Arrivals::Burst { count: 1 };
    experiment.workload.warm_up = span("7 s");
    experiment.workload.drain = span("2 s");
    let results = plainly(&experiment).results;
    let median = of(&results, "node_sent_messages_median", "root");
    assert!((9.0..=11.0).contains(&median), "{median} exchanges in 3 s");
}

/// A reader is away when the writer's first rumour comes, and back when the other passes it on: the first update takes two
/// hops to its last node, the second one.
#[test]
fn hops_to_the_last_node_are_counted_per_update() {
    let mut experiment = rumours(2);
    let (_, [first, _]) = roles(&experiment);
    let file = TraceFile::new("hops", &format!("{first},1.015,"));
    experiment.churn = file.churn();
    let results = plainly(&experiment).results;
    assert_update(&results, 0, &[("hops", 2.0)]);
    assert_update(&results, 1, &[("hops", 1.0)]);
    for (name, value) in [("mean", 1.5), ("median", 1.5), ("p95", 1.95), ("max", 2.0)] {
        assert_metrics(&results, &[(&format!("update_hops_{name}"), value)]);
    }
    assert_metrics(&results, &[("rumour_hops_mean", 1.25), ("rumour_hops_max", 2.0)]);
    let repaired = plainly(&three(1, "scuttlebutt = { interval = '300 ms' }")).results;
    assert_update(&repaired, 0, &[("hops", f64::NAN)]);
    assert_eq!(repaired.get("update_hops_mean"), None, "there are no rumours");
}

/// The first write is cut off and the second settles both: 1.01 s after the first, 10 ms after the second.
#[test]
fn a_newer_version_settles_the_one_that_was_missed() {
    let mut experiment = rumours(2);
    experiment.network.partition.push(isolated("0.5 s", "1.5 s"));
    let results = plainly(&experiment).results;
    assert_update(
        &results,
        0,
        &[("delivered", 3.0), ("undelivered", 0.0), ("time_to_50_s", 1.01), ("time_to_100_s", 1.01)],
    );
    assert_update(&results, 1, &[("delivered", 3.0), ("undelivered", 0.0), ("time_to_100_s", 0.01)]);
    assert_metrics(&results, &[("update_latency_mean_s", 2.04 / 6.0), ("lost_partition_share", 0.25)]);
}

#[test]
fn what_never_arrives_is_undelivered() {
    let mut experiment = rumours(1);
    experiment.network.partition.push(isolated("0.5 s", "10 s"));
    let results = plainly(&experiment).results;
    let of_update =
        [("population", 3.0), ("left", 0.0), ("delivered", 1.0), ("undelivered", 2.0), ("time_to_50_s", f64::NAN)];
    assert_update(&results, 0, &of_update);
    assert_metrics(&results, &[("undelivered_share", 2.0 / 3.0), ("newest_share_at_end", 1.0 / 3.0)]);
    assert!(results.get("update_time_to_50_median_s").unwrap().is_nan());
    assert_metrics(&results, &[("updates_reaching_50_share", 0.0)]);
    // One pair of three has the update, and no update spread: neither curve is of what took place alone.
    let curve = |name: &str| results.curves.iter().find(|curve| curve.name == name).unwrap();
    assert_eq!(curve("update_latency_cdf").lines, [("delivered".to_owned(), vec![(0.0, 1.0 / 3.0)])]);
    assert!(curve("update_spread_cdf").lines.iter().all(|(_, points)| *points == [(0.0, 0.0)]));
    // Other curves are of other protocols.
    let told: Vec<&str> = results.curves.iter().map(|curve| curve.name.as_str()).collect();
    assert_eq!(told, ["update_latency_cdf", "update_spread_cdf", "node_bytes_cdf"]);
    assert!(told.iter().all(|name| CURVES.iter().any(|curve| curve.name == *name)));
}

/// One node goes while the message is on its way, and comes back without it; it was there when the update was issued.
#[test]
fn a_node_that_leaves_before_the_update_leaves_its_population() {
    let mut experiment = rumours(1);
    let (_, [first, _]) = roles(&experiment);
    let file = TraceFile::new("leaves", &format!("{first},0,1.005\n{first},3,"));
    experiment.churn = file.churn();
    let results = plainly(&experiment).results;
    assert_update(&results, 0, &[("population", 3.0), ("left", 1.0), ("delivered", 2.0), ("undelivered", 0.0)]);
    assert_metrics(
        &results,
        &[("left_share", 1.0 / 3.0), ("undelivered_share", 0.0), ("newest_share_at_end", 2.0 / 3.0)],
    );
}

/// One node is away when the update is issued and learns of it by repair: it was never due to it, and has caught up.
#[test]
fn a_node_that_joins_later_catches_up() {
    let mut experiment = three(1, "scuttlebutt = { interval = '100 ms' }");
    let (_, [first, _]) = roles(&experiment);
    let file = TraceFile::new("joins", &format!("{first},3,"));
    experiment.churn = file.churn();
    let results = plainly(&experiment).results;
    assert_update(&results, 0, &[("population", 2.0), ("left", 0.0), ("delivered", 2.0), ("undelivered", 0.0)]);
    let rest =
        [("tuples_adopted", 2.0), ("tuples_caught_up", 1.0), ("undelivered_share", 0.0), ("newest_share_at_end", 1.0)];
    assert_metrics(&results, &rest);
    // An exchange takes at most an interval and four messages.
    assert!(results.get("update_latency_max_s").unwrap() < 0.5);
}

/// A write whose writer is away does not happen.
#[test]
fn a_writer_that_is_away_writes_nothing() {
    let mut experiment = rumours(2);
    let (writer, _) = roles(&experiment);
    let file = TraceFile::new("writer", &format!("{writer},1.5,"));
    experiment.churn = file.churn();
    let results = plainly(&experiment).results;
    assert_metrics(&results, &[("updates_issued", 1.0), ("updates_skipped", 1.0), ("undelivered_share", 0.0)]);
    assert_update(&results, 0, &[("update", 1.0), ("population", 3.0), ("delivered", 3.0)]);
}

/// A scheduled write that did not happen is not waited for: the only one, at 1 s, is everywhere at 1.7 s, and a sample at
/// 2 s sees it. The store's own times count from the same write.
#[test]
fn times_after_the_last_write_count_from_the_last_that_happened() {
    let mut experiment = rumours(2);
    let (writer, _) = roles(&experiment);
    experiment.network.latency = Latency::Constant(span("700 ms"));
    experiment.measure.sample = span("500 ms");
    let file = TraceFile::new("last-write", &format!("{writer},0,1.5"));
    experiment.churn = file.churn();
    let results = plainly(&experiment).results;
    assert_metrics(&results, &[("updates_issued", 1.0), ("updates_skipped", 1.0)]);
    assert_metrics(&results, &[("converged_after_last_write_s", 1.0), ("store_time_to_100_s", 0.7)]);
    // The run may end only when no further write is to come.
    experiment.measure.stop_when_converged = true;
    let stopped = plainly(&experiment);
    assert_eq!(stopped.statistics.end, Instant::from_nanos(2_500_000_000));
    assert_metrics(&stopped.results, &[("converged_after_last_write_s", 1.0)]);
}

/// Nodes start at time zero, and a write of that time comes after, under any seed.
#[test]
fn a_write_at_the_very_start_happens() {
    for seed in 0..20 {
        let mut experiment = Experiment { seed, ..rumours(1) };
        experiment.workload.warm_up = Span::default();
        experiment.workload.arrivals = rapprochement_sim::model::config::Arrivals::Burst { count: 1 };
        let results = plainly(&experiment).results;
        assert_metrics(&results, &[("updates_issued", 1.0), ("updates_skipped", 0.0), ("undelivered_share", 0.0)]);
        assert_update(&results, 0, &[("population", 3.0), ("delivered", 3.0)]);
    }
}

/// Cut off for good, two of three nodes lack the first version ever since: at the samples of 2, 3, 4, ... 10 s their reads
/// are 1, 2, 3, ... 9 s old. The writer's are fresh.
#[test]
fn a_read_is_as_old_as_the_first_version_that_it_lacks() {
    let mut experiment = rumours(3);
    experiment.network.partition.push(isolated("0.5 s", "10 s"));
    experiment.workload.reads = 2_000;
    let results = plainly(&experiment).results;
    assert_metrics(&results, &[("reads", 9.0 * 2_000.0)]);
    let mean = results.get("read_staleness_mean_s").unwrap();
    // Two thirds of 5 s; a read's standard deviation is below 3.2 s, so that of the mean is below 0.024 s.
    assert!((mean - 10.0 / 3.0).abs() < 0.1, "{mean}");
    let p99 = results.get("read_staleness_p99_s").unwrap();
    assert!((p99 - 9.0).abs() < 0.1, "{p99}");
}

/// One node's course, as the log tells it: when its sessions began and ended, and what it came to hold when.
#[derive(Default)]
struct Course {
    sessions: Vec<(Instant, Instant)>,
    held: Vec<(Instant, u32)>,
}

fn courses(log: &[LoggedEvent], nodes: u32) -> Vec<Course> {
    let mut courses: Vec<Course> = (0..nodes).map(|_| Course::default()).collect();
    for line in log {
        let course = &mut courses[line.node as usize];
        match line.kind {
            "join" => course.sessions.push((line.time, Instant::MAX)),
            "leave" => course.sessions.last_mut().unwrap().1 = line.time,
            "write" | "adopt" => course.held.extend(line.update.map(|update| (line.time, update as u32))),
            _ => {}
        }
    }
    courses
}

/// The fate of every update of random scenarios with churn, loss and partitions, worked out anew from the log.
#[test]
fn the_fate_of_every_update_is_what_the_log_tells() {
    let mut totals = BTreeMap::new();
    for number in 0..60 {
        let mut experiment = experiment(&generate(number));
        if !experiment.protocol.keeps_stores() {
            continue;
        }
        // The schedule drawn here knows of no preloaded stores.
        experiment.workload.preload = None;
        experiment.measure.events = true;
        let run = plainly(&experiment);
        let courses = courses(&run.results.log, experiment.nodes);
        let updates = schedule(&experiment).updates;
        let table = run.results.tables.iter().find(|table| table.name == "updates").unwrap();
        assert_eq!(
            table.columns[..8].join(" "),
            "update issued_ns author_node entry population left delivered undelivered"
        );
        for row in &table.rows {
            let update = &updates[row[0] as usize];
            let settles = |newer: u32| {
                let mut index = newer;
                while index != NO_UPDATE && f64::from(index) > row[0] {
                    index = updates[index as usize].previous;
                }
                f64::from(index) == row[0]
            };
            let (mut population, mut left, mut delivered) = (0.0, 0.0, 0.0);
            for course in &courses {
                let present = course.sessions.iter().find(|(from, to)| *from <= update.at && update.at < *to);
                let Some((_, until)) = present else { continue };
                population += 1.0;
                let has = course.held.iter().any(|(at, held)| *at >= update.at && at <= until && settles(*held));
                if has {
                    delivered += 1.0;
                } else if *until < Instant::MAX {
                    left += 1.0;
                }
            }
            let expected = [population, left, delivered, population - left - delivered];
            assert_eq!(&row[4..8], expected, "scenario {number}, update {}", row[0]);
            for (name, value) in ["population", "left", "delivered", "undelivered"].iter().zip(expected) {
                *totals.entry(*name).or_insert(0.0) += value;
            }
        }
    }
    assert!(totals.values().all(|total| *total > 100.0), "too little happened to say anything: {totals:?}");
}
