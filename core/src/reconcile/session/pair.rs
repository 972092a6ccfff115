//! Both sides of a session in one place, with nothing between them: what tests and benchmarks run. Messages are encoded,
//! so that every byte is counted, and arrive in their order.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use crate::reconcile::coding::Salt;
use crate::reconcile::message::SyncMessage;
use crate::reconcile::session::work::Work;
use crate::reconcile::session::{IdLength, Index, Meeting, MethodKind, Part, Session, SessionMessage, Terms, Verdict};
use crate::store::{Keys, Outcome, Store, Tuple};
use crate::wire::Message;
use alloc::boxed::Box;
use alloc::sync::Arc;

/// A store and its index.
#[derive(Clone, Debug)]
pub struct Side {
    store: Store,
    index: Index,
    met: Option<Meeting>,
}

/// What a session took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transcript {
    /// How the session ended at its opener and at the other side.
    pub verdicts: [Verdict; 2],
    /// Bytes of all messages.
    pub bytes: u64,
    /// Bytes of those that found out what differs: the opening and the method's words.
    pub search_bytes: u64,
    /// Bytes of tuples.
    pub tuple_bytes: u64,
    /// Bytes of the closing checks.
    pub check_bytes: u64,
    /// How many messages.
    pub messages: u32,
    /// How many times one side had to wait for the other: half round trips.
    pub flights: u32,
    /// What the opener and the other side computed.
    pub work: [Work; 2],
    /// What the method took in its own units: see [`Session::units_taken`].
    pub units: u64,
}

/// Is told whose turn it is, so that a host with a clock can tell what each side spends: there is none in here.
pub trait Watch {
    /// A side, 0 for the opener, begins to open the session or to handle a message.
    fn begin(&mut self, side: usize);

    /// It is done with it.
    fn end(&mut self, side: usize);
}

/// Nobody watches.
impl Watch for () {
    fn begin(&mut self, _: usize) {}

    fn end(&mut self, _: usize) {}
}

impl Side {
    /// A store under the salt of an epoch, with short ids.
    pub fn new(store: Store, salt: Salt) -> Self {
        Self::with_ids(store, salt, IdLength::Short)
    }

    /// A store under the salt of an epoch.
    pub fn with_ids(store: Store, salt: Salt, ids: IdLength) -> Self {
        Self { index: Index::with_ids(&store, salt, ids), store, met: None }
    }

    /// The store.
    pub const fn store(&self) -> &Store {
        &self.store
    }

    /// The index.
    pub const fn index(&self) -> &Index {
        &self.index
    }

    /// The index, to keep prefixes in it.
    pub const fn index_mut(&mut self) -> &mut Index {
        &mut self.index
    }

    /// What this side remembers of the other one in the sessions that follow.
    pub const fn remember(&mut self, met: Option<Meeting>) {
        self.met = met;
    }

    /// Offers a tuple to the store, and has the index follow.
    pub fn offer<K: Keys>(&mut self, tuple: &Arc<Tuple>, keys: &K) -> Outcome {
        let outcome = self.store.offer(tuple, keys).outcome;
        if let Outcome::Adopted(replaced) = &outcome {
            replaced.iter().for_each(|old| self.index.remove(old));
            self.index.insert(tuple);
        }
        outcome
    }
}

/// Runs one session from `opener` to `other`.
pub fn run<K: Keys>(
    kind: MethodKind,
    salted: bool,
    nonces: [u64; 2],
    room: usize,
    sides: [&mut Side; 2],
    keys: &K,
) -> Transcript {
    run_watched(kind, salted, nonces, room, sides, keys, &mut ())
}

/// The same, with somebody who is told whose turn it is.
pub fn run_watched<K: Keys, W: Watch>(
    kind: MethodKind,
    salted: bool,
    nonces: [u64; 2],
    room: usize,
    sides: [&mut Side; 2],
    keys: &K,
    watch: &mut W,
) -> Transcript {
    let [opener, other] = sides;
    watch.begin(0);
    let terms = Terms { method: kind, salted, room, met: opener.met };
    let (mut session, opening) = Session::open(1, terms, nonces[0], &opener.store, &opener.index);
    watch.end(0);
    let work = session.take_work();
    let mut run = Conversation {
        sessions: [Some(session), None],
        queue: VecDeque::new(),
        transcript: Transcript {
            verdicts: [Verdict::Open; 2],
            bytes: 0,
            search_bytes: 0,
            tuple_bytes: 0,
            check_bytes: 0,
            messages: 0,
            flights: 0,
            work: [work, Work::default()],
            units: 0,
        },
    };
    run.post(1, 1, Vec::from([opening]));
    let sides = [opener, other];
    while let Some((to, flight, message)) = run.queue.pop_front() {
        run.transcript.flights = run.transcript.flights.max(flight);
        watch.begin(to);
        let out = run.deliver(to, nonces[1], &message, sides[to], keys);
        watch.end(to);
        run.post(1 - to, flight + 1, out);
    }
    run.transcript
}

struct Conversation {
    sessions: [Option<Session>; 2],
    queue: VecDeque<(usize, u32, SessionMessage)>,
    transcript: Transcript,
}

impl Conversation {
    fn post(&mut self, to: usize, flight: u32, messages: Vec<SessionMessage>) {
        for message in messages {
            let transcript = &mut self.transcript;
            if let Part::Give { tuples, .. } = &message.part {
                transcript.tuple_bytes += tuples.iter().map(|tuple| tuple.encoded_len() as u64).sum::<u64>();
            }
            let kept = message.clone();
            let bytes = SyncMessage::Session(Box::new(message)).encoded_len() as u64;
            transcript.bytes += bytes;
            transcript.messages += 1;
            match kept.part {
                Part::Open(_) | Part::Words(_) => transcript.search_bytes += bytes,
                Part::Check(_) => transcript.check_bytes += bytes,
                _ => {}
            }
            self.queue.push_back((to, flight, kept));
        }
    }

    fn deliver<K: Keys>(
        &mut self,
        to: usize,
        nonce: u64,
        message: &SessionMessage,
        side: &mut Side,
        keys: &K,
    ) -> Vec<SessionMessage> {
        let mut out = Vec::new();
        let verdict = if let Part::Open(opening) = &message.part {
            let (session, verdict) =
                Session::answer(message.session, opening, nonce, side.met, &side.store, &side.index, &mut out);
            self.sessions[to] = session;
            verdict
        } else {
            if let Part::Give { tuples, .. } = &message.part {
                tuples.iter().for_each(|tuple| drop(side.offer(tuple, keys)));
            }
            let Some(session) = &mut self.sessions[to] else { return out };
            session.handle(&message.part, &side.store, &side.index, &mut out)
        };
        if let Some(session) = &mut self.sessions[to] {
            self.transcript.work[to].merge(session.take_work());
        }
        let units = self.sessions[to].as_ref().map_or(0, Session::units_taken);
        self.transcript.units = self.transcript.units.max(units);
        self.transcript.verdicts[to] = verdict;
        if verdict != Verdict::Open {
            self.sessions[to] = None;
        }
        out
    }
}
