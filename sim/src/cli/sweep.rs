//! `rapsim sweep`: every point of a grid with every seed, one run per processor. What is already there is left alone, so an
//! interrupted sweep goes on where it stopped and ends with the same bytes.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::Ordering;

use clap::Args;
use indicatif::ProgressBar;
use rayon::prelude::*;
use serde_json::json;

use super::execute::{self, Fault, ScenarioArgs, execute, refuse};
use super::expect::judge;
use super::limits::Limits;
use super::{Exit, Format, complain, print};
use crate::output::{self, HostFacts, OutputError, RunRecord, StoredSweep};
use crate::scenario::schema::Scenario;
use crate::scenario::{Loaded, Point, experiment_hash, points, sweep_hash};

/// `rapsim sweep`.
#[derive(Debug, Args)]
pub(super) struct SweepArgs {
    #[command(flatten)]
    scenario: ScenarioArgs,
    /// Runs side by side; as many as the machine has processors by default.
    #[arg(long)]
    threads: Option<usize>,
    #[command(flatten)]
    limits: Limits,
    /// Where the sweep directory goes.
    #[arg(long, default_value = "results")]
    out: PathBuf,
    /// How the result is printed.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// No progress bar.
    #[arg(long, short)]
    quiet: bool,
}

/// One run that is missing.
struct Job<'a> {
    point: &'a Point,
    seed: u64,
    name: String,
}

/// Why a sweep stopped.
enum Stop {
    Run(Fault),
    Output(OutputError),
}

pub(super) fn main(args: &SweepArgs) -> Exit {
    attempt(args).unwrap_or_else(|exit| exit)
}

fn attempt(args: &SweepArgs) -> Result<Exit, Exit> {
    let loaded = args.scenario.load()?;
    let points = points(&loaded).map_err(|diagnostics| refuse(&diagnostics))?;
    let directory = begin(&args.out, &loaded, &points).map_err(|error| Exit::from(&error))?;
    let runs = directory.join("runs");
    let jobs: Vec<Job<'_>> = missing(&points, &runs);
    let all: usize = points.iter().map(|point| point.seeds.len()).sum();
    let hidden = args.quiet || args.format == Format::Json;
    let bar =
        execute::progress_bar(all as u64, "{msg} [{bar:40}] {pos}/{len} runs, {elapsed} elapsed, {eta} left", hidden);
    bar.set_message(loaded.scenario.name.clone());
    bar.set_position((all - jobs.len()) as u64);
    let done = run_all(&jobs, args, &loaded, &runs, &bar);
    bar.finish_and_clear();
    done.map_err(|stop| report(&stop, &loaded, &args.scenario.file))?;
    let sweep = output::finish_sweep(&directory).map_err(|error| Exit::from(&error))?;
    draw(&directory, &loaded.scenario, &sweep)?;
    let missed = judge_all(&points, &runs, &loaded)?;
    let printed = summarise(args.format, &directory, all, all - jobs.len(), &missed);
    missed.iter().for_each(complain);
    Ok(if missed.is_empty() { printed } else { Exit::ExpectationMissed })
}

fn begin(out: &Path, loaded: &Loaded, points: &[Point]) -> Result<PathBuf, OutputError> {
    output::prepare(out)?;
    let seeds = points.first().map_or(&[][..], |point| &point.seeds);
    let values: Vec<_> = points.iter().map(|point| point.overrides.clone()).collect();
    let hash = sweep_hash(&loaded.scenario, &loaded.base);
    output::begin_sweep(out, &loaded.scenario, &hash, seeds, &values)
}

fn missing<'a>(points: &'a [Point], runs: &Path) -> Vec<Job<'a>> {
    let all = points.iter().flat_map(|point| {
        point.seeds.iter().map(move |&seed| Job { point, seed, name: output::point_name(&point.overrides, seed) })
    });
    let mut jobs: Vec<Job<'a>> = all.filter(|job| !output::exists(&runs.join(&job.name))).collect();
    // The longest first, so that no processor is left with a long run at the end.
    jobs.sort_by_key(|job| std::cmp::Reverse(job.point.scenario.nodes));
    jobs
}

