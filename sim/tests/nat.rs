//! Nodes behind NAT: by which way their messages go, how long that takes, and what relays and hole punches cost.

mod common;

use std::collections::BTreeMap;

use common::{experiment, run};
use rapprochement_core::time::{Duration, Instant};
use rapprochement_sim::engine::{Outcome, QueueKind};
use rapprochement_sim::measure::results::{LoggedEvent, Results};
use rapprochement_sim::model::ModelRun;
use rapprochement_sim::model::RunOptions;
use rapprochement_sim::model::experiment::Experiment;
use rapprochement_sim::network::Network;
use rapprochement_sim::network::nat::Nat;
use rapprochement_sim::random::Streams;
use rapprochement_sim::scenario::parse;

/// Nodes that push their stores every so often; no message is answered. Two preloaded keys, one of them at a single node, are all that there is.
fn pushing(nodes: u32, duration: &str, interval: &str, more: &[&str]) -> Experiment {
    let text = format!(
        "name = 'nat'\nnodes = {nodes}\nduration = '{duration}'\nsignatures = 'stand_in'\n\
         protocol.full_push.interval = '{interval}'\nmeasure.events = true\n\
         workload = {{ writers = 0, arrivals = 'never', preload = {{ items = 2, authors = 1, differences = 1 }} }}\n"
    );
    with(&text, more)
}

fn with(text: &str, more: &[&str]) -> Experiment {
    let sets: Vec<String> = more.iter().map(ToString::to_string).collect();
    experiment(&parse("nat", text, &sets).unwrap_or_else(|wrong| panic!("{wrong}")).scenario)
}

fn simply(experiment: &Experiment) -> Results {
    run(experiment, &RunOptions { threads: 1, ..RunOptions::default() }).results
}

/// The network that a run has.
fn network(experiment: &Experiment) -> Network {
    Network::build(&experiment.network, experiment.nodes, &experiment.base, &Streams::new(experiment.seed)).unwrap()
}

fn of(results: &Results, metric: &str) -> f64 {
    results.get(metric).unwrap_or_else(|| panic!("{metric} is not reported"))
}

/// The times of a kind of event by (from, to).
fn times(log: &[LoggedEvent], kind: &str) -> BTreeMap<(u32, u32), Vec<Instant>> {
    let mut times: BTreeMap<(u32, u32), Vec<Instant>> = BTreeMap::new();
    for line in log.iter().filter(|line| line.kind == kind) {
        let peer = line.peer.unwrap();
        let pair = if kind == "receive" { (peer, line.node) } else { (line.node, peer) };
        times.entry(pair).or_default().push(line.time);
    }
    times
}

/// How long a message takes through the relay.
fn both_legs(network: &Network, from: u32, to: u32) -> Duration {
    let relay = network.nat().and_then(|nat| nat.home(to)).unwrap();
    network.latency(from, relay) + network.latency(relay, to)
}

/// Nobody punches a hole here, so every message between two nodes behind NAT arrives both legs after it was sent, and
/// every message to a public node one latency after it was.
#[test]
fn a_relayed_message_takes_both_legs() {
    let pair = "network.latency.pair={ uniform = { min = '10 ms', max = '90 ms' } }";
    let nat = "network.nat={ share = '60 %', relays = 3, punching = '0 %' }";
    let experiment = pushing(20, "60 s", "500 ms", &[pair, nat]);
    let (network, log) = (network(&experiment), simply(&experiment).log);
    let nat = network.nat().unwrap();
    let (sends, receipts) = (times(&log, "send"), times(&log, "receive"));
    let end = Instant::ZERO + experiment.duration.0;
    let mut compared = [0, 0];
    for (&(from, to), sent) in &sends {
        let relayed = nat.is_behind(from) && nat.is_behind(to);
        if nat.is_behind(to) && !relayed {
            continue;
        }
        let delay = if relayed { both_legs(&network, from, to) } else { network.latency(from, to) };
        let due: Vec<Instant> = sent.iter().map(|&sent| sent + delay).filter(|&due| due <= end).collect();
        assert_eq!(receipts.get(&(from, to)), (!due.is_empty()).then_some(&due), "{from} to {to}");
        compared[usize::from(relayed)] += due.len();
    }
    assert!(compared[0] > 500 && compared[1] > 500, "{compared:?}");
}

