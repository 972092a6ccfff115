//! What an acknowledgement changes: the phases of loss recovery, what is taken back, and the window.

use rapprochement_core::time::{Duration, Instant};

use super::{Acknowledgement, Phase, SLACK, Sender, Timer, Undo};
use crate::transport::tcp::config::Parameters;
use crate::transport::tcp::packet::milliseconds;
use crate::transport::tcp::scoreboard::Delivered;

impl Sender {
    /// Takes an acknowledgement.
    pub(in crate::transport::tcp) fn acknowledge(
        &mut self,
        now: Instant,
        said: &Acknowledgement<'_>,
        parameters: &Parameters,
    ) {
        if said.ack > self.next {
            return;
        }
        self.new_first = false;
        self.edge = self.edge.max(said.edge);
        let mut news = Delivered::default();
        let duplicated = self.take_duplicate(said);
        let least = self.rtt.minimum();
        for &block in said.sacks {
            self.board.sack(now, block, self.point, least, &mut news);
        }
        let head_age = self.board.head_sent().map_or(Duration::ZERO, |sent| now.since(sent));
        self.board.acknowledge(now, said.ack, self.point, least, &mut news);
        if news.advanced {
            self.una = self.una.max(said.ack);
            self.backoff = 0;
        }
        self.measure(now, said, &news);
        let mut set_timer = news.advanced || news.sacked_round_trip.is_some_and(|sample| sample > head_age);
        let stale = said.pure && !news.advanced && !news.sacked && duplicated.is_none();
        self.judge_probe(said.ack, duplicated, stale);
        let mut lost = 0;
        if news.sacked || duplicated.is_some() || stale || self.phase != Phase::Open {
            lost = self.alert(now, said, &news, duplicated.is_some(), parameters, &mut set_timer);
        }
        if set_timer {
            self.set_timer(now, parameters);
        }
        self.control(now, &news, lost);
    }

    fn take_duplicate(&mut self, said: &Acknowledgement<'_>) -> Option<(u64, u64)> {
        let duplicate = said.duplicate?;
        if self.undo.active && self.undo.unconfirmed > 0 && duplicate.1 <= self.point {
            self.undo.unconfirmed -= 1;
        }
        Some(duplicate)
    }

    /// Round trips, from segments that were sent once; else from the echo, which is exact to the millisecond.
    fn measure(&mut self, now: Instant, said: &Acknowledgement<'_>, news: &Delivered) {
        let acked = if news.retransmitted { None } else { news.round_trip };
        let echoed = || {
            let millis = milliseconds(now).wrapping_sub(said.echo);
            (news.advanced && millis < 1 << 31).then(|| Duration::from_millis(u64::from(millis.max(1))))
        };
        if let Some(sample) = acked.map(|(first, _)| first).or(news.sacked_round_trip).or_else(echoed) {
            self.rtt.sample(sample, self.una, self.next);
        }
        if let Some(newest) = acked.map(|(_, last)| last).or(news.sacked_round_trip) {
            self.window.sample(now, newest, self.una, self.next);
        }
    }

    /// What became of a probe (RFC 8985, section 7.4).
    fn judge_probe(&mut self, ack: u64, duplicated: Option<(u64, u64)>, stale: bool) {
        let Some((end, old)) = self.probe else { return };
        if ack < end {
            return;
        }
        if !old || duplicated.is_some_and(|(_, high)| high == end) {
            self.probe = None;
        } else if ack > end {
            // The probe repaired a loss: the window comes down at once.
            self.begin_reduction();
            self.window.size = self.window.threshold;
            self.keep_open();
        } else if stale {
            self.probe = None;
        }
    }

    /// Something is unusual, or a recovery is under way. Returns how many segments were newly taken for lost.
    fn alert(
        &mut self,
        now: Instant,
        said: &Acknowledgement<'_>,
        news: &Delivered,
        duplicated: bool,
        parameters: &Parameters,
        set_timer: &mut bool,
    ) -> u32 {
        if self.phase == Phase::Open {
            self.resent_at = None;
        } else if self.una >= self.point {
            match self.phase {
                Phase::Reduced if self.una != self.point => self.end_reduction(),
                Phase::Recovery => {
                    self.undo_recovery(said);
                    self.end_reduction();
                }
                _ => {}
            }
        }
        let mut lost = 0;
        match self.phase {
            Phase::Recovery => {
                if news.advanced && self.undo.active && self.was_late(said) {
                    if self.board.retransmissions() > 0 {
                        return 0;
                    }
                    self.take_back(true);
                    self.keep_open();
                }
                if duplicated && self.all_duplicates() {
                    self.take_back(false);
                    self.keep_open();
                }
                lost += self.detect(now, parameters, set_timer).0;
                if self.phase != Phase::Recovery {
                    self.recover_if_lost();
                }
            }
            Phase::Loss => {
                self.process_loss(said, news);
                let (found, copies) = self.detect(now, parameters, set_timer);
                lost += found;
                if self.phase == Phase::Open || copies {
                    self.recover_if_lost();
                }
            }
            Phase::Open | Phase::Disorder | Phase::Reduced => {
                if self.phase != Phase::Reduced && duplicated && self.all_duplicates() {
                    self.take_back(false);
                }
                lost += self.detect(now, parameters, set_timer).0;
                self.recover_if_lost();
            }
        }
        lost
    }

