//! A node as an application holds it: started with a protocol, a network and a storage, asked through a handle, stopped when told or when
//! the handle goes.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rand_chacha::ChaCha12Rng;
use rand_core::SeedableRng;
use rapprochement_core::peer::PeerId;
use rapprochement_core::reconcile::{Saved, SyncCommand, SyncEvent};
use rapprochement_core::store::{Ed25519Keys, Keys, Store, Tuple};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::driver::{Driver, Request, Traffic};
use crate::host::Host;
use crate::hosted::Hosted;
use crate::network::config::NetworkConfig;
use crate::network::{Network, NetworkError};
use crate::storage::{Storage, StorageError};

/// Requests that may wait for a node; further ones wait with whoever makes them.
const REQUESTS: usize = 256;
/// New tuples that may wait for who watches.
const WATCHED: usize = 1_024;
/// How long a node that stops waits for what it has said last.
const GOODBYE: Duration = Duration::from_millis(20);

/// Why a node did not start, or ended.
#[derive(Debug)]
pub enum NodeError {
    /// It cannot listen.
    Network(NetworkError),
    /// Its storage failed, or holds what no peer signed.
    Storage(StorageError),
    /// It has stopped.
    Stopped,
    /// A write was refused: its key or its value is too long, or there are no versions left.
    Refused(String),
}

impl fmt::Display for NodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(error) => error.fmt(f),
            Self::Storage(error) => error.fmt(f),
            Self::Stopped => f.write_str("the node has stopped"),
            Self::Refused(why) => write!(f, "the write was refused: {why}"),
        }
    }
}

impl std::error::Error for NodeError {}

impl From<NetworkError> for NodeError {
    fn from(error: NetworkError) -> Self {
        Self::Network(error)
    }
}

impl From<StorageError> for NodeError {
    fn from(error: StorageError) -> Self {
        Self::Storage(error)
    }
}

/// A running node.
#[derive(Debug)]
pub struct Node<P: Hosted> {
    network: Network,
    requests: mpsc::Sender<Request<P>>,
    task: Mutex<Option<JoinHandle<Result<(), StorageError>>>>,
    news: Option<mpsc::Receiver<Arc<Tuple>>>,
}

