//! Who writes what, when. The whole schedule is drawn before the run from streams of its own, so that protocols compared
//! under one seed meet the same writes. A write whose writer is away at its time does not happen; it is counted.

use rand_core::Rng;
use rapprochement_core::random::{below, shuffle, unit};
use rapprochement_core::reconcile::SyncCommand;
use rapprochement_core::time::{Duration, Instant};

use super::config::{Arrivals, Keys, Popularity, ValueSize, WorkloadConfig};
use crate::random::{Philox, Purpose, Streams};

/// Stands for "no update".
pub const NO_UPDATE: u32 = u32::MAX;

/// One scheduled write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Update {
    /// When it is issued.
    pub at: Instant,
    /// The writing node.
    pub writer: u32,
    /// Its place among the writers, from 0.
    pub rank: u32,
    /// Number of the (author, key) entry that it writes.
    pub entry: u32,
    /// The scheduled update of the same entry before this one, or [`NO_UPDATE`].
    pub previous: u32,
    /// Bytes of the value; `None` deletes.
    pub size: Option<u32>,
}

/// All writes of a run, in order of time.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// The writes; an update's number is its index. What is preloaded at one node alone comes first.
    pub updates: Vec<Update>,
    /// How many updates are preloaded and need no command.
    pub preloaded: u32,
    /// The writing nodes, ascending.
    pub writers: Vec<u32>,
    /// Keys of each writer.
    pub keys_per_writer: u32,
    content_key: u64,
}

impl Schedule {
    /// Draws the schedule of a run of this length. `holders` are the nodes that hold what is preloaded at one node alone.
    pub fn draw(
        config: &WorkloadConfig,
        nodes: u32,
        duration: Duration,
        holders: impl Iterator<Item = u32>,
        streams: &Streams,
    ) -> Self {
        let mut rng = streams.stream(Purpose::Workload, 0);
        let writers = draw_writers(config.writers.min(nodes), nodes, &mut rng);
        let start = Instant::ZERO + config.warm_up.0;
        let end = Instant::ZERO + (duration - config.drain.0);
        let times = arrival_times(&config.arrivals, start, end, &mut rng);
        let mut keys = KeyChooser::new(&config.keys, writers.len());
        let periodic = matches!(config.arrivals, Arrivals::Periodic { .. });
        let mut last = vec![NO_UPDATE; writers.len() * config.keys.per_writer as usize];
        let mut updates: Vec<Update> =
            (last.len() as u32..).zip(holders).map(|(entry, holder)| Update::preloaded(entry, holder)).collect();
        let preloaded = updates.len() as u32;
        for (index, at) in (preloaded..).zip(times) {
            let count = writers.len() as u32;
            let rank = if periodic { (index - preloaded) % count } else { below(&mut rng, count) };
            let key = keys.choose(rank as usize, &mut rng);
            let entry = rank * config.keys.per_writer + key;
            let size = draw_size(config, &mut rng);
            let previous = std::mem::replace(&mut last[entry as usize], index);
            updates.push(Update { at, writer: writers[rank as usize], rank, entry, previous, size });
        }
        let content_key = streams.key(Purpose::Workload, 1);
        Self { updates, preloaded, writers, keys_per_writer: config.keys.per_writer, content_key }
    }

    /// Entries of all writers, written or not, and those that are preloaded at one node alone.
    pub fn entries(&self) -> usize {
        self.entries_of_writers() as usize + self.preloaded as usize
    }

    /// Entries of all writers, written or not.
    pub fn entries_of_writers(&self) -> u32 {
        self.writers.len() as u32 * self.keys_per_writer
    }

    /// The numbers of the updates that a command carries out.
    pub fn commanded(&self) -> impl Iterator<Item = (u32, &Update)> {
        (0..).zip(&self.updates).skip(self.preloaded as usize)
    }

    /// The key bytes of an entry: its number among its writer's keys.
    pub fn key_of(&self, entry: u32) -> [u8; 4] {
        (entry % self.keys_per_writer.max(1)).to_be_bytes()
    }

