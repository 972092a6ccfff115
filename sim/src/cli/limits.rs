//! What a run may cost the machine. Limits are judged at the samples of a run and every 16,384 events, which costs none of them
//! anything that could be measured; a run that exceeds one has failed, and leaves neither digest nor results.

use std::time::{Duration, Instant};

use clap::Args;

use crate::output::resident_bytes;
use crate::units::{Size, Span};

/// `--max-wall` and `--max-memory`.
#[derive(Clone, Copy, Debug, Default, Args)]
pub(super) struct Limits {
    /// End a run as failed when it has taken this much time on this machine: `--max-wall "5 min"`.
    #[arg(long, value_name = "TIME")]
    max_wall: Option<Span>,
    /// End a run as failed when the process, with all its runs, holds this much memory: `--max-memory "8 GB"`; on Linux only.
    #[arg(long, value_name = "SIZE")]
    max_memory: Option<Size>,
}

impl Limits {
    /// The time of a run begins.
    #[expect(clippy::disallowed_methods, reason = "wall time decides only whether a run is given up")]
    pub(super) fn begin(self) -> Guard {
        Guard { limits: self, started: Instant::now() }
    }
}

/// The limits of a run that has begun.
#[derive(Clone, Copy, Debug)]
pub(super) struct Guard {
    limits: Limits,
    started: Instant,
}

impl Guard {
    /// Which limit the run has reached, if it has.
    pub(super) fn exceeded(&self) -> Option<String> {
        let wall = self.limits.max_wall.and_then(|limit| wall(limit, self.started.elapsed()));
        wall.or_else(|| self.limits.max_memory.and_then(|limit| memory(limit, resident_bytes())))
    }
}

fn wall(limit: Span, taken: Duration) -> Option<String> {
    let over = taken >= Duration::from_nanos(limit.as_nanos());
    over.then(|| format!("it took {:.1} s of wall time, and --max-wall is {limit}", taken.as_secs_f64()))
}

fn memory(limit: Size, held: Option<u64>) -> Option<String> {
    let Some(held) = held else {
        return Some("--max-memory cannot be kept: this system does not tell how much memory a process holds".into());
    };
    (held >= limit.0).then(|| format!("the process held {:.1} MB, and --max-memory is {limit}", held as f64 / 1e6))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_named_when_it_is_reached() {
        let minutes = Span(rapprochement_core::time::Duration::from_secs(300));
        assert_eq!(wall(minutes, Duration::from_millis(299_999)), None);
        assert_eq!(
            wall(minutes, Duration::from_secs(301)).as_deref(),
            Some("it took 301.0 s of wall time, and --max-wall is 300 s")
        );
        let size = Size(8_000_000_000);
        assert_eq!(memory(size, Some(7_999_999_999)), None);
        assert_eq!(
            memory(size, Some(8_000_000_000)).as_deref(),
            Some("the process held 8000.0 MB, and --max-memory is 8 GB")
        );
    }

    #[test]
    fn a_limit_that_cannot_be_kept_says_so() {
        assert!(memory(Size(u64::MAX), None).is_some_and(|why| why.contains("cannot be kept")));
    }

    #[test]
    fn no_limit_is_never_reached() {
        assert_eq!(Limits::default().begin().exceeded(), None);
    }
}
