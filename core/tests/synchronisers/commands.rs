//! Writes, versions, timers and rumours, one node or a few at a time.

use std::sync::Arc;

use rapprochement_core::peer::{Peer, SimPeer};
use rapprochement_core::reconcile::{SyncCommand, SyncEvent, SyncMessage};
use rapprochement_core::store::{KEY_LEN_MAX, Tuple, TupleError, VALUE_LEN_MAX};
use rapprochement_core::time::Duration;
use rapprochement_core::wire::Message;

use crate::host::Host;
use crate::subjects::{Eager, Full, INTERVAL, Scuttle, StandIn, Subject};

fn written<Y: Subject>(host: &Host<Y>) -> Vec<Arc<Tuple>> {
    let tuple = |(_, event): &(u32, _)| match event {
        SyncEvent::Wrote { tuple, .. } => Some(Arc::clone(tuple)),
        _ => None,
    };
    host.events.iter().filter_map(tuple).collect()
}

#[test]
fn versions_rise_through_crashes_and_lost_disks() {
    let mut host = Host::<Scuttle>::new(2, 1 << 16, 1);
    host.write(0, b"a", b"1");
    host.command(0, SyncCommand::Delete { key: b"a".to_vec() });
    host.crash(0, false);
    host.write(0, b"a", b"while down");
    host.restart(0);
    assert_eq!(host.store(0).len(), 1);
    host.write(0, b"a", b"2");
    host.crash(0, true);
    host.restart(0);
    assert!(host.store(0).is_empty());
    host.write(0, b"b", b"3");
    assert_eq!(written(&host).iter().map(|tuple| tuple.version()).collect::<Vec<_>>(), [1, 2, 3, 4]);
    assert_eq!(written(&host)[1].value(), None);
}

/// A node that lost even its counter goes on behind its own tuples as they come back from peers.
#[test]
fn own_tuples_that_come_back_raise_the_version() {
    let mut host = Host::<Full>::new(2, 0, 1);
    host.deliver(1, 0, &Full::carrier(StandIn(0).tuple(41, b"k", None)));
    host.write(0, b"l", b"x");
    assert_eq!(written(&host)[0].version(), 42);
}

#[test]
fn commands_beyond_the_limits_are_refused_and_cost_no_version() {
    let mut host = Host::<Eager>::new(2, 1 << 16, 1);
    host.write(0, &[0; KEY_LEN_MAX + 1], b"");
    host.write(0, b"", &[0; VALUE_LEN_MAX + 1]);
    host.write(0, &[0; KEY_LEN_MAX], &[0; VALUE_LEN_MAX]);
    assert_eq!(host.events[0].1, SyncEvent::WriteRefused(TupleError::KeyTooLong));
    assert_eq!(host.events[1].1, SyncEvent::WriteRefused(TupleError::ValueTooLong));
    assert_eq!(written(&host)[0].version(), 1);
    host.deliver(1, 0, &Eager::carrier(StandIn(0).tuple(u64::MAX, b"k", None)));
    host.write(0, b"", b"");
    assert_eq!(host.events.last().unwrap().1, SyncEvent::WriteRefused(TupleError::VersionsExhausted));
}

/// The first tick falls anywhere in the interval, every further one an interval later.
fn ticks_are_periodic_and_out_of_step<Y: Subject>() {
    let mut host = Host::<Y>::new(40, 1 << 16, 2);
    let mut first: Vec<_> = host.armed.iter().map(|&(_, after)| after).collect();
    first.sort();
    first.dedup();
    assert_eq!(first.len(), 40);
    assert!(first[0] < Duration::from_millis(250) && first[39] > Duration::from_millis(750) && first[39] < INTERVAL);
    host.run(Duration::from_secs(10));
    assert_eq!(host.armed.len(), 40 * 11);
    assert!(host.armed[40..].iter().all(|&(_, after)| after == INTERVAL));
}

#[test]
fn all_synchronisers_tick_out_of_step() {
    ticks_are_periodic_and_out_of_step::<Full>();
    ticks_are_periodic_and_out_of_step::<Eager>();
    ticks_are_periodic_and_out_of_step::<Scuttle>();
}

/// Infect and die: whoever is infected sends exactly `fanout` rumours, whoever knows the tuple sends none.
#[test]
fn every_infected_node_passes_a_rumour_on_once() {
    let mut host = Host::<Eager>::new(100, 1 << 16, 3);
    host.write(17, b"k", b"v");
    // Whom the rumour misses, repair reaches: those adopt at 0 hops and pass nothing on.
    host.run(Duration::from_secs(20));
    let rumour = SyncMessage::Rumour { tuple: StandIn(0).tuple(1, b"", None), hops: 1 }.class();
    let sent = host.sent.iter().filter(|&&(class, _)| class == rumour).count();
    let hops: Vec<_> = host.events.iter().filter_map(|(_, event)| adopted_hops(event)).collect();
    assert_eq!(hops.len(), 99);
    let infected = hops.iter().filter(|&&hops| hops > 0).count();
    assert_eq!(sent, (infected + 1) * 2);
    // With fan-out 2 at most 2 * 2^(h - 1) nodes are infected at hop h.
    for hop in 1..6 {
        assert!(hops.iter().filter(|&&at| at == hop).count() <= 1 << hop);
    }
    assert!(hops.iter().any(|&at| at >= 5));
}

fn adopted_hops(event: &SyncEvent<SimPeer>) -> Option<u8> {
    match event {
        SyncEvent::Adopted { hops, .. } => Some(*hops),
        _ => None,
    }
}

/// An exchange goes both ways and ends after four kinds of message.
#[test]
fn one_exchange_brings_both_sides_up_to_date() {
    let mut host = Host::<Scuttle>::new(2, 1 << 16, 4);
    host.write(0, b"k", b"from 0");
    host.write(1, b"k", b"from 1");
    while host.sent.is_empty() {
        host.run(Duration::from_millis(1));
    }
    host.run(Duration::from_millis(800));
    let opened = host.sent.iter().filter(|(class, _)| *class == 2).count();
    assert!(host.converged() && opened <= 2);
    assert!(host.store(1).get(&SimPeer(0).id(), b"k").is_some());
}

#[test]
fn messages_of_another_protocol_are_ignored() {
    let tuple = StandIn(5).tuple(1, b"k", None);
    let mut full = Host::<Full>::new(2, 0, 1);
    full.deliver(1, 0, &SyncMessage::Delta([tuple.clone()].into()));
    full.deliver(1, 0, &SyncMessage::Rumour { tuple: tuple.clone(), hops: 1 });
    assert!(full.events.is_empty() && full.sent.is_empty());
    let mut scuttle = Host::<Scuttle>::new(2, 0, 1);
    scuttle.deliver(1, 0, &SyncMessage::State([tuple].into()));
    assert!(scuttle.events.is_empty() && scuttle.sent.is_empty());
}
