//! All flows of one node, as one state machine without I/O: messages go in at one end and come out at the other. A flow is
//! allocated for a peer that something is sent to, with its first message, and kept until it is closed, fails, or has been silent
//! for as long as its quality of service says. It goes both ways: who was asked answers over the newest flow over which something
//! has come from that peer. Two who ask each other at once have two.
//!
//! The order of calls is that of `quinn-proto`: after each call the owner polls until nothing is left, carries out what it was told,
//! and then asks for the deadline. Where an address has to be looked up, the owner is told so, and answers by [`Flows::resolved`].
//!
//! The prototype sends packets of its own to keep a silent flow alive; here both sides end it, without a word, as nothing is
//! told to the other side of a flow that ends. Without retransmission only what is received keeps a flow alive: a
//! sender to which nothing comes back asks for a new flow when the old one has been silent for too long, and so finds a peer that has
//! restarted. With it, R decides.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

use rand_core::Rng;

use super::allocation::{Admission, Allocation, Step};
use super::channel::Channel;
use super::config::FlowConfig;
use super::directory::Directory;
use super::packet::address;
use super::packet::{ALLOCATOR, Body, Content, FIRST_FLOW, FlowPacket, KEY_EXCHANGE_MAX, Reply, Request, TTL, Update};
use super::record::{FlowFootprint, FlowStats};
use crate::peer::{Peer, mix};
use crate::time::Instant;

/// One node's flows.
pub struct Flows<P: Peer, B: Body> {
    me: P,
    config: FlowConfig,
    /// What endpoint ids and sequence numbers are drawn from, and how many have been.
    key: u64,
    drawn: u64,
    /// Flows that this node asked for, by peer.
    asked: BTreeMap<P, Asked<B>>,
    /// Flows that peers asked for, by peer and endpoint id here.
    answered: BTreeMap<(P, u64), Answered<B>>,
    /// Of these, by peer, the newest over which something has come: what is said to its peer goes back over it.
    newest: BTreeMap<P, u64>,
    admission: Admission<P>,
    known: Directory<P>,
    timers: BTreeSet<(Instant, Which<P>)>,
    /// Ended flows whose timers go on, and their bytes of state.
    lingering: BTreeSet<(Instant, u64)>,
    out: VecDeque<Output<P, B>>,
    records: Vec<FlowStats<P>>,
    /// Flows beyond the records that are kept.
    unrecorded: u64,
}

struct Asked<B: Body> {
    eid: u64,
    allocation: Allocation,
    waiting: VecDeque<B::Sdu>,
    channel: Option<Channel<B>>,
    timer: Option<Instant>,
    record: Option<usize>,
}

struct Answered<B: Body> {
    channel: Channel<B>,
    /// When the application answers, and whether it accepts.
    answer: Option<(Instant, bool)>,
    timer: Option<Instant>,
    record: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Which<P> {
    Asked(P),
    Answered(P, u64),
}

impl<P: Peer, B: Body> fmt::Debug for Flows<P, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flows").field("me", &self.me).field("footprint", &self.footprint()).finish_non_exhaustive()
    }
}

/// What the node asks of its owner.
#[derive(Debug)]
pub enum Output<P, B: Body> {
    /// A packet leaves.
    Transmit {
        /// For whom.
        to: P,
        /// The packet.
        packet: FlowPacket<B>,
    },
    /// A message is complete.
    Deliver {
        /// Its sender.
        from: P,
        /// When its first byte could be read: with its first piece, in order.
        began: Instant,
        /// The message.
        sdu: B::Sdu,
    },
    /// The address of this peer's name is to be looked up; [`Flows::resolved`] takes what was found.
    Resolve(P),
    /// The peer has answered: a flow was allocated, or the first packet has come over one that it asked for.
    Up(P),
    /// The peer is gone: no flow to it could be allocated, or what was sent could not be brought over.
    Down(P),
}

impl<P: Peer, B: Body> Flows<P, B> {
    /// A node without flows; all that it draws, it draws from one number of this generator.
    pub fn new(me: P, config: FlowConfig, rng: &mut impl Rng) -> Self {
        Self {
            me,
            config,
            key: rng.next_u64(),
            drawn: 0,
            asked: BTreeMap::new(),
            answered: BTreeMap::new(),
            newest: BTreeMap::new(),
            admission: Admission::default(),
            known: Directory::default(),
            timers: BTreeSet::new(),
            lingering: BTreeSet::new(),
            out: VecDeque::new(),
            records: Vec::new(),
            unrecorded: 0,
        }
    }

