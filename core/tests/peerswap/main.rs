//! PeerSwap, held to what it promises: with and without faults, and whatever peers send.

#[path = "../../examples/peerswap/driver.rs"]
#[allow(dead_code, reason = "shared with programs that use the rest")]
mod driver;
#[path = "../../examples/peerswap/faults.rs"]
mod faults;

mod hostile;
mod joining;
mod messages;
mod recovery;
mod undisturbed;
