//! Random regular graphs: the pairing model (B. Bollobás, "A probabilistic proof of an asymptotic formula for the number of labelled
//! regular graphs", European Journal of Combinatorics 1, 1980). Every vertex has k stubs, which are paired at random; if the graph is
//! small, pairings with loops and repeated edges are drawn again; if it is large, such a pair is exchanged against a random other
//! one, which leaves all degrees as they are. A graph that is not connected is thrown away.

use alloc::collections::BTreeSet;
use alloc::vec;
use alloc::vec::Vec;
use core::iter::repeat_n;

use rand_core::Rng;

use crate::random::{below, shuffle};

/// The most graphs that are drawn before a connected one is given up. Of degree 3 and more nearly every one is connected.
const GRAPHS_MAX: usize = 100;
/// Up to how many stubs, and how often, a pairing that makes no simple graph is drawn again.
const REJECTION_STUBS_MAX: usize = 512;
const REJECTIONS_MAX: usize = 500;
/// The most exchanges that are tried for one pair.
const EXCHANGES_MAX: usize = 1000;

/// A simple connected graph in which every vertex has the same number of neighbours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegularGraph {
    degree: usize,
    edges: Vec<[u32; 2]>,
    /// Those of vertex v, in order, at `v * degree ..`.
    neighbours: Vec<u32>,
}

impl RegularGraph {
    /// A random graph of `nodes` vertices of this degree, or `None` where there is none: where the degree is 0 or not below
    /// the number of vertices, their product is odd, or beyond 2^31; or where no connected one was met (degrees 1 and 2).
    pub fn random<R: Rng + ?Sized>(nodes: usize, degree: usize, rng: &mut R) -> Option<Self> {
        let stubs = nodes.checked_mul(degree).filter(|stubs| *stubs < 1 << 31)?;
        if degree == 0 || degree >= nodes || stubs % 2 == 1 {
            return None;
        }
        (0..GRAPHS_MAX).find_map(|_| {
            // Of a dense graph the complement is drawn, which is as uniform and leaves room for exchanges.
            let edges = if degree * 2 < nodes {
                simple_pairing(nodes, degree, rng)?
            } else {
                complement(nodes, &simple_pairing(nodes, nodes - 1 - degree, rng)?)
            };
            Some(Self::of_edges(nodes, degree, edges)).filter(Self::is_connected)
        })
    }

    fn of_edges(nodes: usize, degree: usize, edges: Vec<[u32; 2]>) -> Self {
        let mut neighbours = vec![0; nodes * degree];
        let mut filled = vec![0; nodes];
        for &[a, b] in &edges {
            for (from, to) in [(a as usize, b), (b as usize, a)] {
                neighbours[from * degree + filled[from]] = to;
                filled[from] += 1;
            }
        }
        neighbours.chunks_mut(degree).for_each(<[u32]>::sort_unstable);
        Self { degree, edges, neighbours }
    }

    /// How many vertices.
    pub fn nodes(&self) -> usize {
        self.neighbours.len() / self.degree
    }

    /// How many neighbours each of them has.
    pub fn degree(&self) -> usize {
        self.degree
    }

    /// Every edge once.
    pub fn edges(&self) -> &[[u32; 2]] {
        &self.edges
    }

    /// The neighbours of a vertex, in order; none of one that is not there.
    pub fn neighbours(&self, vertex: u32) -> &[u32] {
        let start = vertex as usize * self.degree;
        self.neighbours.get(start..start + self.degree).unwrap_or(&[])
    }

    fn is_connected(&self) -> bool {
        let mut seen = vec![false; self.nodes()];
        let (mut stack, mut count) = (vec![0], 1);
        seen[0] = true;
        while let Some(vertex) = stack.pop() {
            for &next in self.neighbours(vertex) {
                if !seen[next as usize] {
                    seen[next as usize] = true;
                    count += 1;
                    stack.push(next);
                }
            }
        }
        count == self.nodes()
    }
}

/// Pairs the stubs. A pairing that makes no simple graph is drawn again where that is cheap, which makes all simple graphs equally
/// likely, and else its bad pairs are exchanged. `None` where that fails, as it does in tiny graphs.
fn simple_pairing<R: Rng + ?Sized>(nodes: usize, degree: usize, rng: &mut R) -> Option<Vec<[u32; 2]>> {
    let mut ends: Vec<u32> = (0..nodes as u32).flat_map(|node| repeat_n(node, degree)).collect();
    let tries = if ends.len() <= REJECTION_STUBS_MAX { REJECTIONS_MAX } else { 1 };
    let mut pairing = pair(&mut ends, rng);
    for _ in 1..tries {
        if pairing.bad.is_empty() {
            break;
        }
        pairing = pair(&mut ends, rng);
    }
    let Pairing { mut edges, mut set, bad } = pairing;
    for [a, b] in bad {
        (0..EXCHANGES_MAX).find(|_| exchange(a, b, &mut edges, &mut set, rng))?;
    }
    Some(edges)
}

