//! Hops, messages and latency of lookups in a Kademlia directory with perfect routing tables, beside what another program gave in one
//! realisation each, and the closed form of hops.
//!
//! `cargo run --release -p rapprochement-core --example kademlia -- [--realisations R] [--lookups L] [--largest N] [--seed S]
//! [--split BITS] [--replicated] [--threads T] [--first-byte]`
//!
//! As it is: 40 realisations of 1000 lookups among 64 to 16,384 nodes with buckets of one bit, the value on the k closest nodes whether
//! they live or not (`--replicated`: on the k closest that live). A round trip is lognormal with median 50 ms and sigma 0.5, drawn
//! for every request. Keys that the asker holds count as found after 0 hops, 0 messages and 0 ms.
//!
//! Standard output: CSV with a row per setting and metric: mean over the realisations, half the width of its 95 % Student-t interval, least
//! and greatest realisation, what was published, and whether that lies between least and greatest within its rounding. Of 40
//! realisations and one more, that one lies between the others' extremes with probability 39/41 = 95 %. `hops_formula` is the closed
//! form, to which the mean is to be within 0.1. The result does not depend on the number of threads.

//!
//! With `--first-byte`: the distribution of the time from a name to the first byte of a flow to whom it stands for, among 1,024 nodes with and
//! without dead ones, by timeout and requests at once, of all realisations together; `scripts/names` draws it.

mod published;
mod realisation;

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use published::{SETTINGS, SIZES, Setting};
use realisation::METRICS;

const USAGE: &str = "usage: kademlia [--realisations R] [--lookups L] [--largest N] [--seed S] [--split 1|2|4|8] \
                     [--replicated] [--threads T] [--first-byte]";

struct Options {
    realisations: usize,
    lookups: usize,
    largest: usize,
    seed: u64,
    split: u32,
    replicated: bool,
    threads: usize,
    first_byte: bool,
}

impl Options {
    fn read() -> Result<Self, String> {
        let (realisations, lookups, largest) = (40, 1000, SIZES[SIZES.len() - 1]);
        let mut options = Self {
            realisations,
            lookups,
            largest,
            seed: 1,
            split: 1,
            replicated: false,
            threads: 1,
            first_byte: false,
        };
        let mut arguments = std::env::args().skip(1);
        while let Some(name) = arguments.next() {
            if name == "--replicated" {
                options.replicated = true;
                continue;
            }
            if name == "--first-byte" {
                options.first_byte = true;
                continue;
            }
            let text = arguments.next().ok_or_else(|| format!("{name} needs a value"))?;
            let number: u64 =
                text.parse().ok().filter(|number| *number > 0).ok_or_else(|| format!("what is {text}?"))?;
            match name.as_str() {
                "--realisations" => options.realisations = number.min(1_000_000) as usize,
                "--lookups" => options.lookups = number.min(1_000_000_000) as usize,
                "--largest" => options.largest = number.min(1 << 32) as usize,
                "--seed" => options.seed = number,
                "--split" if matches!(number, 1 | 2 | 4 | 8) => options.split = number as u32,
                "--threads" => options.threads = number.min(1024) as usize,
                _ => return Err(format!("what is {name} {text}?")),
            }
        }
        Ok(options)
    }

    /// All realisations of a setting, in their order.
    fn run(&self, setting: Setting) -> Vec<[f64; METRICS.len()]> {
        let (next, done) = (AtomicUsize::new(0), Mutex::new(vec![[0.0; METRICS.len()]; self.realisations]));
        let worker = || {
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                if at >= self.realisations {
                    return;
                }
                let seed = self.seed.wrapping_add(at as u64);
                let figures = realisation::run(setting, self.split, self.replicated, self.lookups, seed);
                done.lock().expect("no worker panics")[at] = figures;
            }
        };
        std::thread::scope(|scope| (0..self.threads).for_each(|_| drop(scope.spawn(worker))));
        done.into_inner().expect("no worker panics")
    }
}

