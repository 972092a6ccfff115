//! PeerSwap: peers stand on the vertices of a fixed regular graph, and the two ends of an edge swap places whenever the edge's
//! Poisson clock rings, so that a peer's neighbours become a uniform sample of all. As a process on a graph this is the
//! interchange process; its spectral gap is that of a single random walk (P. Caputo, T. M. Liggett and T. Richthammer, "Proof of
//! Aldous' spectral gap conjecture", J. AMS 23(3), 2010), so the time to mix is that of the graph.
//!
//! R. Guerraoui, A.-M. Kermarrec, A. Kucherenko, R. Pinot and M. de Vos, "PeerSwap: a peer-sampler with randomness
//! guarantees", SRDS 2024, has both forms: [`Idealised`], in which a swap takes no time, and the exchange of messages by
//! which peers bring one about, [`PeerSwap`]. The published messages assume that none is lost and nobody crashes. What is added
//! here for those cases is told in [`protocol`] and [`repair`].

mod config;
pub mod draws;
pub mod graph;
pub mod idealised;
mod links;
mod lock;
pub mod message;
pub mod protocol;
pub mod repair;
pub mod world;

pub use config::{ConfigError, Counters, LEASE_MIN, PeerSwapConfig, RATE_MAX};
pub use graph::RegularGraph;
pub use idealised::Idealised;
pub use message::SwapMessage;
pub use protocol::{PeerSwap, SwapTimer};
