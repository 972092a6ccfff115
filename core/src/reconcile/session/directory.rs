//! Requests that go by the id of a state or of an author, which neither the index nor the store is in the order of. The first
//! such request of a session has everything listed once; all others are looked up in that list. So a peer that asks over and
//! over for what is not here costs a search for each id that it sends, and not a walk through the store for each message.

use alloc::vec::Vec;

use crate::peer::PeerId;
use crate::reconcile::coding::Salt;
use crate::reconcile::session::index::{Index, Item, KeyId, author_id};
use crate::store::{Author, Store};

/// What ids stand for, as of the first request.
#[derive(Debug, Default)]
pub(super) struct Directory {
    /// The keys of states, in the order of states.
    states: Option<Vec<(u64, KeyId)>>,
    /// The authors of ids, in the order of ids.
    authors: Option<Vec<(u64, PeerId)>>,
    /// Entries that were listed since this was asked last.
    listed: usize,
}

impl Directory {
    /// The items of these states that are still current, by key.
    pub(super) fn items<'a>(&mut self, states: impl Iterator<Item = u64>, index: &'a Index) -> Vec<&'a Item> {
        let count = &mut self.listed;
        let listed = self.states.get_or_insert_with(|| {
            *count += index.len();
            sorted(index.items().map(|item| (item.state, item.key)))
        });
        let current = |state| {
            let keys = entries(listed, state).iter().filter_map(|&(_, key)| index.get(key));
            keys.filter(move |item| item.state == state)
        };
        let mut items: Vec<&Item> = states.flat_map(current).collect();
        items.sort_unstable_by_key(|item| item.key);
        items
    }

    /// How many entries were listed since this was asked last.
    pub(super) fn take_listed(&mut self) -> usize {
        core::mem::take(&mut self.listed)
    }

    /// The authors of these ids, each id given once, in the order of the store.
    pub(super) fn authors<'a>(&mut self, ids: &[u64], salt: Salt, store: &'a Store) -> Vec<&'a Author> {
        if ids.is_empty() {
            return Vec::new();
        }
        let count = &mut self.listed;
        let listed = self.authors.get_or_insert_with(|| {
            *count += store.authors().len();
            sorted(store.authors().iter().map(|author| (author_id(salt, &author.id()), author.id())))
        });
        let mut wanted = ids.to_vec();
        wanted.sort_unstable();
        wanted.dedup();
        let of_id = |&id: &u64| entries(listed, id).iter().filter_map(|(_, author)| store.author(author));
        let mut authors: Vec<&Author> = wanted.iter().flat_map(of_id).collect();
        authors.sort_unstable_by_key(|author| author.id());
        authors
    }
}

fn sorted<T: Ord>(entries: impl Iterator<Item = (u64, T)>) -> Vec<(u64, T)> {
    let mut entries: Vec<_> = entries.collect();
    entries.sort_unstable();
    entries
}

/// The entries of an id: one, but for a collision.
fn entries<T>(sorted: &[(u64, T)], id: u64) -> &[(u64, T)] {
    let start = sorted.partition_point(|(other, _)| *other < id);
    let count = sorted[start..].iter().take_while(|(other, _)| *other == id).count();
    &sorted[start..start + count]
}
