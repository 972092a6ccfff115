//! A store is a function of the set of tuples that it was offered.

use std::sync::Arc;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use rapprochement_core::peer::{Peer, SimPeer};
use rapprochement_core::store::{EVIDENCE_MAX, Outcome, Store, Tuple};

use crate::subjects::StandIn;

fn tuples() -> impl Strategy<Value = Vec<Arc<Tuple>>> {
    let tuple = (0..4u32, 1..6u64, 0..4u8, proptest::option::of(0..3u8)).prop_map(|(author, version, key, value)| {
        StandIn(author).tuple(version, &[key], value.as_ref().map(core::slice::from_ref))
    });
    proptest::collection::vec(tuple, 1..80)
}

fn store_of(tuples: &[Arc<Tuple>]) -> Store {
    let mut store = Store::default();
    for tuple in tuples {
        store.offer(tuple, &StandIn(0));
    }
    store
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 300, failure_persistence: None, rng_seed: RngSeed::Fixed(22), ..ProptestConfig::default()
    })]

    #[test]
    fn arrival_order_and_repetition_do_not_matter(
        (tuples, shuffled) in tuples().prop_flat_map(|tuples| (Just(tuples.clone()), Just(tuples).prop_shuffle())),
    ) {
        let (one, other) = (store_of(&tuples), store_of(&[shuffled, tuples.clone()].concat()));
        prop_assert_eq!(one.root_digest(), other.root_digest());
        prop_assert!(one.iter().eq(other.iter()));
        prop_assert_eq!(one.len(), one.iter().count());
        let ascending = |a: &&Arc<Tuple>, b: &&Arc<Tuple>| (a.author(), a.key()) < (b.author(), b.key());
        prop_assert!(one.iter().collect::<Vec<_>>().is_sorted_by(ascending));
        for author in one.authors() {
            prop_assert_eq!(Some(author.newest()), author.tuples().iter().map(|tuple| tuple.version()).max());
            prop_assert_eq!(one.author(&author.id()).map(|found| found.hash()), Some(author.hash()));
        }
    }

    /// Of any two different contents of a key exactly one takes precedence, and precedence is transitive.
    #[test]
    fn precedence_is_a_total_order(tuples in tuples()) {
        let mut sorted = tuples;
        sorted.sort_by(|a, b| a.precedence(b));
        for (at, a) in sorted.iter().enumerate() {
            for b in &sorted[at..] {
                prop_assert!(a.precedence(b).is_le() && b.precedence(a).is_ge());
                prop_assert_eq!(a.precedence(b).is_eq(), a.same_content(b));
            }
        }
    }

    /// One changed tuple changes the author's hash and the root.
    #[test]
    fn different_stores_have_different_digests(tuples in tuples(), at: prop::sample::Index) {
        let (held, mut other) = (store_of(&tuples), store_of(&tuples));
        let tuple = &tuples[at.index(tuples.len())];
        other.root_digest();
        let newer = StandIn(SimPeer::from_id(tuple.author()).unwrap().0).tuple(99, tuple.key(), Some(b"new"));
        other.offer(&newer, &StandIn(0));
        prop_assert!(held.root_digest() != other.root_digest());
    }
}

/// Equivocation is judged before a tuple is thrown away as stale, under one key and under two, and whichever came first.
#[test]
fn evidence_is_kept_whichever_value_comes_first() {
    let one = StandIn(1).tuple(3, b"k", Some(b"one"));
    for (other, both_stand) in [(StandIn(1).tuple(3, b"k", None), false), (StandIn(1).tuple(3, b"l", None), true)] {
        let receipts = [[&one, &other], [&other, &one]].map(|pair| {
            let mut store = Store::default();
            let receipts = pair.map(|tuple| store.offer(tuple, &StandIn(0)));
            assert!(!receipts[0].equivocation && receipts[1].equivocation);
            assert_eq!(receipts[1].outcome != Outcome::Stale, both_stand || pair[1].digest() > pair[0].digest());
            assert_eq!(store.len(), if both_stand { 2 } else { 1 });
            let proof = &store.evidence()[0];
            assert_eq!((proof.lesser.digest(), proof.author()), (one.digest().min(other.digest()), one.author()));
            // A second proof against the same author is not kept.
            assert!(!store.offer(&StandIn(1).tuple(3, b"k", Some(b"third")), &StandIn(0)).equivocation);
            assert_eq!(store.evidence().len(), 1);
            store.root_digest()
        });
        assert_eq!(receipts[0], receipts[1]);
    }
}

#[test]
fn evidence_is_capped_and_resolution_is_not() {
    let mut store = Store::default();
    for author in 0..EVIDENCE_MAX as u32 + 5 {
        let pair = [Some(&b"one"[..]), None].map(|value| StandIn(author).tuple(1, b"k", value));
        pair.iter().for_each(|tuple| drop(store.offer(tuple, &StandIn(0))));
        let winner = if pair[0].precedence(&pair[1]).is_gt() { &pair[0] } else { &pair[1] };
        assert_eq!(store.get(&SimPeer(author).id(), b"k"), Some(winner));
    }
    assert_eq!(store.evidence().len(), EVIDENCE_MAX);
    assert!(store.evidence().is_sorted_by_key(|proof| proof.author()));
}

#[test]
fn ranges_of_authors_are_half_open() {
    let store = store_of(&[1, 2, 3, 4].map(|author| StandIn(author).tuple(1, b"k", None)));
    let ids: Vec<_> = store.authors().iter().map(|author| author.id()).collect();
    assert!(ids.is_sorted());
    let between = |from, to| store.authors_between(from, to).iter().map(|author| author.id()).collect::<Vec<_>>();
    assert_eq!(between(None, None), ids);
    assert_eq!(between(Some(&ids[1]), Some(&ids[3])), ids[1..3]);
    assert_eq!(between(Some(&ids[3]), Some(&ids[1])), []);
    let mut beyond = ids[1];
    beyond.0[31] ^= 1;
    let from = if beyond > ids[1] { 2 } else { 1 };
    assert_eq!(between(Some(&beyond), None), ids[from..]);
}
