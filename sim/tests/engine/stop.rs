//! Runs that stand still in virtual time, and what ends them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rapprochement_core::time::{Duration, Instant};
use rapprochement_sim::engine::{
    self, Entity, Event, EventData, Handled, Outcome, Plan, QueueKind, Scheduler, Shard, Stop,
};

use crate::toy::Nobody;

#[derive(Clone, Copy)]
struct Tick;

impl EventData for Tick {
    fn fingerprint(self) -> u64 {
        0
    }

    fn slot(self) -> Option<u32> {
        None
    }

    fn with_slot(self, _: u32) -> Self {
        self
    }
}

/// One entity that sends itself an event at once, for each that it gets.
struct Still(u32);

impl Shard for Still {
    type Data = Tick;
    type Parcel = ();

    fn handle(&mut self, now: Instant, entity: Entity, tick: Tick, scheduler: &mut Scheduler<'_, Self>) -> Handled {
        scheduler.at(now, entity, tick);
        Handled::Counted
    }

    fn prefetch(&self, _: Entity, _: Tick) {}

    fn sequence(&mut self, _: Entity) -> &mut u32 {
        &mut self.0
    }

    fn accept(&mut self, (): (), _: u32) -> u32 {
        0
    }
}

#[test]
fn a_run_that_stands_still_ends_when_it_is_told_to() {
    for (shards, threads) in [(1, 1), (2, 1), (2, 2)] {
        let asked = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&asked);
        let enough = move || (count.fetch_add(1, Ordering::Relaxed) == 20).then(|| "enough".into());
        let plan = Plan {
            starts: (0..=shards).collect(),
            lookahead: Duration::from_millis(1),
            threads,
            always_parallel: true,
            queue: QueueKind::Calendar,
            seed: 1,
            deadline: Instant::MAX,
            slice: Duration::ZERO,
            trace: None,
            stop: Stop::when(enough),
        };
        let begins =
            (0..shards).map(|entity| Event { time: 5, source: entity, sequence: 0, target: entity, data: Tick });
        let still = (0..shards).map(|_| Still(1)).collect();
        let run = engine::run(still, begins, &mut Nobody, &plan);
        assert_eq!(run.outcome, Outcome::Failed("enough".into()), "{shards} shards, {threads} threads");
        assert!(asked.load(Ordering::Relaxed) > 20);
    }
}
