//! The classic results on the spreading of rumours in a complete graph, met by the protocols of the core in the simulator.
//!
//! Every interval below is a 99.9 % Student-t interval over independent updates or runs, under fixed seeds.

mod common;

use common::{experiment, run};
use rapprochement_core::peer::SimPeer;
use rapprochement_core::protocol::{Context, Input, Protocol, TimerHandle};
use rapprochement_core::reconcile::{
    FullPush, FullPushConfig, SyncCommand, SyncEvent, SyncMessage, Synchroniser, Tick,
};
use rapprochement_core::time::{Duration, Instant};
use rapprochement_sim::measure::results::Results;
use rapprochement_sim::measure::statistics::{Summary, student_t_quantile};
use rapprochement_sim::model::RunOptions;
use rapprochement_sim::model::config::{ProtocolConfig, Signatures};
use rapprochement_sim::model::experiment::Experiment;
use rapprochement_sim::model::identity::SimKeys;
use rapprochement_sim::network::config::{Latency, MembershipConfig};
use rapprochement_sim::network::membership::{Membership, NodeSampler};
use rapprochement_sim::random::{Philox, Purpose, Streams};
use rapprochement_sim::scenario::parse;
use rapprochement_sim::units::{Size, Span};

/// Euler's constant: the mean of the standard Gumbel distribution.
const GAMMA: f64 = 0.577_215_664_901_532_9;

/// A burst of updates by as many writers at 1 s, over messages that take 10 ms, with stand-in signatures.
fn burst(nodes: u32, updates: u32, seed: u64, protocol: ProtocolConfig) -> Experiment {
    let text = format!(
        "name = 'epidemic'\nnodes = {nodes}\nseed = {seed}\nduration = '60 s'\nsignatures = 'stand_in'\n\
         network.latency.constant = '10 ms'\nprotocol.full_push.interval = '1 s'\nmeasure.sample = '10 s'\n\
         workload = {{ writers = {updates}, arrivals.burst.count = {updates}, keys.per_writer = 100, warm_up = '1 s' }}"
    );
    let loaded = parse("epidemic", &text, &[]).unwrap_or_else(|wrong| panic!("{wrong}"));
    Experiment { protocol, ..experiment(&loaded.scenario) }
}

/// Rumours without any repair.
fn rumour(fanout: u32) -> ProtocolConfig {
    ProtocolConfig::EagerPush { fanout, repair: Span::default(), budget: Size(1 << 16) }
}

fn results(experiment: &Experiment) -> Results {
    run(experiment, &RunOptions { threads: 1, ..RunOptions::default() }).results
}

/// A column of the table of updates.
fn column(results: &Results, name: &str) -> Vec<f64> {
    let table = results.tables.iter().find(|table| table.name == "updates").unwrap();
    let place = table.columns.iter().position(|column| column == name).unwrap();
    table.rows.iter().map(|row| row[place]).collect()
}

/// Half the width of the 99.9 % interval of a mean.
fn half_width(values: &[f64]) -> f64 {
    let summary = Summary::of(values);
    student_t_quantile(0.9995, summary.n - 1) * summary.sd / (summary.n as f64).sqrt()
}

/// Holds the mean of a sample to its closed form; the sample must be good enough to tell it from others.
fn assert_mean(values: &[f64], expected: f64, widest: f64, what: &str) {
    let (mean, half) = (Summary::of(values).mean, half_width(values));
    assert!(half <= widest, "{what}: the interval {mean} +- {half} is too wide to say anything");
    assert!((mean - expected).abs() <= half, "{what}: {mean} +- {half}, but the closed form is {expected}");
}

/// The share that stays ignorant: the root below 1 of s = exp(-f (1 - s)) (Kermack and McKendrick 1927; for rumours Demers
/// et al., PODC 1987, section 1.4).
fn residue(fanout: u32) -> f64 {
    (0..200).fold(0.0, |share: f64, _| libm::exp(-f64::from(fanout) * (1.0 - share)))
}

#[test]
fn a_rumour_misses_the_share_of_the_closed_form() {
    assert!((residue(2) - 0.203_188).abs() < 1e-6, "the published root for a fan-out of 2");
    for fanout in 2..=5 {
        let missed = column(&results(&burst(20_000, 16, 7, rumour(fanout))), "undelivered");
        let shares: Vec<f64> = missed.iter().map(|nodes| nodes / 20_000.0).collect();
        assert_eq!(shares.len(), 16);
        assert_mean(&shares, residue(fanout), 0.12 * residue(fanout), &format!("fan-out {fanout}"));
    }
}

