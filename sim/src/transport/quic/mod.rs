//! QUIC (RFC 9000, 9001, 9002) as it is deployed: the real `quinn-proto` 0.11.19, the state machine of the `quinn` library, in
//! virtual time. It does no I/O and reads no clock, so that the same packets cross the simulated network that would cross
//! a real one, and the same timers run.
//!
//! What makes it repeat itself byte for byte is in `settings.rs` (seeded generators, counted connection ids, keys of our
//! own), `clock.rs` and `null_crypto.rs`; with the real `rustls` of `tls.rs` sizes and times repeat, bytes do not. The
//! generator behind `quinn-proto` is pinned by the lock file alone. Its CUBIC takes cube roots from the platform, so `cubic.rs` stands
//! in its place.

mod clock;
pub mod config;
mod cubic;
mod link;
mod null_crypto;
mod null_keys;
mod null_tickets;
mod packet;
mod security;
mod settings;
mod stack;
#[cfg(test)]
mod tests;
#[cfg(feature = "rustls")]
mod tls;

pub use clock::to_std;
pub use config::QuicConfig;
pub use packet::Datagram;
pub use settings::bare;
pub use stack::QuicStack;
