//! The command line: a file per verb. Results go to standard output, everything else to standard error.

mod check;
mod execute;
mod expect;
mod limits;
mod run;
mod sweep;

pub mod bench;
pub mod calibrate;
pub mod compare;
pub mod draw;
pub mod map;
pub mod new;
pub mod plot;
pub mod schema;

use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

/// Documented exit codes. They are part of the public interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Everything went well.
    Success = 0,
    /// The program is at fault, or the machine (a full disk, an unwritable directory), or a run reached a limit.
    Failure = 1,
    /// The command line or the scenario is wrong.
    Usage = 2,
    /// The run went well, but a bound of `[expect]` was missed.
    ExpectationMissed = 3,
    /// Runs that must be equal are not.
    NotDeterministic = 4,
    /// Interrupted by a signal; nothing half-written is left.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// How results are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// One JSON object.
    Json,
}

const EXIT_CODES: &str = "\
Exit codes:
  0    all went well
  1    the machine or the program failed (full disk, unwritable directory, a bug),
       or a run reached --max-wall or --max-memory; nothing of that run is written
  2    the command line or the scenario is wrong
  3    a bound of [expect] was missed; the results are written
  4    runs that must be equal are not
  130  interrupted; nothing half-written is left";

/// A deterministic laboratory for peer-to-peer protocols: scenario in, CSV traces and figures out.
#[derive(Debug, Parser)]
#[command(name = "rapsim", version, after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Write a commented scenario to start from.
    New(new::NewArgs),
    /// Run a scenario and write its results.
    Run(run::RunArgs),
    /// Run every point of a scenario's grid with every seed; resumes what was interrupted.
    Sweep(sweep::SweepArgs),
    /// Draw the figures of a run or sweep directory again.
    Plot(plot::PlotArgs),
    /// Draw a figure from any tidy table.
    Draw(draw::DrawArgs),
    /// Draw which method of reconciliation is cheapest where, and find where costs cross.
    Map(map::MapArgs),
    /// Pair two runs or sweeps by seed and report their differences.
    Compare(compare::CompareArgs),
    /// Check that a scenario gives the same events on every engine and with any number of threads.
    Check(check::CheckArgs),
    /// Print the scenario's JSON Schema or the guide made from it.
    Schema(schema::SchemaArgs),
    /// Measure the engine, or a reconciliation.
    Bench(bench::BenchArgs),
    /// Measure a real server for a model to read.
    Calibrate(calibrate::CalibrateArgs),
}

/// Runs `rapsim` with the arguments of the process.
pub fn main() -> ExitCode {
    let exit = match Cli::parse().verb {
        Verb::New(args) => new::main(args),
        Verb::Run(args) => run::main(&args),
        Verb::Sweep(args) => sweep::main(&args),
        Verb::Plot(args) => plot::main(&args),
        Verb::Draw(args) => draw::main(&args),
        Verb::Map(args) => map::main(&args),
        Verb::Compare(args) => compare::main(&args),
        Verb::Check(args) => check::main(&args),
        Verb::Schema(args) => schema::main(args),
        Verb::Bench(args) => bench::main(&args),
        Verb::Calibrate(args) => calibrate::main(&args),
    };
    exit.into()
}

/// Prints a problem to standard error.
fn complain(message: impl std::fmt::Display) {
    use std::io::Write;
    // Where even standard error is closed, the exit code still tells.
    let _ = writeln!(std::io::stderr(), "error: {message}");
}

/// Prints something worth knowing to standard error.
fn note(message: impl std::fmt::Display) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "note: {message}");
}

/// Prints results to standard output; a reader that has heard enough is no failure.
fn print(text: impl std::fmt::Display) -> Exit {
    use std::io::{ErrorKind, Write};
    match writeln!(std::io::stdout().lock(), "{text}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            complain(format!("cannot print: {error}"));
            Exit::Failure
        }
        _ => Exit::Success,
    }
}

impl From<&crate::output::OutputError> for Exit {
    /// Says what was refused. A directory that holds no results was the wrong one to name.
    fn from(error: &crate::output::OutputError) -> Self {
        complain(error);
        match error {
            crate::output::OutputError::NotResults { .. } => Self::Usage,
            _ => Self::Failure,
        }
    }
}
