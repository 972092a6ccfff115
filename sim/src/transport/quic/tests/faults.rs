//! Peers that leave, come back, move, and fall silent.

use rapprochement_core::time::Duration;

use super::super::QuicConfig;
use super::rig::{Rig, Told};
use crate::transport::stack::Stack;

#[test]
fn a_client_may_move_in_the_middle_of_a_transfer() {
    for noticed in [false, true] {
        for sender in [0, 1] {
            let mut rig = Rig::new(&QuicConfig::default());
            rig.send(0, vec![1; 10]);
            rig.run(Duration::from_secs(1), |_| false);
            rig.send(sender, vec![2; 1_000_000]);
            rig.run(Duration::from_millis(1_200), |_| false);
            rig.rebind(0, noticed);
            // Whoever only receives has to say something before the other can know.
            rig.send(0, vec![3; 20]);
            let done = rig.run(Duration::from_secs(20), |rig| rig.arrival(1 - sender, 1_000_000).is_some());
            assert!(done, "noticed {noticed}, sender {sender}");
            assert!(rig.run(Duration::from_secs(21), |rig| rig.arrival(1, 20).is_some()));
            assert_eq!(rig.nodes[0].flows().len(), 1, "it is the same connection");
            assert_eq!(rig.when(0, |told| *told == Told::Down), None);
        }
    }
}

/// The client sends to where the server was, hears nothing, and gives up after the idle timeout.
#[test]
fn a_server_that_moves_is_lost_after_the_idle_timeout() {
    let mut rig = Rig::new(&QuicConfig::default());
    rig.send(0, vec![1; 10]);
    rig.run(Duration::from_secs(1), |_| false);
    rig.rebind(1, false);
    rig.send(0, vec![2; 20]);
    rig.run(Duration::from_secs(40), |_| false);
    assert_eq!(rig.arrival(1, 20), None);
    let down = rig.when(0, |told| *told == Told::Down).unwrap();
    assert!((31_000_000_000..32_000_000_000).contains(&down), "{down}");
    assert_eq!(rig.nodes[0].footprint().open, 0);
}

/// RFC 9000, section 9: a server cannot migrate. A client that connects anew looks the server's name up, and finds it.
#[test]
fn a_server_that_moves_is_reached_by_new_connections() {
    let mut rig = Rig::new(&QuicConfig::default());
    let second = 1_000_000_000;
    // When the server moves, and when the client, which has given the old connection up by then, sends again.
    for (moves, again, len) in [(0, 0, 10), (20, 60, 20), (80, 120, 30)] {
        rig.run(Duration::from_secs(moves), |_| false);
        rig.rebind(1, true);
        // The old connection, where there is one, is still believed in, and what is sent over it is lost with it.
        if again > moves {
            rig.send(0, vec![1; 1_000 + len]);
            rig.run(Duration::from_secs(again), |_| false);
            assert_eq!(rig.arrival(1, 1_000 + len), None);
            assert_eq!(rig.nodes[0].footprint(), Default::default(), "after the idle timeout nothing is left");
        }
        rig.send(0, vec![1; len]);
        rig.run(Duration::from_secs(again + 5), |_| false);
        rig.send(1, vec![2; 100 + len]);
        rig.run(Duration::from_secs(again + 6), |_| false);
        let took = rig.arrival(1, len).unwrap() - again * second;
        assert!((50_000_000..151_000_000).contains(&took), "{took}");
        assert!(rig.arrival(0, 100 + len).is_some(), "and it answers over the same connection");
    }
    assert_eq!((rig.nodes[0].flows().len(), rig.nodes[1].flows().len()), (3, 3));
}

#[test]
fn a_node_that_came_back_resets_old_connections_and_refuses_old_tickets() {
    let mut rig = Rig::new(&QuicConfig::default());
    rig.send(0, vec![1; 10]);
    rig.run(Duration::from_secs(1), |_| false);
    rig.nodes[1].restart();
    rig.send(0, vec![2; 200]);
    rig.run(Duration::from_secs(2), |_| false);
    let down = rig.when(0, |told| *told == Told::Down).unwrap();
    assert!((1_100_000_000..1_101_000_000).contains(&down), "a stateless reset takes a round trip: {down}");
    // The ticket is from before the restart: 0-RTT is refused, and what was sent in it is sent again, once.
    rig.send(0, vec![3; 30_000]);
    rig.run(Duration::from_secs(5), |_| false);
    assert_eq!(rig.messages(1), 2);
    let took = rig.arrival(1, 30_000).unwrap() - 2_000_000_000;
    assert!(took > 150_000_000, "{took}");
    // And the new ticket serves.
    rig.close(0);
    rig.run(Duration::from_secs(6), |_| false);
    rig.send(0, vec![4; 100]);
    rig.run(Duration::from_secs(7), |_| false);
    let took = rig.arrival(1, 100).unwrap() - 6_000_000_000;
    assert!(took < 51_000_000, "{took}");
}

#[test]
fn a_close_is_told_to_the_peer_only_and_leaves_nothing_behind() {
    let mut rig = Rig::new(&QuicConfig::default());
    rig.send(0, vec![1; 10]);
    rig.run(Duration::from_secs(1), |_| false);
    rig.close(0);
    let footprint = rig.nodes[0].footprint();
    assert_eq!((footprint.open, footprint.lingering), (0, 1));
    rig.run(Duration::from_secs(3), |_| false);
    assert_eq!(rig.when(0, |told| *told == Told::Down), None);
    let down = rig.when(1, |told| *told == Told::Down).unwrap();
    assert!((1_050_000_000..1_051_000_000).contains(&down), "{down}");
    for node in &rig.nodes {
        assert_eq!((node.footprint(), node.deadline()), (Default::default(), None));
    }
}

#[test]
fn a_peer_that_never_answers_is_down_after_the_idle_timeout() {
    let mut rig = Rig::new(&QuicConfig::default());
    rig.lose = Box::new(|_, _, _| true);
    rig.send(0, vec![1; 10]);
    rig.run(Duration::from_secs(60), |_| false);
    assert_eq!(rig.when(0, |told| *told == Told::Down), Some(30_000_000_000));
    assert_eq!(rig.nodes[0].deadline(), None);
    let attempts = rig.trace.len();
    assert!((4..20).contains(&attempts), "exponential back-off: {attempts}");
}

#[test]
fn what_is_no_message_ends_the_connection() {
    let mut rig = Rig::new(&QuicConfig::default());
    rig.send(0, vec![0xff; 10]);
    rig.run(Duration::from_secs(2), |_| false);
    assert_eq!(rig.messages(1), 0);
    assert!(rig.told[0].iter().any(|(_, told)| *told == Told::Down));
    assert!(rig.told[1].iter().any(|(_, told)| *told == Told::Down));
}

#[test]
fn everything_arrives_in_spite_of_heavy_loss() {
    for seed in 0..6 {
        let mut rig = Rig::seeded(&QuicConfig::default(), seed).with_loss(15, seed);
        for i in 0..10 {
            rig.send(i % 2, vec![i as u8; 3_000]);
        }
        assert!(rig.run(Duration::from_secs(100), |rig| rig.messages(0) == 5 && rig.messages(1) == 5), "seed {seed}");
    }
}
