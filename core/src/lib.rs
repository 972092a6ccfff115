//! Protocols of Rapprochement, written without I/O.
//!
//! Nothing in this crate reads a clock, opens a socket, starts a thread or touches a file: it is `no_std`, so the
//! compiler itself proves that. The same code runs in the simulator (`rapprochement-sim`) and in a real node.
//!
//! | room | what lives there |
//! |---|---|
//! | [`protocol`] | the contract between a protocol and its host |
//! | [`compose`] | how a protocol owns others |
//! | [`time`], [`peer`], [`random`] | virtual time, identity, draws |
//! | [`overlay`] | whom a node may contact |
//! | [`kademlia`] | the directory: a distributed hash table of names, its routing table and its lookups |
//! | [`rank`] | MeritRank: scores of nodes as one of them sees them |
//! | [`store`] | signed key-value-version tuples |
//! | [`reconcile`] | the synchronisers that make stores alike |
//! | [`service`] | the RTT service: all of these composed into one protocol |
//! | [`flow`] | Ouroboros flows: allocation, transfer, congestion avoidance, broadcast layers |
//! | [`wire`] | canonical encodings with hard limits |

#![no_std]
extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod compose;
pub mod flow;
pub mod kademlia;
pub mod overlay;
pub mod peer;
pub mod protocol;
pub mod random;
pub mod rank;
pub mod reconcile;
pub mod service;
pub mod store;
pub mod time;
pub mod wire;
