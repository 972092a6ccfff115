//! What crossed the network: per message class, and how it was spread over nodes.

use rapprochement_core::peer::SimPeer;
use rapprochement_core::protocol::Protocol;
use rapprochement_core::time::{Duration, Instant};
use rapprochement_core::wire::Message;

use crate::measure::results::{Curve, Results, Table};
use crate::measure::statistics::{gini, max_to_median, quantile};
use crate::model::host::{Hosts, Observer};
use crate::model::traffic::{ClassTraffic, Exchange, Traffic};

pub(in crate::model) fn report_traffic<P: Protocol<Peer = SimPeer>, O: Observer<P>>(
    shards: &[Hosts<P, O>],
    node_seconds: f64,
    results: &mut Results,
) -> u64 {
    let mut traffic = Traffic::new(P::Message::CLASSES.len());
    let mut nodes = 0;
    for shard in shards {
        traffic.merge(shard.traffic());
        nodes += shard.node_bytes().count();
    }
    let per_node = |amount: u64| amount as f64 / nodes as f64;
    let mut volumes = |group: &str, class: &ClassTraffic| {
        for (direction, volume) in [("sent", &class.sent), ("received", &class.received)] {
            results.scalar_of(&format!("{direction}_messages_per_node"), group, per_node(volume.messages));
            results.scalar_of(&format!("{direction}_payload_bytes_per_node"), group, per_node(volume.payload));
            results.scalar_of(&format!("{direction}_wire_bytes_per_node"), group, per_node(volume.wire));
        }
    };
    let total = traffic.total();
    volumes("", &total);
    for (class, name) in traffic.classes().iter().zip(P::Message::CLASSES) {
        volumes(name, class);
    }
    results.scalar("sent_wire_bytes_per_node_s", ratio(total.sent.wire as f64, node_seconds));
    let sent = total.sent.messages as f64;
    results.scalar("lost_queue_share", total.lost_queue as f64 / sent);
    results.scalar("lost_link_share", total.lost_link as f64 / sent);
    results.scalar("lost_partition_share", total.lost_partition as f64 / sent);
    results.scalar("lost_away_share", total.lost_away as f64 / sent);
    let waits = traffic.waits();
    results.scalar("uplink_wait_mean_s", waits.mean() / 1e9);
    results.scalar("uplink_wait_p99_s", in_seconds(waits.quantile(0.99)));
    let delays = traffic.delays();
    results.scalar("receive_delay_mean_s", delays.mean() / 1e9);
    results.scalar("receive_delay_p99_s", in_seconds(delays.quantile(0.99)));
    // A sum of floats would depend on how nodes are spread over shards.
    let computed = shards.iter().fold(Duration::ZERO, |sum, shard| sum + shard.computed());
    results.scalar("computed_s_per_node", computed.as_secs_f64() / nodes as f64);
    total.received.payload
}

/// By which ways messages went, where somebody is behind NAT, and what that took.
pub(in crate::model) fn report_nat<P: Protocol<Peer = SimPeer>, O: Observer<P>>(
    shards: &[Hosts<P, O>],
    results: &mut Results,
) {
    if shards.iter().all(|shard| shard.nat().is_none()) {
        return;
    }
    let mut traffic = Traffic::new(P::Message::CLASSES.len());
    shards.iter().for_each(|shard| traffic.merge(shard.traffic()));
    let (nat, sent) = (traffic.nat, traffic.total().sent.messages as f64);
    results.scalar("straight_share", nat.straight as f64 / sent);
    results.scalar("punched_share", nat.punched as f64 / sent);
    results.scalar("relayed_share", nat.relayed as f64 / sent);
    results.scalar("lost_undialable_share", nat.undialable as f64 / sent);
    let nodes = shards.iter().flat_map(Hosts::node_bytes).count() as f64;
    results.scalar("path_attempts_per_node", nat.attempts as f64 / nodes);
    results.scalar("paths_opened_per_node", nat.opened as f64 / nodes);
    results.scalar("punch_packets_per_node", nat.packets as f64 / nodes);
    results.scalar("punch_wire_bytes_per_node", nat.wire as f64 / nodes);
    let relayed: Vec<u64> = shards.iter().flat_map(Hosts::relayed_bytes).collect();
    if let Some(most) = relayed.iter().max() {
        results.scalar("relayed_bytes_per_relay", relayed.iter().sum::<u64>() as f64 / relayed.len() as f64);
        results.scalar("relayed_bytes_max", *most as f64);
    }
}

