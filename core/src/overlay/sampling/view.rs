//! Partial views: what Newscast, Cyclon and the framework keep, and how they choose from it.

use alloc::vec::Vec;

use rand_core::Rng;

use crate::overlay::sampling::SamplingEvent;
use crate::overlay::sampling::config::{choose, choose_many};
use crate::peer::Peer;
use crate::random;
use crate::time::{Duration, Instant};

/// A peer and how long ago it made itself known, as the holders on the way here counted it.
///
/// Papers count ages in rounds. Two nodes that merge take the younger of two descriptors; if each only counts its own rounds, the
/// copy that was counted least wins again and again, and the dead seem young for ever. Elapsed time has no such drift.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Descriptor<P> {
    /// Whom it is about.
    pub peer: P,
    /// Milliseconds, without those that messages took.
    pub age: u32,
}

/// Descriptors of different peers.
#[derive(Clone, Debug)]
pub struct View<P> {
    entries: Vec<Descriptor<P>>,
    /// When the ages were those that stand there.
    as_of: Instant,
}

impl<P: Peer> View<P> {
    pub(super) const fn new() -> Self {
        Self { entries: Vec::new(), as_of: Instant::ZERO }
    }

    /// All descriptors, in no particular order.
    pub fn entries(&self) -> &[Descriptor<P>] {
        &self.entries
    }

    /// How many peers there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether the peer is one of them.
    pub fn contains(&self, peer: P) -> bool {
        self.entries.iter().any(|entry| entry.peer == peer)
    }

    /// All peers, in no particular order.
    pub fn peers(&self) -> Vec<P> {
        self.entries.iter().map(|entry| entry.peer).collect()
    }

    /// Lets time pass; descriptors older than `expiry` go.
    pub(super) fn grow_older(&mut self, now: Instant, expiry: u32) {
        let millis = now.since(self.as_of).as_nanos() / 1_000_000;
        self.as_of = self.as_of + Duration::from_millis(millis);
        let passed = u32::try_from(millis).unwrap_or(u32::MAX);
        self.entries.iter_mut().for_each(|entry| entry.age = entry.age.saturating_add(passed));
        self.entries.retain(|entry| entry.age <= expiry);
    }

    pub(super) fn remove(&mut self, peer: P) {
        self.entries.retain(|entry| entry.peer != peer);
    }

    /// A random peer.
    pub(super) fn random<R: Rng + ?Sized>(&self, rng: &mut R) -> Option<P> {
        choose(&self.entries, rng).map(|entry| entry.peer)
    }

    /// The peer of the greatest age, a random one of several.
    pub(super) fn oldest<R: Rng + ?Sized>(&self, rng: &mut R) -> Option<P> {
        let age = self.entries.iter().map(|entry| entry.age).max()?;
        let oldest: Vec<P> = self.entries.iter().filter(|entry| entry.age == age).map(|entry| entry.peer).collect();
        choose(&oldest, rng)
    }

    /// `count` random descriptors, or all where there are fewer.
    pub(super) fn random_entries<R: Rng + ?Sized>(&mut self, count: usize, rng: &mut R) -> Vec<Descriptor<P>> {
        choose_many(&mut self.entries, count, rng).to_vec()
    }

    /// Random order, with the `count` oldest at the end.
    pub(super) fn permute<R: Rng + ?Sized>(&mut self, count: usize, rng: &mut R) {
        random::shuffle(rng, &mut self.entries);
        let last = self.oldest_places(count);
        let mut place = 0;
        let old: Vec<_> = last.iter().map(|&at| self.entries[at]).collect();
        self.entries.retain(|_| {
            place += 1;
            !last.contains(&(place - 1))
        });
        self.entries.extend(old);
    }

    /// Adds a peer that is not there yet.
    pub(super) fn push_new(&mut self, entry: Descriptor<P>) {
        if !self.contains(entry.peer) {
            self.entries.push(entry);
        }
    }

    /// Adds all; of two descriptors of one peer the younger stays.
    pub(super) fn absorb(&mut self, received: &[Descriptor<P>]) {
        for entry in received {
            match self.entries.iter_mut().find(|known| known.peer == entry.peer) {
                Some(known) => known.age = known.age.min(entry.age),
                None => self.entries.push(*entry),
            }
        }
    }

    /// Takes out the `count` oldest, random ones of equals.
    pub(super) fn remove_oldest<R: Rng + ?Sized>(&mut self, count: usize, rng: &mut R) {
        if count > 0 {
            self.permute(count, rng);
            self.entries.truncate(self.entries.len().saturating_sub(count));
        }
    }

    /// Takes out `count` random ones.
    pub(super) fn remove_random<R: Rng + ?Sized>(&mut self, count: usize, rng: &mut R) {
        let count = choose_many(&mut self.entries, count, rng).len();
        self.entries.drain(..count);
    }

    /// The places of the `count` oldest, those that stand first of equals.
    fn oldest_places(&self, count: usize) -> Vec<usize> {
        let mut places: Vec<usize> = (0..self.entries.len()).collect();
        places.sort_by_key(|&at| core::cmp::Reverse(self.entries[at].age));
        places.truncate(count);
        places
    }
}

/// Of what a peer said: the first `limit` descriptors, without this node, repeats, and what is older than `expiry`.
pub(super) fn admitted<P: Peer>(received: &[Descriptor<P>], me: P, limit: usize, expiry: u32) -> Vec<Descriptor<P>> {
    let mut taken: Vec<Descriptor<P>> = Vec::new();
    for entry in received.iter().take(limit) {
        if entry.peer != me && entry.age <= expiry && !taken.iter().any(|known| known.peer == entry.peer) {
            taken.push(*entry);
        }
    }
    taken
}

/// Tells who came and who went between two lists of neighbours.
pub(super) fn tell_changes<P: Peer>(mut before: Vec<P>, mut after: Vec<P>, mut emit: impl FnMut(SamplingEvent<P>)) {
    if before == after {
        return;
    }
    before.sort_unstable();
    after.sort_unstable();
    let missing_in = |others: &[P], peer: &P| others.binary_search(peer).is_err();
    before.iter().filter(|peer| missing_in(&after, peer)).for_each(|&peer| emit(SamplingEvent::Left(peer)));
    after.iter().filter(|peer| missing_in(&before, peer)).for_each(|&peer| emit(SamplingEvent::Joined(peer)));
}
