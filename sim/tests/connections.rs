//! What is measured of connections, against closed forms on links that are simple enough for them.
//!
//! A packet takes 66 bytes beside what the transport encodes: 20 of IP, 8 of UDP where there is UDP, and 38 of Ethernet. At
//! 100 Mbit/s a byte takes 80 ns.

mod common;

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use common::{experiment, run};
use rapprochement_sim::measure::results::Results;
use rapprochement_sim::model::{self, RunOptions};
use rapprochement_sim::scenario::parse;
use rapprochement_sim::transport::config::TransportConfig;
use rapprochement_sim::transport::quic::config::QuicConfig;

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

/// A scalar in nanoseconds.
fn nanos(results: &Results, metric: &str) -> f64 {
    (results.get(metric).unwrap_or_else(|| panic!("{metric}")) * 1e9).round()
}

/// One way over the link of these tests, in nanoseconds.
const WAY: f64 = 50e6;

/// A request of 10 kB to somebody new and, 5 s later, a second one over what is open.
fn two_calls(transport: &str, network: &str, keys: &str) -> Results {
    let calls_of = format!("calls = 2, gap.constant = '5 s', request.constant = '10 kB', {keys}");
    calls(transport, network, &calls_of)
}

/// A SYN and its answer of 98 bytes each, the bare acknowledgement of 90, and the first segment of 1,538: three ways.
#[test]
fn the_first_byte_over_tcp_takes_one_and_a_half_round_trips_and_a_segment() {
    let results = two_calls("transport.tcp = {}", "access.uplink = '100 Mbit/s'", "");
    assert_eq!(nanos(&results, "cold_first_byte_max_s"), 3.0 * WAY + 80.0 * f64::from(98 + 98 + 90 + 1_538));
    assert_eq!(nanos(&results, "warm_first_byte_max_s"), WAY + 80.0 * 1_538.0);
    assert!(nanos(&results, "cold_call_latency_max_s") > nanos(&results, "cold_first_byte_max_s"));
}

/// What is in one record can be read when all of it is there, and the first of several records before the last.
#[test]
fn the_first_byte_over_tls_waits_for_its_record() {
    let uplink = "access.uplink = '100 Mbit/s'";
    for (tls, round_trips) in [("full", 2.5), ("resumed", 1.5)] {
        let transport = format!("transport.tls.tls = '{tls}'");
        let results = two_calls(&transport, "", "");
        assert_eq!(nanos(&results, "cold_first_byte_max_s"), round_trips * 2.0 * WAY, "{tls}");
        let results = two_calls(&transport, uplink, "");
        assert_eq!(nanos(&results, "cold_first_byte_max_s"), nanos(&results, "cold_call_latency_max_s"), "{tls}");
        let longer = calls(&transport, uplink, "calls = 1, request.constant = '100 kB'");
        assert!(nanos(&longer, "cold_first_byte_max_s") < nanos(&longer, "cold_call_latency_max_s"), "{tls}");
    }
}

#[test]
fn the_first_byte_over_quic_takes_half_a_round_trip_with_0_rtt_and_one_and_a_half_without() {
    let new_ones = "reply = '1 B', connection = 'per_call'";
    for (streams, zero_rtt, again) in [("per_message", true, 1.0), ("per_message", false, 3.0), ("one", true, 1.0)] {
        let transport = format!("transport.quic = {{ streams = '{streams}', zero_rtt = {zero_rtt} }}");
        let results = two_calls(&transport, "", new_ones);
        assert_eq!(nanos(&results, "cold_first_byte_max_s"), 3.0 * WAY, "{transport}");
        assert_eq!(nanos(&results, "warm_first_byte_max_s"), again * WAY, "{transport}");
        let open = two_calls(&transport, "", "");
        assert_eq!(nanos(&open, "warm_first_byte_max_s"), WAY, "{transport}");
    }
}

/// The directory, a round trip of allocation, the time to accept, and half a round trip: encrypted or not.
#[test]
fn the_first_byte_over_a_flow_takes_its_allocation_and_half_a_round_trip() {
    for encrypted in [false, true] {
        let transport = format!(
            "transport.ouroboros = {{ directory.constant = '20 ms', accept = '3 ms', encrypted = {encrypted} }}"
        );
        let results = two_calls(&transport, "", "");
        assert_eq!(nanos(&results, "cold_first_byte_max_s"), 20e6 + 2.0 * WAY + 3e6 + WAY);
        assert_eq!(nanos(&results, "warm_first_byte_max_s"), WAY);
    }
}

