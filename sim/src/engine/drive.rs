//! The drive of a run: entity events up to the next global action, the action, and so on to an outcome or a pause.
//!
//! A run begins on one thread with all shards behind one queue. Where it turns out that windows hold many events, the
//! queue is dealt out to the shards and the crew takes over; where windows turn thin, everything comes back to one queue
//! and the others sleep. Which of the two handled an event changes nothing but speed.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;

use rapprochement_core::time::Instant;

use super::lane::{Lane, shard_of};
use super::queue::EventQueue;
use super::stop::Stop;
use super::windows::{Crew, Station, describe, lock};
use super::{Director, Outcome, Plan, Progress, Shard};

/// Events between two looks at how dense they are, and whether the run is to end.
const PACE: u64 = Stop::EVERY;
/// Events per window and thread that call for the crew, at first.
const DENSE: u64 = 256;

/// The pending events, and where they are.
#[derive(Clone)]
pub(super) struct Pending<S: Shard> {
    /// The lane over all shards.
    pub(super) merged: Lane<S>,
    /// Whether the events are with the stations rather than in `merged`.
    spread: bool,
    /// Events per window and thread that call for the crew.
    dense: u64,
}

impl<S: Shard> Pending<S> {
    /// All of them in the lane over all shards.
    pub(super) const fn new(merged: Lane<S>) -> Self {
        Self { merged, spread: false, dense: DENSE }
    }
}

/// A run, while it moves.
pub(super) struct Drive<'a, S: Shard, G> {
    pub(super) director: &'a mut G,
    pub(super) plan: &'a Plan,
    pub(super) stations: &'a [Mutex<Station<S>>],
    pub(super) pending: &'a mut Pending<S>,
}

impl<S: Shard, G: Director<S>> Drive<'_, S, G> {
    /// Runs to the end of the run and says how and when it ended, or nothing if the pause came first: everything before
    /// that instant has happened then, and nothing of it.
    pub(super) fn run(&mut self, pause: Option<Instant>, crew: Option<&Crew<'_, S>>) -> Option<(Outcome, Instant)> {
        loop {
            let action = self.director.next().filter(|time| *time <= self.plan.deadline);
            let until = action.unwrap_or(self.plan.deadline);
            let pause = pause.filter(|pause| *pause <= until);
            if let Err(failure) = self.run_until(pause.unwrap_or(until).as_nanos(), crew) {
                return Some((Outcome::Failed(failure), self.last_event()));
            }
            if pause.is_some() {
                return None;
            }
            let Some(now) = action else {
                let drained = self.progress().pending == 0;
                return Some(if drained {
                    (Outcome::Drained, self.last_event())
                } else {
                    (Outcome::DeadlineReached, until)
                });
            };
            if let Some(outcome) = self.act(now) {
                return Some((outcome, now));
            }
        }
    }

    /// Handles every event before `until`.
    fn run_until(&mut self, until: u64, crew: Option<&Crew<'_, S>>) -> Result<(), String> {
        loop {
            if let (true, Some(crew)) = (self.pending.spread, crew) {
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
            let start = self.pending.merged.now;
            let lane = &mut self.pending.merged;
            let handled = catch_unwind(AssertUnwindSafe(|| lane.advance(&mut shards, until, PACE)))
                .map_err(|panic| describe(panic.as_ref()))?;
            if let Some(failure) = self.pending.merged.failure.take() {
                return Err(failure);
            }
            if handled < PACE {
                return Ok(true);
            }
            if let Some(why) = self.plan.stop.asked() {
                return Err(why);
            }
            if let Some(crew) = crew {
                let span = u128::from((self.pending.merged.now - start).max(1));
                let lookahead = u128::from(self.plan.lookahead.as_nanos());
                if u128::from(handled) * lookahead / span >= u128::from(self.pending.dense) * crew.threads() as u128 {
                    return Ok(false);
                }
            }
        }
    }

    /// Deals the pending events out to their shards.
    fn spread_out(&mut self) {
        let mut stations: Vec<_> = self.stations.iter().map(lock).collect();
        let starts = &self.plan.starts;
        self.pending.merged.queue.drain(|event| stations[shard_of(starts, event.target)].lane.queue.push(event));
        self.pending.spread = true;
    }

    /// Takes the pending events back. The next time it takes denser events to deal them out.
    fn gather(&mut self) {
        for station in self.stations {
            let mut station = lock(station);
            self.pending.merged.now = self.pending.merged.now.max(station.lane.now);
            station.lane.queue.drain(|event| self.pending.merged.queue.push(event));
        }
        self.pending.spread = false;
        self.pending.dense = self.pending.dense.saturating_mul(2);
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
            if self.pending.spread {
                stations[shard_of(&self.plan.starts, event.target)].lane.queue.push(event);
            } else {
                self.pending.merged.queue.push(event);
            }
        }
        outcome
    }

    fn progress(&self) -> Progress {
        let Lane { tally, queue, .. } = &self.pending.merged;
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
        Instant::from_nanos(times.fold(self.pending.merged.now, u64::max))
    }
}
