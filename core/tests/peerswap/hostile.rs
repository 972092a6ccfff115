//! Peers that send whatever they like, in whatever order.

use proptest::prelude::*;
use rapprochement_core::overlay::sampling::peerswap::draws::SplitMix64;
use rapprochement_core::overlay::sampling::peerswap::{PeerSwapConfig, RegularGraph, SwapMessage};
use rapprochement_core::peer::SimPeer;
use rapprochement_core::time::Duration;

use crate::messages::message;
use rapprochement_core::overlay::sampling::peerswap::world::{Latency, World};

fn world(seed: u64) -> World {
    let graph = RegularGraph::random(8, 3, &mut SplitMix64::new(seed)).unwrap();
    let config = PeerSwapConfig { degree: 3, rate: 2.0, lease: Duration::from_secs(1) };
    World::on(&graph, config, Latency::Uniform(Duration::from_millis(50)), seed)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever arrives, from neighbours and strangers and in each other's names, no peer gets too many neighbours, one twice or
    /// itself; and once it ends, the overlay is whole again.
    #[test]
    fn nothing_that_is_sent_breaks_a_list(
        letters in proptest::collection::vec((0..10u32, 0..8u32, message(), 0..40u64), 1..150), seed in 0..1000u64,
    ) {
        let mut world = world(seed);
        for (from, to, message, pause) in letters {
            world.network.post(from, to, message);
            world.run(Duration::from_millis(pause));
            prop_assert!(world.is_sound());
        }
        world.run(Duration::from_secs(9));
        world.network.quiet = true;
        world.run(Duration::from_secs(1));
        prop_assert!(world.is_sound());
        prop_assert_eq!(world.one_sided(), 0);
    }
}

/// In memory a list may be what no decoder lets through.
#[test]
fn a_partners_list_is_not_trusted() {
    for list in [vec![], vec![0; 9], vec![0, 0, 0], vec![1, 2, 3, 4, 5, 6], vec![0, 1, 2], vec![0, 7, 7]] {
        for seed in 0..20 {
            let mut world = world(seed);
            for at in 0..200 {
                world.run(Duration::from_millis(10));
                let around = world.neighbours(0);
                let Some(&peer) = around.get(at % around.len().max(1)) else { continue };
                let neighbours = list.iter().map(|&peer| SimPeer(peer)).collect();
                world.network.post(peer, 0, SwapMessage::Propose { number: at as u32 });
                world.network.post(peer, 0, SwapMessage::Swap { number: at as u32, neighbours });
                assert!(world.is_sound());
            }
        }
    }
}