/// Pairs of stubs: those that make a simple graph, and the rest.
struct Pairing {
    edges: Vec<[u32; 2]>,
    set: BTreeSet<[u32; 2]>,
    bad: Vec<[u32; 2]>,
}

fn pair<R: Rng + ?Sized>(ends: &mut [u32], rng: &mut R) -> Pairing {
    shuffle(rng, ends);
    let mut pairing = Pairing { edges: Vec::with_capacity(ends.len() / 2), set: BTreeSet::new(), bad: Vec::new() };
    for pair in ends.chunks_exact(2) {
        let [a, b] = [pair[0], pair[1]];
        if a != b && pairing.set.insert(ordered(a, b)) {
            pairing.edges.push([a, b]);
        } else {
            pairing.bad.push([a, b]);
        }
    }
    pairing
}

/// Replaces a random edge (c, d) by (a, c) and (b, d), if that leaves the graph simple.
fn exchange<R: Rng + ?Sized>(
    a: u32,
    b: u32,
    edges: &mut Vec<[u32; 2]>,
    set: &mut BTreeSet<[u32; 2]>,
    rng: &mut R,
) -> bool {
    let at = below(rng, edges.len() as u32) as usize;
    let Some(&[mut c, mut d]) = edges.get(at) else { return false };
    if rng.next_u32() & 1 == 1 {
        (c, d) = (d, c);
    }
    let (first, second) = (ordered(a, c), ordered(b, d));
    if a == c || b == d || first == second || set.contains(&first) || set.contains(&second) {
        return false;
    }
    set.remove(&ordered(c, d));
    set.extend([first, second]);
    edges[at] = [a, c];
    edges.push([b, d]);
    true
}

/// All edges that are not among these.
fn complement(nodes: usize, edges: &[[u32; 2]]) -> Vec<[u32; 2]> {
    let set: BTreeSet<_> = edges.iter().map(|&[a, b]| ordered(a, b)).collect();
    let all = (0..nodes as u32).flat_map(|b| (0..b).map(move |a| [a, b]));
    all.filter(|edge| !set.contains(edge)).collect()
}

fn ordered(a: u32, b: u32) -> [u32; 2] {
    [a.min(b), a.max(b)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::overlay::sampling::peerswap::draws::SplitMix64;

    #[test]
    fn graphs_are_simple_regular_and_connected() {
        for (nodes, degree) in [(2, 1), (4, 3), (5, 4), (8, 7), (64, 4), (1000, 5), (50, 20)] {
            for seed in 0..20 {
                let graph = RegularGraph::random(nodes, degree, &mut SplitMix64::new(seed)).unwrap();
                assert_eq!((graph.nodes(), graph.degree()), (nodes, degree));
                assert_eq!(graph.edges().len(), nodes * degree / 2);
                for vertex in 0..nodes as u32 {
                    let around = graph.neighbours(vertex);
                    assert!(around.windows(2).all(|pair| pair[0] < pair[1]) && !around.contains(&vertex));
                    assert!(around.iter().all(|&other| graph.neighbours(other).contains(&vertex)));
                }
            }
        }
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for (nodes, degree) in [(0, 0), (5, 0), (5, 5), (5, 3), (1, 1), (4, 1), (usize::MAX, 4), (1 << 31, 3)] {
            assert_eq!(RegularGraph::random(nodes, degree, &mut SplitMix64::new(1)), None, "{nodes} {degree}");
        }
    }

    /// On six vertices there are 70 cubic graphs, 10 copies of the complete bipartite one and 60 prisms, all connected.
    #[test]
    fn cubic_graphs_on_six_vertices_are_equally_likely() {
        let mut rng = SplitMix64::new(3);
        let draws = 7000;
        let bipartite = (0..draws).filter(|_| {
            let graph = RegularGraph::random(6, 3, &mut rng).unwrap();
            let triangle = |&[a, b]: &[u32; 2]| graph.neighbours(a).iter().any(|c| graph.neighbours(b).contains(c));
            !graph.edges().iter().any(triangle)
        });
        let share = bipartite.count() as f64 / f64::from(draws);
        let deviation = libm::sqrt(6.0 / 49.0 / f64::from(draws));
        assert!((share - 1.0 / 7.0).abs() < 5.0 * deviation, "{share}");
    }
}
