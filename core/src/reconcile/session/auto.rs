//! The method that chooses. With few authors their summaries are cheapest. Otherwise keyed cells begin, a handful, and more
//! as the empty ones tell how many items differ; where summaries of all authors would take fewer bytes than the cells
//! that are still wanted, the answerer sends those instead. What a choice costs is counted in bytes: a cell takes 24, an
//! author's summary 32 and up to 26.
//!
//! Summaries tell only what follows an author's newest version. Where both sides have gaps below it, whole sets would have
//! to follow; this method leaves them to the next session, which is salted, since the closing check fails, and in which it
//! has cells alone.

use alloc::vec::Vec;

use crate::reconcile::coding::keyed::FormA;
use crate::reconcile::session::SessionError;
use crate::reconcile::session::index::Index;
use crate::reconcile::session::method::{Method, Turn};
use crate::reconcile::session::part::Opening;
use crate::reconcile::session::rateless::Rateless;
use crate::reconcile::session::summary::SummaryMethod;
use crate::reconcile::session::work::Work;
use crate::store::Store;

/// Bytes of a cell and of an author's summary.
const CELL: usize = 24;
const SUMMARY: usize = 56;
/// Up to this many authors, summaries take no more than the first cells would.
const AUTHORS_FEW: usize = 3;
/// Bytes of the first cells, with what stands before them.
const FIRST: usize = 8 + 6 * CELL;

const CELLS: u8 = 0;
const SUMMARIES: u8 = 1;

/// One side of such a session.
#[derive(Debug, Default)]
pub(super) struct Auto {
    cells: Rateless<FormA>,
    summaries: SummaryMethod,
    cells_alone: bool,
}

impl Auto {
    fn summaries(&mut self, index: &Index, store: &Store, words: &[u8]) -> Result<Turn, SessionError> {
        self.summaries.handle(index, store, words).map(|turn| turn.under(SUMMARIES))
    }
}

impl Method for Auto {
    fn salt(&mut self) {
        self.cells_alone = true;
    }

    fn open(&mut self, index: &Index, store: &Store, room: usize) -> Vec<u8> {
        self.summaries = SummaryMethod::without_whole_sets();
        self.summaries.open(index, store, 0);
        if store.authors().len() <= AUTHORS_FEW && !self.cells_alone {
            return Vec::from([SUMMARIES]);
        }
        [&[CELLS], self.cells.open(index, store, FIRST.min(room)).as_slice()].concat()
    }

    fn meet(&mut self, opening: &Opening) {
        self.cells.meet(opening);
    }

    fn handle(&mut self, index: &Index, store: &Store, words: &[u8]) -> Result<Turn, SessionError> {
        match words.split_first() {
            Some((&SUMMARIES, rest)) => self.summaries(index, store, rest),
            Some((&CELLS, rest)) => {
                let turn = self.cells.handle(index, store, rest)?;
                let wanted = self.cells.wanted();
                if !self.cells_alone && wanted * CELL > store.authors().len() * SUMMARY {
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
