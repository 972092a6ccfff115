//! Against the kernel's figures, closed forms, and what must hold whatever is lost.

use std::sync::Arc;

use proptest::prelude::*;
use rapprochement_core::peer::SimPeer;
use rapprochement_core::time::{Duration, Instant};

use super::config::{CongestionControl, TcpConfig, Tls};
use super::kernel::{SLACK, cases, distance, quantile};
use super::packet::{Flags, TcpPacket};
use super::rig::{Link, Rig, Text, independent};
use super::stack::TcpStack;
use crate::transport::stack::{Output, Stack};
use crate::units::Span;

fn lossless(_: usize, _: &TcpPacket<Text>) -> bool {
    false
}

fn link(mbit: u64, delay_ms: u64, queue: u64) -> Link {
    Link { rate: mbit * 1_000_000, delay: Duration::from_millis(delay_ms), queue }
}

fn with(congestion: CongestionControl) -> TcpConfig {
    TcpConfig { congestion, ..TcpConfig::default() }
}

#[test]
fn transfers_without_loss_take_as_long_as_the_kernels() {
    for case in cases().into_iter().filter(|case| case.loss == 0.0) {
        let (model, kernel) = (case.model(0), quantile(&case.kernel, 0.5));
        // The queue of the 10 MB transfers overflows, which leaves more to chance.
        let tolerance = if case.bytes > 1_000_000 { 0.05 } else { 0.01 };
        assert!((model / kernel - 1.0).abs() < tolerance, "{case:?}: {model} ms");
    }
}

#[test]
fn transfers_under_random_loss_are_distributed_as_the_kernels() {
    for case in cases().into_iter().filter(|case| case.loss > 0.0) {
        let apart = distance(&case.kernel, &case.models(0..1000), SLACK);
        assert!(apart <= 0.15, "{:?} {}: {apart}", case.congestion, case.loss);
    }
}

/// Mean number of segments per round trip of 100 ms where every `period`-th packet with payload is lost.
fn mean_window(congestion: CongestionControl, period: u64, cycles: u64) -> f64 {
    let mut count = 0;
    let lose = move |way: usize, packet: &TcpPacket<Text>| {
        count += u64::from(way == 0 && packet.payload > 0);
        way == 0 && packet.payload > 0 && count % period == 0
    };
    let mut rig = Rig::new(2, &with(congestion), link(10_000, 50, 1 << 30), lose);
    let message = Arc::new(Text(vec![0; 144_796]));
    let messages = (period * cycles / 100) as usize;
    for _ in 0..messages {
        rig.send_message(0, 1, Arc::clone(&message));
    }
    let (from, to) = (messages / 3, messages);
    let start = rig.run_until(from).unwrap();
    let time = rig.run_until(to).unwrap().since(start);
    (to - from) as f64 * 100.0 / (time.as_secs_f64() / 0.1)
}

/// M. Mathis et al., "The macroscopic behavior of the TCP congestion avoidance algorithm", CCR 27(3), 1997: sqrt(3 / 2p)
/// for periodic losses.
#[test]
fn reno_keeps_to_the_square_root_law() {
    for period in [1_000, 5_000] {
        let law = libm::sqrt(1.5 * period as f64);
        let mean = mean_window(CongestionControl::Reno, period, 60);
        assert!((mean / law - 1.0).abs() < 0.1, "1/{period}: {mean}, the law {law}");
    }
}

/// RFC 9438, section 5.1: (C (3 + beta) / (4 (1 - beta)))^(1/4) (RTT / p)^(3/4).
#[test]
fn cubic_has_the_average_window_of_its_rfc() {
    let period = 10_000;
    let law = libm::pow(0.4 * 3.7 / (4.0 * 0.3), 0.25) * libm::pow(0.1 * period as f64, 0.75);
    let mean = mean_window(CongestionControl::Cubic, period, 45);
    assert!((mean / law - 1.0).abs() < 0.1, "{mean}, the law {law}");
}

#[test]
fn two_flows_share_a_bottleneck() {
    for congestion in [CongestionControl::Reno, CongestionControl::Cubic] {
        let mut rig = Rig::new(4, &with(congestion), link(100, 10, 250_000), lossless);
        let message = Arc::new(Text(vec![0; 100_000]));
        for (node, start) in [(0, 0), (1, 3)] {
            rig.run_to(Instant::ZERO + Duration::from_secs(start));
            for _ in 0..6_000 {
                rig.send_message(node, node + 2, Arc::clone(&message));
            }
        }
        rig.run_to(Instant::ZERO + Duration::from_secs(15));
        let before = rig.arrivals.len();
        rig.run_to(Instant::ZERO + Duration::from_secs(60));
        let counts = [2, 3].map(|to| rig.arrivals[before..].iter().filter(|arrival| arrival.to == to).count() as f64);
        let jain =
            (counts[0] + counts[1]) * (counts[0] + counts[1]) / (2.0 * (counts[0] * counts[0] + counts[1] * counts[1]));
        assert!(jain > 0.95, "{congestion:?}: {counts:?}, Jain {jain}");
    }
}

