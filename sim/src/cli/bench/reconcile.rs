//! `rapsim bench reconcile`: what reconciling two stores takes by one method, in cells, bytes, rounds and time.

use std::time::{Duration, Instant};

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use rapprochement_core::reconcile::coding::{iblt, pinsketch};
use rapprochement_core::reconcile::session::pair::{self, Transcript, Watch};
use rapprochement_core::reconcile::session::work::Work;
use rapprochement_core::reconcile::session::{self, MethodKind, SessionError, Verdict, WORDS_LEN_MAX};
use rapprochement_core::store::{AUTHOR_TUPLES_MAX, AUTHORS_MAX, TupleError, VALUE_LEN_MAX};

use super::overhead::cells_needed;
use super::report::{Report, Tally};
use super::trial::{NoKeys, Trial, Trials};
use crate::cli::{Exit, Format, complain, print};
use crate::model::preload::Size;

/// The most items, and the most bytes of all values together: what a machine can be expected to hold.
const ITEMS_MAX: i64 = 1 << 24;
const VALUES_LEN_MAX: u64 = 8 << 30;

const ABOUT: &str = "\
Measure the reconciliation of two stores in one place, by one method

Both stores hold --items keys of --authors authors between them, of which --differences differ: a share of \
--updates of them (rounded to whole keys) are on both sides in different versions, the newer one on a drawn side; the \
others are on one side only, a drawn one. Each trial draws them anew, under another salt and other nonces. Numbers are \
the same on every machine, but for encode_us and decode_us.

What is printed, as means over the trials that did not fail, null where there is no such number:

  overhead_mean, overhead_sd   what the method needs in its own units per changed key. riblt, keyed-riblt, \
versioned-riblt, and the latter two with long ids: cells of the code itself, taken one by one until the decoder is complete, not those of the session, \
whose credit comes in windows; they depend on the differences only, so few --items do. pinsketch, pinsketch-bisect: \
syndromes that the session sent, those for verification included. iblt: cells of the tables that the session sent, \
without the strata. Other methods have no such unit
  bytes_mean                   all bytes of both directions to the end of the session, closing checks included
  search_bytes_mean            those of the opening and of the method's words: finding out what differs
  tuple_bytes_mean             those of tuples
  rounds_mean                  flights of messages / 2
  messages_mean                messages of both directions
  encode_us, decode_us         time that the opener and the answerer spent on their messages, by a monotonic clock, \
adopting tuples included; checking signatures costs nothing here, and no prefix of cells is kept from one session to \
the next
  encode_charged_us, decode_charged_us   what a simulation charges them for the same (node.compute = 1), from counted steps; the \
same on every machine
  repeated                     trials that took a second session, which is part of their figures: methods that compare \
authors by their newest versions notice an older one that is missing only once those agree
  wrong                        trials whose stores are not the join of both, whose closing check failed, whose session \
did not end, or whose code found something else
  failed                       trials that the method gave up: more differs than it takes, or its cap on cells or messages was reached

The common part of the stores is made once; each trial copies it and indexes it under its salt, which takes some \
microseconds per item and trial. A million items take seconds a trial.";

