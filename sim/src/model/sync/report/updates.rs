//! What became of the updates: how long they took, how many hops, and when the store had settled.

use rapprochement_core::time::Instant;

use super::{Fate, LEVELS, cdf, quantile_of};
use crate::measure::results::{Curve, Results, Table};
use crate::measure::statistics::quantile;
use crate::model::sync::ledger::Ledger;
use crate::model::workload::NO_UPDATE;

pub(super) fn report_latencies(fates: &[Fate], results: &mut Results) {
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

pub(super) fn report_convergence(fates: &[Fate], ledger: &Ledger, results: &mut Results) {
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

/// Hops to the last node that rumours reached, over the updates that they brought to anybody.
pub(super) fn report_hops(fates: &[Fate], results: &mut Results) {
    let mut hops: Vec<f64> = fates.iter().map(Fate::hops_to_last).filter(|hops| !hops.is_nan()).collect();
    if hops.is_empty() {
        return;
    }
    hops.sort_by(f64::total_cmp);
    results.scalar("update_hops_mean", hops.iter().sum::<f64>() / hops.len() as f64);
    for (share, name) in [(0.5, "median"), (0.95, "p95"), (1.0, "max")] {
        results.scalar(&format!("update_hops_{name}"), quantile(&hops, share));
    }
}

/// A row per issued update.
pub(super) fn update_table(fates: &[Fate], ledger: &Ledger) -> Table {
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
        "hops",
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
        row.push(fate.hops_to_last());
        row
    });
    Table { name: "updates".into(), columns: columns.map(Into::into).to_vec(), rows: rows.collect() }
}
