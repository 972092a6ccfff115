//! What becomes of messages: shares of loss and duplication, order under jitter, and partitions.

use proptest::prelude::*;
use rapprochement_core::time::{Duration, Instant};
use rapprochement_sim::network::config::{
    Access, Distribution, Groups, Jitter, Latency, Loss, NetworkConfig, PartitionConfig, Regions,
};
use rapprochement_sim::network::{Delivery, Incoming, LossReason, Network, Outgoing};
use rapprochement_sim::units::{Rate, Share, Size, Span};

use crate::{build, problems};

fn millis(ms: u64) -> Span {
    Span(Duration::from_millis(ms))
}

fn at(ms: u64) -> Instant {
    Instant::ZERO + Duration::from_millis(ms)
}

fn constant() -> NetworkConfig {
    NetworkConfig { latency: Latency::Constant(millis(10)), ..NetworkConfig::default() }
}

fn outcomes(network: &Network, payload: usize, messages: u32) -> impl Iterator<Item = Delivery> {
    let mut out = Outgoing::default();
    (0..messages).map(move |k| network.transmit(&mut out, at(k.into()), 0, 1, k, payload).outcome)
}

/// Four standard errors of a share among so many.
fn width(share: f64, messages: u32) -> f64 {
    4.0 * (share * (1.0 - share) / f64::from(messages)).sqrt()
}

#[test]
fn a_message_is_lost_with_any_of_its_fragments() {
    const MESSAGES: u32 = 200_000;
    let network = build(&NetworkConfig { loss: Loss::Independent(Share(0.05)), ..constant() }, 2);
    for (payload, expected) in [(1, 0.05), (1472, 0.05), (1473, 0.0975), (4416, 0.142_625)] {
        let lost = outcomes(&network, payload, MESSAGES).filter(|it| *it == Delivery::Lost(LossReason::Loss)).count();
        let share = lost as f64 / f64::from(MESSAGES);
        assert!((share - expected).abs() < width(expected, MESSAGES), "{payload} B: {share}, not {expected}");
    }
}

#[test]
fn the_stated_share_arrives_twice() {
    const MESSAGES: u32 = 200_000;
    let loss = Loss::Independent(Share(0.5));
    let network = build(&NetworkConfig { duplicate: Share(0.1), loss, ..constant() }, 2);
    let arrived: Vec<Delivery> =
        outcomes(&network, 100, MESSAGES).filter(|it| !matches!(it, Delivery::Lost(_))).collect();
    let twice = arrived.iter().filter(|it| matches!(it, Delivery::Twice(..))).count();
    let share = twice as f64 / arrived.len() as f64;
    // Duplication does not depend on loss.
    assert!((share - 0.1).abs() < width(0.1, arrived.len() as u32), "{share}");
}

#[test]
fn jitter_keeps_or_breaks_the_order_of_a_sender() {
    let jitter = |reorder| {
        let delay = Distribution::Uniform { min: millis(0), max: millis(20) };
        let network = build(&NetworkConfig { jitter: Some(Jitter { delay, reorder }), ..constant() }, 2);
        let arrivals = outcomes(&network, 1, 10_000).map(|it| match it {
            Delivery::Arrives(arrival) => arrival,
            other => panic!("{other:?}"),
        });
        arrivals.collect::<Vec<_>>()
    };
    let (free, kept) = (jitter(true), jitter(false));
    assert!(free.windows(2).any(|pair| pair[1] < pair[0]) && kept.is_sorted());
    for (k, (free, kept)) in free.iter().zip(&kept).enumerate() {
        let sent = at(k as u64);
        assert!((10_000_000..=30_000_000).contains(&free.since(sent).as_nanos()));
        assert!(kept >= free && kept.since(sent).as_nanos() <= 30_000_000);
    }
    let mean = free.iter().enumerate().map(|(k, it)| it.since(at(k as u64)).as_secs_f64()).sum::<f64>() / 1e4;
    // Standard deviation 20 ms / sqrt 12: four standard errors are 0.23 ms.
    assert!((mean - 0.020).abs() < 0.000_23, "{mean}");
}

