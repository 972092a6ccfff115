//! PHOLD through the protocol contract: what a real protocol costs on the engine. Every node has 128 bytes of state and starts
//! one message of 64 bytes; whoever receives one reads it, changes its state, and sends one to a uniformly random other
//! node, so that as many messages are under way as there are nodes. Each crosses an uplink, the region table and a downlink.
//! (R. Fujimoto, "Performance of Time Warp under synthetic workloads", 1990, is where the bare model comes from.)

use std::sync::Arc;

use rand_core::Rng;
use rapprochement_core::peer::SimPeer;
use rapprochement_core::protocol::{Context, Durable, Input, Protocol};
use rapprochement_core::random::below;
use rapprochement_core::time::Instant;
use rapprochement_core::wire::{DecodeError, Message, Reader};

use super::host::{self, Hosts, Note, OUTSIDE, Observer, World};
use crate::engine::Event;
use crate::network::Network;
use crate::network::config::{Access, Departure, NetworkConfig, NodeConfig};
use crate::network::service::NodeService;
use crate::problem::Problem;
use crate::random::Streams;
use crate::units::Rate;

/// 64 bytes of payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ball([u64; 8]);

impl Message for Ball {
    const CLASSES: &'static [&'static str] = &["ball"];

    fn class(&self) -> usize {
        0
    }

    fn encoded_len(&self) -> usize {
        64
    }

    fn encode(&self, out: &mut Vec<u8>) {
        self.0.iter().for_each(|word| out.extend_from_slice(&word.to_le_bytes()));
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes)?;
        let mut words = [0; 8];
        for word in &mut words {
            *word = u64::from_le_bytes(reader.array()?);
        }
        reader.finish()?;
        Ok(Self(words))
    }
}

/// A node: 128 bytes of state.
#[derive(Clone, Debug)]
pub struct Phold {
    nodes: u32,
    received: u32,
    words: [u64; 15],
}

impl Phold {
    /// One of `nodes` nodes.
    pub const fn new(nodes: u32) -> Self {
        Self { nodes, received: 0, words: [0; 15] }
    }

    fn throw<C: Context<Self>>(&self, context: &mut C) {
        let me = context.me().0;
        let other = below(context.rng(), self.nodes - 1);
        let to = other + u32::from(other >= me);
        let mut words = [0; 8];
        words.copy_from_slice(&self.words[..8]);
        words[7] = context.rng().next_u64();
        context.send(SimPeer(to), Ball(words));
    }
}

impl Protocol for Phold {
    type Peer = SimPeer;
    type Message = Ball;
    type Timer = ();
    type Command = ();
    type Event = ();

    fn handle<C: Context<Self>>(&mut self, _now: Instant, input: Input<'_, Self>, context: &mut C) {
        match input {
            Input::Start => self.throw(context),
            Input::Message { message, .. } => {
                self.received = self.received.wrapping_add(1);
                for (mine, theirs) in self.words.iter_mut().zip(&message.0) {
                    *mine = mine.rotate_left(5) ^ theirs;
                }
                self.throw(context);
            }
            _ => {}
        }
    }
}

impl Durable for Phold {
    type Saved = ();

    fn save(&self) {}

    fn recover(&mut self, (): ()) {}
}

/// Sees nothing: the benchmark measures the rest.
#[derive(Debug)]
pub struct Blind;

impl Observer<Phold> for Blind {
    fn commanded(&mut self, _: u32) {}

    fn event(&mut self, _: Instant, _: u32, _: Instant, (): ()) -> u64 {
        0
    }

    fn joined(&mut self, _: Instant, _: u32, _: &Phold) {}

    fn left(&mut self, _: Instant, _: u32, _: &Phold) {}
}

/// The built-in region table with links of 20/100 Mbit/s.
///
/// # Errors
/// There are too few nodes for a network.
pub fn network(nodes: u32, streams: &Streams) -> Result<Network, Vec<Problem>> {
    let access = Access { uplink: Some(Rate(20_000_000)), downlink: Some(Rate(100_000_000)), ..Access::default() };
    Network::build(&NetworkConfig { access, ..NetworkConfig::default() }, nodes, std::path::Path::new(""), streams)
}

/// The nodes in shards that begin at `starts`.
pub fn shards(network: Network, starts: &[u32], nodes: u32, streams: &Streams) -> Vec<Hosts<Phold, Blind>> {
    let world = Arc::new(World {
        network,
        churn: None,
        departure: Departure::Crash,
        service: NodeService::new(&NodeConfig::default()),
        clocks: None,
        aside: Default::default(),
        encode_messages: false,
        command: Box::new(|_| ()),
        revive: host::revive::<Phold>,
    });
    let shard = |range: &[u32]| {
        let protocols = (range[0]..range[1]).map(|_| Phold::new(nodes));
        Hosts::new(range[0], protocols, Arc::clone(&world), streams, Blind, false)
    };
    starts.windows(2).map(shard).collect()
}

/// Every node's start.
pub fn initial(nodes: u32) -> impl Iterator<Item = Event<Note>> {
    (0..nodes).map(|node| Event { time: 0, source: OUTSIDE, sequence: node, target: node, data: Note::start() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_has_the_stated_state() {
        assert_eq!(size_of::<Phold>(), 128);
        let ball = Ball([7; 8]);
        let mut bytes = Vec::new();
        ball.encode(&mut bytes);
        assert_eq!(bytes.len(), ball.encoded_len());
        assert_eq!(Ball::decode(&bytes), Ok(ball));
    }
}
