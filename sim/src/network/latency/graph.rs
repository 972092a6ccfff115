//! Shortest paths on a graph. Nodes stand at its vertices, edges carry both ways, and the delay between two vertices is
//! that of the shortest path (E. W. Dijkstra, Numerische Mathematik 1, 1959). An edge's delay is the file's, or else
//! that of the great circle between its ends, or else the scenario's default.

use std::collections::BTreeMap;
use std::path::Path;

use petgraph::algo::dijkstra;
use petgraph::graph::{NodeIndex, UnGraph};

use super::graphml;
use super::points::great_circle;
use super::table::{PLACES_MAX, Table, number};
use crate::network::config::GraphFile;
use crate::network::file::{FileProblems, read_text};
use crate::problem::Problem;

const KEY: &str = "network.latency.graph.file";
/// The longest delay of one edge in ms: an hour.
const DELAY_MS_MAX: f64 = 3_600_000.0;
/// The highest rate of one edge in bit/s.
const RATE_MAX: f64 = 1e15;
/// The most edges of a graph.
const EDGES_MAX: usize = 1_000_000;

/// A graph as a file describes it.
#[derive(Debug, Default)]
pub(crate) struct Description {
    /// Names of the vertices, in the order of the file.
    pub(crate) names: Vec<String>,
    /// Latitude and longitude where the file has them.
    pub(crate) places: Vec<Option<(f64, f64)>>,
    pub(crate) edges: Vec<Edge>,
    index: BTreeMap<String, u32>,
}

/// An edge with its line in the file.
#[derive(Debug)]
pub(crate) struct Edge {
    pub(crate) ends: [u32; 2],
    pub(crate) delay: Option<u64>,
    /// Bits per second.
    pub(crate) rate: Option<u64>,
    pub(crate) line: usize,
}

impl Description {
    /// The number of the vertex with this name, which is added where it is new.
    pub(crate) fn vertex(&mut self, name: &str) -> u32 {
        if let Some(&known) = self.index.get(name) {
            return known;
        }
        let new = self.names.len() as u32;
        self.names.push(name.into());
        self.places.push(None);
        self.index.insert(name.into(), new);
        new
    }

    /// The number of the vertex with this name.
    pub(crate) fn find(&self, name: &str) -> Option<u32> {
        self.index.get(name).copied()
    }

    /// True where the graph is larger than what is accepted.
    pub(crate) fn is_too_large(&self) -> bool {
        self.names.len() > PLACES_MAX || self.edges.len() > EDGES_MAX
    }
}

/// A delay in ms, as nanoseconds.
pub(crate) fn delay(text: &str) -> Result<u64, String> {
    let ms = number(text).filter(|ms| (0.0..=DELAY_MS_MAX).contains(ms));
    ms.map(|ms| (ms * 1e6 + 0.5) as u64)
        .ok_or_else(|| format!("\"{text}\" is not a delay in ms from 0 to {DELAY_MS_MAX}"))
}

/// A rate in bit/s.
pub(crate) fn rate(text: &str) -> Result<u64, String> {
    let rate = number(text).filter(|rate| (1.0..=RATE_MAX).contains(rate));
    rate.map(|rate| rate as u64).ok_or_else(|| format!("\"{text}\" is not a rate in bit/s from 1 to {RATE_MAX}"))
}

/// The delays between the vertices at which `nodes` nodes stand: all of them, or the first ones.
pub(crate) fn read(config: &GraphFile, nodes: u32, base: &Path) -> Result<Table, Vec<Problem>> {
    let text = read_text(base, &config.file, KEY)?;
    let name = config.file.display().to_string();
    let default = config.default_delay.map(|span| span.as_nanos());
    if default.is_some_and(|nanos| nanos as f64 > DELAY_MS_MAX * 1e6) {
        return Err(vec![Problem::new("network.latency.graph.default_delay", "longer than an hour", "")]);
    }
    let mut problems = FileProblems::new(KEY, &name);
    let is_graphml = name.ends_with(".graphml") || name.ends_with(".graphml.gz");
    let graph = if is_graphml {
        graphml::parse(&text, config.delay.as_deref(), None, &mut problems)
    } else {
        edge_list(&text, &mut problems)
    };
    if problems.is_empty() && graph.is_too_large() {
        problems.whole(format!("a graph has at most {PLACES_MAX} vertices and {EDGES_MAX} edges"));
    }
    if problems.is_empty() && graph.names.is_empty() {
        problems.whole("no vertices");
    }
    problems.check()?;
    shortest_paths(&graph, config.delay.is_none(), default, nodes, &mut problems)
}

/// Reads a line `from to [delay in ms]` per edge; what follows a `#` is a comment.
fn edge_list(text: &str, problems: &mut FileProblems) -> Description {
    let mut graph = Description::default();
    for (index, line) in text.lines().enumerate() {
        let line_number = index + 1;
        let content = line.split('#').next().unwrap_or("");
        let cells: Vec<&str> =
            content.split(|c: char| c == ',' || c.is_whitespace()).filter(|cell| !cell.is_empty()).collect();
        let (ends, own) = match cells[..] {
            [] => continue,
            [from, to] => ([from, to], None),
            [from, to, ms] => ([from, to], Some(ms)),
            _ => {
                problems.line(line_number, "expected `from to [delay in ms]`");
                continue;
            }
        };
        match own.map(delay).transpose() {
            Ok(delay) => {
                let ends = ends.map(|name| graph.vertex(name));
                graph.edges.push(Edge { ends, delay, rate: None, line: line_number });
            }
            Err(message) => problems.line(line_number, message),
        }
        if graph.is_too_large() {
            break;
        }
    }
    graph
}

fn shortest_paths(
    description: &Description,
    by_distance: bool,
    default: Option<u64>,
    nodes: u32,
    problems: &mut FileProblems,
) -> Result<Table, Vec<Problem>> {
    let mut graph: UnGraph<(), u64, u32> = UnGraph::default();
    for _ in &description.names {
        graph.add_node(());
    }
    for edge in &description.edges {
        let [a, b] = edge.ends;
        let distance = || {
            let (a, b) = (description.places[a as usize]?, description.places[b as usize]?);
            Some((great_circle(a, b) + 0.5) as u64)
        };
        match edge.delay.or_else(|| if by_distance { distance() } else { None }).or(default) {
            Some(delay) => {
                graph.add_edge(NodeIndex::from(a), NodeIndex::from(b), delay);
            }
            None => problems.line(edge.line, "the edge has no delay; set `default_delay`"),
        }
    }
    problems.check()?;
    let hosts = description.names.len().min(nodes as usize);
    let mut delays = Vec::with_capacity(hosts * hosts);
    for from in 0..hosts {
        let reached = dijkstra(&graph, NodeIndex::new(from), None, |edge| *edge.weight());
        for to in 0..hosts {
            match reached.get(&NodeIndex::new(to)) {
                Some(delay) => delays.push(*delay),
                None => {
                    let (from, to) = (&description.names[from], &description.names[to]);
                    problems.whole(format!("there is no path from \"{from}\" to \"{to}\""));
                    return Err(problems.take());
                }
            }
        }
    }
    Ok(Table { names: description.names[..hosts].to_vec(), delays })
}
