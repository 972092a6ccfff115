//! Nodes behind network address translation, which cannot be dialled, and how they are reached all the same.
//!
//! One rule stands for the translator: what comes to a node behind NAT gets through only where that node has itself sent
//! something straight to the sender within the mapping's time. Packets from outside do not prolong a mapping (RFC 4787:
//! REQ-5 asks for at least two minutes, REQ-6 for a refresh by outbound packets; by inbound ones it is optional). The
//! sender judges, since both ends know when they heard of each other: what it heard from the node less the base delays
//! both ways is how long it may count on the path. Waits in queues and jitter are not part of that estimate.
//!
//! A node behind NAT keeps a connection to one relay, its home. Who has no path to the node sends by way of the relay, and
//! asks it by the same way, at most once per mapping time, to open a path. That is the hole punch of B. Ford,
//! P. Srisuresh and D. Kegel, "Peer-to-peer communication across network address translators", USENIX ATC 2005, section
//! 3, as libp2p's DCUtR and others do it: a packet each way through the relay, and one straight packet from either side.
//! A sender who is not behind NAT himself is simply called back. Whether the NATs of a pair let a hole be punched is the
//! pair's property for the whole run.

use std::collections::BTreeMap;

use rapprochement_core::time::{Duration, Instant};

use super::config::NatConfig;
use super::loss::Chance;
use crate::problem::{Problem, zero_time};
use crate::random::{Philox, Purpose, Streams};

/// Bytes of a packet of a hole punch: the other side's key (32), its address and port (18), and 14 for the rest.
pub const PUNCH_BYTES: usize = 64;

/// Which nodes are behind NAT, and by whom they are reached. Immutable, shared by all shards.
#[derive(Debug)]
pub struct Nat {
    /// The home of each node: a relay, [`PUBLIC`] or [`UNREACHABLE`].
    homes: Vec<u32>,
    relays: Vec<u32>,
    punching: Chance,
    key: u64,
    relayed: bool,
    relays_stay: bool,
    mapping: Duration,
}

/// The home of a node that can be dialled.
const PUBLIC: u32 = u32::MAX;
/// The home of a node behind NAT where there is no relay.
const UNREACHABLE: u32 = u32::MAX - 1;

/// By which way a message leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// To its receiver, who can be dialled or has opened a path.
    Straight,
    /// To its receiver behind NAT, from a sender behind NAT: through a punched hole.
    Punched,
    /// To this relay, which passes it on.
    Relay(u32),
    /// By none.
    Undialable,
}

impl Nat {
    /// The NATs of a scenario that has no [`problems`]. The nodes stand in the order of a keyed hash: the first ones are
    /// behind NAT and the last ones are relays, so that with a larger share more nodes are behind NAT and none fewer, and
    /// the relays are the same.
    pub(crate) fn new(config: &NatConfig, nodes: u32, streams: &Streams) -> Self {
        let key = streams.key(Purpose::Nat, 0);
        let hash = |node: u32| Philox::block(key, [node.into(), 0])[0];
        let mut order: Vec<(u64, u32)> = (0..nodes).map(|node| (hash(node), node)).collect();
        order.sort_unstable();
        let relays: Vec<u32> = order.iter().rev().take(config.relays as usize).map(|&(_, node)| node).collect();
        let mut homes = vec![PUBLIC; nodes as usize];
        for (rank, &(_, node)) in order.iter().take(config.count(nodes) as usize).enumerate() {
            homes[node as usize] = relays.get(rank % relays.len().max(1)).copied().unwrap_or(UNREACHABLE);
        }
        Self {
            homes,
            relays,
            punching: Chance::new(config.punching.0),
            key: streams.key(Purpose::Nat, 1),
            relayed: config.relayed,
            relays_stay: config.relays_stay,
            mapping: config.mapping.0,
        }
    }

    /// Whether a node cannot be dialled.
    pub fn is_behind(&self, node: u32) -> bool {
        self.homes[node as usize] != PUBLIC
    }

    /// The relay of a node behind NAT.
    pub fn home(&self, node: u32) -> Option<u32> {
        Some(self.homes[node as usize]).filter(|&home| home < UNREACHABLE)
    }

    /// The relays.
    pub fn relays(&self) -> &[u32] {
        &self.relays
    }

    /// The nodes that churn spares.
    pub fn staying(&self) -> &[u32] {
        if self.relays_stay { &self.relays } else { &[] }
    }

