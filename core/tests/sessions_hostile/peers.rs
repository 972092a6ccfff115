//! Peers and authors that lie within the rules of the encoding.

use std::sync::Arc;

use rapprochement_core::peer::PeerId;
use rapprochement_core::reconcile::coding::field61::F61;
use rapprochement_core::reconcile::coding::keyed::{Entry, FormA, FormB};
use rapprochement_core::reconcile::coding::{Cell, Code, Prefix, Riblt};
use rapprochement_core::reconcile::session::pair::{self, Side};
use rapprochement_core::reconcile::session::{MethodKind, Opening, Part, Session, SessionError, Verdict};
use rapprochement_core::store::{Ed25519Keys, Keys, SetHash, Store, Tuple};
use rapprochement_core::wire::Reader;

use crate::world::{ANYBODY, Driven, EPOCH, StandIn, numbered, terms, tuple};

fn run(kind: MethodKind, salted: bool, sides: &mut [Side; 2]) -> [Verdict; 2] {
    let [a, b] = sides;
    pair::run(kind, salted, [1, 2], 1200, [a, b], &ANYBODY).verdicts
}

fn assert_equal(kind: MethodKind, sides: &[Side; 2]) {
    let [a, b] = sides.each_ref().map(|side| side.store().root_digest());
    assert_eq!(a, b, "{}", kind.name());
}

/// Accepts what it made up, as a peer does that forges.
struct Forger;

impl Keys for Forger {
    fn author(&self) -> PeerId {
        PeerId([0; 32])
    }

    fn sign(&self, _: &[u8]) -> [u8; 64] {
        [9; 64]
    }

    fn verify(&self, _: &PeerId, _: &[u8], _: &[u8; 64]) -> bool {
        true
    }

    fn shares_verdicts(&self) -> bool {
        false
    }
}

/// Real keys: the forger's store holds a newer tuple of a victim, and an unknown key of it; neither is taken, and the
/// honest tuple beside them is.
#[test]
fn forged_tuples_are_refused_by_every_method() {
    let victim = Ed25519Keys::from_secret(&[1; 32]);
    let other = Ed25519Keys::from_secret(&[2; 32]);
    let sign = |keys: &Ed25519Keys, version, key: &[u8]| Arc::new(Tuple::sign(keys, version, key, Some(b"")).unwrap());
    let (old, honest) = (sign(&victim, 3, b"k"), sign(&other, 1, b"h"));
    let forged = [b"k", b"l"]
        .map(|key| Arc::new(Tuple::from_parts(victim.author(), 9, key, Some(b"forged"), *old.signature()).unwrap()));
    for &kind in MethodKind::ALL {
        for opens in [0, 1] {
            let (mut good, mut bad) = (Side::new(Store::default(), EPOCH), Side::new(Store::default(), EPOCH));
            good.offer(&old, &victim);
            forged.iter().chain([&old, &honest]).for_each(|tuple| drop(bad.offer(tuple, &Forger)));
            let verdict = converse(kind, opens, &mut good, &mut bad, &victim);
            assert_ne!(verdict, Verdict::Equal, "{}", kind.name());
            let held: Vec<_> = good.store().iter().map(|tuple| tuple.digest()).collect();
            let mut expected = [(old.author(), old.digest()), (honest.author(), honest.digest())];
            expected.sort();
            assert_eq!(held, expected.map(|(_, digest)| digest), "{}", kind.name());
            assert!(good.store().evidence().is_empty());
        }
    }
}

