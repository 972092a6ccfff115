//! Loss, duplicates, crashes, restarts and messages that nobody should send: views stay bounded, without the node itself and
//! without repeats, the events tell what the view is, and the dead leave.

use std::collections::BTreeSet;

use proptest::prelude::*;
use rapprochement_core::overlay::sampling::{Introduce, PeerSampling, SamplingConfig};
use rapprochement_core::peer::SimPeer;
use rapprochement_core::protocol::Input;
use rapprochement_core::random::below;
use rapprochement_core::wire::Message;

use crate::driver::World;
use crate::messages::random_message;
use crate::subjects::{CYCLE, all};

/// Nodes, of which the last ones are never up: others only hear of them.
const NODES: u32 = 24;
const GHOSTS: u32 = 4;

/// Cycles after which no neighbour is dead, as the samplers' own pages have it: the expiry of ages (four times the view)
/// and a few hops; silence and one round; rounds enough that nobody is left unasked.
fn deadline(config: SamplingConfig, neighbours: usize) -> u64 {
    match config {
        SamplingConfig::HyParView(hyparview) => u64::from(hyparview.silence) + 2,
        SamplingConfig::Brahms(_) => 80,
        SamplingConfig::Basalt(_) => 60,
        _ => 4 * neighbours as u64 + 10,
    }
}

fn check(world: &World, most: usize, name: &str) {
    for (me, node) in world.nodes.iter().enumerate().filter(|(_, node)| node.up) {
        let view = node.sampler.view();
        let different: BTreeSet<_> = view.iter().collect();
        assert!(view.len() <= most, "{name}: {} neighbours", view.len());
        assert_eq!(different.len(), view.len(), "{name}: repeats");
        assert!(!view.contains(&SimPeer(me as u32)), "{name}: its own neighbour");
        assert_eq!(node.told.iter().collect::<BTreeSet<_>>(), different, "{name}: events");
        let samples = node.sampler.samples();
        assert!(samples.len() <= most && !samples.contains(&SimPeer(me as u32)), "{name}: samples");
    }
}

/// One cycle with a few things that go wrong.
fn disturb(world: &mut World, name: &str, most: usize) {
    for _ in 0..below(&mut world.rng, 40) {
        let (from, to) = (SimPeer(below(&mut world.rng, NODES)), below(&mut world.rng, NODES));
        let message = random_message(NODES, 40, &mut world.rng);
        assert!(message.class() < 24);
        world.give(to, Input::Message { from, message: &message });
    }
    let node = below(&mut world.rng, NODES - GHOSTS);
    match below(&mut world.rng, 4) {
        0 => world.crash(node),
        1 => {
            let contacts = (0..3).map(|_| SimPeer(below(&mut world.rng, NODES - GHOSTS))).collect();
            world.restart(node, contacts);
        }
        2 => world.give(node, Input::PeerDown(SimPeer(below(&mut world.rng.clone(), NODES)))),
        _ => world.give(node, Input::Command(Introduce((0..NODES).map(SimPeer).collect()))),
    }
    world.cycles(1);
    check(world, most, name);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn faults_leave_views_bounded_and_the_dead_leave(
        seed in any::<u64>(),
        loss in 0u32..300,
        duplication in 0u32..300,
        evidence in any::<bool>(),
    ) {
        for (name, config, most) in all() {
            let mut world = World::new(config, CYCLE, NODES, seed);
            (NODES - GHOSTS..NODES).for_each(|ghost| world.crash(ghost));
            (world.loss, world.duplication, world.evidence, world.encodes) = (loss, duplication, evidence, true);
            world.introduce_ring(5);
            (0..30).for_each(|_| disturb(&mut world, name, most));
            world.loss = 0;
            world.cycles(deadline(config, most));
            check(&world, most, name);
            prop_assert_eq!(world.dead_share(&world.views()), 0.0, "{}", name);
        }
    }
}