/// When messages from a public node to one behind NAT arrive, computed from the times at which both sent: the packets of
/// the node behind NAT that keep the path open are its own messages and its calls.
fn expected(
    network: &Network,
    mapping: Duration,
    there: &[Instant],
    back: &[Instant],
    pair: (u32, u32),
) -> Vec<Instant> {
    let (from, to) = pair;
    let (straight, by_relay) = (network.latency(from, to), both_legs(network, from, to));
    let back_takes = network.latency(to, from);
    let (mut calls, mut asked) = (Vec::<Instant>::new(), None::<Instant>);
    let arrival = |&sent: &Instant| {
        let heard = |left: Instant| left + back_takes <= sent && sent + straight <= left + mapping;
        if back.iter().chain(&calls).any(|&left| heard(left)) {
            return sent + straight;
        }
        if asked.is_none_or(|asked| sent >= asked + mapping) {
            asked = Some(sent);
            calls.push(sent + by_relay);
        }
        sent + by_relay
    };
    there.iter().map(arrival).collect()
}

#[test]
fn a_path_is_open_until_its_mapping_idles_out() {
    for (mapping, relayed) in [("2 s", 0.5..0.99), ("10 s", 0.1..0.6), ("1 h", 0.0..0.05)] {
        let nat = format!("network.nat={{ share = '50 %', relays = 1, punching = '0 %', mapping = '{mapping}' }}");
        let experiment = pushing(8, "300 s", "1 s", &["network.latency.constant='30 ms'", &nat]);
        let (network, results) = (network(&experiment), simply(&experiment));
        let (sends, receipts) = (times(&results.log, "send"), times(&results.log, "receive"));
        let (nat, end) = (network.nat().unwrap(), Instant::ZERO + experiment.duration.0);
        let (mut by_relay, mut all) = (0, 0);
        for (&(from, to), sent) in &sends {
            if !nat.is_behind(to) || nat.is_behind(from) || nat.home(to) == Some(from) {
                continue;
            }
            let back = sends.get(&(to, from)).map_or(&[][..], Vec::as_slice);
            let mut due = expected(&network, nat.mapping(), sent, back, (from, to));
            by_relay +=
                due.iter().zip(sent).filter(|(due, sent)| due.since(**sent) == both_legs(&network, from, to)).count();
            all += due.len();
            due.retain(|&due| due <= end);
            due.sort_unstable();
            assert_eq!(receipts[&(from, to)], due, "{from} to {to}, {mapping}");
        }
        let share = by_relay as f64 / f64::from(all as u32);
        assert!(relayed.contains(&share), "{mapping}: {share}");
    }
}

/// Once every pair has tried, what goes by relay between nodes behind NAT is what pairs send that cannot punch; senders
/// draw their receivers uniformly.
#[test]
fn punching_leaves_the_stated_share_to_relays() {
    for punching in ["0 %", "70 %", "100 %"] {
        let nat = format!("network.nat={{ share = '90 %', relays = 4, punching = '{punching}', mapping = '1 h' }}");
        let sets = ["network.latency.constant='20 ms'", "workload.warm_up='60 s'", "measure.events=false", &nat];
        let experiment = pushing(40, "120 s", "100 ms", &sets);
        let (network, results) = (network(&experiment), simply(&experiment));
        let nat = network.nat().unwrap();
        let behind: Vec<u32> = (0..40).filter(|&node| nat.is_behind(node)).collect();
        let pairs = || behind.iter().flat_map(|a| behind.iter().map(move |b| (*a, *b))).filter(|(a, b)| a < b);
        let closed = pairs().filter(|&(a, b)| !nat.opens(a, b)).count() as f64 / pairs().count() as f64;
        let sent = of(&results, "sent_messages_per_node") * 40.0;
        let (relayed, punched) = (of(&results, "relayed_share"), of(&results, "punched_share"));
        let share = relayed / (relayed + punched);
        let error = (closed * (1.0 - closed) / (sent * (relayed + punched))).sqrt();
        assert!((share - closed).abs() <= 4.0 * error, "{punching}: {share}, not {closed} +- {error}");
        // Of all messages, those between two nodes behind NAT: 36 of 40 senders, and 35 of their 39 receivers.
        let among = 36.0 / 40.0 * 35.0 / 39.0;
        let error = (among * (1.0 - among) / sent).sqrt();
        assert!((relayed + punched - among).abs() <= 4.0 * error, "{punching}: {}", relayed + punched);
        assert!((of(&results, "straight_share") + relayed + punched - 1.0).abs() < 1e-12);
        assert_eq!(of(&results, "lost_undialable_share"), 0.0);
        if punching == "70 %" {
            // 630 pairs: four standard errors of 0.7.
            assert!((closed - 0.3).abs() < 4.0 * (0.21f64 / 630.0).sqrt(), "{closed}");
        }
    }
}

