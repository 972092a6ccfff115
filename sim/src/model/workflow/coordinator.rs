//! The coordinator: takes in runs, places instances, and tells senders where their receivers are.
//!
//! Ahead of time all instances of a run are placed when it arrives, those without successors first, so that a receiver has heard of
//! its instance before a sender has. Otherwise a function is placed once a sender asks for it (or, where data goes through a server,
//! once all its senders have stored theirs), and the sender waits for the answer.

use std::collections::BTreeMap;
use std::sync::Arc;

use rand_core::Rng;
use rapprochement_core::peer::SimPeer;
use rapprochement_core::protocol::Context;

use super::message::{Task, WorkflowMessage};
use super::node::{Moment, WorkflowNode, WorkflowTimer, emit};
use super::plan::Plan;
use super::schedule::{Load, Scheduling};

/// A run that is under way.
#[derive(Debug)]
struct Run {
    /// The node of each instance.
    hosts: Vec<Option<u32>>,
    /// Instances of each stage that have computed.
    computed: Vec<u32>,
    /// Instances without successors that have not.
    left: u32,
    /// Instances that have said so.
    said: Vec<bool>,
}

/// The coordinator's state.
#[derive(Debug)]
pub struct Coordinator {
    plan: Arc<Plan>,
    scheduling: Scheduling,
    load: Load,
    runs: BTreeMap<u32, Run>,
}

impl Coordinator {
    /// A coordinator that has placed nothing.
    pub fn new(plan: Arc<Plan>, scheduling: Scheduling) -> Self {
        let load = Load::new(plan.first_host, plan.hosts, plan.settings.instances_per_host);
        Self { plan, scheduling, load, runs: BTreeMap::new() }
    }

    /// A crash loses all runs.
    pub(super) fn revive(&mut self) {
        *self = Self::new(Arc::clone(&self.plan), self.scheduling.clone());
    }

    pub(super) fn start<C: Context<WorkflowNode>>(&mut self, context: &mut C) {
        context.set_timer(rapprochement_core::time::Duration::ZERO, WorkflowTimer::Arrive(0));
    }

    /// A run arrives, and the next one is set.
    pub(super) fn arrive<C: Context<WorkflowNode>>(&mut self, run: u32, context: &mut C) {
        if run + 1 < self.plan.settings.runs {
            context.set_timer(self.plan.settings.interval.0, WorkflowTimer::Arrive(run + 1));
        }
        emit(context, Moment::Arrived, Task { run, task: 0 });
        let plan = Arc::clone(&self.plan);
        let sinks = plan.stages.iter().filter(|stage| stage.outputs.is_empty());
        let left = sinks.map(|stage| stage.instances).sum();
        let (tasks, computed) = (plan.tasks() as usize, vec![0; plan.stages.len()]);
        self.runs.insert(run, Run { hosts: vec![None; tasks], computed, left, said: vec![false; tasks] });
        let ahead = plan.is_ahead();
        let now: Vec<usize> = (0..plan.stages.len()).filter(|s| ahead || plan.stages[*s].inputs.is_empty()).collect();
        now.iter().for_each(|stage| self.place(run, *stage, context));
        now.iter().rev().for_each(|stage| self.invoke(run, *stage, context));
    }

    /// Chooses a host for every instance of a stage.
    fn place<C: Context<WorkflowNode>>(&mut self, run: u32, stage: usize, context: &mut C) {
        let plan = Arc::clone(&self.plan);
        let Some(state) = self.runs.get_mut(&run) else { return };
        let mut input: BTreeMap<u32, u64> = BTreeMap::new();
        for link in plan.stages[stage].inputs.iter().map(|link| plan.links[*link]) {
            for task in plan.stages[link.from].tasks() {
                if let Some(host) = state.hosts[task as usize] {
                    *input.entry(host).or_default() += u64::from(link.size);
                }
            }
        }
        for task in plan.stages[stage].tasks() {
            let host = self.scheduling.place(&self.load, &input, context.rng().next_u64());
            self.load.add(host);
            state.hosts[task as usize] = Some(host);
        }
    }

    /// Tells the hosts of a stage to run it.
    fn invoke<C: Context<WorkflowNode>>(&self, run: u32, stage: usize, context: &mut C) {
        let Some(state) = self.runs.get(&run) else { return };
        for task in self.plan.stages[stage].tasks() {
            let receivers = if self.plan.is_ahead() { self.receivers(state, task) } else { Vec::new() };
            if let Some(host) = state.hosts[task as usize] {
                context.send(SimPeer(host), WorkflowMessage::Invoke(Task { run, task }, receivers));
            }
        }
    }

    /// Where the data of an instance goes, link by link: to all receivers, or to the parent in a tree of senders.
    fn receivers(&self, state: &Run, task: u32) -> Vec<SimPeer> {
        let plan = &self.plan;
        let Some(stage) = plan.stage_of(task).filter(|_| !plan.is_stored()) else { return Vec::new() };
        let mut receivers = Vec::new();
        for link in plan.stages[stage].outputs.iter().map(|link| plan.links[*link]) {
            let (from, to) = (&plan.stages[link.from], &plan.stages[link.to]);
            let mut tasks = to.tasks();
            if plan.is_collected(&link) {
                let parent = plan.tree(&link).place(from.instances, task - from.first).0;
                let parent = parent.map_or(to.first, |parent| from.first + parent);
                tasks = parent..parent + 1;
            }
            receivers.extend(tasks.filter_map(|task| state.hosts[task as usize]).map(SimPeer));
        }
        receivers
    }

    pub(super) fn message<C: Context<WorkflowNode>>(
        &mut self,
        from: SimPeer,
        message: &WorkflowMessage,
        context: &mut C,
    ) {
        let (WorkflowMessage::Ready(of) | WorkflowMessage::Done(of)) = *message else { return };
        let plan = Arc::clone(&self.plan);
        let (Some(stage), Some(state)) = (plan.stage_of(of.task), self.runs.get_mut(&of.run)) else { return };
        let task = of.task as usize;
        if state.hosts[task] != Some(from.0) || std::mem::replace(&mut state.said[task], true) {
            return;
        }
        self.load.remove(from.0);
        state.computed[stage] += 1;
        let asks = matches!(message, WorkflowMessage::Ready(_));
        if plan.stages[stage].outputs.is_empty() {
            state.left = state.left.saturating_sub(1);
            if state.left == 0 {
                self.runs.remove(&of.run);
                emit(context, Moment::Finished, Task { task: 0, ..of });
            }
        } else if asks {
            self.go_on(of.run, stage, context);
            if !plan.is_stored()
                && let Some(state) = self.runs.get(&of.run)
            {
                context.send(from, WorkflowMessage::Placed(of, self.receivers(state, of.task)));
            }
        }
    }

    /// An instance of this stage has computed: places its successors, if that is due.
    fn go_on<C: Context<WorkflowNode>>(&mut self, run: u32, stage: usize, context: &mut C) {
        let plan = Arc::clone(&self.plan);
        for successor in plan.stages[stage].outputs.iter().map(|link| plan.links[*link].to) {
            let Some(state) = self.runs.get(&run) else { return };
            let first = plan.stages[successor].first as usize;
            let mut senders = plan.stages[successor].inputs.iter().map(|link| plan.links[*link].from);
            let whole = senders.all(|from| state.computed[from] >= plan.stages[from].instances);
            if state.hosts[first].is_none() && (whole || !plan.is_stored()) {
                self.place(run, successor, context);
                self.invoke(run, successor, context);
            }
        }
    }
}
