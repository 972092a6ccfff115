//! Summaries of all authors, as Scuttlebutt's digests: the answerer says for every author the newest version and the hash of
//! its current set, and the opener gives what is newer here and asks for the rest.

use alloc::vec::Vec;

use crate::peer::PeerId;
use crate::reconcile::exchange::{Lack, compare};
use crate::reconcile::message::{AuthorSummary, SUMMARIES_MAX, Summary};
use crate::reconcile::session::SessionError;
use crate::reconcile::session::index::{Index, key_id};
use crate::reconcile::session::method::{Method, Turn};
use crate::reconcile::session::transfer::Findings;
use crate::store::{Author, Store};
use crate::wire::Reader;

/// One side of such a session.
#[derive(Debug, Default)]
pub(super) struct SummaryMethod {
    /// Versions alone: the classic protocol.
    bare: bool,
    opener: bool,
    /// The answerer has said its summaries, which are long: once is enough.
    answered: bool,
    /// Where the next range has to begin.
    next: Option<PeerId>,
    /// An author of whom both sides lack something below the newest version is left alone.
    leaves_gaps: bool,
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
}

impl Method for SummaryMethod {
    fn open(&mut self, _: &Index, _: &Store, _: usize) -> Vec<u8> {
        self.opener = true;
        Vec::new()
    }

    fn handle(&mut self, index: &Index, store: &Store, words: &[u8]) -> Result<Turn, SessionError> {
        if !self.opener {
            return match (words.is_empty(), core::mem::replace(&mut self.answered, true)) {
                (true, false) => Ok(answer(store, self.bare)),
                (true, true) => Err(SessionError::OutOfTurn),
                (false, _) => Err(SessionError::Malformed),
            };
        }
        let mut reader = Reader::new(words)?;
        let summary = Summary::read(&mut reader, self.bare)?;
        reader.finish()?;
        // Whoever is not named in a range gets everything, so a range that came again would be answered with a flood.
        if summary.from != self.next {
            return Err(SessionError::OutOfTurn);
        }
        self.next = summary.to;
        let (mut lacks, mut summaries) = compare(store, &summary);
        if self.leaves_gaps {
            let gap = |(author, lack): &(&Author, Lack)| matches!(lack, Lack::Unknown).then(|| author.id());
            let gaps: Vec<PeerId> = lacks.iter().filter_map(gap).collect();
            lacks.retain(|(_, lack)| matches!(lack, Lack::After(_)));
            summaries.retain(|summary| gaps.binary_search(&summary.author).is_err());
        }
        let mut found = Findings { summaries, bare: self.bare, ..Findings::default() };
        for (author, lack) in lacks {
            let after = if let Lack::After(version) = lack { version } else { 0 };
            let newer = author.tuples().iter().filter(|tuple| tuple.version() > after);
            found.give.extend(newer.map(|tuple| key_id(index.salt(), &author.id(), tuple.key())));
        }
        Ok(Turn { found: Some(found), done: summary.to.is_none(), ..Turn::default() })
    }
}

/// The summaries of all authors, in ranges of ids.
fn answer(store: &Store, bare: bool) -> Turn {
    let authors = store.authors();
    let parts = authors.len().div_ceil(SUMMARIES_MAX).max(1);
    let part = |part: usize| {
        let (start, end) = (part * SUMMARIES_MAX, authors.len().min((part + 1) * SUMMARIES_MAX));
        let summary = Summary {
            from: (start > 0).then(|| authors[start].id()),
            to: authors.get(end).map(Author::id),
            authors: authors[start..end].iter().map(AuthorSummary::of).collect(),
        };
        let mut words = Vec::with_capacity(summary.encoded_len(bare));
        summary.encode(bare, &mut words);
        words
    };
    Turn { say: (0..parts).map(part).collect(), ..Turn::default() }
}
