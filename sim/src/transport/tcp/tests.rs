//! Against the kernel's figures and closed forms.

use rapprochement_core::time::{Duration, Instant};

use super::config::{CongestionControl, TcpConfig};
use super::packet::TcpPacket;
use super::rig::{Link, Rig, Text};

fn lossless(_: usize, _: &TcpPacket<Text>) -> bool {
    false
}

fn link(delay_ms: u64, queue: u64) -> Link {
    Link { rate: 100_000_000, delay: Duration::from_millis(delay_ms), queue }
}

fn completion(config: &TcpConfig, link: Link, bytes: usize) -> f64 {
    let mut rig = Rig::new(2, config, link, lossless);
    rig.send(0, 1, bytes);
    rig.run_until(1).map_or(f64::NAN, |at| at.as_secs_f64() * 1e3)
}

#[test]
fn transfers_without_loss_take_as_long_as_the_kernels() {
    for (bytes, kernel) in [(1_000, 150.4), (10_000, 151.1), (100_000, 355.6), (1_000_000, 759.6)] {
        let model = completion(&TcpConfig::default(), link(50, 1_500_000), bytes);
        println!("{bytes} {model}");
        assert!((model / kernel - 1.0).abs() < 0.01, "{bytes} B: {model} ms, the kernel {kernel} ms");
    }
}

#[test]
fn a_full_queue_costs_what_it_costs_the_kernel() {
    for (congestion, kernel) in [(CongestionControl::Cubic, 887.84), (CongestionControl::Reno, 887.93)] {
        let config = TcpConfig { congestion, ..TcpConfig::default() };
        let model = completion(&config, link(5, 150_000), 10_000_000);
        println!("{congestion:?} {model}");
        assert!((model / kernel - 1.0).abs() < 0.05, "{congestion:?}: {model} ms, the kernel {kernel} ms");
    }
}
