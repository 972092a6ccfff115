//! Whatever is written, lost, cut, crashed or signed twice: once the network is whole, all stores become equal.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use rapprochement_core::peer::{Peer, PeerId, SimPeer};
use rapprochement_core::reconcile::{SUMMARIES_MAX, SyncCommand, SyncEvent};
use rapprochement_core::store::Tuple;
use rapprochement_core::time::Duration;

use crate::host::Host;
use crate::subjects::{CLASSIC, Eager, Full, Scuttle, Sessions, StandIn, Subject};

#[derive(Clone, Debug)]
enum Step {
    Write {
        node: u32,
        key: u8,
        value: u8,
    },
    Delete {
        node: u32,
        key: u8,
    },
    /// Any author's tuple, of any version, shown to one node only: equivocation, withholding and gaps.
    Plant {
        author: u32,
        version: u64,
        key: u8,
        value: Option<u8>,
        at: u32,
    },
    Partition(u8),
    Heal,
    Crash {
        node: u32,
        loses: bool,
    },
    Restart(u32),
    Run(u64),
}

fn steps(nodes: u32) -> impl Strategy<Value = Vec<Step>> {
    let node = 0..nodes;
    let step = prop_oneof![
        4 => (node.clone(), 0..5u8, any::<u8>()).prop_map(|(node, key, value)| Step::Write { node, key, value }),
        1 => (node.clone(), 0..5u8).prop_map(|(node, key)| Step::Delete { node, key }),
        4 => (node.clone(), 1..9u64, 0..5u8, proptest::option::of(0..3u8), node.clone())
            .prop_map(|(author, version, key, value, at)| Step::Plant { author, version, key, value, at }),
        1 => any::<u8>().prop_map(Step::Partition),
        1 => Just(Step::Heal),
        1 => (node.clone(), any::<bool>()).prop_map(|(node, loses)| Step::Crash { node, loses }),
        1 => node.prop_map(Step::Restart),
        3 => (0..1500u64).prop_map(Step::Run),
    ];
    proptest::collection::vec(step, 1..60)
}

/// Carries out one step; a planted tuple is noted, for the oracle.
fn carry_out<Y: Subject>(host: &mut Host<Y>, step: &Step, planted: &mut Vec<Arc<Tuple>>) {
    match *step {
        Step::Write { node, key, value } => host.write(node, &[key], &vec![value; usize::from(value)]),
        Step::Delete { node, key } => host.command(node, SyncCommand::Delete { key: vec![key] }),
        Step::Plant { author, version, key, value, at } => {
            let tuple = StandIn(author).tuple(version, &[key], value.as_ref().map(core::slice::from_ref));
            if host.nodes[at as usize].up {
                planted.push(tuple.clone());
            }
            host.deliver(author, at, &Y::carrier(tuple));
        }
        Step::Partition(sides) => {
            host.groups = (0..host.nodes.len()).map(|node| sides >> (node % 8) & 1).collect();
        }
        Step::Heal => host.groups.fill(0),
        Step::Crash { node, loses } => host.crash(node, loses),
        Step::Restart(node) => host.restart(node),
        Step::Run(millis) => host.run(Duration::from_millis(millis)),
    }
}

