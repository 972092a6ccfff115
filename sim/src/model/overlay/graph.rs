//! What an overlay looks like from outside, at one moment: the metrics by which peer samplers are compared (Jelasity et al., "Gossip-based
//! peer sampling", ACM TOCS 25(3), 2007, section 4). In-degrees count the views of present nodes alone; clustering, paths and
//! components are those of the undirected graph of present nodes. Clustering and paths are means over nodes at even
//! distances in the order of numbers, so that a large overlay costs no more than a small one.

use std::collections::VecDeque;

/// Nodes whose clustering is looked at, and nodes from which paths are measured.
const CLUSTERED: usize = 1_000;
const SOURCES: usize = 24;

/// Who has whom as a neighbour: `None` for a node that is away.
#[derive(Clone, Debug, Default)]
pub struct OverlayGraph {
    views: Vec<Option<Vec<u32>>>,
}

/// The metrics of one moment; not a number where there is nothing to measure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OverlayMetrics {
    /// Present nodes.
    pub live: usize,
    /// Mean size of their views.
    pub view_mean: f64,
    /// Share of all entries that name a node which is away.
    pub dead_share: f64,
    /// Standard deviation of the in-degree.
    pub in_degree_sd: f64,
    /// The same over that of a random graph with views of this size: binomial.
    pub in_degree_sd_to_random: f64,
    /// The greatest in-degree.
    pub in_degree_max: f64,
    /// Mean share of a node's neighbours' pairs that are neighbours.
    pub clustering: f64,
    /// Mean length of shortest paths, over pairs with one.
    pub path_mean: f64,
    /// Share of the present nodes in the largest component.
    pub largest_component_share: f64,
}

impl OverlayGraph {
    /// The overlay of these views, by number of node.
    pub fn new(views: Vec<Option<Vec<u32>>>) -> Self {
        Self { views }
    }

    fn is_live(&self, node: u32) -> bool {
        self.views.get(node as usize).is_some_and(Option::is_some)
    }

    /// Measures.
    pub fn measure(&self) -> OverlayMetrics {
        let live: Vec<u32> = (0..self.views.len() as u32).filter(|node| self.is_live(*node)).collect();
        let entries: usize = self.views.iter().flatten().map(Vec::len).sum();
        let dead = self.views.iter().flatten().flatten().filter(|peer| !self.is_live(**peer)).count();
        let (in_degree_sd, random_sd, in_degree_max) = self.in_degrees(&live);
        let adjacency = self.adjacency();
        let (path_mean, largest) = paths(&live, &adjacency);
        let count = live.len() as f64;
        OverlayMetrics {
            live: live.len(),
            view_mean: entries as f64 / count,
            dead_share: dead as f64 / entries as f64,
            in_degree_sd,
            in_degree_sd_to_random: in_degree_sd / random_sd,
            in_degree_max,
            clustering: clustering(&live, &adjacency),
            path_mean,
            largest_component_share: largest as f64 / count,
        }
    }

    fn in_degrees(&self, live: &[u32]) -> (f64, f64, f64) {
        let mut degrees = vec![0u32; self.views.len()];
        for peer in self.views.iter().flatten().flatten().filter(|peer| self.is_live(**peer)) {
            degrees[*peer as usize] += 1;
        }
        let count = live.len() as f64;
        let of_live = || live.iter().map(|node| f64::from(degrees[*node as usize]));
        let mean = of_live().sum::<f64>() / count;
        let variance = of_live().map(|degree| (degree - mean) * (degree - mean)).sum::<f64>() / count;
        let random = (mean * (1.0 - mean / (count - 1.0))).sqrt();
        (variance.sqrt(), random, of_live().fold(f64::NAN, f64::max))
    }

    /// Neighbours of either direction among the present nodes, sorted.
    fn adjacency(&self) -> Vec<Vec<u32>> {
        let mut adjacency = vec![Vec::new(); self.views.len()];
        for (node, view) in self.views.iter().enumerate() {
            for peer in view.iter().flatten().filter(|peer| self.is_live(**peer) && **peer as usize != node) {
                adjacency[node].push(*peer);
                adjacency[*peer as usize].push(node as u32);
            }
        }
        for neighbours in &mut adjacency {
            neighbours.sort_unstable();
            neighbours.dedup();
        }
        adjacency
    }
}

/// So many of them, at even distances.
fn spread(live: &[u32], count: usize) -> impl Iterator<Item = u32> {
    let step = live.len().div_ceil(count).max(1);
    live.iter().copied().step_by(step)
}

