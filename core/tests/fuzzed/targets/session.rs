//! One side of a session, whose peer is the bytes: a byte of flags, then a piece for each thing that the peer says. A piece is
//! the tag of a part and the part; but words are said as they stand, and whoever is not the opener hears first the sizes that
//! the opening claims, and its words. So the bytes that only a method reads are the fuzzer's own, with nothing around them.

use std::collections::VecDeque;

use rapprochement_core::reconcile::session::pair::{self, Side};
use rapprochement_core::reconcile::session::{MethodKind, Opening, Part, Session, SessionMessage, Terms, Verdict};
use rapprochement_core::reconcile::{SYNC_MESSAGE_LEN_MAX, SyncMessage};
use rapprochement_core::store::SetHash;
use rapprochement_core::wire::Message;

use super::messages::canonical;
use super::world::{Author, check, pieces, put_piece, sides};

const OPENS: u8 = 1;
const SALTED: u8 = 2;
const KEPT: u8 = 4;
/// The first message of a room that holds some cells, but not enough of them.
const ROOM: usize = 300;
/// The most that a session may be made to say, in bytes: the longest code there is, once, in cells of 33 bytes and more.
const SAID_MAX: usize = 40 << 20;
const WORDS: u8 = 2;

fn terms(method: MethodKind, salted: bool) -> Terms {
    Terms { method, salted, room: ROOM, met: None }
}

pub(super) fn run(kind: MethodKind, bytes: &[u8]) {
    let Some((flags, script)) = bytes.split_first() else { return };
    let [mut side, mut honest] = sides(flags & KEPT > 0);
    let before = side.clone();
    let mut script = pieces(script);
    let mut said = Vec::new();
    let opened = if flags & OPENS > 0 {
        Session::open(1, terms(kind, flags & SALTED > 0), 5, side.store(), side.index()).0
    } else {
        let Some(opening) = script.next().and_then(|piece| opening(kind, flags & SALTED > 0, piece)) else { return };
        let (session, verdict) = Session::answer(1, &opening, 6, None, side.store(), side.index(), &mut said);
        assert_ne!(verdict, Verdict::Equal, "the roots differ");
        if verdict != Verdict::Open {
            return check_said(&said);
        }
        session.expect("an open session is there")
    };
    let mut session = opened;
    for part in script.filter_map(part) {
        if let Part::Give { tuples, .. } = &part {
            tuples.iter().for_each(|tuple| drop(side.offer(tuple, &Author(0))));
        }
        if session.handle(&part, side.store(), side.index(), &mut said) != Verdict::Open {
            break;
        }
    }
    check_said(&said);
    check(side.store(), before.store());
    assert_eq!(side.index().len(), side.store().len());
    if side.store().root_digest() == before.store().root_digest() {
        assert_eq!(side.store().len(), before.store().len());
    } else {
        converge(kind, &mut side, &mut honest);
    }
}

/// Sessions with an honest peer make both equal. Where authors are compared by their newest versions that takes a second one,
/// which is salted. What the classic form leaves apart is for another method.
fn converge(kind: MethodKind, side: &mut Side, honest: &mut Side) {
    let kind = if kind.repairs() { kind } else { MethodKind::Summary };
    let mut run = |salted| pair::run(kind, salted, [21, 22], ROOM, [&mut *side, &mut *honest], &Author(0)).verdicts;
    let mut verdicts = run(false);
    if kind.compares_authors() && verdicts != [Verdict::Equal; 2] {
        verdicts = run(true);
    }
    assert_eq!(verdicts, [Verdict::Equal; 2]);
    assert_eq!(side.store().root_digest(), honest.store().root_digest());
}

fn check_said(said: &[SessionMessage]) {
    let mut total = 0;
    for message in said {
        let message = SyncMessage::Session(Box::new(message.clone()));
        let len = message.encoded_len();
        assert!(len <= SYNC_MESSAGE_LEN_MAX);
        total += len;
        if len < 4096 {
            let mut bytes = Vec::new();
            message.encode(&mut bytes);
            assert_eq!(canonical(&bytes), Some(message));
        }
    }
    assert!(total <= SAID_MAX);
}

