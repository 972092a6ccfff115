//! Samplers and the RTT service as scenarios: what their overlays look like, and that no number of threads changes it.

mod common;

use common::{experiment, run};
use rapprochement_sim::engine::QueueKind;
use rapprochement_sim::measure::results::Results;
use rapprochement_sim::model::{ModelRun, RunOptions};
use rapprochement_sim::scenario::parse;

fn scenario(
    nodes: u32,
    duration: &str,
    protocol: &str,
    more: &[&str],
) -> rapprochement_sim::model::experiment::Experiment {
    let text = format!(
        "name = 'overlay'\nnodes = {nodes}\nduration = '{duration}'\nsignatures = 'stand_in'\n\
         network.latency.regions = {{ table = 'aws-33-p50' }}\nmeasure.sample = '10 s'\nprotocol.{protocol}\n"
    );
    let sets: Vec<String> = more.iter().map(ToString::to_string).collect();
    experiment(&parse("overlay", &text, &sets).unwrap_or_else(|wrong| panic!("{wrong}")).scenario)
}

fn plainly(experiment: &rapprochement_sim::model::experiment::Experiment) -> Results {
    run(experiment, &RunOptions { threads: 1, ..RunOptions::default() }).results
}

fn of(results: &Results, metric: &str) -> f64 {
    results.get(metric).unwrap_or_else(|| panic!("{metric} is not reported"))
}

/// The paper's claim: Cyclon's in-degrees spread less than those of a random graph, and its clustering and paths are one's
/// (2 k / n and some 2.2 hops for 500 nodes of 20 neighbours); half of all nodes vanish, and the dead are forgotten in 40 rounds.
#[test]
fn cyclon_is_a_random_graph_that_cleans_itself() {
    let cyclon = "sample.sampler.cyclon = { view = 20, interval = '10 s' }";
    let vanish = "churn={ sessions = { vanish = { at = '15 min' } }, share = '50 %' }";
    let results = plainly(&scenario(500, "24 min", cyclon, &[vanish, "workload.warm_up='14 min'"]));
    let at = |metric: &str, second: u64| {
        let is_it = |sample: &&rapprochement_sim::measure::results::Sample| {
            sample.metric == metric && sample.time.as_nanos() == second * 1_000_000_000
        };
        results.series.iter().find(is_it).unwrap_or_else(|| panic!("{metric} at {second} s")).value
    };
    assert!(at("in_degree_sd_to_random", 890) < 0.8, "{}", at("in_degree_sd_to_random", 890));
    assert!((at("clustering", 890) / 0.08 - 1.0).abs() < 0.1, "{}", at("clustering", 890));
    assert!((at("path_mean", 890) - 1.95).abs() < 0.1, "{}", at("path_mean", 890));
    assert_eq!((at("live_nodes", 890), at("dead_neighbours_share", 890)), (500.0, 0.0));
    assert!((at("dead_neighbours_share", 910) - 0.5).abs() < 0.1, "{}", at("dead_neighbours_share", 910));
    let (live, cleaned) = (of(&results, "live_nodes"), of(&results, "cleaned_after_s"));
    assert!((200.0..300.0).contains(&live) && cleaned <= 400.0, "{live} {cleaned}");
    assert_eq!(of(&results, "largest_component_share"), 1.0);
}

/// Peers who join PeerSwap's overlay one by one make a regular graph, and swaps keep it one. A snapshot sees a swap half-way,
/// where one end of an edge has moved and the other is about to, so while they go on a few in-degrees are off by one or two.
#[test]
fn peerswap_keeps_its_degree() {
    for (rate, spread) in [(0.0, 0.0), (0.02, 0.5)] {
        let swap = format!("sample.sampler.peerswap = {{ degree = 6, rate = {rate:?} }}");
        let results = plainly(&scenario(200, "10 min", &swap, &[]));
        assert!(of(&results, "in_degree_sd") <= spread && (of(&results, "view_mean") - 6.0).abs() < 0.02, "{rate}");
        assert_eq!((of(&results, "dead_neighbours_share"), of(&results, "largest_component_share")), (0.0, 1.0));
    }
}

const SERVICE: &str = "rtt_service = { opine = '20 s' }";

/// Where the score is the round trip alone, the best neighbours are nearly the nearest; opinions are everywhere; nobody is
/// refused anything, as everybody is honest.
#[test]
fn the_service_finds_the_near_and_spreads_opinions() {
    let alone = "protocol.rtt_service.rank_weight=0.0";
    let results = plainly(&scenario(80, "8 min", SERVICE, &[alone, "network.loss.independent='1 %'"]));
    let (ratio, undelivered) = (of(&results, "best_rtt_to_oracle"), of(&results, "opinions_undelivered_share"));
    assert!((1.0..1.3).contains(&ratio), "{ratio}");
    assert!(undelivered < 0.01, "{undelivered}");
    assert!(of(&results, "opinions_published") >= 80.0 * 8.0 && of(&results, "opinion_latency_p50_s") < 5.0);
    // The curve is in the unit of the median, which it passes at one half.
    let curve = results.curves.iter().find(|curve| curve.name == "opinion_latency_cdf").unwrap();
    let half = curve.lines[0].1.iter().find(|(_, share)| *share >= 0.5).unwrap().0;
    let median = of(&results, "opinion_latency_p50_s");
    assert!((half / median - 1.0).abs() < 0.1, "{half} {median}");
    assert_eq!((of(&results, "dead_neighbours_share"), of(&results, "hostile_score_share")), (0.0, 0.0));
    let refused = results.scalars.iter().filter(|scalar| scalar.metric == "refused_per_node");
    let misdeeds =
        refused.filter(|scalar| ["bad_signature", "self_opinion", "bad_opinion"].contains(&scalar.group.as_str()));
    assert_eq!(misdeeds.map(|scalar| scalar.value).sum::<f64>(), 0.0);
}

