//! `rapsim`: run scenarios from the command line.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use rapprochement_sim::cli::bench;

#[derive(Parser)]
#[command(version, about)]
struct Command {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Measure this machine.
    Bench(bench::BenchArgs),
}

fn main() -> ExitCode {
    let Verb::Bench(args) = Command::parse().verb;
    bench::main(&args).into()
}
