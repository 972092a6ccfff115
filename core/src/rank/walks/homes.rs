//! Which walks' first steps a change at the ego may concern. All walks start there, and to choose again for each would
//! cost more than what the change moves. So of each walk it is remembered which slots its trials met until one was
//! taken ([`Sketch`]): where none of them is a changed one, the choice stands. Walks of which nothing is known, and all
//! when the trials themselves changed, are looked at in full, and so is every 64th, which is charged for the rest.

use alloc::vec::Vec;

use crate::rank::graph::Sketch;

/// So many changed slots are told apart; more are as good as all.
const MOVED_MAX: usize = 8;
/// Each walk whose number is a multiple of this is looked at.
const STRIDE: u32 = 64;

/// A slot whose weight changed. Where it only fell, the walks that did not take it still would not.
#[derive(Clone, Copy, Debug)]
struct Slot {
    slot: u32,
    only_fell: bool,
}

impl Slot {
    #[inline]
    fn concerns(self, sketch: Sketch, span: u32) -> bool {
        if self.only_fell { sketch.has_taken(self.slot, span) } else { sketch.has_met(self.slot, span) }
    }
}

/// What changed at the ego since the last whole check of first steps.
#[derive(Clone, Debug)]
enum Moved {
    Slots(Vec<Slot>),
    All,
}

/// The first steps of all walks.
#[derive(Clone, Debug)]
pub(super) struct Homes {
    sketches: Vec<Sketch>,
    moved: Moved,
}

impl Homes {
    pub(super) fn new() -> Self {
        Self { sketches: Vec::new(), moved: Moved::All }
    }

    /// Bytes that are reserved.
    pub(super) fn bytes(&self) -> usize {
        size_of::<Sketch>() * self.sketches.capacity()
    }

    /// Makes room for so many walks. Of new ones nothing is known.
    pub(super) fn resize(&mut self, walks: u32) {
        if walks as usize > self.sketches.len() {
            self.sketches.reserve_exact(walks as usize - self.sketches.len());
            self.sketches.resize(walks as usize, Sketch::UNKNOWN);
        }
    }

    /// Notes the slot and the magnitude of an edge of the ego before and after a change, and whether the trials range
    /// over the same.
    pub(super) fn note(&mut self, before: Option<(u32, f64)>, after: Option<(u32, f64)>, same_scale: bool) {
        let (Some((slot, _)), true, Moved::Slots(slots)) = (after.or(before), same_scale, &mut self.moved) else {
            self.moved = Moved::All;
            return;
        };
        let weight = |edge: Option<(u32, f64)>| edge.map_or(0.0, |(_, weight)| weight);
        let only_fell = weight(after) <= weight(before);
        if let Some(known) = slots.iter_mut().find(|known| known.slot == slot) {
            known.only_fell &= only_fell;
        } else if slots.len() < MOVED_MAX {
            slots.push(Slot { slot, only_fell });
        } else {
            self.moved = Moved::All;
        }
    }

    /// Notes that every first step is that of the graph.
    pub(super) fn settle(&mut self) {
        match &mut self.moved {
            Moved::Slots(slots) => slots.clear(),
            Moved::All => self.moved = Moved::Slots(Vec::new()),
        }
    }

    pub(super) fn set(&mut self, number: u32, sketch: Sketch) {
        self.sketches[number as usize] = sketch;
    }

    /// The next walk from this one on that has to be looked at, or behind the last; `span` is that of the trials.
    pub(super) fn next(&self, from: u32, span: u32) -> u32 {
        let Moved::Slots(slots) = &self.moved else { return from };
        if from.is_multiple_of(STRIDE) {
            return from;
        }
        let end = self.sketches.len().min(from.next_multiple_of(STRIDE) as usize);
        let rest = &self.sketches[from as usize..end];
        let skipped = match slots[..] {
            [slot] if slot.only_fell => rest.iter().position(|sketch| sketch.has_taken(slot.slot, span)),
            [slot] => rest.iter().position(|sketch| sketch.has_met(slot.slot, span)),
            _ => rest.iter().position(|&sketch| slots.iter().any(|slot| slot.concerns(sketch, span))),
        };
        skipped.map_or(end as u32, |skipped| from + skipped as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::below;
    use crate::rank::{EdgeChange, Graph};
    use rand_chacha::ChaCha8Rng;
    use rand_core::{Rng, SeedableRng};

    /// Against the choices themselves: none that a change moves is passed over, and most that it leaves are.
    #[test]
    fn no_moved_choice_is_passed_over() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let (mut passed, mut looked_at, mut moved) = (0, 0, 0);
        for round in 0..600 {
            let mut graph = Graph::new(40).unwrap();
            let mut change = || EdgeChange::new(0, 1 + below(&mut rng, 39), f64::from(below(&mut rng, 12)) - 2.0);
            for _ in 0..5 + round % 30 {
                _ = graph.apply(change());
            }
            let changes: Vec<EdgeChange> = (0..1 + round % 3).map(|_| change()).collect();
            let keys: Vec<u64> = (0..200).map(|_| rng.next_u64()).collect();
            let mut homes = Homes::new();
            homes.resize(200);
            (0..200).for_each(|walk| homes.set(walk, graph.first_step(0, keys[walk as usize]).1));
            homes.settle();
            let before = graph.clone();
            for change in changes {
                let (edge, scale) = graph.slot(0, change.to);
                if graph.apply(change).is_ok() {
                    let (new_edge, new_scale) = graph.slot(0, change.to);
                    homes.note(edge, new_edge, scale == new_scale);
                }
            }
            let mut walk = 0;
            while walk < 200 {
                let next = homes.next(walk, graph.span(0));
                for skipped in walk..next {
                    let key = keys[skipped as usize];
                    assert_eq!(graph.first_step(0, key).0, before.first_step(0, key).0);
                    assert_eq!(graph.first_step(0, key).0, graph.step(0, 0, key));
                    passed += 1;
                }
                if next < 200 {
                    let key = keys[next as usize];
                    moved += u32::from(graph.first_step(0, key).0 != before.first_step(0, key).0);
                    looked_at += 1;
                }
                walk = next + 1;
            }
        }
        assert!(moved > 5_000 && passed > looked_at, "{moved} moved, {looked_at} looked at, {passed} passed over");
    }
}
