//! `rapsim calibrate redis`: a server that is missing, ends, or answers with errors leaves one clear error and nothing else; a whole one
//! gives a table that the model reads. Only with the feature `calibrate`, and where `redis-server` is installed.

#![cfg(all(feature = "calibrate", unix))]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use rapprochement_sim::model::workflow::table::Table;

/// A folder of its own, and a script in it that stands in for the server.
fn scratch(name: &str, script: &str) -> (PathBuf, PathBuf) {
    let folder = std::env::temp_dir().join(format!("rapprochement-calibrate-{name}-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let program = folder.join("server");
    fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    (folder, program)
}

fn calibrate(folder: &Path, server: &Path, samples: &str) -> Output {
    let out = folder.join("table.csv");
    let mut command = Command::new(env!("CARGO_BIN_EXE_rapsim"));
    command.args(["calibrate", "redis", "--samples", samples, "--server"]).arg(server).arg("--out").arg(out);
    command.output().unwrap()
}

fn has_server() -> bool {
    Command::new("redis-server").arg("--version").output().is_ok()
}

fn fails(name: &str, script: &str, what: &str) {
    let (folder, program) = scratch(name, script);
    let said = calibrate(&folder, &program, "200000");
    let text = String::from_utf8_lossy(&said.stderr).into_owned();
    assert_eq!((said.status.code(), text.lines().count()), (Some(1), 1), "{text}");
    assert!(text.contains(what) && text.contains("nothing was written"), "{text}");
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "nothing but the script is there");
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_server_that_cannot_be_measured_leaves_one_error() {
    fails("ends", "exit 3", "ended at once");
    let (folder, _) = scratch("missing", "");
    let said = calibrate(&folder, Path::new("/nowhere/redis-server"), "20");
    assert!(String::from_utf8_lossy(&said.stderr).contains("cannot start `/nowhere/redis-server`"));
    assert!(!folder.join("table.csv").exists());
    fs::remove_dir_all(folder).unwrap();
    if has_server() {
        fails("errors", "exec redis-server \"$@\" --rename-command XADD ''", "answers to XADD with an error");
        fails("middle", "redis-server \"$@\" & sleep 1; kill -9 $!; wait; exit 9", "in the middle of");
    }
}

#[test]
fn a_whole_measurement_is_a_table_that_the_model_reads() {
    if has_server() {
        let (folder, _) = scratch("whole", "");
        let said = calibrate(&folder, Path::new("redis-server"), "20");
        assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
        let text = fs::read_to_string(folder.join("table.csv")).unwrap();
        assert!(text.starts_with("# Service times of Redis "));
        Table::parse(&text).unwrap();
        fs::remove_dir_all(folder).unwrap();
    }
}
