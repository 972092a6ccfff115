//! `rapsim run`: one run of a scenario.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use serde_json::json;

use super::execute::{self, Fault, ScenarioArgs, execute};
use super::expect::{Miss, judge};
use super::limits::Limits;
use super::{Exit, Format, print};
use crate::engine::Outcome;
use crate::measure::results::Results;
use crate::model::ModelRun;
use crate::model::config::ProtocolConfig;
use crate::output::{self, HostFacts, RunRecord};
use crate::plot;
use crate::scenario::schema::Scenario;
use crate::scenario::{Loaded, experiment_hash};

/// `rapsim run`.
#[derive(Debug, Args)]
pub(super) struct RunArgs {
    #[command(flatten)]
    scenario: ScenarioArgs,
    /// Threads at most; all of the machine's by default. The results are the same for any number.
    #[arg(long)]
    threads: Option<usize>,
    #[command(flatten)]
    limits: Limits,
    /// Where the run directory goes.
    #[arg(long, default_value = "results")]
    out: PathBuf,
    /// How the result is printed.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// No progress bar.
    #[arg(long, short)]
    quiet: bool,
}

pub(super) fn main(args: &RunArgs) -> Exit {
    attempt(args).unwrap_or_else(|exit| exit)
}

fn attempt(args: &RunArgs) -> Result<Exit, Exit> {
    let loaded = args.scenario.load()?;
    let scenario = &loaded.scenario;
    let experiment = scenario.experiment(&loaded.base);
    let threads = execute::threads(args.threads);
    // A directory that cannot be written is found out now and not after the run.
    output::prepare(&args.out).map_err(|error| Exit::from(&error))?;
    let bar = execute::progress_bar(
        scenario.duration.as_nanos() / 1_000_000,
        "{msg} [{bar:40}] {percent}% of virtual time, {elapsed} elapsed",
        args.quiet || args.format == Format::Json,
    );
    bar.set_message(scenario.name.clone());
    #[expect(clippy::disallowed_methods, reason = "wall time is a fact about the host and goes to host.toml only")]
    let started = std::time::Instant::now();
    let run = execute(&experiment, &execute::options(threads), args.limits, &mut |heartbeat| {
        bar.set_position(heartbeat.now.as_nanos() / 1_000_000);
    });
    let wall = started.elapsed();
    bar.finish_and_clear();
    let run = run.map_err(|fault| report(&fault, args.format, &loaded))?;
    if let Some(why) = run.one_thread {
        super::note(format!("the run had one thread: {why}"));
    }
    let misses = judge(&scenario.expect, &run.results);
    let host = HostFacts::of_run(threads as u32, wall, run.statistics.events);
    let directory = write(&args.out, (scenario, &loaded.base), &run, &host).map_err(|error| Exit::from(&error))?;
    let printed = match args.format {
        Format::Json => print(to_json(&directory, &run, &host, &misses)),
        Format::Text => print(to_text(&args.scenario.file, &directory, scenario, &run, wall)),
    };
    misses.iter().for_each(super::complain);
    Ok(if misses.is_empty() { printed } else { Exit::ExpectationMissed })
}

/// Says why there is no run. A run that failed has an outcome, but neither a digest nor a directory.
fn report(fault: &Fault, format: Format, loaded: &Loaded) -> Exit {
    if let (Format::Json, Fault::Failed(why)) = (format, fault) {
        let outcome = Outcome::Failed(why.clone()).to_string();
        print(json!({ "run_dir": null, "digest": null, "outcome": outcome }));
    }
    fault.report(loaded)
}

fn write(
    out: &Path,
    (scenario, base): (&Scenario, &Path),
    run: &ModelRun,
    host: &HostFacts,
) -> Result<PathBuf, output::OutputError> {
    let hash = experiment_hash(scenario, base);
    let name = output::run_name(&scenario.name, &hash, scenario.seed);
    let figures = plot::standard(&run.results);
    output::write(
        out,
        &RunRecord {
            directory: &name,
            scenario,
            scenario_hash: &hash,
            digest: run.statistics.digest,
            outcome: &run.statistics.outcome.to_string(),
            events: run.statistics.events,
            end: run.statistics.end,
            results: &run.results,
            figures: &figures,
            host,
        },
    )
}

fn to_json(directory: &Path, run: &ModelRun, host: &HostFacts, misses: &[Miss]) -> String {
    let scalars: serde_json::Map<String, serde_json::Value> = run
        .results
        .scalars
        .iter()
        .filter(|scalar| scalar.group.is_empty())
        .map(|scalar| (scalar.metric.clone(), json!(scalar.value)))
        .collect();
    json!({
        "run_dir": directory.display().to_string(),
        "digest": format!("{:032x}", run.statistics.digest),
        "outcome": run.statistics.outcome.to_string(),
        "events": run.statistics.events,
        "events_per_s": host.events_per_s,
        "wall_s": host.wall_s,
        "peak_rss_bytes": host.peak_rss_bytes,
        "virtual_s": run.statistics.end.as_secs_f64(),
        "expectations_missed": misses.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "scalars": scalars,
    })
    .to_string()
}

