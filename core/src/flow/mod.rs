//! Flows as Ouroboros has them: allocated by name, identified by endpoint ids, and with as much machinery as their quality
//! of service asks for. A recursive network has one kind of layer; what is here is a unicast layer's flow allocation, data
//! transfer and congestion avoidance, the end-to-end flow and retransmission control, and a broadcast layer.
//!
//! The version modelled is commit `68e0407e` of the prototype (`dstaesse/ouroboros`, February 2026): where a number or a rule
//! is the prototype's, the default in [`config`] is the one of that commit. Nothing is copied from it: this is a model, and
//! each module says where it departs. The architecture: D. Staessens, S. Vrijders, "A low-level look at the Ouroboros
//! architecture" (arXiv 2001.09707); delta-t: R. W. Watson, "Timer-based mechanisms in reliable transport protocol connection
//! management" (Computer Networks 5, 1981).
//!
//! | part | what it is |
//! |---|---|
//! | [`config`] | every constant, with the prototype's value |
//! | [`packet`] | what crosses the network |
//! | [`allocation`] | from a name to a flow, at the asking side and at the asked one |
//! | [`frcp`] | order, retransmission, flow control, fragments |
//! | [`congestion`] | multi-bit forward ECN |
//! | [`broadcast`] | a layer that floods a tree |
//! | [`node`], [`record`] | all flows of one node, as one state machine, and what they have done |

pub mod allocation;
pub mod broadcast;
mod channel;
pub mod config;
pub mod congestion;
mod directory;
pub mod frcp;
pub mod node;
pub mod packet;
pub mod record;
