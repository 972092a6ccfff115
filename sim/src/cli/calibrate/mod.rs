//! `rapsim calibrate`: measures a real server on this machine, and writes the table that a model reads. What it needs beyond the rest of the
//! program stands behind the feature `calibrate`.

#[cfg(feature = "calibrate")]
mod measure;
#[cfg(feature = "calibrate")]
mod server;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Exit;

/// Measure a real server for a model to read.
#[derive(Debug, Args)]
pub struct CalibrateArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// How long a Redis server takes for its commands, over sizes of values.
    ///
    /// Starts `redis-server` on a free port of the loopback and stops it in any case. One client asks for one thing after the other, so a time is
    /// that of a round trip: system calls on both sides included, no waiting behind others. Pipelined times are those of 16 commands at once,
    /// divided. The table is for `protocol.workflow.redis.table`.
    Redis(RedisArgs),
}

/// `rapsim calibrate redis`.
#[derive(Debug, Args)]
struct RedisArgs {
    /// Where the table goes.
    #[arg(long, default_value = "redis.csv")]
    out: PathBuf,
    /// The server's program.
    #[arg(long, default_value = "redis-server")]
    server: PathBuf,
    /// Measurements of each command and size; fewer for large values.
    #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u32).range(20..=1_000_000))]
    samples: u32,
}

/// Runs the verb.
pub fn main(args: &CalibrateArgs) -> Exit {
    let What::Redis(args) = &args.what;
    redis(args)
}

#[cfg(not(feature = "calibrate"))]
fn redis(args: &RedisArgs) -> Exit {
    let _ = (&args.out, &args.server, args.samples);
    super::complain(
        "this program was built without what measures a server; build it with\n  \
         cargo build --release --features calibrate",
    );
    Exit::Usage
}

#[cfg(feature = "calibrate")]
fn redis(args: &RedisArgs) -> Exit {
    use crate::model::workflow::table::Table;
    use crate::output::replace_file;

    let measured = server::Server::start(&args.server).and_then(|mut server| {
        let text = measure::measure(&mut server, args.samples)?;
        Table::parse(&text)
            .map_err(|wrong| server::Fault::Failed(format!("what was measured is no table: {wrong}")))?;
        Ok(text)
    });
    match measured {
        Ok(text) => match replace_file(&args.out, text.as_bytes()) {
            Ok(()) => super::print(format!("wrote {}", args.out.display())),
            Err(error) => Exit::from(&error),
        },
        Err(server::Fault::Interrupted) => {
            super::complain("interrupted; nothing was written");
            Exit::Interrupted
        }
        Err(server::Fault::Failed(why)) => {
            super::complain(format!("{why}; nothing was written"));
            Exit::Failure
        }
    }
}
