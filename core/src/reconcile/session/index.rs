//! A store as the methods see it: for every current tuple the id of its key and the id of its state, both keyed hashes
//! under a salt, so that nobody who does not know the salt can make two of them collide. It follows the store at every
//! write. Two keys of one id (one chance in 2^61 a pair, in 2^122 with long ids) shadow each other here and nowhere else: the
//! closing check notices, and the next session has another salt.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::array;
use core::hash::Hasher;

use siphasher::sip::SipHasher24;

use crate::peer::PeerId;
use crate::reconcile::coding::field61::F61;
use crate::reconcile::coding::keyed::{Entry, FormA, FormB, Keyed, LongFormA, LongFormB};
use crate::reconcile::coding::riblt::Riblt;
use crate::reconcile::coding::{Prefix, Salt};
use crate::reconcile::session::method::MethodKind;
use crate::reconcile::session::recent::Recent;
use crate::store::{Author, Store, Tuple};

/// Bits of a field element: of a short key id, and of either half of a long one.
const KEY_BITS: u32 = 61;

/// The id of a key: below 2^64 where it is short; a long one has a second element in its high half.
pub type KeyId = u128;

/// How long the ids of keys are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IdLength {
    /// 61 bits: two of a million keys share an id once in four million salts.
    #[default]
    Short,
    /// 122 bits: no two do, and nobody can search for two that do even under a salt that is known.
    Long,
}

/// A store's tuples by key id.
#[derive(Clone, Debug)]
pub struct Index {
    salt: Salt,
    ids: IdLength,
    items: BTreeMap<KeyId, Item>,
    kept: Kept,
    changes: u64,
    recent: Option<Recent>,
}

/// Prefixes that are kept up to date at every write. A session that runs shares them until the next write.
#[derive(Clone, Debug, Default)]
pub(super) struct Kept {
    pub(super) riblt: Option<Arc<Prefix<Riblt>>>,
    pub(super) keyed: Option<Arc<Prefix<FormA>>>,
    pub(super) versioned: Option<Arc<Prefix<FormB>>>,
    pub(super) long: Option<Arc<Prefix<LongFormA>>>,
    pub(super) long_versioned: Option<Arc<Prefix<LongFormB>>>,
}

/// One current tuple.
#[derive(Clone, Debug)]
pub struct Item {
    /// Hash of author and key: 1 to 2^61 - 2, so that it is a residue modulo 2^61 - 1 and not zero; in a long one another
    /// such residue times 2^64 on top.
    pub key: KeyId,
    /// Hash of everything that the author signed: not zero.
    pub state: u64,
    /// The tuple itself.
    pub tuple: Arc<Tuple>,
}

impl Index {
    /// The index of a store under a salt, with short ids.
    pub fn of(store: &Store, salt: Salt) -> Self {
        Self::with_ids(store, salt, IdLength::Short)
    }

    /// The index of a store under a salt.
    pub fn with_ids(store: &Store, salt: Salt, ids: IdLength) -> Self {
        let mut index = Self { salt, ids, changes: store.len() as u64, ..Self::empty() };
        // All at once: a map of sorted items is made several times as fast as one that they enter one by one.
        index.items = store.iter().map(|tuple| index.item(tuple)).map(|item| (item.key, item)).collect();
        index
    }

    /// The index of an empty store under no salt.
    pub const fn empty() -> Self {
        let kept = Kept { riblt: None, keyed: None, versioned: None, long: None, long_versioned: None };
        let ids = IdLength::Short;
        Self { salt: Salt([0; 2]), ids, items: BTreeMap::new(), kept, changes: 0, recent: None }
    }

