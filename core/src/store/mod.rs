//! The signed tuple store: for every author and key the newest tuple, by an order that every node computes alike.
//!
//! - A version is its author's counter. The newest per (author, key) wins: by version, then by digest, never by signature.
//!   So a store is a join-semilattice (Shapiro, Preguiça, Baquero and Zawirski, "Conflict-free replicated data types", SSS
//!   2011): the same tuples in any order, any number of times, give the same store.
//! - A delete is a tuple without a value, and stays: a tombstone that could be dropped would let the old value return.
//! - Two contents under one version are equivocation. It is judged before a tuple is thrown away as stale, and the proof is
//!   kept ([`Equivocation`]). It is noticed while one of the two is current; resolution needs no notice: per key the greater
//!   digest wins, and under different keys both stand.
//! - What is kept on a peer's word has a cap. Per author it is the newest [`AUTHOR_TUPLES_MAX`] keys, which is a function of the
//!   tuples seen and not of their order, so it does not touch convergence. A tuple of a new author beyond [`AUTHORS_MAX`] is
//!   refused, and stores that had to refuse may stay different: whom to admit is for the layers above to decide.
//!
//! | file | what it holds |
//! |---|---|
//! | `tuple` | one signed tuple and its encoding |
//! | `keys` | signing and checking |
//! | `author` | one author's current tuples and their hash |
//! | `evidence` | proofs of equivocation |

mod author;
mod evidence;
mod keys;
mod tuple;

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cell::Cell;

pub use author::{Author, SetHash};
pub use evidence::{EVIDENCE_MAX, Equivocation};
pub use keys::{Ed25519Keys, Keys};
pub use tuple::{KEY_LEN_MAX, TUPLE_LEN_MAX, TUPLE_LEN_MIN, Tuple, TupleError, VALUE_LEN_MAX};

use author::Insertion;
use evidence::Evidence;

use crate::peer::PeerId;

/// The most keys of one author. Beyond it the author's oldest tuples go.
pub const AUTHOR_TUPLES_MAX: usize = 1 << 16;
/// The most authors of one store. Beyond it tuples of new authors are refused.
pub const AUTHORS_MAX: usize = 1 << 21;

/// The newest tuple of every author and key. An empty store allocates nothing; clones share the tuples.
#[derive(Clone, Debug, Default)]
pub struct Store {
    /// Sorted by id.
    authors: Vec<Author>,
    len: usize,
    /// `None` after a change, until somebody asks.
    root: Cell<Option<SetHash>>,
    evidence: Option<Box<Evidence>>,
}

/// What became of a tuple that was offered to a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Whether the store holds it now.
    pub outcome: Outcome,
    /// True where the tuple gave the first proof that its author equivocates.
    pub equivocation: bool,
}

/// Whether a store holds a tuple that was offered to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is the newest of its key, in place of this one.
    Adopted(Option<Arc<Tuple>>),
    /// The store held the same content already.
    Duplicate,
    /// The store holds a newer one of its key, or the author's limit of newer keys.
    Stale,
    /// Its author did not sign it.
    Forged,
    /// Its author is new and the store has [`AUTHORS_MAX`] of them.
    Full,
}

impl Store {
    /// The current tuple of an author's key; its value is `None` where the key was deleted.
    pub fn get(&self, author: &PeerId, key: &[u8]) -> Option<&Arc<Tuple>> {
        self.author(author)?.get(key)
    }