/// A session between a side that checks under `keys` and a forger; `opens` tells who does. The verdict of the former.
fn converse(kind: MethodKind, opens: usize, good: &mut Side, bad: &mut Side, keys: &Ed25519Keys) -> Verdict {
    let opener = if opens == 0 { &*good } else { &*bad };
    let (session, opening) = Session::open(1, terms(kind, false), 5, opener.store(), opener.index());
    let mut sessions = [None, None];
    sessions[opens] = Some(session);
    let (mut queue, mut verdict) = (std::collections::VecDeque::from([(1 - opens, opening)]), Verdict::Open);
    while let Some((to, message)) = queue.pop_front() {
        let (side, mut out) = (if to == 0 { &mut *good } else { &mut *bad }, Vec::new());
        if let Part::Give { tuples, .. } = &message.part {
            for tuple in tuples {
                if to == 0 {
                    side.offer(tuple, keys)
                } else {
                    side.offer(tuple, &Forger)
                };
            }
        }
        let now = match (&message.part, &mut sessions[to]) {
            (Part::Open(opening), session) => {
                let (answer, verdict) = Session::answer(1, opening, 6, None, side.store(), side.index(), &mut out);
                *session = answer;
                verdict
            }
            (part, Some(session)) => session.handle(part, side.store(), side.index(), &mut out),
            (_, None) => continue,
        };
        if to == 0 {
            verdict = now;
        }
        queue.extend(out.into_iter().map(|message| (1 - to, message)));
    }
    verdict
}

/// The classic form is excused: it cannot see what these authors do, which [`classic_summaries_miss_hostile_authors`] shows.
fn repairing() -> impl Iterator<Item = &'static MethodKind> {
    MethodKind::ALL.iter().filter(|kind| kind.repairs())
}

/// Equal newest versions hide two contents under one version, and a version below them that one side never got. The closing
/// check sees both, and no later session of the classic form changes anything.
#[test]
fn classic_summaries_miss_hostile_authors() {
    let shown = |versions: [&[(u64, &[u8])]; 2]| {
        versions.map(|versions| {
            let mut side = numbered(0..50);
            for (version, value) in versions {
                side.offer(&tuple(77, &version.to_le_bytes(), *version, value), &ANYBODY);
            }
            side
        })
    };
    for versions in [[&[(5, &b"one"[..])][..], &[(5, b"other")]], [&[(1, b"x"), (3, b"x")], &[(3, b"x")]]] {
        let mut sides = shown(versions);
        let before = sides.each_ref().map(|side| side.store().root_digest());
        for salted in [false, true, false] {
            assert_eq!(run(MethodKind::Versions, salted, &mut sides), [Verdict::Mismatch; 2]);
            assert_eq!(sides.each_ref().map(|side| side.store().root_digest()), before);
        }
        assert_eq!(run(MethodKind::Summary, false, &mut sides), [Verdict::Equal; 2]);
    }
    // Where an author is merely ahead at one side, versions do.
    let mut sides = shown([&[(1, b"x"), (2, b"x")], &[(1, b"x"), (2, b"x"), (3, b"x"), (4, b"x")]]);
    assert_eq!(run(MethodKind::Versions, false, &mut sides), [Verdict::Equal; 2]);
    assert_equal(MethodKind::Versions, &sides);
}

/// Two contents under one version, of one key and of two: both sides end with the same, and with the proof where both
/// contents met.
#[test]
fn equivocating_authors_converge() {
    for &kind in repairing() {
        for [one, other] in [[b"k", b"k"], [b"k", b"l"]] {
            let mut sides = [numbered(0..50), numbered(0..50)];
            sides[0].offer(&tuple(77, one, 5, b"one"), &ANYBODY);
            sides[1].offer(&tuple(77, other, 5, b"other"), &ANYBODY);
            assert_eq!(run(kind, false, &mut sides), [Verdict::Equal; 2], "{}", kind.name());
            assert_equal(kind, &sides);
            assert!(sides.iter().any(|side| side.store().evidence().len() == 1), "{}", kind.name());
        }
    }
}