/// Runs the steps, makes the network whole (it still loses and repeats messages), and checks that all get the same, that
/// it is what the order of precedence says where nothing was lost with a disk, and that all evidence convicts.
fn all_become_equal<Y: Subject>(nodes: u32, budget: usize, loss: u32, seed: u64, steps: &[Step]) {
    let mut host = Host::<Y>::new(nodes, budget, seed);
    (host.loss, host.duplication) = (loss, 100);
    let mut tuples = Vec::new();
    for step in steps {
        carry_out(&mut host, step, &mut tuples);
    }
    host.groups.fill(0);
    (0..nodes).for_each(|node| host.restart(node));
    assert!(host.converges_within(Duration::from_secs(3000)));

    tuples.extend(host.events.iter().filter_map(|(_, event)| match event {
        SyncEvent::Wrote { tuple, .. } => Some(tuple.clone()),
        _ => None,
    }));
    if !steps.iter().any(|step| matches!(step, Step::Crash { loses: true, .. })) {
        let expected = winners(&tuples);
        let held: Vec<_> = host.store(0).iter().map(|tuple| tuple.digest()).collect();
        assert_eq!(held, expected.values().map(|tuple| tuple.digest()).collect::<Vec<_>>());
    }
    for proof in (0..nodes).flat_map(|node| host.store(node).evidence()) {
        let (a, b) = (&proof.lesser, &proof.greater);
        assert_eq!((a.author(), a.version()), (b.author(), b.version()));
        assert!(a.digest() < b.digest() && a.is_authentic(&StandIn(0)) && b.is_authentic(&StandIn(0)));
    }
    for (_, event) in &host.events {
        assert!(!matches!(event, SyncEvent::Rejected { .. } | SyncEvent::Full | SyncEvent::WriteRefused(_)));
    }
}

/// The oracle: a map that keeps the greater of (version, digest) per author and key.
fn winners(tuples: &[Arc<Tuple>]) -> BTreeMap<(PeerId, Vec<u8>), Arc<Tuple>> {
    let mut winners = BTreeMap::<_, Arc<Tuple>>::new();
    for tuple in tuples {
        let winner = winners.entry((tuple.author(), tuple.key().to_vec())).or_insert_with(|| tuple.clone());
        if (tuple.version(), tuple.digest()) > (winner.version(), winner.digest()) {
            *winner = tuple.clone();
        }
    }
    winners
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 96, failure_persistence: None, rng_seed: RngSeed::Fixed(20), ..ProptestConfig::default()
    })]

    #[test]
    fn full_push_converges(loss in 0..400u32, seed: u64, steps in steps(5)) {
        all_become_equal::<Full>(5, 0, loss, seed, &steps);
    }

    /// The budgets run from one tuple at a time to everything at once.
    #[test]
    fn eager_push_converges(budget in 0..2000usize, loss in 0..400u32, seed: u64, steps in steps(5)) {
        all_become_equal::<Eager>(5, budget, loss, seed, &steps);
    }

    #[test]
    fn scuttlebutt_converges(budget in 0..2000usize, loss in 0..400u32, seed: u64, steps in steps(5)) {
        all_become_equal::<Scuttle>(5, budget, loss, seed, &steps);
    }

    /// By sessions of every method, the first messages from none of its words to a full packet of them.
    #[test]
    fn sessions_converge(budget in 0..14_300usize, loss in 0..400u32, seed: u64, steps in steps(5)) {
        all_become_equal::<Sessions>(5, budget, loss, seed, &steps);
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 96, failure_persistence: None, rng_seed: RngSeed::Fixed(23), ..ProptestConfig::default()
    })]

    /// By summaries of what changed since nodes met, which crashes forget on one side.
    #[test]
    fn meetings_converge(loss in 0..400u32, seed: u64, steps in steps(5)) {
        all_become_equal::<Sessions>(5, 0, loss, seed, &steps);
    }
}

/// Two nodes hold an author's 300 keys, but each lacks another one, of a version in the middle: equal newest versions, and
/// a set that is fifty times the budget.
fn gaps_close_in_a_set_beyond_the_budget<Y: Subject>() {
    let mut host = Host::<Y>::new(2, 1000, 7);
    for version in 1..=300u64 {
        let tuple = StandIn(9).tuple(version, &version.to_be_bytes(), Some(&[1; 60]));
        for node in 0..2 {
            if version != 100 + 50 * u64::from(node) {
                host.deliver(9, node, &Y::carrier(tuple.clone()));
            }
        }
    }
    host.groups = vec![0, 1];
    host.run(Duration::from_secs(5));
    assert!(!host.converged());
    host.groups = vec![0, 0];
    // Each of the two starts is hit with a probability of 5 in 300 per exchange, and there are two exchanges a second.
    assert!(host.converges_within(Duration::from_secs(600)));
    assert_eq!(host.store(0).len(), 300);
}

