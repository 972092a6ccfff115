//! Two small stores that differ in every way that two stores can, and scripts: inputs that are cut into pieces.

use std::sync::Arc;

use rapprochement_core::peer::PeerId;
use rapprochement_core::reconcile::coding::Salt;
use rapprochement_core::reconcile::session::MethodKind;
use rapprochement_core::reconcile::session::pair::Side;
use rapprochement_core::store::{Keys, Store, Tuple};

pub(super) const EPOCH: Salt = Salt([7, 8]);

/// An author, whose signatures are those that begin with an even byte. So a fuzzer makes authentic tuples without a key,
/// as hostile authors do, and forged ones too.
#[derive(Clone, Copy)]
pub(super) struct Author(pub(super) u8);

impl Keys for Author {
    fn author(&self) -> PeerId {
        PeerId([self.0; 32])
    }

    fn sign(&self, _: &[u8]) -> [u8; 64] {
        [0; 64]
    }

    fn verify(&self, _: &PeerId, _: &[u8], signature: &[u8; 64]) -> bool {
        signature[0].is_multiple_of(2)
    }

    fn shares_verdicts(&self) -> bool {
        false
    }
}

pub(super) fn tuple(author: u8, key: u8, version: u64, value: Option<&[u8]>) -> Arc<Tuple> {
    Arc::new(Tuple::sign(&Author(author), version, &[key], value).unwrap())
}

/// The side that is fuzzed, and an honest peer: they share most tuples; each has some that the other lacks, newer versions of
/// some, and another content under one version of one. Kept cells make no difference but to the code that runs.
pub(super) fn sides(kept: bool) -> [Side; 2] {
    thread_local! {
        static SIDES: [[Side; 2]; 2] = [[side(0), side(1)], [keeping(0), keeping(1)]];
    }
    SIDES.with(|sides| sides[usize::from(kept)].clone())
}

fn keeping(which: u8) -> Side {
    let mut side = side(which);
    let kinds = [MethodKind::Riblt, MethodKind::KeyedRiblt, MethodKind::VersionedRiblt];
    kinds.iter().for_each(|&kind| side.index_mut().keep(kind, 20));
    side
}

fn side(which: u8) -> Side {
    let mut side = Side::new(Store::default(), EPOCH);
    let mut offer = |tuple: Arc<Tuple>| drop(side.offer(&tuple, &Author(0)));
    for i in which * 8..24 + which * 8 {
        offer(tuple(i % 5, i, u64::from(i) + 1, Some(&[i])));
    }
    let newer = 10 + which;
    offer(tuple(newer % 5, newer, 60, None));
    offer(tuple(1, 100, 70, Some(&[which])));
    side
}

/// What must hold of a store after whatever a peer did: nothing in it is forged, nothing older than before, and the index
/// went along.
pub(super) fn check(store: &Store, before: &Store) {
    assert!(store.iter().all(|tuple| tuple.is_authentic(&Author(0))));
    for old in before.iter() {
        let now = store.get(&old.author(), old.key()).expect("what was held is held");
        assert!(now.precedence(old).is_ge());
    }
}

/// Pieces of bytes behind their lengths. The last may be shorter than it says.
pub(super) fn pieces(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    core::iter::from_fn(move || {
        let (len, rest) = bytes.split_first_chunk::<2>()?;
        let (piece, rest) = rest.split_at(rest.len().min(u16::from_le_bytes(*len).into()));
        bytes = rest;
        Some(piece)
    })
}

/// Appends a piece.
pub(super) fn put_piece(out: &mut Vec<u8>, piece: &[u8]) {
    out.extend_from_slice(&u16::try_from(piece.len()).unwrap().to_le_bytes());
    out.extend_from_slice(piece);
}
