//! What the rank engine costs on one core: `cargo run --release -p rapprochement-core --example rank_speed`.
//! As `rapsim bench rank` without the simulator: 10,000 walks of one ego, 10,000 nodes and 100,000 edges with weights
//! from 1 to 10, walks that go on with 0.85. Of each change the best of several rounds counts. A digest of the counts is
//! printed with the times, by which two versions of the engine can be compared. `-- cold`, `-- edge`, `-- ego` or
//! `-- top` runs one part alone; a number behind it sets the rounds.

use std::env;
use std::hint::black_box;
use std::time::Instant;

use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;
use rapprochement_core::random::below;
use rapprochement_core::rank::{Config, EdgeChange, Graph, Rank, Walks};

const NODES: u32 = 10_000;
const EDGES: usize = 100_000;
const CONFIG: Config = Config { seed: 1, walks: 10_000, continue_prob: 0.85 };
const EGO: u32 = 0;
const COLD_ROUNDS: usize = 60;
const ROUNDS: usize = 8;
const CHANGES: usize = 20_000;
const EGO_CHANGES: usize = 400;

#[expect(clippy::disallowed_methods, reason = "this measures the machine")]
fn micros<T>(work: impl FnOnce() -> T) -> f64 {
    let start = Instant::now();
    black_box(work());
    start.elapsed().as_secs_f64() * 1e6
}

fn random_change(rng: &mut ChaCha8Rng) -> EdgeChange {
    EdgeChange::new(below(rng, NODES), below(rng, NODES), f64::from(1 + below(rng, 10)))
}

fn is_new(graph: &Graph, EdgeChange { from, to, .. }: EdgeChange) -> bool {
    from != to && graph.weight(from, to) == Ok(0.0)
}

fn random_graph(rng: &mut ChaCha8Rng) -> Graph {
    let mut graph = Graph::new(NODES).expect("it is within the limit");
    let mut edges = 0;
    while edges < EDGES {
        let change = random_change(rng);
        if is_new(&graph, change) {
            graph.apply(change).expect("it is a valid change");
            edges += 1;
        }
    }
    graph
}

/// Additions and deletions of random edges in turn, of one source or of any.
fn changes(graph: &Graph, count: usize, source: Option<u32>) -> Vec<EdgeChange> {
    let mut edges: Vec<EdgeChange> = (0..NODES)
        .filter(|&from| source.is_none_or(|source| source == from))
        .flat_map(|from| graph.out_edges(from).map(move |(to, weight)| EdgeChange { from, to, weight }))
        .collect();
    let (mut graph, mut changes, rng) = (graph.clone(), Vec::new(), &mut ChaCha8Rng::seed_from_u64(2));
    while changes.len() < count {
        let mut added = random_change(rng);
        added.from = source.unwrap_or(added.from);
        if is_new(&graph, added) {
            edges.push(added);
            let deleted = edges.swap_remove(below(rng, edges.len() as u32) as usize);
            for change in [added, EdgeChange { weight: 0.0, ..deleted }] {
                graph.apply(change).expect("it is a valid change");
                changes.push(change);
            }
        }
    }
    changes
}

/// Microseconds of each change with the poll that settles it, and the steps of all.
fn settle(walks: &mut Walks, changes: &[EdgeChange]) -> (Vec<f64>, u64) {
    let mut steps = 0;
    let mut once = |&change: &EdgeChange| {
        micros(|| {
            walks.apply(change).expect("it is a valid change");
            steps += walks.poll(u64::MAX).steps;
        })
    };
    let times = changes.iter().map(&mut once).collect();
    (times, steps)
}

fn digest(walks: &Walks) -> u64 {
    let hits = (0..walks.nodes()).flat_map(|node| walks.hits(node).expect("it is a node"));
    let digest = hits.fold(0u64, |digest, hits| (digest ^ u64::from(hits)).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    digest ^ walks.total().to_bits()
}

fn report_changes(name: &str, walks: &Walks, list: &[EdgeChange], rounds: usize) {
    let (mut best, mut total_steps, mut end) = (vec![f64::INFINITY; list.len()], 0, walks.clone());
    for _ in 0..rounds {
        end = walks.clone();
        let (times, steps) = settle(&mut end, list);
        best.iter_mut().zip(times).for_each(|(best, time)| *best = best.min(time));
        total_steps = steps;
    }
    best.sort_unstable_by(f64::total_cmp);
    let (median, mean) = (best[best.len() / 2], best.iter().sum::<f64>() / best.len() as f64);
    println!("{name}: p50 {median:.3} us, mean {mean:.3} us, {total_steps} steps, digest {:016x}", digest(&end));
    println!("{name}: {:.1} B per walk behind it", end.walk_bytes() as f64 / f64::from(CONFIG.walks));
}

fn main() {
    let part = env::args().nth(1);
    let runs = |name: &str| part.as_ref().is_none_or(|part| part == name);
    let chosen = env::args().nth(2).and_then(|rounds| rounds.parse().ok());
    let rounds = |rounds: usize| chosen.unwrap_or(rounds);
    let graph = random_graph(&mut ChaCha8Rng::seed_from_u64(1));
    let fresh = || Walks::new(CONFIG, graph.clone(), EGO).expect("the parameters are valid");
    let mut walks = fresh();
    let steps = walks.poll(u64::MAX).steps;
    if runs("cold") {
        let mut engines: Vec<Walks> = (0..rounds(COLD_ROUNDS)).map(|_| fresh()).collect();
        let cold = engines.iter_mut().map(|walks| micros(|| walks.poll(u64::MAX))).fold(f64::INFINITY, f64::min);
        println!("cold: {:.3} ms, {steps} steps, digest {:016x}", cold / 1e3, digest(&walks));
        let bytes = walks.walk_bytes() as f64 / f64::from(CONFIG.walks);
        println!("cold: {bytes:.1} B per walk, {} B per node", Walks::node_bytes());
    }
    if runs("edge") {
        report_changes("edge", &walks, &changes(&graph, CHANGES, None), rounds(ROUNDS));
    }
    if runs("ego") {
        report_changes("ego", &walks, &changes(&graph, EGO_CHANGES, Some(EGO)), rounds(ROUNDS));
    }
    if runs("top") {
        let top = (0..rounds(COLD_ROUNDS)).map(|_| micros(|| walks.top(100))).fold(f64::INFINITY, f64::min);
        println!("top 100: {top:.1} us");
    }
}
