//! Round-trip times by probing: a ping with a random nonce, a pong with the same one. Times are by this node's own clock, so
//! no peer can make one up; it can only delay its answer.
//!
//! The timeout is RFC 6298's: smoothed round trip plus four times its mean deviation, between a floor and a ceiling,
//! doubled for every loss in a row. Jitter is RFC 3550's, section 6.4.1. Uptime is the share of answered probes, of which one that is
//! older counts less: its weight halves with every [`ProbeConfig::half_life`].

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use rand_core::Rng;

use crate::overlay::allowance::Allowance;
use crate::overlay::refusals::Refusal;
use crate::overlay::vivaldi::NetworkCoordinate;
use crate::peer::Peer;
use crate::time::{Duration, Instant};
use crate::wire::{DecodeError, Message, Reader};

/// So many lost probes in a row are a peer that is down; fewer, with an answer behind them, are packet loss.
pub const DOWN_AFTER: u32 = 3;
/// Round trips over which the least is taken.
const WINDOW: usize = 4;

/// What probing peers send each other. Each side states its coordinate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProbeMessage {
    /// Asks for a [`ProbeMessage::Pong`] with the same nonce.
    Ping {
        /// Random, so that only who saw the ping can answer.
        nonce: u64,
        /// Where the sender places itself.
        coordinate: NetworkCoordinate,
    },
    /// Answers.
    Pong {
        /// The ping's.
        nonce: u64,
        /// Where the sender places itself.
        coordinate: NetworkCoordinate,
    },
}

impl Message for ProbeMessage {
    const CLASSES: &'static [&'static str] = &["ping", "pong"];

    fn class(&self) -> usize {
        matches!(self, Self::Pong { .. }).into()
    }

    fn encoded_len(&self) -> usize {
        let (Self::Ping { coordinate, .. } | Self::Pong { coordinate, .. }) = self;
        1 + 8 + coordinate.encoded_len()
    }

    fn encode(&self, out: &mut Vec<u8>) {
        let (Self::Ping { nonce, coordinate } | Self::Pong { nonce, coordinate }) = self;
        out.push(self.class() as u8);
        out.extend_from_slice(&nonce.to_be_bytes());
        coordinate.encode(out);
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes)?;
        let tag = reader.byte()?;
        let nonce = u64::from_be_bytes(reader.array()?);
        let coordinate = NetworkCoordinate::decode(&mut reader)?;
        reader.finish()?;
        match tag {
            0 => Ok(Self::Ping { nonce, coordinate }),
            1 => Ok(Self::Pong { nonce, coordinate }),
            _ => Err(DecodeError::UnknownTag),
        }
    }
}

/// The parameters of probing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProbeConfig {
    /// Timeout of the first probe of a peer.
    pub timeout_first: Duration,
    /// Shortest timeout.
    pub timeout_min: Duration,
    /// Longest timeout.
    pub timeout_max: Duration,
    /// The age at which an answer counts half in uptime and loss.
    pub half_life: Duration,
    /// Most probes under way.
    pub pending_max: usize,
    /// Most peers of whom figures are kept. Beyond it goes who was probed least recently.
    pub peers_max: usize,
    /// Pings that one peer may send at once.
    pub ping_burst: u32,
    /// Time after which it may send one more.
    pub ping_interval: Duration,
}

impl Default for ProbeConfig {
    /// First timeout 1 s and then 200 ms to 3 s, half-life 1 h, 64 probes under way, 1,024 peers, 8 pings and one more a second.
    fn default() -> Self {
        Self {
            timeout_first: Duration::from_secs(1),
            timeout_min: Duration::from_millis(200),
            timeout_max: Duration::from_secs(3),
            half_life: Duration::from_secs(3600),
            pending_max: 64,
            peers_max: 1024,
            ping_burst: 8,
            ping_interval: Duration::from_secs(1),
        }
    }
}

/// A share of hits of which older ones count less.
#[derive(Clone, Copy, Debug, Default)]
struct AgedShare {
    hits: f64,
    total: f64,
    at: Instant,
}

impl AgedShare {
    fn add(&mut self, now: Instant, half_life: Duration, hits: f64, total: f64) {
        let halvings = now.since(self.at).as_secs_f64() / half_life.as_secs_f64().max(1e-9);
        let fade = libm::exp2(-halvings);
        (self.hits, self.total, self.at) = (self.hits * fade + hits, self.total * fade + total, now.max(self.at));
    }

