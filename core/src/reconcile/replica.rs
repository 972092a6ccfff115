//! What every synchroniser owns: the store, the keys, and the counter of its own versions.

use alloc::boxed::Box;
use alloc::sync::Arc;

use crate::protocol::Context;
use crate::reconcile::coding::Salt;
use crate::reconcile::session::{Index, MethodKind};
use crate::reconcile::{SyncCommand, SyncEvent, Synchroniser};
use crate::store::{Keys, Outcome, Store, Tuple, TupleError};

/// What is durable: the store and this node's last version. Clones share the tuples.
#[derive(Clone, Debug, Default)]
pub struct Saved {
    store: Store,
    version: u64,
}

impl Saved {
    /// What a node has that wrote nothing yet and holds this.
    pub const fn holding(store: Store) -> Self {
        Self { store, version: 0 }
    }
}

/// A node's own copy of the common state.
#[derive(Clone, Debug)]
pub(super) struct Replica<K> {
    saved: Saved,
    keys: K,
    /// For synchronisers that open sessions: the store under the epoch's salt.
    index: Option<Box<Index>>,
}

impl<K: Keys> Replica<K> {
    pub(super) fn new(keys: K) -> Self {
        Self { saved: Saved::default(), keys, index: None }
    }

    /// A replica whose index follows the store, with what makes a method's sessions cheap: this many cells of its code, or
    /// the order in which authors change.
    pub(super) fn indexed(keys: K, salt: Salt, method: MethodKind, cells: usize) -> Self {
        let mut index = Index::with_ids(&Store::default(), salt, method.ids());
        if cells > 0 || method == MethodKind::Summary {
            index.keep(method, cells);
        }
        Self { index: Some(Box::new(index)), ..Self::new(keys) }
    }

    pub(super) fn store(&self) -> &Store {
        &self.saved.store
    }

    pub(super) fn save(&self) -> Saved {
        self.saved.clone()
    }

    pub(super) fn recover(&mut self, saved: Saved) {
        self.saved = saved;
        self.index.iter_mut().for_each(|index| index.rebuild(&self.saved.store));
    }

    pub(super) fn forget(&mut self) {
        self.saved.store = Store::default();
        self.index.iter_mut().for_each(|index| index.rebuild(&self.saved.store));
    }

    /// The store and its index, of a replica that has one.
    pub(super) fn view(&self) -> (&Store, &Index) {
        static NONE: Index = Index::empty();
        (&self.saved.store, self.index.as_deref().unwrap_or(&NONE))
    }

    /// How many times the index has followed the store.
    pub(super) fn changes(&self) -> u64 {
        self.index.as_ref().map_or(0, |index| index.changes())
    }

    /// A tuple takes the place of the one that had its key.
    fn follow(&mut self, tuple: &Arc<Tuple>) {
        if let Some(index) = &mut self.index {
            index.insert(tuple);
        }
    }

    /// Carries out a command, tells the outcome, and returns the new tuple where there is one.
    pub(super) fn command<Y: Synchroniser, C: Context<Y>>(
        &mut self,
        command: SyncCommand,
        context: &mut C,
    ) -> Option<Arc<Tuple>> {
        let written = match command {
            SyncCommand::Write { key, value } => self.write(&key, Some(&value)),
            SyncCommand::Delete { key } => self.write(&key, None),
        };
        match written {
            Ok(tuple) => {
                let replaced = self.saved.store.insert_own(tuple.clone());
                self.follow(&tuple);
                context.emit(SyncEvent::Wrote { tuple: tuple.clone(), replaced });
                Some(tuple)
            }
            Err(error) => {
                context.emit(SyncEvent::WriteRefused(error));
                None
            }
        }
    }

    /// A tuple under the next version. Own tuples that came back from peers count too: a node whose disk was lost entirely
    /// must not reuse a version that others have seen.
    fn write(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<Arc<Tuple>, TupleError> {
        let returned = self.saved.store.author(&self.keys.author()).map_or(0, |author| author.newest());
        let version = self.saved.version.max(returned).checked_add(1).ok_or(TupleError::VersionsExhausted)?;
        let tuple = Tuple::sign(&self.keys, version, key, value)?;
        self.saved.version = version;
        Ok(Arc::new(tuple))
    }

    /// Takes one tuple from a peer and tells what became of it; true where it was adopted.
    pub(super) fn receive<Y: Synchroniser, C: Context<Y>>(
        &mut self,
        from: Y::Peer,
        tuple: &Arc<Tuple>,
        hops: u8,
        context: &mut C,
    ) -> bool {
        let receipt = self.saved.store.offer(tuple, &self.keys);
        if receipt.equivocation {
            context.emit(SyncEvent::Equivocation { author: tuple.author() });
        }
        if let Outcome::Adopted(_) = &receipt.outcome {
            self.follow(tuple);
        }
        let (event, adopted) = match receipt.outcome {
            Outcome::Adopted(replaced) => (SyncEvent::Adopted { from, tuple: tuple.clone(), replaced, hops }, true),
            Outcome::Duplicate => (SyncEvent::Duplicate, false),
            Outcome::Stale => (SyncEvent::Stale, false),
            Outcome::Forged => (SyncEvent::Rejected { from }, false),
            Outcome::Full => (SyncEvent::Full, false),
        };
        context.emit(event);
        adopted
    }

    /// Takes the tuples of one message.
    pub(super) fn receive_all<Y: Synchroniser, C: Context<Y>>(
        &mut self,
        from: Y::Peer,
        tuples: &[Arc<Tuple>],
        context: &mut C,
    ) {
        for tuple in tuples {
            self.receive::<Y, C>(from, tuple, 0, context);
        }
    }
}
