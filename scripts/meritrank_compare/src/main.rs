//! Scores of the same graphs by our exact solver, by our walks, and by the authors' library: how far they are apart, and in how
//! many of the expected errors. Prints a Markdown table; `scripts/meritrank` builds and runs it.
//!
//! Graphs are drawn with positive weights, which all versions of the library treat alike. Each engine is asked twice: for a graph
//! that it was given whole, and for one whose edges all came, and some of which went, after its walks had been drawn.
//!
//! A reach `h` that `n` walks estimate has the standard error `sqrt(h (1 - h) / n)`. Scores are reach over its sum, so that of
//! the library is turned into reach by the ego's own score: every walk meets the ego. The chi-square over nodes, of
//! which each has one degree of freedom, is about 1 by degree where the walks have the right law; errors of neighbours go together, so on
//! small graphs it scatters widely.

use std::process::ExitCode;

use meritrank_core::{Graph as TheirGraph, MeritRank};
use rapprochement_core::rank::{Config, EdgeChange, Exact, Graph, Rank, Walks};

const WALKS: u32 = 10_000;
const CONTINUE_PROB: f64 = 0.85;
const EGO: u32 = 0;
/// Nodes and edges of the graphs.
const SIZES: [(u32, u32); 3] = [(20, 60), (100, 500), (291, 1_528)];
const SEEDS: u64 = 5;

fn main() -> ExitCode {
    println!(
        "| nodes | edges | seed | edges came | engine | RMSE of reach | largest error (SE) | chi-square / df | top 10 |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    let mut far = 0;
    for (nodes, edges) in SIZES {
        for seed in 1..=SEEDS {
            let changes = draw(nodes, edges, seed);
            let truth = exact(nodes, &changes);
            for (when, late) in [("first", false), ("later", true)] {
                for (engine, found) in
                    [("our walks", ours(nodes, &changes, late, seed)), ("theirs", theirs(nodes, &changes, late))]
                {
                    let row = Comparison::of(&truth, &found);
                    far += u32::from(row.largest > 5.0 && engine == "theirs");
                    println!(
                        "| {nodes} | {edges} | {seed} | {when} | {engine} | {:.5} | {:.2} | {:.2} | {} |",
                        row.rmse, row.largest, row.chi_square, row.common
                    );
                }
            }
        }
    }
    println!("\nTheir rows with a node beyond 5 standard errors: {far}");
    ExitCode::SUCCESS
}

/// Changes that leave the graph with so many edges: as many again in between, of which every second is deleted at the end.
fn draw(nodes: u32, edges: u32, seed: u64) -> Vec<EdgeChange> {
    let mut state = seed;
    let mut below = |bound: u32| {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let x = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((x ^ (x >> 31)) >> 32) as u32 % bound
    };
    let mut pairs: Vec<(u32, u32)> = (1..nodes.min(6)).map(|to| (EGO, to)).collect();
    while pairs.len() < edges as usize + edges as usize / 2 {
        let pair = (below(nodes), below(nodes));
        if pair.0 != pair.1 && !pairs.contains(&pair) {
            pairs.push(pair);
        }
    }
    let mut changes: Vec<EdgeChange> =
        pairs.iter().map(|&(from, to)| EdgeChange::new(from, to, f64::from(1 + below(20)))).collect();
    changes.extend(pairs[edges as usize..].iter().map(|&(from, to)| EdgeChange::new(from, to, 0.0)));
    changes
}

/// The changes that are left of a history: no edge that is deleted.
fn last_state(changes: &[EdgeChange]) -> Vec<EdgeChange> {
    let gone = |edge: &EdgeChange| {
        changes.iter().any(|other| other.weight == 0.0 && (other.from, other.to) == (edge.from, edge.to))
    };
    changes.iter().filter(|edge| !gone(edge)).copied().collect()
}

fn graph(nodes: u32, edges: &[EdgeChange]) -> Graph {
    let mut graph = Graph::new(nodes).expect("a small graph");
    edges.iter().for_each(|&edge| graph.apply(edge).expect("drawn edges are valid"));
    graph
}

fn reaches<R: Rank>(mut rank: R) -> Vec<f64> {
    rank.poll(u64::MAX);
    (0..rank.nodes()).map(|node| rank.reach(node).expect("a node of the graph").positive).collect()
}

fn exact(nodes: u32, changes: &[EdgeChange]) -> Vec<f64> {
    let graph = graph(nodes, &last_state(changes));
    reaches(Exact::new(CONTINUE_PROB, graph, EGO).expect("a small graph"))
}

fn ours(nodes: u32, changes: &[EdgeChange], late: bool, seed: u64) -> Vec<f64> {
    let config = Config { seed, walks: WALKS, continue_prob: CONTINUE_PROB };
    let first = if late { Vec::new() } else { last_state(changes) };
    let mut walks = Walks::new(config, graph(nodes, &first), EGO).expect("few walks");
    walks.poll(u64::MAX);
    if late {
        for &change in changes {
            walks.apply(change).expect("drawn changes are valid");
            walks.poll(u64::MAX);
        }
    }
    reaches(walks)
}

fn theirs(nodes: u32, changes: &[EdgeChange], late: bool) -> Vec<f64> {
    let mut rank = MeritRank::new(TheirGraph::new(), WALKS as usize);
    rank.alpha = CONTINUE_PROB;
    (0..nodes).for_each(|_| {
        rank.get_new_nodeid();
    });
    // Some versions answer with a result, others with nothing.
    let set = |rank: &mut MeritRank, edge: &EdgeChange| {
        let _ = rank.set_edge(edge.from as usize, edge.to as usize, edge.weight);
    };
    if late {
        let _ = rank.calculate(EGO as usize);
        changes.iter().for_each(|change| set(&mut rank, change));
    } else {
        last_state(changes).iter().for_each(|edge| set(&mut rank, edge));
        let _ = rank.calculate(EGO as usize);
    }
    let mut scores = vec![0.0; nodes as usize];
    for (node, score) in rank.get_all_scores(EGO as usize, None).expect("the ego was calculated") {
        scores[node] = score;
    }
    let own = scores[EGO as usize];
    scores.iter().map(|score| score / own).collect()
}

struct Comparison {
    rmse: f64,
    largest: f64,
    chi_square: f64,
    /// How many of the first ten are among the first ten of the truth.
    common: usize,
}

impl Comparison {
    fn of(truth: &[f64], found: &[f64]) -> Self {
        let errors: Vec<f64> = truth.iter().zip(found).map(|(truth, found)| found - truth).collect();
        let rmse = (errors.iter().map(|error| error * error).sum::<f64>() / errors.len() as f64).sqrt();
        // Nodes that some ten walks or more should meet, and not all.
        let error_of = |reach: f64| (reach * (1.0 - reach) / f64::from(WALKS)).sqrt();
        let judged: Vec<f64> = errors
            .iter()
            .zip(truth)
            .filter(|(_, truth)| (0.001..0.999).contains(*truth))
            .map(|(error, &truth)| error / error_of(truth))
            .collect();
        let largest = judged.iter().fold(0.0, |most: f64, z| most.max(z.abs()));
        let chi_square = judged.iter().map(|z| z * z).sum::<f64>() / judged.len().max(1) as f64;
        let (first, second) = (first_ten(truth), first_ten(found));
        let common = first.iter().filter(|node| second.contains(node)).count();
        Self { rmse, largest, chi_square, common }
    }
}

fn first_ten(reach: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (1..reach.len()).collect();
    order.sort_by(|a, b| reach[*b].total_cmp(&reach[*a]).then(a.cmp(b)));
    order.truncate(10);
    order
}
