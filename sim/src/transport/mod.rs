//! How a message becomes packets, and how packets become the message again.
//!
//! | file | what |
//! |---|---|
//! | [`config`] | what a scenario says |
//! | [`datagram`] | a message as one datagram and its fragments: what the network does by itself |
//! | [`over`] | any protocol over a stack |
//! | [`any`] | any of the stacks |
//! | [`stack`] | what every other transport is to the node that uses it |
//! | [`quic`] | the real `quinn-proto` in virtual time |
//! | [`ouroboros`] | flows of `core/src/flow/` |
//! | [`tcp`] | TCP and TLS 1.3 as a model |

pub mod any;
pub mod config;
pub mod datagram;
pub mod ouroboros;
pub mod over;
pub mod quic;
pub mod stack;
pub mod tcp;
