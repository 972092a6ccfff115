//! What can go wrong between the results and the disk.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// A failure to write or read results. It names the path, and what mends it.
#[derive(Debug)]
pub enum OutputError {
    /// The system refused to read or write.
    Io {
        /// What was attempted, such as "write".
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// Why it was refused.
        source: io::Error,
    },
    /// The directory is not a run or sweep directory.
    NotResults {
        /// The directory.
        path: PathBuf,
        /// What is missing.
        missing: &'static str,
    },
    /// A file of a run directory does not hold what it should.
    Corrupt {
        /// The file.
        path: PathBuf,
        /// Line, from 1; 0 where it is unknown.
        line: u64,
        /// What is wrong.
        message: String,
    },
    /// A table that somebody gave does not hold what it should.
    Table {
        /// The file.
        path: PathBuf,
        /// Line, from 1; 0 where it is unknown.
        line: u64,
        /// What is wrong, in which column, and what mends it.
        message: String,
    },
    /// A figure could not be drawn, which is a fault of the program.
    Figure {
        /// The figure.
        name: String,
        /// What is wrong.
        message: String,
    },
}

impl OutputError {
    /// Wraps a refusal of the system.
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, path: path.to_owned(), source }
    }

    /// A file that does not hold what it should.
    pub(super) fn corrupt(path: &Path, line: u64, message: impl fmt::Display) -> Self {
        Self::Corrupt { path: path.to_owned(), line, message: message.to_string() }
    }
}

/// What the user can do about a refusal of the system.
fn mend(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "; free some space or choose another directory with --out, then run again: complete runs are kept"
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "; choose a writable directory with --out, or change its permissions"
        }
        io::ErrorKind::NotFound => "; check the path",
        io::ErrorKind::NotADirectory => "; a part of the path is a file: choose another directory",
        _ => "",
    }
}

impl fmt::Display for OutputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { action, path, source } => {
                write!(f, "cannot {action} {}: {source}{}", path.display(), mend(source))
            }
            Self::NotResults { path, missing } => write!(
                f,
                "{} is not a run or sweep directory: it has no {missing}; give a directory that `rapsim run` or `rapsim sweep` wrote",
                path.display()
            ),
            Self::Corrupt { path, line, message } => {
                write!(f, "{}", path.display())?;
                if *line > 0 {
                    write!(f, ":{line}")?;
                }
                write!(f, ": {message}; delete the directory and run the scenario again")
            }
            Self::Table { path, line, message } => {
                let line = if *line > 0 { format!(":{line}") } else { String::new() };
                write!(f, "{}{line}: {message}", path.display())
            }
            Self::Figure { name, message } => write!(f, "cannot draw the figure {name}: {message}"),
        }
    }
}

impl std::error::Error for OutputError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}
