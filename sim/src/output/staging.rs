//! Directories and files that appear whole or not at all.
//!
//! A directory is filled under `.tmp-<pid>-<name>` beside its destination, every file is synchronised to disk, and one rename
//! makes it appear. Where the destination exists, it steps aside as `.old-<pid>-<name>` first and is deleted last. So at
//! any moment the destination is whole or absent, and where it is absent, an old one is still whole under its hidden name. A file
//! lock beside the temporary directory tells a live writer from one that was killed, on every system and without its process
//! number meaning anything; [`clean`] removes what killed writers left, and puts an old directory back that lost its place.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::OutputError;

const TEMPORARY: &str = ".tmp-";
const OLD: &str = ".old-";

/// The calls that change a disk; a test replaces them to fail at each one.
pub(super) trait Disk {
    fn create_dir(&mut self, path: &Path) -> io::Result<()> {
        fs::create_dir_all(path)
    }
    fn write(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut file = File::create(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    }
    fn sync_dir(&mut self, path: &Path) -> io::Result<()> {
        if cfg!(unix) { File::open(path)?.sync_all() } else { Ok(()) }
    }
    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }
    fn remove(&mut self, path: &Path) -> io::Result<()> {
        if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }
    }
}

/// The machine's own disk.
pub(super) struct Machine;
impl Disk for Machine {}

/// A directory that is being filled. Dropped before [`Staging::commit`], it vanishes.
pub(super) struct Staging<D: Disk> {
    disk: D,
    parent: PathBuf,
    name: String,
    temporary: PathBuf,
    directories: Vec<PathBuf>,
    lock: PathBuf,
    held: Option<File>,
}

impl Staging<Machine> {
    /// Begins to fill `parent/name`.
    pub(super) fn begin(parent: &Path, name: &str) -> Result<Self, OutputError> {
        Self::begin_on(Machine, parent, name)
    }
}

impl<D: Disk> Staging<D> {
    /// Begins to fill `parent/name` on a given disk.
    pub(super) fn begin_on(mut disk: D, parent: &Path, name: &str) -> Result<Self, OutputError> {
        disk.create_dir(parent).map_err(OutputError::io("create", parent))?;
        let temporary = parent.join(format!("{TEMPORARY}{}-{name}", std::process::id()));
        let lock = lock_of(&temporary);
        let held = File::create(&lock).map_err(OutputError::io("write in", parent))?;
        held.lock().map_err(OutputError::io("lock", &lock))?;
        let name = name.to_owned();
        let directories = vec![temporary.clone()];
        let mut staging =
            Self { disk, parent: parent.to_owned(), name, temporary, directories, lock, held: Some(held) };
        if staging.temporary.exists() {
            staging.remove(&staging.temporary.clone())?;
        }
        staging.disk.create_dir(&staging.temporary).map_err(OutputError::io("create", &staging.temporary))?;
        Ok(staging)
    }

    /// Writes one file; its path is relative and may lie in a subdirectory.
    pub(super) fn file(&mut self, path: &str, bytes: &[u8]) -> Result<(), OutputError> {
        let path = self.temporary.join(path);
        if let Some(directory) =
            path.parent().filter(|directory| !self.directories.iter().any(|known| known == directory))
        {
            self.disk.create_dir(directory).map_err(OutputError::io("create", directory))?;
            self.directories.push(directory.to_owned());
        }
        self.disk.write(&path, bytes).map_err(OutputError::io("write", &path))
    }

    /// Makes the directory appear under its name, in place of an existing one.
    pub(super) fn commit(mut self) -> Result<PathBuf, OutputError> {
        for directory in std::mem::take(&mut self.directories).iter().rev() {
            self.disk.sync_dir(directory).map_err(OutputError::io("write", directory))?;
        }
        let destination = self.parent.join(&self.name);
        let old = self.parent.join(format!("{OLD}{}-{}", std::process::id(), self.name));
        let replaces = destination.exists();
        if replaces {
            self.rename(&destination, &old)?;
        }
        if let Err(error) = self.rename(&self.temporary.clone(), &destination) {
            if replaces {
                self.rename(&old, &destination)?;
            }
            return Err(error);
        }
        self.disk.sync_dir(&self.parent).map_err(OutputError::io("write", &self.parent))?;
        if replaces {
            self.remove(&old)?;
        }
        Ok(destination)
    }