/// One relay with 1 Mbit/s stands between twenty nodes that offer it about three times as much.
#[test]
fn a_relay_passes_on_what_its_uplink_takes() {
    let sets = [
        "network.nat={ share = '91 %', relays = 1, punching = '0 %' }",
        "network.access={ uplink = '1 Mbit/s', queue = '100 kB' }",
        "network.latency.constant='20 ms'",
        "workload.preload={ items = 100, authors = 4, differences = 1 }",
        "workload.warm_up='10 s'",
    ];
    let experiment = pushing(22, "40 s", "1 s", &sets);
    let (network, results) = (network(&experiment), simply(&experiment));
    let relay = network.nat().unwrap().relays()[0];
    let own = results.log.iter().filter(|line| line.kind == "send" && line.node == relay);
    let own = own.filter(|line| line.time > Instant::ZERO + Duration::from_secs(10));
    let own: u64 = own.map(|line| u64::from(network.wire_bytes(line.bytes as usize))).sum();
    let (passed, most) = (of(&results, "relayed_bytes_per_relay") + own as f64, 125_000.0 * 30.0);
    assert_eq!(of(&results, "relayed_bytes_max"), passed - own as f64);
    // What waits in the queue at either end of the thirty seconds may be counted or not.
    assert!((passed - most).abs() <= 100_000.0, "{passed} of {most} bytes");
    assert!(of(&results, "lost_queue_share") > 0.4);
}

/// Without a relay, a node behind NAT is reached only by who has just heard from it.
#[test]
fn without_a_relay_messages_are_lost() {
    let sets = ["network.latency.constant='20 ms'", "network.nat={ share = '50 %', relays = 0, mapping = '1 ms' }"];
    let experiment = pushing(20, "60 s", "500 ms", &sets);
    let (network, results) = (network(&experiment), simply(&experiment));
    let nat = network.nat().unwrap();
    for (kind, behind) in [("send", false), ("lose", true)] {
        assert!(times(&results.log, kind).keys().all(|&(_, to)| nat.is_behind(to) == behind), "{kind}");
    }
    let undialable = of(&results, "lost_undialable_share");
    assert!(undialable > 0.4 && of(&results, "straight_share") + undialable == 1.0);
    assert_eq!([of(&results, "punch_packets_per_node"), of(&results, "relayed_share")], [0.0, 0.0]);
    assert_eq!(results.get("relayed_bytes_max"), None);
}

/// Where relays carry hole punches alone, messages that cannot go straight are lost, and the first of a pair is.
#[test]
fn relays_may_carry_hole_punches_alone() {
    let nat = "network.nat={ share = '90 %', relays = 4, punching = '100 %', mapping = '1 h', relayed = false }";
    let experiment = pushing(40, "120 s", "100 ms", &["network.latency.constant='20 ms'", "measure.events=false", nat]);
    let results = simply(&experiment);
    let (undialable, sent) = (of(&results, "lost_undialable_share"), of(&results, "sent_messages_per_node"));
    // Each node has 35 others behind NAT, less its clients if it is a relay; now and then it is called before it calls,
    // or sends again before the path is open, 120 ms after the first.
    assert!((10.0..=40.0).contains(&(undialable * sent)), "{}", undialable * sent);
    assert_eq!(of(&results, "relayed_share"), 0.0);
    assert!(of(&results, "relayed_bytes_max") > 0.0 && of(&results, "paths_opened_per_node") > 10.0);
}

