//! What ends a run from outside. Global actions judge on a grid of virtual time, which a run whose events stand still in virtual
//! time never reaches; so the loops that handle events ask every so many events too. A run that is stopped has failed: no
//! result can depend on when it was asked.

use std::fmt;
use std::sync::Arc;

/// Why the run is to end now, if it is.
type Ask = dyn Fn() -> Option<String> + Send + Sync;

/// Asked between events, by any thread of a run, whether it is to end. By default never.
#[derive(Clone, Default)]
pub struct Stop(Option<Arc<Ask>>);

impl Stop {
    /// Events that are handled between two questions.
    pub(super) const EVERY: u64 = 1 << 14;

    /// Ends a run as failed once `ask` says why.
    pub fn when(ask: impl Fn() -> Option<String> + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(ask)))
    }

    pub(super) fn asked(&self) -> Option<String> {
        self.0.as_ref().and_then(|ask| ask())
    }
}

impl fmt::Debug for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Stop").field(&self.0.is_some()).finish()
    }
}
