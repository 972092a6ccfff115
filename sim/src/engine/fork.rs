//! Futures from one past. Where the whole state of a run can be cloned, a fork is its clone; where it cannot, since a
//! shard has no `Clone` or shares something that changes, the past is replayed from the seed, which gives the same state
//! because equal seeds give equal runs. Both are a [`Fork`], so that what comes after does not depend on which it is.

use std::fmt;

use rapprochement_core::time::Instant;

use super::{Director, Shard, Simulation};

/// The past of a run up to an instant, from which any number of futures start. None of them affects another.
pub trait Fork<S: Shard, G> {
    /// The run at that instant: to change, to continue.
    fn fork(&self) -> Simulation<S, G>;
}

/// By clone: as much memory as the run, and the time to copy it.
impl<S: Shard + Clone, G: Clone> Fork<S, G> for Simulation<S, G> {
    fn fork(&self) -> Self {
        self.clone()
    }
}

/// By replay: no memory, and the time of the whole past for every fork.
pub struct Replay<F> {
    at: Instant,
    build: F,
}

impl<F> Replay<F> {
    /// The past up to `at` of the run that `build` makes, which must be the same one at every call.
    pub const fn new(at: Instant, build: F) -> Self {
        Self { at, build }
    }
}

impl<S: Shard, G: Director<S>, F: Fn() -> Simulation<S, G>> Fork<S, G> for Replay<F> {
    fn fork(&self) -> Simulation<S, G> {
        let mut simulation = (self.build)();
        simulation.run_to(self.at);
        simulation
    }
}

impl<F> fmt::Debug for Replay<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replay").field("at", &self.at).finish_non_exhaustive()
    }
}
