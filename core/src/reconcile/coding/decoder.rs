//! Peeling: the cells of a difference are searched for those that hold a single item; each such item is recovered and
//! taken out of all its other cells, which leaves more cells with a single item. Cells arrive one after another or in
//! runs; an item that was recovered already is taken out of each cell that comes later. Once cell 0, which holds every
//! item, is empty, all is recovered. A difference of d items costs O(d log d) cell operations and needs 1.35 d (large d)
//! to 1.76 d (d = 5) cells on average.
//!
//! Source: Yang, Gilad and Alizadeh, "Practical Rateless Set Reconciliation", ACM SIGCOMM 2024, section 4; the
//! decoder of M. T. Goodrich and M. Mitzenmacher, "Invertible Bloom Lookup Tables", Allerton 2011, made
//! incremental. Candidates are tested in sweeps, so that a code may share work between tests; and items are taken out by
//! twos, since a processor spends most of that on waiting for the next cell of one item.
//!
//! Forged cells can name items that are not there, and taking one out puts it into other cells, where it is found again,
//! for ever. An honest stream has each item once and only in its own cells, of which none gives two items away, and leaves all
//! cells empty at the end: whatever differs is refused at once. A decoder holds at most [`Limits::cells`] cells and recovers at most
//! [`Limits::differences`] items, each of which touches an expected 2 ln [`Limits::cells`] cells, so this product bounds its
//! work: hashes are salted, so a peer can do little about that expectation.

use alloc::collections::BinaryHeap;
use alloc::collections::binary_heap::PeekMut;
use alloc::vec::Vec;
use core::cmp::Reverse;
use core::fmt;

use super::mapping::Mapping;
use super::{CELLS_MAX, Cell, Code};

/// What a decoder may spend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most cells, at most [`CELLS_MAX`].
    pub cells: usize,
    /// The most items that differ.
    pub differences: usize,
}

/// Why a decoder gave up, or did not accept cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeelError {
    /// More cells than [`Limits::cells`] without an end.
    TooManyCells,
    /// More items differ than [`Limits::differences`].
    TooManyDifferences,
    /// The cells are not those of any set.
    Inconsistent,
    /// The local prefix is shorter than what the peer has sent. Nothing was taken: extend it and push again.
    PrefixTooShort,
}

impl fmt::Display for PeelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooManyCells => "the cells do not come to an end within the limit",
            Self::TooManyDifferences => "more items differ than the limit",
            Self::Inconsistent => "the cells are not those of any set",
            Self::PrefixTooShort => "the local prefix is shorter than the cells that arrived",
        })
    }
}

impl core::error::Error for PeelError {}

/// Recovers what differs between a peer's set and the local one.
#[derive(Clone, Debug)]
pub struct Decoder<C: Code> {
    code: C,
    limits: Limits,
    failed: Option<PeelError>,
    complete: bool,
    /// The peer's cells without the local ones and without what was recovered.
    cells: Vec<C::Cell>,
    /// Cells that may hold a single item, each once.
    queue: Vec<u32>,
    queued: Vec<bool>,
    /// The mark of the item that a cell gave away, or 0. A cell does that once, after which it is empty; so an item that is
    /// found again meets its mark on its way.
    gave: Vec<u64>,
    /// The candidates of a sweep, what they held when it began, and what they turn out to be.
    sweep: Vec<u32>,
    sweep_cells: Vec<C::Cell>,
    found: Vec<Option<(u64, C::Difference)>>,
    differences: Vec<C::Difference>,
    /// Of every difference, what is taken out of cells that come later, and which is the next of them.
    taken: Vec<(Mapping, C::Cell)>,
    upcoming: BinaryHeap<Reverse<(u32, u32)>>,
}

/// An item on its way through its cells.
struct Walk<C: Code> {
    mapping: Mapping,
    item: C::Cell,
    difference: C::Difference,
    /// Its hash, but never 0.
    mark: u64,
    /// The cell that gave it away, and whether that is one of its own.
    from: u32,
    belongs: bool,
    /// Another cell gave it away before.
    again: bool,
}

