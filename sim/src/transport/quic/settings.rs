//! A scenario's keys as `quinn-proto` wants them, and the fixes for all that is random or reads a clock in it: generators
//! are seeded, connection ids are counted, and the system's time stands still.

use std::sync::Arc;
use std::time::Duration as StdDuration;

use quinn_proto::congestion::{ControllerFactory, NewRenoConfig};
use quinn_proto::{
    ClientConfig, ConnectionId, ConnectionIdGenerator, Endpoint, EndpointConfig, IdleTimeout, NoneTokenStore,
    ServerConfig, TimeSource, TransportConfig, VarInt,
};

use super::config::{Congestion, QuicConfig};
use super::cubic::CubicFactory;
use super::null_keys::{NodeKey, fold, mix};
use super::security::Security;

/// Bytes of the destination of a client's first packet, as `quinn-proto` chooses them.
const FIRST_ID_LEN: usize = 20;

/// All that the connections of a node have in common.
pub(super) fn transport(config: &QuicConfig) -> TransportConfig {
    let window = VarInt::from_u64(config.window.0).unwrap_or(VarInt::MAX);
    let millis = VarInt::from_u64(config.idle_timeout.as_nanos() / 1_000_000).unwrap_or(VarInt::MAX);
    let mtu = u16::try_from(config.mtu.0).unwrap_or(u16::MAX);
    let mut transport = TransportConfig::default();
    transport
        .max_concurrent_uni_streams(config.streams_max.into())
        .max_concurrent_bidi_streams(VarInt::from_u32(0))
        .stream_receive_window(window)
        .receive_window(window)
        .send_window(config.window.0)
        .max_idle_timeout(Some(IdleTimeout::from(millis)))
        .keep_alive_interval(config.keep_alive.map(|span| StdDuration::from_nanos(span.as_nanos())))
        .initial_mtu(mtu)
        .min_mtu(mtu)
        .mtu_discovery_config(None)
        .enable_segmentation_offload(false)
        .datagram_receive_buffer_size(None)
        .congestion_controller_factory(congestion(config));
    transport
}

fn congestion(config: &QuicConfig) -> Arc<dyn ControllerFactory + Send + Sync> {
    match config.congestion {
        Congestion::Cubic => Arc::new(CubicFactory { initial_window: config.initial_window.0 }),
        Congestion::NewReno => {
            let mut new_reno = NewRenoConfig::default();
            new_reno.initial_window(config.initial_window.0);
            Arc::new(new_reno)
        }
    }
}

/// A node's endpoint in one of its lives. `seed` is the node's; only the key of stateless resets outlasts a life.
pub(super) fn endpoint(
    config: &QuicConfig,
    transport: &Arc<TransportConfig>,
    security: &Security,
    seed: u64,
    life: u32,
) -> Endpoint {
    let node_key = NodeKey(mix(seed));
    let mut settings = EndpointConfig::new(Arc::new(node_key));
    let mut rng_seed = [0; 32];
    for (i, chunk) in rng_seed.chunks_mut(8).enumerate() {
        chunk.copy_from_slice(&fold(seed, &[&life.to_le_bytes()[..], &[i as u8]].concat()).to_le_bytes());
    }
    settings.rng_seed(Some(rng_seed)).cid_generator(move || Box::new(CountedIds::new(seed, life)));
    // In range by the scenario's check.
    let _ = settings.max_udp_payload_size(u16::try_from(config.mtu.0.max(1472)).unwrap_or(u16::MAX));

    let mut server = ServerConfig::new(security.server.clone(), Arc::new(node_key));
    server.transport_config(transport.clone()).time_source(Arc::new(StandingTime));
    Endpoint::new(Arc::new(settings), Some(Arc::new(server)), false, None)
}

/// The configuration of a node's next connection, the `count`th of its `life`.
pub(super) fn client(
    transport: &Arc<TransportConfig>,
    security: &Security,
    seed: u64,
    life: u32,
    count: u64,
) -> ClientConfig {
    let mut id = [0; FIRST_ID_LEN];
    for (i, chunk) in id.chunks_mut(8).enumerate() {
        let place = [&life.to_le_bytes()[..], &count.to_le_bytes(), &[i as u8]].concat();
        chunk.copy_from_slice(&fold(!seed, &place).to_le_bytes()[..chunk.len()]);
    }
    let id = ConnectionId::new(&id);
    let mut client = ClientConfig::new(security.client.clone());
    client
        .transport_config(transport.clone())
        .token_store(Arc::new(NoneTokenStore))
        .initial_dst_cid_provider(Arc::new(move || id));
    client
}

/// Connection ids that look random, and of which a node gives none twice in all its lives: a bijection of a counter.
struct CountedIds {
    key: u64,
    next: u64,
}

impl CountedIds {
    fn new(seed: u64, life: u32) -> Self {
        Self { key: mix(!seed), next: u64::from(life) << 32 }
    }
}

impl ConnectionIdGenerator for CountedIds {
    fn generate_cid(&mut self) -> ConnectionId {
        self.next += 1;
        ConnectionId::new(&mix(self.next ^ self.key).to_le_bytes())
    }

    fn cid_len(&self) -> usize {
        8
    }

    fn cid_lifetime(&self) -> Option<StdDuration> {
        None
    }
}

/// The age of address tokens is all that it could tell, and nobody gives any.
struct StandingTime;

impl TimeSource for StandingTime {
    #[allow(clippy::disallowed_types, reason = "the signature of the trait; the system's clock is not read")]
    fn now(&self) -> std::time::SystemTime {
        std::time::UNIX_EPOCH
    }
}

/// An endpoint and a client's configuration with the settings of a [`super::QuicStack`], for whoever drives `quinn-proto`
/// by hand: what the example `quic_speed` compares the stack with.
///
/// # Errors
/// Cryptography that this build does not have.
pub fn bare(config: &QuicConfig, seed: u64) -> Result<(Endpoint, ClientConfig), String> {
    let security = Security::build(config, seed)?;
    let shared = Arc::new(transport(config));
    Ok((endpoint(config, &shared, &security, seed, 0), client(&shared, &security, seed, 0, 1)))
}
