//! Walks of one ego, kept up to date while the graph changes.
//!
//! **Every walk is a pure function of (seed, its number, the graph with its slots).** The draws that decide its step
//! `t` are those of a counter-based generator for (seed, walk, t): one says whether it stops, the others choose among
//! the out-edges of the node where it is. Draws for different walks and steps are independent, so on a given graph
//! the walks are independent and have the law of the definition, whatever the graph was before: a change calls for no
//! correction, no version and no conditional draw, as long as the changes are not chosen by looking at the walks
//! (keep the seed secret). Walks on which a change has no bearing stay as they are, and so do most of those through
//! the source of a changed edge, about as many as the weights allow, up to the slack of the choice (see `graph`).
//! What is changed and changed back leads back to the same walks, unless slots or their scale moved meanwhile.
//!
//! **Upkeep.** After a change of an edge out of `s` the steps at other nodes stand as they were. So the steps at `s`
//! of all walks through `s` are drawn again, and at the first that differs the walk is cut, and continued under the
//! graph as it is by then. With several sources to check this is done for each in turn: a step is right when its node
//! was checked, or when the step was drawn, after the last change of that node. When no source is left, all are
//! right, so the walks equal those of a new engine on the final graph, bit for bit.
//!
//! | file | what it does |
//! |---|---|
//! | `arena` | the walks |
//! | `index`, `lists` | for each node, how many walks count it, and which meet it |
//! | `drafts` | draws walks, many at once |
//! | `homes` | tells which first steps a change at the ego may concern |
//! | `reroute` | finds those that a change concerns |
//!
//! A walk is replaced at once when its continuation is complete; until then what can be read counts the old one.

mod arena;
mod drafts;
mod homes;
mod index;
mod lists;
mod reroute;

use alloc::collections::BTreeSet;
use alloc::vec;
use alloc::vec::Vec;

use self::arena::{Arena, NEVER};
use self::drafts::Drafts;
use self::homes::Homes;
use self::index::Index;
use self::reroute::Cursor;
use super::race::{draw, mix};
use super::{EdgeChange, Graph, Progress, Rank, RankError, Reach};

/// The largest probability to go on: a walk of 65,534 steps, the longest that is stored, has probability `e^-65` then.
pub(super) const CONTINUE_MAX: f64 = 0.999;
/// Most steps of one walk.
const STEPS_MAX: u16 = u16::MAX - 1;
/// Most steps that all walks may have on average.
const ARENA_MAX: f64 = (1u64 << 30) as f64;

/// The parameters of [`Walks`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Config {
    /// Decides all draws. Who knows it can choose edges so that they suit the walks.
    pub seed: u64,
    /// The number of walks. A reach `h` has the standard error `sqrt(h (1 - h) / walks)`.
    pub walks: u32,
    /// The probability to make another step, from 0 to 0.999: the complement of the paper's `alpha`. A walk has `1 /
    /// (1 - continue_prob)` nodes on average, and the time that it takes grows with their square where they are many.
    pub continue_prob: f64,
}

impl Config {
    /// Whether the walks have no more nodes, as expected, than the engine takes.
    #[must_use]
    pub fn fits(&self) -> bool {
        f64::from(self.walks) / (1.0 - self.continue_prob) <= ARENA_MAX
    }

    fn check(&self) -> Result<(), RankError> {
        // A NaN is in no range.
        if !(0.0..=CONTINUE_MAX).contains(&self.continue_prob) {
            return Err(RankError::ContinueProb);
        }
        if self.walks > 0 && self.fits() { Ok(()) } else { Err(RankError::Size) }
    }
}

/// The walks of one ego.
#[derive(Clone, Debug)]
pub struct Walks {
    config: Config,
    ego: u32,
    graph: Graph,
    key: u64,
    /// A walk goes on where the first 53 bits that are drawn are below this.
    bound: u64,
    arena: Arena,
    index: Index,
    homes: Homes,
    /// Sources whose edges changed since their walks were checked.
    changed: BTreeSet<u32>,
    cursor: Option<Cursor>,
    /// Where walks meet the source at the cursor, in ascending order.
    met: Vec<u32>,
    drafts: Drafts,
}

