//! Peers that send what they should not. The test plays peer 1 (and others) against node 0.

use rapprochement_core::kademlia::message::{LIFETIME_MAX, Store};
use rapprochement_core::kademlia::{KademliaCommand, KademliaConfig, KademliaEvent, Value};
use rapprochement_core::peer::{Peer, PeerId, SimPeer};
use rapprochement_core::protocol::Input;
use rapprochement_core::time::Duration;

use crate::world::{Msg, World, key, value};

const LIAR: SimPeer = SimPeer(1);

/// Node 0, that knows nobody but the liar.
fn victim(config: KademliaConfig) -> World {
    let mut world = World::new(1, config, 1);
    world.played = (1..2000).map(SimPeer).collect();
    say(&mut world, LIAR, Msg::Ping { cookie: 1 });
    world.collected.clear();
    world
}

fn say(world: &mut World, from: SimPeer, message: Msg) {
    world.give(0, Input::Message { from, message: &message });
}

/// The cookie of the next request that node 0 sent to this peer.
fn asked(world: &mut World, to: SimPeer) -> Option<u64> {
    let at = world.collected.iter().position(|(_, peer, message)| {
        *peer == to && matches!(message, Msg::FindNode { .. } | Msg::FindValue { .. })
    })?;
    match world.collected.remove(at).2 {
        Msg::FindNode { cookie, .. } | Msg::FindValue { cookie, .. } => Some(cookie),
        _ => None,
    }
}

fn contacts(cookie: u64, peers: impl Iterator<Item = u32>) -> Msg {
    Msg::Contacts { cookie, contacts: peers.map(SimPeer).collect() }
}

fn resolved(world: &World) -> Option<&KademliaEvent> {
    world.events.iter().map(|(_, event)| event).find(|event| matches!(event, KademliaEvent::Resolved { .. }))
}

#[test]
fn answers_with_wrong_cookies_or_from_others_are_refused_and_cancel_nothing() {
    let mut world = victim(KademliaConfig::default());
    world.command(0, KademliaCommand::Resolve(key("name")));
    let cookie = asked(&mut world, LIAR).unwrap();
    let values: Box<[Value]> = [value("lie")].into();
    say(&mut world, LIAR, Msg::Values { cookie: cookie ^ 1, values: values.clone() });
    say(&mut world, SimPeer(2), Msg::Values { cookie, values: values.clone() });
    say(&mut world, SimPeer(2), contacts(cookie, 5..9));
    say(&mut world, LIAR, Msg::Pong { cookie: 77 });
    assert_eq!(world.nodes[0].refusals().unasked, 4);
    assert!(resolved(&world).is_none());
    // Nobody became a contact by being named, or by what was refused.
    assert_eq!(world.nodes[0].table().len(), 1);
    say(&mut world, LIAR, Msg::Values { cookie, values: values.clone() });
    assert!(resolved(&world).is_some());
    say(&mut world, LIAR, Msg::Values { cookie, values });
    assert_eq!(world.nodes[0].refusals().unasked, 5);
}

#[test]
fn answers_of_a_wrong_kind_or_size_are_no_answers() {
    let mut world = victim(KademliaConfig { values: 2, ..KademliaConfig::default() });
    let list = |count: u8| (0..count).map(|at| Value::new(&[at]).unwrap()).collect::<Box<[Value]>>();
    for (said, wrong_kind, oversized) in [(0, 1, 0), (1, 1, 1), (2, 1, 2)] {
        world.events.clear();
        world.command(0, KademliaCommand::Resolve(key("name")));
        let cookie = asked(&mut world, LIAR).unwrap();
        let answer = match said {
            0 => Msg::Pong { cookie },
            1 => Msg::Values { cookie, values: list(3) },
            _ => contacts(cookie, 2..11),
        };
        say(&mut world, LIAR, answer);
        assert_eq!(world.nodes[0].refusals().wrong_kind, wrong_kind);
        assert_eq!(world.nodes[0].refusals().oversized, oversized);
        assert!(world.events.iter().any(|(_, event)| matches!(event, KademliaEvent::NotFound { .. })));
    }
    // A value where contacts were asked for.
    world.command(0, KademliaCommand::Publish { key: key("name"), value: value("here") });
    let cookie = asked(&mut world, LIAR).unwrap();
    say(&mut world, LIAR, Msg::Values { cookie, values: list(1) });
    assert_eq!(world.nodes[0].refusals().wrong_kind, 2);
}

