//! Flow allocation in closed form: a lookup, a round trip, the time to accept, and half a round trip for the first byte.

use rapprochement_core::flow::allocation::Failure;
use rapprochement_core::flow::config::{AllocationConfig, FlowConfig, Qos};
use rapprochement_core::flow::packet::{Content, DT_LEN, FRCP_LEN};
use rapprochement_core::time::Duration;
use rapprochement_core::wire::Message;

use crate::world::{World, at, ms};

const ONE_WAY: u64 = 50;

fn config(qos: Qos, allocation: AllocationConfig) -> FlowConfig {
    FlowConfig { qos, allocation, ..FlowConfig::default() }
}

fn world(qos: Qos, allocation: AllocationConfig) -> World {
    World::new(2, ms(ONE_WAY), &config(qos, allocation))
}

#[test]
fn the_first_byte_is_there_after_lookup_three_halves_of_a_round_trip_and_the_time_to_accept() {
    for qos in [Qos::RAW, Qos::RAW_NO_ERRORS, Qos::BEST_EFFORT, Qos::DATA] {
        for (lookup, accept) in [(0, 0), (30, 0), (0, 7), (199, 1_000)] {
            for key_exchange in [None, Some((300, 300))] {
                let allocation = AllocationConfig { accept: ms(accept), key_exchange, ..AllocationConfig::default() };
                let mut world = world(qos, allocation);
                world.directory = Some((ms(lookup), true));
                world.send(0, 1, b"first");
                world.run_to(at(10_000));
                let [(time, 1, bytes)] = &world.delivered[..] else { panic!("{:?}", world.delivered) };
                assert_eq!((*time, &bytes[..]), (at(lookup + accept + 3 * ONE_WAY), &b"first"[..]));
                assert_eq!(world.nodes[0].flows()[0].established, Some(at(lookup + accept + 2 * ONE_WAY)));
                let lengths: Vec<usize> = world.packets[..2].iter().map(|(.., packet)| packet.encoded_len()).collect();
                let more = key_exchange.map_or(0, |_| 300);
                assert_eq!(lengths, [108 + more, 76 + more], "the published sizes, and what keys take");
            }
        }
    }
}

#[test]
fn a_raw_flow_adds_the_data_transfer_header_and_nothing_else() {
    for (qos, more) in [(Qos::RAW, 0), (Qos::RAW_NO_ERRORS, 4), (Qos::DATA, FRCP_LEN + 4)] {
        let mut world = world(qos, AllocationConfig::default());
        world.send(0, 1, &[7; 1_000]);
        world.run_to(at(151));
        let data = world.packets.iter().find(|(.., packet)| packet.class() == 2).expect("data was sent");
        assert_eq!(data.3.encoded_len(), DT_LEN + more + 1_000);
        assert_eq!(world.packets.len(), 3, "request, reply, data: retransmission control has no handshake");
    }
}

#[test]
fn a_lost_request_fails_at_twenty_seconds_to_the_nanosecond() {
    let mut world = world(Qos::DATA, AllocationConfig::default());
    world.lost = Box::new(|number, _| number == 0);
    world.send(0, 1, b"lost");
    world.run_to(at(60_000));
    assert_eq!(world.down.iter().map(|(time, node, _)| (*time, *node)).collect::<Vec<_>>(), [(at(20_000), 0)]);
    assert_eq!(world.nodes[0].flows()[0].failure, Some(Failure::TimedOut));
    assert!(world.delivered.is_empty() && world.packets.len() == 1);
}

#[test]
fn with_retry_it_succeeds_at_the_retry_delay() {
    let allocation = AllocationConfig { retry: Some(ms(500)), ..AllocationConfig::default() };
    let mut world = world(Qos::DATA, allocation);
    world.lost = Box::new(|number, _| number < 2);
    world.send(0, 1, b"late");
    world.run_to(at(10_000));
    assert_eq!(world.delivered[0].0, at(2 * 500 + 3 * ONE_WAY));
    assert!(world.down.is_empty());
}

#[test]
fn a_lost_reply_leaves_a_half_open_flow() {
    let mut world = world(Qos::DATA, AllocationConfig::default());
    world.lost = Box::new(|_, packet| matches!(packet.content, Content::Reply(_)));
    world.send(0, 1, b"unanswered");
    world.run_to(at(30_000));
    assert_eq!(world.down[0].0, at(20_000));
    let (asking, asked) = (world.nodes[0].footprint(), world.nodes[1].footprint());
    assert_eq!((asking.open, asking.allocating), (0, 0));
    assert_eq!((asked.open, asked.unused), (0, 1), "who was asked cannot know");
    world.run_to(at(ONE_WAY + 120_000 - 1));
    assert_eq!(world.nodes[1].footprint().unused, 1);
    world.run_to(at(ONE_WAY + 120_000));
    assert_eq!(world.nodes[1].footprint().unused, 0, "until the silence of a peer that is gone");
}