impl Walks {
    /// Walks of `ego` on a graph. They are drawn in later polls.
    ///
    /// # Errors
    /// An unknown ego, a `continue_prob` out of range, no walks, or more than 2^30 steps on average.
    pub fn new(config: Config, graph: Graph, ego: u32) -> Result<Self, RankError> {
        config.check()?;
        if ego >= graph.nodes() {
            return Err(RankError::UnknownNode(ego));
        }
        let index = Index::new(graph.rows.len());
        Ok(Self {
            config,
            ego,
            graph,
            key: mix(config.seed ^ 0x6d65_7269_7472_616e),
            bound: libm::ceil(config.continue_prob * (1u64 << 53) as f64) as u64,
            arena: Arena::default(),
            index,
            homes: Homes::new(),
            changed: BTreeSet::new(),
            cursor: None,
            met: Vec::new(),
            drafts: Drafts::default(),
        })
    }

    /// Adds nodes without edges behind those that are there.
    ///
    /// # Errors
    /// More than 2^28 nodes in all.
    pub fn add_nodes(&mut self, count: u32) -> Result<(), RankError> {
        self.graph.add_nodes(count)?;
        self.index.resize(self.graph.rows.len());
        Ok(())
    }

    /// The parameters.
    #[must_use]
    pub fn config(&self) -> Config {
        self.config
    }

    /// The node whose walks these are.
    #[must_use]
    pub fn ego(&self) -> u32 {
        self.ego
    }

    /// The graph with all changes that were applied.
    #[must_use]
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Walks that are drawn so far.
    #[must_use]
    pub fn drawn(&self) -> u32 {
        self.arena.len()
    }

    /// How many walks count a node in the positive, and in the negative layer.
    ///
    /// # Errors
    /// An unknown node.
    pub fn hits(&self, node: u32) -> Result<[u32; 2], RankError> {
        let [positive, negative] = self.index.hits(node).ok_or(RankError::UnknownNode(node))?;
        Ok([positive + if node == self.ego { self.drawn() } else { 0 }, negative])
    }

    /// Bytes that are reserved for the walks and for the index, without what the graph takes and without what each
    /// node takes whether it is met or not.
    #[must_use]
    pub fn walk_bytes(&self) -> usize {
        self.arena.bytes() + self.index.lists.bytes() + self.homes.bytes()
    }

    /// Bytes that each node takes beside its edges.
    #[must_use]
    pub const fn node_bytes() -> usize {
        Index::NODE_BYTES
    }

    /// From which the draws of a walk's steps are counted.
    fn walk_key(&self, number: u32) -> u64 {
        self.key.wrapping_add(u64::from(number).wrapping_mul(0xd1b5_4a32_d192_ed03))
    }

    /// The most steps that a walk makes: the number of times in a row that it goes on.
    fn steps_max(&self, number: u32) -> u16 {
        let key = self.walk_key(number);
        (0..STEPS_MAX).find(|&step| draw(key, u64::from(step)) >> 11 >= self.bound).unwrap_or(STEPS_MAX)
    }

    /// Makes places for the next walks, and drafts of them, as far as the budget goes.
    fn begin(&mut self, left: &mut u64) {
        if self.drawn() == 0 {
            let steps = f64::from(self.config.walks) / (1.0 - self.config.continue_prob) * self.config.continue_prob;
            self.arena.reserve(self.config.walks, steps as usize);
        }
        while self.drawn() < self.config.walks && self.drafts.spare(*left) > 0 {
            let number = self.drawn();
            let room = self.steps_max(number);
            if !self.drafts.admit(room, *left - 1) {
                break;
            }
            *left -= 1;
            self.arena.open(room);
            self.drafts.start(number, self.walk_key(number), self.ego, 0, self.arena.room(number), NEVER);
        }
        if self.drawn() == self.config.walks {
            self.arena.close();
            self.index.lists.close();
        }
    }

    /// Puts the drafts in the places of what the walks had.
    fn commit(&mut self) {
        let (places, capacity) = self.arena.places();
        self.index.lists.resize(places, capacity);
        for draft in self.drafts.all() {
            self.index.count::<false>(self.ego, self.arena.trace(draft.number), draft.keep);
            self.arena.replace(draft.number, draft.keep, draft.steps, draft.turn);
            self.index.count::<true>(self.ego, self.arena.trace(draft.number), draft.keep);
        }
        self.drafts.clear();
    }
}

