//! A Redis server: one command at a time, first come, first served, each for the time that [`Service`] gives. Who waits for a list or a
//! stream, and who has subscribed, is served as part of the command that brings what he waits for, one after the other in the order of
//! their coming, before the next command (redis.io, "BLPOP", "XREAD", "Redis Pub/Sub"). Keys are never evicted while a run goes on.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use rapprochement_core::peer::SimPeer;
use rapprochement_core::protocol::Context;
use rapprochement_core::time::Duration;

use super::message::{Command, Key, Reply, WorkflowMessage};
use super::node::{WorkflowNode, WorkflowTimer};
use super::service::Service;

/// Commands that wait at most; Redis's clients are as many, and what comes beyond is not answered.
const WAITING_MAX: usize = 10_000_000;

/// Bytes of the id that XADD answers with.
const ID: u32 = 15;

/// Whom a reply goes to.
#[derive(Clone, Copy, Debug)]
struct Client {
    peer: SimPeer,
    connection: u16,
}

/// One thing that takes the server's time.
#[derive(Clone, Copy, Debug)]
enum Job {
    Command {
        client: Client,
        command: Command,
        key: Key,
        bytes: u32,
        pipelined: bool,
    },
    /// Somebody who waited gets what has come.
    Delivery {
        client: Client,
        reply: Reply,
        bytes: u32,
    },
}

/// The server's state.
#[derive(Debug)]
pub struct Redis {
    service: Arc<Service>,
    /// The first is being served.
    jobs: VecDeque<Job>,
    values: BTreeMap<Key, u32>,
    lists: BTreeMap<Key, VecDeque<u32>>,
    streams: BTreeMap<Key, Vec<u32>>,
    /// Who waits for a list, for a stream behind so many entries, and who has subscribed.
    waiting: BTreeMap<(Command, Key), VecDeque<(Client, u32)>>,
}

impl Redis {
    /// An empty server.
    pub const fn new(service: Arc<Service>) -> Self {
        Self {
            service,
            jobs: VecDeque::new(),
            values: BTreeMap::new(),
            lists: BTreeMap::new(),
            streams: BTreeMap::new(),
            waiting: BTreeMap::new(),
        }
    }

    /// A crash loses all: nothing is written to a disk.
    pub(super) fn revive(&mut self) {
        *self = Self::new(Arc::clone(&self.service));
    }

    pub(super) fn message<C: Context<WorkflowNode>>(
        &mut self,
        peer: SimPeer,
        message: &WorkflowMessage,
        context: &mut C,
    ) {
        let WorkflowMessage::Command { connection, command, key, bytes, pipelined } = *message else { return };
        if self.jobs.len() < WAITING_MAX {
            self.jobs.push_back(Job::Command { client: Client { peer, connection }, command, key, bytes, pipelined });
            if self.jobs.len() == 1 {
                self.serve(context);
            }
        }
    }

    /// Begins with the first job.
    fn serve<C: Context<WorkflowNode>>(&self, context: &mut C) {
        let Some(job) = self.jobs.front() else { return };
        let time = match *job {
            Job::Command { command, key, bytes, pipelined, .. } => {
                let found = match command {
                    Command::Get => self.values.get(&key),
                    Command::Pop => self.lists.get(&key).and_then(VecDeque::front),
                    Command::Read => self.streams.get(&key).and_then(|entries| entries.get(bytes as usize)),
                    _ => Some(&bytes),
                };
                self.service.time(command, pipelined, found.copied().unwrap_or(0), context.rng())
            }
            // A reply of its own to a client of its own.
            Job::Delivery { reply, bytes, .. } => self.service.delivery(reply, bytes, context.rng()),
        };
        context.set_timer(time.max(Duration::from_nanos(1)), WorkflowTimer::Served);
    }

