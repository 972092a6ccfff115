//! What is under way, and what of it is lost: the scoreboard of selective acknowledgements (RFC 2018) and RACK's detection
//! of losses by time (RFC 8985, section 6), with the reordering window of Linux (`tcp_recovery.c`): a segment is lost once
//! one that was sent later has been delivered and the newest round trip plus the window has passed since it was sent. The
//! window is zero in recovery and behind three segments delivered out of order, unless the path was seen to reorder;
//! otherwise a quarter of the smallest round trip.
//!
//! Segments keep the boundaries with which they were sent first, so offsets between boundaries (a broken peer's) acknowledge
//! only the whole segments below them.

use std::collections::{BTreeSet, VecDeque};

use rapprochement_core::time::{Duration, Instant};

use super::ranges::Ranges;

/// One segment under way.
#[derive(Clone, Copy, Debug)]
struct Segment {
    seq: u64,
    end: u64,
    /// When it was sent last.
    sent: Instant,
    sacked: bool,
    lost: bool,
    /// Sent again, and this copy not taken for lost.
    again: bool,
    /// Ever sent again.
    ambiguous: bool,
}

/// What was just acknowledged, in one way or the other.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Delivered {
    /// Segments that were not known to be delivered before.
    pub(super) segments: u32,
    /// Everything below moved.
    pub(super) advanced: bool,
    /// Segments that were sent once were among them: round trips of the first and of the last sent.
    pub(super) round_trip: Option<(Duration, Duration)>,
    /// The same by selective acknowledgement.
    pub(super) sacked_round_trip: Option<Duration>,
    /// A segment below the recovery point that was never sent again was among them.
    pub(super) original: bool,
    /// A segment that was sent again was among the cumulatively acknowledged.
    pub(super) retransmitted: bool,
    /// Selective acknowledgements told something new.
    pub(super) sacked: bool,
}

/// The newest delivered segment, by time of sending.
#[derive(Clone, Copy, Debug, Default)]
struct Rack {
    sent: Instant,
    end: u64,
    round_trip: Duration,
    advanced: bool,
}

/// Segments under way, in the order of their offsets.
#[derive(Clone, Debug, Default)]
pub(super) struct Scoreboard {
    segments: VecDeque<Segment>,
    sacked: Ranges,
    /// Offsets of segments that are lost and not sent again.
    waiting: BTreeSet<u64>,
    sacked_out: u32,
    lost_out: u32,
    again_out: u32,
    rack: Rack,
    reordering: bool,
}

/// Segments out of order that stand for a loss (RFC 5681).
const DUPLICATES: u32 = 3;

impl Scoreboard {
    /// Segments under way, delivered out of order or lost ones included.
    pub(super) fn len(&self) -> u32 {
        self.segments.len() as u32
    }

    /// Segments that are thought to be in the network (RFC 6675's pipe).
    pub(super) fn in_flight(&self) -> u32 {
        (self.len() + self.again_out).saturating_sub(self.sacked_out + self.lost_out)
    }

    pub(super) const fn lost(&self) -> u32 {
        self.lost_out
    }

    pub(super) const fn retransmissions(&self) -> u32 {
        self.again_out
    }

    /// Segments that are lost and not yet sent again, or delivered out of order.
    pub(super) const fn left_out(&self) -> u32 {
        self.sacked_out + self.lost_out
    }

    /// When the first segment was sent last.
    pub(super) fn head_sent(&self) -> Option<Instant> {
        self.segments.front().map(|segment| segment.sent)
    }

    /// A new segment leaves.
    pub(super) fn push(&mut self, now: Instant, seq: u64, end: u64) {
        let segment = Segment { seq, end, sent: now, sacked: false, lost: false, again: false, ambiguous: false };
        self.segments.push_back(segment);
    }

    /// The first lost segment that was not sent again.
    pub(super) fn first_waiting(&self) -> Option<(u64, u64)> {
        let seq = *self.waiting.first()?;
        self.index(seq).map(|at| (seq, self.segments[at].end))
    }

