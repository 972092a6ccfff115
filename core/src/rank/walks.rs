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
//! How many steps a walk may make at most is decided by the draws for stopping alone. So each walk has a fixed place in
//! one flat arena. An index lists, for each node, the walks that meet it, in order. A walk is replaced at once when
//! its continuation is complete; until then what can be read counts the old one.

use alloc::collections::BTreeSet;
use alloc::vec;
use alloc::vec::Vec;

use super::graph::{NEGATIVE, POSITIVE};
use super::race::{draw, mix};
use super::{EdgeChange, Graph, Progress, Rank, RankError, Reach};

/// The largest probability to go on: a walk of 65,534 steps, the longest that is stored, has probability `e^-65` then.
pub(super) const CONTINUE_MAX: f64 = 0.999;
/// Most steps of one walk.
const STEPS_MAX: u16 = u16::MAX - 1;
/// Most steps that all walks may have on average.
const ARENA_MAX: f64 = (1u64 << 30) as f64;
/// [`Walk::turn`] of a walk that crossed no negative edge.
const NEVER: u16 = u16::MAX;

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
    fn check(&self) -> Result<(), RankError> {
        // A NaN is in no range.
        if !(0.0..=CONTINUE_MAX).contains(&self.continue_prob) {
            return Err(RankError::ContinueProb);
        }
        let fits = f64::from(self.walks) / (1.0 - self.continue_prob) <= ARENA_MAX;
        if self.walks > 0 && fits { Ok(()) } else { Err(RankError::Size) }
    }
}

/// A walk's place in the arena. Its nodes are the ego and then its steps.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Walk {
    start: u32,
    len: u16,
    /// The first step that is in the negative layer.
    turn: u16,
}

impl Walk {
    fn layer(self, step: usize) -> usize {
        if step < usize::from(self.turn) { POSITIVE } else { NEGATIVE }
    }
}

/// What is known of a node.
#[derive(Clone, Debug, Default, PartialEq)]
struct Node {
    /// How many walks count it, by layer; the ego's place at the start of every walk is not included.
    hits: [u32; 2],
    /// The walks that meet it, in ascending order; for the ego those that come back to it.
    walks: Vec<u32>,
}

/// The steps from `keep` on that walk `number` is about to get.
#[derive(Clone, Debug, Default)]
struct Draft {
    number: u32,
    keep: u16,
    turn: u16,
    steps: Vec<u32>,
}

/// Where the check of a source stands: if it is the ego, at the first step of walk `home`, until these are checked;
/// then at step `step` of the walk at place `walk` of its list.
#[derive(Clone, Copy, Debug)]
struct Cursor {
    source: u32,
    home: u32,
    walk: usize,
    step: usize,
}

