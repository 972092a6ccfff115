//! One lookup, step by step. Peers are bytes: their distance to the target, which is zero, is their number.

use rapprochement_core::kademlia::config::KademliaConfig;
use rapprochement_core::kademlia::lookup::{Lookup, Rejected};
use rapprochement_core::peer::PeerId;

fn peer(number: u8) -> PeerId {
    let mut id = PeerId::default();
    id.0[31] = number;
    id
}

fn peers(numbers: &[u8]) -> Vec<PeerId> {
    numbers.iter().map(|number| peer(*number)).collect()
}

fn lookup(k: usize, alpha: usize, seeds: &[u8]) -> Lookup<PeerId> {
    let config = KademliaConfig { k, alpha, requests_max: 20, ..KademliaConfig::default() };
    Lookup::new(peer(200), PeerId::default(), &config, &peers(seeds))
}

/// Everything that the lookup asks now.
fn asked(lookup: &mut Lookup<PeerId>) -> Vec<u8> {
    std::iter::from_fn(|| lookup.next_peer()).map(|peer| peer.0[31]).collect()
}

fn closest(lookup: &Lookup<PeerId>) -> Vec<(u8, u16)> {
    lookup.closest().map(|(peer, hops)| (peer.0[31], hops)).collect()
}

#[test]
fn it_ends_when_the_k_closest_have_answered() {
    let mut lookup = lookup(3, 2, &[90, 80, 70, 60]);
    assert_eq!(asked(&mut lookup), [60, 70]);
    // Nearer ones are asked first; the asker itself and repeats are not asked at all.
    assert_eq!(lookup.answered(peer(60), &peers(&[10, 20, 200])), Ok(()));
    assert_eq!(asked(&mut lookup), [10]);
    assert_eq!(lookup.answered(peer(70), &peers(&[10, 60, 30])), Ok(()));
    assert_eq!(asked(&mut lookup), [20]);
    assert_eq!(lookup.answered(peer(10), &peers(&[20])), Ok(()));
    assert_eq!(asked(&mut lookup), [30]);
    assert_eq!(lookup.answered(peer(20), &[]), Ok(()));
    assert!(!lookup.is_done());
    assert_eq!(lookup.answered(peer(30), &[]), Ok(()));
    // 80 and 90 are farther than the three that answered.
    assert!(lookup.is_done() && lookup.next_peer().is_none());
    assert_eq!(closest(&lookup), [(10, 2), (20, 2), (30, 2)]);
    assert_eq!(lookup.messages(), 5);
}

#[test]
fn the_hops_of_a_value_are_the_length_of_the_chain_that_led_to_it() {
    let mut lookup = lookup(2, 1, &[100]);
    for (hops, number) in (1..).zip([100, 50, 25, 12]) {
        assert_eq!(asked(&mut lookup), [number]);
        match number {
            12 => assert_eq!(lookup.found(peer(number)), Ok(hops)),
            _ => assert_eq!(lookup.answered(peer(number), &peers(&[number / 2])), Ok(())),
        }
    }
    assert_eq!(lookup.messages(), 4);
}

#[test]
fn a_dead_peer_keeps_its_slot_until_it_is_given_up() {
    let mut lookup = lookup(3, 2, &[10, 20, 30, 40, 50]);
    assert_eq!(asked(&mut lookup), [10, 20]);
    assert_eq!(asked(&mut lookup), []);
    lookup.failed(peer(10));
    assert_eq!(asked(&mut lookup), [30]);
    lookup.failed(peer(20));
    lookup.failed(peer(30));
    assert_eq!(asked(&mut lookup), [40, 50]);
    // A failure of who was not asked means nothing.
    lookup.failed(peer(99));
    lookup.failed(peer(40));
    assert!(!lookup.is_done());
    assert_eq!(lookup.answered(peer(50), &peers(&[10, 20])), Ok(()));
    // Those that failed are not asked again.
    assert!(lookup.is_done());
    assert_eq!(closest(&lookup), [(50, 1)]);
}

#[test]
fn a_slot_more_than_k_is_used_too() {
    let mut lookup = lookup(2, 4, &[10, 20, 30, 40, 50]);
    assert_eq!(asked(&mut lookup), [10, 20, 30, 40]);
    assert_eq!(lookup.answered(peer(10), &[]), Ok(()));
    assert_eq!(lookup.answered(peer(20), &[]), Ok(()));
    assert!(lookup.is_done());
}

#[test]
fn answers_that_nobody_asked_for_change_nothing() {
    let mut lookup = lookup(3, 2, &[10, 20, 30]);
    assert_eq!(lookup.answered(peer(10), &peers(&[1])), Err(Rejected::Unasked));
    assert_eq!(asked(&mut lookup), [10, 20]);
    assert_eq!(lookup.found(peer(30)), Err(Rejected::Unasked));
    assert_eq!(lookup.answered(peer(7), &peers(&[1])), Err(Rejected::Unasked));
    assert_eq!(lookup.answered(peer(10), &[]), Ok(()));
    assert_eq!(lookup.answered(peer(10), &peers(&[1])), Err(Rejected::Unasked));
    assert_eq!(lookup.answered(peer(20), &peers(&[1, 2, 3, 4])), Err(Rejected::Oversized));
    assert_eq!(asked(&mut lookup), [30]);
    assert_eq!(lookup.answered(peer(30), &[]), Ok(()));
    assert_eq!(closest(&lookup), [(10, 1), (30, 1)]);
}

#[test]
fn an_endless_chain_of_ever_closer_peers_uses_up_the_requests() {
    let mut lookup = lookup(1, 1, &[199]);
    let mut number = 199;
    while let Some(peer) = lookup.next_peer() {
        assert_eq!(peer.0[31], number);
        number -= 1;
        assert_eq!(lookup.answered(peer, &peers(&[number])), Ok(()));
    }
    assert_eq!(lookup.messages(), 20);
    assert!(lookup.is_done());
}

#[test]
fn without_anybody_to_ask_it_is_done() {
    assert!(lookup(3, 2, &[]).is_done());
}
