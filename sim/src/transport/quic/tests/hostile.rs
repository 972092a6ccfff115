//! Bytes of a peer that means no good: nothing panics, and what is kept for it is bounded.

use proptest::prelude::*;
use rapprochement_core::time::Duration;

use super::super::QuicConfig;
use super::rig::Rig;
use crate::transport::stack::Stack;

/// What an honest run puts on the link, both directions.
fn recorded() -> Vec<Vec<u8>> {
    let mut rig = Rig::new(&QuicConfig::default());
    rig.send(0, vec![1; 6_000]);
    rig.run(Duration::from_secs(1), |_| false);
    rig.close(0);
    rig.run(Duration::from_secs(2), |_| false);
    rig.trace.into_iter().map(|(_, _, bytes)| bytes.to_vec()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Null keys let whoever knows their form through, so that changed packets reach the inside of `quinn-proto`.
    #[test]
    fn changed_packets_do_no_harm(
        picks in prop::collection::vec((any::<prop::sample::Index>(), 0..2_usize, any::<prop::sample::Index>(), 1..=255_u8), 1..60),
        early in any::<bool>(),
    ) {
        let recorded = recorded();
        let mut rig = Rig::new(&QuicConfig::default());
        rig.send(0, vec![1; 6_000]);
        if !early {
            rig.run(Duration::from_millis(160), |_| false);
        }
        for (packet, to, byte, change) in picks {
            let mut bytes = recorded[packet.index(recorded.len())].clone();
            // The tag at the end names the key: a change elsewhere gets past it.
            let at = byte.index(bytes.len().saturating_sub(16).max(1));
            bytes[at] ^= change;
            rig.inject(to, &bytes);
        }
        rig.run(Duration::from_secs(100), |_| false);
        for node in &rig.nodes {
            prop_assert!(node.footprint().open + node.footprint().lingering <= 8);
        }
    }

    #[test]
    fn random_bytes_do_no_harm(datagrams in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..1_500), 1..20)) {
        let mut rig = Rig::new(&QuicConfig::default());
        rig.send(0, vec![1; 6_000]);
        for bytes in &datagrams {
            rig.inject(0, bytes);
            rig.inject(1, bytes);
        }
        prop_assert!(rig.run(Duration::from_secs(10), |rig| rig.messages(1) == 1));
    }
}

/// First packets with ever new connection ids: the ninth is refused, and after the idle timeout nothing is left.
#[test]
fn a_flood_of_first_packets_is_bounded() {
    let hello = recorded().swap_remove(0);
    let mut rig = Rig::new(&QuicConfig::default());
    for i in 0..1_000_u32 {
        let mut bytes = hello.clone();
        // Behind flags, version and length: the destination's connection id, under which the first keys are made.
        bytes[6..10].copy_from_slice(&i.to_le_bytes());
        rig.inject(1, &bytes);
    }
    let footprint = rig.nodes[1].footprint();
    assert!(footprint.open + footprint.lingering <= 8, "{footprint:?}");
    rig.run(Duration::from_secs(100), |_| false);
    assert_eq!(rig.nodes[1].footprint(), Default::default());
}
