//! Directories are whole or absent, read back as they were written, and say what is wrong.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rapprochement_core::time::Instant;

use super::run::write_on;
use super::staging::{Disk, Staging};
use super::*;
use crate::measure::results::{Curve, LoggedEvent, Results};
use crate::plot::standard;
use crate::scenario::schema::Scenario;

/// An empty directory that vanishes with the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("rapsim-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).unwrap();
        let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A disk on which every call from a given one on fails, as for a process that was killed there; or only that one.
struct Failing {
    calls: u32,
    from: u32,
    once: bool,
    kind: io::ErrorKind,
}

impl Failing {
    fn next(&mut self) -> io::Result<()> {
        self.calls += 1;
        let fails = if self.once { self.calls == self.from } else { self.calls >= self.from };
        if fails { Err(self.kind.into()) } else { Ok(()) }
    }
}

impl Disk for Failing {
    fn create_dir(&mut self, path: &Path) -> io::Result<()> {
        self.next().and_then(|()| fs::create_dir_all(path))
    }
    fn write(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let done = self.next();
        fs::write(path, if done.is_ok() { bytes } else { &bytes[..bytes.len() / 2] }).and(done)
    }
    fn sync_dir(&mut self, _: &Path) -> io::Result<()> {
        self.next()
    }
    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        self.next().and_then(|()| fs::rename(from, to))
    }
    fn remove(&mut self, path: &Path) -> io::Result<()> {
        self.next()?;
        if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }
    }
}

fn scenario(seed: u64) -> Scenario {
    let text = r#"
        name = "small"
        nodes = 10
        duration = "10 s"
        protocol.full_push.interval = "1 s"
        workload = { writers = 1, arrivals.burst.count = 3 }
        sweep.grid."protocol.full_push.interval" = ["1 s", "2 s"]
        [measure]
        events = true
        [[figure]]
        name = "bytes"
        x = "protocol.full_push.interval"
        y = "bytes"
    "#;
    Scenario { seed, ..toml::from_str(text).unwrap() }
}

fn results(bytes: f64) -> Results {
    let mut results = Results::default();
    results.scalar("bytes", bytes);
    results.scalar_of("sent_wire_bytes_per_node_s", "push, \"full\"", 0.1 + 0.2);
    for second in 0..3u32 {
        let time = Instant::from_nanos(u64::from(second) * 1_000_000_000);
        results.sample(time, "newest_share", "", f64::from(second) / 3.0);
    }
    results.curves.push(Curve {
        name: "latency".into(),
        x_label: "Latency (s)".into(),
        y_label: "Share".into(),
        x_log: true,
        lines: vec![("a".into(), vec![(0.1, 0.5), (0.2, 1.0)]), ("b".into(), vec![(1e-9, 1.0)])],
    });
    results
}

/// Writes one run of the given bytes on a given disk.
fn write_small<D: Disk>(
    disk: D,
    parent: &Path,
    directory: &str,
    seed: u64,
    results: &Results,
) -> Result<PathBuf, OutputError> {
    let (scenario, host) = (scenario(seed), HostFacts::of_run(2, Duration::from_millis(1500), 3_000));
    let record = RunRecord {
        directory,
        scenario: &scenario,
        scenario_hash: "0123456789abcdef",
        digest: 0xfeed,
        outcome: "deadline reached",
        events: 3_000,
        end: Instant::from_nanos(10_000_000_000),
        results,
        figures: &[],
        host: &host,
    };
    write_on(disk, parent, &record)
}

/// The value of the metric "bytes" of a stored run, which must be whole.
fn stored(directory: &Path) -> Option<f64> {
    directory.exists().then(|| read(directory).expect("whole").results.get("bytes").expect("written"))
}

#[test]
fn killed_at_any_step_a_run_is_whole_or_absent_and_what_is_left_goes_away() {
    for replaces in [false, true] {
        let mut step = 1;
        loop {
            let scratch = Scratch::new("killed");
            if replaces {
                write_small(staging::Machine, &scratch.0, "run", 1, &results(1.0)).unwrap();
            }
            let disk = Failing { calls: 0, from: step, once: false, kind: io::ErrorKind::Interrupted };
            let done = write_small(disk, &scratch.0, "run", 1, &results(2.0));
            let run = scratch.0.join("run");
            stored(&run);
            clean(&scratch.0).unwrap();
            let found = stored(&run);
            assert!(
                matches!((replaces, found), (_, Some(2.0)) | (true, Some(1.0)) | (false, None)),
                "step {step}: {found:?}"
            );
            assert_eq!(scratch.names(), found.map(|_| "run".to_owned()).into_iter().collect::<Vec<_>>(), "step {step}");
            if done.is_ok() {
                break;
            }
            step += 1;
        }
        assert!(step > 10, "every file and rename was a step");
    }
}