#[test]
fn the_first_byte_waits_for_the_handshakes() {
    for (tls, round_trips) in [(Tls::None, 1.5), (Tls::Full, 2.5), (Tls::Resumed, 1.5)] {
        let mut rig = Rig::new(2, &TcpConfig { tls, ..TcpConfig::default() }, link(100, 50, 1 << 30), lossless);
        rig.send(0, 1, 1_000);
        let time = rig.run_until(1).unwrap().as_secs_f64() / 0.1;
        assert!(time > round_trips && time < round_trips * 1.01, "{tls:?}: {time} round trips");
    }
}

#[test]
fn nobody_answers() {
    let mut rig = Rig::new(2, &TcpConfig::default(), link(100, 50, 1 << 30), |_, _| true);
    rig.send(0, 1, 1_000);
    while rig.step() {}
    // At 0, 1, 2, 3, 4, 5 and 7 s, and 4 s after that.
    assert_eq!(rig.changes, [(Instant::ZERO + Duration::from_secs(11), 0, 1, false)]);
    assert_eq!((rig.packets, rig.stacks[0].footprint().open + rig.stacks[0].footprint().lingering), (7, 0));
}

#[test]
fn a_closed_connection_leaves_one_remnant_for_a_minute() {
    let mut rig = Rig::new(2, &TcpConfig::default(), link(100, 50, 1 << 30), lossless);
    rig.send(0, 1, 100_000);
    rig.run_until(1);
    assert_eq!((rig.stacks[0].footprint().open, rig.stacks[1].footprint().open), (1, 1));
    let now = rig.now;
    rig.stacks[0].close(now, SimPeer(1));
    rig.settle(0);
    rig.run_to(now + Duration::from_secs(2));
    let count = |rig: &Rig<_>| [0, 1].map(|node: usize| rig.stacks[node].footprint()).map(|f| f.open + f.lingering);
    assert_eq!(count(&rig), [1, 0]);
    assert_eq!(rig.changes.last().map(|&(_, node, peer, up)| (node, peer, up)), Some((1, 0, false)));
    while rig.step() {}
    assert_eq!(count(&rig), [0, 0]);
    let ended = rig.now.since(now).as_secs_f64();
    assert!((60.0..61.0).contains(&ended), "{ended} s");
    let [flow] = &rig.stacks[1].flows()[..] else { panic!("one flow") };
    assert_eq!((flow.received_bytes, flow.losses), (99_996, 0));
}

#[test]
fn who_lost_its_memory_resets() {
    let mut rig = Rig::new(2, &TcpConfig::default(), link(100, 50, 1 << 30), lossless);
    rig.send(0, 1, 1_000);
    rig.run_until(1);
    rig.run_to(Instant::ZERO + Duration::from_secs(2));
    rig.stacks[1].restart();
    rig.send(0, 1, 1_000);
    while rig.step() {}
    assert_eq!(rig.changes.last().map(|&(_, node, peer, up)| (node, peer, up)), Some((0, 1, false)));
    rig.send(0, 1, 1_000);
    assert!(rig.run_until(2).is_some());
}

