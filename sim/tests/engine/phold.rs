//! The benchmark's model runs alike on every engine, and at the rate that renewal theory gives it.

use rapprochement_core::time::{Duration, Instant};
use rapprochement_sim::engine::{Outcome, Plan, QueueKind, Run, Stop, run};
use rapprochement_sim::model::phold::{LEAST_DELAY, Phold};
use rapprochement_sim::random::Streams;

use crate::toy::{Nobody, starts};

fn phold(entities: u32, shards: u32, threads: usize, queue: QueueKind, secs: u64) -> Run<Phold> {
    let streams = Streams::new(11);
    let plan = Plan {
        starts: starts(entities, shards),
        lookahead: LEAST_DELAY,
        threads,
        always_parallel: false,
        queue,
        seed: 11,
        deadline: Instant::ZERO + Duration::from_secs(secs),
        slice: Duration::from_secs(1),
        trace: None,
        stop: Stop::default(),
    };
    let shards = plan.starts.windows(2).map(|range| Phold::new(&streams, range[0], range[1], entities)).collect();
    run(shards, Phold::initial(&streams, entities), &mut Nobody, &plan)
}

#[test]
fn phold_is_the_same_on_every_engine() {
    for (entities, secs) in [(10, 1_000), (1_000, 100), (30_000, 3)] {
        let oracle = phold(entities, 1, 1, QueueKind::Reference, secs);
        for (shards, threads) in [(1, 1), (2, 1), (2, 2), (3, 3)] {
            let run = phold(entities, shards, threads, QueueKind::Calendar, secs);
            assert_eq!((run.digest, run.events, &run.checkpoints), (oracle.digest, oracle.events, &oracle.checkpoints));
            assert_eq!(run.windows > 0, entities == 30_000 && threads > 1, "{} windows", run.windows);
        }
    }
}

/// Every token is a renewal process: spans of 0.1 s plus an exponential 0.9 s have mean 1 and variance 0.81, so by time t
/// it has moved t + (0.81 - 1) / 2 times on average, with variance 0.81 t. Over 1,000 tokens and 100 s that is 99,905
/// events with a standard deviation of 285.
#[test]
fn phold_has_one_event_per_entity_and_second() {
    let run = phold(1_000, 1, 1, QueueKind::Calendar, 100);
    assert_eq!(run.outcome, Outcome::DeadlineReached);
    assert!(run.events.abs_diff(99_905) < 4 * 285, "{} events", run.events);
}