    /// Becomes the index of another store, with as many cells kept as before.
    pub fn rebuild(&mut self, store: &Store) {
        let mut fresh = Self::with_ids(store, self.salt, self.ids);
        fresh.changes += self.changes + 1;
        for (kind, len) in [
            (MethodKind::Riblt, self.kept.riblt.as_ref().map(|prefix| prefix.cells().len())),
            (MethodKind::KeyedRiblt, self.kept.keyed.as_ref().map(|prefix| prefix.cells().len())),
            (MethodKind::VersionedRiblt, self.kept.versioned.as_ref().map(|prefix| prefix.cells().len())),
            (MethodKind::KeyedRibltLong, self.kept.long.as_ref().map(|prefix| prefix.cells().len())),
            (MethodKind::VersionedRibltLong, self.kept.long_versioned.as_ref().map(|prefix| prefix.cells().len())),
        ] {
            len.into_iter().for_each(|len| fresh.keep(kind, len));
        }
        fresh.recent = self.recent.as_ref().map(|_| Recent::new(fresh.changes));
        *self = fresh;
    }

    /// How many times a tuple was taken in or forgotten.
    pub const fn changes(&self) -> u64 {
        self.changes
    }

    /// The authors of whom a tuple was taken in or forgotten behind the change of this number, by id. `None` where that is
    /// not known: the index was rebuilt since, or does not keep it (see [`Index::keep`]).
    pub fn changed_since(&self, change: u64) -> Option<Vec<PeerId>> {
        self.recent.as_ref()?.after(change)
    }

    /// The salt of its ids.
    pub const fn salt(&self) -> Salt {
        self.salt
    }

    /// How long its ids are.
    pub const fn ids(&self) -> IdLength {
        self.ids
    }

    /// How many items there are.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// True for the index of an empty store.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The items by key id.
    pub fn items(&self) -> impl Iterator<Item = &Item> {
        self.items.values()
    }

    /// The item of a key id.
    pub fn get(&self, key: KeyId) -> Option<&Item> {
        self.items.get(&key)
    }

    /// Takes in a tuple that is now the current one of its key.
    pub fn insert(&mut self, tuple: &Arc<Tuple>) {
        self.note(tuple);
        let item = self.item(tuple);
        let old = self.items.insert(item.key, item.clone());
        let kept = &mut self.kept;
        if let Some(prefix) = kept.riblt.as_mut().map(Arc::make_mut) {
            old.iter().for_each(|old| prefix.remove(&old.pair()));
            prefix.add(&item.pair());
        }
        replace(kept.keyed.as_mut(), old.as_ref(), &item);
        replace(kept.versioned.as_mut(), old.as_ref(), &item);
        replace(kept.long.as_mut(), old.as_ref(), &item);
        replace(kept.long_versioned.as_mut(), old.as_ref(), &item);
    }

    /// Forgets a tuple that is no longer a current one, where it is the one that is indexed under its key.
    pub fn remove(&mut self, tuple: &Arc<Tuple>) {
        let gone = self.item(tuple);
        if self.items.get(&gone.key).is_none_or(|item| item.state != gone.state) {
            return;
        }
        self.note(tuple);
        self.items.remove(&gone.key);
        let kept = &mut self.kept;
        kept.riblt.as_mut().map(Arc::make_mut).into_iter().for_each(|prefix| prefix.remove(&gone.pair()));
        remove(kept.keyed.as_mut(), &gone);
        remove(kept.versioned.as_mut(), &gone);
        remove(kept.long.as_mut(), &gone);
        remove(kept.long_versioned.as_mut(), &gone);
    }

    fn note(&mut self, tuple: &Tuple) {
        self.changes += 1;
        let (change, author) = (self.changes, tuple.author());
        self.recent.iter_mut().for_each(|recent| recent.note(author, change));
    }

    /// Keeps from now on what makes a method's sessions cheap: the first `cells` cells of its code, where it has one; and for
    /// summaries the order in which authors change.
    pub fn keep(&mut self, kind: MethodKind, cells: usize) {
        match kind {
            MethodKind::Riblt => {
                let prefix = Prefix::build(Riblt::new(self.salt), cells, self.items().map(Item::pair));
                self.kept.riblt = Some(Arc::new(prefix));
            }
            MethodKind::KeyedRiblt | MethodKind::Auto => self.kept.keyed = self.prefix(cells),
            MethodKind::VersionedRiblt => self.kept.versioned = self.prefix(cells),
            MethodKind::KeyedRibltLong => self.kept.long = self.prefix(cells),
            MethodKind::VersionedRibltLong => self.kept.long_versioned = self.prefix(cells),
            MethodKind::Summary => self.recent = Some(Recent::new(self.changes)),
            _ => {}
        }
    }

