//! Many random sessions of every method, each held to a plain map of what both stores must hold: stores of 1 to 100,000
//! tuples, differences of honest and of hostile authors, either side opening, salted or not, with little room in the
//! first message or much. A session that leaves the stores different is followed by salted ones, as a peer would open.
//!
//! `cargo run --release -p rapprochement-core --example many_sessions -- [--sessions N] [--first F] [--seed S] [--threads T]`
//!
//! Sessions come in batches of 100, a generator for each, so that the table does not depend on the threads, and the columns of
//! two runs add up to those of one, where the second begins with session F at which the first ended. Exits with 1 where a method that repairs went wrong. The classic form has rows of its own: it is known to miss what hostile
//! authors do, and the table says how often.

mod world;

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};

use rand_chacha::rand_core::Rng;
use rapprochement_core::random::below;
use rapprochement_core::reconcile::session::pair::{self, Transcript};
use rapprochement_core::reconcile::session::{Meeting, MethodKind, Verdict};

use world::{NoKeys, World, generator};

/// Sessions of one generator.
const BATCH: u64 = 100;
/// The most sessions that may follow one that left the stores different.
const FOLLOWING_MAX: usize = 3;
const METHODS: usize = MethodKind::ALL.len();

fn main() -> ExitCode {
    let Some([sessions, begin, seed, threads]) = arguments() else {
        eprintln!("usage: many_sessions [--sessions N] [--first F] [--seed S] [--threads T]");
        return ExitCode::from(2);
    };
    let next = AtomicU64::new(begin);
    let end = begin.saturating_add(sessions);
    let work = || {
        let mut tally = [Tally::default(); METHODS];
        loop {
            let first = next.fetch_add(BATCH, Ordering::Relaxed);
            if first >= end {
                return tally;
            }
            run_batch(seed, first, end.min(first + BATCH), &mut tally);
        }
    };
    let mut total = [Tally::default(); METHODS];
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            let tallies = worker.join().expect("no session panics");
            total.iter_mut().zip(&tallies).for_each(|(total, tally)| total.add(tally));
        }
    });
    print(&total);
    let went_wrong = |(kind, tally): (&MethodKind, &Tally)| kind.repairs() && tally.wrong + tally.claimed > 0;
    ExitCode::from(u8::from(MethodKind::ALL.iter().zip(&total).any(went_wrong)))
}

/// How many sessions, the first, seed and threads.
fn arguments() -> Option<[u64; 4]> {
    let mut values = [10_000u64, 0, 1, 1];
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let place = ["--sessions", "--first", "--seed", "--threads"].iter().position(|known| *known == name)?;
        values[place] = arguments.next()?.parse().ok()?;
    }
    // A batch is begun at its beginning.
    Some(values).filter(|[_, first, ..]| first.is_multiple_of(BATCH))
}

/// What became of a method's sessions.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    sessions: u64,
    hostile: u64,
    /// How many were equal after one session, after two, and after more.
    after: [u64; 3],
    /// Half round trips until they were.
    flights: u64,
    /// Somebody took the stores for equal, and they were not.
    claimed: u64,
    /// The stores never became what they must be; of these, with honest authors alone.
    wrong: u64,
    honest_wrong: u64,
}

impl Tally {
    fn add(&mut self, other: &Self) {
        self.sessions += other.sessions;
        self.hostile += other.hostile;
        self.after.iter_mut().zip(other.after).for_each(|(sum, more)| *sum += more);
        self.flights += other.flights;
        self.claimed += other.claimed;
        self.wrong += other.wrong;
        self.honest_wrong += other.honest_wrong;
    }
}

/// The sessions of these numbers, in as many worlds as they take.
fn run_batch(seed: u64, first: u64, end: u64, tallies: &mut [Tally; METHODS]) {
    let mut world = World::new(generator(seed, first / BATCH));
    for number in first..end {
        if world.is_outgrown() {
            world = world.renewed();
        }
        let kind = turn(number, world.size());
        reconcile(kind, &mut world, &mut tallies[kind as usize]);
        world.settle();
    }
}

/// What came later has the turns behind these by itself: full push, which moves whole stores, and long ids.
const TURNS: u64 = 1_000_000;

