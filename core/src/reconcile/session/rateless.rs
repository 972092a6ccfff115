//! A session over rateless cells. The opener sends its first cells with the opening; the answerer subtracts its own, peels,
//! and is done or asks for more. How many more it asks for follows from the cells that are empty: a cell of a difference of d
//! items is empty with probability (1 - rho)^d, where rho is the share of all items that map to it, so the number of
//! empty ones estimates d. A stream without such credit overshoots by the link's bandwidth times its round trip.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cmp::Ordering;
use core::fmt::Debug;

use crate::reconcile::coding::keyed::{Entry, FormA, FormB, KeyedDifference, LongFormA, LongFormB};
use crate::reconcile::coding::riblt::{Riblt, RibltDifference};
use crate::reconcile::coding::{Cell, Code, Decoder, Limits, PeelError, Places, Prefix, Run, Side};
use crate::reconcile::session::SessionError;
use crate::reconcile::session::credit::{least, most, wanted};
use crate::reconcile::session::index::{Index, Item, key_of};
use crate::reconcile::session::method::{Method, Turn};
use crate::reconcile::session::part::{Opening, WORDS_LEN_MAX};
use crate::reconcile::session::transfer::Findings;
use crate::reconcile::session::work::{self, Work};
use crate::store::Store;
use crate::wire::{Reader, put_varint};

/// No cell of any code takes fewer bytes.
const CELL_LEN_LEAST: usize = 24;
/// Cells that a session may take however small the stores are: the number that few differences need has a long tail.
const CELLS_LEAST: usize = 256;
/// The most cells of a session, whatever the peer says about the size of its store.
pub const CELLS_MAX: usize = 1 << 20;

/// A code that sessions can use.
pub(super) trait SessionCode:
    Code<Item: Clone, Cell: Send + Sync, Difference: Send> + Debug + Send + Sync + 'static
{
    fn new(index: &Index) -> Self;

    /// The store as items of the code.
    fn items<'a>(index: &'a Index, store: &'a Store) -> Box<dyn Iterator<Item = Self::Item> + 'a>;

    /// How many items that is.
    fn count(index: &Index, store: &Store) -> usize;

    /// The prefix that is kept up to date, where there is one.
    fn kept(index: &Index) -> Option<&Arc<Prefix<Self>>>;

    /// What the differences tell.
    fn findings(differences: &[Self::Difference], index: &Index) -> Findings;
}

/// One side of such a session.
#[derive(Debug)]
pub(super) struct Rateless<C: Code> {
    opener: bool,
    /// Cells that the opener has sent.
    served: usize,
    prefix: Option<Arc<Prefix<C>>>,
    /// Where the items stand behind it, once it had to grow, and the state of the index then.
    places: Option<(u64, Places<C>)>,
    decoder: Option<Decoder<C>>,
    /// Cells that the peer was asked for, from the first on.
    asked: usize,
    /// How many of the cells so far are empty in the difference.
    empty: usize,
    /// The peer's store, in items.
    theirs: usize,
    work: Work,
}

impl<C: Code> Default for Rateless<C> {
    fn default() -> Self {
        Self {
            opener: false,
            served: 0,
            prefix: None,
            places: None,
            decoder: None,
            asked: 0,
            empty: 0,
            theirs: 0,
            work: Work::default(),
        }
    }
}

impl<C: SessionCode> Method for Rateless<C> {
    fn open(&mut self, index: &Index, store: &Store, room: usize) -> Vec<u8> {
        self.opener = true;
        // A first guess at what fits, and no more than any peer takes; the run ends where the room does.
        let most = (room / CELL_LEN_LEAST).min(2 * index.len() + CELLS_LEAST);
        let Ok(prefix) = self.reach(most, index, store) else { return Vec::new() };
        let run = prefix.run(0, most, room.saturating_sub(1));
        self.served = run.cells.len();
        encode(&run)
    }