/// Mean, and half the width of its 95 % Student-t interval.
fn interval(values: &[f64]) -> (f64, f64) {
    /// The 97.5 % quantiles of Student's t for the given degrees of freedom or more.
    const T: [(usize, f64); 9] = [
        (1, 12.706),
        (2, 4.303),
        (4, 2.776),
        (9, 2.262),
        (14, 2.145),
        (19, 2.093),
        (29, 2.045),
        (39, 2.023),
        (99, 1.984),
    ];
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    if values.len() < 2 {
        return (mean, 0.0);
    }
    let variance = values.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / (n - 1.0);
    let t = T.iter().rev().find(|(freedom, _)| *freedom < values.len()).map_or(T[0].1, |(_, t)| *t);
    (mean, t * (variance / n).sqrt())
}

/// The distribution of the time from a name to the first byte, thinned to a row per half of a percent and the last percent whole.
fn print_first_bytes(options: &Options) {
    println!("setting,time_s,share");
    for (alpha, dead, timeout_ms) in [(3, 0.0, 2000), (3, 0.2, 2000), (3, 0.2, 250), (10, 0.2, 250)] {
        let setting = Setting { k: 8, alpha, dead, timeout_ms, nodes: 1024 };
        let of = |at| {
            let seed = options.seed.wrapping_add(at as u64);
            realisation::first_bytes(setting, options.split, options.replicated, options.lookups, seed)
        };
        let mut times: Vec<f64> = (0..options.realisations).flat_map(of).collect();
        times.sort_by(f64::total_cmp);
        let name = format!("{:.0} % dead; timeout {timeout_ms} ms; {alpha} at once", dead * 100.0);
        let (all, step) = (times.len(), (times.len() / 200).max(1));
        for (at, time) in times.iter().enumerate().filter(|(_, time)| time.is_finite()) {
            if at % step == 0 || at * 100 > all * 99 && at % (step / 10).max(1) == 0 {
                println!("{name},{time:.6},{:.6}", (at + 1) as f64 / all as f64);
            }
        }
    }
}

fn main() -> ExitCode {
    let options = match Options::read() {
        Ok(options) => options,
        Err(error) => {
            eprintln!("{error}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    if options.first_byte {
        print_first_bytes(&options);
        return ExitCode::SUCCESS;
    }
    println!("k,alpha,dead,timeout_ms,nodes,metric,mean,half_width,least,greatest,published,inside");
    let (mut inside, mut published) = (0, 0);
    for (which, &(k, alpha, dead, timeout_ms)) in SETTINGS.iter().enumerate() {
        for nodes in SIZES.into_iter().filter(|nodes| *nodes <= options.largest) {
            let runs = options.run(Setting { k, alpha, dead, timeout_ms, nodes });
            for (at, metric) in METRICS.into_iter().enumerate() {
                let values: Vec<f64> = runs.iter().map(|run| run[at]).collect();
                let (mean, half) = interval(&values);
                let least = values.iter().copied().fold(f64::INFINITY, f64::min);
                let greatest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let row = format!("{k},{alpha},{dead},{timeout_ms},{nodes}");
                print!("{row},{metric},{mean:.3},{half:.3},{least:.3},{greatest:.3},");
                match published::cells(which, nodes).find(|cell| cell.metric == metric) {
                    Some(cell) => {
                        let fits = (least - cell.rounding..=greatest + cell.rounding).contains(&cell.value);
                        println!("{},{}", cell.value, if fits { "yes" } else { "no" });
                        (inside, published) = (inside + u32::from(fits), published + 1);
                    }
                    None => println!(","),
                }
                if metric == "hops" && dead == 0.0 {
                    let form = published::expected_hops(k, nodes);
                    let fits = if (form - mean).abs() <= 0.1 { "yes" } else { "no" };
                    println!("{row},hops_formula,{mean:.3},{half:.3},{least:.3},{greatest:.3},{form:.3},{fits}");
                }
            }
        }
    }
    eprintln!(
        "{inside} of {published} published figures lie between the extremes of {} realisations",
        options.realisations
    );
    ExitCode::SUCCESS
}
