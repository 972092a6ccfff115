//! The sections of the guide about transports, and calls over them.

use super::sections::{Section, section};

/// In the order of the guide.
pub(super) const TRANSPORTS: &[Section] = &[
    section("TransportConfig", "`transport`", &[r#"transport = "datagram""#]),
    section("AddressChange", "`network.address_change`", &[r#"network.address_change = { nodes = 1, every = "1 min" }"#]),
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
];
