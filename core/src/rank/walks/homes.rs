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

/// What changed at the ego since the last whole check of first steps.
#[derive(Clone, Debug)]
enum Moved {
    Slots(Vec<u32>),
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

    /// Notes that a slot of the ego changed, or (`None`) what all trials range over.
    pub(super) fn note(&mut self, slot: Option<u32>) {
        match (&mut self.moved, slot) {
            (Moved::Slots(slots), Some(slot)) if slots.contains(&slot) => {}
            (Moved::Slots(slots), Some(slot)) if slots.len() < MOVED_MAX => slots.push(slot),
            _ => self.moved = Moved::All,
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
            [slot] => rest.iter().position(|sketch| sketch.met(slot, span)),
            _ => rest.iter().position(|sketch| slots.iter().any(|&slot| sketch.met(slot, span))),
        };
        skipped.map_or(end as u32, |skipped| from + skipped as u32)
    }
}
