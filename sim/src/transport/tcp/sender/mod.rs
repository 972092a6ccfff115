//! The sending half: when which bytes leave. Loss recovery with proportional rate reduction (RFC 6937 as Linux revised it),
//! tail loss probes (RFC 8985, section 7), timeouts (RFC 6298) with F-RTO (RFC 5682), and undoing of reductions that
//! timestamps (RFC 3522) or duplicate selective acknowledgements (RFC 2883, RFC 3708) show to have been wrong.
//!
//! The phases and the order of steps are those of Linux (`tcp_ack`, `tcp_fastretrans_alert`, `tcp_process_loss`), against which
//! the model is measured; without ECN, reneging receivers and segments of several MSS.
//!
//! | file | what |
//! |---|---|
//! | [`recovery`] | what an acknowledgement changes |
//! | [`timers`] | what the passing of time changes |

mod recovery;
mod timers;

use rapprochement_core::time::{Duration, Instant};

use super::config::Parameters;
use super::congestion::Window;
use super::packet::milliseconds;
use super::rtt::RoundTrip;
use super::scoreboard::Scoreboard;

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

    /// The next segment that may leave now.
    pub(super) fn poll(&mut self, now: Instant, parameters: &Parameters) -> Option<Transmission> {
        if std::mem::take(&mut self.probing) {
            return self.send_probe(now, parameters);
        }
        if self.phase >= Phase::Recovery
            && !self.new_first
            && self.board.in_flight() < self.window.size
            && let Some((seq, end)) = self.board.first_waiting()
        {
            self.resend(now, seq, parameters);
            return Some(Transmission { seq, end });
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
        self.resent_at.get_or_insert_with(|| milliseconds(now));
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
