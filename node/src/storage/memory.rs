//! Tuples in memory: gone with the process.

use std::collections::BTreeMap;
use std::sync::Arc;

use rapprochement_core::peer::PeerId;
use rapprochement_core::store::Tuple;

use super::{Storage, StorageError, newest_of, place};

/// A storage that keeps nothing across restarts.
#[derive(Clone, Debug, Default)]
pub struct MemoryStorage {
    tuples: BTreeMap<Vec<u8>, Arc<Tuple>>,
    high_water: BTreeMap<PeerId, u64>,
}

impl Storage for MemoryStorage {
    fn put_batch(&mut self, tuples: &[Arc<Tuple>]) -> Result<(), StorageError> {
        for (at, tuple) in newest_of(tuples) {
            let mark = self.high_water.entry(tuple.author()).or_default();
            *mark = tuple.version().max(*mark);
            if self.tuples.get(&at).is_none_or(|held| tuple.precedence(held).is_gt()) {
                self.tuples.insert(at, Arc::clone(tuple));
            }
        }
        Ok(())
    }

    fn get(&self, author: &PeerId, key: &[u8]) -> Result<Option<Arc<Tuple>>, StorageError> {
        Ok(self.tuples.get(&place(author, key)).cloned())
    }

    fn range(&self, from: (&PeerId, &[u8]), count: usize) -> Result<Vec<Arc<Tuple>>, StorageError> {
        Ok(self.tuples.range(place(from.0, from.1)..).take(count).map(|(_, tuple)| Arc::clone(tuple)).collect())
    }

    fn snapshot(&self) -> Result<Vec<Arc<Tuple>>, StorageError> {
        Ok(self.tuples.values().cloned().collect())
    }

    fn high_water(&self, author: &PeerId) -> Result<u64, StorageError> {
        Ok(self.high_water.get(author).copied().unwrap_or(0))
    }
}
