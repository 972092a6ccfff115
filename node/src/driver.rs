//! Runs a protocol on a real clock: one task that takes what arrives, what is due and what the application wants, one after the other, in rounds.
//! A round takes what is there, hands it to the protocol, commits the tuples that it took in as one batch, and only then answers the application and
//! releases what the protocol sends: a peer or a caller never sees what a crash could take back.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use rapprochement_core::peer::PeerId;
use rapprochement_core::protocol::Input;
use rapprochement_core::store::Tuple;
use rapprochement_core::time::{Duration, Instant};
use rapprochement_core::wire::Message;
use tokio::sync::{mpsc, oneshot};

use crate::host::{Effects, Host};
use crate::hosted::Hosted;
use crate::network::{Arrival, Network};
use crate::storage::{Storage, StorageError};

/// Inputs of one round, at most: what a commit is shared by.
const ROUND_MAX: usize = 256;

/// What the application wants of a driver.
pub enum Request<P: Hosted> {
    /// A command for the protocol. The answer is what the protocol told, and comes when it is durable.
    Command(P::Command, oneshot::Sender<Vec<P::Event>>),
    /// A look at the protocol and at what it has sent and received, between two inputs.
    Look(Box<dyn FnOnce(&P, &Traffic) + Send>),
    /// An end: the protocol is told, and what it sends then still goes out.
    Stop,
}

impl<P: Hosted> std::fmt::Debug for Request<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Command(..) => "Command",
            Self::Look(_) => "Look",
            Self::Stop => "Stop",
        })
    }
}

/// Messages and their bytes by class, as the protocol encodes them: without what iroh adds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Sent, by class: messages and bytes. A message to several peers counts for each.
    pub sent: BTreeMap<&'static str, (u64, u64)>,
    /// Received, by class.
    pub received: BTreeMap<&'static str, (u64, u64)>,
}

impl Traffic {
    fn count(of: &mut BTreeMap<&'static str, (u64, u64)>, class: &'static str, times: usize, bytes: usize) {
        let entry = of.entry(class).or_default();
        entry.0 += times as u64;
        entry.1 += (times * bytes) as u64;
    }
}

/// A clock that begins at the time of day and runs on without steps.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: tokio::time::Instant,
    origin: u64,
}

impl Clock {
    /// The clock of this moment on.
    pub fn start() -> Self {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Self { start: tokio::time::Instant::now(), origin: u64::try_from(since.as_nanos()).unwrap_or(0) }
    }

    /// Now, in nanoseconds since 1970.
    pub fn now(&self) -> Instant {
        let since = u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        Instant::from_nanos(self.origin.saturating_add(since))
    }

    /// The moment of the runtime's clock at which it is this time; an hour ahead at most, since far timers are looked at again.
    fn at(&self, time: Instant) -> tokio::time::Instant {
        let ahead = time.since(self.now()).as_nanos().min(Duration::from_secs(3_600).as_nanos());
        tokio::time::Instant::now() + std::time::Duration::from_nanos(ahead)
    }
}

/// A protocol, its network and its storage.
pub struct Driver<P: Hosted, S> {
    host: Host<P>,
    network: Network,
    storage: S,
    clock: Clock,
    traffic: Traffic,
    watcher: Option<mpsc::Sender<Arc<Tuple>>>,
}

impl<P: Hosted, S: Storage> std::fmt::Debug for Driver<P, S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Driver").field("host", &self.host).finish_non_exhaustive()
    }
}

/// What is to be done when a round is durable.
struct Round<P: Hosted> {
    effects: Vec<Effects<P>>,
    answers: Vec<(oneshot::Sender<Vec<P::Event>>, usize)>,
    looks: Vec<Box<dyn FnOnce(&P, &Traffic) + Send>>,
    stop: bool,
}

