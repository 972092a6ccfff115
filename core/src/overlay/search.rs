//! Whom to probe next, when there are more candidates than probes to spend. Two guides take turns, each wrong where the other
//! is right:
//!
//! - the **estimate**: the distance of the coordinates, moved between the bounds that introductions imply. It fails for hosts whose
//!   detours the plane cannot show, as it gives them all a great height;
//! - the **lower bound**: two nodes that are equally far from everybody are probably near each other (the triangulation
//!   heuristic of S. Hotz, 1994, compared in T. S. E. Ng and H. Zhang, "Predicting Internet network distance with
//!   coordinates-based approaches", INFOCOM 2002). It is optimistic, and a probe settles the matter.
//!
//! Some of the first probes, and a share of all later ones, go to random peers.

use alloc::vec::Vec;

use rand_core::Rng;

use crate::overlay::book::{Book, Bounds};
use crate::overlay::probe::Prober;
use crate::overlay::vivaldi::{NetworkCoordinate, Vivaldi};
use crate::peer::Peer;
use crate::random::{below, unit};
use crate::time::Duration;

/// A peer that might be probed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prospect<P> {
    /// Who.
    pub peer: P,
    /// The round trip that the coordinates predict.
    pub predicted: Option<Duration>,
    /// The bounds on it that introductions imply.
    pub bounds: Option<Bounds>,
}

/// By what probes are aimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// By nothing.
    Random,
    /// By coordinates alone.
    Coordinates,
    /// By coordinates and by what introducers measured.
    Introductions,
}

/// The parameters of a search.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SearchConfig {
    /// By what probes are aimed.
    pub strategy: Strategy,
    /// So many probes go to random peers first: coordinates and bounds need something to start from.
    pub random_first: u32,
    /// Share of later probes that go to random peers, 0 to 1.
    pub explore: f64,
    /// Introductions from which on the lower bound guides.
    pub witnesses_min: u32,
}

impl Default for SearchConfig {
    /// Introductions, 16 random probes first, a tenth later, two witnesses.
    fn default() -> Self {
        Self { strategy: Strategy::Introductions, random_first: 16, explore: 0.1, witnesses_min: 2 }
    }
}

/// Aims a node's probes.
#[derive(Clone, Debug)]
pub struct Search {
    config: SearchConfig,
    probes: u32,
}

impl Search {
    /// A search that has aimed no probe.
    pub fn new(config: SearchConfig) -> Self {
        Self { config, probes: 0 }
    }

    /// The peer to probe next out of these, or `None` where there are none.
    pub fn next<P: Peer, R: Rng + ?Sized>(&mut self, prospects: &[Prospect<P>], rng: &mut R) -> Option<P> {
        let guided = self.probes >= self.config.random_first && unit(rng) >= self.config.explore;
        let by_bound = self.config.strategy == Strategy::Introductions && below(rng, 2) == 0;
        self.probes = self.probes.saturating_add(1);
        let cost = |prospect: &Prospect<P>| match self.config.strategy {
            Strategy::Random => None,
            Strategy::Coordinates => prospect.predicted,
            Strategy::Introductions if by_bound => lower(prospect, self.config.witnesses_min),
            Strategy::Introductions => estimate(prospect),
        };
        let costs = prospects.iter().filter_map(|prospect| Some((cost(prospect)?, prospect.peer)));
        match costs.min().filter(|_| guided) {
            Some((_, peer)) => Some(peer),
            None => {
                let index = below(rng, u32::try_from(prospects.len()).unwrap_or(u32::MAX));
                prospects.get(index as usize).map(|prospect| prospect.peer)
            }
        }
    }
}

/// The prediction between the bounds, or whichever of the two is known.
fn estimate<P>(prospect: &Prospect<P>) -> Option<Duration> {
    let Some(bounds) = prospect.bounds else { return prospect.predicted };
    Some(prospect.predicted.map_or(bounds.most, |predicted| predicted.max(bounds.least).min(bounds.most)))
}

/// The lower bound, and a twentieth of what is left open, which prefers the better known of equals.
fn lower<P>(prospect: &Prospect<P>, witnesses_min: u32) -> Option<Duration> {
    let bounds = prospect.bounds.filter(|bounds| bounds.witnesses >= witnesses_min)?;
    Some(bounds.least + Duration::from_nanos((bounds.most - bounds.least).as_nanos() / 20))
}

/// The peers of the book that were not probed yet, seen from `own`.
pub fn prospects<P: Peer>(book: &Book<P>, prober: &Prober<P>, own: &NetworkCoordinate) -> Vec<Prospect<P>> {
    let unprobed = book.iter().filter(|(peer, entry)| {
        let measured = prober.link(*peer).is_some_and(|link| link.answers() > 0);
        !measured && entry.answered().is_none() && !prober.is_probing(*peer)
    });
    let prospect = |(peer, entry): (P, &crate::overlay::book::Entry<P>)| Prospect {
        peer,
        predicted: entry.coordinate().map(|(coordinate, _)| own.predict(&coordinate)),
        bounds: entry.bounds(),
    };
    unprobed.map(prospect).collect()
}

/// Feeds the coordinate with `count` round trips that were measured before, to random peers at the places that are known of
/// them by now. It costs no probe, and a node that has probed little comes to rest sooner.
pub fn relax<P: Peer, R: Rng + ?Sized>(
    vivaldi: &mut Vivaldi<2>,
    book: &Book<P>,
    prober: &Prober<P>,
    count: usize,
    rng: &mut R,
) {
    let measured = prober.links().filter_map(|(peer, link)| Some((book.entry(peer)?.coordinate()?.0, link.least()?)));
    let samples: Vec<_> = measured.collect();
    for _ in 0..count {
        let index = below(rng, u32::try_from(samples.len()).unwrap_or(u32::MAX));
        if let Some((remote, rtt)) = samples.get(index as usize) {
            vivaldi.update(remote, *rtt, rng);
        }
    }
}
