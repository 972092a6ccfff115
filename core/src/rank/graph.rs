//! A directed graph with weighted edges, in the layout that the walks need.
//!
//! The out-edges of a node stand in slots; a deleted edge leaves its slot to the next new one, so that the others
//! keep their places. The next step is chosen by rejection: a random slot, and a random height, which is taken if it
//! is below the weight. The heights reach up to a bound on the weights of the row; the slots are a power of two, some
//! of them empty. Both have slack, so that few changes move them: a walk's choice then changes only if one of its
//! trials meets the changed weight. After 16 trials in vain, as happens where weights are very unequal, an
//! exponential race decides (see `race`): among the slots where there are up to 16; else among blocks of 16, and so
//! on down. So a step takes `16 + 16 log16(degree)` draws at most, and about three as a rule. A change takes one pass
//! over the out-edges of its source.
//!
//! J. von Neumann, "Various techniques used in connection with random digits", 1951 (rejection).

use alloc::vec::Vec;
use core::hint::{black_box, select_unpredictable};

use super::RankError;
use super::race::{Candidate, WIDTH, draw, race};

/// The largest magnitude of a weight.
pub const WEIGHT_MAX: f64 = 1e18;
/// The smallest magnitude of a weight other than 0.
pub const WEIGHT_MIN: f64 = 1e-18;
/// The most nodes of a graph.
pub(super) const NODES_MAX: usize = 1 << 28;

/// Trials before the race.
const TRIALS: u64 = 16;
/// Trials of which it is looked afterwards whether one was taken.
const GROUP: u64 = 4;
/// A height has this many bits, and the slot of the trial those below.
const HEIGHT_BITS: u32 = 52;
/// Rows with more slots have no trials: the bits of one draw would not do.
const SPAN_MAX: u32 = 1 << (64 - HEIGHT_BITS);

/// The layer of a walk that has crossed no negative edge: it chooses among all edges.
pub(super) const POSITIVE: usize = 0;
/// The layer behind a negative edge: only positive ones are left to choose from.
pub(super) const NEGATIVE: usize = 1;

/// A changed edge.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EdgeChange {
    /// The source.
    pub from: u32,
    /// The target.
    pub to: u32,
    /// The new weight, in any unit; negative for distrust; 0 deletes the edge.
    pub weight: f64,
}

impl EdgeChange {
    /// A change of the edge between two nodes.
    #[must_use]
    pub const fn new(from: u32, to: u32, weight: f64) -> Self {
        Self { from, to, weight }
    }
}

/// Which slots the trials of one choice met, up to the one that was taken: in each byte the low 7 bits of a slot, or
/// 128. Nothing is known where it took more trials, or none was of use.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Sketch(u64);

impl Sketch {
    pub(super) const UNKNOWN: Self = Self(0);
    /// There were no trials, and will be none.
    pub(super) const NOTHING: Self = Self(Self::ONES << 7);
    const TRIALS: u64 = 8;
    const SPAN_MAX: u32 = 128;
    const ONES: u64 = u64::MAX / 255;

    /// Whether it may be that a trial met the slot. A byte of 0 is found by what subtraction borrows (H. S. Warren,
    /// "Hacker's Delight", section 6-1).
    #[inline]
    pub(super) fn has_met(self, slot: u32, span: u32) -> bool {
        let kept = Self::ONES * u64::from(0x80 | span.wrapping_sub(1) & 0x7f);
        let differs = (self.0 & kept) ^ (Self::ONES * u64::from(slot & 0x7f));
        (differs.wrapping_sub(Self::ONES) & !differs & (Self::ONES << 7) != 0) | (self.0 == 0)
    }

    /// Whether it may be that the slot was taken.
    #[inline]
    pub(super) fn has_taken(self, slot: u32, span: u32) -> bool {
        let used = (self.0 & (Self::ONES << 7)).trailing_zeros() / 8;
        let last = self.0 << (64 - 8 * used.max(1)) >> 56;
        self.has_met(slot, span) & (((last as u32 ^ slot) & span.wrapping_sub(1) == 0) | (self.0 == 0))
    }
}

/// An edge in its slot, or a free slot: weight 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Edge {
    pub(super) weight: f64,
    pub(super) target: u32,
    reciprocal: f32,
}

impl Edge {
    pub(super) const FREE: Self = Self { weight: 0.0, target: 0, reciprocal: f32::INFINITY };

