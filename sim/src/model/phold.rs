//! PHOLD, the benchmark of event engines (R. Fujimoto, "Performance of Time Warp under synthetic workloads", SCS
//! Multiconference on Distributed Simulation, 1990), bare: every entity begins with one event in flight; whoever
//! receives one draws two numbers and sends one to an entity drawn from all, after 0.1 s plus an exponential span with
//! a mean of 0.9 s. So as many events are pending as there are entities, and nothing but the engine is measured.

use std::convert::Infallible;

use rand_core::{Rng, TryRng};
use rapprochement_core::time::{Duration, Instant};

use crate::engine::{Entity, Event, EventData, Handled, Scheduler, Shard, prefetch};
use crate::random::{Exponential, Philox, Purpose, Streams};

/// The least delay, which is the lookahead of a parallel run.
pub const LEAST_DELAY: Duration = Duration::from_millis(100);
/// The mean of what is added to it.
const MEAN_DELAY: Duration = Duration::from_millis(900);

/// What an event says: a number that the receiver's hash takes in.
#[derive(Clone, Copy, Debug)]
pub struct Token([u32; 3]);

impl EventData for Token {
    #[inline]
    fn fingerprint(self) -> u64 {
        u64::from(self.0[0])
    }
    #[inline]
    fn slot(self) -> Option<u32> {
        None
    }
    fn with_slot(self, _: u32) -> Self {
        self
    }
}

/// An entity: 32 bytes, of which a cache line holds two.
#[derive(Clone, Debug)]
#[repr(align(32))]
struct Process {
    /// Key and position of its generator.
    key: u64,
    draws: u32,
    sequence: u32,
    /// Everything that it was told.
    hash: u64,
    handled: u32,
}

const _: () = assert!(size_of::<Process>() == 32);

impl TryRng for Process {
    type Error = Infallible;

    #[inline]
    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.try_next_u64().map(|bits| (bits >> 32) as u32)
    }

    /// A counter under the process's key, through one folded multiplication and a finishing one: enough for a benchmark
    /// that looks at no statistics, and a fifth of the cost of Philox.
    #[inline]
    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.draws = self.draws.wrapping_add(1);
        let counter = u64::from(self.draws).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let product = u128::from(counter ^ self.key) * u128::from(self.key.rotate_left(32) | 1);
        let folded = product as u64 ^ (product >> 64) as u64;
        Ok((folded ^ folded >> 32).wrapping_mul(0xd6e8_feb8_6659_fd93))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.next_u64().to_le_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}

/// A share of the entities.
#[derive(Clone, Debug)]
pub struct Phold {
    first: Entity,
    entities: u32,
    exponential: Exponential,
    processes: Vec<Process>,
}

impl Phold {
    /// The entities `first..last` out of `entities`.
    pub fn new(streams: &Streams, first: Entity, last: Entity, entities: u32) -> Self {
        // A hash of one key and the index rather than a ChaCha block per entity: a million of them take a second.
        let key = streams.key(Purpose::Protocol, 0);
        let process = |entity| Process {
            key: Philox::block(key, [u64::from(entity), 1])[0],
            draws: 0,
            sequence: 1,
            hash: 0,
            handled: 0,
        };
        let processes = (first..last).map(process).collect();
        Self { first, entities, exponential: Exponential::new(), processes }
    }

    /// The first event of every entity, from itself.
    pub fn initial(streams: &Streams, entities: u32) -> impl Iterator<Item = Event<Token>> {
        let exponential = Exponential::new();
        let mut rng = streams.stream(Purpose::Workload, 0);
        (0..entities).map(move |entity| {
            let time = (LEAST_DELAY + exponential.sample(MEAN_DELAY, &mut rng)).as_nanos();
            Event { time, source: entity, sequence: 0, target: entity, data: Token([entity, 0, 0]) }
        })
    }
}

impl Shard for Phold {
    type Data = Token;
    type Parcel = ();

    #[inline]
    fn handle(&mut self, now: Instant, entity: Entity, data: Token, scheduler: &mut Scheduler<'_, Self>) -> Handled {
        let process = &mut self.processes[(entity - self.first) as usize];
        process.handled = process.handled.wrapping_add(1);
        process.hash = (process.hash ^ u64::from(data.0[0])).rotate_left(5).wrapping_mul(0x517c_c1b7_2722_0a95);
        let draw = process.next_u32();
        let target = ((u64::from(draw) * u64::from(self.entities)) >> 32) as Entity;
        let delay = LEAST_DELAY + self.exponential.sample(MEAN_DELAY, process);
        scheduler.at(now + delay, target, Token([process.hash as u32, 0, 0]));
        Handled::Counted
    }

    #[inline]
    fn prefetch(&self, entity: Entity, _: Self::Data) {
        prefetch::read(&self.processes[(entity - self.first) as usize]);
    }

    #[inline]
    fn sequence(&mut self, entity: Entity) -> &mut u32 {
        &mut self.processes[(entity - self.first) as usize].sequence
    }

    fn accept(&mut self, (): (), _: u32) -> u32 {
        0
    }
}
