//! Studies of MeritRank.

use rapprochement_core::rank::Config as WalksConfig;

use super::super::schema::Scenario;
use super::Checker;
use crate::model::config::{MeasureConfig, ProtocolConfig, Signatures, WorkloadConfig};
use crate::model::rank::config::{AttackConfig, RankEngine, RankSettings, Strength};
use crate::model::rank::epochs;
use crate::network::config::{MembershipConfig, NetworkConfig, NodeConfig};

/// More are a slip: an epoch is not what `measure.sample` is by default.
const MAX_EPOCHS: u64 = 10_000;
/// What a run holds in memory.
const MAX_USERS: u32 = 1_000_000;
const MAX_EDGES: u32 = 10_000_000;
/// Walks of the ego.
const MAX_WALKS: u32 = 10_000_000;
/// The linear system of the exact engine has so many unknowns.
const MAX_EXACT: u32 = 1_024;
/// Weights of attacks.
const WEIGHTS: std::ops::RangeInclusive<f64> = 1e-6..=1e9;

fn key(key: &str) -> String {
    format!("protocol.meritrank.{key}")
}

pub(super) fn rank(s: &Scenario, c: &mut Checker) {
    let ProtocolConfig::Meritrank(settings) = &s.protocol else { return };
    unused(s, c);
    graph(s, c, settings);
    ranking(s, c, settings);
    if let Some(attack) = &settings.attack {
        self::attack(s, c, attack);
    }
}

/// What a study has no use for is refused, since it would change nothing.
fn unused(s: &Scenario, c: &mut Checker) {
    let measure = MeasureConfig { sample: s.measure.sample, ..MeasureConfig::default() };
    for (key, is_used) in [
        ("network", s.network != NetworkConfig::default()),
        ("node", s.node != NodeConfig::default()),
        ("churn", s.churn.is_some()),
        ("membership", s.membership != MembershipConfig::default()),
        ("signatures", s.signatures != Signatures::default()),
        ("encode_messages", s.encode_messages),
        ("hostile", s.hostile.is_some()),
        ("workload", s.workload != WorkloadConfig::default()),
        ("measure", s.measure != measure),
    ] {
        if is_used {
            let help = match key {
                "measure" => "leave everything but measure.sample out, which is the length of an epoch".into(),
                "hostile" => "leave `hostile` out; protocol.meritrank.attack is the attack".into(),
                key => format!("leave `{key}` out"),
            };
            c.report(&[key, "protocol"], "a study of a ranking sends no messages and has no use for this", help);
        }
    }
}

fn graph(s: &Scenario, c: &mut Checker, settings: &RankSettings) {
    if s.nodes > MAX_USERS {
        c.report(&["nodes", "protocol"], format!("{} users", s.nodes), format!("use at most {MAX_USERS}"));
    }
    let others = u64::from(s.nodes.saturating_sub(1));
    let pairs = others * others.saturating_sub(1);
    let most = (pairs / 4).clamp(1, MAX_EDGES.into());
    if settings.edges == 0 || u64::from(settings.edges) > most {
        let message = format!("{} edges among {} nodes", settings.edges, s.nodes);
        c.report(&[&key("edges"), "nodes"], message, format!("use 1 to {most}"));
    }
    if !(settings.exponent > 2.0 && settings.exponent <= 100.0) {
        let message = format!("{} is no exponent of a power law with a mean", settings.exponent);
        c.report(&[&key("exponent")], message, "use a number above 2, up to 100; 2 to 3 is usual");
    }
    if settings.trusted == 0 || u64::from(settings.trusted) > others {
        let message = format!("an ego that trusts {} of {} nodes", settings.trusted, s.nodes);
        c.report(&[&key("trusted"), "nodes"], message, format!("use 1 to {others}"));
    }
    let epochs = epochs(s.duration.0, s.measure.sample.0);
    if epochs > MAX_EPOCHS {
        let message = format!("{epochs} epochs of {} in a run of {}", s.measure.sample, s.duration);
        let help = format!("measure.sample is the length of an epoch; have at most {MAX_EPOCHS}");
        c.report(&["measure.sample", "duration"], message, help);
    }
}