/// A downlink of 8 Mbit/s takes a microsecond per byte, from the moment of the arrival.
#[test]
fn a_downlink_stores_forwards_and_drops() {
    let access = Access { downlink: Some(Rate(8_000_000)), queue: Some(Size(2000)), ..Access::default() };
    let network = build(&NetworkConfig { access, ..constant() }, 2);
    let mut incoming = Incoming::default();
    let micros = |us| Instant::ZERO + Duration::from_micros(us);
    assert_eq!(network.receive(&mut incoming, micros(100), 1500), Some(micros(1600)));
    assert_eq!(network.receive(&mut incoming, micros(100), 501), None);
    assert_eq!(network.receive(&mut incoming, micros(100), 500), Some(micros(2100)));
    assert_eq!(network.receive(&mut incoming, micros(9000), 100), Some(micros(9100)));
    let none = build(&constant(), 2);
    assert_eq!(none.receive(&mut incoming, micros(5), 100), Some(micros(5)));
}

#[test]
fn a_full_uplink_drops_and_charges_nothing() {
    let access = Access { uplink: Some(Rate(7_000_000_001)), queue: Some(Size(1500)), ..Access::default() };
    let network = build(&NetworkConfig { access, ..constant() }, 2);
    let mut out = Outgoing::default();
    assert_eq!(network.transmit(&mut out, at(0), 0, 1, 0, 1472).wire_bytes, 1500);
    let fate = network.transmit(&mut out, at(0), 0, 1, 1, 0);
    assert_eq!((fate.wire_bytes, fate.outcome), (0, Delivery::Lost(LossReason::Queue)));
    // 12,000 bits at 7.000000001 Gbit/s are 1714.3 ns.
    assert_eq!(network.backlog(&out, at(0)).as_nanos(), 1715);
    assert_eq!(network.backlog(&out, at(1)).as_nanos(), 0);
}

#[test]
fn a_partition_cuts_what_is_sent_into_it_and_what_would_arrive_in_it() {
    let partition = PartitionConfig {
        start: millis(100),
        heal: millis(200),
        groups: Groups::Nodes(vec![vec![0]]),
        both_ways: false,
        every: Some(millis(1000)),
    };
    let network = build(&NetworkConfig { partition: vec![partition], ..constant() }, 2);
    let arrives = |sent, from| {
        let fate = network.transmit(&mut Outgoing::default(), at(sent), from, 1 - from, 0, 1);
        fate.outcome == Delivery::Arrives(at(sent + 10))
    };
    for (sent, expected) in [(0, true), (89, true), (90, false), (100, false), (199, false), (200, true)] {
        for round in [0, 1000, 7000] {
            assert_eq!(arrives(sent + round, 0), expected, "{sent} + {round}");
            assert!(arrives(sent + round, 1), "the other way is open");
        }
    }
}

#[test]
fn groups_by_shares_have_their_exact_sizes_and_regions_their_nodes() {
    let partition =
        |groups| PartitionConfig { start: millis(0), heal: millis(1), groups, both_ways: true, every: None };
    let reached = |groups, nodes: u32| {
        let config = NetworkConfig { partition: vec![partition(groups)], ..NetworkConfig::default() };
        let network = build(&config, nodes);
        let mut sizes: Vec<usize> =
            (0..nodes).map(|a| (0..nodes).filter(|&b| !network.blocked(at(0), a, b)).count()).collect();
        sizes.sort_unstable();
        sizes
    };
    let sizes = reached(Groups::Shares(vec![Share(0.3), Share(0.1)]), 50);
    assert_eq!(sizes, [vec![5; 5], vec![15; 15], vec![30; 30]].concat());
    // 66 nodes: two in each of 33 regions.
    let regions = vec![vec!["eu-west-1".into(), "eu-west-2".into()], vec!["us-east-1".into()]];
    assert_eq!(reached(Groups::Regions(regions), 66), [vec![2; 2], vec![4; 4], vec![60; 60]].concat());
}

