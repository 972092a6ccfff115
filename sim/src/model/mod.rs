//! Protocol families: each builds its entities from the experiment and turns their events into metrics.

pub mod config;
pub mod phold;
