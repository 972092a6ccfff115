//! Scenarios whose messages go over a transport.

use super::super::schema::Scenario;
use super::Draw;
use crate::model::calls::config::{CallsSettings, Connection, Request};
use crate::model::config::{ProtocolConfig, WorkloadConfig};
use crate::network::config::{AddressChange, Packet};
use crate::transport::config::TransportConfig;
use crate::transport::ouroboros::config::OuroborosConfig;
use crate::transport::quic::config::{QuicConfig, Streams};
use crate::transport::tcp::config::{CongestionControl, TcpConfig};
use crate::units::Size;

/// Messages over a transport, and nodes whose address changes.
pub(super) fn transport(draw: &mut Draw, scenario: &mut Scenario) {
    scenario.transport = match draw.between(0, 4) {
        0 => TransportConfig::Tcp(TcpConfig::default()),
        1 => TransportConfig::Tls(TcpConfig { congestion: CongestionControl::Reno, ..TcpConfig::default() }),
        2 => TransportConfig::Quic(QuicConfig::default()),
        3 => TransportConfig::Quic(QuicConfig { streams: Streams::One, ..QuicConfig::default() }),
        _ => TransportConfig::Ouroboros(OuroborosConfig::default()),
    };
    scenario.hostile = None;
    scenario.encode_messages = false;
    scenario.network.packet = Packet::default();
    scenario.network.address_change =
        draw.sometimes(|draw| AddressChange { nodes: draw.between(1, 5) as u32, every: draw.span(500, 5000) });
}

/// Requests and replies over a transport.
pub(super) fn calls(draw: &mut Draw, scenario: &mut Scenario) {
    transport(draw, scenario);
    scenario.workload = WorkloadConfig::default();
    scenario.measure.events = false;
    scenario.measure.stop_when_converged = false;
    let reply = draw.sometimes(|draw| Size(draw.between(1, 5_000)));
    scenario.protocol = ProtocolConfig::Calls(CallsSettings {
        callers: draw.between(1, 9) as u32,
        calls: draw.between(1, 40) as u32,
        gap: draw.distribution(10, 500),
        request: Request::Constant(Size(draw.between(1, 50_000))),
        reply,
        connection: if reply.is_some() && draw.chance() { Connection::PerCall } else { Connection::Pooled },
        patience: draw.span(100, 5000),
    });
}
