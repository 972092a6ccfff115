//! The order of the guide's sections, their titles and their examples. Each example is TOML on its own; tests put every
//! one into `BASE` and read it.

use super::overlays::OVERLAYS;
use super::topology::TOPOLOGY;
use super::transports::TRANSPORTS;
use super::workflows::WORKFLOWS;

/// A section of the reference.
#[derive(Debug)]
pub(super) struct Section {
    /// The type's name in the schema.
    pub(super) name: &'static str,
    /// The heading.
    pub(super) title: &'static str,
    /// Alternatives, each of them whole.
    pub(super) examples: &'static [&'static str],
}

pub(super) const fn section(name: &'static str, title: &'static str, examples: &'static [&'static str]) -> Section {
    Section { name, title, examples }
}

/// What the examples are part of.
#[cfg(test)]
pub(super) const BASE: &str = r#"
name = "example"
nodes = 100
duration = "10 min"
protocol.full_push.interval = "1 s"
workload = { writers = 10, arrivals = { burst = { count = 10 } } }
"#;

/// Every section, in the order of the guide.
pub(super) fn all() -> impl Iterator<Item = &'static Section> {
    [FIRST, TOPOLOGY, OVERLAYS, TRANSPORTS, WORKFLOWS, REST].into_iter().flatten()
}

