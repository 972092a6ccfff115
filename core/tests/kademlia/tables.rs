//! The routing table: against a scan of everything, and by the rules of replacement.

use proptest::prelude::*;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rapprochement_core::kademlia::config::KademliaConfig;
use rapprochement_core::kademlia::distance::Distance;
use rapprochement_core::kademlia::table::{Failure, RoutingTable};
use rapprochement_core::peer::{Peer, PeerId, SimPeer};
use rapprochement_core::time::{Duration, Instant};

fn at(seconds: u64) -> Instant {
    Instant::ZERO + Duration::from_secs(seconds)
}

fn config(k: usize, split: u32) -> KademliaConfig {
    KademliaConfig { k, split, ..KademliaConfig::default() }
}

/// An id whose first bits are these; `me` is all zeros.
fn peer(first: u8, last: u8) -> PeerId {
    let mut id = PeerId::default();
    (id.0[0], id.0[31]) = (first, last);
    id
}

const ME: PeerId = PeerId([0; 32]);

/// A table with one full bucket of two: peers 1 and 2, heard at seconds 1 and 2.
fn full_bucket() -> RoutingTable<PeerId> {
    let mut table = RoutingTable::new(ME, &config(2, 1));
    assert_eq!(table.heard(peer(0x80, 1), at(1)), None);
    assert_eq!(table.heard(peer(0x80, 2), at(2)), None);
    table
}

#[test]
fn a_newcomer_has_the_longest_silent_contact_pinged_once_it_is_questionable() {
    let mut table = full_bucket();
    // Contact 1 was heard 14 s ago: trusted.
    assert_eq!(table.heard(peer(0x80, 3), at(15)), None);
    assert_eq!(table.heard(peer(0x80, 4), at(16)), Some(peer(0x80, 1)));
    // Not twice.
    assert_eq!(table.heard(peer(0x80, 5), at(17)), None);
    assert_eq!(table.len(), 2);
}

#[test]
fn who_answers_keeps_its_place() {
    let mut table = full_bucket();
    assert_eq!(table.heard(peer(0x80, 3), at(20)), Some(peer(0x80, 1)));
    assert_eq!(table.heard(peer(0x80, 1), at(21)), None);
    assert!(table.contains(peer(0x80, 1)) && !table.contains(peer(0x80, 3)));
    // Now the other one is the longest silent.
    assert_eq!(table.heard(peer(0x80, 3), at(22)), Some(peer(0x80, 2)));
}

#[test]
fn who_fails_three_times_in_a_row_gives_way_to_the_newcomer_heard_last() {
    let mut table = full_bucket();
    table.heard(peer(0x80, 3), at(20));
    table.heard(peer(0x80, 4), at(21));
    assert_eq!(table.failed(peer(0x80, 1)), Failure::Ping);
    assert_eq!(table.failed(peer(0x80, 1)), Failure::Ping);
    // An answer in between, and the count begins anew.
    table.heard(peer(0x80, 1), at(22));
    assert_eq!(table.failed(peer(0x80, 1)), Failure::Ping);
    assert_eq!(table.failed(peer(0x80, 1)), Failure::Ping);
    assert_eq!(table.failed(peer(0x80, 1)), Failure::Dropped);
    assert_eq!(table.failed(peer(0x80, 1)), Failure::Stranger);
    let mut left: Vec<_> = table.contacts().collect();
    left.sort_unstable();
    assert_eq!(left, [peer(0x80, 2), peer(0x80, 4)]);
}

#[test]
fn failing_contacts_are_named_only_where_others_are_too_few() {
    let mut table = full_bucket();
    table.heard(peer(0x10, 0), at(3));
    assert_eq!(table.failed(peer(0x80, 1)), Failure::Ping);
    assert_eq!(table.closest(peer(0x80, 1), 2), [peer(0x80, 2), peer(0x10, 0)]);
    assert_eq!(table.closest(peer(0x80, 1), 3), [peer(0x80, 1), peer(0x80, 2), peer(0x10, 0)]);
}

#[test]
fn the_node_itself_and_what_exceeds_the_cap_are_not_entered() {
    let capped = KademliaConfig { contacts_max: 4, ..config(2, 8) };
    let mut table = RoutingTable::new(ME, &capped);
    table.heard(ME, at(1));
    assert!(table.is_empty());
    for first in 1..=255 {
        table.heard(peer(first, 0), at(1));
    }
    assert_eq!(table.len(), 4);
    assert_eq!(table.contacts().count(), 4);
}