    fn meet(&mut self, opening: &Opening) {
        // No more than could matter, so that sums with it fit 32 bits.
        self.theirs = (opening.tuples as usize).min(CELLS_MAX);
    }

    fn handle(&mut self, index: &Index, store: &Store, words: &[u8]) -> Result<Turn, SessionError> {
        let mut reader = Reader::new(words)?;
        match reader.byte()? {
            CREDIT if self.opener => self.serve(reader, index, store),
            CELLS if !self.opener => self.take(reader, index, store),
            _ => Err(SessionError::OutOfTurn),
        }
    }

    fn take_work(&mut self) -> Work {
        self.work.take()
    }
}

impl<C: SessionCode> Rateless<C> {
    /// Cells that the peer was asked for and has not sent.
    pub(super) fn wanted(&self) -> usize {
        let taken = self.decoder.as_ref().map_or(self.asked, Decoder::cells_taken);
        self.asked.saturating_sub(taken)
    }

    /// Cells that the peer was asked for, from the first on.
    pub(super) const fn asked(&self) -> usize {
        self.asked
    }

    /// The opener sends the cells that it is asked for, in as many messages as it takes. They follow those that it has sent,
    /// and are neither so few that a session of many requests goes over the store at each, nor more than [`wanted`] says.
    fn serve(&mut self, mut reader: Reader<'_>, index: &Index, store: &Store) -> Result<Turn, SessionError> {
        let (start, count) = (reader.varint()?, reader.varint()?);
        reader.finish()?;
        let sent = self.served;
        let end = start.saturating_add(count).min(CELLS_MAX as u64) as usize;
        if start != sent as u64 || !(least(sent)..=most(sent)).contains(&end) {
            return Err(SessionError::OutOfTurn);
        }
        self.served = end;
        let prefix = self.reach(end, index, store)?;
        let (mut at, mut say) = (sent, Vec::new());
        while at < end {
            let run = prefix.run(at, end - at, WORDS_LEN_MAX - 1);
            at += run.cells.len().max(1);
            say.push(encode(&run));
        }
        Ok(Turn { say, ..Turn::default() })
    }

    /// The answerer takes cells, and is done or asks for more.
    fn take(&mut self, mut reader: Reader<'_>, index: &Index, store: &Store) -> Result<Turn, SessionError> {
        let run = Run::<C::Cell>::decode(&mut reader)?;
        reader.finish()?;
        let limit = CELLS_MAX.min(2 * (index.len() + self.theirs) + CELLS_LEAST);
        let limits = Limits { cells: limit, differences: limit };
        let mut decoder = self.decoder.take().unwrap_or_else(|| Decoder::new(C::new(index), limits));
        let taken = decoder.cells_taken();
        let total = taken + run.cells.len();
        let beyond_credit = self.asked > 0 && total > self.asked;
        if run.start as usize != taken || (run.cells.is_empty() && taken > 0) || beyond_credit {
            return Err(SessionError::OutOfTurn);
        }
        let local = self.reach(total, index, store)?;
        let difference = Prefix::<C>::difference(&run.cells, &local.cells()[taken..]);
        let empty = difference.iter().filter(|&&cell| cell == C::Cell::default()).count();
        let recovered = decoder.differences().len();
        let complete = decoder.push(&run.cells, local.cells())?;
        self.work.add(decoder.differences().len() - recovered, work::PEEL);
        self.empty += empty;
        if complete {
            return Ok(Turn::done(C::findings(decoder.differences(), index)));
        }
        self.decoder = Some(decoder);
        if total < self.asked {
            return Ok(Turn::default());
        }
        self.asked = wanted(self.empty, total).min(limit);
        if self.asked < least(total) {
            return Err(SessionError::TooMany);
        }
        let mut words = Vec::from([CREDIT]);
        put_varint(&mut words, total as u64);
        put_varint(&mut words, (self.asked - total) as u64);
        Ok(Turn::say(words))
    }

