//! What a node that reconciles grants one peer: so many sessions, for so long, and no mercy for those that prove nothing.

use rapprochement_core::peer::{Peer, SimPeer};
use rapprochement_core::protocol::Input;
use rapprochement_core::reconcile::session::{
    Check, Index, MethodKind, Opening, Part, Session, SessionMessage, Terms, salt_of,
};
use rapprochement_core::reconcile::{AuthorSummary, SyncMessage, Tick};
use rapprochement_core::store::{SetHash, Store};
use rapprochement_core::time::Duration;

use crate::host::Host;
use crate::subjects::Sessions;

/// A session may take 4 s, of intervals of 1 s: twice as many openings and 4 more are allowed in that time, and 2 salted ones.
const PATIENCE: Duration = Duration::from_secs(4);
const OPENINGS: usize = 12;
const SALTED: usize = 2;

/// Nodes with ten keys each, whose timers are not run.
fn host(nodes: u32, method: MethodKind) -> Host<Sessions> {
    let budget = MethodKind::ALL.iter().position(|&kind| kind == method).unwrap();
    let mut host = Host::new(nodes, budget, 5);
    for node in 0..nodes {
        (0..10u8).for_each(|key| host.write(node, &[key], b"value"));
    }
    host
}

fn said(number: u32, part: Part) -> SyncMessage {
    SyncMessage::Session(Box::new(SessionMessage { session: number, part }))
}

/// An opening by somebody who holds nothing.
fn opening(number: u32, method: MethodKind, salted: bool) -> SyncMessage {
    let (store, index) = (Store::default(), Index::of(&Store::default(), salt_of(1)));
    let (_, message) = Session::open(number, Terms { method, salted, room: 100, met: None }, 1, &store, &index);
    SyncMessage::Session(Box::new(message))
}

#[test]
fn a_peer_that_opens_without_end_is_answered_within_its_allowance() {
    for &method in MethodKind::ALL {
        for (salted, allowed) in [(false, OPENINGS), (true, SALTED)] {
            let mut host = host(3, method);
            let answered = |host: &mut Host<Sessions>, from| {
                let answers = |number: &u32| {
                    host.deliver(from, 0, &opening(*number, method, salted));
                    !host.answer.is_empty()
                };
                (0..500).filter(answers).count()
            };
            assert_eq!(answered(&mut host, 1), allowed, "{}", method.name());
            // Nobody else pays for it, and time makes up for it.
            assert_eq!(answered(&mut host, 2), allowed, "{}", method.name());
            host.now = host.now + PATIENCE;
            assert_eq!(answered(&mut host, 1), allowed, "{}", method.name());
        }
    }
}

/// Roots, and requests for everything: two for each opening that is allowed.
#[test]
fn a_peer_that_exchanges_without_end_is_answered_within_its_allowance() {
    let author = AuthorSummary::nothing(SimPeer(0).id());
    for message in [SyncMessage::Root(SetHash([7; 16])), SyncMessage::Request(vec![author].into_boxed_slice())] {
        let mut host = host(3, MethodKind::KeyedRiblt);
        let answered = |host: &mut Host<Sessions>, from| {
            let answers = |_: &u32| {
                host.deliver(from, 0, &message);
                !host.answer.is_empty()
            };
            (0..500).filter(answers).count()
        };
        assert_eq!(answered(&mut host, 1), 2 * OPENINGS);
        assert_eq!(answered(&mut host, 2), 2 * OPENINGS);
        host.now = host.now + PATIENCE;
        assert_eq!(answered(&mut host, 1), 2 * OPENINGS);
    }
}

/// What the node opens itself is not in the hands of whoever has used up what he may open.
#[test]
fn nodes_converge_beside_a_peer_that_opens_without_end() {
    let mut host = host(3, MethodKind::KeyedRiblt);
    for _ in 0..20 {
        for number in 0..100 {
            for to in [0, 1] {
                host.deliver(2, to, &opening(number, MethodKind::KeyedRiblt, number % 2 == 0));
            }
        }
        host.run(Duration::from_secs(1));
    }
    assert!(host.converged());
}

/// A peer that opens one session after the other has the last one only; a repeated message opens none.
#[test]
fn a_peer_takes_part_in_one_session_that_it_opened() {
    let mut host = host(2, MethodKind::Summary);
    let mut hears = |number, part| {
        host.deliver(1, 0, &said(number, part));
        host.answer.len()
    };
    let open = |number| match opening(number, MethodKind::Summary, false) {
        SyncMessage::Session(message) => message.part,
        _ => unreachable!(),
    };
    let ask = || Part::Ask { asks: Vec::new(), states: false, back: false };
    assert_eq!(hears(1, open(1)), 1);
    assert_eq!(hears(1, open(1)), 0);
    assert_eq!(hears(1, ask()), 1);
    assert_eq!(hears(2, open(2)), 1);
    assert_eq!(hears(1, ask()), 0);
    assert_eq!(hears(2, ask()), 1);
}

/// The node's own timer never fires here.
#[test]
fn a_session_that_falls_silent_is_dropped_by_the_next_message() {
    for (silence, answered) in [(PATIENCE - Duration::from_nanos(1), true), (PATIENCE, false)] {
        let mut host = host(2, MethodKind::Summary);
        host.deliver(1, 0, &opening(1, MethodKind::Summary, false));
        assert!(!host.answer.is_empty());
        host.now = host.now + silence;
        host.deliver(1, 0, &said(1, Part::Ask { asks: Vec::new(), states: false, back: false }));
        assert_eq!(!host.answer.is_empty(), answered);
    }
}

/// A peer that says of itself that it was written to cannot have that taken as an excuse for ever.
#[test]
fn several_unsettled_sessions_in_a_row_are_followed_by_a_salted_one() {
    let mut host = host(2, MethodKind::KeyedRiblt);
    let mut salted = Vec::new();
    for _ in 0..10 {
        host.give(0, Input::Timer(Tick));
        let [(SimPeer(1), SyncMessage::Session(message))] = &host.answer[..] else { panic!("{:?}", host.answer) };
        let Part::Open(Opening { salted: this, .. }) = message.part else { panic!("{message:?}") };
        salted.push(this);
        let number = message.session;
        let check = Check { nonce: 7, fingerprint: SetHash([9; 16]), given: 0, unsettled: true };
        host.deliver(1, 0, &said(number, Part::Check(check)));
        host.now = host.now + Duration::from_secs(1);
    }
    let places: Vec<_> = (0..10).filter(|&at| salted[at]).collect();
    assert_eq!(places, [4, 8]);
}