fn opening(kind: MethodKind, salted: bool, piece: &[u8]) -> Option<Opening> {
    let (tuples, rest) = piece.split_first_chunk()?;
    let (authors, words) = rest.split_first_chunk()?;
    let (tuples, authors) = (u32::from_le_bytes(*tuples), u32::from_le_bytes(*authors));
    Some(Opening { method: kind, salted, nonce: 5, root: SetHash([9; 16]), tuples, authors, words: words.to_vec() })
}

fn part(piece: &[u8]) -> Option<Part> {
    let (&tag, rest) = piece.split_first()?;
    if tag == WORDS {
        return Some(Part::Words(rest.to_vec()));
    }
    let bytes = [&[tag.checked_add(FIRST_TAG)?, 1, 0, 0, 0], rest].concat();
    match canonical(&bytes)? {
        SyncMessage::Session(message) => Some(message.part),
        _ => None,
    }
}

/// The tag of an opening among all messages.
const FIRST_TAG: u8 = 6;

/// What an honest peer says in a session, as a script: by each side, salted or not, with kept cells or without.
pub(super) fn seeds(kind: MethodKind) -> Vec<Vec<u8>> {
    let seed = |flags: u8| {
        let mut seed = vec![flags];
        let messages = converse(kind, flags & SALTED > 0, flags & OPENS > 0, sides(flags & KEPT > 0));
        for message in messages.into_iter().filter(|(to, _)| *to == 0).map(|(_, message)| message) {
            put_piece(&mut seed, &piece(message));
        }
        seed
    };
    (0..8).map(seed).collect()
}

fn piece(message: SessionMessage) -> Vec<u8> {
    match message.part {
        Part::Open(opening) => {
            [&opening.tuples.to_le_bytes(), &opening.authors.to_le_bytes(), opening.words.as_slice()].concat()
        }
        Part::Words(words) => [&[WORDS], words.as_slice()].concat(),
        part => {
            let mut bytes = Vec::new();
            SyncMessage::Session(Box::new(SessionMessage { session: 1, part })).encode(&mut bytes);
            // Without the session's number.
            [&[bytes[0] - FIRST_TAG], &bytes[5..]].concat()
        }
    }
}

/// All messages of such a session, as they stand on the wire.
pub(super) fn heard(kind: MethodKind, salted: bool) -> Vec<Vec<u8>> {
    let encoded = |(_, message)| {
        let mut bytes = Vec::new();
        SyncMessage::Session(Box::new(message)).encode(&mut bytes);
        bytes
    };
    converse(kind, salted, true, sides(false)).into_iter().map(encoded).collect()
}

/// A session between honest sides: what was said, and to whom. The first side opens, or the second.
fn converse(kind: MethodKind, salted: bool, opens: bool, mut sides: [Side; 2]) -> Vec<(usize, SessionMessage)> {
    let opener = usize::from(!opens);
    let side = &sides[opener];
    let (session, opening) = Session::open(1, terms(kind, salted), 5, side.store(), side.index());
    let mut sessions = [None, None];
    sessions[opener] = Some(session);
    let mut queue = VecDeque::from([(1 - opener, opening)]);
    let mut all = Vec::new();
    while let Some((to, message)) = queue.pop_front() {
        let (side, mut out) = (&mut sides[to], Vec::new());
        if let Part::Give { tuples, .. } = &message.part {
            tuples.iter().for_each(|tuple| drop(side.offer(tuple, &Author(0))));
        }
        match (&message.part, &mut sessions[to]) {
            (Part::Open(opening), session) => {
                *session = Session::answer(1, opening, 6, None, side.store(), side.index(), &mut out).0;
            }
            (part, Some(session)) => _ = session.handle(part, side.store(), side.index(), &mut out),
            (_, None) => {}
        }
        all.push((to, message));
        queue.extend(out.into_iter().map(|message| (1 - to, message)));
    }
    let [a, b] = sides.each_ref().map(|side| side.store().root_digest());
    assert!(a == b || kind.compares_authors() || !kind.repairs(), "seeds show how it is done");
    all
}
