//! The network, the nodes that come and go, and whom they know.

use std::collections::BTreeMap;

use super::super::diagnostics::did_you_mean;
use super::super::schema::Scenario;
use super::Checker;
use crate::network::config::{
    Distribution, Groups, Latency, Loss, MembershipConfig, PartitionConfig, Points, Sessions, Space,
};
use crate::units::{Rate, Size};

/// The largest IP packet.
const MAX_PACKET: Size = Size(65_535);
/// Below this, a full packet takes longer than ten seconds.
const MIN_RATE: Rate = Rate(1_200);

pub(super) fn network(s: &Scenario, c: &mut Checker) {
    latency(s, c);
    packets(s, c);
    if let Loss::GilbertElliott { good, bad, loss_good, loss_bad } = &s.network.loss {
        let at = |key: &str| format!("network.loss.gilbert_elliott.{key}");
        c.positive(&at("good"), *good);
        c.positive(&at("bad"), *bad);
        if loss_bad < loss_good {
            let message = "the bad state loses less than the good one";
            c.report(&[&at("loss_bad"), &at("loss_good")], message, "exchange the two");
        }
    }
    if let Some(jitter) = &s.network.jitter {
        c.distribution("network.jitter.delay", &jitter.delay);
    }
    for (i, part) in s.network.partition.iter().enumerate() {
        let at = format!("network.partition[{i}]");
        times(s, c, &at, part);
        groups(s, c, &format!("{at}.groups"), &part.groups);
    }
}

fn latency(s: &Scenario, c: &mut Checker) {
    match &s.network.latency {
        Latency::Constant(delay) => {
            if *delay >= s.duration {
                let message = format!("with this delay nothing arrives within a run of {}", s.duration);
                c.report(&["network.latency.constant", "duration"], message, "is the unit the one you meant?");
            }
        }
        Latency::Pair(distribution) => {
            c.distribution("network.latency.pair", distribution);
            use Distribution::{Exponential, Lognormal, Weibull};
            let unbounded = matches!(distribution, Exponential { .. } | Lognormal { .. } | Weibull { .. });
            if unbounded && s.network.min_latency.is_none() {
                let help = "set `network.min_latency`, such as \"1 ms\"; delays below it are raised to it";
                c.report(&["network.latency.pair", "network.min_latency"], "these delays have no lower bound", help);
            }
        }
        Latency::Points(points) => self::points(c, points),
        Latency::Regions(_) | Latency::Matrix(_) | Latency::Graph(_) => {}
    }
    if s.network.min_latency.is_some_and(|min| min >= s.duration) {
        let message = format!("with this delay nothing arrives within a run of {}", s.duration);
        c.report(&["network.min_latency", "duration"], message, "is the unit the one you meant?");
    }
}

fn points(c: &mut Checker, points: &Points) {
    let at = |key: &str| format!("network.latency.points.{key}");
    if let Some(delay) = &points.access_delay {
        c.distribution(&at("access_delay"), delay);
    }
    match &points.space {
        Space::Plane { side } => c.positive(&at("space.plane.side"), *side),
        Space::Globe { detour } => self::detour(c, &at("space.globe.detour"), *detour),
        Space::Places { detour, .. } => self::detour(c, &at("space.places.detour"), *detour),
    }
}

fn detour(c: &mut Checker, path: &str, detour: f64) {
    if !(1.0..=100.0).contains(&detour) {
        let help = "a cable is at least as long as the great circle: 1 to 100; measured paths have about 2";
        c.report(&[path], format!("a detour of {detour}"), help);
    }
}

