//! One iterative lookup: a shortlist of candidates sorted by their distance to the target, of which the closest ones that were not asked
//! yet are asked, `alpha` at a time, until a value is found or the `k` closest have all answered.
//!
//! P. Maymounkov and D. Mazières, "Kademlia: a peer-to-peer information system based on the XOR metric", IPTPS 2002, section 2.3. As
//! in most implementations, a slot is filled again as soon as its request is answered or given up ("alpha in flight"), not
//! round by round, and a request that is not answered keeps its slot until it is given up: where all slots wait for dead peers,
//! the lookup waits too. Where `alpha` exceeds `k`, the closest `alpha` are asked, so that no slot stays empty. The *hops* of a candidate are the length of the chain of answers that named it: 1 for those of
//! the asker's own table. *Messages* are requests sent, those that are still in flight when the lookup ends included.

use alloc::vec::Vec;

use crate::kademlia::config::KademliaConfig;
use crate::kademlia::distance::Distance;
use crate::peer::{Peer, PeerId};

/// The most candidates that are remembered: beyond it the farthest ones that were not asked are forgotten.
const SHORTLIST_MAX: usize = 1024;

/// A lookup in progress. It does no I/O and knows no time: who drives it sends a request to every peer that [`Lookup::next_peer`]
/// gives, and tells it of each answer or timeout, after which it is to be asked for peers again.
#[derive(Clone, Debug)]
pub struct Lookup<P> {
    me: PeerId,
    target: PeerId,
    k: usize,
    alpha: usize,
    window: usize,
    requests_max: u32,
    /// Sorted by distance, without repeats.
    shortlist: Vec<Candidate<P>>,
    in_flight: usize,
    messages: u32,
}

#[derive(Clone, Copy, Debug)]
struct Candidate<P> {
    distance: Distance,
    peer: P,
    hops: u16,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    New,
    InFlight,
    Answered,
    Failed,
}

/// Why an answer was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejected {
    /// Nothing was asked of this peer, or it was given up.
    Unasked,
    /// It names more contacts than `k`; the peer counts as one that does not answer.
    Oversized,
}

impl<P: Peer> Lookup<P> {
    /// A lookup by the node with the id `me`, which begins with the `seeds` that it knows.
    pub fn new(me: PeerId, target: PeerId, config: &KademliaConfig, seeds: &[P]) -> Self {
        let KademliaConfig { k, alpha, requests_max, .. } = *config;
        let (shortlist, in_flight, messages) = (Vec::new(), 0, 0);
        let mut lookup =
            Self { me, target, k, alpha, window: config.window(), requests_max, shortlist, in_flight, messages };
        seeds.iter().for_each(|seed| lookup.add(*seed, 1));
        lookup
    }

    /// The id that is looked for.
    pub const fn target(&self) -> PeerId {
        self.target
    }

    /// Requests sent so far.
    pub const fn messages(&self) -> u32 {
        self.messages
    }

    /// The next peer to send a request to; `None` where enough are under way or nobody is left to be asked.
    pub fn next_peer(&mut self) -> Option<P> {
        if self.in_flight >= self.alpha || self.messages >= self.requests_max {
            return None;
        }
        let mut closest =
            self.shortlist.iter_mut().filter(|candidate| candidate.state != State::Failed).take(self.window);
        let next = closest.find(|candidate| candidate.state == State::New)?;
        next.state = State::InFlight;
        self.in_flight += 1;
        self.messages += 1;
        Some(next.peer)
    }

    /// A peer answered with the contacts that it knows to be closest.
    ///
    /// # Errors
    /// The peer was not asked, or says more than it may.
    pub fn answered(&mut self, from: P, contacts: &[P]) -> Result<(), Rejected> {
        let fits = contacts.len() <= self.k;
        let hops = self.land(from, if fits { State::Answered } else { State::Failed })?;
        if !fits {
            return Err(Rejected::Oversized);
        }
        contacts.iter().for_each(|contact| self.add(*contact, hops.saturating_add(1)));
        Ok(())
    }

    /// A peer answered with a value: the hops that led to it.
    ///
    /// # Errors
    /// The peer was not asked.
    pub fn found(&mut self, from: P) -> Result<u16, Rejected> {
        self.land(from, State::Answered)
    }

    /// A peer did not answer in time. Of no effect where it was not asked.
    pub fn failed(&mut self, peer: P) {
        let _ = self.land(peer, State::Failed);
    }

    /// Whether the `k` closest candidates, apart from those that failed, have all answered, or no more may be asked.
    pub fn is_done(&self) -> bool {
        let exhausted = self.messages >= self.requests_max && self.in_flight == 0;
        let mut closest = self.shortlist.iter().filter(|candidate| candidate.state != State::Failed).take(self.k);
        exhausted || closest.all(|candidate| candidate.state == State::Answered)
    }

    /// The closest peers that answered, at most `k` and the closest first, each with its hops.
    pub fn closest(&self) -> impl Iterator<Item = (P, u16)> + '_ {
        let answered = self.shortlist.iter().filter(|candidate| candidate.state == State::Answered);
        answered.take(self.k).map(|candidate| (candidate.peer, candidate.hops))
    }

    /// Ends the request to a peer: its hops.
    fn land(&mut self, peer: P, state: State) -> Result<u16, Rejected> {
        let distance = Distance::between(peer.id(), self.target);
        let at = self.shortlist.binary_search_by_key(&distance, |candidate| candidate.distance);
        let candidate = at.ok().map(|at| &mut self.shortlist[at]).filter(|known| known.state == State::InFlight);
        let candidate = candidate.ok_or(Rejected::Unasked)?;
        candidate.state = state;
        self.in_flight -= 1;
        Ok(candidate.hops)
    }

    /// Adds a candidate, unless it is the asker or known already.
    fn add(&mut self, peer: P, hops: u16) {
        let id = peer.id();
        if id == self.me {
            return;
        }
        let distance = Distance::between(id, self.target);
        let Err(at) = self.shortlist.binary_search_by_key(&distance, |candidate| candidate.distance) else { return };
        self.shortlist.insert(at, Candidate { distance, peer, hops, state: State::New });
        if self.shortlist.len() > SHORTLIST_MAX
            && let Some(farthest) = self.shortlist.iter().rposition(|candidate| candidate.state == State::New)
        {
            self.shortlist.remove(farthest);
        }
    }
}
