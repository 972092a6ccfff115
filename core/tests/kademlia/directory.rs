//! Whole directories: joining, publishing, resolving, and what becomes of them under loss and churn.

use rapprochement_core::kademlia::contract::Reason;
use rapprochement_core::kademlia::distance::Distance;
use rapprochement_core::kademlia::{KademliaCommand, KademliaConfig, KademliaEvent};
use rapprochement_core::peer::{Peer, PeerId, SimPeer};
use rapprochement_core::time::Duration;

use crate::world::{World, key, value};

fn binary() -> KademliaConfig {
    KademliaConfig { split: 1, ..KademliaConfig::default() }
}

/// The living nodes closest to a key, by a scan.
fn closest(world: &World, key: PeerId, count: usize) -> Vec<u32> {
    let mut all: Vec<u32> = (0..world.nodes.len() as u32).filter(|me| world.up[*me as usize]).collect();
    all.sort_unstable_by_key(|me| Distance::between(SimPeer(*me).id(), key));
    all.truncate(count);
    all
}

fn publish(world: &mut World, me: u32, name: &str, text: &str) -> usize {
    match world.ask(me, KademliaCommand::Publish { key: key(name), value: value(text) }) {
        Some(KademliaEvent::Published { sent_to, .. }) => sent_to,
        other => panic!("{other:?}"),
    }
}

fn holders(world: &World, name: &str) -> Vec<u32> {
    let holds =
        |me: &u32| world.up[*me as usize] && !world.nodes[*me as usize].values_of(world.now, key(name)).is_empty();
    (0..world.nodes.len() as u32).filter(holds).collect()
}

#[test]
fn a_value_is_sent_to_the_closest_nodes_and_found_from_everywhere() {
    for config in [binary(), KademliaConfig::default()] {
        let mut world = World::joined(100, config, 1);
        assert_eq!(publish(&mut world, 3, "name", "here"), 8);
        world.run(Duration::from_secs(1));
        let mut expected: Vec<u32> = closest(&world, key("name"), 9).into_iter().filter(|me| *me != 3).collect();
        expected.truncate(8);
        expected.push(3);
        expected.sort_unstable();
        assert_eq!(holders(&world, "name"), expected);
        for me in 0..100 {
            let (values, hops) = world.resolve(me, key("name")).unwrap();
            assert_eq!(values, [value("here")]);
            assert_eq!(hops == 0, expected.contains(&me));
            // The bound of the paper.
            assert!(hops <= 7);
        }
        assert!(world.nodes.iter().all(|node| node.refusals().total() == 0));
    }
}

#[test]
fn what_nobody_published_is_missing_and_an_island_is_alone() {
    let mut world = World::joined(30, binary(), 2);
    let missing = world.ask(5, KademliaCommand::Resolve(key("nothing")));
    let Some(KademliaEvent::NotFound { reason: Reason::Missing, messages: 8.., .. }) = missing else {
        panic!("{missing:?}")
    };
    let mut island = World::new(1, binary(), 2);
    let alone = island.ask(0, KademliaCommand::Resolve(key("nothing")));
    let Some(KademliaEvent::NotFound { reason: Reason::Alone, messages: 0, .. }) = alone else { panic!("{alone:?}") };
    let alone = island.ask(0, KademliaCommand::Publish { key: key("name"), value: value("here") });
    assert_eq!(alone, Some(KademliaEvent::NotPublished { key: key("name"), reason: Reason::Alone }));
}

#[test]
fn a_found_value_is_remembered_for_a_minute() {
    let mut world = World::joined(60, binary(), 3);
    publish(&mut world, 3, "name", "here");
    let far = (0..60).find(|me| !holders(&world, "name").contains(me)).unwrap();
    assert!(world.resolve(far, key("name")).unwrap().1 > 0);
    let before = world.messages;
    assert_eq!(world.resolve(far, key("name")).unwrap().1, 0);
    assert_eq!(world.messages, before);
    world.run(Duration::from_secs(61));
    assert!(world.resolve(far, key("name")).unwrap().1 > 0);
}

#[test]
fn a_key_has_several_values_up_to_eight() {
    let mut world = World::joined(30, binary(), 4);
    for (me, text) in (0..).zip(["a", "b", "c", "d", "e", "f", "g", "h", "i"]) {
        publish(&mut world, me, "name", text);
        world.run(Duration::from_secs(1));
    }
    // Authors hold their own besides, and send to one more in their place. At the others the value that expires first, which is
    // the first, gave way.
    let others: Vec<u32> = closest(&world, key("name"), 8).into_iter().filter(|me| *me >= 9).collect();
    assert!(!others.is_empty());
    for me in others {
        let mut values = world.nodes[me as usize].values_of(world.now, key("name"));
        values.sort_unstable();
        assert_eq!(values, ["b", "c", "d", "e", "f", "g", "h", "i"].map(value));
        assert_eq!(world.resolve(me, key("name")).unwrap().1, 0);
    }
}

