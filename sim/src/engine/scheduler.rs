//! What a handler may do to the future, and how events reach other shards.

use std::fmt;

use rapprochement_core::time::Instant;

use super::Shard;
use super::event::{Entity, Event, EventData};
use super::lane::Lane;
use super::queue::EventQueue;

/// The engine, as the handler of one event sees it.
pub struct Scheduler<'a, S: Shard> {
    pub(super) now: u64,
    pub(super) source: Entity,
    pub(super) sequence: u32,
    /// The handler's own shard: its first entity, and how many there are.
    pub(super) home: (Entity, u32),
    pub(super) first_token: u64,
    pub(super) lane: &'a mut Lane<S>,
}

impl<S: Shard> Scheduler<'_, S> {
    /// The time of the event in hand.
    #[inline]
    pub fn now(&self) -> Instant {
        Instant::from_nanos(self.now)
    }

    /// Whether an entity lives in the handler's own shard.
    #[inline(always)]
    pub fn is_local(&self, target: Entity) -> bool {
        target.wrapping_sub(self.home.0) < self.home.1
    }

    /// Schedules an event for an entity of this shard, or one without a payload for any entity. A time that has passed
    /// becomes now. Entities of other shards must be at least the lookahead away; an event that comes closer fails the
    /// run.
    #[inline(always)]
    pub fn at(&mut self, time: Instant, target: Entity, data: S::Data) {
        let event = self.event(time, target, data);
        if event.time - self.now < self.lane.lookahead && !self.is_local(target) {
            self.lane.too_close(self.source, target, event.time - self.now);
        }
        if target.wrapping_sub(self.lane.owned.0) < self.lane.owned.1 {
            self.lane.queue.push(event);
        } else {
            debug_assert!(data.slot().is_none(), "a payload's slot means nothing in another shard: use `post`");
            self.lane.sent.push(event);
            self.lane.send();
        }
    }

    /// A number for one broadcast, to give to every [`Scheduler::post`] of it from within this call of the handler.
    #[inline]
    pub fn token(&mut self) -> u64 {
        self.lane.tokens += 1;
        self.lane.tokens
    }

    /// Schedules an event with a payload for an entity of another shard. The payload crosses once per token and shard:
    /// `parcel` is called at most once for each, and the events arrive with the slot that the other shard gave it.
    pub fn post(
        &mut self,
        time: Instant,
        target: Entity,
        data: S::Data,
        token: u64,
        parcel: impl FnOnce() -> S::Parcel,
    ) {
        debug_assert!(!self.is_local(target), "an event of this shard refers to this shard's slot: use `at`");
        let event = self.event(time, target, data);
        if event.time - self.now < self.lane.lookahead {
            self.lane.too_close(self.source, target, event.time - self.now);
        }
        self.lane.post(event, token, self.first_token, parcel);
    }

    /// Adds a protocol's own record to the digest: that this entity, now, said something with this hash.
    #[inline]
    pub fn record(&mut self, hash: u64) {
        self.lane.tally.record(self.now, self.source, hash);
    }

    #[inline(always)]
    fn event(&mut self, time: Instant, target: Entity, data: S::Data) -> Event<S::Data> {
        let sequence = self.sequence;
        self.sequence = sequence.wrapping_add(1);
        if self.sequence == 0 {
            self.lane.exhausted(self.source);
        }
        Event { time: time.as_nanos().max(self.now), source: self.source, sequence, target, data }
    }
}

impl<S: Shard> fmt::Debug for Scheduler<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scheduler").field("now", &self.now()).field("entity", &self.source).finish_non_exhaustive()
    }
}

/// What is on its way to one shard. The slot of an event with a payload is its parcel's place in `parcels` meanwhile.
pub(super) struct Outbox<S: Shard> {
    pub(super) events: Vec<Event<S::Data>>,
    parcels: Vec<Parcel<S>>,
}

struct Parcel<S: Shard> {
    token: u64,
    references: u32,
    content: S::Parcel,
}

impl<S: Shard> Outbox<S> {
    pub(super) const fn new() -> Self {
        Self { events: Vec::new(), parcels: Vec::new() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// Puts an event and its payload in; tokens from `first_token` on belong to the handler in hand.
    pub(super) fn post(
        &mut self,
        event: Event<S::Data>,
        token: u64,
        first_token: u64,
        content: impl FnOnce() -> S::Parcel,
    ) {
        let recent = self.parcels.iter().rev().take_while(|parcel| parcel.token >= first_token);
        let found = recent.clone().position(|parcel| parcel.token == token).map(|back| self.parcels.len() - 1 - back);
        let place = found.unwrap_or_else(|| {
            self.parcels.push(Parcel { token, references: 0, content: content() });
            self.parcels.len() - 1
        });
        self.parcels[place].references += 1;
        self.events.push(Event { data: event.data.with_slot(place as u32), ..event });
    }

    /// Hands everything over to its shard: parcels first, then each event with its parcel's slot there.
    pub(super) fn deliver(&mut self, shard: &mut S, slots: &mut Vec<u32>, mut each: impl FnMut(Event<S::Data>)) {
        slots.clear();
        slots.extend(self.parcels.drain(..).map(|parcel| shard.accept(parcel.content, parcel.references)));
        for event in self.events.drain(..) {
            let data = event.data.slot().map_or(event.data, |place| event.data.with_slot(slots[place as usize]));
            each(Event { data, ..event });
        }
    }
}

/// Mail is on its way only while events are handled. A run is cloned between events, when every outbox is empty; only a run
/// that failed may have left mail behind, which nobody will get.
impl<S: Shard> Clone for Outbox<S> {
    fn clone(&self) -> Self {
        Self::new()
    }
}

impl<S: Shard> fmt::Debug for Outbox<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbox").field("events", &self.events.len()).field("parcels", &self.parcels.len()).finish()
    }
}
