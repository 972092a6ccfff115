//! What a few bytes of a peer can cost. Words are written out byte by byte: a tag, then integers.

use std::sync::Arc;

use rapprochement_core::peer::PeerId;
use rapprochement_core::reconcile::SYNC_MESSAGE_LEN_MAX;
use rapprochement_core::reconcile::coding::{Prefix, Riblt};
use rapprochement_core::reconcile::session::pair;
use rapprochement_core::reconcile::session::work::{self, Work};
use rapprochement_core::reconcile::session::{
    Ask, Index, Item, MethodKind, Opening, Part, REQUESTS_MAX, Session, SessionError, Verdict,
};
use rapprochement_core::store::{SetHash, Tuple};
use rapprochement_core::wire::put_varint;

use crate::world::{ANYBODY, Driven, EPOCH, bytes, given, numbered, terms, tuple};

fn words(tag: &[u8], integers: &[u64]) -> Part {
    let mut words = tag.to_vec();
    integers.iter().for_each(|&integer| put_varint(&mut words, integer));
    Part::Words(words)
}

const OUT_OF_TURN: Verdict = Verdict::Failed(SessionError::OutOfTurn);
const TOO_MANY: Verdict = Verdict::Failed(SessionError::TooMany);

/// A credit of several messages does its work before the last of them has come; what comes then is no error.
#[test]
fn the_rest_of_a_credit_may_come_after_the_end() {
    for kind in [MethodKind::Riblt, MethodKind::KeyedRiblt] {
        for items in [4500, 4600, 4650] {
            let (mut full, mut empty) = (numbered(0..items), numbered(0..0));
            let transcript = pair::run(kind, false, [1, 2], 1200, [&mut full, &mut empty], &ANYBODY);
            assert_eq!(transcript.verdicts, [Verdict::Equal; 2], "{} {items}", kind.name());
        }
    }
}

/// However much room the first message has, no more cells go into it than any peer takes of stores so small.
#[test]
fn a_large_first_message_is_no_flood() {
    let long = [MethodKind::KeyedRibltLong, MethodKind::VersionedRibltLong];
    let short = [MethodKind::Riblt, MethodKind::KeyedRiblt, MethodKind::VersionedRiblt, MethodKind::TwoLevel];
    for kind in short.into_iter().chain(long) {
        for [mine, theirs] in [[3, 60], [60, 3], [0, 5], [5, 0]] {
            let (mut a, mut b) = (numbered(0..mine), numbered(0..theirs));
            let transcript = pair::run(kind, false, [1, 2], 60_000, [&mut a, &mut b], &ANYBODY);
            assert_eq!(transcript.verdicts, [Verdict::Equal; 2], "{} {mine} {theirs}", kind.name());
        }
    }
}

/// The opener serves cells in order, each once, and in steps that neither flood nor have the store gone over for nothing.
#[test]
fn credits_are_served_in_order_and_in_steps() {
    let opening = |cells: &mut u64| {
        let driven = Driven::opener(MethodKind::KeyedRiblt, numbered(0..100));
        // As many cells of 24 bytes as fit 1,200 behind a tag, their place, and the numbers of items and of cells.
        *cells = (1200 - 4) / 24;
        driven
    };
    let mut cells = 0;
    for refused in [(0, 50), (49, 1 << 20), (49, 1), (49, 0), (60, 50), (u64::MAX, u64::MAX)] {
        let mut driven = opening(&mut cells);
        assert_eq!(cells, 49);
        assert!(bytes(&driven.hear(words(&[0], &[refused.0, refused.1]))) < 100, "{refused:?}");
        assert_eq!(driven.verdict, OUT_OF_TURN, "{refused:?}");
    }
    let mut driven = opening(&mut cells);
    assert!(bytes(&driven.hear(words(&[0], &[cells, 100]))) > 2400);
    assert_eq!(driven.verdict, Verdict::Open);
    driven.hear(words(&[0], &[cells, 100]));
    assert_eq!(driven.verdict, OUT_OF_TURN);
}

/// Cells that nobody asked for are refused, and so are cells to the side that sends them.
#[test]
fn cells_beyond_the_credit_are_refused() {
    let prefix = Prefix::build(Riblt::new(EPOCH), 4000, (1..3000u128).map(|item| item << 64 | 1));
    let run = |start, cells| {
        let mut words = vec![1];
        prefix.run(start, cells, 60_000 - 1).encode(&mut words);
        words
    };
    let side = numbered(0..10);
    let opening = Opening {
        method: MethodKind::Riblt,
        salted: false,
        nonce: 3,
        root: SetHash([9; 16]),
        tuples: u32::MAX,
        authors: 1,
        words: run(0, 10),
    };
    let mut out = Vec::new();
    let (session, verdict) = Session::answer(1, &opening, 4, None, side.store(), side.index(), &mut out);
    // No cell of ten is empty: three times as many is what is asked for.
    assert_eq!((verdict, &out[0].part), (Verdict::Open, &words(&[0], &[10, 20])));
    let mut driven = Driven { side, session: session.unwrap(), verdict };
    assert_eq!(driven.hear(Part::Words(run(10, 21))), [Part::Abort]);
    assert_eq!(driven.verdict, OUT_OF_TURN);

    let mut driven = Driven::opener(MethodKind::Riblt, numbered(0..10));
    driven.hear(Part::Words(run(0, 10)));
    assert_eq!(driven.verdict, OUT_OF_TURN);
}

