//! Tuples in one file, by `redb`: a copy-on-write B-tree whose commit is a flush to the disk. Three tables: tuples by author and key, the newest version
//! of each author, and what the file is: its layout and the node that it belongs to.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rapprochement_core::peer::PeerId;
use rapprochement_core::store::Tuple;
use redb::{Database, DatabaseError, ReadableDatabase, ReadableTable, TableDefinition, TableError};

use super::{Storage, StorageError, decoded, encoded, newest_of, place};

pub use redb::StorageBackend as Backend;

/// The layout of the file.
const FORMAT: u64 = 1;
/// What `redb` may keep in memory, in bytes.
const CACHE: usize = 8 << 20;

const TUPLES: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("tuples");
const MARKS: TableDefinition<'_, &[u8; 32], u64> = TableDefinition::new("newest versions");
const ABOUT: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("about");

/// A storage in one file.
pub struct RedbStorage {
    database: Database,
    path: Option<PathBuf>,
}

impl fmt::Debug for RedbStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedbStorage").field("path", &self.path).finish_non_exhaustive()
    }
}

impl RedbStorage {
    /// Opens the file of the node `owner`, or makes it.
    ///
    /// # Errors
    /// The file cannot be opened, is in use, or is no store of this node.
    pub fn open(path: &Path, owner: PeerId) -> Result<Self, StorageError> {
        let database = Database::builder().set_cache_size(CACHE).create(path);
        let database = database.map_err(|error| refused(error, path))?;
        Self { database, path: Some(path.to_owned()) }.owned_by(owner)
    }

    /// The same on any medium that `redb` can write to, such as one that loses power.
    ///
    /// # Errors
    /// As [`RedbStorage::open`].
    pub fn on(backend: impl Backend, owner: PeerId) -> Result<Self, StorageError> {
        let database = Database::builder().set_cache_size(CACHE).create_with_backend(backend);
        let database = database.map_err(|error| refused(error, Path::new("the medium")))?;
        Self { database, path: None }.owned_by(owner)
    }

    /// Writes down whose file it is, or checks it.
    fn owned_by(self, owner: PeerId) -> Result<Self, StorageError> {
        let foreign = |reason: &str| StorageError::Foreign {
            path: self.path.clone().unwrap_or_default(),
            reason: reason.to_owned(),
        };
        let write = self.database.begin_write().map_err(|error| self.failed(error))?;
        {
            let mut about = write.open_table(ABOUT).map_err(|error| self.unknown(error))?;
            let format = read(&about, "format").map_err(|error| self.failed(error))?;
            let whose = read(&about, "node").map_err(|error| self.failed(error))?;
            match (format, whose) {
                (None, None) => {
                    let failed = |error| self.failed(error);
                    about.insert("format", FORMAT.to_be_bytes().as_slice()).map_err(failed)?;
                    about.insert("node", owner.0.as_slice()).map_err(|error| self.failed(error))?;
                }
                (Some(format), _) if format != FORMAT.to_be_bytes() => {
                    return Err(foreign("its layout is of another version of this program"));
                }
                (_, Some(whose)) if whose != owner.0 => {
                    return Err(foreign("it belongs to the node of another key"));
                }
                (Some(_), Some(_)) => {}
                _ => return Err(foreign("it does not say whose it is")),
            }
            write.open_table(TUPLES).map_err(|error| self.unknown(error))?;
            write.open_table(MARKS).map_err(|error| self.unknown(error))?;
        }
        write.commit().map_err(|error| self.failed(error))?;
        Ok(self)
    }

    fn failed(&self, error: impl fmt::Display) -> StorageError {
        StorageError::Medium { path: self.path.clone(), reason: error.to_string() }
    }

    /// A table of ours that somebody else has filled.
    fn unknown(&self, error: TableError) -> StorageError {
        match error {
            TableError::TableTypeMismatch { .. } | TableError::TableIsMultimap(_) => StorageError::Foreign {
                path: self.path.clone().unwrap_or_default(),
                reason: "it is a database of another program".into(),
            },
            error => self.failed(error),
        }
    }
}

