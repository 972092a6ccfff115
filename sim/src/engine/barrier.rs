//! A barrier that spins for a while and then sleeps. Windows are short, so a sleeping barrier alone would cost more than
//! the events; spinning alone stands still where threads outnumber processors.

use std::hint;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;

/// Turns of the spin loop before a thread sleeps: some tens of microseconds.
const SPINS: u32 = 1 << 10;

/// The barrier was given up: a thread failed, or the run is over.
#[derive(Debug)]
pub(super) struct GivenUp;

/// A meeting point of a fixed number of threads.
#[derive(Debug)]
pub(super) struct Barrier {
    threads: usize,
    spins: u32,
    arrived: AtomicUsize,
    generation: AtomicU32,
    given_up: AtomicBool,
    sleepers: AtomicUsize,
    lock: Mutex<()>,
    wake: Condvar,
}

impl Barrier {
    pub(super) fn new(threads: usize) -> Self {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        Self {
            threads,
            spins: if threads > processors { 0 } else { SPINS },
            arrived: AtomicUsize::new(0),
            generation: AtomicU32::new(0),
            given_up: AtomicBool::new(false),
            sleepers: AtomicUsize::new(0),
            lock: Mutex::new(()),
            wake: Condvar::new(),
        }
    }

    /// Waits until all threads are here. What each wrote before is visible to all behind it.
    ///
    /// # Errors
    /// The barrier was given up.
    pub(super) fn wait(&self) -> Result<(), GivenUp> {
        let generation = self.generation.load(Ordering::SeqCst);
        let passed = || self.generation.load(Ordering::SeqCst) != generation || self.given_up.load(Ordering::SeqCst);
        if self.arrived.fetch_add(1, Ordering::SeqCst) + 1 == self.threads {
            self.arrived.store(0, Ordering::SeqCst);
            self.generation.fetch_add(1, Ordering::SeqCst);
            self.wake_all();
        } else if !(0..self.spins).any(|_| {
            hint::spin_loop();
            passed()
        }) {
            // A thread that is about to sleep says so before it looks a last time, and one that opens the barrier does
            // so before it looks for sleepers; one of them sees the other.
            self.sleepers.fetch_add(1, Ordering::SeqCst);
            let mut guard = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
            while !passed() {
                guard = self.wake.wait(guard).unwrap_or_else(PoisonError::into_inner);
            }
            drop(guard);
            self.sleepers.fetch_sub(1, Ordering::SeqCst);
        }
        if self.given_up.load(Ordering::SeqCst) { Err(GivenUp) } else { Ok(()) }
    }

    /// Whether every thread is let go.
    pub(super) fn is_given_up(&self) -> bool {
        self.given_up.load(Ordering::SeqCst)
    }

    /// Lets every thread go, now and from now on.
    pub(super) fn give_up(&self) {
        self.given_up.store(true, Ordering::SeqCst);
        self.wake_all();
    }

    fn wake_all(&self) {
        if self.sleepers.load(Ordering::SeqCst) > 0 {
            drop(self.lock.lock().unwrap_or_else(PoisonError::into_inner));
            self.wake.notify_all();
        }
    }
}