/// The walks of one ego.
#[derive(Clone, Debug)]
pub struct Walks {
    config: Config,
    ego: u32,
    graph: Graph,
    key: u64,
    walks: Vec<Walk>,
    arena: Vec<u32>,
    nodes: Vec<Node>,
    /// The sum of all hits, the ego's at the start included.
    total: u64,
    /// Sources whose edges changed since their walks were checked.
    changed: BTreeSet<u32>,
    cursor: Option<Cursor>,
    draft: Draft,
    drafting: bool,
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
        let nodes = vec![Node::default(); graph.rows.len()];
        Ok(Self {
            config,
            ego,
            graph,
            key: mix(config.seed ^ 0x6d65_7269_7472_616e),
            walks: Vec::new(),
            arena: Vec::new(),
            nodes,
            total: 0,
            changed: BTreeSet::new(),
            cursor: None,
            draft: Draft::default(),
            drafting: false,
        })
    }

    /// Adds nodes without edges behind those that are there.
    ///
    /// # Errors
    /// More than 2^28 nodes in all.
    pub fn add_nodes(&mut self, count: u32) -> Result<(), RankError> {
        self.graph.add_nodes(count)?;
        self.nodes.resize(self.graph.rows.len(), Node::default());
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
        self.walks.len() as u32
    }

    /// How many walks count a node in the positive, and in the negative layer.
    ///
    /// # Errors
    /// An unknown node.
    pub fn hits(&self, node: u32) -> Result<[u32; 2], RankError> {
        let [positive, negative] = self.nodes.get(node as usize).ok_or(RankError::UnknownNode(node))?.hits;
        Ok([positive + if node == self.ego { self.drawn() } else { 0 }, negative])
    }

    /// Bytes that are reserved for the walks and for the index, without what the graph takes and without what each
    /// node takes whether it is met or not.
    #[must_use]
    pub fn walk_bytes(&self) -> usize {
        let listed: usize = self.nodes.iter().map(|node| node.walks.capacity()).sum();
        size_of::<Walk>() * self.walks.capacity() + size_of::<u32>() * (self.arena.capacity() + listed)
    }

    /// Bytes that each node takes beside its edges.
    #[must_use]
    pub const fn node_bytes() -> usize {
        size_of::<Node>()
    }

    /// From which the draws of a walk's steps are counted.
    fn walk_key(&self, number: u32) -> u64 {
        self.key.wrapping_add(u64::from(number).wrapping_mul(0xd1b5_4a32_d192_ed03))
    }

    /// Whether a walk goes on to a step, if there is an edge.
    fn goes_on(&self, key: u64) -> bool {
        ((key >> 11) as f64) * (1.0 / (1u64 << 53) as f64) < self.config.continue_prob
    }

    /// The most steps that a walk makes.
    fn steps_max(&self, number: u32) -> u16 {
        let key = self.walk_key(number);
        (0..STEPS_MAX).find(|&step| !self.goes_on(draw(key, u64::from(step)))).unwrap_or(STEPS_MAX)
    }

    /// The steps for which there is room in the arena: [`Self::steps_max`].
    fn room(&self, number: usize) -> usize {
        let end = self.walks.get(number + 1).map_or(self.arena.len(), |next| next.start as usize);
        end - self.walks[number].start as usize
    }

    /// The nodes of a walk behind the ego.
    pub(super) fn steps(&self, number: u32) -> &[u32] {
        let walk = self.walks[number as usize];
        &self.arena[walk.start as usize..][..usize::from(walk.len)]
    }

    /// Makes a place for the next walk, and a draft of it.
    fn begin(&mut self) {
        let number = self.drawn();
        let start = self.arena.len() as u32;
        let room = u32::from(self.steps_max(number)).min(u32::MAX - start) as usize;
        grow(&mut self.walks, 1);
        self.walks.push(Walk { start, len: 0, turn: NEVER });
        grow(&mut self.arena, room);
        self.arena.resize(start as usize + room, 0);
        self.total += 1;
        self.start_draft(number, 0, NEVER);
        if self.drawn() == self.config.walks {
            self.walks.shrink_to_fit();
            self.arena.shrink_to_fit();
        }
    }

    fn start_draft(&mut self, number: u32, keep: u16, turn: u16) {
        self.draft.steps.clear();
        (self.draft.number, self.draft.keep, self.draft.turn) = (number, keep, turn);
        self.drafting = true;
    }

    /// Continues the draft; whether it is complete.
    fn continue_draft(&mut self, left: &mut u64) -> bool {
        let Draft { number, keep, .. } = self.draft;
        let room = self.room(number as usize);
        let walk_key = self.walk_key(number);
        let mut step = usize::from(keep) + self.draft.steps.len();
        let mut at = match self.draft.steps.last() {
            Some(&node) => node,
            None => step.checked_sub(1).map_or(self.ego, |last| self.steps(number)[last]),
        };
        let mut layer = if self.draft.turn == NEVER { POSITIVE } else { NEGATIVE };
        while step < room {
            if *left == 0 {
                return false;
            }
            *left -= 1;
            let Some((target, reached)) = self.graph.step(at, layer, draw(walk_key, step as u64)) else { break };
            if reached != layer {
                self.draft.turn = step as u16;
            }
            self.draft.steps.push(target);
            (at, layer, step) = (target, reached, step + 1);
        }
        true
    }

    /// Puts the draft in the place of what the walk had.
    fn commit(&mut self) {
        let Draft { number, keep, turn, .. } = self.draft;
        let keep = usize::from(keep);
        for step in (keep..self.steps(number).len()).rev() {
            self.count(number, step, false);
        }
        let walk = &mut self.walks[number as usize];
        (walk.len, walk.turn) = ((keep + self.draft.steps.len()) as u16, turn);
        let start = walk.start as usize + keep;
        self.arena[start..][..self.draft.steps.len()].copy_from_slice(&self.draft.steps);
        for step in keep..keep + self.draft.steps.len() {
            self.count(number, step, true);
        }
        self.drafting = false;
    }

    /// Counts a step of a walk, or takes it out of the count, given that those before it are counted and those behind
    /// are not.
    fn count(&mut self, number: u32, step: usize, add: bool) {
        let walk = self.walks[number as usize];
        let (before, at) = self.arena[walk.start as usize..][..=step].split_at(step);
        let (node, layer) = (at[0], walk.layer(step));
        let met = before.iter().rposition(|&earlier| earlier == node);
        let is_ego = node == self.ego;
        let counted = match met {
            Some(earlier) => walk.layer(earlier) == layer,
            None => false,
        } || (is_ego && layer == POSITIVE);
        let known = &mut self.nodes[node as usize];
        if !counted {
            let hits = &mut known.hits[layer];
            (*hits, self.total) = if add { (*hits + 1, self.total + 1) } else { (*hits - 1, self.total - 1) };
        }
        if met.is_none() {
            let place = match known.walks.last() {
                Some(&last) if last >= number => known.walks.partition_point(|&other| other < number),
                _ => known.walks.len(),
            };
            if add {
                grow(&mut known.walks, 1);
                known.walks.insert(place, number);
            } else {
                known.walks.remove(place);
                if known.walks.capacity() > 8 + 2 * known.walks.len() {
                    known.walks.shrink_to(known.walks.len() + known.walks.len() / 8);
                }
            }
        }
    }

    /// Checks the walks through the source at the cursor until one has to be continued elsewhere, or all are checked.
    fn check(&mut self, mut cursor: Cursor, left: &mut u64) {
        if cursor.source == self.ego && cursor.home < self.drawn() {
            let cut = self.first_cut(&mut cursor, left);
            self.cursor = Some(cursor);
            cut.into_iter().for_each(|number| self.start_draft(number, 0, NEVER));
            return;
        }
        let source = cursor.source as usize;
        while let Some(&number) = self.nodes[source].walks.get(cursor.walk) {
            let found = self.first_difference(number, &mut cursor, left);
            self.cursor = Some(cursor);
            if matches!(found, Check::OutOfBudget) {
                return;
            }
            (cursor.walk, cursor.step) = (cursor.walk + 1, 1);
            if let Check::Differs(step) = found {
                self.cursor = Some(cursor);
                let turn = self.walks[number as usize].turn;
                self.start_draft(number, step as u16, if usize::from(turn) < step { turn } else { NEVER });
                return;
            }
        }
        self.cursor = None;
    }

    /// The next walk whose first step the graph would have otherwise.
    fn first_cut(&self, cursor: &mut Cursor, left: &mut u64) -> Option<u32> {
        while cursor.home < self.drawn() && *left > 0 {
            *left -= 1;
            let number = cursor.home;
            cursor.home += 1;
            if self.room(number as usize) > 0 {
                let walk = self.walks[number as usize];
                let drawn = self.graph.step(self.ego, POSITIVE, draw(self.walk_key(number), 0));
                if drawn != self.steps(number).first().map(|&node| (node, walk.layer(0))) {
                    return Some(number);
                }
            }
        }
        None
    }

    /// The first step out of the source, from the cursor's on, that the graph would have otherwise.
    fn first_difference(&self, number: u32, cursor: &mut Cursor, left: &mut u64) -> Check {
        let walk = self.walks[number as usize];
        let steps = self.steps(number);
        let room = self.room(number as usize);
        let walk_key = self.walk_key(number);
        while cursor.step <= steps.len() {
            let step = cursor.step;
            let from = steps[step - 1];
            if from == cursor.source {
                if *left == 0 {
                    return Check::OutOfBudget;
                }
                *left -= 1;
                if step == room {
                    return Check::Stands;
                }
                let drawn = self.graph.step(from, walk.layer(step - 1), draw(walk_key, step as u64));
                if drawn != steps.get(step).map(|&node| (node, walk.layer(step))) {
                    return Check::Differs(step);
                }
            }
            cursor.step += 1;
        }
        Check::Stands
    }
}

