//! Shortest paths and equal-cost routes. Paths are the shortest by delay and, among those, by hops (E. W. Dijkstra,
//! Numerische Mathematik 1, 1959); where several next links lie on a shortest path, a hash of the flow and of the router picks
//! one, so that flows spread and the packets of a flow keep their path (C. Hopps, RFC 2992). A vertex with a single link
//! has no choice, so only the rest of the graph is searched: a row per vertex of it, a column per vertex that hosts
//! are reached by, and in every cell one of few distinct sets of links.

use std::collections::BTreeMap;

use petgraph::algo::dijkstra;
use petgraph::graph::{NodeIndex, UnGraph};

use super::plan::Plan;
use crate::random::Philox;

/// The most cells of the table: 200 MB.
const CELLS_MAX: usize = 1 << 24;
const NONE: u32 = u32::MAX;

/// Where packets go next. Link `2e` leads from the first end of edge `e` to the second, link `2e + 1` back.
#[derive(Debug)]
pub(super) struct Routes {
    /// Of each vertex the only link from it, where it has one and its neighbour has more; [`NONE`] for others.
    up: Vec<u32>,
    /// Of each vertex the row and the column of its anchor: its only neighbour if it has `up`, itself otherwise.
    rows: Vec<u32>,
    columns: Vec<u32>,
    width: usize,
    /// The set of next links of each row and column.
    choices: Vec<u32>,
    /// The delay in nanoseconds of each row and column.
    delays: Vec<u64>,
    sets: Vec<Vec<u32>>,
}

/// Why there are no routes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unroutable {
    /// The graph is in pieces: no path between these vertices.
    Pieces(usize, usize),
    /// The table would have so many rows and columns.
    TooLarge(usize, usize),
}

impl Routes {
    pub(super) fn build(plan: &Plan) -> Result<Self, Unroutable> {
        let vertices = plan.vertices as usize;
        let mut degree = vec![0u32; vertices];
        for ends in plan.edges.iter().map(|(ends, _)| ends) {
            ends.iter().for_each(|end| degree[*end as usize] += 1);
        }
        let (mut up, mut anchor) = (vec![NONE; vertices], (0..plan.vertices).collect::<Vec<u32>>());
        for (edge, (ends, _)) in plan.edges.iter().enumerate() {
            for (side, [own, other]) in [*ends, [ends[1], ends[0]]].into_iter().enumerate() {
                if degree[own as usize] == 1 && degree[other as usize] > 1 {
                    up[own as usize] = (2 * edge + side) as u32;
                    anchor[own as usize] = other;
                }
            }
        }
        let mut routes = Self {
            rows: numbered(vertices, (0..vertices).filter(|vertex| up[*vertex] == NONE)),
            columns: numbered(vertices, anchor[..plan.hosts as usize].iter().map(|anchor| *anchor as usize)),
            up,
            width: 0,
            choices: Vec::new(),
            delays: Vec::new(),
            sets: Vec::new(),
        };
        routes.search(plan)?;
        for vertex in (0..vertices).filter(|vertex| routes.up[*vertex] != NONE) {
            let anchor = anchor[vertex] as usize;
            (routes.rows[vertex], routes.columns[vertex]) = (routes.rows[anchor], routes.columns[anchor]);
        }
        Ok(routes)
    }

    /// Fills the table.
    fn search(&mut self, plan: &Plan) -> Result<(), Unroutable> {
        let inner: Vec<u32> = (0..plan.vertices).filter(|vertex| self.up[*vertex as usize] == NONE).collect();
        let mut goals: Vec<u32> = (0..plan.vertices).filter(|at| self.columns[*at as usize] != NONE).collect();
        goals.sort_by_key(|vertex| self.columns[*vertex as usize]);
        self.width = goals.len();
        if inner.len().saturating_mul(goals.len()) > CELLS_MAX {
            return Err(Unroutable::TooLarge(inner.len(), goals.len()));
        }
        let mut graph: UnGraph<(), u128, u32> = UnGraph::default();
        for _ in &inner {
            graph.add_node(());
        }
        let mut links = vec![Vec::new(); inner.len()];
        for (edge, (ends, cable)) in plan.edges.iter().enumerate() {
            let [a, b] = ends.map(|end| self.rows[end as usize]);
            if a != NONE && b != NONE && a != b {
                let cost = u128::from(cable.delay.as_nanos()) << 32 | 1;
                graph.add_edge(NodeIndex::from(a), NodeIndex::from(b), cost);
                links[a as usize].push((2 * edge as u32, b, cost));
                links[b as usize].push((2 * edge as u32 + 1, a, cost));
            }
        }
        self.choices = vec![0; inner.len() * self.width];
        self.delays = vec![0; inner.len() * self.width];
        let mut known: BTreeMap<Vec<u32>, u32> = BTreeMap::new();
        for (column, goal) in goals.iter().enumerate() {
            // Only looked into, never iterated over.
            let cost = dijkstra(&graph, NodeIndex::from(self.rows[*goal as usize]), None, |edge| *edge.weight());
            for row in 0..inner.len() {
                let Some(own) = cost.get(&NodeIndex::new(row)) else {
                    return Err(Unroutable::Pieces(inner[row] as usize, *goal as usize));
                };
                let is_next =
                    |next: &u32, edge: u128| cost.get(&NodeIndex::from(*next)).is_some_and(|rest| rest + edge == *own);
                let set: Vec<u32> =
                    links[row].iter().filter(|(_, next, cost)| is_next(next, *cost)).map(|(link, ..)| *link).collect();
                let new = known.len() as u32;
                self.choices[row * self.width + column] = *known.entry(set).or_insert(new);
                self.delays[row * self.width + column] = (own >> 32) as u64;
            }
        }
        self.sets = vec![Vec::new(); known.len()];
        known.into_iter().for_each(|(set, number)| self.sets[number as usize] = set);
        Ok(())
    }

    /// The link by which `flow` leaves a vertex for a host; `None` where it is there.
    #[inline]
    pub(super) fn next(&self, at: u32, host: u32, flow: u64, key: u64) -> Option<u32> {
        if at == host {
            return None;
        }
        let out = self.up[at as usize];
        if out != NONE {
            return Some(out);
        }
        let set = &self.sets[self.choices[self.cell(at, host)] as usize];
        match set[..] {
            // Already at the anchor of the host.
            [] => Some(self.up[host as usize] ^ 1),
            [only] => Some(only),
            _ => {
                let draw = Philox::block(key, [flow, u64::from(at)])[0];
                Some(set[((u128::from(draw) * set.len() as u128) >> 64) as usize])
            }
        }
    }

    /// The delay between the anchors of two hosts.
    pub(super) fn between_anchors(&self, from: u32, to: u32) -> u64 {
        self.delays[self.cell(from, to)]
    }

    /// The link between a vertex and its anchor, where it is not its own.
    pub(super) fn up(&self, vertex: u32) -> Option<u32> {
        Some(self.up[vertex as usize]).filter(|link| *link != NONE)
    }

    fn cell(&self, from: u32, to: u32) -> usize {
        self.rows[from as usize] as usize * self.width + self.columns[to as usize] as usize
    }
}

/// Numbers from 0 on for those of `vertices` vertices that are named, in the order in which each comes first.
fn numbered(vertices: usize, named: impl Iterator<Item = usize>) -> Vec<u32> {
    let (mut numbers, mut next) = (vec![NONE; vertices], 0);
    for vertex in named {
        if numbers[vertex] == NONE {
            numbers[vertex] = next;
            next += 1;
        }
    }
    numbers
}
