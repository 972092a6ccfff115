//! Runs without faults: the graph stays what it is, up to who stands where.

use std::collections::BTreeSet;

use rapprochement_core::overlay::sampling::peerswap::draws::SplitMix64;
use rapprochement_core::overlay::sampling::peerswap::{Idealised, PeerSwapConfig, RegularGraph};
use rapprochement_core::time::Duration;

use rapprochement_core::overlay::sampling::peerswap::world::{Latency, World};

fn config(degree: usize, rate: f64) -> PeerSwapConfig {
    PeerSwapConfig { degree, rate, lease: Duration::from_secs(2) }
}

fn graph(nodes: usize, degree: usize, seed: u64) -> RegularGraph {
    RegularGraph::random(nodes, degree, &mut SplitMix64::new(seed)).unwrap()
}

/// Who stands on each vertex, if every decision to swap exchanged two places. A `Swap` that answers one is a decision; one that is
/// repeated counts once.
fn places(nodes: u32, swaps: &[(u32, u32, u32)]) -> Vec<u32> {
    let mut place: Vec<u32> = (0..nodes).collect();
    let (mut votes, mut decisions) = (BTreeSet::new(), BTreeSet::new());
    for &(from, to, number) in swaps {
        if !votes.contains(&(to, from, number)) {
            votes.insert((from, to, number));
        } else if decisions.insert((from, to, number)) {
            place.swap(from as usize, to as usize);
        }
    }
    let mut standing = vec![0; nodes as usize];
    place.iter().zip(0..).for_each(|(&vertex, peer)| standing[vertex as usize] = peer);
    standing
}

fn assert_isomorphic(graph: &RegularGraph, world: &World) {
    let standing = places(graph.nodes() as u32, world.network.swaps.as_ref().unwrap());
    for vertex in 0..graph.nodes() as u32 {
        let mut expected: Vec<u32> = graph.neighbours(vertex).iter().map(|&next| standing[next as usize]).collect();
        let mut held = world.neighbours(standing[vertex as usize]);
        expected.sort_unstable();
        held.sort_unstable();
        assert_eq!(held, expected);
    }
}

#[test]
fn swaps_carry_the_graph_along() {
    let latencies = [
        Latency::Constant(Duration::ZERO),
        Latency::Constant(Duration::from_millis(20)),
        Latency::Uniform(Duration::from_millis(100)),
        Latency::Matrix { hosts: 3, nanos: vec![1_000_000, 5_000_000, 90_000_000, 7, 3, 2, 60_000_000, 0, 1] },
    ];
    for (latency, seed) in latencies.into_iter().zip(0..) {
        for (nodes, degree) in [(2, 1), (12, 3), (40, 5), (30, 12)] {
            let graph = graph(nodes, degree, seed);
            // Three rings a second in the whole overlay: few enough that swaps of a dense graph find all neighbours free.
            let rate = 3.0 / graph.edges().len() as f64;
            let mut world = World::on(&graph, config(degree, rate), latency.clone(), seed);
            (world.network.verify, world.network.swaps) = (true, Some(Vec::new()));
            for _ in 0..10 {
                world.run(Duration::from_secs(3));
                world.network.quiet = true;
                world.run(Duration::from_millis(1900));
                assert!(world.nodes.iter().all(|node| !node.is_locked()));
                assert!(world.is_sound() && world.one_sided() == 0 && world.vacant() == 0 && world.is_connected());
                assert_isomorphic(&graph, &world);
                world.network.quiet = false;
            }
            let counted = world.counters();
            assert_eq!(counted.fired, counted.busy + counted.refused + counted.failed + counted.swapped);
            assert!(
                counted.swapped > 0 && counted.failed == 0 && counted.expired == 0,
                "{nodes} {degree}: {counted:?}"
            );
        }
    }
}

/// Without latency every ring is a swap, and the rings of an edge are a Poisson process: mean and variance of their number agree.
#[test]
fn without_latency_every_ring_swaps_at_the_stated_rate() {
    let graph = graph(64, 4, 3);
    let (edges, rate, runs) = (128.0, 0.5, 2000.0);
    let mut world = World::on(&graph, config(4, rate), Latency::Constant(Duration::ZERO), 4);
    let (mut sum, mut squares, mut last) = (0.0, 0.0, 0);
    for _ in 0..runs as u32 {
        world.run(Duration::from_secs(1));
        let counted = world.counters();
        assert_eq!(counted.fired, counted.swapped);
        let rings = (counted.swapped - last) as f64;
        last = counted.swapped;
        (sum, squares) = (sum + rings, squares + rings * rings);
    }
    let expected: f64 = edges * rate;
    let mean = sum / runs;
    let variance = squares / runs - mean * mean;
    assert!((mean - expected).abs() < 5.0 * (expected / runs).sqrt(), "{mean}");
    assert!((variance - expected).abs() < 5.0 * expected * (2.0 / runs).sqrt(), "{variance}");
}

/// The distribution of a peer's neighbours after a time that is too short to mix, by messages and by the interchange process.
#[test]
fn without_latency_the_law_is_that_of_the_interchange_process() {
    let (nodes, degree, runs) = (12, 3, 6000);
    let graph = graph(nodes, degree, 5);
    let mut counts = [[0.0f64; 12]; 2];
    let (mut process, mut rng) = (Idealised::new(&graph), SplitMix64::new(6));
    for seed in 0..runs {
        process.reset();
        process.run(0.4, &mut rng);
        let mut around = Vec::new();
        process.neighbours(0, &mut around);
        around.into_iter().for_each(|peer| counts[0][peer as usize] += 1.0);
        let mut world = World::on(&graph, config(degree, 0.4), Latency::Constant(Duration::ZERO), seed);
        world.run(Duration::from_secs(1));
        world.neighbours(0).into_iter().for_each(|peer| counts[1][peer as usize] += 1.0);
    }
    // Not mixed: else any law that keeps the graph would do.
    let expected = f64::from(3 * runs as u32) / 11.0;
    let squares = counts[0][1..].iter().map(|seen| (seen - expected) * (seen - expected) / expected);
    assert!(squares.sum::<f64>() > 500.0);
    let two_samples = counts[0][1..].iter().zip(&counts[1][1..]).map(|(a, b)| (a - b) * (a - b) / (a + b));
    let chi: f64 = two_samples.sum();
    // Within a run, three different neighbours: cells correlate negatively, so chi-square of 10 is an upper bound.
    assert!(chi < 35.56, "{chi}: the chance of more is below 1e-4");
}
