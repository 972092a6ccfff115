//! How fast PeerSwap is simulated on one core, as one JSON object.
//!
//! `cargo run --release -p rapprochement-core --example peerswap_speed -- --nodes 1024 --degree 5 --mode idealised --seed 1`
//!
//! `--mode idealised|protocol`; `--latency NANOSECONDS` for the protocol, 0 by default; `--swaps N` is the length of each of the 7
//! stretches whose median, least and greatest rate are printed.

#[path = "../peerswap/driver.rs"]
#[allow(dead_code, reason = "shared with the tests and the study")]
mod driver;
#[path = "../peerswap/speed.rs"]
mod speed;

use std::process::ExitCode;

use rapprochement_core::time::Duration;
use speed::Mode;

fn main() -> ExitCode {
    let Some((mode, [nodes, degree, seed, latency, swaps])) = arguments() else {
        eprintln!(
            "usage: peerswap_speed [--mode idealised|protocol] [--nodes N] [--degree K] [--seed S] [--latency NS] [--swaps N]"
        );
        return ExitCode::from(2);
    };
    let (nodes, degree, latency) = (nodes as usize, degree as usize, Duration::from_nanos(latency));
    let swaps = if swaps > 0 {
        swaps
    } else if mode == Mode::Idealised {
        50_000_000
    } else {
        1_000_000
    };
    match speed::measure(mode, nodes, degree, latency, seed, swaps) {
        Some(measured) => {
            println!("{}", speed::json(mode, nodes, degree, latency, seed, &measured));
            ExitCode::SUCCESS
        }
        None => {
            eprintln!("there is no connected graph of {nodes} vertices with {degree} neighbours each");
            ExitCode::from(2)
        }
    }
}

/// The mode; nodes, degree, seed, latency and swaps.
fn arguments() -> Option<(Mode, [u64; 5])> {
    let mut mode = Mode::Idealised;
    let mut values = [1024, 5, 1, 0, 0];
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next()?;
        if name == "--mode" {
            mode = match value.as_str() {
                "idealised" => Mode::Idealised,
                "protocol" => Mode::Protocol,
                _ => return None,
            };
        } else {
            let names = ["--nodes", "--degree", "--seed", "--latency", "--swaps"];
            let place = names.iter().position(|known| *known == name)?;
            values[place] = value.parse().ok()?;
        }
    }
    // Degrees beyond the protocol's limit have no configuration.
    Some((mode, values)).filter(|_| mode == Mode::Idealised || (1..=64).contains(&values[1]))
}
