//! The digest exchange: push and pull between two stores, without state between its messages.
//!
//! 1. A sends its root digest. Equal to B's: the exchange is over.
//! 2. B answers with the summary (newest version, hash of the current set) of every author, or, where those do not fit one
//!    message, of the authors in a random one of equal ranges of ids.
//! 3. A compares. Of authors where it is ahead it sends the tuples that B lacks; where it is behind it asks.
//! 4. B sends what was asked for.
//!
//! An author's tuples go in version order, so that a store which was only ever fed by such exchanges has no gaps below
//! the version that it reports. Rumours, equivocation and an author who withholds a version from one peer do leave gaps;
//! these show as equal newest versions with different hashes, and then both sides send the author's whole set.
//!
//! **Progress.** A budget bounds the tuples of each direction, and its first tuple goes even if it alone is longer. The
//! author with whom a delta starts is drawn at random, and so is the tuple with which a whole set starts, the rest
//! following in a circle. So whenever two stores differ, every exchange that is not lost transfers, with a probability
//! above zero, a tuple that the other side adopts; stores only grow in a finite order; and hence all stores become equal
//! once writes end and messages get through again, whatever was lost, cut or crashed before.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cmp::Ordering;

use rand_core::Rng;

use crate::protocol::Context;
use crate::random;
use crate::reconcile::Synchroniser;
use crate::reconcile::message::{self, AuthorSummary, SUMMARIES_MAX, Summary, SyncMessage};
use crate::reconcile::replica::Replica;
use crate::store::{Author, Keys, Store, TUPLE_LEN_MIN, Tuple};

/// What a peer lacks of an author.
#[derive(Clone, Copy)]
pub(super) enum Lack {
    /// Everything after this version.
    After(u64),
    /// Nothing tells what.
    Unknown,
}

/// Opens an exchange.
pub(super) fn open<Y, C>(store: &Store, to: Y::Peer, context: &mut C)
where
    Y: Synchroniser<Message = SyncMessage>,
    C: Context<Y>,
{
    context.send(to, SyncMessage::Root(store.root_digest()));
}

/// Handles any message of an exchange; others are ignored.
pub(super) fn handle<Y, K, C>(
    replica: &mut Replica<K>,
    budget: usize,
    from: Y::Peer,
    message: &SyncMessage,
    context: &mut C,
) where
    Y: Synchroniser<Message = SyncMessage>,
    K: Keys,
    C: Context<Y>,
{
    let store = replica.store();
    match message {
        SyncMessage::Root(root) => {
            if *root != store.root_digest() {
                let summary = summarise(store, context.rng());
                context.send(from, SyncMessage::Summary(Box::new(summary)));
            }
        }
        SyncMessage::Summary(summary) => {
            let (lacks, wants) = compare(store, summary);
            send_delta::<Y, C>(&lacks, budget, from, context);
            let wants = affordable(wants, budget, context.rng());
            if !wants.is_empty() {
                context.send(from, SyncMessage::Request(wants.into_boxed_slice()));
            }
        }
        SyncMessage::Request(wants) => {
            let lacks: Vec<_> = wants.iter().filter_map(|want| serve(store, want)).collect();
            send_delta::<Y, C>(&lacks, budget, from, context);
        }
        SyncMessage::Delta(tuples) => replica.receive_all::<Y, C>(from, tuples, context),
        SyncMessage::State(_) | SyncMessage::Rumour { .. } | SyncMessage::Session(_) => {}
    }
}

/// The summary of all authors, or of a random one of equal ranges.
fn summarise<R: Rng>(store: &Store, rng: &mut R) -> Summary {
    let authors = store.authors();
    let ranges = authors.len().div_ceil(SUMMARIES_MAX);
    let start = index(ranges, rng) * SUMMARIES_MAX;
    let end = authors.len().min(start + SUMMARIES_MAX);
    Summary {
        from: (start > 0).then(|| authors[start].id()),
        to: authors.get(end).map(Author::id),
        authors: authors[start..end].iter().map(AuthorSummary::of).collect(),
    }
}