#[test]
fn a_datagram_is_handed_over_whole() {
    let results = two_calls("transport = 'datagram'", "access.uplink = '100 Mbit/s'", "");
    assert_eq!(nanos(&results, "call_first_byte_max_s"), nanos(&results, "call_latency_max_s"));
}

/// In time, late, given up, pending at the end.
fn fates(results: &Results) -> [f64; 4] {
    ["in_time", "late", "given_up", "pending_at_end"].map(|fate| results.get(&format!("calls_{fate}")).unwrap())
}

/// A call at every second from 0 to 9 of ten, each way as long as said.
fn ten_calls(way: &str, calls: &str) -> Results {
    let text = format!(
        "name = 'fates'\nnodes = 2\nduration = '10 s'\nnetwork.latency.constant = '{way}'\n\
         protocol.calls = {{ calls = 20, gap.constant = '1 s', {calls} }}"
    );
    let scenario = parse("fates", &text, &[]).unwrap_or_else(|wrong| panic!("{wrong}")).scenario;
    run(&experiment(&scenario), &RunOptions::default()).results
}

/// Of the ten, those of 0 to 7 s are complete at 9.5 s; that of 8 s is not, and its patience may be over; that of 9 s may be waited for.
#[test]
fn calls_are_in_time_late_given_up_or_pending() {
    for (way, reply) in [("2.5 s", ""), ("1.25 s", ", reply = '20 B'")] {
        for (patience, expected) in [("3 s", [8.0, 0.0, 0.0, 2.0]), ("1.5 s", [0.0, 8.0, 1.0, 1.0])] {
            let results = ten_calls(way, &format!("patience = '{patience}'{reply}"));
            assert_eq!(results.get("calls_made"), Some(10.0));
            assert_eq!(fates(&results), expected, "{way}, {patience}");
            let [_, late, given_up, _] = expected;
            assert_eq!(results.get("calls_undelivered_share"), Some((late + given_up) / 10.0));
        }
    }
}

/// Whatever is lost or comes twice, and whoever crashes, each call that was made has one fate.
#[test]
fn every_call_has_one_fate_with_loss_and_crashes() {
    let mut all = [0.0; 4];
    for transport in ["transport = 'datagram'", "transport.tcp = {}", "transport.quic = {}", "transport.ouroboros = {}"]
    {
        for (reply, churn) in [("", false), ("", true), ("reply = '2 kB', ", false), ("reply = '2 kB', ", true)] {
            let churn = if churn {
                "churn.sessions.times = { up.exponential.mean = '8 s', down.exponential.mean = '1 s' }"
            } else {
                ""
            };
            let text = format!(
                "name = 'fates'\nseed = 3\nnodes = 8\nduration = '30 s'\n{transport}\n{churn}\n\
                 network = {{ latency.constant = '50 ms', loss.independent = '10 %', duplicate = '5 %', \
                 packet = {{ mtu = '1538 B', headers = '66 B' }} }}\n\
                 protocol.calls = {{ callers = 4, calls = 200, gap.exponential.mean = '200 ms', {reply}\
                 request.constant = '4 kB', patience = '400 ms' }}"
            );
            let scenario = parse("fates", &text, &[]).unwrap_or_else(|wrong| panic!("{wrong}")).scenario;
            let results = run(&experiment(&scenario), &RunOptions::default()).results;
            let fates = fates(&results);
            assert_eq!(results.get("calls_made"), Some(fates.iter().sum()), "{text}");
            all.iter_mut().zip(fates).for_each(|(sum, count)| *sum += count);
        }
    }
    assert!(all.iter().all(|count| *count > 0.0), "{all:?}");
}

#[test]
fn a_transport_that_cannot_be_built_is_an_error_with_its_place() {
    let text = "name = 'wrong'\nnodes = 2\nduration = '1 s'\nprotocol.calls = {}";
    let scenario = parse("wrong", text, &[]).unwrap_or_else(|wrong| panic!("{wrong}")).scenario;
    let mut wrong = experiment(&scenario);
    wrong.transport = TransportConfig::Quic(QuicConfig { streams_max: 0, ..QuicConfig::default() });
    let problems = model::run(&wrong, &RunOptions::default(), &mut |_| ControlFlow::Continue(())).unwrap_err();
    assert_eq!(problems[0].path, "transport.quic.streams_max");
}
