//! Two stores that differ in a stated number of keys. What they have in common is made once; a trial draws the rest.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rand_core::{Rng, TryRng};
use rapprochement_core::peer::{Peer, PeerId, SimPeer};
use rapprochement_core::random::{below, shuffle};
use rapprochement_core::reconcile::coding::Salt;
use rapprochement_core::reconcile::session::pair::Side;
use rapprochement_core::store::{Keys, Store, Tuple, TupleError};

use crate::random::{Philox, Purpose, Streams};

/// Signatures of zeros that everybody accepts: what is measured is finding and moving tuples, not checking who signed.
#[derive(Clone, Copy, Debug)]
pub(super) struct NoKeys;

impl Keys for NoKeys {
    fn author(&self) -> PeerId {
        PeerId([0; 32])
    }

    fn sign(&self, _: &[u8]) -> [u8; 64] {
        [0; 64]
    }

    fn verify(&self, _: &PeerId, _: &[u8], _: &[u8; 64]) -> bool {
        true
    }

    fn shares_verdicts(&self) -> bool {
        true
    }
}

/// How much there is, and how much of it differs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Size {
    /// Keys of both stores together.
    pub(super) items: u32,
    /// Keys that both sides have, in different versions.
    pub(super) updates: u32,
    /// Keys that only one side has.
    pub(super) inserts: u32,
    pub(super) authors: u32,
    /// Bytes of every value.
    pub(super) value_bytes: usize,
}

impl Size {
    /// Keys that both sides have.
    fn common(self) -> u32 {
        self.items - self.inserts
    }

    /// Items that only one side has where a new version is another item: an update is two of them.
    pub(super) fn states(self) -> u64 {
        2 * u64::from(self.updates) + u64::from(self.inserts)
    }

    /// The most keys that one author can come to have in a store.
    pub(super) fn keys_of_an_author(self) -> u32 {
        self.common().div_ceil(self.authors) + self.inserts.min(self.items.div_ceil(self.authors))
    }
}

/// What all trials of one seed begin with.
#[derive(Debug)]
pub(super) struct World {
    size: Size,
    streams: Streams,
    /// The keys that both sides have, in their older versions.
    common: Store,
}

/// One of the tuples in which the stores of a trial differ.
#[derive(Clone, Debug)]
pub(super) struct Write {
    /// The side that has it: 0 is the opener.
    pub(super) side: usize,
    pub(super) tuple: Arc<Tuple>,
    /// What the other side has of its key.
    pub(super) older: Option<Arc<Tuple>>,
}

/// Two stores to reconcile.
#[derive(Debug)]
pub(super) struct Trial {
    pub(super) sides: [Side; 2],
    pub(super) salt: Salt,
    /// Of a session, and of the one after it.
    pub(super) nonces: [[u64; 2]; 2],
    pub(super) writes: Vec<Write>,
}

impl World {
    /// Makes what both sides have. Item i is the (i / authors + 1)-th write of author i % authors.
    pub(super) fn new(size: Size, seed: u64) -> Result<Self, TupleError> {
        let mut world = Self { size, streams: Streams::new(seed), common: Store::default() };
        let mut rng = world.streams.stream(Purpose::Reconciliation, 0);
        let mut authors: Vec<u32> = (0..size.authors.min(size.common())).collect();
        // In the order of the store, so that every tuple goes to its end.
        authors.sort_by_key(|&author| SimPeer(author).id());
        for author in authors {
            for item in (author..size.common()).step_by(size.authors as usize) {
                let tuple = world.tuple(author, item, item / size.authors + 1, &mut rng)?;
                world.common.offer(&tuple, &NoKeys);
            }
        }
        Ok(world)
    }

    /// Draws in what the two sides differ, and under which salt they meet.
    pub(super) fn trial(&self, number: u32) -> Result<Trial, TupleError> {
        let mut rng = self.streams.stream(Purpose::Reconciliation, u64::from(number) + 1);
        let salt = Salt(draw_pair(&mut rng));
        let nonces = [draw_pair(&mut rng), draw_pair(&mut rng)];
        let writes = self.writes(&mut rng)?;
        let side = Side::new(self.common.clone(), salt);
        let mut sides = [side.clone(), side];
        writes.iter().for_each(|write| drop(sides[write.side].offer(&write.tuple, &NoKeys)));
        Ok(Trial { sides, salt, nonces, writes })
    }

