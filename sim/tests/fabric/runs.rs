//! Protocols over topologies: what the host does with packets and flows.

use rapprochement_core::time::{Duration, Instant};
use rapprochement_sim::measure::results::{LoggedEvent, Results};
use rapprochement_sim::model::{ModelRun, RunOptions};
use rapprochement_sim::scenario::parse;

use crate::common::{experiment, run};

const TREE: &str = "network.topology.shape.fat_tree={ k = 4, link = { rate = '8 Mbit/s', delay = '300 us' } }";

fn play(nodes: u32, duration: &str, more: &[&str], options: &RunOptions) -> ModelRun {
    let text = format!(
        "name = 'fabric'\nnodes = {nodes}\nduration = '{duration}'\nsignatures = 'stand_in'\n\
         protocol.full_push.interval = '1 s'\nmeasure.events = true\n\
         workload = {{ writers = 3, arrivals.burst.count = 12, keys.per_writer = 4, value.constant = '300 B' }}\n"
    );
    let sets: Vec<String> = more.iter().map(ToString::to_string).collect();
    let scenario = parse("fabric", &text, &sets).unwrap_or_else(|wrong| panic!("{wrong}")).scenario;
    run(&experiment(&scenario), options)
}

fn simply(nodes: u32, duration: &str, more: &[&str]) -> Results {
    play(nodes, duration, more, &RunOptions { threads: 1, ..RunOptions::default() }).results
}

fn of(results: &Results, metric: &str) -> f64 {
    results.get(metric).unwrap_or_else(|| panic!("{metric} is not reported"))
}

fn count(log: &[LoggedEvent], kind: &str) -> usize {
    log.iter().filter(|line| line.kind == kind).count()
}

/// Two nodes that each send a message a second, which meets nobody: its time is the closed form of its path. 8 Mbit/s are a
/// microsecond a byte.
fn lone_messages(fidelity: &str, expected: impl Fn(u64) -> u64) {
    let set = format!("network.fidelity={fidelity}");
    let link = "network.topology.shape.star.link={ rate = '8 Mbit/s', delay = '5 ms' }";
    let results = simply(2, "20 s", &[&set, link, "workload.writers=2"]);
    let mut messages = 0;
    for received in results.log.iter().filter(|line| line.kind == "receive") {
        let from = received.peer.unwrap();
        let sent = results.log.iter().rfind(|line| {
            line.kind == "send" && line.node == from && line.bytes == received.bytes && line.time < received.time
        });
        let took = received.time.since(sent.unwrap().time);
        assert_eq!(took, Duration::from_nanos(expected(received.bytes) * 1_000), "{} bytes", received.bytes);
        messages += 1;
    }
    // Empty stores are not pushed, and the writes come after a second or two.
    assert!(messages >= 30, "{messages}");
    assert!(results.log.iter().any(|line| line.bytes > 1472), "no message has several packets");
}

/// How many packets a payload takes, and the bytes of all of them on a link.
fn packets(bytes: u64) -> (u64, u64) {
    let count = bytes.div_ceil(1472).max(1);
    (count, bytes + count * (28 + 38))
}

#[test]
fn packets_are_stored_and_forwarded_at_every_link() {
    lone_messages("packet", |bytes| {
        let (count, all) = packets(bytes);
        let last = all - (count - 1) * 1538;
        // On the second link the first packet begins when it is there, and the others follow without a gap.
        10_000 + if count == 1 { 2 * all } else { 1538 + (count - 1) * 1538 + last }
    });
}

#[test]
fn a_message_as_one_event_takes_its_slowest_link_once() {
    lone_messages("message", |bytes| 10_000 + packets(bytes).1);
}

#[test]
fn a_lone_flow_takes_its_path_and_its_bytes() {
    lone_messages("flow", |bytes| 10_000 + bytes);
}