impl<P, S> Driver<P, S>
where
    P: Hosted + Send,
    P::Event: Send + Clone,
    P::Message: Send,
    P::Timer: Send,
    P::Command: Send,
    S: Storage,
{
    /// Puts them together. New tuples are told to the watcher too, where there is one; one that is slow misses some.
    pub fn new(host: Host<P>, network: Network, storage: S, watcher: Option<mpsc::Sender<Arc<Tuple>>>) -> Self {
        Self { host, network, storage, clock: Clock::start(), traffic: Traffic::default(), watcher }
    }

    /// Runs until it is told to stop, or nobody is there any more who could tell it.
    ///
    /// # Errors
    /// The storage failed. Nothing of the round in which it did is sent.
    pub async fn run(
        mut self,
        mut arrivals: mpsc::Receiver<Arrival>,
        mut requests: mpsc::Receiver<Request<P>>,
    ) -> Result<(), StorageError> {
        let mut round = Round { effects: Vec::new(), answers: Vec::new(), looks: Vec::new(), stop: false };
        round.effects.push(self.host.handle(self.clock.now(), Input::Start));
        loop {
            self.finish(&mut round)?;
            if round.stop {
                return Ok(());
            }
            let due = self.host.deadline().map(|due| self.clock.at(due));
            tokio::select! {
                biased;
                () = until(due) => {}
                request = requests.recv() => self.request(request.unwrap_or(Request::Stop), &mut round),
                Some(arrival) = arrivals.recv() => self.arrival(arrival, &mut round),
            }
            while round.effects.len() < ROUND_MAX && !round.stop {
                if let Some(effects) = self.host.fire(self.clock.now()) {
                    round.effects.push(effects);
                } else if let Ok(request) = requests.try_recv() {
                    self.request(request, &mut round);
                } else if let Ok(arrival) = arrivals.try_recv() {
                    self.arrival(arrival, &mut round);
                } else {
                    break;
                }
            }
        }
    }

    fn request(&mut self, request: Request<P>, round: &mut Round<P>) {
        match request {
            Request::Command(command, answer) => {
                round.answers.push((answer, round.effects.len()));
                round.effects.push(self.host.handle(self.clock.now(), Input::Command(command)));
            }
            Request::Look(look) => round.looks.push(look),
            Request::Stop => {
                round.stop = true;
                round.effects.push(self.host.handle(self.clock.now(), Input::Stop));
            }
        }
    }

    fn arrival(&mut self, arrival: Arrival, round: &mut Round<P>) {
        let now = self.clock.now();
        let effects = match arrival {
            Arrival::Message(from, bytes) => {
                let Ok(message) = P::Message::decode(&bytes) else { return self.network.malformed(from) };
                let class = P::Message::CLASSES[message.class()];
                Traffic::count(&mut self.traffic.received, class, 1, bytes.len());
                self.host.handle(now, Input::Message { from, message: &message })
            }
            Arrival::Up(peer) => self.host.handle(now, Input::PeerUp(peer)),
            Arrival::Down(peer) => self.host.handle(now, Input::PeerDown(peer)),
        };
        round.effects.push(effects);
    }

    /// Commits, then answers and sends.
    fn finish(&mut self, round: &mut Round<P>) -> Result<(), StorageError> {
        let events = round.effects.iter().flat_map(|effects| &effects.events);
        let tuples: Vec<Arc<Tuple>> = events.filter_map(P::kept).cloned().collect();
        if !tuples.is_empty() {
            tokio::task::block_in_place(|| self.storage.put_batch(&tuples))?;
        }
        for (answer, place) in round.answers.drain(..) {
            // Who asked may have gone.
            let _ = answer.send(round.effects[place].events.clone());
        }
        for tuple in tuples.iter().filter(|_| self.watcher.is_some()) {
            self.watcher.iter().for_each(|watcher| drop(watcher.try_send(Arc::clone(tuple))));
        }
        for effects in round.effects.drain(..) {
            for (peers, message) in effects.sends {
                let mut bytes = Vec::with_capacity(message.encoded_len());
                message.encode(&mut bytes);
                let class = P::Message::CLASSES[message.class()];
                Traffic::count(&mut self.traffic.sent, class, peers.len(), bytes.len());
                let bytes = Bytes::from(bytes);
                peers.into_iter().for_each(|peer: PeerId| self.network.send(peer, &bytes));
            }
            effects.disconnects.into_iter().for_each(|peer| self.network.disconnect(peer));
        }
        round.looks.drain(..).for_each(|look| look(self.host.protocol(), &self.traffic));
        Ok(())
    }
}

/// Waits until a moment, or for ever.
async fn until(due: Option<tokio::time::Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}
