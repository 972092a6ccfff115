//! The sections of the guide about serverless workflows.

use super::sections::{Section, section};

/// In the order of the guide.
pub(super) const WORKFLOWS: &[Section] = &[
    section(
        "WorkflowSettings",
        "`protocol.workflow`",
        &[
            r#"[protocol.workflow]
shape = { fan = { width = 20 } }
size = "100 kB"
compute = "10 ms"
channel = "binomial_tree"
scheduler = "transport_aware"
hosts = 50
instances_per_host = 2
cold_start = "500 ms"
warm_start = "25 ms"
cold_share = "10 %"
local_delay = "40 us"
runs = 100
interval = "1 s"
redis = { exchange = "list" }
object_store = { front_ends = 4 }"#,
            r#"[protocol.workflow]
functions = [
    { name = "resize", instances = 8, compute = "40 ms" },
    { name = "label", instances = 2, compute = "200 ms" },
    { name = "store", compute = "5 ms" },
]
edges = [
    { from = "resize", to = "label", size = "250 kB" },
    { from = "label", to = "store", size = "2 kB" },
]"#,
        ],
    ),
    section(
        "WorkflowShape",
        "`protocol.workflow.shape`",
        &[
            r#"protocol.workflow.shape = { chain = { length = 5 } }"#,
            r#"protocol.workflow.shape = { fan = { width = 20 } }"#,
            r#"protocol.workflow.shape = { map_shuffle_reduce = { mappers = 16, reducers = 4 } }"#,
            r#"protocol.workflow.shape = { all_reduce = { workers = 16, rounds = 10 } }"#,
            r#"protocol.workflow.shape = { collective = { operation = "broadcast", receivers = 64, messages = 1 } }"#,
        ],
    ),
    section(
        "Operation",
        "`protocol.workflow.shape.collective.operation`",
        &[
            r#"protocol.workflow.shape = { collective = { operation = "broadcast", receivers = 64 } }"#,
            r#"protocol.workflow.shape = { collective = { operation = "scatter", receivers = 64 } }"#,
            r#"protocol.workflow.shape = { collective = { operation = "gather", receivers = 64 } }"#,
            r#"protocol.workflow.shape = { collective = { operation = "reduce", receivers = 64 } }"#,
            r#"protocol.workflow.shape = { collective = { operation = "all_reduce", receivers = 64 } }"#,
            r#"protocol.workflow.shape = { collective = { operation = "barrier", receivers = 64 } }"#,
        ],
    ),
    section(
        "FunctionConfig",
        "`protocol.workflow.functions`",
        &[r#"[protocol.workflow]
functions = [{ name = "resize", instances = 8, compute = "40 ms" }]"#],
    ),
    section(
        "EdgeConfig",
        "`protocol.workflow.edges`",
        &[r#"[protocol.workflow]
functions = [{ name = "resize", instances = 8 }, { name = "store" }]
edges = [{ from = "resize", to = "store", size = "250 kB", data = "parts" }]"#],
    ),
    section(
        "EdgeData",
        "`protocol.workflow.edges.data`",
        &[r#"[protocol.workflow]
functions = [{ name = "model" }, { name = "worker", instances = 8 }, { name = "log" }, { name = "sum" }]
edges = [
    { from = "model", to = "worker", size = "1 MB", data = "same" },
    { from = "worker", to = "log", size = "1 kB", data = "parts" },
    { from = "worker", to = "sum", size = "1 MB", data = "combined" },
]"#],
    ),
    section(
        "Channel",
        "`protocol.workflow.channel`",
        &[
            r#"protocol.workflow = { shape = { fan = { width = 20 } }, channel = "unicast" }"#,
            r#"protocol.workflow = { shape = { fan = { width = 20 } }, channel = "binomial_tree" }"#,
            r#"protocol.workflow = { shape = { fan = { width = 20 } }, channel = { chunked_tree = { chunk = "16 kB" } } }"#,
            r#"protocol.workflow = { shape = { fan = { width = 20 } }, channel = { broadcast_layer = { degree = 4, packet = "1400 B" } } }"#,
            r#"protocol.workflow = { shape = { fan = { width = 20 } }, channel = "redis" }"#,
            r#"protocol.workflow = { shape = { fan = { width = 20 } }, channel = "object_store" }"#,
        ],
    ),
    section(
        "Scheduler",
        "`protocol.workflow.scheduler`",
        &[
            r#"protocol.workflow = { shape = { fan = { width = 20 } }, scheduler = "random" }"#,
            r#"protocol.workflow = { shape = { fan = { width = 20 } }, scheduler = "least_loaded" }"#,
            r#"protocol.workflow = { shape = { fan = { width = 20 } }, scheduler = "locality_aware" }"#,
            r#"protocol.workflow = { shape = { fan = { width = 20 } }, scheduler = "transport_aware" }"#,
        ],
    ),
    section(
        "RedisConfig",
        "`protocol.workflow.redis`",
        &[
            r#"[protocol.workflow]
shape = { fan = { width = 20 } }
channel = "redis"

[protocol.workflow.redis]
exchange = "stream"
per_command = "20 us"
per_pipelined = "2 us"
write_per_kilobyte = "300 ns"
read_per_kilobyte = "100 ns"
poll = "1 ms""#,
            r#"[protocol.workflow]
shape = { fan = { width = 20 } }
channel = "redis"
redis = { table = "redis.csv" }"#,
        ],
    ),
    section(
        "Exchange",
        "`protocol.workflow.redis.exchange`",
        &[
            r#"protocol.workflow = { shape = { chain = { length = 2 } }, redis.exchange = "set_get" }"#,
            r#"protocol.workflow = { shape = { chain = { length = 2 } }, redis.exchange = "list" }"#,
            r#"protocol.workflow = { shape = { chain = { length = 2 } }, redis.exchange = "stream" }"#,
            r#"protocol.workflow = { shape = { chain = { length = 2 } }, redis.exchange = "pub_sub" }"#,
        ],
    ),
    section(
        "StoreConfig",
        "`protocol.workflow.object_store`",
        &[r#"[protocol.workflow]
shape = { fan = { width = 20 } }
channel = "object_store"
object_store = { front_ends = 16, delay = "40.4 ms", rate = "400 Mbit/s", poll = "20 ms" }"#],
    ),
];