/// Whose turn it is. Methods whose work grows fastest with the store have every fourth turn of the others, and sketches
/// leave theirs to the keyed code where there are more than 10,000 tuples.
fn turn(number: u64, tuples: usize) -> MethodKind {
    use MethodKind::*;
    const OFTEN: [MethodKind; 7] = [Summary, Riblt, KeyedRiblt, VersionedRiblt, TwoLevel, Auto, Versions];
    const LATER: [MethodKind; 3] = [FullPush, KeyedRibltLong, VersionedRibltLong];
    const SELDOM: [MethodKind; METHODS - OFTEN.len() - LATER.len()] =
        [PinSketch, PinSketchBisect, Iblt, Range, SearchTree];
    if number >= TURNS {
        return LATER[number as usize % LATER.len()];
    }
    let turn = number as usize % (4 * OFTEN.len() + SELDOM.len());
    match SELDOM.get(turn.wrapping_sub(4 * OFTEN.len())) {
        Some(PinSketch | PinSketchBisect) if tuples > 10_000 => KeyedRiblt,
        Some(kind) => *kind,
        None => OFTEN[turn % OFTEN.len()],
    }
}

/// How many differences a method gets at most: what it takes, and no more than a million sessions have time for.
fn bound(kind: MethodKind, tuples: usize) -> usize {
    match kind {
        // A thousand states, with up to six for a difference; time grows with their number times the store's.
        MethodKind::PinSketch | MethodKind::PinSketchBisect => (300_000 / (tuples + 1)).clamp(3, 160),
        _ => (1_000_000 / (tuples + 1)).clamp(100, 1000),
    }
    .min(2 * tuples)
}

/// Differences, a session, and those that follow it where they have to.
fn reconcile(kind: MethodKind, world: &mut World, tally: &mut Tally) {
    let hostile = below(&mut world.rng, 8) == 0;
    world.differ(bound(kind, world.size()), hostile);
    let mut salted = below(&mut world.rng, 32) == 0;
    let (mut flights, mut right) = (0, false);
    let following = if kind.repairs() { FOLLOWING_MAX } else { 1 };
    for after in 0..=following {
        let transcript = session(kind, salted, world);
        flights += u64::from(transcript.flights);
        right = world.is_joined();
        let claims = transcript.verdicts.contains(&Verdict::Equal);
        tally.claimed += u64::from(claims && !right && !world.is_equal());
        if right {
            tally.after[after.min(2)] += 1;
            tally.flights += flights;
            break;
        }
        // The classic form has no other session than the same again.
        salted = kind.repairs();
    }
    tally.sessions += 1;
    tally.hostile += u64::from(hostile);
    tally.wrong += u64::from(!right);
    tally.honest_wrong += u64::from(!right && !hostile);
}

/// One session, opened by either side, after which each side remembers, or does not.
fn session(kind: MethodKind, salted: bool, world: &mut World) -> Transcript {
    let nonces = [world.rng.next_u64(), world.rng.next_u64()];
    let room = [0, 200, 1200, 20_000][below(&mut world.rng, 4) as usize];
    let swapped = below(&mut world.rng, 2) == 1;
    let [a, b] = &mut world.sides;
    let sides = if swapped { [b, a] } else { [a, b] };
    let transcript = pair::run(kind, salted, nonces, room, sides, &NoKeys);
    let verdicts = transcript.verdicts.into_iter();
    for (end, verdict) in verdicts.enumerate() {
        let side = &mut world.sides[end ^ usize::from(swapped)];
        let met = Meeting::now(side.store(), side.index()).filter(|_| verdict == Verdict::Equal);
        match below(&mut world.rng, 8) {
            0 => side.remember(None),
            1 => {}
            _ => met.into_iter().for_each(|met| side.remember(Some(met))),
        }
    }
    transcript
}

fn print(tallies: &[Tally; METHODS]) {
    let header = ["method", "sessions", "hostile", "after 1", "after 2", "after more", "flights", "claimed", "wrong"];
    println!("| {} | honest wrong |", header.join(" | "));
    println!("|---|{}", "--:|".repeat(header.len()));
    let mut all = Tally::default();
    for (kind, tally) in MethodKind::ALL.iter().zip(tallies).filter(|(kind, _)| kind.repairs()) {
        row(kind.name(), tally);
        all.add(tally);
    }
    row("all of these", &all);
    for (kind, tally) in MethodKind::ALL.iter().zip(tallies).filter(|(kind, _)| !kind.repairs()) {
        row(&format!("{} (classic)", kind.name()), tally);
    }
}

fn row(name: &str, tally: &Tally) {
    let equal: u64 = tally.after.iter().sum();
    let flights = tally.flights as f64 / equal.max(1) as f64;
    let Tally { sessions, hostile, after: [one, two, more], claimed, wrong, honest_wrong, .. } = tally;
    println!(
        "| {name} | {sessions} | {hostile} | {one} | {two} | {more} | {flights:.2} | {claimed} | {wrong} | {honest_wrong} |"
    );
}
