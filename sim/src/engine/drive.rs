//! A whole run: entity events up to the next global action, the action, and so on to an outcome.
//!
//! A run begins on one thread with all shards behind one queue. Where it turns out that windows hold many events, the
//! queue is dealt out to the shards and the crew takes over; where windows turn thin, everything comes back to one queue
//! and the others sleep. Which of the two handled an event changes nothing but speed.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use rapprochement_core::time::Instant;

use super::event::{Event, Order};
use super::lane::{Lane, shard_of};
use super::queue::EventQueue;
use super::windows::{Crew, Station, describe, lock};
use super::{Director, Outcome, Plan, Progress, Run, Shard};
use crate::random::{Purpose, Streams};

/// Events between two looks at how dense they are.
const PACE: u64 = 1 << 14;
/// Events per window and thread that call for the crew, at first.
const DENSE: u64 = 256;

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
    assert!(!shards.is_empty() && plan.starts.len() == shards.len() + 1, "one start per shard, and the end");
    let starts: Arc<[u32]> = plan.starts.clone().into();
    let lane = |shards: Range<usize>| Lane::new(plan, &starts, shards);
    let mut merged = lane(0..shards.len());
    initial.into_iter().for_each(|event| merged.queue.push(event));
    let threads = if plan.lookahead.is_zero() { 1 } else { plan.threads.min(shards.len()) };
    let stations: Vec<_> =
        shards.into_iter().enumerate().map(|(i, shard)| Mutex::new(Station { shard, lane: lane(i..i + 1) })).collect();

    let mut drive = Drive { director, plan, stations: &stations, merged, spread: false, dense: DENSE };
    let mut windows = 0;
    let (outcome, end) = if threads > 1 {
        let crew = Crew::new(&stations, threads, plan);
        thread::scope(|scope| {
            let _dismissal = Dismissal(&crew);
            for me in 1..threads {
                let crew = &crew;
                scope.spawn(move || crew.help(me));
            }
            let end = drive.run(Some(&crew));
            windows = crew.windows();
            end
        })
    } else {
        drive.run(None)
    };

    let mut tally = drive.merged.tally;
    let mut shards = Vec::new();
    for station in stations {
        let Station { shard, lane } = station.into_inner().unwrap_or_else(PoisonError::into_inner);
        shards.push(shard);
        tally.absorb(lane.tally);
    }
    let (events, stale, digest) = (tally.events, tally.stale, tally.digest());
    let (checkpoints, trace) = tally.finish(Order::new(Streams::new(plan.seed).key(Purpose::Tie, 0)));
    Run { shards, outcome, events, stale, digest, checkpoints, end, windows, trace }
}

/// Lets the helpers go when the leader leaves, even by a panic.
struct Dismissal<'a, 'b, S: Shard>(&'a Crew<'b, S>);

impl<S: Shard> Drop for Dismissal<'_, '_, S> {
    fn drop(&mut self) {
        self.0.dismiss();
    }
}

/// A run in progress.
struct Drive<'a, S: Shard, G> {
    director: &'a mut G,
    plan: &'a Plan,
    stations: &'a [Mutex<Station<S>>],
    /// The lane over all shards.
    merged: Lane<S>,
    /// Whether the events are with the stations rather than in `merged`.
    spread: bool,
    /// Events per window and thread that call for the crew.
    dense: u64,
}

