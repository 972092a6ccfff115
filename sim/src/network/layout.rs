//! Which nodes stand where, and how a run is cut into shards.
//!
//! Node numbers are contiguous by place, and the places are laid out so that cuts between far-apart groups of them fall
//! on contiguous ranges: the places are cut in two, then always the part with most nodes, until there are
//! [`SHARDS_MAX`] parts or single places. Each cut keeps at least 40 % of the nodes on either side if it can, and among
//! such cuts makes the smallest delay across it as large as possible. That maximum is exact up to the packing: in a cut
//! whose delays all reach a threshold, places closer than that stay together, so the sides are unions of the components
//! of single-linkage clustering (J. C. Gower and G. J. S. Ross, "Minimum spanning trees and single linkage cluster
//! analysis", Applied Statistics 18(1), 1969). The components come from the minimum spanning tree without its heaviest
//! edges, and are packed largest first onto the lighter side. The order of cuts does not depend on the number of threads.

/// The most parts that the places are cut into.
const SHARDS_MAX: usize = 64;
/// Share of the nodes that the smaller side of a cut should have, in percent.
const BALANCE_PERCENT: u64 = 40;

/// The places in the order of node numbers, and where shards may be cut.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Layout {
    /// Places by ascending node numbers.
    pub(crate) order: Vec<usize>,
    /// First node of the right-hand part of each cut, in the order in which cuts are made.
    pub(crate) cuts: Vec<u32>,
}

/// Shares out `total` nodes by weights: everyone the whole part of its quota, and one more to the largest remainders, the
/// first of equals first (Hamilton's method). Weights are finite, not negative, and not all zero.
pub(crate) fn apportion(total: u32, weights: &[f64]) -> Vec<u32> {
    let sum: f64 = weights.iter().sum();
    let quotas: Vec<f64> = weights.iter().map(|weight| f64::from(total) * (weight / sum)).collect();
    let mut counts: Vec<u32> = quotas.iter().map(|quota| *quota as u32).collect();
    let mut order: Vec<usize> = (0..weights.len()).filter(|&index| weights[index] > 0.0).collect();
    order.sort_by(|&a, &b| quotas[b].fract().total_cmp(&quotas[a].fract()).then(a.cmp(&b)));
    // Rounding of the quotas can leave the sum one off either way; the loops end since the sum is near the total.
    let given: u32 = counts.iter().sum();
    for index in order.iter().cycle().take(total.saturating_sub(given) as usize) {
        counts[*index] += 1;
    }
    for index in order.iter().rev().filter(|_| given > total).take(given.saturating_sub(total) as usize) {
        counts[*index] = counts[*index].saturating_sub(1);
    }
    counts
}

/// Lays out places with so many nodes each; `delay` is the smaller delay between two places.
pub(crate) fn bisect(counts: &[u32], delay: impl Fn(usize, usize) -> u64) -> Layout {
    let mut parts: Vec<Vec<usize>> = vec![(0..counts.len()).filter(|&place| counts[place] > 0).collect()];
    let nodes = |part: &[usize]| part.iter().map(|&place| u64::from(counts[place])).sum::<u64>();
    let mut cuts = Vec::new();
    while parts.len() < SHARDS_MAX {
        let largest = (0..parts.len())
            .filter(|&index| parts[index].len() > 1)
            .max_by_key(|&i| (nodes(&parts[i]), parts.len() - i));
        let Some(index) = largest else { break };
        let (left, right) = split(&parts[index], counts, &delay);
        cuts.push((parts[..index].iter().map(|part| nodes(part)).sum::<u64>() + nodes(&left)) as u32);
        parts[index] = left;
        parts.insert(index + 1, right);
    }
    let mut order = parts.concat();
    order.extend((0..counts.len()).filter(|&place| counts[place] == 0));
    Layout { order, cuts }
}

