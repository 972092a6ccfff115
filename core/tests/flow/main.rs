//! Flows against closed forms: allocation, transfer, broadcast layers, codecs, and forward ECN on the published testbed.

mod allocation;
mod broadcast;
mod congestion;
mod packets;
#[path = "../../examples/forward_ecn/testbed.rs"]
mod testbed;
mod transfer;
mod world;
