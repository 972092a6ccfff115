//! Runs the protocol of a configuration until a signal, and serves the control socket and the metrics meanwhile.

use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use rapprochement_core::overlay::Sampler;
use rapprochement_core::peer::PeerId;
use rapprochement_core::reconcile::{EagerPush, FullPush, Reconciler, Scuttlebutt, SyncCommand, SyncEvent};
use rapprochement_core::service::Service;
use rapprochement_core::store::{Ed25519Keys, Keys, Tuple};
use rapprochement_sim::model::config::ProtocolConfig;
use rapprochement_sim::model::sync::Kind;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, UnixListener, UnixStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::broadcast;

use super::config::{Config, Metrics};
use super::control::{REQUEST_MAX, Request, told};
use super::{entropy, hex, metrics, peer};
use crate::hosted::Hosted;
use crate::known::Known;
use crate::node::{Node, NodeError};
use crate::storage::{MemoryStorage, RedbStorage};

/// New tuples that wait for one who watches; who is slower misses some.
const WATCHED: usize = 1_024;

/// What the control socket has to know of a protocol.
trait Served: Hosted<Event: Send + Clone, Message: Send, Timer: Send, Command: Send> + Send + 'static {
    /// The command that sets a key, where the application may.
    fn write(key: Vec<u8>, value: Option<Vec<u8>>) -> Option<Self::Command>;

    /// The new tuple of such a command, or why there is none.
    fn written(events: Vec<Self::Event>) -> Result<Arc<Tuple>, String>;

    /// What only this protocol has to tell.
    fn more(&self) -> Value;
}

macro_rules! synchroniser {
    ($name:ident) => {
        impl<S: Sampler<PeerId> + Send + 'static> Served for $name<PeerId, S, Ed25519Keys> {
            fn write(key: Vec<u8>, value: Option<Vec<u8>>) -> Option<SyncCommand> {
                Some(match value {
                    Some(value) => SyncCommand::Write { key, value },
                    None => SyncCommand::Delete { key },
                })
            }

            fn written(events: Vec<SyncEvent<PeerId>>) -> Result<Arc<Tuple>, String> {
                let outcome = events.into_iter().find_map(|event| match event {
                    SyncEvent::Wrote { tuple, .. } => Some(Ok(tuple)),
                    SyncEvent::WriteRefused(error) => Some(Err(error.to_string())),
                    _ => None,
                });
                outcome.unwrap_or_else(|| Err("the protocol did not say what became of it".into()))
            }

            fn more(&self) -> Value {
                Value::Null
            }
        }
    };
}

synchroniser!(FullPush);
synchroniser!(EagerPush);
synchroniser!(Scuttlebutt);
synchroniser!(Reconciler);

impl Served for Service<PeerId, Ed25519Keys> {
    fn write(_: Vec<u8>, _: Option<Vec<u8>>) -> Option<Self::Command> {
        None
    }

    fn written(_: Vec<Self::Event>) -> Result<Arc<Tuple>, String> {
        Err("the RTT service forms its opinions itself".into())
    }

    fn more(&self) -> Value {
        let neighbour = |id: PeerId| {
            let link = self.prober().links().find(|(peer, _)| *peer == id);
            let rtt = link.and_then(|(_, link)| link.smoothed()).map(|rtt| rtt.as_secs_f64());
            json!({ "id": hex(&id.0), "rtt_s": rtt, "score": self.score(&id) })
        };
        json!({ "neighbours": self.neighbours().iter().map(|held| neighbour(held.peer)).collect::<Vec<_>>() })
    }
}

/// Runs a node to its end.
pub(super) fn run(config: &Config) -> Result<ExitCode, String> {
    let filter =
        tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "rapprochement_node=info".into());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(|error| format!("the system gives no threads: {error}"))?;
    runtime.block_on(start(config))
}

async fn start(config: &Config) -> Result<ExitCode, String> {
    let keys = Ed25519Keys::from_secret(&config.network.secret);
    let known = Known::new(keys.author(), config.network.peers.keys().copied());
    match (Kind::of(&config.protocol), &config.protocol) {
        (Some(Kind::FullPush(parameters)), _) => serve(FullPush::new(parameters, known, keys), config).await,
        (Some(Kind::EagerPush(parameters)), _) => serve(EagerPush::new(parameters, known, keys), config).await,
        (Some(Kind::Scuttlebutt(parameters)), _) => serve(Scuttlebutt::new(parameters, known, keys), config).await,
        (Some(Kind::Reconciler(parameters)), _) => serve(Reconciler::new(parameters, known, keys), config).await,
        (None, ProtocolConfig::RttService(settings)) => {
            let bootstrap = config.network.peers.keys().copied().collect();
            let service = Service::new(settings.service(seed_of(&keys)), keys.author(), keys.clone(), bootstrap);
            serve(service.map_err(|error| format!("`protocol.rtt_service`: {error}"))?, config).await
        }
        (None, _) => Err("`protocol`: a node does not run this one".into()),
    }
}