impl<P> Node<P>
where
    P: Hosted + Send + 'static,
    P::Event: Send + Clone,
    P::Message: Send,
    P::Timer: Send,
    P::Command: Send,
{
    /// Starts a node with what its storage holds. `seed` is the state of its generator: from the system's entropy, unless a test wants it
    /// to be known. It needs a runtime of `tokio` with several threads.
    ///
    /// # Errors
    /// It cannot listen, or its storage cannot be read, or holds what its author did not sign.
    pub async fn start<S: Storage>(
        mut protocol: P,
        network: NetworkConfig,
        storage: S,
        seed: [u8; 32],
    ) -> Result<Self, NodeError> {
        let keys = Ed25519Keys::from_secret(&network.secret);
        protocol.restore(Saved::holding(held(&storage, &keys)?));
        let (network, arrivals) = Network::bind(network).await?;
        let host = Host::new(network.id(), protocol, ChaCha12Rng::from_seed(seed));
        let (requests, receiver) = mpsc::channel(REQUESTS);
        let (watcher, news) = mpsc::channel(WATCHED);
        let driver = Driver::new(host, network.clone(), storage, Some(watcher));
        let task = tokio::spawn(driver.run(arrivals, receiver));
        Ok(Self { network, requests, task: Mutex::new(Some(task)), news: Some(news) })
    }

    /// This node.
    pub fn id(&self) -> PeerId {
        self.network.id()
    }

    /// Its network: addresses, counters, connections.
    pub const fn network(&self) -> &Network {
        &self.network
    }

    /// New tuples, its own and those of peers, from now on; once. Who reads slowly misses some.
    pub const fn news(&mut self) -> Option<mpsc::Receiver<Arc<Tuple>>> {
        self.news.take()
    }

    /// Gives the protocol a command, and returns what it told when that is durable.
    ///
    /// # Errors
    /// The node has stopped.
    pub async fn command(&self, command: P::Command) -> Result<Vec<P::Event>, NodeError> {
        let (answer, told) = oneshot::channel();
        self.requests.send(Request::Command(command, answer)).await.map_err(|_| NodeError::Stopped)?;
        told.await.map_err(|_| NodeError::Stopped)
    }

    /// Looks at the protocol and its traffic between two inputs.
    ///
    /// # Errors
    /// The node has stopped.
    pub async fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(&P, &Traffic) -> T + Send + 'static,
    ) -> Result<T, NodeError> {
        let (answer, seen) = oneshot::channel();
        let look = Box::new(move |protocol: &P, traffic: &Traffic| drop(answer.send(look(protocol, traffic))));
        self.requests.send(Request::Look(look)).await.map_err(|_| NodeError::Stopped)?;
        seen.await.map_err(|_| NodeError::Stopped)
    }

    /// The tuple of an author's key, as the node holds it.
    ///
    /// # Errors
    /// The node has stopped.
    pub async fn get(&self, author: PeerId, key: &[u8]) -> Result<Option<Arc<Tuple>>, NodeError> {
        let key = key.to_vec();
        self.look(move |protocol, _| protocol.store().get(&author, &key).cloned()).await
    }

    /// Waits until the node has ended, by itself or because it was told to.
    pub async fn ended(&self) {
        self.requests.closed().await;
    }

    /// Stops: the protocol says goodbye, and the connections end.
    ///
    /// # Errors
    /// The storage had failed before.
    pub async fn stop(&self) -> Result<(), NodeError> {
        let _ = self.requests.send(Request::Stop).await;
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        let ended = match task {
            Some(task) => task.await.map_err(|_| NodeError::Stopped)?,
            None => Ok(()),
        };
        // What the protocol said goodbye with is on its way.
        tokio::time::sleep(GOODBYE).await;
        self.network.close().await;
        ended.map_err(NodeError::Storage)
    }
}

impl<P> Node<P>
where
    P: Hosted<Command = SyncCommand, Event = SyncEvent<PeerId>> + Send + 'static,
    P::Message: Send,
    P::Timer: Send,
{
    /// Sets one of this node's own keys, or deletes it, and returns the new tuple when it is durable.
    ///
    /// # Errors
    /// The node has stopped, or the key or the value is too long.
    pub async fn put(&self, key: &[u8], value: Option<&[u8]>) -> Result<Arc<Tuple>, NodeError> {
        let key = key.to_vec();
        let command = match value {
            Some(value) => SyncCommand::Write { key, value: value.to_vec() },
            None => SyncCommand::Delete { key },
        };
        for event in self.command(command).await? {
            match event {
                SyncEvent::Wrote { tuple, .. } => return Ok(tuple),
                SyncEvent::WriteRefused(error) => return Err(NodeError::Refused(error.to_string())),
                _ => {}
            }
        }
        Err(NodeError::Stopped)
    }
}

/// What a storage holds, checked: everything has to be signed by its author, and no author may be beyond its mark, or short of it.
fn held(storage: &impl Storage, keys: &Ed25519Keys) -> Result<Store, StorageError> {
    let mut store = Store::default();
    for tuple in storage.snapshot()? {
        if !tuple.is_authentic(keys) {
            let what = format!("a tuple of {:?} is not signed by it", tuple.author());
            return Err(StorageError::Corrupt { what });
        }
        store.offer(&tuple, keys);
    }
    for author in store.authors() {
        let (newest, mark) = (author.newest(), storage.high_water(&author.id())?);
        if newest > mark || (author.id() == keys.author() && newest < mark) {
            let what = format!("{:?} is at version {newest}, and was at {mark}", author.id());
            return Err(StorageError::Corrupt { what });
        }
    }
    Ok(store)
}
