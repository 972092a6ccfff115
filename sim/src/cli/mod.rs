//! The command line: a file per verb.

pub mod compare;
pub mod plot;

use std::process::ExitCode;

use crate::output::OutputError;

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

impl From<&OutputError> for Exit {
    /// A directory that holds no results is a mistake of the command line; everything else is the machine's fault.
    fn from(error: &OutputError) -> Self {
        if matches!(error, OutputError::NotResults { .. }) { Self::Usage } else { Self::Failure }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