/// Where every message takes the same time, rumours go in generations: of n nodes, a generation of g informs a share
/// 1 - (1 - f / (n - 1))^g of those that know nothing yet. The latency at a node is its hops times the delay.
#[test]
fn hops_and_latencies_follow_the_generations() {
    const NODES: f64 = 20_000.0;
    for fanout in [2, 4, 8] {
        let (mut ignorant, mut generation, mut hop) = (NODES - 1.0, 1.0, 0.0);
        let (mut informed, mut hops) = (0.0, 0.0);
        while generation > 0.01 {
            hop += 1.0;
            generation = ignorant * (1.0 - libm::pow(1.0 - f64::from(fanout) / (NODES - 1.0), generation));
            ignorant -= generation;
            informed += generation;
            hops += hop * generation;
        }
        let results = results(&burst(20_000, 8, 3, rumour(fanout)));
        let mean = results.get("rumour_hops_mean").unwrap();
        let expected = hops / informed;
        // One update's mean wanders by less than 0.1 hops, since a generation of f^h nodes hardly meets itself at first.
        assert!((mean - expected).abs() < 0.05, "fan-out {fanout}: {mean} hops, expected {expected}");
        let most = results.get("rumour_hops_max").unwrap();
        assert!((hop - 6.0..=hop + 8.0).contains(&most), "fan-out {fanout}: at most {most} hops, expected about {hop}");
        // Writers hold their own update at once, with a latency of nothing.
        let adopted = results.get("tuples_adopted").unwrap();
        let latency = results.get("update_latency_mean_s").unwrap() * (adopted + 8.0) / adopted;
        assert!((latency - mean * 0.01).abs() < 1e-9, "{latency} s for {mean} hops of 10 ms");
        assert!((results.get("update_latency_max_s").unwrap() - most * 0.01).abs() < 1e-9);
    }
}

/// What a node of the lockstep host does in one step.
struct Effects<'a> {
    me: SimPeer,
    rng: &'a mut Philox,
    sent: &'a mut Vec<(SimPeer, SimPeer, SyncMessage)>,
}

impl<P> Context<P> for Effects<'_>
where
    P: Protocol<Peer = SimPeer, Message = SyncMessage, Timer = Tick, Event = SyncEvent<SimPeer>>,
{
    type Rng = Philox;

    fn send(&mut self, to: SimPeer, message: SyncMessage) {
        self.sent.push((self.me, to, message));
    }

    fn send_many(&mut self, to: &[SimPeer], message: SyncMessage) {
        self.sent.extend(to.iter().map(|to| (self.me, *to, message.clone())));
    }

    fn backlog(&self, _to: SimPeer) -> Duration {
        Duration::ZERO
    }

    fn disconnect(&mut self, _to: SimPeer) {}

    fn set_timer(&mut self, _after: Duration, _timer: Tick) -> TimerHandle {
        TimerHandle::from_bits(0)
    }

    fn cancel_timer(&mut self, _handle: TimerHandle) {}

    fn emit(&mut self, _event: SyncEvent<SimPeer>) {}

    fn rng(&mut self) -> &mut Philox {
        self.rng
    }

    fn me(&self) -> SimPeer {
        self.me
    }
}

/// Rounds that full push takes to bring one tuple to everybody when all nodes tick at once and every message arrives
/// within its round: the process of the classic papers, run by the protocol itself.
fn lockstep_rounds(nodes: u32, seed: u64) -> u32 {
    type Node = FullPush<SimPeer, NodeSampler, SimKeys>;
    let streams = Streams::new(seed);
    let membership = Membership::build(&MembershipConfig::Uniform, nodes, &streams).unwrap();
    let config = FullPushConfig { interval: Duration::from_secs(1) };
    let make = |node| Node::new(config, membership.sampler(node), SimKeys::new(SimPeer(node), Signatures::StandIn));
    let mut protocols: Vec<Node> = (0..nodes).map(make).collect();
    let mut rngs: Vec<Philox> = (0..nodes).map(|node| streams.stream(Purpose::Protocol, node.into())).collect();
    let mut sent = Vec::new();
    let mut give = |protocols: &mut Vec<Node>, node: u32, input: Input<'_, Node>, sent: &mut Vec<_>| {
        let mut effects = Effects { me: SimPeer(node), rng: &mut rngs[node as usize], sent };
        protocols[node as usize].handle(Instant::ZERO, input, &mut effects);
    };
    give(&mut protocols, 0, Input::Command(SyncCommand::Write { key: vec![1], value: vec![1] }), &mut sent);
    let mut rounds = 0;
    while protocols.iter().any(|protocol| protocol.store().is_empty()) {
        rounds += 1;
        for node in 0..nodes {
            if !protocols[node as usize].store().is_empty() {
                give(&mut protocols, node, Input::Timer(Tick), &mut sent);
            }
        }
        for (from, to, message) in std::mem::take(&mut sent) {
            give(&mut protocols, to.0, Input::Message { from, message: &message }, &mut sent);
        }
    }
    rounds
}

