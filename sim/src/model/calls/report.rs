//! Turns what a run of calls left behind into numbers.

use rapprochement_core::protocol::Protocol;
use rapprochement_core::time::Instant;

use super::director::CallsDirector;
use super::node::CallEvent;
use super::observer::CallObserver;
use crate::measure::results::{Curve, Results};
use crate::measure::statistics::quantile;
use crate::model::host::{Hosts, SimProtocol};
use crate::model::report::{cdf, ratio, report_links, report_nat, report_nodes, report_traffic};
use crate::model::transports::{Look, report_flows};

/// Everything that a run of calls is judged by.
pub(super) fn report<P>(
    shards: &[Hosts<P, CallObserver>],
    director: CallsDirector<'_, P>,
    look: Look<P>,
    (from, to): (Instant, Instant),
) -> Results
where
    P: SimProtocol + Protocol<Event = CallEvent>,
{
    let mut results = director.results;
    let mut calls = CallObserver::default();
    shards.iter().for_each(|shard| calls.merge(shard.observer()));
    let arrived: usize = calls.times.iter().map(|times| times.cold.len() + times.warm.len()).sum();
    let replied: usize = calls.times.iter().map(|times| times.replies.len()).sum();
    results.scalar("calls_made", calls.made as f64);
    results.scalar("calls_arrived_share", ratio(arrived as f64, calls.made as f64));
    results.scalar("calls_replied_share", ratio(replied as f64, calls.made as f64));
    results.scalar("calls_given_up_share", ratio(calls.lost as f64, calls.made as f64));
    let mut lines = Vec::new();
    for (group, times) in ["", "large"].into_iter().zip(&calls.times) {
        let both = [times.cold.as_slice(), &times.warm].concat();
        let first = [times.cold_first.as_slice(), &times.warm_first].concat();
        for (name, nanos) in [
            ("call_latency", &both),
            ("cold_call_latency", &times.cold),
            ("warm_call_latency", &times.warm),
            ("first_byte", &first),
            ("cold_first_byte", &times.cold_first),
            ("warm_first_byte", &times.warm_first),
            ("reply_latency", &times.replies),
        ] {
            if group.is_empty() || !nanos.is_empty() {
                let sorted = spread(name, group, nanos, &mut results);
                if name == "call_latency" && !sorted.is_empty() {
                    let label = if group.is_empty() { "calls" } else { "large calls" };
                    lines.push((label.into(), cdf(&sorted, sorted.len() as f64)));
                }
            }
        }
    }
    results.curves.push(Curve {
        name: "call_latency_cdf".into(),
        x_label: "Time to the last byte (s)".into(),
        y_label: "Share of calls".into(),
        x_log: true,
        lines,
    });
    let node_seconds = to.since(from).as_secs_f64() * shards.iter().map(Hosts::len).sum::<usize>() as f64;
    report_traffic(shards, node_seconds, &mut results);
    report_nat(shards, &mut results);
    report_links(shards, to.since(from).as_secs_f64(), &mut results);
    report_nodes(shards, &mut results);
    report_flows(shards, look, &mut results);
    results
}

/// Reports how long calls took, and returns the times in seconds, in ascending order.
fn spread(name: &str, group: &str, nanos: &[u64], results: &mut Results) -> Vec<f64> {
    let mut seconds: Vec<f64> = nanos.iter().map(|nanos| *nanos as f64 / 1e9).collect();
    seconds.sort_by(f64::total_cmp);
    let mean = ratio(seconds.iter().sum(), seconds.len() as f64);
    results.scalar_of(&format!("{name}_mean_s"), group, mean);
    for (suffix, share) in [("p50", 0.5), ("p99", 0.99), ("max", 1.0)] {
        let value = if seconds.is_empty() { f64::NAN } else { quantile(&seconds, share) };
        results.scalar_of(&format!("{name}_{suffix}_s"), group, value);
    }
    seconds
}
