//! Samplers and the RTT service.

use rapprochement_core::service::config::{BOOTSTRAP_MAX, OPINIONS_MAX};

use super::super::schema::Scenario;
use super::Checker;
use crate::model::config::{ProtocolConfig, WorkloadConfig};
use crate::model::overlay::config::{SamplerConfig, ServiceSettings};

/// So many neighbours of a kind are a slip.
const MAX_NEIGHBOURS: u32 = 255;
/// Walks of one node.
const MAX_WALKS: u32 = 1_000_000;
/// Every node holds every opinion: some hundred bytes each.
const MAX_HELD: u64 = 200_000_000;

pub(super) fn overlay(s: &Scenario, c: &mut Checker) {
    match &s.protocol {
        ProtocolConfig::Sample { sampler: kind, bootstrap: known } => {
            sampler(s, c, "protocol.sample.sampler", *kind);
            bootstrap(s, c, "protocol.sample.bootstrap", *known);
        }
        ProtocolConfig::RttService(settings) => service(s, c, settings),
        _ => {}
    }
}

/// Nothing of the workload but its warm-up means anything to an overlay.
pub(super) fn workload(s: &Scenario, c: &mut Checker) {
    let warm_up = s.workload.warm_up;
    if s.workload != (WorkloadConfig { warm_up, ..WorkloadConfig::default() }) {
        let help = "leave everything but workload.warm_up out";
        c.report(&["workload", "protocol"], "this protocol has no workload: nothing is written", help);
    }
    if warm_up >= s.duration {
        let message = format!("the warm-up of {warm_up} leaves nothing of a run of {}", s.duration);
        c.report(&["workload.warm_up", "duration"], message, "run longer, or shorten it");
    }
}

fn sampler(s: &Scenario, c: &mut Checker, path: &str, sampler: SamplerConfig) {
    if let Err(error) = sampler.check() {
        c.report(&[path], error.to_string(), "");
    }
    if sampler.interval() >= s.duration {
        let message = format!("the run of {} ends before the first round", s.duration);
        c.report(&[path, "duration"], message, "use a shorter interval");
    }
}

fn bootstrap(s: &Scenario, c: &mut Checker, path: &str, known: u32) {
    if known == 0 {
        c.report(&[path], "nodes that know nobody find nobody", "use at least 1");
    }
    if known >= s.nodes || known as usize > BOOTSTRAP_MAX {
        let most = (s.nodes.saturating_sub(1)).min(BOOTSTRAP_MAX as u32);
        c.report(&[path, "nodes"], format!("{known} peers to begin with"), format!("use at most {most}"));
    }
}

fn service(s: &Scenario, c: &mut Checker, settings: &ServiceSettings) {
    let key = |key: &str| format!("protocol.rtt_service.{key}");
    bootstrap(s, c, &key("bootstrap"), settings.bootstrap);
    sampler(s, c, &key("sampler"), settings.sampler);
    let turns = [
        ("probe", settings.probe),
        ("ask", settings.ask),
        ("opine", settings.opine),
        ("review", settings.review),
        ("reconcile", settings.reconcile),
    ];
    for (name, every) in turns {
        c.positive(&key(name), every);
    }
    for (name, count) in [("best", settings.best), ("random", settings.random), ("rings", settings.rings)] {
        if count > MAX_NEIGHBOURS {
            c.report(&[&key(name)], format!("{count} neighbours of one kind"), format!("use at most {MAX_NEIGHBOURS}"));
        }
    }
    if settings.best + settings.random.saturating_add(settings.rings) == 0 {
        c.report(&[&key("best")], "a service without neighbours", "use at least 1 of best, random or rings");
    }
    for (name, weight) in [
        ("rank_weight", settings.rank_weight),
        ("uptime_weight", settings.uptime_weight),
        ("rtt_weight", settings.rtt_weight),
    ] {
        if !(0.0..=10.0).contains(&weight) {
            c.report(&[&key(name)], format!("{weight} is no exponent of a score"), "use 0 to 10; 1 is usual");
        }
    }
    ranking(s, c, settings);
}

fn ranking(s: &Scenario, c: &mut Checker, settings: &ServiceSettings) {
    let key = |key: &str| format!("protocol.rtt_service.{key}");
    if settings.opinions as usize > OPINIONS_MAX {
        let help = format!("use at most {OPINIONS_MAX}");
        c.report(&[&key("opinions")], format!("{} opinions of each node", settings.opinions), help);
    }
    let held = u64::from(settings.opinions) * u64::from(s.nodes) * u64::from(s.nodes);
    if held > MAX_HELD {
        let message = format!("{} opinions of each of {} nodes, at every node", settings.opinions, s.nodes);
        let help = "every node holds every opinion: use fewer nodes or opinions, or `opinions = 0` for a service without ranking";
        c.report(&[&key("opinions"), "nodes"], message, help);
    }
    if settings.walks == 0 || settings.walks > MAX_WALKS {
        c.report(&[&key("walks")], format!("{} walks", settings.walks), format!("use 1 to {MAX_WALKS}"));
    }
    if !(0.0..=0.999).contains(&settings.continue_prob) {
        let message = format!("{} is no probability that a walk goes on", settings.continue_prob);
        c.report(&[&key("continue_prob")], message, "use 0 to 0.999; 0.85 is usual");
    }
    if settings.push >= s.nodes {
        let message = format!("a fan-out of {} among {} nodes", settings.push, s.nodes);
        c.report(&[&key("push"), "nodes"], message, format!("use at most {}", s.nodes.saturating_sub(1)));
    }
}
