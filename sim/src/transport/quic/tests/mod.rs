//! The stack on a link whose times are known.

mod rig;

use rapprochement_core::time::Duration;

use super::QuicConfig;
use rig::{Rig, Told};

#[test]
fn probe() {
    let mut rig = Rig::new(&QuicConfig::default());
    rig.send(0, vec![1; 1_000_000]);
    let ok = rig.run(Duration::from_secs(10), |rig| rig.messages(1) == 1);
    println!("{ok} up {:?} {:?} done {:?} packets {}", rig.when(0, |t| *t == Told::Up), rig.when(1, |t| *t == Told::Up), rig.arrival(1, 1_000_000), rig.trace.len());
    for (at, from, bytes) in rig.trace.iter().take(12) { println!("{at} {from} {} {:02x}", bytes.len(), bytes[0]); }
}
