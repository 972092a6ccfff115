//! What is measured of an overlay: in-degrees, and of the graph without directions the clustering, the paths and the components.

use rand_chacha::ChaCha8Rng;
use rapprochement_core::random;

/// Who knows whom: for each node its neighbours, each once.
pub(crate) type Views = Vec<Vec<u32>>;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Metrics {
    pub(crate) mean: f64,
    pub(crate) sd: f64,
    pub(crate) least: usize,
    pub(crate) most: usize,
    pub(crate) clustering: f64,
    pub(crate) path: f64,
    pub(crate) component: usize,
}

/// Paths are those from `sources` random nodes to all that they reach.
pub(crate) fn measure(views: &Views, sources: usize, rng: &mut ChaCha8Rng) -> Metrics {
    let (mean, sd, least, most) = in_degrees(views);
    let graph = undirected(views);
    let sources: Vec<u32> = (0..sources).map(|_| random::below(rng, views.len() as u32)).collect();
    let (clustering, path) = (clustering(&graph), path(&graph, &sources));
    Metrics { mean, sd, least, most, clustering, path, component: largest_component(&graph, &vec![true; graph.len()]) }
}

/// A graph in which every node has as many neighbours as in `views`, drawn at random.
pub(crate) fn random_like(views: &Views, rng: &mut ChaCha8Rng) -> Views {
    let n = views.len() as u32;
    let draw = |(node, view): (usize, &Vec<u32>)| {
        let mut drawn: Vec<u32> = Vec::new();
        while drawn.len() < view.len() {
            let other = random::below(rng, n);
            if other != node as u32 && !drawn.contains(&other) {
                drawn.push(other);
            }
        }
        drawn
    };
    views.iter().enumerate().map(draw).collect()
}

/// Mean, standard deviation, least and greatest.
pub(crate) fn in_degrees(views: &Views) -> (f64, f64, usize, usize) {
    let mut degrees = vec![0usize; views.len()];
    views.iter().flatten().for_each(|&peer| degrees[peer as usize] += 1);
    let n = degrees.len() as f64;
    let mean = degrees.iter().sum::<usize>() as f64 / n;
    let squares = degrees.iter().map(|&degree| (degree as f64 - mean) * (degree as f64 - mean)).sum::<f64>();
    (mean, (squares / n).sqrt(), *degrees.iter().min().unwrap(), *degrees.iter().max().unwrap())
}

pub(crate) fn undirected(views: &Views) -> Views {
    let mut graph = views.clone();
    for (node, view) in views.iter().enumerate() {
        view.iter().for_each(|&peer| graph[peer as usize].push(node as u32));
    }
    for neighbours in &mut graph {
        neighbours.sort_unstable();
        neighbours.dedup();
    }
    graph
}

/// The mean over all nodes of the share of pairs of neighbours that know each other.
fn clustering(graph: &Views) -> f64 {
    let mut marked = vec![false; graph.len()];
    let mut sum = 0.0;
    for neighbours in graph.iter().filter(|neighbours| neighbours.len() > 1) {
        neighbours.iter().for_each(|&peer| marked[peer as usize] = true);
        let ends = neighbours.iter().flat_map(|&peer| &graph[peer as usize]);
        let links = ends.filter(|&&end| marked[end as usize]).count();
        neighbours.iter().for_each(|&peer| marked[peer as usize] = false);
        sum += links as f64 / (neighbours.len() * (neighbours.len() - 1)) as f64;
    }
    sum / graph.len() as f64
}

fn path(graph: &Views, sources: &[u32]) -> f64 {
    let (mut sum, mut pairs) = (0u64, 0u64);
    for &source in sources {
        let mut distance = vec![u32::MAX; graph.len()];
        distance[source as usize] = 0;
        let mut front = vec![source];
        let mut hops = 0;
        while !front.is_empty() {
            hops += 1;
            let mut next = Vec::new();
            for &peer in front.iter().flat_map(|&node| &graph[node as usize]) {
                if distance[peer as usize] == u32::MAX {
                    distance[peer as usize] = hops;
                    next.push(peer);
                }
            }
            sum += u64::from(hops) * next.len() as u64;
            pairs += next.len() as u64;
            front = next;
        }
    }
    sum as f64 / pairs as f64
}

/// Nodes of the largest component among those that are left.
pub(crate) fn largest_component(graph: &Views, left: &[bool]) -> usize {
    let mut seen: Vec<bool> = left.iter().map(|&left| !left).collect();
    let mut largest = 0;
    for start in 0..graph.len() {
        if seen[start] {
            continue;
        }
        seen[start] = true;
        let (mut stack, mut size) = (vec![start], 0);
        while let Some(node) = stack.pop() {
            size += 1;
            for &peer in &graph[node] {
                if !std::mem::replace(&mut seen[peer as usize], true) {
                    stack.push(peer as usize);
                }
            }
        }
        largest = largest.max(size);
    }
    largest
}
