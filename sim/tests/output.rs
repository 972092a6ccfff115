//! The guide to the output files says what the program writes, and the verbs that read run directories work on them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Parser;
use rapprochement_core::time::Instant;
use rapprochement_sim::cli::{Exit, compare, map, plot};
use rapprochement_sim::measure::curves::CURVES;
use rapprochement_sim::measure::metrics::{METRICS, Metric, find};
use rapprochement_sim::measure::results::Results;
use rapprochement_sim::output::{self, HostFacts, RunRecord};
use rapprochement_sim::scenario::schema::Scenario;

#[derive(Parser)]
enum Verb {
    Plot(plot::PlotArgs),
    Compare(compare::CompareArgs),
    Map(map::MapArgs),
}

/// Calls a verb as the command line does.
fn call(arguments: &[&str]) -> Exit {
    match Verb::parse_from(std::iter::once(&"rapsim").chain(arguments)) {
        Verb::Plot(args) => plot::main(&args),
        Verb::Compare(args) => compare::main(&args),
        Verb::Map(args) => map::main(&args),
    }
}

/// Writes a small run with one series.
fn write_run(parent: &Path, name: &str, value: f64) -> PathBuf {
    let text = "name = 'a'\nnodes = 9\nduration = '1 s'\nprotocol.full_push.interval = '1 s'\n\
                workload = { writers = 1, arrivals.burst.count = 1 }";
    let scenario: Scenario = toml::from_str(text).unwrap();
    let mut results = Results::default();
    results.scalar("live_nodes", value);
    results.sample(Instant::from_nanos(0), "newest_share", "", 0.0);
    results.sample(Instant::from_nanos(1_000_000_000), "newest_share", "", 1.0);
    let record = RunRecord {
        directory: name,
        scenario: &scenario,
        scenario_hash: "00",
        digest: 1,
        outcome: "drained",
        events: 1,
        end: Instant::from_nanos(1_000_000_000),
        results: &results,
        figures: &[],
        host: &HostFacts::of_run(1, Duration::ZERO, 1),
    };
    output::write(parent, &record).unwrap()
}

#[test]
fn stored_runs_are_drawn_and_compared_without_running_anything() {
    let scratch = std::env::temp_dir().join(format!("rapsim-{}-verbs", std::process::id()));
    let (a, b) = (write_run(&scratch, "a", 9.0), write_run(&scratch, "b", 8.0));
    let (first, second) = (a.to_str().unwrap(), b.to_str().unwrap());
    assert_eq!(call(&["plot", first]), Exit::Success);
    let drawn = std::fs::read(a.join("figures/convergence.svg")).unwrap();
    assert_eq!(call(&["plot", first, "--size", "slide"]), Exit::Success);
    assert_ne!(std::fs::read(a.join("figures/convergence.svg")).unwrap(), drawn, "a slide is drawn larger");
    assert_eq!(call(&["plot", first]), Exit::Success);
    assert_eq!(std::fs::read(a.join("figures/convergence.svg")).unwrap(), drawn);
    for format in ["text", "json", "markdown"] {
        assert_eq!(call(&["compare", first, second, "--format", format]), Exit::Success);
    }
    assert_eq!(call(&["compare", first, second, "--metric", "unknown"]), Exit::Usage);
    assert_eq!(call(&["compare", first, scratch.to_str().unwrap()]), Exit::Usage);
    assert_eq!(call(&["plot", scratch.to_str().unwrap()]), Exit::Usage);
    std::fs::remove_dir_all(scratch).unwrap();
}

/// The committed table of the study is one that the map is drawn from, with the same bytes every time.
#[test]
fn the_map_of_the_committed_study_is_drawn() {
    let scratch = std::env::temp_dir().join(format!("rapsim-{}-map", std::process::id()));
    let out = |name: &str| scratch.join(name).to_str().unwrap().to_owned();
    let study = Path::new(env!("CARGO_MANIFEST_DIR")).join("../results/reference/reconciliation/pairs");
    let table = study.join("pairs.csv");
    let table = table.to_str().unwrap();
    let curves = "items=10000,authors=1000,updates=0.5";
    assert_eq!(call(&["map", table, "--out", &out("a"), "--curves", curves]), Exit::Success);
    // What is committed is what comes out.
    for file in ["cheapest.csv", "crossings.csv", "crossings.md", "figures/map.svg", "figures/map.csv"] {
        let read = |folder: &Path| std::fs::read(folder.join(file)).unwrap();
        assert!(read(&scratch.join("a")) == read(&study), "{file}: scripts/reconciliation makes it anew");
    }
    assert_eq!(std::fs::read_dir(scratch.join("a/figures")).unwrap().count() % 4, 0, "four forms of each figure");
    assert_eq!(call(&["map", table, "--out", &out("c"), "--curves", "items=7"]), Exit::Usage);
    assert_eq!(call(&["map", &out("nothing.csv"), "--out", &out("c")]), Exit::Usage);
    assert!(!scratch.join("c").exists(), "what cannot be drawn leaves nothing");
    std::fs::remove_dir_all(scratch).unwrap();
}

#[test]
fn the_guide_lists_every_metric_and_no_other() {
    let guide = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/output.md")).unwrap();
    let (_, section) = guide.split_once("| metric | unit | meaning |\n|---|---|---|\n").expect("a table of metrics");
    let listed: Vec<&str> = section.lines().take_while(|line| line.starts_with('|')).collect();
    let row = |metric: &Metric| {
        let unit = if metric.unit.is_empty() { "-" } else { metric.unit };
        format!("| `{}` | {unit} | {} |", metric.name, metric.meaning)
    };
    let expected: Vec<String> = METRICS.iter().map(row).collect();
    assert_eq!(listed, expected, "docs/output.md, section Metrics, should be:\n{}", expected.join("\n"));
}

#[test]
fn the_guide_lists_every_curve_and_no_other() {
    let guide = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/output.md")).unwrap();
    let (_, section) = guide.split_once("| curve | meaning |\n|---|---|\n").expect("a table of curves");
    let listed: Vec<&str> = section.lines().take_while(|line| line.starts_with('|')).collect();
    let expected: Vec<String> =
        CURVES.iter().map(|curve| format!("| `{}` | {} |", curve.name, curve.meaning)).collect();
    assert_eq!(listed, expected, "docs/output.md, section Curves, should be:\n{}", expected.join("\n"));
}

#[test]
fn metrics_have_one_meaning_and_end_in_their_unit() {
    for (index, metric) in METRICS.iter().enumerate() {
        assert_eq!(
            METRICS.iter().position(|other| other.name == metric.name),
            Some(index),
            "{} is listed twice",
            metric.name
        );
        let ending = match metric.unit {
            "s" if metric.name.ends_with("_s_per_node") => "",
            "s" => "_s",
            "B/s" => "_bytes_per_node_s",
            "1/s" => "_per_node_s",
            "1/min" => "_per_node_min",
            "B" if metric.name.contains("_bytes_") => "",
            "" => "",
            unit => panic!("{} has the unknown unit {unit}", metric.name),
        };
        assert!(metric.name.ends_with(ending), "{} does not end in its unit", metric.name);
        assert_eq!(find(metric.name), Some(metric));
    }
}
