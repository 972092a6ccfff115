//! The choice of neighbours: kinds of slots, hysteresis, deadlines, bad scores.

use proptest::prelude::*;
use rapprochement_core::overlay::neighbours::{Candidate, Neighbours, NeighboursConfig, Slot, Weights};
use rapprochement_core::overlay::refusals::{Counters, Refusal};
use rapprochement_core::peer::SimPeer;
use rapprochement_core::time::{Duration, Instant};

use crate::at;

const ME: SimPeer = SimPeer(0);

fn config() -> NeighboursConfig {
    let weights = Weights { rank: 1.0, uptime: 1.0, rtt: 1.0 };
    NeighboursConfig { best: 2, random: 1, rings: 4, weights, ..NeighboursConfig::default() }
}

fn candidate(peer: u32, rtt: u64, now: Instant) -> Candidate<SimPeer> {
    let rtt = Some(Duration::from_millis(rtt));
    Candidate { peer: SimPeer(peer), rank: 1.0, uptime: 1.0, rtt, heard: Some(now) }
}

fn slot(neighbours: &Neighbours<SimPeer>, peer: u32) -> Option<Slot> {
    neighbours.held().iter().find(|held| held.peer == SimPeer(peer)).map(|held| held.slot)
}

#[test]
fn rings_double() {
    let ring = |millis| config().ring(Duration::from_millis(millis));
    assert_eq!([0, 9, 10, 19, 20, 39, 40, 10_000].map(ring), [0, 0, 1, 1, 2, 2, 3, 3]);
    assert_eq!(config().ring(Duration::MAX), 3);
}

#[test]
fn every_kind_of_slot_is_filled_and_a_crowd_in_one_place_takes_only_the_best() {
    let mut neighbours = Neighbours::new(config(), ME);
    // Fifty Sybils at 1 ms, and one honest peer in each further ring.
    let mut candidates: Vec<_> = (1..=50).map(|peer| candidate(peer, 1, at(0))).collect();
    candidates.extend([candidate(60, 15, at(0)), candidate(61, 30, at(0)), candidate(62, 100, at(0))]);
    candidates.push(candidate(0, 1, at(0)));
    let mut counters = Counters::default();
    let changes = neighbours.review(at(0), &candidates, &[SimPeer(99), SimPeer(62), SimPeer(17)], &mut counters);
    assert_eq!(changes.joined.len(), 7);
    assert_eq!((slot(&neighbours, 1), slot(&neighbours, 2)), (Some(Slot::Best), Some(Slot::Best)));
    assert_eq!([60, 61, 62].map(|peer| slot(&neighbours, peer)), [1, 2, 3].map(|ring| Some(Slot::Ring(ring))));
    assert_eq!(slot(&neighbours, 17), Some(Slot::Random));
    let crowd = neighbours.held().iter().filter(|held| held.peer.0 <= 50).count();
    assert_eq!(crowd, 4);
    assert!(!neighbours.holds(ME) && counters.total() == 0);
}

#[test]
fn a_neighbour_yields_to_a_clearly_better_one_after_its_hold_time() {
    let only_best = NeighboursConfig { best: 1, random: 0, rings: 0, ..config() };
    let mut neighbours = Neighbours::new(only_best, ME);
    let mut counters = Counters::default();
    let mut held_after = |millis: u64, other: u64| {
        let now = at(millis);
        neighbours.review(now, &[candidate(1, 100, now), candidate(2, other, now)], &[], &mut counters);
        neighbours.held()[0].peer.0
    };
    assert_eq!(held_after(0, 200), 1);
    assert_eq!(held_after(29_999, 1), 1);
    assert_eq!(held_after(30_000, 90), 1);
    assert_eq!(held_after(30_000, 84), 1);
    assert_eq!(held_after(30_000, 83), 2);
    assert_eq!(held_after(59_999, 10_000), 2);
    assert_eq!(held_after(60_000, 10_000), 1);
}

#[test]
fn silence_beyond_the_deadline_ends_it_at_once() {
    let mut neighbours = Neighbours::new(config(), ME);
    let mut counters = Counters::default();
    let all = [candidate(1, 10, at(0)), candidate(2, 20, at(0))];
    neighbours.review(at(0), &all, &[], &mut counters);
    assert!(neighbours.review(at(60_000), &all, &[], &mut counters).left.is_empty());
    let changes = neighbours.review(at(60_001), &[all[0], candidate(2, 20, at(50_000))], &[], &mut counters);
    assert_eq!((changes.left, changes.joined), (vec![SimPeer(1)], vec![]));
    assert!(neighbours.drop_peer(SimPeer(2)) && !neighbours.drop_peer(SimPeer(2)));
    assert!(neighbours.held().is_empty());
}

#[test]
fn scores_that_are_no_numbers_are_counted() {
    let mut neighbours = Neighbours::new(config(), ME);
    let mut counters = Counters::default();
    let good = candidate(1, 10, at(0));
    let ranks = [f64::NAN, f64::INFINITY, -1.0].map(|rank| Candidate { rank, ..good });
    let uptimes = [f64::NAN, -0.1, 1.1].map(|uptime| Candidate { uptime, ..good });
    neighbours.review(at(0), &[ranks, uptimes].concat(), &[SimPeer(1)], &mut counters);
    assert!(neighbours.held().is_empty());
    assert_eq!(counters.of(Refusal::BadScore), 6);
}

proptest! {
    #[test]
    fn reviews_keep_the_bounds(
        reviews in proptest::collection::vec(
            (0..100_000u64, proptest::collection::vec((0..40u32, any::<f64>(), any::<f64>(), any::<u64>(), 0..100_000u64), 0..60)),
            1..8,
        ),
        sampled in proptest::collection::vec(0..40u32, 0..10),
    ) {
        let mut neighbours = Neighbours::new(config(), ME);
        let mut counters = Counters::default();
        let sampled: Vec<_> = sampled.into_iter().map(SimPeer).collect();
        let mut before: Vec<SimPeer> = Vec::new();
        for (now, candidates) in reviews {
            let candidates: Vec<_> = candidates
                .into_iter()
                .map(|(peer, rank, uptime, rtt, heard)| Candidate {
                    peer: SimPeer(peer),
                    rank: if rank.is_finite() { rank.abs() } else { rank },
                    uptime: if uptime.is_finite() { uptime.abs() % 1.0 } else { uptime },
                    rtt: (rtt % 5 > 0).then_some(Duration::from_nanos(rtt)),
                    heard: (heard % 7 > 0).then_some(at(heard)),
                })
                .collect();
            let changes = neighbours.review(at(now), &candidates, &sampled, &mut counters);
            let mut held: Vec<SimPeer> = neighbours.held().iter().map(|one| one.peer).collect();
            held.sort_unstable();
            prop_assert!(held.len() <= 2 + 4 + 1 && !held.contains(&ME));
            prop_assert!(held.windows(2).all(|pair| pair[0] != pair[1]));
            for peer in &held {
                let live = |one: &&Candidate<SimPeer>| one.peer == *peer
                    && one.heard.is_some_and(|heard| at(now).since(heard) <= config().deadline);
                prop_assert!(candidates.iter().any(|one| live(&one)));
            }
            before.retain(|peer| !changes.left.contains(peer));
            before.extend(&changes.joined);
            before.sort_unstable();
            prop_assert_eq!(&before, &held);
        }
    }
}