    /// Looks for losses; where more may turn out lost soon, the timer waits for that.
    fn detect(&mut self, now: Instant, parameters: &Parameters, set_timer: &mut bool) -> (u32, bool) {
        let recovering = self.phase >= Phase::Recovery;
        let (least, smoothed) = (self.rtt.minimum(), self.rtt.smoothed());
        let (lost, copies, wait) = self.board.detect(now, recovering, least, smoothed, false);
        self.counters.losses += u64::from(lost);
        if let Some(wait) = wait {
            self.timer = Some((Timer::Reordering, now + (wait + SLACK).min(self.timeout(parameters))));
            *set_timer = false;
        }
        (lost, copies)
    }

    fn recover_if_lost(&mut self) {
        if self.board.lost() > 0 {
            self.enter_recovery();
        } else if self.phase != Phase::Reduced {
            self.keep_open();
        }
    }

    fn keep_open(&mut self) {
        let unusual = self.board.left_out() > 0 || self.board.retransmissions() > 0;
        let phase = if unusual { Phase::Disorder } else { Phase::Open };
        if phase != self.phase {
            self.phase = phase;
            self.point = self.next;
        }
    }

    pub(super) fn begin_undo(&mut self, threshold: u32) {
        let resent = i64::from(self.board.retransmissions());
        self.undo = Undo { active: true, threshold, unconfirmed: if resent > 0 { resent } else { -1 } };
    }

    pub(super) fn enter_recovery(&mut self) {
        let reducing = matches!(self.phase, Phase::Reduced | Phase::Recovery);
        let threshold = if reducing { 0 } else { self.window.current_threshold() };
        self.begin_undo(threshold);
        if !reducing {
            self.begin_reduction();
        }
        self.phase = Phase::Recovery;
    }

    fn begin_reduction(&mut self) {
        self.point = self.next;
        self.probe = None;
        (self.prr_delivered, self.prr_out) = (0, 0);
        self.window.reduce();
    }

    fn end_reduction(&mut self) {
        if self.phase == Phase::Reduced || self.undo.active {
            self.window.size = self.window.threshold;
        }
        if self.phase == Phase::Reduced {
            self.phase = Phase::Open;
        }
    }

    /// The answer to what was sent first has come: the second copy was not needed.
    fn was_late(&self, said: &Acknowledgement<'_>) -> bool {
        self.resent_at.is_some_and(|at| said.echo.wrapping_sub(at) >= 1 << 31)
    }

    const fn all_duplicates(&self) -> bool {
        self.undo.active && self.undo.unconfirmed == 0
    }

    fn take_back(&mut self, unmark: bool) {
        if unmark {
            self.board.unmark_lost();
        }
        self.window.undo(self.undo.threshold);
        self.undo.active = false;
    }

    fn undo_recovery(&mut self, said: &Acknowledgement<'_>) {
        if self.undo.active && (self.undo.unconfirmed == 0 || self.was_late(said)) {
            self.take_back(false);
        }
        self.phase = Phase::Open;
    }

    /// An acknowledgement after a timeout.
    fn process_loss(&mut self, said: &Acknowledgement<'_>, news: &Delivered) {
        let recovered = self.una >= self.point;
        let spurious = self.undo.active && (self.undo.unconfirmed == 0 || self.was_late(said));
        if (news.advanced && spurious) || (self.forward_rto && news.original) {
            self.take_back(true);
            self.phase = Phase::Open;
            return;
        }
        if self.forward_rto {
            if self.next > self.point {
                self.forward_rto &= news.advanced && !news.sacked;
            } else if news.advanced && !recovered {
                self.point = self.next;
                self.new_first = self.next < self.written && self.next < self.edge;
                self.forward_rto = self.new_first;
            }
        }
        if recovered && !self.new_first {
            self.undo_recovery(said);
        }
    }

    /// The window after an acknowledgement: proportional rate reduction in recovery, growth otherwise.
    fn control(&mut self, now: Instant, news: &Delivered, lost: u32) {
        if matches!(self.phase, Phase::Reduced | Phase::Recovery) {
            self.reduce_proportionally(news.segments, lost, news.advanced);
        } else if news.advanced && self.window_limits() {
            self.window.grow(now, news.segments);
        }
    }

    const fn window_limits(&self) -> bool {
        self.limited || self.window.in_slow_start() && self.window.size < 2 * self.most_out
    }

    pub(super) fn reduce_proportionally(&mut self, delivered: u32, lost: u32, advanced: bool) {
        if delivered == 0 {
            return;
        }
        self.prr_delivered += u64::from(delivered);
        let (pipe, threshold) = (self.board.in_flight(), self.window.threshold);
        let ahead = self.prr_delivered.saturating_sub(self.prr_out);
        let send = if pipe > threshold {
            let prior = u64::from(self.window.prior_size.max(1));
            (u64::from(threshold) * self.prr_delivered).div_ceil(prior).saturating_sub(self.prr_out)
        } else {
            let more = ahead.max(u64::from(delivered)) + u64::from(advanced && lost == 0);
            more.min(u64::from(threshold - pipe))
        };
        let send = send.max(u64::from(self.prr_out == 0));
        self.window.size = pipe + u32::try_from(send).unwrap_or(u32::MAX >> 2);
    }
}
