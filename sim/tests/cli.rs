//! The program from outside: what it prints, what it leaves, how it ends, and that killing it loses nothing.

#![cfg(unix)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::Duration;

const SCENARIO: &str = "\
name = 'tiny'
nodes = 30
duration = '6 s'
signatures = 'stand_in'
protocol.eager_push = { fanout = 3, repair = '500 ms' }
workload = { writers = 4, arrivals.poisson.per_second = 4.0, keys.per_writer = 3, warm_up = '1 s', drain = '3 s' }
expect.undelivered_share.max = 0.0
sweep = { replications = 3, grid.'protocol.eager_push.fanout' = [2, 4] }
figure = [
    { name = 'bytes', x = 'protocol.eager_push.fanout', y = 'sent_wire_bytes_per_node' },
    { name = 'latency', x = 'curve', y = 'update_latency_cdf', lines = 'protocol.eager_push.fanout' },
]
";

/// A folder with a scenario in it, which vanishes with the test.
struct Lab(PathBuf);

impl Lab {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("rapsim-{}-cli-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        fs::write(path.join("tiny.toml"), SCENARIO).unwrap();
        Self(path)
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rapsim"));
        command.args(line.split_whitespace()).current_dir(&self.0);
        command
    }

    fn call(&self, line: &str) -> Output {
        self.command(line).output().unwrap()
    }

    /// Calls, expects this exit code, and returns standard output and standard error.
    fn ends(&self, line: &str, code: i32) -> (String, String) {
        let output = self.call(line);
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "rapsim {line}\n{out}\n{err}");
        (out, err)
    }

    fn json(&self, line: &str) -> serde_json::Value {
        let (out, err) = self.ends(line, 0);
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}\n{err}"))
    }

    fn start(&self, line: &str) -> Child {
        self.command(line).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Every file below a folder but `host.toml`, by its path in it.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    fn collect(folder: &Path, root: &Path, found: &mut BTreeMap<String, Vec<u8>>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(&path, root, found);
            } else if path.file_name().is_some_and(|name| name != "host.toml") {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                found.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    let mut found = BTreeMap::new();
    collect(folder, folder, &mut found);
    found
}

/// Names in a folder; none where there is no folder.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn assert_same_files(a: &Path, b: &Path) {
    let (a, b) = (files(a), files(b));
    assert_eq!(a.keys().collect::<Vec<_>>(), b.keys().collect::<Vec<_>>());
    for (name, bytes) in &a {
        assert!(*bytes == b[name], "{name} differs");
    }
}

#[test]
fn a_run_tells_where_it_went_and_what_it_was() {
    let lab = Lab::new("json");
    let told = lab.json("run tiny.toml --format json --out out --seed 9 --set nodes=25 --set measure.events=true");
    for field in ["run_dir", "digest", "outcome", "events", "events_per_s", "wall_s", "peak_rss_bytes"] {
        assert!(!told[field].is_null(), "{field} is missing: {told}");
    }
    let directory = lab.0.join(told["run_dir"].as_str().unwrap());
    let manifest: toml::Table = fs::read_to_string(directory.join("manifest.toml")).unwrap().parse().unwrap();
    assert_eq!(manifest["digest"].as_str(), told["digest"].as_str());
    assert_eq!(manifest["events"].as_integer(), told["events"].as_i64());
    assert_eq!(manifest["seed"].as_integer(), Some(9));
    assert_eq!(manifest["scenario"]["nodes"].as_integer(), Some(25));
    let events = fs::read_to_string(directory.join("events.csv")).unwrap();
    for kind in [",join,", ",write,", ",send,", ",receive,", ",adopt,"] {
        assert!(events.contains(kind), "no `{kind}` in events.csv");
    }
}

#[test]
fn the_number_of_threads_changes_no_file() {
    let lab = Lab::new("threads");
    // Enough nodes that two threads get a shard each.
    let run = "run tiny.toml --quiet --set nodes=33000 --set duration=2500ms --set workload.drain=1s --set expect={} \
               --set protocol.eager_push.repair=5s";
    for threads in [1, 2] {
        lab.ends(&format!("{run} --threads {threads} --out {threads}"), 0);
    }
    assert_same_files(&lab.0.join("1"), &lab.0.join("2"));
    let files = files(&lab.0.join("1"));
    for ending in ["manifest.toml", "scalars.csv", "series.csv", "updates.csv", ".svg", ".png", ".pdf"] {
        assert!(files.keys().any(|name| name.ends_with(ending)), "no {ending}");
    }
}

