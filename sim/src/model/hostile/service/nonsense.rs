//! What no honest node says, all at once: records and opinions under wrong signatures, records and opinions of the future, records of
//! others as its own, opinions of itself, of nobody and out of range, round trips of a minute, answers that nobody asked for, and
//! floods of asks and pings.

use std::sync::Arc;

use rand_core::Rng;
use rapprochement_core::overlay::address::{AddressRecord, Statement};
use rapprochement_core::overlay::exchange::{ExchangeMessage, INTRODUCTIONS_MAX, RTT_MAX_MICROS};
use rapprochement_core::overlay::probe::ProbeMessage;
use rapprochement_core::overlay::vivaldi::NetworkCoordinate;
use rapprochement_core::peer::{Peer, PeerId, SimPeer};
use rapprochement_core::random::below;
use rapprochement_core::reconcile::SyncMessage;
use rapprochement_core::service::message::ServiceMessage;
use rapprochement_core::service::opinion::{Opinion, WEIGHT_MAX};
use rapprochement_core::store::Tuple;
use rapprochement_core::time::{Duration, Instant};

use super::plot::{Plot, Verdict, verdict};
use super::{Deeds, Said, SimService};
use crate::random::Philox;

/// Asks and pings in one flood: several times what a peer is allowed.
const FLOOD: usize = 32;
/// One in so many turns is a flood.
const FLOOD_EVERY: usize = 8;
/// Opinions of nobody.
const INVENTED: u8 = 16;
/// A year in seconds: later than any clock may be.
const FUTURE: u64 = 365 * 24 * 3600;
/// Tuples under wrong signatures in one message.
const FORGED: usize = 4;

/// One node that sends nonsense.
#[derive(Debug)]
pub(super) struct Nonsense {
    me: SimPeer,
    plot: Arc<Plot>,
    turn: usize,
    rng: Philox,
}

impl Nonsense {
    pub(super) const fn new(plot: Arc<Plot>, me: SimPeer, rng: Philox) -> Self {
        Self { me, plot, turn: 0, rng }
    }

    /// Somebody honest.
    fn target(&mut self, honest: &SimService) -> Option<SimPeer> {
        let known = honest.prober().links().map(|(peer, _)| peer).filter(|peer| !self.plot.contains(*peer));
        let known: Vec<SimPeer> = known.collect();
        known.get(below(&mut self.rng, u32::try_from(known.len()).unwrap_or(u32::MAX)) as usize).copied()
    }

    fn ask(&mut self, record: Arc<AddressRecord>) -> Said {
        let near = NetworkCoordinate::ORIGIN;
        ServiceMessage::Exchange(ExchangeMessage::Ask { number: self.rng.next_u32(), count: 32, near, record })
    }

    /// This node's own record, changed, under a signature that no longer fits.
    fn spoilt(&self, change: impl FnOnce(&mut Statement)) -> Option<Arc<AddressRecord>> {
        let place = self.plot.members.iter().position(|member| *member == self.me)?;
        let mut statement = self.plot.records[place].statement().clone();
        change(&mut statement);
        AddressRecord::from_parts(self.me.id(), statement, [7; 64]).ok().map(Arc::new)
    }

    /// Newer versions of others' opinions, which their authors never wrote.
    fn forged(&self, honest: &SimService) -> Option<Said> {
        let others = honest.store().iter().filter(|tuple| tuple.author() != self.me.id());
        let newer = others.filter_map(|tuple| {
            let (version, signature) = (tuple.version().checked_add(1 << 20)?, *tuple.signature());
            Tuple::from_parts(tuple.author(), version, tuple.key(), tuple.value(), signature).ok().map(Arc::new)
        });
        let tuples: Box<[_]> = newer.take(FORGED).collect();
        (!tuples.is_empty()).then_some(ServiceMessage::Sync(SyncMessage::Delta(tuples)))
    }
}

impl Deeds for Nonsense {
    fn opinions(&mut self, now: Instant, _: &SimService) -> Option<Vec<Verdict>> {
        let mut verdicts = self.plot.praise(now, self.me);
        verdicts.push(verdict(self.me, WEIGHT_MAX, now));
        let formed = now.as_nanos() / 1000;
        let sound = Opinion { weight: WEIGHT_MAX, rtt: 1, uptime: 1000, formed };
        let bad = [
            Opinion { formed: formed + FUTURE * 1_000_000, ..sound },
            Opinion { weight: i16::MAX, ..sound },
            Opinion { rtt: RTT_MAX_MICROS + 1, ..sound },
            Opinion { uptime: u16::MAX, ..sound },
        ];
        let invented = |number: u8| PeerId([number ^ 0x5a; 32]);
        verdicts.extend((0..).zip(bad).map(|(number, opinion)| (invented(number), opinion.encode())));
        verdicts.extend((0..INVENTED).map(|number| (invented(0x80 | number), sound.encode())));
        Some(verdicts)
    }

    fn say(&mut self, _: &SimService, _: SimPeer, mut message: Said) -> (Duration, Said) {
        if let ServiceMessage::Exchange(ExchangeMessage::Answer { introductions, .. }) = &mut message {
            for introduction in introductions.iter_mut() {
                let (key, statement) = (introduction.record.key(), introduction.record.statement().clone());
                let newer = Statement { sequence: statement.sequence + 1, ..statement };
                if let Ok(record) = AddressRecord::from_parts(key, newer, [7; 64]) {
                    introduction.record = Arc::new(record);
                }
                introduction.rtt = RTT_MAX_MICROS;
            }
        }
        (Duration::ZERO, message)
    }

    fn act(&mut self, _: Instant, honest: &SimService) -> Vec<(SimPeer, Said)> {
        let Some(target) = self.target(honest) else { return Vec::new() };
        self.turn = (self.turn + 1) % FLOOD_EVERY;
        let coordinate = NetworkCoordinate::ORIGIN;
        let spoilt = self.spoilt(|statement| statement.sequence += 1);
        let future = self.spoilt(|statement| statement.made_at += FUTURE);
        let foreign = honest.book().entry(target).map(|entry| Arc::clone(entry.record()));
        let records = [spoilt, future, foreign].into_iter().flatten();
        let mut said: Vec<Said> = records.map(|record| self.ask(record)).collect();
        said.push(ServiceMessage::Probe(ProbeMessage::Pong { nonce: self.rng.next_u64(), coordinate }));
        let mut introductions = self.plot.introduce(target, coordinate, None);
        introductions.truncate(INTRODUCTIONS_MAX);
        let answer = ExchangeMessage::Answer { number: self.rng.next_u32(), introductions };
        said.push(ServiceMessage::Exchange(answer));
        said.extend(self.forged(honest));
        if self.turn == 0 {
            let own = self.plot.members.iter().position(|member| *member == self.me).unwrap_or(0);
            let record = Arc::clone(&self.plot.records[own]);
            said.extend((0..FLOOD).map(|_| self.ask(Arc::clone(&record))));
            let ping = |nonce| ServiceMessage::Probe(ProbeMessage::Ping { nonce, coordinate });
            said.extend((0..FLOOD).map(|_| ping(self.rng.next_u64())));
        }
        said.into_iter().map(|message| (target, message)).collect()
    }
}