#[cfg(test)]
impl Walks {
    /// The nodes of a walk behind the ego.
    pub(super) fn steps(&self, number: u32) -> &[u32] {
        self.arena.trace(number).steps
    }

    /// Whether every walk and the index are the same.
    pub(super) fn has_walks_of(&self, other: &Self) -> bool {
        let same_walk = |number| self.arena.trace(number) == other.arena.trace(number);
        let places = |walks: &Self, node| walks.index.places(node).collect::<BTreeSet<u32>>();
        let same_node =
            |node| self.index.hits(node) == other.index.hits(node) && places(self, node) == places(other, node);
        (0..self.drawn()).all(same_walk) && (0..self.nodes()).all(same_node)
    }
}

impl Rank for Walks {
    fn apply(&mut self, change: EdgeChange) -> Result<(), RankError> {
        let source = change.from;
        if source == self.ego {
            let (before, scale) = self.graph.slot(source, change.to);
            self.graph.apply(change)?;
            let (after, new_scale) = self.graph.slot(source, change.to);
            self.homes.note(before, after, scale == new_scale);
        } else {
            self.graph.apply(change)?;
        }
        self.drafts.cut_behind(source);
        if self.cursor.is_some_and(|cursor| cursor.source == source) {
            self.cursor = None;
        }
        let met = if source == self.ego { self.drawn() > 0 } else { self.index.is_met(source) };
        if met {
            self.changed.insert(source);
        }
        Ok(())
    }

    /// Draws walks, and draws again what changes made doubtful. A step is one choice of an edge, or one walk begun.
    /// However the budget is split among calls, the walks are the same when they are settled.
    fn poll(&mut self, budget: u64) -> Progress {
        let mut left = budget;
        let settled = loop {
            if !self.drafts.is_empty() {
                if !self.drafts.run(&self.graph, &mut left) {
                    break false;
                }
                self.commit();
            } else if self.drawn() < self.config.walks {
                if left == 0 {
                    break false;
                }
                self.begin(&mut left);
            } else if self.cursor.is_some() {
                self.check(&mut left);
                if left == 0 && self.cursor.is_some() && self.drafts.is_empty() {
                    break false;
                }
            } else if let Some(source) = self.changed.pop_first() {
                self.cursor = Some(Cursor::new(source));
            } else {
                break true;
            }
        };
        Progress { steps: budget - left, settled }
    }

    fn nodes(&self) -> u32 {
        self.graph.nodes()
    }

    fn reach(&self, node: u32) -> Result<Reach, RankError> {
        let hits = self.hits(node)?;
        let share = 1.0 / f64::from(self.drawn().max(1));
        let [positive, negative] = hits.map(|hits| f64::from(hits) * share);
        Ok(Reach { positive, negative })
    }

    fn total(&self) -> f64 {
        (self.index.total() + u64::from(self.drawn())) as f64 / f64::from(self.drawn().max(1))
    }

    /// Takes time in proportion to the walks and the square of their length.
    fn bridge_shares(&self) -> Vec<f64> {
        let mut leading = vec![0u32; self.index.len()];
        let mut leaders = Vec::new();
        let share = |node| {
            if node == self.ego {
                return 0.0;
            }
            let mut walks = 0u32;
            for place in self.index.places(node) {
                walks += 1;
                let (number, step) = self.arena.locate(place);
                let steps = &self.arena.trace(number).steps[..step];
                let first = leaders.len();
                for &step in steps.iter().filter(|&&step| step != self.ego) {
                    if !leaders[first..].contains(&step) {
                        leaders.push(step);
                        leading[step as usize] += 1;
                    }
                }
            }
            let most = leaders.iter().map(|&leader| leading[leader as usize]).max().unwrap_or(0);
            leaders.drain(..).for_each(|leader| leading[leader as usize] = 0);
            f64::from(most) / f64::from(walks.max(1))
        };
        (0..self.nodes()).map(share).collect()
    }
}