    /// The share, or `default` where nothing counts any more.
    fn share(&self, default: f64) -> f64 {
        if self.total > 1e-9 { (self.hits / self.total).clamp(0.0, 1.0) } else { default }
    }
}

/// What the probes of one peer showed.
#[derive(Clone, Debug)]
pub struct Link {
    smoothed: Duration,
    deviation: Duration,
    jitter: Duration,
    window: [Duration; WINDOW],
    answers: u64,
    missed: u32,
    up: AgedShare,
    lost: AgedShare,
    session_from: Option<Instant>,
    heard: Option<Instant>,
    probed: Instant,
}

impl Link {
    fn new(now: Instant) -> Self {
        Self {
            smoothed: Duration::ZERO,
            deviation: Duration::ZERO,
            jitter: Duration::ZERO,
            window: [Duration::MAX; WINDOW],
            answers: 0,
            missed: 0,
            up: AgedShare::default(),
            lost: AgedShare::default(),
            session_from: None,
            heard: None,
            probed: now,
        }
    }

    /// The smoothed round trip (RFC 6298, gain 1/8), once there was an answer.
    pub fn smoothed(&self) -> Option<Duration> {
        (self.answers > 0).then_some(self.smoothed)
    }

    /// The least of the last four round trips: what coordinates and choices are fed.
    pub fn least(&self) -> Option<Duration> {
        self.window.iter().min().copied().filter(|_| self.answers > 0)
    }

    /// The mean difference of successive round trips (RFC 3550, gain 1/16).
    pub fn jitter(&self) -> Duration {
        self.jitter
    }

    /// Round trips that were measured.
    pub fn answers(&self) -> u64 {
        self.answers
    }

    /// Probes that were lost since the last answer.
    pub fn missed(&self) -> u32 {
        self.missed
    }

    /// The aged share of answered probes, 0 to 1; 0 before the first.
    pub fn uptime(&self) -> f64 {
        self.up.share(0.0)
    }

    /// The aged share of probes that were lost while the peer was up, 0 to 1.
    pub fn loss(&self) -> f64 {
        self.lost.share(0.0)
    }

    /// How long the peer has been seen up without [`DOWN_AFTER`] losses in a row: from the first to the last answer.
    pub fn session(&self) -> Option<Duration> {
        Some(self.heard?.since(self.session_from?))
    }

    /// When the last answer came.
    pub fn heard(&self) -> Option<Instant> {
        self.heard
    }

    fn timeout(&self, config: &ProbeConfig) -> Duration {
        let estimate = match self.answers {
            0 => config.timeout_first,
            _ => self.smoothed + self.deviation.saturating_mul(4),
        };
        let floor = if self.answers == 0 { estimate } else { estimate.max(config.timeout_min) };
        floor.saturating_mul(1 << self.missed.min(16)).min(config.timeout_max)
    }

    fn answered(&mut self, now: Instant, rtt: Duration, config: &ProbeConfig) {
        if self.answers == 0 {
            (self.smoothed, self.deviation) = (rtt, half(rtt, 1));
        } else {
            let difference = apart(rtt, self.smoothed);
            let last = self.window[(self.answers - 1) as usize % WINDOW];
            self.deviation = approach(self.deviation, difference, 2);
            self.smoothed = approach(self.smoothed, rtt, 3);
            self.jitter = approach(self.jitter, apart(rtt, last), 4);
        }
        self.window[self.answers as usize % WINDOW] = rtt;
        self.answers += 1;
        if self.missed < DOWN_AFTER {
            self.lost.add(now, config.half_life, self.missed.into(), f64::from(self.missed) + 1.0);
        }
        if self.missed >= DOWN_AFTER || self.session_from.is_none() {
            self.session_from = Some(now);
        }
        self.missed = 0;
        self.up.add(now, config.half_life, 1.0, 1.0);
        self.heard = Some(now);
    }

    fn lost(&mut self, now: Instant, config: &ProbeConfig) {
        self.missed = self.missed.saturating_add(1);
        self.up.add(now, config.half_life, 0.0, 1.0);
    }
}

/// How far two spans are apart.
fn apart(one: Duration, other: Duration) -> Duration {
    Duration::from_nanos(one.as_nanos().abs_diff(other.as_nanos()))
}

fn half(span: Duration, times: u32) -> Duration {
    Duration::from_nanos(span.as_nanos() >> times)
}

/// `from`, moved towards `to` by 2^-shift of the way, rounded down.
fn approach(from: Duration, to: Duration, shift: u32) -> Duration {
    let step = half(apart(to, from), shift);
    if to > from { from + step } else { from - step }
}