const CHURNING: &str = "name = 'nat'\nnodes = 150\nduration = '20 s'\nsignatures = 'stand_in'\n\
    protocol.eager_push = { fanout = 3, repair = '1 s' }\nmeasure.events = true\n\
    network.access = { uplink = '2 Mbit/s', downlink = '10 Mbit/s', queue = '64 kB' }\n\
    network.loss.independent = '2 %'\nnetwork.duplicate = '2 %'\n\
    network.jitter.delay.exponential.mean = '2 ms'\n\
    workload = { writers = 20, arrivals.poisson.per_second = 10.0, drain = '8 s', value.constant = '1 kB' }\n\
    churn.sessions.times = { up.exponential.mean = '8 s', down.exponential.mean = '2 s' }\n";
const NAT: &str = "network.nat={ share = '60 %', relays = 5, punching = '60 %', mapping = '3 s' }";

/// As text, where a number that is none equals itself.
fn facts(run: &ModelRun) -> String {
    let statistics = &run.statistics;
    assert!(!matches!(statistics.outcome, Outcome::Failed(_)), "{}", statistics.outcome);
    format!("{:?}\n{:?}", (statistics.digest, statistics.events, statistics.end), run.results)
}

#[test]
fn threads_and_engines_give_the_same_run() {
    for stay in ["network.nat.relays_stay=true", "network.nat.relays_stay=false"] {
        let experiment = with(CHURNING, &[NAT, stay]);
        let options = |queue, threads| RunOptions { threads, exact_threads: true, queue, ..RunOptions::default() };
        let reference = run(&experiment, &options(QueueKind::Reference, 1));
        let shares = ["straight_share", "punched_share", "relayed_share", "lost_undialable_share"];
        let [straight, punched, relayed, undialable] = shares.map(|metric| of(&reference.results, metric));
        assert!(straight > 0.3 && punched > 0.01 && relayed > 0.1 && undialable == 0.0);
        assert!((straight + punched + relayed - 1.0).abs() < 1e-12);
        for threads in [1, 2, 3, 8] {
            let other = run(&experiment, &options(QueueKind::Calendar, threads));
            assert!(facts(&other) == facts(&reference), "{threads} threads, {stay}");
            assert!(threads == 1 || other.statistics.windows > 100, "{}", other.statistics.windows);
        }
    }
}

#[test]
fn churn_spares_relays_unless_they_may_go() {
    for (stay, gone) in [("network.nat.relays_stay=true", false), ("network.nat.relays_stay=false", true)] {
        let experiment = with(CHURNING, &[NAT, stay]);
        let (network, results) = (network(&experiment), simply(&experiment));
        let left = |node: u32| results.log.iter().any(|line| line.kind == "leave" && line.node == node);
        let relays = network.nat().map_or(&[][..], Nat::relays);
        assert_eq!(relays.iter().any(|&relay| left(relay)), gone);
        assert!((0..150).any(|node| !relays.contains(&node) && left(node)));
    }
}

/// Where nobody is behind NAT, the run is the one without the section, with its own metrics beside.
#[test]
fn nat_of_nobody_changes_nothing() {
    let options = RunOptions { threads: 1, ..RunOptions::default() };
    let without = run(&with(CHURNING, &[]), &options);
    let mut nobody =
        run(&with(CHURNING, &["network.nat={ share = '0 %', relays = 5, relays_stay = false }"]), &options);
    assert_eq!(of(&nobody.results, "straight_share"), 1.0);
    assert_eq!(without.results.get("straight_share"), None);
    let known: Vec<String> = without.results.scalars.iter().map(|scalar| scalar.metric.to_string()).collect();
    nobody.results.scalars.retain(|scalar| known.contains(&scalar.metric.to_string()));
    assert_eq!(facts(&without), facts(&nobody));
}
