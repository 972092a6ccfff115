//! Sessions of every method between two stores in one place: both stores are equal afterwards, whatever was in them.

use std::sync::Arc;

use proptest::prelude::*;
use rapprochement_core::peer::PeerId;
use rapprochement_core::reconcile::coding::Salt;
use rapprochement_core::reconcile::session::pair::{self, Side};
use rapprochement_core::reconcile::session::{MethodKind, Verdict};
use rapprochement_core::store::{Keys, Store, Tuple};

/// Signatures of zeros that everybody accepts: what is tested here is not who signed.
struct NoKeys;

impl Keys for NoKeys {
    fn author(&self) -> PeerId {
        PeerId([0; 32])
    }

    fn sign(&self, _: &[u8]) -> [u8; 64] {
        [0; 64]
    }

    fn verify(&self, _: &PeerId, _: &[u8], _: &[u8; 64]) -> bool {
        true
    }

    fn shares_verdicts(&self) -> bool {
        true
    }
}

/// A tuple of a small world: few authors, few keys, few values, so that everything collides that can.
#[derive(Clone, Debug)]
struct Write {
    author: u8,
    key: u8,
    version: u64,
    value: Option<u8>,
    /// Which of the two stores get it: 1, 2 or 3 for both.
    holders: u8,
}

fn write() -> impl Strategy<Value = Write> {
    (0..6u8, 0..12u8, 1..9u64, prop::option::of(0..3u8), prop::sample::select(vec![1u8, 2, 3, 3, 3, 3]))
        .prop_map(|(author, key, version, value, holders)| Write { author, key, version, value, holders })
}

fn sides(writes: &[Write]) -> [Side; 2] {
    let mut sides = [0, 1].map(|_| Side::new(Store::default(), Salt([7, 8])));
    for write in writes {
        let value = write.value.map(|value| [value]);
        let value = value.as_ref().map(<[u8; 1]>::as_slice);
        let tuple = Tuple::from_parts(PeerId([write.author; 32]), write.version, &[write.key], value, [0; 64]).unwrap();
        let tuple = Arc::new(tuple);
        for (bit, side) in sides.iter_mut().enumerate() {
            if write.holders >> bit & 1 == 1 {
                side.offer(&tuple, &NoKeys);
            }
        }
    }
    sides
}

fn reconcile(kind: MethodKind, salted: bool, room: usize, sides: &mut [Side; 2]) -> pair::Transcript {
    let [a, b] = sides;
    pair::run(kind, salted, [1, 2], room, [a, b], &NoKeys)
}

proptest! {
    #[test]
    fn every_method_makes_both_stores_the_join(writes in prop::collection::vec(write(), 0..80), room in 0usize..1300, salted: bool) {
        let all = sides(&writes.iter().map(|write| Write { holders: 1, ..write.clone() }).collect::<Vec<_>>());
        for &kind in MethodKind::ALL {
            let mut sides = sides(&writes);
            if !kind.repairs() {
                // Authors here equivocate and withhold: the classic form may only not claim what is not so.
                let claims = reconcile(kind, salted, room, &mut sides).verdicts == [Verdict::Equal; 2];
                prop_assert_eq!(claims, sides[0].store().root_digest() == sides[1].store().root_digest());
                continue;
            }
            let equal = sides[0].store().root_digest() == sides[1].store().root_digest();
            let mut transcript = reconcile(kind, salted, room, &mut sides);
            if kind.compares_authors() && transcript.verdicts == [Verdict::Mismatch; 2] {
                transcript = reconcile(kind, true, room, &mut sides);
            }
            prop_assert_eq!(transcript.verdicts, [Verdict::Equal; 2], "{} {:?}", kind.name(), transcript);
            for side in &sides {
                prop_assert_eq!(side.store().root_digest(), all[0].store().root_digest(), "{}", kind.name());
            }
            prop_assert!(!equal || transcript.messages == 2);
        }
    }
}

/// A thousand keys of ten authors, of which some differ: bytes and rounds stay near what the codes promise.
#[test]
fn many_differences_take_more_than_one_flight() {
    for &kind in MethodKind::ALL {
        for differences in [0, 1, 10, 100, 1000] {
            if kind == MethodKind::PinSketch && differences > 500 {
                // Two states for each key: beyond the capacity.
                continue;
            }
            let mut sides = [0, 1].map(|_| Side::new(Store::default(), Salt([7, 8])));
            for i in 0..5000u64 {
                let tuple = |version: u64| {
                    let key = i.to_le_bytes();
                    Arc::new(
                        Tuple::from_parts(PeerId([(i % 10) as u8; 32]), version, &key, Some(&[1; 32]), [0; 64])
                            .unwrap(),
                    )
                };
                sides[0].offer(&tuple(i + 1), &NoKeys);
                sides[1].offer(&tuple(if i < differences { i + 10_000 } else { i + 1 }), &NoKeys);
            }
            let transcript = reconcile(kind, false, 1200, &mut sides);
            println!("{:>18} {differences:>5} {transcript:?}", kind.name());
            assert_eq!(transcript.verdicts, [Verdict::Equal; 2], "{} {differences}", kind.name());
            assert_eq!(sides[0].store().root_digest(), sides[1].store().root_digest());
        }
    }
}
