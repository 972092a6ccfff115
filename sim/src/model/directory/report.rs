//! Turns what a run of a directory left behind into numbers.
//!
//! Latencies are of lookups that gave the right address. Beside them stands the share of those that should have and did not
//! (`Lookup::was_due`), by which the curves end below one.

use std::collections::BTreeMap;

use rapprochement_core::time::{Duration, Instant};

use super::config::DirectorySettings;
use super::director::{Shard, tables};
use super::ledger::{End, Fate, Lookup, Sessions};
use crate::measure::results::{Curve, Results};
use crate::measure::statistics::quantile;
use crate::model::experiment::Experiment;
use crate::model::host::Hosts;
use crate::model::report::{cdf, present_node_seconds, ratio, report_links, report_nat, report_nodes, report_traffic};

/// A lookup and what became of it.
struct Judged<'a> {
    /// Asker and number.
    who: (u32, u32),
    lookup: &'a Lookup,
    fate: Fate,
    due: bool,
}

/// Everything that a run of a directory is judged by.
pub(super) fn report(
    shards: &[Shard],
    series: Results,
    experiment: &Experiment,
    settings: &DirectorySettings,
    (from, to): (Instant, Instant),
) -> Results {
    let mut results = series;
    let by_node = shards.iter().flat_map(|shard| &shard.observer().by_node);
    let sessions = Sessions::new(by_node.map(|(node, changes)| (*node, &changes[..])), experiment.nodes, to);
    let judged: Vec<Judged<'_>> = shards
        .iter()
        .flat_map(|shard| &shard.observer().lookups)
        .map(|(who, lookup)| {
            let fate = lookup.fate(&sessions);
            Judged { who: *who, lookup, fate, due: lookup.was_due(fate, settings.patience.0, &sessions) }
        })
        .collect();
    let registered: BTreeMap<(u32, Instant), Instant> =
        shards.iter().flat_map(|shard| &shard.observer().registered).map(|(session, at)| (*session, *at)).collect();
    fates(&judged, &registered, &sessions, &mut results);
    latencies(&judged, &mut results);
    efforts(&judged, &mut results);
    if settings.first_byte {
        first_bytes(&judged, shards, &sessions, settings.patience.0, &mut results);
    }
    registrations(&registered, &sessions, shards, &mut results);
    for (metric, value) in tables(shards.iter(), experiment.nodes) {
        results.scalar(metric, value);
    }
    refusals(shards, &mut results);
    let changes = shards.iter().flat_map(|shard| &shard.observer().changes);
    report_traffic(shards, present_node_seconds(changes, from, to), &mut results);
    report_nat(shards, &mut results);
    report_links(shards, to.since(from).as_secs_f64(), &mut results);
    report_nodes(shards, &mut results);
    results
}