    pub(super) fn new(target: u32, weight: f64) -> Self {
        Self { weight, target, reciprocal: (1.0 / weight) as f32 }
    }

    /// The target, and the layer of a walk that takes this edge.
    #[inline]
    fn leads_to(&self, layer: usize) -> (u32, usize) {
        (self.target, if self.weight < 0.0 { NEGATIVE } else { layer })
    }
}

impl Candidate for Edge {
    #[inline]
    fn weight(&self, layer: usize) -> f64 {
        if layer == POSITIVE { self.weight.abs() } else { self.weight.max(0.0) }
    }

    #[inline]
    fn reciprocal(&self, layer: usize) -> f32 {
        let barred = layer == NEGATIVE && self.reciprocal < 0.0;
        if barred { f32::INFINITY } else { self.reciprocal.abs() }
    }
}

/// The sums of the weights of a block, by layer.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Block {
    weights: [f64; 2],
    reciprocals: [f32; 2],
}

impl Block {
    fn of<C: Candidate>(members: &[C]) -> Self {
        let weights = [POSITIVE, NEGATIVE].map(|layer| members.iter().map(|member| member.weight(layer)).sum::<f64>());
        Self { weights, reciprocals: weights.map(|sum| if sum > 0.0 { (1.0 / sum) as f32 } else { f32::INFINITY }) }
    }
}

impl Candidate for Block {
    fn weight(&self, layer: usize) -> f64 {
        self.weights[layer]
    }

    fn reciprocal(&self, layer: usize) -> f32 {
        self.reciprocals[layer]
    }
}

/// The out-edges of a node. `levels[0]` has the sums of blocks of slots, each further level those of the one below;
/// the last has at most [`WIDTH`].
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Row {
    slots: Vec<Edge>,
    levels: Vec<Vec<Block>>,
    pub(super) scale: Scale,
}

/// What the trials of a row range over: a power of two of slots, and heights up to the bound. All is 0 for a row
/// without edges.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Scale {
    pub(super) span: u32,
    pub(super) bound: f64,
}

impl Scale {
    /// Whether this suits slots of this number and largest magnitude: enough for them, and less than 4 and 2 times as
    /// much.
    pub(super) fn suits(self, slots: usize, largest: f64) -> bool {
        self.holds(slots) && self.reaches(largest)
    }

    fn holds(self, slots: usize) -> bool {
        let span = self.span as usize;
        (span.is_power_of_two() && slots <= span && span < 4 * slots) || (span == 0 && slots == 0)
    }

    fn reaches(self, largest: f64) -> bool {
        largest <= self.bound && self.bound <= 2.0 * largest
    }

    /// Changes as little as slots of this number and largest magnitude call for.
    fn adapt(&mut self, slots: usize, largest: f64) {
        if !self.holds(slots) {
            let shrinks = slots < self.span as usize;
            self.span = if slots == 0 { 0 } else { slots.next_power_of_two() as u32 * if shrinks { 2 } else { 1 } };
        }
        if !self.reaches(largest) {
            self.bound = largest;
        }
    }
}

impl Row {
    /// The row with these slots, the last of which is taken, and a scale that suits them.
    pub(super) fn from_slots(slots: Vec<Edge>, scale: Scale) -> Self {
        let mut row = Self { slots, levels: Vec::new(), scale };
        row.rebuild();
        row
    }

    pub(super) fn slots(&self) -> &[Edge] {
        &self.slots
    }

    /// The largest magnitude of a weight.
    pub(super) fn largest(&self) -> f64 {
        self.slots.iter().map(|edge| edge.weight.abs()).fold(0.0, f64::max)
    }

    fn position(&self, target: u32) -> Option<usize> {
        self.slots.iter().position(|edge| edge.target == target && edge.weight != 0.0)
    }

    /// Sets the edge to `target`; the row has it if the weight is 0.
    fn set(&mut self, target: u32, weight: f64) {
        let taken = self.position(target);
        let place = taken.or_else(|| self.slots.iter().position(|edge| edge.weight == 0.0)).unwrap_or(self.slots.len());
        let edge = if weight == 0.0 { Edge::FREE } else { Edge::new(target, weight) };
        let before = self.slots.len();
        if place == before {
            self.slots.reserve_exact(if before == self.slots.capacity() { 2 + before / 4 } else { 0 });
            self.slots.push(edge);
        } else {
            self.slots[place] = edge;
        }
        while self.slots.last().is_some_and(|edge| edge.weight == 0.0) {
            self.slots.pop();
        }
        self.scale.adapt(self.slots.len(), self.largest());
        if self.slots.len() == before { self.resum(place) } else { self.rebuild() }
    }