    /// Takes a message for a peer, and asks for a flow first where there is none.
    pub fn send(&mut self, now: Instant, to: P, sdu: B::Sdu) {
        if !self.asked.contains_key(&to) {
            if let Some(&eid) = self.newest.get(&to) {
                return self.send_back(now, to, eid, sdu);
            }
            self.begin(now, to);
        }
        let Some(asked) = self.asked.get_mut(&to) else { return };
        if let Some(record) = asked.record {
            self.records[record].sent += 1;
        }
        match &mut asked.channel {
            Some(channel) => channel.send(sdu),
            None => asked.waiting.push_back(sdu),
        }
        self.settle(now, Which::Asked(to));
    }

    /// Sends over a flow that the peer asked for.
    fn send_back(&mut self, now: Instant, to: P, eid: u64, sdu: B::Sdu) {
        let Some(answered) = self.answered.get_mut(&(to, eid)) else { return };
        if let Some(record) = answered.record {
            self.records[record].sent += 1;
        }
        answered.channel.send(sdu);
        self.settle(now, Which::Answered(to, eid));
    }

    /// The directory has answered: whether it knows the peer's name. An answer that nobody waits for any more is dropped.
    pub fn resolved(&mut self, now: Instant, peer: P, found: bool) {
        let Some(asked) = self.asked.get_mut(&peer) else { return };
        let step = asked.allocation.resolved(now, found, &self.config.allocation);
        if step == Step::Request {
            self.known.learn(now + self.config.allocation.cache, peer);
        }
        self.step(now, peer, step);
    }

    /// Takes a packet that has arrived.
    pub fn receive(&mut self, now: Instant, from: P, packet: &FlowPacket<B>) {
        if packet.to != address(self.me) {
            return;
        }
        match &packet.content {
            Content::Request(request) => self.requested(now, from, request),
            Content::Reply(reply) => self.replied(now, from, reply),
            Content::Update(update) => self.updated(now, from, update),
            Content::Raw(_) | Content::Frcp(_) => self.carried(now, from, packet),
        }
    }

    /// A deadline has come; early and repeated calls do no harm.
    pub fn expire(&mut self, now: Instant) {
        while self.lingering.first().is_some_and(|&(until, _)| until <= now) {
            self.lingering.pop_first();
        }
        while let Some(&(due, which)) = self.timers.first() {
            if due > now {
                break;
            }
            self.timers.pop_first();
            self.due(now, which);
        }
    }

    /// Gives up all flows with a peer. Nothing tells it.
    pub fn close(&mut self, now: Instant, peer: P) {
        self.end(now, Which::Asked(peer));
        let eids: Vec<u64> = self.answered.range((peer, 0)..=(peer, u64::MAX)).map(|((_, eid), _)| *eid).collect();
        for eid in eids {
            self.end(now, Which::Answered(peer, eid));
        }
    }

    /// The next thing to do, until there is none.
    pub fn poll(&mut self, _now: Instant) -> Option<Output<P, B>> {
        self.out.pop_front()
    }

    /// When [`Flows::expire`] is to be called next.
    pub fn deadline(&self) -> Option<Instant> {
        let lingering = self.lingering.first().map(|&(until, _)| until);
        let timer = self.timers.first().map(|&(due, _)| due);
        [lingering, timer].into_iter().flatten().min()
    }

    /// The node has crashed and comes back: flows are gone, without a word to anybody.
    pub fn restart(&mut self) {
        self.asked.clear();
        self.answered.clear();
        self.newest.clear();
        self.admission = Admission::default();
        self.known = Directory::default();
        self.timers.clear();
        self.lingering.clear();
        self.out.clear();
    }

    /// What every flow has done, ended ones too, in the order of their beginnings; flows beyond the configured number of records
    /// are not recorded.
    pub fn flows(&self) -> &[FlowStats<P>] {
        &self.records
    }

    /// Flows so far that [`Flows::flows`] leaves out.
    pub fn unrecorded(&self) -> u64 {
        self.unrecorded
    }

