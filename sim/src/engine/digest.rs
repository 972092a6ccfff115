//! The digest of a run: a commutative 128-bit sum of a keyed mix of every counted event and of every record, so that it
//! can be taken by any number of threads in any order, kept per slice of virtual time so that two runs can be narrowed
//! down to where they part. Equal digests show repeatability; they say nothing about truth.
//!
//! The mix is two folded multiplications, after W. Yi's wyhash (2019).

use std::ops::Range;

use rapprochement_core::time::Instant;

use super::event::{Entity, Event, EventData, Order};
use crate::random::{Purpose, Streams};

/// The keys of a run's digest.
#[derive(Clone, Copy, Debug)]
struct Keys([u64; 4]);

impl Keys {
    fn new(streams: &Streams) -> Self {
        Self([0, 1, 2, 3].map(|index| streams.key(Purpose::Digest, index)))
    }

    #[inline(always)]
    fn mix(self, time: u64, from: u64, target: u64, content: u64) -> u128 {
        let Self([a, b, c, d]) = self;
        let first = u128::from(time ^ a) * u128::from(from ^ b);
        let first = first as u64 ^ (first >> 64) as u64;
        let content = content.wrapping_add(target.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let second = u128::from(first ^ c) * u128::from(content ^ d);
        second.wrapping_add(u128::from(first) << 64)
    }
}

/// The digest of one slice of virtual time; slices in which nothing happened have none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which slice: `time / slice`.
    pub slice: u64,
    /// The sum over what happened in it.
    pub digest: u128,
}

/// One line of a trace: an event that was handled, or a record that a handler made. Records stand behind the event that
/// made them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceRecord {
    /// When, in nanoseconds of virtual time.
    pub time: u64,
    /// Who sent the event; of a record, the entity that made it.
    pub source: Entity,
    /// The event's number at its source; of a record, its number at its entity and instant.
    pub sequence: u32,
    /// To whom it happened.
    pub target: Entity,
    /// The fingerprint of the event's data, or the hash of the record.
    pub fingerprint: u64,
    /// Whether this is a record.
    pub record: bool,
}

impl std::fmt::Display for TraceRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let what = if self.record { "record" } else { "event" };
        let Self { time, source, sequence, target, fingerprint, .. } = self;
        write!(f, "{what} at {time} ns at node {target}, from {source} number {sequence} ({fingerprint:016x})")
    }
}

/// What a run counts on the way.
#[derive(Clone, Debug)]
pub(super) struct Tally {
    keys: Keys,
    pub(super) events: u64,
    pub(super) stale: u64,
    /// Width of a slice; the slice in hand, where it ends, and its sum; all earlier ones.
    slice: u64,
    index: u64,
    slice_end: u64,
    sum: u128,
    checkpoints: Vec<Checkpoint>,
    traced: Range<u64>,
    trace: Vec<TraceRecord>,
}

impl Tally {
    /// An empty tally. A slice of no width stands for one slice over the whole run.
    pub(super) fn new(streams: &Streams, slice: u64, traced: Option<&Range<Instant>>) -> Self {
        let slice = if slice == 0 { u64::MAX } else { slice };
        Self {
            keys: Keys::new(streams),
            events: 0,
            stale: 0,
            slice,
            index: 0,
            slice_end: slice,
            sum: 0,
            checkpoints: Vec::new(),
            traced: traced.map_or(0..0, |range| range.start.as_nanos()..range.end.as_nanos()),
            trace: Vec::new(),
        }
    }

    /// Virtual time has come to `time`, and never goes back.
    #[inline(always)]
    pub(super) fn reach(&mut self, time: u64) {
        if time >= self.slice_end {
            self.turn(time);
        }
    }

    #[cold]
    fn turn(&mut self, time: u64) {
        self.close();
        self.index = time / self.slice;
        self.slice_end = (self.index + 1).saturating_mul(self.slice);
    }

    fn close(&mut self) {
        if self.sum != 0 {
            self.checkpoints.push(Checkpoint { slice: self.index, digest: std::mem::take(&mut self.sum) });
        }
    }

    /// An event has been handled.
    #[inline(always)]
    pub(super) fn count<D: EventData>(&mut self, event: &Event<D>) {
        let from = u64::from(event.source) << 32 | u64::from(event.sequence);
        let mix = self.keys.mix(event.time, from, u64::from(event.target), event.data.fingerprint());
        self.sum = self.sum.wrapping_add(mix);
        self.events += 1;
        if self.traced.contains(&event.time) {
            let Event { time, source, sequence, target, data } = *event;
            let fingerprint = data.fingerprint();
            self.trace.push(TraceRecord { time, source, sequence, target, fingerprint, record: false });
        }
    }

    /// An entity has something to say.
    pub(super) fn record(&mut self, time: u64, entity: Entity, hash: u64) {
        // Targets of events lie below 2^32, so no record is taken for an event.
        let mix = self.keys.mix(time, u64::from(entity), 1 << 32, hash);
        self.sum = self.sum.wrapping_add(mix);
        if self.traced.contains(&time) {
            let (source, target) = (entity, entity);
            self.trace.push(TraceRecord { time, source, sequence: 0, target, fingerprint: hash, record: true });
        }
    }

    /// The sum over everything so far.
    pub(super) fn digest(&self) -> u128 {
        self.checkpoints.iter().fold(self.sum, |sum, point| sum.wrapping_add(point.digest))
    }

    /// Takes in what another thread counted.
    pub(super) fn absorb(&mut self, mut other: Self) {
        self.close();
        other.close();
        self.events += other.events;
        self.stale += other.stale;
        self.checkpoints.append(&mut other.checkpoints);
        self.trace.append(&mut other.trace);
    }

    /// The checkpoints in order of time, and the trace in the order of events.
    pub(super) fn finish(mut self, order: Order) -> (Vec<Checkpoint>, Vec<TraceRecord>) {
        self.close();
        self.checkpoints.sort_by_key(|point| point.slice);
        let mut checkpoints: Vec<Checkpoint> = Vec::new();
        for point in self.checkpoints {
            match checkpoints.last_mut() {
                Some(last) if last.slice == point.slice => last.digest = last.digest.wrapping_add(point.digest),
                _ => checkpoints.push(point),
            }
        }
        // The sort is stable, so an entity's records of one instant stay as it made them, and get their numbers here.
        self.trace.sort_by_key(|line| {
            let rank = order.rank(line.time, line.source);
            (line.time, rank, line.source, line.record, (!line.record).then_some((line.sequence, line.fingerprint)))
        });
        for place in 1..self.trace.len() {
            let (before, line) = (self.trace[place - 1], &mut self.trace[place]);
            if line.record && before.record && (line.time, line.source) == (before.time, before.source) {
                line.sequence = before.sequence + 1;
            }
        }
        (checkpoints, self.trace)
    }
}
