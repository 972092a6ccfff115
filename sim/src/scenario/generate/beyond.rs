//! Scenarios of protocols that spread nothing that a workload writes: samplers, the RTT service, studies of MeritRank. Each
//! takes the place of the protocol that a scenario has, and what has no meaning beside it goes.

use super::super::schema::Scenario;
use super::Draw;
use crate::model::config::{MeasureConfig, ProtocolConfig, Signatures, WorkloadConfig};
use crate::model::directory::config::DirectorySettings;
use crate::model::hostile::config::{Behaviour, HostileConfig};
use crate::model::overlay::config::{Choice, SamplerConfig, ServiceSettings};
use crate::model::rank::config::{
    AttackConfig, AttackShape, ConnectivityConfig, Position, RankEngine, RankSettings, Spread, Strength,
};
use crate::network::config::{MembershipConfig, NetworkConfig, NodeConfig};
use crate::units::Share;

/// A sampler alone.
pub(super) fn sample(draw: &mut Draw, scenario: &mut Scenario) {
    scenario.protocol = ProtocolConfig::Sample { sampler: sampler(draw), bootstrap: draw.between(1, 5) as u32 };
    scenario.hostile = None;
    leave_writing(scenario);
}

/// The RTT service, with turns as short as the run. Of ten nodes at least one is hostile, if any.
pub(super) fn service(draw: &mut Draw, scenario: &mut Scenario) {
    scenario.protocol = ProtocolConfig::RttService(ServiceSettings {
        bootstrap: draw.between(1, 5) as u32,
        sampler: sampler(draw),
        probe: draw.span(100, 1000),
        ask: draw.span(500, 3000),
        opine: draw.span(500, 3000),
        review: draw.span(500, 3000),
        opinions: draw.between(0, 8) as u32,
        method: draw.method(),
        reconcile: draw.span(500, 3000),
        push: draw.between(0, 3) as u32,
        walks: draw.between(1, 100) as u32,
        continue_prob: draw.between(0, 95) as f64 / 100.0,
        choice: draw.one_of([Choice::Mixed, Choice::Ranked, Choice::Nearest]),
        best: draw.between(1, 8) as u32,
        random: draw.between(0, 4) as u32,
        rings: draw.between(0, 6) as u32,
        ..ServiceSettings::default()
    });
    scenario.hostile = draw.sometimes(|draw| HostileConfig {
        share: Share(draw.between(10, 40) as f64 / 100.0),
        behaviour: draw.one_of(Behaviour::SERVICE),
    });
    leave_writing(scenario);
}

/// Names that are registered and looked up, with periods as short as the run.
pub(super) fn directory(draw: &mut Draw, scenario: &mut Scenario) {
    let replicate = draw.between(1000, 4000);
    scenario.protocol = ProtocolConfig::Directory(Box::new(DirectorySettings {
        bootstrap: draw.between(1, 5) as u32,
        k: draw.between(1, 20) as u32,
        alpha: draw.between(1, 6) as u32,
        split: draw.one_of([1, 2, 4, 8]),
        timeout: draw.span(50, 1000),
        deadline: draw.span(500, 5000),
        ping_retries: draw.between(0, 3) as u32,
        questionable: draw.span(0, 5000),
        expire: draw.span(replicate + 1, 10_000),
        refresh: draw.span(1000, 5000),
        replicate: super::millis(replicate),
        republish: draw.between(0, 5) as u32,
        cache: draw.span(0, 2000),
        gap: draw.distribution(50, 1000),
        unknown_share: draw.share(30),
        first_byte: draw.chance(),
        patience: draw.span(100, 2000),
    }));
    scenario.hostile = None;
    leave_writing(scenario);
}

/// A study of MeritRank of up to five epochs; of the network nothing is left.
pub(super) fn ranking(draw: &mut Draw, scenario: &mut Scenario) {
    let epochs = draw.between(1, 5);
    let sample = super::millis((scenario.duration.0.as_nanos() / 1_000_000).div_ceil(epochs));
    scenario.protocol = ProtocolConfig::Meritrank(RankSettings {
        edges: draw.between(8, 16) as u32,
        trusted: draw.between(1, 3) as u32,
        feedback: draw.one_of([Spread::Whole, Spread::Growing, Spread::Passing]),
        continue_prob: draw.between(0, 95) as f64 / 100.0,
        engine: if draw.chance() { RankEngine::Exact } else { RankEngine::Walks(draw.between(1, 500) as u32) },
        connectivity: ConnectivityConfig { beta: draw.between(0, 10) as f64 / 10.0, ..ConnectivityConfig::default() },
        keep: draw.between(0, 10) as f64 / 10.0,
        attack: draw.sometimes(attack),
        ..RankSettings::default()
    });
    scenario.network = NetworkConfig::default();
    scenario.node = NodeConfig::default();
    scenario.churn = None;
    scenario.membership = MembershipConfig::default();
    scenario.signatures = Signatures::default();
    scenario.encode_messages = false;
    scenario.hostile = None;
    scenario.workload = WorkloadConfig::default();
    scenario.measure = MeasureConfig { sample, ..MeasureConfig::default() };
}

/// By somebody whom the ego trusts: there is always one.
fn attack(draw: &mut Draw) -> AttackConfig {
    AttackConfig {
        shape: draw.one_of([AttackShape::Path, AttackShape::Parallel, AttackShape::Cycle]),
        sybils: draw.between(0, 10) as u32,
        strength: if draw.chance() { Strength::Share(0.5) } else { Strength::Weight(2.0) },
        epoch: 1,
        attacker: Position::Trusted,
    }
}

/// Nothing of the workload but its warm-up means anything.
fn leave_writing(scenario: &mut Scenario) {
    let warm_up = scenario.workload.warm_up;
    scenario.workload = WorkloadConfig { warm_up, ..WorkloadConfig::default() };
}

fn sampler(draw: &mut Draw) -> SamplerConfig {
    let (interval, view) = (draw.span(300, 2000), draw.between(4, 20) as u32);
    match draw.between(0, 6) {
        0 => SamplerConfig::Newscast { view, interval },
        1 => SamplerConfig::Cyclon { view, shuffle: draw.between(1, 4) as u32, interval },
        2 => {
            let healer = draw.between(0, u64::from(view / 2)) as u32;
            SamplerConfig::Framework { view, healer, swapper: view / 2 - healer, interval }
        }
        3 => SamplerConfig::HyParView { active: draw.between(1, 5) as u32, passive: view, interval },
        4 => SamplerConfig::Brahms { pushes: draw.between(2, 9) as u32, history: 2, samples: view, interval },
        5 => SamplerConfig::Basalt { view, rotate: 1, interval },
        _ => SamplerConfig::PeerSwap {
            degree: draw.between(1, 5) as u32,
            rate: draw.between(0, 10) as f64 / 10.0,
            lease: draw.span(800, 4000),
        },
    }
}
