//! Walks that are being drawn. Many go in lockstep: first the memory that each needs for its next step is read, which
//! the processor does for several at a time, then the steps are made. Each walk is drawn from its own numbers, so the
//! order is of no consequence.

use alloc::vec::Vec;
use core::ops::Range;

use super::arena::NEVER;
use crate::rank::Graph;
use crate::rank::graph::{NEGATIVE, POSITIVE};
use crate::rank::race::draw;

/// Most walks at once.
const WIDTH: usize = 256;

/// The steps from `keep` on that a walk is about to get.
#[derive(Clone, Copy, Debug)]
pub(super) struct Draft<'a> {
    pub(super) number: u32,
    pub(super) keep: u16,
    pub(super) turn: u16,
    pub(super) steps: &'a [u32],
}

#[derive(Clone, Copy, Debug)]
struct Lane {
    walk_key: u64,
    number: u32,
    /// The last node.
    at: u32,
    /// Where step `keep` is drafted.
    start: u32,
    keep: u16,
    turn: u16,
    /// The next step.
    step: u16,
    /// The first step that is not made in this run, and at all.
    stop: u16,
    room: u16,
    is_dead_end: bool,
}

impl Lane {
    fn layer(&self) -> usize {
        if self.turn == NEVER { POSITIVE } else { NEGATIVE }
    }

    /// Makes one step; whether there are more to make in this run.
    #[inline]
    fn advance(&mut self, graph: &Graph, drafted: &mut [u32]) -> bool {
        let Some(step) = graph.step(self.at, self.layer(), draw(self.walk_key, u64::from(self.step))) else {
            (self.stop, self.room, self.is_dead_end) = (self.step, self.step, true);
            return false;
        };
        self.make(step, drafted);
        self.step < self.stop
    }

    /// Makes a step that was drawn.
    #[inline]
    fn make(&mut self, (target, reached): (u32, usize), drafted: &mut [u32]) {
        drafted[self.start as usize + usize::from(self.step - self.keep)] = target;
        if reached != self.layer() {
            self.turn = self.step;
        }
        self.at = target;
        self.step += 1;
    }

    /// Where its steps are drafted.
    fn drafted(&self) -> Range<usize> {
        self.start as usize..self.start as usize + usize::from(self.step - self.keep)
    }
}

/// Drafts of several walks, all of which can be completed within the budget that is left; or of one.
#[derive(Clone, Debug, Default)]
pub(super) struct Drafts {
    lanes: Vec<Lane>,
    drafted: Vec<u32>,
    /// The most steps that are missing.
    missing: u64,
}

impl Drafts {
    pub(super) fn is_empty(&self) -> bool {
        self.lanes.is_empty()
    }

    /// The budget that remains when all drafts are completed at the most that they may cost.
    pub(super) fn spare(&self, left: u64) -> u64 {
        left.saturating_sub(self.missing)
    }

    /// Whether another draft that misses so many steps may be started, with what is left of the budget.
    pub(super) fn admit(&self, missing: u16, left: u64) -> bool {
        self.is_empty() || (self.lanes.len() < WIDTH && u64::from(missing) <= self.spare(left))
    }

    /// Starts to draft a walk's steps from `keep` on, behind the node `at`. There may be up to `room` in all.
    pub(super) fn start(&mut self, number: u32, walk_key: u64, at: u32, keep: u16, room: u16, turn: u16) {
        let start = self.drafted.len() as u32;
        let missing = room - keep;
        self.missing += u64::from(missing);
        self.drafted.resize(self.drafted.len() + usize::from(missing), 0);
        self.lanes.push(Lane {
            walk_key,
            number,
            at,
            start,
            keep,
            turn,
            step: keep,
            stop: keep,
            room,
            is_dead_end: false,
        });
    }

    /// Makes the first step of the draft that was started last, which was drawn and paid for.
    pub(super) fn lead(&mut self, step: (u32, usize)) {
        if let Some(lane) = self.lanes.last_mut() {
            lane.make(step, &mut self.drafted);
            self.missing -= 1;
        }
    }

    /// Continues all drafts; whether they are complete. Only one alone may be more than the budget allows.
    pub(super) fn run(&mut self, graph: &Graph, left: &mut u64) -> bool {
        let limit = u16::try_from(*left).unwrap_or(u16::MAX);
        let spent = self.cost();
        let mut active = [0u8; WIDTH];
        let mut count = 0;
        for (place, lane) in self.lanes.iter_mut().enumerate() {
            lane.stop = lane.room.min(lane.step.saturating_add(limit));
            active[count] = place as u8;
            count += usize::from(lane.step < lane.stop);
        }
        while count > 0 {
            active[..count].iter().for_each(|&lane| graph.touch(self.lanes[usize::from(lane)].at));
            let mut next = 0;
            while next < count {
                if self.lanes[usize::from(active[next])].advance(graph, &mut self.drafted) {
                    next += 1;
                } else {
                    count -= 1;
                    active[next] = active[count];
                }
            }
        }
        *left = left.saturating_sub(self.cost() - spent);
        self.lanes.iter().all(|lane| lane.step == lane.room)
    }

    /// The steps that were made so far.
    fn cost(&self) -> u64 {
        self.lanes.iter().map(|lane| u64::from(lane.step - lane.keep) + u64::from(lane.is_dead_end)).sum()
    }

    /// Takes back what was drafted behind a node whose edges changed.
    pub(super) fn cut_behind(&mut self, source: u32) {
        for lane in &mut self.lanes {
            let drafted = &self.drafted[lane.drafted()];
            if let Some(place) = drafted.iter().position(|&node| node == source) {
                lane.at = source;
                lane.step = lane.keep + place as u16 + 1;
                if lane.turn >= lane.step {
                    lane.turn = NEVER;
                }
            }
        }
    }

    /// What was drafted.
    pub(super) fn all(&self) -> impl Iterator<Item = Draft<'_>> {
        self.lanes.iter().map(|lane| Draft {
            number: lane.number,
            keep: lane.keep,
            turn: lane.turn,
            steps: &self.drafted[lane.drafted()],
        })
    }

    pub(super) fn clear(&mut self) {
        self.lanes.clear();
        self.drafted.clear();
        self.missing = 0;
    }
}
