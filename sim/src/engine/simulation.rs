//! A run in hand: it can be stopped at an instant, looked into, changed, forked and continued. Where it stops changes
//! nothing: a run in pieces ends like a run in one.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use rapprochement_core::time::Instant;

use super::drive::{Drive, Pending};
use super::event::{Event, Order};
use super::lane::Lane;
use super::queue::EventQueue;
use super::windows::{Crew, Station, lock};
use super::{Director, Outcome, Plan, Run, Shard};
use crate::random::{Purpose, Streams};

/// Runs the shards from their initial events to an outcome. The results do not depend on the number of shards and
/// threads or on the queue.
///
/// # Panics
/// [`Plan::starts`] does not fit the shards.
pub fn run<S: Shard, G: Director<S>>(
    shards: Vec<S>,
    initial: impl IntoIterator<Item = Event<S::Data>>,
    director: &mut G,
    plan: &Plan,
) -> Run<S> {
    Simulation::new(shards, initial, director, plan.clone()).finish().0
}

/// A run at some instant: shards, pending events, what was counted so far, and the director. Its clone is a fork, which
/// needs shards and directors that can be cloned and share nothing that changes; see [`super::fork`] for those that do not.
pub struct Simulation<S: Shard, G> {
    plan: Plan,
    director: G,
    stations: Vec<Mutex<Station<S>>>,
    pending: Pending<S>,
    windows: u64,
    /// How and when the run ended.
    end: Option<(Outcome, Instant)>,
}

impl<S: Shard, G: Director<S>> Simulation<S, G> {
    /// A run before its first event.
    ///
    /// # Panics
    /// [`Plan::starts`] does not fit the shards.
    pub fn new(shards: Vec<S>, initial: impl IntoIterator<Item = Event<S::Data>>, director: G, plan: Plan) -> Self {
        assert!(!shards.is_empty() && plan.starts.len() == shards.len() + 1, "one start per shard, and the end");
        let starts: Arc<[u32]> = plan.starts.clone().into();
        let lane = |shards: Range<usize>| Lane::new(&plan, &starts, shards);
        let mut merged = lane(0..shards.len());
        initial.into_iter().for_each(|event| merged.queue.push(event));
        let station = |(i, shard)| Mutex::new(Station { shard, lane: lane(i..i + 1) });
        let stations = shards.into_iter().enumerate().map(station).collect();
        Self { plan, director, stations, pending: Pending::new(merged), windows: 0, end: None }
    }

    /// Runs up to `pause`: everything before that instant happens, and nothing of it, global actions included. Returns the
    /// outcome if the run ends first. An instant that has passed changes nothing.
    pub fn run_to(&mut self, pause: Instant) -> Option<&Outcome> {
        self.proceed(Some(pause));
        self.end.as_ref().map(|(outcome, _)| outcome)
    }

    /// Runs to the end, and returns the director beside the run.
    pub fn finish(mut self) -> (Run<S>, G) {
        self.proceed(None);
        let Self { plan, director, stations, pending, windows, end } = self;
        // Without a pause there is an end.
        let (outcome, end) = end.unwrap_or_else(|| (Outcome::Failed("the run has no end".into()), Instant::ZERO));
        let mut tally = pending.merged.tally;
        let mut shards = Vec::new();
        for station in stations {
            let Station { shard, lane } = station.into_inner().unwrap_or_else(PoisonError::into_inner);
            shards.push(shard);
            tally.absorb(lane.tally);
        }
        let (events, stale, digest) = (tally.events, tally.stale, tally.digest());
        let (checkpoints, trace) = tally.finish(Order::new(Streams::new(plan.seed).key(Purpose::Tie, 0)));
        (Run { shards, outcome, events, stale, digest, checkpoints, end, windows, trace }, director)
    }

    /// Looks at the shards and the director between two events, and changes them: the same past, another future. The
    /// director's next action must not lie before the pause.
    pub fn change<R>(&mut self, change: impl FnOnce(&mut [&mut S], &mut G) -> R) -> R {
        let stations = self.stations.iter_mut().map(|s| s.get_mut().unwrap_or_else(PoisonError::into_inner));
        let mut shards: Vec<&mut S> = stations.map(|station| &mut station.shard).collect();
        change(&mut shards, &mut self.director)
    }

    /// Runs to the pause or the end, unless the end has been reached.
    fn proceed(&mut self, pause: Option<Instant>) {
        if self.end.is_some() {
            return;
        }
        let Self { plan, director, stations, pending, windows, end } = self;
        let threads = if plan.lookahead.is_zero() { 1 } else { plan.threads.min(stations.len()) };
        let mut drive = Drive { director, plan, stations, pending };
        *end = if threads > 1 {
            let crew = Crew::new(stations, threads, plan);
            thread::scope(|scope| {
                let _dismissal = Dismissal(&crew);
                for me in 1..threads {
                    let crew = &crew;
                    scope.spawn(move || crew.help(me));
                }
                let end = drive.run(pause, Some(&crew));
                *windows += crew.windows();
                end
            })
        } else {
            drive.run(pause, None)
        };
    }
}

/// Lets the helpers go when the leader leaves, even by a panic.
struct Dismissal<'a, 'b, S: Shard>(&'a Crew<'b, S>);

impl<S: Shard> Drop for Dismissal<'_, '_, S> {
    fn drop(&mut self) {
        self.0.dismiss();
    }
}

impl<S: Shard + Clone, G: Clone> Clone for Simulation<S, G> {
    fn clone(&self) -> Self {
        Self {
            plan: self.plan.clone(),
            director: self.director.clone(),
            stations: self.stations.iter().map(|station| Mutex::new(lock(station).clone())).collect(),
            pending: self.pending.clone(),
            windows: self.windows,
            end: self.end.clone(),
        }
    }
}

impl<S: Shard, G> fmt::Debug for Simulation<S, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Simulation")
            .field("shards", &self.stations.len())
            .field("end", &self.end)
            .finish_non_exhaustive()
    }
}