/// How many lookups there were, and what became of them: every one is counted, and once.
fn fates(
    judged: &[Judged<'_>],
    registered: &BTreeMap<(u32, Instant), Instant>,
    sessions: &Sessions,
    results: &mut Results,
) {
    let made = judged.len() as f64;
    results.scalar("lookups_made", made);
    for (fate, metric) in Fate::ALL {
        let count = judged.iter().filter(|judged| judged.fate == fate).count();
        results.scalar(metric, ratio(count as f64, made));
    }
    let due = judged.iter().filter(|judged| judged.due).count();
    let right = judged.iter().filter(|judged| judged.fate == Fate::Found).count();
    results.scalar("lookups_undelivered_share", ratio((due - right) as f64, due as f64));
    let (mut known, mut missed) = (0u64, 0u64);
    for Judged { lookup, fate, .. } in judged {
        let (Fate::Found | Fate::Missed, Some(name), Some((at, _))) = (fate, lookup.name, lookup.end) else { continue };
        let Some(start) = lookup.name_up(at, sessions) else { continue };
        if registered.get(&(name, start)).is_some_and(|registered| *registered <= lookup.made) {
            known += 1;
            missed += u64::from(*fate == Fate::Missed);
        }
    }
    results.scalar("registered_missed_share", ratio(missed as f64, known as f64));
}

/// How long lookups took until they gave the right address, and until they ended without one.
fn latencies(judged: &[Judged<'_>], results: &mut Results) {
    let took = |wanted: &[Fate]| -> Vec<u64> {
        let these = judged.iter().filter(|judged| wanted.contains(&judged.fate));
        these.filter_map(|judged| Some(judged.lookup.end?.0.since(judged.lookup.made).as_nanos())).collect()
    };
    let found = spread("lookup_latency", "", &took(&[Fate::Found]), results);
    spread("lookup_latency", "not found", &took(&[Fate::Missed, Fate::Absent]), results);
    let due = judged.iter().filter(|judged| judged.due).count();
    results.curves.push(Curve {
        name: "lookup_latency_cdf".into(),
        x_label: "Time from a name to its address (s)".into(),
        y_label: "Share of lookups".into(),
        x_log: true,
        lines: vec![("lookups".into(), cdf(&found, due as f64))],
    });
}

/// Hops and requests.
fn efforts(judged: &[Judged<'_>], results: &mut Results) {
    let (mut hops, mut messages): (Vec<u64>, Vec<u64>) = (Vec::new(), Vec::new());
    for judged in judged {
        match judged.lookup.end {
            Some((_, End::Found { hops: taken, messages: sent, .. })) => {
                hops.push(taken.into());
                messages.push(sent.into());
            }
            Some((_, End::NotFound { messages: sent, .. })) => messages.push(sent.into()),
            None => {}
        }
    }
    let mean = |values: &[u64]| ratio(values.iter().sum::<u64>() as f64, values.len() as f64);
    results.scalar("lookup_hops_mean", mean(&hops));
    results.scalar("lookup_hops_max", hops.iter().max().map_or(f64::NAN, |most| *most as f64));
    results.scalar("lookup_messages_mean", mean(&messages));
}

/// How long it took from a name to the first byte at who has it.
fn first_bytes(
    judged: &[Judged<'_>],
    shards: &[Shard],
    sessions: &Sessions,
    patience: Duration,
    results: &mut Results,
) {
    let mut arrived: BTreeMap<(u32, u32), Instant> = BTreeMap::new();
    for (who, at) in shards.iter().flat_map(|shard| &shard.observer().first_bytes) {
        let first = arrived.entry(*who).or_insert(*at);
        *first = (*first).min(*at);
    }
    let (mut took, mut due) = (Vec::new(), 0u64);
    for Judged { who, lookup, .. } in judged {
        if let Some(at) = arrived.get(who) {
            took.push(at.since(lookup.made).as_nanos());
            due += 1;
        } else {
            let until = lookup.made + patience;
            let asker_stays = sessions.lasting(who.0, lookup.made, until).is_some();
            due += u64::from(asker_stays && lookup.name_up(until, sessions).is_some());
        }
    }
    let sorted = spread("name_to_first_byte", "", &took, results);
    let lacking = due - took.len() as u64;
    results.scalar("name_to_first_byte_undelivered_share", ratio(lacking as f64, due as f64));
    results.curves.push(Curve {
        name: "name_to_first_byte_cdf".into(),
        x_label: "Time from a name to the first byte (s)".into(),
        y_label: "Share of names".into(),
        x_log: true,
        lines: vec![("names".into(), cdf(&sorted, due as f64))],
    });
}

/// How many instances registered their names, and how long that took.
fn registrations(
    registered: &BTreeMap<(u32, Instant), Instant>,
    sessions: &Sessions,
    shards: &[Shard],
    results: &mut Results,
) {
    let begun = sessions.count() as f64;
    results.scalar("instances", begun);
    results.scalar("instances_registered_share", ratio(registered.len() as f64, begun));
    let failed: u64 = shards.iter().map(|shard| shard.observer().not_registered).sum();
    results.scalar("registrations_failed", failed as f64);
    let took: Vec<u64> = registered.iter().map(|((_, start), at)| at.since(*start).as_nanos()).collect();
    spread("registration_latency", "", &took, results);
}

/// What the present nodes have refused of others since they came, by kind.
fn refusals(shards: &[Shard], results: &mut Results) {
    let (mut kinds, mut present) =
        ([("flood", 0), ("unasked", 0), ("wrong kind", 0), ("oversized", 0), ("full", 0)], 0u64);
    for (_, _, node) in shards.iter().flat_map(Hosts::nodes).filter(|(_, since, _)| since.is_some()) {
        let refused = node.directory().refusals();
        let counts = [refused.flood, refused.unasked, refused.wrong_kind, refused.oversized, refused.full];
        kinds.iter_mut().zip(counts).for_each(|((_, sum), count)| *sum += count);
        present += 1;
    }
    let total: u64 = kinds.iter().map(|(_, sum)| sum).sum();
    results.scalar("refused_per_node", ratio(total as f64, present as f64));
    for (kind, sum) in kinds {
        results.scalar_of("refused_per_node", kind, ratio(sum as f64, present as f64));
    }
}

/// Reports how long something took, and returns the times in seconds, in ascending order.
fn spread(name: &str, group: &str, nanos: &[u64], results: &mut Results) -> Vec<f64> {
    let mut seconds: Vec<f64> = nanos.iter().map(|nanos| *nanos as f64 / 1e9).collect();
    seconds.sort_by(f64::total_cmp);
    for (suffix, share) in [("p50", 0.5), ("p95", 0.95), ("p99", 0.99), ("max", 1.0)] {
        results.scalar_of(&format!("{name}_{suffix}_s"), group, quantile(&seconds, share));
    }
    seconds
}