#[derive(Clone, Copy, Debug)]
struct Pending<P> {
    peer: P,
    nonce: u64,
    sent: Instant,
    deadline: Instant,
}

/// A node's probes: those under way, and what the finished ones showed.
#[derive(Clone, Debug)]
pub struct Prober<P> {
    config: ProbeConfig,
    pending: Vec<Pending<P>>,
    links: BTreeMap<P, Link>,
    pings: Allowance<P>,
}

impl<P: Peer> Prober<P> {
    /// A node that has probed nobody.
    pub fn new(config: ProbeConfig) -> Self {
        let pings = Allowance::new(config.ping_interval, config.ping_burst);
        Self { config, pending: Vec::new(), links: BTreeMap::new(), pings }
    }

    /// Begins a probe: the nonce of the ping to send, or `None` where one of this peer is under way, or too many are.
    pub fn ping<R: Rng + ?Sized>(&mut self, now: Instant, peer: P, rng: &mut R) -> Option<u64> {
        if self.pending.len() >= self.config.pending_max || self.is_probing(peer) {
            return None;
        }
        if !self.links.contains_key(&peer) && self.links.len() >= self.config.peers_max {
            self.forget_one();
        }
        let link = self.links.entry(peer).or_insert_with(|| Link::new(now));
        link.probed = now;
        let (nonce, deadline) = (rng.next_u64(), now + link.timeout(&self.config));
        self.pending.push(Pending { peer, nonce, sent: now, deadline });
        Some(nonce)
    }

    fn forget_one(&mut self) {
        let oldest = self.links.iter().filter(|(peer, _)| !self.is_probing(**peer)).min_by_key(|(_, link)| link.probed);
        if let Some(peer) = oldest.map(|(peer, _)| *peer) {
            self.links.remove(&peer);
        }
    }

    /// Whether a ping of this peer may be answered: [`Refusal::PingFlood`] where it has used up its allowance.
    ///
    /// # Errors
    /// It has.
    pub fn admit_ping(&mut self, now: Instant, from: P) -> Result<(), Refusal> {
        if self.pings.take(now, from) { Ok(()) } else { Err(Refusal::PingFlood) }
    }

    /// Takes in a pong: the round trip that it ends. One that comes after its deadline counts as lost.
    ///
    /// # Errors
    /// The nonce belongs to no probe under way, or the sender is not who was probed; then nothing changes.
    pub fn pong(&mut self, now: Instant, from: P, nonce: u64) -> Result<Duration, Refusal> {
        let found = self.pending.iter().position(|pending| pending.nonce == nonce).ok_or(Refusal::UnknownNonce)?;
        let Pending { peer, sent, deadline, .. } = self.pending[found];
        if peer != from {
            return Err(Refusal::WrongSender);
        }
        if now >= deadline {
            return Err(Refusal::UnknownNonce);
        }
        self.pending.swap_remove(found);
        let rtt = now.since(sent);
        if let Some(link) = self.links.get_mut(&peer) {
            link.answered(now, rtt, &self.config);
        }
        Ok(rtt)
    }

    /// Gives up the probes whose deadline has come, and names their peers.
    pub fn expire(&mut self, now: Instant) -> Vec<P> {
        let mut lost = Vec::new();
        self.pending.retain(|pending| {
            let keeps = now < pending.deadline;
            if !keeps {
                lost.push(pending.peer);
            }
            keeps
        });
        for peer in &lost {
            if let Some(link) = self.links.get_mut(peer) {
                link.lost(now, &self.config);
            }
        }
        lost
    }

    /// When [`Prober::expire`] is due next.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.pending.iter().map(|pending| pending.deadline).min()
    }

    /// Whether a probe of this peer is under way.
    pub fn is_probing(&self, peer: P) -> bool {
        self.pending.iter().any(|pending| pending.peer == peer)
    }

    /// What the probes of this peer showed.
    pub fn link(&self, peer: P) -> Option<&Link> {
        self.links.get(&peer)
    }

    /// Everybody who was probed, in the order of peers.
    pub fn links(&self) -> impl ExactSizeIterator<Item = (P, &Link)> {
        self.links.iter().map(|(peer, link)| (*peer, link))
    }

    /// Forgets a peer and its probe under way.
    pub fn forget(&mut self, peer: P) {
        self.links.remove(&peer);
        self.pending.retain(|pending| pending.peer != peer);
    }
}
