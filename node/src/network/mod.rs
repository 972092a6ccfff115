//! The network of a node: messages go in with the id of a peer and come out with it, and iroh sees to the rest. A message that fits goes as a
//! datagram, a longer one as a stream of its own; neither is promised to arrive, and what finds a queue full is dropped and counted. A peer is who
//! its key says, as the handshake has shown.
//!
//! | file | what it does |
//! |---|---|
//! | [`config`] | where to listen, whom to know, limits |
//! | `outgoing` | a queue for each peer: connect, wait, send |
//! | `incoming` | accept, read, and refuse who takes too much |
//! | `shaper` | a link that is worse than the one there is |
//! | `bucket` | how much of a peer is listened to |

mod bucket;
pub mod config;
mod incoming;
mod outgoing;
mod shaper;

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use config::{Limits, NetworkConfig};
use iroh::endpoint::{Connection, PortmapperConfig, QuicTransportConfig, VarInt, presets};
use iroh::{Endpoint, EndpointAddr, PublicKey, RelayMode, SecretKey, TransportAddr};
use rapprochement_core::peer::PeerId;
use shaper::Shaper;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// Why a connection is closed: a peer sent what is no message, or too much, or was given up, or the node stops.
pub(crate) const MISBEHAVED: VarInt = VarInt::from_u32(1);
pub(crate) const GIVEN_UP: VarInt = VarInt::from_u32(2);
pub(crate) const STOPPED: VarInt = VarInt::from_u32(3);
/// What is no message, until a peer is refused.
const MALFORMED_MAX: u32 = 16;
/// Peers whose misdeeds, bans and learnt addresses are remembered.
const REMEMBERED_MAX: usize = 4_096;

/// What arrives.
#[derive(Debug)]
pub enum Arrival {
    /// The bytes of a message.
    Message(PeerId, Bytes),
    /// The peer answers: a handshake is done.
    Up(PeerId),
    /// The peer is gone: its last connection ended, or it could not be reached.
    Down(PeerId),
}

/// What became of messages and connections.
#[derive(Debug, Default)]
pub struct Counters {
    /// Messages that left as datagrams.
    pub datagrams: AtomicU64,
    /// Messages that left as streams.
    pub streams: AtomicU64,
    /// Messages that the worse link took.
    pub shaped_away: AtomicU64,
    /// Messages that found a full queue, or no way to the peer.
    pub undeliverable: AtomicU64,
    /// Messages that arrived from a peer beyond its rate.
    pub flooded: AtomicU64,
    /// Bytes that were no message, or a longer one than allowed.
    pub malformed: AtomicU64,
    /// Connections that were refused: too many, or of a banned peer.
    pub refused: AtomicU64,
    /// Handshakes that failed.
    pub unreachable: AtomicU64,
}

impl Counters {
    fn add(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Names and values, for tables.
    pub fn rows(&self) -> [(&'static str, u64); 8] {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        [
            ("sent_datagrams", read(&self.datagrams)),
            ("sent_streams", read(&self.streams)),
            ("shaped_away", read(&self.shaped_away)),
            ("undeliverable", read(&self.undeliverable)),
            ("flooded", read(&self.flooded)),
            ("malformed", read(&self.malformed)),
            ("refused", read(&self.refused)),
            ("unreachable", read(&self.unreachable)),
        ]
    }
}

/// Why a node has no network.
#[derive(Debug)]
pub struct NetworkError {
    listen: SocketAddr,
    reason: String,
}

impl fmt::Display for NetworkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot listen on {}: {}; name a free port and an address of this machine", self.listen, self.reason)
    }
}

impl std::error::Error for NetworkError {}

/// A node's network. Clones share it.
#[derive(Clone, Debug)]
pub struct Network {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    endpoint: Endpoint,
    alpn: Vec<u8>,
    limits: Limits,
    counters: Counters,
    arrivals: mpsc::Sender<Arrival>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// The newest connection of each peer.
    connections: BTreeMap<PeerId, Connection>,
    /// The queue of each peer that was sent to.
    queues: BTreeMap<PeerId, mpsc::Sender<outgoing::Parcel>>,
    /// Where peers are: configured or learnt.
    addresses: BTreeMap<PeerId, SocketAddr>,
    /// How often a peer broke the rules, and until when it is refused.
    misdeeds: BTreeMap<PeerId, (u32, Option<Instant>)>,
    shaper: Shaper,
}