fn packets(s: &Scenario, c: &mut Checker) {
    let (packet, access) = (&s.network.packet, &s.network.access);
    if packet.mtu <= packet.headers {
        let message = format!("packets of {} have no room beside headers of {}", packet.mtu, packet.headers);
        c.report(&["network.packet.mtu", "network.packet.headers"], message, "an MTU is usually \"1500 B\"");
    }
    if packet.mtu > MAX_PACKET {
        c.report(&["network.packet.mtu"], format!("an IP packet has at most {MAX_PACKET}"), "");
    }
    for (path, rate) in [("network.access.uplink", access.uplink), ("network.access.downlink", access.downlink)] {
        if rate.is_some_and(|rate| rate < MIN_RATE) {
            c.report(&[path], format!("a link below {MIN_RATE}"), "is the unit the one you meant?");
        }
    }
    if access.queue.is_some_and(|queue| queue < packet.mtu) {
        let message = format!("a queue that cannot hold one packet of {}", packet.mtu);
        c.report(&["network.access.queue", "network.packet.mtu"], message, "make it at least one MTU");
    }
    let unlimited = access.uplink.is_none() && access.downlink.is_none();
    for (path, size) in [("network.access.queue", access.queue), ("network.access.burst", access.burst)] {
        if unlimited && size.is_some() {
            let message = "this has no effect without a rate";
            let paths = [path, "network.access.uplink", "network.access.downlink"];
            c.report(&paths, message, "set `uplink`, `downlink` or both");
        }
    }
}

fn times(s: &Scenario, c: &mut Checker, at: &str, part: &PartitionConfig) {
    let (start, heal, every) = (format!("{at}.start"), format!("{at}.heal"), format!("{at}.every"));
    if part.heal <= part.start {
        let message = format!("heals at {}, not after its start at {}", part.heal, part.start);
        c.report(&[&heal, &start], message, "`heal` is a time of the run, not a length");
    }
    if part.start >= s.duration {
        let message = format!("starts at {}, when the run of {} is over", part.start, s.duration);
        c.report(&[&start, "duration"], message, "");
    } else if part.heal > s.duration {
        let message = format!("heals at {}, after the run of {} has ended", part.heal, s.duration);
        c.report(&[&heal, "duration"], message, "heal earlier, or run longer");
    }
    let length = part.heal.as_nanos().saturating_sub(part.start.as_nanos());
    if part.every.is_some_and(|every| every.as_nanos() <= length) {
        let message = "begins again before it is healed";
        c.report(&[&every, &start, &heal], message, "make `every` longer than from `start` to `heal`");
    }
}

fn groups(s: &Scenario, c: &mut Checker, at: &str, groups: &Groups) {
    match groups {
        Groups::Shares(shares) => {
            let path = format!("{at}.shares");
            let sum: f64 = shares.iter().map(|share| share.0).sum();
            if sum > 1.0 + 1e-9 {
                c.report(&[&path], format!("the shares sum to {sum}, more than 1"), "");
            }
            if shares.is_empty() || (shares.len() == 1 && sum > 1.0 - 1e-9) {
                c.report(&[&path], "one group of all nodes parts nobody", "give at least two groups");
            }
            for (i, _) in shares.iter().enumerate().filter(|(_, share)| share.0 == 0.0) {
                c.report(&[&format!("{path}[{i}]")], "an empty group", "leave it out");
            }
        }
        Groups::Regions(lists) => {
            if let Latency::Regions(regions) = &s.network.latency {
                let known = |name: &String| regions.only.is_empty() || regions.only.contains(name);
                for (place, name) in disjoint(c, &format!("{at}.regions"), lists) {
                    if !known(name) {
                        let near = did_you_mean(name, regions.only.iter().map(String::as_str));
                        let message = format!("region {name:?} is not in use");
                        let help = near.unwrap_or_else(|| format!("in use: {}", regions.only.join(", ")));
                        c.report(&[&place, "network.latency"], message, help);
                    }
                }
            } else {
                let help = "use `latency.regions`, or group by `shares` or `nodes`";
                c.report(&[&format!("{at}.regions"), "network.latency"], "nodes have no regions here", help);
            }
        }
        Groups::Nodes(lists) => {
            for (place, node) in disjoint(c, &format!("{at}.nodes"), lists) {
                if *node >= s.nodes {
                    let message = format!("there is no node {node} among {}", s.nodes);
                    c.report(
                        &[&place, "nodes"],
                        message,
                        format!("nodes are numbered from 0 to {}", s.nodes.saturating_sub(1)),
                    );
                }
            }
        }
    }
}

