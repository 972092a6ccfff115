//! Merkle search tree: A. Auvolat and F. Taïani, "Merkle search trees: efficient state-based CRDTs in open networks", SRDS 2019,
//! section 3.
//!
//! A key's level is the number of leading zeros, in base 16, of a hash of the key. A tree's root holds all keys of its highest
//! level, and between each two of them hangs the tree of the keys between. So the shape is a function of the keys alone,
//! of any order in which they came; a node has 16 keys on average, and n keys have about log16 n levels. A node's hash
//! covers its keys, the hashes of their values and the hashes of the trees below it. It is collision-resistant: chosen keys and
//! values cancel nothing. But whoever knows how levels are made can choose keys that pile up in one node or on many levels,
//! which makes comparisons long (never wrong); so the hash that gives a level is keyed by a salt, as fresh as the caller wants.
//!
//! **The walk.** A side shows a node: its keys and values, and the hash of what hangs in each gap between keys. The other
//! compares the keys, and its own tree *of that gap*, whatever keys bound it; where they differ it shows its own node of the gap,
//! which stands at a lower level of one tree than the last. Keys that differ are told by whoever notices. Where a key was
//! inserted, deleted or updated, that is one difference. An answer is a function of the entries and the message alone, as in
//! [`super::range`], and a session takes at most two messages for each level, and two more, where the frame is no limit.
//!
//! **In memory** the tree is one row beside the sorted entries: for each its level, and the hash and the extent of the tree that
//! hangs on its left. It costs 24 bytes and two hashes an entry to build, and the hash of any interval is found in time
//! logarithmic in its length. There is no update in place: a sorted slice has none either.

mod message;
#[cfg(test)]
mod tests;

use alloc::vec::Vec;

pub use message::{FRAME_MAX, FRAME_MIN, PAGES_MAX, TreeMessage};

use message::{Draft, EMPTY, HASH_LEN, Page};

/// The most levels that a tree can have, and so the depth of every walk.
pub const LEVELS_MAX: usize = 33;

/// A key as it enters the tree: a hash of the key.
pub type Key = [u8; 16];

/// What is compared: two sides differ in a key where only one holds it, or their values differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// A hash of the key.
    pub key: Key,
    /// A hash of the value, with its version where versions matter.
    pub value: [u8; 16],
}

/// The tree of one side's entries.
#[derive(Clone, Debug)]
pub struct SearchTree<S> {
    entries: S,
    branches: Vec<Branch>,
    frame: usize,
}

/// Of an entry: its level, and the tree on its left, of all entries below its level from `start` to it.
#[derive(Clone, Copy, Debug)]
struct Branch {
    hash: [u8; HASH_LEN],
    start: u32,
    level: u8,
}

/// What a message led to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TreeAnswer {
    /// What to send back; `None` where nothing is open on this side any more.
    pub reply: Option<TreeMessage>,
    /// Keys that differ, sorted: those found here, and those that the peer says it found. Over the rounds of a session a key
    /// may come again.
    pub differing: Vec<Key>,
}

/// A gap between two keys (`None`: no bound on that side), and the places of the own entries in it.
#[derive(Clone, Copy)]
struct Gap {
    after: Option<Key>,
    before: Option<Key>,
    from: usize,
    to: usize,
}

impl<S: AsRef<[Entry]>> SearchTree<S> {
    /// Builds the tree of at most 2^32 - 1 entries (a slice, a vector or an `Arc` of them), which must be sorted by key, each
    /// key once. Both sides use one salt. No message of this side is longer than `frame` bytes, which is taken into
    /// [`FRAME_MIN`]`..=`[`FRAME_MAX`]; what does not fit is left for the next round.
    pub fn new(entries: S, salt: [u8; 32], frame: usize) -> Self {
        debug_assert!(entries.as_ref().is_sorted_by(|a, b| a.key < b.key), "keys are sorted and differ");
        let len = entries.as_ref().len();
        let frame = frame.clamp(FRAME_MIN, FRAME_MAX);
        let mut tree = Self { entries, branches: Vec::with_capacity(len), frame };
        for at in 0..len {
            let level = level(&tree.entries.as_ref()[at].key, &salt);
            let mut start = at;
            while start > 0 && tree.branches[start - 1].level < level {
                start = tree.branches[start - 1].start as usize;
            }
            let hash = tree.hash(start, at);
            tree.branches.push(Branch { hash, start: start as u32, level });
        }
        tree
    }

    /// The hash of all entries: equal roots under one salt mean equal entries. Zeros where there is none.
    pub fn root(&self) -> [u8; 16] {
        self.hash(0, self.len())
    }

    /// The first message of a session.
    pub fn open(&self) -> TreeMessage {
        let mut draft = Draft::new(self.frame);
        let fits = self.show(Gap { after: None, before: None, from: 0, to: self.len() }, &mut draft);
        debug_assert!(fits, "the shortest frame holds a part of a node");
        draft.finish()
    }

    /// Compares a peer's message with the entries. Takes time in the length of the message, the number of entries, and the
    /// frame, whatever the message says.
    pub fn answer(&self, message: &TreeMessage) -> TreeAnswer {
        let mut draft = Draft::new(self.frame);
        for page in &message.pages {
            if let Err(after) = self.answer_page(page, &mut draft) {
                let from = self.place_behind(after);
                draft.leave_rest(after, self.hash(from, self.len()));
                break;
            }
        }
        let reply = draft.finish();
        let mut differing = [&message.differing[..], &reply.differing[..]].concat();
        differing.sort_unstable();
        differing.dedup();
        TreeAnswer { reply: Some(reply).filter(|reply| !reply.is_empty()), differing }
    }