impl Layout {
    /// First nodes of at most `threads` contiguous ranges, with the number of all nodes behind them.
    pub(crate) fn starts(&self, threads: usize, nodes: u32) -> Vec<u32> {
        let mut starts = vec![0];
        starts.extend(&self.cuts[..self.cuts.len().min(threads.saturating_sub(1))]);
        starts.sort_unstable();
        starts.push(nodes);
        starts
    }
}

/// Cuts at least two places in two; both sides in ascending order, the first place on the left.
fn split(part: &[usize], counts: &[u32], delay: &impl Fn(usize, usize) -> u64) -> (Vec<usize>, Vec<usize>) {
    let tree = spanning_tree(part, delay);
    let total: u64 = part.iter().map(|&place| u64::from(counts[place])).sum();
    let cut = |kept: usize| pack(part, counts, &components(part.len(), &tree[..kept]));
    let lighter = |left: &[bool]| {
        let nodes = (0..part.len()).filter(|&i| left[i]).map(|i| u64::from(counts[part[i]])).sum::<u64>();
        nodes.min(total - nodes)
    };
    // The more edges are kept, the larger the delay across the cut and the coarser the packing. The search finds a
    // coarsest balanced one; where none is balanced, every place stands alone.
    let (mut low, mut high) = (0, tree.len());
    while low + 1 < high {
        let middle = (low + high) / 2;
        if lighter(&cut(middle)) * 100 >= total * BALANCE_PERCENT { low = middle } else { high = middle }
    }
    let side = cut(low);
    let (left, right): (Vec<_>, Vec<_>) = (0..part.len()).partition(|&index| side[index] == side[0]);
    (left.iter().map(|&i| part[i]).collect(), right.iter().map(|&i| part[i]).collect())
}

/// The edges of the minimum spanning tree, lightest first, by Prim's algorithm.
fn spanning_tree(part: &[usize], delay: &impl Fn(usize, usize) -> u64) -> Vec<(u64, usize, usize)> {
    let mut nearest: Vec<(u64, usize)> = part.iter().map(|&place| (delay(part[0], place), 0)).collect();
    let mut outside: Vec<usize> = (1..part.len()).collect();
    let mut tree = Vec::with_capacity(part.len());
    while let Some((slot, &next)) = outside.iter().enumerate().min_by_key(|&(_, &index)| (nearest[index].0, index)) {
        outside.remove(slot);
        tree.push((nearest[next].0, nearest[next].1, next));
        for &index in &outside {
            let candidate = delay(part[next], part[index]);
            if candidate < nearest[index].0 {
                nearest[index] = (candidate, next);
            }
        }
    }
    tree.sort_unstable();
    tree
}

/// The component of each of `len` vertices under these edges, named by its smallest member.
fn components(len: usize, edges: &[(u64, usize, usize)]) -> Vec<usize> {
    fn root(parent: &mut [usize], mut vertex: usize) -> usize {
        while parent[vertex] != vertex {
            parent[vertex] = parent[parent[vertex]];
            vertex = parent[vertex];
        }
        vertex
    }
    let mut parent: Vec<usize> = (0..len).collect();
    for &(_, a, b) in edges {
        let (a, b) = (root(&mut parent, a), root(&mut parent, b));
        parent[a.max(b)] = a.min(b);
    }
    (0..len).map(|vertex| root(&mut parent, vertex)).collect()
}

