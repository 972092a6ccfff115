//! How a host writes an instance's data to a server, Redis or the object store, and reads another's there.

use std::collections::BTreeMap;
use std::sync::Arc;

use rapprochement_core::peer::SimPeer;
use rapprochement_core::protocol::Context;

use super::config::{Channel, Exchange};
use super::host::Host;
use super::message::{Command, Key, Reply, Task, WorkflowMessage};
use super::node::{WorkflowNode, WorkflowTimer};
use super::plan::{Link, Plan};

/// What a host waits for from servers.
#[derive(Debug, Default)]
pub(super) struct Storage {
    /// Redis's connections, by number.
    requests: BTreeMap<u16, Request>,
    next: u16,
    puts: BTreeMap<Key, Task>,
    gets: BTreeMap<Key, Vec<Task>>,
}

/// A request that Redis has not answered for good.
#[derive(Clone, Copy, Debug)]
struct Request {
    of: Task,
    command: Command,
    key: Key,
    /// Bytes to write.
    bytes: u32,
    /// Values that are still to come to a reader; subscribers that a publisher waits for.
    left: u32,
    /// Values that have come.
    after: u32,
}

impl Request {
    const fn is_read(&self) -> bool {
        matches!(self.command, Command::Get | Command::Pop | Command::Read | Command::Subscribe)
    }
}

impl Storage {
    /// Takes a connection that is free; none where all are taken, which the plan rules out.
    fn open(&mut self, request: Request) -> Option<u16> {
        let free = (0..=u16::MAX).map(|i| self.next.wrapping_add(i)).find(|c| !self.requests.contains_key(c))?;
        self.next = free.wrapping_add(1);
        self.requests.insert(free, request);
        Some(free)
    }
}

impl Host {
    fn redis(&self) -> Option<Exchange> {
        (self.plan.settings.channel == Channel::Redis).then_some(self.plan.settings.redis.exchange)
    }

    fn store(&self, node: u32) -> SimPeer {
        SimPeer(self.plan.front_end(node))
    }

    /// The key of one message.
    fn key(&self, run: u32, number: usize, to: u32, from: u32, index: u32) -> Key {
        let shared = self.plan.is_shared(&self.plan.links[number]);
        let to = if shared { Key::ALL } else { to };
        // Lists, streams and channels are one for all senders.
        let one = matches!(self.redis(), Some(Exchange::List | Exchange::Stream | Exchange::PubSub));
        let (from, index) = if one { (Key::ALL, 0) } else { (from, index) };
        Key { run, link: number as u32, to, from, index }
    }

    /// Writes all that an instance gives away.
    pub(super) fn write<C: Context<WorkflowNode>>(&mut self, of: Task, context: &mut C) {
        let plan = Arc::clone(&self.plan);
        let Some(stage) = plan.stage_of(of.task).map(|stage| &plan.stages[stage]) else { return };
        let mut pipelined = false;
        for &number in &stage.outputs {
            let link = plan.links[number];
            let to = &plan.stages[link.to];
            let receivers = if plan.is_shared(&link) { to.first..to.first + 1 } else { to.tasks() };
            for index in 0..link.messages {
                for receiver in receivers.clone() {
                    let key = self.key(of.run, number, receiver, of.task, index);
                    self.instance(of).unwritten += 1;
                    self.write_one(of, &link, key, pipelined, context);
                    pipelined = true;
                }
            }
        }
    }

    fn write_one<C: Context<WorkflowNode>>(
        &mut self,
        of: Task,
        link: &Link,
        key: Key,
        pipelined: bool,
        context: &mut C,
    ) {
        let Some(exchange) = self.redis() else {
            self.storage.puts.insert(key, of);
            return context.send(self.store(context.me().0), WorkflowMessage::Put(key, link.size));
        };
        let command = match exchange {
            Exchange::SetGet => Command::Set,
            Exchange::List => Command::Push,
            Exchange::Stream => Command::Add,
            Exchange::PubSub => Command::Subscribers,
        };
        let left = if key.to == Key::ALL { self.plan.stages[link.to].instances } else { 1 };
        self.ask(Request { of, command, key, bytes: link.size, left, after: 0 }, pipelined, context);
    }

