//! The sections of the guide about peer samplers, the RTT service and studies of MeritRank.

use super::sections::{Section, section};

/// In the order of the guide.
pub(super) const OVERLAYS: &[Section] = &[
    section(
        "SamplerConfig",
        "`protocol.sample.sampler`",
        &[
            r#"protocol.sample.sampler = { newscast = { view = 20, interval = "10 s" } }"#,
            r#"protocol.sample.sampler = { cyclon = { view = 20, shuffle = 8, interval = "10 s" } }"#,
            r#"protocol.sample.sampler = { framework = { view = 30, healer = 15, swapper = 0, interval = "10 s" } }"#,
            r#"protocol.sample.sampler = { hyparview = { active = 5, passive = 30, interval = "10 s" } }"#,
            r#"protocol.sample.sampler = { brahms = { pushes = 9, history = 2, samples = 20, interval = "10 s" } }"#,
            r#"protocol.sample.sampler = { peerswap = { degree = 5, rate = 0.02, lease = "4 s" } }"#,
            r#"protocol.sample.sampler = { basalt = { view = 64, rotate = 2, interval = "10 s" } }"#,
        ],
    ),
    section(
        "ServiceSettings",
        "`protocol.rtt_service`",
        &[r#"[protocol.rtt_service]
bootstrap = 5
sampler = { cyclon = { view = 20 } }
probe = "1 s"
ask = "20 s"
opine = "20 s"
review = "10 s"
opinions = 16
method = "auto"
reconcile = "5 s"
push = 3
walks = 300
continue_prob = 0.85
choice = "mixed"
best = 8
random = 4
rings = 6
rank_weight = 0.5
uptime_weight = 2.0
rtt_weight = 1.0
change = "25 %""#],
    ),
    section(
        "RankSettings",
        "`protocol.meritrank`",
        &[r#"nodes = 291
duration = "50 s"
measure.sample = "1 s"

[protocol.meritrank]
edges = 1528
exponent = 2.5
trusted = 10
feedback = "growing"
continue_prob = 0.85
engine = { walks = 10_000 }
connectivity = { beta = 0.5 }
keep = 0.9
attack = { shape = "path", sybils = 10, epoch = 20 }
top = 10
reference = 0.99"#],
    ),
    section(
        "Spread",
        "`protocol.meritrank.feedback`",
        &[
            r#"protocol.meritrank.feedback = "whole""#,
            r#"protocol.meritrank.feedback = "growing""#,
            r#"protocol.meritrank.feedback = "passing""#,
        ],
    ),
    section(
        "RankEngine",
        "`protocol.meritrank.engine`",
        &[r#"protocol.meritrank.engine = { walks = 10_000 }"#, r#"protocol.meritrank.engine = "exact""#],
    ),
    section(
        "ConnectivityConfig",
        "`protocol.meritrank.connectivity`",
        &[r#"protocol.meritrank.connectivity = { beta = 0.5, threshold = 1.0 }"#],
    ),
    section(
        "AttackConfig",
        "`protocol.meritrank.attack`",
        &[r#"nodes = 291
duration = "50 s"
measure.sample = "1 s"

[protocol.meritrank.attack]
shape = "cycle"
sybils = 50
strength = { weight = 20.0 }
epoch = 20
attacker = "bridged""#],
    ),
    section(
        "AttackShape",
        "`protocol.meritrank.attack.shape`",
        &[
            r#"protocol.meritrank.attack = { shape = "path", sybils = 10 }"#,
            r#"protocol.meritrank.attack = { shape = "parallel", sybils = 10 }"#,
            r#"protocol.meritrank.attack = { shape = "cycle", sybils = 10 }"#,
        ],
    ),
    section(
        "Strength",
        "`protocol.meritrank.attack.strength`",
        &[
            r#"protocol.meritrank.attack = { shape = "path", sybils = 10, strength = { share = 0.5 } }"#,
            r#"protocol.meritrank.attack = { shape = "path", sybils = 10, strength = { weight = 20.0 } }"#,
        ],
    ),
    section(
        "Position",
        "`protocol.meritrank.attack.attacker`",
        &[
            r#"protocol.meritrank.attack = { shape = "path", sybils = 10, attacker = "trusted" }"#,
            r#"protocol.meritrank.attack = { shape = "path", sybils = 10, attacker = "unbridged" }"#,
            r#"protocol.meritrank.attack = { shape = "path", sybils = 10, attacker = "bridged" }"#,
        ],
    ),
    section(
        "Choice",
        "`protocol.rtt_service.choice`",
        &[
            r#"protocol.rtt_service = { choice = "mixed" }"#,
            r#"protocol.rtt_service = { choice = "ranked" }"#,
            r#"protocol.rtt_service = { choice = "nearest" }"#,
        ],
    ),
];
