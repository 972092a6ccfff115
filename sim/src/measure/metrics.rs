//! The names of what is measured. A name ends in its unit; a share or a plain count has none.

/// One metric: its name in `scalars.csv` or `series.csv`, its unit, and what it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    /// Name in the files.
    pub name: &'static str,
    /// Unit; empty for shares, counts and ratios.
    pub unit: &'static str,
    /// Meaning, in one sentence without its full stop.
    pub meaning: &'static str,
}

const fn metric(name: &'static str, unit: &'static str, meaning: &'static str) -> Metric {
    Metric { name, unit, meaning }
}

/// Every metric that a run can report. `docs/output.md` explains the same list, and a test compares the two.
pub const METRICS: &[Metric] = &[
    metric("live_nodes", "", "how many nodes are present, hostile ones not counted"),
    metric("newest_share", "", "share of (present node, written key) pairs whose node holds the newest version"),
    metric("newest_share_at_end", "", "the last sample of the same"),
    metric(
        "equal_stores_share_at_end",
        "",
        "share of present nodes whose store is the one that most of them hold, at the end of the run",
    ),
    metric("updates_issued", "", "writes that were carried out"),
    metric("updates_skipped", "", "scheduled writes whose writer was away or hostile"),
    metric(
        "update_latency_mean_s",
        "s",
        "mean time from a write until a node of its population holds that version or a newer one",
    ),
    metric("update_latency_p50_s", "s", "median of the same over all delivered (update, node) pairs"),
    metric("update_latency_p90_s", "s", "90th percentile of the same"),
    metric("update_latency_p99_s", "s", "99th percentile of the same"),
    metric("update_latency_max_s", "s", "the slowest delivery that took place"),
    metric(
        "undelivered_share",
        "",
        "share of (update, node) pairs never delivered though the node stayed; read it beside every latency",
    ),
    metric("update_pairs", "", "(update, node) pairs whose node stayed until it had the update or the run ended"),
    metric("left_share", "", "share of (update, node) pairs whose node left before it had the update"),
    metric(
        "update_time_to_50_median_s",
        "s",
        "median over updates of the time until 50 % of the population that stayed had it",
    ),
    metric("update_time_to_50_max_s", "s", "the slowest update of the same"),
    metric("updates_reaching_50_share", "", "share of updates that reached 50 %"),
    metric(
        "update_time_to_90_median_s",
        "s",
        "median over updates of the time until 90 % of the population that stayed had it",
    ),
    metric("update_time_to_90_max_s", "s", "the slowest update of the same"),
    metric("updates_reaching_90_share", "", "share of updates that reached 90 %"),
    metric(
        "update_time_to_99_median_s",
        "s",
        "median over updates of the time until 99 % of the population that stayed had it",
    ),
    metric("update_time_to_99_max_s", "s", "the slowest update of the same"),
    metric("updates_reaching_99_share", "", "share of updates that reached 99 %"),
    metric(
        "update_time_to_100_median_s",
        "s",
        "median over updates of the time until 100 % of the population that stayed had it",
    ),
    metric("update_time_to_100_max_s", "s", "the slowest update of the same"),
    metric("updates_reaching_100_share", "", "share of updates that reached 100 %"),
    metric(
        "store_time_to_50_s",
        "s",
        "time from the last write until 50 % of all (node, newest version) pairs were settled",
    ),
    metric(
        "store_time_to_90_s",
        "s",
        "time from the last write until 90 % of all (node, newest version) pairs were settled",
    ),
    metric(
        "store_time_to_99_s",
        "s",
        "time from the last write until 99 % of all (node, newest version) pairs were settled",
    ),
    metric(
        "store_time_to_100_s",
        "s",
        "time from the last write until 100 % of all (node, newest version) pairs were settled",
    ),
    metric(
        "converged_after_last_write_s",
        "s",
        "time from the last write to the first sample at which every present node holds every newest version",
    ),
    metric(
        "converged_after_heal_s",
        "s",
        "time from the end of the last partition until every update issued before it had reached everybody who stayed",
    ),
    metric("reads", "", "reads that were made"),
    metric(
        "read_staleness_mean_s",
        "s",
        "mean age of what reads missed: time since the first version that the reader lacked was issued, 0 for the newest",
    ),
    metric("read_staleness_p99_s", "s", "99th percentile of the same"),
    metric("stale_reads_share", "", "share of reads that did not return the newest version"),
    metric("sent_messages_per_node", "", "messages sent per node since the warm-up, by message class"),
    metric("sent_payload_bytes_per_node", "B", "bytes of encoded messages sent per node, by message class"),
    metric("sent_wire_bytes_per_node", "B", "the same with the headers of every packet, by message class"),
    metric(
        "sent_messages_per_node_s",
        "1/s",
        "messages sent per present node and second, over time and by message class",
    ),
    metric(
        "sent_payload_bytes_per_node_s",
        "B/s",
        "bytes of encoded messages sent per present node and second, over time and by message class",
    ),
    metric("sent_wire_bytes_per_node_s", "B/s", "the same with the headers of every packet; of the whole run too"),
    metric("received_messages_per_node", "", "messages received per node since the warm-up, by message class"),
    metric("received_payload_bytes_per_node", "B", "bytes of encoded messages received per node, by message class"),
    metric("received_wire_bytes_per_node", "B", "the same with the headers of every packet, by message class"),
    metric(
        "received_messages_per_node_s",
        "1/s",
        "messages received per present node and second, over time and by message class",
    ),
    metric(
        "received_payload_bytes_per_node_s",
        "B/s",
        "bytes of encoded messages received per present node and second, over time and by message class",
    ),
    metric("received_wire_bytes_per_node_s", "B/s", "the same with the headers of every packet"),
    metric("lost_queue_share", "", "share of sent messages that a full queue dropped"),
    metric("lost_link_share", "", "share of sent messages lost on the way"),
    metric("lost_partition_share", "", "share of sent messages that a partition cut off"),
    metric("lost_away_share", "", "share of sent messages that found their receiver away"),
    metric(
        "lost_undialable_share",
        "",
        "share of sent messages for which there was no way to a node behind NAT (`network.nat`)",
    ),
    metric(
        "straight_share",
        "",
        "share of sent messages that went straight to a node that can be dialled, or back to one behind NAT (`network.nat`)",
    ),
    metric(
        "punched_share",
        "",
        "share of sent messages that went straight from one node behind NAT to another (`network.nat`)",
    ),
    metric("relayed_share", "", "share of sent messages that went by way of a relay (`network.nat`)"),
    metric("path_attempts_per_node", "", "attempts per node to get a path to a node behind NAT (`network.nat`)"),
    metric("paths_opened_per_node", "", "paths per node that such attempts gave"),
    metric("punch_packets_per_node", "", "packets that a node sent for such attempts, those of the called included"),
    metric("punch_wire_bytes_per_node", "B", "their bytes on the wire, which no other metric of nodes counts"),
    metric(
        "relayed_bytes_per_relay",
        "B",
        "mean over relays of the wire bytes that they passed on for others, which no metric of nodes counts",
    ),
    metric("relayed_bytes_max", "B", "the busiest relay's"),
    metric("uplink_wait_mean_s", "s", "mean time that a message waited before its first byte left its node"),
    metric("uplink_wait_p99_s", "s", "99th percentile of the same"),
    metric(
        "receive_delay_mean_s",
        "s",
        "mean time of a message in its receiver's downlink and processor, waits and transmission included",
    ),
    metric("receive_delay_p99_s", "s", "99th percentile of the same"),
    metric(
        "computed_s_per_node",
        "s",
        "mean time that a node computed (ids, cells, sketches; `node.compute`), messages and signatures not included",
    ),
    metric(
        "payload_bytes_over_lower_bound",
        "",
        "payload bytes received over those of the tuples that were needed, each once",
    ),
    metric("tuples_adopted", "", "tuples that were new to their receiver"),
    metric("tuples_caught_up", "", "of these, how many came to a node that joined after the update was issued"),
    metric("tuples_rejected", "", "tuples whose signature was wrong"),
    metric("tuples_refused", "", "writes and tuples that a store had no room for"),
    metric("view_mean", "", "mean number of neighbours of a present node, in overlays"),
    metric("dead_neighbours_share", "", "share of all neighbours that are away"),
    metric("hostile_neighbours_share", "", "share of the measured nodes' neighbours that are hostile"),
    metric("victim_hostile_neighbours_share", "", "share of the victim's neighbours that are hostile"),
    metric("victim_eclipsed", "", "1 where all neighbours of the victim are hostile, 0 where one is not"),
    metric(
        "in_degree_sd",
        "",
        "standard deviation, over present nodes, of how many present nodes have them as a neighbour",
    ),
    metric("in_degree_sd_to_random", "", "the same over that of a random graph with as many neighbours each"),
    metric("in_degree_max", "", "most present nodes that have one and the same node as a neighbour"),
    metric(
        "clustering",
        "",
        "mean share of the pairs of a node's neighbours, of either direction, that are neighbours",
    ),
    metric("path_mean", "", "mean hops of shortest paths between present nodes, from 24 sources"),
    metric("largest_component_share", "", "share of present nodes in the largest component"),
    metric(
        "cleaned_after_s",
        "s",
        "from the first sample since the warm-up with 1 % or more of dead neighbours to the first one behind the last such",
    ),
    metric("neighbours_taken_per_node_min", "1/min", "neighbours that a present node takes in a minute"),
    metric(
        "best_rtt_mean_s",
        "s",
        "mean round trip, without queues and jitter, of the neighbours that were chosen by score",
    ),
    metric("best_rtt_to_oracle", "", "the same over that of as many nearest present peers, which nobody knows"),
    metric(
        "neighbours_rtt_to_oracle",
        "",
        "sum of round trips over all neighbours, those chosen for their diversity too, over that to as many nearest present peers",
    ),
    metric("addresses_max", "", "most addresses that a node holds"),
    metric("opinions_published", "", "opinions that nodes published or withdrew"),
    metric("opinion_latency_mean_s", "s", "mean time from an opinion until a node that was present then holds it"),
    metric("opinion_latency_p50_s", "s", "median of the same"),
    metric("opinion_latency_p90_s", "s", "90th percentile of the same"),
    metric("opinion_latency_p99_s", "s", "99th percentile of the same"),
    metric("opinions_caught_up", "", "opinions that reached a node which came later than they were formed"),
    metric(
        "opinions_undelivered_share",
        "",
        "share of (newest opinion of a present author, node present since) pairs that lack it, a minute or more after it was formed",
    ),
    metric(
        "hostile_score_share",
        "",
        "mean over nodes of the score that hostile nodes and invented ones have together",
    ),
    metric("top_ten_agreement", "", "share of all nodes' first ten that is among the ten named most often"),
    metric("refused_per_node", "", "what nodes refused of peers, by kind"),
    metric("delays_raised", "", "messages whose base delay lay below min_latency and was raised to it"),
    metric(
        "equivocations_noticed",
        "",
        "first proofs, at each node, that an author signed two contents under one version",
    ),
    metric("copies_per_needed", "", "copies of tuples received for each that was new"),
    metric("repaired_share", "", "share of new tuples that did not come as a rumour, where the protocol has rumours"),
    metric("rumour_hops_mean", "", "mean hops of rumours that were new to their receiver"),
    metric("rumour_hops_max", "", "most hops of such a rumour"),
    metric(
        "update_hops_mean",
        "",
        "mean over updates of the hops to the last node that rumours reached: the most hops of a rumour that was new to its receiver",
    ),
    metric("update_hops_median", "", "median over updates of the same"),
    metric("update_hops_p95", "", "95th percentile over updates of the same"),
    metric("update_hops_max", "", "the update with the most"),
    metric("node_sent_bytes_median", "B", "median over nodes of wire bytes sent, of all and by message class"),
    metric("node_sent_bytes_max_to_median", "", "wire bytes sent by the busiest node over those of the median node"),
    metric("node_sent_bytes_gini", "", "Gini coefficient of wire bytes sent by each node"),
    metric(
        "node_sent_payload_bytes_median",
        "B",
        "median over nodes of bytes of encoded messages sent, of all and by message class",
    ),
    metric(
        "node_sent_payload_bytes_max_to_median",
        "",
        "bytes of encoded messages sent by the busiest node over those of the median node",
    ),
    metric("node_sent_payload_bytes_gini", "", "Gini coefficient of bytes of encoded messages sent by each node"),
    metric("node_sent_messages_median", "", "median over nodes of messages sent, of all and by message class"),
    metric("node_sent_messages_max_to_median", "", "messages sent by the busiest node over those of the median node"),
    metric("node_sent_messages_gini", "", "Gini coefficient of messages sent by each node"),
    metric("node_received_bytes_median", "B", "median over nodes of wire bytes received, of all and by message class"),
    metric(
        "node_received_bytes_max_to_median",
        "",
        "wire bytes received by the busiest node over those of the median node",
    ),
    metric("node_received_bytes_gini", "", "Gini coefficient of wire bytes received by each node"),
    metric(
        "node_received_payload_bytes_median",
        "B",
        "median over nodes of bytes of encoded messages received, of all and by message class",
    ),
    metric(
        "node_received_payload_bytes_max_to_median",
        "",
        "bytes of encoded messages received by the busiest node over those of the median node",
    ),
    metric(
        "node_received_payload_bytes_gini",
        "",
        "Gini coefficient of bytes of encoded messages received by each node",
    ),
    metric("node_received_messages_median", "", "median over nodes of messages received, of all and by message class"),
    metric(
        "node_received_messages_max_to_median",
        "",
        "messages received by the busiest node over those of the median node",
    ),
    metric("node_received_messages_gini", "", "Gini coefficient of messages received by each node"),
];

/// The metric of this name, if it is one of [`METRICS`].
pub fn find(name: &str) -> Option<&'static Metric> {
    METRICS.iter().find(|metric| metric.name == name)
}
