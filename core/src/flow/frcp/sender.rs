//! The sending half: packets are numbered, kept until acknowledged, and sent again when their timers are due.

use alloc::collections::{BTreeSet, VecDeque};

use super::super::config::FrcpConfig;
use super::super::packet::{Body, Segment, WINDOW_MASK};
use super::rtt::Rtt;
use super::{Fragment, expand};
use crate::time::{Duration, Instant};

/// The sending half of one flow. Sequence numbers are 64 bits here, and their low bits on the wire.
pub(super) struct Sender<B> {
    reliable: bool,
    pending: VecDeque<Fragment<B>>,
    /// Packets from `lower` on that are not acknowledged; empty without retransmission.
    flight: VecDeque<Sent<B>>,
    /// When a packet's timer is due.
    timers: BTreeSet<(Instant, u64)>,
    /// Packets that are due again.
    again: BTreeSet<u64>,
    /// The first packet that is not acknowledged.
    lower: u64,
    /// The first packet that the window does not admit.
    upper: u64,
    next: u64,
    /// The packet by which the round trip is measured, and when it left.
    probe: Option<(u64, Instant)>,
    rtt: Rtt,
    /// In front of a closed window: since when, and when it was last asked for.
    closed: Option<(Instant, Instant)>,
    last: Option<Instant>,
    failed: bool,
    pub(super) retransmissions: u64,
    pub(super) timeouts: u64,
}

struct Sent<B> {
    fragment: Fragment<B>,
    first_in_run: bool,
    first: Instant,
    times: u32,
    due: Instant,
}

/// A packet as the sending half gives it, without what concerns the other direction.
pub(super) struct Draft<B> {
    pub(super) flags: u8,
    pub(super) seqno: u32,
    pub(super) fragment: Fragment<B>,
}

impl<B: Body> Sender<B> {
    pub(super) fn new(config: &FrcpConfig, reliable: bool, first: u32) -> Self {
        let first = (1 << 32) | u64::from(first);
        Self {
            reliable,
            pending: VecDeque::new(),
            flight: VecDeque::new(),
            timers: BTreeSet::new(),
            again: BTreeSet::new(),
            lower: first,
            upper: first + u64::from(config.start_window),
            next: first,
            probe: None,
            rtt: Rtt::default(),
            closed: None,
            last: None,
            failed: false,
            retransmissions: 0,
            timeouts: 0,
        }
    }

    pub(super) fn push(&mut self, sdu: B::Sdu, most: usize) {
        let parts = B::cut(sdu, most);
        let last = parts.len() - 1;
        self.pending.extend(parts.into_iter().enumerate().map(|(index, body)| Fragment {
            body,
            first: index == 0,
            more: index < last,
        }));
    }

    /// The next data packet that may leave now: what is due again before what is new.
    pub(super) fn next(&mut self, now: Instant, config: &FrcpConfig, fresh: impl FnOnce() -> u32) -> Option<Draft<B>> {
        if let Some(seq) = self.again.pop_first() {
            return Some(self.repeat(seq, now, config));
        }
        if self.pending.is_empty() {
            self.closed = None;
            return None;
        }
        let silent = self.last.is_some_and(|last| now.since(last) > config.sender_inactivity());
        if silent && self.lower == self.next {
            self.begin_run(fresh(), config);
        }
        if self.next >= self.upper {
            self.closed.get_or_insert((now, now));
            return None;
        }
        self.closed = None;
        let fragment = self.pending.pop_front()?;
        Some(self.take_off(fragment, now, config))
    }

    fn take_off(&mut self, fragment: Fragment<B>, now: Instant, config: &FrcpConfig) -> Draft<B> {
        let seq = self.next;
        let first_in_run = seq == self.lower;
        self.next += 1;
        self.last = Some(now);
        if self.reliable {
            let due = wheel(now + self.rtt.timeout(config), config);
            self.timers.insert((due, seq));
            self.flight.push_back(Sent { fragment: fragment.clone(), first_in_run, first: now, times: 0, due });
            self.probe.get_or_insert((seq, now));
        } else {
            self.lower = self.next;
        }
        Draft { flags: flags(&fragment, first_in_run), seqno: seq as u32, fragment }
    }

