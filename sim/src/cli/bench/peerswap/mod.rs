//! `rapsim bench peerswap`: how many swaps a second one core makes.

mod measure;

use clap::Args;
use rapprochement_core::time::Duration;

use self::measure::{Mode, json, measure};
use super::Format;
use crate::cli::{Exit, complain, print};
use crate::units::Span;

/// How many swaps PeerSwap makes a second on one core, and what becomes of its attempts
///
/// Seven stretches are measured behind one that is not: swaps_per_s is their median by wall time; wall and core are least, median and greatest
/// by wall time and by the time that the process had a core. success_rate is the share of attempts that swapped among those whose
/// ends were free, as published; yield is their share of all rings of clocks.
#[derive(Args, Clone, Copy, Debug)]
pub(super) struct PeerSwapArgs {
    /// Peers.
    #[arg(long, default_value_t = 1024, value_parser = clap::value_parser!(u32).range(4..=10_000_000))]
    nodes: u32,
    /// Neighbours of each; nodes times degree has to be even.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(3..=64))]
    degree: u32,
    /// Swaps that take no time, or the messages that bring them about.
    #[arg(long, value_enum, default_value_t = Mode::Idealised)]
    mode: Mode,
    /// How long a message takes, in the protocol.
    #[arg(long, default_value = "0 s")]
    latency: Span,
    /// The seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How to print.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

pub(super) fn main(args: &PeerSwapArgs) -> Exit {
    let PeerSwapArgs { nodes, degree, mode, latency, seed, format } = *args;
    if latency.0 > Duration::from_secs(1) {
        complain(format!("--latency {latency}: leases are 10 s, so use at most 1 s"));
        return Exit::Usage;
    }
    let swaps = if mode == Mode::Idealised { 50_000_000 } else { 1_000_000 };
    let Some(measured) = measure(mode, nodes as usize, degree as usize, latency.0, seed, swaps) else {
        complain(format!(
            "no connected graph of {nodes} peers with {degree} neighbours each was found: change one of them"
        ));
        return Exit::Usage;
    };
    let object = json(mode, nodes as usize, degree as usize, latency.0, seed, &measured);
    print(match format {
        Format::Json => object,
        Format::Text => object.trim_matches(['{', '}']).replace(",\"", "\n").replace('"', "").replace(':', ": "),
    })
}
