//! Perfect tables: hops, messages and times against the closed form and the published table, in a reduced form of the example
//! `kademlia`.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use rapprochement_core::kademlia::KademliaConfig;
use rapprochement_core::kademlia::distance::Distance;
use rapprochement_core::kademlia::study::Network;
use rapprochement_core::peer::{Peer, SimPeer};

use crate::published::{SETTINGS, Setting, cells, expected_hops};
use crate::realisation::{METRICS, run};

const REALISATIONS: u64 = 4;

/// Figures of a few realisations, by metric.
fn realisations(which: usize, nodes: usize) -> Vec<Vec<f64>> {
    let (k, alpha, dead, timeout_ms) = SETTINGS[which];
    let setting = Setting { k, alpha, dead, timeout_ms, nodes };
    let runs: Vec<_> = (0..REALISATIONS).map(|seed| run(setting, 1, false, 1000, seed)).collect();
    (0..METRICS.len()).map(|at| runs.iter().map(|run| run[at]).collect()).collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn assert_hops(which: usize, nodes: usize, ours: &[Vec<f64>]) {
    let (hops, form) = (mean(&ours[0]), expected_hops(SETTINGS[which].0, nodes));
    assert!((hops - form).abs() < 0.1, "{:?}, {nodes} nodes: {hops} hops, not {form}", SETTINGS[which]);
}

#[test]
fn hops_are_those_of_the_closed_form() {
    for which in [0, 1] {
        assert_hops(which, 256, &realisations(which, 256));
    }
}

/// A published figure is one more realisation: it lies within the 99 % prediction interval of ours, of Student's t with 3 degrees of
/// freedom. The tail behind a timeout is no bell, so where peers are dead the medians and messages are judged.
fn assert_published(which: usize, nodes: usize, ours: &[Vec<f64>]) -> usize {
    const T: f64 = 5.841;
    let is_bell = |metric| SETTINGS[which].2 == 0.0 || ["p50", "messages"].contains(&metric);
    let mut judged = 0;
    for cell in cells(which, nodes).filter(|cell| is_bell(cell.metric)) {
        let at = METRICS.iter().position(|metric| *metric == cell.metric).unwrap();
        let (n, mean) = (ours[at].len() as f64, mean(&ours[at]));
        let variance = ours[at].iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / (n - 1.0);
        let reach = T * (variance * (1.0 + 1.0 / n)).sqrt() + cell.rounding;
        assert!((cell.value - mean).abs() <= reach, "{:?}: {cell:?}: {mean} +- {reach}", SETTINGS[which]);
        judged += 1;
    }
    judged
}

#[test]
fn published_figures_are_realisations_of_ours() {
    let mut judged = 0;
    for which in [0, 1, 2] {
        let ours = realisations(which, 1024);
        assert_hops(which, 1024, &ours);
        judged += assert_published(which, 1024, &ours);
    }
    assert_eq!(judged, 9);
}

#[test]
fn dead_contacts_put_a_timeout_into_the_tail_and_a_shorter_one_takes_it_out() {
    let [slow, fast, wide] = [3, 4, 5].map(|which| realisations(which, 1024));
    assert_eq!(assert_published(3, 1024, &slow) + assert_published(5, 1024, &wide), 2);
    let tail = |ours: &[Vec<f64>]| mean(&ours[4]);
    assert!(tail(&slow) > 2000.0 && tail(&fast) < 500.0 && tail(&wide) < 250.0);
    // Nobody's value is lost: the chance that all of eight holders are dead is 0.2^8.
    assert!(mean(&slow[5]) > 0.999);
}

#[test]
fn holders_are_the_closest_nodes() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let peers: Vec<SimPeer> = (0..500).map(SimPeer).collect();
    let network = Network::new(peers.clone(), 0.3, false, KademliaConfig::default(), &mut rng);
    for _ in 0..100 {
        let key = SimPeer(rng.next_u32()).id();
        let mut all = peers.clone();
        all.sort_unstable_by_key(|peer| Distance::between(peer.id(), key));
        assert_eq!(network.holders(key), all[..8]);
    }
}

#[test]
fn one_realisation_is_the_same_every_time() {
    let setting = Setting { k: 8, alpha: 3, dead: 0.2, timeout_ms: 250, nodes: 256 };
    assert_eq!(run(setting, 1, false, 200, 9), run(setting, 1, false, 200, 9));
    assert_ne!(run(setting, 1, false, 200, 9), run(setting, 1, false, 200, 10));
}

#[test]
fn a_key_that_the_asker_holds_costs_nothing() {
    // Eight nodes and eight replicas: everybody holds everything.
    let setting = Setting { k: 8, alpha: 3, dead: 0.0, timeout_ms: 2000, nodes: 8 };
    assert_eq!(run(setting, 1, false, 100, 1), [0.0, 0.0, 0.0, 0.0, 0.0, 1.0]);
}
