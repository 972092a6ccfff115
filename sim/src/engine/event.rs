//! Events and their total order: `(time, mix(seed, time, source), source, sequence)`. Nothing in it depends on threads,
//! shards or arrival, so every engine handles the events of an entity in the same order. The mix is looked at only where
//! times are equal: plain source order would favour low indices in every race, a known bias of gossip studies. Events of
//! one source at one time keep the order in which they were sent.

use std::cmp::Ordering;

/// What events happen to: a dense index over all shards.
pub type Entity = u32;

/// What an event says: plain and small, at most 12 bytes so that an event has 32.
pub trait EventData: Copy + Send + 'static {
    /// What enters the digest: class, length and the like; never a slot, an address or anything that depends on shards.
    fn fingerprint(self) -> u64;

    /// Where the payload lies in its shard's slab, if the event refers to one.
    fn slot(self) -> Option<u32>;

    /// The same event with its payload in another slot; only called where [`EventData::slot`] names one.
    fn with_slot(self, slot: u32) -> Self;
}

/// Something that will happen to one entity at one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event<D> {
    /// When, in nanoseconds of virtual time.
    pub time: u64,
    /// Who sent it: an entity, or a reserved number above all entities.
    pub source: Entity,
    /// How many events the source had sent before this one.
    pub sequence: u32,
    /// To whom it happens.
    pub target: Entity,
    /// What happens.
    pub data: D,
}

const _: () = assert!(size_of::<Event<[u32; 3]>>() == 32);

/// The total order under a run's key.
#[derive(Clone, Copy, Debug)]
pub(super) struct Order {
    key: u64,
}

impl Order {
    pub(super) const fn new(key: u64) -> Self {
        Self { key }
    }

    /// A source's place among the sources of one instant: a hash, drawn anew for every instant (the finaliser of
    /// SplitMix64: Steele, Lea and Flood, OOPSLA 2014).
    pub(super) fn rank(self, time: u64, source: Entity) -> u64 {
        let mut z = (self.key ^ time.wrapping_mul(0x9e37_79b9_7f4a_7c15))
            .wrapping_add(u64::from(source).wrapping_mul(0xd1b5_4a32_d192_ed03));
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Whether `a` happens before `b`.
    #[inline]
    pub(super) fn precedes<D>(self, a: &Event<D>, b: &Event<D>) -> bool {
        if a.time != b.time { a.time < b.time } else { self.compare_tie(a, b) == Ordering::Less }
    }

    pub(super) fn compare<D>(self, a: &Event<D>, b: &Event<D>) -> Ordering {
        a.time.cmp(&b.time).then_with(|| self.compare_tie(a, b))
    }

    #[cold]
    fn compare_tie<D>(self, a: &Event<D>, b: &Event<D>) -> Ordering {
        if a.source == b.source {
            return a.sequence.cmp(&b.sequence);
        }
        let ranks = self.rank(a.time, a.source).cmp(&self.rank(b.time, b.source));
        ranks.then(a.source.cmp(&b.source))
    }
}

/// An event with its rank among ties computed, ordered so that the first to happen is the greatest: what the standard
/// library's heap hands out first.
#[derive(Clone, Debug)]
pub(super) struct Ranked<D> {
    rank: u64,
    pub(super) event: Event<D>,
}

impl<D> Ranked<D> {
    pub(super) fn new(order: Order, event: Event<D>) -> Self {
        Self { rank: order.rank(event.time, event.source), event }
    }

    fn key(&self) -> (u64, u64, Entity, u32) {
        (self.event.time, self.rank, self.event.source, self.event.sequence)
    }
}

impl<D> PartialEq for Ranked<D> {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl<D> Eq for Ranked<D> {}

impl<D> PartialOrd for Ranked<D> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<D> Ord for Ranked<D> {
    fn cmp(&self, other: &Self) -> Ordering {
        other.key().cmp(&self.key())
    }
}
