//! Two stores that were equal, the differences that come over them, and a plain map of what both must hold in the end.

use std::collections::BTreeMap;
use std::sync::Arc;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use rapprochement_core::peer::PeerId;
use rapprochement_core::random::{below, unit};
use rapprochement_core::reconcile::coding::Salt;
use rapprochement_core::reconcile::session::MethodKind;
use rapprochement_core::reconcile::session::pair::Side;
use rapprochement_core::store::{Keys, Store, Tuple};

/// The most tuples that a world begins with.
const TUPLES_MAX: f64 = 1e5;
/// Authors have about as many at most: the sets of longer ones take long to hash after every write.
const AUTHOR_TUPLES: usize = 1000;

/// Signatures of zeros that everybody accepts: what is tested here is not who signed.
#[derive(Debug)]
pub(crate) struct NoKeys;

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

/// Two peers and their authors.
pub(crate) struct World {
    pub(crate) rng: ChaCha8Rng,
    pub(crate) sides: [Side; 2],
    /// What both must hold once they are equal: by author and key the tuple of the greatest version and digest.
    oracle: BTreeMap<(PeerId, [u8; 8]), Arc<Tuple>>,
    authors: Vec<Author>,
    /// What one side or both got since they were equal last.
    writes: Vec<Arc<Tuple>>,
    begun: usize,
}

struct Author {
    id: PeerId,
    newest: u64,
    /// Some of its keys, for updates.
    keys: Vec<[u8; 8]>,
}

/// A number whose logarithm is uniform between those of 1 and of `most`.
fn log_uniform(most: f64, rng: &mut ChaCha8Rng) -> usize {
    libm::exp(unit(rng) * libm::log(most)) as usize
}

impl World {
    /// Two equal stores: their size, the number of authors, and what the indexes keep are drawn.
    pub(crate) fn new(mut rng: ChaCha8Rng) -> Self {
        let tuples = log_uniform(TUPLES_MAX, &mut rng);
        Self::of(tuples, rng)
    }

    /// Another world of the size that was drawn for this one.
    pub(crate) fn renewed(self) -> Self {
        Self::of(self.begun, self.rng)
    }

    fn of(tuples: usize, mut rng: ChaCha8Rng) -> Self {
        let authors = log_uniform(tuples as f64, &mut rng).max(tuples / AUTHOR_TUPLES + 1);
        let author = |_| {
            let mut id = [0; 32];
            rng.fill_bytes(&mut id);
            Author { id: PeerId(id), newest: 0, keys: Vec::new() }
        };
        let mut authors: Vec<Author> = (0..authors).map(author).collect();
        // In the order of the store, where every tuple goes to the end.
        authors.sort_unstable_by_key(|author| author.id);
        let (mut store, mut oracle) = (Store::default(), BTreeMap::new());
        let count = authors.len();
        for (place, author) in authors.iter_mut().enumerate() {
            for number in place * tuples / count..(place + 1) * tuples / count {
                let key = ((number as u64) << 32).to_be_bytes();
                let tuple = author.write(author.newest + 1, key, rng.next_u64());
                store.offer(&tuple, &NoKeys);
                oracle.insert((author.id, key), tuple);
            }
        }
        let mut side = Side::new(store, Salt([rng.next_u64(), rng.next_u64()]));
        // Without cells that are kept, every session makes its own.
        let cells = if below(&mut rng, 8) == 0 { 0 } else { 2000 };
        for kind in [MethodKind::Summary, MethodKind::Riblt, MethodKind::KeyedRiblt, MethodKind::VersionedRiblt] {
            side.index_mut().keep(kind, cells);
        }
        Self { rng, sides: [side.clone(), side], oracle, authors, writes: Vec::new(), begun: tuples }
    }

    /// How many tuples it began with.
    pub(crate) const fn size(&self) -> usize {
        self.begun
    }

    /// It has become another size than was drawn.
    pub(crate) fn is_outgrown(&self) -> bool {
        self.oracle.len() > self.begun + self.begun / 4 + 8
    }

    /// Differences, up to a bound, their number log-uniform or 0. Honest authors write one version after another, of which the
    /// one side has them all and the other is behind; hostile ones do that or anything else.
    pub(crate) fn differ(&mut self, most: usize, hostile: bool) {
        let differences = log_uniform(1.0 + most as f64, &mut self.rng) - 1;
        let ahead = self.rng.next_u64();
        for _ in 0..differences {
            let place = below(&mut self.rng, self.authors.len() as u32) as usize;
            let side = 1 + (ahead.rotate_right(place as u32) & 1) as u8;
            if hostile && below(&mut self.rng, 2) == 0 {
                self.deceive(place, side);
            } else {
                let key = self.key(place);
                self.write(place, self.authors[place].newest + 1, key, side);
            }
        }
        if hostile {
            let side = 1 + below(&mut self.rng, 2) as u8;
            self.deceive(0, side);
        }
    }

