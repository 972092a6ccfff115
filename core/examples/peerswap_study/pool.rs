//! Runs in batches, a generator for each, so that what they add up to does not depend on the threads.

use std::sync::atomic::{AtomicU64, Ordering};

/// Calls `work` for every batch, and adds the counts up that it gives.
pub(crate) fn sum(threads: usize, batches: u64, cells: usize, work: impl Fn(u64, &mut [u32]) + Sync) -> Vec<u32> {
    let next = AtomicU64::new(0);
    let worker = || {
        let mut counts = vec![0; cells];
        loop {
            let batch = next.fetch_add(1, Ordering::Relaxed);
            if batch >= batches {
                return counts;
            }
            work(batch, &mut counts);
        }
    };
    let mut total = vec![0; cells];
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(worker)).collect();
        for worker in workers {
            let counts = worker.join().expect("no run panics");
            total.iter_mut().zip(&counts).for_each(|(total, count)| *total += count);
        }
    });
    total
}