    /// The command that carries update number `index` out. Values are random bytes, the same in every run of the seed.
    pub fn command(&self, index: u32) -> SyncCommand {
        let update = &self.updates[index as usize];
        let key = self.key_of(update.entry).to_vec();
        let Some(size) = update.size else { return SyncCommand::Delete { key } };
        let mut value = vec![0; size as usize];
        let [seed, _] = Philox::block(self.content_key, [u64::from(index), 0]);
        Philox::new(seed).fill_bytes(&mut value);
        SyncCommand::Write { key, value }
    }
}

impl Update {
    /// One that its holder has when the run begins.
    const fn preloaded(entry: u32, holder: u32) -> Self {
        Self { at: Instant::ZERO, writer: holder, rank: u32::MAX, entry, previous: NO_UPDATE, size: None }
    }
}

/// `count` different nodes, ascending: all shuffled where many are wanted, else drawn until they differ.
fn draw_writers(count: u32, nodes: u32, rng: &mut Philox) -> Vec<u32> {
    let mut writers: Vec<u32> = if u64::from(count) * 4 > u64::from(nodes) {
        let mut all: Vec<u32> = (0..nodes).collect();
        shuffle(rng, &mut all);
        all.truncate(count as usize);
        all
    } else {
        let mut chosen = std::collections::BTreeSet::new();
        while chosen.len() < count as usize {
            chosen.insert(below(rng, nodes));
        }
        chosen.into_iter().collect()
    };
    writers.sort_unstable();
    writers
}

fn arrival_times(arrivals: &Arrivals, start: Instant, end: Instant, rng: &mut Philox) -> Vec<Instant> {
    let mut times = Vec::new();
    match arrivals {
        Arrivals::Never => {}
        Arrivals::Burst { count } => times.resize(*count as usize, start),
        Arrivals::Periodic { interval } => {
            let mut at = start;
            while at < end && !interval.0.is_zero() {
                times.push(at);
                at = at + interval.0;
            }
        }
        Arrivals::Poisson { per_second } => {
            let mut at = start;
            loop {
                let gap = Duration::from_secs_f64(-libm::log1p(-unit(rng)) / per_second);
                at = at + gap.max(Duration::from_nanos(1));
                if at >= end {
                    break;
                }
                times.push(at);
            }
        }
    }
    times
}

fn draw_size(config: &WorkloadConfig, rng: &mut Philox) -> Option<u32> {
    if config.deletes.0 > 0.0 && unit(rng) < config.deletes.0 {
        return None;
    }
    Some(size_of_value(config.value, rng))
}

/// Bytes of a value.
pub fn size_of_value(sizes: ValueSize, rng: &mut Philox) -> u32 {
    match sizes {
        ValueSize::Constant(size) => size.0 as u32,
        ValueSize::Uniform { min, max } => min.0 as u32 + below(rng, (max.0 - min.0) as u32 + 1),
    }
}

/// Draws keys by their popularity, and minds the wanted share of overwrites.
struct KeyChooser {
    per_writer: u32,
    /// Cumulative popularity of the keys, ending at 1; empty for uniform.
    cumulative: Vec<f64>,
    overwrites: Option<f64>,
    /// Which keys each writer has written, where the share of overwrites asks for it: new keys are taken in order.
    written: Vec<u32>,
}

impl KeyChooser {
    fn new(keys: &Keys, writers: usize) -> Self {
        let cumulative = match keys.popularity {
            Popularity::Uniform => Vec::new(),
            Popularity::Zipf { exponent } => {
                let weight = |rank: u32| libm::pow(f64::from(rank), -exponent);
                let total: f64 = (1..=keys.per_writer).map(weight).sum();
                (1..=keys.per_writer)
                    .scan(0.0, |sum, rank| {
                        *sum += weight(rank) / total;
                        Some(*sum)
                    })
                    .collect()
            }
        };
        let overwrites = keys.overwrites.map(|share| share.0);
        Self { per_writer: keys.per_writer, cumulative, overwrites, written: vec![0; writers] }
    }

    fn choose(&mut self, rank: usize, rng: &mut Philox) -> u32 {
        let Some(overwrites) = self.overwrites else { return self.popular(self.per_writer, rng) };
        let written = self.written[rank];
        let again = unit(rng) < overwrites;
        if written == self.per_writer || (again && written > 0) {
            return self.popular(written, rng);
        }
        self.written[rank] += 1;
        written
    }

