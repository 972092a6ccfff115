//! Times of the engine on a uniformly random graph with weights from 1 to 10. A change is timed with the poll that
//! settles it. `*_cpu_*` is the mean processor time (from Linux's `/proc`; 0 elsewhere), which other load on the
//! machine does not change; the rest is wall time: the best of several rounds, or quantiles over single changes.

use std::fmt;
use std::hint::black_box;
use std::time::Instant;

use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;
use rapprochement_core::random::below;
use rapprochement_core::rank::{Config, EdgeChange, Graph, Rank, RankError, Walks};

const ROUNDS: usize = 30;
const CHANGES: usize = 100_000;
const EGO_CHANGES: usize = 600;
const EGO: u32 = 0;

/// What is measured.
#[derive(Clone, Copy, Debug)]
pub(super) struct Size {
    pub(super) nodes: u32,
    pub(super) edges: u32,
    pub(super) walks: u32,
    pub(super) seed: u64,
}

/// What was measured. Times of an edge in microseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Figures {
    size: Size,
    cold_ms: f64,
    cold_cpu_ms: f64,
    edge: Times,
    ego_edge: Times,
    top_100_us: f64,
    bytes_per_walk_cold: f64,
    bytes_per_walk: f64,
    bytes_per_node: usize,
    nodes_per_walk: f64,
}

#[derive(Clone, Copy, Debug)]
struct Times {
    median: f64,
    mean: f64,
    p99: f64,
    cpu_mean: f64,
}

impl Times {
    fn of(mut nanos: Vec<u64>, cpu: u64) -> Self {
        nanos.sort_unstable();
        let at = |share: f64| nanos[((nanos.len() - 1) as f64 * share) as usize] as f64 / 1e3;
        let mean = nanos.iter().sum::<u64>() as f64 / nanos.len() as f64 / 1e3;
        Self { median: at(0.5), mean, p99: at(0.99), cpu_mean: cpu as f64 / nanos.len() as f64 / 1e3 }
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Size { nodes, edges, walks, seed } = self.size;
        write!(f, "{{\"nodes\": {nodes}, \"edges\": {edges}, \"walks\": {walks}, \"seed\": {seed}, ")?;
        write!(f, "\"cold_ms\": {:.3}, \"cold_cpu_ms\": {:.3}, ", self.cold_ms, self.cold_cpu_ms)?;
        for (name, times) in [("edge", self.edge), ("ego_edge", self.ego_edge)] {
            let Times { median, mean, p99, cpu_mean } = times;
            write!(f, "\"{name}_us_p50\": {median:.3}, \"{name}_us_mean\": {mean:.3}, \"{name}_us_p99\": {p99:.3}, ")?;
            write!(f, "\"{name}_cpu_us_mean\": {cpu_mean:.3}, ")?;
        }
        write!(
            f,
            "\"top_100_us\": {:.1}, \"bytes_per_walk_cold\": {:.1}, ",
            self.top_100_us, self.bytes_per_walk_cold
        )?;
        write!(f, "\"bytes_per_walk\": {:.1}, \"bytes_per_node\": {}, ", self.bytes_per_walk, self.bytes_per_node)?;
        write!(f, "\"nodes_per_walk\": {:.2}}}", self.nodes_per_walk)
    }
}

