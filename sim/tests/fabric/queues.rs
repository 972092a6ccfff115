//! Links as queues: closed forms of store and forward, queueing theory, token buckets, and nothing lost unseen.

use proptest::prelude::*;
use rapprochement_core::time::{Duration, Instant};
use rapprochement_sim::network::config::Distribution;
use rapprochement_sim::network::fabric::Queues;
use rapprochement_sim::network::fabric::config::{AccessBurst, Shape};
use rapprochement_sim::random::Philox;
use rapprochement_sim::units::{Rate, Size, Span};

use crate::{MICROSECOND, Packet, build, cable, config, play};

/// Packet i of N back to back on one link is there at L + i (len + 38) 8 / B, to the nanosecond, rounded up: here at a rate
/// whose bytes take no whole number of nanoseconds.
#[test]
fn packets_back_to_back_arrive_a_transmission_apart() {
    const RATE: u64 = 7_000_000;
    let link = cable(RATE, 50_000 * MICROSECOND, None);
    let fabric = build(Shape::Star { hosts: None, link }, 2);
    let mut queues = Queues::new(&fabric);
    let up = fabric.next(0, 1, None).unwrap();
    for i in 1..=1000u64 {
        let hop = queues.pass(&fabric, up, Instant::ZERO, 1000).unwrap();
        assert_eq!(hop.arrives.as_nanos(), 50_000_000 + (i * 1038 * 8_000_000_000).div_ceil(RATE));
        assert_eq!(u64::from(hop.before), i - 1);
    }
}

/// Over h links of equal rate, packet i is there at h (L + s) + (i - 1) s, where s is its transmission.
#[test]
fn store_and_forward_takes_a_transmission_at_every_hop() {
    // 8 Mbit/s: a microsecond per byte.
    let link = cable(8_000_000, 300 * MICROSECOND, None);
    let fabric = build(Shape::FatTree { k: 4, link }, 16);
    // Under one edge switch, under one pod, and between pods.
    for (to, hops) in [(1, 2), (2, 4), (15, 6)] {
        let packets: Vec<_> = (0..50).map(|_| Packet { at: 0, from: 0, to, bytes: 462 }).collect();
        let fates = play(&fabric, &mut Queues::new(&fabric), &packets);
        for (i, fate) in (0u64..).zip(fates) {
            assert_eq!(u64::from(fate.hops), hops);
            assert_eq!(fate.arrived, Some((hops * (300 + 500) + i * 500) * MICROSECOND));
        }
    }
}

/// The slower link behind the faster one is where packets wait, and its queue of five packets drops the sixth.
#[test]
fn a_bottleneck_drops_what_its_queue_cannot_hold() {
    let access = cable(80_000_000, 0, None);
    let bottleneck = cable(8_000_000, 0, Some(5 * 1000 + 500));
    let fabric = build(Shape::Dumbbell { pairs: Some(3), access, bottleneck }, 6);
    // Nodes 0, 2 and 4 send four packets of 1000 bytes each at once: their links take 100 us, the bottleneck 1000 us.
    let packets: Vec<_> = (0..12).map(|i| Packet { at: 0, from: i % 3 * 2, to: 1, bytes: 962 }).collect();
    let mut queues = Queues::new(&fabric);
    let fates = play(&fabric, &mut queues, &packets);
    // The first leaves at 1100 us; until then, at 100, 200, 300 and 400 us, three packets come at a time.
    let arrived = fates.iter().filter(|fate| fate.arrived.is_some()).count();
    let counters: Vec<_> = queues.counters().collect();
    let over = fabric.next(0, 1, fabric.next(0, 1, None)).unwrap() as usize;
    assert_eq!(counters[over].packets + counters[over].dropped, 12);
    // At 400 us the bottleneck holds what it was given less 300 bytes: with 5,500 bytes of room five packets fit.
    assert_eq!((arrived, counters[over].packets, counters[over].queue_max), (5, 5, 5));
    assert_eq!(counters[over].bytes, 5_000);
}

/// A cloud function's link of 80 Mbit/s with a bucket of 10,000 bytes, filled at 8 Mbit/s: the burst passes at the link's
/// rate, the rest at the bucket's.
#[test]
fn a_token_bucket_passes_its_burst_at_the_rate_of_the_link() {
    use rapprochement_sim::network::fabric::Fabric;
    use rapprochement_sim::random::Streams;
    let shape = Shape::Star { hosts: None, link: cable(80_000_000, 0, None) };
    let burst = AccessBurst { burst: Size(10_000), baseline: Rate(8_000_000) };
    let config = config(shape, Some(burst));
    let fabric = Fabric::build(&config, 2, std::path::Path::new("."), &Streams::new(1)).unwrap().unwrap();
    let mut queues = Queues::new(&fabric);
    let up = fabric.next(0, 1, None).unwrap();
    let mut pass = |now: u64| queues.pass(&fabric, up, Instant::from_nanos(now), 962).unwrap().arrives.as_nanos();
    for i in 1..=10 {
        assert_eq!(pass(0), i * 100 * MICROSECOND);
    }
    // The bucket is empty: packet 10 + i has its tokens after i ms and then takes 100 us on the link.
    for i in 1..=5 {
        assert_eq!(pass(0), (i * 1000 + 100) * MICROSECOND);
    }
    // 15 ms later all of the burst is saved up again.
    assert_eq!(pass(20_000 * MICROSECOND), 20_100 * MICROSECOND);
}