    /// The last segment under way.
    pub(super) fn last(&self) -> Option<(u64, u64)> {
        self.segments.back().map(|segment| (segment.seq, segment.end))
    }

    /// The segment that begins there leaves again.
    pub(super) fn resend(&mut self, now: Instant, seq: u64) {
        self.waiting.remove(&seq);
        if let Some(at) = self.index(seq) {
            let segment = &mut self.segments[at];
            if !segment.again {
                self.again_out += 1;
            }
            (segment.again, segment.ambiguous, segment.sent) = (true, true, now);
        }
    }

    /// The same for a probe, which does not count as under way (Linux does not either).
    pub(super) fn resend_probe(&mut self, now: Instant, seq: u64) {
        if let Some(at) = self.index(seq) {
            (self.segments[at].ambiguous, self.segments[at].sent) = (true, now);
        }
    }

    /// Everything below `ack` is delivered. `point` is the recovery point.
    pub(super) fn acknowledge(
        &mut self,
        now: Instant,
        ack: u64,
        point: u64,
        least: Option<Duration>,
        news: &mut Delivered,
    ) {
        let (mut first, mut last) = (None, None);
        while let Some(&segment) = self.segments.front().filter(|segment| segment.end <= ack) {
            self.segments.pop_front();
            news.advanced = true;
            if segment.again {
                self.again_out -= 1;
            }
            if segment.lost {
                self.lost_out -= 1;
                self.waiting.remove(&segment.seq);
            }
            news.retransmitted |= segment.ambiguous;
            if segment.sacked {
                self.sacked_out -= 1;
                continue;
            }
            news.segments += 1;
            if !segment.ambiguous {
                first.get_or_insert(segment.sent);
                last = Some(segment.sent);
                news.original |= segment.end <= point;
                self.reordering |= self.sacked.highest().is_some_and(|highest| segment.end < highest);
            }
            self.advance_rack(now, &segment, least);
        }
        if news.advanced {
            self.sacked.remove_below(ack);
        }
        if let (Some(first), Some(last)) = (first, last) {
            news.round_trip = Some((now.since(first), now.since(last)));
        }
    }

    /// `[start, end)` has arrived out of order.
    pub(super) fn sack(
        &mut self,
        now: Instant,
        (start, end): (u64, u64),
        point: u64,
        least: Option<Duration>,
        news: &mut Delivered,
    ) {
        let (Some(low), Some(high)) = (self.segments.front().map(|s| s.seq), self.segments.back().map(|s| s.end))
        else {
            return;
        };
        let (start, end) = (start.max(low), end.min(high));
        if start >= end || self.sacked.contains(start, end) {
            return;
        }
        let highest = self.sacked.highest().unwrap_or(low);
        for (from, to) in self.sacked.missing(start, end) {
            let mut at = self.segments.partition_point(|segment| segment.seq < from);
            while let Some(&segment) = self.segments.get(at).filter(|segment| segment.end <= to) {
                self.take_sacked(at, highest, point, news);
                if !segment.ambiguous {
                    let round_trip = now.since(segment.sent);
                    news.sacked_round_trip = Some(news.sacked_round_trip.map_or(round_trip, |r| r.min(round_trip)));
                }
                self.advance_rack(now, &segment, least);
                at += 1;
            }
        }
        self.sacked.insert(start, end);
    }

    fn take_sacked(&mut self, at: usize, highest: u64, point: u64, news: &mut Delivered) {
        let segment = &mut self.segments[at];
        if segment.sacked {
            return;
        }
        segment.sacked = true;
        self.sacked_out += 1;
        news.segments += 1;
        news.sacked = true;
        if !segment.ambiguous {
            self.reordering |= segment.seq < highest;
            news.original |= segment.end <= point;
        }
        if segment.again {
            segment.again = false;
            self.again_out -= 1;
        }
        if segment.lost {
            segment.lost = false;
            self.lost_out -= 1;
            self.waiting.remove(&segment.seq);
        }
    }