    /// # Errors
    /// The draft is full; the key behind which everything is left open.
    fn answer_page(&self, page: &Page, draft: &mut Draft) -> Result<(), Option<Key>> {
        let entries = self.entries.as_ref();
        let (mut after, mut from) = (page.after, self.place_behind(page.after));
        for (hash, theirs) in &page.entries {
            let to = from + entries[from..].partition_point(|own| own.key < theirs.key);
            self.answer_gap(Gap { after, before: Some(theirs.key), from, to }, hash, draft)?;
            after = Some(theirs.key);
            let own = entries.get(to).filter(|own| own.key == theirs.key);
            from = to + usize::from(own.is_some());
            if own != Some(theirs) && !draft.tell(theirs.key) {
                return Err(after);
            }
        }
        let behind = |key| from + entries[from..].partition_point(|own| own.key < key);
        let to = page.before.map_or(self.len(), behind);
        self.answer_gap(Gap { after, before: page.before, from, to }, &page.last, draft)
    }

    fn answer_gap(&self, gap: Gap, theirs: &[u8; HASH_LEN], draft: &mut Draft) -> Result<(), Option<Key>> {
        if *theirs == EMPTY {
            let mut keys = self.entries.as_ref()[gap.from..gap.to].iter().map(|entry| entry.key);
            return keys.try_for_each(|key| if draft.tell(key) { Ok(()) } else { Err(Some(key)) });
        }
        if self.hash(gap.from, gap.to) == *theirs || self.show(gap, draft) { Ok(()) } else { Err(gap.after) }
    }

    /// Shows the root of the tree of a gap, or its first keys and the hash of the rest; false where not even one key fits.
    fn show(&self, gap: Gap, draft: &mut Draft) -> bool {
        let spine = self.spine(gap.from, gap.to);
        let top = spine.chunk_by(|a, b| self.level(*a) == self.level(*b)).next_back().unwrap_or_default();
        let room = draft.room_for_entries();
        let mut page = Page { after: gap.after, before: gap.before, entries: Vec::new(), last: EMPTY };
        let mut from = gap.from;
        for &at in top.iter().rev().take(room) {
            page.entries.push((self.hash(from, at), self.entries.as_ref()[at]));
            from = at + 1;
        }
        if page.entries.is_empty() && !top.is_empty() {
            return false;
        }
        page.last = self.hash(from, gap.to);
        draft.push(page)
    }

    /// The hash of the tree of the entries between two places.
    fn hash(&self, from: usize, to: usize) -> [u8; HASH_LEN] {
        if let Some(branch) = self.branches.get(to).filter(|branch| branch.start as usize == from) {
            return branch.hash;
        }
        let spine = self.spine(from, to);
        let levels = spine.chunk_by(|a, b| self.level(*a) == self.level(*b));
        levels.fold(EMPTY, |right, keys| self.hash_node(from, keys, &right))
    }

    /// The hash of a node of these keys (from right to left), in a tree that begins at `from`, with this tree on its right.
    fn hash_node(&self, from: usize, keys: &[usize], right: &[u8; HASH_LEN]) -> [u8; HASH_LEN] {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&[self.level(keys[0])]);
        for &at in keys.iter().rev() {
            let (branch, entry) = (&self.branches[at], &self.entries.as_ref()[at]);
            // Only where the interval cuts the tree on the left of its first key is there no hash of it at hand.
            let left = if branch.start as usize >= from { branch.hash } else { self.hash(from, at) };
            hasher.update(&left).update(&entry.key).update(&entry.value);
        }
        hasher.update(right);
        let mut hash = [0; HASH_LEN];
        hash.copy_from_slice(&hasher.finalize().as_bytes()[..HASH_LEN]);
        hash
    }

    /// The entries of an interval that have no higher one on their right, from right to left: the keys of the root, of its
    /// last child, of that one's last child, and so on, the deepest first.
    fn spine(&self, from: usize, to: usize) -> Vec<usize> {
        let mut spine = Vec::new();
        let mut end = to;
        while end > from {
            spine.push(end - 1);
            end = self.branches[end - 1].start as usize;
        }
        spine
    }

    /// The place of the first entry behind a key.
    fn place_behind(&self, key: Option<Key>) -> usize {
        key.map_or(0, |key| self.entries.as_ref().partition_point(|entry| entry.key <= key))
    }

    fn level(&self, at: usize) -> u8 {
        self.branches[at].level
    }

    fn len(&self) -> usize {
        self.entries.as_ref().len()
    }
}

/// The number of leading zeros of the key's hash, in base 16: 0 to 32.
fn level(key: &Key, salt: &[u8; 32]) -> u8 {
    let hash = blake3::keyed_hash(salt, key);
    let zeros = hash.as_bytes()[..16].iter().take_while(|byte| **byte == 0).count();
    let half = hash.as_bytes()[..16].get(zeros).is_some_and(|byte| *byte < 16);
    (2 * zeros) as u8 + u8::from(half)
}
