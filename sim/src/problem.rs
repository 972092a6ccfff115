//! What is wrong with an experiment, and where its author finds it.

use std::fmt;

/// One thing that is wrong: a place in the scenario, what is wrong there, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Dotted path of the key, with indices: `network.partition[0].heal`.
    pub path: String,
    /// What is wrong, in lower case, without a full stop.
    pub message: String,
    /// What would be right; empty where the message already says it.
    pub help: String,
    /// Dotted paths of other keys that it follows from: where one of them is wrong itself, this may not be.
    pub rests_on: Vec<String>,
}

impl Problem {
    /// A problem at a key.
    pub fn new(path: impl Into<String>, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { path: path.into(), message: message.into(), help: help.into(), rests_on: Vec::new() }
    }

    /// Names the other keys that it follows from.
    #[must_use]
    pub fn resting_on<P: Into<String>>(mut self, paths: impl IntoIterator<Item = P>) -> Self {
        self.rests_on.extend(paths.into_iter().map(Into::into));
        self
    }
}

/// A time of zero where time has to pass.
pub fn zero_time(path: impl Into<String>) -> Problem {
    Problem::new(path, "this time cannot be zero", "give a positive time, such as \"1 s\"")
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)?;
        if self.help.is_empty() { Ok(()) } else { write!(f, " ({})", self.help) }
    }
}

impl std::error::Error for Problem {}
