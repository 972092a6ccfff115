//! One reconciliation between two peers, whatever the method. A session is opened with the root digest; where the stores
//! differ, a method finds out in what; then each side asks for what it lacks and gives what the other lacks; and a
//! closing check compares both stores under fresh nonces.
//!
//! | file | what it knows |
//! |---|---|
//! | `part` | what is said |
//! | `index` | the store as ids under a salt |
//! | `method` | the methods, and what they find |
//! | `everything`, `summary`, `rateless`, `two_level`, `sketch`, `table`, `walk`, `auto` | the methods themselves |
//! | `recent` | which authors changed since two peers were equal |
//! | `credit` | how many cells are asked for |
//! | `transfer` | asking and giving |
//! | `directory` | what requests by other ids than those of keys stand for |
//! | `verdict` | how sessions end |
//! | [`work`] | what a session computes, as time |
//! | [`pair`] | both sides in one place, for tests and benchmarks |
//!
//! **Trust.** Ids and cells are under the salt of an epoch, which everybody knows, and sums over them can be cancelled by
//! chosen content. So nothing rests on them: a session whose closing check fails although neither store changed for
//! another reason is a [`Verdict::Mismatch`]; where cells contradict each other it is a [`Verdict::Failed`]; and after either
//! the next one with that peer is salted with its own nonce ([`Verdict::calls_for_salt`]). Root and check are
//! collision-resistant hashes and no sums.
//!
//! **Bounds.** A session takes at most [`ROUNDS_MAX`] messages of its method, which bound their own work, and at most
//! [`REQUESTS_MAX`] requests for tuples; a request is answered with every tuple at most once, and all requests together
//! with at most a few times as many as the store holds; and of the peer's tuples it takes a few times as many as the store holds
//! once they are in it, so that whoever gives the same without end, or what nobody signed, is left alone. How often a peer may
//! open a session, how much it may have this side compute and how long it may keep silent is for the host to limit, which has
//! a clock; see `reconciler`.

mod auto;
mod credit;
mod directory;
mod everything;
mod index;
mod method;
pub mod pair;
mod part;
mod rateless;
mod recent;
mod sketch;
mod summary;
mod table;
mod transfer;
mod two_level;
mod verdict;
mod walk;
pub mod work;

use alloc::boxed::Box;
use alloc::vec::Vec;

pub use index::{IdLength, Index, Item, KeyId, salt_of};
pub use method::{MethodKind, Terms};
pub use part::{ASKS_MAX, Ask, Check, LONG_ASKS_MAX, Opening, Part, SessionMessage, WORDS_LEN_MAX};
pub use rateless::CELLS_MAX;
pub use recent::Meeting;
pub use verdict::{SessionError, Verdict};

use method::{Method, Turn};
use transfer::Transfer;
use work::Work;

use crate::store::Store;

/// The most messages that a method may take from the peer in one session.
pub const ROUNDS_MAX: u32 = 256;
/// The most requests for tuples, of either kind, that a session answers.
pub const REQUESTS_MAX: u32 = 1024;
/// How many times the store's tuples a session gives before it refuses requests, and takes before it refuses gifts. Where one
/// version of an author has two contents both sides may give the whole author twice; the tuples on top are for stores that are
/// nearly empty.
const GIVEN_TIMES_MAX: usize = 4;
const GIVEN_LEAST: usize = 64;

/// One side of a session.
#[derive(Debug)]
pub struct Session {
    number: u32,
    opener: bool,
    nonces: [u64; 2],
    /// Of this session alone, where it is salted, or its ids have another length than those of the epoch.
    index: Option<Box<Index>>,
    method: Box<dyn Method + Send>,
    rounds: u32,
    requests: u32,
    transfer: Transfer,
    /// Tuples that this side gave, and that it got.
    given: u32,
    got: u32,
    unsettled: bool,
    checked: bool,
    /// The peer's check, until everything it gave has arrived.
    check: Option<Check>,
    work: Work,
}

impl Session {
    /// Opens a session. `epoch` is the index under the common salt; a salted session makes its own, and so does one whose ids
    /// have another length.
    pub fn open(number: u32, terms: Terms, nonce: u64, store: &Store, epoch: &Index) -> (Self, SessionMessage) {
        let Terms { method: kind, salted, room, met } = terms;
        let index = own_index(kind, salted, nonce, store, epoch);
        let mut method = method::build(kind, salted, met);
        let words = method.open(index.as_deref().unwrap_or(epoch), store, room.min(WORDS_LEN_MAX));
        let opening = Opening {
            method: kind,
            salted,
            nonce,
            root: store.root_digest(),
            tuples: u32::try_from(store.len()).unwrap_or(u32::MAX),
            authors: u32::try_from(store.authors().len()).unwrap_or(u32::MAX),
            words,
        };
        let mut session = Self::new(number, true, [nonce, nonce], index, method);
        session.count_index();
        (session, SessionMessage { session: number, part: Part::Open(opening) })
    }