#[test]
fn a_retry_after_a_lost_reply_leaves_one_behind_and_works() {
    let allocation = AllocationConfig { retry: Some(ms(500)), ..AllocationConfig::default() };
    let mut world = world(Qos::RAW, allocation);
    world.lost = Box::new(|number, _| number == 1);
    world.send(0, 1, b"again");
    world.run_to(at(5_000));
    assert_eq!(world.delivered[0].0, at(500 + 3 * ONE_WAY));
    let footprint = world.nodes[1].footprint();
    assert_eq!((footprint.open, footprint.unused), (1, 1));
}

/// An answer that comes when nobody waits for it any more is not learnt: whoever asks next has to ask the directory again.
#[test]
fn an_answer_of_the_directory_that_comes_too_late_is_dropped() {
    let mut world = world(Qos::DATA, AllocationConfig::default());
    world.directory = Some((ms(300), true));
    world.send(0, 1, b"first");
    world.run_to(at(400));
    world.send(0, 1, b"second");
    world.run_to(at(1_000));
    assert_eq!(world.down.iter().map(|(time, ..)| *time).collect::<Vec<_>>(), [at(200), at(600)]);
    // The same where the flow was closed meanwhile.
    world.directory = Some((ms(100), true));
    world.send(0, 1, b"third");
    world.run_to(at(1_050));
    world.close(0, 1);
    world.run_to(at(1_200));
    assert!(world.delivered.is_empty() && world.packets.is_empty());
    world.send(0, 1, b"fourth");
    world.run_to(at(2_000));
    assert_eq!(world.delivered[0].0, at(1_200 + 100 + 3 * ONE_WAY));
}

#[test]
fn a_directory_that_is_slow_or_does_not_know_fails() {
    for (directory, fails) in [(None, 200), (Some((ms(201), true)), 200), (Some((ms(3), false)), 3)] {
        let mut world = world(Qos::DATA, AllocationConfig::default());
        world.directory = directory;
        world.send(0, 1, b"who");
        world.run_to(at(1_000));
        assert_eq!(world.down[0].0, at(fails));
        assert_eq!(world.nodes[0].flows()[0].failure, Some(Failure::NotFound));
        assert!(world.packets.is_empty());
    }
}

#[test]
fn an_application_that_does_not_accept_in_time_has_refused() {
    let allocation = AllocationConfig { accept: ms(1_001), ..AllocationConfig::default() };
    let mut world = world(Qos::DATA, allocation);
    world.send(0, 1, b"no");
    world.run_to(at(5_000));
    assert_eq!(world.down[0].0, at(1_000 + 2 * ONE_WAY));
    assert_eq!(world.nodes[0].flows()[0].failure, Some(Failure::Refused));
    assert_eq!(world.nodes[1].footprint().unused, 0);
}

#[test]
fn an_address_is_remembered_for_a_minute() {
    let mut world = world(Qos::RAW, AllocationConfig::default());
    world.directory = Some((ms(100), true));
    // It was found at 100 ms.
    for (send, lookup) in [(0, 100), (1_000, 0), (60_099, 0), (61_000, 100)] {
        world.run_to(at(send));
        world.close(0, 1);
        world.send(0, 1, b"x");
        world.run_to(at(send + 300));
        assert_eq!(world.delivered.last().unwrap().0, at(send + lookup + 3 * ONE_WAY));
    }
}

#[test]
fn what_a_flood_of_requests_can_make_a_node_keep_is_bounded() {
    let allocation = AllocationConfig { accepted_per_peer: 3, retry: Some(ms(10)), retries: 20, ..Default::default() };
    let mut world = world(Qos::DATA, allocation);
    world.lost = Box::new(|_, packet| matches!(packet.content, Content::Reply(_)));
    world.send(0, 1, b"x");
    world.run_to(at(15_000));
    assert_eq!(world.nodes[1].footprint().unused, 3);
    assert_eq!(world.nodes[1].dropped_requests(), 18);
}

#[test]
fn timers_linger_after_a_reliable_flow_and_not_after_a_raw_one() {
    for (qos, lingers) in [(Qos::DATA, 1), (Qos::RAW, 0)] {
        let mut world = world(qos, AllocationConfig::default());
        world.send(0, 1, b"x");
        world.run_to(at(1_000));
        world.close(0, 1);
        assert_eq!(world.nodes[0].footprint().lingering, lingers);
        // 3 MPL + A + R + 1 s after the last packet, which came no later than now.
        world.run_to(at(1_000) + Duration::from_millis(131_300));
        assert_eq!(world.nodes[0].footprint().lingering, 0);
    }
}
