//! `rapsim check`: the same scenario on the reference engine and with 1, 2, 3 and 8 threads. All digests must be equal;
//! otherwise the first event that differs is named, with its time and node.

use std::ops::Range;

use clap::Args;
use rapprochement_core::time::Instant;
use serde_json::json;

use super::execute::{Fault, ScenarioArgs, execute};
use super::limits::Limits;
use super::{Exit, Format, complain, print};
use crate::engine::{QueueKind, TraceRecord};
use crate::model::ModelRun;
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
    let experiment = loaded.scenario.experiment(&loaded.base);
    let mut runs: Vec<(&str, QueueKind, usize, RunStatistics)> = Vec::new();
    let mut results: Vec<blake3::Hash> = Vec::new();
    for (name, queue, threads) in WAYS {
        let run = run(&experiment, queue, threads, None).map_err(|fault| fault.report(&loaded))?;
        results.push(blake3::hash(format!("{:?}", run.results).as_bytes()));
        let statistics = run.statistics;
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
        if let Some(other) = results.iter().position(|result| *result != results[0]) {
            complain(format!("the events are equal, but the measurements of {} are not", runs[other].0));
            return Ok(Exit::NotDeterministic);
        }
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
    complain(format!(
        "{name} differs from the {reference_name}: {}",
        first_difference(&ours.statistics.trace, &theirs.statistics.trace)
    ));
    Ok(Exit::NotDeterministic)
}

fn run(
    experiment: &Experiment,
    queue: QueueKind,
    threads: usize,
    trace: Option<Range<Instant>>,
) -> Result<ModelRun, Fault> {
    let options = RunOptions { threads, exact_threads: true, queue, trace, ..RunOptions::default() };
    execute(experiment, &options, Limits::default(), &mut |_| ())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Checkpoint;
    use crate::scenario::parse;
    use crate::units::Span;

    fn experiment(sets: &[&str]) -> Experiment {
        let text = "name = 'a'\nnodes = 20\nduration = '8 s'\nsignatures = 'stand_in'\nprotocol.full_push.interval = '1 s'\n\
                    workload = { writers = 2, arrivals.burst.count = 4, warm_up = '1 s' }";
        let sets: Vec<String> = sets.iter().map(ToString::to_string).collect();
        let loaded = parse("a", text, &sets).unwrap_or_else(|wrong| panic!("{wrong}"));
        loaded.scenario.experiment(&loaded.base)
    }

    /// Two runs that are alike until a partition begins at 3.3 s, after which messages are missing.
    #[test]
    fn an_injected_difference_is_narrowed_down_to_its_first_event() {
        let ours = experiment(&[]);
        let theirs = experiment(&["network.partition=[{ start = '3.3 s', heal = '5 s', groups.shares = [0.5, 0.5] }]"]);
        let run = |experiment, trace| run(experiment, QueueKind::Calendar, 1, trace).unwrap().statistics;
        let (a, b) = (run(&ours, None), run(&theirs, None));
        assert_ne!(a.digest, b.digest);
        let span = first_differing_slice(&a, &b, Span::as_nanos(ours.measure.sample));
        // Every node pushes once a second, so something is missing soon after 3.3 s, and nothing is before.
        assert!(span.end > Instant::from_nanos(3_300_000_000), "{span:?}");
        assert!(span.start < Instant::from_nanos(4_300_000_000), "{span:?}");
        let (a, b) = (run(&ours, Some(span.clone())), run(&theirs, Some(span.clone())));
        let told = first_difference(&a.trace, &b.trace);
        let time =
            told.split(" at ").nth(1).and_then(|rest| rest.split(" ns").next()).and_then(|time| time.parse().ok());
        let time = Instant::from_nanos(time.unwrap_or_else(|| panic!("no time in: {told}")));
        assert!(time > Instant::from_nanos(3_300_000_000) && span.contains(&time), "{told}");
        assert!(told.contains(" at node "), "{told}");
    }

    fn with_checkpoints(points: &[(u64, u128)]) -> RunStatistics {
        RunStatistics {
            outcome: crate::engine::Outcome::Drained,
            events: 0,
            digest: 0,
            checkpoints: points.iter().map(|&(slice, digest)| Checkpoint { slice, digest }).collect(),
            end: Instant::ZERO,
            trace: Vec::new(),
            windows: 0,
        }
    }

    #[test]
    fn a_slice_that_one_run_does_not_have_counts() {
        let slice = |a: &[(u64, u128)], b: &[(u64, u128)]| {
            let span = first_differing_slice(&with_checkpoints(a), &with_checkpoints(b), 10);
            (span.start.as_nanos(), span.end.as_nanos())
        };
        assert_eq!(slice(&[(0, 1), (1, 2), (2, 3)], &[(0, 1), (1, 9), (2, 3)]), (10, 20));
        assert_eq!(slice(&[(0, 1), (5, 2)], &[(0, 1), (4, 7), (5, 2)]), (10, 50));
        assert_eq!(slice(&[(0, 1)], &[(0, 1), (7, 7)]), (10, 80));
        assert_eq!(slice(&[(3, 1)], &[(3, 2)]), (0, 40));
    }

    #[test]
    fn an_event_that_only_one_run_has_is_named() {
        let event = |time| TraceRecord { time, source: 1, sequence: 2, target: 3, fingerprint: 4, record: false };
        let told = first_difference(&[event(5)], &[event(5), event(8)]);
        assert!(told.contains("only one run has") && told.contains("8 ns at node 3"), "{told}");
        let told = first_difference(&[event(5), event(6)], &[event(5), event(8)]);
        assert!(told.contains("6 ns") && told.contains("8 ns"), "{told}");
    }
}
