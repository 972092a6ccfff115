//! What follows the search: each side asks for what it lacks, gives what the other lacks, and knows when it has everything.
//!
//! An ask names a key and the version held of it. Who holds a newer one gives it; who holds an older one asks back; at
//! equal versions, which are equivocation, both happen. Where a method cannot tell that two states belong to one key,
//! what only this side has is held back until the asks are answered, and then only what is still current is given.

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cmp::Ordering;

use crate::reconcile::coding::Salt;
use crate::reconcile::message::{self, AuthorSummary, SUMMARIES_MAX};
use crate::reconcile::session::directory::Directory;
use crate::reconcile::session::index::{Index, Item, KeyId, author_id};
use crate::reconcile::session::part::{ASKS_MAX, Ask, LONG_ASKS_MAX, Part};
use crate::store::{Author, Store, Tuple};

/// What a method found, by ids.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Findings {
    /// Keys whose tuple here is newer than the peer's, or unknown to it.
    pub(super) give: Vec<KeyId>,
    /// Keys whose tuple there is newer or may be; unknown ones included.
    pub(super) ask: Vec<KeyId>,
    /// States that are not here.
    pub(super) ask_states: Vec<u64>,
    /// Keys whose state here is not there, though a newer one of the same key may be.
    pub(super) give_unless_answered: Vec<KeyId>,
    /// Authors of whom the two sides hold different sets.
    pub(super) authors: Vec<u64>,
    /// What is held here of authors of whom the peer holds more.
    pub(super) summaries: Vec<AuthorSummary>,
    /// These summaries are bare: versions without hashes.
    pub(super) bare: bool,
}

impl Findings {
    /// From the keys of the states that only this side has, and that only the peer has. A key in both was updated.
    pub(super) fn of_keys(mine: Vec<KeyId>, theirs: Vec<KeyId>) -> Self {
        let mut ask = theirs;
        ask.sort_unstable();
        ask.dedup();
        let mut give = mine;
        give.retain(|key| ask.binary_search(key).is_err());
        // A peer's cells can name one key in many states.
        give.sort_unstable();
        give.dedup();
        Self { give, ask, ..Self::default() }
    }
}

/// The asking and giving of one side.
#[derive(Debug, Default)]
pub(super) struct Transfer {
    began: bool,
    searching: bool,
    /// Asks without their last answer.
    outstanding: u32,
    held: Vec<Item>,
    directory: Directory,
}

impl Transfer {
    /// Whether this side found the differences, all of them.
    pub(super) fn found(&self) -> bool {
        self.began && !self.searching
    }

    /// Entries that were listed to look requests up, since this was asked last.
    pub(super) fn take_listed(&mut self) -> usize {
        self.directory.take_listed()
    }

    /// Whether everything that this side asked for has come.
    pub(super) fn is_settled(&self) -> bool {
        !self.searching && self.outstanding == 0 && self.held.is_empty()
    }

    /// The method has found something; more may follow until [`Transfer::finish_search`].
    pub(super) fn begin(&mut self, found: Findings, index: &Index, store: &Store) -> Vec<Part> {
        (self.began, self.searching) = (true, true);
        let mut parts = give_keys(&found.give, index, false);
        let ask = |id: &KeyId| Ask { id: *id, version: index.get(*id).map_or(0, |item| item.tuple.version()) };
        parts.extend(self.ask(found.ask.iter().map(ask), false, false));
        parts.extend(self.ask(found.ask_states.iter().map(|&id| Ask { id: id.into(), version: 0 }), true, false));
        parts.extend(self.ask_authors(found.authors, index.salt(), store));
        parts.extend(self.ask_summaries(found.summaries, found.bare));
        self.held.extend(found.give_unless_answered.iter().filter_map(|&id| index.get(id).cloned()));
        parts
    }

    /// The method is done.
    pub(super) fn finish_search(&mut self) {
        (self.began, self.searching) = (true, false);
    }

    /// What was held back and may go now: called whenever the search or an answer is complete.
    pub(super) fn release(&mut self, index: &Index) -> Vec<Part> {
        if self.searching || self.outstanding > 0 || self.held.is_empty() {
            return Vec::new();
        }
        let held = core::mem::take(&mut self.held);
        let current = held.into_iter().filter(|item| index.get(item.key).is_some_and(|now| now.state == item.state));
        give(current.map(|item| item.tuple), false)
    }

    /// The last tuple of an answer has come.
    pub(super) fn answered(&mut self) {
        self.outstanding = self.outstanding.saturating_sub(1);
    }

    /// Answers asks, each id once; at least one message, of which the last says so.
    pub(super) fn answer(&mut self, asks: &[Ask], states: bool, back: bool, index: &Index) -> Vec<Part> {
        let mut asks = asks.to_vec();
        asks.sort_by_key(|ask| ask.id);
        asks.dedup_by_key(|ask| ask.id);
        if states {
            // A state has 64 bits; what is longer is nothing's.
            let states = asks.iter().filter_map(|ask| u64::try_from(ask.id).ok());
            return give(self.directory.items(states, index).into_iter().map(|item| item.tuple.clone()), true);
        }
        let (mut tuples, mut asked) = (Vec::new(), Vec::new());
        for ask in asks {
            let Some(item) = index.get(ask.id) else {
                asked.push(Ask { id: ask.id, version: 0 });
                continue;
            };
            let order = item.tuple.version().cmp(&ask.version);
            if order.is_ge() {
                tuples.push(item.tuple.clone());
            }
            if order.is_le() {
                asked.push(Ask { id: ask.id, version: item.tuple.version() });
            }
        }
        let mut parts = give(tuples.into_iter(), true);
        if !back {
            parts.extend(self.ask(asked.into_iter(), false, true));
        }
        parts
    }