    /// The place in [`Flows::flows`] of the open flow with this endpoint id here, where it is one with this peer.
    pub fn record_of(&self, peer: P, eid: u64) -> Option<usize> {
        match self.find(peer, eid)? {
            Which::Asked(peer) => self.asked.get(&peer)?.record,
            Which::Answered(peer, eid) => self.answered.get(&(peer, eid))?.record,
        }
    }

    /// Requests that were dropped because their sender, or all peers together, had asked for too many.
    pub fn dropped_requests(&self) -> u64 {
        self.admission.dropped()
    }

    /// State that is kept now.
    pub fn footprint(&self) -> FlowFootprint {
        let mut footprint = FlowFootprint { lingering: self.lingering.len() as u64, ..FlowFootprint::default() };
        for asked in self.asked.values() {
            match &asked.channel {
                Some(channel) => {
                    footprint.open += 1;
                    footprint.bytes += channel.state_bytes(&self.config);
                }
                None => footprint.allocating += 1,
            }
        }
        for answered in self.answered.values() {
            let heard = answered.channel.heard;
            footprint.open += u64::from(heard);
            footprint.unused += u64::from(!heard);
            footprint.bytes += answered.channel.state_bytes(&self.config);
        }
        footprint
    }

    fn begin(&mut self, now: Instant, peer: P) {
        let known = self.known.knows(now, peer);
        let (allocation, step) = Allocation::begin(now, known, &self.config.allocation);
        let record = self.record(now, peer, true);
        let asked = Asked { eid: 0, allocation, waiting: VecDeque::new(), channel: None, timer: None, record };
        self.asked.insert(peer, asked);
        self.step(now, peer, step);
    }

    /// Carries out what an allocation asks for.
    fn step(&mut self, now: Instant, peer: P, step: Step) {
        match step {
            Step::Wait | Step::Open => {}
            Step::Resolve => self.out.push_back(Output::Resolve(peer)),
            Step::Request => self.request(peer),
            Step::Fail(failure) => {
                if let Some(record) = self.asked.get(&peer).and_then(|asked| asked.record) {
                    self.records[record].failure = Some(failure);
                }
                self.end(now, Which::Asked(peer));
                self.out.push_back(Output::Down(peer));
            }
        }
        self.settle(now, Which::Asked(peer));
    }

    fn request(&mut self, peer: P) {
        let eid = self.fresh_eid();
        let Some(asked) = self.asked.get_mut(&peer) else { return };
        asked.eid = eid;
        let record = asked.record;
        let key_exchange = zeros(self.config.allocation.key_exchange.map(|(request, _)| request));
        let source = u64::from(address(self.me));
        let request = Request { source, eid, qos: self.config.qos, name: peer.id().0, key_exchange };
        self.transmit(peer, ALLOCATOR, false, record, Content::Request(Box::new(request)));
    }

    fn requested(&mut self, now: Instant, from: P, request: &Request) {
        let for_me = request.name == self.me.id().0 && request.source == u64::from(address(from));
        if !for_me || request.eid < FIRST_FLOW || !self.admission.admit(from, &self.config.allocation) {
            return;
        }
        let eid = self.fresh_eid();
        let config = FlowConfig { qos: request.qos, ..self.config.clone() };
        let channel = Channel::new(now, request.eid, &config, self.key ^ eid);
        let (accept, limit) = (self.config.allocation.accept, self.config.allocation.accept_limit);
        let answer = Some((now + accept.min(limit), accept <= limit));
        let record = self.record(now, from, false);
        self.answered.insert((from, eid), Answered { channel, answer, timer: None, record });
        self.due(now, Which::Answered(from, eid));
    }

    /// The application answers a request.
    fn answer(&mut self, now: Instant, peer: P, eid: u64, accepted: bool) {
        let Some(answered) = self.answered.get_mut(&(peer, eid)) else { return };
        answered.answer = None;
        let (to, record) = (answered.channel.remote, answered.record);
        if let Some(record) = record.filter(|_| accepted) {
            self.records[record].established = Some(now);
        }
        let key_exchange = zeros(self.config.allocation.key_exchange.map(|(_, reply)| reply));
        let reply = Reply { to, eid, accepted, key_exchange };
        self.transmit(peer, ALLOCATOR, false, record, Content::Reply(reply));
        if !accepted {
            self.end(now, Which::Answered(peer, eid));
        }
    }