/// Reports empty groups and members of more than one, and lists every member with its path.
fn disjoint<'a, T: Ord + std::fmt::Debug>(c: &mut Checker, at: &str, lists: &'a [Vec<T>]) -> Vec<(String, &'a T)> {
    let mut owner = BTreeMap::new();
    let mut members = Vec::new();
    if lists.is_empty() {
        c.report(&[at], "there are no groups", "give at least one; all other nodes form the last");
    }
    for (group, list) in lists.iter().enumerate() {
        if list.is_empty() {
            c.report(&[&format!("{at}[{group}]")], "an empty group", "leave it out");
        }
        for (i, member) in list.iter().enumerate() {
            let place = format!("{at}[{group}][{i}]");
            if let Some(other) = owner.insert(member, group) {
                let message = if other == group {
                    format!("{member:?} stands twice in this group")
                } else {
                    format!("{member:?} is also in group {other}: groups cannot overlap")
                };
                c.report(&[&place], message, "");
            }
            members.push((place, member));
        }
    }
    members
}

pub(super) fn churn(s: &Scenario, c: &mut Checker) {
    let Some(churn) = &s.churn else { return };
    c.positive_number("churn.speed_up", churn.speed_up);
    if churn.start >= s.duration {
        c.report(&["churn.start", "duration"], format!("churn starts when the run of {} is over", s.duration), "");
    }
    if churn.stop.is_some_and(|stop| stop <= churn.start) {
        c.report(&["churn.stop", "churn.start"], "churn stops before it starts", "");
    }
    let mut steady = |path: &str, distribution: &Distribution| {
        c.distribution(path, distribution);
        if let Distribution::Pareto { shape, .. } = distribution
            && *shape <= 1.0
        {
            let message = format!("with shape {shape} the mean is infinite, so there is no steady state to start in");
            c.report(&[&format!("{path}.pareto.shape")], message, "use a shape above 1");
        }
    };
    match &churn.sessions {
        Sessions::Times { up, down } => {
            steady("churn.sessions.times.up", up);
            steady("churn.sessions.times.down", down);
            if *up == Distribution::Constant(crate::units::Span::default()) {
                c.positive("churn.sessions.times.up.constant", crate::units::Span::default());
            }
        }
        Sessions::Profile { down: Some(down), .. } => steady("churn.sessions.profile.down", down),
        Sessions::Profile { .. } | Sessions::Trace { .. } => {}
    }
}

pub(super) fn node(s: &Scenario, c: &mut Checker) {
    if let Some(offset) = &s.node.clock_offset {
        c.distribution("node.clock_offset", offset);
    }
    if s.node.clock_drift_ppm > 100_000 {
        let message = format!("{} ppm is a drift of more than 10 %", s.node.clock_drift_ppm);
        c.report(&["node.clock_drift_ppm"], message, "quartz clocks drift by less than 100 ppm");
    }
    let work = [
        ("node.per_message", s.node.per_message),
        ("node.per_kilobyte", s.node.per_kilobyte),
        ("node.per_signature", s.node.per_signature),
    ];
    for (path, span) in work {
        if span >= s.duration {
            c.report(&[path, "duration"], "longer than the run", "is the unit the one you meant?");
        }
    }
}

pub(super) fn membership(s: &Scenario, c: &mut Checker) {
    let MembershipConfig::Graph { degree } = s.membership else { return };
    let path = "membership.graph.degree";
    if degree < 3 {
        c.report(&[path], format!("a random graph of degree {degree} falls apart"), "use a degree of at least 3");
    }
    if degree >= s.nodes {
        let message = format!("{degree} neighbours among {} nodes", s.nodes);
        c.report(
            &[path, "nodes"],
            message,
            format!("use at most {}, or membership \"full\"", s.nodes.saturating_sub(1)),
        );
    }
    if u64::from(degree) * u64::from(s.nodes) % 2 == 1 {
        let message = format!("no graph has {} nodes of degree {degree}", s.nodes);
        c.report(&[path, "nodes"], message, "the number of nodes or the degree has to be even");
    }
}