/// A file that is no database, or is open elsewhere.
fn refused(error: DatabaseError, path: &Path) -> StorageError {
    match error {
        DatabaseError::DatabaseAlreadyOpen => StorageError::InUse(path.to_owned()),
        DatabaseError::Storage(redb::StorageError::Io(error)) if error.kind() == std::io::ErrorKind::InvalidData => {
            StorageError::Foreign { path: path.to_owned(), reason: "it is no store".into() }
        }
        DatabaseError::UpgradeRequired(_) => {
            StorageError::Foreign { path: path.to_owned(), reason: "it was written by an older `redb`".into() }
        }
        error => StorageError::Medium { path: Some(path.to_owned()), reason: error.to_string() },
    }
}

fn read(
    table: &impl ReadableTable<&'static str, &'static [u8]>,
    key: &str,
) -> Result<Option<Vec<u8>>, redb::StorageError> {
    Ok(table.get(key)?.map(|value| value.value().to_vec()))
}

impl Storage for RedbStorage {
    fn put_batch(&mut self, tuples: &[Arc<Tuple>]) -> Result<(), StorageError> {
        if tuples.is_empty() {
            return Ok(());
        }
        let write = self.database.begin_write().map_err(|error| self.failed(error))?;
        {
            let mut table = write.open_table(TUPLES).map_err(|error| self.unknown(error))?;
            let mut marks = BTreeMap::<PeerId, u64>::new();
            for (at, tuple) in newest_of(tuples) {
                let mark = marks.entry(tuple.author()).or_default();
                *mark = tuple.version().max(*mark);
                let held = table.get(at.as_slice()).map_err(|error| self.failed(error))?;
                let held = held.map(|bytes| decoded(&at, bytes.value())).transpose()?;
                if held.is_none_or(|held| tuple.precedence(&held).is_gt()) {
                    table.insert(at.as_slice(), encoded(tuple).as_slice()).map_err(|error| self.failed(error))?;
                }
            }
            let mut table = write.open_table(MARKS).map_err(|error| self.unknown(error))?;
            for (author, mark) in marks {
                let held = table.get(&author.0).map_err(|error| self.failed(error))?.map_or(0, |held| held.value());
                table.insert(&author.0, mark.max(held)).map_err(|error| self.failed(error))?;
            }
        }
        write.commit().map_err(|error| self.failed(error))
    }

    fn get(&self, author: &PeerId, key: &[u8]) -> Result<Option<Arc<Tuple>>, StorageError> {
        let at = place(author, key);
        let read = self.database.begin_read().map_err(|error| self.failed(error))?;
        let table = read.open_table(TUPLES).map_err(|error| self.unknown(error))?;
        let held = table.get(at.as_slice()).map_err(|error| self.failed(error))?;
        held.map(|bytes| decoded(&at, bytes.value())).transpose()
    }

    fn range(&self, from: (&PeerId, &[u8]), count: usize) -> Result<Vec<Arc<Tuple>>, StorageError> {
        let read = self.database.begin_read().map_err(|error| self.failed(error))?;
        let table = read.open_table(TUPLES).map_err(|error| self.unknown(error))?;
        let entries = table.range(place(from.0, from.1).as_slice()..).map_err(|error| self.failed(error))?;
        let tuple = |entry: Result<_, redb::StorageError>| {
            let (at, bytes): (redb::AccessGuard<'_, &[u8]>, redb::AccessGuard<'_, &[u8]>) =
                entry.map_err(|error| self.failed(error))?;
            decoded(at.value(), bytes.value())
        };
        entries.take(count).map(tuple).collect()
    }

    fn snapshot(&self) -> Result<Vec<Arc<Tuple>>, StorageError> {
        self.range((&PeerId([0; 32]), &[]), usize::MAX)
    }

    fn high_water(&self, author: &PeerId) -> Result<u64, StorageError> {
        let read = self.database.begin_read().map_err(|error| self.failed(error))?;
        let table = read.open_table(MARKS).map_err(|error| self.unknown(error))?;
        Ok(table.get(&author.0).map_err(|error| self.failed(error))?.map_or(0, |mark| mark.value()))
    }
}
