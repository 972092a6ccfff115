//! Where tuples are kept across restarts. A storage takes batches, and a batch is acknowledged when it is durable as a whole: the driver sends
//! nothing that depends on a tuple before. With each batch goes, in the same transaction, the newest version that each author of it has
//! reached, so that a file that lost tuples without losing the mark is found out.
//!
//! | file | where |
//! |---|---|
//! | `memory` | nowhere: for tests and simulated nodes |
//! | `redb` | one file, by the `redb` crate |

mod memory;
mod redb;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use rapprochement_core::peer::PeerId;
use rapprochement_core::store::{TUPLE_LEN_MAX, Tuple};
use rapprochement_core::wire::Reader;

pub use memory::MemoryStorage;
pub use redb::{Backend, RedbStorage};

/// A place for tuples.
pub trait Storage: Send + 'static {
    /// Keeps these tuples, each in place of an older one of its author and key. When it returns they are durable, all of them; after an error
    /// none of them is.
    ///
    /// # Errors
    /// The medium failed.
    fn put_batch(&mut self, tuples: &[Arc<Tuple>]) -> Result<(), StorageError>;

    /// The tuple of an author's key.
    ///
    /// # Errors
    /// The medium failed, or what it holds is no tuple.
    fn get(&self, author: &PeerId, key: &[u8]) -> Result<Option<Arc<Tuple>>, StorageError>;

    /// Tuples by author and key, from one author and key on, at most so many.
    ///
    /// # Errors
    /// The medium failed, or what it holds is no tuple.
    fn range(&self, from: (&PeerId, &[u8]), count: usize) -> Result<Vec<Arc<Tuple>>, StorageError>;

    /// All tuples as they are at one moment, by author and key.
    ///
    /// # Errors
    /// The medium failed, or what it holds is no tuple.
    fn snapshot(&self) -> Result<Vec<Arc<Tuple>>, StorageError>;

    /// The newest version of an author that was ever kept; 0 for an author without any.
    ///
    /// # Errors
    /// The medium failed.
    fn high_water(&self, author: &PeerId) -> Result<u64, StorageError>;
}

/// Why a storage failed.
#[derive(Debug)]
pub enum StorageError {
    /// The file cannot be opened, read or written.
    Medium {
        /// The file, where there is one.
        path: Option<PathBuf>,
        /// What the medium says.
        reason: String,
    },
    /// Somebody else has it open.
    InUse(PathBuf),
    /// The file is a store of another node, or none of ours.
    Foreign {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// An entry is no tuple, or stands in a wrong place, or is missing.
    Corrupt {
        /// Which, and what is wrong with it.
        what: String,
    },
}

impl fmt::Display for StorageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Medium { path: Some(path), reason } => write!(f, "{}: {reason}", path.display()),
            Self::Medium { path: None, reason } => f.write_str(reason),
            Self::InUse(path) => {
                write!(f, "{}: another process has this store open; stop it, or name another file", path.display())
            }
            Self::Foreign { path, reason } => {
                write!(f, "{}: {reason}; name another file, or move this one away", path.display())
            }
            Self::Corrupt { what } => {
                write!(f, "the store is corrupt: {what}; move the file away, and the peers bring back what they hold")
            }
        }
    }
}

impl std::error::Error for StorageError {}

/// The place of a tuple: its author's id, then its key, which is the order of a store.
fn place(author: &PeerId, key: &[u8]) -> Vec<u8> {
    [author.0.as_slice(), key].concat()
}

/// The bytes of a tuple as peers send it.
fn encoded(tuple: &Tuple) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(tuple.encoded_len());
    tuple.encode(&mut bytes);
    bytes
}

/// Reads the tuple that belongs at a place.
fn decoded(at: &[u8], bytes: &[u8]) -> Result<Arc<Tuple>, StorageError> {
    let name = || at.iter().take(40).map(|byte| format!("{byte:02x}")).collect::<String>();
    let corrupt = |why: &str| StorageError::Corrupt { what: format!("entry {}: {why}", name()) };
    if bytes.len() > TUPLE_LEN_MAX {
        return Err(corrupt("it is longer than a tuple"));
    }
    let mut reader = Reader::new(bytes).map_err(|error| corrupt(&error.to_string()))?;
    let tuple = Tuple::decode(&mut reader).map_err(|error| corrupt(&error.to_string()))?;
    reader.finish().map_err(|error| corrupt(&error.to_string()))?;
    if place(&tuple.author(), tuple.key()) != at {
        return Err(corrupt("it is the tuple of another place"));
    }
    Ok(Arc::new(tuple))
}

/// The tuple that counts of each place in a batch, which may hold a key twice.
fn newest_of(tuples: &[Arc<Tuple>]) -> BTreeMap<Vec<u8>, &Arc<Tuple>> {
    let mut newest = BTreeMap::new();
    for tuple in tuples {
        let entry = newest.entry(place(&tuple.author(), tuple.key())).or_insert(tuple);
        if tuple.precedence(entry).is_gt() {
            *entry = tuple;
        }
    }
    newest
}
