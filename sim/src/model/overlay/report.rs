//! Turns what a run of an overlay left behind into numbers.

use std::collections::BTreeMap;
use std::sync::Arc;

use rapprochement_core::overlay::neighbours::Slot;
use rapprochement_core::overlay::refusals::Counters;
use rapprochement_core::peer::{Peer, PeerId, SimPeer};
use rapprochement_core::service::Service;
use rapprochement_core::service::opinion::Opinion;
use rapprochement_core::time::{Duration, Instant};

use super::director::{OverlayDirector, listed};
use super::node::OverlayNode;
use super::observer::{OverlayObserver, Tally};
use crate::measure::results::{Curve, Results};
use crate::model::host::{Hosts, World};
use crate::model::identity::SimKeys;
use crate::model::report::{
    in_seconds, present_node_seconds, ratio, report_links, report_nat, report_nodes, report_traffic,
};

/// Opinions formed in this last part of the run may still be under way.
const UNDER_WAY: Duration = Duration::from_secs(60);

/// A node that is present, since when, and its service.
type Present<'a> = (u32, Instant, &'a Service<SimPeer, SimKeys>);

/// Everything that a run of an overlay is judged by.
pub(super) fn report<P: OverlayNode>(
    shards: &mut [Hosts<P, OverlayObserver>],
    mut director: OverlayDirector<'_, P>,
    world: &Arc<World<P>>,
    (from, to): (Instant, Instant),
) -> Results {
    let mut results = Results { series: std::mem::take(&mut director.results.series), ..Results::default() };
    let references: Vec<&mut Hosts<P, OverlayObserver>> = shards.iter_mut().collect();
    let metrics = director.graph(&references).measure();
    for (metric, value) in listed(&metrics) {
        results.scalar(metric, value);
    }
    director.last = Some(metrics);
    results.scalar("cleaned_after_s", director.cleaned_after());
    results.scalar("hostile_neighbours_share", director.hostile_share(&references));
    if let Some(share) = director.victim_share(&references) {
        results.scalar("victim_hostile_neighbours_share", share);
        // Of one that has no neighbours this says nothing, either.
        let eclipsed = if share.is_nan() { share } else { f64::from(share >= 1.0) };
        results.scalar("victim_eclipsed", eclipsed);
    }
    let mut tally = Tally::default();
    shards.iter().for_each(|shard| tally.merge(shard.observer().tally()));
    let changes = shards.iter().flat_map(|shard| shard.observer().changes());
    let seconds = present_node_seconds(changes, from, to);
    results.scalar("neighbours_taken_per_node_min", ratio(tally.joined as f64 * 60.0, seconds));
    let services: Vec<Present<'_>> = shards
        .iter()
        .flat_map(Hosts::nodes)
        .filter_map(|(node, since, protocol)| Some((node, since?, protocol.service()?)))
        .collect();
    if !services.is_empty() {
        let everybody: Vec<u32> = shards.iter().flat_map(Hosts::everybody).collect();
        distances(&services, &everybody, world, &mut results);
        let known = services.iter().map(|(_, _, service)| service.book().len()).max();
        results.scalar("addresses_max", known.unwrap_or(0) as f64);
        opinions(&services, &tally, to, &mut results);
        standing(&services, world, &mut results);
        refusals(&services, &mut results);
    }
    report_traffic(shards, seconds, &mut results);
    report_nat(shards, &mut results);
    report_links(shards, to.since(from).as_secs_f64(), &mut results);
    report_nodes(shards, &mut results);
    results.scalar("delays_raised", world.network.raised() as f64);
    results
}