/// The short table at the end of a run.
fn to_text(file: &Path, directory: &Path, scenario: &Scenario, run: &ModelRun, wall: Duration) -> String {
    let results = &run.results;
    let statistics = &run.statistics;
    let mut rows = vec![
        ("nodes".to_owned(), scenario.nodes.to_string()),
        ("outcome".into(), format!("{} at {:.1} s of virtual time", statistics.outcome, statistics.end.as_secs_f64())),
    ];
    if is_study(scenario) {
        let all = results.scalars.iter().filter(|scalar| scalar.group.is_empty());
        rows.extend(all.map(|scalar| (scalar.metric.clone(), number(results, &scalar.metric, 6, ""))));
    } else if is_workflow(scenario) {
        add_workflows(results, &mut rows);
    } else {
        add_traffic(results, &mut rows);
    }
    let rate = statistics.events as f64 / wall.as_secs_f64().max(1e-9) / 1e6;
    let events = format!("{} in {:.2} s ({rate:.2} M/s)", statistics.events, wall.as_secs_f64());
    rows.push(("events".into(), events));
    rows.push(("digest".into(), format!("{:032x}", statistics.digest)));
    let width = rows.iter().map(|(label, _)| label.chars().count()).max().unwrap_or(0);
    let mut text = format!("{}: {}\n\n", scenario.name, scenario.description);
    for (label, value) in rows {
        text += &format!("  {label:width$}  {value}\n");
    }
    text += &format!("\nCSV      {}\nfigures  {}\n", directory.display(), directory.join("figures").display());
    text + &next_step(file, directory, scenario)
}

/// Whether a run sends no messages.
fn is_study(scenario: &Scenario) -> bool {
    matches!(scenario.protocol, ProtocolConfig::Meritrank(_))
}

/// Whether functions run and pass data on.
fn is_workflow(scenario: &Scenario) -> bool {
    matches!(scenario.protocol, ProtocolConfig::Workflow(_))
}

/// How long workflows took, and what they moved.
fn add_workflows(results: &Results, rows: &mut Vec<(String, String)>) {
    let both = |first, second| format!("{} / {}", number(results, first, 4, " s"), number(results, second, 4, " s"));
    rows.push(("workflows finished / not".into(), {
        let count = |metric| number(results, metric, 0, "");
        format!("{} / {}", count("workflows_finished"), count("workflows_unfinished"))
    }));
    for (label, first, second) in [
        ("time of a workflow, mean / p99", "workflow_time_mean_s", "workflow_time_p99_s"),
        ("data to a receiver, mean / slowest", "transfer_mean_s", "transfer_max_s"),
        ("start / computation, mean", "instance_start_mean_s", "instance_compute_mean_s"),
    ] {
        rows.push((label.into(), both(first, second)));
    }
    for (label, metric) in [
        ("bytes of a run, at both ends", "nic_bytes_per_run"),
        ("of these at the busiest node", "hot_nic_bytes_per_run"),
        ("sent by the busiest host", "sender_bytes_per_run"),
    ] {
        rows.push((label.into(), number(results, metric, 0, " B")));
    }
}

/// How updates spread, and what that took.
fn add_traffic(results: &Results, rows: &mut Vec<(String, String)>) {
    rows.push(("updates issued".into(), number(results, "updates_issued", 0, "")));
    for percent in ["50", "90", "99", "100"] {
        let metric = format!("update_time_to_{percent}_median_s");
        let max = number(results, &format!("update_time_to_{percent}_max_s"), 3, " s");
        let text = format!("{} (slowest update {max})", number(results, &metric, 3, " s"));
        rows.push((format!("time to {percent} % of nodes, median update"), text));
    }
    let undelivered = undelivered(results);
    rows.push((
        "update latency, p50 / p99".into(),
        format!(
            "{} / {} ({undelivered})",
            number(results, "update_latency_p50_s", 3, " s"),
            number(results, "update_latency_p99_s", 3, " s")
        ),
    ));
    for (label, metric) in [
        ("equal stores after the last write", "converged_after_last_write_s"),
        ("equal stores after the partition healed", "converged_after_heal_s"),
    ] {
        if results.get(metric).is_some() {
            rows.push((label.into(), number(results, metric, 1, " s")));
        }
    }
    rows.push(("wire bytes sent per node".into(), number(results, "sent_wire_bytes_per_node", 0, " B")));
    rows.push(("wire bytes sent per node and second".into(), number(results, "sent_wire_bytes_per_node_s", 0, " B/s")));
    rows.push(("copies received per needed one".into(), number(results, "copies_per_needed", 2, "")));
}

/// The share that never arrived with its N; where nothing was missing, the bound that N alone gives (3 / N at 95 %).
fn undelivered(results: &Results) -> String {
    let pairs = results.get("update_pairs").unwrap_or(0.0);
    match results.get("undelivered_share") {
        Some(share) if share > 0.0 => format!("undelivered {share:.6} of {pairs:.0} pairs"),
        Some(_) if pairs > 0.0 => format!("undelivered 0 of {pairs:.0} pairs: below {:.1e} at 95 %", 3.0 / pairs),
        _ => "no update was issued".into(),
    }
}

fn next_step(file: &Path, directory: &Path, scenario: &Scenario) -> String {
    let program = std::env::args().next().unwrap_or_else(|| "rapsim".into());
    let file = file.display();
    if scenario.sweep.is_some() {
        return format!("\nThis was the scenario's own point. Its whole grid:\n  {program} sweep {file}");
    }
    let other = match scenario.protocol {
        ProtocolConfig::Meritrank(_) => "protocol.meritrank.continue_prob=0.5",
        ProtocolConfig::Workflow(_) => "protocol.workflow.channel=binomial_tree",
        _ => "network.loss.independent=0.1",
    };
    format!(
        "\nNext: change one thing, and compare it with this run\n  \
         {program} run {file} --set {other}\n  \
         {program} compare {} DIRECTORY_OF_THAT_RUN\n  \
         {program} check {file}",
        directory.display()
    )
}

/// A metric for people: rounded, "not reached" where it has no value.
fn number(results: &Results, metric: &str, digits: usize, unit: &str) -> String {
    match results.get(metric) {
        Some(value) if !value.is_nan() => format!("{value:.digits$}{unit}"),
        Some(_) => "not reached".into(),
        None => "not measured".into(),
    }
}