    /// Reads all that an instance needs.
    pub(super) fn read<C: Context<WorkflowNode>>(&mut self, of: Task, context: &mut C) {
        let plan = Arc::clone(&self.plan);
        let Some(stage) = plan.stage_of(of.task).map(|stage| &plan.stages[stage]) else { return };
        let mut pipelined = false;
        for &number in &stage.inputs {
            let link = plan.links[number];
            let senders = &plan.stages[link.from];
            let command = match self.redis() {
                Some(Exchange::List) => Some(Command::Pop),
                Some(Exchange::Stream) => Some(Command::Read),
                Some(Exchange::PubSub) => Some(Command::Subscribe),
                Some(Exchange::SetGet) | None => None,
            };
            if let Some(command) = command {
                let key = self.key(of.run, number, of.task, 0, 0);
                let left = senders.instances * link.messages;
                self.ask(Request { of, command, key, bytes: 0, left, after: 0 }, false, context);
                continue;
            }
            for (from, index) in senders.tasks().flat_map(|from| (0..link.messages).map(move |index| (from, index))) {
                let key = self.key(of.run, number, of.task, from, index);
                if self.redis().is_some() {
                    let request = Request { of, command: Command::Get, key, bytes: 0, left: 1, after: 0 };
                    self.ask(request, pipelined, context);
                    pipelined = true;
                } else {
                    self.storage.gets.entry(key).or_default().push(of);
                    context.send(self.store(context.me().0), WorkflowMessage::Get(key));
                }
            }
        }
    }

    fn ask<C: Context<WorkflowNode>>(&mut self, request: Request, pipelined: bool, context: &mut C) {
        if let Some(connection) = self.storage.open(request) {
            send(request, connection, pipelined, context);
        }
    }

    /// Asks once more.
    pub(super) fn again<C: Context<WorkflowNode>>(&self, connection: u16, context: &mut C) {
        if let Some(request) = self.storage.requests.get(&connection) {
            send(*request, connection, false, context);
        }
    }

    /// Redis has answered.
    pub(super) fn reply<C: Context<WorkflowNode>>(
        &mut self,
        connection: u16,
        reply: Reply,
        bytes: u32,
        context: &mut C,
    ) {
        let poll = self.plan.settings.redis.poll.0;
        let Some(request) = self.storage.requests.get_mut(&connection) else { return };
        let of = request.of;
        match reply {
            Reply::Nothing => {
                context.set_timer(poll, WorkflowTimer::Again(connection));
            }
            Reply::Subscribed => {}
            Reply::Count if request.command == Command::Subscribers => {
                if bytes >= request.left {
                    request.command = Command::Publish;
                    self.again(connection, context);
                } else {
                    context.set_timer(poll, WorkflowTimer::Again(connection));
                }
            }
            _ if request.is_read() => {
                request.left = request.left.saturating_sub(1);
                request.after += 1;
                if request.left == 0 {
                    self.storage.requests.remove(&connection);
                } else if request.command != Command::Subscribe {
                    self.again(connection, context);
                }
                self.got(of, context);
            }
            _ => {
                self.storage.requests.remove(&connection);
                self.written(of, context);
            }
        }
    }

    /// The store has kept an object.
    pub(super) fn kept<C: Context<WorkflowNode>>(&mut self, key: Key, context: &mut C) {
        if let Some(of) = self.storage.puts.remove(&key) {
            self.written(of, context);
        }
    }

    /// The store gives an object.
    pub(super) fn object<C: Context<WorkflowNode>>(&mut self, key: Key, context: &mut C) {
        let Some(readers) = self.storage.gets.get_mut(&key) else { return };
        let of = readers.pop();
        if readers.is_empty() {
            self.storage.gets.remove(&key);
        }
        if let Some(of) = of {
            self.got(of, context);
        }
    }

    /// The store does not have an object yet.
    pub(super) fn missing<C: Context<WorkflowNode>>(&self, key: Key, context: &mut C) {
        let poll = self.plan.settings.object_store.poll.0;
        context.set_timer(poll, WorkflowTimer::Poll(Box::new(WorkflowMessage::Get(key))));
    }

    /// One of an instance's writes is acknowledged; after the last one the coordinator hears of it.
    fn written<C: Context<WorkflowNode>>(&mut self, of: Task, context: &mut C) {
        let ahead = self.plan.is_ahead();
        let instance = self.instance(of);
        instance.unwritten = instance.unwritten.saturating_sub(1);
        if instance.unwritten == 0 {
            let message = if ahead { WorkflowMessage::Done(of) } else { WorkflowMessage::Ready(of) };
            context.send(SimPeer(Plan::COORDINATOR), message);
        }
    }
}

fn send<C: Context<WorkflowNode>>(request: Request, connection: u16, pipelined: bool, context: &mut C) {
    let Request { command, key, bytes, after, .. } = request;
    let bytes = match command {
        Command::Read => after,
        Command::Subscribers => 0,
        _ => bytes,
    };
    context.send(SimPeer(Plan::REDIS), WorkflowMessage::Command { connection, command, key, bytes, pipelined });
}
