//! Two levels: rateless cells over the authors' summaries find the authors that differ, and a comparison of their newest
//! versions finds the tuples, as Scuttlebutt does for all authors. It pays where there are many authors of whom few
//! changed, each in several keys.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::reconcile::coding::field61::F61;
use crate::reconcile::coding::keyed::{Entry, FormA, KeyedCell, KeyedDifference};
use crate::reconcile::coding::{Code, Prefix, Symbol};
use crate::reconcile::session::index::{Index, author_item};
use crate::reconcile::session::rateless::SessionCode;
use crate::reconcile::session::transfer::Findings;
use crate::store::Store;

/// The keyed code over authors: a key is an author's id and its content the newest version and the hash of the set.
#[derive(Clone, Debug)]
pub(super) struct Authors(FormA);

impl Code for Authors {
    type Item = Entry<1>;
    type Cell = KeyedCell<1, 0>;
    type Difference = KeyedDifference<1>;
    const SWEEP: usize = FormA::SWEEP;

    fn symbol(&self, item: &Entry<1>) -> Symbol<Self::Cell> {
        self.0.symbol(item)
    }

    fn recover(&self, cells: &[Self::Cell], found: &mut Vec<Option<(u64, Self::Difference)>>) {
        self.0.recover(cells, found);
    }
}

impl SessionCode for Authors {
    fn new(index: &Index) -> Self {
        Self(FormA::new(index.salt()))
    }

    fn items<'a>(index: &'a Index, store: &'a Store) -> Box<dyn Iterator<Item = Entry<1>> + 'a> {
        Box::new(store.authors().iter().map(|author| {
            let (id, hash) = author_item(index.salt(), author);
            Entry::new([F61::new(id)], author.newest(), hash)
        }))
    }

    fn count(_: &Index, store: &Store) -> usize {
        store.authors().len()
    }

    fn kept(_: &Index) -> Option<&Arc<Prefix<Self>>> {
        None
    }

    fn findings(differences: &[KeyedDifference<1>], _: &Index) -> Findings {
        Findings { authors: differences.iter().map(|found| found.key[0].get()).collect(), ..Findings::default() }
    }
}
