//! Facts about the machine that a run happened on. They go to `host.toml` and nowhere else.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// `host.toml`: what differs from machine to machine and from run to run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HostFacts {
    /// Operating system.
    pub os: String,
    /// Processor architecture.
    pub arch: String,
    /// Processors that the process may use.
    pub cpus: u64,
    /// Threads of the run.
    pub threads: u32,
    /// Wall time of the run, in seconds.
    pub wall_s: f64,
    /// Events per second of wall time.
    pub events_per_s: f64,
    /// Largest resident memory of the process in bytes; absent where the system does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_rss_bytes: Option<u64>,
    /// Compiler that built the program, or "unknown".
    pub rustc: String,
    /// Commit that the program was built from, with "-dirty" where files differed; or "unknown".
    pub commit: String,
}

impl HostFacts {
    /// The facts about this machine and a run of so many events.
    pub fn of_run(threads: u32, wall: Duration, events: u64) -> Self {
        let wall_s = wall.as_secs_f64();
        Self {
            os: std::env::consts::OS.into(),
            arch: std::env::consts::ARCH.into(),
            cpus: std::thread::available_parallelism().map_or(1, |cpus| cpus.get() as u64),
            threads,
            wall_s,
            events_per_s: if wall_s > 0.0 { events as f64 / wall_s } else { 0.0 },
            peak_rss_bytes: peak_rss_bytes(),
            rustc: option_env!("RAPSIM_RUSTC").unwrap_or("unknown").into(),
            commit: option_env!("RAPSIM_COMMIT").unwrap_or("unknown").into(),
        }
    }
}

/// The largest resident memory of this process so far, in bytes; none where the system does not tell (only Linux does).
pub fn peak_rss_bytes() -> Option<u64> {
    memory("VmHWM:")
}

/// The resident memory of this process now, in bytes; none where the system does not tell.
pub fn resident_bytes() -> Option<u64> {
    memory("VmRSS:")
}

/// A figure of this process from the kernel's table, in bytes.
fn memory(key: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(key))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}
