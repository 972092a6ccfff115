//! `transport`: what carries messages over the network. Data only.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ouroboros::config::OuroborosConfig;
use super::quic::config::QuicConfig;
use super::tcp::config::{TcpConfig, Tls};
use super::tcp::packet::HEADER;
use crate::network::config::Packet;
use crate::problem::Problem;
use crate::units::Size;

/// What carries messages over the network: `transport = "datagram"`, or a table such as `transport.tcp = { congestion = "reno" }`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum TransportConfig {
    /// Every message is a datagram, cut at the MTU; what is lost is lost.
    #[default]
    Datagram,
    /// A connection to every peer that something is sent to; messages arrive in order.
    Tcp(TcpConfig),
    /// TCP with TLS 1.3: the same keys, where `tls` is "full" or "resumed", and "full" where it is left out.
    Tls(TcpConfig),
    /// The real `quinn-proto`, in virtual time.
    Quic(QuicConfig),
    /// Flows of the Ouroboros prototype, as a model.
    Ouroboros(OuroborosConfig),
}

impl TransportConfig {
    /// Whether messages go without a transport.
    pub const fn is_datagram(&self) -> bool {
        matches!(self, Self::Datagram)
    }

    /// The sizes of packets below this transport: TCP has no UDP (RFC 768) below it, and Ouroboros the endpoint id of the prototype's
    /// UDP shim besides.
    #[must_use]
    pub fn below(&self, packet: &Packet) -> Packet {
        const UDP: u64 = 8;
        const SHIM: u64 = 4;
        let headers = packet.headers.0;
        let headers = match self {
            Self::Datagram | Self::Quic(_) => headers,
            Self::Tcp(_) | Self::Tls(_) => headers.saturating_sub(UDP),
            Self::Ouroboros(_) => headers.saturating_add(SHIM),
        };
        Packet { headers: Size(headers), ..packet.clone() }
    }

    /// TCP with what lies above it; `None` for another transport.
    pub(super) fn tcp(&self) -> Option<TcpConfig> {
        match self {
            Self::Tcp(tcp) => Some(tcp.clone()),
            Self::Tls(tcp) if tcp.tls == Tls::None => Some(TcpConfig { tls: Tls::Full, ..tcp.clone() }),
            Self::Tls(tcp) => Some(tcp.clone()),
            Self::Datagram | Self::Quic(_) | Self::Ouroboros(_) => None,
        }
    }

    /// What is wrong with it, and what its packets are too large for.
    pub fn problems(&self, packet: &Packet) -> Vec<Problem> {
        let packet = &self.below(packet);
        match self {
            Self::Datagram => Vec::new(),
            Self::Tcp(tcp) => tcp_problems(tcp, "transport.tcp", packet),
            Self::Tls(tcp) => tcp_problems(tcp, "transport.tls", packet),
            Self::Quic(quic) => {
                let mut problems = quic.problems("transport.quic");
                let needed = quic.mtu.0.saturating_add(packet.headers.0);
                problems.extend(too_large("transport.quic.mtu", needed, packet));
                problems
            }
            Self::Ouroboros(ouroboros) => {
                let mut problems = ouroboros.problems("transport.ouroboros");
                // The headers of a layer and of flow control, a checksum, and something to carry; or a request.
                let needed = packet.headers.0.saturating_add(108);
                problems.extend(too_large("transport.ouroboros", needed, packet));
                problems
            }
        }
    }
}

fn tcp_problems(tcp: &TcpConfig, path: &str, packet: &Packet) -> Vec<Problem> {
    let named = tcp.problems().into_iter().map(|(key, why)| Problem::new(format!("{path}.{key}"), why, ""));
    let needed = tcp.mss.0.saturating_add(HEADER as u64).saturating_add(packet.headers.0);
    named.chain(too_large(&format!("{path}.mss"), needed, packet)).collect()
}

fn too_large(path: &str, needed: u64, packet: &Packet) -> Option<Problem> {
    (needed > packet.mtu.0).then(|| {
        let message = format!("its packets of {needed} B do not fit the MTU of {}", packet.mtu);
        Problem::new(path, message, "make them smaller, or the MTU larger").resting_on(["network.packet.mtu"])
    })
}
