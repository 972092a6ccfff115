//! A run with loss, crashes and returns, and what became of the overlay.

use rapprochement_core::overlay::sampling::peerswap::draws::SplitMix64;
use rapprochement_core::overlay::sampling::peerswap::{PeerSwapConfig, RegularGraph};
use rapprochement_core::peer::SimPeer;
use rapprochement_core::time::Duration;

use rapprochement_core::overlay::sampling::peerswap::world::{Latency, World};

/// How a run went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// A peer had too many neighbours, one twice, or itself, at any look.
    pub(crate) unsound: bool,
    /// The peers that were up were not connected at some look.
    pub(crate) disconnected: bool,
    /// They were not, even without those that were alone: who has just come back and found no place yet.
    pub(crate) parted: bool,
    /// They were not at the end.
    pub(crate) split: bool,
    /// Edges at the end that one end holds.
    pub(crate) one_sided: usize,
    /// Peers at the end that have a place free.
    pub(crate) vacant: usize,
    /// How many of them there have to be.
    pub(crate) unavoidable: usize,
}

/// `nodes` peers of degree 5 whose edges ring every 33 s, leases of 1 s, messages of up to `latency`, 1 % of which are lost; for 20 s
/// one peer of 50 crashes every 2 s, and half of those that are down come back. Then faults stop, for five leases, and clocks too
/// for the last two, so that there are no swaps under way when the edges are counted.
pub(crate) fn run(nodes: usize, latency: Duration, seed: u64) -> Outcome {
    let degree = 5;
    let config = PeerSwapConfig { degree, rate: 0.03, lease: Duration::from_secs(1) };
    let graph = RegularGraph::random(nodes, degree, &mut SplitMix64::new(seed)).expect("there are such graphs");
    let mut world = World::on(&graph, config, Latency::Uniform(latency), seed);
    world.network.loss = 0.01;
    let (mut unsound, mut disconnected, mut parted) = (false, false, false);
    let mut look = |world: &mut World, span: Duration| {
        for _ in 0..span.as_nanos() / 250_000_000 {
            world.run(Duration::from_millis(250));
            unsound |= !world.is_sound();
            let (parts, alone) = world.parts();
            disconnected |= parts > 1;
            parted |= parts > alone + 1;
        }
    };
    for _ in 0..10 {
        look(&mut world, Duration::from_secs(1));
        for _ in 0..nodes.div_ceil(50) {
            let victim = world.any();
            world.crash(victim);
        }
        look(&mut world, Duration::from_secs(1));
        let down: Vec<u32> = (0..nodes as u32).filter(|&me| !world.up[me as usize]).collect();
        for &me in &down[..down.len() / 2] {
            let known = (0..3).map(|_| SimPeer(world.any())).collect();
            world.restart(me, known);
        }
    }
    world.network.loss = 0.0;
    look(&mut world, Duration::from_secs(3));
    world.network.quiet = true;
    look(&mut world, Duration::from_secs(2));
    let unavoidable = world.alive().count() * degree % 2;
    let (one_sided, vacant, split) = (world.one_sided(), world.vacant(), !world.is_connected());
    Outcome { unsound, disconnected, parted, split, one_sided, vacant, unavoidable }
}