/// log2 n + ln n + O(1) rounds (Frieze and Grimmett 1985; Pittel 1987), between log2 n + ln n - 1.116 and
/// log2 n + ln n + 2.765 in the mean for powers of two (Doerr and Kuennemann 2014). Every doubling costs 1 + ln 2 more.
#[test]
fn push_takes_the_classic_number_of_rounds() {
    let ln = |n: u32| libm::log(f64::from(n));
    let sample = |nodes: u32, seeds: u64| -> Vec<f64> {
        (0..seeds).map(|seed| f64::from(lockstep_rounds(nodes, seed))).collect()
    };
    let mut rounds = Vec::new();
    for (nodes, seeds) in [(256, 300), (1024, 100), (8192, 60)] {
        let values = sample(nodes, seeds);
        let (mean, half) = (Summary::of(&values).mean, half_width(&values));
        let classic = f64::from(nodes.ilog2()) + ln(nodes);
        assert!(mean + half >= classic - 1.116, "{nodes} nodes: {mean} +- {half} rounds, at least {classic} - 1.116");
        assert!(mean - half <= classic + 2.765, "{nodes} nodes: {mean} +- {half} rounds, at most {classic} + 2.765");
        rounds.push((mean, half));
    }
    let [(small, half_small), _, (large, half_large)] = rounds[..] else { unreachable!("three sizes") };
    let (growth, half) = (large - small, half_small + half_large);
    let expected = 5.0 * (1.0 + ln(2));
    assert!(half < 1.0, "too wide: {half}");
    assert!((growth - expected).abs() <= half, "five doublings took {growth} +- {half} more rounds, not {expected}");
}

/// Every node pushes once an interval, at a phase of its own, which is independent of when it hears the rumour. So the
/// share x that knows it grows as dx/dt = x (1 - x) in intervals: from 50 to 90 % takes ln 9 and to 99 % ln 99. From there
/// each of the ignorant is hit at rate 1, so the last of n is hit ln n + gamma after half of them, in the mean.
#[test]
fn pushing_at_random_phases_follows_the_logistic_curve() {
    const NODES: u32 = 2_000;
    let (mut to_90, mut to_99, mut to_100) = (Vec::new(), Vec::new(), Vec::new());
    for seed in 0..36 {
        let interval = Span(Duration::from_secs(1));
        let mut experiment = burst(NODES, 4, seed, ProtocolConfig::FullPush { interval });
        experiment.duration = Span(Duration::from_secs(32));
        // Short against the interval: it slows the growth by a thousandth.
        experiment.network.latency = Latency::Constant(Span(Duration::from_millis(1)));
        let results = results(&experiment);
        // Updates of one run travel together, so a run counts once.
        let [half, most, nearly, all] = [50, 90, 99, 100].map(|percent| {
            let times = column(&results, &format!("time_to_{percent}_s"));
            times.iter().sum::<f64>() / times.len() as f64
        });
        to_90.push(most - half);
        to_99.push(nearly - half);
        to_100.push(all - half);
    }
    assert_mean(&to_90, libm::log(9.0), 0.1, "from 50 to 90 %");
    assert_mean(&to_99, libm::log(99.0), 0.2, "from 50 to 99 %");
    assert_mean(&to_100, libm::log(f64::from(NODES)) + GAMMA, 0.6, "from 50 to 100 %");
}

/// The same writes over the same network: rumours are the fastest, and pushing whole stores is the slowest and the largest.
#[test]
fn full_push_is_the_slowest_and_the_largest() {
    let text = "name = 'order'\nnodes = 150\nduration = '40 s'\nsignatures = 'stand_in'\nprotocol.full_push.interval = '1 s'\n\
                workload = { writers = 30, arrivals.poisson.per_second = 5.0, keys.per_writer = 5, drain = '20 s' }";
    let interval = Span(Duration::from_secs(1));
    let budget = Size(1 << 16);
    for seed in 1..=3 {
        let loaded = parse("order", text, &[format!("seed={seed}")]).unwrap_or_else(|wrong| panic!("{wrong}"));
        let base = experiment(&loaded.scenario);
        let measured = |protocol| {
            let results = results(&Experiment { protocol, ..base.clone() });
            let get = |metric| results.get(metric).unwrap();
            assert_eq!(get("undelivered_share"), 0.0);
            ["update_time_to_99_median_s", "update_latency_p50_s", "sent_wire_bytes_per_node"].map(get)
        };
        let full = measured(ProtocolConfig::FullPush { interval });
        let eager = measured(ProtocolConfig::EagerPush { fanout: 4, repair: interval, budget });
        let scuttlebutt = measured(ProtocolConfig::Scuttlebutt { interval, budget });
        for (place, what) in ["time to 99 %", "median latency", "bytes"].iter().enumerate() {
            assert!(full[place] > scuttlebutt[place], "{what}: full push {full:?}, Scuttlebutt {scuttlebutt:?}");
            assert!(full[place] > eager[place], "{what}: full push {full:?}, eager push {eager:?}");
        }
        assert!(
            eager[0] < scuttlebutt[0] && eager[1] < scuttlebutt[1],
            "eager push {eager:?}, Scuttlebutt {scuttlebutt:?}"
        );
    }
}