/// Loss, churn that takes stores along, and NAT: neighbours that are gone are given up within their deadline, most of the time.
#[test]
fn the_service_survives_churn_behind_nat() {
    let churn = "churn={ departure = 'crash_and_forget', sessions = { times = { up.exponential.mean = '4 min', down.exponential.mean = '1 min' } } }";
    let nat = "network.nat={ share = '40 %', relays = 4 }";
    let results = plainly(&scenario(60, "10 min", SERVICE, &[churn, nat, "network.loss.independent='2 %'"]));
    assert!(of(&results, "dead_neighbours_share") < 0.25, "{}", of(&results, "dead_neighbours_share"));
    assert!(of(&results, "largest_component_share") > 0.9);
    assert!(of(&results, "opinions_undelivered_share") < 0.05, "{}", of(&results, "opinions_undelivered_share"));
}

/// The same bytes for one thread, for three, and on the reference engine's heap.
#[test]
fn threads_and_queues_change_nothing() {
    let churn = "churn.sessions={ times = { up.exponential.mean = '2 min', down.exponential.mean = '1 min' } }";
    let samplers = [
        "sample.sampler.newscast = {}",
        "sample.sampler.framework = { healer = 15 }",
        "sample.sampler.hyparview = { interval = '10 s' }",
        "sample.sampler.brahms = {}",
        "sample.sampler.basalt = {}",
        "sample.sampler.peerswap = {}",
        SERVICE,
    ];
    for protocol in samplers {
        let experiment =
            scenario(48, "3 min", protocol, &[churn, "network.loss.independent='2 %'", "encode_messages=true"]);
        let facts = |run: ModelRun| (run.statistics.digest, run.statistics.events, format!("{:?}", run.results));
        let with = |threads, queue| RunOptions { threads, queue, exact_threads: true, ..RunOptions::default() };
        let plain = facts(run(&experiment, &with(1, QueueKind::default())));
        assert!(plain.1 > 1000, "{protocol}");
        assert!(plain == facts(run(&experiment, &with(3, QueueKind::default()))), "{protocol}: three threads");
        assert!(plain == facts(run(&experiment, &with(1, QueueKind::Reference))), "{protocol}: the reference");
    }
}

/// Parameters that cannot be meant are refused before the run, at their place.
#[test]
fn wrong_parameters_are_refused() {
    let text = |protocol: &str, more: &str| {
        format!("name = 'x'\nnodes = 50\nduration = '5 min'\nprotocol.{protocol}\n{more}\n")
    };
    for (protocol, more, place) in [
        ("sample.sampler.cyclon = { view = 0 }", "", "view"),
        ("sample.sampler.cyclon = { view = 8, shuffle = 9 }", "", "shuffle"),
        ("sample.sampler.framework = { healer = 16 }", "", "healer"),
        ("sample.sampler.peerswap = { degree = 65 }", "", "degree"),
        ("sample.sampler.basalt = { interval = '0 s' }", "", "interval"),
        ("sample.sampler.basalt = { interval = '10 min' }", "", "first round"),
        ("sample = { sampler.cyclon = {}, bootstrap = 0 }", "", "know nobody"),
        ("sample = { sampler.cyclon = {}, bootstrap = 50 }", "", "at most 49"),
        ("sample.sampler.cyclon = {}", "workload = { writers = 3 }", "no workload"),
        ("sample.sampler.cyclon = {}", "workload = { warm_up = '6 min' }", "leaves nothing"),
        ("sample.sampler.cyclon = {}", "churn.sessions.vanish = { at = '6 min' }", "vanish"),
        ("sample.sampler.cyclon = {}", "churn = { sessions.vanish = { at = '1 min' }, speed_up = 2.0 }", "speed_up"),
        ("sample.sampler.newscats = {}", "", "newscats"),
        ("rtt_service = { walks = 0 }", "", "walks"),
        ("rtt_service = { continue_prob = 1.0 }", "", "continue_prob"),
        ("rtt_service = { rank_weight = -1.0 }", "", "exponent"),
        ("rtt_service = { opinions = 300 }", "", "at most 256"),
        ("rtt_service = { best = 0, random = 0, rings = 0 }", "", "without neighbours"),
        ("rtt_service = { push = 50 }", "", "fan-out"),
        ("rtt_service = { probe = '0 s' }", "", "probe"),
    ] {
        let refused = parse("x", &text(protocol, more), &[]).err().map(|wrong| wrong.to_string());
        assert!(refused.as_ref().is_some_and(|why| why.contains(place)), "{protocol} {more}: {refused:?}");
    }
}
