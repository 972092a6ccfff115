//! A front end of the object store: any number of operations side by side, each of which takes a delay and then its data's time at
//! the rate of one stream (Copik et al., "FMI", ICS 2023, for the numbers). What it stores it makes known to the other front ends.

use std::collections::BTreeMap;
use std::sync::Arc;

use rapprochement_core::peer::SimPeer;
use rapprochement_core::protocol::Context;
use rapprochement_core::time::Duration;

use super::message::{Key, WorkflowMessage};
use super::node::{WorkflowNode, WorkflowTimer};
use super::plan::Plan;

/// Objects that a front end knows of at most; further ones are not kept.
const OBJECTS_MAX: usize = 10_000_000;

/// A front end's state.
#[derive(Debug)]
pub struct Store {
    plan: Arc<Plan>,
    node: u32,
    objects: BTreeMap<Key, u32>,
}

impl Store {
    /// An empty one at this node.
    pub const fn new(plan: Arc<Plan>, node: u32) -> Self {
        Self { plan, node, objects: BTreeMap::new() }
    }

    /// Objects are durable.
    pub(super) const fn revive(&mut self) {}

    /// How long an operation takes here.
    fn duration(&self, bytes: u32) -> Duration {
        let settings = &self.plan.settings.object_store;
        settings.delay.0 + settings.rate.transmission(bytes.into())
    }

    fn keep(&mut self, key: Key, bytes: u32) {
        if self.objects.len() < OBJECTS_MAX {
            self.objects.insert(key, bytes);
        }
    }

    pub(super) fn message<C: Context<WorkflowNode>>(
        &mut self,
        from: SimPeer,
        message: &WorkflowMessage,
        context: &mut C,
    ) {
        let (after, answer) = match *message {
            WorkflowMessage::Put(key, bytes) => (self.duration(bytes), WorkflowMessage::Put(key, bytes)),
            WorkflowMessage::Get(key) => match self.objects.get(&key) {
                Some(bytes) => (self.duration(*bytes), WorkflowMessage::Object(key, *bytes)),
                None => (self.duration(0), WorkflowMessage::Missing(key)),
            },
            WorkflowMessage::Visible(key, bytes) => return self.keep(key, bytes),
            _ => return,
        };
        context.set_timer(after, WorkflowTimer::Answer(from, Box::new(answer)));
    }

    /// An operation is done.
    pub(super) fn answer<C: Context<WorkflowNode>>(&mut self, to: SimPeer, answer: WorkflowMessage, context: &mut C) {
        let WorkflowMessage::Put(key, bytes) = answer else { return context.send(to, answer) };
        self.keep(key, bytes);
        let others: Vec<SimPeer> =
            (Plan::STORE..self.plan.first_host).filter(|node| *node != self.node).map(SimPeer).collect();
        context.send_many(&others, WorkflowMessage::Visible(key, bytes));
        context.send(to, WorkflowMessage::Kept(key));
    }
}
