//! Samples a run at fixed times and ends it when its condition is met. It runs between events, on all shards at once, so
//! what it sees does not depend on threads.

use std::ops::ControlFlow;
use std::sync::Arc;

use rapprochement_core::peer::{Peer, SimPeer};
use rapprochement_core::random::below;
use rapprochement_core::reconcile::Synchroniser;
use rapprochement_core::time::{Duration, Instant};
use rapprochement_core::wire::Message;

use super::ledger::Ledger;
use super::observer::SyncObserver;
use crate::engine::{Director, Outcome, Progress};
use crate::measure::histogram::Histogram;
use crate::measure::results::Results;
use crate::model::config::MeasureConfig;
use crate::model::host::{Hosts, SimProtocol};
use crate::model::traffic::ClassTraffic;
use crate::model::workload::NO_UPDATE;
use crate::model::{Heartbeat, Watch};
use crate::random::Philox;

/// The share of present nodes that hold the newest versions, at one sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// (node, entry) pairs whose node holds the entry's newest version.
    pub newest: u64,
    /// All pairs of a present node and a written entry.
    pub pairs: u64,
}

/// The director of a run of a synchroniser.
pub struct SyncDirector<'a> {
    ledger: Arc<Ledger>,
    measure: MeasureConfig,
    watch: Watch<'a>,
    next_sample: Instant,
    warm_up: Option<Instant>,
    /// Updates up to here have had their time.
    reached: usize,
    issued: Vec<bool>,
    /// The newest issued update of each entry.
    newest: Vec<u32>,
    written_entries: u64,
    last: Vec<ClassTraffic>,
    last_time: Instant,
    reads: u32,
    read_rng: Philox,
    /// Age of what reads returned: how long ago the first version that the reader lacked was issued; 0 for the newest.
    pub staleness: Histogram,
    /// Reads that did not return the newest version.
    pub stale_reads: u64,
    /// Series so far.
    pub results: Results,
    /// The first sample since the last issued write at which everything was everywhere. Nodes that return later may lack
    /// something again for a while.
    pub converged: Option<Instant>,
}

impl std::fmt::Debug for SyncDirector<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SyncDirector").field("next_sample", &self.next_sample).finish_non_exhaustive()
    }
}

impl<'a> SyncDirector<'a> {
    /// A director that samples as `measure` says and makes `reads` reads per sample with this generator.
    pub fn new(
        ledger: Arc<Ledger>,
        measure: MeasureConfig,
        warm_up: Duration,
        (reads, read_rng): (u32, Philox),
        watch: Watch<'a>,
    ) -> Self {
        let preloaded = ledger.schedule.preloaded as usize;
        let (updates, entries) = (ledger.schedule.updates.len(), ledger.schedule.entries());
        Self {
            ledger,
            watch,
            next_sample: Instant::ZERO + measure.sample.0,
            measure,
            warm_up: (!warm_up.is_zero()).then_some(Instant::ZERO + warm_up),
            reached: 0,
            issued: (0..updates).map(|index| index < preloaded).collect(),
            newest: vec![NO_UPDATE; entries],
            written_entries: 0,
            last: Vec::new(),
            last_time: Instant::ZERO,
            reads,
            read_rng,
            staleness: Histogram::new(),
            stale_reads: 0,
            results: Results::default(),
            converged: None,
        }
    }

    /// Which updates were issued.
    pub fn issued(&self) -> &[bool] {
        &self.issued
    }

    /// Takes in what was issued since the last call: the newest version of each entry at `now`.
    pub fn catch_up<P: Synchroniser<Peer = SimPeer>>(
        &mut self,
        now: Instant,
        shards: &mut [&mut Hosts<P, SyncObserver>],
    ) {
        for shard in shards {
            for index in shard.observer_mut().take_issued() {
                self.issued[index as usize] = true;
            }
        }
        let updates = &self.ledger.schedule.updates;
        while self.reached < updates.len() && updates[self.reached].at < now {
            if self.issued[self.reached] {
                let newest = &mut self.newest[updates[self.reached].entry as usize];
                self.written_entries += u64::from(*newest == NO_UPDATE);
                *newest = self.reached as u32;
                self.converged = None;
            }
            self.reached += 1;
        }
    }

    fn spread<P: Synchroniser<Peer = SimPeer>>(&self, shards: &[&mut Hosts<P, SyncObserver>]) -> Spread {
        let mut spread = Spread { newest: 0, pairs: 0 };
        for shard in shards {
            spread.pairs += u64::from(shard.observer().live()) * self.written_entries;
            let holders = shard.observer().holders();
            let written = self.newest.iter().filter(|newest| **newest != NO_UPDATE);
            spread.newest += written.map(|newest| u64::from(holders[*newest as usize])).sum::<u64>();
        }
        spread
    }