    /// The prefix with at least `len` cells: the one that is kept, or a copy of it that is longer. A session keeps to the
    /// prefix that it began with, whatever is written meanwhile; one that must grow after a write cannot go on.
    fn reach(&mut self, len: usize, index: &Index, store: &Store) -> Result<&Prefix<C>, SessionError> {
        let prefix = self.prefix.get_or_insert_with(|| match C::kept(index) {
            Some(kept) => Arc::clone(kept),
            None => Arc::new(Prefix::new(C::new(index), 0)),
        });
        if prefix.cells().len() < len {
            self.work.add_cells(C::count(index, store), prefix.cells().len(), len);
            if self.places.is_none() {
                let places = prefix.places(C::items(index, store)).map_err(|_| SessionError::Changed)?;
                self.places = Some((index.changes(), places));
            }
            match &mut self.places {
                Some((changes, places)) if *changes == index.changes() => Arc::make_mut(prefix).extend(len, places),
                _ => return Err(SessionError::Changed),
            }
        }
        Ok(prefix)
    }
}

const CREDIT: u8 = 0;
const CELLS: u8 = 1;

fn encode<C: Cell>(run: &Run<C>) -> Vec<u8> {
    let mut words = Vec::with_capacity(1 + run.encoded_len());
    words.push(CELLS);
    run.encode(&mut words);
    words
}

impl From<PeelError> for SessionError {
    fn from(error: PeelError) -> Self {
        match error {
            PeelError::TooManyCells | PeelError::TooManyDifferences => Self::TooMany,
            PeelError::Inconsistent | PeelError::PrefixTooShort => Self::Malformed,
        }
    }
}

impl SessionCode for Riblt {
    fn new(index: &Index) -> Self {
        Self::new(index.salt())
    }

    fn items<'a>(index: &'a Index, _: &'a Store) -> Box<dyn Iterator<Item = u128> + 'a> {
        Box::new(index.items().map(Item::pair))
    }

    fn count(index: &Index, _: &Store) -> usize {
        index.len()
    }

    fn kept(index: &Index) -> Option<&Arc<Prefix<Self>>> {
        index.kept().riblt.as_ref()
    }

    fn findings(differences: &[RibltDifference], _: &Index) -> Findings {
        let keys = |side| differences.iter().filter(move |found| found.side == side).map(|found| found.item >> 64);
        Findings::of_keys(keys(Side::Local).collect(), keys(Side::Remote).collect())
    }
}

fn keyed_findings<const LIMBS: usize>(differences: &[KeyedDifference<LIMBS>], index: &Index) -> Findings {
    let mut found = Findings::default();
    for difference in differences {
        let key = key_of(&difference.key);
        let mine = index.get(key).map(|item| item.entry::<LIMBS>().weight());
        match (mine, difference.version) {
            // The peer's weight is the sum of both: none.
            (Some(mine), _) if (difference.weight + mine).is_zero() => found.give.push(key),
            (Some(_), Some(Ordering::Less)) => found.give.push(key),
            _ => found.ask.push(key),
        }
    }
    found
}

/// The keyed forms differ in their cells alone, and in where the index keeps them.
macro_rules! keyed_session_code {
    ($($form:ty, $limbs:literal => $kept:ident;)*) => {$(
        impl SessionCode for $form {
            fn new(index: &Index) -> Self {
                Self::new(index.salt())
            }

            fn items<'a>(index: &'a Index, _: &'a Store) -> Box<dyn Iterator<Item = Entry<$limbs>> + 'a> {
                Box::new(index.items().map(Item::entry))
            }

            fn count(index: &Index, _: &Store) -> usize {
                index.len()
            }

            fn kept(index: &Index) -> Option<&Arc<Prefix<Self>>> {
                index.kept().$kept.as_ref()
            }

            fn findings(differences: &[KeyedDifference<$limbs>], index: &Index) -> Findings {
                keyed_findings(differences, index)
            }
        }
    )*};
}

keyed_session_code! {
    FormA, 1 => keyed;
    FormB, 1 => versioned;
    LongFormA, 2 => long;
    LongFormB, 2 => long_versioned;
}