/// Measures everything at one size.
pub(super) fn measure(size: Size) -> Result<Figures, RankError> {
    let mut rng = ChaCha8Rng::seed_from_u64(size.seed);
    let graph = random_graph(size, &mut rng)?;
    let config = Config { seed: size.seed, walks: size.walks, continue_prob: 0.85 };
    let fresh = || Walks::new(config, graph.clone(), EGO);
    let mut rounds = (0..ROUNDS).map(|_| fresh()).collect::<Result<Vec<Walks>, _>>()?;
    let cold = time(&mut rounds, |walks| walks.poll(u64::MAX).settled);
    drop(rounds);
    let mut walks = fresh()?;
    walks.poll(u64::MAX);
    let bytes_per_walk = |walks: &Walks| walks.walk_bytes() as f64 / f64::from(size.walks);
    let bytes_per_walk_cold = bytes_per_walk(&walks);
    let mut settle = |mut changes: Vec<EdgeChange>| {
        let times = time(&mut changes, |&mut change| walks.apply(change).is_ok() && walks.poll(u64::MAX).settled);
        Times::of(times.0, times.1)
    };
    let edge = settle(random_changes(&graph, CHANGES, None, &mut rng)?);
    let ego_edge = settle(random_changes(&graph, EGO_CHANGES, Some(EGO), &mut rng)?);
    let top = time(&mut [(); ROUNDS], |()| black_box(walks.top(100)).is_empty()).0;
    Ok(Figures {
        size,
        cold_ms: cold.0.iter().min().copied().unwrap_or(0) as f64 / 1e6,
        cold_cpu_ms: cold.1 as f64 / ROUNDS as f64 / 1e6,
        edge,
        ego_edge,
        top_100_us: top.into_iter().min().unwrap_or(0) as f64 / 1e3,
        bytes_per_walk_cold,
        bytes_per_walk: bytes_per_walk(&walks),
        bytes_per_node: Walks::node_bytes(),
        nodes_per_walk: walks.total(),
    })
}

/// The wall time of each run and the processor time of all, in nanoseconds.
#[expect(clippy::disallowed_methods, reason = "a measurement of wall time decides nothing")]
fn time<T>(items: &mut [T], mut run: impl FnMut(&mut T) -> bool) -> (Vec<u64>, u64) {
    let cpu = processor_nanos();
    let times = items
        .iter_mut()
        .map(|item| {
            let start = Instant::now();
            black_box(run(item));
            start.elapsed().as_nanos() as u64
        })
        .collect();
    (times, processor_nanos() - cpu)
}

fn processor_nanos() -> u64 {
    let account = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    account.split_whitespace().next().and_then(|nanos| nanos.parse().ok()).unwrap_or(0)
}

/// Distinct random edges; fewer where there is no room for all.
fn random_graph(size: Size, rng: &mut ChaCha8Rng) -> Result<Graph, RankError> {
    let mut graph = Graph::new(size.nodes)?;
    let mut missing = size.edges;
    for _ in 0..u64::from(size.edges) * 100 {
        if missing == 0 {
            break;
        }
        let change = random_change(size.nodes, rng);
        if is_new(&graph, change)? {
            graph.apply(change)?;
            missing -= 1;
        }
    }
    Ok(graph)
}

fn random_change(nodes: u32, rng: &mut ChaCha8Rng) -> EdgeChange {
    EdgeChange::new(below(rng, nodes), below(rng, nodes), f64::from(1 + below(rng, 10)))
}

fn is_new(graph: &Graph, change: EdgeChange) -> Result<bool, RankError> {
    Ok(change.from != change.to && graph.weight(change.from, change.to)? == 0.0)
}

/// Additions and deletions of random edges in turn, of one source or of any. Both leave the number of edges as it was.
fn random_changes(
    graph: &Graph,
    count: usize,
    source: Option<u32>,
    rng: &mut ChaCha8Rng,
) -> Result<Vec<EdgeChange>, RankError> {
    let mut graph = graph.clone();
    let mut changes = Vec::new();
    let mut edges: Vec<EdgeChange> = (0..graph.nodes())
        .filter(|&from| source.is_none_or(|source| source == from))
        .flat_map(|from| graph.out_edges(from).map(move |(to, weight)| EdgeChange { from, to, weight }))
        .collect();
    while changes.len() < count {
        let mut change = random_change(graph.nodes(), rng);
        change.from = source.unwrap_or(change.from);
        if is_new(&graph, change)? {
            edges.push(change);
            let deleted = edges.swap_remove(below(rng, edges.len() as u32) as usize);
            for change in [change, EdgeChange { weight: 0.0, ..deleted }] {
                graph.apply(change)?;
                changes.push(change);
            }
        }
    }
    Ok(changes)
}
