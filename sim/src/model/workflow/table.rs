//! A measured table of a Redis server's service times: what `rapsim calibrate redis` writes and the model reads.
//!
//! A CSV file with the columns `command,pipelined,bytes,quantile,nanos`, behind comment lines that begin with `#` and say what it was
//! measured on. For each command, way of sending and size, times rise with the quantile. A drawn quantile is looked up at the two sizes
//! next to the value's and interpolated in between; beyond the largest size the time goes on as between the last two.

use std::fs;
use std::path::Path;

use rand_core::Rng;
use rapprochement_core::time::Duration;

use crate::problem::Problem;

/// Lines of a table at most.
const LINES_MAX: usize = 100_000;
/// Bytes of a file at most.
const FILE_MAX: u64 = 16 << 20;
/// A command does not take longer than this.
const NANOS_MAX: u64 = 60_000_000_000;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verb {
    /// SET.
    Set,
    /// GET.
    Get,
    /// RPUSH.
    Push,
    /// BLPOP of what is there.
    Pop,
    /// XADD.
    Add,
    /// PUBLISH to one subscriber.
    Publish,
}

impl Verb {
    /// All there are.
    pub const ALL: [Self; 6] = [Self::Set, Self::Get, Self::Push, Self::Pop, Self::Add, Self::Publish];

    /// The command's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Set => "SET",
            Self::Get => "GET",
            Self::Push => "RPUSH",
            Self::Pop => "BLPOP",
            Self::Add => "XADD",
            Self::Publish => "PUBLISH",
        }
    }
}

/// Times at one size: quantiles and nanoseconds, both rising.
#[derive(Clone, Debug, PartialEq)]
struct Times {
    bytes: u32,
    quantiles: Vec<(f64, u64)>,
}

/// The times of one command.
#[derive(Clone, Debug, PartialEq)]
struct Curve {
    verb: Verb,
    pipelined: bool,
    sizes: Vec<Times>,
}

/// A measured table.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    curves: Vec<Curve>,
}

/// The first line behind the comments.
pub const HEADER: &str = "command,pipelined,bytes,quantile,nanos";

impl Table {
    /// Reads a file.
    ///
    /// # Errors
    /// It cannot be read, or what is wrong with which line.
    pub fn read(path: &Path) -> Result<Self, Problem> {
        let problem = |message: String| {
            let help = "`rapsim calibrate redis` writes such a table";
            Problem::new("protocol.workflow.redis.table", format!("{}: {message}", path.display()), help)
        };
        let length = fs::metadata(path).map_err(|error| problem(error.to_string()))?.len();
        if length > FILE_MAX {
            return Err(problem(format!("{length} bytes are no table of service times")));
        }
        let text = fs::read_to_string(path).map_err(|error| problem(error.to_string()))?;
        Self::parse(&text).map_err(problem)
    }

    /// Reads a table's text.
    ///
    /// # Errors
    /// What is wrong with which line.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut lines = text.lines().zip(1..).filter(|(line, _)| !line.starts_with('#') && !line.trim().is_empty());
        match lines.next() {
            Some((HEADER, _)) => {}
            Some((_, number)) => return Err(format!("line {number}: the columns are `{HEADER}`")),
            None => return Err("the table is empty".into()),
        }
        let mut table = Self { curves: Vec::new() };
        for (count, (line, number)) in lines.enumerate() {
            if count >= LINES_MAX {
                return Err(format!("line {number}: more than {LINES_MAX} lines"));
            }
            table.add(line).map_err(|what| format!("line {number}: {what}"))?;
        }
        for verb in Verb::ALL {
            if table.curve(verb, false).is_none() {
                return Err(format!("there are no times of {} without pipelining", verb.name()));
            }
        }
        Ok(table)
    }

    fn add(&mut self, line: &str) -> Result<(), String> {
        let fields: Vec<&str> = line.split(',').map(str::trim).collect();
        let [command, pipelined, bytes, quantile, nanos] = fields[..] else {
            return Err(format!("{} fields instead of 5", fields.len()));
        };
        let verb = Verb::ALL.into_iter().find(|verb| verb.name() == command);
        let verb = verb.ok_or_else(|| format!("{command:?} is none of the commands that are measured"))?;
        let pipelined = pipelined.parse().map_err(|_| format!("{pipelined:?} is neither true nor false"))?;
        let bytes: u32 = bytes.parse().map_err(|_| format!("{bytes:?} is no number of bytes"))?;
        let is_share = |share: &f64| (0.0..=1.0).contains(share);
        let quantile =
            quantile.parse().ok().filter(is_share).ok_or_else(|| format!("{quantile:?} is no share from 0 to 1"))?;
        let sane = |nanos: &u64| *nanos <= NANOS_MAX;
        let nanos = nanos
            .parse()
            .ok()
            .filter(sane)
            .ok_or_else(|| format!("{nanos:?} is no time in nanoseconds up to a minute"))?;
        let place = self.curves.iter().position(|curve| (curve.verb, curve.pipelined) == (verb, pipelined));
        let place = place.unwrap_or_else(|| {
            self.curves.push(Curve { verb, pipelined, sizes: Vec::new() });
            self.curves.len() - 1
        });
        let sizes = &mut self.curves[place].sizes;
        if sizes.last().is_none_or(|last| last.bytes < bytes) {
            sizes.push(Times { bytes, quantiles: Vec::new() });
        }
        let Some(times) = sizes.last_mut().filter(|times| times.bytes == bytes) else {
            return Err("the sizes of a command do not rise".into());
        };
        if times.quantiles.last().is_some_and(|last| last.0 >= quantile || last.1 > nanos) {
            return Err("quantiles or their times do not rise".into());
        }
        times.quantiles.push((quantile, nanos));
        Ok(())
    }

    fn curve(&self, verb: Verb, pipelined: bool) -> Option<&Curve> {
        self.curves.iter().find(|curve| (curve.verb, curve.pipelined) == (verb, pipelined))
    }

    /// Draws the time of a command; one that was not measured pipelined takes as long as alone.
    pub fn draw(&self, verb: Verb, pipelined: bool, bytes: u32, rng: &mut impl Rng) -> Duration {
        let share = (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
        let curve = self.curve(verb, pipelined).or_else(|| self.curve(verb, false));
        let Some(sizes) = curve.map(|curve| &curve.sizes) else { return Duration::ZERO };
        let above = sizes.partition_point(|times| times.bytes < bytes).clamp(1, sizes.len().max(2) - 1);
        let nanos = match (sizes.get(above - 1), sizes.get(above)) {
            (Some(low), Some(high)) => {
                let (x0, x1) = (f64::from(low.bytes), f64::from(high.bytes));
                let (y0, y1) = (low.at(share), high.at(share));
                // Below the smallest size the smallest one's time holds.
                let x = f64::from(bytes).max(x0);
                y0 + (y1 - y0) * ((x - x0) / (x1 - x0))
            }
            (Some(only), None) => only.at(share),
            _ => 0.0,
        };
        Duration::from_nanos(nanos.max(0.0).min(NANOS_MAX as f64) as u64)
    }
}

