//! The directory: its routing table, its lookups and whole nodes, by closed forms and under churn and hostile peers.

#[path = "../../examples/kademlia/published.rs"]
mod published;
#[path = "../../examples/kademlia/realisation.rs"]
mod realisation;

mod directory;
mod hostile;
mod lookups;
mod messages;
mod studies;
mod tables;
mod world;
