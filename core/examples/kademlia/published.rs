//! What another program gave for the same networks, in one realisation each, and the closed form of hops.

/// A network and the lookups in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting {
    pub(crate) k: usize,
    pub(crate) alpha: usize,
    /// Share of nodes that are dead and still known.
    pub(crate) dead: f64,
    pub(crate) timeout_ms: u64,
    pub(crate) nodes: usize,
}

/// A figure of one realisation, with as many decimals as were given.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cell {
    pub(crate) metric: &'static str,
    pub(crate) value: f64,
    /// Half a unit of the last decimal.
    pub(crate) rounding: f64,
}

pub(crate) const SIZES: [usize; 5] = [64, 256, 1024, 4096, 16_384];

/// Every setting but its size: k, alpha, share of dead nodes, timeout in ms.
pub(crate) const SETTINGS: [(usize, usize, f64, u64); 6] =
    [(8, 3, 0.0, 2000), (20, 3, 0.0, 2000), (8, 1, 0.0, 2000), (8, 3, 0.2, 2000), (8, 3, 0.2, 250), (8, 10, 0.2, 250)];

/// By setting: the metric, its rounding, and its values by size. Times are in ms.
const COLUMNS: [(usize, &str, f64, [f64; 5]); 15] = [
    (0, "hops", 0.005, [0.95, 1.41, 1.81, 2.23, 2.64]),
    (0, "messages", 0.05, [3.0, 4.2, 5.3, 6.3, 7.3]),
    (0, "p50", 0.5, [35.0, 56.0, 77.0, 92.0, 116.0]),
    (0, "p99", 0.5, [108.0, 132.0, 157.0, 179.0, 206.0]),
    (1, "hops", 0.005, [0.67, 0.94, 1.32, 1.69, 1.99]),
    (1, "p50", 0.5, [26.0, 33.0, 48.0, 69.0, 83.0]),
    (1, "p99", 0.5, [68.0, 89.0, 126.0, 142.0, 152.0]),
    (2, "p50", 0.5, [47.0, 68.0, 95.0, 121.0, 149.0]),
    (2, "p99", 0.5, [169.0, 223.0, 262.0, 303.0, 336.0]),
    (3, "p50", 0.5, [36.0, 61.0, 89.0, 111.0, 135.0]),
    (3, "p90", 0.5, [75.0, 114.0, 180.0, 270.0, 331.0]),
    (3, "p99", 0.5, [181.0, 2050.0, 2161.0, 2181.0, 2207.0]),
    (4, "p99", 0.5, [181.0, 301.0, 391.0, 440.0, 441.0]),
    (5, "p99", 0.5, [95.0, 114.0, 143.0, 175.0, 198.0]),
    (5, "messages", 0.05, [10.5, 13.7, 16.1, 18.4, 20.6]),
];

/// Everything that was published of this setting.
pub(crate) fn cells(which: usize, nodes: usize) -> impl Iterator<Item = Cell> {
    let at = SIZES.iter().position(|size| *size == nodes);
    let columns = COLUMNS.iter().filter(move |column| column.0 == which);
    columns.filter_map(move |&(_, metric, rounding, values)| Some(Cell { metric, value: values[at?], rounding }))
}

/// Expected hops to the value where nobody is dead: log2(N/k) bits are to be gained, and the best of `k` random contacts in the right
/// bucket gains 1 + H_k/ln 2 of them (`H_k` harmonic). The 0.4 is fitted.
pub(crate) fn expected_hops(k: usize, nodes: usize) -> f64 {
    let harmonic: f64 = (1..=k).map(|term| 1.0 / term as f64).sum();
    libm::log2(nodes as f64 / k as f64) / (1.0 + harmonic / core::f64::consts::LN_2) + 0.4
}