/// The walks of a node's ranking are its own.
fn seed_of(keys: &Ed25519Keys) -> u64 {
    let id = keys.author().0;
    u64::from_le_bytes([id[0], id[1], id[2], id[3], id[4], id[5], id[6], id[7]])
}

async fn serve<P: Served>(protocol: P, config: &Config) -> Result<ExitCode, String> {
    let (id, seed) = (Ed25519Keys::from_secret(&config.network.secret).author(), entropy()?);
    let network = config.network.clone();
    let node = match &config.store {
        Some(path) => {
            let storage = RedbStorage::open(path, id).map_err(|error| error.to_string())?;
            Node::start(protocol, network, storage, seed).await
        }
        None => Node::start(protocol, network, MemoryStorage::default(), seed).await,
    };
    let mut node = node.map_err(|error| error.to_string())?;
    let socket = Socket::bind(&config.control)?;
    let (news, _) = broadcast::channel(WATCHED);
    if let Some(mut tuples) = node.news() {
        let news = news.clone();
        // Nobody may watch.
        tokio::spawn(async move {
            while let Some(tuple) = tuples.recv().await {
                drop(news.send(tuple));
            }
        });
    }
    tracing::info!(id = hex(&id.0), addresses = ?node.network().addresses(), "the node runs");
    let node = Arc::new(node);
    let control = tokio::spawn(listen(Arc::clone(&node), socket.listen()?, news));
    let metrics = tokio::spawn(measure(Arc::clone(&node), config.metrics.clone()));
    let failed = until_told(&node).await;
    control.abort();
    metrics.abort();
    let (_, _) = (control.await, metrics.await);
    drop(socket);
    let stopped = node.stop().await;
    match failed.or_else(|| stopped.err().map(|error| error.to_string())) {
        Some(message) => Err(message),
        None => {
            tracing::info!("the node has stopped");
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Waits for a signal, or for the node to end by itself, which it does where its storage fails.
async fn until_told<P: Served>(node: &Node<P>) -> Option<String> {
    let signals = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
    let (Ok(mut interrupt), Ok(mut terminate)) = signals else { return Some("the system gives no signals".into()) };
    tokio::select! {
        _ = interrupt.recv() => None,
        _ = terminate.recv() => None,
        () = node.ended() => Some("the node ended by itself; its storage failed".into()),
    }
}

/// The file of the control socket; it goes with the node.
struct Socket(PathBuf, Option<UnixListener>);

impl Socket {
    fn bind(path: &Path) -> Result<Self, String> {
        let name = path.display();
        if let Ok(about) = std::fs::symlink_metadata(path) {
            if !about.file_type().is_socket() {
                return Err(format!("`control`: {name} exists and is no socket; name another file"));
            }
            if std::os::unix::net::UnixStream::connect(path).is_ok() {
                return Err(format!("`control`: another node listens on {name}; stop it, or name another file"));
            }
            // It was left behind by a node that crashed.
            std::fs::remove_file(path).map_err(|error| format!("`control`: {name}: {error}"))?;
        }
        let listener =
            UnixListener::bind(path).map_err(|error| format!("`control`: cannot listen on {name}: {error}"))?;
        let owner = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(path, owner).map_err(|error| format!("`control`: {name}: {error}"))?;
        Ok(Self(path.to_owned(), Some(listener)))
    }

    fn listen(&self) -> Result<UnixListener, String> {
        let again = |error: std::io::Error| format!("`control`: {}: {error}", self.0.display());
        let listener = self.1.as_ref().ok_or_else(|| "`control`: there is no socket".to_owned())?;
        let copy = std::os::fd::AsFd::as_fd(listener).try_clone_to_owned().map_err(again)?;
        UnixListener::from_std(copy.into()).map_err(again)
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = std::fs::remove_file(&self.0);
    }
}

async fn listen<P: Served>(node: Arc<Node<P>>, listener: UnixListener, news: broadcast::Sender<Arc<Tuple>>) {
    let mut asked = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => { asked.spawn(answer(Arc::clone(&node), stream, news.subscribe())); }
                Err(error) => tracing::warn!(%error, "the control socket"),
            },
            Some(_) = asked.join_next() => {}
        }
    }
}

