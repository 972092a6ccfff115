//! Lookups in a network of perfect routing tables, without codec, upkeep or churn: what a study of hops, messages and latency
//! needs, and nothing else. The lookups are those of [`Lookup`] itself; here is the event loop that drives them.
//!
//! Every node holds `k` random contacts of each bucket, or all of one that has fewer. A value is on the `k` closest nodes. A request and its answer take a round trip that is drawn anew each time; a
//! dead node never answers. An asker that holds the value has found it after 0 hops, 0 messages and no time.

use alloc::collections::BinaryHeap;
use alloc::vec::Vec;
use core::cmp::Reverse;

use libm::{cos, exp, log, sqrt};
use rand_core::Rng;

use crate::kademlia::config::KademliaConfig;
use crate::kademlia::distance::Distance;
use crate::kademlia::lookup::Lookup;
use crate::kademlia::table::{RoutingTable, full_tables};
use crate::peer::{Peer, PeerId};
use crate::random::{shuffle, unit};
use crate::time::Duration;

/// Round trips with a lognormal distribution.
#[derive(Clone, Copy, Debug)]
pub struct Lognormal {
    /// The median.
    pub median: Duration,
    /// The standard deviation of the logarithm.
    pub sigma: f64,
}

impl Lognormal {
    /// A draw (G. E. P. Box and M. E. Muller, "A note on the generation of random normal deviates", 1958).
    pub fn draw<R: Rng + ?Sized>(&self, rng: &mut R) -> Duration {
        let radius = sqrt(-2.0 * log(1.0 - unit(rng)));
        let normal = radius * cos(core::f64::consts::TAU * unit(rng));
        Duration::from_secs_f64(self.median.as_secs_f64() * exp(self.sigma * normal))
    }
}

/// A network at one moment: who there is, who of them is dead, and what each knows.
#[derive(Debug)]
pub struct Network<P> {
    config: KademliaConfig,
    /// Sorted by id.
    peers: Vec<P>,
    dead: Vec<bool>,
    tables: Vec<RoutingTable<P>>,
    /// Whether the values of dead nodes moved on to the next closest ones, as after a replication.
    replicated: bool,
}

/// The first bits of an id, and behind them these.
fn prefixed(id: PeerId, bits: u32, rest: u8) -> PeerId {
    let mut prefixed = id;
    for (at, byte) in prefixed.0.iter_mut().enumerate() {
        let kept = bits.saturating_sub(8 * at as u32).min(8);
        let mask = (0xff00u16 >> kept) as u8;
        *byte = (*byte & mask) | (rest & !mask);
    }
    prefixed
}

/// What a lookup came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Hops to the value; `None` where it was not found.
    pub hops: Option<u16>,
    /// Requests sent.
    pub messages: u32,
    /// Time from the first request to the value, or to the end of a vain lookup.
    pub took: Duration,
}

impl<P: Peer> Network<P> {
    /// A network of perfect tables among these peers, of whom a share, rounded down, is dead: known to others and silent. Where it is
    /// `replicated`, values are on the closest living nodes, else on the closest ones whether they live or not.
    pub fn new<R: Rng + ?Sized>(
        mut peers: Vec<P>,
        dead_share: f64,
        replicated: bool,
        config: KademliaConfig,
        rng: &mut R,
    ) -> Self {
        peers.sort_unstable_by_key(Peer::id);
        let tables = full_tables(&peers, &config, rng);
        let count = (dead_share * peers.len() as f64) as usize;
        let mut dead: Vec<bool> = (0..peers.len()).map(|at| at < count).collect();
        shuffle(rng, &mut dead);
        Self { config, peers, dead, tables, replicated }
    }

    /// A living node, drawn at random; there has to be one.
    pub fn asker<R: Rng + ?Sized>(&self, rng: &mut R) -> P {
        loop {
            let at = crate::random::below(rng, self.peers.len() as u32) as usize;
            if !self.dead[at] {
                return self.peers[at];
            }
        }
    }

    /// Who holds the value of a key, the closest first.
    pub fn holders(&self, key: PeerId) -> Vec<P> {
        let may_hold = |at: &usize| !(self.replicated && self.dead[*at]);
        let k = self.config.k;
        // Who shares more bits with the key is closer than who shares fewer, and those who share as many lie side by side.
        for bits in (0..=self.peers.len().max(1).ilog2() + 8).rev() {
            let start = self.peers.partition_point(|peer| peer.id() < prefixed(key, bits, 0x00));
            let end = self.peers.partition_point(|peer| peer.id() <= prefixed(key, bits, 0xff));
            let mut all: Vec<P> = (start..end).filter(may_hold).map(|at| self.peers[at]).collect();
            if all.len() >= k || bits == 0 {
                all.sort_unstable_by_key(|peer| Distance::between(peer.id(), key));
                all.truncate(k);
                return all;
            }
        }
        Vec::new()
    }

    /// One node looks a key up. `round_trip` is asked once per request to a living node.
    pub fn resolve<R: Rng + ?Sized>(&self, asker: P, key: PeerId, round_trip: &Lognormal, rng: &mut R) -> Outcome {
        let holders = self.holders(key);
        if holders.contains(&asker) {
            return Outcome { hops: Some(0), messages: 0, took: Duration::ZERO };
        }
        let seeds = self.table(asker).closest(key, self.config.window());
        let mut lookup = Lookup::new(asker.id(), key, &self.config, &seeds);
        // When who answers or is given up; the count keeps equal times in the order of their requests.
        let mut due = BinaryHeap::new();
        let mut now = Duration::ZERO;
        loop {
            while let Some(peer) = lookup.next_peer() {
                let answer = (!self.is_dead(peer)).then(|| round_trip.draw(rng));
                let answer = answer.filter(|after| *after < self.config.timeout);
                let at = now + answer.unwrap_or(self.config.timeout);
                due.push(Reverse((at, lookup.messages(), peer, answer.is_some())));
            }
            let next = if lookup.is_done() { None } else { due.pop() };
            let Some(Reverse((at, _, peer, answers))) = next else {
                return Outcome { hops: None, messages: lookup.messages(), took: now };
            };
            now = at;
            if !answers {
                lookup.failed(peer);
            } else if holders.contains(&peer) {
                return Outcome { hops: lookup.found(peer).ok(), messages: lookup.messages(), took: now };
            } else {
                let contacts = self.table(peer).closest(key, self.config.k);
                let _ = lookup.answered(peer, &contacts);
            }
        }
    }

    fn index(&self, peer: P) -> Option<usize> {
        self.peers.binary_search_by_key(&peer.id(), Peer::id).ok()
    }

    fn is_dead(&self, peer: P) -> bool {
        self.index(peer).is_none_or(|at| self.dead[at])
    }

    fn table(&self, peer: P) -> &RoutingTable<P> {
        // Every peer comes out of a table of this network.
        &self.tables[self.index(peer).unwrap_or(0)]
    }
}