#[test]
fn gaps_close_in_a_set_beyond_the_budget_by_either_exchange() {
    gaps_close_in_a_set_beyond_the_budget::<Scuttle>();
    gaps_close_in_a_set_beyond_the_budget::<Eager>();
}

/// More authors than one summary holds, half of them at either side: every exchange covers a range, and all get through.
#[test]
fn digests_beyond_one_message_converge() {
    let mut host = Host::<Scuttle>::new(2, 64 << 10, 3);
    let authors = SUMMARIES_MAX as u32 * 5 / 2;
    for author in 0..authors {
        let tuple = StandIn(author + 10).tuple(1, b"k", Some(b"v"));
        host.deliver(0, author % 2, &Scuttle::carrier(tuple));
    }
    assert!(host.converges_within(Duration::from_secs(60)));
    assert_eq!(host.store(1).authors().len(), authors as usize);
    assert!(host.sent.iter().all(|&(_, len)| len <= 66_000));
}

/// An author shows a version to one node only, and then a newer one of another key to all.
#[test]
fn a_withheld_version_reaches_everybody() {
    let mut host = Host::<Scuttle>::new(4, 64 << 10, 5);
    host.deliver(9, 2, &Scuttle::carrier(StandIn(9).tuple(5, b"withheld", Some(b"x"))));
    for node in 0..4 {
        host.deliver(9, node, &Scuttle::carrier(StandIn(9).tuple(6, b"shown", Some(b"y"))));
    }
    assert!(host.converges_within(Duration::from_secs(60)));
    assert!((0..4).all(|node| host.store(node).get(&SimPeer(9).id(), b"withheld").is_some()));
}

/// Two values under one version, each shown to one node: both nodes see both, agree, and keep the same proof.
#[test]
fn equivocation_is_proved_and_resolved_alike() {
    let (one, other) = (StandIn(9).tuple(3, b"k", Some(b"one")), StandIn(9).tuple(3, b"k", Some(b"other")));
    let greater = if one.digest() > other.digest() { &one } else { &other };
    let mut host = Host::<Scuttle>::new(2, 64 << 10, 1);
    host.deliver(9, 0, &Scuttle::carrier(one.clone()));
    host.deliver(9, 1, &Scuttle::carrier(other.clone()));
    assert!(host.converges_within(Duration::from_secs(60)));
    host.run(Duration::from_secs(1));
    for node in 0..2 {
        let store = host.store(node);
        assert_eq!(store.get(&SimPeer(9).id(), b"k"), Some(greater));
        assert_eq!(store.evidence(), host.store(0).evidence());
        assert_eq!(store.evidence().len(), 1);
    }
    let told = host.events.iter().filter(|(_, event)| matches!(event, SyncEvent::Equivocation { .. }));
    assert_eq!(told.count(), 2);
}

/// The classic form spreads what honest authors write, and stays apart for ever over an author who shows two contents under
/// one version: nothing is repaired after its mismatches, neither by a salted session nor by an exchange of summaries.
#[test]
fn the_classic_form_repairs_nothing() {
    let mut host = Host::<Sessions>::new(2, CLASSIC, 1);
    host.write(0, b"k", b"zero");
    host.write(1, b"k", b"one");
    assert!(host.converges_within(Duration::from_secs(10)));
    for (node, value) in [(0, b"one"), (1, b"two")] {
        host.deliver(9, node, &Sessions::carrier(StandIn(9).tuple(3, b"k", Some(value))));
    }
    assert!(!host.converges_within(Duration::from_secs(60)));
    host.write(0, b"later", b"still goes through");
    host.run(Duration::from_secs(10));
    assert_eq!((host.store(0).len(), host.store(1).len()), (4, 4));
    // Classes from 6 on are those of sessions.
    assert!(!host.converged() && host.sent.iter().all(|&(class, _)| class >= 6));
}
