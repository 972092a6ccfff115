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
    metric("converged_share", "", "share of (live node, newest tuple) pairs that are held; over time, and at the end"),
    metric("live_nodes", "", "how many nodes are up"),
    metric(
        "store_convergence_50_s",
        "s",
        "time from the last write until half of the live nodes hold every newest tuple",
    ),
    metric("store_convergence_90_s", "s", "the same for 90 % of the live nodes"),
    metric("store_convergence_99_s", "s", "the same for 99 % of the live nodes"),
    metric("store_convergence_100_s", "s", "the same for all live nodes"),
    metric("update_latency_p50_s", "s", "median time from a write to its adoption at a node"),
    metric("update_latency_p90_s", "s", "90th percentile of the same"),
    metric("update_latency_p99_s", "s", "99th percentile of the same"),
    metric("update_latency_max_s", "s", "the slowest adoption that took place"),
    metric("undelivered_share", "", "share of due (update, node) deliveries that did not take place"),
    metric("payload_out_bytes_per_node_s", "B/s", "payload bytes sent per node and second, by message class"),
    metric("payload_in_bytes_per_node_s", "B/s", "payload bytes received per node and second, by message class"),
    metric("wire_out_bytes_per_node_s", "B/s", "bytes sent per node and second with all headers, by message class"),
    metric("wire_in_bytes_per_node_s", "B/s", "bytes received per node and second with all headers, by message class"),
    metric("messages_out_per_node_s", "1/s", "messages sent per node and second, by message class"),
    metric("messages_in_per_node_s", "1/s", "messages received per node and second, by message class"),
    metric("wire_out_max_to_median", "", "bytes sent by the busiest node over those of the median node"),
    metric("wire_out_gini", "", "Gini coefficient of the bytes sent by each node"),
    metric("wire_in_max_to_median", "", "bytes received by the busiest node over those of the median node"),
    metric("wire_in_gini", "", "Gini coefficient of the bytes received by each node"),
    metric("redundancy_copies", "", "copies of a tuple received for each copy that was needed"),
    metric("hops_to_last_node", "", "largest number of hops that an update took to a node, as a mean over updates"),
    metric("staleness_p99_s", "s", "99th percentile of the age of the newest version that a read missed"),
    metric("stale_reads_share", "", "share of reads that did not return the newest version"),
    metric("queueing_delay_p50_s", "s", "median time that a packet waited in access-link queues"),
    metric("queueing_delay_p99_s", "s", "99th percentile of the same"),
    metric(
        "bytes_over_lower_bound",
        "",
        "payload bytes sent over the least that could have carried every needed tuple once",
    ),
];

/// The metric of this name, if it is one of [`METRICS`].
pub fn find(name: &str) -> Option<&'static Metric> {
    METRICS.iter().find(|metric| metric.name == name)
}
