//! The Difference Digest (Eppstein, Goodrich, Uyeda and Varghese, SIGCOMM 2011): the opener sends strata, from which the
//! answerer estimates how many items differ; it asks for a table of a size that is likely to do, and for one of twice
//! the size where it did not.

use alloc::vec::Vec;

use crate::reconcile::coding::iblt::CELLS_MAX;
use crate::reconcile::coding::{Iblt, Salt, Shape, Strata};
use crate::reconcile::session::SessionError;
use crate::reconcile::session::index::{Index, Item};
use crate::reconcile::session::method::{Method, Turn};
use crate::reconcile::session::part::WORDS_LEN_MAX;
use crate::reconcile::session::transfer::Findings;
use crate::reconcile::session::work::{self, Work};
use crate::store::Store;
use crate::wire::{Reader, put_varint};

const STRATA: u8 = 0;
const WANTED: u8 = 1;
const TABLE: u8 = 2;
const TABLE_END: u8 = 3;

/// One side of such a session. Both sides keep to the items that they had when it began.
#[derive(Debug, Default)]
pub(super) struct DifferenceDigest {
    items: Option<Vec<u128>>,
    salt: Salt,
    /// What the answerer asked for, in differences, and what it has of the table.
    wanted: u64,
    /// The size of the last table that the opener made.
    served: u64,
    bytes: Vec<u8>,
    /// Cells of the tables that arrived.
    taken: usize,
    work: Work,
}

impl DifferenceDigest {
    fn begin(&mut self, index: &Index) {
        self.salt = index.salt();
        self.items.get_or_insert_with(|| index.items().map(Item::pair).collect());
    }

    fn count(&self) -> usize {
        self.items.as_ref().map_or(0, Vec::len)
    }

    fn items(&self) -> impl Iterator<Item = u128> {
        self.items.iter().flatten().copied()
    }

    fn strata(&mut self) -> Strata {
        self.work.add(self.count(), work::STRATA);
        let mut strata = Strata::new(self.salt);
        self.items().for_each(|item| strata.insert(item));
        strata
    }

    fn table(&mut self, differences: u64) -> Iblt {
        self.work.add(self.count(), work::TABLE);
        let mut table = Iblt::new(Shape::for_differences(differences), self.salt);
        self.items().for_each(|item| table.insert(item));
        table
    }

    fn ask(&mut self, differences: u64) -> Result<Turn, SessionError> {
        if Shape::for_differences(differences).cells() >= CELLS_MAX {
            return Err(SessionError::TooMany);
        }
        self.wanted = differences;
        let mut words = Vec::from([WANTED]);
        put_varint(&mut words, differences);
        Ok(Turn::say(words))
    }

    /// The opener sends a table in as many messages as it takes. The next one has to be twice the size at least, so that
    /// all of them take no more than two of the last.
    fn serve(&mut self, differences: u64) -> Result<Turn, SessionError> {
        if differences < (2 * self.served).max(1) {
            return Err(SessionError::OutOfTurn);
        }
        if Shape::for_differences(differences).cells() >= CELLS_MAX {
            return Err(SessionError::TooMany);
        }
        self.served = differences;
        let mut bytes = Vec::new();
        self.table(differences).encode(&mut bytes);
        let mut say: Vec<Vec<u8>> = bytes.chunks(WORDS_LEN_MAX - 1).map(|chunk| [&[TABLE], chunk].concat()).collect();
        if let Some(last) = say.last_mut() {
            last[0] = TABLE_END;
        }
        Ok(Turn { say, ..Turn::default() })
    }

    /// The answerer has the whole table.
    fn compare(&mut self) -> Result<Turn, SessionError> {
        let bytes = core::mem::take(&mut self.bytes);
        let mut reader = Reader::new(&bytes)?;
        let mut table = Iblt::<u128>::decode(&mut reader, self.salt)?;
        reader.finish()?;
        self.taken += table.shape().cells();
        self.work.add(table.shape().cells(), work::TABLE_PEEL);
        if !table.subtract(&self.table(self.wanted)) {
            return Err(SessionError::Malformed);
        }
        let Some(found) = table.differences() else { return self.ask(2 * self.wanted.max(8)) };
        let keys = |items: Vec<u128>| items.into_iter().map(|item| item >> 64).collect();
        Ok(Turn::done(Findings::of_keys(keys(found.only_local), keys(found.only_remote))))
    }
}

impl Method for DifferenceDigest {
    fn open(&mut self, index: &Index, _: &Store, _: usize) -> Vec<u8> {
        self.begin(index);
        let mut words = Vec::from([STRATA]);
        self.strata().encode(&mut words);
        words
    }

    fn handle(&mut self, index: &Index, _: &Store, words: &[u8]) -> Result<Turn, SessionError> {
        let opener = self.items.is_some() && self.wanted == 0;
        self.begin(index);
        let mut reader = Reader::new(words)?;
        match reader.byte()? {
            STRATA if !opener && self.wanted == 0 => {
                let theirs = Strata::decode(&mut reader, self.salt)?;
                reader.finish()?;
                let estimate = theirs.estimate(&self.strata()).ok_or(SessionError::Malformed)?;
                self.ask(estimate.raised().max(1))
            }
            WANTED if opener => {
                let differences = reader.varint()?;
                reader.finish()?;
                self.serve(differences)
            }
            tag @ (TABLE | TABLE_END) if self.wanted > 0 => {
                self.bytes.extend_from_slice(&words[1..]);
                // A cell takes at most 16 bytes of sum, 4 of check and 5 of count.
                if self.bytes.len() > 32 + 25 * Shape::for_differences(self.wanted).cells() {
                    return Err(SessionError::TooMany);
                }
                if tag == TABLE { Ok(Turn::default()) } else { self.compare() }
            }
            _ => Err(SessionError::OutOfTurn),
        }
    }

    fn take_work(&mut self) -> Work {
        self.work.take()
    }

    fn units_taken(&self) -> u64 {
        self.taken as u64
    }
}
