//! Turns what a run left behind into numbers: per update, for the whole store, per class of messages, over nodes.

mod updates;

use std::collections::BTreeMap;

use rapprochement_core::peer::SimPeer;
use rapprochement_core::reconcile::Synchroniser;
use rapprochement_core::store::SetHash;
use rapprochement_core::time::Instant;

use super::director::SyncDirector;
use super::ledger::Ledger;
use super::observer::{SyncObserver, Tally};
use crate::measure::results::Results;
use crate::measure::statistics::quantile;
use crate::model::host::Hosts;
use crate::model::report::{
    cdf, in_seconds, present_node_seconds, ratio, report_links, report_nat, report_nodes, report_traffic,
};
use crate::model::workload::NO_UPDATE;

/// What became of one issued update.
struct Fate {
    index: u32,
    /// Nodes present when it was issued.
    population: u64,
    /// Of these, how many left before they had it.
    left: u64,
    /// Of these, how many stayed and never had it.
    undelivered: u64,
    /// Latencies at the others, ascending, in nanoseconds.
    latencies: Vec<u64>,
    /// Most hops of a rumour that brought it to a node; 0 where none did.
    hops: u8,
}

/// The quantiles of a population at which convergence is reported.
const LEVELS: [(u64, &str); 4] = [(50, "50"), (90, "90"), (99, "99"), (100, "100")];

/// Everything that a run of a synchroniser is judged by.
pub fn report<P: Synchroniser<Peer = SimPeer>>(
    shards: &mut [Hosts<P, SyncObserver>],
    ledger: &Ledger,
    director: SyncDirector<'_>,
    end: Instant,
    measured_from: Instant,
    last_heal: Option<Instant>,
) -> Results {
    let fates = fates(shards, ledger, director.issued());
    let mut results = Results::default();
    let issued = fates.len() as f64;
    results.scalar("updates_issued", issued);
    results.scalar("updates_skipped", ledger.schedule.updates.len() as f64 - issued);
    updates::report_latencies(&fates, &mut results);
    updates::report_convergence(&fates, ledger, &mut results);
    report_samples(&fates, &director, ledger, (last_heal, end), &mut results);
    results.scalar("equal_stores_share_at_end", equal_stores_share(shards));
    let changes = shards.iter().flat_map(|shard| shard.observer().changes());
    let received = report_traffic(shards, present_node_seconds(changes, measured_from, end), &mut results);
    let needed: u64 = shards.iter().map(|shard| shard.observer().tally().needed_bytes).sum();
    results.scalar("payload_bytes_over_lower_bound", ratio(received as f64, needed as f64));
    report_nat(shards, &mut results);
    report_links(shards, end.since(measured_from).as_secs_f64(), &mut results);
    report_tally(shards, &mut results);
    updates::report_hops(&fates, &mut results);
    report_nodes(shards, &mut results);
    results.tables.push(updates::update_table(&fates, ledger));
    results.series = director.results.series;
    results
}

fn fates<P: Synchroniser<Peer = SimPeer>>(
    shards: &mut [Hosts<P, SyncObserver>],
    ledger: &Ledger,
    issued: &[bool],
) -> Vec<Fate> {
    let updates = &ledger.schedule.updates;
    let undelivered = undelivered(shards, ledger, issued);
    let mut latencies: Vec<Vec<u64>> = vec![Vec::new(); updates.len()];
    let mut hops = vec![0; updates.len()];
    let mut changes = Vec::new();
    for shard in shards {
        for (all, some) in latencies.iter_mut().zip(shard.observer_mut().take_latencies()) {
            if all.is_empty() {
                *all = some;
            } else {
                all.extend(some);
            }
        }
        for (most, here) in hops.iter_mut().zip(shard.observer().hops()) {
            *most = (*here).max(*most);
        }
        changes.extend_from_slice(shard.observer().changes());
    }
    changes.sort_unstable();
    let (mut live, mut next) = (0u64, 0);
    let mut fates = Vec::new();
    for (index, mut latencies) in latencies.into_iter().enumerate().filter(|(index, _)| issued[*index]) {
        while next < changes.len() && changes[next].0 <= updates[index].at {
            live = if changes[next].1 { live + 1 } else { live - 1 };
            next += 1;
        }
        latencies.sort_unstable();
        let reached = latencies.len() as u64 + undelivered[index];
        fates.push(Fate {
            index: index as u32,
            population: live,
            left: live.saturating_sub(reached),
            undelivered: undelivered[index],
            latencies,
            hops: hops[index],
        });
    }
    fates
}

/// How many nodes were present from each update's issue to the end of the run and hold neither it nor a newer version.
fn undelivered<P: Synchroniser<Peer = SimPeer>>(
    shards: &[Hosts<P, SyncObserver>],
    ledger: &Ledger,
    issued: &[bool],
) -> Vec<u64> {
    let schedule = &ledger.schedule;
    let mut lacking = vec![0; schedule.updates.len()];
    let mut held = vec![NO_UPDATE; schedule.entries()];
    for shard in shards {
        for (_, since, protocol) in shard.nodes() {
            let Some(since) = since else { continue };
            held.fill(NO_UPDATE);
            for tuple in protocol.store().iter() {
                if let Some(index) = ledger.update_of(tuple) {
                    held[schedule.updates[index as usize].entry as usize] = index;
                }
            }
            for (index, update) in schedule.updates.iter().enumerate() {
                let held = held[update.entry as usize];
                let has = held != NO_UPDATE && held as usize >= index;
                lacking[index] += u64::from(issued[index] && since <= update.at && !has);
            }
        }
    }
    lacking
}