    /// Sums up again what lies above a slot.
    fn resum(&mut self, mut place: usize) {
        for level in 0..self.levels.len() {
            place /= WIDTH;
            let members = place * WIDTH;
            self.levels[level][place] = match level.checked_sub(1) {
                None => Block::of(&self.slots[members..self.slots.len().min(members + WIDTH)]),
                Some(below) => {
                    let below = &self.levels[below];
                    Block::of(&below[members..below.len().min(members + WIDTH)])
                }
            };
        }
    }

    fn rebuild(&mut self) {
        self.levels.clear();
        if self.slots.len() <= WIDTH {
            return;
        }
        let mut level: Vec<Block> = self.slots.chunks(WIDTH).map(Block::of).collect();
        while level.len() > WIDTH {
            let above = level.chunks(WIDTH).map(Block::of).collect();
            self.levels.push(level);
            level = above;
        }
        self.levels.push(level);
    }

    /// The edge that the step with this key takes; `None` at a dead end. The trials of a group are made without
    /// branches, which could not be predicted, also where the first is taken.
    #[inline]
    fn choose(&self, key: u64, layer: usize) -> Option<&Edge> {
        let Scale { span, bound } = self.scale;
        let last = self.slots.len().checked_sub(1)?;
        let mask = span.wrapping_sub(1);
        let unit = bound * (1.0 / (1u64 << HEIGHT_BITS) as f64);
        let groups = if span <= SPAN_MAX { TRIALS / GROUP } else { 0 };
        for group in 0..groups {
            let mut chosen = usize::MAX;
            for trial in (group * GROUP..(group + 1) * GROUP).rev() {
                let bits = draw(key, trial);
                let place = (bits as u32 & mask) as usize;
                let height = (bits >> (64 - HEIGHT_BITS)) as f64 * unit;
                let taken = (place <= last) & (height < self.slots[place.min(last)].weight(layer));
                chosen = select_unpredictable(taken, place, chosen);
            }
            if let Some(edge) = self.slots.get(chosen) {
                return Some(edge);
            }
        }
        self.decide(!key, layer)
    }

    /// The same in the positive layer, and which slots the trials met.
    fn choose_sketched(&self, key: u64) -> (Option<&Edge>, Sketch) {
        let Scale { span, bound } = self.scale;
        let unit = bound * (1.0 / (1u64 << HEIGHT_BITS) as f64);
        let trials = if span <= Sketch::SPAN_MAX { Sketch::TRIALS } else { 0 };
        let Sketch(mut met) = Sketch::NOTHING;
        for trial in 0..trials {
            let bits = draw(key, trial);
            met ^= (0x80 | bits & 0x7f) << (8 * trial);
            let height = (bits >> (64 - HEIGHT_BITS)) as f64 * unit;
            let edge = self.slots.get((bits as u32 & span.wrapping_sub(1)) as usize);
            if edge.is_some_and(|edge| height < edge.weight(POSITIVE)) {
                return (edge, Sketch(met));
            }
        }
        (self.choose(key, POSITIVE), Sketch::UNKNOWN)
    }

    /// Reads memory that a step from here needs, so that it is there when the step is made.
    #[inline]
    fn touch(&self) {
        let slots = &self.slots;
        for edge in [slots.first(), slots.get(slots.len() / 2), slots.last()].into_iter().flatten() {
            black_box(edge.target);
        }
    }

    /// The choice by races.
    #[cold]
    fn decide(&self, key: u64, layer: usize) -> Option<&Edge> {
        let mut place = 0;
        for (height, level) in self.levels.iter().enumerate().rev() {
            place = enter(key, height + 1, place, level, layer)?;
        }
        enter(key, 0, place, &self.slots, layer).map(|slot| &self.slots[slot])
    }
}

/// The race within block `place` of a level.
fn enter<C: Candidate>(key: u64, height: usize, place: usize, level: &[C], layer: usize) -> Option<usize> {
    let start = place * WIDTH;
    let members = level.get(start..level.len().min(start + WIDTH))?;
    let key = key ^ ((height as u64) << 32 | place as u64).wrapping_mul(0xd1b5_4a32_d192_ed03);
    race(key, members, layer).map(|winner| start + winner)
}