#[test]
fn a_failed_write_leaves_no_trace_and_keeps_what_was_there() {
    for step in 1.. {
        let scratch = Scratch::new("failed");
        write_small(staging::Machine, &scratch.0, "run", 1, &results(1.0)).unwrap();
        let disk = Failing { calls: 0, from: step, once: true, kind: io::ErrorKind::StorageFull };
        let done = write_small(disk, &scratch.0, "run", 1, &results(2.0));
        let found = stored(&scratch.0.join("run"));
        match done {
            Ok(_) => return assert_eq!(found, Some(2.0)),
            Err(error) => {
                let message = error.to_string();
                assert!(
                    message.contains("free some space") && message.contains(scratch.0.to_str().unwrap()),
                    "{message}"
                );
                let hidden: Vec<_> = scratch.names().into_iter().filter(|name| name.starts_with(".tmp-")).collect();
                assert!(found.is_some() && hidden.is_empty(), "step {step}: {found:?}, {hidden:?}");
            }
        }
    }
}

#[test]
fn a_writer_that_still_lives_is_left_alone() {
    let scratch = Scratch::new("alive");
    let mut staging = Staging::begin(&scratch.0, "run").unwrap();
    staging.file("a.csv", b"a\n").unwrap();
    clean(&scratch.0).unwrap();
    staging.file("b.csv", b"b\n").unwrap();
    let run = staging.commit().unwrap();
    assert_eq!(
        (fs::read(run.join("a.csv")).unwrap(), fs::read(run.join("b.csv")).unwrap()),
        (b"a\n".to_vec(), b"b\n".to_vec())
    );
    assert_eq!(scratch.names(), ["run"]);
    clean(&scratch.0.join("missing")).unwrap();
}

#[test]
fn a_run_reads_back_as_it_was_written() {
    let scratch = Scratch::new("round-trip");
    let mut results = results(7.0);
    results.log.push(LoggedEvent {
        time: Instant::from_nanos(5),
        node: 3,
        kind: "send",
        peer: Some(4),
        class: "push",
        update: None,
        bytes: 128,
    });
    let directory = write_small(staging::Machine, &scratch.0, "run", 5, &results).unwrap();
    assert_eq!(
        fs::read_to_string(directory.join("events.csv")).unwrap(),
        "time_ns,node,kind,peer,class,update,bytes\n5,3,send,4,push,,128\n"
    );
    let run = read(&directory).unwrap();
    results.log.clear();
    assert_eq!(run.results, results);
    assert_eq!(
        (run.manifest.seed, run.manifest.end_ns, run.manifest.scenario.clone()),
        (5, 10_000_000_000, scenario(5))
    );
    assert_eq!(run.manifest.digest, "0000000000000000000000000000feed");
    assert!(exists(&directory) && !is_sweep(&directory) && !exists(&scratch.0));

    let host: HostFacts = toml::from_str(&fs::read_to_string(directory.join("host.toml")).unwrap()).unwrap();
    assert_eq!((host.threads, host.wall_s, host.events_per_s), (2, 1.5, 2_000.0));
    let manifest = fs::read_to_string(directory.join("manifest.toml")).unwrap();
    for fact in [host.os.as_str(), &host.arch, "wall", "threads"] {
        assert!(!manifest.contains(fact), "{fact} is a fact of the host");
    }

    let figures = standard(&run.results);
    redraw(&directory, &figures).unwrap();
    redraw(&directory, &figures).unwrap();
    let behind = fs::read_to_string(directory.join("figures/latency.csv")).unwrap();
    assert_eq!(behind, "line,x,y,low,high\na,0.1,0.5,,\na,0.2,1,,\nb,1e-9,1,,\n");
    assert!(directory.join("figures/convergence.pdf").is_file());
}

