//! Real nodes on the loopback interface: they come to hold the same, whatever the synchroniser, and whatever one peer does to them.

use std::time::Duration;

use rapprochement_core::peer::PeerId;
use rapprochement_core::reconcile::session::MethodKind;
use rapprochement_core::reconcile::{
    EagerPush, EagerPushConfig, FullPush, FullPushConfig, Reconciler, ReconcilerConfig, Scuttlebutt, ScuttlebuttConfig,
    SyncCommand, SyncEvent,
};
use rapprochement_core::store::{Ed25519Keys, Keys};
use rapprochement_core::time::Duration as Span;
use rapprochement_node::hosted::Hosted;
use rapprochement_node::known::Known;
use rapprochement_node::network::config::{Link, NetworkConfig};
use rapprochement_node::node::{Node, NodeError};
use rapprochement_node::storage::{MemoryStorage, RedbStorage};

fn secret(of: u8) -> [u8; 32] {
    [of; 32]
}

fn id(of: u8) -> PeerId {
    Ed25519Keys::from_secret(&secret(of)).author()
}

fn reconcile(interval: Span) -> ReconcilerConfig {
    ReconcilerConfig {
        method: MethodKind::Auto,
        interval,
        first: None,
        push: 3,
        room: 1_200,
        prefix: 256,
        patience: Span::from_secs(10),
        budget: 64 << 10,
        repair: true,
    }
}

fn reconciler(me: u8, count: u8) -> Reconciler<PeerId, Known, Ed25519Keys> {
    let known = Known::new(id(me), (0..count).map(id));
    Reconciler::new(reconcile(Span::from_millis(200)), known, Ed25519Keys::from_secret(&secret(me)))
}

/// So many nodes that know each other's addresses.
async fn population<P>(count: u8, link: Link, protocol: impl Fn(u8) -> P) -> Vec<Node<P>>
where
    P: Hosted<Command = SyncCommand, Event = SyncEvent<PeerId>> + Send + 'static,
    P::Message: Send,
    P::Timer: Send,
{
    let mut nodes = Vec::new();
    for me in 0..count {
        let config = NetworkConfig { link, ..NetworkConfig::local(secret(me), "test/1") };
        let node = Node::start(protocol(me), config, MemoryStorage::default(), secret(me)).await.unwrap();
        nodes.push(node);
    }
    let places: Vec<_> = nodes.iter().map(|node| (node.id(), node.network().addresses()[0])).collect();
    for node in &nodes {
        places.iter().for_each(|(peer, address)| node.network().learn(*peer, *address));
    }
    nodes
}

/// Whether all hold so many tuples, and the same, before the time is over.
async fn agree<P>(nodes: &[Node<P>], tuples: usize, within: Duration) -> bool
where
    P: Hosted<Command = SyncCommand, Event = SyncEvent<PeerId>> + Send + 'static,
    P::Message: Send,
    P::Timer: Send,
{
    let agreement = async {
        loop {
            let mut states = Vec::new();
            for node in nodes {
                states.push(node.look(|node, _| (node.store().len(), node.store().root_digest())).await.unwrap());
            }
            if states[0].0 == tuples && states.iter().all(|state| *state == states[0]) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(within, agreement).await.is_ok()
}

async fn converges<P>(protocol: impl Fn(u8) -> P)
where
    P: Hosted<Command = SyncCommand, Event = SyncEvent<PeerId>> + Send + 'static,
    P::Message: Send,
    P::Timer: Send,
{
    let link = Link { delay: Duration::from_millis(5), loss: 0.02, rate: 0 };
    let nodes = population(4, link, protocol).await;
    for (place, node) in nodes.iter().enumerate() {
        for key in 0..5u8 {
            node.put(&[key], Some(&[place as u8; 300])).await.unwrap();
        }
        node.put(&[0], None).await.unwrap();
    }
    assert!(agree(&nodes, 20, Duration::from_secs(60)).await, "four nodes with five keys each");
    for node in nodes {
        node.stop().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_synchroniser_makes_real_nodes_agree() {
    let known = |me| Known::new(id(me), (0..4).map(id));
    let keys = |me| Ed25519Keys::from_secret(&secret(me));
    let interval = Span::from_millis(200);
    converges(|me| reconciler(me, 4)).await;
    converges(|me| FullPush::new(FullPushConfig { interval }, known(me), keys(me))).await;
    converges(|me| {
        EagerPush::new(EagerPushConfig { fanout: 2, repair: interval, budget: 64 << 10 }, known(me), keys(me))
    })
    .await;
    converges(|me| Scuttlebutt::new(ScuttlebuttConfig { interval, budget: 64 << 10 }, known(me), keys(me))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_comes_back_with_what_it_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let start = || async {
        let storage = RedbStorage::open(&path, id(1)).unwrap();
        Node::start(reconciler(1, 2), NetworkConfig::local(secret(1), "test/1"), storage, secret(9)).await.unwrap()
    };
    let node = start().await;
    let first = node.put(b"key", Some(b"value")).await.unwrap();
    let refused = node.put(&[0; 1_000], Some(b"")).await.unwrap_err();
    assert!(matches!(refused, NodeError::Refused(_)), "{refused}");
    node.stop().await.unwrap();
    let node = start().await;
    let held = node.get(id(1), b"key").await.unwrap().unwrap();
    assert!(held.same_content(&first));
    let second = node.put(b"key", Some(b"other")).await.unwrap();
    assert!(second.version() > first.version(), "versions never run backwards");
    node.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_in_use_is_said_to_be() {
    let node = population(1, Link::default(), |me| reconciler(me, 1)).await.pop().unwrap();
    let taken = node.network().addresses()[0];
    let config = NetworkConfig { listen: taken, ..NetworkConfig::local(secret(7), "test/1") };
    let error = Node::start(reconciler(7, 1), config, MemoryStorage::default(), secret(7)).await.unwrap_err();
    assert!(error.to_string().contains(&taken.to_string()), "{error}");
    node.stop().await.unwrap();
}
