//! PHOLD through the protocol contract: what a real protocol costs on the engine. Every node has 128 bytes of state and starts
//! one message of 64 bytes; whoever receives one reads it, changes its state, and sends one to a uniformly random other
//! node, so that as many messages are under way as there are nodes. Each crosses an uplink, the region table and a downlink.
//! (R. Fujimoto, "Performance of Time Warp under synthetic workloads", 1990, is where the bare model comes from.)

use std::sync::Arc;

use rand_core::Rng;
use rapprochement_core::peer::SimPeer;
use rapprochement_core::protocol::{Context, Durable, Input, Protocol};
use rapprochement_core::random::below;
use rapprochement_core::time::{Duration, Instant};
use rapprochement_core::wire::{DecodeError, Message, Reader};

use super::host::{self, STARTS, Hosts, Note, Observer, World};
use super::{RunOptions, RunStatistics};
use crate::engine::{self, Director, Event, Outcome, Plan, Progress};
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
struct Blind;

impl Observer<Phold> for Blind {
    fn commanded(&mut self, _: u32) {}

    fn event(&mut self, _: Instant, _: u32, _: Instant, (): ()) -> u64 {
        0
    }

    fn joined(&mut self, _: Instant, _: u32, _: &Phold) {}

    fn left(&mut self, _: Instant, _: u32, _: &Phold) {}
}

/// Ends the run at the first sample after so many events.
#[derive(Debug)]
struct Until {
    events: u64,
    next: Instant,
    every: Duration,
}

impl Director<Hosts<Phold, Blind>> for Until {
    fn next(&self) -> Option<Instant> {
        Some(self.next)
    }

    fn act(&mut self, now: Instant, _: &mut [&mut Hosts<Phold, Blind>], progress: &Progress) -> Option<Outcome> {
        self.next = now + self.every;
        (progress.events >= self.events).then_some(Outcome::EventLimit)
    }
}

/// Runs PHOLD through the protocol contract on the built-in region table with 20/100 Mbit/s links until `events` events.
///
/// # Errors
/// The network cannot be built for so many nodes.
pub fn run(nodes: u32, events: u64, seed: u64, options: &RunOptions) -> Result<RunStatistics, Vec<Problem>> {
    let streams = Streams::new(seed);
    let access = Access { uplink: Some(Rate(20_000_000)), downlink: Some(Rate(100_000_000)), ..Access::default() };
    let config = NetworkConfig { access, ..NetworkConfig::default() };
    let network = Network::build(&config, nodes, std::path::Path::new(""), &streams)?;
    let (starts, lookahead) = network.shards(options.shards(nodes));
    let world = Arc::new(World {
        network,
        churn: None,
        departure: Departure::Crash,
        service: NodeService::new(&NodeConfig::default()),
        clocks: None,
        encode_messages: false,
        command: Box::new(|_| ()),
        revive: host::revive::<Phold>,
    });
    let shards = starts
        .windows(2)
        .map(|range| {
            let protocols = (range[0]..range[1]).map(|_| Phold::new(nodes));
            Hosts::new(range[0], protocols, Arc::clone(&world), &streams, Blind, false)
        })
        .collect();
    let initial = (0..nodes).map(|node| Event { time: 0, source: STARTS, sequence: node, target: node, data: Note::start() });
    let every = Duration::from_millis(20);
    let mut until = Until { events, next: Instant::ZERO + every, every };
    let plan = Plan {
        starts,
        lookahead,
        threads: options.threads,
        queue: options.queue,
        seed,
        deadline: Instant::MAX,
        slice: Duration::from_secs(1),
        trace: options.trace.clone(),
    };
    let run = engine::run(shards, initial, &mut until, &plan);
    Ok(RunStatistics::split(run).1)
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
