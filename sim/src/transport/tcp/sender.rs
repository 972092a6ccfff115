//! The sending half: when which bytes leave. Loss recovery with proportional rate reduction (RFC 6937 as Linux revised it),
//! tail loss probes (RFC 8985, section 7), timeouts (RFC 6298) with F-RTO (RFC 5682), and undoing of reductions that
//! timestamps (RFC 3522) or duplicate selective acknowledgements (RFC 2883, RFC 3708) show to have been wrong.
//!
//! The phases and the order of steps are those of Linux (`tcp_ack`, `tcp_fastretrans_alert`, `tcp_process_loss`), against which
//! the model is measured; without ECN, reneging receivers and segments of several MSS.

use rapprochement_core::time::{Duration, Instant};

use super::config::Parameters;
use super::congestion::Window;
use super::packet::milliseconds;
use super::rtt::RoundTrip;
use super::scoreboard::{Delivered, Scoreboard};

/// Least time by which timers exceed what they wait for.
const SLACK: Duration = Duration::from_millis(2);

/// Where the sender stands; the order is that of severity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    /// Nothing unusual.
    Open,
    /// Segments arrived out of order; nothing is lost yet.
    Disorder,
    /// The window comes down without a recovery.
    Reduced,
    /// Lost segments are sent again.
    Recovery,
    /// The same after a timeout.
    Loss,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Timer {
    Retransmission,
    Probe,
    Reordering,
}

/// What an acknowledgement says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Acknowledgement<'a> {
    /// Everything below has arrived.
    pub(super) ack: u64,
    /// Arrived out of order, newest first; without the duplicate.
    pub(super) sacks: &'a [(u64, u64)],
    /// What arrived twice.
    pub(super) duplicate: Option<(u64, u64)>,
    /// Milliseconds of our clock at which what it answers was sent.
    pub(super) echo: u32,
    /// The receiver takes offsets below this.
    pub(super) edge: u64,
    /// It carries no data.
    pub(super) pure: bool,
}

/// A segment that leaves: offsets, of which the end may be that of the stream plus one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Transmission {
    pub(super) seq: u64,
    pub(super) end: u64,
}

/// What a sender did.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counters {
    pub(super) retransmissions: u64,
    pub(super) losses: u64,
    pub(super) timeouts: u64,
}

/// What is needed to take a reduction back.
#[derive(Clone, Copy, Debug, Default)]
struct Undo {
    active: bool,
    threshold: u32,
    /// Segments sent again of which no duplicate was reported; -1 before the first.
    unconfirmed: i64,
}

/// The sending half of a connection.
#[derive(Clone, Debug)]
pub(super) struct Sender {
    board: Scoreboard,
    window: Window,
    rtt: RoundTrip,
    phase: Phase,
    una: u64,
    next: u64,
    /// End of what was written.
    written: u64,
    finished: bool,
    edge: u64,
    /// The recovery point: what was sent when the phase began.
    point: u64,
    timer: Option<(Timer, Instant)>,
    /// Timeouts in a row.
    backoff: u32,
    prr_delivered: u64,
    prr_out: u64,
    undo: Undo,
    /// When something was first sent again in this phase, in milliseconds.
    resent_at: Option<u32>,
    forward_rto: bool,
    /// New data go before lost ones until the next acknowledgement (F-RTO).
    new_first: bool,
    /// A probe is to leave.
    probing: bool,
    /// End of what was sent when a probe left, and whether it was an old segment.
    probe: Option<(u64, bool)>,
    /// The window was full at its fullest use, how much that was, and until where it counts.
    limited: bool,
    most_out: u32,
    usage_end: u64,
    last_sent: Instant,
    pub(super) counters: Counters,
}

impl Sender {
    pub(super) fn new(parameters: &Parameters, edge: u64) -> Self {
        Self {
            board: Scoreboard::default(),
            window: Window::new(parameters),
            rtt: RoundTrip::new(parameters.min_rto),
            phase: Phase::Open,
            una: 0,
            next: 0,
            written: 0,
            finished: false,
            edge,
            point: 0,
            timer: None,
            backoff: 0,
            prr_delivered: 0,
            prr_out: 0,
            undo: Undo::default(),
            resent_at: None,
            forward_rto: false,
            new_first: false,
            probing: false,
            probe: None,
            limited: false,
            most_out: 0,
            usage_end: 0,
            last_sent: Instant::ZERO,
            counters: Counters::default(),
        }
    }

    /// The handshake measured a round trip.
    pub(super) fn handshake(&mut self, round_trip: Option<Duration>, edge: u64, one_segment: bool) {
        if let Some(sample) = round_trip {
            self.rtt.sample(sample, 0, 0);
        }
        self.edge = self.edge.max(edge);
        if one_segment {
            self.window.size = 1;
        }
    }

    /// More bytes to send; returns the offset of the first.
    pub(super) fn write(&mut self, bytes: u64) -> u64 {
        let start = self.written;
        self.written = self.written.saturating_add(bytes);
        start
    }

    /// Nothing more will be written.
    pub(super) fn finish(&mut self) {
        self.finished = true;
    }

    pub(super) const fn finished(&self) -> bool {
        self.finished
    }

    /// Everything, the end included, has been acknowledged.
    pub(super) const fn done(&self) -> bool {
        self.finished && self.una > self.written
    }

    pub(super) const fn una(&self) -> u64 {
        self.una
    }

