//! Scenarios whose messages go over a transport, and workflows.

use super::super::schema::Scenario;
use super::Draw;
use crate::model::calls::config::{CallsSettings, Connection, Request};
use crate::model::config::{ProtocolConfig, WorkloadConfig};
use crate::model::workflow::config::{
    Channel, Exchange, Operation, RedisConfig, Scheduler, Shape, StoreConfig, WorkflowSettings,
};
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

/// Workflows of a few instances, over every channel: as datagrams, or over a transport. Nobody crashes, which no workflow survives.
pub(super) fn workflow(draw: &mut Draw, scenario: &mut Scenario) {
    if draw.chance() {
        transport(draw, scenario);
    }
    scenario.hostile = None;
    scenario.churn = None;
    scenario.workload = WorkloadConfig::default();
    scenario.measure.events = false;
    scenario.measure.stop_when_converged = false;
    let mut number = |most: u64| draw.between(1, most) as u32;
    let shape = match number(5) {
        1 => Shape::Chain { length: number(5) + 1 },
        2 => Shape::Fan { width: number(8) },
        3 => Shape::MapShuffleReduce { mappers: number(4), reducers: number(4) },
        4 => Shape::AllReduce { workers: number(5) + 1, rounds: number(3) },
        _ => {
            let operation = operation(number(6));
            let messages = if operation == Operation::Broadcast { number(3) } else { 1 };
            Shape::Collective { operation, receivers: number(8), messages }
        }
    };
    let channel = match number(6) {
        1 => Channel::Unicast,
        2 => Channel::BinomialTree,
        3 => Channel::ChunkedTree { chunk: Size(u64::from(number(20)) * 1_000) },
        4 => Channel::BroadcastLayer { degree: number(4) + 1, packet: Size(u64::from(number(1_000)) + 200) },
        5 => Channel::Redis,
        _ => Channel::ObjectStore,
    };
    let exchanges = [Exchange::SetGet, Exchange::List, Exchange::Stream, Exchange::PubSub];
    scenario.protocol = ProtocolConfig::Workflow(Box::new(WorkflowSettings {
        shape: Some(shape),
        size: Size(draw.between(1, 50_000)),
        compute: draw.span(0, 100),
        channel,
        scheduler: draw.one_of([
            Scheduler::Random,
            Scheduler::LeastLoaded,
            Scheduler::LocalityAware,
            Scheduler::TransportAware,
        ]),
        instances_per_host: draw.between(1, 3) as u32,
        cold_start: draw.span(100, 500),
        cold_share: draw.share(100),
        runs: draw.between(1, 3) as u32,
        interval: draw.span(100, 1000),
        redis: RedisConfig { exchange: draw.one_of(exchanges), poll: draw.span(5, 50), ..RedisConfig::default() },
        object_store: StoreConfig { front_ends: draw.between(1, 4) as u32, ..StoreConfig::default() },
        ..WorkflowSettings::default()
    }));
}

/// The operation with this number, from 1.
fn operation(number: u32) -> Operation {
    match number {
        1 => Operation::Broadcast,
        2 => Operation::Scatter,
        3 => Operation::Gather,
        4 => Operation::Reduce,
        5 => Operation::AllReduce,
        _ => Operation::Barrier,
    }
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