    fn sample<P: Synchroniser<Peer = SimPeer>>(&mut self, now: Instant, shards: &mut [&mut Hosts<P, SyncObserver>]) {
        let live: u32 = shards.iter().map(|shard| shard.observer().live()).sum();
        let spread = self.spread(shards);
        self.results.sample(now, "live_nodes", "", f64::from(live));
        if spread.pairs > 0 {
            let share = spread.newest as f64 / spread.pairs as f64;
            self.results.sample(now, "newest_share", "", share);
        }
        self.sample_traffic::<P>(now, shards, live);
        self.read(now, shards);
        if spread.pairs > 0 && spread.newest == spread.pairs {
            self.converged.get_or_insert(now);
        }
    }

    /// Bytes per present node and second since the last sample, by class.
    fn sample_traffic<P: Synchroniser<Peer = SimPeer>>(
        &mut self,
        now: Instant,
        shards: &[&mut Hosts<P, SyncObserver>],
        live: u32,
    ) {
        let mut sums = vec![ClassTraffic::default(); P::Message::CLASSES.len()];
        for shard in shards {
            sums.iter_mut().zip(shard.traffic().classes()).for_each(|(sum, class)| sum.merge(class));
        }
        self.last.resize(sums.len(), ClassTraffic::default());
        let node_seconds = now.since(self.last_time).as_secs_f64() * f64::from(live.max(1));
        for ((sum, last), name) in sums.iter().zip(&self.last).zip(P::Message::CLASSES) {
            let rates = [
                ("sent_wire_bytes_per_node_s", sum.sent.wire - last.sent.wire),
                ("sent_payload_bytes_per_node_s", sum.sent.payload - last.sent.payload),
                ("sent_messages_per_node_s", sum.sent.messages - last.sent.messages),
                ("received_wire_bytes_per_node_s", sum.received.wire - last.received.wire),
                ("received_payload_bytes_per_node_s", sum.received.payload - last.received.payload),
                ("received_messages_per_node_s", sum.received.messages - last.received.messages),
            ];
            for (metric, amount) in rates {
                self.results.sample(now, metric, name, amount as f64 / node_seconds);
            }
        }
        self.last = sums;
        self.last_time = now;
    }

    /// Reads random entries at random nodes; a node that is away is not read.
    fn read<P: Synchroniser<Peer = SimPeer>>(&mut self, now: Instant, shards: &[&mut Hosts<P, SyncObserver>]) {
        let nodes: u32 = shards.iter().map(|shard| shard.len() as u32).sum();
        for _ in 0..self.reads {
            let node = below(&mut self.read_rng, nodes);
            let entry = below(&mut self.read_rng, self.ledger.schedule.entries_of_writers());
            let newest = self.newest[entry as usize];
            let Some(protocol) = shards.iter().find_map(|shard| shard.present(node)) else { continue };
            if newest == NO_UPDATE {
                continue;
            }
            let update = &self.ledger.schedule.updates[newest as usize];
            let tuple = protocol.store().get(&SimPeer(update.writer).id(), &self.ledger.schedule.key_of(entry));
            let held = tuple.and_then(|tuple| self.ledger.update_of(tuple));
            self.staleness.add(self.age(now, newest, held));
            self.stale_reads += u64::from(held != Some(newest));
        }
    }

    /// How long ago the first issued version after the held one was issued.
    fn age(&self, now: Instant, newest: u32, held: Option<u32>) -> u64 {
        let mut first_lacking = None;
        let mut index = newest;
        while index != NO_UPDATE && held.is_none_or(|held| index > held) {
            let update = &self.ledger.schedule.updates[index as usize];
            if self.issued[index as usize] {
                first_lacking = Some(update.at);
            }
            index = update.previous;
        }
        first_lacking.map_or(0, |at| now.since(at).as_nanos())
    }
}

impl<P: Synchroniser + SimProtocol> Director<Hosts<P, SyncObserver>> for SyncDirector<'_> {
    fn next(&self) -> Option<Instant> {
        Some(self.warm_up.map_or(self.next_sample, |warm_up| warm_up.min(self.next_sample)))
    }

    fn act(
        &mut self,
        now: Instant,
        shards: &mut [&mut Hosts<P, SyncObserver>],
        progress: &Progress,
    ) -> Option<Outcome> {
        if now >= self.next_sample {
            self.next_sample = now + self.measure.sample.0;
            self.catch_up(now, shards);
            self.sample(now, shards);
        }
        if self.warm_up.is_some_and(|warm_up| warm_up <= now) {
            self.warm_up = None;
            self.last.clear();
            self.last_time = now;
            for shard in shards.iter_mut() {
                shard.reset_traffic();
                shard.observer_mut().reset();
            }
        }
        if let Some(fault) = shards.iter().find_map(|shard| shard.fault()) {
            return Some(Outcome::Failed(fault.into()));
        }
        let heartbeat = Heartbeat { now, events: progress.events };
        if let ControlFlow::Break(why) = (self.watch)(heartbeat) {
            return Some(Outcome::Failed(why));
        }
        if self.measure.event_limit > 0 && progress.events >= self.measure.event_limit {
            return Some(Outcome::EventLimit);
        }
        let none_to_come = self.reached == self.ledger.schedule.updates.len();
        let done = self.measure.stop_when_converged && none_to_come && self.converged.is_some();
        done.then_some(Outcome::ConditionMet)
    }
}