impl Times {
    /// The time at a quantile, by linear interpolation; flat beyond the ends.
    fn at(&self, share: f64) -> f64 {
        let above = self.quantiles.partition_point(|(quantile, _)| *quantile < share);
        let value = |place: usize| self.quantiles.get(place).map(|(quantile, nanos)| (*quantile, *nanos as f64));
        match (above.checked_sub(1).and_then(value), value(above)) {
            (Some((q0, n0)), Some((q1, n1))) => n0 + (n1 - n0) * ((share - q0) / (q1 - q0)),
            (Some((_, nanos)), None) | (None, Some((_, nanos))) => nanos,
            (None, None) => 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Philox;

    fn text(more: &str) -> String {
        let rows: Vec<String> = Verb::ALL
            .iter()
            .flat_map(|verb| {
                [(100, 0.0, 1_000), (100, 1.0, 3_000), (1_100, 0.0, 2_000), (1_100, 1.0, 6_000)]
                    .map(|(bytes, quantile, nanos)| format!("{},false,{bytes},{quantile},{nanos}", verb.name()))
            })
            .collect();
        format!("# a machine\n{HEADER}\n{}\n{more}", rows.join("\n"))
    }

    /// Uniform between the ends at either size, and in proportion in between and beyond.
    #[test]
    fn times_are_interpolated_in_quantile_and_size() {
        let table = Table::parse(&text("SET,true,100,0.5,7\n")).unwrap();
        let mut rng = Philox::new(1);
        for (bytes, low, high) in [(0, 1_000, 3_000), (100, 1_000, 3_000), (600, 1_500, 4_500), (2_100, 3_000, 9_000)] {
            let drawn: Vec<u64> =
                (0..4_000).map(|_| table.draw(Verb::Get, false, bytes, &mut rng).as_nanos()).collect();
            assert!(drawn.iter().all(|nanos| (low..=high).contains(nanos)), "{bytes}");
            let mean = drawn.iter().sum::<u64>() as f64 / 4_000.0;
            let (middle, spread) = ((low + high) as f64 / 2.0, (high - low) as f64);
            // Five standard errors of a uniform mean.
            assert!((mean - middle).abs() < 5.0 * spread / 12f64.sqrt() / 4_000f64.sqrt(), "{bytes}: {mean}");
        }
        assert_eq!(table.draw(Verb::Set, true, 50_000, &mut rng).as_nanos(), 7);
        let alone = table.draw(Verb::Add, true, 100, &mut rng).as_nanos();
        assert!((1_000..=3_000).contains(&alone), "not measured pipelined");
    }

    #[test]
    fn malformed_tables_are_refused_with_their_line() {
        assert_eq!(Table::parse(""), Err("the table is empty".into()));
        assert!(Table::parse("# x\ncommand,bytes\n").unwrap_err().starts_with("line 2: the columns are"));
        assert!(Table::parse(&format!("{HEADER}\nSET,false,1,0.5,9\n")).unwrap_err().contains("no times of GET"));
        for (line, what) in [
            ("SET,false,1,0.5", "4 fields"),
            ("DEL,false,1,0.5,9", "DEL"),
            ("SET,maybe,1,0.5,9", "maybe"),
            ("SET,true,-1,0.5,9", "-1"),
            ("SET,true,1,1.5,9", "1.5"),
            ("SET,true,1,NaN,9", "NaN"),
            ("SET,true,1,0.5,99999999999999", "99999999999999"),
            ("SET,false,5,0.5,9", "sizes"),
            ("SET,false,1100,0.5,9", "quantiles"),
        ] {
            let wrong = Table::parse(&text(line)).unwrap_err();
            assert!(wrong.starts_with("line 27: ") && wrong.contains(what), "{wrong}");
        }
    }
}