    fn rename(&mut self, from: &Path, to: &Path) -> Result<(), OutputError> {
        self.disk.rename(from, to).map_err(OutputError::io("rename to", to))
    }

    fn remove(&mut self, path: &Path) -> Result<(), OutputError> {
        self.disk.remove(path).map_err(OutputError::io("remove", path))
    }
}

impl<D: Disk> Drop for Staging<D> {
    /// Removes what was not committed. A failure leaves it to the next [`clean`].
    fn drop(&mut self) {
        if self.temporary.exists() {
            let _ = self.disk.remove(&self.temporary);
        }
        self.held = None;
        if !self.temporary.exists() {
            let _ = self.disk.remove(&self.lock);
        }
    }
}

/// The lock file of a temporary directory.
fn lock_of(temporary: &Path) -> PathBuf {
    let mut name = temporary.as_os_str().to_owned();
    name.push(".lock");
    name.into()
}

/// Replaces one file by a whole new one.
///
/// # Errors
/// It cannot be written; what was there before is still whole.
pub fn replace_file(path: &Path, bytes: &[u8]) -> Result<(), OutputError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = path.with_file_name(format!("{TEMPORARY}{}-{name}", std::process::id()));
    let done = Machine.write(&temporary, bytes).and_then(|()| fs::rename(&temporary, path));
    done.map_err(|source| {
        let _ = fs::remove_file(&temporary);
        OutputError::io("write", path)(source)
    })
}

/// Removes what killed writers left in a directory of runs, and leaves those alone that still write. Call it once before
/// the first run of a process. A directory that does not exist is clean.
pub fn clean(parent: &Path) -> Result<(), OutputError> {
    let entries = match fs::read_dir(parent) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(OutputError::io("read", parent))?,
    };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut names: Vec<String> = names.filter(|name| name.starts_with(TEMPORARY) || name.starts_with(OLD)).collect();
    names.sort();
    for name in names.iter().filter(|name| !name.ends_with(".lock")) {
        clean_entry(parent, name)?;
    }
    // A writer that was killed before or after its directory existed leaves a lone lock.
    for name in names.iter().filter(|name| name.ends_with(".lock")) {
        let lock = parent.join(name);
        if lock.exists() && is_stale(&lock)? {
            Machine.remove(&lock).map_err(OutputError::io("remove", &lock))?;
        }
    }
    Ok(())
}

fn clean_entry(parent: &Path, name: &str) -> Result<(), OutputError> {
    let path = parent.join(name);
    if let Some(rest) = name.strip_prefix(OLD) {
        // Its writer holds the lock of the temporary directory of the same name.
        let lock = lock_of(&parent.join(format!("{TEMPORARY}{rest}")));
        if lock.exists() && !is_stale(&lock)? {
            return Ok(());
        }
        let destination = parent.join(rest.split_once('-').map_or(rest, |(_, name)| name));
        if !destination.exists() {
            return fs::rename(&path, &destination).map_err(OutputError::io("rename to", &destination));
        }
    } else {
        let lock = lock_of(&path);
        if lock.exists() && !is_stale(&lock)? {
            return Ok(());
        }
    }
    Machine.remove(&path).map_err(OutputError::io("remove", &path))
}

/// Whether nobody holds this lock.
fn is_stale(lock: &Path) -> Result<bool, OutputError> {
    let file = File::open(lock).map_err(OutputError::io("read", lock))?;
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(OutputError::io("lock", lock)(error)),
    }
}
