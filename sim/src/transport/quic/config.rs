//! `transport.quic`: what a scenario says about QUIC. The defaults are those of `quinn-proto` 0.11.19, but for the
//! windows and the packet size, which are those of the measurement that the tests repeat.

use rapprochement_core::time::Duration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::problem::Problem;
use crate::units::{Size, Span};

/// `transport.quic`: the real `quinn-proto` in virtual time (RFC 9000, 9001, 9002).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct QuicConfig {
    /// How messages share a connection.
    pub streams: Streams,
    /// What protects packets.
    pub crypto: Crypto,
    /// Whether a client that has been connected to a peer before sends with its first packet (0-RTT).
    pub zero_rtt: bool,
    /// Payload of the largest UDP datagram, 1200 B to 65,527 B; the path is not probed for it.
    pub mtu: Size,
    /// Bytes that may be on the way without being read, on each stream and on the whole connection; also the bytes that a
    /// sender keeps until they are acknowledged.
    pub window: Size,
    /// Streams that a peer may have open at once; further messages wait for one to end. 1 to 60,000.
    pub streams_max: u32,
    /// A connection without packets for so long is given up, without a word.
    pub idle_timeout: Span,
    /// A packet after so long without one keeps the connection from being given up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_alive: Option<Span>,
    /// Congestion control.
    pub congestion: Congestion,
    /// Congestion window at the beginning.
    pub initial_window: Size,
    /// A packet that finds so many packets before it in some queue is marked (explicit congestion notification), and the
    /// sender slows down as after a loss.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mark_above: Option<u32>,
}

/// `transport.quic.streams`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Streams {
    /// Every message has a stream of its own: a loss holds up the messages that it hit, and no others.
    #[default]
    PerMessage,
    /// All messages of one direction follow each other on one stream, as on TCP.
    One,
}

/// `transport.quic.crypto`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Crypto {
    /// Nothing is encrypted, and all sizes are those of `rustls`: for sweeps.
    #[default]
    Null,
    /// The real `rustls` with `ring`; only in a build with the feature `rustls`.
    Rustls,
}

/// `transport.quic.congestion`. The BBR of `quinn-proto` is experimental, and left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Congestion {
    /// RFC 8312, with the fast convergence of RFC 9438.
    #[default]
    Cubic,
    /// RFC 9002, section 7.
    NewReno,
}

impl Default for QuicConfig {
    fn default() -> Self {
        Self {
            streams: Streams::PerMessage,
            crypto: Crypto::Null,
            zero_rtt: true,
            mtu: Size(1452),
            window: Size(16 << 20),
            streams_max: 100,
            idle_timeout: Span(Duration::from_secs(30)),
            keep_alive: None,
            congestion: Congestion::Cubic,
            initial_window: Size(12_000),
            mark_above: None,
        }
    }
}

impl QuicConfig {
    /// What is wrong with it; `path` is where the scenario has it.
    pub fn problems(&self, path: &str) -> Vec<Problem> {
        let at = |key: &str| format!("{path}.{key}");
        let mut problems = Vec::new();
        let mut range = |key: &str, value: u64, least: u64, most: u64, what: &str| {
            if !(least..=most).contains(&value) {
                problems.push(Problem::new(at(key), format!("{what} is out of range"), format!("{least} to {most}")));
            }
        };
        range("mtu", self.mtu.0, 1200, 65_527, "this number of bytes");
        range("window", self.window.0, 1 << 14, 1 << 32, "this number of bytes");
        range("initial_window", self.initial_window.0, 2 * self.mtu.0.max(1), 1 << 32, "this number of bytes");
        range("streams_max", self.streams_max.into(), 1, 60_000, "this number of streams");
        let millisecond = 1_000_000;
        range("idle_timeout", self.idle_timeout.as_nanos(), millisecond, u64::MAX, "this time in ns");
        if let Some(span) = self.keep_alive.filter(|span| span.as_nanos() < millisecond) {
            let message = format!("a packet every {span} to keep a connection");
            problems.push(Problem::new(at("keep_alive"), message, "use at least \"1 ms\""));
        }
        if self.crypto == Crypto::Rustls && !cfg!(feature = "rustls") {
            let message = "this build has no rustls";
            problems.push(Problem::new(at("crypto"), message, "build with `--features rustls`, or write \"null\""));
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_sound_and_extremes_are_named() {
        assert_eq!(QuicConfig::default().problems("transport.quic"), []);
        let bad = QuicConfig {
            mtu: Size(1199),
            window: Size(u64::MAX),
            initial_window: Size(0),
            streams_max: 0,
            idle_timeout: Span(Duration::ZERO),
            keep_alive: Some(Span(Duration::ZERO)),
            ..QuicConfig::default()
        };
        let paths: Vec<_> = bad.problems("q").into_iter().map(|problem| problem.path).collect();
        assert_eq!(paths, ["q.mtu", "q.window", "q.initial_window", "q.streams_max", "q.idle_timeout", "q.keep_alive"]);
    }

    #[test]
    fn an_empty_table_is_the_default_and_unknown_keys_are_refused() {
        assert_eq!(toml::from_str::<QuicConfig>("").unwrap(), QuicConfig::default());
        assert!(toml::from_str::<QuicConfig>("stream = \"one\"").is_err());
        let one: QuicConfig = toml::from_str("streams = \"one\"\ncongestion = \"new_reno\"").unwrap();
        assert_eq!((one.streams, one.congestion), (Streams::One, Congestion::NewReno));
    }
}