    /// What an author can do who lies: `side` is one of both, as a mask.
    fn deceive(&mut self, place: usize, side: u8) {
        let next = self.authors[place].newest + 1;
        let (key, other) = (self.key(place), self.fresh());
        match below(&mut self.rng, 5) {
            // Two contents under one version, of one key or of two.
            0 => [side, 3 - side].map(|side| self.write(place, next, key, side)),
            1 => [(key, side), (other, 3 - side)].map(|(key, side)| self.write(place, next, key, side)),
            // A version is withheld from one side, and hidden behind the next one, which both get.
            2 => {
                [(next, key, side), (next + 1, other, 3)].map(|(version, key, to)| self.write(place, version, key, to))
            }
            // One of two from each.
            3 => {
                self.write(place, next, key, side);
                [(next + 1, 3 - side), (next + 2, 3)].map(|(version, to)| {
                    let key = self.fresh();
                    self.write(place, version, key, to);
                })
            }
            // Versions run backwards.
            _ => {
                let before = 1 + u64::from(below(&mut self.rng, next as u32));
                [(before, other), (before.saturating_sub(1).max(1), key)]
                    .map(|(version, key)| self.write(place, version, key, side))
            }
        };
    }

    /// A key of the author, or a new one.
    fn key(&mut self, place: usize) -> [u8; 8] {
        let keys = self.authors[place].keys.len() as u32;
        if keys == 0 || below(&mut self.rng, 4) == 0 {
            return self.fresh();
        }
        self.authors[place].keys[below(&mut self.rng, keys) as usize]
    }

    fn fresh(&mut self) -> [u8; 8] {
        self.rng.next_u64().to_be_bytes()
    }

    /// An author writes, and the sides of the mask get it.
    fn write(&mut self, place: usize, version: u64, key: [u8; 8], to: u8) {
        let tuple = self.authors[place].write(version, key, self.rng.next_u64());
        for (bit, side) in self.sides.iter_mut().enumerate() {
            if to >> bit & 1 == 1 {
                side.offer(&tuple, &NoKeys);
            }
        }
        let winner = self.oracle.entry((tuple.author(), key)).or_insert_with(|| tuple.clone());
        if (tuple.version(), tuple.digest()) > (winner.version(), winner.digest()) {
            *winner = tuple.clone();
        }
        self.writes.push(tuple);
    }

    /// Whether both sides hold what they must, tuple by tuple.
    pub(crate) fn is_joined(&self) -> bool {
        let store = self.sides[0].store();
        self.is_equal() && store.len() == self.oracle.len() && store.iter().zip(self.oracle.values()).all(same)
    }

    /// Whether both sides hold the same, tuple by tuple.
    pub(crate) fn is_equal(&self) -> bool {
        let [a, b] = &self.sides;
        a.store().len() == b.store().len() && a.store().iter().zip(b.store().iter()).all(same)
    }

    /// The sides have been reconciled; what a method has missed is handed to both.
    pub(crate) fn settle(&mut self) {
        for tuple in self.writes.drain(..) {
            self.sides.iter_mut().for_each(|side| drop(side.offer(&tuple, &NoKeys)));
        }
    }
}

impl Author {
    fn write(&mut self, version: u64, key: [u8; 8], draw: u64) -> Arc<Tuple> {
        self.newest = self.newest.max(version);
        if self.keys.len() < 64 {
            self.keys.push(key);
        }
        // One in eight is a tombstone.
        let value = draw.to_le_bytes();
        let value = (draw & 7 > 0).then_some(value.as_slice());
        Arc::new(Tuple::from_parts(self.id, version, &key, value, [0; 64]).expect("within the limits"))
    }
}

/// Tuples are shared, so that most are the same without a look at what they say.
fn same((one, other): (&Arc<Tuple>, &Arc<Tuple>)) -> bool {
    Arc::ptr_eq(one, other) || (one.version() == other.version() && one.digest() == other.digest())
}

/// The generator of a batch of sessions.
pub(crate) fn generator(seed: u64, batch: u64) -> ChaCha8Rng {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8..16].copy_from_slice(&batch.to_le_bytes());
    ChaCha8Rng::from_seed(key)
}
