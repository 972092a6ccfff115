//! Hosts the protocols of [`rapprochement_core`] over iroh: the same state machines that the simulator runs, on a real clock, real sockets and a
//! disk.
//!
//! | module | what it does |
//! |---|---|
//! | `cli` | the program `rapnode` (feature `cli`) |
//! | [`driver`] | the loop: what arrives and what is due goes in, commits and sends come out |
//! | [`hosted`] | what the loop knows of a protocol |
//! | [`host`] | one node without I/O: timers, generator, what the protocol asked for |
//! | [`known`] | the configured peers as a sampler |
//! | [`network`] | messages to peers and from them, over iroh |
//! | [`node`] | a running node, as an application holds it |
//! | [`storage`] | where tuples are kept: in memory, or in one file |

#[cfg(feature = "cli")]
pub mod cli;
pub mod driver;
pub mod host;
pub mod hosted;
pub mod known;
pub mod network;
pub mod node;
pub mod storage;
