//! `rapnode`: a node as a program. One process runs it; the other verbs speak to that process over its control socket.
//!
//! | file | what it does |
//! |---|---|
//! | [`config`] | the configuration file |
//! | `control` | requests and answers over the local socket |
//! | `metrics` | `series.csv` in the simulator's form, and a page for Prometheus |
//! | `run` | starts the protocol that the configuration names, and serves until it is told to stop |

pub mod config;
mod control;
mod metrics;
mod run;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use rapprochement_core::peer::PeerId;
use rapprochement_core::store::{Ed25519Keys, Keys};

/// Hosts a protocol of Rapprochement over iroh.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Make a key file, and print the node's id
    Key {
        /// Where the secret goes; the file must not exist
        file: PathBuf,
    },
    /// Run the node of a configuration until it gets a signal
    Run {
        /// The configuration
        file: PathBuf,
    },
    /// What a running node is doing, as JSON
    Status {
        /// Its configuration
        file: PathBuf,
    },
    /// Set one of the node's own keys; it is durable when this returns
    Put {
        /// Its configuration
        file: PathBuf,
        /// The key
        key: String,
        /// The value; leaving it out deletes the key
        value: Option<String>,
    },
    /// The value of an author's key; exit code 1 where there is none
    Get {
        /// Its configuration
        file: PathBuf,
        /// The key
        key: String,
        /// The author's id; the node itself where it is left out
        #[arg(long)]
        author: Option<String>,
    },
    /// Print new tuples as they come, one JSON object a line
    Watch {
        /// Its configuration
        file: PathBuf,
    },
}

/// The program.
pub fn main() -> ExitCode {
    match Cli::parse().verb {
        Verb::Key { file } => told(make_key(&file)),
        Verb::Run { file } => told(config::load(&file).and_then(|config| run::run(&config))),
        Verb::Status { file } => told(asked(&file, &control::Request::Status)),
        Verb::Watch { file } => told(asked(&file, &control::Request::Watch)),
        Verb::Put { file, key, value } => told(asked(&file, &control::Request::Put { key, value })),
        Verb::Get { file, key, author } => told(asked(&file, &control::Request::Get { author, key })),
    }
}

fn told(outcome: Result<ExitCode, String>) -> ExitCode {
    outcome.unwrap_or_else(|message| {
        // What is wrong with a file comes with its place, and says so itself.
        let head = if message.starts_with("error:") { "" } else { "error: " };
        eprintln!("{head}{}", message.trim_end());
        ExitCode::from(2)
    })
}

fn asked(file: &Path, request: &control::Request) -> Result<ExitCode, String> {
    control::ask(&config::load(file)?.control, request)
}

/// A new secret, readable by its owner alone.
fn make_key(file: &Path) -> Result<ExitCode, String> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let secret = entropy()?;
    let failed = |error: std::io::Error| format!("cannot make {}: {error}", file.display());
    let mut options = std::fs::OpenOptions::new();
    let mut out = options.write(true).create_new(true).mode(0o600).open(file).map_err(failed)?;
    writeln!(out, "{}", hex(&secret)).map_err(failed)?;
    println!("{}", hex(&Ed25519Keys::from_secret(&secret).author().0));
    Ok(ExitCode::SUCCESS)
}

/// 32 bytes of the system's entropy.
fn entropy() -> Result<[u8; 32], String> {
    Ok(iroh::SecretKey::generate().to_bytes())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let text = text.trim();
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

/// An id in hexadecimal digits.
fn peer(text: &str) -> Result<PeerId, String> {
    unhex(text)
        .map(PeerId)
        .ok_or_else(|| format!("{text:?} is no id: 64 hexadecimal digits, as `rapnode key` prints them"))
}
