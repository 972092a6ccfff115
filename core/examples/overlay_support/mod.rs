//! What the overlay's examples share: the arguments, a matrix of round-trip times, intervals over seeds.

#![allow(dead_code, reason = "each example takes what it needs")]

use rapprochement_core::time::Duration;

/// The arguments: `MATRIX [--seed S] [--seeds N]`.
#[derive(Debug)]
pub(crate) struct Options {
    /// Path of the matrix.
    pub(crate) matrix: String,
    seed: u64,
    runs: u64,
}

impl Options {
    /// Reads the program's arguments; 5 seeds from 1 on unless told otherwise.
    pub(crate) fn from_arguments() -> Result<Self, String> {
        let mut options = Self { matrix: String::new(), seed: 1, runs: 5 };
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            let mut number = || {
                let value = arguments.next().ok_or_else(|| format!("{argument} needs a number"))?;
                value.parse().map_err(|_| format!("{argument} {value}: not a number"))
            };
            match argument.as_str() {
                "--seed" => options.seed = number()?,
                "--seeds" => options.runs = number()?.max(1),
                path if !path.starts_with('-') && options.matrix.is_empty() => options.matrix = path.into(),
                other => return Err(format!("{other}: expected MATRIX [--seed S] [--seeds N]")),
            }
        }
        if options.matrix.is_empty() { Err("expected MATRIX [--seed S] [--seeds N]".into()) } else { Ok(options) }
    }

    /// The seeds to run.
    pub(crate) fn seeds(&self) -> impl Iterator<Item = u64> + use<> {
        self.seed..self.seed.saturating_add(self.runs)
    }
}

/// Round-trip times between all pairs of hosts.
#[derive(Debug)]
pub(crate) struct Matrix {
    hosts: usize,
    rtts: Vec<Duration>,
}

impl Matrix {
    /// Reads a square matrix of milliseconds.
    pub(crate) fn read(path: &str) -> Result<Self, String> {
        let text = std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
        let mut rtts = Vec::new();
        let mut hosts = 0;
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            hosts += 1;
            for field in line.split([',', '\t', ' ']).map(str::trim).filter(|field| !field.is_empty()) {
                let millis: f64 = field.parse().map_err(|_| format!("{path}, row {hosts}: {field}: not a number"))?;
                rtts.push(Duration::from_secs_f64(millis / 1e3));
            }
        }
        if hosts < 2 || rtts.len() != hosts * hosts {
            return Err(format!(
                "{path}: {} entries in {hosts} rows are no square matrix of two hosts or more",
                rtts.len()
            ));
        }
        Ok(Self { hosts, rtts })
    }

    /// Number of hosts.
    pub(crate) fn len(&self) -> usize {
        self.hosts
    }

    /// The round-trip time from one host to another.
    pub(crate) fn rtt(&self, from: usize, to: usize) -> Duration {
        self.rtts[from * self.hosts + to]
    }
}

/// The value below which a share of the sorted values lies (nearest rank).
pub(crate) fn quantile(sorted: &[f64], share: f64) -> f64 {
    let rank = (sorted.len() as f64 * share).ceil() as usize;
    sorted[rank.clamp(1, sorted.len()) - 1]
}

/// Mean, and half the width of the 95 % Student-t interval (0 for a single value).
pub(crate) fn interval(values: &[f64]) -> (f64, f64) {
    /// The 97.5 % quantiles of Student's t for 1 to 10 degrees of freedom; beyond, those of the least of a group, 11, 16 or 31.
    const T: [f64; 10] = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228];
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    if values.len() < 2 {
        return (mean, 0.0);
    }
    let variance = values.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / (n - 1.0);
    let t = match values.len() - 1 {
        few @ 1..=10 => T[few - 1],
        11..=15 => 2.201,
        16..=30 => 2.120,
        _ => 2.040,
    };
    (mean, t * (variance / n).sqrt())
}
