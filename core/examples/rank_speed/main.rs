//! What MeritRank costs on one core, as one JSON object: a cold calculation, random edges added and deleted, edges of
//! the ego, the first 100, and memory.
//!
//! `cargo run --release -p rapprochement-core --example rank_speed -- [--nodes N] [--edges E] [--walks W] [--seed S]`

mod measure;

use measure::{Size, measure};

fn main() {
    let mut size = Size { nodes: 10_000, edges: 100_000, walks: 10_000, seed: 1 };
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    for pair in arguments.chunks(2) {
        let value = pair.get(1).and_then(|value| value.parse().ok());
        match (pair[0].as_str(), value) {
            ("--nodes", Some(value)) => size.nodes = value,
            ("--edges", Some(value)) => size.edges = value,
            ("--walks", Some(value)) => size.walks = value,
            ("--seed", Some(value)) => size.seed = u64::from(value),
            _ => {
                eprintln!("usage: rank_speed [--nodes N] [--edges E] [--walks W] [--seed S]");
                std::process::exit(2);
            }
        }
    }
    match measure(size) {
        Ok(figures) => println!("{figures}"),
        Err(error) => {
            eprintln!("{error}");
            std::process::exit(1);
        }
    }
}
