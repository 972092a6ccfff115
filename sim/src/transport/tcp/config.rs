//! What a scenario says about TCP. Data only; [`TcpConfig::parameters`] gives the state machines plain numbers.

use rapprochement_core::time::Duration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::units::{Share, Size, Span};

/// `transport.tcp`: the constants of one implementation, by default those of Linux.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TcpConfig {
    /// How the congestion window grows and shrinks.
    pub congestion: CongestionControl,
    /// Constants of CUBIC.
    pub cubic: CubicConfig,
    /// Largest payload of a segment: 1500 bytes of MTU less 20 of IP and 32 of TCP with timestamps.
    pub mss: Size,
    /// Segments that may be under way before the first acknowledgement (RFC 6928).
    pub initial_window: u32,
    /// Bytes that a receiver lets be under way, out of order ones included.
    pub receive_window: Size,
    /// Timeout of the first SYN, and of data before the round trip was measured (RFC 6298, section 2.1).
    pub initial_rto: Span,
    /// The least distance of the timeout of retransmission from the smoothed round trip; RFC 6298 has 1 s, Linux 200 ms.
    pub min_rto: Span,
    /// The longest timeout after backing off.
    pub max_rto: Span,
    /// How often a SYN is sent again before the peer counts as gone.
    pub syn_retries: u32,
    /// Timeouts in a row after which the peer counts as gone.
    pub retries: u32,
    /// Longest wait of an acknowledgement for a second segment (RFC 9293, section 3.8.6.3).
    pub delayed_ack: Span,
    /// Segments at the start of a connection that are acknowledged each at once.
    pub quick_acks: u32,
    /// Least time between acknowledgements of segments out of order, behind the first three; 0 for one per segment.
    pub sack_interval: Span,
    /// Whether a probe is sent where the last segments stay unacknowledged (RFC 8985, section 7).
    pub tail_loss_probe: bool,
    /// Whether a timeout is first checked for being spurious (F-RTO, RFC 5682).
    pub forward_rto: bool,
    /// Whether the window shrinks while nothing is sent (RFC 2861).
    pub slow_start_after_idle: bool,
    /// Whether small segments wait while others are unacknowledged (RFC 9293, section 3.7.4); who sends messages has it off.
    pub nagle: bool,
    /// How long the side that closes remembers a closed connection.
    pub time_wait: Span,
    /// A connection without data for so long is closed; none where it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle_timeout: Option<Span>,
    /// What lies between TCP and the messages.
    pub tls: Tls,
    /// Bytes of the server's first flight in a full handshake, whose certificates make the difference; RFC 8448,
    /// section 3, has 95 and 679 for one certificate of 1024-bit RSA.
    pub tls_server_flight: Size,
}

impl Default for TcpConfig {
    fn default() -> Self {
        let millis = |n| Span(Duration::from_millis(n));
        Self {
            congestion: CongestionControl::default(),
            cubic: CubicConfig::default(),
            mss: Size(1448),
            initial_window: 10,
            receive_window: Size(16 << 20),
            initial_rto: millis(1000),
            min_rto: millis(200),
            max_rto: millis(120_000),
            syn_retries: 6,
            retries: 15,
            delayed_ack: millis(40),
            quick_acks: 16,
            sack_interval: millis(1),
            tail_loss_probe: true,
            forward_rto: true,
            slow_start_after_idle: true,
            nagle: false,
            time_wait: millis(60_000),
            idle_timeout: None,
            tls: Tls::None,
            tls_server_flight: Size(95 + 679),
        }
    }
}

/// Algorithms of congestion control.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CongestionControl {
    /// RFC 9438.
    #[default]
    Cubic,
    /// RFC 5681.
    Reno,
}

/// `transport.tcp.cubic`: RFC 9438, section 4.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CubicConfig {
    /// Scale C of the cubic function, in segments per second cubed.
    pub c: f64,
    /// What a loss leaves of the window.
    pub beta: Share,
    /// Whether a window that did not grow back to its last maximum gives up more of it (section 4.7).
    pub fast_convergence: bool,
    /// Whether the window is at least that of an equivalent Reno (section 4.3).
    pub reno_friendly: bool,
    /// Whether slow start ends before a loss where acknowledgements say that the path is full (S. Ha and I. Rhee, "Taming
    /// the elephants: new TCP slow start", Computer Networks 55, 2011).
    pub hystart: bool,
}

impl Default for CubicConfig {
    fn default() -> Self {
        Self { c: 0.4, beta: Share(0.7), fast_convergence: true, reno_friendly: true, hystart: true }
    }
}

/// What lies between TCP and the messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Tls {
    /// Nothing.
    #[default]
    None,
    /// TLS 1.3 with a full handshake: one more round trip before the first message.
    Full,
    /// TLS 1.3 that resumes a session: messages go with the first flight (early data).
    Resumed,
}

