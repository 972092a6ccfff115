//! How often each cell was met, against what uniform samples would give, and the rows that are printed.

use libm::{exp, lgamma, log, log1p};

/// What a row is about: the columns before `metric`.
#[derive(Clone, Debug)]
pub(crate) struct About {
    pub(crate) experiment: &'static str,
    pub(crate) nodes: usize,
    pub(crate) degree: usize,
    /// The graph's second eigenvalue, where it matters.
    pub(crate) eigenvalue: Option<f64>,
    /// "0", "U(0,50ms)", "matrix".
    pub(crate) latency: String,
    /// Rings per second: of an edge.
    pub(crate) rate: f64,
    /// Seconds.
    pub(crate) time: f64,
    pub(crate) seed: u64,
}

impl About {
    pub(crate) const HEADER: &'static str = "experiment,n,k,eigenvalue,latency,rate,time,seed,metric,x,value";

    pub(crate) fn print(&self, metric: &str, x: Option<f64>, value: f64) {
        let Self { experiment, nodes, degree, eigenvalue, latency, rate, time, seed } = self;
        let text = |number: Option<f64>| number.map(|number| number.to_string()).unwrap_or_default();
        let eigenvalue = text(*eigenvalue);
        println!(
            "{experiment},{nodes},{degree},{eigenvalue},\"{latency}\",{rate},{time},{seed},{metric},{},{value}",
            text(x)
        );
    }
}

/// Prints how far counts are from those of uniform samples. A run meets each cell with chance `chance`.
pub(crate) fn print(about: &About, counts: &[u32], runs: u64, chance: f64) {
    let expected = runs as f64 * chance;
    let cells = counts.len() as f64;
    let deviation = |power: fn(f64) -> f64| counts.iter().map(|&count| power(f64::from(count) - expected)).sum::<f64>();
    // A count is binomial: so is its variance, and the sum of all counts is fixed.
    let chi = deviation(|d| d * d) / (expected * cells * (1.0 - chance));
    about.print("runs", None, runs as f64);
    about.print("expected_per_cell", None, expected);
    about.print("chi_square_per_df", None, chi);
    about.print("total_variation", None, deviation(f64::abs) / (2.0 * expected * cells));
    let mut sorted = counts.to_vec();
    sorted.sort_unstable();
    for (name, share) in [("min", 0.0), ("q1", 0.25), ("median", 0.5), ("q3", 0.75), ("max", 1.0)] {
        let place = (share * (sorted.len() - 1) as f64) as usize;
        about.print(name, None, f64::from(sorted[place]));
    }
    let (mut below, mut ideal, mut absolute) = (0, 0.0, 0.0);
    for count in 0..=(expected + 8.0 * expected.sqrt()) as u64 {
        let mass = binomial(runs, chance, count);
        ideal += mass;
        absolute += mass * (count as f64 - expected).abs();
        below += sorted[below..].iter().take_while(|&&seen| u64::from(seen) <= count).count();
        if ideal > 1e-4 && ideal < 1.0 - 1e-4 {
            about.print("ecdf", Some(count as f64), below as f64 / cells);
            about.print("ideal_ecdf", Some(count as f64), ideal);
        }
    }
    about.print("ideal_total_variation", None, absolute / (2.0 * expected));
}

/// The chance of so many successes.
fn binomial(runs: u64, chance: f64, count: u64) -> f64 {
    if count > runs {
        return 0.0;
    }
    let (n, k) = (runs as f64, count as f64);
    exp(lgamma(n + 1.0) - lgamma(k + 1.0) - lgamma(n - k + 1.0) + k * log(chance) + (n - k) * log1p(-chance))
}