/// Round trips of best neighbours, and of all, by the network's own word, beside the nearest present peers that there are.
fn distances<P: OverlayNode>(services: &[Present<'_>], everybody: &[u32], world: &World<P>, results: &mut Results) {
    let rtt = |a: u32, b: u32| (world.network.latency(a, b) + world.network.latency(b, a)).as_secs_f64();
    let (mut found, mut nearest, mut ratios) = (0.0, 0.0, Vec::new());
    let (mut of_all, mut nearest_of_all) = (0.0, 0.0);
    for (node, _, service) in services {
        let held = service.neighbours();
        let best = held.iter().filter(|held| held.slot == Slot::Best);
        let mine: Vec<f64> = best.map(|held| rtt(*node, held.peer.0)).collect();
        let mut all: Vec<f64> =
            everybody.iter().filter(|other| *other != node).map(|other| rtt(*node, *other)).collect();
        all.sort_by(f64::total_cmp);
        of_all += held.iter().map(|held| rtt(*node, held.peer.0)).sum::<f64>();
        nearest_of_all += all.iter().take(held.len()).sum::<f64>();
        all.truncate(mine.len());
        if mine.is_empty() {
            continue;
        }
        let (mine, oracle) = (mean(&mine), mean(&all));
        found += mine;
        nearest += oracle;
        ratios.push(mine / oracle);
    }
    results.scalar("neighbours_rtt_to_oracle", ratio(of_all, nearest_of_all));
    let count = ratios.len() as f64;
    results.scalar("best_rtt_mean_s", found / count);
    results.scalar("best_rtt_to_oracle", ratio(found, nearest));
    ratios.sort_by(f64::total_cmp);
    let points = ratios.iter().zip(1..).map(|(ratio, place)| (*ratio, f64::from(place) / count)).collect();
    results.curves.push(Curve {
        name: "best_rtt_cdf".into(),
        x_label: "Round trip of best neighbours over the nearest there are".into(),
        y_label: "Share of nodes".into(),
        x_log: true,
        lines: vec![("nodes".into(), points)],
    });
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// How long opinions took, and how many of the newest ones are not everywhere.
fn opinions(services: &[Present<'_>], tally: &Tally, end: Instant, results: &mut Results) {
    results.scalar("opinions_published", tally.opined as f64);
    let latencies = &tally.latencies;
    results.scalar("opinion_latency_mean_s", latencies.mean() / 1e9);
    for (metric, share) in
        [("opinion_latency_p50_s", 0.5), ("opinion_latency_p90_s", 0.9), ("opinion_latency_p99_s", 0.99)]
    {
        results.scalar(metric, in_seconds(latencies.quantile(share)));
    }
    results.scalar("opinions_caught_up", tally.caught_up as f64);
    let (mut lacking, mut pairs) = (0u64, 0u64);
    for (author, _, own) in services {
        let id = SimPeer(*author).id();
        let tuples = own.store().author(&id).into_iter().flat_map(|author| author.tuples());
        for tuple in tuples {
            let Some(Ok(opinion)) = tuple.value().map(Opinion::decode) else { continue };
            let formed = Instant::from_nanos(opinion.formed.saturating_mul(1000));
            if formed + UNDER_WAY > end {
                continue;
            }
            for (node, since, other) in services {
                if node != author && *since <= formed {
                    let held = other.store().get(&id, tuple.key()).map_or(0, |held| held.version());
                    pairs += 1;
                    lacking += u64::from(held < tuple.version());
                }
            }
        }
    }
    results.scalar("opinions_undelivered_share", ratio(lacking as f64, pairs as f64));
    let total = latencies.count() as f64 / (1.0 - ratio(lacking as f64, pairs as f64)).max(f64::MIN_POSITIVE);
    if latencies.count() > 0 && total.is_finite() {
        results.curves.push(Curve {
            name: "opinion_latency_cdf".into(),
            x_label: "Time from an opinion to a peer (s)".into(),
            y_label: "Share of (opinion, node) pairs".into(),
            x_log: true,
            lines: vec![("delivered".into(), latencies.cdf(1e-9, total.round() as u64))],
        });
    }
}

/// What the ranking gives to hostile nodes, and how far nodes agree about the first ten.
fn standing<P: OverlayNode>(services: &[Present<'_>], world: &World<P>, results: &mut Results) {
    const FIRST: usize = 10;
    let (mut hostile, mut counted) = (0.0, 0u32);
    let mut named: BTreeMap<PeerId, u32> = BTreeMap::new();
    for (_, _, service) in services {
        let top = service.top(usize::MAX);
        if top.is_empty() {
            continue;
        }
        let is_hostile = |id: &PeerId| SimPeer::from_id(*id).is_none_or(|peer| world.aside.contains(peer.0));
        hostile += top.iter().filter(|(id, _)| is_hostile(id)).map(|(_, score)| score).sum::<f64>();
        counted += 1;
        for (id, _) in top.iter().take(FIRST) {
            *named.entry(*id).or_default() += 1;
        }
    }
    results.scalar("hostile_score_share", hostile / f64::from(counted));
    let mut counts: Vec<u32> = named.into_values().collect();
    counts.sort_unstable_by(|a, b| b.cmp(a));
    let agreed: u32 = counts.iter().take(FIRST).sum();
    results.scalar("top_ten_agreement", ratio(agreed.into(), f64::from(counted) * FIRST as f64));
}

fn refusals(services: &[Present<'_>], results: &mut Results) {
    let mut all: BTreeMap<&'static str, u64> = BTreeMap::new();
    for (_, _, service) in services {
        let counters: &Counters = service.counters();
        for (refusal, count) in counters.iter() {
            *all.entry(refusal.name()).or_default() += count;
        }
    }
    results.scalar("refused_per_node", all.values().sum::<u64>() as f64 / services.len() as f64);
    for (name, count) in all {
        results.scalar_of("refused_per_node", name, count as f64 / services.len() as f64);
    }
}
