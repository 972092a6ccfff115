//! The sections of the guide that are about explicit topologies, and examples of them.

use super::sections::{Section, section};

/// Sections of topologies, in the order of the guide.
pub(super) const TOPOLOGY: &[Section] = &[
    section(
        "Fidelity",
        "`network.fidelity`",
        &[
            r#"network = { fidelity = "message" }"#,
            r#"network = { fidelity = "packet", topology.shape.star.link = { rate = "1 Gbit/s", delay = "50 us" } }"#,
            r#"network = { fidelity = "flow", topology.shape.star.link = { rate = "1 Gbit/s", delay = "50 us" } }"#,
        ],
    ),
    section(
        "FlowConfig",
        "`network.flow`",
        &[r#"[network]
fidelity = "flow"
topology = { shape = { star = { link = { rate = "1 Gbit/s", delay = "50 us" } } } }
flow = { model = "lv08", rtt_weighted = true, full_duplex = false }"#],
    ),
    section(
        "FlowModel",
        "`network.flow.model`",
        &[r#"network.flow.model = "plain""#, r#"network.flow.model = "lv08""#],
    ),
    section(
        "Topology",
        "`network.topology`",
        &[r#"[network]
fidelity = "packet"

[network.topology]
shape = { star = { link = { rate = "10 Gbit/s", delay = "20 us", queue = "1 MB" } } }
framing = "38 B"
access_burst = { burst = "300 MB", baseline = "600 Mbit/s" }"#],
    ),
    section(
        "Shape",
        "`network.topology.shape`",
        &[
            r#"network.topology.shape = { star = { hosts = 16, link = { rate = "1 Gbit/s", delay = "50 us" } } }"#,
            r#"network.topology.shape = { fat_tree = { k = 8, link = { rate = "10 Gbit/s", delay = "1 us" } } }"#,
            r#"[network.topology.shape.dumbbell]
pairs = 50
access = { rate = "1 Gbit/s", delay = "1 ms" }
bottleneck = { rate = "100 Mbit/s", delay = "20 ms", queue = "256 kB" }"#,
            r#"[network.topology.shape.random]
routers = 20
degree = 4
hosts = 100
access = { rate = "1 Gbit/s", delay = "1 ms" }
core = { rate = "10 Gbit/s", delay = "5 ms" }"#,
            r#"[network.topology.shape.graphml]
file = "backbone.graphml"
delay = "latency_ms"
rate = "LinkSpeedRaw"
default = { rate = "10 Gbit/s", delay = "5 ms", queue = "10 MB" }
hosts = "all""#,
        ],
    ),
    section(
        "Cable",
        "Links of a topology",
        &[r#"[network.topology.shape.star.link]
rate = "1 Gbit/s"
delay = "50 us"
queue = "512 kB""#],
    ),
    section(
        "HostVertices",
        "`network.topology.shape.graphml.hosts`",
        &[
            r#"[network.topology.shape.graphml]
file = "backbone.graphml"
default = { rate = "10 Gbit/s", delay = "5 ms" }
hosts = "all""#,
            r#"[network.topology.shape.graphml]
file = "backbone.graphml"
default = { rate = "10 Gbit/s", delay = "5 ms" }
hosts = "leaves""#,
        ],
    ),
    section(
        "AccessBurst",
        "`network.topology.access_burst`",
        &[r#"[network]
fidelity = "packet"
topology.shape.star.link = { rate = "10 Gbit/s", delay = "20 us" }
topology.access_burst = { burst = "300 MB", baseline = "600 Mbit/s" }"#],
    ),
];
