//! The real TLS beside the null one.

use rapprochement_core::time::Duration;

use super::super::QuicConfig;
use super::super::config::Crypto;
use super::rig::Rig;

/// Time, sender and size of every packet of a cold connection, a pause, and a resumed one.
fn trace(crypto: Crypto, zero_rtt: bool, percent: u64) -> Vec<(u64, usize, usize)> {
    let mut rig = Rig::new(&QuicConfig { crypto, zero_rtt, ..QuicConfig::default() }).with_loss(percent, 3);
    rig.send(0, vec![1; 200_000]);
    rig.run(Duration::from_secs(5), |_| false);
    rig.close(0);
    rig.run(Duration::from_secs(7), |_| false);
    rig.send(0, vec![2; 10_000]);
    rig.run(Duration::from_secs(12), |_| false);
    assert_eq!(rig.messages(1), 2);
    rig.trace.iter().map(|(at, from, bytes)| (at.as_nanos(), *from, bytes.len())).collect()
}

#[test]
fn real_tls_repeats_its_times_and_sizes() {
    for zero_rtt in [true, false] {
        assert_eq!(trace(Crypto::Rustls, zero_rtt, 1), trace(Crypto::Rustls, zero_rtt, 1));
    }
}

#[test]
fn null_keys_have_the_times_and_sizes_of_real_tls() {
    for zero_rtt in [true, false] {
        assert_eq!(trace(Crypto::Null, zero_rtt, 0), trace(Crypto::Rustls, zero_rtt, 0), "0-RTT: {zero_rtt}");
    }
}