    /// Updates of drawn keys and new keys of drawn authors, in random order and each on a drawn side. Versions are their
    /// authors' counters: whoever has an author's newest write may lack an earlier one that the other side has.
    fn writes(&self, rng: &mut Philox) -> Result<Vec<Write>, TupleError> {
        let Size { items, updates, inserts, authors, .. } = self.size;
        let common = self.size.common();
        let updated = draw_some(updates, common, rng).into_iter().map(|item| (item % authors, item));
        let inserted = draw_some(inserts, items, rng).into_iter().map(|place| place % authors).zip(common..);
        let mut changes: Vec<(u32, u32)> = updated.chain(inserted).collect();
        shuffle(rng, &mut changes);
        let mut counters: BTreeMap<u32, u32> = BTreeMap::new();
        let write = |(author, item): (u32, u32)| {
            let counter = counters.entry(author).or_insert_with(|| (common + authors - 1 - author) / authors);
            *counter += 1;
            let side = (rng.next_u64() >> 63) as usize;
            let tuple = self.tuple(author, item, *counter, rng)?;
            let older = self.common.get(&tuple.author(), tuple.key()).cloned();
            Ok(Write { side, tuple, older })
        };
        changes.into_iter().map(write).collect()
    }

    fn tuple(&self, author: u32, item: u32, version: u32, rng: &mut Philox) -> Result<Arc<Tuple>, TupleError> {
        let mut value = vec![0; self.size.value_bytes];
        let Ok(()) = rng.try_fill_bytes(&mut value);
        let key = u64::from(item).to_be_bytes();
        Tuple::from_parts(SimPeer(author).id(), version.into(), &key, Some(&value), [0; 64]).map(Arc::new)
    }
}

impl Trial {
    /// Whether both sides hold the join of what they began with. Nothing but the common tuples and the writes was ever
    /// there to be held, so the number of keys and the writes among them tell.
    pub(super) fn is_joined(&self, size: Size) -> bool {
        let [a, b] = self.sides.each_ref().map(Side::store);
        let holds = |store: &Store| {
            store.len() == size.items as usize
                && self.writes.iter().all(|Write { tuple, .. }| {
                    store.get(&tuple.author(), tuple.key()).is_some_and(|current| current.same_content(tuple))
                })
        };
        holds(a) && holds(b) && a.root_digest() == b.root_digest()
    }
}

fn draw_pair(rng: &mut Philox) -> [u64; 2] {
    [rng.next_u64(), rng.next_u64()]
}

/// A random subset of the numbers below `bound` (R. Floyd's algorithm: J. Bentley, "Programming pearls: a sample of
/// brilliance", Communications of the ACM 30(9), 1987).
fn draw_some(count: u32, bound: u32, rng: &mut Philox) -> BTreeSet<u32> {
    let mut drawn = BTreeSet::new();
    for last in bound - count..bound {
        let number = below(rng, last + 1);
        if !drawn.insert(number) {
            drawn.insert(last);
        }
    }
    drawn
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sides differ in as many keys as asked for, both in states and in keys, and the common part has no other.
    #[test]
    fn a_trial_differs_in_what_it_says() {
        for (items, updates, inserts, authors) in [(300, 20, 40, 7), (60, 0, 60, 100), (60, 60, 0, 3), (0, 0, 0, 5)] {
            let size = Size { items, updates, inserts, authors, value_bytes: 32 };
            let world = World::new(size, 3).unwrap();
            let trial = world.trial(0).unwrap();
            assert_eq!(trial.writes.len() as u32, updates + inserts);
            assert_eq!(trial.writes.iter().filter(|write| write.older.is_some()).count() as u32, updates);
            let states = |side: &Side| side.index().items().map(|item| (item.key, item.state)).collect::<BTreeSet<_>>();
            let [a, b] = trial.sides.each_ref().map(states);
            assert_eq!(a.symmetric_difference(&b).count() as u64, size.states());
            let keys: BTreeSet<u64> = a.union(&b).map(|(key, _)| *key).collect();
            assert_eq!(keys.len() as u32, items);
            assert_eq!(trial.is_joined(size), updates + inserts == 0);
        }
    }
}
