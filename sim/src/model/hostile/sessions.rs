//! Lies within sessions: about how much there is, and streams without end.

use rand_core::Rng;
use rapprochement_core::peer::{Peer, SimPeer};
use rapprochement_core::random::below;
use rapprochement_core::reconcile::coding::Run;
use rapprochement_core::reconcile::coding::riblt::RibltCell;
use rapprochement_core::reconcile::session::{MethodKind, Opening, Part, SessionMessage, WORDS_LEN_MAX};
use rapprochement_core::reconcile::{AuthorSummary, SUMMARIES_MAX, SyncMessage};
use rapprochement_core::store::SetHash;
use rapprochement_core::wire::{Reader, put_varint, varint_len};

use super::{Deeds, opening, part};
use crate::random::Philox;

/// The tag of words that ask for cells, and of words that hold some.
const CREDIT: u8 = 0;
const CELLS: u8 = 1;

/// Says nothing.
#[derive(Debug)]
pub(super) struct Silent;

impl Deeds for Silent {
    fn say(&mut self, _: SimPeer, _: SyncMessage) -> Vec<SyncMessage> {
        Vec::new()
    }
}

/// Sessions that it opens in place of one: more than anybody has to answer.
const OPENINGS: usize = 16;
/// Tuples that it says it has: the other side bounds what it takes by that, so a larger number would only cost it more.
const CLAIMED: u32 = 4_000;
/// Cells in the first message, in any other, and at most on one request.
const FIRST_CELLS: usize = 40;
const RUN_CELLS: usize = 2_000;
const CREDIT_MAX: usize = 20_000;

/// Has no end: cells of no set, asks for everything again after every answer, and everything given back. Whoever opens
/// chooses the method; it takes the one whose cells are the least trouble to make up.
#[derive(Debug)]
pub(super) struct Endless {
    /// Everybody who may be an author, by id.
    everybody: Vec<AuthorSummary>,
    rng: Philox,
}

impl Endless {
    pub(super) fn new(nodes: u32, rng: Philox) -> Self {
        let mut everybody: Vec<_> = (0..nodes).map(|node| AuthorSummary::nothing(SimPeer(node).id())).collect();
        everybody.sort_unstable_by_key(|summary| summary.author);
        everybody.truncate(SUMMARIES_MAX);
        Self { everybody, rng }
    }

    /// A few bytes that ask for all tuples of everybody.
    fn ask(&self, session: u32) -> SyncMessage {
        part(session, Part::Authors { known: self.everybody.clone(), unknown: Vec::new(), back: true, bare: false })
    }

    fn cells(&mut self, start: usize, count: usize) -> Vec<u8> {
        let items = u64::from(CLAIMED);
        let cells = (start..start + count).map(|place| RibltCell {
            sum: u128::from(self.rng.next_u64()) << 64 | u128::from(self.rng.next_u64()),
            check: self.rng.next_u64(),
            count: Run::<RibltCell>::expected(items, place) as i64,
        });
        let run = Run { start: start as u32, items, cells: cells.collect() };
        let mut words = vec![CELLS];
        run.encode(&mut words);
        words
    }

    fn open(&mut self) -> [SyncMessage; 2] {
        let mut root = SetHash::default();
        self.rng.fill_bytes(&mut root.0);
        let (session, nonce) = (self.rng.next_u32(), self.rng.next_u64());
        let words = self.cells(0, FIRST_CELLS);
        let (method, salted, authors) = (MethodKind::Riblt, false, CLAIMED);
        let opening = Opening { method, salted, nonce, root, tuples: CLAIMED, authors, words };
        [part(session, Part::Open(opening)), self.ask(session)]
    }

