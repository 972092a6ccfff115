//! Coordinates and the search on hosts in a plane with access delays, whose round trips are known.

use proptest::prelude::*;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rapprochement_core::overlay::book::Bounds;
use rapprochement_core::overlay::search::{Prospect, Search, SearchConfig, Strategy as Aim};
use rapprochement_core::overlay::vivaldi::{Coordinate, NetworkCoordinate, REACH_MAX, Vivaldi, VivaldiConfig};
use rapprochement_core::peer::SimPeer;
use rapprochement_core::random::below;
use rapprochement_core::time::Duration;

use crate::place;

const HOSTS: usize = 60;

/// Hosts in a square of 200 ms with access delays of 1 to 21 ms.
fn hosts(rng: &mut ChaCha8Rng) -> Vec<NetworkCoordinate> {
    let axis = |rng: &mut ChaCha8Rng| below(rng, 200_000) as i32;
    (0..HOSTS).map(|_| place(axis(rng), axis(rng), 1_000 + below(rng, 20_000))).collect()
}

/// The median relative error after so many updates of every node, in a network that the space can show exactly.
fn median_error(config: VivaldiConfig, rounds: usize, seed: u64) -> f64 {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let hosts = hosts(&mut rng);
    let mut nodes = vec![Vivaldi::<2>::new(config); HOSTS];
    for _ in 0..rounds {
        for from in 0..HOSTS {
            let to = (from + 1 + below(&mut rng, HOSTS as u32 - 1) as usize) % HOSTS;
            let remote = nodes[to].coordinate();
            assert!(nodes[from].update(&remote, hosts[from].predict(&hosts[to]), &mut rng));
        }
    }
    let mut errors = Vec::new();
    for (from, one) in nodes.iter().enumerate() {
        for (to, other) in nodes.iter().enumerate().skip(from + 1) {
            let rtt = hosts[from].predict(&hosts[to]).as_secs_f64();
            errors.push((one.coordinate().predict(&other.coordinate()).as_secs_f64() - rtt).abs() / rtt);
        }
    }
    errors.sort_by(f64::total_cmp);
    errors[errors.len() / 2]
}

#[test]
fn a_plane_with_heights_is_recovered() {
    for seed in 1..=3 {
        let error = median_error(VivaldiConfig::default(), 1_000, seed);
        assert!(error < 0.02, "seed {seed}: {error}");
        let flat = median_error(VivaldiConfig { height_min: None, ..VivaldiConfig::default() }, 1_000, seed);
        assert!(error < flat, "seed {seed}: {error} with height, {flat} without");
    }
}

#[test]
fn a_prediction_is_the_distance_in_the_plane_and_both_heights() {
    assert_eq!(place(0, 0, 100).predict(&place(3_000, 4_000, 200)), Duration::from_micros(5_300));
    assert_eq!(NetworkCoordinate::ORIGIN.predict(&NetworkCoordinate::ORIGIN), Duration::ZERO);
    let far = place(REACH_MAX as i32, 0, 0);
    assert_eq!(far.predict(&place(-(REACH_MAX as i32), 0, 0)), Duration::from_secs(20));
    assert_eq!(Coordinate::<1>::new([REACH_MAX as i32 + 1], 0, 100), None);
    assert_eq!(Coordinate::<1>::new([i32::MIN], 0, 100), None);
    assert_eq!(Coordinate::<1>::new([0], 0, 99), None);
}

/// One step by hand: errors 1 and 1, so weight 1/2; heights are 0; the remote is 30 ms to the east, the round trip 50 ms.
#[test]
fn one_step_is_the_papers() {
    let mut node = Vivaldi::<2>::new(VivaldiConfig { height_min: None, ..VivaldiConfig::default() });
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let remote = NetworkCoordinate::new([30_000, 0], 0, 10_000).unwrap();
    assert!(node.update(&remote, Duration::from_millis(50), &mut rng));
    // A step of 0.25 * 0.5 * 20 ms away from it; the error 0.125 * 20/50 + 0.875 * 1.
    assert_eq!(node.coordinate(), NetworkCoordinate::new([-2_500, 0], 0, 9_250).unwrap());
}

proptest! {
    #[test]
    fn no_peer_and_no_round_trip_leads_out_of_bounds(
        samples in proptest::collection::vec((any::<[i32; 2]>(), any::<u32>(), any::<u16>(), any::<u64>()), 0..200),
    ) {
        let mut node = Vivaldi::<2>::new(VivaldiConfig::default());
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let reach = REACH_MAX as i32 + 1;
        for (position, height, error, rtt) in samples {
            let position = position.map(|axis| axis % reach);
            let remote = NetworkCoordinate::new(position, height % reach as u32, 100 + error % 14_901).unwrap();
            let before = node.coordinate();
            node.update(&remote, Duration::from_nanos(rtt >> (rtt % 64)), &mut rng);
            let now = node.coordinate();
            let bytes = { let mut bytes = Vec::new(); now.encode(&mut bytes); bytes };
            prop_assert!(NetworkCoordinate::decode(&mut rapprochement_core::wire::Reader::new(&bytes).unwrap()) == Ok(now));
            // A step of at most 250 ms in the plane, and as much up or down, rounded to the microsecond.
            let flat = |one: &NetworkCoordinate| NetworkCoordinate::new(one.position(), 0, 100).unwrap();
            prop_assert!(flat(&before).predict(&flat(&now)) <= Duration::from_micros(250_002));
            prop_assert!(before.height().abs_diff(now.height()) <= 250_001);
        }
    }
}

fn prospect(peer: u32, predicted: u64, least: u64, most: u64) -> Prospect<SimPeer> {
    let millis = Duration::from_millis;
    let bounds = Some(Bounds { least: millis(least), most: millis(most), witnesses: 2 });
    Prospect { peer: SimPeer(peer), predicted: Some(millis(predicted)), bounds }
}

#[test]
fn each_strategy_follows_its_guides() {
    let prospects = [prospect(0, 10, 40, 90), prospect(1, 80, 5, 95), prospect(2, 30, 20, 35)];
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let mut chosen = |strategy| {
        let config = SearchConfig { strategy, random_first: 0, explore: 0.0, witnesses_min: 2 };
        let mut search = Search::new(config);
        let mut counts = [0; 3];
        (0..1_000).for_each(|_| counts[search.next(&prospects, &mut rng).unwrap().0 as usize] += 1);
        counts
    };
    assert_eq!(chosen(Aim::Coordinates), [1_000, 0, 0]);
    // The estimates are 40, 80 and 30; the lower bounds with a twentieth of the rest 42.5, 9.5 and 20.75. A fair coin: 6 deviations.
    let [first, second, third] = chosen(Aim::Introductions);
    assert!(first == 0 && (405..=595).contains(&second) && second + third == 1_000, "{second} {third}");
    assert!(chosen(Aim::Random).iter().all(|count| (240..=430).contains(count)));
    assert_eq!(Search::new(SearchConfig::default()).next::<SimPeer, _>(&[], &mut rng), None);
}
