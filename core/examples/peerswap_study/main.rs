//! The experiments of the PeerSwap paper (R. Guerraoui et al., SRDS 2024) as tidy CSV on the standard output, and one of our own.
//!
//! `cargo run --release -p rapprochement-core --example peerswap_study -- --experiment neighbours`
//!
//! | experiment | what | n, k, time |
//! |---|---|---|
//! | `neighbourhoods` | how often each set of k peers was the neighbourhood of one peer | 64, 4, 1 to 4 |
//! | `neighbours` | how often each peer was a neighbour of one peer | 4096, 5, 1 to 4 |
//! | `size` | the same by size of the overlay | 1024 to 16384 (32768 with `--full`), 5, 5 |
//! | `expansion` | neighbourhoods by the graph's second eigenvalue | 64, 4, 4 |
//! | `latency` | neighbours where messages take time | 1024, 5, 60 to 180 s at 50 swaps/s |
//! | `success` | attempts that succeed, counted both ways | 1024, 5, 120 s at 10 to 100 swaps/s |
//! | `faults` | 1 % loss and crashes; counts of seeds | 50, 5, 25 s |
//! | `slow` | the same where messages take up to 1/8 to 9/10 of a lease | 50, 5, 25 s |
//!
//! As it is, 10 are expected in each cell, from 3 seeds; with `--full` as published, 100 and 5 to 21 (faults: 10,000).
//! `--seeds N` and `--runs R` set them; `--matrix PATH` adds a matrix of round-trip times in ms, rows of numbers between
//! blanks, to `latency` and `success`: a message takes half of one. The result does not depend on `--threads T`. Counts are printed beside those of uniform samples.

mod faults;
mod idealised;
mod messages;
mod pool;
mod spectrum;
mod tally;

use std::process::ExitCode;

use rapprochement_core::overlay::sampling::peerswap::world::Latency;

const USAGE: &str = "usage: peerswap_study --experiment neighbourhoods|neighbours|size|expansion|latency|success|faults|slow \
                     [--seeds N] [--runs R] [--threads T] [--matrix PATH] [--full]";

/// What was asked for.
pub(crate) struct Options {
    experiment: String,
    seeds: Option<u64>,
    runs: Option<u64>,
    pub(crate) threads: usize,
    pub(crate) matrix: Option<Latency>,
    pub(crate) full: bool,
}

impl Options {
    pub(crate) fn seeds(&self, reduced: u64, full: u64) -> u64 {
        self.seeds.unwrap_or(if self.full { full } else { reduced })
    }

    pub(crate) fn runs(&self, default: u64) -> u64 {
        self.runs.unwrap_or(default)
    }

    /// How many are expected in each cell.
    pub(crate) fn expected(&self) -> u64 {
        if self.full { 100 } else { 10 }
    }

    /// How many graphs are drawn to find such that expand well and badly.
    pub(crate) fn graphs(&self) -> u64 {
        if self.full { 20_000 } else { 2000 }
    }

    fn read() -> Result<Self, String> {
        let (experiment, threads) = (String::new(), 1);
        let mut options = Self { experiment, seeds: None, runs: None, threads, matrix: None, full: false };
        let mut arguments = std::env::args().skip(1);
        while let Some(name) = arguments.next() {
            let mut value = || arguments.next().ok_or_else(|| format!("{name} needs a value"));
            let number = |text: String| {
                text.parse::<u64>().ok().filter(|value| *value > 0).ok_or_else(|| format!("what is {text}?"))
            };
            match name.as_str() {
                "--experiment" => options.experiment = value()?,
                "--seeds" => options.seeds = Some(number(value()?)?),
                "--runs" => options.runs = Some(number(value()?)?),
                "--threads" => options.threads = number(value()?)?.min(1024) as usize,
                "--matrix" => options.matrix = Some(matrix(&value()?)?),
                "--full" => options.full = true,
                _ => return Err(format!("what is {name}?")),
            }
        }
        Ok(options)
    }
}

/// A square matrix of round trips in milliseconds. A message takes half.
fn matrix(path: &str) -> Result<Latency, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
    let entry = |word: &str| word.parse::<f64>().ok().filter(|millis| (0.0..1e6).contains(millis));
    let entries: Option<Vec<f64>> = text.split_whitespace().map(entry).collect();
    let entries = entries.ok_or_else(|| format!("{path}: an entry is no number of milliseconds"))?;
    let hosts = entries.len().isqrt();
    if hosts == 0 || hosts * hosts != entries.len() {
        return Err(format!("{path}: {} entries are no square matrix", entries.len()));
    }
    Ok(Latency::Matrix { hosts, nanos: entries.iter().map(|millis| (millis * 0.5e6) as u64).collect() })
}

fn main() -> ExitCode {
    let run = Options::read().and_then(|options| {
        let experiment = match options.experiment.as_str() {
            "neighbourhoods" => idealised::neighbourhoods,
            "neighbours" => idealised::neighbours,
            "size" => idealised::size,
            "expansion" => idealised::expansion,
            "latency" => messages::latency,
            "success" => messages::success,
            "faults" => messages::faults,
            "slow" => messages::slow,
            _ => return Err("which experiment?".to_owned()),
        };
        println!("{}", tally::About::HEADER);
        experiment(&options);
        Ok(())
    });
    match run {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}\n{USAGE}");
            ExitCode::from(2)
        }
    }
}