impl<S: Shard, G: Director<S>> Drive<'_, S, G> {
    fn run(&mut self, crew: Option<&Crew<'_, S>>) -> (Outcome, Instant) {
        loop {
            let action = self.director.next().filter(|time| *time <= self.plan.deadline);
            let until = action.unwrap_or(self.plan.deadline);
            if let Err(failure) = self.run_until(until.as_nanos(), crew) {
                return (Outcome::Failed(failure), self.last_event());
            }
            let Some(now) = action else {
                let drained = self.progress().pending == 0;
                return if drained { (Outcome::Drained, self.last_event()) } else { (Outcome::DeadlineReached, until) };
            };
            if let Some(outcome) = self.act(now) {
                return (outcome, now);
            }
        }
    }

    /// Handles every event before `until`.
    fn run_until(&mut self, until: u64, crew: Option<&Crew<'_, S>>) -> Result<(), String> {
        loop {
            if let (true, Some(crew)) = (self.spread, crew) {
                crew.phase(until)?;
                if self.stations.iter().all(|station| lock(station).lane.queue.lower_bound() >= until) {
                    return Ok(());
                }
                self.gather();
            }
            if self.run_merged(until, crew)? {
                return Ok(());
            }
            self.spread_out();
        }
    }

    /// Handles events on this thread: all there are before `until` (true), or until they are dense (false).
    fn run_merged(&mut self, until: u64, crew: Option<&Crew<'_, S>>) -> Result<bool, String> {
        if self.plan.always_parallel && crew.is_some() {
            return Ok(false);
        }
        let mut stations: Vec<_> = self.stations.iter().map(lock).collect();
        let mut shards: Vec<&mut S> = stations.iter_mut().map(|station| &mut station.shard).collect();
        loop {
            let start = self.merged.now;
            let lane = &mut self.merged;
            let handled = catch_unwind(AssertUnwindSafe(|| lane.advance(&mut shards, until, PACE)))
                .map_err(|panic| describe(panic.as_ref()))?;
            if let Some(failure) = self.merged.failure.take() {
                return Err(failure);
            }
            if handled < PACE {
                return Ok(true);
            }
            if let Some(crew) = crew {
                let span = u128::from((self.merged.now - start).max(1));
                let lookahead = u128::from(self.plan.lookahead.as_nanos());
                if u128::from(handled) * lookahead / span >= u128::from(self.dense) * crew.threads() as u128 {
                    return Ok(false);
                }
            }
        }
    }

    /// Deals the pending events out to their shards.
    fn spread_out(&mut self) {
        let mut stations: Vec<_> = self.stations.iter().map(lock).collect();
        let starts = &self.plan.starts;
        self.merged.queue.drain(|event| stations[shard_of(starts, event.target)].lane.queue.push(event));
        self.spread = true;
    }

    /// Takes the pending events back. The next time it takes denser events to deal them out.
    fn gather(&mut self) {
        for station in self.stations {
            let mut station = lock(station);
            self.merged.now = self.merged.now.max(station.lane.now);
            station.lane.queue.drain(|event| self.merged.queue.push(event));
        }
        self.spread = false;
        self.dense = self.dense.saturating_mul(2);
    }

    fn act(&mut self, now: Instant) -> Option<Outcome> {
        let progress = self.progress();
        let mut stations: Vec<_> = self.stations.iter().map(lock).collect();
        let mut shards: Vec<&mut S> = stations.iter_mut().map(|station| &mut station.shard).collect();
        let outcome = self.director.act(now, &mut shards, &progress);
        let mut injected = Vec::new();
        self.director.inject(&mut injected);
        for mut event in injected {
            event.time = event.time.max(now.as_nanos());
            if self.spread {
                stations[shard_of(&self.plan.starts, event.target)].lane.queue.push(event);
            } else {
                self.merged.queue.push(event);
            }
        }
        outcome
    }

    fn progress(&self) -> Progress {
        let Lane { tally, queue, .. } = &self.merged;
        let mut progress = Progress { events: tally.events, pending: queue.len() as u64, digest: tally.digest() };
        for station in self.stations {
            let Lane { tally, queue, .. } = &lock(station).lane;
            progress.events += tally.events;
            progress.pending += queue.len() as u64;
            progress.digest = progress.digest.wrapping_add(tally.digest());
        }
        progress
    }

    fn last_event(&self) -> Instant {
        let times = self.stations.iter().map(|station| lock(station).lane.now);
        Instant::from_nanos(times.fold(self.merged.now, u64::max))
    }
}
