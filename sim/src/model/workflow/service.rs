//! How long the Redis server takes for a command: a fixed time and a time per byte, or drawn from a measured table.

use rand_core::Rng;
use rapprochement_core::time::Duration;

use super::config::RedisConfig;
use super::message::{Command, Reply};
use super::table::{Table, Verb};

/// The times of a server.
#[derive(Clone, Debug)]
pub struct Service {
    config: RedisConfig,
    table: Option<Table>,
}

impl Service {
    /// The times that a scenario gives, or those of a table.
    pub const fn new(config: RedisConfig, table: Option<Table>) -> Self {
        Self { config, table }
    }

    /// For a command with, or about, a value of so many bytes.
    pub fn time(&self, command: Command, pipelined: bool, bytes: u32, rng: &mut impl Rng) -> Duration {
        let verb = match command {
            Command::Set => Verb::Set,
            Command::Push | Command::Pop => Verb::Push,
            Command::Add => Verb::Add,
            Command::Publish => Verb::Publish,
            Command::Get | Command::Read | Command::Subscribe | Command::Subscribers => Verb::Get,
        };
        if let Some(table) = &self.table {
            return table.draw(verb, pipelined, bytes, rng);
        }
        let base = if pipelined { self.config.per_pipelined } else { self.config.per_command };
        let writes = matches!(command, Command::Set | Command::Push | Command::Add | Command::Publish);
        let rate = if writes { self.config.write_per_kilobyte } else { self.config.read_per_kilobyte };
        base.0 + per_kilobyte(rate.0, bytes)
    }

    /// For a reply to a client that has waited.
    pub fn delivery(&self, reply: Reply, bytes: u32, rng: &mut impl Rng) -> Duration {
        match &self.table {
            Some(table) => table.draw(if reply == Reply::Popped { Verb::Pop } else { Verb::Get }, false, bytes, rng),
            None => self.config.per_command.0 + per_kilobyte(self.config.read_per_kilobyte.0, bytes),
        }
    }
}

/// The time of so many bytes, rounded up to the nanosecond.
pub(super) fn per_kilobyte(rate: Duration, bytes: u32) -> Duration {
    let nanos = (u128::from(rate.as_nanos()) * u128::from(bytes)).div_ceil(1000);
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}
