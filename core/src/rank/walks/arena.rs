//! Where walks are kept. How many steps a walk may make at most is decided by the draws for stopping alone, so each
//! has a fixed place in one flat vector, as long as that, whatever becomes of the graph.

use alloc::vec::Vec;

use crate::rank::graph::{NEGATIVE, POSITIVE};

/// [`Walk::turn`] of a walk that crossed no negative edge.
pub(super) const NEVER: u16 = u16::MAX;

/// A walk's place. Its nodes are the ego and then its steps.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Walk {
    start: u32,
    len: u16,
    turn: u16,
}

/// The steps of a walk behind the ego.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Trace<'a> {
    /// The place of the first.
    pub(super) start: u32,
    pub(super) steps: &'a [u32],
    /// The first step that is in the negative layer, or [`NEVER`].
    pub(super) turn: u16,
}

impl Trace<'_> {
    pub(super) fn layer(self, step: usize) -> usize {
        if step < usize::from(self.turn) { POSITIVE } else { NEGATIVE }
    }

    /// The target of a step and its layer; `None` behind the last.
    pub(super) fn get(self, step: usize) -> Option<(u32, usize)> {
        self.steps.get(step).map(|&node| (node, self.layer(step)))
    }
}

/// Of every so many places it is noted whose they are.
const STRIDE: u32 = 16;

/// All walks.
#[derive(Clone, Debug, Default)]
pub(super) struct Arena {
    walks: Vec<Walk>,
    steps: Vec<u32>,
    /// The walk that has place 0, [`STRIDE`], and so on.
    owners: Vec<u32>,
}

impl Arena {
    pub(super) fn len(&self) -> u32 {
        self.walks.len() as u32
    }

    /// Reserves what so many walks need, with so many steps in all.
    pub(super) fn reserve(&mut self, walks: u32, steps: usize) {
        self.walks.reserve_exact(walks as usize);
        self.steps.reserve_exact(steps);
        self.owners.reserve_exact(steps / STRIDE as usize + 1);
    }

    /// Makes a place for one more walk, which has no steps yet.
    pub(super) fn open(&mut self, room: u16) {
        let start = self.steps.len() as u32;
        let end = start.saturating_add(u32::from(room)) as usize;
        if end > self.steps.capacity() {
            // Vectors double; this one is large.
            self.steps.reserve_exact(usize::from(room) + self.steps.len() / 32);
        }
        self.steps.resize(end, 0);
        self.owners.resize(end.div_ceil(STRIDE as usize), self.len());
        self.walks.push(Walk { start, len: 0, turn: NEVER });
    }

    /// Gives back what no walk needs.
    pub(super) fn close(&mut self) {
        self.walks.shrink_to_fit();
        self.steps.shrink_to_fit();
        self.owners.shrink_to_fit();
    }

    /// How many places there are, and room for how many.
    pub(super) fn places(&self) -> (usize, usize) {
        (self.steps.len(), self.steps.capacity())
    }

    /// The walk that has a place, and which of its steps that is.
    #[inline]
    pub(super) fn locate(&self, place: u32) -> (u32, usize) {
        let first = self.owners[(place / STRIDE) as usize];
        let behind = &self.walks[first as usize + 1..];
        let further = behind.iter().take_while(|walk| walk.start <= place).count() as u32;
        let number = first + further;
        (number, (place - self.walks[number as usize].start) as usize)
    }

    /// The most steps for which a walk has room.
    pub(super) fn room(&self, number: u32) -> u16 {
        let number = number as usize;
        let end = self.walks.get(number + 1).map_or(self.steps.len(), |next| next.start as usize);
        (end - self.walks[number].start as usize) as u16
    }

    pub(super) fn trace(&self, number: u32) -> Trace<'_> {
        let Walk { start, len, turn } = self.walks[number as usize];
        Trace { start, steps: &self.steps[start as usize..][..usize::from(len)], turn }
    }

    /// Replaces the steps of a walk from `keep` on. All must fit in its room.
    pub(super) fn replace(&mut self, number: u32, keep: u16, steps: &[u32], turn: u16) {
        let walk = &mut self.walks[number as usize];
        (walk.len, walk.turn) = (keep + steps.len() as u16, turn);
        self.steps[walk.start as usize + usize::from(keep)..][..steps.len()].copy_from_slice(steps);
    }

    /// Bytes that are reserved.
    pub(super) fn bytes(&self) -> usize {
        size_of::<Walk>() * self.walks.capacity() + size_of::<u32>() * (self.steps.capacity() + self.owners.capacity())
    }
}
