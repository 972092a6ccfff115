//! What the null handshake remembers between connections: a client the tickets that it was given, a server only the key by
//! which it knows its own. As in `rustls`, a ticket serves once, a client keeps eight per server, and the server that a
//! client has known longest is forgotten first.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use quinn_proto::transport_parameters::TransportParameters;

use super::security::TICKETS_MAX;

const TICKETS_PER_SERVER: usize = 8;

/// What a client may resume a session with.
#[derive(Clone, Debug)]
pub(super) struct Ticket {
    pub(super) secret: u64,
    /// The key of the server that gave it.
    pub(super) server: u64,
    /// Whether it serves for 0-RTT data.
    pub(super) early: bool,
    /// The server's transport parameters, which bound 0-RTT data.
    pub(super) params: TransportParameters,
}

/// The client side of a node.
#[derive(Debug)]
pub(super) struct NullClient {
    pub(super) zero_rtt: bool,
    tickets: Mutex<Tickets>,
}

#[derive(Debug, Default)]
struct Tickets {
    of: BTreeMap<String, VecDeque<Ticket>>,
    oldest: VecDeque<String>,
}

/// The server side of a node.
#[derive(Debug)]
pub(super) struct NullServer {
    pub(super) zero_rtt: bool,
    /// Differs between nodes and between the lives of a node.
    pub(super) key: u64,
}

impl NullClient {
    pub(super) fn new(zero_rtt: bool) -> Self {
        Self { zero_rtt, tickets: Mutex::default() }
    }

    /// The newest ticket for a server, which is thereby used up.
    pub(super) fn take(&self, server: &str) -> Option<Ticket> {
        self.lock().of.get_mut(server)?.pop_back()
    }

    pub(super) fn keep(&self, server: &str, ticket: Ticket) {
        let mut tickets = self.lock();
        if !tickets.of.contains_key(server) {
            tickets.oldest.push_back(server.to_owned());
            if tickets.oldest.len() > TICKETS_MAX / TICKETS_PER_SERVER
                && let Some(oldest) = tickets.oldest.pop_front()
            {
                tickets.of.remove(&oldest);
            }
        }
        let of_server = tickets.of.entry(server.to_owned()).or_default();
        if of_server.len() == TICKETS_PER_SERVER {
            of_server.pop_front();
        }
        of_server.push_back(ticket);
    }

    fn lock(&self) -> MutexGuard<'_, Tickets> {
        self.tickets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
