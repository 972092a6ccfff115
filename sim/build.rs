//! Tells the program which compiler and commit it was built from. Without git it says nothing, and `host.toml` reads "unknown".

use std::path::Path;
use std::process::Command;

fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    (output.status.success() && !text.trim().is_empty()).then(|| text.trim().to_owned())
}

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // A debug build is not rebuilt at every commit for the sake of a line in `host.toml`.
    if std::env::var("PROFILE").as_deref() != Ok("release") {
        return;
    }
    if let Some(head) = output("git", &["rev-parse", "--git-path", "logs/HEAD"]).filter(|head| Path::new(head).exists())
    {
        println!("cargo::rerun-if-changed={head}");
    }
    if let Some(commit) = output("git", &["describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]) {
        println!("cargo::rustc-env=RAPSIM_COMMIT={commit}");
    }
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
    if let Some(version) = output(&rustc, &["--version"]) {
        println!("cargo::rustc-env=RAPSIM_RUSTC={version}");
    }
}
