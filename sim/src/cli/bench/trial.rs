//! Two sides to reconcile in one place: a trial of a benchmark.

use std::sync::Arc;

use rand_core::{Rng, TryRng};
use rapprochement_core::peer::{Peer, PeerId, SimPeer};
use rapprochement_core::reconcile::coding::Salt;
use rapprochement_core::reconcile::session::IdLength;
use rapprochement_core::reconcile::session::pair::Side;
use rapprochement_core::store::{Keys, Store, Tuple, TupleError};

use crate::model::config::Holders;
use crate::model::preload::{Size, World, Write};
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

/// What all trials of one seed begin with.
#[derive(Debug)]
pub(super) struct Trials {
    streams: Streams,
    ids: IdLength,
    world: World<'static>,
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

impl Trials {
    /// Makes what both sides have; every value has so many bytes.
    pub(super) fn new(size: Size, value_bytes: usize, seed: u64, ids: IdLength) -> Result<Self, TupleError> {
        let streams = Streams::new(seed);
        let make = move |author: SimPeer, version, key: &[u8], rng: &mut Philox| {
            let mut value = vec![0; value_bytes];
            let Ok(()) = rng.try_fill_bytes(&mut value);
            Tuple::from_parts(author.id(), version, key, Some(&value), [0; 64]).map(Arc::new)
        };
        let world = World::new(size, Box::new(make), &mut streams.stream(Purpose::Reconciliation, 0))?;
        Ok(Self { streams, ids, world })
    }

    /// Draws in what the two sides differ, and under which salt they meet.
    pub(super) fn trial(&self, number: u32) -> Result<Trial, TupleError> {
        let mut rng = self.streams.stream(Purpose::Reconciliation, u64::from(number) + 1);
        let salt = Salt(draw_pair(&mut rng));
        let nonces = [draw_pair(&mut rng), draw_pair(&mut rng)];
        let writes = self.world.writes(2, Holders::ByKey, &mut rng)?;
        let side = Side::with_ids(self.world.common().clone(), salt, self.ids);
        let mut sides = [side.clone(), side];
        writes.iter().for_each(|write| drop(sides[write.holder as usize].offer(&write.tuple, &NoKeys)));
        Ok(Trial { sides, salt, nonces, writes })
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The sides differ in as many keys as asked for, both in states and in keys, and the common part has no other.
    #[test]
    fn a_trial_differs_in_what_it_says() {
        for (items, updates, inserts, authors) in [(300, 20, 40, 7), (60, 0, 60, 100), (60, 60, 0, 3), (0, 0, 0, 5)] {
            let size = Size { items, updates, inserts, authors, first_author: 0 };
            let trials = Trials::new(size, 32, 3, IdLength::Short).unwrap();
            let trial = trials.trial(0).unwrap();
            assert_eq!(trial.writes.len() as u32, updates + inserts);
            assert_eq!(trial.writes.iter().filter(|write| write.older.is_some()).count() as u32, updates);
            let states = |side: &Side| side.index().items().map(|item| (item.key, item.state)).collect::<BTreeSet<_>>();
            let [a, b] = trial.sides.each_ref().map(states);
            assert_eq!(a.symmetric_difference(&b).count() as u64, size.states());
            let keys: BTreeSet<_> = a.union(&b).map(|(key, _)| *key).collect();
            assert_eq!(keys.len() as u32, items);
            assert_eq!(trial.is_joined(size), updates + inserts == 0);
        }
    }
}
