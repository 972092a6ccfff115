//! A node of a workflow: a coordinator, a Redis server, a front end of the object store, or a host of instances. They are one protocol,
//! so that any transport can wrap it.

use std::sync::Arc;

use rapprochement_core::peer::SimPeer;
use rapprochement_core::protocol::{Context, Input, Protocol};
use rapprochement_core::time::{Duration, Instant};

use super::coordinator::Coordinator;
use super::host::Host;
use super::message::{Task, WorkflowMessage};
use super::plan::Plan;
use super::redis::Redis;
use super::schedule::Scheduling;
use super::service::Service;
use super::store::Store;

/// What a node does.
#[derive(Debug)]
pub enum WorkflowNode {
    /// Places instances and starts runs.
    Coordinator(Box<Coordinator>),
    /// The Redis server.
    Redis(Box<Redis>),
    /// A front end of the object store.
    Store(Box<Store>),
    /// Runs instances.
    Host(Box<Host>),
}

impl WorkflowNode {
    /// The node of this number.
    pub fn new(node: u32, plan: &Arc<Plan>, scheduling: &Scheduling, service: &Arc<Service>) -> Self {
        match node {
            Plan::COORDINATOR => Self::Coordinator(Box::new(Coordinator::new(Arc::clone(plan), scheduling.clone()))),
            Plan::REDIS => Self::Redis(Box::new(Redis::new(Arc::clone(service)))),
            _ if node < plan.first_host => Self::Store(Box::new(Store::new(Arc::clone(plan), node))),
            _ => Self::Host(Box::new(Host::new(Arc::clone(plan), node))),
        }
    }

    /// Comes back after a crash with nothing: what ran on it is lost.
    pub fn revive(&mut self, _forget: bool) {
        match self {
            Self::Coordinator(coordinator) => coordinator.revive(),
            Self::Redis(redis) => redis.revive(),
            Self::Store(store) => store.revive(),
            Self::Host(host) => host.revive(),
        }
    }
}

/// What a timer of a node means.
#[derive(Debug)]
pub enum WorkflowTimer {
    /// The run of this number arrives.
    Arrive(u32),
    /// An instance has started.
    Started(Task),
    /// An instance has computed.
    Computed(Task),
    /// What an instance gives to another on its own host.
    Local(Box<WorkflowMessage>),
    /// A connection asks Redis again.
    Again(u16),
    /// A host asks the store again for what it reads there.
    Poll(Box<WorkflowMessage>),
    /// Redis is done with a command.
    Served,
    /// A front end is done with an operation: it answers, and what it was told to keep is there.
    Answer(SimPeer, Box<WorkflowMessage>),
}

/// What happened, for those who measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkflowEvent {
    /// What.
    pub kind: Moment,
    /// To which instance; the task of the run as a whole is 0.
    pub of: Task,
}

/// A moment in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Moment {
    /// A run arrived.
    Arrived = 1,
    /// All that has no successor is done.
    Finished,
    /// An instance begins to start, from nothing or warm.
    Starting,
    /// It has started.
    Started,
    /// It begins to compute.
    Computing,
    /// It has computed, and its data wants to go.
    Computed,
    /// The first of its input is there.
    FirstByte,
    /// All of it is.
    Inputs,
    /// It begins to set a group up.
    Grouping,
    /// The group stands.
    Grouped,
}

impl Protocol for WorkflowNode {
    type Peer = SimPeer;
    type Message = WorkflowMessage;
    type Timer = WorkflowTimer;
    type Command = ();
    type Event = WorkflowEvent;

    fn handle<C: Context<Self>>(&mut self, _now: Instant, input: Input<'_, Self>, context: &mut C) {
        match (self, input) {
            (Self::Coordinator(node), Input::Start) => node.start(context),
            (Self::Coordinator(node), Input::Timer(WorkflowTimer::Arrive(run))) => node.arrive(run, context),
            (Self::Coordinator(node), Input::Message { from, message }) => node.message(from, message, context),
            (Self::Redis(node), Input::Message { from, message }) => node.message(from, message, context),
            (Self::Redis(node), Input::Timer(WorkflowTimer::Served)) => node.served(context),
            (Self::Store(node), Input::Message { from, message }) => node.message(from, message, context),
            (Self::Store(node), Input::Timer(WorkflowTimer::Answer(to, answer))) => node.answer(to, *answer, context),
            (Self::Host(node), Input::Message { from, message }) => node.message(from, message, context),
            (Self::Host(node), Input::Timer(timer)) => node.timer(timer, context),
            _ => {}
        }
    }
}

/// Tells those who measure.
pub(super) fn emit<C: Context<WorkflowNode>>(context: &mut C, kind: Moment, of: Task) {
    context.emit(WorkflowEvent { kind, of });
}

/// Sends a message, or hands it over on this node.
pub(super) fn post<C: Context<WorkflowNode>>(context: &mut C, local: Duration, to: SimPeer, message: WorkflowMessage) {
    if to == context.me() {
        context.set_timer(local, WorkflowTimer::Local(Box::new(message)));
    } else {
        context.send(to, message);
    }
}
