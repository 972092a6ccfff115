//! Transfers of the Linux kernel beside the model's: `sim/data/kernel-tcp.csv` has one row per transfer over a link like that of
//! [`super::rig`], and two samples are compared by the two-sample Kolmogorov-Smirnov distance, the largest difference
//! between their distribution functions.
//!
//! The kernel's times contain those of the programs that made up the link, some tenths of a millisecond per transfer. Where half
//! of all transfers take the same time to the microsecond in the model, these tenths alone make a distance of one half. So
//! distances can be taken with a slack: times that differ by less count as equal.

use rapprochement_core::time::{Duration, Instant};

use super::config::{CongestionControl, TcpConfig};
use super::rig::{Link, Rig, independent};

const ROWS: &str = include_str!("../../../data/kernel-tcp.csv");

/// Conditions of a transfer, and how long the kernel's took.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// Megabits per second.
    pub rate: u64,
    /// One way, in milliseconds.
    pub delay: u64,
    /// Share of the packets that is lost, in each direction.
    pub loss: f64,
    /// Bytes of the queue.
    pub queue: u64,
    /// Algorithm.
    pub congestion: CongestionControl,
    /// Bytes of the transfer.
    pub bytes: usize,
    /// Milliseconds from the first SYN to the last byte at the receiver, sorted.
    pub kernel: Vec<f64>,
}

/// All conditions in the file, in its order. Rows that are not as expected are left out.
pub fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for (case, complete) in ROWS.lines().filter_map(parse) {
        let same = |other: &&mut Case| Case { kernel: Vec::new(), ..(*other).clone() } == case;
        match cases.iter_mut().find(same) {
            Some(known) => known.kernel.push(complete),
            None => cases.push(Case { kernel: vec![complete], ..case }),
        }
    }
    for case in &mut cases {
        case.kernel.sort_by(f64::total_cmp);
    }
    cases
}

fn parse(row: &str) -> Option<(Case, f64)> {
    let mut fields = row.split(',');
    let mut next = || fields.next();
    let (rate, delay, loss) = (next()?.parse().ok()?, next()?.parse().ok()?, next()?.parse().ok()?);
    let queue = next()?.parse().ok()?;
    let congestion = match next()? {
        "cubic" => CongestionControl::Cubic,
        "reno" => CongestionControl::Reno,
        _ => return None,
    };
    let bytes = next()?.parse().ok()?;
    let complete = fields.nth(3)?.parse().ok()?;
    Some((Case { rate, delay, loss, queue, congestion, bytes, kernel: Vec::new() }, complete))
}

impl Case {
    /// The model's transfer under the same conditions, in milliseconds; infinite if it failed.
    pub fn model(&self, seed: u64) -> f64 {
        let config = TcpConfig { congestion: self.congestion, ..TcpConfig::default() };
        let delay = Duration::from_millis(self.delay);
        let link = Link { rate: self.rate.max(1) * 1_000_000, delay, queue: self.queue };
        let mut rig = Rig::new(2, &config, link, independent(seed, self.loss));
        rig.send(0, 1, self.bytes);
        rig.run_until(1).map_or(f64::INFINITY, |at: Instant| at.as_secs_f64() * 1e3)
    }

    /// So many of the model's transfers, sorted.
    pub fn models(&self, seeds: std::ops::Range<u64>) -> Vec<f64> {
        let mut times: Vec<f64> = seeds.map(|seed| self.model(seed)).collect();
        times.sort_by(f64::total_cmp);
        times
    }
}

/// The share of the time by which transfers may differ and count as equal: what the largest difference between model and
/// kernel without losses is rounded up to.
pub const SLACK: f64 = 0.0025;

/// The largest difference between the distribution functions of two sorted samples of positive numbers, where numbers that
/// differ by a share of `slack` at most count as equal; with 0 the distance of Kolmogorov and Smirnov, else that of Lévy
/// with the slack given.
pub fn distance(a: &[f64], b: &[f64], slack: f64) -> f64 {
    let below = |sample: &[f64], x: f64| sample.partition_point(|&y| y <= x) as f64 / sample.len().max(1) as f64;
    let one_way =
        |a: &[f64], b: &[f64]| a.iter().map(|&x| below(a, x) - below(b, x * (1.0 + slack))).fold(0.0, f64::max);
    one_way(a, b).max(one_way(b, a))
}

/// The distance that samples of one distribution exceed once in a hundred times, for large samples: c sqrt((n + m) / nm)
/// with c = sqrt(-ln(0.005) / 2).
pub fn critical(n: usize, m: usize) -> f64 {
    let (n, m) = (n.max(1) as f64, m.max(1) as f64);
    libm::sqrt(-libm::log(0.005) / 2.0) * libm::sqrt((n + m) / (n * m))
}

/// The value of a sorted sample below which this share of it lies.
pub fn quantile(sorted: &[f64], share: f64) -> f64 {
    let at = (share * sorted.len() as f64) as usize;
    sorted.get(at.min(sorted.len().saturating_sub(1))).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_of_small_samples() {
        assert_eq!(distance(&[1.0, 2.0], &[3.0, 4.0], 0.0), 1.0);
        assert_eq!(distance(&[3.0, 4.0], &[1.0, 2.0], 0.0), 1.0);
        assert_eq!(distance(&[1.0, 2.0], &[1.0, 2.0], 0.0), 0.0);
        assert_eq!(distance(&[1.0, 3.0], &[2.0, 4.0], 0.0), 0.5);
        assert_eq!(distance(&[100.0, 300.0], &[100.9, 400.0], 0.01), 0.5);
        assert!((critical(100, 1000) - 0.1707).abs() < 1e-3);
    }

    #[test]
    fn the_file_has_what_it_is_said_to_have() {
        let cases = cases();
        let counts: Vec<_> = cases.iter().map(|case| case.kernel.len()).collect();
        assert_eq!(counts, [10, 10, 10, 10, 10, 10, 10, 200, 100, 100, 100]);
    }
}
