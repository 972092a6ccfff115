//! PeerSwap, held to what it promises: with and without faults, and whatever peers send.

#[path = "../../examples/peerswap_study/faults.rs"]
mod faults;

mod hostile;
mod joining;
mod messages;
mod recovery;
mod undisturbed;
