//! How a message becomes packets, and how packets become the message again.
//!
//! | file | what |
//! |---|---|
//! | [`datagram`] | a message as one datagram and its fragments: what the network does by itself |
//! | [`quic`] | QUIC: the real `quinn-proto` in virtual time |
//! | [`stack`] | what every other transport is to the node that uses it |

pub mod datagram;
pub mod quic;
pub mod stack;
