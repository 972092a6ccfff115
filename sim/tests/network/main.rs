//! The network as a run meets it.

mod delays;
mod fates;
mod queueing;

use std::path::Path;

use rapprochement_core::time::{Duration, Instant};
use rapprochement_sim::network::config::{Access, Latency, NetworkConfig};
use rapprochement_sim::network::{Delivery, Network, Outgoing};
use rapprochement_sim::problem::Problem;
use rapprochement_sim::random::Streams;
use rapprochement_sim::units::{Rate, Span};

fn build(config: &NetworkConfig, nodes: u32) -> Network {
    Network::build(config, nodes, Path::new("."), &Streams::new(1)).unwrap()
}

fn problems(config: &NetworkConfig, nodes: u32) -> Vec<Problem> {
    Network::build(config, nodes, Path::new("."), &Streams::new(1)).unwrap_err()
}

#[test]
fn two_halves_of_the_cloud_table_may_run_forty_milliseconds_apart() {
    let network = build(&NetworkConfig::default(), 33_000);
    let (starts, lookahead) = network.shards(2);
    assert_eq!(starts.len(), 3);
    let share = f64::from(starts[1]) / 33_000.0;
    assert!((0.4..=0.6).contains(&share), "{share}");
    assert!(lookahead >= Duration::from_millis(40), "{lookahead}");
    for a in (0..starts[1]).step_by(100) {
        for b in (starts[1]..33_000).step_by(100) {
            assert!(network.latency(a, b).min(network.latency(b, a)) >= lookahead);
        }
    }
    assert_eq!(network.group_names().len(), 33);
}

/// 1,000 payload bytes are 1,028 on the wire and take 8.224 ms at 1 Mbit/s. Were the link a pipe of one message per
/// latency, the second would arrive 50 ms after the first.
#[test]
fn messages_back_to_back_arrive_a_transmission_apart() {
    let config = NetworkConfig {
        latency: Latency::Constant(Span(Duration::from_millis(50))),
        access: Access { uplink: Some(Rate(1_000_000)), ..Access::default() },
        ..NetworkConfig::default()
    };
    let network = build(&config, 2);
    let mut out = Outgoing::default();
    for k in 1..=1000u64 {
        let fate = network.transmit(&mut out, Instant::ZERO, 0, 1, k as u32, 1000);
        assert_eq!(fate.wire_bytes, 1028);
        assert_eq!(fate.queued, Duration::from_micros(8224 * (k - 1)));
        assert_eq!(fate.outcome, Delivery::Arrives(Instant::from_nanos(50_000_000 + k * 8_224_000)));
    }
}