/// What the links of a topology carried in so many seconds, where packets or flows crossed them, and a table with a row for each.
pub(in crate::model) fn report_links<P: Protocol<Peer = SimPeer>, O: Observer<P>>(
    shards: &[Hosts<P, O>],
    seconds: f64,
    results: &mut Results,
) {
    // Such a run has one shard.
    let Some((fabric, counters)) = shards.iter().find_map(Hosts::links) else { return };
    let (mut rows, mut bytes, mut dropped) = (Vec::new(), 0, 0);
    for (link, counter) in (0u32..).zip(counters) {
        let (from, to) = fabric.ends(link);
        let utilisation = ratio(counter.bytes as f64 * 8.0, fabric.rate_and_delay(link).0.0 as f64 * seconds);
        let carried = [counter.packets as f64, counter.bytes as f64, counter.dropped as f64];
        let [packets, octets, drops] = carried;
        let ends = [f64::from(link), f64::from(from), f64::from(to)];
        rows.push([&ends[..], &[packets, octets, drops, f64::from(counter.queue_max), utilisation]].concat());
        bytes += counter.bytes;
        dropped += counter.dropped;
    }
    let most = |column: usize| rows.iter().map(|row| row[column]).fold(0.0, f64::max);
    results.scalar("link_bytes_total", bytes as f64);
    results.scalar("link_bytes_max", most(4));
    results.scalar("link_utilisation_max", most(7));
    results.scalar("link_queue_packets_max", most(6));
    results.scalar("packets_dropped_queue", dropped as f64);
    let columns = ["link", "from", "to", "packets", "bytes", "dropped", "queue_packets_max", "utilisation"];
    results.tables.push(Table { name: "links".into(), columns: columns.map(String::from).to_vec(), rows });
}

/// Something of an exchange that is spread over nodes, and its name in the metrics.
type Quantity = (&'static str, fn(&Exchange) -> u64);

const WIRE: [Quantity; 2] =
    [("sent_bytes", |exchange| exchange.sent.wire), ("received_bytes", |exchange| exchange.received.wire)];
const MESSAGES_AND_PAYLOAD: [Quantity; 4] = [
    ("sent_payload_bytes", |exchange| exchange.sent.payload),
    ("received_payload_bytes", |exchange| exchange.received.payload),
    ("sent_messages", |exchange| exchange.sent.messages),
    ("received_messages", |exchange| exchange.received.messages),
];

/// How traffic is spread over nodes: wire bytes in every run, the rest where it is counted by node and class.
pub(in crate::model) fn report_nodes<P: Protocol<Peer = SimPeer>, O: Observer<P>>(
    shards: &[Hosts<P, O>],
    results: &mut Results,
) {
    let mut lines = Vec::new();
    for (direction, sent) in [("sent", true), ("received", false)] {
        let pick = |(out, back): (u64, u64)| if sent { out as f64 } else { back as f64 };
        let bytes = shards.iter().flat_map(|shard| shard.node_bytes().map(pick)).collect();
        let sorted = spread(&format!("{direction}_bytes"), "", bytes, results);
        lines.push((direction.into(), cdf(&sorted, sorted.len() as f64)));
    }
    results.curves.push(Curve {
        name: "node_bytes_cdf".into(),
        x_label: "Bytes of a node (B)".into(),
        y_label: "Share of nodes".into(),
        x_log: false,
        lines,
    });
    let nodes: Vec<&[Exchange]> = shards.iter().flat_map(Hosts::exchanges).collect();
    if nodes.is_empty() {
        return;
    }
    for (name, amount) in MESSAGES_AND_PAYLOAD {
        let all = nodes.iter().map(|classes| classes.iter().map(amount).sum::<u64>() as f64);
        spread(name, "", all.collect(), results);
    }
    for (class, group) in P::Message::CLASSES.iter().enumerate() {
        for (name, amount) in WIRE.into_iter().chain(MESSAGES_AND_PAYLOAD) {
            spread(name, group, nodes.iter().map(|classes| amount(&classes[class]) as f64).collect(), results);
        }
    }
}

/// Reports how something is spread over nodes, and returns it in ascending order.
fn spread(name: &str, group: &str, mut of_nodes: Vec<f64>, results: &mut Results) -> Vec<f64> {
    of_nodes.sort_by(f64::total_cmp);
    results.scalar_of(&format!("node_{name}_median"), group, quantile(&of_nodes, 0.5));
    results.scalar_of(&format!("node_{name}_max_to_median"), group, max_to_median(&of_nodes));
    results.scalar_of(&format!("node_{name}_gini"), group, gini(&of_nodes));
    of_nodes
}

/// A ratio, not a number where nothing is divided by.
pub(in crate::model) fn ratio(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { f64::NAN }
}

/// Nanoseconds of a histogram in seconds; not a number where it is empty.
pub(in crate::model) fn in_seconds(nanos: Option<u64>) -> f64 {
    nanos.map_or(f64::NAN, |nanos| nanos as f64 / 1e9)
}

/// Points of a cumulative distribution, thinned to what a figure can show; the share is of `of`, not of the points. One of which
/// nothing took place is a point at zero, which tells it from one that nothing was due of.
pub(in crate::model) fn cdf(sorted: &[f64], of: f64) -> Vec<(f64, f64)> {
    if sorted.is_empty() && of > 0.0 {
        return vec![(0.0, 0.0)];
    }
    let step = sorted.len().div_ceil(1_000).max(1);
    let last = sorted.len().saturating_sub(1);
    (0..sorted.len())
        .filter(|place| place % step == 0 || *place == last)
        .map(|place| (sorted[place], (place + 1) as f64 / of))
        .collect()
}

/// Time that nodes were present between two moments, summed over nodes, by when they joined (`true`) and left.
pub(in crate::model) fn present_node_seconds<'a>(
    changes: impl Iterator<Item = &'a (Instant, bool)>,
    from: Instant,
    to: Instant,
) -> f64 {
    let mut nanos = 0i128;
    for (at, joined) in changes {
        let left = i128::from(to.since((*at).max(from)).as_nanos());
        nanos += if *joined { left } else { -left };
    }
    nanos as f64 / 1e9
}
