//! Real Ed25519: what its author did not sign exactly so is never adopted, and what is old never comes back.

use std::sync::Arc;

use rapprochement_core::peer::PeerId;
use rapprochement_core::store::{Ed25519Keys, Keys, Outcome, Store, Tuple};
use rapprochement_core::wire::Reader;

fn keys(secret: u8) -> Ed25519Keys {
    Ed25519Keys::from_secret(&[secret; 32])
}

fn hex<const N: usize>(text: &str) -> [u8; N] {
    core::array::from_fn(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap())
}

/// The same statement under another signature.
fn resigned(tuple: &Tuple, author: PeerId, signature: [u8; 64]) -> Arc<Tuple> {
    Arc::new(Tuple::from_parts(author, tuple.version(), tuple.key(), tuple.value(), signature).unwrap())
}

fn outcome(store: &mut Store, tuple: &Arc<Tuple>) -> Outcome {
    store.offer(tuple, &keys(1)).outcome
}

/// RFC 8032, section 7.1, test 1.
#[test]
fn signatures_are_those_of_the_rfc() {
    let keys = Ed25519Keys::from_secret(&hex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"));
    assert_eq!(keys.author().0, hex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"));
    let signature = hex(concat!(
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555",
        "fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
    ));
    assert_eq!(keys.sign(b""), signature);
    assert!(keys.verify(&keys.author(), b"", &signature));
}

#[test]
fn no_flipped_bit_of_a_signature_passes() {
    let tuple = Tuple::sign(&keys(2), 4, b"key", Some(b"value")).unwrap();
    let mut store = Store::default();
    for bit in 0..512 {
        let mut signature = *tuple.signature();
        signature[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(outcome(&mut store, &resigned(&tuple, tuple.author(), signature)), Outcome::Forged);
    }
    assert!(store.is_empty());
    assert_eq!(outcome(&mut store, &Arc::new(tuple)), Outcome::Adopted(None));
}

#[test]
fn no_flipped_bit_of_the_content_passes() {
    let tuple = Tuple::sign(&keys(2), 4, b"key", Some(b"value")).unwrap();
    let mut bytes = Vec::new();
    tuple.encode(&mut bytes);
    let mut store = Store::default();
    for bit in 0..(bytes.len() - 64) * 8 {
        let mut bytes = bytes.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let mut reader = Reader::new(&bytes).unwrap();
        if let Ok(tuple) = Tuple::decode(&mut reader) {
            assert_eq!(outcome(&mut store, &Arc::new(tuple)), Outcome::Forged);
        }
    }
    assert!(store.is_empty());
}

#[test]
fn a_signature_serves_no_other_author() {
    let tuple = Tuple::sign(&keys(2), 4, b"key", None).unwrap();
    let stolen = resigned(&tuple, keys(3).author(), *tuple.signature());
    assert_eq!(outcome(&mut Store::default(), &stolen), Outcome::Forged);
}

/// What plain Ed25519 verification lets through and the strict one does not: the neutral element as a public key, for
/// which R = 0 and S = 0 fit any message; and S plus the order of the group (RFC 8032, section 5.1.7).
#[test]
fn weak_keys_and_malleable_signatures_are_refused() {
    let neutral = hex("0100000000000000000000000000000000000000000000000000000000000000");
    let mut signature = [0; 64];
    signature[..32].copy_from_slice(&neutral);
    let tuple = Tuple::sign(&keys(2), 4, b"key", None).unwrap();
    assert_eq!(outcome(&mut Store::default(), &resigned(&tuple, PeerId(neutral), signature)), Outcome::Forged);

    let order: [u8; 32] = hex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
    let mut signature = *tuple.signature();
    let mut carry = 0;
    for (byte, addend) in signature[32..].iter_mut().zip(order) {
        carry += u16::from(*byte) + u16::from(addend);
        *byte = carry as u8;
        carry >>= 8;
    }
    assert_eq!(outcome(&mut Store::default(), &resigned(&tuple, tuple.author(), signature)), Outcome::Forged);
}

#[test]
fn replayed_and_rolled_back_tuples_change_nothing() {
    let old = Arc::new(Tuple::sign(&keys(2), 4, b"key", Some(b"old")).unwrap());
    let gone = Arc::new(Tuple::sign(&keys(2), 5, b"key", None).unwrap());
    let mut store = Store::default();
    assert_eq!(outcome(&mut store, &old), Outcome::Adopted(None));
    assert_eq!(outcome(&mut store, &gone), Outcome::Adopted(Some(old.clone())));
    let root = store.root_digest();
    assert_eq!(outcome(&mut store, &gone), Outcome::Duplicate);
    assert_eq!(outcome(&mut store, &old), Outcome::Stale);
    assert_eq!(store.root_digest(), root);
    assert_eq!(store.get(&gone.author(), b"key").map(|tuple| tuple.value()), Some(None));
}

/// A forged second value proves nothing against its alleged author.
#[test]
fn nobody_is_framed() {
    let honest = Arc::new(Tuple::sign(&keys(2), 4, b"key", Some(b"value")).unwrap());
    let mut store = Store::default();
    store.offer(&honest, &keys(1));
    for value in 0..8 {
        let frame = Tuple::from_parts(honest.author(), 4, b"key", Some(&[value]), *honest.signature()).unwrap();
        let receipt = store.offer(&Arc::new(frame), &keys(1));
        assert_eq!((receipt.outcome, receipt.equivocation), (Outcome::Forged, false));
    }
    assert!(store.evidence().is_empty());
}

/// A verdict is shared only where the keys allow it, and digests do not see signatures.
#[test]
fn digests_do_not_depend_on_signatures() {
    let tuple = Arc::new(Tuple::sign(&keys(2), 4, b"key", Some(b"value")).unwrap());
    let other = resigned(&tuple, tuple.author(), [9; 64]);
    assert_eq!(tuple.digest(), other.digest());
    assert!(tuple != other && tuple.same_content(&other));
    let mut store = Store::default();
    store.offer(&tuple, &keys(1));
    assert_eq!(outcome(&mut store, &other), Outcome::Duplicate);
    assert_eq!(store.get(&tuple.author(), b"key").map(|held| held.signature()), Some(tuple.signature()));
}