    fn repeat(&mut self, seq: u64, now: Instant, config: &FrcpConfig) -> Draft<B> {
        let timeout = self.rtt.timeout(config);
        let sent = &mut self.flight[(seq - self.lower) as usize];
        sent.times += 1;
        sent.due = wheel(now + timeout.saturating_mul(1 << sent.times.min(32)), config);
        self.timers.insert((sent.due, seq));
        self.last = Some(now);
        self.retransmissions += 1;
        let flags = flags(&sent.fragment, sent.first_in_run);
        Draft { flags, seqno: seq as u32, fragment: sent.fragment.clone() }
    }

    fn begin_run(&mut self, first: u32, config: &FrcpConfig) {
        self.next = (1 << 32) | u64::from(first);
        self.lower = self.next;
        self.upper = self.next + u64::from(config.start_window);
        self.probe = None;
    }

    /// Everything before this is acknowledged. What was never sent cannot be.
    pub(super) fn acknowledged(&mut self, ackno: u32, now: Instant) {
        let ack = expand(ackno, self.lower);
        if ack <= self.lower || ack > self.next {
            return;
        }
        while self.lower < ack {
            if let Some(sent) = self.flight.pop_front() {
                self.timers.remove(&(sent.due, self.lower));
                self.again.remove(&self.lower);
            }
            self.lower += 1;
        }
        if let Some((_, left)) = self.probe.take_if(|(seq, _)| *seq < ack) {
            self.rtt.measure(now.since(left));
        }
    }

    /// The receiver's window: it only ever opens, and by less than half of what its 24 bits can tell.
    pub(super) fn window(&mut self, field: u32) {
        let ahead = field.wrapping_sub(self.upper as u32) & WINDOW_MASK;
        if ahead <= WINDOW_MASK >> 1 {
            self.upper += u64::from(ahead);
        }
        self.closed = None;
    }

    /// Moves what is due from the timers to what is sent next.
    pub(super) fn expire(&mut self, now: Instant, config: &FrcpConfig) {
        while let Some(&(due, seq)) = self.timers.first() {
            if due > now {
                break;
            }
            self.timers.pop_first();
            let sent = &self.flight[(seq - self.lower) as usize];
            self.failed |= now.since(sent.first) > config.retransmit_within;
            self.again.insert(seq);
            self.timeouts += 1;
            // Karn: a packet that was sent twice measures nothing.
            self.probe.take_if(|(probed, _)| *probed == seq);
        }
        let unanswered = self.closed.is_some_and(|(since, _)| now.since(since) >= config.rendezvous_limit);
        self.failed |= unanswered && self.may_give_up(config);
    }

    /// Whether a window that stays closed may fail the flow.
    fn may_give_up(&self, config: &FrcpConfig) -> bool {
        config.rendezvous_fails || self.flight.is_empty()
    }

    /// Whether it is time to ask for the window.
    pub(super) fn asks(&mut self, now: Instant, config: &FrcpConfig) -> bool {
        match &mut self.closed {
            Some((_, asked)) if now.since(*asked) >= config.rendezvous => {
                *asked = now;
                true
            }
            _ => false,
        }
    }

    pub(super) fn deadline(&self, config: &FrcpConfig) -> Option<Instant> {
        let timer = self.timers.first().map(|&(due, _)| due);
        let asks = self.closed.map(|(_, asked)| asked + config.rendezvous);
        let gives_up =
            self.closed.filter(|_| self.may_give_up(config)).map(|(since, _)| since + config.rendezvous_limit);
        [timer, asks, gives_up].into_iter().flatten().min()
    }

    pub(super) fn failed(&self) -> bool {
        self.failed
    }

    pub(super) fn is_idle(&self) -> bool {
        self.pending.is_empty() && self.flight.is_empty()
    }

    pub(super) fn kept(&self) -> usize {
        self.pending.len() + self.flight.len()
    }

    pub(super) fn round_trip(&self) -> Option<Duration> {
        self.rtt.smoothed()
    }
}

fn flags<B>(fragment: &Fragment<B>, first_in_run: bool) -> u8 {
    type Flags = Segment<()>;
    let when = |yes: bool, flag: u8| if yes { flag } else { 0 };
    Flags::DATA | when(first_in_run, Flags::DRF) | when(fragment.first, Flags::FFGM) | when(fragment.more, Flags::MFGM)
}

/// The next turn of the wheel of retransmissions.
fn wheel(due: Instant, config: &FrcpConfig) -> Instant {
    let turn = 1u64 << config.wheel_shift.min(40);
    Instant::from_nanos(due.as_nanos().div_ceil(turn).saturating_mul(turn))
}
