//! The measurements: round trips of single commands and of pipelines of 16, over sizes of values.

use std::fmt::Write;
use std::sync::atomic::Ordering;
use std::time::Instant;

use redis::{Connection, RedisError, RedisResult};

use super::server::{Fault, Server};
use crate::cli::execute::interrupt_flag;
use crate::measure::statistics::quantile;
use crate::model::workflow::table::{HEADER, Verb};

/// Bytes of values.
const SIZES: [usize; 6] = [0, 100, 1_000, 10_000, 100_000, 1_000_000];
/// Commands in a pipeline.
const BATCH: usize = 16;
/// Bytes that are sent for one command and size at most, so that large values take no longer than small ones.
const BYTES: usize = 200_000_000;
/// What is told of a distribution.
const QUANTILES: [f64; 11] = [0.0, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999];
/// A key as long as those of the model.
const KEY: &str = "calibrate:0123456789abcd";

/// Measures all commands over all sizes, and returns the table's text.
pub(super) fn measure(server: &mut Server, samples: u32) -> Result<String, Fault> {
    let mut text = heading(server)?;
    for verb in Verb::ALL {
        for pipelined in [false, true] {
            // What takes an element away needs another one there first; a pipeline of these is not what clients do.
            if pipelined && verb == Verb::Pop {
                continue;
            }
            for size in SIZES {
                if interrupt_flag().load(Ordering::Relaxed) {
                    return Err(Fault::Interrupted);
                }
                let trips = (samples as usize).min(BYTES / size.max(1)).max(20);
                let times = round(server, verb, pipelined, size, trips);
                let mut times = times.map_err(|error| server.explain(verb.name(), &error))?;
                times.sort_by(f64::total_cmp);
                for share in QUANTILES {
                    let nanos = quantile(&times, share) as u64;
                    let _ = writeln!(text, "{},{pipelined},{size},{share},{nanos}", verb.name());
                }
            }
        }
    }
    Ok(text)
}

/// What the table was measured on.
fn heading(server: &mut Server) -> Result<String, Fault> {
    let info =
        server.connect().and_then(|mut connection| redis::cmd("INFO").arg("server").query::<String>(&mut connection));
    let info = info.map_err(|error| server.explain("INFO", &error))?;
    let version = info.lines().find_map(|line| line.strip_prefix("redis_version:")).unwrap_or("unknown").trim();
    let facts = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = facts.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    let model = model.trim_start_matches([' ', '\t', ':']).trim();
    let model = if model.is_empty() { "unknown processor" } else { model };
    let cpus = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    Ok(format!(
        "# Service times of Redis {version} on the loopback, one client, round trips; pipelines of {BATCH}, divided.\n\
         # Measured by `rapsim calibrate redis` on {model}, {cpus} processors, {}.\n{HEADER}\n",
        std::env::consts::OS
    ))
}

/// Nanoseconds of so many commands.
fn round(server: &Server, verb: Verb, pipelined: bool, size: usize, trips: usize) -> RedisResult<Vec<f64>> {
    let mut connection = server.connect()?;
    // A subscriber, for whom messages are thrown away by the kernel's buffers only as they are read: it reads along.
    let mut listener = (verb == Verb::Publish).then(|| server.connect()).transpose()?;
    let mut heard = listener.as_mut().map(|connection| connection.as_pubsub());
    if let Some(heard) = &mut heard {
        heard.subscribe(KEY)?;
    }
    let value = vec![b'x'; size];
    prepare(&mut connection, verb, &value)?;
    let batch = if pipelined { BATCH } else { 1 };
    let mut times = Vec::with_capacity(trips / batch + 1);
    // The first ones warm up.
    for trip in 0..(trips / batch + 20) {
        if verb == Verb::Pop {
            redis::cmd("RPUSH").arg(KEY).arg(&value).exec(&mut connection)?;
        }
        let nanos = if pipelined {
            let mut pipe = redis::pipe();
            for _ in 0..BATCH {
                pipe.add_command(command(verb, &value));
            }
            timed(|| pipe.query::<redis::Value>(&mut connection))?
        } else {
            let command = command(verb, &value);
            timed(|| command.query::<redis::Value>(&mut connection))?
        };
        for _ in 0..batch {
            heard.as_mut().map(|heard| heard.get_message()).transpose()?;
        }
        if matches!(verb, Verb::Push | Verb::Add) {
            // What grows does not fill the memory.
            redis::cmd("DEL").arg(KEY).exec(&mut connection)?;
        }
        if trip >= 20 {
            times.push(nanos / batch as f64);
        }
    }
    redis::cmd("DEL").arg(KEY).exec(&mut connection)?;
    Ok(times)
}

fn prepare(connection: &mut Connection, verb: Verb, value: &[u8]) -> Result<(), RedisError> {
    redis::cmd("DEL").arg(KEY).exec(connection)?;
    if verb == Verb::Get { redis::cmd("SET").arg(KEY).arg(value).exec(connection) } else { Ok(()) }
}

fn command(verb: Verb, value: &[u8]) -> redis::Cmd {
    let mut command = redis::cmd(verb.name());
    command.arg(KEY);
    match verb {
        Verb::Get => &mut command,
        Verb::Set | Verb::Push | Verb::Publish => command.arg(value),
        Verb::Pop => command.arg(0),
        Verb::Add => command.arg("*").arg("d").arg(value),
    };
    command
}

/// Nanoseconds that something takes.
#[expect(clippy::disallowed_methods, reason = "the wall clock is what is measured")]
fn timed<T>(run: impl FnOnce() -> RedisResult<T>) -> RedisResult<f64> {
    let start = Instant::now();
    run()?;
    Ok(start.elapsed().as_nanos() as f64)
}
