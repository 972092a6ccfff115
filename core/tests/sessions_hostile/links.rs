//! A link that drops, repeats, reorders, cuts and changes messages, between two sides that know nothing of it. Whatever it
//! does, nobody panics, stores hold only what their authors signed and nothing older than before, and the next session
//! makes them equal.

use std::collections::VecDeque;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use rapprochement_core::reconcile::SyncMessage;
use rapprochement_core::reconcile::session::pair::{self, Side};
use rapprochement_core::reconcile::session::{MethodKind, Part, Session, SessionMessage, Verdict};
use rapprochement_core::store::{Outcome, Store};
use rapprochement_core::wire::Message;

use crate::world::{ANYBODY, EPOCH, terms, tuple};

/// What the link does to the message at the head of the queue.
#[derive(Clone, Debug)]
enum Deed {
    Pass,
    Drop,
    Repeat,
    Delay,
    Cut(prop::sample::Index),
    Change(prop::sample::Index, u8),
    Replace(Vec<u8>),
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        6 => Just(Deed::Pass),
        1 => Just(Deed::Drop),
        2 => Just(Deed::Repeat),
        2 => Just(Deed::Delay),
        1 => any::<prop::sample::Index>().prop_map(Deed::Cut),
        4 => (any::<prop::sample::Index>(), 1..=u8::MAX).prop_map(|(at, flip)| Deed::Change(at, flip)),
        1 => (6..14u8, prop::collection::vec(any::<u8>(), 0..40)).prop_map(|(tag, bytes)| {
            Deed::Replace([&[tag, 1, 0, 0, 0], bytes.as_slice()].concat())
        }),
    ]
}

/// Author, key, version, value, and the sides that hold it: few of each, so that everything collides that can.
type Write = (u8, u8, u64, u8, u8);

fn writes() -> impl Strategy<Value = Vec<Write>> {
    let holders = prop::sample::select(vec![1u8, 2, 3]);
    prop::collection::vec((0..6u8, 0..12u8, 1..9u64, 0..3u8, holders), 1..60)
}

fn sides(writes: &[Write]) -> [Side; 2] {
    let mut sides = [0, 1].map(|_| Side::new(Store::default(), EPOCH));
    for &(author, key, version, value, holders) in writes {
        let tuple = tuple(author, &[key], version, &[value]);
        for (bit, side) in sides.iter_mut().enumerate() {
            if holders >> bit & 1 == 1 {
                side.offer(&tuple, &ANYBODY);
            }
        }
    }
    sides
}

/// The bytes of a message, which say what they are.
fn encoded(message: SessionMessage) -> Vec<u8> {
    let message = SyncMessage::Session(Box::new(message));
    let mut bytes = Vec::new();
    message.encode(&mut bytes);
    assert_eq!(bytes.len(), message.encoded_len());
    assert_eq!(SyncMessage::decode(&bytes), Ok(message));
    bytes
}

/// Both ends and the link between them.
struct Link<'a> {
    sides: &'a mut [Side; 2],
    sessions: [Option<Session>; 2],
    queue: VecDeque<(usize, Vec<u8>)>,
}

