//! Summaries of all authors, as Scuttlebutt's digests: the answerer says for every author the newest version and the hash of
//! its current set, and the opener gives what is newer here and asks for the rest.
//!
//! Peers that were equal before go on from there. The opener names the root that they shared, and by short ids the authors
//! that changed here since; the answerer, where it remembers the same root, summarises these and those that changed there.
//! All others are as they were, at both sides, since equal roots mean equal tuples. An answerer that does not remember, or
//! does not want to, summarises all. What a peer claims to remember is for the closing check to judge, as everything else.

use alloc::vec::Vec;

use crate::peer::PeerId;
use crate::reconcile::exchange::{Lack, compare};
use crate::reconcile::message::{AuthorSummary, SUMMARIES_MAX, Summary};
use crate::reconcile::session::SessionError;
use crate::reconcile::session::index::{Index, author_id};
use crate::reconcile::session::method::{Method, Turn};
use crate::reconcile::session::part::WORDS_LEN_MAX;
use crate::reconcile::session::recent::Meeting;
use crate::reconcile::session::transfer::Findings;
use crate::store::{Author, SetHash, Store};
use crate::wire::Reader;

/// Stands before a range in which whoever is not named did not change at the answerer. Other ranges begin with 0 or 1.
const SINCE: u8 = 2;
/// The most authors that changed here and are named in an opening; where there are more, all are summarised.
const NAMED_MAX: usize = (WORDS_LEN_MAX - SetHash::LEN) / ID_LEN;
const ID_LEN: usize = 8;

/// One side of such a session.
#[derive(Debug, Default)]
pub(super) struct SummaryMethod {
    /// Versions alone: the classic protocol.
    bare: bool,
    /// An author of whom both sides lack something below the newest version is left alone.
    leaves_gaps: bool,
    opener: bool,
    met: Option<Meeting>,
    /// The authors whose ids the opener said, by id.
    named: Option<Vec<PeerId>>,
    /// The answerer has said its summaries, which are long: once is enough.
    answered: bool,
    /// Where the next range has to begin.
    next: Option<PeerId>,
}

impl SummaryMethod {
    /// The method that never gives an author's whole set where only a part of it may be missing.
    pub(super) fn without_whole_sets() -> Self {
        Self { leaves_gaps: true, ..Self::default() }
    }

    /// The method that tells nothing but versions: an author's gaps and its contents under one version do not show.
    pub(super) fn classic() -> Self {
        Self { leaves_gaps: true, bare: true, ..Self::default() }
    }

    /// The root of the last meeting, and the ids of the authors that changed here since, ascending.
    fn name(&mut self, index: &Index) -> Option<Vec<u8>> {
        let met = self.met?;
        let changed = index.changed_since(met.changes).filter(|changed| changed.len() <= NAMED_MAX)?;
        let mut ids: Vec<u64> = changed.iter().map(|author| author_id(index.salt(), author)).collect();
        ids.sort_unstable();
        ids.dedup();
        self.named = Some(changed);
        let mut words = met.root.0.to_vec();
        ids.iter().for_each(|id| words.extend_from_slice(&id.to_le_bytes()));
        Some(words)
    }

    /// The answerer's summaries.
    fn answer(&mut self, index: &Index, store: &Store, words: &[u8]) -> Result<Turn, SessionError> {
        if !words.is_empty() && self.bare {
            return Err(SessionError::Malformed);
        }
        if core::mem::replace(&mut self.answered, true) {
            return Err(SessionError::OutOfTurn);
        }
        let (root, ids) = if words.is_empty() { (None, Vec::new()) } else { read_names(words)? };
        let met = self.met.filter(|met| Some(met.root) == root);
        let Some(changed) = met.and_then(|met| index.changed_since(met.changes)) else {
            return Ok(summarise(&store.authors().iter().collect::<Vec<_>>(), self.bare));
        };
        let is_due = |author: &&Author| {
            let id = author.id();
            changed.binary_search(&id).is_ok() || ids.binary_search(&author_id(index.salt(), &id)).is_ok()
        };
        let due: Vec<&Author> = store.authors().iter().filter(is_due).collect();
        Ok(summarise(&due, self.bare).under(SINCE))
    }

