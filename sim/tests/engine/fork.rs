//! A run that is stopped, forked and continued is the run that was never stopped; a fork that is changed is the run that
//! was different from then on.

use rapprochement_core::time::Instant;
use rapprochement_sim::engine::fork::{Fork, Replay};
use rapprochement_sim::engine::{Checkpoint, Outcome, Plan, QueueKind, Run, Simulation};

use crate::toy::{self, Rules, Toy, Watch, mix};

/// Toy models of many shapes, but few entities: each is run some dozens of times.
fn rules(seed: u64) -> Rules {
    let rules = crate::rules(seed);
    Rules { entities: rules.entities.min(500), lives: rules.lives.min(15), ..rules }
}

/// Shards, threads, and whether every window is run by all threads.
const WAYS: [(u32, usize, bool); 5] = [(1, 1, false), (8, 1, false), (2, 2, true), (3, 3, true), (8, 8, false)];
const QUEUES: [QueueKind; 2] = [QueueKind::Calendar, QueueKind::Reference];

fn plan(rules: &Rules, (shards, threads, always_parallel): (u32, usize, bool), queue: QueueKind) -> Plan {
    Plan { always_parallel, ..toy::plan(rules, shards, threads, queue) }
}

fn begin(rules: &Rules, plan: &Plan) -> Simulation<Toy, Watch> {
    let watch = Watch { every: rules.lookahead * 2 + 1, turn: 0, seen: Vec::new() };
    Simulation::new(toy::shards(rules, &plan.starts), toy::initial(rules), watch, plan.clone())
}

/// Everything that a run leaves: its facts, and what its director saw.
fn left((run, watch): &(Run<Toy>, Watch)) -> impl PartialEq + use<> {
    (crate::facts(run), watch.seen.clone())
}

fn oracle(rules: &Rules) -> (Run<Toy>, Watch) {
    begin(rules, &plan(rules, WAYS[0], QueueKind::Reference)).finish()
}

/// Some instant of a run: anywhere in it or shortly behind it, or that of one of its events or global actions.
fn instant(rules: &Rules, run: &Run<Toy>, draw: u64) -> Instant {
    let anywhere = (u128::from(run.end.as_nanos()) * u128::from(draw % 1_050) / 1_000) as u64;
    let event = run.trace[(draw / 7) as usize % run.trace.len()].time;
    let every = rules.lookahead * 2 + 1;
    Instant::from_nanos([anywhere, event, anywhere / every * every, anywhere][(draw >> 60) as usize % 4])
}

#[test]
fn a_fork_ends_like_the_run_that_was_never_stopped() {
    let mut parallel = 0;
    for seed in 200..208 {
        let rules = rules(seed);
        let oracle = oracle(&rules);
        let expected = left(&oracle);
        for (turn, (way, queue)) in (0..).zip(WAYS.iter().flat_map(|way| QUEUES.map(|queue| (*way, queue)))) {
            let at = instant(&rules, &oracle.0, mix(seed, turn));
            let plan = plan(&rules, way, queue);
            let mut past = begin(&rules, &plan);
            past.run_to(at);
            let replay = Replay::new(at, || begin(&rules, &plan));
            let (cloned, replayed) = (past.fork(), replay.fork());
            for (fork, name) in [(cloned, "cloned"), (replayed, "replayed"), (past, "continued")] {
                let end = fork.finish();
                parallel += end.0.windows;
                assert!(left(&end) == expected, "{rules:?}, {way:?}, {queue:?}: {name} at {at:?}");
            }
        }
    }
    assert!(parallel > 500, "only {parallel} windows were run in parallel");
}

#[test]
fn a_run_in_many_pieces_is_the_run_in_one() {
    for seed in 220..224 {
        let rules = rules(seed);
        let oracle = oracle(&rules);
        let expected = left(&oracle);
        for way in WAYS {
            let mut pieces = begin(&rules, &plan(&rules, way, QueueKind::Calendar));
            for turn in 0..20 {
                // Not in order: an instant that has passed changes nothing.
                pieces.run_to(instant(&rules, &oracle.0, mix(seed, turn)));
                pieces = pieces.fork();
            }
            assert!(left(&pieces.finish()) == expected, "{rules:?}, {way:?}");
        }
    }
}