const REPLICATIONS: u64 = 30;
/// Two-sided 95 % point of Student's t with 29 degrees of freedom.
const STUDENT: f64 = 2.045;

/// Mean wait of one replication at the first link of a star, in units of the mean service time of a millisecond.
fn mean_wait(exponential: bool, load: f64, packets: u32, seed: u64) -> f64 {
    let mean = |mean: f64| Distribution::Exponential { mean: Span(Duration::from_nanos(mean as u64)) };
    let (gaps, sizes) = (mean(1e6 / load), mean(100_000.0));
    let fabric = build(Shape::Star { hosts: None, link: cable(800_000_000, 0, None) }, 2);
    let mut queues = Queues::new(&fabric);
    let up = fabric.next(0, 1, None).unwrap();
    let mut rng = Philox::new(seed);
    let (mut now, mut sum) = (Instant::ZERO, 0u64);
    let warm_up = packets / 10;
    for packet in 0..packets + warm_up {
        now = now + gaps.sample(&mut rng);
        let bytes = if exponential { sizes.sample(&mut rng).as_nanos() as u32 } else { 100_000 };
        // The framing is part of the service.
        let hop = queues.pass(&fabric, up, now, bytes.saturating_sub(38)).unwrap();
        sum += if packet < warm_up { 0 } else { hop.queued.as_nanos() };
    }
    sum as f64 / f64::from(packets) / 1e6
}

/// The mean wait is r / (1 - r) service times with exponential service and half of it with constant service (L. Kleinrock,
/// "Queueing Systems" volume 1, 1975, section 5.6).
fn check_wait(exponential: bool, load: f64, packets: u32) {
    let means: Vec<f64> = (0..REPLICATIONS).map(|seed| mean_wait(exponential, load, packets, seed)).collect();
    let count = REPLICATIONS as f64;
    let mean = means.iter().sum::<f64>() / count;
    let variance = means.iter().map(|wait| (wait - mean) * (wait - mean)).sum::<f64>() / (count - 1.0);
    let half = STUDENT * (variance / count).sqrt();
    let expected = load / (1.0 - load) * if exponential { 1.0 } else { 0.5 };
    assert!(half <= 0.1 * expected, "half-width {half} of {expected}: too few packets to say anything");
    assert!((mean - expected).abs() <= half, "exponential {exponential} at {load}: {mean} +- {half}, not {expected}");
}

#[test]
fn waits_are_those_of_the_closed_forms() {
    for exponential in [false, true] {
        check_wait(exponential, 0.5, 20_000);
        check_wait(exponential, 0.8, 40_000);
    }
}

#[test]
#[ignore = "20 million packets: half a minute in a debug build"]
fn waits_at_95_percent_are_those_of_the_closed_forms() {
    check_wait(false, 0.95, 300_000);
    check_wait(true, 0.95, 300_000);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// On any topology every packet arrives or is counted as dropped, a switch sends on what it got, packets of one flow
    /// keep their order, and no packet is faster than its path.
    #[test]
    fn every_packet_arrives_or_is_counted_as_dropped(
        which in 0u8..4,
        room in 2u64..20,
        sent in prop::collection::vec((0u64..2_000, 0u32..16, 1u32..16, 1u32..1500), 1..300),
    ) {
        let link = cable(10_000_000, 5_000, Some(room * 1538));
        let shape = match which {
            0 => Shape::Star { hosts: None, link },
            1 => Shape::FatTree { k: 4, link },
            2 => Shape::Dumbbell { pairs: None, access: link, bottleneck: link },
            _ => Shape::Random { routers: 7, degree: 4, hosts: None, access: link, core: link },
        };
        let fabric = build(shape, 16);
        let packets: Vec<_> = sent
            .iter()
            .map(|&(at, from, step, bytes)| Packet { at: at * MICROSECOND, from, to: (from + step) % 16, bytes })
            .collect();
        let mut queues = Queues::new(&fabric);
        let fates = play(&fabric, &mut queues, &packets);
        let arrived = fates.iter().filter(|fate| fate.arrived.is_some()).count() as u64;
        let dropped: u64 = queues.counters().map(|counter| counter.dropped).sum();
        prop_assert_eq!(arrived + dropped, packets.len() as u64);
        let crossed: u64 = queues.counters().map(|counter| counter.packets).sum();
        prop_assert_eq!(crossed, fates.iter().map(|fate| u64::from(fate.hops)).sum::<u64>());
        for (a, b) in (0..packets.len()).flat_map(|b| (0..b).map(move |a| (a, b))) {
            let (first, second) = if packets[a].at <= packets[b].at { (a, b) } else { (b, a) };
            let same = (packets[a].from, packets[a].to) == (packets[b].from, packets[b].to);
            if let (true, Some(first), Some(second)) = (same, fates[first].arrived, fates[second].arrived) {
                prop_assert!(first < second);
            }
        }
        for (packet, fate) in packets.iter().zip(&fates) {
            let hops = fabric.path(packet.from, packet.to).count() as u64;
            let least = (u128::from(packet.bytes + 38) * 800 + 5_000) * u128::from(hops);
            prop_assert!(fate.arrived.is_none_or(|at| u128::from(at - packet.at) >= least));
            prop_assert!(fate.arrived.is_none_or(|_| u64::from(fate.hops) == hops));
        }
    }
}
