//! What a node's network is told: where to listen, whom it knows, what it lets peers take, and what is done to its sends in a test.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use rapprochement_core::peer::PeerId;

/// The network of one node.
#[derive(Clone, Debug)]
pub struct NetworkConfig {
    /// Ed25519 secret; the node's id is its public key.
    pub secret: [u8; 32],
    /// Where to listen. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// Addresses of peers that are known from the beginning. Those of others are learnt when they connect.
    pub peers: BTreeMap<PeerId, SocketAddr>,
    /// Name and version of what is spoken: peers that speak another one are not connected to.
    pub protocol: String,
    /// Whether iroh's public relays and address lookup are used. Without it nothing but the peers is ever spoken to.
    pub public: bool,
    /// What peers may take.
    pub limits: Limits,
    /// What is done to what leaves.
    pub link: Link,
}

impl NetworkConfig {
    /// On the loopback interface, at any free port, with nobody known.
    pub fn local(secret: [u8; 32], protocol: &str) -> Self {
        Self {
            secret,
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            peers: BTreeMap::new(),
            protocol: protocol.to_owned(),
            public: false,
            limits: Limits::default(),
            link: Link::default(),
        }
    }
}

/// What peers may take of a node. iroh's own limits allow some 125 MB a connection.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at the same time; further ones are refused.
    pub connections: usize,
    /// The longest message, in bytes.
    pub message: usize,
    /// Streams of one peer at the same time: long messages.
    pub streams: u32,
    /// Bytes that a connection may have under way to here.
    pub window: u32,
    /// Bytes of datagrams that wait to be read.
    pub datagrams: usize,
    /// Messages a second of one peer; four times as many in a burst. What is beyond is dropped.
    pub rate: u32,
    /// Messages that wait for one peer; further ones are dropped, as a full socket does.
    pub queue: usize,
    /// How long a handshake may take.
    pub connect: Duration,
    /// How long a long message may take to arrive.
    pub read: Duration,
    /// How long a peer that broke the rules is refused.
    pub ban: Duration,
}

impl Default for Limits {
    /// 256 connections, messages of 1 MiB, 16 streams, windows of 2 MiB, 256 KiB of datagrams, 2,000 messages a second, 1,024 in a queue; 5 s for
    /// a handshake, 20 s for a message, a minute's ban.
    fn default() -> Self {
        Self {
            connections: 256,
            message: 1 << 20,
            streams: 16,
            window: 2 << 20,
            datagrams: 256 << 10,
            rate: 2_000,
            queue: 1_024,
            connect: Duration::from_secs(5),
            read: Duration::from_secs(20),
            ban: Duration::from_secs(60),
        }
    }
}

/// A link that is worse than the one there is: for tests, and for studies beside a simulation.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Link {
    /// How long each message waits before it leaves.
    pub delay: Duration,
    /// Share of messages that never leave, 0 to 1.
    pub loss: f64,
    /// Bytes a second of all that leaves; 0 for no limit.
    pub rate: u64,
}