/// A directed graph over the nodes `0..nodes`, at most one edge from one node to another, none to itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Graph {
    pub(super) rows: Vec<Row>,
}

impl Graph {
    /// A graph without edges.
    ///
    /// # Errors
    /// More than 2^28 nodes.
    pub fn new(nodes: u32) -> Result<Self, RankError> {
        let mut graph = Self::default();
        graph.add_nodes(nodes)?;
        Ok(graph)
    }

    /// Adds nodes without edges behind those that are there.
    ///
    /// # Errors
    /// More than 2^28 nodes in all.
    pub fn add_nodes(&mut self, count: u32) -> Result<(), RankError> {
        let nodes = self.rows.len().checked_add(count as usize).filter(|&nodes| nodes <= NODES_MAX);
        self.rows.resize(nodes.ok_or(RankError::Size)?, Row::default());
        Ok(())
    }

    /// The number of nodes.
    #[must_use]
    pub fn nodes(&self) -> u32 {
        self.rows.len() as u32
    }

    /// Changes an edge.
    ///
    /// # Errors
    /// An unknown node, a self-loop, a weight out of range, the deletion of an edge that does not exist.
    pub fn apply(&mut self, change: EdgeChange) -> Result<(), RankError> {
        let EdgeChange { from, to, weight } = change;
        self.row(to)?;
        let row = self.row(from)?;
        if from == to {
            return Err(RankError::SelfLoop(from));
        }
        // A NaN is in no range.
        if weight != 0.0 && !(WEIGHT_MIN..=WEIGHT_MAX).contains(&weight.abs()) {
            return Err(RankError::Weight);
        }
        if weight == 0.0 && row.position(to).is_none() {
            return Err(RankError::AbsentEdge { from, to });
        }
        self.rows[from as usize].set(to, weight);
        Ok(())
    }

    /// The weight of an edge; 0 where there is none.
    ///
    /// # Errors
    /// An unknown node.
    pub fn weight(&self, from: u32, to: u32) -> Result<f64, RankError> {
        self.row(to)?;
        let row = self.row(from)?;
        Ok(row.position(to).map_or(0.0, |place| row.slots[place].weight))
    }

    /// Targets and weights of the edges out of a node, in the order of their slots; none for an unknown node.
    pub fn out_edges(&self, from: u32) -> impl Iterator<Item = (u32, f64)> + '_ {
        let slots = self.rows.get(from as usize).map_or(&[][..], Row::slots);
        slots.iter().filter(|edge| edge.weight != 0.0).map(|edge| (edge.target, edge.weight))
    }

    /// The target of the step with this key, and the layer that it leads to; `None` at a dead end.
    #[inline]
    pub(super) fn step(&self, from: u32, layer: usize, key: u64) -> Option<(u32, usize)> {
        self.rows.get(from as usize)?.choose(key, layer).map(|edge| edge.leads_to(layer))
    }

    /// The first step of a walk from here, and which slots the trials for it met.
    pub(super) fn first_step(&self, from: u32, key: u64) -> (Option<(u32, usize)>, Sketch) {
        let Some(row) = self.rows.get(from as usize) else { return (None, Sketch::UNKNOWN) };
        let (edge, sketch) = row.choose_sketched(key);
        (edge.map(|edge| edge.leads_to(POSITIVE)), sketch)
    }

    /// The slot of an edge and the magnitude of its weight, if there is one, and what the trials at its source range
    /// over.
    pub(super) fn slot(&self, from: u32, to: u32) -> (Option<(u32, f64)>, Scale) {
        let Some(row) = self.rows.get(from as usize) else { return (None, Scale::default()) };
        (row.position(to).map(|place| (place as u32, row.slots[place].weight.abs())), row.scale)
    }

    /// The number of slots that the trials at a node range over.
    pub(super) fn span(&self, node: u32) -> u32 {
        self.rows.get(node as usize).map_or(0, |row| row.scale.span)
    }

    /// Announces a step from a node.
    #[inline]
    pub(super) fn touch(&self, from: u32) {
        self.rows.get(from as usize).into_iter().for_each(Row::touch);
    }

    fn row(&self, node: u32) -> Result<&Row, RankError> {
        self.rows.get(node as usize).ok_or(RankError::UnknownNode(node))
    }
}
