//! Conservative windows on several threads, in the manner of YAWNS (D. Nicol, "The cost of conservative synchronization
//! in parallel discrete event simulations", JACM 40(2), 1993). If the earliest pending event is at `t` and no event
//! crosses between shards in less than the lookahead `L`, then all shards can handle their events before `t + L` without
//! hearing of each other. They exchange mail, meet, and go on.
//!
//! One meeting a window is enough: mail and published minima are double-buffered, so that a thread that runs ahead into
//! the next window writes where nobody reads any more. Every thread computes the next window from the same published
//! numbers, so they agree on it, and on when to stop, without being told.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::barrier::{Barrier, GivenUp};
use super::lane::Lane;
use super::queue::EventQueue;
use super::scheduler::Outbox;
use super::stop::Stop;
use super::{Plan, Shard};

/// Consecutive thin windows that end a phase.
const THIN_STREAK: u32 = 64;
/// A window with fewer events per thread than this is thin: meeting costs more than the second thread saves.
const THIN: u64 = 64;

/// A shard and its lane.
#[derive(Clone, Debug)]
pub(super) struct Station<S: Shard> {
    pub(super) shard: S,
    pub(super) lane: Lane<S>,
}

/// What a thread tells the others at a meeting: nothing of its shards happens before `first`, counting what it sent, and
/// how many events it handled. A cache line each.
#[derive(Debug)]
#[repr(align(128))]
struct Notice {
    first: AtomicU64,
    handled: AtomicU64,
}

/// What one shard sends another in a window.
type Mailbox<S> = Mutex<Outbox<S>>;

/// The threads of one run and what they share.
#[derive(Debug)]
pub(super) struct Crew<'a, S: Shard> {
    stations: &'a [Mutex<Station<S>>],
    threads: usize,
    lookahead: u64,
    /// Consecutive thin windows that end a phase.
    patience: u32,
    barrier: Barrier,
    /// Both buffers of mail, from shard times shards plus to shard, and of notices, one per thread.
    mail: [Vec<Mailbox<S>>; 2],
    notices: [Vec<Notice>; 2],
    until: AtomicU64,
    windows: AtomicU64,
    failure: Mutex<Option<String>>,
    stop: Stop,
}

impl<'a, S: Shard> Crew<'a, S> {
    pub(super) fn new(stations: &'a [Mutex<Station<S>>], threads: usize, plan: &Plan) -> Self {
        let boxes = || (0..stations.len().pow(2)).map(|_| Mutex::new(Outbox::new())).collect();
        let notice = |_| Notice { first: AtomicU64::new(0), handled: AtomicU64::new(0) };
        let notices = || (0..threads).map(notice).collect();
        Self {
            stations,
            threads,
            lookahead: plan.lookahead.as_nanos(),
            patience: if plan.always_parallel { u32::MAX } else { THIN_STREAK },
            barrier: Barrier::new(threads),
            mail: [boxes(), boxes()],
            notices: [notices(), notices()],
            until: AtomicU64::new(0),
            windows: AtomicU64::new(0),
            failure: Mutex::new(None),
            stop: plan.stop.clone(),
        }
    }

    pub(super) const fn threads(&self) -> usize {
        self.threads
    }

    /// Windows so far.
    pub(super) fn windows(&self) -> u64 {
        self.windows.load(Ordering::Relaxed)
    }

    /// The whole life of a thread other than the leader.
    pub(super) fn help(&self, me: usize) {
        let life = || -> Result<(), GivenUp> {
            loop {
                self.barrier.wait()?;
                self.run_windows(me)?;
                self.barrier.wait()?;
            }
        };
        if let Err(panic) = catch_unwind(AssertUnwindSafe(life)) {
            self.fail(describe(panic.as_ref()));
        }
    }

    /// Sends the helpers home.
    pub(super) fn dismiss(&self) {
        self.barrier.give_up();
    }

