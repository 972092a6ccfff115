//! `rapsim check`: the same scenario on the reference engine and with 1, 2, 3 and 8 threads. All digests must be equal;
//! otherwise the first event that differs is named, with its time and node.

use std::ops::Range;

use clap::Args;
use rapprochement_core::time::Instant;
use serde_json::json;

use super::execute::{self, Fault, ScenarioArgs, execute};
use super::{Exit, Format, complain, print};
use crate::engine::{QueueKind, TraceRecord};
use crate::model::experiment::Experiment;
use crate::model::{RunOptions, RunStatistics};

/// `rapsim check`.
#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    #[command(flatten)]
    scenario: ScenarioArgs,
    /// How the result is printed.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// One way to run the scenario.
const WAYS: [(&str, QueueKind, usize); 5] = [
    ("reference engine, 1 thread", QueueKind::Reference, 1),
    ("calendar, 1 thread", QueueKind::Calendar, 1),
    ("calendar, 2 threads", QueueKind::Calendar, 2),
    ("calendar, 3 threads", QueueKind::Calendar, 3),
    ("calendar, 8 threads", QueueKind::Calendar, 8),
];

pub(super) fn main(args: &CheckArgs) -> Exit {
    attempt(args).unwrap_or_else(|exit| exit)
}

fn attempt(args: &CheckArgs) -> Result<Exit, Exit> {
    let loaded = args.scenario.load()?;
    let experiment = execute::experiment(&loaded.scenario, loaded.scenario.seed, &loaded.base);
    let mut runs: Vec<(&str, QueueKind, usize, RunStatistics)> = Vec::new();
    for (name, queue, threads) in WAYS {
        let statistics = run(&experiment, queue, threads, None).map_err(|fault| fault.report(&loaded))?;
        if args.format == Format::Text {
            print(format!("{:032x}  {:>10} events  {name}", statistics.digest, statistics.events));
        }
        runs.push((name, queue, threads, statistics));
    }
    let (reference_name, reference_queue, reference_threads, reference) = &runs[0];
    let differing = runs.iter().find(|(.., statistics)| statistics.digest != reference.digest);
    if args.format == Format::Json {
        let digests: Vec<_> = runs
            .iter()
            .map(|(name, .., run)| json!({ "way": name, "digest": format!("{:032x}", run.digest) }))
            .collect();
        print(json!({ "equal": differing.is_none(), "runs": digests }));
    }
    let Some((name, queue, threads, statistics)) = differing else {
        if args.format == Format::Text {
            print("all digests are equal");
        }
        return Ok(Exit::Success);
    };
    let span = first_differing_slice(reference, statistics, experiment.measure.sample.as_nanos());
    let ours = run(&experiment, *reference_queue, *reference_threads, Some(span.clone()));
    let theirs = run(&experiment, *queue, *threads, Some(span));
    let (Ok(ours), Ok(theirs)) = (ours, theirs) else {
        complain("the runs differ, and one of them fails when it is repeated");
        return Ok(Exit::NotDeterministic);
    };
    complain(format!("{name} differs from the {reference_name}: {}", first_difference(&ours.trace, &theirs.trace)));
    Ok(Exit::NotDeterministic)
}

fn run(
    experiment: &Experiment,
    queue: QueueKind,
    threads: usize,
    trace: Option<Range<Instant>>,
) -> Result<RunStatistics, Fault> {
    let options = RunOptions { threads, exact_threads: true, queue, trace };
    execute(experiment, &options, &mut |_| ()).map(|run| run.statistics)
}

/// The span of virtual time in which two runs part: from the last checkpoint that agrees.
fn first_differing_slice(a: &RunStatistics, b: &RunStatistics, slice: u64) -> Range<Instant> {
    let agree = a.checkpoints.iter().zip(&b.checkpoints).take_while(|(a, b)| a == b).last();
    let first = agree.map_or(0, |(point, _)| point.slice + 1);
    let next = |run: &RunStatistics| run.checkpoints.iter().map(|point| point.slice).find(|slice| *slice >= first);
    let last = next(a).into_iter().chain(next(b)).min().unwrap_or(first);
    Instant::from_nanos(first.saturating_mul(slice))..Instant::from_nanos((last + 1).saturating_mul(slice))
}

/// Names the first event in which two traces differ.
fn first_difference(a: &[TraceRecord], b: &[TraceRecord]) -> String {
    let place = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    match (a.get(place), b.get(place)) {
        (Some(a), Some(b)) => format!("first differing event: {a} against {b}"),
        (Some(only), None) | (None, Some(only)) => format!("first differing event, which only one run has: {only}"),
        (None, None) => "the events are equal, but what protocols recorded at them is not".into(),
    }
}
