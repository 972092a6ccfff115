//! One suite for all storages, and power cuts for the one that is to survive them.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};

use rand_chacha::ChaCha12Rng;
use rand_core::{Rng, SeedableRng};
use rapprochement_core::peer::PeerId;
use rapprochement_core::store::{Ed25519Keys, Keys, Tuple};

use super::{Backend, MemoryStorage, RedbStorage, Storage, StorageError};

fn keys(of: u8) -> Ed25519Keys {
    Ed25519Keys::from_secret(&[of; 32])
}

fn tuple(of: u8, version: u64, key: &[u8], value: Option<&[u8]>) -> Arc<Tuple> {
    Arc::new(Tuple::sign(&keys(of), version, key, value).unwrap())
}

fn temporary() -> (tempfile::TempDir, RedbStorage) {
    let folder = tempfile::tempdir().unwrap();
    let storage = RedbStorage::open(&folder.path().join("store"), keys(1).author()).unwrap();
    (folder, storage)
}

fn suite(storage: &mut impl Storage) {
    let (first, second) = (keys(1).author(), keys(2).author());
    assert!(storage.snapshot().unwrap().is_empty());
    assert_eq!(storage.high_water(&first).unwrap(), 0);
    storage.put_batch(&[]).unwrap();
    let batch = [
        tuple(1, 1, b"a", Some(b"x")),
        tuple(2, 7, b"b", None),
        tuple(1, 3, b"a", Some(b"y")),
        tuple(1, 2, b"a", None),
    ];
    storage.put_batch(&batch).unwrap();
    let held = storage.get(&first, b"a").unwrap().unwrap();
    assert_eq!((held.version(), held.value()), (3, Some(b"y".as_slice())), "the newest of a key counts");
    assert!(storage.get(&second, b"b").unwrap().unwrap().value().is_none(), "a deletion is kept");
    assert!(storage.get(&second, b"a").unwrap().is_none());
    assert_eq!((storage.high_water(&first).unwrap(), storage.high_water(&second).unwrap()), (3, 7));
    storage.put_batch(&[tuple(1, 2, b"a", Some(b"late"))]).unwrap();
    assert_eq!(storage.get(&first, b"a").unwrap().unwrap().version(), 3, "an older one does not come back");
    assert_eq!(storage.high_water(&first).unwrap(), 3, "the mark does not fall");
    let more: Vec<_> = (0..50u8).map(|key| tuple(1, 10 + u64::from(key), &[key, 0xff], Some(&[key; 100]))).collect();
    storage.put_batch(&more).unwrap();
    let all = storage.snapshot().unwrap();
    assert_eq!(all.len(), 52);
    assert!(all.is_sorted_by_key(|tuple| (tuple.author(), tuple.key().to_vec())));
    let part = storage.range((&first, &[10]), 3).unwrap();
    assert_eq!(part.iter().map(|tuple| tuple.key()[0]).collect::<Vec<_>>(), [10, 11, 12]);
}

#[test]
fn every_storage_passes_the_same_suite() {
    suite(&mut MemoryStorage::default());
    suite(&mut temporary().1);
}

#[test]
fn what_was_put_is_there_after_opening_it_again() {
    let (folder, mut storage) = temporary();
    let path = folder.path().join("store");
    storage.put_batch(&[tuple(1, 4, b"key", Some(b"value"))]).unwrap();
    let in_use = RedbStorage::open(&path, keys(1).author()).unwrap_err();
    assert!(matches!(in_use, StorageError::InUse(_)), "{in_use}");
    drop(storage);
    let storage = RedbStorage::open(&path, keys(1).author()).unwrap();
    assert_eq!(storage.get(&keys(1).author(), b"key").unwrap().unwrap().value(), Some(b"value".as_slice()));
    assert_eq!(storage.high_water(&keys(1).author()).unwrap(), 4);
}

#[test]
fn the_store_of_another_node_and_other_files_are_refused() {
    let (folder, storage) = temporary();
    drop(storage);
    let path = folder.path().join("store");
    let wrong = RedbStorage::open(&path, keys(2).author()).unwrap_err();
    assert!(wrong.to_string().contains("another key"), "{wrong}");
    let text = folder.path().join("text");
    std::fs::write(&text, "no store, but a text of some length, which is longer than a header would be. ".repeat(99))
        .unwrap();
    let foreign = RedbStorage::open(&text, keys(1).author()).unwrap_err();
    assert!(matches!(foreign, StorageError::Foreign { .. }), "{foreign}");
    let missing = RedbStorage::open(&folder.path().join("no/such/folder"), keys(1).author()).unwrap_err();
    assert!(matches!(missing, StorageError::Medium { .. }), "{missing}");
    let other = folder.path().join("other");
    let database = redb::Database::create(&other).unwrap();
    let write = database.begin_write().unwrap();
    write.open_table(redb::TableDefinition::<u64, u64>::new("about")).unwrap().insert(1, 2).unwrap();
    write.commit().unwrap();
    drop(database);
    let foreign = RedbStorage::open(&other, keys(1).author()).unwrap_err();
    assert!(foreign.to_string().contains("another program"), "{foreign}");
}