    fn prefix<const LIMBS: usize, const VERSIONS: usize>(
        &self,
        cells: usize,
    ) -> Option<Arc<Prefix<Keyed<LIMBS, VERSIONS>>>> {
        Some(Arc::new(Prefix::build(Keyed::new(self.salt), cells, self.items().map(Item::entry))))
    }

    pub(super) fn kept(&self) -> &Kept {
        &self.kept
    }

    /// A tuple as an item.
    pub fn item(&self, tuple: &Arc<Tuple>) -> Item {
        let key = key_id(self.salt, self.ids, &tuple.author(), tuple.key());
        Item { key, state: hash(self.salt, &[&tuple.digest()]).max(1), tuple: tuple.clone() }
    }
}

impl Item {
    /// Key and state in one number, of 61 bits of the key: an item of the plain rateless code.
    pub fn pair(&self) -> u128 {
        self.key << 64 | u128::from(self.state)
    }

    /// What the keyed codes have to know.
    pub fn entry<const LIMBS: usize>(&self) -> Entry<LIMBS> {
        let limbs = array::from_fn(|limb| F61::new((self.key >> (64 * limb)) as u64));
        Entry::new(limbs, self.tuple.version(), self.state)
    }
}

fn remove<const LIMBS: usize, const VERSIONS: usize>(
    prefix: Option<&mut Arc<Prefix<Keyed<LIMBS, VERSIONS>>>>,
    gone: &Item,
) {
    prefix.map(Arc::make_mut).into_iter().for_each(|prefix| prefix.remove(&gone.entry()));
}

fn replace<const LIMBS: usize, const VERSIONS: usize>(
    prefix: Option<&mut Arc<Prefix<Keyed<LIMBS, VERSIONS>>>>,
    old: Option<&Item>,
    new: &Item,
) {
    match (prefix.map(Arc::make_mut), old) {
        (Some(prefix), Some(old)) => prefix.replace(&old.entry(), &new.entry()),
        (Some(prefix), None) => prefix.add(&new.entry()),
        (None, _) => {}
    }
}

/// SipHash-2-4 (Aumasson and Bernstein, INDOCRYPT 2012) of the parts in order.
fn hash(salt: Salt, parts: &[&[u8]]) -> u64 {
    let mut hasher = SipHasher24::new_with_keys(salt.0[0], salt.0[1]);
    parts.iter().for_each(|part| hasher.write(part));
    hasher.finish()
}

/// The salt of a session, from the nonce that its opener drew.
pub fn salt_of(nonce: u64) -> Salt {
    Salt([nonce, hash(Salt([nonce, 0]), &[b"rapprochement session salt v1"])])
}

/// The id of an author's key. The second half of a long one is a hash under a key of its own.
fn key_id(salt: Salt, ids: IdLength, author: &PeerId, key: &[u8]) -> KeyId {
    let low = KeyId::from(residue(hash(salt, &[&author.0, key])));
    match ids {
        IdLength::Short => low,
        IdLength::Long => {
            let Salt([first, second]) = salt;
            low | KeyId::from(residue(hash(Salt([first, !second]), &[&author.0, key]))) << 64
        }
    }
}

/// The id of a key, out of the elements that a code found.
pub(super) fn key_of(limbs: &[F61]) -> KeyId {
    limbs.iter().rev().fold(0, |id, limb| id << 64 | KeyId::from(limb.get()))
}

/// The id of an author, and the hash of what a store holds of it: what the authors are compared by.
pub(super) fn author_item(salt: Salt, author: &Author) -> (u64, u64) {
    (author_id(salt, &author.id()), residue(hash(salt, &[&author.newest().to_le_bytes(), &author.hash().0])))
}

/// The id of an author.
pub(super) fn author_id(salt: Salt, author: &PeerId) -> u64 {
    residue(hash(salt, &[&author.0]))
}

/// A hash as a residue modulo 2^61 - 1 that is not zero.
fn residue(hash: u64) -> u64 {
    const MODULUS: u64 = (1 << KEY_BITS) - 1;
    hash % (MODULUS - 1) + 1
}
