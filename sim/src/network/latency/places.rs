//! Nodes at the places of a table, contiguous by place.

use super::table::Table;
use crate::network::layout::{Layout, apportion, bisect};

/// The table of runs has fewer than twice as many entries as this power of two.
const COARSE_BITS: u32 = 12;

/// Nodes at the places of a table.
#[derive(Debug)]
pub(crate) struct Places {
    pub(crate) table: Table,
    pub(crate) layout: Layout,
    /// Each place that has nodes, with the first of them, in the order of node numbers; the number of nodes at the end.
    runs: Vec<(u32, u16)>,
    /// For every `2^shift` nodes the run that the first of them is in: small enough to stay in a cache, where a place per
    /// node is not.
    coarse: Vec<u16>,
    shift: u32,
    /// Whether the places are regions, which have names that a scenario may use.
    pub(crate) regions: bool,
}

impl Places {
    /// Equal numbers of nodes at every place, or one at each of the first where there are fewer nodes than places.
    pub(crate) fn in_turn(table: Table, nodes: u32) -> Self {
        let weights = vec![1.0; table.names.len()];
        Self::weighted(table, &weights, nodes)
    }

    pub(crate) fn weighted(table: Table, weights: &[f64], nodes: u32) -> Self {
        let counts = apportion(nodes, weights);
        let layout = bisect(&counts, |a, b| table.either_way(a, b));
        let (mut runs, mut first) = (Vec::new(), 0);
        for &place in layout.order.iter().filter(|&&place| counts[place] > 0) {
            runs.push((first, place as u16));
            first += counts[place];
        }
        runs.push((nodes, 0));
        let shift = nodes.max(1).ilog2().saturating_sub(COARSE_BITS);
        let run_of = |node: u32| runs.partition_point(|&(first, _)| first <= node) as u16 - 1;
        let coarse = (0..=nodes.saturating_sub(1) >> shift).map(|block| run_of(block << shift)).collect();
        Self { table, layout, runs, coarse, shift, regions: false }
    }

    /// The place of a node.
    #[inline]
    pub(crate) fn of(&self, node: u32) -> u16 {
        let mut run = usize::from(self.coarse[(node >> self.shift) as usize]);
        while self.runs[run + 1].0 <= node {
            run += 1;
        }
        self.runs[run].1
    }

    /// The smallest delay between two nodes.
    pub(crate) fn smallest(&self) -> u64 {
        let runs: Vec<(u16, u32)> = self.runs.windows(2).map(|pair| (pair[0].1, pair[1].0 - pair[0].0)).collect();
        let pairs = runs.iter().enumerate().flat_map(|(index, a)| runs[index..].iter().map(move |b| (a, b)));
        // A place with a single node has nobody else in it.
        let pairs = pairs.filter(|(a, b)| a.0 != b.0 || a.1 > 1);
        pairs.map(|(a, b)| self.table.either_way(a.0.into(), b.0.into())).min().unwrap_or(u64::MAX)
    }

    /// The smallest delay between places in different ranges of nodes.
    pub(crate) fn smallest_across(&self, starts: &[u32]) -> u64 {
        let mut ranges: Vec<(u16, usize)> = Vec::new();
        for (range, bounds) in starts.windows(2).enumerate() {
            let within = self.runs.windows(2).filter(|run| run[0].0 < bounds[1] && bounds[0] < run[1].0);
            ranges.extend(within.map(|run| (run[0].1, range)));
        }
        let pairs = ranges.iter().enumerate().flat_map(|(index, a)| ranges[index + 1..].iter().map(move |b| (a, b)));
        pairs
            .filter(|(a, b)| a.1 != b.1)
            .map(|(a, b)| self.table.either_way(a.0.into(), b.0.into()))
            .min()
            .unwrap_or(u64::MAX)
    }
}
