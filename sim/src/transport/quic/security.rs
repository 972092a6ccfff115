//! What a node brings to the handshakes of its connections: both sides of a cryptographic protocol, and the names by which
//! its memory of sessions knows other nodes.

use std::sync::Arc;

use quinn_proto::crypto;
use rapprochement_core::peer::SimPeer;

use super::config::{Crypto, QuicConfig};
use super::null_tickets::{NullClient, NullServer};

/// The domain that all nodes are in.
pub(super) const DOMAIN: &str = "node.test";

/// Tickets that a client remembers, and a server of `rustls` too.
pub(super) const TICKETS_MAX: usize = 8192;

/// One node's cryptography, with its memory of sessions.
#[derive(Clone)]
pub(super) struct Security {
    pub(super) client: Arc<dyn crypto::ClientConfig>,
    pub(super) server: Arc<dyn crypto::ServerConfig>,
}

impl Security {
    /// Begins without memories. `key` tells this life of this node from all others.
    ///
    /// # Errors
    /// Real cryptography is not in this build, or refuses its own settings.
    pub(super) fn build(config: &QuicConfig, key: u64) -> Result<Self, String> {
        match config.crypto {
            Crypto::Null => Ok(Self {
                client: Arc::new(NullClient::new(config.zero_rtt)),
                server: Arc::new(NullServer { zero_rtt: config.zero_rtt, key }),
            }),
            #[cfg(feature = "rustls")]
            Crypto::Rustls => super::tls::security(config.zero_rtt).map_err(|error| error.to_string()),
            #[cfg(not(feature = "rustls"))]
            Crypto::Rustls => Err("this build has no rustls".into()),
        }
    }
}

/// A node's name, always of the same length, so that a handshake has the same size with everybody.
pub(super) fn name(peer: SimPeer) -> String {
    format!("{:08x}.{DOMAIN}", peer.0)
}
