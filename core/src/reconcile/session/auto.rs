//! The method that chooses. With few authors their summaries are cheapest. Otherwise keyed cells begin, a handful, and more
//! as the empty ones tell how many items differ; where summaries of all authors would take fewer bytes than the cells
//! that are still wanted, the answerer sends those instead. What a choice costs is counted in bytes: a cell takes 24, an
//! author's summary 32 and up to 26. Where so much differs that the cells would take more than the tuples that do not, both sides
//! send everything.
//!
//! Summaries tell only what follows an author's newest version. Where both sides have gaps below it, whole sets would have
//! to follow; this method leaves them to the next session, which is salted, since the closing check fails, and in which it
//! has cells alone.

use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::reconcile::coding::keyed::FormA;
use crate::reconcile::session::SessionError;
use crate::reconcile::session::everything::Everything;
use crate::reconcile::session::index::Index;
use crate::reconcile::session::method::{Method, Turn};
use crate::reconcile::session::part::Opening;
use crate::reconcile::session::rateless::{CELLS_MAX, Rateless};
use crate::reconcile::session::summary::SummaryMethod;
use crate::reconcile::session::work::Work;
use crate::store::{Store, Tuple};

/// Bytes of a cell and of an author's summary.
const CELL: usize = 24;
const SUMMARY: usize = 56;
/// Cells go on until they would take half as much again as the summaries: the step that follows tells whether nearly
/// everything differs, where a store has many authors.
const PATIENCE: (usize, usize) = (3, 2);
/// Up to this many authors, summaries take no more than the first cells would.
const AUTHORS_FEW: usize = 3;
/// Bytes of the first cells, with what stands before them.
const FIRST: usize = 8 + 6 * CELL;

const CELLS: u8 = 0;
const SUMMARIES: u8 = 1;
/// Alone it says that everything follows.
const EVERYTHING: u8 = 2;
/// So many tuples tell how long one is on average.
const SAMPLE: usize = 64;

/// One side of such a session.
#[derive(Debug, Default)]
pub(super) struct Auto {
    cells: Rateless<FormA>,
    summaries: SummaryMethod,
    everything: Everything,
    /// The peer sends everything.
    hears: bool,
    cells_alone: bool,
    /// The peer's store, in tuples.
    theirs: usize,
}

impl Auto {
    fn summaries(&mut self, index: &Index, store: &Store, words: &[u8]) -> Result<Turn, SessionError> {
        self.summaries.handle(index, store, words).map(|turn| turn.under(SUMMARIES))
    }

    /// Whether the cells that are still wanted take more than all tuples that both sides have, were they sent in vain.
    fn differs_in_nearly_everything(&self, index: &Index) -> bool {
        // As many cells are asked for as 1.4 times the differences that were estimated.
        let differences = self.cells.asked() * 5 / 7;
        let common = (index.len() + self.theirs).saturating_sub(differences) / 2;
        let (count, bytes) = index
            .items()
            .take(SAMPLE)
            .fold((0, 0), |(count, bytes), item| (count + 1, bytes + item.tuple.encoded_len()));
        count > 0 && self.cells.wanted() * CELL > common.saturating_mul(bytes / count)
    }

    fn send_everything(&mut self, index: &Index, store: &Store) -> Result<Turn, SessionError> {
        let turn = self.everything.handle(index, store, &[])?.under(EVERYTHING);
        Ok(Turn { say: Vec::from([Vec::from([EVERYTHING])]), ..turn })
    }
}

impl Method for Auto {
    fn salt(&mut self) {
        self.cells_alone = true;
    }

    fn open(&mut self, index: &Index, store: &Store, room: usize) -> Vec<u8> {
        self.summaries = SummaryMethod::without_whole_sets();
        self.summaries.open(index, store, 0);
        self.everything.open(index, store, 0);
        if store.authors().len() <= AUTHORS_FEW && !self.cells_alone {
            return Vec::from([SUMMARIES]);
        }
        [&[CELLS], self.cells.open(index, store, FIRST.min(room)).as_slice()].concat()
    }

    fn meet(&mut self, opening: &Opening) {
        self.cells.meet(opening);
        // No more than could matter, so that sums and products with it fit.
        self.theirs = (opening.tuples as usize).min(CELLS_MAX);
    }

    fn hear(&mut self, tuples: &[Arc<Tuple>], index: &Index) {
        if self.hears {
            self.everything.hear(tuples, index);
        }
    }

    fn handle(&mut self, index: &Index, store: &Store, words: &[u8]) -> Result<Turn, SessionError> {
        match words.split_first() {
            Some((&EVERYTHING, [])) => {
                self.hears = true;
                Ok(Turn::default())
            }
            Some((&EVERYTHING, rest)) => self.everything.handle(index, store, rest).map(|turn| turn.under(EVERYTHING)),
            Some((&SUMMARIES, rest)) => self.summaries(index, store, rest),
            Some((&CELLS, rest)) => {
                let turn = self.cells.handle(index, store, rest)?;
                let wanted = self.cells.wanted();
                if wanted > 0 && self.differs_in_nearly_everything(index) {
                    return self.send_everything(index, store);
                }
                if !self.cells_alone && wanted * CELL * PATIENCE.1 > PATIENCE.0 * store.authors().len() * SUMMARY {
                    return self.summaries(index, store, &[]);
                }
                Ok(turn.under(CELLS))
            }
            _ => Err(SessionError::Malformed),
        }
    }

    fn take_work(&mut self) -> Work {
        self.cells.take_work()
    }
}