impl<C: Code> Walk<C> {
    fn new(from: u32, item: C::Cell, hash: u64, difference: C::Difference) -> Self {
        Self { mapping: Mapping::new(hash), item, difference, mark: hash | 1, from, belongs: false, again: false }
    }
}

impl<C: Code> Decoder<C> {
    /// A decoder that has seen nothing yet. `code` has the salt of both peers' prefixes.
    pub fn new(code: C, limits: Limits) -> Self {
        Self {
            code,
            limits: Limits { cells: limits.cells.min(CELLS_MAX), differences: limits.differences.min(CELLS_MAX) },
            failed: None,
            complete: false,
            cells: Vec::new(),
            queue: Vec::new(),
            queued: Vec::new(),
            gave: Vec::new(),
            sweep: Vec::new(),
            sweep_cells: Vec::new(),
            found: Vec::new(),
            differences: Vec::new(),
            taken: Vec::new(),
            upcoming: BinaryHeap::new(),
        }
    }

    /// Takes the peer's next cells; the caller sees to it that they begin at [`Decoder::cells_taken`]. `local` are the
    /// local prefix's cells, all from cell 0 on. True as soon as everything that differs is recovered; cells that come
    /// after that are not looked at.
    ///
    /// # Errors
    /// Cells that come to no end, or to no good one; the decoder is of no more use then, except after
    /// [`PeelError::PrefixTooShort`].
    pub fn push(&mut self, remote: &[C::Cell], local: &[C::Cell]) -> Result<bool, PeelError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        if self.complete || remote.is_empty() {
            return Ok(self.complete);
        }
        let start = self.cells.len();
        if remote.len() > self.limits.cells - start {
            return self.fail(PeelError::TooManyCells);
        }
        let local = local.get(start..start + remote.len()).ok_or(PeelError::PrefixTooShort)?;
        for (&remote, &local) in remote.iter().zip(local) {
            self.append(remote, local);
        }
        match self.peel() {
            Ok(()) if self.cells[0] != C::Cell::default() => Ok(false),
            Ok(()) if self.cells.iter().any(|&cell| cell != C::Cell::default()) => self.fail(PeelError::Inconsistent),
            Ok(()) => {
                self.complete = true;
                Ok(true)
            }
            Err(error) => self.fail(error),
        }
    }

    fn fail(&mut self, error: PeelError) -> Result<bool, PeelError> {
        self.failed = Some(error);
        Err(error)
    }

    /// Takes one cell, less the local one and what was recovered before.
    fn append(&mut self, remote: C::Cell, local: C::Cell) {
        let index = self.cells.len() as u32;
        let mut cell = remote;
        cell -= local;
        while let Some(mut next) = self.upcoming.peek_mut() {
            let Reverse((at, which)) = *next;
            if at != index {
                break;
            }
            let (mapping, taken) = &mut self.taken[which as usize];
            cell -= *taken;
            mapping.advance();
            match mapping.index() {
                Mapping::END => drop(PeekMut::pop(next)),
                later => *next = Reverse((later, which)),
            }
        }
        self.cells.push(cell);
        self.queued.push(false);
        self.gave.push(0);
        self.consider(index);
    }

    /// Queues a cell that may hold a single item.
    fn consider(&mut self, index: u32) {
        let at = index as usize;
        if self.cells[at].may_be_single() && !self.queued[at] {
            self.queued[at] = true;
            self.queue.push(index);
        }
    }

    /// Recovers what can be recovered.
    fn peel(&mut self) -> Result<(), PeelError> {
        let mut first: Option<Walk<C>> = None;
        while !self.queue.is_empty() || first.is_some() {
            if self.queue.is_empty() {
                first.take().map_or(Ok(()), |walk| self.take_out(walk))?;
                continue;
            }
            self.collect_sweep();
            let cells = core::mem::take(&mut self.sweep_cells);
            self.code.recover(&cells, &mut self.found);
            for (candidate, cell) in cells.iter().enumerate() {
                let index = self.sweep[candidate];
                // A cell that another item of the sweep was taken out of is in the queue again, as it is now.
                if let Some((hash, difference)) = self.found[candidate].take()
                    && self.cells[index as usize] == *cell
                {
                    let second = Walk::new(index, *cell, hash, difference);
                    first = self.pair_up(first.take(), second)?;
                }
            }
            self.sweep_cells = cells;
        }
        Ok(())
    }

    /// Takes out two items together, and keeps back what has no other yet.
    fn pair_up(&mut self, first: Option<Walk<C>>, second: Walk<C>) -> Result<Option<Walk<C>>, PeelError> {
        match first {
            None => Ok(Some(second)),
            Some(first) if first.mark != second.mark => {
                self.take_out_both(first, second)?;
                Ok(None)
            }
            // The same item in two cells: without it the second is empty, or it was no cell of this item's.
            Some(first) => {
                self.take_out(first)?;
                if self.cells[second.from as usize] == second.item { Ok(Some(second)) } else { Ok(None) }
            }
        }
    }

    /// Moves the last candidates of the queue to the sweep, but for those that have become something else.
    fn collect_sweep(&mut self) {
        self.sweep.clear();
        self.sweep_cells.clear();
        self.found.clear();
        while self.sweep.len() < C::SWEEP
            && let Some(index) = self.queue.pop()
        {
            self.queued[index as usize] = false;
            let cell = self.cells[index as usize];
            if cell.may_be_single() {
                self.sweep.push(index);
                self.sweep_cells.push(cell);
            }
        }
    }

    /// Takes two items out of all their cells, by turns: a step has to wait for the one before it, but not for the other's.
    fn take_out_both(&mut self, mut first: Walk<C>, mut second: Walk<C>) -> Result<(), PeelError> {
        let len = self.cells.len();
        while (first.mapping.index() as usize) < len && (second.mapping.index() as usize) < len {
            self.step(&mut first);
            self.step(&mut second);
        }
        self.take_out(first)?;
        self.take_out(second)
    }

    /// Takes an item out of all its cells, or of those that are left.
    fn take_out(&mut self, mut walk: Walk<C>) -> Result<(), PeelError> {
        while (walk.mapping.index() as usize) < self.cells.len() {
            self.step(&mut walk);
        }
        if self.differences.len() == self.limits.differences {
            return Err(PeelError::TooManyDifferences);
        }
        let gave = &mut self.gave[walk.from as usize];
        if !walk.belongs || walk.again || *gave != 0 {
            return Err(PeelError::Inconsistent);
        }
        *gave = walk.mark;
        if walk.mapping.index() != Mapping::END {
            self.upcoming.push(Reverse((walk.mapping.index(), self.taken.len() as u32)));
        }
        self.taken.push((walk.mapping, walk.item));
        self.differences.push(walk.difference);
        Ok(())
    }

    /// Takes an item out of one cell.
    #[inline(always)]
    fn step(&mut self, walk: &mut Walk<C>) {
        let at = walk.mapping.index();
        walk.belongs |= at == walk.from;
        walk.again |= self.gave[at as usize] == walk.mark;
        self.cells[at as usize] -= walk.item;
        self.consider(at);
        walk.mapping.advance();
    }

    /// Whether everything that differs is recovered.
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    /// The number of cells taken so far.
    pub fn cells_taken(&self) -> usize {
        self.cells.len()
    }

    /// What was recovered so far, in no particular order. A part of it may be acted on before the decoder is complete.
    pub fn differences(&self) -> &[C::Difference] {
        &self.differences
    }

    /// What was recovered.
    pub fn into_differences(self) -> Vec<C::Difference> {
        self.differences
    }
}
