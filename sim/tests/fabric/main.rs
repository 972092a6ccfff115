//! Explicit topologies: routes, the queues of links packet by packet, flows, and runs of protocols over them.

mod capture;
#[path = "../common/mod.rs"]
mod common;
mod flows;
mod queues;
mod routes;
mod runs;

use std::collections::BTreeSet;
use std::path::Path;

use rapprochement_core::time::{Duration, Instant};
use rapprochement_sim::network::config::NetworkConfig;
use rapprochement_sim::network::fabric::config::{AccessBurst, Cable, Fidelity, Shape, Topology};
use rapprochement_sim::network::fabric::{Fabric, Queues};
use rapprochement_sim::problem::Problem;
use rapprochement_sim::random::Streams;
use rapprochement_sim::units::{Rate, Size, Span};

const MICROSECOND: u64 = 1_000;

fn cable(rate: u64, delay_ns: u64, queue: Option<u64>) -> Cable {
    Cable { rate: Rate(rate), delay: Span(Duration::from_nanos(delay_ns)), queue: queue.map(Size) }
}

fn config(shape: Shape, access_burst: Option<AccessBurst>) -> NetworkConfig {
    let topology = Topology { shape, framing: Size(38), access_burst };
    NetworkConfig { topology: Some(topology), fidelity: Fidelity::Packet, ..NetworkConfig::default() }
}

fn try_build(shape: Shape, nodes: u32) -> Result<Fabric, Vec<Problem>> {
    let base = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    Ok(Fabric::build(&config(shape, None), nodes, &base, &Streams::new(1))?.unwrap())
}

fn build(shape: Shape, nodes: u32) -> Fabric {
    try_build(shape, nodes).unwrap_or_else(|problems| panic!("{problems:?}"))
}

/// A packet of a world without protocols.
#[derive(Clone, Copy, Debug)]
struct Packet {
    at: u64,
    from: u32,
    to: u32,
    bytes: u32,
}

/// What became of a packet: how often it crossed a link, and when it arrived, unless it was dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Fate {
    hops: u32,
    queued: u64,
    arrived: Option<u64>,
}

/// Plays packets over a fabric, events of equal times in the order of the packets.
fn play(fabric: &Fabric, queues: &mut Queues, packets: &[Packet]) -> Vec<Fate> {
    let mut fates = vec![Fate::default(); packets.len()];
    let mut due: BTreeSet<(u64, usize, Option<u32>)> =
        packets.iter().enumerate().map(|(index, packet)| (packet.at, index, None)).collect();
    while let Some((now, index, crossed)) = due.pop_first() {
        let packet = packets[index];
        let Some(link) = fabric.next(packet.from, packet.to, crossed) else {
            fates[index].arrived = Some(now);
            continue;
        };
        if let Some(hop) = queues.pass(fabric, link, Instant::from_nanos(now), packet.bytes) {
            fates[index].hops += 1;
            fates[index].queued += hop.queued.as_nanos();
            due.insert((hop.arrives.as_nanos(), index, Some(link)));
        }
    }
    fates
}
