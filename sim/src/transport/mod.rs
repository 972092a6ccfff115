//! How a message becomes packets, and how packets become the message again.
//!
//! | file | what |
//! |---|---|
//! | [`datagram`] | a message as one datagram and its fragments: what the network does by itself |
//! | [`stack`] | what every other transport is to the node that uses it |
//! | [`tcp`] | TCP and TLS 1.3 as a model |

pub mod datagram;
pub mod stack;
pub mod tcp;
