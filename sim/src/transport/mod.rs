//! How a message becomes packets, and how packets become the message again.
//!
//! | file | what |
//! |---|---|
//! | [`config`] | what a scenario says |
//! | [`datagram`] | a message as one datagram and its fragments: what the network does by itself |
//! | [`stack`] | what every other transport is to the node that uses it |
//! | [`over`] | any protocol over a stack |
//! | `jitter` | how much the transit of a flow's packets changes |
//! | `records` | what is kept of a node's connections |
//! | [`any`] | any of the stacks |
//! | [`tcp`] | TCP and TLS 1.3 as a model |
//! | [`quic`] | QUIC: the real `quinn-proto` in virtual time |
//! | [`ouroboros`] | flows of `core/src/flow/` |

pub mod any;
pub mod config;
pub mod datagram;
mod jitter;
pub mod ouroboros;
pub mod over;
pub mod quic;
mod records;
pub mod stack;
pub mod tcp;