/// Two stores to reconcile, and how.
#[derive(Args, Clone, Debug)]
#[command(allow_negative_numbers = true, about = "Two stores that differ, reconciled by one method: cells, bytes, rounds, time", long_about = ABOUT)]
pub(super) struct ReconcileArgs {
    /// The method.
    #[arg(long, value_parser = method())]
    algorithm: MethodKind,
    /// Keys of both stores together.
    #[arg(long, value_parser = clap::value_parser!(u32).range(..=ITEMS_MAX))]
    items: u32,
    /// How many of them differ, at most as many as there are.
    #[arg(long)]
    differences: u32,
    /// The share of these that both sides have in different versions, 0 to 1.
    #[arg(long, value_name = "SHARE", value_parser = share)]
    updates: f64,
    /// How many pairs of stores to reconcile.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    trials: u32,
    /// The seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Ids under the session's own nonce instead of a salt that both sides had before: both index their stores anew.
    #[arg(long)]
    salted: bool,
    /// Bytes of the method's words in the first message, where the method has a choice.
    #[arg(long, value_name = "BYTES", default_value_t = 1200, value_parser = clap::value_parser!(u32).range(..=WORDS_LEN_MAX as i64))]
    room: u32,
    /// Authors of the items.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=AUTHORS_MAX as i64))]
    authors: u32,
    /// Bytes of every value.
    #[arg(long, value_name = "BYTES", default_value_t = 32, value_parser = clap::value_parser!(u32).range(..=VALUE_LEN_MAX as i64))]
    value_bytes: u32,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Reads a method by its name; what is no name is answered with all of them.
fn method() -> impl TypedValueParser<Value = MethodKind> {
    let names = PossibleValuesParser::new(MethodKind::ALL.iter().map(|kind| kind.name()));
    names.try_map(|name| MethodKind::ALL.iter().copied().find(|kind| kind.name() == name).ok_or("no such method"))
}

fn share(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err("a share is a number from 0 to 1".into()),
    }
}

/// Reconciles and prints what it took.
pub(super) fn main(args: &ReconcileArgs) -> Exit {
    let size = match args.size() {
        Ok(size) => size,
        Err(why) => {
            complain(why);
            return Exit::Usage;
        }
    };
    match measure(args, size).map_err(|error| error.to_string()).and_then(|report| report.text(args.format)) {
        Ok(text) => print(text),
        Err(why) => {
            complain(why);
            Exit::Failure
        }
    }
}

impl ReconcileArgs {
    /// How much there is, unless it cannot be.
    fn size(&self) -> Result<Size, String> {
        let Self { items, differences, authors, value_bytes, .. } = *self;
        if differences > items {
            return Err(format!(
                "--differences {differences} is more than --items {items}: no more keys can differ than there are"
            ));
        }
        let size = Size::new(items, differences, self.updates, authors);
        if size.keys_of_an_author() as usize > AUTHOR_TUPLES_MAX {
            return Err(format!(
                "--authors {authors} is too few for --items {items}: a store keeps {AUTHOR_TUPLES_MAX} keys of an author"
            ));
        }
        if u64::from(items) * u64::from(value_bytes) > VALUES_LEN_MAX {
            return Err(format!(
                "--items {items} of --value-bytes {value_bytes} are more than {VALUES_LEN_MAX} bytes: lower one of them"
            ));
        }
        self.stays_in_domain(size)?;
        Ok(size)
    }

    /// Refuses more differences than the method can ever take. Where that is a matter of chance, trials fail instead.
    fn stays_in_domain(&self, size: Size) -> Result<(), String> {
        let keys = u64::from(size.updates + size.inserts);
        let (what, differing, most) = match self.algorithm {
            MethodKind::PinSketch => ("states", size.states(), pinsketch::CAPACITY_MAX),
            // Every item that is peeled takes a cell of its own.
            MethodKind::Iblt => ("states", size.states(), iblt::CELLS_MAX - 1),
            MethodKind::Riblt => ("states", size.states(), session::CELLS_MAX),
            MethodKind::KeyedRiblt
            | MethodKind::VersionedRiblt
            | MethodKind::KeyedRibltLong
            | MethodKind::VersionedRibltLong => ("keys", keys, session::CELLS_MAX),
            _ => return Ok(()),
        };
        if differing <= most as u64 {
            return Ok(());
        }
        Err(format!(
            "--differences {keys} with --updates {} are {differing} {what} that differ, and {} takes at most {most}: lower \
             --differences, or take another --algorithm",
            self.updates,
            self.algorithm.name()
        ))
    }
}