    /// How long a node's own packet keeps the path open by which its receiver may answer.
    pub fn mapping(&self) -> Duration {
        self.mapping
    }

    /// Whether two nodes can get a straight path: always where one of them can be dialled, else where their NATs let a
    /// hole be punched.
    pub fn opens(&self, a: u32, b: u32) -> bool {
        let pair = u64::from(a.min(b)) << 32 | u64::from(a.max(b));
        !self.is_behind(a) || !self.is_behind(b) || self.punching.hits(Philox::block(self.key, [pair, 0])[0])
    }

    /// By which way a message leaves that `from`, who knows these paths, sends at this time.
    #[inline]
    pub fn route(&self, paths: &Paths, at: Instant, from: u32, to: u32) -> Route {
        match self.homes[to as usize] {
            PUBLIC => Route::Straight,
            // A relay holds the connections of its nodes.
            home if home == from || from == to => Route::Straight,
            _ if paths.is_open(to, at) && self.is_behind(from) => Route::Punched,
            _ if paths.is_open(to, at) => Route::Straight,
            UNREACHABLE => Route::Undialable,
            _ if !self.relayed => Route::Undialable,
            home => Route::Relay(home),
        }
    }
}

/// What a node knows of the paths to nodes behind NAT. It forgets what is over, so it holds at most twice as many as it
/// has exchanged packets with within a mapping's time.
#[derive(Clone, Debug, Default)]
pub struct Paths {
    known: BTreeMap<u32, Path>,
    /// Number of paths at which those that are over are forgotten.
    full: usize,
}

#[derive(Clone, Copy, Debug, Default)]
struct Path {
    /// Until when it is open.
    open: Instant,
    /// Before this, the node is not asked again.
    asked: Instant,
}

impl Paths {
    fn is_open(&self, to: u32, at: Instant) -> bool {
        self.known.get(&to).is_some_and(|path| at <= path.open)
    }

    fn path(&mut self, to: u32, now: Instant) -> &mut Path {
        if self.known.len() > self.full {
            self.known.retain(|_, path| path.open.max(path.asked) >= now);
            self.full = 2 * self.known.len().max(8);
        }
        self.known.entry(to).or_default()
    }

    /// A straight packet of a node behind NAT has come: the path to it is open for this long.
    pub fn open(&mut self, to: u32, now: Instant, lasts: Duration) {
        let path = self.path(to, now);
        path.open = path.open.max(now + lasts);
    }

    /// Whether it is time to ask a node to open a path; if so, not again for this long.
    pub fn ask(&mut self, to: u32, now: Instant, pause: Duration) -> bool {
        let path = self.path(to, now);
        let due = now >= path.asked;
        if due {
            path.asked = now + pause;
        }
        due
    }
}

