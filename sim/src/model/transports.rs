//! Which transport the nodes of a run have, and what is reported of its connections.

use rapprochement_core::peer::SimPeer;
use rapprochement_core::protocol::Protocol;

use super::experiment::Experiment;
use super::host::{Hosts, Observer, SimProtocol};
use crate::measure::results::{Results, Table};
use crate::model::report::ratio;
use crate::random::Streams;
use crate::transport::any::AnyStack;
use crate::transport::over::Over;
use crate::transport::stack::{FlowRecord, Footprint, Stack};

/// Flows beyond this number are counted, but not written one by one.
const ROWS_MAX: usize = 100_000;

/// A node whose connections can be looked at.
pub trait Transported {
    /// Its connections so far; none where messages go as datagrams.
    fn flows(&self) -> Vec<FlowRecord> {
        Vec::new()
    }

    /// The state that its transport keeps now.
    fn footprint(&self) -> Footprint {
        Footprint::default()
    }

    /// The node comes back after a crash: what is not durable is gone.
    fn restart(&mut self);
}

impl<P, S> Transported for Over<P, S>
where
    P: Protocol<Peer = SimPeer> + Transported,
    S: Stack<P::Message>,
{
    fn flows(&self) -> Vec<FlowRecord> {
        self.stack().flows()
    }

    fn footprint(&self) -> Footprint {
        self.stack().footprint()
    }

    fn restart(&mut self) {
        self.restart_stack();
        self.protocol_mut().restart();
    }
}

/// What puts the protocol of each node on the transport of the scenario; `None` where messages go as datagrams.
pub(super) fn over<P>(experiment: &Experiment, streams: &Streams) -> Option<impl Fn(SimPeer, P) -> Over<P, AnyStack<P::Message>> + use<P>>
where
    P: Protocol<Peer = SimPeer, Message: Send + Sync>,
{
    let config = experiment.transport.clone();
    let network = &experiment.network;
    let (mtu, moves) = (network.packet.mtu.0, network.address_change);
    let streams = streams.clone();
    (!config.is_datagram()).then_some(move |peer: SimPeer, protocol| {
        let every = moves.filter(|moves| peer.0 < moves.nodes).map(|moves| moves.every.0);
        Over::new(protocol, AnyStack::build(&config, mtu, peer, &streams)).moving(every)
    })
}

/// The state of all nodes together.
pub(super) fn footprint<'a, P: Transported + 'a>(nodes: impl Iterator<Item = &'a P>) -> Footprint {
    nodes.map(Transported::footprint).fold(Footprint::default(), |sum, one| Footprint {
        open: sum.open + one.open,
        lingering: sum.lingering + one.lingering,
        bytes: sum.bytes + one.bytes,
    })
}

/// Reports the connections of a run, and writes a row for each.
pub(super) fn report_flows<P, O>(shards: &[Hosts<P, O>], results: &mut Results)
where
    P: SimProtocol + Transported,
    O: Observer<P>,
{
    let nodes = || shards.iter().flat_map(Hosts::nodes);
    let flows: Vec<(u32, FlowRecord)> = nodes()
        .flat_map(|(node, _, protocol)| protocol.flows().into_iter().map(move |flow| (node, flow)))
        .collect();
    if flows.is_empty() {
        return;
    }
    let count = nodes().count() as f64;
    let state = footprint(nodes().map(|(_, _, protocol)| protocol));
    let sum = |value: fn(&FlowRecord) -> u64| flows.iter().map(|(_, flow)| value(flow)).sum::<u64>() as f64;
    results.scalar("connections_per_node", flows.len() as f64 / count);
    results.scalar("connections_open_at_end", state.open as f64);
    results.scalar("connections_lingering_at_end", state.lingering as f64);
    results.scalar("transport_state_bytes_per_node", state.bytes as f64 / count);
    results.scalar("packets_per_node", sum(|flow| flow.packets) / count);
    results.scalar("retransmitted_share", ratio(sum(|flow| flow.retransmissions), sum(|flow| flow.packets)));
    results.scalar("retransmission_timeouts_per_node", sum(|flow| flow.timeouts) / count);
    results.tables.push(table(&flows));
}

fn table(flows: &[(u32, FlowRecord)]) -> Table {
    let columns = "node peer opened_ns established_ns first_byte_ns last_byte_ns sent_bytes received_bytes packets \
                   retransmissions losses timeouts jitter_ns round_trip_ns";
    let time = |at: Option<u64>| at.map_or(f64::NAN, |nanos| nanos as f64);
    let rows = flows.iter().take(ROWS_MAX).map(|(node, flow)| {
        vec![
            f64::from(*node),
            f64::from(flow.peer),
            flow.opened.as_nanos() as f64,
            time(flow.established.map(|at| at.as_nanos())),
            time(flow.first_byte.map(|at| at.as_nanos())),
            time(flow.last_byte.map(|at| at.as_nanos())),
            flow.sent_bytes as f64,
            flow.received_bytes as f64,
            flow.packets as f64,
            flow.retransmissions as f64,
            flow.losses as f64,
            flow.timeouts as f64,
            flow.jitter.as_nanos() as f64,
            time(flow.round_trip.map(|span| span.as_nanos())),
        ]
    });
    Table { name: "flows".into(), columns: columns.split(' ').map(Into::into).collect(), rows: rows.collect() }
}