#[test]
fn what_is_wrong_is_said_with_its_place_and_its_mend() {
    let scratch = Scratch::new("wrong");
    let message = read(&scratch.0).unwrap_err().to_string();
    assert!(message.contains("not a run or sweep directory") && message.contains("manifest.toml"), "{message}");
    let message = read(&scratch.0.join("absent")).unwrap_err().to_string();
    assert!(message.contains("cannot read") && message.contains("check the path"), "{message}");

    fs::write(scratch.0.join("file"), "").unwrap();
    let message =
        write_small(staging::Machine, &scratch.0.join("file"), "run", 1, &results(1.0)).unwrap_err().to_string();
    assert!(message.contains("cannot create") && message.contains("file"), "{message}");
    let disk = Failing { calls: 0, from: 1, once: true, kind: io::ErrorKind::PermissionDenied };
    let message = write_small(disk, &scratch.0, "run", 1, &results(1.0)).unwrap_err().to_string();
    assert!(message.contains("choose a writable directory with --out"), "{message}");

    let run = write_small(staging::Machine, &scratch.0, "run", 1, &results(1.0)).unwrap();
    fs::write(run.join("scalars.csv"), "metric,group,value\nbytes,,1\nbytes,,many\n").unwrap();
    let message = read(&run).unwrap_err().to_string();
    assert!(message.contains("scalars.csv:3: \"many\" is not a number"), "{message}");
    fs::write(run.join("scalars.csv"), "metric,value\n").unwrap();
    assert!(read(&run).unwrap_err().to_string().contains("scalars.csv:1: the columns should be metric,group,value"));
    fs::write(run.join("manifest.toml"), "format = 99\n").unwrap();
    assert!(read(&run).unwrap_err().to_string().contains("its format is 99") && !exists(&run));
}

#[test]
fn a_sweep_is_tabulated_from_its_whole_runs() {
    let scratch = Scratch::new("sweep");
    let key = "protocol.full_push.interval";
    let points: Vec<Vec<(String, String)>> =
        ["1 s", "2 s"].iter().map(|value| vec![(key.into(), (*value).into())]).collect();
    let directory = begin_sweep(&scratch.0, &scenario(1), "00ff", &[1, 2], &points).unwrap();
    assert_eq!(directory, scratch.0.join("small-00ff"));
    let runs = directory.join("runs");
    for (point, seed, bytes) in [(0, 1, 10.0), (0, 2, 14.0), (1, 1, f64::NAN)] {
        let mut results = Results::default();
        results.scalar("bytes", bytes);
        write_small(staging::Machine, &runs, &point_name(&points[point], seed), seed, &results).unwrap();
    }
    let sweep = finish_sweep(&directory).unwrap();
    assert_eq!(sweep.missing, 1);
    let table = fs::read_to_string(directory.join("sweep.csv")).unwrap();
    assert_eq!(table, format!("{key},seed,metric,group,value\n1 s,1,bytes,,10\n1 s,2,bytes,,14\n2 s,1,bytes,,\n"));
    // Mean 12, sd sqrt(8), half-width 12.7062 * sqrt(8) / sqrt(2) = 25.4124.
    let summary = fs::read_to_string(directory.join("summary.csv")).unwrap();
    let lines: Vec<&str> = summary.lines().collect();
    assert_eq!(lines[0], format!("{key},metric,group,n,missing,mean,sd,ci95_low,ci95_high,median,p5,p95,p99"));
    assert!(lines[1].starts_with("1 s,bytes,,2,0,12,2.828427") && lines[1].contains(",-13.412"), "{}", lines[1]);
    assert_eq!(lines[2], "2 s,bytes,,0,1,,,,,,,,");
    let again = read_sweep(&directory).unwrap();
    assert_eq!((again.manifest, again.table.rows.len(), is_sweep(&directory)), (sweep.manifest, 3, true));
}

#[test]
fn points_have_names_that_files_can_have() {
    let name = |pairs: &[(&str, &str)]| {
        point_name(&pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect::<Vec<_>>(), 3)
    };
    assert_eq!(name(&[]), "base-s3");
    assert_eq!(
        name(&[("nodes", "1000"), ("protocol.eager_push.fanout", "4")]),
        "nodes=1000,protocol.eager_push.fanout=4-s3"
    );
    assert_eq!(name(&[("a", "1.5 s")]), "a=1.5s-s3");
    assert!(name(&[("a", "1/s")]).starts_with("a=1-s-") && name(&[("a", "1/s")]) != name(&[("a", "1:s")]));
    let long = name(&[("key", &"x".repeat(5_000))]);
    assert!(long.len() < 130 && long != name(&[("key", &"x".repeat(5_001))]));
}
