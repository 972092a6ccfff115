//! How well Vivaldi coordinates predict round-trip times on a measured matrix:
//!
//! `cargo run --release -p rapprochement-core --example coordinates -- MATRIX [--seed S] [--seeds N]`
//!
//! MATRIX holds round-trip times in milliseconds, one row per host, tab- or comma-separated, without a header; the 490 x 490
//! PlanetLab matrix of R. Zhu et al. (ToN 2017) is one. Every node probes one random other node per round and takes its
//! coordinate from the answer. Standard output: CSV of the relative error |predicted - measured| / measured over all pairs,
//! mean over the seeds with the half-width of the 95 % Student-t interval.

#[path = "overlay_support/mod.rs"]
mod support;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use rapprochement_core::overlay::vivaldi::{Vivaldi, VivaldiConfig};
use rapprochement_core::random::{below, shuffle};
use support::{Matrix, Options, interval, quantile};

const ROUNDS: [usize; 3] = [50, 100, 200];
const QUANTILES: [f64; 3] = [0.5, 0.8, 0.9];

fn main() -> Result<(), String> {
    let options = Options::from_arguments()?;
    let matrix = Matrix::read(&options.matrix)?;
    println!("space,updates,seeds,quantile,relative_error,half_width");
    let flat = VivaldiConfig { height_min: None, ..VivaldiConfig::default() };
    report::<2>("2D", flat, &matrix, &options);
    report::<3>("3D", flat, &matrix, &options);
    report::<5>("5D", flat, &matrix, &options);
    report::<2>("2D+height", VivaldiConfig::default(), &matrix, &options);
    let paper = VivaldiConfig { paper_unit: true, ..VivaldiConfig::default() };
    report::<2>("2D+height by the paper's unit vector", paper, &matrix, &options);
    Ok(())
}

fn report<const D: usize>(space: &str, config: VivaldiConfig, matrix: &Matrix, options: &Options) {
    let runs: Vec<_> = options.seeds().map(|seed| run::<D>(config, matrix, seed)).collect();
    for (at, updates) in ROUNDS.iter().enumerate() {
        for (which, share) in QUANTILES.iter().enumerate() {
            let values: Vec<f64> = runs.iter().map(|run| run[at][which]).collect();
            let (mean, half) = interval(&values);
            println!("{space},{updates},{},{share},{mean:.4},{half:.4}", values.len());
        }
    }
}

/// The quantiles of the relative error after each of [`ROUNDS`].
fn run<const D: usize>(config: VivaldiConfig, matrix: &Matrix, seed: u64) -> Vec<[f64; 3]> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut nodes = vec![Vivaldi::<D>::new(config); matrix.len()];
    let mut order: Vec<usize> = (0..nodes.len()).collect();
    let mut found = Vec::new();
    for round in 1..=ROUNDS[2] {
        shuffle(&mut rng, &mut order);
        for &from in &order {
            let to = (from + 1 + below(&mut rng, nodes.len() as u32 - 1) as usize) % nodes.len();
            let remote = nodes[to].coordinate();
            nodes[from].update(&remote, matrix.rtt(from, to), &mut rng);
        }
        if ROUNDS.contains(&round) {
            found.push(errors(&nodes, matrix));
        }
    }
    found
}

fn errors<const D: usize>(nodes: &[Vivaldi<D>], matrix: &Matrix) -> [f64; 3] {
    let places: Vec<_> = nodes.iter().map(Vivaldi::coordinate).collect();
    let mut errors = Vec::new();
    for (from, place) in places.iter().enumerate() {
        for (to, other) in places.iter().enumerate().skip(from + 1) {
            let (rtt, predicted) = (matrix.rtt(from, to).as_secs_f64(), place.predict(other).as_secs_f64());
            if rtt > 0.0 {
                errors.push((predicted - rtt).abs() / rtt);
            }
        }
    }
    errors.sort_by(f64::total_cmp);
    QUANTILES.map(|share| quantile(&errors, share))
}