/// Answers one request.
async fn answer<P: Served>(node: Arc<Node<P>>, stream: UnixStream, mut news: broadcast::Receiver<Arc<Tuple>>) {
    let (reader, mut writer) = stream.into_split();
    let mut line = String::new();
    let read = BufReader::new(reader.take(REQUEST_MAX)).read_line(&mut line).await;
    let request = read
        .map_err(|error| error.to_string())
        .and_then(|_| serde_json::from_str::<Request>(&line).map_err(|error| format!("this is no request: {error}")));
    let answer = match request {
        Err(wrong) => Err(wrong),
        Ok(Request::Watch) => {
            while let Ok(tuple) = next(&mut news).await {
                let line = format!("{}\n", told(&tuple));
                if writer.write_all(line.as_bytes()).await.is_err() {
                    return;
                }
            }
            return;
        }
        Ok(Request::Status) => status(&node).await,
        Ok(Request::Put { key, value }) => put(&node, key, value).await,
        Ok(Request::Get { author, key }) => get(&node, author, key).await,
    };
    let answer = answer.unwrap_or_else(|message| json!({ "error": message }));
    // Who asked may be gone.
    let _ = writer.write_all(format!("{answer}\n").as_bytes()).await;
}

/// The next new tuple; some are missed where they come faster than they are read.
async fn next(news: &mut broadcast::Receiver<Arc<Tuple>>) -> Result<Arc<Tuple>, ()> {
    loop {
        match news.recv().await {
            Ok(tuple) => return Ok(tuple),
            Err(broadcast::error::RecvError::Lagged(_)) => {}
            Err(broadcast::error::RecvError::Closed) => return Err(()),
        }
    }
}

fn said(error: NodeError) -> String {
    error.to_string()
}

async fn status<P: Served>(node: &Node<P>) -> Result<Value, String> {
    let network = node.network().clone();
    let (tuples, authors, digest, more) = node
        .look(|node, _| {
            let store = node.store();
            (store.len(), store.authors().len(), hex(&store.root_digest().0), node.more())
        })
        .await
        .map_err(said)?;
    let connected: Vec<_> = network.connected().iter().map(|peer| hex(&peer.0)).collect();
    let counters: serde_json::Map<_, _> =
        network.counters().rows().into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
    Ok(json!({
        "id": hex(&node.id().0), "addresses": network.addresses(), "connected": connected, "tuples": tuples,
        "authors": authors, "state": digest, "counters": counters, "protocol": more,
    }))
}

async fn put<P: Served>(node: &Node<P>, key: String, value: Option<String>) -> Result<Value, String> {
    let command = P::write(key.into_bytes(), value.map(String::into_bytes));
    let command = command.ok_or("nobody writes to this protocol: it forms its tuples itself")?;
    P::written(node.command(command).await.map_err(said)?).map(|tuple| told(&tuple))
}

async fn get<P: Served>(node: &Node<P>, author: Option<String>, key: String) -> Result<Value, String> {
    let author = author.map_or(Ok(node.id()), |author| peer(&author))?;
    let held = node.get(author, key.as_bytes()).await.map_err(said)?;
    Ok(held.filter(|tuple| tuple.value().is_some()).map_or(Value::Null, |tuple| told(&tuple)))
}

/// Writes metrics, and shows them to Prometheus, until it is ended.
async fn measure<P: Served>(node: Arc<Node<P>>, config: Metrics) {
    if let Some(address) = config.prometheus {
        tokio::spawn(exhibit(Arc::clone(&node), address));
    }
    let Some(path) = config.file else { return std::future::pending().await };
    let mut file = match metrics::open(&path) {
        Ok(file) => file,
        Err(error) => return tracing::error!(path = %path.display(), %error, "no metrics are written"),
    };
    let mut tick = tokio::time::interval(config.every);
    loop {
        tick.tick().await;
        let Ok(rows) = rows(&node).await else { return };
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let now = u64::try_from(since.as_nanos()).unwrap_or(0);
        if let Err(error) = metrics::append(&mut file, now, &rows) {
            tracing::error!(path = %path.display(), %error, "metrics were not written");
        }
    }
}

async fn rows<P: Served>(node: &Node<P>) -> Result<Vec<metrics::Row>, NodeError> {
    let network = node.network().clone();
    node.look(move |node, traffic| metrics::rows(node.store(), traffic, &network)).await
}

/// A page for Prometheus: whatever is asked for, the metrics are the answer.
async fn exhibit<P: Served>(node: Arc<Node<P>>, address: std::net::SocketAddr) {
    let listener = match TcpListener::bind(address).await {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%address, %error, "no page for Prometheus"),
    };
    while let Ok((mut stream, _)) = listener.accept().await {
        let Ok(rows) = rows(&node).await else { return };
        let page = metrics::page(&rows);
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: text/plain; version=0.0.4\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            page.len()
        );
        let exchange = async {
            let mut asked = [0; 1_024];
            stream.read(&mut asked).await?;
            stream.write_all(format!("{head}{page}").as_bytes()).await
        };
        // Who asks slowly is not waited for.
        let _ = tokio::time::timeout(std::time::Duration::from_secs(2), exchange).await;
    }
}