#[test]
fn dead_contacts_cost_a_timeout_and_are_dropped() {
    let mut world = World::joined(100, binary(), 5);
    publish(&mut world, 3, "name", "here");
    world.run(Duration::from_secs(1));
    let known: usize = world.nodes.iter().map(|node| node.table().len()).sum();
    world.crash_some(40, 10);
    let dead_known = |world: &World| -> usize {
        let of = |me: usize| world.nodes[me].table().contacts().filter(|peer| !world.up[peer.0 as usize]).count();
        (0..100).filter(|me| world.up[*me]).map(of).sum()
    };
    let before = dead_known(&world);
    assert!(before > known / 5, "{before} of {known}");
    for me in 0..10 {
        assert_eq!(world.resolve(me, key("name")).unwrap().0, [value("here")]);
    }
    // A quarter of an hour later every part of the key space was looked up, and who did not answer was pinged twice.
    world.run(Duration::from_secs(1100));
    let after = dead_known(&world);
    assert!(after < before / 3, "{after} of {before}");
}

#[test]
fn values_outlive_their_holders_and_lapse_some_time_after_their_author() {
    let config = KademliaConfig { expire: Duration::from_secs(900), replicate: Duration::from_secs(60), ..binary() };
    let mut world = World::joined(40, config, 6);
    publish(&mut world, 3, "name", "here");
    world.run(Duration::from_secs(1));
    // Holders vanish four at a time, and replication keeps up.
    for _ in 0..3 {
        for me in closest(&world, key("name"), 4) {
            if me != 0 {
                world.crash(me);
            }
        }
        world.run(Duration::from_secs(120));
        let holding = holders(&world, "name");
        let near = closest(&world, key("name"), 8);
        assert!(near.iter().filter(|me| holding.contains(me)).count() >= 6, "{near:?} {holding:?}");
    }
    world.crash(3);
    assert!(world.resolve(0, key("name")).is_some());
    // Copies of copies do not outlive the first.
    world.run(Duration::from_secs(700));
    assert_eq!(holders(&world, "name"), []);
    assert!(world.resolve(0, key("name")).is_none());
}

#[test]
fn an_author_keeps_its_value_alive_until_it_withdraws_it() {
    let config = KademliaConfig { expire: Duration::from_secs(600), replicate: Duration::from_secs(60), ..binary() };
    let mut world = World::joined(30, config, 7);
    publish(&mut world, 3, "name", "here");
    world.run(Duration::from_secs(1500));
    assert!(holders(&world, "name").len() >= 8);
    let withdrawn = world.ask(3, KademliaCommand::Withdraw(key("name")));
    assert_eq!(withdrawn, Some(KademliaEvent::Withdrawn { key: key("name"), existed: true }));
    world.run(Duration::from_secs(700));
    assert_eq!(holders(&world, "name"), []);
    let again = world.ask(3, KademliaCommand::Withdraw(key("name")));
    assert_eq!(again, Some(KademliaEvent::Withdrawn { key: key("name"), existed: false }));
}

#[test]
fn lookups_survive_loss() {
    let mut world = World::joined(60, binary(), 8);
    world.loss = 100;
    publish(&mut world, 3, "name", "here");
    let found = (0..60).filter(|me| world.resolve(*me, key("name")).is_some()).count();
    assert_eq!(found, 60);
}

#[test]
fn a_node_that_was_gone_joins_again_and_one_that_came_too_early_tries_until_somebody_is_there() {
    let mut world = World::joined(30, binary(), 9);
    world.crash(12);
    world.run(Duration::from_secs(60));
    world.restart(12);
    world.run(Duration::from_secs(10));
    assert!(world.nodes[12].table().len() >= 8);
    publish(&mut world, 3, "name", "here");
    assert!(world.resolve(12, key("name")).is_some());

    let mut early = World::new(2, binary(), 9);
    early.crash(1);
    early.command(0, KademliaCommand::Join(vec![SimPeer(1)]));
    early.run(Duration::from_secs(30));
    assert!(early.nodes[0].table().is_empty() && early.events.is_empty());
    early.restart(1);
    early.run(Duration::from_secs(5));
    assert_eq!(early.nodes[0].table().len(), 1);
    assert!(early.events.iter().any(|(who, event)| *who == 0 && matches!(event, KademliaEvent::Joined { .. })));
}

#[test]
fn parameters_that_make_no_sense_are_named() {
    let wrong = |change: fn(&mut KademliaConfig)| {
        let mut config = KademliaConfig::default();
        change(&mut config);
        config.check().err().map(|error| error.key)
    };
    assert_eq!(wrong(|_| {}), None);
    assert_eq!(wrong(|config| config.k = 0), Some("k"));
    assert_eq!(wrong(|config| config.k = 33), Some("k"));
    assert_eq!(wrong(|config| config.alpha = 0), Some("alpha"));
    assert_eq!(wrong(|config| config.split = 3), Some("split"));
    assert_eq!(wrong(|config| config.timeout = Duration::ZERO), Some("timeout"));
    assert_eq!(wrong(|config| config.expire = config.replicate), Some("expire"));
    assert_eq!(wrong(|config| config.refresh = Duration::MAX), Some("refresh"));
    assert_eq!(wrong(|config| config.values = 9), Some("values"));
    assert_eq!(wrong(|config| config.contacts_max = 7), Some("contacts_max"));
}