impl Shared {
    /// A panic elsewhere leaves the state as whole as it was.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Network {
    /// Listens, and accepts connections from now on. What arrives comes out of the receiver, which holds so many and then makes peers wait.
    ///
    /// # Errors
    /// The address cannot be listened on.
    pub async fn bind(config: NetworkConfig) -> Result<(Self, mpsc::Receiver<Arrival>), NetworkError> {
        let NetworkConfig { secret, listen, peers, protocol, public, limits, link } = config;
        let failed = |reason: String| NetworkError { listen, reason };
        let alpn = format!("rapprochement/{protocol}").into_bytes();
        let builder = if public { Endpoint::builder(presets::N0) } else { Endpoint::builder(presets::Minimal) };
        let builder = builder
            .secret_key(SecretKey::from_bytes(&secret))
            .alpns(vec![alpn.clone()])
            .portmapper_config(PortmapperConfig::Disabled)
            .transport_config(transport(&limits))
            .clear_ip_transports()
            .bind_addr(listen)
            .map_err(|error| failed(error.to_string()))?;
        let builder = if public { builder } else { builder.relay_mode(RelayMode::Disabled) };
        let endpoint = builder.bind().await.map_err(|error| failed(error.to_string()))?;
        let (arrivals, receiver) = mpsc::channel(1_024);
        let state = State {
            connections: BTreeMap::new(),
            queues: BTreeMap::new(),
            addresses: peers,
            misdeeds: BTreeMap::new(),
            shaper: Shaper::new(link, secret),
        };
        let counters = Counters::default();
        let shared = Arc::new(Shared { endpoint, alpn, limits, counters, arrivals, state: Mutex::new(state) });
        tokio::spawn(incoming::accept(Arc::clone(&shared)));
        Ok((Self { shared }, receiver))
    }

    /// This node.
    pub fn id(&self) -> PeerId {
        PeerId(*self.shared.endpoint.id().as_bytes())
    }

    /// Where it listens.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.shared.endpoint.bound_sockets()
    }

    /// What became of messages and connections.
    pub fn counters(&self) -> &Counters {
        &self.shared.counters
    }

    /// Peers with a connection now.
    pub fn connected(&self) -> Vec<PeerId> {
        self.shared.state().connections.keys().copied().collect()
    }

    /// Where a peer is, from now on.
    pub fn learn(&self, peer: PeerId, address: SocketAddr) {
        let addresses = &mut self.shared.state().addresses;
        if addresses.len() < REMEMBERED_MAX || addresses.contains_key(&peer) {
            addresses.insert(peer, address);
        }
    }

    /// Sends a message, connecting first where that is needed. It never waits.
    pub fn send(&self, to: PeerId, message: &Bytes) {
        outgoing::send(&self.shared, to, message);
    }

    /// Gives up the connection to a peer.
    pub fn disconnect(&self, peer: PeerId) {
        let connection = self.shared.state().connections.remove(&peer);
        connection.into_iter().for_each(|connection| connection.close(GIVEN_UP, b"given up"));
    }

    /// A peer sent what is no message. Who does it often is refused for a while.
    pub fn malformed(&self, peer: PeerId) {
        Counters::add(&self.shared.counters.malformed);
        self.shared.misdeed(peer, 1);
    }

    /// Ends all connections, and the listening.
    pub async fn close(&self) {
        let connections = std::mem::take(&mut self.shared.state().connections);
        connections.values().for_each(|connection| connection.close(STOPPED, b"the node stops"));
        self.shared.endpoint.close().await;
    }
}

impl Shared {
    /// Counts misdeeds of a peer; at the limit its connection ends and it is refused for a while.
    fn misdeed(&self, peer: PeerId, weight: u32) {
        let mut state = self.state();
        if state.misdeeds.len() >= REMEMBERED_MAX && !state.misdeeds.contains_key(&peer) {
            state.misdeeds.pop_first();
        }
        let (count, until) = state.misdeeds.entry(peer).or_default();
        *count = count.saturating_add(weight);
        if *count < MALFORMED_MAX {
            return;
        }
        *count = 0;
        *until = Some(Instant::now() + self.limits.ban);
        let connection = state.connections.remove(&peer);
        drop(state);
        tracing::warn!(?peer, "the peer is refused for a while: it sent what is no message, or too much");
        connection.into_iter().for_each(|connection| connection.close(MISBEHAVED, b"not a message, or too many"));
    }

    fn is_banned(&self, peer: &PeerId) -> bool {
        let until = self.state().misdeeds.get(peer).and_then(|(_, until)| *until);
        until.is_some_and(|until| until > Instant::now())
    }

    /// How iroh finds a peer: by its address where that is known.
    fn address_of(&self, peer: PeerId) -> Option<EndpointAddr> {
        let key = PublicKey::from_bytes(&peer.0).ok()?;
        let address = self.state().addresses.get(&peer).copied();
        Some(EndpointAddr::from_parts(key, address.map(TransportAddr::Ip)))
    }
}

/// Our limits as iroh's.
fn transport(limits: &Limits) -> QuicTransportConfig {
    QuicTransportConfig::builder()
        .max_concurrent_bidi_streams(VarInt::from_u32(0))
        .max_concurrent_uni_streams(VarInt::from_u32(limits.streams))
        .stream_receive_window(VarInt::from_u32(limits.window / 2))
        .receive_window(VarInt::from_u32(limits.window))
        .send_window(u64::from(limits.window))
        .datagram_receive_buffer_size(Some(limits.datagrams))
        .datagram_send_buffer_size(limits.datagrams)
        .build()
}
