//! The samplers under test, with their usual parameters.

use rapprochement_core::overlay::sampling::{
    BasaltConfig, BrahmsConfig, CyclonConfig, FrameworkConfig, HyParViewConfig, NewscastConfig, PeerSelection,
    Propagation, SamplingConfig,
};
use rapprochement_core::time::Duration;

pub(crate) const CYCLE: Duration = Duration::from_secs(10);

pub(crate) fn newscast() -> SamplingConfig {
    SamplingConfig::Newscast(NewscastConfig { interval: CYCLE, ..NewscastConfig::default() })
}

pub(crate) fn cyclon() -> SamplingConfig {
    SamplingConfig::Cyclon(CyclonConfig { interval: CYCLE, ..CyclonConfig::default() })
}

pub(crate) fn framework(config: FrameworkConfig) -> SamplingConfig {
    SamplingConfig::Framework(FrameworkConfig { interval: CYCLE, ..config })
}

pub(crate) fn pusher() -> SamplingConfig {
    let (selection, propagation) = (PeerSelection::Random, Propagation::Push);
    framework(FrameworkConfig { selection, propagation, ..FrameworkConfig::HEALER })
}

pub(crate) fn hyparview() -> SamplingConfig {
    SamplingConfig::HyParView(HyParViewConfig { interval: CYCLE, ..HyParViewConfig::default() })
}

pub(crate) fn brahms() -> SamplingConfig {
    SamplingConfig::Brahms(BrahmsConfig { interval: CYCLE, ..BrahmsConfig::default() })
}

pub(crate) fn basalt() -> SamplingConfig {
    SamplingConfig::Basalt(BasaltConfig { interval: CYCLE, ..BasaltConfig::default() })
}

/// All of them by name, with the most neighbours that each may have.
pub(crate) fn all() -> Vec<(&'static str, SamplingConfig, usize)> {
    vec![
        ("newscast", newscast(), 20),
        ("cyclon", cyclon(), 20),
        ("framework healer", framework(FrameworkConfig::HEALER), 30),
        ("framework swapper", framework(FrameworkConfig::SWAPPER), 30),
        ("framework blind", framework(FrameworkConfig::BLIND), 30),
        ("framework push", pusher(), 30),
        ("hyparview", hyparview(), 5),
        ("brahms", brahms(), 20),
        ("basalt", basalt(), 64),
    ]
}
