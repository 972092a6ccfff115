//! What is measured of connections, against closed forms on links that are simple enough for them.
//!
//! A packet takes 66 bytes beside what the transport encodes: 20 of IP, 8 of UDP where there is UDP, and 38 of Ethernet. At
//! 100 Mbit/s a byte takes 80 ns.

mod common;

use std::collections::BTreeMap;

use common::{experiment, run};
use rapprochement_sim::measure::results::Results;
use rapprochement_sim::model::RunOptions;
use rapprochement_sim::scenario::parse;

const TRANSPORTS: [&str; 3] = ["tcp = {}", "quic = {}", "ouroboros = {}"];

/// Calls over a transport from node 0 to node 1, 50 ms away: the keys of the network and of the calls, and what came out.
fn calls(transport: &str, network: &str, calls: &str) -> Results {
    let text = format!(
        "name = 'calls'\nseed = 5\nnodes = 2\nduration = '10 min'\n{transport}\n\
         network = {{ latency.constant = '50 ms', packet = {{ mtu = '1538 B', headers = '66 B' }}, {network} }}\n\
         protocol.calls = {{ {calls} }}"
    );
    let scenario = parse("calls", &text, &[]).unwrap_or_else(|wrong| panic!("{wrong}")).scenario;
    run(&experiment(&scenario), &RunOptions::default()).results
}

/// The rows of `flows.csv` of a node, by column.
fn flows(results: &Results, node: f64) -> Vec<BTreeMap<&str, f64>> {
    let table = results.tables.iter().find(|table| table.name == "flows").expect("connections have rows");
    let rows = table.rows.iter().filter(|row| row[0] == node);
    rows.map(|row| table.columns.iter().map(String::as_str).zip(row.iter().copied()).collect()).collect()
}

/// The jitter of the one connection that node 1 was called over.
fn jitter(results: &Results) -> f64 {
    let rows = flows(results, 1.0);
    assert_eq!(rows.len(), 1);
    rows[0]["jitter_ns"]
}

#[test]
fn packets_of_one_length_over_a_constant_delay_have_no_jitter() {
    for transport in TRANSPORTS {
        let one = calls(&format!("transport.{transport}"), "", "calls = 1, request.constant = '500 B'");
        assert!(jitter(&one).is_nan(), "{transport}: one packet has no jitter");
        let many = calls(&format!("transport.{transport}"), "", "calls = 50, request.constant = '500 B'");
        assert_eq!(jitter(&many), 0.0, "{transport}");
    }
}

/// Two packets of a message leave at once, so the second waits for the first, and its transit is longer by its own length. The
/// first message stands behind the bare acknowledgement that ends the handshake, which the first step of the second lacks.
#[test]
fn what_a_link_serialises_is_jitter() {
    let messages = 20;
    let results = calls(
        "transport.tcp = {}",
        "access.uplink = '100 Mbit/s'",
        &format!("calls = {messages}, request.constant = '2000 B'"),
    );
    let header = 32 + 58;
    let (rest, acknowledgement) = (80 * (2_004 - 1_448 + header), 80 * header);
    let steps = 2 * messages - 1;
    assert_eq!(jitter(&results), f64::from((steps * rest + acknowledgement) / steps));
}

/// Packets a second apart, each late by a uniform draw from 0 to a: the mean difference of two is a / 3. Consecutive differences
/// share a packet, so the variance of the mean of n is a^2 / 15 n (a^2 / 18 of one, and a^2 / 180 twice of its neighbours).
#[test]
fn drawn_delays_have_the_mean_difference_of_their_distribution() {
    for transport in TRANSPORTS {
        let results = calls(
            &format!("transport.{transport}"),
            "jitter.delay.uniform = { min = '0 ms', max = '10 ms' }",
            "calls = 500, request.constant = '500 B'",
        );
        let (a, n) = (10e6, 499.0);
        let error = a / f64::sqrt(15.0 * n);
        let jitter = jitter(&results);
        assert!((jitter - a / 3.0).abs() < 3.0 * error, "{transport}: {jitter} ns, not {} +- {error}", a / 3.0);
    }
}
