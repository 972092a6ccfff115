//! Finds the walks that a change concerns: those through its source, at the first step out of it that the graph would
//! have otherwise.

use super::Walks;
use super::arena::NEVER;
use crate::rank::graph::Sketch;
use crate::rank::race::draw;

/// Where the check of a source stands: if it is the ego, at the first step of walk `home`, until these are checked;
/// then at step `step`, if it is behind the first meeting, of the walk that meets the source at place `walk` of the list
/// made for it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor {
    pub(super) source: u32,
    home: u32,
    is_listed: bool,
    walk: usize,
    step: usize,
}

impl Cursor {
    pub(super) fn new(source: u32) -> Self {
        Self { source, home: 0, is_listed: false, walk: 0, step: 0 }
    }
}

/// What a check found.
#[derive(Clone, Copy, Debug)]
enum Check {
    Stands,
    /// The walk is to be drawn anew from this step on, which leads here, unless it is a dead end.
    Differs(u16, Option<(u32, usize)>),
    OutOfBudget,
}

impl Walks {
    /// Checks the walks through the source at the cursor, and starts drafts of those that have to be continued
    /// elsewhere: as many as can be drafted at once, within the budget.
    pub(super) fn check(&mut self, left: &mut u64) {
        let Some(mut cursor) = self.cursor else { return };
        let is_home = cursor.source == self.ego && cursor.home < self.drawn();
        let span = self.graph.span(cursor.source);
        self.homes.resize(if is_home { self.drawn() } else { 0 });
        // Of the ego the drafts of this part have to be counted first. What the check itself brings about adds no walk.
        if !is_home && !cursor.is_listed {
            self.met.clear();
            self.met.extend(self.index.places(cursor.source));
            self.met.sort_unstable();
            cursor.is_listed = true;
        }
        loop {
            if is_home {
                cursor.home = self.homes.next(cursor.home, span);
            }
            let (number, meeting) = match (is_home, self.met.get(cursor.walk)) {
                (true, _) => ((cursor.home < self.drawn()).then_some(cursor.home), 0),
                (false, Some(&place)) => {
                    let (number, step) = self.arena.locate(place);
                    (Some(number), step + 1)
                }
                (false, None) => (None, 0),
            };
            cursor.step = cursor.step.max(meeting);
            self.cursor = (number.is_some() || is_home).then_some(cursor);
            let Some(number) = number else {
                if is_home {
                    self.homes.settle();
                }
                return;
            };
            let before = self.drafts.spare(*left);
            let mut spare = before;
            let found = match is_home {
                true => self.first_step(number, &mut spare),
                false => self.first_difference(number, &mut cursor, &mut spare),
            };
            let admitted = match found {
                Check::Stands => true,
                Check::Differs(step, drawn) => self.reroute(number, step, drawn, *left - (before - spare)),
                Check::OutOfBudget => false,
            };
            if !admitted && !self.drafts.is_empty() {
                // This walk is checked again when the drafts are complete; until then it is not what its sketch says.
                if is_home {
                    self.homes.set(number, Sketch::UNKNOWN);
                }
                return;
            }
            *left -= before - spare;
            if matches!(found, Check::OutOfBudget) {
                self.cursor = Some(cursor);
                return;
            }
            if is_home {
                cursor.home += 1;
            } else {
                (cursor.walk, cursor.step) = (cursor.walk + 1, 0);
            }
        }
    }

    /// Starts a draft of a walk from a step on, if there may be another.
    fn reroute(&mut self, number: u32, step: u16, drawn: Option<(u32, usize)>, left: u64) -> bool {
        let (trace, room) = (self.arena.trace(number), self.arena.room(number));
        let admitted = self.drafts.admit(room - step, left);
        if admitted {
            let at = usize::from(step).checked_sub(1).map_or(self.ego, |last| trace.steps[last]);
            let turn = if trace.turn < step { trace.turn } else { NEVER };
            self.drafts.start(number, self.walk_key(number), at, step, room, turn);
            drawn.into_iter().for_each(|drawn| self.drafts.lead(drawn));
        }
        admitted
    }

    /// Whether the graph would have the first step of a walk otherwise.
    fn first_step(&mut self, number: u32, left: &mut u64) -> Check {
        if *left == 0 {
            return Check::OutOfBudget;
        }
        *left -= 1;
        if self.arena.room(number) == 0 {
            self.homes.set(number, Sketch::NOTHING);
            return Check::Stands;
        }
        let (drawn, sketch) = self.graph.first_step(self.ego, draw(self.walk_key(number), 0));
        self.homes.set(number, sketch);
        if drawn == self.arena.trace(number).get(0) { Check::Stands } else { Check::Differs(0, drawn) }
    }

    /// The first step out of the source, from the cursor's on, that the graph would have otherwise.
    fn first_difference(&self, number: u32, cursor: &mut Cursor, left: &mut u64) -> Check {
        let trace = self.arena.trace(number);
        let room = usize::from(self.arena.room(number));
        let walk_key = self.walk_key(number);
        while cursor.step <= trace.steps.len() {
            let step = cursor.step;
            let from = trace.steps[step - 1];
            if from == cursor.source {
                if *left == 0 {
                    return Check::OutOfBudget;
                }
                *left -= 1;
                if step == room {
                    return Check::Stands;
                }
                let drawn = self.graph.step(from, trace.layer(step - 1), draw(walk_key, step as u64));
                if drawn != trace.get(step) {
                    return Check::Differs(step as u16, drawn);
                }
            }
            cursor.step += 1;
        }
        Check::Stands
    }
}