impl Link<'_> {
    /// Runs one session, and does these deeds to its first messages.
    fn run(sides: &mut [Side; 2], kind: MethodKind, salted: bool, deeds: Vec<Deed>) {
        let [opener, _] = &sides;
        let (session, opening) = Session::open(1, terms(kind, salted), 11, opener.store(), opener.index());
        let queue = VecDeque::from([(1, encoded(opening))]);
        let mut link = Link { sides, sessions: [Some(session), None], queue };
        let mut deeds = deeds.into_iter();
        let mut messages = 0;
        while let Some((to, bytes)) = link.queue.pop_front() {
            messages += 1;
            assert!(messages < 2000, "{} does not end", kind.name());
            match deeds.next().unwrap_or(Deed::Pass) {
                Deed::Pass => link.deliver(to, &bytes),
                Deed::Drop => {}
                Deed::Repeat => (0..2).for_each(|_| link.deliver(to, &bytes)),
                Deed::Delay => link.queue.push_back((to, bytes)),
                Deed::Cut(at) => link.deliver(to, &bytes[..at.index(bytes.len())]),
                Deed::Change(at, flip) => {
                    let mut bytes = bytes;
                    let at = at.index(bytes.len());
                    bytes[at] ^= flip;
                    link.deliver(to, &bytes);
                }
                Deed::Replace(bytes) => link.deliver(to, &bytes),
            }
        }
    }

    fn deliver(&mut self, to: usize, bytes: &[u8]) {
        let Ok(message) = SyncMessage::decode(bytes) else {
            self.sessions[to] = None;
            return;
        };
        let mut again = Vec::new();
        message.encode(&mut again);
        assert_eq!((again.as_slice(), message.encoded_len()), (bytes, bytes.len()));
        let SyncMessage::Session(message) = message else { return };
        let (side, mut out) = (&mut self.sides[to], Vec::new());
        let verdict = match (&message.part, &mut self.sessions[to]) {
            (Part::Open(opening), session @ None) => {
                let answer = Session::answer(message.session, opening, 12, None, side.store(), side.index(), &mut out);
                *session = answer.0;
                answer.1
            }
            (_, None) => return,
            (part, Some(session)) => {
                if let Part::Give { tuples, .. } = part {
                    tuples.iter().for_each(|tuple| drop(side.offer(tuple, &ANYBODY)));
                }
                session.handle(part, side.store(), side.index(), &mut out)
            }
        };
        if verdict != Verdict::Open {
            self.sessions[to] = None;
        }
        self.queue.extend(out.into_iter().map(|message| (1 - to, encoded(message))));
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 300, failure_persistence: None, rng_seed: RngSeed::Fixed(31), ..ProptestConfig::default()
    })]

    #[test]
    fn no_link_harms_a_store(
        writes in writes(),
        kind in prop::sample::select(MethodKind::ALL),
        salted: bool,
        deeds in prop::collection::vec(deed(), 1..12),
    ) {
        let all: Vec<Write> = writes.iter().map(|&(a, k, v, x, _)| (a, k, v, x, 1)).collect();
        let [join, _] = sides(&all);
        let mut sides = sides(&writes);
        let before = sides.clone();
        Link::run(&mut sides, kind, salted, deeds);
        for (side, before) in sides.iter().zip(&before) {
            for held in side.store().iter() {
                let (author, key) = (held.author().0[0], held.key()[0]);
                let said = writes.iter().any(|&(a, k, v, x, _)| {
                    (a, k) == (author, key) && tuple(a, &[k], v, &[x]) == *held
                });
                prop_assert!(said, "{held:?}");
            }
            for old in before.store().iter() {
                let now = side.store().get(&old.author(), old.key());
                prop_assert!(now.is_some_and(|now| now.precedence(old).is_ge()));
            }
            // The index went along.
            prop_assert_eq!(side.index().len(), side.store().len());
        }
        // Gaps below an author's newest version show once the newest versions agree; the second session is salted.
        if !kind.repairs() {
            // The classic form sees neither gaps nor equivocation, of which these writes are full.
            return Ok(());
        }
        let sessions = if kind.compares_authors() { 2 } else { 1 };
        let [a, b] = &mut sides;
        let run = |turn: u32| pair::run(kind, salted || turn > 0, [21, 22], 1200, [&mut *a, &mut *b], &ANYBODY).verdicts;
        let verdicts = (0..sessions).map(run).last();
        prop_assert_eq!(verdicts, Some([Verdict::Equal; 2]), "{}", kind.name());
        for side in &sides {
            prop_assert_eq!(side.store().root_digest(), join.store().root_digest());
        }
    }

    /// What decodes is the encoding of what it decodes to, and nothing panics, in a session or out of it.
    #[test]
    fn any_bytes_are_a_message_or_none(
        tag in 6..14u8,
        bytes in prop::collection::vec(prop_oneof![2 => 0..4u8, 1 => any::<u8>()], 0..200),
        kind in prop::sample::select(MethodKind::ALL),
        words in prop::collection::vec(prop::collection::vec(prop_oneof![2 => 0..4u8, 1 => any::<u8>()], 0..60), 1..4),
    ) {
        let bytes = [&[tag], bytes.as_slice()].concat();
        if let Ok(message) = SyncMessage::decode(&bytes) {
            let mut again = Vec::new();
            message.encode(&mut again);
            prop_assert_eq!((again, message.encoded_len()), (bytes.clone(), bytes.len()));
        }
        // Words are bytes that only the method reads: they are said to its opener, and then as an opening.
        let mut side = Side::new(Store::default(), EPOCH);
        for key in 0..20 {
            prop_assert_eq!(side.offer(&tuple(1, &[key], 1, b""), &ANYBODY).clone(), Outcome::Adopted(None));
        }
        let (mut session, opening) = Session::open(1, terms(kind, false), 11, side.store(), side.index());
        for words in &words {
            if session.handle(&Part::Words(words.clone()), side.store(), side.index(), &mut Vec::new()) != Verdict::Open {
                break;
            }
        }
        let Part::Open(mut opening) = opening.part else { unreachable!() };
        opening.root.0[0] ^= 1;
        opening.words = words[0].clone();
        let (session, _) = Session::answer(1, &opening, 12, None, side.store(), side.index(), &mut Vec::new());
        let mut session = session.unwrap();
        for words in words.into_iter().skip(1) {
            session.handle(&Part::Words(words), side.store(), side.index(), &mut Vec::new());
        }
    }
}
