//! From strangers to an overlay.

use rapprochement_core::overlay::sampling::peerswap::{ConfigError, PeerSwap, PeerSwapConfig};
use rapprochement_core::overlay::sampling::{Introduce, PeerSampling};
use rapprochement_core::peer::SimPeer;
use rapprochement_core::protocol::Input;
use rapprochement_core::time::Duration;

use rapprochement_core::overlay::sampling::peerswap::world::{Latency, World};

fn config(degree: usize) -> PeerSwapConfig {
    PeerSwapConfig { degree, rate: 0.1, lease: Duration::from_secs(1) }
}

fn world(nodes: usize, degree: usize, seed: u64) -> World {
    let mut world = World::alone(nodes, config(degree), Latency::Uniform(Duration::from_millis(40)), seed);
    for me in 0..nodes as u32 {
        world.give(me, Input::Start);
        // Everybody knows one peer that was there before.
        let known = SimPeer(me.saturating_sub(1 + me / 3));
        world.give(me, Input::Command(Introduce(vec![known])));
        world.run(Duration::from_millis(100));
    }
    world
}

#[test]
fn one_introduction_each_makes_a_connected_regular_overlay() {
    for (nodes, degree) in [(2, 1), (30, 4), (31, 4), (60, 5), (61, 5), (200, 6)] {
        for seed in 0..20 {
            let mut world = world(nodes, degree, seed);
            world.run(Duration::from_secs(5));
            world.network.quiet = true;
            world.run(Duration::from_millis(750));
            assert!(world.is_sound(), "{nodes} {degree} {seed}");
            assert_eq!(world.parts().0, 1, "{nodes} {degree} {seed}");
            assert_eq!((world.one_sided(), world.vacant()), (0, nodes * degree % 2), "{nodes} {degree} {seed}");
        }
    }
}

/// Fewer peers than places: everybody knows everybody, and that is all there is.
#[test]
fn few_peers_become_a_complete_graph() {
    let mut world = world(4, 8, 1);
    world.run(Duration::from_secs(10));
    assert!((0..4).all(|me| world.neighbours(me).len() == 3) && world.is_sound());
}

#[test]
fn who_leaves_joins_its_neighbours() {
    let mut world = world(40, 4, 2);
    world.run(Duration::from_secs(5));
    for leaver in 0..8 {
        world.give(leaver, Input::Stop);
        world.crash(leaver);
        world.run(Duration::from_millis(200));
    }
    world.run(Duration::from_secs(4));
    world.network.quiet = true;
    world.run(Duration::from_secs(1));
    assert!(world.is_sound() && world.is_connected());
    assert_eq!((world.one_sided(), world.vacant()), (0, 0));
}

#[test]
fn parameters_out_of_range_are_refused() {
    let good = config(4);
    for (bad, error) in [
        (PeerSwapConfig { degree: 0, ..good }, ConfigError::Degree),
        (PeerSwapConfig { degree: 65, ..good }, ConfigError::Degree),
        (PeerSwapConfig { rate: -1.0, ..good }, ConfigError::Rate),
        (PeerSwapConfig { rate: f64::NAN, ..good }, ConfigError::Rate),
        (PeerSwapConfig { rate: f64::INFINITY, ..good }, ConfigError::Rate),
        (PeerSwapConfig { lease: Duration::ZERO, ..good }, ConfigError::Lease),
    ] {
        assert_eq!(PeerSwap::new(SimPeer(0), bad).err(), Some(error));
    }
    let peers = [SimPeer(0), SimPeer(1), SimPeer(1), SimPeer(2), SimPeer(3), SimPeer(4), SimPeer(5)];
    let peer = PeerSwap::with_neighbours(SimPeer(0), good, &peers).unwrap();
    assert_eq!(peer.view(), [1, 2, 3, 4].map(SimPeer));
}