/// [`TcpConfig`] in plain numbers, all of them within bounds that no arithmetic overflows.
#[derive(Clone, Debug)]
pub struct Parameters {
    pub(super) congestion: CongestionControl,
    pub(super) cubic: CubicConfig,
    pub(super) mss: u64,
    pub(super) initial_window: u32,
    pub(super) receive_window: u64,
    pub(super) initial_rto: Duration,
    pub(super) min_rto: Duration,
    pub(super) max_rto: Duration,
    pub(super) syn_retries: u32,
    pub(super) retries: u32,
    pub(super) delayed_ack: Duration,
    pub(super) quick_acks: u32,
    pub(super) sack_interval: Duration,
    pub(super) tail_loss_probe: bool,
    pub(super) forward_rto: bool,
    pub(super) slow_start_after_idle: bool,
    pub(super) nagle: bool,
    pub(super) time_wait: Duration,
    pub(super) idle_timeout: Option<Duration>,
    pub(super) tls: Tls,
    pub(super) tls_server_flight: u64,
}

const MSS_MAX: u64 = 65_483;
const WINDOW_MAX: u64 = 1 << 30;

impl TcpConfig {
    /// What is wrong: the key below `transport.tcp`, and why.
    pub fn problems(&self) -> Vec<(&'static str, String)> {
        let mut problems = Vec::new();
        let mut check = |key, fine: bool, why: &str| {
            if !fine {
                problems.push((key, why.to_owned()));
            }
        };
        check("mss", (88..=MSS_MAX).contains(&self.mss.0), "a segment carries 88 to 65483 bytes");
        check("initial_window", (1..=65_535).contains(&self.initial_window), "from 1 to 65535 segments");
        let window = self.mss.0..=WINDOW_MAX;
        check("receive_window", window.contains(&self.receive_window.0), "from one segment to 1 GiB (RFC 7323)");
        let timeouts = !self.initial_rto.0.is_zero() && !self.min_rto.0.is_zero() && self.max_rto >= self.min_rto;
        check("min_rto", timeouts, "timeouts are positive, and max_rto is not below min_rto");
        check("cubic.c", self.cubic.c > 0.0 && self.cubic.c <= 1e6, "a positive number, at most 1e6");
        let beta = self.cubic.beta.0;
        check("cubic.beta", beta > 0.0 && beta < 1.0, "more than 0 and less than 1");
        let flight = (1..=1 << 20).contains(&self.tls_server_flight.0);
        let idle = self.idle_timeout.is_none_or(|span| span.0 >= Duration::from_millis(1));
        check("idle_timeout", idle, "at least 1 ms, or left out");
        check("tls_server_flight", flight, "from 1 byte to 1 MiB");
        problems
    }

    /// The plain numbers; what [`TcpConfig::problems`] objects to is moved to the nearest bound.
    pub fn parameters(&self) -> Parameters {
        let least = Duration::from_micros(1);
        let min_rto = self.min_rto.0.max(least);
        let mut cubic = self.cubic;
        cubic.c = if cubic.c > 0.0 { cubic.c.min(1e6) } else { 0.4 };
        cubic.beta = Share(if cubic.beta.0 > 0.0 { cubic.beta.0.min(0.99) } else { 0.7 });
        let mss = self.mss.0.clamp(88, MSS_MAX);
        Parameters {
            congestion: self.congestion,
            cubic,
            mss,
            initial_window: self.initial_window.clamp(1, 65_535),
            receive_window: self.receive_window.0.clamp(mss, WINDOW_MAX),
            initial_rto: self.initial_rto.0.max(least),
            min_rto,
            max_rto: self.max_rto.0.max(min_rto),
            syn_retries: self.syn_retries,
            retries: self.retries,
            delayed_ack: self.delayed_ack.0,
            quick_acks: self.quick_acks,
            sack_interval: self.sack_interval.0,
            tail_loss_probe: self.tail_loss_probe,
            forward_rto: self.forward_rto,
            slow_start_after_idle: self.slow_start_after_idle,
            nagle: self.nagle,
            time_wait: self.time_wait.0,
            idle_timeout: self.idle_timeout.map(|span| span.0),
            tls: self.tls,
            tls_server_flight: self.tls_server_flight.0.clamp(1, 1 << 20),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_fine_and_nonsense_is_named() {
        assert!(TcpConfig::default().problems().is_empty());
        let cubic = CubicConfig { c: f64::NAN, beta: Share(1.0), ..CubicConfig::default() };
        let config = TcpConfig { mss: Size(0), initial_window: 0, cubic, ..TcpConfig::default() };
        let keys: Vec<_> = config.problems().into_iter().map(|(key, _)| key).collect();
        assert_eq!(keys, ["mss", "initial_window", "cubic.c", "cubic.beta"]);
        let parameters = config.parameters();
        assert!(parameters.mss > 0 && parameters.cubic.c > 0.0 && parameters.cubic.beta.0 < 1.0);
    }
}
