//! A session over PinSketches of state ids. The opener begins with a short sketch; one that does not decode is followed by
//! as many syndromes again, up to the capacity. With bisection the sketch stays short and the set is halved instead: of
//! each part that did not decode the opener sketches one half, and the other follows from the difference.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use crate::reconcile::coding::pinsketch::{CAPACITY_MAX, Sketch};
use crate::reconcile::coding::{Partition, Salt};
use crate::reconcile::session::SessionError;
use crate::reconcile::session::index::{Index, KeyId};
use crate::reconcile::session::method::{Method, Turn};
use crate::reconcile::session::transfer::Findings;
use crate::reconcile::session::work::{self, Work};
use crate::store::Store;
use crate::wire::{Reader, put_varint};

/// Syndromes for verification: a wrong answer has one chance in 2^64.
const VERIFICATION: usize = 1;
/// Syndromes of the first sketch, and of every sketch where the set is bisected.
const FIRST: usize = 16 + VERIFICATION;
const PART: usize = 64 + VERIFICATION;
/// The most parts that are asked for in one message.
const PARTS_MAX: usize = 100;

const EXTEND: u8 = 0;
const SYNDROMES: u8 = 1;
const HALVES: u8 = 2;

/// One side of such a session. Both sides keep to the ids that they had when it began.
#[derive(Debug, Default)]
pub(super) struct PinSketch {
    bisects: bool,
    opener: bool,
    /// What the opener was asked for: syndromes of everything, and parts.
    sent: usize,
    served: BTreeSet<Partition>,
    ids: Option<Vec<(u64, KeyId)>>,
    salt: Salt,
    /// The difference of both sketches of everything.
    difference: Sketch,
    /// Parts that do not decode, with their differences; the front ones were asked for.
    parts: Vec<(Partition, Sketch)>,
    asked: usize,
    found: Vec<u64>,
    /// Syndromes that arrived.
    taken: usize,
    work: Work,
}

impl PinSketch {
    pub(super) fn bisecting() -> Self {
        Self { bisects: true, ..Self::default() }
    }

    fn begin(&mut self, index: &Index) {
        if self.ids.is_none() {
            self.salt = index.salt();
            self.ids = Some(index.items().map(|item| (item.state, item.key)).collect());
        }
    }

    /// How many syndromes of everything follow when these did not do. Both sides know, so that nobody can have sketches made
    /// over and over, a syndrome at a time.
    fn longer(&self, syndromes: usize) -> usize {
        match syndromes {
            0 if self.bisects => PART,
            0 => FIRST,
            _ => (2 * (syndromes - VERIFICATION)).min(CAPACITY_MAX) + VERIFICATION,
        }
    }

    fn sketch(&mut self, syndromes: usize) -> Sketch {
        self.work.add(self.ids.as_ref().map_or(0, Vec::len) * syndromes, work::SYNDROME);
        Sketch::of(self.ids.iter().flatten().map(|(state, _)| *state), syndromes)
    }

    /// Sketches of the first halves of these parts.
    fn halves(&mut self, parts: &[Partition]) -> Vec<Sketch> {
        let mut halves = Vec::new();
        let mut places: BTreeMap<Partition, usize> = BTreeMap::new();
        for half in parts.iter().filter_map(|part| part.halves()) {
            places.insert(half[0], halves.len());
            halves.push(Sketch::new(PART));
        }
        let mut depths: Vec<u8> = places.keys().map(|part| part.depth()).collect();
        depths.dedup();
        for (state, _) in self.ids.iter().flatten() {
            let hash = self.salt.hash64(*state);
            for &depth in &depths {
                if let Some(&place) = places.get(&Partition::containing(hash, depth)) {
                    halves[place].toggle(*state);
                    self.work.add(PART, work::SYNDROME);
                }
            }
        }
        halves
    }

    /// The answerer extends its difference by what the opener sent.
    fn extend(&mut self, mut reader: Reader<'_>) -> Result<Turn, SessionError> {
        let tail = Sketch::decode(&mut reader)?;
        reader.finish()?;
        let before = self.difference.len();
        self.taken += tail.len();
        if !self.parts.is_empty() {
            return Err(SessionError::OutOfTurn);
        }
        if tail.is_empty() || before + tail.len() != self.longer(before) {
            return Err(SessionError::Malformed);
        }
        let mut mine = self.sketch(before + tail.len()).tail(before);
        mine.merge(&tail);
        self.difference.extend(&mine);
        self.work.add(self.difference.len().pow(2), work::DECODE);
        if let Some(ids) = self.difference.differences(VERIFICATION) {
            self.found = ids;
            return Ok(self.done());
        }
        if self.bisects {
            self.parts.push((Partition::WHOLE, core::mem::take(&mut self.difference)));
            return self.ask_halves();
        }
        let longer = self.longer(self.difference.len());
        if longer == self.difference.len() {
            return Err(SessionError::TooMany);
        }
        let mut words = Vec::from([EXTEND]);
        put_varint(&mut words, self.difference.len() as u64);
        put_varint(&mut words, longer as u64);
        Ok(Turn::say(words))
    }

