//! `rapsim bench rank`: what MeritRank costs on one core.

mod measure;

use clap::Args;

use self::measure::{Size, measure};
use super::Format;
use crate::cli::{Exit, complain, print};

/// What MeritRank costs on one core: a cold calculation, edges added and deleted at random and at the ego, the first hundred, memory
///
/// The graph is uniformly random with weights from 1 to 10, and walks go on with 0.85. A change is timed with the poll that settles it.
/// Times of wall are the best of several rounds (cold_ms, top_100_us) or quantiles over single changes; *_cpu_* is the mean processor
/// time, which other load on the machine changes less, on Linux only.
#[derive(Args, Clone, Copy, Debug)]
pub(super) struct RankArgs {
    /// Nodes of the graph.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(2..=10_000_000))]
    nodes: u32,
    /// Its edges.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..=100_000_000))]
    edges: u32,
    /// Walks of the one ego.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    walks: u32,
    /// The seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How to print.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

pub(super) fn main(args: &RankArgs) -> Exit {
    let RankArgs { nodes, edges, walks, seed, format } = *args;
    let most = u64::from(nodes) * u64::from(nodes - 1) / 2;
    if u64::from(edges) > most {
        complain(format!("--edges {edges} among --nodes {nodes}: use at most {most}, half of what there can be"));
        return Exit::Usage;
    }
    match measure(Size { nodes, edges, walks, seed }) {
        Ok(figures) => print(match format {
            Format::Json => figures.to_string(),
            Format::Text => as_lines(&figures.to_string()),
        }),
        Err(error) => {
            complain(error);
            Exit::Usage
        }
    }
}

/// One figure a line.
fn as_lines(object: &str) -> String {
    object.trim_matches(['{', '}']).replace(", ", "\n").replace('"', "")
}