    /// The first job is done: carries it out.
    pub(super) fn served<C: Context<WorkflowNode>>(&mut self, context: &mut C) {
        match self.jobs.pop_front() {
            Some(Job::Delivery { client, reply, bytes }) => answer(context, client, reply, bytes),
            Some(Job::Command { client, command, key, bytes, .. }) => {
                self.carry_out(client, command, key, bytes, context)
            }
            None => {}
        }
        self.serve(context);
    }

    fn carry_out<C: Context<WorkflowNode>>(
        &mut self,
        client: Client,
        command: Command,
        key: Key,
        bytes: u32,
        context: &mut C,
    ) {
        match command {
            Command::Set => {
                self.values.insert(key, bytes);
                answer(context, client, Reply::Done, 0);
            }
            Command::Get => match self.values.get(&key) {
                Some(bytes) => answer(context, client, Reply::Value, *bytes),
                None => answer(context, client, Reply::Nothing, 0),
            },
            Command::Push => {
                let list = self.lists.entry(key).or_default();
                list.push_back(bytes);
                let length = list.len() as u32;
                answer(context, client, Reply::Count, length);
                self.hand_out(key);
            }
            Command::Pop => match self.lists.get_mut(&key).and_then(VecDeque::pop_front) {
                Some(bytes) => answer(context, client, Reply::Popped, bytes),
                None => self.wait(Command::Pop, key, client, 0),
            },
            Command::Add => {
                self.streams.entry(key).or_default().push(bytes);
                answer(context, client, Reply::Value, ID);
                self.pass_on(key);
            }
            Command::Read => match self.streams.get(&key).and_then(|entries| entries.get(bytes as usize)) {
                Some(entry) => answer(context, client, Reply::Entry, *entry),
                None => self.wait(Command::Read, key, client, bytes),
            },
            Command::Publish => {
                let heard = self.subscribers(key);
                for (subscriber, _) in self.waiting.get(&(Command::Subscribe, key)).into_iter().flatten().rev() {
                    self.jobs.push_front(Job::Delivery { client: *subscriber, reply: Reply::Heard, bytes });
                }
                answer(context, client, Reply::Count, heard);
            }
            Command::Subscribe => {
                answer(context, client, Reply::Subscribed, 0);
                self.wait(Command::Subscribe, key, client, 0);
            }
            Command::Subscribers => answer(context, client, Reply::Count, self.subscribers(key)),
        }
    }

    fn subscribers(&self, key: Key) -> u32 {
        self.waiting.get(&(Command::Subscribe, key)).map_or(0, |all| all.len() as u32)
    }

    fn wait(&mut self, command: Command, key: Key, client: Client, after: u32) {
        self.waiting.entry((command, key)).or_default().push_back((client, after));
    }

    /// Gives what is in a list to whom has waited longest.
    fn hand_out(&mut self, key: Key) {
        let (Some(list), Some(waiting)) = (self.lists.get_mut(&key), self.waiting.get_mut(&(Command::Pop, key))) else {
            return;
        };
        if let (false, Some((client, _))) = (list.is_empty(), waiting.pop_front())
            && let Some(bytes) = list.pop_front()
        {
            self.jobs.push_front(Job::Delivery { client, reply: Reply::Popped, bytes });
        }
    }

    /// Gives a new entry to all who wait for it.
    fn pass_on(&mut self, key: Key) {
        let Some(entries) = self.streams.get(&key) else { return };
        let Some(waiting) = self.waiting.get_mut(&(Command::Read, key)) else { return };
        let (served, left): (Vec<_>, Vec<_>) =
            waiting.drain(..).partition(|(_, after)| entries.len() > *after as usize);
        waiting.extend(left);
        for (client, after) in served.into_iter().rev() {
            self.jobs.push_front(Job::Delivery { client, reply: Reply::Entry, bytes: entries[after as usize] });
        }
    }
}

fn answer<C: Context<WorkflowNode>>(context: &mut C, client: Client, reply: Reply, bytes: u32) {
    context.send(client.peer, WorkflowMessage::Reply { connection: client.connection, reply, bytes });
}