    /// Answers an opening: the session, unless the stores are equal, and what to say. `met` is as in [`Terms`].
    pub fn answer(
        number: u32,
        opening: &Opening,
        nonce: u64,
        met: Option<Meeting>,
        store: &Store,
        epoch: &Index,
        out: &mut Vec<SessionMessage>,
    ) -> (Option<Self>, Verdict) {
        if opening.root == store.root_digest() {
            out.push(SessionMessage { session: number, part: Part::Equal });
            return (None, Verdict::Equal);
        }
        let index = own_index(opening.method, opening.salted, opening.nonce, store, epoch);
        let mut method = method::build(opening.method, opening.salted, met);
        method.meet(opening);
        let mut session = Self::new(number, false, [opening.nonce, nonce], index, method);
        session.count_index();
        let verdict = session.words(&opening.words, store, epoch, out);
        (Some(session), verdict)
    }

    fn new(
        number: u32,
        opener: bool,
        nonces: [u64; 2],
        index: Option<Box<Index>>,
        method: Box<dyn Method + Send>,
    ) -> Self {
        Self {
            number,
            opener,
            nonces,
            index,
            method,
            rounds: 0,
            requests: 0,
            transfer: Transfer::default(),
            given: 0,
            got: 0,
            unsettled: false,
            checked: false,
            check: None,
            work: Work::default(),
        }
    }

    /// A session may have made an index of its own.
    fn count_index(&mut self) {
        self.work.add(self.index.as_ref().map_or(0, |index| index.len()), work::INDEX);
    }

    /// What this side computed since it was asked last. The host says so to its [`crate::protocol::Context::spend`].
    pub fn take_work(&mut self) -> Work {
        let mut work = self.work.take();
        work.merge(self.method.take_work());
        work
    }

    /// What this side did since it was asked last only because of how the peer asks: it listed what it holds. It is for the limits of
    /// a peer, and no part of [`Session::take_work`], since a store may well keep such lists.
    pub fn take_listing(&mut self) -> Work {
        let mut work = Work::default();
        work.add(self.transfer.take_listed(), work::INDEX);
        work
    }

    /// The number that its opener drew.
    pub const fn number(&self) -> u32 {
        self.number
    }

    /// Whether this side opened it.
    pub const fn is_opener(&self) -> bool {
        self.opener
    }

    /// The store changed for a reason outside this session.
    pub fn unsettle(&mut self) {
        self.unsettled = true;
    }

    /// Takes the peer's next message. The tuples of a [`Part::Give`] must be in the store already. `epoch` is as in
    /// [`Session::open`]. What is to be said goes to `out`.
    pub fn handle(&mut self, part: &Part, store: &Store, epoch: &Index, out: &mut Vec<SessionMessage>) -> Verdict {
        match part {
            Part::Equal if self.opener && self.heard_nothing() => return Verdict::Equal,
            Part::Open(_) | Part::Equal => return self.fail(SessionError::OutOfTurn, out),
            Part::Abort => return Verdict::Failed(SessionError::Aborted),
            Part::Words(words) => return self.words(words, store, epoch, out),
            Part::Ask { .. } | Part::Authors { .. } if !self.may_request(store) => {
                return self.fail(SessionError::TooMany, out);
            }
            Part::Ask { asks, states, back } => {
                let index = self.index.as_deref().unwrap_or(epoch);
                let parts = self.transfer.answer(asks, *states, *back, index);
                self.say(parts, out);
            }
            Part::Authors { known, unknown, back, bare } => {
                let salt = self.index.as_deref().unwrap_or(epoch).salt();
                let parts = self.transfer.compare(known, unknown, *back, *bare, salt, store);
                self.say(parts, out);
            }
            Part::Give { tuples, last } => {
                self.got = self.got.saturating_add(tuples.len() as u32);
                if !is_within(self.got, store) {
                    return self.fail(SessionError::TooMany, out);
                }
                self.work.add(tuples.len(), work::INDEX);
                let index = self.index.as_deref_mut();
                if let Some(index) = index {
                    tuples.iter().filter(|t| is_current(store, t)).for_each(|tuple| index.insert(tuple));
                }
                self.method.hear(tuples, self.index.as_deref().unwrap_or(epoch));
                if *last {
                    self.transfer.answered();
                }
                self.release(epoch, out);
            }
            Part::Check(check) => self.check = Some(*check),
        }
        self.close(store, out)
    }