#[test]
fn exit_codes_are_as_documented() {
    let lab = Lab::new("codes");
    let (_, err) = lab.ends("run tiny.toml --quiet --out out --set expect.undelivered_share={min=1.0}", 3);
    assert!(err.contains("expected undelivered_share >= 1"), "{err}");
    assert_eq!(names(&lab.0.join("out")).len(), 1, "what missed its bound is written all the same");
    let (_, err) = lab.ends("run tiny.toml --quiet --out tiny.toml/out", 1);
    assert!(err.contains("cannot create tiny.toml/out"), "{err}");
    let (_, err) = lab.ends("run missing.toml", 2);
    assert!(err.contains("there is no such file"), "{err}");
    let (_, err) = lab.ends("run tiny.toml --set nodes=-1 --set nodse=3", 2);
    assert!(err.contains("nodse") && err.contains("-1"), "all problems at once: {err}");
    let (_, err) = lab.ends("run tiny.toml --out out --set expect.no_such_metric.max=1", 2);
    assert!(err.contains("no_such_metric"), "{err}");
    let missing = "--out gone --set network.latency.matrix.file=a.csv --set churn.sessions.trace.file=b.csv";
    for verb in ["run", "sweep"] {
        let (_, err) = lab.ends(&format!("{verb} tiny.toml {missing}"), 2);
        assert!(err.contains("a.csv: there is no such file") && err.contains("b.csv: there is no such file"), "{err}");
        assert!(!lab.0.join("gone").exists(), "nothing is run before all is in order");
    }
    lab.ends("walk tiny.toml", 2);
    let (out, _) = lab.ends("check tiny.toml", 0);
    assert!(out.contains("all digests are equal"), "{out}");
    let (_, err) = lab.ends("compare out nowhere", 2);
    assert!(err.contains("not a run or sweep directory") && err.matches("error:").count() == 1, "{err}");
}

/// Ten hours of virtual time take much longer than the limit, on any machine.
#[test]
fn a_run_that_reaches_a_limit_has_failed_and_leaves_nothing() {
    let lab = Lab::new("limits");
    let (out, err) =
        lab.ends("run tiny.toml --quiet --out out --set duration=10h --set workload.drain=9h --max-wall 300ms", 1);
    assert!(out.is_empty() && err.contains("the run failed") && err.contains("--max-wall is 300 ms"), "{out}{err}");
    let (out, err) = lab.ends("run tiny.toml --out out --format json --max-memory 1kB", 1);
    let told: serde_json::Value = serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}"));
    assert!(told["digest"].is_null() && told["run_dir"].is_null(), "{told}");
    let outcome = told["outcome"].as_str().unwrap_or_default();
    assert!(outcome.starts_with("failed: ") && outcome.contains("--max-memory") && err.contains("--max-memory"));
    assert_eq!(names(&lab.0.join("out")), Vec::<String>::new());

    let (_, err) = lab.ends("sweep tiny.toml --quiet --out swept --max-wall 0s", 1);
    assert!(err.contains("fanout=") && err.contains("--max-wall is 0 ns"), "the run is not named: {err}");
    let sweep = lab.0.join("swept").join(&names(&lab.0.join("swept"))[0]);
    assert_eq!(names(&sweep.join("runs")), Vec::<String>::new());
    let (_, err) = lab.ends("run tiny.toml --max-wall 5", 2);
    assert!(err.contains("needs a unit"), "{err}");
}

#[test]
fn a_limit_that_is_not_reached_changes_nothing() {
    let lab = Lab::new("no-limits");
    let memory = if cfg!(target_os = "linux") { "--max-memory 4000GB" } else { "" };
    lab.ends(&format!("run tiny.toml --quiet --out with --max-wall 9h {memory}"), 0);
    lab.ends("run tiny.toml --quiet --out without", 0);
    assert_same_files(&lab.0.join("with"), &lab.0.join("without"));
}

/// The device that is always full stands in for a disk that is.
#[test]
#[cfg(target_os = "linux")]
fn a_full_device_on_standard_output_is_a_failure_and_keeps_the_results() {
    let lab = Lab::new("full");
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let child = lab.command("run tiny.toml --quiet --out out").stdout(full).stderr(Stdio::piped()).spawn().unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("cannot print"), "{}", text(&output.stderr));
    assert_eq!(names(&lab.0.join("out")).len(), 1);
}

