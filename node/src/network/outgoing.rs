//! What leaves: a queue and a task for each peer that is sent to. The task connects where no connection is there, waits until a message is due, and
//! sends it. A peer that cannot be reached is tried again after a while that doubles; what is sent to it meanwhile is dropped.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use iroh::endpoint::Connection;
use rapprochement_core::peer::PeerId;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};

use super::{Arrival, Counters, Shared, incoming};

/// The first wait after a failed handshake, and the longest.
const AGAIN: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(60));
/// A queue without a message for so long goes, with its task.
const IDLE: Duration = Duration::from_secs(120);

/// A message that leaves when it is due.
#[derive(Debug)]
pub(super) struct Parcel {
    due: Instant,
    message: Bytes,
}

pub(super) fn send(shared: &Arc<Shared>, to: PeerId, message: &Bytes) {
    let mut state = shared.state();
    let Some(due) = state.shaper.leaves(Instant::now(), message.len()) else {
        return Counters::add(&shared.counters.shaped_away);
    };
    let mut parcel = Parcel { due, message: message.clone() };
    if let Some(queue) = state.queues.get(&to) {
        match queue.try_send(parcel) {
            Ok(()) => return,
            Err(mpsc::error::TrySendError::Full(_)) => return Counters::add(&shared.counters.undeliverable),
            // The task ended for want of messages just now.
            Err(mpsc::error::TrySendError::Closed(back)) => parcel = back,
        }
    }
    let (queue, receiver) = mpsc::channel(shared.limits.queue);
    // The queue is new, so it has room.
    let _ = queue.try_send(parcel);
    state.queues.insert(to, queue);
    tokio::spawn(serve(Arc::clone(shared), to, receiver));
}

/// Sends what comes for a peer, until nothing has come for a while.
async fn serve(shared: Arc<Shared>, to: PeerId, mut queue: mpsc::Receiver<Parcel>) {
    let mut again = AGAIN.0;
    let mut closed_until = Instant::now();
    while let Ok(Some(Parcel { due, message })) = timeout(IDLE, queue.recv()).await {
        sleep_until(due).await;
        let known = shared.state().connections.get(&to).cloned();
        let connection = match known.filter(|connection| connection.close_reason().is_none()) {
            Some(connection) => Some(connection),
            None if Instant::now() < closed_until => None,
            None => connect(&shared, to).await,
        };
        let Some(connection) = connection else {
            Counters::add(&shared.counters.undeliverable);
            if Instant::now() >= closed_until {
                closed_until = Instant::now() + again;
                again = (again * 2).min(AGAIN.1);
            }
            continue;
        };
        again = AGAIN.0;
        if !transmit(&shared, &connection, message).await {
            Counters::add(&shared.counters.undeliverable);
        }
    }
    queue.close();
}

async fn connect(shared: &Arc<Shared>, to: PeerId) -> Option<Connection> {
    let address = shared.address_of(to)?;
    if shared.is_banned(&to) {
        return None;
    }
    let failed = match timeout(shared.limits.connect, shared.endpoint.connect(address, &shared.alpn)).await {
        Ok(Ok(connection)) => {
            incoming::take(shared, connection.clone());
            return Some(connection);
        }
        Ok(Err(error)) => error.to_string(),
        Err(_) => "no answer in time".to_owned(),
    };
    tracing::debug!(peer = ?to, failed, "cannot connect");
    Counters::add(&shared.counters.unreachable);
    let _ = shared.arrivals.send(Arrival::Down(to)).await;
    None
}

/// Sends one message; false where the connection does not take it.
async fn transmit(shared: &Shared, connection: &Connection, message: Bytes) -> bool {
    if connection.max_datagram_size().is_some_and(|room| message.len() <= room) {
        Counters::add(&shared.counters.datagrams);
        return connection.send_datagram(message).is_ok();
    }
    let sending = async {
        let mut stream = connection.open_uni().await.ok()?;
        stream.write_all(&message).await.ok()?;
        stream.finish().ok()
    };
    let sent = timeout(shared.limits.read, sending).await.ok().flatten().is_some();
    if sent {
        Counters::add(&shared.counters.streams);
    }
    sent
}