    /// All current tuples, tombstones included, by author and key.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Tuple>> {
        self.authors.iter().flat_map(Author::tuples)
    }

    /// How many current tuples there are, tombstones included.
    pub fn len(&self) -> usize {
        self.len
    }

    /// True for a store without tuples.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The authors with at least one tuple, by id.
    pub fn authors(&self) -> &[Author] {
        &self.authors
    }

    /// One author's tuples, where there are any.
    pub fn author(&self, id: &PeerId) -> Option<&Author> {
        self.find(id).ok().map(|place| &self.authors[place])
    }

    /// The authors from one id (inclusive) to another (exclusive); `None` leaves that side open.
    pub fn authors_between(&self, from: Option<&PeerId>, to: Option<&PeerId>) -> &[Author] {
        let place = |id| self.find(id).unwrap_or_else(|place| place);
        let (start, end) = (from.map_or(0, place), to.map_or(self.authors.len(), place));
        self.authors.get(start..end).unwrap_or_default()
    }

    /// The whole store under two nonces: what both sides of a session compare at its end, and nobody can have kept from an
    /// earlier one.
    pub fn fingerprint(&self, nonces: [u64; 2]) -> SetHash {
        let mut nonce = [0; 16];
        nonce[..8].copy_from_slice(&nonces[0].to_le_bytes());
        nonce[8..].copy_from_slice(&nonces[1].to_le_bytes());
        SetHash::of(b"rapprochement fingerprint v1", [nonce, self.root_digest().0].into_iter())
    }

    /// A collision-resistant hash of the whole store: of the authors' hashes in the order of their ids. Equal digests
    /// mean equal current tuples. Kept until the next change.
    pub fn root_digest(&self) -> SetHash {
        self.root.get().unwrap_or_else(|| {
            let root = SetHash::of(b"rapprochement store v1", self.authors.iter().map(|author| author.hash().0));
            self.root.set(Some(root));
            root
        })
    }

    /// Proofs that authors equivocated, by author: at most one each, of at most [`EVIDENCE_MAX`] authors.
    pub fn evidence(&self) -> &[Equivocation] {
        self.evidence.as_ref().map_or(&[], |evidence| evidence.proofs())
    }

    /// Takes a tuple from a peer: adopts it where it is authentic and newer than its key's current one. What is already
    /// held costs a binary search and a comparison; a signature is checked only where something hangs on it.
    pub fn offer<K: Keys>(&mut self, tuple: &Arc<Tuple>, keys: &K) -> Receipt {
        let place = self.find(&tuple.author());
        let author = place.ok().map(|place| &self.authors[place]);
        let current = author.and_then(|author| author.get(tuple.key()));
        let receipt = |outcome| Receipt { outcome, equivocation: false };
        if current.is_some_and(|current| current.same_content(tuple)) {
            return receipt(Outcome::Duplicate);
        }
        let newer = current.is_none_or(|current| tuple.precedence(current).is_gt());
        let rival = author.and_then(|author| self.rival(author, tuple));
        if !newer && rival.is_none() {
            return receipt(Outcome::Stale);
        }
        if !tuple.is_authentic(keys) {
            return receipt(Outcome::Forged);
        }
        let equivocation = rival.is_some();
        if let Some((vacancy, rival)) = rival {
            self.evidence.get_or_insert_default().insert(vacancy, rival, tuple.clone());
        }
        let outcome = match place {
            _ if !newer => Outcome::Stale,
            Err(_) if self.authors.len() >= AUTHORS_MAX => Outcome::Full,
            _ => self.insert(place, tuple.clone()),
        };
        Receipt { outcome, equivocation }
    }

    /// Puts in a new tuple without asking who signed it: this node's own, or one whose origin is beyond doubt. It takes
    /// precedence over what the store has of its key; the tuple that it replaces comes back.
    pub fn insert_own(&mut self, tuple: Arc<Tuple>) -> Option<Arc<Tuple>> {
        match self.insert(self.find(&tuple.author()), tuple) {
            Outcome::Adopted(replaced) => replaced,
            _ => None,
        }
    }

    /// A current tuple that proves equivocation together with this one, and where the proof would go; `None` also where
    /// no proof is wanted. A version beyond the author's newest needs no search.
    fn rival(&self, author: &Author, tuple: &Tuple) -> Option<(usize, Arc<Tuple>)> {
        if tuple.version() > author.newest() {
            return None;
        }
        let vacancy = self.evidence.as_ref().map_or(Some(0), |evidence| evidence.vacancy(&tuple.author()))?;
        let mut tuples = author.tuples().iter();
        let rival = tuples.find(|other| other.version() == tuple.version() && !other.same_content(tuple))?;
        Some((vacancy, rival.clone()))
    }

    fn find(&self, id: &PeerId) -> Result<usize, usize> {
        self.authors.binary_search_by(|author| author.cmp_id(id))
    }

    fn insert(&mut self, place: Result<usize, usize>, tuple: Arc<Tuple>) -> Outcome {
        let replaced = match place {
            Ok(place) => {
                let author = &mut self.authors[place];
                let before = author.tuples().len();
                let insertion = author.insert(tuple, AUTHOR_TUPLES_MAX);
                self.len += author.tuples().len() - before;
                match insertion {
                    Insertion::Done(replaced) => replaced,
                    Insertion::TooOld => return Outcome::Stale,
                }
            }
            Err(place) => {
                if self.authors.is_empty() {
                    // A node of a large simulation often holds one author.
                    self.authors.reserve_exact(1);
                }
                self.authors.insert(place, Author::new(tuple));
                self.len += 1;
                None
            }
        };
        self.root.set(None);
        Outcome::Adopted(replaced)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A store of one tuple is one allocation of one author.
    #[test]
    fn the_first_author_is_allocated_alone() {
        let keys = Ed25519Keys::from_secret(&[1; 32]);
        let mut store = Store::default();
        assert_eq!(store.authors.capacity(), 0);
        store.insert_own(Arc::new(Tuple::sign(&keys, 1, b"k", None).unwrap()));
        assert_eq!(store.authors.capacity(), 1);
    }
}