fn clustering(live: &[u32], adjacency: &[Vec<u32>]) -> f64 {
    let (mut sum, mut nodes) = (0.0, 0u32);
    for node in spread(live, CLUSTERED) {
        let neighbours = &adjacency[node as usize];
        let pairs = neighbours.len() * neighbours.len().saturating_sub(1) / 2;
        if pairs == 0 {
            continue;
        }
        let linked = |at: usize| {
            let of_it = &adjacency[neighbours[at] as usize];
            neighbours[at + 1..].iter().filter(|other| of_it.binary_search(other).is_ok()).count()
        };
        sum += (0..neighbours.len()).map(linked).sum::<usize>() as f64 / pairs as f64;
        nodes += 1;
    }
    sum / f64::from(nodes)
}

/// The mean length of paths, and the size of the largest component.
fn paths(live: &[u32], adjacency: &[Vec<u32>]) -> (f64, usize) {
    let (mut sum, mut pairs) = (0u64, 0u64);
    for source in spread(live, SOURCES) {
        let distances = breadth_first(source, adjacency);
        for distance in live.iter().filter(|node| **node != source).map(|node| distances[*node as usize]) {
            if distance != u32::MAX {
                sum += u64::from(distance);
                pairs += 1;
            }
        }
    }
    let mut seen = vec![false; adjacency.len()];
    let mut largest = 0;
    for &node in live {
        if !seen[node as usize] {
            let mut queue = VecDeque::from([node]);
            seen[node as usize] = true;
            let mut size = 0;
            while let Some(next) = queue.pop_front() {
                size += 1;
                for &peer in &adjacency[next as usize] {
                    if !std::mem::replace(&mut seen[peer as usize], true) {
                        queue.push_back(peer);
                    }
                }
            }
            largest = largest.max(size);
        }
    }
    (sum as f64 / pairs as f64, largest)
}

fn breadth_first(source: u32, adjacency: &[Vec<u32>]) -> Vec<u32> {
    let mut distances = vec![u32::MAX; adjacency.len()];
    distances[source as usize] = 0;
    let mut queue = VecDeque::from([source]);
    while let Some(node) = queue.pop_front() {
        for &peer in &adjacency[node as usize] {
            if distances[peer as usize] == u32::MAX {
                distances[peer as usize] = distances[node as usize] + 1;
                queue.push_back(peer);
            }
        }
    }
    distances
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, Streams};
    use rapprochement_core::random::below;

    /// A directed ring of five, whose third node is away.
    #[test]
    fn a_broken_ring_is_a_path() {
        let views = (0..5u32).map(|node| (node != 2).then(|| vec![(node + 1) % 5])).collect();
        let metrics = OverlayGraph::new(views).measure();
        assert_eq!((metrics.live, metrics.view_mean, metrics.dead_share), (4, 1.0, 0.25));
        // 3 - 4 - 0 - 1: three pairs at 1, two at 2, one at 3.
        assert_eq!(metrics.path_mean, (3.0 + 2.0 * 2.0 + 3.0) / 6.0);
        assert_eq!((metrics.clustering, metrics.largest_component_share), (0.0, 1.0));
        // In-degrees 1, 1, 0, 1.
        assert_eq!(metrics.in_degree_sd, 0.1875f64.sqrt());
    }

    #[test]
    fn two_cliques_are_two_components_of_clustering_one() {
        let view = |node: u32| (node / 4 * 4..node / 4 * 4 + 4).filter(|peer| *peer != node).collect();
        let metrics = OverlayGraph::new((0..8).map(|node| Some(view(node))).collect()).measure();
        assert_eq!((metrics.clustering, metrics.path_mean, metrics.largest_component_share), (1.0, 1.0, 0.5));
        assert_eq!((metrics.in_degree_sd, metrics.in_degree_max), (0.0, 3.0));
    }

    /// The random graph of 1,000 nodes and views of 20: standard deviation 4.43 (binomial), clustering 2k/n, path ln n / ln 2k.
    #[test]
    fn a_random_graph_measures_as_one() {
        let mut rng = Streams::new(7).stream(Purpose::Membership, 0);
        let mut view = |node: u32| {
            let mut view = Vec::new();
            while view.len() < 20 {
                let peer = below(&mut rng, 1000);
                if peer != node && !view.contains(&peer) {
                    view.push(peer);
                }
            }
            Some(view)
        };
        let metrics = OverlayGraph::new((0..1000).map(&mut view).collect()).measure();
        assert!((metrics.in_degree_sd_to_random - 1.0).abs() < 0.08, "{metrics:?}");
        assert!((metrics.clustering / 0.0393 - 1.0).abs() < 0.05, "{metrics:?}");
        assert!((metrics.path_mean / 2.16 - 1.0).abs() < 0.03, "{metrics:?}");
    }
}
