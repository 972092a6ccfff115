//! Lies about round trips. Nobody can answer a ping before it is asked, so what remains is: to state coordinates right beside
//! whomever one talks to, with the least error; to introduce liars as near and honest peers as far; to rate liars high and honest
//! peers low; and to answer late, so as to seem far and to be found in another ring of distances.

use std::sync::Arc;

use rapprochement_core::overlay::exchange::{ExchangeMessage, INTRODUCTIONS_MAX, Introduction, Placed, RTT_MAX_MICROS};
use rapprochement_core::overlay::probe::ProbeMessage;
use rapprochement_core::overlay::vivaldi::{ERROR_UNIT, NetworkCoordinate, REACH_MAX};
use rapprochement_core::peer::SimPeer;
use rapprochement_core::random::below;
use rapprochement_core::service::message::ServiceMessage;
use rapprochement_core::service::opinion::WEIGHT_MAX;
use rapprochement_core::time::{Duration, Instant};

use super::plot::{Plot, Verdict, beside, verdict};
use super::{Deeds, Said, SimService};
use crate::random::Philox;

/// The longest delay of an answer, in milliseconds: it reaches the outermost ring.
const DELAY_MAX: u32 = 300;
/// The most honest peers that one liar slanders.
const SLANDERED_MAX: usize = 128;

/// One liar. Every other one answers late, always by the same delay.
#[derive(Debug)]
pub(super) struct Liar {
    plot: Arc<Plot>,
    me: SimPeer,
    delay: Duration,
}

impl Liar {
    pub(super) fn new(plot: Arc<Plot>, me: SimPeer, place: usize, mut rng: Philox) -> Self {
        let millis = if place % 2 == 1 { below(&mut rng, DELAY_MAX) } else { 0 };
        Self { plot, me, delay: Duration::from_millis(millis.into()) }
    }

    /// Liars beside the asker, then honest peers at the end of the world.
    fn introductions(&self, honest: &SimService, to: SimPeer) -> Vec<Introduction> {
        let near = place(honest, to).unwrap_or(NetworkCoordinate::ORIGIN);
        let rtt = honest.prober().link(to).and_then(|link| link.least());
        let mut introductions = self.plot.introduce(to, near, rtt);
        introductions.truncate(INTRODUCTIONS_MAX / 2);
        let reach = REACH_MAX.cast_signed();
        let far = NetworkCoordinate::new([reach, reach], REACH_MAX, ERROR_UNIT / 100);
        let others = honest.book().iter().filter(|(peer, _)| *peer != to && !self.plot.contains(*peer));
        let slander = others.map(|(_, entry)| Introduction {
            record: Arc::clone(entry.record()),
            rtt: RTT_MAX_MICROS,
            placed: far.map(|coordinate| Placed { coordinate, age: 0 }),
        });
        introductions.extend(slander.take(INTRODUCTIONS_MAX / 2));
        introductions
    }
}

/// Where a peer placed itself last, as this node knows.
pub(super) fn place(honest: &SimService, peer: SimPeer) -> Option<NetworkCoordinate> {
    honest.book().entry(peer)?.coordinate().map(|(coordinate, _)| coordinate)
}

impl Deeds for Liar {
    fn opinions(&mut self, now: Instant, honest: &SimService) -> Option<Vec<Verdict>> {
        let mut verdicts = self.plot.praise(now, self.me);
        let known = honest.prober().links().map(|(peer, _)| peer).filter(|peer| !self.plot.contains(*peer));
        verdicts.extend(known.take(SLANDERED_MAX).map(|peer| verdict(peer, -WEIGHT_MAX, now)));
        Some(verdicts)
    }

    fn say(&mut self, honest: &SimService, to: SimPeer, mut message: Said) -> (Duration, Said) {
        let mut delay = Duration::ZERO;
        match &mut message {
            ServiceMessage::Probe(probe) => {
                if matches!(probe, ProbeMessage::Pong { .. }) {
                    delay = self.delay;
                }
                let (ProbeMessage::Ping { coordinate, .. } | ProbeMessage::Pong { coordinate, .. }) = probe;
                *coordinate = beside(place(honest, to).unwrap_or(*coordinate));
            }
            ServiceMessage::Exchange(ExchangeMessage::Ask { near, .. }) => {
                *near = beside(place(honest, to).unwrap_or(*near));
            }
            ServiceMessage::Exchange(ExchangeMessage::Answer { introductions, .. }) => {
                *introductions = self.introductions(honest, to);
            }
            _ => {}
        }
        (delay, message)
    }
}
