//! The receiving half: packets are put into order, acknowledged, and joined into messages.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::super::config::FrcpConfig;
use super::super::packet::{Body, Segment, WINDOW_MASK};
use super::{Fragment, expand};
use crate::time::Instant;
use crate::wire::MESSAGE_LEN_MAX;

/// The receiving half of one flow.
pub(super) struct Receiver<B: Body> {
    reliable: bool,
    /// The packet that is waited for.
    next: u64,
    /// Packets from `next` on, as far as they have come; at most the queue of the configuration.
    ahead: VecDeque<Option<Fragment<B>>>,
    /// Pieces of a message that is not complete, and their bytes.
    parts: Vec<B>,
    bytes: usize,
    /// When the first of them was in order.
    began: Instant,
    /// Messages that are complete, and when they began.
    ready: VecDeque<(Instant, B::Sdu)>,
    /// When data was last taken; without it, no run has begun.
    last: Option<Instant>,
    acknowledge: Option<Instant>,
    /// The sender asks for the window.
    asked: bool,
    pub(super) duplicates: u64,
}

impl<B: Body> Receiver<B> {
    pub(super) fn new(reliable: bool) -> Self {
        Self {
            reliable,
            next: 0,
            ahead: VecDeque::new(),
            parts: Vec::new(),
            bytes: 0,
            began: Instant::ZERO,
            ready: VecDeque::new(),
            last: None,
            acknowledge: None,
            asked: false,
            duplicates: 0,
        }
    }

    /// Whether a run is going on.
    pub(super) fn is_active(&self, now: Instant, config: &FrcpConfig) -> bool {
        self.last.is_some_and(|last| now.since(last) <= config.receiver_inactivity())
    }

    /// Takes a packet with data.
    pub(super) fn data(&mut self, now: Instant, segment: &Segment<B>, config: &FrcpConfig) {
        type Flags = Segment<()>;
        let Some(body) = segment.body.clone() else { return };
        if !self.is_active(now, config) {
            if !segment.has(Flags::DRF) {
                return;
            }
            self.begin_run(segment.seqno);
        }
        let seq = expand(segment.seqno, self.next);
        self.acknowledge.get_or_insert(now + config.tick);
        if seq < self.next {
            self.duplicates += 1;
            return;
        }
        let fragment = Fragment { body, first: segment.has(Flags::FFGM), more: segment.has(Flags::MFGM) };
        if self.reliable {
            self.reorder(now, seq, fragment, config);
        } else {
            if seq > self.next {
                self.drop_parts();
            }
            self.next = seq + 1;
            self.join(now, fragment);
        }
        self.last = Some(now);
    }

    fn begin_run(&mut self, seqno: u32) {
        self.next = (1 << 32) | u64::from(seqno);
        self.ahead.clear();
        self.drop_parts();
    }

    fn reorder(&mut self, now: Instant, seq: u64, fragment: Fragment<B>, config: &FrcpConfig) {
        let Ok(place) = usize::try_from(seq - self.next) else { return };
        if place >= config.reorder_queue as usize {
            return;
        }
        if self.ahead.len() <= place {
            self.ahead.resize_with(place + 1, || None);
        }
        if self.ahead[place].is_some() {
            self.duplicates += 1;
            return;
        }
        self.ahead[place] = Some(fragment);
        while let Some(fragment) = self.ahead.front_mut().and_then(Option::take) {
            self.ahead.pop_front();
            self.next += 1;
            self.join(now, fragment);
        }
    }

    /// The next piece in order. Pieces that make no message are dropped, and so is a message beyond every limit.
    fn join(&mut self, now: Instant, fragment: Fragment<B>) {
        if fragment.first {
            self.drop_parts();
            self.began = now;
        } else if self.parts.is_empty() {
            return;
        }
        self.bytes = self.bytes.saturating_add(fragment.body.length());
        if self.bytes > MESSAGE_LEN_MAX {
            return self.drop_parts();
        }
        self.parts.push(fragment.body);
        if !fragment.more {
            self.bytes = 0;
            let sdu = B::join(core::mem::take(&mut self.parts));
            self.ready.extend(sdu.map(|sdu| (self.began, sdu)));
        }
    }

    fn drop_parts(&mut self) {
        self.parts.clear();
        self.bytes = 0;
    }

    pub(super) fn ask_for_window(&mut self) {
        self.asked = true;
    }

    /// Whether something is to be said although there is no data to say it with; what is said then is up to date.
    pub(super) fn speaks(&mut self, now: Instant) -> bool {
        let due = self.asked || self.acknowledge.is_some_and(|due| due <= now);
        if due {
            self.spoken();
        }
        due
    }

    /// A packet that says it is on its way.
    pub(super) fn spoken(&mut self) {
        self.asked = false;
        self.acknowledge = None;
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        if self.asked { Some(Instant::ZERO) } else { self.acknowledge }
    }

    pub(super) fn delivered(&mut self) -> Option<(Instant, B::Sdu)> {
        self.ready.pop_front()
    }

    /// The packet that is waited for, as an acknowledgement says it, where there is retransmission.
    pub(super) fn ackno(&self) -> Option<u32> {
        self.reliable.then_some(self.next as u32)
    }

    /// The low bits of the first packet that may not come yet.
    pub(super) fn window(&self, config: &FrcpConfig) -> u32 {
        (self.next as u32).wrapping_add(config.reorder_queue) & WINDOW_MASK
    }

    /// Whether a packet in the other direction may say what has arrived.
    pub(super) fn may_acknowledge(&self, now: Instant, config: &FrcpConfig) -> bool {
        self.last.is_some_and(|last| now.since(last) <= config.acknowledge_within)
    }

    pub(super) fn kept(&self) -> usize {
        self.ahead.len() + self.parts.len() + self.ready.len()
    }
}