    /// One of the first `count` keys.
    fn popular(&self, count: u32, rng: &mut Philox) -> u32 {
        if self.cumulative.is_empty() {
            return below(rng, count);
        }
        let target = unit(rng) * self.cumulative[count as usize - 1];
        (self.cumulative[..count as usize].partition_point(|sum| *sum <= target) as u32).min(count - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::{Share, Size, Span};

    fn config(arrivals: Arrivals) -> WorkloadConfig {
        WorkloadConfig {
            writers: 10,
            arrivals,
            keys: Keys { per_writer: 8, popularity: Popularity::Zipf { exponent: 1.0 }, overwrites: None },
            value: ValueSize::Constant(Size(100)),
            deletes: Share(0.1),
            warm_up: Span(Duration::from_secs(5)),
            drain: Span(Duration::from_secs(5)),
            reads: 0,
            preload: None,
        }
    }

    #[test]
    fn a_poisson_schedule_has_its_rate_its_popularity_and_its_deletes() {
        let duration = Duration::from_secs(1010);
        let schedule = Schedule::draw(
            &config(Arrivals::Poisson { per_second: 20.0 }),
            100,
            duration,
            std::iter::empty(),
            &Streams::new(3),
        );
        let count = schedule.updates.len() as f64;
        // 20,000 expected, standard deviation 141.
        assert!((count - 20_000.0).abs() < 5.0 * 141.0, "{count}");
        let first_key = schedule.updates.iter().filter(|update| update.entry % 8 == 0).count() as f64 / count;
        let harmonic: f64 = (1..=8).map(|rank| 1.0 / f64::from(rank)).sum();
        assert!((first_key - 1.0 / harmonic).abs() < 0.02, "{first_key}");
        let deletes = schedule.updates.iter().filter(|update| update.size.is_none()).count() as f64 / count;
        assert!((deletes - 0.1).abs() < 0.01, "{deletes}");
        assert!(schedule.updates.windows(2).all(|pair| pair[0].at <= pair[1].at));
        assert!(schedule.updates.iter().all(|update| update.at >= Instant::from_nanos(5_000_000_000)));
        assert!(schedule.updates.last().unwrap().at < Instant::from_nanos(1_005_000_000_000));
    }

    #[test]
    fn previous_leads_through_an_entrys_history() {
        let schedule = Schedule::draw(
            &config(Arrivals::Burst { count: 500 }),
            100,
            Duration::from_secs(60),
            std::iter::empty(),
            &Streams::new(1),
        );
        for (index, update) in schedule.updates.iter().enumerate() {
            let expected = schedule.updates[..index].iter().rposition(|earlier| earlier.entry == update.entry);
            assert_eq!(update.previous, expected.map_or(NO_UPDATE, |position| position as u32));
        }
    }

    #[test]
    fn the_share_of_overwrites_is_met_while_keys_are_left() {
        let mut config = config(Arrivals::Burst { count: 2_000 });
        config.keys = Keys { per_writer: 1_000, popularity: Popularity::Uniform, overwrites: Some(Share(0.75)) };
        let schedule = Schedule::draw(&config, 100, Duration::from_secs(60), std::iter::empty(), &Streams::new(1));
        let overwrites = schedule.updates.iter().filter(|update| update.previous != NO_UPDATE).count() as f64;
        assert!((overwrites / 2_000.0 - 0.75).abs() < 0.04, "{overwrites}");
    }

    #[test]
    fn a_periodic_schedule_takes_every_writer_in_turn() {
        let interval = Span(Duration::from_millis(500));
        let schedule = Schedule::draw(
            &config(Arrivals::Periodic { interval }),
            10,
            Duration::from_secs(20),
            std::iter::empty(),
            &Streams::new(1),
        );
        assert_eq!(schedule.updates.len(), 20);
        assert_eq!(schedule.updates[11].writer, schedule.updates[1].writer);
        assert_eq!(schedule.writers, (0..10).collect::<Vec<_>>());
    }
}