    fn replied(&mut self, now: Instant, from: P, reply: &Reply) {
        let key = self.key;
        let Some(asked) = self.asked.get_mut(&from).filter(|asked| asked.eid == reply.to) else { return };
        let step = asked.allocation.replied(reply.accepted && reply.eid >= FIRST_FLOW);
        if step == Step::Open {
            let mut channel = Channel::new(now, reply.eid, &self.config, key ^ asked.eid);
            asked.waiting.drain(..).for_each(|sdu| channel.send(sdu));
            asked.channel = Some(channel);
            if let Some(record) = asked.record {
                self.records[record].established = Some(now);
            }
            self.out.push_back(Output::Up(from));
        }
        self.step(now, from, step);
    }

    fn updated(&mut self, now: Instant, from: P, update: &Update) {
        let Some(which) = self.find(from, update.to) else { return };
        if let Some((channel, _)) = self.channel(which) {
            channel.update(now, update.ece);
        }
        self.settle(now, which);
    }

    fn carried(&mut self, now: Instant, from: P, packet: &FlowPacket<B>) {
        let Some(which) = self.find(from, packet.eid) else { return };
        let config = self.config.clone();
        let mut complete = Vec::new();
        let Some((channel, record)) = self.channel(which) else { return };
        let new = !channel.heard;
        let arrival =
            channel.receive(now, &packet.content, packet.ecn, &config, |began, sdu| complete.push((began, sdu)));
        let (new, remote) = (new && channel.heard, channel.remote);
        if let Some(stats) = record.and_then(|record| self.records.get_mut(record)) {
            stats.received += complete.len() as u64;
            stats.received_bytes += arrival.bytes;
            if arrival.bytes > 0 {
                stats.first_byte.get_or_insert(now);
                stats.last_byte = Some(now);
            }
        }
        if new && let Which::Answered(_, eid) = which {
            self.newest.insert(from, eid);
            self.out.push_back(Output::Up(from));
        }
        self.out.extend(complete.into_iter().map(|(began, sdu)| Output::Deliver { from, began, sdu }));
        if let Some(ece) = arrival.tell {
            self.transmit(from, ALLOCATOR, false, record, Content::Update(Update { to: remote, ece }));
        }
        self.settle(now, which);
    }

    /// The timer of a flow has come.
    fn due(&mut self, now: Instant, which: Which<P>) {
        match which {
            Which::Asked(peer) => {
                let Some(asked) = self.asked.get_mut(&peer) else { return };
                asked.timer = None;
                let step = asked.allocation.expire(now, &self.config.allocation);
                if step != Step::Wait {
                    return self.step(now, peer, step);
                }
            }
            Which::Answered(peer, eid) => {
                let Some(answered) = self.answered.get_mut(&(peer, eid)) else { return };
                answered.timer = None;
                if let Some((at, accepted)) = answered.answer
                    && at <= now
                {
                    self.answer(now, peer, eid, accepted);
                }
            }
        }
        if let Some((channel, _)) = self.channel(which) {
            channel.expire(now);
        }
        self.settle(now, which);
    }

    /// Lets leave what may leave, ends what is over, and sets the timer anew.
    fn settle(&mut self, now: Instant, which: Which<P>) {
        let (Which::Asked(peer) | Which::Answered(peer, _)) = which;
        while let Some((channel, record)) = self.channel(which) {
            let (to, checksum) = (channel.remote, channel.checksum());
            let Some(content) = channel.transmit(now) else { break };
            self.transmit(peer, to, checksum, record, content);
        }
        if let Some((channel, record)) = self.channel(which) {
            let stats = channel.stats();
            let (failed, silent) = (channel.failed(), channel.ends().is_some_and(|ends| ends <= now));
            if let Some(record) = record.and_then(|record| self.records.get_mut(record)) {
                record.retransmissions = stats.retransmissions;
                record.timeouts = stats.timeouts;
                record.round_trip = stats.round_trip;
            }
            if failed || silent {
                self.end(now, which);
            }
            if failed {
                self.out.push_back(Output::Down(peer));
            }
        }
        self.arm(which);
    }

