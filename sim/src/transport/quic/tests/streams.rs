//! What shares a connection, and what a connection tells of itself.

use rapprochement_core::time::Duration;

use super::super::config::Streams;
use super::super::stack::CONNECTION_BYTES;
use super::super::{QuicConfig, QuicStack};
use super::rig::{Blob, Rig, Told};
use crate::transport::stack::Stack;

/// Twenty messages of 500 B, which the first window holds together, numbered by their bytes, and when each of them arrived; the packet `lost` is lost.
fn twenty(streams: Streams, lost: Option<u64>) -> Vec<u64> {
    let mut rig = Rig::new(&QuicConfig { streams, ..QuicConfig::default() });
    rig.lose = Box::new(move |from, number, _| from == 0 && Some(number) == lost);
    for i in 0..20 {
        rig.send(0, vec![i; 500]);
    }
    assert!(rig.run(Duration::from_secs(10), |rig| rig.messages(1) == 20));
    let arrival = |i: u8| rig.when(1, |told| matches!(told, Told::Message(blob) if blob.0 == vec![i; 500])).unwrap();
    (0..20).map(arrival).collect()
}

/// How many messages a lost packet holds up by more than half a round trip.
fn held_up(streams: Streams, lost: u64) -> usize {
    let (without, with) = (twenty(streams, None), twenty(streams, Some(lost)));
    without.iter().zip(&with).filter(|(without, with)| **with > **without + 50_000_000).count()
}

/// Packet 4 of the client carries application data of the first window in both cases.
#[test]
fn a_loss_holds_up_its_own_stream_only() {
    let own = held_up(Streams::PerMessage, 4);
    let shared = held_up(Streams::One, 4);
    assert!((1..=4).contains(&own), "one packet holds parts of four messages at most: {own}");
    assert!(shared >= 12, "four packets hold eight or so, and all behind them wait: {shared}");
}

#[test]
fn messages_beyond_the_limit_of_streams_wait_and_arrive() {
    for streams in [Streams::PerMessage, Streams::One] {
        let mut rig = Rig::new(&QuicConfig { streams, streams_max: 3, ..QuicConfig::default() }).with_loss(2, 1);
        for i in 0..50 {
            rig.send(0, vec![i; 1_000 + usize::from(i)]);
        }
        rig.send(0, vec![]);
        assert!(rig.run(Duration::from_secs(60), |rig| rig.messages(1) == 51), "{streams:?}");
        let mut got: Vec<usize> = rig.told[1]
            .iter()
            .filter_map(|(_, told)| if let Told::Message(blob) = told { Some(blob.0.len()) } else { None })
            .collect();
        if streams == Streams::PerMessage {
            got.sort_by_key(|&len| (len == 0, len));
        }
        let sent: Vec<usize> = (1_000..1_050).chain([0]).collect();
        assert_eq!(got, sent, "{streams:?}");
    }
}

/// More than all windows at once, in both directions.
#[test]
fn a_window_fills_and_empties() {
    let window = crate::units::Size(64 << 10);
    for streams in [Streams::PerMessage, Streams::One] {
        let mut rig = Rig::new(&QuicConfig { streams, window, ..QuicConfig::default() });
        for from in [0, 1] {
            rig.send(from, vec![3; 700_000]);
            rig.send(from, vec![4; 100]);
        }
        assert!(rig.run(Duration::from_secs(60), |rig| rig.messages(0) == 2 && rig.messages(1) == 2));
        // The queue empties with the last acknowledgements.
        rig.run(Duration::from_secs(61), |_| false);
        let left = |node: &QuicStack<Blob>| node.footprint().bytes % CONNECTION_BYTES;
        assert!(rig.nodes.iter().all(|node| left(node) == 0), "no bytes of messages are left over");
    }
}

#[test]
fn both_may_open_at_once() {
    let mut rig = Rig::new(&QuicConfig::default());
    rig.send(0, vec![1; 2_000]);
    rig.send(1, vec![2; 3_000]);
    rig.run(Duration::from_secs(5), |_| false);
    assert_eq!((rig.arrival(0, 3_000).is_some(), rig.arrival(1, 2_000).is_some()), (true, true));
    // Later messages open no further connection, and when the surplus one ends nobody is told that the peer is gone.
    rig.send(0, vec![1; 10]);
    rig.run(Duration::from_secs(20), |_| false);
    rig.send(0, vec![1; 11]);
    rig.run(Duration::from_secs(40), |_| false);
    assert!(rig.arrival(1, 11).is_some());
    assert_eq!(rig.nodes[0].flows().len(), 2);
    assert_eq!(rig.when(0, |told| *told == Told::Down), None);
    assert_eq!(rig.nodes[0].footprint().open, 1);
}

#[test]
fn a_flow_is_recorded_on_both_sides() {
    let mut rig = Rig::new(&QuicConfig::default());
    rig.send(0, vec![1; 20_000]);
    rig.run(Duration::from_secs(2), |_| false);
    let (client, server) = (rig.nodes[0].flows().remove(0), rig.nodes[1].flows().remove(0));
    assert_eq!((client.peer, server.peer), (1, 0));
    assert_eq!((client.sent_bytes, client.received_bytes), (20_000, 0));
    assert_eq!((server.sent_bytes, server.received_bytes), (0, 20_000));
    assert_eq!(server.last_byte.map(|at| at.as_nanos()), rig.arrival(1, 20_000));
    let sent = rig.trace.iter().filter(|(_, from, _)| *from == 0).count() as u64;
    assert_eq!((client.packets, client.losses), (sent, 0));
    let round_trip = client.round_trip.unwrap().as_nanos();
    assert!((100_000_000..125_000_000).contains(&round_trip), "with acknowledgements 25 ms late at most: {round_trip}");
}