    pub(super) const fn next(&self) -> u64 {
        self.next
    }

    pub(super) const fn written(&self) -> u64 {
        self.written
    }

    pub(super) fn round_trip(&self) -> Option<Duration> {
        self.rtt.smoothed()
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.timer.map(|(_, at)| at)
    }

    /// The timeout with backoff.
    pub(super) fn timeout(&self, parameters: &Parameters) -> Duration {
        let base = self.rtt.timeout().unwrap_or(parameters.initial_rto);
        base.saturating_mul(1 << self.backoff.min(32)).min(parameters.max_rto)
    }

    /// Takes an acknowledgement.
    pub(super) fn acknowledge(&mut self, now: Instant, said: &Acknowledgement<'_>, parameters: &Parameters) {
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

    fn begin_undo(&mut self, threshold: u32) {
        let resent = i64::from(self.board.retransmissions());
        self.undo = Undo { active: true, threshold, unconfirmed: if resent > 0 { resent } else { -1 } };
    }

    fn enter_recovery(&mut self) {
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
                self.forward_rto &= !(news.sacked || !news.advanced);
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

    fn reduce_proportionally(&mut self, delivered: u32, lost: u32, advanced: bool) {
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

    /// The timer after progress: a probe where one may help, else the timeout.
    fn set_timer(&mut self, now: Instant, parameters: &Parameters) {
        if !self.schedule_probe(now, true, parameters) {
            self.arm_timeout(now, parameters);
        }
    }

    fn schedule_probe(&mut self, now: Instant, advancing: bool, parameters: &Parameters) -> bool {
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
    fn arm_timeout(&mut self, now: Instant, parameters: &Parameters) {
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
    pub(super) fn expire(&mut self, now: Instant, parameters: &Parameters) -> bool {
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

    /// The next segment that may leave now.
    pub(super) fn poll(&mut self, now: Instant, parameters: &Parameters) -> Option<Transmission> {
        if std::mem::take(&mut self.probing) {
            return self.send_probe(now, parameters);
        }
        if self.phase >= Phase::Recovery && !self.new_first && self.board.in_flight() < self.window.size {
            if let Some((seq, end)) = self.board.first_waiting() {
                self.resend(now, seq, parameters);
                return Some(Transmission { seq, end });
            }
        }
        if self.board.in_flight() < self.window.size
            && let Some(sent) = self.send_new(now, parameters)
        {
            return Some(sent);
        }
        if self.new_first && self.next == self.point {
            // Nothing new could leave: the usual recovery after all.
            (self.new_first, self.forward_rto) = (false, false);
            return self.poll(now, parameters);
        }
        self.note_usage();
        None
    }

    fn resend(&mut self, now: Instant, seq: u64, parameters: &Parameters) {
        if seq == self.una && !matches!(self.timer, Some((Timer::Reordering, _))) {
            self.timer = Some((Timer::Retransmission, now + self.timeout(parameters)));
        }
        self.board.resend(now, seq);
        self.counters.retransmissions += 1;
        self.resent_at.get_or_insert(milliseconds(now));
        self.undo.unconfirmed = self.undo.unconfirmed.max(0) + 1;
        if matches!(self.phase, Phase::Reduced | Phase::Recovery) {
            self.prr_out += 1;
        }
    }

    /// The next new segment, whatever the window says.
    fn send_new(&mut self, now: Instant, parameters: &Parameters) -> Option<Transmission> {
        let seq = self.next;
        let end = if seq < self.written {
            let end = self.written.min(seq + parameters.mss);
            let small = end - seq < parameters.mss && !self.finished;
            if end > self.edge || small && parameters.nagle && self.board.len() > 0 {
                return None;
            }
            end
        } else if self.finished && seq == self.written {
            seq + 1
        } else {
            return None;
        };
        let idle = now.since(self.last_sent);
        if parameters.slow_start_after_idle && self.board.len() == 0 && self.next > 0 {
            let timeout = self.timeout(parameters);
            if idle > timeout {
                self.window.idle(idle, timeout, parameters.initial_window);
            }
        }
        let first = self.board.len() == 0;
        self.board.push(now, seq, end);
        self.next = end;
        self.last_sent = now;
        if first || matches!(self.timer, Some((Timer::Probe, _))) {
            self.arm_timeout(now, parameters);
        }
        self.schedule_probe(now, false, parameters);
        if matches!(self.phase, Phase::Reduced | Phase::Recovery) {
            self.prr_out += 1;
        }
        Some(Transmission { seq, end })
    }

    /// A new segment where there is one, else the last one again.
    fn send_probe(&mut self, now: Instant, parameters: &Parameters) -> Option<Transmission> {
        let sent = self.send_new(now, parameters);
        self.probe = Some((self.next, sent.is_none()));
        if sent.is_none()
            && let Some((seq, _)) = self.board.last()
        {
            self.board.resend_probe(now, seq);
            self.counters.retransmissions += 1;
        }
        self.arm_timeout(now, parameters);
        sent.or_else(|| self.board.last().map(|(seq, end)| Transmission { seq, end }))
    }

    /// How far the window was used, by which it may grow.
    fn note_usage(&mut self) {
        let (out, full) = (self.board.len(), self.board.in_flight() >= self.window.size);
        if self.una >= self.usage_end || full || (!self.limited && out > self.most_out) {
            (self.limited, self.most_out, self.usage_end) = (full, out, self.next);
        }
    }
}
