//! Flows of Ouroboros as a transport: `core/src/flow/` with messages of the simulation, and a directory that takes a drawn time.

pub mod config;
mod piece;

use std::collections::BTreeSet;
use std::sync::Arc;

use rapprochement_core::flow::node::{Flows, Output as FlowOutput};
use rapprochement_core::flow::packet::FlowPacket;
use rapprochement_core::flow::record::FlowStats;
use rapprochement_core::peer::SimPeer;
use rapprochement_core::time::{Duration, Instant};
use rapprochement_core::wire::Message;

use self::config::OuroborosConfig;
pub use self::piece::Piece;
use super::jitter::Jitter;
use super::stack::{FlowRecord, Footprint, Output, Stack};
use crate::network::config::Distribution;
use crate::random::Philox;

/// The flows of one node.
#[derive(Debug)]
pub struct OuroborosStack<M: Message> {
    flows: Flows<SimPeer, Piece<M>>,
    directory: Option<Distribution>,
    /// Lookups under way, by when they end.
    lookups: BTreeSet<(Instant, SimPeer)>,
    /// By the place of a flow's record.
    jitter: Vec<Jitter>,
    rng: Philox,
}

impl<M: Message> OuroborosStack<M> {
    /// A node without flows; `packet` is what fits a packet above the network's headers.
    pub fn new(me: SimPeer, config: &OuroborosConfig, packet: usize, mut rng: Philox) -> Self {
        let flows = Flows::new(me, config.flow(packet), &mut rng);
        Self { flows, directory: config.directory.clone(), lookups: BTreeSet::new(), jitter: Vec::new(), rng }
    }
}

impl<M: Message + Send + Sync> Stack<M> for OuroborosStack<M> {
    type Packet = FlowPacket<Piece<M>>;

    fn send(&mut self, now: Instant, to: SimPeer, message: Arc<M>) {
        self.flows.send(now, to, message);
    }

    fn receive(&mut self, now: Instant, from: SimPeer, left: Instant, packet: &Self::Packet) {
        if packet.content.is_data()
            && let Some(record) = self.flows.record_of(from, packet.eid)
        {
            if self.jitter.len() <= record {
                self.jitter.resize(record + 1, Jitter::default());
            }
            self.jitter[record].arrived(left, now);
        }
        self.flows.receive(now, from, packet);
    }

    fn expire(&mut self, now: Instant) {
        while let Some(&(until, peer)) = self.lookups.first() {
            if until > now {
                break;
            }
            self.lookups.pop_first();
            self.flows.resolved(now, peer, true);
        }
        self.flows.expire(now);
    }

    fn close(&mut self, now: Instant, peer: SimPeer) {
        self.lookups.retain(|(_, looked_up)| *looked_up != peer);
        self.flows.close(now, peer);
    }

    fn poll(&mut self, now: Instant) -> Option<Output<M, Self::Packet>> {
        loop {
            return Some(match self.flows.poll(now)? {
                FlowOutput::Transmit { to, packet } => Output::Transmit { to, packet },
                FlowOutput::Deliver { from, began, sdu } => Output::Deliver { from, began, message: sdu },
                FlowOutput::Up(peer) => Output::Up(peer),
                FlowOutput::Down(peer) => Output::Down(peer),
                FlowOutput::Resolve(peer) => {
                    let took = self.directory.as_ref().map_or(Duration::ZERO, |took| took.sample(&mut self.rng));
                    // The answer to an earlier question, which was given up, comes too late for anybody.
                    self.lookups.retain(|(_, looked_up)| *looked_up != peer);
                    self.lookups.insert((now + took, peer));
                    continue;
                }
            });
        }
    }

    fn deadline(&self) -> Option<Instant> {
        let lookup = self.lookups.first().map(|&(until, _)| until);
        [lookup, self.flows.deadline()].into_iter().flatten().min()
    }

    /// A flow is between addresses of the layer: whoever has another needs new flows.
    fn rebind(&mut self, now: Instant) {
        let peers: BTreeSet<SimPeer> =
            self.flows.flows().iter().filter(|flow| flow.ended.is_none()).map(|flow| flow.peer).collect();
        for peer in peers {
            self.close(now, peer);
        }
    }

    fn restart(&mut self) {
        self.flows.restart();
        self.lookups.clear();
    }

    fn unrecorded(&self) -> u64 {
        self.flows.unrecorded()
    }

    fn flows(&self) -> Vec<FlowRecord> {
        let record = |(place, flow): (usize, &FlowStats<SimPeer>)| FlowRecord {
            peer: flow.peer.0,
            opened: flow.opened,
            established: flow.established,
            first_byte: flow.first_byte,
            last_byte: flow.last_byte,
            sent_bytes: flow.sent_bytes,
            received_bytes: flow.received_bytes,
            packets: flow.packets,
            retransmissions: flow.retransmissions,
            losses: flow.timeouts,
            timeouts: flow.timeouts,
            jitter: self.jitter.get(place).and_then(Jitter::mean),
            round_trip: flow.round_trip,
        };
        self.flows.flows().iter().enumerate().map(record).collect()
    }

    fn footprint(&self) -> Footprint {
        let state = self.flows.footprint();
        Footprint { open: state.open, lingering: state.unused + state.allocating + state.lingering, bytes: state.bytes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, Streams};
    use crate::transport::tcp::rig::Text;
    use crate::units::Span;

    /// A lookup whose flow was closed does not answer for the next one.
    #[test]
    fn a_lookup_ends_with_its_flow() {
        let directory = Some(Distribution::Constant(Span(Duration::from_millis(150))));
        let config = OuroborosConfig { directory, ..OuroborosConfig::default() };
        let rng = Streams::new(1).stream(Purpose::Transport, 0);
        let mut stack = OuroborosStack::<Text>::new(SimPeer(0), &config, 1_400, rng);
        let at = |millis| Instant::ZERO + Duration::from_millis(millis);
        for now in [at(0), at(100)] {
            stack.close(now, SimPeer(1));
            stack.send(now, SimPeer(1), Arc::new(Text(vec![1])));
            assert!(stack.poll(now).is_none(), "the directory is asked first");
        }
        stack.expire(at(150));
        assert!(stack.poll(at(150)).is_none(), "that was the answer to the first");
        stack.expire(at(250));
        assert!(matches!(stack.poll(at(250)), Some(Output::Transmit { .. })));
    }
}