fn ranking(s: &Scenario, c: &mut Checker, settings: &RankSettings) {
    let mut probability = |name: &str, value: f64| {
        if !(0.0..=0.999).contains(&value) {
            let message = format!("{value} is no probability that a walk goes on");
            c.report(&[&key(name)], message, "use 0 to 0.999; 0.85 is usual");
        }
    };
    probability("continue_prob", settings.continue_prob);
    settings.reference.into_iter().for_each(|value| probability("reference", value));
    let mut share = |name: &str, value: f64, what: &str| {
        if !(0.0..=1.0).contains(&value) {
            c.report(&[&key(name)], format!("{value} is no share {what}"), "use 0 to 1");
        }
    };
    share("connectivity.beta", settings.connectivity.beta, "of reputation that is taken away");
    share("connectivity.threshold", settings.connectivity.threshold, "of walks over a bridge");
    share("keep", settings.keep, "of past reputation");
    if settings.connectivity.threshold == 0.0 {
        c.report(&[&key("connectivity.threshold")], "everybody is behind such a bridge", "use a share above 0");
    }
    if settings.top == 0 {
        c.report(&[&key("top")], "a list of nobody", "use at least 1");
    }
    match settings.engine {
        RankEngine::Walks(walks) if walks == 0 || walks > MAX_WALKS => {
            c.report(&[&key("engine.walks")], format!("{walks} walks"), format!("use 1 to {MAX_WALKS}"));
        }
        RankEngine::Walks(walks) => {
            let farthest = settings.reference.map_or(settings.continue_prob, |value| value.max(settings.continue_prob));
            let config = WalksConfig { seed: 0, walks, continue_prob: farthest.min(0.999) };
            if !config.fits() {
                let message =
                    format!("{walks} walks that go on with a probability of {farthest} are too long together");
                c.report(&[&key("engine.walks"), &key("continue_prob")], message, "use fewer, or let them end sooner");
            }
        }
        RankEngine::Exact => {
            let sybils = settings.attack.map_or(0, |attack| attack.sybils);
            let all = s.nodes.saturating_add(sybils);
            if all > MAX_EXACT {
                let message = format!("{all} users and Sybils for the exact engine");
                let help = format!("use at most {MAX_EXACT}, or engine.walks");
                c.report(&[&key("engine"), "nodes", &key("attack.sybils")], message, help);
            }
        }
    }
}

fn attack(s: &Scenario, c: &mut Checker, attack: &AttackConfig) {
    if attack.sybils > MAX_USERS {
        let message = format!("{} Sybils", attack.sybils);
        c.report(&[&key("attack.sybils")], message, format!("use at most {MAX_USERS}"));
    }
    match attack.strength {
        Strength::Share(share) if !(share > 0.0 && share <= 1.0) => {
            let message = format!("{share} is no part of the attacker's out-weight");
            c.report(
                &[&key("attack.strength.share")],
                message,
                "use a number above 0, up to 1; sybils = 0 is no attack",
            );
        }
        Strength::Weight(weight) if !WEIGHTS.contains(&weight) => {
            let help = format!("use {} to {}", WEIGHTS.start(), WEIGHTS.end());
            c.report(&[&key("attack.strength.weight")], format!("{weight} is no weight of an edge"), help);
        }
        _ => {}
    }
    let epochs = epochs(s.duration.0, s.measure.sample.0);
    if attack.epoch == 0 || u64::from(attack.epoch) > epochs {
        let message = format!("an attack in epoch {} of {epochs}", attack.epoch);
        let help = "epochs count from 1; one is as long as measure.sample";
        c.report(&[&key("attack.epoch"), "duration", "measure.sample"], message, help);
    }
}
