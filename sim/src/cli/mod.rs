//! The command line: a file per verb.

pub mod new;
pub mod schema;

use std::io::{ErrorKind, Write};
use std::process::ExitCode;

/// Documented exit codes. They are part of the public interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Everything went well.
    Success = 0,
    /// The program is at fault, or the machine (a full disk, an unwritable directory).
    Failure = 1,
    /// The command line or the scenario is wrong.
    Usage = 2,
    /// The run went well, but a bound of `[expect]` was missed.
    ExpectationMissed = 3,
    /// Runs that must be equal are not.
    NotDeterministic = 4,
    /// Interrupted by a signal.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Prints a result on standard output; a reader that has heard enough is no failure.
fn print(text: &str) -> Exit {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            eprintln!("error: cannot print: {error}");
            Exit::Failure
        }
        _ => Exit::Success,
    }
}
