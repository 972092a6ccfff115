//! Experiments with the interchange process.

use rapprochement_core::overlay::sampling::peerswap::draws::SplitMix64;
use rapprochement_core::overlay::sampling::peerswap::{Idealised, RegularGraph};

use crate::Options;
use crate::pool;
use crate::spectrum::second_eigenvalue;
use crate::tally::{self, About};

/// Runs of one generator.
const BATCH: u64 = 1000;
/// The range of second eigenvalues in the paper.
const EIGENVALUES: [f64; 2] = [3.13, 3.71];
const GRAPHS: usize = 10;

fn about(experiment: &'static str, graph: &RegularGraph, time: f64, seed: u64) -> About {
    let (nodes, degree) = (graph.nodes(), graph.degree());
    About { experiment, nodes, degree, eigenvalue: None, latency: "0".into(), rate: 1.0, time, seed }
}

pub(crate) fn graph(nodes: usize, degree: usize, seed: u64) -> RegularGraph {
    RegularGraph::random(nodes, degree, &mut SplitMix64::new(seed)).expect("there are such graphs")
}

/// Counts in which cells the neighbours of peer 0 are, at each of some times of the same runs; a row of cells for each.
fn count(
    options: &Options,
    graph: &RegularGraph,
    times: &[f64],
    runs: u64,
    seed: u64,
    cells: usize,
    tally: impl Fn(&mut [u32], &mut [u32]) + Sync,
) -> Vec<u32> {
    pool::sum(options.threads, runs.div_ceil(BATCH), cells * times.len(), |batch, counts| {
        let mut rng = SplitMix64::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ batch);
        let mut process = Idealised::new(graph);
        let mut around = Vec::new();
        for _ in 0..BATCH.min(runs - batch * BATCH) {
            process.reset();
            let mut now = 0.0;
            for (&time, counts) in times.iter().zip(counts.chunks_mut(cells)) {
                process.run(time - now, &mut rng);
                now = time;
                around.clear();
                process.neighbours(0, &mut around);
                tally(&mut around, counts);
            }
        }
    })
}

/// How often each set of four peers was the neighbourhood of peer 0.
pub(crate) fn neighbourhoods(options: &Options) {
    for seed in 1..=options.seeds(3, 21) {
        of_neighbourhoods(options, "neighbourhoods", &graph(64, 4, seed), &[1.0, 2.0, 3.0, 4.0], seed, None);
    }
}

fn of_neighbourhoods(
    options: &Options,
    name: &'static str,
    graph: &RegularGraph,
    times: &[f64],
    seed: u64,
    eigenvalue: Option<f64>,
) {
    let cells = choose(graph.nodes() as u64 - 1, graph.degree() as u64) as usize;
    let runs = options.runs(options.expected() * cells as u64);
    let tally = |around: &mut [u32], counts: &mut [u32]| counts[rank(around)] += 1;
    let counts = count(options, graph, times, runs, seed, cells, tally);
    for (&time, counts) in times.iter().zip(counts.chunks(cells)) {
        let about = About { eigenvalue, ..about(name, graph, time, seed) };
        tally::print(&about, counts, runs, 1.0 / cells as f64);
    }
}

/// Graphs that expand well and badly.
pub(crate) fn expansion(options: &Options) {
    let drawn: Vec<(f64, u64)> =
        (1..=options.graphs()).map(|seed| (second_eigenvalue(&graph(64, 4, seed)), seed)).collect();
    let mut left = drawn;
    for place in 0..GRAPHS {
        let aim = EIGENVALUES[0] + (EIGENVALUES[1] - EIGENVALUES[0]) * place as f64 / (GRAPHS - 1) as f64;
        let off = |(eigenvalue, _): &(f64, u64)| (eigenvalue - aim).abs();
        let Some(nearest) = (0..left.len()).min_by(|&a, &b| off(&left[a]).total_cmp(&off(&left[b]))) else { return };
        let (eigenvalue, seed) = left.swap_remove(nearest);
        of_neighbourhoods(options, "expansion", &graph(64, 4, seed), &[4.0], seed, Some(eigenvalue));
    }
}

/// How often each peer was a neighbour of peer 0.
pub(crate) fn neighbours(options: &Options) {
    for seed in 1..=options.seeds(3, 5) {
        of_neighbours(options, "neighbours", &graph(4096, 5, seed), &[1.0, 1.5, 2.0, 3.0, 4.0], seed);
    }
}

/// The same in overlays of several sizes.
pub(crate) fn size(options: &Options) {
    let sizes = if options.full { 10..=15 } else { 10..=14 };
    for nodes in sizes.map(|log| 1 << log) {
        for seed in 1..=options.seeds(3, 5) {
            of_neighbours(options, "size", &graph(nodes, 5, seed), &[5.0], seed);
        }
    }
}

fn of_neighbours(options: &Options, name: &'static str, graph: &RegularGraph, times: &[f64], seed: u64) {
    let (nodes, degree) = (graph.nodes(), graph.degree());
    let runs = options.runs((options.expected() * (nodes as u64 - 1)).div_ceil(degree as u64));
    let tally = |around: &mut [u32], counts: &mut [u32]| around.iter().for_each(|&peer| counts[peer as usize] += 1);
    let counts = count(options, graph, times, runs, seed, nodes, tally);
    for (&time, counts) in times.iter().zip(counts.chunks(nodes)) {
        // Nobody is its own neighbour.
        tally::print(&about(name, graph, time, seed), &counts[1..], runs, degree as f64 / (nodes - 1) as f64);
    }
}

/// The place of a set of peers, none of which is 0, among all sets of that size, in colexicographic order.
fn rank(set: &mut [u32]) -> usize {
    set.sort_unstable();
    (1..).zip(set.iter()).map(|(size, &peer)| choose(u64::from(peer) - 1, size)).sum::<u64>() as usize
}

fn choose(n: u64, k: u64) -> u64 {
    (0..k).fold(1, |product, at| product * n.saturating_sub(at) / (at + 1))
}
