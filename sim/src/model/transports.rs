//! Which transport the nodes of a run have, and what is reported of its connections.

use rapprochement_core::peer::SimPeer;
use rapprochement_core::protocol::Protocol;

use super::experiment::Experiment;
use super::host::{Hosts, Observer, SimProtocol};
use crate::measure::results::{Results, Table};
use crate::model::report::ratio;
use crate::problem::Problem;
use crate::random::Streams;
use crate::transport::any::AnyStack;
use crate::transport::over::Over;
use crate::transport::stack::{FlowRecord, Footprint, Stack};

/// Flows beyond this number are counted, but not written one by one.
const ROWS_MAX: usize = 100_000;

/// The transport of a node, as those see it who measure.
pub trait Connections {
    /// Its connections so far.
    fn flows(&self) -> Vec<FlowRecord>;

    /// Connections so far that are not among these, since there are too many.
    fn unrecorded(&self) -> u64;

    /// The state that it keeps now.
    fn footprint(&self) -> Footprint;
}

/// How to look at the transport of a node; `None` where messages go as datagrams.
pub type Look<P> = fn(&P) -> Option<&dyn Connections>;

impl<P, S> Connections for Over<P, S>
where
    P: Protocol<Peer = SimPeer>,
    S: Stack<P::Message>,
{
    fn flows(&self) -> Vec<FlowRecord> {
        self.stack().flows()
    }

    fn unrecorded(&self) -> u64 {
        self.stack().unrecorded()
    }

    fn footprint(&self) -> Footprint {
        self.stack().footprint()
    }
}

/// A protocol on whichever transport a scenario names.
pub(super) type Carried<P> = Over<P, AnyStack<<P as Protocol>::Message>>;

/// What puts the protocol of each node on the transport of the scenario; `None` where messages go as datagrams.
///
/// # Errors
/// A transport that cannot be built.
#[expect(clippy::type_complexity, reason = "the type of a closure has no shorter name")]
pub(super) fn over<P>(
    experiment: &Experiment,
    streams: &Streams,
) -> Result<Option<impl Fn(SimPeer, P) -> Carried<P> + use<P>>, Vec<Problem>>
where
    P: Protocol<Peer = SimPeer, Message: Send + Sync>,
{
    let config = experiment.transport.clone();
    let network = &experiment.network;
    let (packet, moves) = (config.below(&network.packet), network.address_change);
    let streams = streams.clone();
    let stack = move |peer| AnyStack::build(&config, &packet, peer, &streams);
    Ok(stack(SimPeer(0))?.is_some().then_some(move |peer: SimPeer, protocol| {
        let every = moves.filter(|moves| peer.0 < moves.nodes).map(|moves| moves.every.0);
        let stack = stack(peer).ok().flatten().expect("where one node's transport can be built, all can");
        Over::new(protocol, stack).moving(every)
    }))
}

/// The state of all nodes together.
pub(super) fn footprint<'a>(transports: impl Iterator<Item = &'a dyn Connections>) -> Footprint {
    transports.map(Connections::footprint).fold(Footprint::default(), |sum, one| Footprint {
        open: sum.open + one.open,
        lingering: sum.lingering + one.lingering,
        bytes: sum.bytes + one.bytes,
    })
}

/// Reports the connections of a run, and writes a row for each.
pub(super) fn report_flows<P, O>(shards: &[Hosts<P, O>], look: Look<P>, results: &mut Results)
where
    P: SimProtocol,
    O: Observer<P>,
{
    let transports =
        || shards.iter().flat_map(Hosts::nodes).filter_map(|(node, _, protocol)| Some((node, look(protocol)?)));
    let flows: Vec<(u32, FlowRecord)> = transports()
        .flat_map(|(node, transport)| transport.flows().into_iter().map(move |flow| (node, flow)))
        .collect();
    let count = transports().count() as f64;
    if count == 0.0 {
        return;
    }
    let state = footprint(transports().map(|(_, transport)| transport));
    let sum = |value: fn(&FlowRecord) -> u64| flows.iter().map(|(_, flow)| value(flow)).sum::<u64>() as f64;
    let unrecorded: u64 = transports().map(|(_, transport)| transport.unrecorded()).sum();
    results.scalar("connections_per_node", (flows.len() as f64 + unrecorded as f64) / count);
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
            time(flow.jitter.map(|span| span.as_nanos())),
            time(flow.round_trip.map(|span| span.as_nanos())),
        ]
    });
    Table { name: "flows".into(), columns: columns.split(' ').map(Into::into).collect(), rows: rows.collect() }
}
