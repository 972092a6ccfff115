//! Walks that are being drawn. Many go in lockstep, a trial each in turn: while the memory of one walk's next node is
//! on its way, the others make theirs. Each is drawn from its own numbers, so the order is of no consequence.

use alloc::vec::Vec;
use core::array;

use super::arena::NEVER;
use crate::rank::Graph;
use crate::rank::graph::{NEGATIVE, POSITIVE};
use crate::rank::race::draw;

/// Most walks at once.
const WIDTH: usize = 64;

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
    /// Of the next step.
    key: u64,
    trial: u32,
    number: u32,
    /// The last node.
    at: u32,
    turn: u32,
    /// The next step, and where it is going to be drafted.
    step: u32,
    place: u32,
    /// The first step that is not made in this run, and at all.
    stop: u32,
    room: u32,
    keep: u32,
    /// Where step `keep` is drafted.
    start: u32,
    is_dead_end: bool,
}

impl Lane {
    /// Makes one trial; whether there is more to do in this run.
    #[inline]
    fn advance(&mut self, graph: &Graph, drafted: &mut [u32]) -> bool {
        if self.step == self.stop {
            return false;
        }
        let layer = if self.turn == u32::from(NEVER) { POSITIVE } else { NEGATIVE };
        let (taken, (target, reached)) = match graph.trial(self.at, layer, self.key, self.trial) {
            Some(trial) => trial,
            None => match graph.step(self.at, layer, self.key) {
                Some(step) => (true, step),
                None => {
                    (self.stop, self.room, self.is_dead_end) = (self.step, self.step, true);
                    return false;
                }
            },
        };
        drafted[self.place as usize] = target;
        self.turn = if taken & (reached != layer) { self.step } else { self.turn };
        self.at = if taken { target } else { self.at };
        self.trial = if taken { 0 } else { self.trial + 1 };
        self.step += u32::from(taken);
        self.place += u32::from(taken);
        self.key = draw(self.walk_key, u64::from(self.step));
        true
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
        let (keep, room, turn) = (u32::from(keep), u32::from(room), u32::from(turn));
        let missing = room - keep;
        self.missing += u64::from(missing);
        self.drafted.resize((start + missing) as usize, 0);
        let lane = Lane {
            walk_key,
            key: 0,
            trial: 0,
            number,
            at,
            turn,
            step: keep,
            place: start,
            stop: keep,
            room,
            keep,
            start,
            is_dead_end: false,
        };
        self.lanes.push(lane);
    }

    /// Continues all drafts; whether they are complete. Only one alone may be more than the budget allows.
    pub(super) fn run(&mut self, graph: &Graph, left: &mut u64) -> bool {
        let limit = u32::try_from(*left).unwrap_or(u32::MAX);
        let spent = self.cost();
        for lane in &mut self.lanes {
            lane.stop = lane.room.min(lane.step.saturating_add(limit));
            lane.key = draw(lane.walk_key, u64::from(lane.step));
        }
        let mut active: [u8; WIDTH] = array::from_fn(|lane| lane as u8);
        let mut count = self.lanes.len();
        while count > 0 {
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
        self.lanes.iter().map(|lane| u64::from(lane.place - lane.start) + u64::from(lane.is_dead_end)).sum()
    }

    /// Takes back what was drafted behind a node whose edges changed.
    pub(super) fn cut_behind(&mut self, source: u32) {
        for lane in &mut self.lanes {
            let drafted = &self.drafted[lane.start as usize..lane.place as usize];
            if let Some(place) = drafted.iter().position(|&node| node == source) {
                lane.at = source;
                lane.place = lane.start + place as u32 + 1;
                lane.step = lane.keep + place as u32 + 1;
                if lane.turn >= lane.step {
                    lane.turn = u32::from(NEVER);
                }
            }
        }
    }

    /// What was drafted.
    pub(super) fn all(&self) -> impl Iterator<Item = Draft<'_>> {
        self.lanes.iter().map(|lane| Draft {
            number: lane.number,
            keep: lane.keep as u16,
            turn: lane.turn as u16,
            steps: &self.drafted[lane.start as usize..lane.place as usize],
        })
    }

    pub(super) fn clear(&mut self) {
        self.lanes.clear();
        self.drafted.clear();
        self.missing = 0;
    }
}
