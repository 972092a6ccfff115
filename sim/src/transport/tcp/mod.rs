//! TCP, and TLS 1.3 on it, as a model: what leaves when, with stream offsets instead of bytes.
//!
//! Messages form a stream, each behind 4 bytes of length; segments carry slices of it; the receiver hands a message over once
//! it and all before it are complete, so one lost segment holds up whatever comes behind. The rules are the RFCs', and
//! where these leave a choice Linux 6.18's, whose transfers `examples/tcp_against_kernel.rs` compares with the model's. What
//! the model leaves out: segments of several MSS handed to a device at once, pacing, ECN, tuning of buffers,
//! path MTU discovery, keep-alives, TCP Fast Open, caches of metrics between connections.
//!
//! | file | what |
//! |---|---|
//! | [`config`] | constants as keys of a scenario |
//! | [`packet`] | segments, their lengths and encoding |
//! | `connection` | handshake, both halves, and the end of one connection |
//! | `sender`, `scoreboard`, `rtt` | loss recovery and timers; what is lost (RACK); the timeout |
//! | `congestion` | Reno, CUBIC, HyStart |
//! | `receiver`, `ranges` | putting the stream together; acknowledgements |
//! | `tls` | flights of the handshake and records |
//! | [`stack`] | a node's connections |
//! | [`rig`] | nodes on both sides of a link, without the engine |
//! | [`kernel`] | transfers of the Linux kernel over such a link, and the model's |

pub mod config;
mod congestion;
mod connection;
pub mod kernel;
pub mod packet;
mod ranges;
mod receiver;
pub mod rig;
mod rtt;
mod scoreboard;
mod sender;
pub mod stack;
#[cfg(test)]
mod tests;
mod tls;

pub use config::TcpConfig;
pub use packet::TcpPacket;
pub use stack::TcpStack;
