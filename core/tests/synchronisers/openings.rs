//! A peer that opens sessions without end.

use rapprochement_core::reconcile::SyncMessage;
use rapprochement_core::reconcile::session::{Ask, Index, MethodKind, Part, Session, SessionMessage};
use rapprochement_core::store::Store;
use rapprochement_core::time::Duration;
use rapprochement_core::wire::Message;

use crate::host::Host;
use crate::subjects::{INTERVAL, Sessions};

/// An opening of a node that holds nothing.
fn opening(number: u32) -> SyncMessage {
    let (store, index) = (Store::default(), Index::empty());
    let (_, message) = Session::open(number, MethodKind::Summary, false, 7, &store, &index, 0);
    SyncMessage::Session(Box::new(message))
}

/// How many messages of this class a node sends when it gets these.
fn answers(host: &mut Host<Sessions>, from: u32, messages: impl Iterator<Item = SyncMessage>, class: &str) -> usize {
    let before = host.sent.len();
    messages.for_each(|message| host.deliver(from, 0, &message));
    host.sent[before..].iter().filter(|(sent, _)| SyncMessage::CLASSES[*sent] == class).count()
}

fn host() -> Host<Sessions> {
    let mut host = Host::new(3, 0, 1);
    host.write(0, b"key", b"value");
    host
}

#[test]
fn openings_of_one_peer_are_answered_a_few_times_an_interval() {
    let mut host = host();
    for round in 0..3 {
        assert_eq!(answers(&mut host, 1, (0..100).map(|i| opening(100 * round + i)), "words"), 4);
        // Others are not held to it.
        assert_eq!(answers(&mut host, 2, [opening(round)].into_iter(), "words"), 1);
        host.now = host.now + INTERVAL;
    }
}

/// A datagram may come twice; the second is not the beginning of another session.
#[test]
fn an_opening_that_comes_twice_is_answered_once() {
    assert_eq!(answers(&mut host(), 1, [opening(5), opening(5)].into_iter(), "words"), 1);
}

/// However long somebody goes on opening, the session of somebody else is still there.
#[test]
fn no_peer_pushes_the_sessions_of_another_out() {
    let mut host = host();
    host.deliver(2, 0, &opening(7));
    for number in 0..300 {
        host.deliver(1, 0, &opening(number));
        host.now = host.now + Duration::from_nanos(INTERVAL.as_nanos() / 4);
    }
    let ask = Part::Ask { asks: vec![Ask { id: 1, version: 0 }], states: false, back: true };
    let ask = SyncMessage::Session(Box::new(SessionMessage { session: 7, part: ask }));
    assert_eq!(answers(&mut host, 2, [ask].into_iter(), "give"), 1);
}