    fn arm(&mut self, which: Which<P>) {
        let (timer, next) = match which {
            Which::Asked(peer) => {
                let Some(asked) = self.asked.get_mut(&peer) else { return };
                let channel = asked.channel.as_ref().and_then(Channel::deadline);
                (&mut asked.timer, channel.or_else(|| asked.allocation.deadline()))
            }
            Which::Answered(peer, eid) => {
                let Some(answered) = self.answered.get_mut(&(peer, eid)) else { return };
                let answer = answered.answer.map(|(at, _)| at);
                (&mut answered.timer, answer.or_else(|| answered.channel.deadline()))
            }
        };
        if *timer != next {
            timer.map(|old| self.timers.remove(&(old, which)));
            *timer = next;
            self.timers.extend(next.map(|due| (due, which)));
        }
    }

    fn end(&mut self, now: Instant, which: Which<P>) {
        let (timer, channel, record) = match which {
            Which::Asked(peer) => {
                let Some(asked) = self.asked.remove(&peer) else { return };
                (asked.timer, asked.channel, asked.record)
            }
            Which::Answered(peer, eid) => {
                let Some(answered) = self.answered.remove(&(peer, eid)) else { return };
                if self.newest.get(&peer) == Some(&eid) {
                    self.newest.remove(&peer);
                }
                self.admission.release(peer);
                (answered.timer, Some(answered.channel), answered.record)
            }
        };
        timer.map(|due| self.timers.remove(&(due, which)));
        if let Some(until) = channel.and_then(|channel| channel.lingers(&self.config)) {
            self.drawn += 1;
            self.lingering.insert((until, self.drawn));
        }
        if let Some(record) = record {
            self.records[record].ended = Some(now);
        }
    }

    /// The flow with this endpoint id here, if it is one with this peer.
    fn find(&self, peer: P, eid: u64) -> Option<Which<P>> {
        if self.asked.get(&peer).is_some_and(|asked| asked.eid == eid && asked.channel.is_some()) {
            Some(Which::Asked(peer))
        } else {
            self.answered.contains_key(&(peer, eid)).then_some(Which::Answered(peer, eid))
        }
    }

    fn channel(&mut self, which: Which<P>) -> Option<(&mut Channel<B>, Option<usize>)> {
        match which {
            Which::Asked(peer) => {
                let asked = self.asked.get_mut(&peer)?;
                asked.channel.as_mut().map(|channel| (channel, asked.record))
            }
            Which::Answered(peer, eid) => {
                let answered = self.answered.get_mut(&(peer, eid))?;
                answered.answer.is_none().then_some((&mut answered.channel, answered.record))
            }
        }
    }

    fn transmit(&mut self, to: P, eid: u64, checksum: bool, record: Option<usize>, content: Content<B>) {
        if let Some(stats) = record.and_then(|record| self.records.get_mut(record)) {
            stats.packets += 1;
            let body = match &content {
                Content::Raw(body) => body.length(),
                Content::Frcp(segment) => segment.body.as_ref().map_or(0, Body::length),
                _ => 0,
            };
            stats.sent_bytes += body as u64;
        }
        let marking = self.config.congestion.marking;
        let packet = FlowPacket { to: address(to), ttl: TTL, class: 0, ecn: 0, eid, checksum, marking, content };
        self.out.push_back(Output::Transmit { to, packet });
    }

    fn record(&mut self, now: Instant, peer: P, asked: bool) -> Option<usize> {
        let place = self.records.len();
        if place >= self.config.allocation.records_max {
            self.unrecorded += 1;
            return None;
        }
        self.records.push(FlowStats::begun(now, peer, asked));
        Some(place)
    }

    /// 32 random bits before a number of this node's.
    fn fresh_eid(&mut self) -> u64 {
        self.drawn += 1;
        let number = u32::try_from(FIRST_FLOW + self.drawn).unwrap_or(u32::MAX);
        (mix(self.key.wrapping_add(self.drawn)) << 32) | u64::from(number)
    }
}

fn zeros(bytes: Option<u16>) -> Box<[u8]> {
    vec![0; usize::from(bytes.unwrap_or(0)).min(KEY_EXCHANGE_MAX)].into()
}
