//! Times on the loss-free link, against what was measured with `quinn-proto` 0.11.19 on the same link by other code.

use rapprochement_core::time::Duration;

use super::super::QuicConfig;
use super::rig::{DELAY, NANOS_PER_BYTE, OVERHEAD, Rig, SEED, Told};
use crate::transport::stack::Stack;

const MEGABYTE: usize = 1_000_000;

fn transfer(config: &QuicConfig, seed: u64, len: usize) -> u64 {
    let mut rig = Rig::seeded(config, seed);
    rig.send(0, vec![1; len]);
    assert!(rig.run(Duration::from_secs(10), |rig| rig.messages(1) == 1));
    rig.arrival(1, len).unwrap()
}

fn within(value: u64, millis: f64, share: f64) -> bool {
    (value as f64 / 1e6 - millis).abs() <= millis * share
}

/// Client and server each send one full datagram: 100.24 ms, as measured.
#[test]
fn a_handshake_takes_a_round_trip_and_two_full_datagrams() {
    let mut rig = Rig::new(&QuicConfig::default());
    rig.send(0, vec![1]);
    rig.run(Duration::from_secs(1), |_| false);
    let datagram = (1452 + OVERHEAD) * NANOS_PER_BYTE;
    assert_eq!(rig.when(0, |told| *told == Told::Up), Some(2 * (DELAY + datagram)));
    assert_eq!(rig.when(1, |told| *told == Told::Up), Some(3 * (DELAY + datagram)));
}

#[test]
fn small_transfers_take_as_long_as_measured() {
    for (len, millis) in [(1_000, 150.4), (10_000, 151.1), (100_000, 452.7)] {
        let time = transfer(&QuicConfig::default(), 1, len);
        assert!(within(time, millis, 0.001), "{len} B: {time} ns");
    }
}

/// `quinn-proto` skips packet numbers at random, each skip draws an acknowledgement early, and so the time of a megabyte
/// depends on the seed, within 1 %. The measured 803.575 ms is one draw of it: it lies inside the range of the seeds here,
/// and the first seeds include one within 0.1 %. That one's exact time tells when anything below has changed.
#[test]
fn a_megabyte_takes_as_long_as_measured() {
    let times: Vec<u64> = (1..=24).map(|seed| transfer(&QuicConfig::default(), seed, MEGABYTE)).collect();
    let (least, most) = (times.iter().min().unwrap(), times.iter().max().unwrap());
    assert!((*least..=*most).contains(&803_575_000), "{least} to {most}");
    assert!(times.iter().all(|&time| within(time, 803.575, 0.01)), "{least} to {most}");
    let time = times[SEED as usize - 1];
    assert!(within(time, 803.575, 0.001), "{time}");
    assert_eq!(time, 804_141_004);
}

#[test]
fn a_larger_window_at_the_beginning_saves_what_was_measured() {
    let config = QuicConfig { initial_window: crate::units::Size(14_600), ..QuicConfig::default() };
    let times: Vec<u64> = (1..=8).map(|seed| transfer(&config, seed, MEGABYTE)).collect();
    assert!(times.iter().any(|&time| within(time, 780.9, 0.001)), "{times:?}");
    assert!(times.iter().all(|&time| within(time, 780.9, 0.01)), "{times:?}");
}

/// The first connection brings the ticket, and is closed; the second sends 10 kB at once. Measured: 50.9 ms.
#[test]
fn the_first_byte_comes_after_half_a_round_trip_with_0_rtt_and_one_and_a_half_without() {
    for (zero_rtt, half_trips, total) in [(true, 1, 50.9), (false, 3, 151.1)] {
        let mut rig = Rig::new(&QuicConfig { zero_rtt, ..QuicConfig::default() });
        rig.send(0, vec![1]);
        rig.run(Duration::from_secs(1), |_| false);
        rig.close(0);
        rig.run(Duration::from_secs(2), |_| false);
        let start = rig.now.as_nanos();
        rig.send(0, vec![2; 10_000]);
        rig.run(Duration::from_secs(3), |_| false);
        let flows = rig.nodes[1].flows();
        assert_eq!(flows.len(), 2);
        let first = flows[1].first_byte.unwrap().as_nanos() - start;
        assert!((half_trips * DELAY..half_trips * DELAY + 500_000).contains(&first), "{first}");
        let last = rig.arrival(1, 10_000).unwrap() - start;
        assert!(within(last, total, 0.002), "{last}");
    }
}

#[test]
fn the_same_run_has_the_same_bytes_again() {
    let trace = |seed| {
        let mut rig = Rig::seeded(&QuicConfig::default(), seed).with_loss(1, 5);
        rig.send(0, vec![1; 300_000]);
        rig.send(1, vec![2; 50_000]);
        assert!(rig.run(Duration::from_secs(60), |rig| rig.messages(0) + rig.messages(1) == 2));
        (rig.trace, rig.told, rig.nodes[0].flows())
    };
    let first = trace(1);
    assert!(first.2[0].losses > 0);
    assert_eq!(first, trace(1));
    assert_ne!(first.0, trace(2).0);
}
