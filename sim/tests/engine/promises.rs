//! The promises one by one, on models small enough to check by hand.

use rapprochement_core::time::{Duration, Instant};
use rapprochement_sim::engine::fork::{Fork, Replay};
use rapprochement_sim::engine::{
    Director, Entity, Event, EventData, Handled, Outcome, Plan, Progress, QueueKind, Run, Scheduler, Shard, Simulation,
    Stop, run,
};

use crate::toy::{self, Nobody, Rules, mix};

type Act = fn(u64, Entity, Word, &mut Scheduler<'_, Script>) -> Handled;

/// Logs what happens; what it does is the function it was given.
struct Script {
    first: Entity,
    sequences: Vec<u32>,
    log: Vec<(u64, Entity, Word)>,
    parcels: Vec<(u64, u32)>,
    act: Act,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Word {
    value: u32,
    slot: Option<u16>,
}

const fn word(value: u32) -> Word {
    Word { value, slot: None }
}

impl EventData for Word {
    fn fingerprint(self) -> u64 {
        u64::from(self.value)
    }
    fn slot(self) -> Option<u32> {
        self.slot.map(u32::from)
    }
    fn with_slot(self, slot: u32) -> Self {
        Self { slot: Some(slot as u16), ..self }
    }
}

impl Shard for Script {
    type Data = Word;
    type Parcel = u64;

    fn handle(&mut self, now: Instant, entity: Entity, data: Word, scheduler: &mut Scheduler<'_, Self>) -> Handled {
        self.log.push((now.as_nanos(), entity, data));
        (self.act)(now.as_nanos(), entity, data, scheduler)
    }
    fn prefetch(&self, _: Entity, _: Self::Data) {}
    fn sequence(&mut self, entity: Entity) -> &mut u32 {
        &mut self.sequences[(entity - self.first) as usize]
    }
    fn accept(&mut self, parcel: u64, references: u32) -> u32 {
        self.parcels.push((parcel, references));
        1_000 + self.parcels.len() as u32
    }
}

fn script(starts: &[Entity], act: Act) -> Vec<Script> {
    let shard = |range: &[Entity]| Script {
        first: range[0],
        sequences: vec![1_000; (range[1] - range[0]) as usize],
        log: Vec::new(),
        parcels: Vec::new(),
        act,
    };
    starts.windows(2).map(shard).collect()
}

fn plan(starts: &[Entity], queue: QueueKind) -> Plan {
    Plan {
        starts: starts.to_vec(),
        lookahead: Duration::from_nanos(10),
        threads: 1,
        always_parallel: false,
        queue,
        seed: 7,
        deadline: Instant::MAX,
        slice: Duration::from_nanos(100),
        trace: None,
        stop: Stop::default(),
    }
}

fn event(time: u64, source: Entity, sequence: u32, target: Entity) -> Event<Word> {
    Event { time, source, sequence, target, data: word(sequence) }
}

const BOTH: [QueueKind; 2] = [QueueKind::Calendar, QueueKind::Reference];

/// Two sources race to one target at 4,000 instants: each wins about half of them, and the sequence numbers of either
/// stay in order. A fair coin leaves 2,000 +- 104 in 99.9 % of cases.
#[test]
fn ties_favour_nobody_and_keep_the_order_of_each_source() {
    for queue in BOTH {
        let initial = (0..4_000u32).flat_map(|round| {
            let time = 1_000 + u64::from(round) * 977;
            [event(time, 2, 2 * round + 1, 0), event(time, 1, 2 * round, 0), event(time, 1, 2 * round + 1, 0)]
        });
        let run = run(script(&[0, 3], |_, _, _, _| Handled::Counted), initial, &mut Nobody, &plan(&[0, 3], queue));
        let log = &run.shards[0].log;
        assert_eq!(log.len(), 12_000);
        let firsts = log.chunks(3).filter(|instant| instant[0].2.value % 2 == 0).count();
        assert!((1_896..=2_104).contains(&firsts), "source 1 won {firsts} of 4000");
        for instant in log.chunks(3) {
            let even = instant.iter().position(|entry| entry.2.value % 2 == 0).unwrap();
            assert!(even < 2, "source 1's second event came before its first");
        }
    }
}

/// Which of two sources goes first is drawn anew for every seed.
#[test]
fn ties_depend_on_the_seed() {
    let winner = |seed| {
        let initial = [event(5, 1, 1, 0), event(5, 2, 2, 0)];
        let plan = Plan { seed, ..plan(&[0, 3], QueueKind::Calendar) };
        run(script(&[0, 3], |_, _, _, _| Handled::Counted), initial, &mut Nobody, &plan).shards[0].log[0].2.value
    };
    let ones = (0..200).filter(|seed| winner(*seed) == 1).count();
    assert!((54..=146).contains(&ones), "source 1 won under {ones} of 200 seeds");
}

#[test]
fn an_event_without_delay_runs_at_its_own_instant() {
    for queue in BOTH {
        let act: Act = |now, entity, data, scheduler| {
            if data.value < 5 {
                scheduler.at(Instant::from_nanos(now), entity, word(data.value + 1));
            }
            Handled::Counted
        };
        let initial = [event(50, 0, 0, 0), event(51, 1, 9, 1)];
        let run = run(script(&[0, 2], act), initial, &mut Nobody, &plan(&[0, 2], queue));
        let times: Vec<_> = run.shards[0].log.iter().map(|entry| (entry.0, entry.2.value)).collect();
        assert_eq!(times, [(50, 0), (50, 1), (50, 2), (50, 3), (50, 4), (50, 5), (51, 9)]);
        assert_eq!((run.outcome, run.end), (Outcome::Drained, Instant::from_nanos(51)));
    }
}

/// Two broadcasts, interleaved: each payload crosses once to each of the two other shards, with all its references.
#[test]
fn a_broadcast_crosses_once_per_shard() {
    let act: Act = |now, _, data, scheduler| {
        if data.value == 0 {
            let (a, b) = (scheduler.token(), scheduler.token());
            for target in [2, 3, 4, 5] {
                let time = Instant::from_nanos(now + 10 + u64::from(target));
                scheduler.post(time, target, word(1), b, || 222);
                scheduler.post(time, target, word(2), a, || 111);
            }
            scheduler.post(Instant::from_nanos(now + 40), 2, word(3), a, || 111);
        }
        Handled::Counted
    };
    let starts = [0, 2, 4, 6];
    for threads in [1, 3] {
        let plan = Plan { threads, ..plan(&starts, QueueKind::Calendar) };
        let run = run(script(&starts, act), [event(5, 0, 0, 0)], &mut Nobody, &plan);
        assert!(run.shards[0].parcels.is_empty());
        assert_eq!(run.shards[1].parcels, [(222, 2), (111, 3)]);
        assert_eq!(run.shards[2].parcels, [(222, 2), (111, 2)]);
        for entry in run.shards[1..].iter().flat_map(|shard| &shard.log) {
            assert_eq!(entry.2.slot, Some(if entry.2.value == 1 { 1_001 } else { 1_002 }));
        }
    }
}

#[test]
fn stale_events_stay_outside_the_digest_and_the_count() {
    let act: Act = |_, _, data, _| if data.value > 100 { Handled::Stale } else { Handled::Counted };
    let play = |initial: &[Event<Word>]| {
        run(script(&[0, 2], act), initial.to_vec(), &mut Nobody, &plan(&[0, 2], QueueKind::Calendar))
    };
    let with = play(&[event(1, 0, 1, 0), event(2, 0, 101, 1), event(3, 0, 2, 1)]);
    let without = play(&[event(1, 0, 1, 0), event(3, 0, 2, 1)]);
    assert_eq!((with.events, with.stale, without.stale), (2, 1, 0));
    assert_eq!((with.digest, with.checkpoints), (without.digest, without.checkpoints));
}

/// Every field of an event is in the digest.
#[test]
fn any_change_of_an_event_changes_the_digest() {
    let digest = |event: Event<Word>| {
        run(script(&[0, 9], |_, _, _, _| Handled::Counted), [event], &mut Nobody, &plan(&[0, 9], QueueKind::Calendar))
            .digest
    };
    let base = Event { time: 5, source: 1, sequence: 2, target: 3, data: word(4) };
    let variants = [
        base,
        Event { time: 6, ..base },
        Event { source: 2, ..base },
        Event { sequence: 3, ..base },
        Event { target: 4, ..base },
        Event { data: word(5), ..base },
    ]
    .map(digest);
    for (i, digest) in variants.iter().enumerate() {
        assert!(!variants[i + 1..].contains(digest));
    }
}

/// Acts at the given times, logs what the shards had seen by then, and stops as told.
struct Clock {
    times: Vec<u64>,
    seen: Vec<(u64, usize)>,
    end: Option<(u64, Outcome)>,
    inject: Option<Event<Word>>,
}

impl Director<Script> for Clock {
    fn next(&self) -> Option<Instant> {
        self.times.get(self.seen.len()).copied().map(Instant::from_nanos)
    }
    fn act(&mut self, now: Instant, shards: &mut [&mut Script], _: &Progress) -> Option<Outcome> {
        self.seen.push((now.as_nanos(), shards.iter().map(|shard| shard.log.len()).sum()));
        self.end.clone().filter(|(time, _)| *time == now.as_nanos()).map(|(_, outcome)| outcome)
    }
    fn inject(&mut self, events: &mut Vec<Event<Word>>) {
        events.extend(self.inject.take());
    }
}

fn clock(times: &[u64]) -> Clock {
    Clock { times: times.to_vec(), seen: Vec::new(), end: None, inject: None }
}

fn clocked(clock: &mut Clock, deadline: u64, threads: usize) -> Run<Script> {
    let starts = [0, 2, 4];
    let plan = Plan { deadline: Instant::from_nanos(deadline), threads, ..plan(&starts, QueueKind::Calendar) };
    let initial = [event(10, 0, 1, 0), event(20, 1, 2, 3), event(30, 0, 3, 1)];
    run(script(&starts, |_, _, _, _| Handled::Counted), initial, clock, &plan)
}

#[test]
fn global_actions_run_before_the_events_of_their_time() {
    for threads in [1, 2] {
        let mut clock = clock(&[10, 15, 20, 21, 30, 31]);
        let run = clocked(&mut clock, 1_000, threads);
        assert_eq!(clock.seen, [(10, 0), (15, 1), (20, 1), (21, 2), (30, 2), (31, 3)]);
        assert_eq!((run.outcome, run.end), (Outcome::Drained, Instant::from_nanos(30)));
    }
}

#[test]
fn a_run_covers_what_lies_before_its_deadline_and_actions_up_to_it() {
    let mut clock = clock(&[30, 31]);
    let run = clocked(&mut clock, 30, 1);
    assert_eq!((run.events, clock.seen), (2, vec![(30, 2)]));
    assert_eq!((run.outcome, run.end), (Outcome::DeadlineReached, Instant::from_nanos(30)));
}

#[test]
fn a_directors_outcome_ends_the_run_at_once() {
    for outcome in [Outcome::ConditionMet, Outcome::EventLimit] {
        let mut clock = Clock { end: Some((20, outcome.clone())), ..clock(&[10, 20, 30]) };
        let run = clocked(&mut clock, 1_000, 2);
        assert_eq!((run.outcome, run.end, run.events), (outcome, Instant::from_nanos(20), 1));
    }
}

/// Shards and directors without `Clone`: the past is played again for every fork. One future gets an event that the other
/// does not.
#[test]
fn a_past_that_cannot_be_cloned_is_replayed() {
    let starts = [0, 2, 4];
    let initial = [event(10, 0, 1, 0), event(20, 1, 2, 3), event(30, 0, 3, 1)];
    for threads in [1, 2] {
        let plan = Plan { threads, ..plan(&starts, QueueKind::Calendar) };
        let begin =
            || Simulation::new(script(&starts, |_, _, _, _| Handled::Counted), initial, clock(&[15, 25]), plan.clone());
        let past = Replay::new(Instant::from_nanos(20), begin);
        let (mut changed, plain) = (past.fork(), past.fork());
        changed.change(|shards, clock| {
            assert_eq!((shards[0].log.len(), shards[1].log.len()), (1, 0), "what lies before 20 ns, and no more");
            clock.inject = Some(event(3, 1_000, 9, 2));
        });
        let ((changed, _), (plain, clock)) = (changed.finish(), plain.finish());
        assert_eq!(changed.shards[1].log, [(20, 3, word(2)), (25, 2, word(9))]);
        assert_eq!(plain.shards[1].log, [(20, 3, word(2))]);
        assert_eq!((plain.end, clock.seen), (Instant::from_nanos(30), vec![(15, 1), (25, 2)]));
        let whole = begin().finish().0;
        assert_eq!((plain.digest, plain.checkpoints), (whole.digest, whole.checkpoints));
    }
}

#[test]
fn a_director_can_add_events() {
    let mut clock = Clock { inject: Some(event(3, 1_000, 9, 2)), ..clock(&[25]) };
    let run = clocked(&mut clock, 1_000, 2);
    assert_eq!(run.shards[1].log, [(20, 3, word(2)), (25, 2, word(9))], "a time that has passed becomes now");
}

#[test]
fn an_entity_that_runs_out_of_numbers_fails_the_run() {
    let act: Act = |now, entity, data, scheduler| {
        scheduler.at(Instant::from_nanos(now + 1), entity, data);
        Handled::Counted
    };
    let mut shards = script(&[0, 2], act);
    shards[0].sequences[1] = u32::MAX - 5;
    let plan = Plan { deadline: Instant::from_nanos(100_000), ..plan(&[0, 2], QueueKind::Calendar) };
    let run = run(shards, [event(0, 1, 0, 1)], &mut Nobody, &plan);
    assert!(
        matches!(&run.outcome, Outcome::Failed(why) if why.contains("entity 1 sent more than")),
        "{:?}",
        run.outcome
    );
}

#[test]
fn mail_that_comes_closer_than_the_lookahead_fails_the_run() {
    for threads in [1, 2] {
        let act: Act = |now, entity, data, scheduler| {
            scheduler.at(Instant::from_nanos(now + 9), 3 - entity, data);
            Handled::Counted
        };
        let plan = Plan { threads, deadline: Instant::from_nanos(100_000), ..plan(&[0, 2, 4], QueueKind::Calendar) };
        let run = run(script(&[0, 2, 4], act), [event(0, 1, 0, 1)], &mut Nobody, &plan);
        assert!(matches!(&run.outcome, Outcome::Failed(why) if why.contains("lookahead")), "{:?}", run.outcome);
    }
}

fn busy() -> Rules {
    Rules {
        entities: 3_000,
        lookahead: 1_000,
        quantum: 1,
        spread: 3_000,
        lives: 25,
        seed: 4,
        fault: None,
        panic_at: None,
    }
}

/// A handler that panics, on one thread or in the middle of parallel windows, ends the run with what it said.
#[test]
fn a_panic_in_a_handler_fails_the_run_instead_of_hanging_it() {
    for (shards, threads) in [(1, 1), (2, 2), (3, 2), (3, 3)] {
        let rules = Rules { panic_at: Some(20_000), ..busy() };
        let run = toy::play(&rules, &toy::plan(&rules, shards, threads, QueueKind::Calendar), &mut Nobody);
        assert_eq!(run.outcome, Outcome::Failed("a handler panicked: the toy broke".into()));
        assert_eq!(run.windows > 0, threads > 1, "{} windows on {threads} threads", run.windows);
    }
}

/// Two runs that differ in one draw of one entity: the first checkpoint that differs and the trace of its slice lead to
/// exactly that entity and instant.
#[test]
fn checkpoints_and_trace_lead_to_the_first_difference() {
    let rules = Rules { entities: 300, ..busy() };
    let play = |fault, trace: Option<(u64, u64)>, shards, threads| {
        let rules = Rules { fault, ..rules.clone() };
        let plan = toy::plan(&rules, shards, threads, QueueKind::Calendar);
        let range = trace.map(|(from, to)| Instant::from_nanos(from)..Instant::from_nanos(to));
        toy::play(&rules, &Plan { trace: range, ..plan }, &mut Nobody)
    };
    let whole = play(None, Some((0, u64::MAX)), 1, 1);
    let victim = whole.trace.iter().filter(|line| !line.record).nth(1_500).unwrap();
    let fault = Some((victim.target, victim.time));

    let (good, bad) = (play(None, None, 1, 1), play(fault, None, 2, 2));
    let slice = good.checkpoints.iter().zip(&bad.checkpoints).find(|(good, bad)| good != bad).unwrap().0.slice;
    let width = rules.lookahead * 7 + 1;
    assert_eq!(slice, victim.time / width);
    let range = Some((slice * width, (slice + 1) * width));
    let (good, bad) = (play(None, range, 3, 3), play(fault, range, 1, 1));
    let first = good.trace.iter().zip(&bad.trace).find(|(good, bad)| good != bad).unwrap().0;
    assert_eq!((first.time, first.target, first.record), (victim.time, victim.target, true));
    let good_slice: Vec<_> = whole.trace.iter().filter(|line| line.time / width == slice).copied().collect();
    assert_eq!(good.trace, good_slice, "the trace of a slice is that part of the trace of the run");
}

/// The pending set wanders through every part of the calendar: ring, far heap, late heap, and all its widths.
#[test]
fn the_calendar_keeps_order_under_any_mix_of_delays() {
    let act: Act = |now, entity, data, scheduler| {
        let draw = mix(now ^ u64::from(entity) << 40, u64::from(data.value));
        let delay = (draw >> 8) % (1 << (draw % 38));
        if now < 1 << 41 {
            scheduler.at(Instant::from_nanos(now + delay), (draw >> 50) as u32 % 500, word(draw as u32));
        }
        Handled::Counted
    };
    let initial = || (0..500).map(|i| event(u64::from(i % 7), i, i, i));
    let [a, b] = BOTH.map(|queue| run(script(&[0, 500], act), initial(), &mut Nobody, &plan(&[0, 500], queue)));
    assert!(a.events > 100_000, "{} events", a.events);
    assert!(a.shards[0].log == b.shards[0].log);
    assert!(a.shards[0].log.is_sorted_by_key(|entry| entry.0));
}
