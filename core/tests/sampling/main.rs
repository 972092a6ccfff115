//! Peer samplers in a small network: the graphs that they make, how they lose the dead, and what they do with bad input.

mod driver;
mod faults;
mod graph;
mod messages;
mod overlays;
mod subjects;
