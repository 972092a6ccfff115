//! The loop that handles events: one queue, and the shards whose events are in it. A lane over all shards is a
//! sequential run; a lane per shard, window by window, is a parallel one.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use rapprochement_core::time::Instant;

use super::digest::Tally;
use super::event::{Entity, Event, Order};
use super::queue::{EventQueue, Queue};
use super::scheduler::{Outbox, Scheduler};
use super::{Handled, Plan, Shard};
use crate::random::{Purpose, Streams};

/// A queue, what leaves its shards, and what it counts.
#[derive(Clone)]
pub(super) struct Lane<S: Shard> {
    pub(super) queue: Queue<S::Data>,
    pub(super) tally: Tally,
    /// An event on its way to [`Lane::send`]; passed like this for the reason given in the calendar.
    pub(super) sent: Vec<Event<S::Data>>,
    /// Per shard: what this lane's handlers sent to it and the queue has not taken.
    pub(super) out: Vec<Outbox<S>>,
    /// Time of the earliest event in `out`.
    pub(super) out_first: u64,
    /// The last broadcast's number.
    pub(super) tokens: u64,
    /// The time of the last event.
    pub(super) now: u64,
    /// What ends the run.
    pub(super) failure: Option<String>,
    /// The shards of this lane, and the first entity of each shard there is.
    shards: Range<usize>,
    starts: Arc<[Entity]>,
    /// The first entity of this lane's shards, and how many there are.
    pub(super) owned: (Entity, u32),
    pub(super) lookahead: u64,
    slots: Vec<u32>,
}

impl<S: Shard> Lane<S> {
    /// A lane over these shards.
    pub(super) fn new(plan: &Plan, starts: &Arc<[Entity]>, shards: Range<usize>) -> Self {
        let streams = Streams::new(plan.seed);
        Self {
            queue: Queue::new(plan.queue, Order::new(streams.key(Purpose::Tie, 0))),
            tally: Tally::new(&streams, plan.slice.as_nanos(), plan.trace.as_ref()),
            out: (1..starts.len()).map(|_| Outbox::new()).collect(),
            sent: Vec::new(),
            out_first: u64::MAX,
            tokens: 0,
            now: 0,
            failure: None,
            owned: (starts[shards.start], starts[shards.end] - starts[shards.start]),
            shards,
            starts: Arc::clone(starts),
            lookahead: plan.lookahead.as_nanos(),
            slots: Vec::new(),
        }
    }

    /// Handles the events before `end`, at most `budget` of them, and returns how many. `shards` are those of this lane:
    /// one, or all there are.
    pub(super) fn advance(&mut self, shards: &mut [&mut S], end: u64, budget: u64) -> u64 {
        match shards {
            [shard] => self.advance_one(shard, end, budget),
            _ => self.advance_several(shards, end, budget),
        }
    }

    fn advance_one(&mut self, shard: &mut S, end: u64, budget: u64) -> u64 {
        let [first, last] = [0, 1].map(|i| self.starts[self.shards.start + i]);
        let mut handled = 0;
        while handled < budget {
            let Some(event) = self.queue.pop_before(end, |entity, data| shard.prefetch(entity, data)) else { break };
            self.handle(shard, (first, last - first), &event);
            handled += 1;
        }
        handled
    }

    fn advance_several(&mut self, shards: &mut [&mut S], end: u64, budget: u64) -> u64 {
        let starts = Arc::clone(&self.starts);
        let mut handled = 0;
        while handled < budget {
            let event = self.queue.pop_before(end, |entity, data| {
                shards[shard_of(&starts, entity)].prefetch(entity, data);
            });
            let Some(event) = event else { break };
            let shard = shard_of(&starts, event.target);
            self.handle(shards[shard], (starts[shard], starts[shard + 1] - starts[shard]), &event);
            if self.out_first != u64::MAX {
                self.deliver_out(shards);
            }
            handled += 1;
        }
        handled
    }

    /// Handles one event.
    #[inline(always)]
    fn handle(&mut self, shard: &mut S, home: (Entity, u32), event: &Event<S::Data>) {
        self.now = event.time;
        self.tally.reach(event.time);
        let before = *shard.sequence(event.target);
        let first_token = self.tokens + 1;
        let mut scheduler =
            Scheduler { now: event.time, source: event.target, sequence: before, home, first_token, lane: self };
        let handled = shard.handle(Instant::from_nanos(event.time), event.target, event.data, &mut scheduler);
        let after = scheduler.sequence;
        if after != before {
            *shard.sequence(event.target) = after;
        }
        match handled {
            Handled::Counted => self.tally.count(event),
            Handled::Stale => self.tally.stale += 1,
        }
    }

    /// Puts what this lane's own handlers sent from shard to shard into its queue.
    #[inline(never)]
    fn deliver_out(&mut self, shards: &mut [&mut S]) {
        let Self { out, queue, slots, .. } = self;
        for (outbox, shard) in out.iter_mut().zip(shards) {
            if !outbox.is_empty() {
                outbox.deliver(shard, slots, |event| queue.push(event));
            }
        }
        self.out_first = u64::MAX;
    }

    /// Takes in what another lane sent.
    pub(super) fn receive(&mut self, shard: &mut S, mail: &mut Outbox<S>) {
        let Self { queue, slots, .. } = self;
        mail.deliver(shard, slots, |event| queue.push(event));
    }

    /// Sends what is in `sent` to shards of other lanes: events without payloads.
    #[inline(never)]
    pub(super) fn send(&mut self) {
        while let Some(event) = self.sent.pop() {
            self.out[shard_of(&self.starts, event.target)].events.push(event);
            self.out_first = self.out_first.min(event.time);
        }
    }

    /// Sends an event with a payload to another shard.
    pub(super) fn post(
        &mut self,
        event: Event<S::Data>,
        token: u64,
        first_token: u64,
        parcel: impl FnOnce() -> S::Parcel,
    ) {
        self.out[shard_of(&self.starts, event.target)].post(event, token, first_token, parcel);
        self.out_first = self.out_first.min(event.time);
    }

    #[cold]
    pub(super) fn too_close(&mut self, source: Entity, target: Entity, distance: u64) {
        let lookahead = self.lookahead;
        self.failure.get_or_insert_with(|| {
            format!(
                "entity {source} sent to entity {target} of another shard over {distance} ns, \
                 less than the lookahead of {lookahead} ns"
            )
        });
    }

    #[cold]
    pub(super) fn exhausted(&mut self, entity: Entity) {
        self.failure.get_or_insert_with(|| format!("entity {entity} sent more than {} events", u32::MAX));
    }
}

impl<S: Shard> fmt::Debug for Lane<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lane").field("shards", &self.shards).field("pending", &self.queue.len()).finish_non_exhaustive()
    }
}

/// The shard of an entity, where `starts` holds the first entity of each, and the end. Few shards are counted rather
/// than searched: which one it is cannot be predicted, so there had better be no branch on it.
#[inline]
pub(super) fn shard_of(starts: &[Entity], entity: Entity) -> usize {
    const FEW: usize = 17;
    match starts {
        [_, inner @ .., _] if starts.len() <= FEW => inner.iter().map(|&start| usize::from(start <= entity)).sum(),
        _ => starts.partition_point(|&start| start <= entity) - 1,
    }
}