/// Packs components onto two sides, largest first onto the lighter; true for the left.
fn pack(part: &[usize], counts: &[u32], component: &[usize]) -> Vec<bool> {
    let mut weights: Vec<(u64, usize)> = (0..part.len()).map(|index| (0, index)).collect();
    for (index, &root) in component.iter().enumerate() {
        weights[root].0 += u64::from(counts[part[index]]);
    }
    weights.sort_unstable_by_key(|&(weight, root)| (std::cmp::Reverse(weight), root));
    let (mut left, mut right) = (0, 0);
    let mut on_left = vec![false; part.len()];
    for (weight, root) in weights {
        on_left[root] = left <= right;
        *(if left <= right { &mut left } else { &mut right }) += weight;
    }
    component.iter().map(|&root| on_left[root]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn quotas_are_met_to_the_last_node() {
        assert_eq!(apportion(10, &[1.0, 1.0, 1.0]), [4, 3, 3]);
        assert_eq!(apportion(2, &[1.0, 1.0, 1.0]), [1, 1, 0]);
        assert_eq!(apportion(100, &[0.3, 0.7, 0.0]), [30, 70, 0]);
        // Quotas 43.2, 33.6, 23.2: the one left over goes to the largest remainder.
        assert_eq!(apportion(100, &[0.432, 0.336, 0.232]), [43, 34, 23]);
    }

    /// Two clusters of close places, far from each other, named so that they interleave.
    #[test]
    fn cuts_fall_between_clusters_and_refine_each_other() {
        let delay = |a: usize, b: usize| if a % 2 == b % 2 { 1 + (a.abs_diff(b) / 4) as u64 * 5 } else { 100 };
        let layout = bisect(&[10; 8], delay);
        assert_eq!(layout.order[..4].iter().map(|place| place % 2).collect::<Vec<_>>(), [0; 4]);
        assert_eq!(layout.starts(1, 80), [0, 80]);
        assert_eq!(layout.starts(2, 80), [0, 40, 80]);
        assert_eq!(layout.starts(4, 80), [0, 20, 40, 60, 80]);
        assert_eq!(layout.starts(100, 80), [0, 10, 20, 30, 40, 50, 60, 70, 80]);
    }

    proptest! {
        #[test]
        fn shares_add_up_and_stay_within_one_of_their_quota(
            total in 0u32..100_000, weights in prop::collection::vec(0.01f64..100.0, 1..50)
        ) {
            let counts = apportion(total, &weights);
            prop_assert_eq!(counts.iter().sum::<u32>(), total);
            let sum: f64 = weights.iter().sum();
            for (count, weight) in counts.iter().zip(&weights) {
                prop_assert!((f64::from(*count) - f64::from(total) * weight / sum).abs() <= 1.0 + 1e-6);
            }
        }

        /// Packing largest first fills the fuller side to at most 7/12 where an even split exists (R. L. Graham, "Bounds on
        /// multiprocessing timing anomalies", 1969), which is balanced here. So no even cut, of all that there are, keeps
        /// the sides further apart than the chosen one.
        #[test]
        fn no_even_cut_keeps_its_sides_further_apart(
            half in 1usize..6, delays in prop::collection::vec(0u64..30, 100)
        ) {
            let places = 2 * half;
            let delay = |a: usize, b: usize| delays[a.min(b) * 10 + a.max(b)];
            let across = |left: &dyn Fn(usize) -> bool| {
                let pairs = (0..places).flat_map(|a| (0..a).map(move |b| (a, b)));
                pairs.filter(|&(a, b)| left(a) != left(b)).map(|(a, b)| delay(a, b)).min().unwrap()
            };
            let layout = bisect(&vec![7; places], delay);
            let left = &layout.order[..layout.cuts[0] as usize / 7];
            prop_assert!(left.len() * 10 >= places * 4 && left.len() * 10 <= places * 6);
            let chosen = across(&|place| left.contains(&place));
            let even = (0u32..1 << places).filter(|subset| subset.count_ones() as usize == half);
            let best = even.map(|subset| across(&|place| subset >> place & 1 == 1)).max().unwrap();
            prop_assert!(chosen >= best, "{} against {}", chosen, best);
        }

        #[test]
        fn every_place_stands_in_the_order_once(
            counts in prop::collection::vec(0u32..50, 2..20), seed in any::<u64>()
        ) {
            let delay = |a: usize, b: usize| (seed ^ (a * b) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
            let layout = bisect(&counts, delay);
            let mut order = layout.order.clone();
            order.sort_unstable();
            prop_assert_eq!(order, (0..counts.len()).collect::<Vec<_>>());
            let mut cuts = layout.cuts.clone();
            cuts.sort_unstable();
            cuts.dedup();
            prop_assert_eq!(cuts.len(), counts.iter().filter(|&&count| count > 0).count().saturating_sub(1));
        }
    }
}
