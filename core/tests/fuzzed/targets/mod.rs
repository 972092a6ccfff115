//! What is fuzzed: a target for every decoder, for a session by every method, and for whole nodes. A target takes bytes, as
//! a peer or a fuzzer chooses them, and panics where a promise is broken. The fuzzing crate and the tests share this folder.
//!
//! | file | targets |
//! |---|---|
//! | `messages` | what is decoded from the wire: messages and tuples |
//! | `coding` | the messages, cells, tables and sketches of the codes |
//! | `session` | one side of a session, whose peer is the bytes |
//! | `node` | a node that reconciles, whose peers are the bytes |
//! | `overlay` | probes, introductions, address records, the messages of samplers, opinions |
//! | `service` | a node of the RTT service, whose peers are the bytes |
//! | `world` | the small stores that all of this happens to |

mod coding;
mod messages;
mod node;
mod overlay;
mod service;
mod session;
mod world;

use rapprochement_core::reconcile::session::MethodKind;

type Run = Box<dyn Fn(&[u8]) + Send + Sync>;
type Seeds = Box<dyn Fn() -> Vec<Vec<u8>> + Send + Sync>;

/// Something to fuzz.
pub(crate) struct Target {
    /// What it is called on the command line, and where its corpus is.
    pub(crate) name: String,
    /// Takes any bytes, and panics where something is wrong.
    pub(crate) run: Run,
    /// Inputs that are well formed, as honest peers make them.
    pub(crate) seeds: Seeds,
}

impl Target {
    fn new(name: &str, run: fn(&[u8]), seeds: fn() -> Vec<Vec<u8>>) -> Self {
        Self { name: name.into(), run: Box::new(run), seeds: Box::new(seeds) }
    }
}

/// All there are.
pub(crate) fn all() -> Vec<Target> {
    let mut targets = vec![
        Target::new("messages", messages::message, messages::message_seeds),
        Target::new("tuples", messages::tuple, messages::tuple_seeds),
        Target::new("ranges", coding::ranges, coding::range_seeds),
        Target::new("trees", coding::trees, coding::tree_seeds),
        Target::new("strata", coding::strata, coding::strata_seeds),
        Target::new("tables", coding::table, coding::table_seeds),
        Target::new("sketches", coding::sketch, coding::sketch_seeds),
        Target::new("partitions", coding::partition, coding::partition_seeds),
        Target::new("cells-riblt", coding::plain_cells, coding::plain_seeds),
        Target::new("cells-keyed", coding::keyed_cells, coding::keyed_seeds),
        Target::new("cells-versioned", coding::versioned_cells, coding::versioned_seeds),
        Target::new("node", node::run, node::seeds),
        Target::new("service-messages", overlay::service_message, overlay::service_seeds),
        Target::new("introductions", overlay::introductions, overlay::introduction_seeds),
        Target::new("records", overlay::record, overlay::record_seeds),
        Target::new("sampling", overlay::sampling, overlay::sampling_seeds),
        Target::new("peerswap", overlay::swap, overlay::swap_seeds),
        Target::new("opinions", overlay::opinion, overlay::opinion_seeds),
        Target::new("service", service::run, service::seeds),
    ];
    targets.extend(MethodKind::ALL.iter().map(|&kind| Target {
        name: format!("session-{}", kind.name()),
        run: Box::new(move |bytes| session::run(kind, bytes)),
        seeds: Box::new(move || session::seeds(kind)),
    }));
    targets
}