/// What is wrong with the section `network.nat` of a scenario.
pub(crate) fn problems(config: &NatConfig, nodes: u32) -> Vec<Problem> {
    const SHARE: &str = "network.nat.share";
    const RELAYS: &str = "network.nat.relays";
    let (behind, public) = (config.count(nodes), nodes - config.count(nodes));
    let mut problems = Vec::new();
    if config.relays > public {
        let message = format!("{} relays, but only {public} of {nodes} nodes can be dialled", config.relays);
        let help = format!("use at most {public}, or put fewer nodes behind NAT");
        problems.push(Problem::new(RELAYS, message, help).resting_on([SHARE, "nodes"]));
    }
    if config.relays == 0 && behind == nodes {
        let message = "all nodes are behind NAT and there is no relay, so nobody is ever reached";
        problems.push(Problem::new(SHARE, message, "put fewer nodes behind NAT").resting_on([RELAYS, "nodes"]));
    }
    problems.extend(config.mapping.0.is_zero().then(|| zero_time("network.nat.mapping")));
    problems
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::{Share, Span};

    fn config(share: f64, relays: u32, punching: f64) -> NatConfig {
        let mapping = Span(Duration::from_secs(120));
        NatConfig { share: Share(share), relays, punching: Share(punching), relayed: true, relays_stay: true, mapping }
    }

    fn nat(share: f64, relays: u32, punching: f64) -> Nat {
        Nat::new(&config(share, relays, punching), 1000, &Streams::new(3))
    }

    fn at(seconds: u64) -> Instant {
        Instant::ZERO + Duration::from_secs(seconds)
    }

    #[test]
    fn shares_are_exact_nested_and_evenly_spread_over_relays() {
        let (less, more) = (nat(0.3, 7, 0.5), nat(0.6, 7, 0.5));
        assert_eq!(less.relays(), more.relays());
        let behind = |nat: &Nat| (0..1000).filter(|&node| nat.is_behind(node)).count();
        assert_eq!((behind(&less), behind(&more)), (300, 600));
        assert!((0..1000).all(|node| more.is_behind(node) || !less.is_behind(node)));
        for &relay in more.relays() {
            assert!(!more.is_behind(relay));
            let clients = (0..1000).filter(|&node| more.home(node) == Some(relay)).count();
            assert!((85..=86).contains(&clients), "{clients}");
        }
    }

    /// Four standard errors of 0.7 among the 179,700 pairs of 600 nodes.
    #[test]
    fn the_stated_share_of_pairs_can_punch() {
        let nat = nat(0.6, 7, 0.7);
        let behind: Vec<u32> = (0..1000).filter(|&node| nat.is_behind(node)).collect();
        let (mut pairs, mut open) = (0u32, 0u32);
        for (index, &a) in behind.iter().enumerate() {
            for &b in &behind[..index] {
                assert_eq!(nat.opens(a, b), nat.opens(b, a));
                (pairs, open) = (pairs + 1, open + u32::from(nat.opens(a, b)));
            }
        }
        let share = f64::from(open) / f64::from(pairs);
        assert!((share - 0.7).abs() < 4.0 * (0.21 / f64::from(pairs)).sqrt(), "{share}");
        let public = (0..1000).find(|&node| !nat.is_behind(node)).unwrap();
        assert!(behind.iter().all(|&node| nat.opens(node, public) && nat.opens(public, node)));
    }

    #[test]
    fn a_path_is_open_as_long_as_the_mapping_lasts() {
        let nat = nat(0.6, 7, 0.7);
        let pick = |behind, skip| (0..1000).filter(|&node| nat.is_behind(node) == behind).nth(skip).unwrap();
        let (from, to, open) = (pick(true, 0), pick(true, 1), (0..1000).find(|n| nat.home(*n).is_none()).unwrap());
        let mut paths = Paths::default();
        let home = nat.home(to).unwrap();
        assert_eq!(nat.route(&paths, at(0), from, to), Route::Relay(home));
        assert_eq!(nat.route(&paths, at(0), from, open), Route::Straight);
        assert_eq!(nat.route(&paths, at(0), home, to), Route::Straight);
        paths.open(to, at(10), Duration::from_secs(100));
        assert_eq!(nat.route(&paths, at(110), from, to), Route::Punched);
        assert_eq!(nat.route(&paths, at(110), open, to), Route::Straight);
        assert_eq!(nat.route(&paths, at(111), from, to), Route::Relay(home));
        let none = Nat::new(&config(0.6, 0, 0.7), 1000, &Streams::new(3));
        assert_eq!(none.route(&Paths::default(), at(0), from, to), Route::Undialable);
    }

    #[test]
    fn a_node_is_asked_once_per_mapping_and_old_paths_are_forgotten() {
        let mut paths = Paths::default();
        let pause = Duration::from_secs(120);
        assert!(paths.ask(5, at(0), pause) && !paths.ask(5, at(119), pause) && paths.ask(5, at(120), pause));
        for second in 0..100_000 {
            paths.ask(second as u32, at(1000 + second), pause);
            // 121 that still count, and at most as many again before the next look.
            assert!(paths.known.len() <= 2 * 122 + 1, "{}", paths.known.len());
        }
    }

    #[test]
    fn contradictions_are_told() {
        let paths = |config: &NatConfig| problems(config, 10).into_iter().map(|p| p.path).collect::<Vec<_>>();
        assert_eq!(paths(&config(0.6, 4, 0.0)), [""; 0]);
        assert_eq!(paths(&config(0.6, 5, 0.0)), ["network.nat.relays"]);
        assert_eq!(paths(&config(1.0, 0, 0.0)), ["network.nat.share"]);
        let timeless = NatConfig { mapping: Span(Duration::ZERO), ..config(0.0, 0, 0.0) };
        assert_eq!(paths(&timeless), ["network.nat.mapping"]);
    }
}