/// One id in one message is one tuple, and whoever asks for the same over and over is left alone.
#[test]
fn asks_are_answered_once_each_and_not_without_end() {
    for states in [false, true] {
        let side = numbered(0..100);
        let item = side.index().items().next().unwrap().clone();
        let ask = Ask { id: if states { item.state.into() } else { item.key }, version: 0 };
        let mut driven = Driven::opener(MethodKind::PinSketch, side);
        let part = Part::Ask { asks: vec![ask; 4096], states, back: true };
        assert_eq!(given(&driven.hear(part.clone())), 1);
        let mut total = 1;
        while driven.verdict == Verdict::Open {
            total += given(&driven.hear(part.clone()));
        }
        assert_eq!(driven.verdict, TOO_MANY);
        assert!(total <= 5 * 100 + 256, "{total}");
    }
    // Requests for what is not there give nothing, and end too.
    let mut driven = Driven::opener(MethodKind::PinSketch, numbered(0..100));
    let ask = |id| Part::Ask { asks: vec![Ask { id, version: 0 }], states: true, back: false };
    assert_eq!((0..u128::MAX).take_while(|&id| driven.hear(ask(id)) != [Part::Abort]).count(), REQUESTS_MAX as usize);
    assert_eq!(driven.verdict, TOO_MANY);
}

/// The same tuples over and over, or tuples that nobody signed, are not taken without end; new ones are.
#[test]
fn gifts_are_taken_a_few_times_over() {
    let forged = |i: u64| {
        let tuple = Tuple::from_parts(PeerId([9; 32]), i + 1, &i.to_le_bytes(), Some(b"forged"), [0; 64]);
        Arc::new(tuple.unwrap())
    };
    let again: Vec<_> = numbered(0..50).store().iter().cloned().collect();
    for tuples in [again, (0..50).map(forged).collect::<Vec<_>>()] {
        let mut driven = Driven::opener(MethodKind::KeyedRiblt, numbered(0..100));
        let part = Part::Give { tuples: tuples.into(), last: false };
        let taken = (0..1000).take_while(|_| driven.hear(part.clone()).is_empty()).count();
        assert_eq!((taken, driven.verdict), ((4 * 100 + 64) / 50, TOO_MANY));
        assert_eq!(driven.side.store().len(), 100);
    }
    let mut driven = Driven::opener(MethodKind::KeyedRiblt, numbered(0..0));
    for start in (0..10_000).step_by(100) {
        let tuples: Vec<_> = numbered(start..start + 100).store().iter().cloned().collect();
        assert!(driven.hear(Part::Give { tuples: tuples.into(), last: false }).is_empty());
    }
    assert_eq!((driven.side.store().len(), driven.verdict), (10_000, Verdict::Open));
}

/// Requests by the ids of states and of authors find what is there however the store changed behind the first of them.
#[test]
fn requests_by_state_and_author_find_what_is_current() {
    let mut driven = Driven::opener(MethodKind::PinSketch, numbered(0..100));
    let items: Vec<_> = driven.side.index().items().cloned().collect();
    let ask = |item: &Item| Ask { id: item.state.into(), version: 0 };
    let all = Part::Ask { asks: items.iter().map(ask).collect(), states: true, back: false };
    assert_eq!(given(&driven.hear(all.clone())), 100);
    // A newer version of one key: its old state is nobody's any more.
    driven.side.offer(&tuple(3, &3u64.to_le_bytes(), 1000, b"newer"), &ANYBODY);
    assert_eq!(given(&driven.hear(all)), 99);
    let nobody = Part::Authors { known: Vec::new(), unknown: vec![1, 2, 2, u64::MAX], back: false, bare: false };
    assert_eq!(given(&driven.hear(nobody)), 0);
    assert_eq!(driven.verdict, Verdict::Open);
    // The store was listed by states once, and its authors once; it counts against the peer who asked.
    let mut listed = Work::default();
    listed.add(100 + 10, work::INDEX);
    assert_eq!((driven.session.take_listing(), driven.session.take_listing()), (listed, Work::default()));
}

/// An author of many keys with the longest versions makes no message that the peer would refuse for its length.
#[test]
fn asks_of_the_longest_versions_fit_a_message() {
    let mut side = numbered(0..1);
    (0u32..5000).for_each(|i| drop(side.offer(&tuple(66, &i.to_le_bytes(), u64::MAX, b""), &ANYBODY)));
    for method in [MethodKind::KeyedRiblt, MethodKind::KeyedRibltLong] {
        let index = Index::with_ids(side.store(), EPOCH, method.ids());
        let asks = index.items().map(|item| Ask { id: item.key, version: u64::MAX }).collect();
        let mut driven = Driven::opener(method, side.clone());
        let parts = driven.hear(Part::Ask { asks, states: false, back: false });
        assert!(parts.iter().filter(|part| matches!(part, Part::Ask { .. })).count() >= 2);
        assert!(parts.iter().all(|part| bytes(core::slice::from_ref(part)) <= SYNC_MESSAGE_LEN_MAX));
    }
}

