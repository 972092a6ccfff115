//! What a store holds of one author: the newest tuple of each key, in key order. Most authors of a large simulation
//! have one tuple, so one costs 24 bytes and no allocation.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cell::Cell;
use core::cmp::Ordering;
use core::fmt;

use crate::peer::PeerId;
use crate::store::tuple::Tuple;

/// A collision-resistant summary of a set of tuples: 16 bytes of BLAKE3.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct SetHash(pub [u8; 16]);

impl SetHash {
    /// Bytes that a summary takes in every encoding.
    pub const LEN: usize = 16;

    /// BLAKE3 over the parts in order, under a context, cut to 16 bytes.
    pub(crate) fn of<const N: usize>(context: &[u8], parts: impl Iterator<Item = [u8; N]>) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(context);
        for part in parts {
            hasher.update(&part);
        }
        Self::cut(*hasher.finalize().as_bytes())
    }

    fn cut(digest: [u8; 32]) -> Self {
        let mut hash = [0; Self::LEN];
        hash.copy_from_slice(&digest[..Self::LEN]);
        Self(hash)
    }
}

impl fmt::Debug for SetHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// One author's current tuples.
#[derive(Clone, Debug)]
pub struct Author {
    /// The first eight bytes of the id: a binary search stays inside the array until it has found its place.
    prefix: u64,
    tuples: Tuples,
}

#[derive(Clone, Debug)]
enum Tuples {
    One(Arc<Tuple>),
    Many(Box<Many>),
}

#[derive(Clone, Debug)]
struct Many {
    newest: u64,
    /// `None` after a change, until somebody asks.
    hash: Cell<Option<SetHash>>,
    by_key: Vec<Arc<Tuple>>,
}

/// What became of a tuple that is newer than its key's current one.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Insertion {
    /// It is the key's current tuple now, in place of this one.
    Done(Option<Arc<Tuple>>),
    /// The author has its limit of keys, all of them newer.
    TooOld,
}

impl Author {
    /// An author's first tuple.
    pub(crate) fn new(tuple: Arc<Tuple>) -> Self {
        Self { prefix: prefix(&tuple.author()), tuples: Tuples::One(tuple) }
    }

    /// The author's id.
    pub fn id(&self) -> PeerId {
        match &self.tuples {
            Tuples::One(tuple) => tuple.author(),
            Tuples::Many(many) => many.by_key[0].author(),
        }
    }

    /// The newest version of any key. It is always among the current tuples.
    pub fn newest(&self) -> u64 {
        match &self.tuples {
            Tuples::One(tuple) => tuple.version(),
            Tuples::Many(many) => many.newest,
        }
    }

    /// The newest tuple of each key, in key order; never empty.
    pub fn tuples(&self) -> &[Arc<Tuple>] {
        match &self.tuples {
            Tuples::One(tuple) => core::slice::from_ref(tuple),
            Tuples::Many(many) => &many.by_key,
        }
    }

    /// The current tuple of a key.
    pub fn get(&self, key: &[u8]) -> Option<&Arc<Tuple>> {
        let tuples = self.tuples();
        tuples.binary_search_by(|tuple| tuple.key().cmp(key)).ok().map(|place| &tuples[place])
    }

    /// The summary of the current set: of one tuple its digest, of several the hash of their digests in key order.
    pub fn hash(&self) -> SetHash {
        match &self.tuples {
            Tuples::One(tuple) => SetHash::cut(tuple.digest()),
            Tuples::Many(many) => many.hash.get().unwrap_or_else(|| {
                let digests = many.by_key.iter().map(|tuple| tuple.digest());
                let hash = SetHash::of(b"rapprochement author v1", digests);
                many.hash.set(Some(hash));
                hash
            }),
        }
    }

    /// Where the author stands relative to an id.
    pub(crate) fn cmp_id(&self, id: &PeerId) -> Ordering {
        self.prefix.cmp(&prefix(id)).then_with(|| self.id().cmp(id))
    }

    /// Puts in a tuple that takes precedence over its key's current one. With more than `limit` keys, the oldest tuple
    /// goes: what is left are the newest `limit` of all tuples ever put in, in whatever order they came.
    pub(crate) fn insert(&mut self, tuple: Arc<Tuple>, limit: usize) -> Insertion {
        match &mut self.tuples {
            Tuples::One(current) if current.key() == tuple.key() => {
                Insertion::Done(Some(core::mem::replace(current, tuple)))
            }
            Tuples::One(current) => {
                let by_key = Vec::from([current.clone()]);
                let mut many = Box::new(Many { newest: current.version(), hash: Cell::new(None), by_key });
                let insertion = many.insert(tuple, limit);
                self.tuples = Tuples::Many(many);
                insertion
            }
            Tuples::Many(many) => many.insert(tuple, limit),
        }
    }
}

impl Many {
    fn insert(&mut self, tuple: Arc<Tuple>, limit: usize) -> Insertion {
        let place = match self.by_key.binary_search_by(|other| other.key().cmp(tuple.key())) {
            Ok(place) => {
                self.note(&tuple);
                return Insertion::Done(Some(core::mem::replace(&mut self.by_key[place], tuple)));
            }
            Err(place) => place,
        };
        if self.by_key.len() >= limit {
            let oldest = (0..self.by_key.len()).min_by(|&a, &b| self.by_key[a].precedence(&self.by_key[b]));
            match oldest {
                Some(oldest) if tuple.precedence(&self.by_key[oldest]).is_gt() => {
                    self.note(&tuple);
                    self.by_key.remove(oldest);
                    self.by_key.insert(if oldest < place { place - 1 } else { place }, tuple);
                }
                _ => return Insertion::TooOld,
            }
        } else {
            self.note(&tuple);
            self.by_key.insert(place, tuple);
        }
        Insertion::Done(None)
    }

    fn note(&mut self, tuple: &Tuple) {
        self.newest = self.newest.max(tuple.version());
        self.hash.set(None);
    }
}

fn prefix(id: &PeerId) -> u64 {
    let mut head = [0; 8];
    head.copy_from_slice(&id.0[..8]);
    u64::from_be_bytes(head)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tuple(version: u64, key: u8) -> Arc<Tuple> {
        Arc::new(Tuple::from_parts(PeerId([1; 32]), version, &[key], None, [0; 64]).unwrap())
    }

    /// What an author's limit leaves: per key the newest, and of these the newest `limit`.
    fn newest(mut tuples: Vec<Arc<Tuple>>, limit: usize) -> Vec<Arc<Tuple>> {
        tuples.sort_by(|a, b| b.precedence(a));
        let mut kept: Vec<Arc<Tuple>> = Vec::new();
        for tuple in tuples {
            if kept.len() < limit && kept.iter().all(|other| other.key() != tuple.key()) {
                kept.push(tuple);
            }
        }
        kept.sort_by(|a, b| a.key().cmp(b.key()));
        kept
    }

    proptest::proptest! {
        #[test]
        fn beyond_its_limit_an_author_keeps_the_newest_keys_in_any_order(
            offered in proptest::collection::vec((1..40u64, 0..12u8), 1..60),
        ) {
            let offered: Vec<_> = offered.into_iter().map(|(version, key)| tuple(version, key)).collect();
            let mut author = Author::new(offered[0].clone());
            for tuple in &offered[1..] {
                if author.get(tuple.key()).is_none_or(|current| tuple.precedence(current).is_gt()) {
                    author.insert(tuple.clone(), 5);
                }
            }
            let kept = newest(offered, 5);
            assert_eq!(author.tuples(), kept);
            assert_eq!(Some(author.newest()), kept.iter().map(|tuple| tuple.version()).max());
        }
    }
}