#[cfg(test)]
impl Walks {
    /// Whether every walk and the index are the same.
    pub(super) fn has_walks_of(&self, other: &Self) -> bool {
        let same = |number| {
            let (a, b) = (self.walks[number as usize], other.walks[number as usize]);
            a == b && self.steps(number) == other.steps(number)
        };
        self.nodes == other.nodes && (0..self.drawn()).all(same)
    }
}

/// What a check found.
enum Check {
    Stands,
    /// The walk is to be drawn anew from this step on.
    Differs(usize),
    OutOfBudget,
}

/// Makes room for more items. Vectors double; these grow by an eighth or by three, since there are many and they stay.
fn grow<T>(items: &mut Vec<T>, more: usize) {
    if items.capacity() - items.len() < more {
        items.reserve_exact(more.max(3).max(items.len() / 8));
    }
}

impl Rank for Walks {
    fn apply(&mut self, change: EdgeChange) -> Result<(), RankError> {
        self.graph.apply(change)?;
        let source = change.from;
        if self.drafting {
            // Nothing behind the source stands any longer.
            if let Some(place) = self.draft.steps.iter().position(|&node| node == source) {
                self.draft.steps.truncate(place + 1);
                let len = usize::from(self.draft.keep) + place + 1;
                if usize::from(self.draft.turn) >= len {
                    self.draft.turn = NEVER;
                }
            }
        }
        if self.cursor.is_some_and(|cursor| cursor.source == source) {
            self.cursor = None;
        }
        let met =
            if source == self.ego { !self.walks.is_empty() } else { !self.nodes[source as usize].walks.is_empty() };
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
            if self.drafting {
                if !self.continue_draft(&mut left) {
                    break false;
                }
                self.commit();
            } else if self.drawn() < self.config.walks {
                if left == 0 {
                    break false;
                }
                left -= 1;
                self.begin();
            } else if let Some(cursor) = self.cursor {
                self.check(cursor, &mut left);
                if left == 0 && self.cursor.is_some() && !self.drafting {
                    break false;
                }
            } else if let Some(source) = self.changed.pop_first() {
                self.cursor = Some(Cursor { source, home: 0, walk: 0, step: 1 });
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
        self.total as f64 / f64::from(self.drawn().max(1))
    }

    /// Takes time in proportion to the walks and the square of their length.
    fn bridge_shares(&self) -> Vec<f64> {
        let mut leading = vec![0u32; self.nodes.len()];
        let mut leaders = Vec::new();
        let share = |(node, known): (usize, &Node)| {
            if node == self.ego as usize {
                return 0.0;
            }
            for &number in &known.walks {
                let steps = self.steps(number).iter().take_while(|&&step| step as usize != node);
                let first = leaders.len();
                for &step in steps.filter(|&&step| step != self.ego) {
                    if !leaders[first..].contains(&step) {
                        leaders.push(step);
                        leading[step as usize] += 1;
                    }
                }
            }
            let most = leaders.iter().map(|&leader| leading[leader as usize]).max().unwrap_or(0);
            leaders.drain(..).for_each(|leader| leading[leader as usize] = 0);
            f64::from(most) / (known.walks.len().max(1)) as f64
        };
        self.nodes.iter().enumerate().map(share).collect()
    }
}
