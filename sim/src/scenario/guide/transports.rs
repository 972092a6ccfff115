//! The sections of the guide about transports, calls over them, and names.

use super::sections::{Section, section};

/// In the order of the guide.
pub(super) const TRANSPORTS: &[Section] = &[
    section(
        "TransportConfig",
        "`transport`",
        &[
            r#"transport = "datagram""#,
            r#"transport.tcp = { congestion = "reno" }"#,
            r#"transport.tls = { tls = "resumed" }"#,
            r#"transport.quic = { streams = "one" }"#,
            r#"transport.ouroboros = { qos = "raw" }"#,
        ],
    ),
    section(
        "TcpConfig",
        "`transport.tcp` and `transport.tls`",
        &[r#"[transport.tcp]
congestion = "cubic"
mss = "1448 B"
initial_window = 10
receive_window = "16 MiB"
initial_rto = "1 s"
min_rto = "200 ms"
max_rto = "2 min"
syn_retries = 6
retries = 15
delayed_ack = "40 ms"
quick_acks = 16
sack_interval = "1 ms"
tail_loss_probe = true
forward_rto = true
slow_start_after_idle = true
nagle = false
time_wait = "1 min"
idle_timeout = "10 min"
tls = "none"
tls_server_flight = "774 B""#],
    ),
    section(
        "CongestionControl",
        "`transport.tcp.congestion`",
        &[r#"transport.tcp.congestion = "cubic""#, r#"transport.tcp.congestion = "reno""#],
    ),
    section(
        "CubicConfig",
        "`transport.tcp.cubic`",
        &[
            r#"transport.tcp.cubic = { c = 0.4, beta = 0.7, fast_convergence = true, reno_friendly = true, hystart = true }"#,
        ],
    ),
    section(
        "Tls",
        "`transport.tls.tls`",
        &[
            r#"transport.tls = { tls = "full" }"#,
            r#"transport.tls = { tls = "resumed" }"#,
            r#"transport.tcp = { tls = "none" }"#,
        ],
    ),
    section(
        "QuicConfig",
        "`transport.quic`",
        &[r#"[transport.quic]
streams = "per_message"
crypto = "null"
zero_rtt = true
mtu = "1452 B"
window = "16 MiB"
streams_max = 100
idle_timeout = "30 s"
keep_alive = "10 s"
congestion = "cubic"
initial_window = "12 kB"
mark_above = 64"#],
    ),
    section(
        "Streams",
        "`transport.quic.streams`",
        &[r#"transport.quic.streams = "per_message""#, r#"transport.quic.streams = "one""#],
    ),
    section(
        "Crypto",
        "`transport.quic.crypto`",
        &[r#"transport.quic.crypto = "null" # or "rustls", in a build with that feature"#],
    ),
    section(
        "Congestion",
        "`transport.quic.congestion`",
        &[r#"transport.quic.congestion = "cubic""#, r#"transport.quic.congestion = "new_reno""#],
    ),
    section(
        "OuroborosConfig",
        "`transport.ouroboros`",
        &[r#"[transport.ouroboros]
qos = "data"
directory = { lognormal = { median = "50 ms", sigma = 0.5 } }
query_cap = "200 ms"
cache = "1 min"
accept = "1 ms"
timeout = "20 s"
retry = "1 s"
encrypted = true
rendezvous_fails = false
congestion = { shift = 4, offset = 64 }"#],
    ),
    section(
        "QosCube",
        "`transport.ouroboros.qos`",
        &[
            r#"transport.ouroboros.qos = "raw""#,
            r#"transport.ouroboros.qos = "raw_no_errors""#,
            r#"transport.ouroboros.qos = "best_effort""#,
            r#"transport.ouroboros.qos = "data""#,
        ],
    ),
    section(
        "ForwardEcn",
        "`transport.ouroboros.congestion`",
        &[r#"[transport.ouroboros.congestion]
enabled = true
shift = 4
offset = 0
combine = "or"
pacing = "none"
increase = "limit""#],
    ),
    section(
        "CombineMarks",
        "`transport.ouroboros.congestion.combine`",
        &[
            r#"transport.ouroboros.congestion.combine = "or""#,
            r#"transport.ouroboros.congestion.combine = "max""#,
            r#"transport.ouroboros.congestion.combine = "sum""#,
        ],
    ),
    section(
        "SlotPacing",
        "`transport.ouroboros.congestion.pacing`",
        &[r#"transport.ouroboros.congestion.pacing = "none""#, r#"transport.ouroboros.congestion.pacing = "even""#],
    ),
    section(
        "SlotIncrease",
        "`transport.ouroboros.congestion.increase`",
        &[
            r#"transport.ouroboros.congestion.increase = "limit""#,
            r#"transport.ouroboros.congestion.increase = "sent""#,
        ],
    ),
    section(
        "AddressChange",
        "`network.address_change`",
        &[r#"transport.quic = {}
network.address_change = { nodes = 1, every = "1 min" }"#],
    ),
    section(
        "CallsSettings",
        "`protocol.calls`",
        &[r#"workload = {}

[protocol.calls]
callers = 10
calls = 100
gap = { exponential = { mean = "100 ms" } }
request = { constant = "1 kB" }
reply = "100 B"
connection = "per_call"
patience = "1 min""#],
    ),
    section(
        "Request",
        "`protocol.calls.request`",
        &[
            r#"workload = {}
protocol.calls.request = { constant = "1 kB" }"#,
            r#"workload = {}
protocol.calls.request = { mixed = { small = "100 B", large = "1 MB", large_share = "5 %" } }"#,
        ],
    ),
    section(
        "Connection",
        "`protocol.calls.connection`",
        &[
            r#"workload = {}
protocol.calls = { reply = "100 B", connection = "pooled" }"#,
            r#"workload = {}
protocol.calls = { reply = "100 B", connection = "per_call" }"#,
        ],
    ),
    section(
        "DirectorySettings",
        "`protocol.directory`",
        &[r#"workload = {}

[protocol.directory]
bootstrap = 5
k = 8
alpha = 3
split = 8
timeout = "500 ms"
deadline = "20 s"
ping_retries = 2
questionable = "15 s"
expire = "10 min"
refresh = "5 min"
replicate = "2 min"
republish = 2
cache = "0 s"
gap.exponential.mean = "5 s"
unknown_share = "5 %"
first_byte = true
patience = "10 s""#],
    ),
];
