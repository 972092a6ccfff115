//! Stores that differ in a stated number of keys: what two sides of a benchmark hold, or the nodes of a run when it begins.
//! What they have in common is made once; in what they differ is drawn, for every trial anew.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rand_core::Rng;
use rapprochement_core::peer::{Peer, SimPeer};
use rapprochement_core::random::{below, shuffle};
use rapprochement_core::store::{Store, Tuple, TupleError};

use super::config::Holders;
use crate::random::Philox;

/// How much there is, and how much of it differs.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Keys of all stores together.
    pub items: u32,
    /// Keys that all have, one of them in a newer version.
    pub updates: u32,
    /// Keys that only one has.
    pub inserts: u32,
    /// Authors of the keys.
    pub authors: u32,
    /// The number of the first author: authors are peers as nodes are.
    pub first_author: u32,
}

impl Size {
    /// `differences` of `items` keys differ, of which this share, rounded to whole keys, are updates.
    pub fn new(items: u32, differences: u32, updates: f64, authors: u32) -> Self {
        let updates = libm::round(f64::from(differences) * updates) as u32;
        Self { items, updates, inserts: differences - updates, authors, first_author: 0 }
    }

    /// Keys that all have.
    fn common(self) -> u32 {
        self.items - self.inserts
    }

    /// Items that only one side has where a new version is another item: an update is two of them.
    pub fn states(self) -> u64 {
        2 * u64::from(self.updates) + u64::from(self.inserts)
    }

    /// The most keys that one author can come to have in a store.
    pub fn keys_of_an_author(self) -> u32 {
        self.common().div_ceil(self.authors) + self.inserts.min(self.items.div_ceil(self.authors))
    }
}

/// Makes the tuple of an author, a version and a key.
pub type Maker<'a> = dyn Fn(SimPeer, u64, &[u8], &mut Philox) -> Result<Arc<Tuple>, TupleError> + 'a;

/// What all stores have in common, and how more is made.
pub struct World<'a> {
    size: Size,
    make: Box<Maker<'a>>,
    /// The keys that all have, in their older versions.
    common: Store,
}

/// One of the tuples in which stores differ.
#[derive(Clone, Debug)]
pub struct Write {
    /// Who has it.
    pub holder: u32,
    /// The tuple.
    pub tuple: Arc<Tuple>,
    /// What the others have of its key.
    pub older: Option<Arc<Tuple>>,
}

impl std::fmt::Debug for World<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World").field("size", &self.size).finish_non_exhaustive()
    }
}

impl<'a> World<'a> {
    /// Makes what all have. Item i is the (i / authors + 1)-th write of author i % authors.
    ///
    /// # Errors
    /// A tuple that cannot be: its value is too long.
    pub fn new(size: Size, make: Box<Maker<'a>>, rng: &mut Philox) -> Result<Self, TupleError> {
        let mut world = Self { size, make, common: Store::default() };
        let mut authors: Vec<u32> = (0..size.authors.min(size.common())).collect();
        // In the order of the store, so that every tuple goes to its end.
        authors.sort_by_key(|&author| world.author(author).id());
        for author in authors {
            for item in (author..size.common()).step_by(size.authors as usize) {
                let tuple = world.tuple(author, item, item / size.authors + 1, rng)?;
                world.common.insert_own(tuple);
            }
        }
        Ok(world)
    }

    /// What all have in common.
    pub const fn common(&self) -> &Store {
        &self.common
    }

    /// Updates of drawn keys and new keys of drawn authors, in random order and each at one of so many holders. Versions are
    /// their authors' counters: whoever has an author's newest write may lack an earlier one that somebody else has.
    ///
    /// # Errors
    /// As [`World::new`].
    pub fn writes(&self, count: u32, holders: Holders, rng: &mut Philox) -> Result<Vec<Write>, TupleError> {
        let Size { items, updates, inserts, authors, .. } = self.size;
        let common = self.size.common();
        let updated = draw_some(updates, common, rng).into_iter().map(|item| (item % authors, item));
        let inserted = draw_some(inserts, items, rng).into_iter().map(|place| place % authors).zip(common..);
        let mut changes: Vec<(u32, u32)> = updated.chain(inserted).collect();
        shuffle(rng, &mut changes);
        let mut counters: BTreeMap<u32, u32> = BTreeMap::new();
        let mut of_authors: BTreeMap<u32, u32> = BTreeMap::new();
        let draw = |rng: &mut Philox| ((u128::from(rng.next_u64()) * u128::from(count)) >> 64) as u32;
        let write = |(author, item): (u32, u32)| {
            let counter = counters.entry(author).or_insert_with(|| (common + authors - 1 - author) / authors);
            *counter += 1;
            let holder = match holders {
                Holders::ByKey => draw(rng),
                Holders::ByAuthor => *of_authors.entry(author).or_insert_with(|| draw(rng)),
            };
            let tuple = self.tuple(author, item, *counter, rng)?;
            let older = self.common.get(&tuple.author(), tuple.key()).cloned();
            Ok(Write { holder, tuple, older })
        };
        changes.into_iter().map(write).collect()
    }

    const fn author(&self, number: u32) -> SimPeer {
        SimPeer(self.size.first_author.saturating_add(number))
    }

    fn tuple(&self, author: u32, item: u32, version: u32, rng: &mut Philox) -> Result<Arc<Tuple>, TupleError> {
        (self.make)(self.author(author), version.into(), &u64::from(item).to_be_bytes(), rng)
    }
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