#[test]
fn everything_wrong_with_a_network_is_told_at_once() {
    let config = NetworkConfig {
        latency: Latency::Regions(Regions {
            only: vec!["eu-west-1".into(), "eu-wets-2".into(), "eu-west-1".into()],
            weights: vec![1.0],
            ..Regions::default()
        }),
        loss: Loss::GilbertElliott { good: millis(0), bad: millis(1), loss_good: Share(0.0), loss_bad: Share(1.0) },
        access: Access { queue: Some(Size(10)), ..Access::default() },
        jitter: Some(Jitter { delay: Distribution::Uniform { min: millis(2), max: millis(1) }, reorder: true }),
        ..NetworkConfig::default()
    };
    let found = problems(&config, 2);
    let paths: Vec<&str> = found.iter().map(|problem| problem.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "network.access.queue",
            "network.access.queue",
            "network.loss.gilbert_elliott.good",
            "network.jitter.delay.uniform.min",
            "network.latency.regions.only[1]",
            "network.latency.regions.only[2]",
            "network.latency.regions.only",
            "network.latency.regions.weights",
        ]
    );
    assert_eq!(found[4].help, "did you mean \"eu-west-2\"?");
    let partition = |start, heal, groups, every| PartitionConfig { start, heal, groups, both_ways: true, every };
    let config = NetworkConfig {
        partition: vec![
            partition(millis(5), millis(5), Groups::Nodes(vec![vec![0, 0], vec![9]]), None),
            partition(millis(0), millis(5), Groups::Regions(vec![vec!["mars".into()]]), Some(millis(4))),
            partition(millis(0), millis(5), Groups::Shares(vec![Share(0.7), Share(0.7)]), None),
        ],
        ..NetworkConfig::default()
    };
    let paths: Vec<String> = problems(&config, 5).into_iter().map(|problem| problem.path).collect();
    assert_eq!(
        paths,
        [
            "network.partition[0].heal",
            "network.partition[0].groups.nodes[0][1]",
            "network.partition[0].groups.nodes[1][0]",
            "network.partition[1].every",
            "network.partition[2].groups.shares",
            "network.partition[1].groups.regions[0][0]",
        ]
    );
}

const NODES: u32 = 12;

fn any_partition() -> impl Strategy<Value = PartitionConfig> {
    let groups = prop::collection::vec(0u32..4, NODES as usize);
    (0u64..500, 1u64..200, groups, any::<bool>(), prop::option::of(1u64..300)).prop_map(
        |(start, length, group, both_ways, pause)| {
            let members = |wanted| (0..NODES).filter(|&node| group[node as usize] == wanted).collect::<Vec<_>>();
            PartitionConfig {
                start: millis(start),
                heal: millis(start + length),
                groups: Groups::Nodes((0..3).map(members).filter(|members| !members.is_empty()).collect()),
                both_ways,
                every: pause.map(|pause| millis(length + pause)),
            }
        },
    )
}

/// Whether one partition cuts a way, straight from the words of the configuration.
fn cuts(partition: &PartitionConfig, time: u64, from: u32, to: u32) -> bool {
    let Groups::Nodes(lists) = &partition.groups else { panic!("groups are lists here") };
    let group = |node| lists.iter().position(|list| list.contains(&node)).unwrap_or(lists.len());
    let apart = if partition.both_ways { group(from) != group(to) } else { group(from) < group(to) };
    let (start, heal) = (partition.start.as_nanos(), partition.heal.as_nanos());
    let every = partition.every.map_or(u64::MAX / 2, Span::as_nanos);
    let rounds = (0..).map(|round: u64| round.saturating_mul(every)).take_while(|&later| start + later <= time);
    apart && rounds.into_iter().any(|later| (start + later..heal + later).contains(&time))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// No message crosses a partition, ever; and no other message is taken for one that would.
    #[test]
    fn no_message_crosses_a_partition(
        partitions in prop::collection::vec(any_partition(), 1..4),
        sends in prop::collection::vec((0u64..3_000_000_000, 0..NODES, 0..NODES), 1..50),
        jitter in any::<bool>(),
    ) {
        let delay = Distribution::Exponential { mean: millis(40) };
        let config = NetworkConfig {
            partition: partitions.clone(),
            duplicate: Share(0.3),
            jitter: jitter.then_some(Jitter { delay, reorder: true }),
            ..constant()
        };
        let network = build(&config, NODES);
        let cut = |time: Instant, from, to| partitions.iter().any(|it| cuts(it, time.as_nanos(), from, to));
        for (k, (time, from, to)) in sends.into_iter().enumerate() {
            let sent = Instant::from_nanos(time);
            prop_assert_eq!(network.blocked(sent, from, to), cut(sent, from, to));
            let fate = network.transmit(&mut Outgoing::default(), sent, from, to, k as u32, 1);
            match fate.outcome {
                Delivery::Arrives(arrival) => prop_assert!(!cut(sent, from, to) && !cut(arrival, from, to)),
                Delivery::Twice(a, b) => {
                    prop_assert!(!cut(sent, from, to) && !cut(a, from, to) && !cut(b, from, to));
                }
                Delivery::Lost(reason) => {
                    prop_assert_eq!(reason, LossReason::Partition);
                    let due = sent + Duration::from_millis(10);
                    prop_assert!(jitter || cut(sent, from, to) || cut(due, from, to));
                }
            }
        }
    }
}