fn run_all(jobs: &[Job<'_>], args: &SweepArgs, loaded: &Loaded, runs: &Path, bar: &ProgressBar) -> Result<(), Stop> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(execute::threads(args.threads)).build();
    let pool = pool.map_err(|error| Stop::Run(Fault::Failed(format!("no threads: {error}"))))?;
    let first: Mutex<Option<Stop>> = Mutex::new(None);
    let stopped = || first.lock().is_ok_and(|stop| stop.is_some());
    pool.install(|| {
        // One at a time from the front, so that the long runs really come first.
        jobs.par_iter().with_max_len(1).for_each(|job| {
            if stopped() || execute::interrupt_flag().load(Ordering::Relaxed) {
                return;
            }
            match run_one(job, args.limits, loaded, runs) {
                Ok(()) => bar.inc(1),
                Err(stop) => {
                    if let Ok(mut first) = first.lock() {
                        first.get_or_insert(stop);
                    }
                }
            }
        });
    });
    match first.into_inner().ok().flatten() {
        Some(stop) => Err(stop),
        None if execute::interrupt_flag().load(Ordering::Relaxed) => Err(Stop::Run(Fault::Interrupted)),
        None => Ok(()),
    }
}

fn run_one(job: &Job<'_>, limits: Limits, loaded: &Loaded, runs: &Path) -> Result<(), Stop> {
    let scenario = Scenario { seed: job.seed, ..job.point.scenario.clone() };
    let experiment = scenario.experiment(&loaded.base);
    #[expect(clippy::disallowed_methods, reason = "wall time is a fact about the host and goes to host.toml only")]
    let started = std::time::Instant::now();
    let run = execute(&experiment, &execute::options(1), limits, &mut |_| ());
    let run = run.map_err(|fault| Stop::Run(fault.of(&job.name)))?;
    let host = HostFacts::of_run(1, started.elapsed(), run.statistics.events);
    let record = RunRecord {
        directory: &job.name,
        scenario: &scenario,
        scenario_hash: &experiment_hash(&scenario, &loaded.base),
        digest: run.statistics.digest,
        outcome: &run.statistics.outcome.to_string(),
        events: run.statistics.events,
        end: run.statistics.end,
        results: &run.results,
        figures: &[],
        host: &host,
    };
    output::write(runs, &record).map(drop).map_err(Stop::Output)
}

fn report(stop: &Stop, loaded: &Loaded, file: &Path) -> Exit {
    match stop {
        Stop::Run(Fault::Interrupted) => {
            let file = file.display();
            complain(format!("interrupted; what is complete is kept, and `rapsim sweep {file}` goes on from there"));
            Exit::Interrupted
        }
        Stop::Run(fault) => fault.report(loaded),
        Stop::Output(error) => Exit::from(error),
    }
}

fn draw(directory: &Path, scenario: &Scenario, sweep: &StoredSweep) -> Result<(), Exit> {
    let figures = super::plot::sweep_figures(directory, sweep, &scenario.figure).map_err(|error| Exit::from(&error))?;
    output::redraw(directory, &figures).map(drop).map_err(|error| Exit::from(&error))
}

/// Every run's missed bounds, from what was written.
fn judge_all(points: &[Point], runs: &Path, loaded: &Loaded) -> Result<Vec<String>, Exit> {
    let mut missed = Vec::new();
    for point in points {
        for &seed in &point.seeds {
            let name = output::point_name(&point.overrides, seed);
            let stored = output::read(&runs.join(&name)).map_err(|error| Exit::from(&error))?;
            let misses = judge(&loaded.scenario.expect, &stored.results);
            missed.extend(misses.iter().map(|miss| format!("{name}: {miss}")));
        }
    }
    Ok(missed)
}

fn summarise(format: Format, directory: &Path, all: usize, kept: usize, missed: &[String]) -> Exit {
    let shown = directory.display();
    match format {
        Format::Json => print(json!({
            "sweep_dir": shown.to_string(),
            "runs": all,
            "runs_kept": kept,
            "expectations_missed": missed,
        })),
        Format::Text => print(format!(
            "{all} runs, of which {kept} were there already\n\n\
             tables   {shown}/sweep.csv, {shown}/summary.csv\nfigures  {shown}/figures"
        )),
    }
}