    /// As many cells as were asked for.
    fn stream(&mut self, session: u32, words: &[u8]) -> Vec<SyncMessage> {
        let Some((start, count)) = credit(words) else { return Vec::new() };
        let end = start + count.min(CREDIT_MAX);
        let runs = (start..end).step_by(RUN_CELLS);
        runs.map(|at| part(session, Part::Words(self.cells(at, RUN_CELLS.min(end - at))))).collect()
    }
}

/// Which cells are asked for.
fn credit(words: &[u8]) -> Option<(usize, usize)> {
    let mut reader = Reader::new(words).ok()?;
    let is_credit = reader.byte().ok()? == CREDIT;
    let (start, count) = (reader.varint().ok()?, reader.varint().ok()?);
    is_credit.then_some((u32::try_from(start).ok()? as usize, usize::try_from(count).ok()?))
}

impl Deeds for Endless {
    fn say(&mut self, _: SimPeer, mut message: SyncMessage) -> Vec<SyncMessage> {
        match opening(&mut message) {
            Some(_) => (0..OPENINGS).flat_map(|_| self.open()).collect(),
            None => vec![message],
        }
    }

    fn hear(&mut self, message: &SyncMessage) -> Option<Vec<SyncMessage>> {
        let SyncMessage::Session(message) = message else { return None };
        let SessionMessage { session, part: heard } = &**message;
        Some(match heard {
            Part::Open(_) => vec![self.ask(*session)],
            Part::Words(words) => self.stream(*session, words),
            Part::Give { tuples, .. } => {
                vec![part(*session, Part::Give { tuples: tuples.clone(), last: false }), self.ask(*session)]
            }
            _ => Vec::new(),
        })
    }
}

/// Says wrong numbers, and wrong fingerprints.
#[derive(Debug)]
pub(super) struct FalseCounts {
    /// The words of the honest nodes' method may begin with how many items there are.
    counts_items: bool,
    rng: Philox,
}

impl FalseCounts {
    pub(super) const fn new(method: MethodKind, rng: Philox) -> Self {
        use MethodKind::{KeyedRiblt, KeyedRibltLong, Riblt, TwoLevel, VersionedRiblt, VersionedRibltLong};
        let counts_items =
            matches!(method, Riblt | KeyedRiblt | VersionedRiblt | TwoLevel | KeyedRibltLong | VersionedRibltLong);
        Self { counts_items, rng }
    }

    fn number(&mut self) -> u32 {
        [0, 1, 1_000_000, u32::MAX][below(&mut self.rng, 4) as usize]
    }

    /// The same cells of a set of another size.
    fn change_items(&mut self, words: &mut Vec<u8>) {
        const ROOM: usize = 10;
        if let Some((place, items)) = items(words).filter(|_| self.counts_items && words.len() + ROOM <= WORDS_LEN_MAX)
        {
            let mut number = Vec::new();
            put_varint(&mut number, u64::from(self.number()));
            words.splice(place..place + varint_len(items), number);
        }
    }
}

/// Where a run of cells says how many items there are, and what.
fn items(words: &[u8]) -> Option<(usize, u64)> {
    let mut reader = Reader::new(words).ok()?;
    let holds_cells = reader.byte().ok()? == CELLS;
    let (start, items) = (reader.varint().ok()?, reader.varint().ok()?);
    holds_cells.then_some((1 + varint_len(start), items))
}

impl Deeds for FalseCounts {
    fn say(&mut self, _: SimPeer, message: SyncMessage) -> Vec<SyncMessage> {
        let SyncMessage::Session(mut message) = message else { return vec![message] };
        match &mut message.part {
            Part::Open(opening) => {
                (opening.tuples, opening.authors) = (self.number(), self.number());
                self.change_items(&mut opening.words);
            }
            Part::Words(words) => self.change_items(words),
            Part::Check(check) => match below(&mut self.rng, 3) {
                0 => check.fingerprint.0[0] ^= 1,
                1 => check.given = 0,
                _ => check.given = u32::MAX,
            },
            _ => {}
        }
        vec![SyncMessage::Session(message)]
    }
}