    fn advance_rack(&mut self, now: Instant, segment: &Segment, least: Option<Duration>) {
        let round_trip = now.since(segment.sent);
        if segment.ambiguous && least.is_some_and(|least| round_trip < least) {
            // Too soon for the second copy: the first was only late.
            return;
        }
        self.rack.advanced = true;
        self.rack.round_trip = round_trip;
        if (segment.sent, segment.end) > (self.rack.sent, self.rack.end) {
            (self.rack.sent, self.rack.end) = (segment.sent, segment.end);
        }
    }

    /// The reordering window.
    fn window(&self, recovering: bool, least: Option<Duration>, smoothed: Option<Duration>) -> Duration {
        if !self.reordering && (recovering || self.sacked_out >= DUPLICATES) {
            return Duration::ZERO;
        }
        let quarter = least.map_or(0, |least| least.as_nanos() / 4);
        let eighth = smoothed.map_or(0, |smoothed| smoothed.as_nanos() / 8);
        Duration::from_nanos(quarter.min(eighth))
    }

    /// Marks what is lost. Returns how many that are, whether copies were among them, and how long the next one may still
    /// take. Without news of deliveries only a timer (`force`) makes it look.
    pub(super) fn detect(
        &mut self,
        now: Instant,
        recovering: bool,
        least: Option<Duration>,
        smoothed: Option<Duration>,
        force: bool,
    ) -> (u32, bool, Option<Duration>) {
        if !(force || self.rack.advanced) {
            return (0, false, None);
        }
        self.rack.advanced = false;
        let patience = self.rack.round_trip + self.window(recovering, least, smoothed);
        let (mut lost, mut copies, mut wait) = (0, false, None);
        let mut at = 0;
        let mut hole = 0;
        while let Some(&segment) = self.segments.get(at) {
            if segment.sacked {
                // On to the end of what arrived: holes are few where windows are large.
                let ranges = self.sacked.as_slice();
                while hole < ranges.len() && ranges[hole].1 <= segment.seq {
                    hole += 1;
                }
                let end = ranges.get(hole).map_or(segment.end, |range| range.1);
                at = self.segments.partition_point(|s| s.seq < end).max(at + 1);
                continue;
            }
            let sent_before = (self.rack.sent, self.rack.end) > (segment.sent, segment.end);
            if !sent_before && !segment.ambiguous {
                break;
            }
            if sent_before && (!segment.lost || segment.again) {
                let age = now.since(segment.sent);
                if age >= patience {
                    copies |= segment.again;
                    lost += self.mark_lost(at);
                } else {
                    wait = wait.max(Some(patience - age));
                }
            }
            at += 1;
        }
        (lost, copies, wait)
    }

    fn mark_lost(&mut self, at: usize) -> u32 {
        let segment = &mut self.segments[at];
        let news = u32::from(!segment.lost || segment.again);
        if segment.again {
            segment.again = false;
            self.again_out -= 1;
        }
        if !segment.lost {
            segment.lost = true;
            self.lost_out += 1;
        }
        self.waiting.insert(segment.seq);
        news
    }

    /// A timeout: the first segment is lost, and so is every other one that was not sent within the newest round trip.
    pub(super) fn mark_all_lost(&mut self, now: Instant) -> u32 {
        let mut lost = 0;
        for at in 0..self.segments.len() {
            let segment = self.segments[at];
            let recent = at > 0 && now.since(segment.sent) < self.rack.round_trip;
            if !segment.sacked && !recent {
                lost += self.mark_lost(at);
            }
        }
        lost
    }

    /// Nothing was lost after all.
    pub(super) fn unmark_lost(&mut self) {
        for segment in &mut self.segments {
            segment.lost = false;
        }
        self.lost_out = 0;
        self.waiting.clear();
    }

    fn index(&self, seq: u64) -> Option<usize> {
        let at = self.segments.partition_point(|segment| segment.seq < seq);
        self.segments.get(at).filter(|segment| segment.seq == seq).map(|_| at)
    }
}
