//! Prints what the peer samplers make of an overlay, as CSV: one line per sampler and list that it keeps.
//!
//! `cargo run --release -p rapprochement-core --example samplers -- [nodes] [cycles] [seed] [name]`
//!
//! With a name, only the samplers whose names hold it.
//!
//! Overlays begin as a ring (HyParView's by joins, one by one), run for `cycles` rounds, and are measured beside a random graph of the same
//! out-degrees. Then half of the nodes vanish at once, and the cycles until less than 1 % of the links lead to them are
//! counted: with no evidence but silence, and in a second run with a transport that tells the sender of a message that its
//! receiver is down. Bytes are of messages, without headers, per node and cycle.

#![allow(dead_code, reason = "the tests' driver is used in part")]

#[path = "../tests/sampling/driver.rs"]
mod driver;
#[path = "../tests/sampling/graph.rs"]
mod graph;
#[path = "../tests/sampling/subjects.rs"]
mod subjects;

use std::fmt::Display;

use driver::World;
use graph::{Views, measure, random_like};
use rapprochement_core::overlay::sampling::SamplingConfig;
use subjects::{CYCLE, all};

/// Cycles after which cleaning is given up.
const LIMIT: u64 = 200;

fn main() {
    let argument = |place: usize, default: u64| {
        std::env::args().nth(place).map_or(default, |text| text.parse().expect("a number is wanted"))
    };
    let (n, cycles, seed) = (argument(1, 1000) as u32, argument(2, 100), argument(3, 1));
    println!(
        "sampler,list,n,k,indegree_sd,sd_to_random,indegree_min,indegree_max,clustering,clustering_to_random,path,\
         path_to_random,largest_component,clean_by_silence,clean_by_evidence,bytes_per_peer_and_cycle"
    );
    let wanted = std::env::args().nth(4).unwrap_or_default();
    for (name, config, _) in all().into_iter().filter(|(name, ..)| name.contains(&wanted)) {
        row(name, config, n, cycles, seed);
    }
}

fn row(name: &str, config: SamplingConfig, n: u32, cycles: u64, seed: u64) {
    let mut world = settled(config, n, cycles, seed);
    let before = world.bytes;
    world.cycles(10);
    let bytes = (world.bytes - before) / (10 * u64::from(n));
    let lists = [("view", world.views()), ("samples", world.samples())];
    let keeps_samples = lists[0].1 != lists[1].1;
    let cleaned: Vec<[String; 2]> = [false, true]
        .map(|evidence| {
            let mut world = settled(config, n, cycles, seed);
            world.evidence = evidence;
            world.halve();
            cleaning(&mut world)
        })
        .to_vec();
    for (place, (list, views)) in lists.into_iter().enumerate().take(if keeps_samples { 2 } else { 1 }) {
        let (m, r) = (measure(&views, 50, &mut world.rng), random_like(&views, &mut world.rng));
        let r = measure(&r, 50, &mut world.rng);
        println!(
            "{name},{list},{n},{:.2},{:.3},{:.3},{},{},{:.5},{:.3},{:.3},{:.3},{},{},{},{bytes}",
            m.mean,
            m.sd,
            m.sd / r.sd,
            m.least,
            m.most,
            m.clustering,
            m.clustering / r.clustering,
            m.path,
            m.path / r.path,
            m.component,
            cleaned[0][place],
            cleaned[1][place],
        );
    }
}

fn settled(config: SamplingConfig, n: u32, cycles: u64, seed: u64) -> World {
    let mut world = World::new(config, CYCLE, n, seed);
    match config {
        SamplingConfig::HyParView(_) => world.introduce_one_by_one(),
        _ => world.introduce_ring(20),
    }
    world.cycles(cycles);
    world
}

/// Cycles until views, and until samples, are clean.
fn cleaning(world: &mut World) -> [String; 2] {
    let shown = |cycles: Option<u64>| cycles.map_or_else(|| format!(">{LIMIT}"), |cycles| shown(&cycles));
    let (mut views, mut samples) = (None, None);
    let is_clean = |world: &World, list: Views| world.dead_share(&list) < 0.01;
    for cycle in 0..=LIMIT {
        views = views.or_else(|| is_clean(world, world.views()).then_some(cycle));
        samples = samples.or_else(|| is_clean(world, world.samples()).then_some(cycle));
        if views.is_some() && samples.is_some() {
            break;
        }
        world.cycles(1);
    }
    [shown(views), shown(samples)]
}

fn shown(value: &impl Display) -> String {
    value.to_string()
}