/// What the peer lacks, and what this store lacks.
pub(super) fn compare<'a>(store: &'a Store, summary: &Summary) -> (Vec<(&'a Author, Lack)>, Vec<AuthorSummary>) {
    let (mut lacks, mut wants) = (Vec::new(), Vec::new());
    let mut theirs = summary.authors.iter().peekable();
    for author in store.authors_between(summary.from.as_ref(), summary.to.as_ref()) {
        let id = author.id();
        while let Some(unknown) = theirs.next_if(|theirs| theirs.author < id) {
            wants.push(AuthorSummary::nothing(unknown.author));
        }
        let Some(theirs) = theirs.next_if(|theirs| theirs.author == id) else {
            lacks.push((author, Lack::After(0)));
            continue;
        };
        if theirs.hash == author.hash() {
            continue;
        }
        let order = author.newest().cmp(&theirs.newest);
        match order {
            Ordering::Greater => lacks.push((author, Lack::After(theirs.newest))),
            Ordering::Equal => lacks.push((author, Lack::Unknown)),
            Ordering::Less => {}
        }
        if order.is_le() {
            wants.push(AuthorSummary::of(author));
        }
    }
    wants.extend(theirs.map(|unknown| AuthorSummary::nothing(unknown.author)));
    (lacks, wants)
}

/// No more wants than could be answered within the budget: a random run of them, in a circle.
fn affordable<R: Rng>(mut wants: Vec<AuthorSummary>, budget: usize, rng: &mut R) -> Vec<AuthorSummary> {
    let limit = (budget / TUPLE_LEN_MIN).clamp(1, SUMMARIES_MAX);
    if wants.len() > limit {
        let start = index(wants.len(), rng);
        wants.rotate_left(start);
        wants.truncate(limit);
        wants.sort_unstable_by_key(|want| want.author);
    }
    wants
}

/// What the peer who asks lacks, by what this store holds now.
fn serve<'a>(store: &'a Store, want: &AuthorSummary) -> Option<(&'a Author, Lack)> {
    let author = store.author(&want.author)?;
    match author.newest().cmp(&want.newest) {
        Ordering::Greater => Some((author, Lack::After(want.newest))),
        // A delta that came ahead of the request may have closed the gap.
        Ordering::Equal if author.hash() != want.hash => Some((author, Lack::Unknown)),
        Ordering::Equal | Ordering::Less => None,
    }
}

/// Sends what fits the budget, in as many messages as it takes.
fn send_delta<Y, C>(lacks: &[(&Author, Lack)], budget: usize, to: Y::Peer, context: &mut C)
where
    Y: Synchroniser<Message = SyncMessage>,
    C: Context<Y>,
{
    let tuples = gather(lacks, budget, context.rng());
    message::in_chunks(tuples, |chunk| context.send(to, SyncMessage::Delta(chunk)));
}

/// The tuples that fit the budget, authors from a random one on, each author's in the order of [`due`]. The first that
/// does not fit ends the list, so that no author's order gets a gap.
fn gather<R: Rng>(lacks: &[(&Author, Lack)], budget: usize, rng: &mut R) -> Vec<Arc<Tuple>> {
    let (mut tuples, mut len) = (Vec::new(), 0usize);
    let (tail, head) = lacks.split_at(index(lacks.len(), rng));
    for (author, lack) in head.iter().chain(tail) {
        for tuple in due(author, *lack, rng) {
            len = len.saturating_add(tuple.encoded_len());
            if len > budget && !tuples.is_empty() {
                return tuples;
            }
            tuples.push(tuple.clone());
        }
    }
    tuples
}

/// An author's tuples that a peer lacks, oldest first; a whole set starts at a random one and goes round.
fn due<'a, R: Rng>(author: &'a Author, lack: Lack, rng: &mut R) -> Vec<&'a Arc<Tuple>> {
    let after = match lack {
        Lack::After(version) => version,
        Lack::Unknown => 0,
    };
    let mut due: Vec<_> = author.tuples().iter().filter(|tuple| tuple.version() > after).collect();
    due.sort_unstable_by(|a, b| a.precedence(b));
    if matches!(lack, Lack::Unknown) {
        let start = index(due.len(), rng);
        due.rotate_left(start);
    }
    due
}

/// A random index below `len`, or 0 for an empty list.
fn index<R: Rng>(len: usize, rng: &mut R) -> usize {
    random::below(rng, u32::try_from(len).unwrap_or(u32::MAX)) as usize
}
