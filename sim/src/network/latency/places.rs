//! Nodes at the places of a table, contiguous by place.

use super::table::Table;
use crate::network::layout::{Layout, apportion, bisect};

/// Nodes at the places of a table.
#[derive(Debug)]
pub(crate) struct Places {
    pub(crate) table: Table,
    pub(crate) layout: Layout,
    /// The place of each node.
    pub(crate) of: Vec<u16>,
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
        let of = layout.order.iter().flat_map(|&place| (0..counts[place]).map(move |_| place as u16)).collect();
        Self { table, layout, of, regions: false }
    }

    /// The smallest delay between two nodes.
    pub(crate) fn smallest(&self) -> u64 {
        let runs: Vec<&[u16]> = self.of.chunk_by(|a, b| a == b).collect();
        let pairs = runs.iter().enumerate().flat_map(|(index, a)| runs[index..].iter().map(move |b| (a, b)));
        // A place with a single node has nobody else in it.
        let pairs = pairs.filter(|(a, b)| a[0] != b[0] || a.len() > 1);
        pairs.map(|(a, b)| self.table.either_way(a[0].into(), b[0].into())).min().unwrap_or(u64::MAX)
    }

    /// The smallest delay between places in different ranges of nodes.
    pub(crate) fn smallest_across(&self, starts: &[u32]) -> u64 {
        let mut ranges: Vec<(u16, usize)> = Vec::new();
        for (range, bounds) in starts.windows(2).enumerate() {
            let places = &self.of[bounds[0] as usize..bounds[1] as usize];
            ranges.extend(places.chunk_by(|a, b| a == b).map(|same| (same[0], range)));
        }
        let pairs = ranges.iter().enumerate().flat_map(|(index, a)| ranges[index + 1..].iter().map(move |b| (a, b)));
        pairs
            .filter(|(a, b)| a.1 != b.1)
            .map(|(a, b)| self.table.either_way(a.0.into(), b.0.into()))
            .min()
            .unwrap_or(u64::MAX)
    }
}