#[test]
fn a_sweep_that_is_killed_again_and_again_ends_with_the_same_bytes() {
    let lab = Lab::new("sweep");
    let sweep = "sweep tiny.toml --quiet --threads 2 --set nodes=120 --set duration=12s";
    lab.ends(&format!("{sweep} --out whole"), 0);
    let whole = lab.0.join("whole").join(&names(&lab.0.join("whole"))[0]);
    let complete = files(&whole.join("runs"));
    assert_eq!(names(&whole.join("runs")).len(), 6);
    let (mut kills, mut most) = (0, 0);
    for delay in [30, 350, 120, 700, 220, 500] {
        let mut child = lab.start(&format!("{sweep} --out killed"));
        sleep(Duration::from_millis(delay));
        kills += u32::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
        let runs = lab.0.join("killed").join(whole.file_name().unwrap()).join("runs");
        // Whatever has a name without a leading dot is whole.
        let visible: Vec<String> = names(&runs).into_iter().filter(|name| !name.starts_with('.')).collect();
        most = most.max(visible.len());
        for run in &visible {
            assert!(runs.join(run).join("host.toml").exists(), "{run} has no host.toml");
            let expected = complete.iter().filter(|(name, _)| name.starts_with(&format!("{run}/")));
            let expected: BTreeMap<&str, &Vec<u8>> =
                expected.map(|(name, bytes)| (&name[run.len() + 1..], bytes)).collect();
            let found = files(&runs.join(run));
            let found: BTreeMap<&str, &Vec<u8>> = found.iter().map(|(name, bytes)| (name.as_str(), bytes)).collect();
            assert!(found == expected, "{run} is not what an uninterrupted sweep writes");
        }
    }
    assert!(kills > 0, "every sweep was faster than its killer");
    let (out, _) = lab.ends(&format!("{sweep} --out killed"), 0);
    assert!(
        out.contains(&format!("6 runs, of which {most}")),
        "a resumed sweep kept something else than {most} runs: {out}"
    );
    assert_same_files(&lab.0.join("whole"), &lab.0.join("killed"));
}

/// Killed in every phase: before, in the middle of and after the writing of its directory, which is most of so small a run.
#[test]
fn a_run_that_is_killed_leaves_its_whole_directory_or_none() {
    let lab = Lab::new("kill-run");
    let run = "run tiny.toml --quiet --set nodes=60 --set measure.events=true";
    lab.ends(&format!("{run} --out whole"), 0);
    let name = names(&lab.0.join("whole")).remove(0);
    let (whole, out) = (lab.0.join("whole").join(&name), lab.0.join("killed"));
    let mut writing = 0;
    for delay in [2, 10, 25, 50, 80, 120, 170, 250, 400, 600, 900, 1_300, 2_000] {
        let mut child = lab.start(&format!("{run} --out killed"));
        sleep(Duration::from_millis(delay));
        child.kill().unwrap();
        child.wait().unwrap();
        let (hidden, visible): (Vec<_>, Vec<_>) = names(&out).into_iter().partition(|name| name.starts_with('.'));
        writing += u32::from(!hidden.is_empty());
        assert!(visible.iter().all(|found| *found == name), "{visible:?} after {delay} ms");
        if !visible.is_empty() {
            assert!(out.join(&name).join("host.toml").exists(), "no host.toml after {delay} ms");
            assert_same_files(&whole, &out.join(&name));
        }
    }
    assert!(writing > 0, "no run was killed while it wrote");
    lab.ends(&format!("{run} --out killed"), 0);
    assert_eq!(names(&out), std::slice::from_ref(&name), "the next run clears away what was left");
    assert_same_files(&whole, &out.join(&name));
}

/// Directories whose permissions forbid writing do not stop root, whom tests may run as. Nobody can make a directory below
/// a regular file, or below one of the kernel's own file systems, which is what these paths ask for.
#[test]
fn a_directory_that_cannot_be_written_is_told_before_the_run() {
    let lab = Lab::new("unwritable");
    // Longer than anybody waits: the message has to come before the run.
    let long = "--set duration=10h --set workload.drain=9h --quiet";
    for verb in ["run", "sweep"] {
        for (out, why) in [("tiny.toml/out", "a part of the path is a file"), ("tiny.toml", "tiny.toml")] {
            let (printed, err) = lab.ends(&format!("{verb} tiny.toml {long} --out {out}"), 1);
            assert!(err.starts_with("error: cannot create tiny.toml") && err.contains(why), "{err}");
            assert_eq!((err.lines().count(), printed.as_str()), (1, ""), "{err}");
        }
        #[cfg(target_os = "linux")]
        {
            let (_, err) = lab.ends(&format!("{verb} tiny.toml {long} --out /proc/rapsim/out"), 1);
            assert!(err.starts_with("error: cannot create /proc/rapsim/out"), "{err}");
        }
    }
    assert_eq!(names(&lab.0), ["tiny.toml"], "nothing else was left behind");
}

/// Sends the interrupt of a terminal's Ctrl-C, and waits for the end.
fn interrupt(child: Child) -> (Option<i32>, String) {
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    let output = child.wait_with_output().unwrap();
    (output.status.code(), text(&output.stderr))
}