    /// Answers a comparison of authors: with what the peer lacks of them, and by asking for what this side lacks.
    pub(super) fn compare(
        &mut self,
        known: &[AuthorSummary],
        unknown: &[u64],
        back: bool,
        bare: bool,
        salt: Salt,
        store: &Store,
    ) -> Vec<Part> {
        let (mut tuples, mut asked) = (Vec::new(), Vec::new());
        for theirs in known {
            let Some(author) = store.author(&theirs.author) else {
                asked.extend((theirs.newest > 0).then(|| AuthorSummary::nothing(theirs.author)));
                continue;
            };
            match author.newest().cmp(&theirs.newest) {
                Ordering::Greater => tuples.extend(after(author, theirs.newest)),
                Ordering::Equal if !bare && author.hash() != theirs.hash => {
                    tuples.extend(after(author, 0));
                    asked.push(AuthorSummary::of(author));
                }
                Ordering::Equal => {}
                Ordering::Less => asked.push(AuthorSummary::of(author)),
            }
        }
        let authors = self.directory.authors(unknown, salt, store);
        tuples.extend(authors.iter().flat_map(|author| after(author, 0)));
        let mut parts = give(tuples.into_iter(), true);
        if !back {
            parts.extend(self.compare_back(asked, bare));
        }
        parts
    }

    fn ask(&mut self, asks: impl Iterator<Item = Ask>, states: bool, back: bool) -> Vec<Part> {
        let asks: Vec<Ask> = asks.collect();
        let most = if asks.iter().any(|ask| ask.id > KeyId::from(u64::MAX)) { LONG_ASKS_MAX } else { ASKS_MAX };
        let parts = asks.chunks(most).map(|asks| Part::Ask { asks: asks.to_vec(), states, back }).collect::<Vec<_>>();
        self.outstanding += parts.len() as u32;
        parts
    }

    fn ask_authors(&mut self, ids: Vec<u64>, salt: Salt, store: &Store) -> Vec<Part> {
        let mine = self.directory.authors(&ids, salt, store);
        let mut known: Vec<_> = mine.iter().map(|author| AuthorSummary::of(author)).collect();
        known.sort_unstable_by_key(|summary| summary.author);
        let held: BTreeSet<u64> = mine.iter().map(|author| author_id(salt, &author.id())).collect();
        let mut unknown: Vec<u64> = ids.into_iter().filter(|id| !held.contains(id)).collect();
        unknown.sort_unstable();
        unknown.dedup();
        let mut parts = self.ask_summaries(known, false);
        let chunks = unknown.chunks(SUMMARIES_MAX).map(<[u64]>::to_vec);
        parts.extend(chunks.map(|unknown| Part::Authors { known: Vec::new(), unknown, back: false, bare: false }));
        self.outstanding += unknown.len().div_ceil(SUMMARIES_MAX) as u32;
        parts
    }

    fn ask_summaries(&mut self, known: Vec<AuthorSummary>, bare: bool) -> Vec<Part> {
        self.outstanding += known.len().div_ceil(SUMMARIES_MAX) as u32;
        let chunks = known.chunks(SUMMARIES_MAX).map(|known| said(known, bare));
        chunks.map(|known| Part::Authors { known, unknown: Vec::new(), back: false, bare }).collect()
    }

    fn compare_back(&mut self, asked: Vec<AuthorSummary>, bare: bool) -> Option<Part> {
        if asked.is_empty() {
            return None;
        }
        self.outstanding += 1;
        Some(Part::Authors { known: said(&asked, bare), unknown: Vec::new(), back: true, bare })
    }
}

/// Summaries as they are said.
fn said(summaries: &[AuthorSummary], bare: bool) -> Vec<AuthorSummary> {
    summaries.iter().map(|summary| if bare { summary.bare() } else { *summary }).collect()
}

/// An author's tuples behind a version, oldest first.
fn after(author: &Author, version: u64) -> Vec<Arc<Tuple>> {
    let mut due: Vec<_> = author.tuples().iter().filter(|tuple| tuple.version() > version).cloned().collect();
    due.sort_unstable_by(|a, b| a.precedence(b));
    due
}

fn give_keys(keys: &[KeyId], index: &Index, last: bool) -> Vec<Part> {
    let tuples: Vec<_> = keys.iter().filter_map(|&id| index.get(id)).map(|item| item.tuple.clone()).collect();
    give(tuples.into_iter(), last)
}

/// Tuples in messages; where they answer an ask, at least one message, and the last of them says so.
fn give(tuples: impl Iterator<Item = Arc<Tuple>>, answer: bool) -> Vec<Part> {
    let mut chunks: Vec<Box<[Arc<Tuple>]>> = Vec::new();
    message::in_chunks(tuples, |chunk| chunks.push(chunk));
    if answer && chunks.is_empty() {
        chunks.push(Box::default());
    }
    let count = chunks.len();
    let part = |(at, tuples)| Part::Give { tuples, last: answer && at + 1 == count };
    chunks.into_iter().enumerate().map(part).collect()
}