/// A fork in which one entity misbehaves from the fork on is the run in which it does so from then on; it shares the past
/// with the others and does not touch them, whichever runs first.
#[test]
fn a_changed_fork_has_the_same_past_and_another_future() {
    for seed in 240..244 {
        let rules = rules(seed);
        let oracle = oracle(&rules);
        let (run, good) = (&oracle.0, left(&oracle));
        let victim = run.trace[run.trace.len() / 2];
        let fault = Some((victim.target, victim.time));
        let faulty = Rules { fault, ..rules.clone() };
        let bad = left(&self::oracle(&faulty));
        for (way, queue) in WAYS.iter().flat_map(|way| QUEUES.map(|queue| (*way, queue))) {
            let plan = plan(&rules, way, queue);
            let mut past = begin(&rules, &plan);
            past.run_to(Instant::from_nanos(victim.time));
            let (mut before, mut changed, after) = (past.fork(), past.fork(), past.fork());
            changed.change(|shards, _| shards.iter_mut().for_each(|shard| shard.rules.fault = fault));
            before.run_to(Instant::from_nanos(victim.time + 3 * rules.lookahead));
            let twin = changed.fork();
            let (changed_run, _) = changed.finish();
            let parts = first_difference(run, &changed_run);
            assert!(parts.is_some_and(|slice| slice * plan.slice.as_nanos() + plan.slice.as_nanos() > victim.time));
            assert!(
                left(&twin.finish()) == bad,
                "{rules:?}, {way:?}, {queue:?}: the change is not what it was from the start"
            );
            for fork in [before, after, past] {
                assert!(left(&fork.finish()) == good, "{rules:?}, {way:?}, {queue:?}: a fork was touched by another");
            }
        }
    }
}

/// The first slice of virtual time in which two runs differ.
fn first_difference(a: &Run<Toy>, b: &Run<Toy>) -> Option<u64> {
    let differ = |(a, b): &(&Checkpoint, &Checkpoint)| a != b;
    a.checkpoints.iter().zip(&b.checkpoints).find(differ).map(|(a, b)| a.slice.min(b.slice))
}

#[test]
fn a_run_that_has_ended_stays_ended() {
    let rules = rules(3);
    let end = oracle(&rules).0.end;
    for way in WAYS {
        let deadline = Instant::from_nanos(end.as_nanos() / 2);
        let plan = Plan { deadline, ..plan(&rules, way, QueueKind::Calendar) };
        let mut simulation = begin(&rules, &plan);
        assert_eq!(simulation.run_to(deadline), None, "the pause comes before the deadline");
        assert_eq!(simulation.run_to(end), Some(&Outcome::DeadlineReached));
        let fork = simulation.fork();
        assert_eq!(simulation.run_to(Instant::MAX), Some(&Outcome::DeadlineReached));
        assert!(whole_open(simulation) == whole_open(fork));
    }
}

/// [`whole`] of a run that ends with messages under way.
fn whole_open(simulation: Simulation<Toy, Watch>) -> impl PartialEq + use<> {
    let (run, watch) = simulation.finish();
    (run.outcome.clone(), run.events, run.digest, run.end, toy::nodes(&run), watch.seen)
}

#[test]
fn a_fork_of_a_failed_run_has_failed() {
    let healthy = rules(4);
    let quarter = oracle(&healthy).0.end.as_nanos() / 4;
    let rules = Rules { panic_at: Some(2 * quarter), ..healthy };
    for way in WAYS {
        let mut past = begin(&rules, &plan(&rules, way, QueueKind::Calendar));
        past.run_to(Instant::from_nanos(quarter));
        let early = past.fork();
        past.run_to(Instant::from_nanos(3 * quarter));
        for failed in [past.fork(), early, past] {
            assert_eq!(failed.finish().0.outcome, Outcome::Failed("a handler panicked: the toy broke".into()));
        }
    }
}
