//! Waits before an uplink against queueing theory: with Poisson arrivals at load r and a mean service time s, the mean
//! wait is r s / (1 - r) for exponential service (M/M/1) and half of it for constant service (M/D/1; L. Kleinrock,
//! "Queueing Systems" volume 1, 1975, section 5.6).
//!
//! The two high loads need 10^8 messages; they run where `RAPSIM_LONG=1` is set, best with `--release`.

use rapprochement_core::time::{Duration, Instant};
use rapprochement_sim::network::Outgoing;
use rapprochement_sim::network::config::{Access, Distribution, Latency, NetworkConfig, Packet};
use rapprochement_sim::random::Philox;
use rapprochement_sim::units::{Rate, Size, Span};

use crate::build;

const REPLICATIONS: u64 = 30;
/// Two-sided 99.9 % point of Student's t with 29 degrees of freedom.
const STUDENT: f64 = 3.659;
/// Bytes of a message on average, and the rate at which they take a millisecond.
const BYTES: u64 = 100_000;
const RATE: Rate = Rate(800_000_000);

#[derive(Clone, Copy, Debug)]
enum Service {
    Constant,
    Exponential,
}

/// Mean wait of one replication after warm-up, in units of the mean service time.
fn mean_wait(service: Service, load: f64, warm_up: u64, messages: u64, seed: u64) -> f64 {
    let config = NetworkConfig {
        latency: Latency::Constant(Span(Duration::from_millis(1))),
        access: Access { uplink: Some(RATE), ..Access::default() },
        packet: Packet { mtu: Size(65_535), headers: Size(0) },
        ..NetworkConfig::default()
    };
    let network = build(&config, 2);
    let exponential = |mean: f64| Distribution::Exponential { mean: Span(Duration::from_nanos(mean as u64)) };
    let (gaps, sizes) = (exponential(1e6 / load), exponential(BYTES as f64));
    let mut rng = Philox::new(seed);
    let (mut out, mut now, mut sum) = (Outgoing::default(), Instant::ZERO, 0u64);
    for k in 0..warm_up + messages {
        now = now + gaps.sample(&mut rng);
        let bytes = match service {
            Service::Constant => BYTES,
            Service::Exponential => sizes.sample(&mut rng).as_nanos(),
        };
        let fate = network.transmit(&mut out, now, 0, 1, k as u32, bytes as usize);
        if k >= warm_up {
            sum += fate.queued.as_nanos();
        }
    }
    sum as f64 / messages as f64 / 1e6
}

fn check(service: Service, load: f64, warm_up: u64, messages: u64) {
    let means: Vec<f64> = (0..REPLICATIONS).map(|seed| mean_wait(service, load, warm_up, messages, seed)).collect();
    let count = REPLICATIONS as f64;
    let mean = means.iter().sum::<f64>() / count;
    let variance = means.iter().map(|wait| (wait - mean) * (wait - mean)).sum::<f64>() / (count - 1.0);
    let half_width = STUDENT * (variance / count).sqrt();
    let expected = load / (1.0 - load) * if matches!(service, Service::Constant) { 0.5 } else { 1.0 };
    assert!(half_width <= 0.02 * expected, "{service:?} at {load}: half-width {half_width} of {expected}");
    assert!((mean - expected).abs() <= half_width, "{service:?} at {load}: {mean} +- {half_width}, not {expected}");
}

#[test]
fn waits_at_half_load_are_those_of_the_closed_forms() {
    check(Service::Constant, 0.5, 1_000, 60_000);
    check(Service::Exponential, 0.5, 1_000, 60_000);
}

#[test]
fn waits_at_high_load_are_those_of_the_closed_forms() {
    if std::env::var_os("RAPSIM_LONG").is_none_or(|value| value != "1") {
        eprintln!("left out: set RAPSIM_LONG=1 to run the loads 0.8 and 0.95");
        return;
    }
    for (load, messages) in [(0.8, 250_000), (0.95, 3_000_000)] {
        check(Service::Constant, load, 50_000, messages);
        check(Service::Exponential, load, 50_000, messages);
    }
}
