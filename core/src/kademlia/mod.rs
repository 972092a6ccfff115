//! Kademlia: the directory in which names are found. Nodes and keys share one space of 256-bit ids; a value is on the `k` nodes whose ids
//! are closest to its key by exclusive or, and any node finds these in a number of hops that grows with the logarithm of the network.
//!
//! P. Maymounkov and D. Mazières, "Kademlia: a peer-to-peer information system based on the XOR metric", IPTPS 2002. Its parts serve
//! other distributed hash tables too: [`table`] and [`lookup`] know neither messages nor values.
//!
//! | part | what |
//! |---|---|
//! | [`distance`], [`table`] | the metric, and whom a node knows |
//! | [`lookup`] | one iterative lookup as a state machine |
//! | [`message`] | requests, answers and stores |
//! | [`node`] | the directory as a [`Protocol`](crate::protocol::Protocol) |
//! | [`contract`], [`config`] | its commands, events and parameters |
//! | [`study`] | lookups in a network of perfect tables: hops, messages and latency |

pub mod config;
pub mod contract;
pub mod distance;
pub mod lookup;
pub mod message;
pub mod node;
pub mod study;
pub mod table;
mod upkeep;
mod values;

pub use config::KademliaConfig;
pub use contract::{KademliaCommand, KademliaEvent};
pub use message::{KademliaMessage, Value};
pub use node::{Kademlia, KademliaTimer};