#[test]
fn idle_connections_close_where_a_scenario_says_so() {
    let idle_timeout = Some(Span(Duration::from_secs(5)));
    let config = TcpConfig { idle_timeout, ..TcpConfig::default() };
    let mut rig = Rig::new(2, &config, link(100, 50, 1 << 30), lossless);
    rig.send(0, 1, 1_000);
    rig.run_until(1);
    rig.run_to(Instant::ZERO + Duration::from_secs(7));
    assert_eq!(rig.stacks[0].footprint().open + rig.stacks[1].footprint().open, 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Both sides open at once and talk over a bad link: everything arrives once, whole and in order, over one connection.
    #[test]
    fn streams_arrive_in_order(
        seed: u64,
        loss in 0.0f64..0.15,
        tls in prop::sample::select(vec![Tls::None, Tls::Full, Tls::Resumed]),
        congestion in prop::sample::select(vec![CongestionControl::Reno, CongestionControl::Cubic]),
        sizes in prop::collection::vec((any::<bool>(), 5usize..60_000), 1..24),
        gap in 0u64..400,
    ) {
        let config = TcpConfig { congestion, tls, syn_retries: 60, retries: 60, max_rto: Span(Duration::from_secs(2)), ..TcpConfig::default() };
        let mut rig = Rig::new(2, &config, link(50, 20, 40_000), independent(seed, loss));
        for &(forth, bytes) in &sizes {
            let (from, to) = if forth { (0, 1) } else { (1, 0) };
            rig.send(from, to, bytes);
            let until = rig.now + Duration::from_millis(gap);
            rig.run_to(until);
        }
        let done = rig.run_until(sizes.len());
        prop_assert!(done.is_some(), "{} of {} arrived", rig.arrivals.len(), sizes.len());
        for (to, forth) in [(1, true), (0, false)] {
            let sent: Vec<usize> = sizes.iter().filter(|s| s.0 == forth).map(|s| s.1 - 4).collect();
            let came: Vec<usize> = rig.arrivals.iter().filter(|a| a.to == to).map(|a| a.bytes).collect();
            prop_assert_eq!(sent, came);
        }
        rig.run_to(done.unwrap() + Duration::from_secs(60));
        prop_assert_eq!(rig.arrivals.len(), sizes.len());
        let open: u64 = rig.stacks.iter().map(|stack| stack.footprint().open).sum();
        prop_assert_eq!(open, 2);
    }

    /// The network reorders and duplicates at will: still everything arrives once and in order.
    #[test]
    fn order_survives_disorder(seed: u64, sizes in prop::collection::vec(5usize..20_000, 1..12)) {
        let mut stacks = [0, 1].map(|node| TcpStack::<Text>::new(SimPeer(node), &TcpConfig::default()));
        let mut state = seed;
        let mut draw = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        for &bytes in &sizes {
            stacks[0].send(Instant::ZERO, SimPeer(1), Arc::new(Text(vec![0; bytes])));
        }
        let (mut now, mut pool, mut came) = (Instant::ZERO, Vec::new(), Vec::new());
        for _ in 0..100_000 {
            for (node, stack) in stacks.iter_mut().enumerate() {
                while let Some(output) = stack.poll(now) {
                    match output {
                        Output::Transmit { to, packet } => pool.push((node as u32, to.0 as usize, packet)),
                        Output::Deliver { message, .. } => came.push(message.0.len()),
                        Output::Up(_) | Output::Down(_) => {}
                    }
                }
            }
            if came.len() == sizes.len() {
                break;
            }
            let due = stacks.iter().filter_map(Stack::deadline).min();
            if pool.is_empty() || draw(8) == 0 {
                now = now.max(due.unwrap_or(now)) + Duration::from_millis(1);
                stacks.iter_mut().for_each(|stack| stack.expire(now));
            } else {
                let at = draw(pool.len() as u64) as usize;
                let (from, to, packet) = if draw(10) == 0 { pool[at].clone() } else { pool.swap_remove(at) };
                now = now + Duration::from_millis(draw(20));
                stacks[to].receive(now, SimPeer(from), now, &packet);
            }
        }
        prop_assert_eq!(came, sizes);
    }

    /// Whatever a peer says, nothing panics, and what is kept stays small.
    #[test]
    fn no_packet_does_harm(
        packets in prop::collection::vec(
            (0u8..32, 1u32..4, any::<u8>(), 0u64..40_000, 0u64..40_000, any::<u64>(), prop::collection::vec((0u64..40_000, 0u64..40_000), 0..3)),
            0..60,
        ),
    ) {
        let mut rig = Rig::new(2, &TcpConfig::default(), link(100, 5, 1 << 30), lossless);
        rig.send(0, 1, 30_000);
        rig.run_to(Instant::ZERO + Duration::from_millis(12));
        for (bits, number, wild, seq, ack, any, sacks) in packets {
            let bit = |n: u8| bits & 1 << n != 0;
            let flags = Flags { syn: bit(0), ack: bit(1), fin: bit(2), rst: bit(3) && wild < 8, from_opener: bit(4) };
            let seq = if wild & 1 == 0 { seq } else { any };
            let ack = if wild & 2 == 0 { ack } else { any.rotate_left(7) };
            let (time, echo, window) = (any as u32, (any >> 32) as u32, any as u16);
            let packet = TcpPacket { flags, number, seq, payload: 0, ack, time, echo, window, mss: 0, sacks, chunks: Vec::new() };
            rig.stacks[0].receive(rig.now, SimPeer(1), rig.now, &packet);
            rig.settle(0);
            rig.step();
        }
        let footprint = rig.stacks[0].footprint();
        prop_assert!(footprint.open + footprint.lingering <= 8, "{footprint:?}");
    }
}