#[test]
fn a_liar_with_endless_friends_ends_a_lookup_but_not_the_node() {
    let mut world = victim(KademliaConfig { requests_max: 100, ..KademliaConfig::default() });
    world.command(0, KademliaCommand::Resolve(key("name")));
    let mut peers: Vec<u32> = (1..2000).collect();
    let distance =
        |peer: &u32| rapprochement_core::kademlia::distance::Distance::between(SimPeer(*peer).id(), key("name"));
    peers.sort_unstable_by_key(distance);
    // Everybody names the eight next closer ones.
    let mut asked_in_all = 0;
    while let Some((_, to, message)) = world.collected.pop() {
        let Msg::FindValue { cookie, .. } = message else { continue };
        asked_in_all += 1;
        let at = peers.iter().position(|peer| *peer == to.0).unwrap();
        let closer = peers[at.saturating_sub(8)..at].to_vec();
        say(&mut world, to, contacts(cookie, closer.into_iter()));
    }
    assert!(asked_in_all <= 100);
    assert!(world.events.iter().any(|(_, event)| matches!(event, KademliaEvent::NotFound { .. })));
    assert!(world.nodes[0].table().len() <= asked_in_all);
}

#[test]
fn floods_are_answered_up_to_an_allowance() {
    let config = KademliaConfig { request_burst: 10, ..KademliaConfig::default() };
    let mut world = victim(config);
    (0..50).for_each(|cookie| say(&mut world, LIAR, Msg::Ping { cookie }));
    assert_eq!(world.collected.len(), 9);
    assert_eq!(world.nodes[0].refusals().flood, 41);
    // Another is not concerned, and time heals.
    say(&mut world, SimPeer(2), Msg::Ping { cookie: 1 });
    assert_eq!(world.nodes[0].refusals().flood, 41);
    world.run(Duration::from_secs(1));
    say(&mut world, LIAR, Msg::Ping { cookie: 1 });
    assert_eq!(world.nodes[0].refusals().flood, 41);
}

#[test]
fn stores_are_bounded_in_keys_values_and_time() {
    let config = KademliaConfig { keys_max: 5, request_burst: 1 << 20, ..KademliaConfig::default() };
    let mut world = victim(config);
    for number in 0..50u8 {
        let (key, value) = (PeerId([number; 32]), Value::new(&[number]).unwrap());
        say(&mut world, LIAR, Msg::Store(Box::new(Store { key, value, lifetime: LIFETIME_MAX })));
    }
    assert_eq!((world.nodes[0].keys(), world.nodes[0].refusals().full), (5, 45));
    for number in 0..50u8 {
        let (key, value) = (PeerId([0; 32]), Value::new(&[number]).unwrap());
        say(&mut world, LIAR, Msg::Store(Box::new(Store { key, value, lifetime: LIFETIME_MAX })));
    }
    assert_eq!(world.nodes[0].values_of(world.now, PeerId([0; 32])).len(), 8);
    // A year was asked for, a day is given; the node looks for what expired now and then.
    world.run(Duration::from_secs(86_400 + 200));
    assert_eq!(world.nodes[0].keys(), 0);
}

#[test]
fn lookups_beyond_the_limit_are_refused_and_the_others_go_on() {
    let mut world = victim(KademliaConfig { lookups_max: 2, ..KademliaConfig::default() });
    for name in ["a", "b", "c"] {
        world.command(0, KademliaCommand::Resolve(key(name)));
    }
    assert_eq!(world.events.len(), 1);
    let publish = KademliaCommand::Publish { key: key("d"), value: value("here") };
    world.command(0, publish);
    assert!(matches!(world.events[1].1, KademliaEvent::NotPublished { .. }));
    // The liar keeps silent: after the timeout both are over.
    world.run(Duration::from_secs(3));
    assert_eq!(world.events.len(), 4);
}

#[test]
fn a_silent_peer_is_pinged_twice_and_dropped_and_one_that_the_transport_lost_at_once() {
    let mut world = victim(KademliaConfig::default());
    world.command(0, KademliaCommand::Resolve(key("name")));
    world.run(Duration::from_millis(2001));
    let pings = |world: &World| world.collected.iter().filter(|sent| matches!(sent.2, Msg::Ping { .. })).count();
    assert_eq!((pings(&world), world.nodes[0].table().len()), (1, 1));
    world.run(Duration::from_millis(2000));
    assert_eq!((pings(&world), world.nodes[0].table().len()), (2, 1));
    world.run(Duration::from_millis(2000));
    assert_eq!((pings(&world), world.nodes[0].table().len()), (2, 0));

    let mut world = victim(KademliaConfig::default());
    world.command(0, KademliaCommand::Resolve(key("name")));
    world.give(0, Input::PeerDown(LIAR));
    assert!(world.nodes[0].table().is_empty());
    assert!(matches!(world.events[0].1, KademliaEvent::NotFound { .. }));
}
