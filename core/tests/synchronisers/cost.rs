//! What the protocols cost: bytes on the wire, bytes of memory, signature checks.

use std::cell::Cell;

use rapprochement_core::peer::{PeerId, SimPeer};
use rapprochement_core::reconcile::{EagerPush, SyncMessage};
use rapprochement_core::store::{Author, Keys, Outcome, Store};
use rapprochement_core::time::Duration;
use rapprochement_core::wire::Message;

use crate::host::Host;
use crate::subjects::{Eager, Full, Others, Scuttle, Sessions, StandIn, Subject};

/// Bytes for 20 nodes that write two tuples each, one minute long; all of them must end up equal.
fn bytes_of_a_small_study<Y: Subject>() -> usize {
    let mut host = Host::<Y>::new(20, 1 << 16, 8);
    for round in 0..2u8 {
        for node in 0..20 {
            host.write(node, &[round], &[round; 100]);
        }
        host.run(Duration::from_secs(30));
    }
    assert!(host.converged());
    assert_eq!(host.store(0).len(), 40);
    host.bytes_sent()
}

#[test]
fn full_push_sends_the_most() {
    let full = bytes_of_a_small_study::<Full>();
    assert!(full > bytes_of_a_small_study::<Eager>());
    assert!(full > bytes_of_a_small_study::<Scuttle>());
}

/// Between equal stores an exchange is one root digest: a tag and 16 bytes a second and node.
#[test]
fn equal_stores_cost_one_small_message_per_interval() {
    let mut host = Host::<Scuttle>::new(10, 1 << 16, 8);
    for node in 0..10 {
        host.deliver(0, node, &Scuttle::carrier(StandIn(50).tuple(1, b"k", Some(&[0; 1000]))));
    }
    host.run(Duration::from_secs(30));
    assert_eq!(host.sent.len(), 10 * 30);
    assert!(host.sent.iter().all(|&(_, len)| len == 17));
}

/// Two nodes that are equal, with this many authors; then one of them writes, twenty times over, and in the middle the other
/// crashes. The bytes that were sent before the crash, and from the crash on.
fn bytes_of_writes_between_meetings(authors: u32, crash: bool) -> [usize; 2] {
    let mut host = Host::<Sessions>::new(2, 0, 8);
    for author in 0..authors {
        for node in 0..2 {
            host.deliver(0, node, &Sessions::carrier(StandIn(100 + author).tuple(1, b"k", None)));
        }
    }
    host.run(Duration::from_secs(5));
    let mut bytes = [host.bytes_sent(), 0];
    for round in 0..20u8 {
        if round == 10 {
            bytes = [host.bytes_sent() - bytes[0], host.bytes_sent()];
            if crash {
                host.crash(1, false);
                host.restart(1);
            }
        }
        host.write(0, b"key", &[round]);
        host.run(Duration::from_secs(3));
        assert!(host.converged());
    }
    [bytes[0], host.bytes_sent() - bytes[1]]
}

/// Sessions between nodes that have met take bytes for what changed, however many authors there are. A node that crashed has
/// forgotten whom it met: the few sessions that both open before they are equal again take summaries of all.
#[test]
fn bytes_between_meetings_follow_the_writes() {
    let [before, after] = bytes_of_writes_between_meetings(20, false);
    assert_eq!(bytes_of_writes_between_meetings(120, false), [before, after]);
    let [_, forgotten] = bytes_of_writes_between_meetings(120, true);
    let summary = 120 * (32 + 1 + 16);
    assert!((summary..4 * summary).contains(&(forgotten - after)), "{forgotten} {after}");
    // One author's id, summary and tuple in each of ten sessions, two openings a second between equal stores.
    assert!(before < 10 * 600 + 60 * 60, "{before}");
}

/// Whatever the store, a delta stays within its budget, and a chunk within its message.
#[test]
fn budgets_and_chunks_hold() {
    for budget in [1_000, 100_000] {
        let mut host = Host::<Scuttle>::new(2, budget, 8);
        for key in 0..300u32 {
            host.write(key % 2, &key.to_be_bytes(), &vec![0; 900]);
        }
        let single = host.store(0).iter().map(|tuple| tuple.encoded_len()).max().unwrap();
        host.run(Duration::from_secs(3));
        let deltas: Vec<_> = host.sent.iter().filter(|(class, _)| *class == 5).map(|&(_, len)| len).collect();
        assert!(!deltas.is_empty());
        assert!(deltas.iter().all(|&len| len <= budget.max(single).min(64 << 10) + 3));
        assert_eq!(deltas.iter().any(|&len| len > 60_000), budget > 60_000);
    }
    let mut full = Host::<Full>::new(2, 0, 8);
    for key in 0..5u32 {
        full.write(0, &key.to_be_bytes(), &vec![0; 30_000]);
    }
    full.run(Duration::from_secs(1));
    let states: Vec<_> = full.sent.iter().map(|&(_, len)| len / 30_000).collect();
    assert_eq!(states, [2, 2, 1]);
}

/// A simulated node with one author and one tuple: its state, and the one allocation of its store.
#[test]
fn a_node_of_a_large_simulation_is_small() {
    assert!(size_of::<SyncMessage>() <= 24);
    assert!(size_of::<Author>() == 24);
    let node = size_of::<EagerPush<SimPeer, Others, StandIn>>() + size_of::<Author>();
    assert!(node <= 160, "{node} bytes");
}

/// Hosts move nodes and messages between threads.
#[test]
fn nodes_and_messages_cross_threads() {
    fn crosses<T: Send>() {}
    crosses::<Full>();
    crosses::<Eager>();
    crosses::<Scuttle>();
    crosses::<SyncMessage>();
}

/// Counts the checks that really happen.
struct Counting {
    checks: Cell<u32>,
    shares: bool,
}

impl Keys for Counting {
    fn author(&self) -> PeerId {
        StandIn(0).author()
    }

    fn sign(&self, message: &[u8]) -> [u8; 64] {
        StandIn(0).sign(message)
    }

    fn verify(&self, author: &PeerId, message: &[u8], signature: &[u8; 64]) -> bool {
        self.checks.set(self.checks.get() + 1);
        StandIn(0).verify(author, message, signature)
    }

    fn shares_verdicts(&self) -> bool {
        self.shares
    }
}

#[test]
fn signatures_are_checked_once_per_store_or_once_in_all() {
    for (shares, expected) in [(false, 10), (true, 1)] {
        let keys = Counting { checks: Cell::new(0), shares };
        let old = StandIn(3).tuple(1, b"k", Some(b"old"));
        let new = StandIn(3).tuple(2, b"k", Some(b"new"));
        for _ in 0..10 {
            let mut store = Store::default();
            let outcomes = [&new, &new, &old].map(|tuple| store.offer(tuple, &keys).outcome);
            assert_eq!(outcomes, [Outcome::Adopted(None), Outcome::Duplicate, Outcome::Stale]);
        }
        assert_eq!(keys.checks.get(), expected);
    }
}

#[test]
fn a_receiver_checks_as_many_signatures_as_a_message_states() {
    let tuples = [1, 2, 3].map(|version| StandIn(4).tuple(version, &[version as u8], None));
    assert_eq!(SyncMessage::Delta(tuples.clone().into()).signatures(), 3);
    assert_eq!(SyncMessage::State(tuples.clone().into()).signatures(), 3);
    assert_eq!(SyncMessage::Rumour { tuple: tuples[0].clone(), hops: 1 }.signatures(), 1);
    assert_eq!(SyncMessage::Root(Store::default().root_digest()).signatures(), 0);
}