/// Waits until a folder holds something that is not hidden, or for a minute.
fn wait_for(folder: &Path, what: impl Fn(&[String]) -> bool) {
    for _ in 0..1200 {
        if what(&names(folder)) {
            return;
        }
        sleep(Duration::from_millis(50));
    }
    panic!("{} never came to hold what was waited for", folder.display());
}

#[test]
fn an_interrupted_run_says_so_and_leaves_nothing() {
    let lab = Lab::new("interrupt-run");
    let child = lab.start("run tiny.toml --quiet --out out --set duration=10h --set workload.drain=9h");
    // The folder is there before the run begins; the signal is heard from a moment later on.
    wait_for(&lab.0, |names| names.contains(&"out".into()));
    sleep(Duration::from_millis(500));
    let (code, err) = interrupt(child);
    assert_eq!(code, Some(130), "{err}");
    assert!(err.contains("interrupted; nothing was written"), "{err}");
    assert_eq!(names(&lab.0.join("out")), Vec::<String>::new());
}

#[test]
fn an_interrupted_sweep_keeps_what_is_complete_and_says_how_to_go_on() {
    let lab = Lab::new("interrupt-sweep");
    let child = lab.start("sweep tiny.toml --quiet --threads 1 --out out --set sweep.replications=500");
    wait_for(&lab.0, |names| names.contains(&"out".into()));
    wait_for(&lab.0.join("out"), |names| names.iter().any(|name| name.starts_with("tiny-")));
    let name = names(&lab.0.join("out")).into_iter().find(|name| name.starts_with("tiny-")).unwrap();
    let runs = lab.0.join("out").join(name).join("runs");
    wait_for(&runs, |names| names.iter().any(|name| !name.starts_with('.')));
    let (code, err) = interrupt(child);
    assert_eq!(code, Some(130), "{err}");
    assert!(err.contains("interrupted") && err.contains("rapsim sweep tiny.toml"), "{err}");
    let left = names(&runs);
    assert!(!left.is_empty() && left.len() < 1000 && left.iter().all(|name| !name.starts_with('.')), "{left:?}");
    assert!(left.iter().all(|run| runs.join(run).join("manifest.toml").exists()));
}

#[test]
fn sweeps_are_compared_seed_by_seed() {
    let lab = Lab::new("compare");
    let metric = "sent_wire_bytes_per_node";
    let sweep = |fanout: u32| -> (String, Vec<f64>) {
        let line = format!(
            "sweep tiny.toml --format json --out out --set sweep={{replications=3}} --set figure=[] --set protocol.eager_push.fanout={fanout}"
        );
        let directory = lab.json(&line)["sweep_dir"].as_str().unwrap().to_owned();
        let table = fs::read_to_string(lab.0.join(&directory).join("sweep.csv")).unwrap();
        let rows = table.lines().map(|line| line.split(',').collect::<Vec<_>>());
        let mut of_metric: Vec<(u64, f64)> = rows
            .filter(|row| row[1] == metric && row[2].is_empty())
            .map(|row| (row[0].parse().unwrap(), row[3].parse().unwrap()))
            .collect();
        of_metric.sort_by_key(|(seed, _)| *seed);
        assert_eq!(of_metric.iter().map(|(seed, _)| *seed).collect::<Vec<_>>(), [1, 2, 3]);
        (directory, of_metric.into_iter().map(|(_, value)| value).collect())
    };
    let ((first, a), (second, b)) = (sweep(2), sweep(4));
    let compared = lab.json(&format!("compare {first} {second} --metric {metric} --format json"));
    let line = compared.as_array().unwrap().iter().find(|line| line["group"] == "").unwrap();
    let mean = |values: &[f64]| values.iter().sum::<f64>() / 3.0;
    let close = |field: &str, expected: f64| {
        let found = line[field].as_f64().unwrap();
        assert!((found - expected).abs() < 1e-9 * expected.abs(), "{field}: {found}, not {expected}");
    };
    assert_eq!(line["n"], 3);
    close("mean_a", mean(&a));
    close("mean_b", mean(&b));
    let differences: Vec<f64> = a.iter().zip(&b).map(|(a, b)| b - a).collect();
    close("difference", mean(&differences));
    // Student's t for two degrees of freedom at 97.5 %.
    let deviations = differences.iter().map(|difference| difference - mean(&differences));
    let spread = deviations.map(|deviation| deviation * deviation).sum::<f64>() / 2.0;
    let half = 4.302_652_729_9 * (spread / 3.0).sqrt();
    let found = (line["ci95_high"].as_f64().unwrap() - line["ci95_low"].as_f64().unwrap()) / 2.0;
    assert!((found - half).abs() < 1e-6 * half, "{found}, not {half}");
}
