//! What arrives: connections are accepted as long as there is room and their peer is not banned; each has a task that reads its datagrams and
//! streams. Who sends more than its rate is not listened to, and who goes on is refused; others do not wait for it.

use std::sync::Arc;

use bytes::Bytes;
use iroh::endpoint::{Connection, Incoming, RecvStream};
use rapprochement_core::peer::PeerId;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use super::bucket::Bucket;
use super::{Arrival, Counters, GIVEN_UP, MALFORMED_MAX, Shared};

/// Long messages of a connection that were read and wait to be handed on.
const READ_AHEAD: usize = 4;

/// Accepts connections until the endpoint is closed.
pub(super) async fn accept(shared: Arc<Shared>) {
    while let Some(incoming) = shared.endpoint.accept().await {
        if shared.state().connections.len() >= shared.limits.connections {
            Counters::add(&shared.counters.refused);
            incoming.refuse();
            continue;
        }
        tokio::spawn(greet(Arc::clone(&shared), incoming));
    }
}

async fn greet(shared: Arc<Shared>, incoming: Incoming) {
    let Ok(accepting) = incoming.accept() else { return };
    match timeout(shared.limits.connect, accepting).await {
        Ok(Ok(connection)) => take(&shared, connection),
        Ok(Err(error)) => {
            tracing::debug!(%error, "a handshake failed");
            Counters::add(&shared.counters.refused);
        }
        Err(_) => Counters::add(&shared.counters.refused),
    }
}

/// A connection is there, whoever asked for it: it is the one that its peer is sent to by from now on.
pub(super) fn take(shared: &Arc<Shared>, connection: Connection) {
    let peer = PeerId(*connection.remote_id().as_bytes());
    if shared.is_banned(&peer) {
        Counters::add(&shared.counters.refused);
        return connection.close(GIVEN_UP, b"refused for a while");
    }
    shared.state().connections.insert(peer, connection.clone());
    tokio::spawn(read(Arc::clone(shared), peer, connection));
}

/// Reads a connection to its end.
async fn read(shared: Arc<Shared>, peer: PeerId, connection: Connection) {
    let _ = shared.arrivals.send(Arrival::Up(peer)).await;
    let mut bucket = Bucket::new(shared.limits.rate, Instant::now());
    let (finished, mut long) = mpsc::channel(READ_AHEAD);
    loop {
        let message = tokio::select! {
            datagram = connection.read_datagram() => match datagram {
                Ok(bytes) => bytes,
                Err(_) => break,
            },
            stream = connection.accept_uni() => match stream {
                Ok(stream) => {
                    tokio::spawn(read_stream(Arc::clone(&shared), peer, stream, finished.clone()));
                    continue;
                }
                Err(_) => break,
            },
            Some(bytes) = long.recv() => bytes,
        };
        if !bucket.take(Instant::now()) {
            Counters::add(&shared.counters.flooded);
            if bucket.is_flooded() {
                shared.misdeed(peer, MALFORMED_MAX);
                break;
            }
            continue;
        }
        if shared.arrivals.send(Arrival::Message(peer, message)).await.is_err() {
            break;
        }
    }
    let newest = forget(&shared, &peer, &connection);
    if newest {
        let _ = shared.arrivals.send(Arrival::Down(peer)).await;
    }
}

/// Forgets a connection that ended; true where it was the newest of its peer.
fn forget(shared: &Shared, peer: &PeerId, connection: &Connection) -> bool {
    let connections = &mut shared.state().connections;
    let newest = connections.get(peer).is_none_or(|newest| newest.stable_id() == connection.stable_id());
    if newest {
        connections.remove(peer);
    }
    newest
}

/// Reads a long message: whole, in time, and no longer than allowed.
async fn read_stream(shared: Arc<Shared>, peer: PeerId, mut stream: RecvStream, finished: mpsc::Sender<Bytes>) {
    match timeout(shared.limits.read, stream.read_to_end(shared.limits.message)).await {
        Ok(Ok(bytes)) => {
            let _ = finished.send(Bytes::from(bytes)).await;
        }
        Ok(Err(iroh::endpoint::ReadToEndError::TooLong)) => {
            Counters::add(&shared.counters.malformed);
            shared.misdeed(peer, 1);
        }
        Ok(Err(_)) => {}
        Err(_) => {
            let _ = stream.stop(GIVEN_UP);
        }
    }
}