    /// The answer to an opening is the first thing that its sender says.
    fn heard_nothing(&self) -> bool {
        self.rounds == 0 && self.requests == 0 && self.got == 0 && self.check.is_none()
    }

    /// Counts a request, and says whether it is to be answered.
    fn may_request(&mut self, store: &Store) -> bool {
        self.requests = self.requests.saturating_add(1);
        self.requests <= REQUESTS_MAX && is_within(self.given, store)
    }

    /// The method's turn.
    fn words(&mut self, words: &[u8], store: &Store, epoch: &Index, out: &mut Vec<SessionMessage>) -> Verdict {
        self.rounds += 1;
        if self.rounds > ROUNDS_MAX {
            return self.fail(SessionError::TooMany, out);
        }
        if self.transfer.found() {
            // What was under way when the search ended: the rest of a credit.
            return Verdict::Open;
        }
        let index = self.index.as_deref().unwrap_or(epoch);
        match self.method.handle(index, store, words) {
            Ok(Turn { say, found, then, done }) => {
                let mut parts: Vec<Part> = say.into_iter().map(Part::Words).collect();
                if let Some(found) = found {
                    parts.extend(self.transfer.begin(found, index, store));
                }
                parts.extend(then.map(Part::Words));
                if done {
                    self.transfer.finish_search();
                }
                self.say(parts, out);
                self.release(epoch, out);
                self.close(store, out)
            }
            Err(error) => self.fail(error, out),
        }
    }

    /// Gives what was held back, once it may go.
    fn release(&mut self, epoch: &Index, out: &mut Vec<SessionMessage>) {
        let parts = self.transfer.release(self.index.as_deref().unwrap_or(epoch));
        self.say(parts, out);
    }

    /// Syndromes or cells of tables that this side took from the peer, repeated attempts included, where the method has
    /// such units; 0 otherwise.
    pub fn units_taken(&self) -> u64 {
        self.method.units_taken()
    }

    fn fail(&self, error: SessionError, out: &mut Vec<SessionMessage>) -> Verdict {
        out.push(SessionMessage { session: self.number, part: Part::Abort });
        Verdict::Failed(error)
    }

    fn say(&mut self, parts: Vec<Part>, out: &mut Vec<SessionMessage>) {
        for part in parts {
            if let Part::Give { tuples, .. } = &part {
                self.given = self.given.saturating_add(tuples.len() as u32);
            }
            out.push(SessionMessage { session: self.number, part });
        }
    }

    /// Says the closing check once this side has everything, and judges the peer's once everything that it gave is here.
    fn close(&mut self, store: &Store, out: &mut Vec<SessionMessage>) -> Verdict {
        let theirs = self.check.filter(|check| check.given <= self.got);
        let mine = self.transfer.is_settled() && (self.transfer.found() || theirs.is_some());
        if mine && !self.checked {
            self.checked = true;
            self.work.add(store.authors().len(), work::DIGEST);
            let fingerprint = store.fingerprint(self.nonces);
            let check = Check { nonce: self.nonces[1], fingerprint, given: self.given, unsettled: self.unsettled };
            out.push(SessionMessage { session: self.number, part: Part::Check(check) });
        }
        let (Some(theirs), true) = (theirs, self.checked) else { return Verdict::Open };
        match theirs.fingerprint == store.fingerprint([self.nonces[0], theirs.nonce]) {
            true => Verdict::Equal,
            false if self.unsettled || theirs.unsettled => Verdict::Unsettled,
            false => Verdict::Mismatch,
        }
    }
}

fn own_index(kind: MethodKind, salted: bool, nonce: u64, store: &Store, epoch: &Index) -> Option<Box<Index>> {
    let salt = if salted { salt_of(nonce) } else { epoch.salt() };
    (salted || kind.ids() != epoch.ids()).then(|| Box::new(Index::with_ids(store, salt, kind.ids())))
}

/// Whether a session may have moved so many tuples, with what the store holds now.
fn is_within(tuples: u32, store: &Store) -> bool {
    tuples as usize <= GIVEN_TIMES_MAX * store.len() + GIVEN_LEAST
}

fn is_current(store: &Store, tuple: &crate::store::Tuple) -> bool {
    store.get(&tuple.author(), tuple.key()).is_some_and(|current| current.same_content(tuple))
}