impl Fate {
    /// Latency by which `percent` of those who stayed had the update; not a number where it was not reached.
    fn time_to(&self, percent: u64) -> f64 {
        let stayed = self.latencies.len() as u64 + self.undelivered;
        let needed = (stayed * percent).div_ceil(100).max(1);
        self.latencies.get(needed as usize - 1).map_or(f64::NAN, |nanos| *nanos as f64 / 1e9)
    }

    /// Hops to the last node that rumours reached; not a number where they reached none.
    fn hops_to_last(&self) -> f64 {
        if self.hops > 0 { f64::from(self.hops) } else { f64::NAN }
    }
}

/// A quantile of `count` values of which only those in `ascending` are finite; not a number where it falls on the others.
fn quantile_of(ascending: &[f64], count: usize, share: f64) -> f64 {
    let place = share * count.saturating_sub(1) as f64;
    let last = ascending.len() as f64 - 1.0;
    if place > last {
        return f64::NAN;
    }
    quantile(ascending, if last > 0.0 { place / last } else { 0.0 })
}

/// Time from the end of the last partition until every update issued before it had reached everybody who stayed: zero
/// where all had before, not a number where one never did or the run ended first.
fn time_after_heal(fates: &[Fate], ledger: &Ledger, heal: Instant, end: Instant) -> f64 {
    if heal > end {
        return f64::NAN;
    }
    let mut latest = 0.0f64;
    for fate in fates {
        let issued = ledger.schedule.updates[fate.index as usize].at;
        let settled = fate.time_to(100);
        if issued < heal && settled.is_nan() {
            return f64::NAN;
        }
        if issued < heal {
            latest = latest.max(issued.as_secs_f64() + settled - heal.as_secs_f64());
        }
    }
    latest
}

fn report_samples(
    fates: &[Fate],
    director: &SyncDirector<'_>,
    ledger: &Ledger,
    (last_heal, end): (Option<Instant>, Instant),
    results: &mut Results,
) {
    let last_issued = fates.last().map(|fate| ledger.schedule.updates[fate.index as usize].at);
    let since_last_write = match (director.converged, last_issued) {
        (Some(converged), Some(last)) => converged.since(last).as_secs_f64(),
        _ => f64::NAN,
    };
    results.scalar("converged_after_last_write_s", since_last_write);
    if let Some(heal) = last_heal {
        results.scalar("converged_after_heal_s", time_after_heal(fates, ledger, heal, end));
    }
    let last_share = director.results.series.iter().rfind(|sample| sample.metric == "newest_share");
    results.scalar("newest_share_at_end", last_share.map_or(f64::NAN, |sample| sample.value));
    let staleness = &director.staleness;
    if staleness.count() > 0 {
        results.scalar("reads", staleness.count() as f64);
        results.scalar("stale_reads_share", director.stale_reads as f64 / staleness.count() as f64);
        results.scalar("read_staleness_mean_s", staleness.mean() / 1e9);
        results.scalar("read_staleness_p99_s", in_seconds(staleness.quantile(0.99)));
    }
}

/// The share of present nodes whose store is the most frequent one; not a number where nobody is present.
fn equal_stores_share<P: Synchroniser<Peer = SimPeer>>(shards: &[Hosts<P, SyncObserver>]) -> f64 {
    let mut nodes: BTreeMap<SetHash, u32> = BTreeMap::new();
    for (_, since, protocol) in shards.iter().flat_map(Hosts::nodes) {
        if since.is_some() {
            *nodes.entry(protocol.store().root_digest()).or_default() += 1;
        }
    }
    let present: u32 = nodes.values().sum();
    ratio(nodes.values().max().copied().unwrap_or(0).into(), present.into())
}

fn report_tally<P: Synchroniser<Peer = SimPeer>>(shards: &[Hosts<P, SyncObserver>], results: &mut Results) {
    let mut tally = Tally::default();
    for shard in shards {
        tally.merge(shard.observer().tally());
    }
    let adopted = tally.adopted as f64;
    let copies = tally.adopted + tally.duplicates + tally.stale;
    results.scalar("tuples_adopted", adopted);
    results.scalar("tuples_caught_up", tally.caught_up as f64);
    results.scalar("tuples_rejected", tally.rejected as f64);
    results.scalar("tuples_refused", tally.refused as f64);
    results.scalar("equivocations_noticed", tally.equivocations as f64);
    results.scalar("copies_per_needed", ratio(copies as f64, adopted));
    if tally.hops.count() > 0 {
        results.scalar("repaired_share", tally.repaired as f64 / adopted);
        results.scalar("rumour_hops_mean", tally.hops.mean());
        results.scalar("rumour_hops_max", tally.hops.max().map_or(f64::NAN, |hops| hops as f64));
    }
}