/// The sections before those of overlays.
const FIRST: &[Section] = &[
    section(
        "Scenario",
        "The top of the file",
        &[r#"name = "partition-and-heal"
description = "Two halves part for a minute; afterwards both converge within ten exchanges."
seed = 1
nodes = 1000
duration = "5 min"
signatures = "shared"
encode_messages = false
membership = "uniform"
node = { per_message = "20 us" }
network = { duplicate = "0.1 %" }
transport = "datagram"
protocol = { reconcile = { method = "auto", interval = "1 s" } }
hostile = { share = "10 %", behaviour = "forge" }
workload = { writers = 10, arrivals = { burst = { count = 10 } } }
churn = { sessions = { profile = { name = "kad" } } }
measure = { sample = "1 s" }
sweep = { grid = { nodes = [100, 1000] } }
expect = { newest_share_at_end = { min = 1.0 } }
figure = [{ name = "traffic", x = "nodes", y = "sent_payload_bytes_per_node" }]"#],
    ),
    section(
        "Signatures",
        "`signatures`",
        &[r#"signatures = "real""#, r#"signatures = "shared""#, r#"signatures = "stand_in""#],
    ),
    section(
        "NetworkConfig",
        "`network`",
        &[
            r#"transport.tcp = {}

[network]
latency = { regions = { table = "aws-33-p50" } }
min_latency = "1 ms"
access = { uplink = "20 Mbit/s", downlink = "100 Mbit/s" }
packet = { mtu = "1500 B" }
loss = { independent = "1 %" }
jitter = { delay = { exponential = { mean = "2 ms" } } }
duplicate = "0.1 %"
partition = [{ start = "1 min", heal = "2 min", groups = { shares = [0.5, 0.5] } }]
nat = { share = "60 %", relays = 4 }
address_change = { nodes = 1, every = "1 min" }"#,
            r#"[network]
topology = { shape = { fat_tree = { k = 8, link = { rate = "10 Gbit/s", delay = "1 us" } } } }
fidelity = "flow"
flow = { model = "lv08" }"#,
        ],
    ),
    section(
        "Latency",
        "`network.latency`",
        &[
            r#"network.latency = { constant = "50 ms" }"#,
            r#"network.latency = { pair = { uniform = { min = "10 ms", max = "100 ms" } } }"#,
            r#"network.latency = { regions = { table = "aws-33-p90" } }"#,
            r#"network.latency = { matrix = { file = "rtt.tsv.gz" } }"#,
            r#"network = { latency = { points = { space = { globe = { detour = 2.0 } } } }, min_latency = "1 ms" }"#,
            r#"network.latency = { graph = { file = "backbone.graphml" } }"#,
        ],
    ),
    section(
        "Regions",
        "`network.latency.regions`",
        &[r#"[network.latency.regions]
table = "aws-33-p50"
only = ["eu-west-1", "us-east-1", "ap-south-1"]
weights = [2.0, 2.0, 1.0]"#],
    ),
    section(
        "MatrixFile",
        "`network.latency.matrix`",
        &[r#"[network.latency.matrix]
file = "planetlab-490-rtt-ms.tsv.gz""#],
    ),
    section(
        "Points",
        "`network.latency.points`",
        &[r#"[network]
min_latency = "1 ms"

[network.latency.points]
space = { plane = { side = "100 ms" } }
access_delay = { lognormal = { median = "5 ms", sigma = 0.5 } }"#],
    ),
    section(
        "Space",
        "`network.latency.points.space`",
        &[
            r#"network = { latency.points.space = { globe = { detour = 2.0 } }, min_latency = "1 ms" }"#,
            r#"network = { latency.points.space = { plane = { side = "100 ms" } }, min_latency = "1 ms" }"#,
            r#"network.latency.points.space = { places = { file = "cities.csv", detour = 1.5 } }"#,
        ],
    ),
    section(
        "GraphFile",
        "`network.latency.graph`",
        &[r#"[network.latency.graph]
file = "backbone.graphml"
delay = "latency_ms"
default_delay = "5 ms""#],
    ),
    section(
        "Access",
        "`network.access`",
        &[r#"[network.access]
uplink = "20 Mbit/s"
downlink = "100 Mbit/s"
queue = "256 kB"
burst = "10 kB""#],
    ),
    section(
        "Packet",
        "`network.packet`",
        &[r#"[network.packet]
mtu = "1280 B"
headers = "48 B""#],
    ),
    section(
        "Loss",
        "`network.loss`",
        &[
            r#"network.loss = "none""#,
            r#"network.loss = { independent = "1 %" }"#,
            r#"network.loss = { gilbert_elliott = { good = "10 s", bad = "200 ms", loss_good = "0.1 %", loss_bad = "30 %" } }"#,
        ],
    ),
    section(
        "Jitter",
        "`network.jitter`",
        &[r#"[network.jitter]
delay = { exponential = { mean = "2 ms" } }
reorder = false"#],
    ),
    section(
        "PartitionConfig",
        "`network.partition`",
        &[r#"[[network.partition]]
start = "60 s"
heal = "90 s"
groups = { shares = [0.3, 0.7] }
both_ways = true
every = "2 min""#],
    ),
    section(
        "Groups",
        "`network.partition.groups`",
        &[
            r#"network.partition = [{ start = "1 s", heal = "9 s", groups = { shares = [0.3, 0.7] } }]"#,
            r#"network.partition = [{ start = "1 s", heal = "9 s", groups = { regions = [["eu-west-1", "eu-west-2"]] } }]"#,
            r#"network.partition = [{ start = "1 s", heal = "9 s", groups = { nodes = [[0, 1, 2], [3]] } }]"#,
        ],
    ),
    section(
        "NatConfig",
        "`network.nat`",
        &[r#"[network.nat]
share = "60 %"
relays = 4
punching = "70 %"
mapping = "2 min"
relayed = true
relays_stay = true"#],
    ),
    section(
        "Distribution",
        "Distributions of time spans",
        &[
            r#"network.jitter.delay = { constant = "1 ms" }"#,
            r#"network.jitter.delay = { uniform = { min = "0 ms", max = "5 ms" } }"#,
            r#"network.jitter.delay = { exponential = { mean = "2 ms" } }"#,
            r#"network.jitter.delay = { lognormal = { median = "2 ms", sigma = 0.5 } }"#,
            r#"network.jitter.delay = { weibull = { shape = 0.6, scale = "2 ms" } }"#,
            r#"network.jitter.delay = { pareto = { shape = 1.5, min = "1 ms" } }"#,
        ],
    ),
    section(
        "NodeConfig",
        "`node`",
        &[r#"[node]
per_message = "20 us"
per_kilobyte = "2 us"
per_signature = "50 us"
compute = 1.0
clock_offset = { uniform = { min = "0 ms", max = "100 ms" } }
clock_drift_ppm = 50"#],
    ),
    section(
        "ChurnConfig",
        "`churn`",
        &[r#"[churn]
sessions = { profile = { name = "kad" } }
departure = "crash"
share = "80 %"
speed_up = 60.0
start = "10 s"
stop = "4 min""#],
    ),
    section(
        "Sessions",
        "`churn.sessions`",
        &[
            r#"churn.sessions = { times = { up = { exponential = { mean = "10 min" } }, down = { constant = "1 min" } } }"#,
            r#"churn.sessions = { profile = { name = "flatout", down = { exponential = { mean = "5 min" } } } }"#,
            r#"churn.sessions = { trace = { file = "sessions.csv" } }"#,
            r#"churn.sessions = { vanish = { at = "30 s" } }"#,
        ],
    ),
    section(
        "ProfileName",
        "`churn.sessions.profile.name`",
        &[
            r#"churn.sessions.profile.name = "debian""#,
            r#"churn.sessions.profile.name = "redhat""#,
            r#"churn.sessions.profile.name = "flatout""#,
            r#"churn.sessions.profile.name = "kad""#,
            r#"churn.sessions.profile.name = "ipfs""#,
        ],
    ),
    section(
        "Departure",
        "`churn.departure`",
        &[
            r#"churn = { departure = "crash", sessions = { profile = { name = "kad" } } }"#,
            r#"churn = { departure = "leave", sessions = { profile = { name = "kad" } } }"#,
            r#"churn = { departure = "crash_and_forget", sessions = { profile = { name = "kad" } } }"#,
        ],
    ),
    section(
        "MembershipConfig",
        "`membership`",
        &[
            r#"membership = "uniform""#,
            r#"membership = "full""#,
            r#"membership = "star""#,
            r#"membership = { graph = { degree = 8 } }"#,
        ],
    ),
    section(
        "ProtocolConfig",
        "`protocol`",
        &[
            r#"protocol.full_push = { interval = "1 s" }"#,
            r#"protocol.eager_push = { fanout = 4, repair = "1 s", budget = "64 KiB" }"#,
            r#"protocol.scuttlebutt = { interval = "1 s", budget = "64 KiB" }"#,
            r#"protocol.reconcile = { method = "auto", interval = "1 s" }"#,
            r#"[protocol.reconcile]
method = "keyed_riblt"
interval = "1 s"
push = 2
first = "0 s"
first_message = "1200 B"
kept_cells = 64
patience = "30 s"
budget = "64 KiB"
repair = true"#,
            r#"protocol.sample = { sampler = { cyclon = {} }, bootstrap = 5 }"#,
            r#"protocol.rtt_service = { opinions = 16 }"#,
            r#"protocol.meritrank = { attack = { shape = "path", sybils = 10 } }"#,
            r#"protocol.calls = { callers = 5, calls = 100, request = { constant = "1 kB" } }"#,
            r#"protocol.directory = { alpha = 3, timeout = "500 ms" }"#,
            r#"protocol.workflow = { shape = { fan = { width = 20 } } }"#,
        ],
    ),
];

/// The sections behind those of overlays.
const REST: &[Section] = &[
    section(
        "Method",
        "`protocol.reconcile.method`",
        &[
            r#"protocol.reconcile = { method = "summary", interval = "1 s" }"#,
            r#"protocol.reconcile = { method = "riblt", interval = "1 s" }"#,
            r#"protocol.reconcile = { method = "keyed_riblt", interval = "1 s" }"#,
            r#"protocol.reconcile = { method = "versioned_riblt", interval = "1 s" }"#,
            r#"protocol.reconcile = { method = "keyed_riblt_long", interval = "1 s" }"#,
            r#"protocol.reconcile = { method = "versioned_riblt_long", interval = "1 s" }"#,
            r#"protocol.reconcile = { method = "pinsketch", interval = "1 s" }"#,
            r#"protocol.reconcile = { method = "pinsketch_bisect", interval = "1 s" }"#,
            r#"protocol.reconcile = { method = "iblt", interval = "1 s" }"#,
            r#"protocol.reconcile = { method = "versions", interval = "1 s" }"#,
            r#"protocol.reconcile = { method = "full_push", interval = "1 s" }"#,
            r#"protocol.reconcile = { method = "range", interval = "1 s" }"#,
            r#"protocol.reconcile = { method = "search_tree", interval = "1 s" }"#,
            r#"protocol.reconcile = { method = "two_level", interval = "1 s" }"#,
            r#"protocol.reconcile = { method = "auto", interval = "1 s" }"#,
        ],
    ),
    section(
        "HostileConfig",
        "`hostile`",
        &[
            r#"protocol = { reconcile = { method = "auto", interval = "1 s" } }
hostile = { share = "10 %", behaviour = "equivocate" }"#,
            r#"protocol.rtt_service = {}
workload.warm_up = "20 s"
hostile = { share = "20 %", behaviour = "sybil_cycle" }"#,
        ],
    ),
    section(
        "Behaviour",
        "`hostile.behaviour`",
        &[
            r#"protocol = { reconcile = { method = "auto", interval = "1 s" } }
hostile = { share = "10 %", behaviour = "none" }"#,
            r#"protocol = { reconcile = { method = "auto", interval = "1 s" } }
hostile = { share = "10 %", behaviour = "silent" }"#,
            r#"protocol = { reconcile = { method = "auto", interval = "1 s" } }
hostile = { share = "10 %", behaviour = "forge" }"#,
            r#"protocol = { reconcile = { method = "auto", interval = "1 s" } }
hostile = { share = "10 %", behaviour = "replay" }"#,
            r#"protocol = { reconcile = { method = "auto", interval = "1 s" } }
hostile = { share = "10 %", behaviour = "equivocate" }"#,
            r#"protocol = { reconcile = { method = "auto", interval = "1 s" } }
hostile = { share = "10 %", behaviour = "withhold" }"#,
            r#"protocol = { reconcile = { method = "auto", interval = "1 s" } }
hostile = { share = "10 %", behaviour = "endless" }"#,
            r#"protocol = { reconcile = { method = "auto", interval = "1 s" } }
hostile = { share = "10 %", behaviour = "false_counts" }"#,
            r#"protocol.rtt_service = {}
workload.warm_up = "20 s"
hostile = { share = "10 %", behaviour = "sybil_path" }"#,
            r#"protocol.rtt_service = {}
workload.warm_up = "20 s"
hostile = { share = "10 %", behaviour = "sybil_parallel" }"#,
            r#"protocol.rtt_service = {}
workload.warm_up = "20 s"
hostile = { share = "10 %", behaviour = "sybil_cycle" }"#,
            r#"protocol.rtt_service = {}
workload.warm_up = "20 s"
hostile = { share = "10 %", behaviour = "proximity" }"#,
            r#"protocol.rtt_service = {}
workload.warm_up = "20 s"
hostile = { share = "10 %", behaviour = "rtt_liars" }"#,
            r#"protocol.rtt_service = {}
workload.warm_up = "20 s"
hostile = { share = "10 %", behaviour = "eclipse" }"#,
            r#"protocol.rtt_service = {}
workload.warm_up = "20 s"
hostile = { share = "10 %", behaviour = "bad_input" }"#,
        ],
    ),
    section(
        "WorkloadConfig",
        "`workload`",
        &[r#"[workload]
writers = 20
arrivals = { poisson = { per_second = 2.0 } }
keys = { per_writer = 10 }
value = { constant = "100 B" }
deletes = "5 %"
warm_up = "10 s"
drain = "30 s"
reads = 10
preload = { items = 1000, authors = 10, differences = 20 }"#],
    ),
    section(
        "Arrivals",
        "`workload.arrivals`",
        &[
            r#"workload = { writers = 10, arrivals = { poisson = { per_second = 2.0 } } }"#,
            r#"workload = { writers = 10, arrivals = { periodic = { interval = "200 ms" } } }"#,
            r#"workload = { writers = 10, arrivals = { burst = { count = 100 } } }"#,
            r#"workload = { writers = 0, arrivals = "never", preload = { items = 1000, authors = 10, differences = 20 } }"#,
        ],
    ),
    section(
        "Preload",
        "`workload.preload`",
        &[
            r#"[workload]
writers = 0
arrivals = "never"

[workload.preload]
items = 10_000
authors = 100
differences = 200
updates = "50 %"
holders = "by_key""#,
            r#"nodes = 2
workload = { writers = 0, arrivals = "never", preload = { items = 100, authors = 10, cancelled_cells = 8 } }"#,
        ],
    ),
    section(
        "Holders",
        "`workload.preload.holders`",
        &[
            r#"workload = { writers = 0, arrivals = "never", preload = { items = 100, authors = 10, differences = 9, holders = "by_key" } }"#,
            r#"workload = { writers = 0, arrivals = "never", preload = { items = 100, authors = 10, differences = 9, holders = "by_author" } }"#,
        ],
    ),
    section(
        "Keys",
        "`workload.keys`",
        &[r#"[workload]
writers = 10
arrivals = { burst = { count = 100 } }

[workload.keys]
per_writer = 100
popularity = { zipf = { exponent = 1.0 } }
overwrites = "30 %""#],
    ),
    section(
        "Popularity",
        "`workload.keys.popularity`",
        &[
            r#"workload = { writers = 10, arrivals = { burst = { count = 9 } }, keys = { popularity = "uniform" } }"#,
            r#"workload = { writers = 10, arrivals = { burst = { count = 9 } }, keys = { popularity = { zipf = { exponent = 1.0 } } } }"#,
        ],
    ),
    section(
        "ValueSize",
        "`workload.value`",
        &[
            r#"workload = { writers = 10, arrivals = { burst = { count = 9 } }, value = { constant = "1 kB" } }"#,
            r#"workload = { writers = 10, arrivals = { burst = { count = 9 } }, value = { uniform = { min = "8 B", max = "1 kB" } } }"#,
        ],
    ),
    section(
        "MeasureConfig",
        "`measure`",
        &[
            r#"[measure]
sample = "500 ms"
stop_when_converged = true
events = false
event_limit = 100_000_000"#,
            r#"measure.packets = "256 B"
network = { fidelity = "packet", topology.shape.star.link = { rate = "1 Gbit/s", delay = "50 us" } }"#,
        ],
    ),
    section(
        "Sweep",
        "`sweep`",
        &[r#"[sweep]
replications = 10

[sweep.grid]
nodes = [100, 1000]
network.loss.independent = [0.0, 0.01, 0.05]"#],
    ),
    section(
        "Bound",
        "`expect`",
        &[r#"[expect]
undelivered_share = { max = 0.001 }
update_latency_p99_s = { min = 0.1, max = 5.0 }"#],
    ),
    section(
        "FigureConfig",
        "`figure`",
        &[
            r#"[sweep.grid]
nodes = [100, 1000]
network.duplicate = [0.0, 0.1]

[[figure]]
name = "traffic"
x = "nodes"
y = "sent_payload_bytes_per_node"
lines = "network.duplicate"
x_label = "nodes"
y_label = "bytes per node"
x_log = true
y_log = false
reference = { label = "closed form", points = [[100, 1000.0], [1000, 1000.0]] }"#,
            r#"[sweep.grid]
network.loss.independent = ["0 %", "5 %"]

[[figure]]
name = "latency"
x = "curve"
y = "update_latency_cdf"
lines = "network.loss.independent""#,
            r#"[sweep.grid]
nodes = [100, 1000]
network.loss.independent = ["0 %", "5 %"]

[[figure]]
name = "traffic"
x = "nodes"
y = "sent_payload_bytes_per_node"
only = { "network.loss.independent" = "5 %" }"#,
        ],
    ),
    section(
        "FigureReference",
        "`figure.reference`",
        &[r#"[sweep.grid]
network.duplicate = [0.0, 0.1]

[[figure]]
name = "copies"
x = "network.duplicate"
y = "copies_per_needed"
reference = { label = "published", points = [[0.0, 1.0], [0.1, 1.1]] }"#],
    ),
];
