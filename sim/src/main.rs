//! `rapsim`: a laboratory for peer-to-peer protocols on the command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    rapprochement_sim::cli::main()
}
