//! The address book: whom a node has heard of, in two bounded pools. A peer is *new* until it has answered, and *tried* from then
//! on; hearsay never displaces who was tried, and within the new ones each source has a quota, so that nobody fills the book
//! with its own creatures. When a pool is full, the source with most entries in it gives up its oldest one.
//!
//! The pools are those of Bitcoin's address manager, with the lessons of E. Heilman, A. Kendler, A. Zohar and S. Goldberg, "Eclipse
//! attacks on Bitcoin's peer-to-peer network", USENIX Security 2015. Beside its record a peer's entry keeps what guides the
//! choice of probes: its coordinate, and the bounds on its round trip that others' measurements imply.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cmp::Reverse;

use rand_core::Rng;

use crate::overlay::address::AddressRecord;
use crate::overlay::refusals::{Counters, Refusal};
use crate::overlay::vivaldi::NetworkCoordinate;
use crate::peer::Peer;
use crate::random::below;
use crate::store::Keys;
use crate::time::{Duration, Instant};

/// The parameters of an address book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BookConfig {
    /// Most peers that have answered.
    pub tried_max: usize,
    /// Most peers that were only heard of.
    pub new_max: usize,
    /// Most new peers on the word of one source.
    pub new_per_source: usize,
    /// How long a new peer is kept that nobody speaks of, and how long a coordinate and bounds count.
    pub age_max: Duration,
    /// Lost probes in a row after which a peer goes.
    pub failures_max: u32,
}

impl Default for BookConfig {
    /// 512 tried, 1,024 new with at most 128 per source, one hour, 4 losses in a row.
    fn default() -> Self {
        Self { tried_max: 512, new_max: 1024, new_per_source: 128, age_max: Duration::from_secs(3600), failures_max: 4 }
    }
}

/// Between what a peer's round trip lies if there were only paths that obey the triangle inequality: of every introducer `A`, at
/// least `|rtt(me, A) - rtt(A, peer)|` and at most the sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The greatest of the lower bounds.
    pub least: Duration,
    /// The least of the upper bounds.
    pub most: Duration,
    /// How many introductions made them; those that one introducer repeats count again.
    pub witnesses: u32,
}

/// What the book holds of a peer.
#[derive(Clone, Debug)]
pub struct Entry<P> {
    record: Arc<AddressRecord>,
    source: P,
    heard: Instant,
    answered: Option<Instant>,
    failures: u32,
    coordinate: Option<(NetworkCoordinate, Instant)>,
    bounds: Option<(Bounds, Instant)>,
}

impl<P: Peer> Entry<P> {
    /// The record that holds.
    pub fn record(&self) -> &Arc<AddressRecord> {
        &self.record
    }

    /// Who spoke of the peer first.
    pub fn source(&self) -> P {
        self.source
    }

    /// When the peer last answered; `None` for a new one.
    pub fn answered(&self) -> Option<Instant> {
        self.answered
    }

    /// The peer's coordinate, its own word or hearsay, and when the peer said it.
    pub fn coordinate(&self) -> Option<(NetworkCoordinate, Instant)> {
        self.coordinate
    }

    /// What introductions say about the peer's round trip.
    pub fn bounds(&self) -> Option<Bounds> {
        self.bounds.map(|(bounds, _)| bounds)
    }
}

/// What became of a record that somebody passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// The peer is in the book, new or as before, with this record or one that holds against it.
    Known,
    /// The record is this node's own.
    Own,
    /// It was not taken, and counted.
    Refused(Refusal),
}

/// A node's address book.
#[derive(Clone, Debug)]
pub struct Book<P> {
    config: BookConfig,
    me: P,
    entries: BTreeMap<P, Entry<P>>,
    tried: usize,
}

impl<P: Peer> Book<P> {
    /// The empty book of the node `me`.
    pub fn new(config: BookConfig, me: P) -> Self {
        Self { config, me, entries: BTreeMap::new(), tried: 0 }
    }

    /// Takes in a record that `source` passed on (the peer itself, or who introduced it).
    pub fn hear<K: Keys>(
        &mut self,
        now: Instant,
        source: P,
        record: &Arc<AddressRecord>,
        keys: &K,
        counters: &mut Counters,
    ) -> Heard {
        let result = match P::from_id(record.key()) {
            None => Err(Refusal::UnknownKey),
            Some(peer) if peer == self.me => return Heard::Own,
            Some(peer) => self.take(now, source, peer, record, keys),
        };
        match result {
            Ok(()) => Heard::Known,
            Err(refusal) => {
                counters.count(refusal);
                Heard::Refused(refusal)
            }
        }
    }

    fn take<K: Keys>(
        &mut self,
        now: Instant,
        source: P,
        peer: P,
        record: &Arc<AddressRecord>,
        keys: &K,
    ) -> Result<(), Refusal> {
        if let Some(entry) = self.entries.get_mut(&peer) {
            let (held, offered) = (entry.record.statement().sequence, record.statement().sequence);
            if offered > held {
                record.check(now, keys)?;
                entry.record = Arc::clone(record);
            } else if offered == held && !entry.record.same_content(record) {
                record.check(now, keys)?;
                return Err(Refusal::Equivocation);
            }
            entry.heard = now;
            return Ok(());
        }
        record.check(now, keys)?;
        self.make_room(source);
        let record = Arc::clone(record);
        let entry = Entry { record, source, heard: now, answered: None, failures: 0, coordinate: None, bounds: None };
        self.entries.insert(peer, entry);
        Ok(())
    }

