//! What the passing of time changes. There is one timer, as in Linux: for the timeout of retransmission, or for a probe, or for
//! segments that may be lost or only late.

use rapprochement_core::time::{Duration, Instant};

use super::{Phase, SLACK, Sender, Timer};
use crate::transport::tcp::config::Parameters;

impl Sender {
    /// The timer after progress: a probe where one may help, else the timeout.
    pub(super) fn set_timer(&mut self, now: Instant, parameters: &Parameters) {
        if !self.schedule_probe(now, true, parameters) {
            self.arm_timeout(now, parameters);
        }
    }

    pub(super) fn schedule_probe(&mut self, now: Instant, advancing: bool, parameters: &Parameters) -> bool {
        let calm = matches!(self.phase, Phase::Open | Phase::Reduced);
        if !parameters.tail_loss_probe || !calm || self.board.len() == 0 {
            return false;
        }
        let wait = match self.rtt.smoothed() {
            Some(rtt) if self.board.len() == 1 => rtt.saturating_mul(2) + parameters.min_rto,
            Some(rtt) => rtt.saturating_mul(2) + SLACK,
            None => parameters.initial_rto,
        };
        let timeout = self.timeout(parameters);
        let left = if advancing { timeout } else { self.until_timeout(now, timeout) };
        let wait = if left.is_zero() { wait } else { wait.min(left) };
        self.timer = Some((Timer::Probe, now + wait));
        true
    }

    fn until_timeout(&self, now: Instant, timeout: Duration) -> Duration {
        self.board.head_sent().map_or(timeout, |sent| timeout - now.since(sent))
    }

    /// Where another timer ran, the time since the first segment was sent counts.
    pub(super) fn arm_timeout(&mut self, now: Instant, parameters: &Parameters) {
        if self.board.len() == 0 {
            self.timer = None;
            return;
        }
        let timeout = self.timeout(parameters);
        let left = match self.timer {
            Some((Timer::Probe | Timer::Reordering, _)) => {
                self.until_timeout(now, timeout).max(Duration::from_micros(1))
            }
            _ => timeout,
        };
        self.timer = Some((Timer::Retransmission, now + left));
    }

    /// The timer may be due. False once the peer counts as gone.
    pub(in crate::transport::tcp) fn expire(&mut self, now: Instant, parameters: &Parameters) -> bool {
        let Some((timer, _)) = self.timer.filter(|&(_, at)| at <= now) else { return true };
        match timer {
            Timer::Retransmission => return self.time_out(now, parameters),
            Timer::Probe => {
                self.probing = self.probe.is_none();
                self.arm_timeout(now, parameters);
            }
            Timer::Reordering => self.stop_waiting(now, parameters),
        }
        true
    }

    fn stop_waiting(&mut self, now: Instant, parameters: &Parameters) {
        let recovering = self.phase >= Phase::Recovery;
        let (least, smoothed) = (self.rtt.minimum(), self.rtt.smoothed());
        let (lost, _, _) = self.board.detect(now, recovering, least, smoothed, true);
        self.counters.losses += u64::from(lost);
        if lost > 0 && self.phase != Phase::Recovery {
            self.enter_recovery();
            self.reduce_proportionally(1, lost, false);
        }
        self.arm_timeout(now, parameters);
    }

    fn time_out(&mut self, now: Instant, parameters: &Parameters) -> bool {
        if self.board.len() == 0 {
            self.timer = None;
            return true;
        }
        if self.backoff >= parameters.retries {
            return false;
        }
        self.counters.timeouts += 1;
        let fresh = self.phase < Phase::Recovery;
        let again = self.backoff > 0;
        self.counters.losses += u64::from(self.board.mark_all_lost(now));
        if self.phase <= Phase::Disorder || self.point <= self.una || (self.phase == Phase::Loss && !again) {
            let threshold = self.window.current_threshold();
            self.window.reduce();
            self.begin_undo(threshold);
        }
        self.window.reset();
        self.window.size = self.board.in_flight() + 1;
        self.phase = Phase::Loss;
        self.point = self.next;
        self.probe = None;
        self.new_first = false;
        self.forward_rto = parameters.forward_rto && (fresh || again);
        self.backoff += 1;
        self.timer = Some((Timer::Retransmission, now + self.timeout(parameters)));
        true
    }
}
