//! The network, the nodes that come and go, and whom they know. What can be wrong with a part by itself is known by the room
//! that builds it; what stands here rests on the length of the run.

use super::super::schema::Scenario;
use super::Checker;
use crate::network::Network;
use crate::network::churn::Churn;
use crate::network::clock::Clocks;
use crate::network::config::{Latency, PartitionConfig};
use crate::network::membership::Membership;

/// A slower node is a slip.
const COMPUTE_MAX: f64 = 1e6;

pub(super) fn network(s: &Scenario, c: &mut Checker) {
    c.take(Network::problems(&s.network, s.nodes));
    let delay = if let Latency::Constant(delay) = s.network.latency { Some(delay) } else { None };
    for (path, delay) in [("network.latency.constant", delay), ("network.min_latency", s.network.min_latency)] {
        if delay.is_some_and(|delay| delay >= s.duration) {
            let message = format!("with this delay nothing arrives within a run of {}", s.duration);
            c.report(&[path, "duration"], message, "is the unit the one you meant?");
        }
    }
    for (i, part) in s.network.partition.iter().enumerate() {
        times(s, c, &format!("network.partition[{i}]"), part);
    }
}

fn times(s: &Scenario, c: &mut Checker, at: &str, part: &PartitionConfig) {
    let (start, heal) = (format!("{at}.start"), format!("{at}.heal"));
    if part.start >= s.duration {
        let message = format!("starts at {}, when the run of {} is over", part.start, s.duration);
        c.report(&[&start, "duration"], message, "");
    } else if part.heal > s.duration {
        let message = format!("heals at {}, after the run of {} has ended", part.heal, s.duration);
        c.report(&[&heal, "duration"], message, "heal earlier, or run longer");
    }
}

pub(super) fn churn(s: &Scenario, c: &mut Checker) {
    if let Some(churn) = &s.churn {
        c.take(Churn::problems(churn, s.duration.0));
    }
}

pub(super) fn node(s: &Scenario, c: &mut Checker) {
    c.take(Clocks::problems(&s.node));
    let work = [
        ("node.per_message", s.node.per_message),
        ("node.per_kilobyte", s.node.per_kilobyte),
        ("node.per_signature", s.node.per_signature),
    ];
    if !(0.0..=COMPUTE_MAX).contains(&s.node.compute) {
        let message = format!("a node that computes {} times as long as the reference", s.node.compute);
        c.report(&["node.compute"], message, format!("use a number from 0 (free) to {COMPUTE_MAX}"));
    }
    for (path, span) in work {
        if span >= s.duration {
            c.report(&[path, "duration"], "longer than the run", "is the unit the one you meant?");
        }
    }
}

pub(super) fn membership(s: &Scenario, c: &mut Checker) {
    c.take(Membership::problems(&s.membership, s.nodes));
}