#[test]
fn the_same_run_has_the_same_digest_on_any_threads() {
    for fidelity in ["packet", "flow"] {
        let set = format!("network.fidelity={fidelity}");
        let sets = [TREE, &set, "network.loss.independent=0.02"];
        let runs = [1, 1, 3].map(|threads| {
            play(24, "10 s", &sets, &RunOptions { threads, exact_threads: threads > 1, ..RunOptions::default() })
        });
        assert_eq!(runs[0].statistics.digest, runs[1].statistics.digest);
        assert_eq!(runs[0].statistics.digest, runs[2].statistics.digest);
        // As text, where a number that is none equals itself.
        assert!(format!("{:?}", runs[0].results) == format!("{:?}", runs[2].results), "{fidelity}: results differ");
        assert_eq!(runs[0].one_thread, None);
        assert!(runs[2].one_thread.is_some_and(|why| why.contains("share the links")), "{fidelity}");
        let other = play(24, "10 s", &[TREE, &set, "seed=2"], &RunOptions { threads: 1, ..RunOptions::default() });
        assert_ne!(runs[0].statistics.digest, other.statistics.digest);
    }
}

/// Full pushes of three writers' values among 16 hosts through queues of two packets: what is sent arrives, or is counted, or
/// is under way when the run ends, which one second before its end nothing is any more.
#[test]
fn what_full_queues_drop_is_counted() {
    let link = "network.topology.shape.star.link={ rate = '56 kbit/s', delay = '1 ms', queue = '3076 B' }";
    let results = simply(16, "20 s", &["network.fidelity=packet", link]);
    let before = |line: &&LoggedEvent| line.time < Instant::ZERO + Duration::from_secs(19);
    let sent = results.log.iter().filter(before).filter(|line| line.kind == "send").count();
    let (received, all) = (count(&results.log, "receive"), count(&results.log, "send"));
    let lost = (of(&results, "lost_queue_share") * all as f64).round() as usize;
    assert!(lost > 0 && of(&results, "packets_dropped_queue") >= lost as f64);
    assert!((sent..=all).contains(&(received + lost)), "{sent} sent, {received} received, {lost} lost, {all} in all");
    // The queue holds two packets of full length; short ones may be more.
    assert!(of(&results, "link_queue_packets_max") >= 2.0);
    // A link was given at most what it sends in 20 s, and what its queue still holds.
    let utilisation = of(&results, "link_utilisation_max");
    assert!(utilisation <= 1.0 + 3_076.0 / (20.0 * 7_000.0), "{utilisation}");
}

/// Every link of the table is one direction; what hosts receive is what the links to them carried, framing aside.
#[test]
fn the_table_of_links_adds_up() {
    let results = simply(16, "10 s", &["network.fidelity=packet", TREE]);
    let table = results.tables.iter().find(|table| table.name == "links").unwrap();
    assert_eq!(table.rows.len(), 2 * 48);
    let column = |name: &str| table.columns.iter().position(|column| column == name).unwrap();
    let (to, packets, bytes) = (column("to"), column("packets"), column("bytes"));
    let into_hosts = |what: usize| table.rows.iter().filter(|row| row[to] < 16.0).map(|row| row[what]).sum::<f64>();
    let received = of(&results, "received_wire_bytes_per_node") * 16.0;
    assert!((into_hosts(bytes) - 38.0 * into_hosts(packets) - received).abs() < 0.5, "{received}");
    assert!(of(&results, "link_bytes_total") >= 2.0 * into_hosts(bytes));
    assert_eq!(of(&results, "newest_share_at_end"), 1.0);
}

/// Loss falls on messages as on those without a topology.
#[test]
fn random_loss_and_partitions_hold_on_links_too() {
    let sets = [TREE, "network.fidelity=packet", "network.loss.independent=0.2", "protocol.full_push.interval=50 ms"];
    let results = simply(16, "20 s", &sets);
    let sent = results.log.iter().filter(|line| matches!(line.kind, "send" | "lose"));
    let survives = |line: &LoggedEvent| (0..packets(line.bytes).0).map(|_| 0.8).product::<f64>();
    let chances: Vec<f64> = sent.map(survives).collect();
    let count = chances.len() as f64;
    assert!(count > 5_000.0);
    let expected = 1.0 - chances.iter().sum::<f64>() / count;
    let deviation = chances.iter().map(|chance| chance * (1.0 - chance)).sum::<f64>().sqrt() / count;
    let lost = of(&results, "lost_link_share");
    assert!((lost - expected).abs() < 4.0 * deviation, "{lost} lost, not {expected} +- {deviation}");
    let cut = "network.partition=[{ start = '5 s', heal = '10 s', groups = { shares = [0.5, 0.5] } }]";
    let results = simply(16, "20 s", &[TREE, "network.fidelity=packet", cut]);
    assert!((0.05..=0.25).contains(&of(&results, "lost_partition_share")));
}
