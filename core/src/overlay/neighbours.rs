//! Whom to be connected to. A node holds three kinds of neighbours, so that no one way of lying gets them all:
//!
//! - the **best** by a score of rank, uptime and round-trip time;
//! - **random** ones, as the peer sampler draws them;
//! - **stratified** ones: one per ring of round-trip times, rings of exponentially growing radius as in Meridian (B. Wong, A. Slivkins,
//!   E. G. Sirer, SIGCOMM 2005), the best ranked of each. Sybils that sit on one machine are all in one ring, however many they
//!   are: the defence by diversity of latencies that Tribler uses.
//!
//! A neighbour that is held is replaced only by a candidate that is better by a margin, and not before its hold time is over; one that
//! has been silent beyond its deadline goes at once. Those that change places are told to the service, which connects.

use alloc::vec::Vec;

use crate::overlay::refusals::{Counters, Refusal};
use crate::peer::Peer;
use crate::time::{Duration, Instant};

/// The most candidates that one review looks at; the rest are left out.
pub const CANDIDATES_MAX: usize = 4096;

/// A peer that might be a neighbour.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate<P> {
    /// Who.
    pub peer: P,
    /// What the node thinks of the peer, at least 0; only ratios count.
    pub rank: f64,
    /// Share of answered probes, 0 to 1.
    pub uptime: f64,
    /// The round-trip time, measured by this node; no slot without one but a random one.
    pub rtt: Option<Duration>,
    /// When the peer last answered.
    pub heard: Option<Instant>,
}

/// Why a neighbour is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Slot {
    /// Its score is among the highest.
    Best,
    /// It is the best ranked of this ring.
    Ring(u8),
    /// The sampler drew it.
    Random,
}

/// One neighbour.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Neighbour<P> {
    /// Who.
    pub peer: P,
    /// Why it is held.
    pub slot: Slot,
    /// Since when.
    pub since: Instant,
}

/// The parameters of the choice.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NeighboursConfig {
    /// Neighbours by score.
    pub best: usize,
    /// Neighbours from the sampler.
    pub random: usize,
    /// Rings, each with one neighbour.
    pub rings: u8,
    /// The radius of the innermost ring; each next one reaches twice as far, and the last has no end.
    pub radius: Duration,
    /// Exponents of rank, uptime and round-trip time in the score.
    pub weights: Weights,
    /// By what factor a score must exceed a neighbour's to take its place, less 1.
    pub margin: f64,
    /// How long a neighbour is held at least.
    pub hold: Duration,
    /// How long a neighbour may be silent.
    pub deadline: Duration,
}

/// Exponents of the score `rank^a * uptime^b / rtt^c`. Zero leaves a factor out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weights {
    /// Of the rank.
    pub rank: f64,
    /// Of the uptime.
    pub uptime: f64,
    /// Of the round-trip time.
    pub rtt: f64,
}

impl Default for NeighboursConfig {
    /// 8 best, 4 random, 6 rings from 10 ms on; exponents 0.5, 2 and 1; a margin of 20 %, 30 s of hold, 60 s of silence.
    fn default() -> Self {
        Self {
            best: 8,
            random: 4,
            rings: 6,
            radius: Duration::from_millis(10),
            weights: Weights { rank: 0.5, uptime: 2.0, rtt: 1.0 },
            margin: 0.2,
            hold: Duration::from_secs(30),
            deadline: Duration::from_secs(60),
        }
    }
}

impl NeighboursConfig {
    /// The ring of a round-trip time: 0 below the radius, then one more per doubling.
    pub fn ring(&self, rtt: Duration) -> u8 {
        let doublings = rtt.as_nanos().checked_div(self.radius.as_nanos().max(1)).unwrap_or(0);
        let ring = 64 - doublings.leading_zeros();
        (ring as u8).min(self.rings.saturating_sub(1))
    }

    /// The score of a candidate; `None` without a round-trip time.
    pub fn score<P>(&self, candidate: &Candidate<P>) -> Option<f64> {
        /// Round trips below this, in milliseconds, are as good as any.
        const RTT_FLOOR: f64 = 0.1;
        let rtt = (candidate.rtt?.as_secs_f64() * 1e3).max(RTT_FLOOR);
        let Weights { rank, uptime, rtt: distance } = self.weights;
        let score = power(candidate.rank, rank) * power(candidate.uptime, uptime) / power(rtt, distance);
        Some(if score.is_finite() { score } else { 0.0 })
    }
}

/// `base` to the power of `exponent`, and 1 for the exponent 0 whatever the base.
fn power(base: f64, exponent: f64) -> f64 {
    if exponent == 0.0 { 1.0 } else { libm::pow(base, exponent) }
}

/// What a review changed, each in the order of peers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changes<P> {
    /// Who is a neighbour and was not.
    pub joined: Vec<P>,
    /// Who was a neighbour and is not.
    pub left: Vec<P>,
}

/// A node's neighbours.
#[derive(Clone, Debug)]
pub struct Neighbours<P> {
    config: NeighboursConfig,
    me: P,
    held: Vec<Neighbour<P>>,
}

impl<P: Peer> Neighbours<P> {
    /// The node `me`, without neighbours.
    pub fn new(config: NeighboursConfig, me: P) -> Self {
        Self { config, me, held: Vec::new() }
    }

    /// The neighbours, by slot.
    pub fn held(&self) -> &[Neighbour<P>] {
        &self.held
    }

