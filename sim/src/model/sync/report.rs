//! Turns what a run left behind into numbers: per update, for the whole store, per class of messages, over nodes.

use rapprochement_core::peer::SimPeer;
use rapprochement_core::reconcile::Synchroniser;
use rapprochement_core::time::Instant;
use rapprochement_core::wire::Message;

use super::director::SyncDirector;
use super::ledger::Ledger;
use super::observer::{SyncObserver, Tally};
use crate::measure::results::{Curve, Results, Table};
use crate::measure::statistics::{gini, max_to_median, quantile};
use crate::model::host::Hosts;
use crate::model::traffic::{ClassTraffic, Traffic};
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
    report_latencies(&fates, &mut results);
    report_convergence(&fates, ledger, &mut results);
    report_samples(&fates, &director, ledger, (last_heal, end), &mut results);
    report_traffic::<P>(shards, present_node_seconds(shards, measured_from, end), &mut results);
    report_tally(shards, &mut results);
    report_nodes(shards, &mut results);
    results.tables.push(update_table(&fates, ledger));
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
    let mut changes = Vec::new();
    for shard in shards {
        for (all, some) in latencies.iter_mut().zip(shard.observer_mut().take_latencies()) {
            if all.is_empty() {
                *all = some;
            } else {
                all.extend(some);
            }
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
}

fn report_latencies(fates: &[Fate], results: &mut Results) {
    let mut all: Vec<u64> = fates.iter().flat_map(|fate| &fate.latencies).copied().collect();
    all.sort_unstable();
    let seconds: Vec<f64> = all.iter().map(|nanos| *nanos as f64 / 1e9).collect();
    let population: u64 = fates.iter().map(|fate| fate.population).sum();
    let undelivered: u64 = fates.iter().map(|fate| fate.undelivered).sum();
    let left: u64 = fates.iter().map(|fate| fate.left).sum();
    let mean = all.iter().map(|nanos| u128::from(*nanos)).sum::<u128>() as f64 / all.len() as f64 / 1e9;
    results.scalar("update_latency_mean_s", mean);
    for (percent, name) in [(0.5, "p50"), (0.9, "p90"), (0.99, "p99"), (1.0, "max")] {
        results.scalar(&format!("update_latency_{name}_s"), quantile(&seconds, percent));
    }
    let stayed = (population - left) as f64;
    results.scalar("update_pairs", stayed);
    results.scalar("undelivered_share", undelivered as f64 / stayed);
    results.scalar("left_share", left as f64 / population as f64);
    results.curves.push(Curve {
        name: "update_latency_cdf".into(),
        x_label: "Update latency (s)".into(),
        y_label: "Share of (update, node) pairs".into(),
        x_log: true,
        lines: vec![("delivered".into(), cdf(&seconds, stayed))],
    });
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

/// A ratio, not a number where nothing is divided by.
fn ratio(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { f64::NAN }
}

/// Nanoseconds of a histogram in seconds; not a number where it is empty.
fn in_seconds(nanos: Option<u64>) -> f64 {
    nanos.map_or(f64::NAN, |nanos| nanos as f64 / 1e9)
}

/// Points of a cumulative distribution, thinned to what a figure can show; the share is of `of`, not of the points.
fn cdf(sorted: &[f64], of: f64) -> Vec<(f64, f64)> {
    let step = sorted.len().div_ceil(1_000).max(1);
    let last = sorted.len().saturating_sub(1);
    (0..sorted.len())
        .filter(|place| place % step == 0 || *place == last)
        .map(|place| (sorted[place], (place + 1) as f64 / of))
        .collect()
}

fn report_convergence(fates: &[Fate], ledger: &Ledger, results: &mut Results) {
    let mut lines = Vec::new();
    for (percent, name) in LEVELS {
        let mut times: Vec<f64> =
            fates.iter().map(|fate| fate.time_to(percent)).filter(|time| !time.is_nan()).collect();
        times.sort_by(f64::total_cmp);
        let reached = times.len() as f64 / fates.len() as f64;
        // An update that never got there counts as slower than all others.
        results.scalar(&format!("update_time_to_{name}_median_s"), quantile_of(&times, fates.len(), 0.5));
        results.scalar(&format!("update_time_to_{name}_max_s"), quantile_of(&times, fates.len(), 1.0));
        results.scalar(&format!("updates_reaching_{name}_share"), reached);
        lines.push((format!("{name} % of nodes"), cdf(&times, fates.len() as f64)));
    }
    results.curves.push(Curve {
        name: "update_spread_cdf".into(),
        x_label: "Time since the update (s)".into(),
        y_label: "Share of updates".into(),
        x_log: true,
        lines,
    });
    for (percent, name) in LEVELS {
        results.scalar(&format!("store_time_to_{name}_s"), store_time_to(fates, ledger, percent));
    }
}

/// Time from the last write until `percent` of all (node, newest version) pairs were settled, over those who stayed.
fn store_time_to(fates: &[Fate], ledger: &Ledger, percent: u64) -> f64 {
    let updates = &ledger.schedule.updates;
    let Some(last) = fates.last().map(|fate| updates[fate.index as usize].at) else { return f64::NAN };
    let mut newest = vec![NO_UPDATE; ledger.schedule.entries()];
    for fate in fates {
        newest[updates[fate.index as usize].entry as usize] = fate.index;
    }
    let mut settled: Vec<u64> = Vec::new();
    let mut undelivered = 0;
    for fate in fates {
        let update = &updates[fate.index as usize];
        if newest[update.entry as usize] == fate.index {
            undelivered += fate.undelivered;
            settled.extend(fate.latencies.iter().map(|nanos| update.at.as_nanos() + nanos));
        }
    }
    let needed = ((settled.len() as u64 + undelivered) * percent).div_ceil(100).max(1) as usize;
    if settled.len() < needed {
        return f64::NAN;
    }
    let (_, reached, _) = settled.select_nth_unstable(needed - 1);
    Instant::from_nanos(*reached).since(last).as_secs_f64()
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
    let since_last_write = match (director.converged, ledger.schedule.last_write()) {
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

/// Time that nodes were present between two moments, summed over nodes.
fn present_node_seconds<P: Synchroniser<Peer = SimPeer>>(
    shards: &[Hosts<P, SyncObserver>],
    from: Instant,
    to: Instant,
) -> f64 {
    let mut nanos = 0i128;
    for (at, joined) in shards.iter().flat_map(|shard| shard.observer().changes()) {
        let left = i128::from(to.since((*at).max(from)).as_nanos());
        nanos += if *joined { left } else { -left };
    }
    nanos as f64 / 1e9
}

fn report_traffic<P: Synchroniser<Peer = SimPeer>>(
    shards: &[Hosts<P, SyncObserver>],
    node_seconds: f64,
    results: &mut Results,
) {
    let mut traffic = Traffic::new(P::Message::CLASSES.len());
    let mut nodes = 0;
    for shard in shards {
        traffic.merge(shard.traffic());
        nodes += shard.len();
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
    let needed: u64 = shards.iter().map(|shard| shard.observer().tally().needed_bytes).sum();
    results.scalar("payload_bytes_over_lower_bound", ratio(total.received.payload as f64, needed as f64));
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

fn report_nodes<P: Synchroniser<Peer = SimPeer>>(shards: &[Hosts<P, SyncObserver>], results: &mut Results) {
    let mut lines = Vec::new();
    for (direction, sent) in [("sent", true), ("received", false)] {
        let pick = |(out, back): (u64, u64)| if sent { out as f64 } else { back as f64 };
        let mut bytes: Vec<f64> = shards.iter().flat_map(|shard| shard.node_bytes().map(pick)).collect();
        bytes.sort_by(f64::total_cmp);
        results.scalar(&format!("node_{direction}_bytes_median"), quantile(&bytes, 0.5));
        results.scalar(&format!("node_{direction}_bytes_max_to_median"), max_to_median(&bytes));
        results.scalar(&format!("node_{direction}_bytes_gini"), gini(&bytes));
        lines.push((direction.into(), cdf(&bytes, bytes.len() as f64)));
    }
    results.curves.push(Curve {
        name: "node_bytes_cdf".into(),
        x_label: "Bytes of a node (B)".into(),
        y_label: "Share of nodes".into(),
        x_log: false,
        lines,
    });
}

fn update_table(fates: &[Fate], ledger: &Ledger) -> Table {
    let columns = [
        "update",
        "issued_ns",
        "author_node",
        "entry",
        "population",
        "left",
        "delivered",
        "undelivered",
        "time_to_50_s",
        "time_to_90_s",
        "time_to_99_s",
        "time_to_100_s",
    ];
    let rows = fates.iter().map(|fate| {
        let update = &ledger.schedule.updates[fate.index as usize];
        let mut row = vec![
            f64::from(fate.index),
            update.at.as_nanos() as f64,
            f64::from(update.writer),
            f64::from(update.entry),
            fate.population as f64,
            fate.left as f64,
            fate.latencies.len() as f64,
            fate.undelivered as f64,
        ];
        row.extend(LEVELS.map(|(percent, _)| fate.time_to(percent)));
        row
    });
    Table { name: "updates".into(), columns: columns.map(Into::into).to_vec(), rows: rows.collect() }
}
