//! Turns what a run of calls left behind into numbers.

use rapprochement_core::protocol::Protocol;
use rapprochement_core::time::Instant;

use super::config::CallsSettings;
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
    settings: &CallsSettings,
    (from, to): (Instant, Instant),
) -> Results
where
    P: SimProtocol + Protocol<Event = CallEvent>,
{
    let mut results = director.results;
    let mut calls = CallObserver::default();
    shards.iter().for_each(|shard| calls.merge(shard.observer()));
    report_fates(&calls, settings, to, &mut results);
    let mut lines = Vec::new();
    for (group, times) in ["", "large"].into_iter().zip(&calls.times) {
        let both = [times.cold.as_slice(), &times.warm].concat();
        let first = [times.cold_first.as_slice(), &times.warm_first].concat();
        for (name, nanos) in [
            ("call_latency", &both),
            ("cold_call_latency", &times.cold),
            ("warm_call_latency", &times.warm),
            ("call_first_byte", &first),
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

/// Reports how many calls there were, and what has become of them by the end.
fn report_fates(calls: &CallObserver, settings: &CallsSettings, end: Instant, results: &mut Results) {
    let fates = calls.fates(settings.reply.is_some(), settings.patience.0, end);
    let made = calls.made.len() as f64;
    results.scalar("calls_made", made);
    results.scalar("calls_in_time", fates.in_time as f64);
    results.scalar("calls_late", fates.late as f64);
    results.scalar("calls_given_up", fates.given_up as f64);
    results.scalar("calls_pending_at_end", fates.pending as f64);
    results.scalar("calls_arrived_share", ratio(calls.arrived.len() as f64, made));
    results.scalar("calls_replied_share", ratio(calls.replied.len() as f64, made));
    results.scalar("calls_late_share", ratio(fates.late as f64, made));
    results.scalar("calls_given_up_share", ratio(fates.given_up as f64, made));
    results.scalar("calls_undelivered_share", ratio((fates.late + fates.given_up) as f64, made));
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