/// A medium that keeps writes to itself until it is told to flush. When the power is cut, each write that was not flushed is there, or is not, or
/// is there in some sectors of 512 bytes, and the length is the flushed one or the new one.
#[derive(Clone, Debug, Default)]
struct Medium(Arc<Mutex<Platter>>);

#[derive(Debug, Default)]
struct Platter {
    flushed: Vec<u8>,
    now: Vec<u8>,
    /// Since the last flush.
    writes: Vec<(usize, Vec<u8>)>,
    /// Operations until the power fails.
    left: Option<u64>,
}

impl Platter {
    fn spend(&mut self) -> io::Result<()> {
        match &mut self.left {
            Some(0) => Err(io::Error::other("no power")),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// What is found when the power is back.
    fn cut(&self, rng: &mut ChaCha12Rng) -> Vec<u8> {
        let mut bytes = self.flushed.clone();
        let longer = self.now.len().max(bytes.len());
        bytes.resize(if rng.next_u32() % 2 == 0 { self.now.len() } else { longer }, 0);
        for (offset, data) in &self.writes {
            let fate = rng.next_u32() % 3;
            for (sector, part) in data.chunks(512).enumerate() {
                let at = offset + sector * 512;
                let kept = fate == 0 || (fate == 1 && rng.next_u32() % 2 == 0);
                if let (true, Some(place)) = (kept, bytes.get_mut(at..at + part.len())) {
                    place.copy_from_slice(part);
                }
            }
        }
        bytes
    }
}

impl Backend for Medium {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.lock().unwrap().now.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let platter = self.0.lock().unwrap();
        let offset = offset as usize;
        let from = platter.now.get(offset..offset + out.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(from);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut platter = self.0.lock().unwrap();
        platter.spend()?;
        platter.now.resize(len as usize, 0);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut platter = self.0.lock().unwrap();
        platter.spend()?;
        platter.flushed = platter.now.clone();
        platter.writes.clear();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut platter = self.0.lock().unwrap();
        platter.spend()?;
        let offset = offset as usize;
        let end = offset + data.len();
        if platter.now.len() < end {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        platter.now[offset..end].copy_from_slice(data);
        platter.writes.push((offset, data.to_vec()));
        Ok(())
    }
}

/// Writes batches of three until the power fails, and looks at what is there after it.
fn power_cut(seed: u64) {
    let mut rng = ChaCha12Rng::seed_from_u64(seed);
    let medium = Medium::default();
    let owner = keys(1).author();
    let mut storage = RedbStorage::on(medium.clone(), owner).unwrap();
    medium.0.lock().unwrap().left = Some(u64::from(rng.next_u32() % 60));
    let mut acknowledged = BTreeMap::<Vec<u8>, u64>::new();
    let mut attempted = Vec::new();
    for round in 0.. {
        let batch: Vec<_> = (0..3)
            .map(|place| {
                let key = [(rng.next_u32() % 8) as u8, place];
                tuple(1, 1 + round * 3 + u64::from(place), &key, Some(&[round as u8; 200]))
            })
            .collect();
        attempted.clone_from(&batch);
        if storage.put_batch(&batch).is_err() {
            break;
        }
        acknowledged.extend(batch.iter().map(|tuple| (tuple.key().to_vec(), tuple.version())));
    }
    drop(storage);
    let found = medium.0.lock().unwrap().cut(&mut rng);
    let again = Medium(Arc::new(Mutex::new(Platter { flushed: found.clone(), now: found, ..Platter::default() })));
    let storage = RedbStorage::on(again, owner).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    let held = storage.snapshot().unwrap();
    let version = |key: &[u8]| held.iter().find(|tuple| tuple.key() == key).map_or(0, |tuple| tuple.version());
    let last = attempted.iter().all(|tuple| version(tuple.key()) >= tuple.version());
    for (key, acknowledged) in &acknowledged {
        let there = version(key);
        let tried = attempted.iter().any(|tuple| tuple.key() == key && tuple.version() == there);
        assert!(there == *acknowledged || (tried && last), "seed {seed}: {key:?} is at {there} of {acknowledged}");
    }
    let torn = attempted.iter().any(|tuple| version(tuple.key()) >= tuple.version());
    assert!(!torn || last, "seed {seed}: a batch is there in part");
    let newest = held.iter().map(|tuple| tuple.version()).max().unwrap_or(0);
    assert!(storage.high_water(&owner).unwrap() >= newest, "seed {seed}: a tuple without its mark");
}

#[test]
fn a_power_cut_loses_nothing_that_was_acknowledged() {
    (0..150).for_each(power_cut);
}

/// The reference run: `cargo test --release --manifest-path node/Cargo.toml -- --ignored power`.
#[test]
#[ignore = "minutes; the short one above runs always"]
fn ten_thousand_power_cuts_lose_nothing() {
    (1_000..11_000).for_each(power_cut);
}

#[test]
fn an_author_is_at_most_as_far_as_its_mark() {
    let mut storage = MemoryStorage::default();
    storage.put_batch(&[tuple(3, 9, b"k", None)]).unwrap();
    assert_eq!(storage.high_water(&PeerId(keys(3).author().0)).unwrap(), 9);
}
