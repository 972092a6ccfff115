//! Everything aimed at one node, so that it has no neighbours but hostile ones: introductions of nobody else, its sampler fed
//! with nobody else, coordinates right beside it, and the best opinions of each other. To all others hostile nodes are honest but
//! for their opinions.

use std::sync::Arc;

use rand_core::Rng;
use rapprochement_core::overlay::exchange::{ExchangeMessage, INTRODUCTIONS_MAX, Introduction};
use rapprochement_core::overlay::probe::ProbeMessage;
use rapprochement_core::overlay::sampling::exchange::ExchangeMessage as Shuffle;
use rapprochement_core::overlay::sampling::{AnyMessage, BasaltMessage, BrahmsMessage, Descriptor, SamplingConfig};
use rapprochement_core::overlay::vivaldi::NetworkCoordinate;
use rapprochement_core::peer::SimPeer;
use rapprochement_core::random::shuffle;
use rapprochement_core::service::message::ServiceMessage;
use rapprochement_core::time::{Duration, Instant};

use super::liars::place;
use super::plot::{Plot, Verdict, beside};
use super::{Deeds, Said, SimService};
use crate::random::Philox;

/// A victim answers an ask of each peer every so many seconds; more of them would be refused.
const ASK_EVERY: u64 = 30;
/// A ping so often, in seconds, keeps the coordinate that the victim has fresh.
const PING_EVERY: u64 = 5;
/// Introductions that nobody asked for, so often: they are refused, and cost the victim their reception.
const FLOOD_EVERY: u64 = 10;
/// Peers in one message of a sampler.
const OFFERED: usize = 8;

/// One of those who aim at the victim.
#[derive(Debug)]
pub(super) struct Eclipse {
    plot: Arc<Plot>,
    me: SimPeer,
    place: usize,
    rng: Philox,
}

impl Eclipse {
    pub(super) const fn new(plot: Arc<Plot>, me: SimPeer, place: usize, rng: Philox) -> Self {
        Self { plot, me, place, rng }
    }

    /// Some members, drawn anew each time.
    fn some(&mut self) -> Vec<SimPeer> {
        let mut members = self.plot.members.clone();
        shuffle(&mut self.rng, &mut members);
        members.truncate(OFFERED);
        members
    }

    fn offer(&mut self) -> Vec<Descriptor<SimPeer>> {
        self.some().into_iter().map(|peer| Descriptor { peer, age: 0 }).collect()
    }

    /// What the victim's sampler takes unasked: a request that brings peers, or a push. The samplers whose neighbours are mutual
    /// take nobody so.
    fn unasked(&mut self) -> Option<AnyMessage<SimPeer>> {
        let request = |this: &mut Self| {
            let offer = this.offer();
            Shuffle { is_reply: false, number: this.rng.next_u32(), offer }
        };
        Some(match self.plot.sampling {
            SamplingConfig::Cyclon(_) => AnyMessage::Cyclon(request(self)),
            SamplingConfig::Newscast(_) => AnyMessage::Newscast(request(self)),
            SamplingConfig::Framework(_) => AnyMessage::Framework(request(self)),
            SamplingConfig::Brahms(_) => AnyMessage::Brahms(BrahmsMessage::Push),
            SamplingConfig::Basalt(_) => AnyMessage::Basalt(BasaltMessage::Push(self.some())),
            SamplingConfig::HyParView(_) | SamplingConfig::PeerSwap(_) => return None,
        })
    }

    /// The same message with members in place of whom it names.
    fn poisoned(&mut self, mut message: AnyMessage<SimPeer>) -> AnyMessage<SimPeer> {
        match &mut message {
            AnyMessage::Cyclon(Shuffle { offer, .. })
            | AnyMessage::Newscast(Shuffle { offer, .. })
            | AnyMessage::Framework(Shuffle { offer, .. }) => *offer = self.offer(),
            AnyMessage::Brahms(BrahmsMessage::PullReply(_, peers))
            | AnyMessage::Basalt(BasaltMessage::Reply(_, peers) | BasaltMessage::Push(peers)) => *peers = self.some(),
            _ => {}
        }
        message
    }

    /// Members right beside the victim.
    fn introductions(&mut self, honest: &SimService, victim: SimPeer) -> Vec<Introduction> {
        let near = place(honest, victim).unwrap_or(NetworkCoordinate::ORIGIN);
        let rtt = honest.prober().link(victim).and_then(|link| link.least());
        let mut introductions = self.plot.introduce(victim, near, rtt);
        shuffle(&mut self.rng, &mut introductions);
        introductions.truncate(INTRODUCTIONS_MAX);
        introductions
    }
}

impl Deeds for Eclipse {
    fn opinions(&mut self, now: Instant, _: &SimService) -> Option<Vec<Verdict>> {
        Some(self.plot.praise(now, self.me))
    }

    fn say(&mut self, honest: &SimService, to: SimPeer, message: Said) -> (Duration, Said) {
        if Some(to) != self.plot.victim {
            return (Duration::ZERO, message);
        }
        let said = match message {
            ServiceMessage::Probe(mut probe) => {
                let (ProbeMessage::Ping { coordinate, .. } | ProbeMessage::Pong { coordinate, .. }) = &mut probe;
                *coordinate = beside(place(honest, to).unwrap_or(*coordinate));
                ServiceMessage::Probe(probe)
            }
            ServiceMessage::Exchange(ExchangeMessage::Answer { number, .. }) => {
                let introductions = self.introductions(honest, to);
                ServiceMessage::Exchange(ExchangeMessage::Answer { number, introductions })
            }
            ServiceMessage::Sampling(message) => ServiceMessage::Sampling(self.poisoned(message)),
            other => other,
        };
        (Duration::ZERO, said)
    }

    fn act(&mut self, now: Instant, honest: &SimService) -> Vec<(SimPeer, Said)> {
        let Some(victim) = self.plot.victim else { return Vec::new() };
        // Members take turns, so that a flood is steady.
        let second = now.as_nanos() / 1_000_000_000 + self.place as u64;
        let near = beside(place(honest, victim).unwrap_or(NetworkCoordinate::ORIGIN));
        let mut said: Vec<Said> = self.unasked().into_iter().map(ServiceMessage::Sampling).collect();
        if second.is_multiple_of(PING_EVERY) {
            said.push(ServiceMessage::Probe(ProbeMessage::Ping { nonce: self.rng.next_u64(), coordinate: near }));
        }
        if second.is_multiple_of(ASK_EVERY) {
            let (number, record) = (self.rng.next_u32(), Arc::clone(&self.plot.records[self.place]));
            let ask = ExchangeMessage::Ask { number, count: 1, near, record };
            said.push(ServiceMessage::Exchange(ask));
        }
        if second.is_multiple_of(FLOOD_EVERY) {
            let introductions = self.introductions(honest, victim);
            let flood = ExchangeMessage::Answer { number: self.rng.next_u32(), introductions };
            said.push(ServiceMessage::Exchange(flood));
        }
        said.into_iter().map(|message| (victim, message)).collect()
    }
}