    /// Whether this peer is a neighbour.
    pub fn holds(&self, peer: P) -> bool {
        self.held.iter().any(|neighbour| neighbour.peer == peer)
    }

    /// Drops a neighbour, as on the transport's evidence; `true` where it was one.
    pub fn drop_peer(&mut self, peer: P) -> bool {
        let before = self.held.len();
        self.held.retain(|neighbour| neighbour.peer != peer);
        self.held.len() < before
    }

    /// Chooses anew. `sampled` are peers that the sampler drew, the preferred ones first. A candidate whose rank or uptime is out of
    /// range is counted and left out; so is one that was silent beyond the deadline, which is dropped if held. A neighbour that is no
    /// candidate any more is dropped, too.
    pub fn review(
        &mut self,
        now: Instant,
        candidates: &[Candidate<P>],
        sampled: &[P],
        counters: &mut Counters,
    ) -> Changes<P> {
        let mut before: Vec<P> = self.held.iter().map(|neighbour| neighbour.peer).collect();
        before.sort_unstable();
        let live = self.live(now, candidates, counters);
        self.held.retain(|neighbour| live.iter().any(|candidate| candidate.peer == neighbour.peer));
        let old = core::mem::take(&mut self.held);
        self.fill(now, &old, &live, Slot::Best, self.config.best, |config, candidate| config.score(candidate));
        for ring in 0..self.config.rings {
            let in_ring = move |config: &NeighboursConfig, candidate: &Candidate<P>| {
                let rtt = candidate.rtt.filter(|rtt| config.ring(*rtt) == ring)?;
                Some(candidate.rank + 1e-9 / (1.0 + rtt.as_secs_f64())).filter(|score| score.is_finite())
            };
            self.fill(now, &old, &live, Slot::Ring(ring), 1, in_ring);
        }
        self.fill_random(now, &old, &live, sampled);
        let mut after: Vec<P> = self.held.iter().map(|neighbour| neighbour.peer).collect();
        after.sort_unstable();
        let missing =
            |from: &[P], of: &[P]| of.iter().filter(|peer| from.binary_search(peer).is_err()).copied().collect();
        Changes { joined: missing(&before, &after), left: missing(&after, &before) }
    }

    /// The candidates that count, each peer once, sorted by peer.
    fn live(&self, now: Instant, candidates: &[Candidate<P>], counters: &mut Counters) -> Vec<Candidate<P>> {
        let mut live = Vec::new();
        for candidate in candidates.iter().take(CANDIDATES_MAX) {
            let sound = candidate.rank.is_finite() && candidate.rank >= 0.0 && (0.0..=1.0).contains(&candidate.uptime);
            if !sound {
                counters.count(Refusal::BadScore);
                continue;
            }
            let heard = candidate.heard.is_some_and(|heard| now.since(heard) <= self.config.deadline);
            if heard && candidate.peer != self.me {
                live.push(*candidate);
            }
        }
        live.sort_by_key(|candidate| candidate.peer);
        live.dedup_by_key(|candidate| candidate.peer);
        live
    }

    /// Fills `count` places of a kind with the highest scores, those that are held already first: they count for more by the
    /// margin, and for more than anybody before their hold time is over.
    fn fill(
        &mut self,
        now: Instant,
        old: &[Neighbour<P>],
        live: &[Candidate<P>],
        slot: Slot,
        count: usize,
        score: impl Fn(&NeighboursConfig, &Candidate<P>) -> Option<f64>,
    ) {
        let mut places: Vec<(bool, f64, Neighbour<P>)> = Vec::new();
        for candidate in live.iter().filter(|candidate| !self.holds(candidate.peer)) {
            let Some(value) = score(&self.config, candidate) else { continue };
            let was = old.iter().find(|neighbour| neighbour.peer == candidate.peer && neighbour.slot == slot);
            let since = was.map_or(now, |neighbour| neighbour.since);
            let keeps = was.is_some() && now.since(since) < self.config.hold;
            let factor = if was.is_some() { 1.0 + self.config.margin.max(0.0) } else { 1.0 };
            places.push((keeps, value * factor, Neighbour { peer: candidate.peer, slot, since }));
        }
        places.sort_by(|a, b| b.0.cmp(&a.0).then(b.1.total_cmp(&a.1)).then(a.2.peer.cmp(&b.2.peer)));
        self.held.extend(places.into_iter().take(count).map(|(_, _, neighbour)| neighbour));
    }

    /// Fills the random places: held ones within their hold time, then what was drawn, then other held ones.
    fn fill_random(&mut self, now: Instant, old: &[Neighbour<P>], live: &[Candidate<P>], sampled: &[P]) {
        let random = old.iter().filter(|neighbour| neighbour.slot == Slot::Random);
        let held = random.clone().filter(|neighbour| now.since(neighbour.since) < self.config.hold);
        let drawn = sampled.iter().take(CANDIDATES_MAX).map(|peer| {
            let since = random.clone().find(|neighbour| neighbour.peer == *peer).map_or(now, |held| held.since);
            Neighbour { peer: *peer, slot: Slot::Random, since }
        });
        let wanted: Vec<_> = held.copied().chain(drawn).chain(random.clone().copied()).collect();
        let mut left = self.config.random;
        for neighbour in wanted {
            let known = live.binary_search_by_key(&neighbour.peer, |candidate| candidate.peer).is_ok();
            if left > 0 && known && !self.holds(neighbour.peer) {
                self.held.push(neighbour);
                left -= 1;
            }
        }
    }
}
