//! Kademlia: the directory in which names are found.
//!
//! P. Maymounkov and D. Mazières, "Kademlia: a peer-to-peer information system based on the XOR metric", IPTPS 2002.

pub mod config;
pub mod distance;
pub mod lookup;
pub mod study;
pub mod table;
