//! How messages cross the network.

pub mod config;