    fn ask_halves(&mut self) -> Result<Turn, SessionError> {
        self.asked = self.parts.len().min(PARTS_MAX);
        let mut words = Vec::from([HALVES]);
        put_varint(&mut words, self.asked as u64);
        for (part, _) in &self.parts[..self.asked] {
            if part.halves().is_none() {
                return Err(SessionError::TooMany);
            }
            part.encode(&mut words);
        }
        Ok(Turn::say(words))
    }

    /// The answerer takes the halves that it asked for.
    fn take_halves(&mut self, mut reader: Reader<'_>) -> Result<Turn, SessionError> {
        let count = reader.count(PARTS_MAX)?;
        if count != self.asked || count == 0 {
            return Err(SessionError::OutOfTurn);
        }
        let asked: Vec<_> = self.parts.drain(..count).collect();
        let parts: Vec<_> = asked.iter().map(|(part, _)| *part).collect();
        for ((part, whole), mut first) in asked.into_iter().zip(self.halves(&parts)) {
            let theirs = Sketch::decode(&mut reader)?;
            self.taken += theirs.len();
            let halves = part.halves().ok_or(SessionError::TooMany)?;
            if theirs.len() != first.len() || whole.len() != first.len() {
                return Err(SessionError::Malformed);
            }
            first.merge(&theirs);
            let mut second = whole;
            second.merge(&first);
            self.work.add(2 * PART.pow(2), work::DECODE);
            for (half, difference) in halves.into_iter().zip([first, second]) {
                match difference.differences(VERIFICATION) {
                    Some(ids) => self.found.extend(ids),
                    None => self.parts.push((half, difference)),
                }
            }
        }
        reader.finish()?;
        if self.parts.is_empty() { Ok(self.done()) } else { self.ask_halves() }
    }

    fn done(&mut self) -> Turn {
        // A forged sketch of a part can name ids of any other.
        self.found.sort_unstable();
        self.found.dedup();
        let mut mine: Vec<(u64, KeyId)> = self.ids.iter().flatten().copied().collect();
        mine.sort_unstable();
        let mut found = Findings::default();
        for id in &self.found {
            match mine.binary_search_by_key(id, |(state, _)| *state) {
                Ok(at) => found.give_unless_answered.push(mine[at].1),
                Err(_) => found.ask_states.push(*id),
            }
        }
        Turn::done(found)
    }
}

impl Method for PinSketch {
    fn open(&mut self, index: &Index, _: &Store, _: usize) -> Vec<u8> {
        self.begin(index);
        (self.opener, self.sent) = (true, self.longer(0));
        let mut words = Vec::from([SYNDROMES]);
        self.sketch(self.sent).encode(&mut words);
        words
    }

    fn handle(&mut self, index: &Index, _: &Store, words: &[u8]) -> Result<Turn, SessionError> {
        self.begin(index);
        let mut reader = Reader::new(words)?;
        match reader.byte()? {
            SYNDROMES if !self.opener => self.extend(reader),
            HALVES if !self.parts.is_empty() => self.take_halves(reader),
            HALVES if self.opener && self.bisects => {
                let count = reader.count(PARTS_MAX)?;
                let parts = (0..count).map(|_| Partition::decode(&mut reader)).collect::<Result<Vec<_>, _>>()?;
                reader.finish()?;
                // Parts of one depth share nothing, so this bounds the work by the depth times the number of ids.
                if !parts.iter().all(|part| self.served.insert(*part)) {
                    return Err(SessionError::OutOfTurn);
                }
                let mut words = Vec::from([HALVES]);
                put_varint(&mut words, count as u64);
                self.halves(&parts).iter().for_each(|half| half.encode(&mut words));
                Ok(Turn::say(words))
            }
            EXTEND if self.opener && !self.bisects => {
                let (from, to) = (reader.varint()?, reader.varint()?);
                reader.finish()?;
                let (sent, longer) = (self.sent, self.longer(self.sent));
                if (from, to) != (sent as u64, longer as u64) || sent == longer {
                    return Err(SessionError::OutOfTurn);
                }
                self.sent = longer;
                let mut words = Vec::from([SYNDROMES]);
                self.sketch(longer).tail(sent).encode(&mut words);
                Ok(Turn::say(words))
            }
            _ => Err(SessionError::OutOfTurn),
        }
    }

    fn take_work(&mut self) -> Work {
        self.work.take()
    }

    fn units_taken(&self) -> u64 {
        self.taken as u64
    }
}