/// Forged cells that name one key in many states have its tuple given once.
#[test]
fn a_key_that_is_named_often_is_given_once() {
    let side = numbered(0..2000);
    let items: Vec<_> = side.index().items().cloned().collect();
    let pair = |key: u128, state: u64| key << 64 | u128::from(state);
    let held = items.iter().map(|item| pair(item.key, item.state));
    let mut forged = Prefix::build(Riblt::new(EPOCH), 100, held);
    (1..40).for_each(|state| forged.remove(&pair(items[0].key, state)));
    let mut words = vec![1];
    forged.run(0, 100, 10_000).encode(&mut words);
    let root = SetHash([9; 16]);
    let opening =
        Opening { method: MethodKind::Riblt, salted: false, nonce: 3, root, tuples: 1961, authors: 10, words };
    let mut out = Vec::new();
    let (_, verdict) = Session::answer(1, &opening, 4, None, side.store(), side.index(), &mut out);
    let parts: Vec<Part> = out.into_iter().map(|message| message.part).collect();
    assert_eq!((verdict, given(&parts)), (Verdict::Open, 1));
}

/// What takes long to make is not made again at every request.
#[test]
fn tables_sketches_and_summaries_are_not_made_over_and_over() {
    let again: [(MethodKind, Part, Verdict); 6] = [
        (MethodKind::Iblt, words(&[1], &[1000]), OUT_OF_TURN),
        (MethodKind::PinSketch, words(&[0], &[17, 33]), OUT_OF_TURN),
        // The first half of everything.
        (MethodKind::PinSketchBisect, words(&[2, 1, 0], &[0]), OUT_OF_TURN),
        (MethodKind::KeyedRiblt, words(&[0], &[49, 100]), OUT_OF_TURN),
        (MethodKind::VersionedRiblt, words(&[0], &[37, 100]), OUT_OF_TURN),
        (MethodKind::TwoLevel, words(&[0], &[49, 100]), OUT_OF_TURN),
    ];
    for (kind, part, refusal) in again {
        let mut driven = Driven::opener(kind, numbered(0..100));
        assert!(bytes(&driven.hear(part.clone())) > 100, "{}", kind.name());
        assert_eq!(driven.verdict, Verdict::Open, "{}", kind.name());
        assert_eq!(driven.hear(part), [Part::Abort], "{}", kind.name());
        assert_eq!(driven.verdict, refusal, "{}", kind.name());
    }
    // A syndrome at a time would have the whole store sketched for each.
    let mut driven = Driven::opener(MethodKind::PinSketch, numbered(0..100));
    driven.hear(words(&[0], &[17, 18]));
    assert_eq!(driven.verdict, OUT_OF_TURN);

    for (kind, first) in [(MethodKind::Summary, vec![]), (MethodKind::Auto, vec![1])] {
        let side = numbered(0..100);
        let root = SetHash([9; 16]);
        let words = first.clone();
        let opening = Opening { method: kind, salted: false, nonce: 3, root, tuples: 1, authors: 1, words };
        let mut out = Vec::new();
        let (session, verdict) = Session::answer(1, &opening, 4, None, side.store(), side.index(), &mut out);
        let mut driven = Driven { side, session: session.unwrap(), verdict };
        assert_eq!(driven.hear(Part::Words(first)), [Part::Abort], "{}", kind.name());
        assert_eq!(driven.verdict, OUT_OF_TURN, "{}", kind.name());
    }
}

/// An empty range says that its sender has nothing in it. Said again it is not answered with the store again.
#[test]
fn ranges_of_summaries_follow_each_other() {
    let mut driven = Driven::opener(MethodKind::Summary, numbered(0..100));
    let mut range = vec![0, 1];
    range.extend([255; 32]);
    range.push(0);
    assert_eq!(given(&driven.hear(Part::Words(range.clone()))), 100);
    assert_eq!(driven.hear(Part::Words(range)), [Part::Abort]);
    assert_eq!(driven.verdict, OUT_OF_TURN);
}

/// Whoever breaks off says so, or the other side would wait.
#[test]
fn what_comes_out_of_turn_ends_the_session_on_both_sides() {
    let side = numbered(0..10);
    let (_, opening) = Session::open(1, terms(MethodKind::Range, false), 5, side.store(), side.index());
    let mut driven = Driven::opener(MethodKind::Range, side);
    assert_eq!(driven.hear(opening.part), [Part::Abort]);
    assert_eq!(driven.verdict, OUT_OF_TURN);

    // "We are equal" is an answer to the opening, and to nothing else.
    let mut driven = Driven::opener(MethodKind::KeyedRiblt, numbered(0..10));
    driven.hear(Part::Give { tuples: [tuple(1, b"new", 99, b"")].into(), last: false });
    assert_eq!(driven.hear(Part::Equal), [Part::Abort]);
    assert_eq!(driven.verdict, OUT_OF_TURN);
}
