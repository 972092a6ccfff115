//! The engine against its oracle, and each of its promises.

mod fork;
mod phold;
mod promises;
mod stop;
mod toy;

use rapprochement_sim::engine::{Outcome, QueueKind, Run};
use toy::{Nobody, Rules, Toy, Watch, mix, nodes, plan, play};

/// Toy models of many shapes: few and many entities, coarse and fine time, wide and narrow lookahead.
fn rules(seed: u64) -> Rules {
    let pick = |what: u64, choices: &[u64]| choices[(mix(seed, what) % choices.len() as u64) as usize];
    let lookahead = pick(1, &[1, 50, 1_000, 740_000, 50_000_000]);
    Rules {
        entities: pick(2, &[9, 100, 700, 3_000]) as u32,
        lookahead,
        quantum: pick(3, &[1, 1, lookahead, lookahead.div_ceil(3)]),
        spread: lookahead * pick(4, &[0, 1, 3, 20]),
        lives: pick(5, &[8, 15, 25]) as u8,
        seed,
        fault: None,
        panic_at: None,
    }
}

fn facts(run: &Run<Toy>) -> impl PartialEq + std::fmt::Debug + use<> {
    assert!(run.shards.iter().all(|shard| shard.payloads_left() == 0), "a payload leaked");
    let course = (run.outcome.clone(), run.events, run.stale, run.end);
    (course, run.digest, run.checkpoints.clone(), run.trace.clone(), nodes(run))
}

#[test]
fn any_queue_and_any_number_of_shards_and_threads_gives_the_same_run() {
    let mut parallel = 0;
    for seed in 0..20 {
        let rules = rules(seed);
        let oracle = play(&rules, &plan(&rules, 1, 1, QueueKind::Reference), &mut Nobody);
        assert_eq!(oracle.outcome, Outcome::Drained);
        let expected = facts(&oracle);
        for (shards, threads) in [(1, 1), (2, 1), (2, 2), (3, 3), (8, 8), (8, 3)] {
            let run = play(&rules, &plan(&rules, shards, threads, QueueKind::Calendar), &mut Nobody);
            assert_eq!(facts(&run), expected, "{rules:?} with {shards} shards and {threads} threads");
            parallel += run.windows;
        }
        let run = play(&rules, &plan(&rules, 4, 2, QueueKind::Reference), &mut Nobody);
        assert_eq!(facts(&run), expected, "{rules:?} on the reference queue");
    }
    assert!(parallel > 500, "only {parallel} windows were run in parallel");
}

#[test]
fn global_actions_see_the_same_state_however_the_run_is_cut() {
    for seed in 100..108 {
        let rules = rules(seed);
        let watch = |shards, threads, queue| {
            let mut watch = Watch { every: rules.lookahead * 2 + 1, turn: 0, seen: Vec::new() };
            let run = play(&rules, &plan(&rules, shards, threads, queue), &mut watch);
            (run.digest, watch.seen)
        };
        let expected = watch(1, 1, QueueKind::Reference);
        for (shards, threads) in [(1, 1), (2, 2), (5, 3)] {
            assert!(watch(shards, threads, QueueKind::Calendar) == expected, "{rules:?}, {shards}/{threads}");
        }
    }
}
