//! The store and the synchronisers, held to what they promise: whatever the network, the peers and the authors do.

mod commands;
mod convergence;
mod cost;
mod forgery;
mod host;
mod messages;
mod openings;
mod order;
mod subjects;