#[test]
fn a_full_table_has_k_of_each_bucket_or_all() {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let mut peers: Vec<SimPeer> = (0..1000).map(SimPeer).collect();
    peers.sort_unstable_by_key(Peer::id);
    for (k, split) in [(8, 1), (20, 1), (3, 2), (8, 4), (8, 8)] {
        let me = peers[k * 7];
        let table = RoutingTable::full(me, &peers, &config(k, split), &mut rng);
        // Ranges of the id space as a scan finds them: the digits before the first difference, and that digit.
        let range = |peer: &SimPeer| {
            let shared = Distance::between(me.id(), peer.id()).shared_bits() / split * split;
            let byte = u32::from(peer.id().0[(shared / 8) as usize]);
            (shared, byte >> (8 - split - shared % 8) & ((1 << split) - 1))
        };
        let mut expected = std::collections::BTreeMap::new();
        let mut found = std::collections::BTreeMap::new();
        peers.iter().filter(|peer| **peer != me).for_each(|peer| *expected.entry(range(peer)).or_insert(0) += 1);
        table.contacts().for_each(|peer| *found.entry(range(&peer)).or_insert(0) += 1);
        expected.values_mut().for_each(|count: &mut usize| *count = (*count).min(k));
        assert_eq!(found, expected);
        assert!(!table.contains(me));
    }
}

#[test]
fn contacts_of_full_tables_are_chosen_evenly() {
    // Of 512 in the far half, 8 are chosen, 2000 times: each 31.25 times, give or take 5.5.
    let mut rng = ChaCha8Rng::seed_from_u64(6);
    let mut peers: Vec<SimPeer> = (0..1024).map(SimPeer).collect();
    peers.sort_unstable_by_key(Peer::id);
    let far: Vec<SimPeer> = peers.iter().copied().filter(|peer| peer.id().0[0] >= 0x80).collect();
    let me = peers[0];
    let mut counts = vec![0u32; far.len()];
    let rounds = 2000;
    for _ in 0..rounds {
        let table = RoutingTable::full(me, &peers[..1], &config(8, 1), &mut rng);
        assert!(table.is_empty());
        let with_far = [&[me], &far[..]].concat();
        let table = RoutingTable::full(me, &with_far, &config(8, 1), &mut rng);
        assert_eq!(table.len(), 8);
        table.contacts().for_each(|peer| counts[far.binary_search_by_key(&peer.id(), Peer::id).unwrap()] += 1);
    }
    let expected = f64::from(rounds * 8) / far.len() as f64;
    let chi: f64 = counts.iter().map(|count| (f64::from(*count) - expected) * (f64::from(*count) - expected)).sum();
    let per_freedom = chi / (expected * (1.0 - 8.0 / far.len() as f64)) / (far.len() - 1) as f64;
    // Its standard deviation is sqrt(2/511) = 0.063: five of them.
    assert!((per_freedom - 1.0).abs() < 0.31, "{per_freedom}");
}

proptest! {
    /// Of targets that share any number of bits with the node's own id, this id among them, and with some contacts that failed to answer.
    #[test]
    fn the_closest_are_those_that_a_scan_finds(
        me: u32, others in prop::collection::vec((0..5000u32, 0..4u32), 0..200), rest: [u8; 32], shared in 0..=256usize,
        count in 0..40usize, split in prop::sample::select(vec![1, 2, 4, 8]),
    ) {
        let me = SimPeer(me);
        let mut target = PeerId(rest);
        for bit in 0..shared {
            let mask = 0x80 >> (bit % 8);
            target.0[bit / 8] = target.0[bit / 8] & !mask | me.id().0[bit / 8] & mask;
        }
        let mut table = RoutingTable::new(me, &config(8, split));
        let mut failing = Vec::new();
        for (other, fails) in others {
            table.heard(SimPeer(other), at(1));
            failing.retain(|peer| *peer != SimPeer(other));
            if fails == 0 && table.failed(SimPeer(other)) == Failure::Ping {
                failing.push(SimPeer(other));
            }
        }
        let mut all: Vec<SimPeer> = table.contacts().collect();
        prop_assert_eq!(all.len(), table.len());
        prop_assert!(!all.contains(&me));
        let distance = |peer: &SimPeer| Distance::between(peer.id(), target);
        all.sort_unstable_by_key(|peer| (failing.contains(peer), distance(peer)));
        all.truncate(count);
        all.sort_unstable_by_key(distance);
        prop_assert_eq!(table.closest(target, count), all);
    }
}