    /// Runs all events before `until`, or fewer if they get thin. Called by the leader.
    ///
    /// # Errors
    /// A handler panicked or did what ends a run.
    pub(super) fn phase(&self, until: u64) -> Result<(), String> {
        self.until.store(until, Ordering::SeqCst);
        for (me, notice) in self.notices[0].iter().enumerate() {
            let first =
                self.stations.iter().skip(me).step_by(self.threads).map(|s| lock(s).lane.queue.lower_bound()).min();
            notice.first.store(first.unwrap_or(u64::MAX), Ordering::SeqCst);
            notice.handled.store(THIN, Ordering::SeqCst);
        }
        let life = || -> Result<(), GivenUp> {
            self.barrier.wait()?;
            self.run_windows(0)?;
            self.barrier.wait()
        };
        let end = catch_unwind(AssertUnwindSafe(life)).unwrap_or_else(|panic| {
            self.fail(describe(panic.as_ref()));
            Err(GivenUp)
        });
        for parity in [0, 1] {
            for to in 0..self.stations.len() {
                self.receive(&mut lock(&self.stations[to]), to, parity);
            }
        }
        end.map_err(|GivenUp| lock(&self.failure).take().unwrap_or_else(|| "a thread gave up".into()))
    }

    fn run_windows(&self, me: usize) -> Result<(), GivenUp> {
        let until = self.until.load(Ordering::SeqCst);
        let (mut parity, mut streak) = (0, 0);
        loop {
            let notices = &self.notices[parity];
            let first = notices.iter().map(|n| n.first.load(Ordering::SeqCst)).min().unwrap_or(u64::MAX);
            let handled: u64 = notices.iter().map(|n| n.handled.load(Ordering::SeqCst)).sum();
            streak = if handled < THIN * self.threads as u64 { streak + 1 } else { 0 };
            if first >= until || streak == self.patience {
                return Ok(());
            }
            let end = first.saturating_add(self.lookahead).min(until);
            let (mut first, mut handled) = (u64::MAX, 0);
            for index in (me..self.stations.len()).step_by(self.threads) {
                let (earliest, count) = self.run_station(index, end, parity)?;
                first = first.min(earliest);
                handled += count;
            }
            parity ^= 1;
            self.notices[parity][me].first.store(first, Ordering::SeqCst);
            self.notices[parity][me].handled.store(handled, Ordering::SeqCst);
            if me == 0 {
                self.windows.fetch_add(1, Ordering::Relaxed);
            }
            self.barrier.wait()?;
        }
    }

    /// One shard's part of a window: its mail in, its events, its mail out. Returns the time before which nothing of it
    /// happens, counting what it sent, and how many events it handled.
    fn run_station(&self, index: usize, end: u64, parity: usize) -> Result<(u64, u64), GivenUp> {
        let mut station = lock(&self.stations[index]);
        self.receive(&mut station, index, parity);
        let Station { shard, lane } = &mut *station;
        let mut handled = 0;
        loop {
            let more = lane.advance(&mut [&mut *shard], end, Stop::EVERY);
            handled += more;
            let asked = || if more == Stop::EVERY { self.stop.asked() } else { None };
            if let Some(failure) = lane.failure.take().or_else(asked) {
                self.fail(failure);
                return Err(GivenUp);
            }
            if more < Stop::EVERY {
                break;
            }
            // Whoever stopped the run waits for nobody, and this thread's window may have no end.
            if self.barrier.is_given_up() {
                return Err(GivenUp);
            }
        }
        for (to, outbox) in lane.out.iter_mut().enumerate().filter(|(_, outbox)| !outbox.is_empty()) {
            std::mem::swap(outbox, &mut *lock(&self.mail[parity ^ 1][index * self.stations.len() + to]));
        }
        let sent = std::mem::replace(&mut lane.out_first, u64::MAX);
        Ok((lane.queue.lower_bound().min(sent), handled))
    }

    fn receive(&self, station: &mut Station<S>, to: usize, parity: usize) {
        let boxes = self.mail[parity].iter().skip(to).step_by(self.stations.len());
        for mail in boxes {
            let mut mail = lock(mail);
            if !mail.is_empty() {
                station.lane.receive(&mut station.shard, &mut mail);
            }
        }
    }

    /// Ends the run with the first failure there is.
    fn fail(&self, failure: String) {
        lock(&self.failure).get_or_insert(failure);
        self.barrier.give_up();
    }
}

/// Locks; a lock that a panic left behind is taken all the same, since its run has failed and says so.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a panic said.
pub(super) fn describe(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("a handler panicked: {}", text.unwrap_or("no message"))
}