/// An author shows versions 1 and 3 to one side and 2 and 3 to the other; and one shows version 1 to one side only and
/// 2 to the other only.
#[test]
fn withheld_versions_arrive_within_two_sessions() {
    for &kind in repairing() {
        for shown in [[&[1u64, 3][..], &[2, 3]], [&[1], &[2]], [&[1, 2, 3], &[3]], [&[], &[1, 2]]] {
            let mut sides = [numbered(0..50), numbered(0..50)];
            for (side, versions) in sides.iter_mut().zip(shown) {
                for version in versions {
                    side.offer(&tuple(77, &version.to_le_bytes(), *version, b"shown"), &ANYBODY);
                }
            }
            let first = run(kind, false, &mut sides);
            if first != [Verdict::Equal; 2] {
                assert!(kind.compares_authors() && first == [Verdict::Mismatch; 2], "{} {first:?}", kind.name());
                assert_eq!(run(kind, true, &mut sides), [Verdict::Equal; 2], "{}", kind.name());
            }
            assert_equal(kind, &sides);
            let versions: std::collections::BTreeSet<u64> = shown.concat().into_iter().collect();
            let author = sides[0].store().author(&StandIn(PeerId([77; 32])).author()).unwrap();
            assert_eq!(author.tuples().len(), versions.len(), "{}", kind.name());
        }
    }
}

/// Serves whatever is asked for out of a set that is far larger than was said; how many cells that took, and the end.
fn endless<C: Code>(kind: MethodKind, prefix: &Prefix<C>, claimed: u32) -> (usize, Verdict)
where
    C::Cell: Cell,
{
    let run = |start: usize, cells: usize| {
        let run = prefix.run(start, cells, 59_999);
        let mut words = vec![1];
        run.encode(&mut words);
        (words, start + run.cells.len())
    };
    let side = numbered(0..100);
    let (words, mut sent) = run(0, 40);
    let opening =
        Opening { method: kind, salted: false, nonce: 3, root: SetHash([9; 16]), tuples: claimed, authors: 1, words };
    let mut out = Vec::new();
    let (session, verdict) = Session::answer(1, &opening, 4, None, side.store(), side.index(), &mut out);
    let mut driven = Driven { side, session: session.unwrap(), verdict };
    let mut said: Vec<Part> = out.into_iter().map(|message| message.part).collect();
    while driven.verdict == Verdict::Open {
        let Some(Part::Words(words)) = said.pop() else { panic!("{} waits", kind.name()) };
        let mut reader = Reader::new(&words[1..]).unwrap();
        let (start, count) = (reader.varint().unwrap() as usize, reader.varint().unwrap() as usize);
        while sent < start + count && driven.verdict == Verdict::Open {
            let (words, end) = run(sent, start + count - sent);
            (said, sent) = (driven.hear(Part::Words(words)), end);
        }
    }
    (sent, driven.verdict)
}

/// A stream of cells that never come to an end is given up after twice as many as both stores have items, and 64.
#[test]
fn endless_streams_end_within_the_stated_limit() {
    let entry = |i: u64| Entry::new([F61::new(i * 977)], i, i * 31);
    let riblt = Prefix::build(Riblt::new(EPOCH), 3000, (1..20_000).map(|i| u128::from(entry(i).weight().get()) << 64));
    let form_a = Prefix::build(FormA::new(EPOCH), 3000, (1..20_000).map(entry));
    let form_b = Prefix::build(FormB::new(EPOCH), 3000, (1..20_000).map(entry));
    for claimed in [0, 1000] {
        let limit = 2 * (100 + claimed as usize) + 256;
        for (kind, (cells, verdict)) in [
            (MethodKind::Riblt, endless(MethodKind::Riblt, &riblt, claimed)),
            (MethodKind::KeyedRiblt, endless(MethodKind::KeyedRiblt, &form_a, claimed)),
            (MethodKind::VersionedRiblt, endless(MethodKind::VersionedRiblt, &form_b, claimed)),
        ] {
            assert_eq!(verdict, Verdict::Failed(SessionError::TooMany), "{}", kind.name());
            assert!((limit / 4..=limit).contains(&cells), "{} {cells} {limit}", kind.name());
        }
    }
}