    /// The next range, and whether it is of those that changed alone.
    fn read(&mut self, words: &[u8]) -> Result<(Summary, bool), SessionError> {
        let (since, words) = match words.split_first() {
            Some((&SINCE, rest)) if self.named.is_some() => (true, rest),
            _ => (false, words),
        };
        let mut reader = Reader::new(words)?;
        let summary = Summary::read(&mut reader, self.bare)?;
        reader.finish()?;
        // Whoever is not named in a range gets everything, so a range that came again would be answered with a flood.
        if summary.from != self.next {
            return Err(SessionError::OutOfTurn);
        }
        self.next = summary.to;
        Ok((summary, since))
    }

    /// What the opener makes of a range: what the peer lacks, and what is held here of authors of whom it has more.
    fn compare<'a>(&self, store: &'a Store, words: (Summary, bool)) -> (Vec<(&'a Author, Lack)>, Vec<AuthorSummary>) {
        let (summary, since) = words;
        let (mut lacks, mut summaries) = compare(store, &summary);
        if let Some(named) = self.named.as_ref().filter(|_| since) {
            // The peer has nothing of an author that it leaves out only where it was asked about it.
            let left_out = |lack: &Lack| matches!(lack, Lack::After(0));
            lacks.retain(|(author, lack)| !left_out(lack) || named.binary_search(&author.id()).is_ok());
        }
        if self.leaves_gaps {
            let gap = |(author, lack): &(&Author, Lack)| matches!(lack, Lack::Unknown).then(|| author.id());
            let gaps: Vec<PeerId> = lacks.iter().filter_map(gap).collect();
            lacks.retain(|(_, lack)| matches!(lack, Lack::After(_)));
            summaries.retain(|summary| gaps.binary_search(&summary.author).is_err());
        }
        (lacks, summaries)
    }
}

impl Method for SummaryMethod {
    fn remember(&mut self, met: Meeting) {
        self.met = Some(met).filter(|_| !self.bare);
    }

    fn open(&mut self, index: &Index, _: &Store, _: usize) -> Vec<u8> {
        self.opener = true;
        self.name(index).unwrap_or_default()
    }

    fn handle(&mut self, index: &Index, store: &Store, words: &[u8]) -> Result<Turn, SessionError> {
        if !self.opener {
            return self.answer(index, store, words);
        }
        let range = self.read(words)?;
        let (lacks, summaries) = self.compare(store, range);
        let mut found = Findings { summaries, bare: self.bare, ..Findings::default() };
        for (author, lack) in lacks {
            let after = if let Lack::After(version) = lack { version } else { 0 };
            let newer = author.tuples().iter().filter(|tuple| tuple.version() > after);
            found.give.extend(newer.map(|tuple| index.item(tuple).key));
        }
        Ok(Turn { found: Some(found), done: self.next.is_none(), ..Turn::default() })
    }
}

/// The root and the ids that an opener said.
fn read_names(words: &[u8]) -> Result<(Option<SetHash>, Vec<u64>), SessionError> {
    let mut reader = Reader::new(words)?;
    let root = SetHash(reader.array()?);
    let (ids, rest) = words[SetHash::LEN..].as_chunks::<ID_LEN>();
    let ids: Vec<u64> = ids.iter().map(|id| u64::from_le_bytes(*id)).collect();
    if !rest.is_empty() || !ids.is_sorted_by(|a, b| a < b) {
        return Err(SessionError::Malformed);
    }
    Ok((Some(root), ids))
}

/// The summaries of these authors, in ranges of ids.
fn summarise(authors: &[&Author], bare: bool) -> Turn {
    let parts = authors.len().div_ceil(SUMMARIES_MAX).max(1);
    let part = |part: usize| {
        let (start, end) = (part * SUMMARIES_MAX, authors.len().min((part + 1) * SUMMARIES_MAX));
        let summary = Summary {
            from: (start > 0).then(|| authors[start].id()),
            to: authors.get(end).map(|author| author.id()),
            authors: authors[start..end].iter().map(|author| AuthorSummary::of(author)).collect(),
        };
        let mut words = Vec::with_capacity(summary.encoded_len(bare));
        summary.encode(bare, &mut words);
        words
    };
    Turn { say: (0..parts).map(part).collect(), ..Turn::default() }
}
