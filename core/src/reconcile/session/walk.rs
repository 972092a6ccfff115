//! Sessions that walk: down ranges of the key order, or down a Merkle search tree. Their answers are functions of the
//! items and the message, and both sides learn the difference. The opener collects it; the answerer says nothing once
//! nothing is open.

use alloc::vec::Vec;
use core::fmt::Debug;

use crate::reconcile::coding::range::{self, RangeMessage, Ranges};
use crate::reconcile::coding::search_tree::{Entry, SearchTree, TreeMessage};
use crate::reconcile::session::SessionError;
use crate::reconcile::session::index::{Index, KeyId};
use crate::reconcile::session::method::{Method, Turn};
use crate::reconcile::session::part::WORDS_LEN_MAX;
use crate::reconcile::session::transfer::Findings;
use crate::reconcile::session::work::{self, Work};
use crate::store::Store;
use crate::wire::Message;

/// The items of one side, ready to be walked.
pub(super) trait Walk: Debug + Send + Sized {
    /// What it costs to get an item ready.
    const PRICE: u64;

    fn new(index: &Index) -> Self;

    fn open(&self) -> Vec<u8>;

    /// What to say, where something is open; and what the message told.
    fn answer(&self, words: &[u8]) -> Result<(Option<Vec<u8>>, Findings), SessionError>;
}

/// One side of such a session. Both sides keep to the items that they had when it began.
#[derive(Debug)]
pub(super) struct Walker<W> {
    walk: Option<W>,
    opener: bool,
    mine: Vec<KeyId>,
    theirs: Vec<KeyId>,
    work: Work,
}

impl<W> Default for Walker<W> {
    fn default() -> Self {
        Self { walk: None, opener: false, mine: Vec::new(), theirs: Vec::new(), work: Work::default() }
    }
}

impl<W: Walk> Method for Walker<W> {
    fn open(&mut self, index: &Index, _: &Store, _: usize) -> Vec<u8> {
        self.opener = true;
        self.work.add(index.len(), W::PRICE);
        self.walk.insert(W::new(index)).open()
    }

    fn handle(&mut self, index: &Index, _: &Store, words: &[u8]) -> Result<Turn, SessionError> {
        let built = if self.walk.is_none() { index.len() } else { 0 };
        self.work.add(built, W::PRICE);
        let walk = self.walk.get_or_insert_with(|| W::new(index));
        let mut say = None;
        if !words.is_empty() {
            let (reply, found) = walk.answer(words)?;
            say = reply;
            self.work.add(words.len() + say.as_ref().map_or(0, Vec::len), work::WALK);
            self.mine.extend(found.give);
            self.theirs.extend(found.ask);
            if self.mine.len() + self.theirs.len() > 2 * FOUND_MAX {
                return Err(SessionError::TooMany);
            }
        }
        match (say, self.opener) {
            (Some(words), _) => Ok(Turn::say(words)),
            (None, false) => Ok(Turn::say(Vec::new())),
            (None, true) => {
                let (mine, theirs) = (core::mem::take(&mut self.mine), core::mem::take(&mut self.theirs));
                Ok(Turn::done(Findings::of_keys(mine, theirs)))
            }
        }
    }

    fn take_work(&mut self) -> Work {
        self.work.take()
    }
}

/// The most differences that a walk collects.
const FOUND_MAX: usize = 1 << 20;

/// The salt of the keyed hashes in fingerprints and levels.
fn salt(index: &Index) -> [u8; 32] {
    let mut salt = [0; 32];
    for (bytes, word) in salt.chunks_mut(8).zip([index.salt().0, [1, 2]].concat()) {
        bytes.copy_from_slice(&word.to_le_bytes());
    }
    *blake3::hash(&salt).as_bytes()
}

impl Walk for Ranges<Vec<range::Item>> {
    const PRICE: u64 = work::RANGE;

    /// In the order of key ids: a tuple that was replaced stands next to the one that replaced it.
    fn new(index: &Index) -> Self {
        let item = |item: &super::index::Item| range::Item { order: item.key as u64, id: item.pair().to_be_bytes() };
        Self::new(index.items().map(item).collect(), salt(index), WORDS_LEN_MAX)
    }

    fn open(&self) -> Vec<u8> {
        encode(&self.open())
    }

    fn answer(&self, words: &[u8]) -> Result<(Option<Vec<u8>>, Findings), SessionError> {
        let answer = self.answer(&RangeMessage::decode(words)?);
        let key = |id: range::Id| u128::from_be_bytes(id) >> 64;
        let (give, ask) = (answer.have.into_iter().map(key).collect(), answer.need.into_iter().map(key).collect());
        Ok((answer.reply.as_ref().map(encode), Findings { give, ask, ..Findings::default() }))
    }
}

impl Walk for SearchTree<Vec<Entry>> {
    const PRICE: u64 = work::TREE;

    fn new(index: &Index) -> Self {
        let entry = |item: &super::index::Item| Entry {
            key: (item.key << 64).to_be_bytes(),
            value: u128::from(item.state).to_be_bytes(),
        };
        Self::new(index.items().map(entry).collect(), salt(index), WORDS_LEN_MAX)
    }

    fn open(&self) -> Vec<u8> {
        encode(&self.open())
    }

    fn answer(&self, words: &[u8]) -> Result<(Option<Vec<u8>>, Findings), SessionError> {
        let answer = self.answer(&TreeMessage::decode(words)?);
        let ask = answer.differing.into_iter().map(|key| u128::from_be_bytes(key) >> 64).collect();
        Ok((answer.reply.as_ref().map(encode), Findings { ask, ..Findings::default() }))
    }
}

fn encode<M: Message>(message: &M) -> Vec<u8> {
    let mut words = Vec::with_capacity(message.encoded_len());
    message.encode(&mut words);
    words
}