    /// Makes room for one more new peer of this source.
    fn make_room(&mut self, source: P) {
        let new = || self.entries.iter().filter(|(_, entry)| entry.answered.is_none());
        let of_source = || new().filter(|(_, entry)| entry.source == source);
        let victim = if of_source().count() >= self.config.new_per_source.max(1) {
            of_source().min_by_key(|(_, entry)| entry.heard).map(|(peer, _)| *peer)
        } else if new().count() >= self.config.new_max.max(1) {
            self.victim(false, None)
        } else {
            None
        };
        if let Some(peer) = victim {
            self.remove(peer);
        }
    }

    /// Who has to go from the tried or the new peers: the oldest one of the source with most of them. Not `except`.
    fn victim(&self, tried: bool, except: Option<P>) -> Option<P> {
        let pool = || self.entries.iter().filter(|(_, entry)| entry.answered.is_some() == tried);
        let mut sources: Vec<P> = pool().map(|(_, entry)| entry.source).collect();
        sources.sort_unstable();
        let crowd = |source: P| {
            sources.partition_point(|other| *other <= source) - sources.partition_point(|other| *other < source)
        };
        let others = pool().filter(|(peer, _)| Some(**peer) != except);
        let worst = others.min_by_key(|(_, entry)| (Reverse(crowd(entry.source)), entry.answered, entry.heard));
        worst.map(|(peer, _)| *peer)
    }

    /// The peer answered a probe: it is tried from now on. Nothing where it is not in the book.
    pub fn answered(&mut self, now: Instant, peer: P) {
        let Some(entry) = self.entries.get_mut(&peer) else { return };
        entry.failures = 0;
        entry.heard = now;
        if entry.answered.replace(now).is_none() {
            self.tried += 1;
        }
        if self.tried > self.config.tried_max.max(1)
            && let Some(other) = self.victim(true, Some(peer))
        {
            self.remove(other);
        }
    }

    /// A probe of the peer was lost. `true` where it was one too many and the peer is gone.
    pub fn failed(&mut self, peer: P) -> bool {
        let Some(entry) = self.entries.get_mut(&peer) else { return false };
        entry.failures = entry.failures.saturating_add(1);
        let gone = entry.failures >= self.config.failures_max;
        if gone {
            self.remove(peer);
        }
        gone
    }

    /// Drops who is out of date: records whose lifetime is over, and new peers of whom nobody has spoken for long.
    pub fn expire(&mut self, now: Instant) {
        let age_max = self.config.age_max;
        self.entries.retain(|_, entry| {
            let stale = entry.answered.is_none() && now.since(entry.heard) > age_max;
            !stale && !entry.record.is_over(now)
        });
        self.tried = self.entries.values().filter(|entry| entry.answered.is_some()).count();
        for entry in self.entries.values_mut() {
            entry.coordinate = entry.coordinate.filter(|(_, said)| now.since(*said) <= age_max);
            entry.bounds = entry.bounds.filter(|(_, from)| now.since(*from) <= age_max);
        }
    }

    /// Drops a peer.
    pub fn remove(&mut self, peer: P) {
        if self.entries.remove(&peer).is_some_and(|entry| entry.answered.is_some()) {
            self.tried -= 1;
        }
    }

    /// Notes where a peer placed itself at that time, unless something later is known. Hearsay guides the choice of probes
    /// and nothing else.
    pub fn place(&mut self, peer: P, coordinate: NetworkCoordinate, said: Instant) {
        if let Some(entry) = self.entries.get_mut(&peer)
            && entry.coordinate.is_none_or(|(_, known)| known <= said)
        {
            entry.coordinate = Some((coordinate, said));
        }
    }

    /// Notes that an introducer at `own` from here has measured `theirs` to the peer.
    pub fn bound(&mut self, now: Instant, peer: P, own: Duration, theirs: Duration) {
        let Some(entry) = self.entries.get_mut(&peer) else { return };
        let least = Duration::from_nanos(own.as_nanos().abs_diff(theirs.as_nanos()));
        let most = own + theirs;
        let nothing = (Bounds { least, most, witnesses: 0 }, now);
        let (bounds, _) = entry.bounds.get_or_insert(nothing);
        bounds.least = bounds.least.max(least);
        bounds.most = bounds.most.min(most);
        bounds.witnesses = bounds.witnesses.saturating_add(1);
    }

    /// What is known of a peer.
    pub fn entry(&self, peer: P) -> Option<&Entry<P>> {
        self.entries.get(&peer)
    }

    /// Everybody, in the order of peers.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (P, &Entry<P>)> {
        self.entries.iter().map(|(peer, entry)| (*peer, entry))
    }

    /// A random peer, tried or new, or `None` where the book is empty.
    pub fn any<R: Rng + ?Sized>(&self, rng: &mut R) -> Option<P> {
        let index = below(rng, u32::try_from(self.entries.len()).unwrap_or(u32::MAX));
        self.entries.keys().nth(index as usize).copied()
    }

    /// How many peers have answered.
    pub fn tried(&self) -> usize {
        self.tried
    }

    /// How many peers the book holds.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it holds nobody.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}
