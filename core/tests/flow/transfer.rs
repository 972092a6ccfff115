//! What crosses an allocated flow: order and completeness under loss, timers, windows, and ends.

use rapprochement_core::flow::config::{AllocationConfig, FlowConfig, FrcpConfig, Qos};
use rapprochement_core::flow::packet::{Content, Segment};
use rapprochement_core::time::{Duration, Instant};
use rapprochement_core::wire::Message;

use crate::world::{World, at, ms};

type Flags = Segment<()>;

fn config(qos: Qos) -> FlowConfig {
    let allocation = AllocationConfig { directory: false, ..AllocationConfig::default() };
    let frcp = FrcpConfig { fragment: 500, ..FrcpConfig::default() };
    FlowConfig { qos, allocation, frcp, ..FlowConfig::default() }
}

/// The splitmix64 finaliser, for fates that do not depend on the order of questions.
fn draw(seed: u64, number: u64) -> u64 {
    let mut z = (seed << 32 | number).wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Messages of 0 to 7 packets, each of its own content.
fn messages(seed: u64) -> Vec<Vec<u8>> {
    (0..20).map(|index| vec![index as u8; (draw(seed, 1 << 20 | index) % 3_400) as usize]).collect()
}

/// A network that loses every fifth packet of transfer and lets packets overtake each other by up to 60 ms.
fn unruly(seed: u64, qos: Qos) -> World {
    let mut config = config(qos);
    config.frcp.rendezvous_fails = false;
    let mut world = World::new(2, ms(20), &config);
    world.lost = Box::new(move |number, packet| packet.class() >= 2 && draw(seed, number).is_multiple_of(5));
    world.late = Box::new(move |number| Duration::from_micros(draw(seed, 1 << 24 | number) % 60_000));
    for message in messages(seed) {
        world.send(0, 1, &message);
    }
    world.run_to(at(110_000));
    world
}

#[test]
fn a_reliable_flow_delivers_everything_once_and_in_order_under_loss_and_reordering() {
    for seed in 0..40 {
        let world = unruly(seed, Qos::DATA);
        let delivered: Vec<&[u8]> = world.delivered.iter().map(|(_, _, bytes)| &bytes[..]).collect();
        assert!(delivered == messages(seed), "seed {seed}: {} messages", delivered.len());
        assert!(world.nodes[0].flows()[0].retransmissions > 0);
    }
}

#[test]
fn an_ordered_flow_delivers_whole_messages_in_order_and_nothing_else() {
    let mut lost = 0;
    for seed in 0..40 {
        let world = unruly(seed, Qos::BEST_EFFORT);
        let all = messages(seed);
        let mut rest = all.iter();
        for (_, _, bytes) in &world.delivered {
            assert!(rest.any(|message| message[..] == bytes[..]), "seed {seed}: out of order, twice, or in pieces");
        }
        lost += all.len() - world.delivered.len();
        assert_eq!(world.nodes[0].flows()[0].retransmissions, 0);
    }
    assert!(lost > 0);
}

#[test]
fn a_lost_packet_leaves_again_with_the_wheel_after_the_first_timeout() {
    let mut world = World::new(2, ms(50), &config(Qos::DATA));
    world.lost = Box::new(|number, _| number == 2);
    world.send(0, 1, b"x");
    world.run_to(at(10_000));
    let turn = 1 << 20;
    let due = Instant::from_nanos(at(100 + 1_000).as_nanos().div_ceil(turn) * turn);
    assert_eq!(world.delivered[0].0, due + ms(50));
}

#[test]
fn timeouts_double_until_a_packet_has_been_sent_again_for_as_long_as_it_may() {
    let mut world = World::new(2, ms(50), &config(Qos::DATA));
    world.lost = Box::new(|number, _| number >= 2);
    world.send(0, 1, b"x");
    world.run_to(at(300_000));
    let sent: Vec<u64> = world.packets[2..].iter().map(|(time, ..)| time.as_nanos() / 1_000_000_000).collect();
    assert_eq!(sent[..7], [0, 1, 3, 7, 15, 31, 63], "1 s, doubling");
    assert_eq!(world.down.len(), 1);
    assert_eq!(world.down[0].0.as_nanos() / 1_000_000_000, 127, "the first timer after R = 120 s");
}

#[test]
fn sixty_four_packets_leave_before_the_first_window_is_heard_of() {
    let mut world = World::new(2, ms(50), &config(Qos::DATA));
    world.send(0, 1, &[1; 500 * 200]);
    // The acknowledgement leaves a tick after the first data and is back half a round trip later.
    world.run_to(at(100 + 50 + 5 + 49));
    let data = |world: &World| world.packets.iter().filter(|(.., packet)| packet.class() == 2).count();
    assert_eq!(data(&world), 64);
    world.run_to(at(100 + 50 + 5 + 50));
    assert!(data(&world) > 64);
    world.run_to(at(5_000));
    assert_eq!(world.delivered.len(), 1);
    assert_eq!(world.nodes[0].flows()[0].retransmissions, 0);
}

#[test]
fn in_front_of_a_closed_window_a_sender_asks_for_it_and_gives_up_after_a_second() {
    let mut world = World::new(2, ms(50), &config(Qos::DATA));
    world.lost = Box::new(|_, packet| packet.class() == 3);
    world.send(0, 1, &[1; 500 * 200]);
    world.run_to(at(10_000));
    let asks = world.packets.iter().filter(|(_, from, _, packet)| {
        *from == 0 && matches!(&packet.content, Content::Frcp(segment) if segment.has(Flags::RDVZ))
    });
    let times: Vec<Instant> = asks.map(|(time, ..)| *time).collect();
    assert_eq!(times, (2..=11).map(|tenth| at(100 * tenth)).collect::<Vec<_>>());
    assert_eq!(world.down[0].0, at(1_100));
}

#[test]
fn a_lost_first_packet_with_a_window_behind_it_fails_the_flow_unless_told_otherwise() {
    for fails in [true, false] {
        let mut config = config(Qos::DATA);
        config.frcp.rendezvous_fails = fails;
        let mut world = World::new(2, ms(50), &config);
        world.lost = Box::new(|number, _| number == 2);
        world.send(0, 1, &[1; 500 * 200]);
        world.run_to(at(10_000));
        assert_eq!((world.down.len(), world.delivered.len()), if fails { (1, 0) } else { (0, 1) });
    }
}

#[test]
fn a_silent_flow_ends_at_both_sides_after_two_minutes() {
    for qos in [Qos::DATA, Qos::RAW] {
        let mut world = World::new(2, ms(50), &config(qos));
        world.send(0, 1, b"x");
        world.run_to(at(110_000));
        assert_eq!((world.nodes[0].footprint().open, world.nodes[1].footprint().open), (1, 1));
        world.run_to(at(121_000));
        assert_eq!((world.nodes[0].footprint().open, world.nodes[1].footprint().open), (0, 0));
        assert!(world.down.is_empty(), "silence is no evidence of a failure");
    }
}

#[test]
fn two_who_ask_each_other_at_once_have_two_flows_and_come_up_at_both_ends_of_each() {
    let mut world = World::new(2, ms(50), &config(Qos::DATA));
    world.send(0, 1, b"there");
    world.send(1, 0, b"back");
    world.run_to(at(2_000));
    assert_eq!(world.delivered.iter().map(|(time, ..)| *time).collect::<Vec<_>>(), [at(150), at(150)]);
    let mut up: Vec<_> = world.up.iter().map(|(time, node, _)| (*time, *node)).collect();
    up.sort_unstable();
    assert_eq!(up, [(at(100), 0), (at(100), 1), (at(150), 0), (at(150), 1)]);
}

#[test]
fn a_crashed_node_has_no_flows_and_its_peers_find_out() {
    let mut world = World::new(2, ms(50), &config(Qos::DATA));
    world.send(0, 1, b"x");
    world.run_to(at(1_000));
    world.nodes[1].restart();
    world.send(0, 1, b"y");
    world.run_to(at(300_000));
    assert_eq!(world.delivered.len(), 1);
    assert_eq!(world.down.len(), 1, "by R, since nothing is told of a flow that is gone");
}

/// Nothing is told of a flow that is gone, and what is sent is no sign that anybody is there: two minutes after the last word of the
/// peer the flow ends, and the next message asks for a new one.
#[test]
fn who_talks_without_retransmission_to_a_peer_that_restarted_reaches_it_over_a_new_flow() {
    for qos in [Qos::RAW, Qos::RAW_NO_ERRORS, Qos::BEST_EFFORT] {
        let mut world = World::new(2, ms(50), &config(qos));
        world.send(0, 1, b"x");
        world.run_to(at(1_000));
        world.nodes[1].restart();
        for turn in 1..=20 {
            world.run_to(at(1_000 + turn * 10_000));
            world.send(0, 1, b"y");
        }
        world.run_to(at(210_000));
        let times: Vec<Instant> = world.delivered.iter().map(|(time, ..)| *time).collect();
        assert_eq!(times[..3], [at(150), at(121_150), at(131_050)], "{qos:?}");
        assert_eq!(times.len(), 1 + 9);
    }
}

/// A flow goes both ways: the answer needs no allocation, and a new flow of the asker takes the place of the one that it closed.
#[test]
fn who_was_asked_answers_over_the_newest_flow() {
    let mut world = World::new(2, ms(20), &config(Qos::DATA));
    for (round, begin) in [(0u8, 0), (1, 1_000)] {
        world.send(0, 1, &[round]);
        world.run_to(at(begin + 60));
        world.send(1, 0, &[10 + round]);
        world.run_to(at(begin + 500));
        world.close(0, 1);
        world.run_to(at(begin + 1_000));
    }
    let arrivals: Vec<(Instant, usize, u8)> =
        world.delivered.iter().map(|(time, node, bytes)| (*time, *node, bytes[0])).collect();
    // A round trip of 40 ms to allocate, half of one for the message, and half of one for the answer.
    assert_eq!(arrivals, [(at(60), 1, 0), (at(80), 0, 10), (at(1_060), 1, 1), (at(1_080), 0, 11)]);
    assert_eq!(world.nodes[1].flows().iter().filter(|flow| flow.asked).count(), 0);
    assert_eq!(world.nodes[0].flows().len(), 2);
}