fn measure(args: &ReconcileArgs, size: Size) -> Result<Report, TupleError> {
    let trials = Trials::new(size, args.value_bytes as usize, args.seed, args.algorithm.ids())?;
    let mut tally = Tally::default();
    for number in 0..args.trials {
        let mut trial = trials.trial(number)?;
        let cells = cells_needed(args.algorithm, &trial);
        let mut watch = Stopwatch::default();
        let (transcript, repeated) = reconcile(args, &mut trial, &mut watch);
        let right = transcript.verdicts == [Verdict::Equal; 2] && trial.is_joined(size);
        let units = match cells {
            Some(cells) => cells.ok().map(|cells| cells as u64),
            None => Some(transcript.units).filter(|_| counts_units(args.algorithm) && !gave_up(&transcript)),
        };
        tally.failed += u32::from(gave_up(&transcript));
        tally.wrong += u32::from(!gave_up(&transcript) && !right || cells.is_some_and(|cells| cells.is_err()));
        tally.repeated += u32::from(repeated);
        // What a session would have cost that was given up is not known.
        tally.add(&transcript, units, watch.spent, args.differences, gave_up(&transcript));
    }
    Ok(Report {
        algorithm: args.algorithm.name(),
        items: args.items,
        differences: args.differences,
        updates: args.updates,
        authors: args.authors,
        value_bytes: args.value_bytes,
        salted: args.salted,
        room: args.room,
        trials: args.trials,
        seed: args.seed,
        figures: tally.figures(),
    })
}

/// Runs the session of a trial, and a second one where the first left what such a method notices only then. What both took
/// is added up; the verdicts are those of the last.
fn reconcile(args: &ReconcileArgs, trial: &mut Trial, watch: &mut Stopwatch) -> (Transcript, bool) {
    let kind = args.algorithm;
    let nonces = trial.nonces;
    let mut session = |salted, nonces| {
        pair::run_watched(kind, salted, nonces, args.room as usize, trial.sides.each_mut(), &NoKeys, watch)
    };
    let first = session(args.salted, nonces[0]);
    if !kind.compares_authors() || first.verdicts != [Verdict::Mismatch; 2] {
        return (first, false);
    }
    // After a mismatch a session is salted: it may have been made to happen.
    let second = session(true, nonces[1]);
    let both = Transcript {
        verdicts: second.verdicts,
        bytes: first.bytes + second.bytes,
        search_bytes: first.search_bytes + second.search_bytes,
        tuple_bytes: first.tuple_bytes + second.tuple_bytes,
        check_bytes: first.check_bytes + second.check_bytes,
        messages: first.messages + second.messages,
        flights: first.flights + second.flights,
        units: first.units + second.units,
        work: sum(first.work, second.work),
    };
    (both, true)
}

fn sum(mut work: [Work; 2], more: [Work; 2]) -> [Work; 2] {
    work.iter_mut().zip(more).for_each(|(sum, more)| sum.merge(more));
    work
}

/// Whether the session itself counts what the method needs.
fn counts_units(kind: MethodKind) -> bool {
    matches!(kind, MethodKind::PinSketch | MethodKind::PinSketchBisect | MethodKind::Iblt)
}

/// Whether one side gave up: too many differences for the method, or its cap on cells or messages reached by bad luck.
fn gave_up(transcript: &Transcript) -> bool {
    transcript.verdicts.contains(&Verdict::Failed(SessionError::TooMany))
}

/// What each side spends.
#[derive(Debug, Default)]
struct Stopwatch {
    began: Option<Instant>,
    spent: [Duration; 2],
}

impl Watch for Stopwatch {
    #[expect(clippy::disallowed_methods, reason = "the time that handling takes is what is measured")]
    fn begin(&mut self, _: usize) {
        self.began = Some(Instant::now());
    }

    fn end(&mut self, side: usize) {
        self.spent[side] += self.began.take().map_or(Duration::ZERO, |began| began.elapsed());
    }
}
