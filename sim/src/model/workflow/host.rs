//! A host: starts instances, lets them compute in turn, and moves their data.
//!
//! An instance is told of by the coordinator, starts, has all its input, computes, and gives its data away. What comes before it has
//! started waits here. Starting and computing take one of the host's places, first come, first served; waiting takes none, so that
//! instances that wait for each other never stand in each other's way.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use rand_core::Rng;
use rapprochement_core::peer::SimPeer;
use rapprochement_core::protocol::Context;
use rapprochement_core::time::Duration;

use super::config::EdgeData;
use super::message::{Member, Route, Task, WorkflowMessage};
use super::node::{Moment, WorkflowNode, WorkflowTimer, emit, post};
use super::plan::Plan;
use super::storage::Storage;

/// An instance on its host.
#[derive(Debug, Default)]
pub(super) struct Instance {
    invoked: bool,
    started: bool,
    computing: bool,
    computed: bool,
    /// Where its data goes, once that is known.
    receivers: Option<Vec<SimPeer>>,
    /// Pieces that came, so that none counts twice.
    pieces: BTreeSet<(u32, u32, u32)>,
    /// Pieces that are there.
    pub(super) got: u64,
    /// Where it stands in a tree of senders: what came from those below, and how many have said so.
    collected: (u32, u64),
    /// Groups that do not stand yet.
    pub(super) joining: u32,
    grouped: bool,
    /// What has been written to a server and is not acknowledged.
    pub(super) unwritten: u32,
    is_sent: bool,
}

/// What a host knows of data on its way over one link to one of its instances.
#[derive(Debug, Default)]
struct Relay {
    /// Those below, once they are known.
    members: Option<Vec<Member>>,
    /// Pieces that came before.
    early: Vec<(u32, u32)>,
    /// Children whose group does not stand yet.
    joining: u32,
    /// Who asked to join; nobody asks the sender.
    above: Option<Member>,
}

/// The host's state.
#[derive(Debug)]
pub struct Host {
    pub(super) plan: Arc<Plan>,
    node: u32,
    instances: BTreeMap<Task, Instance>,
    relays: BTreeMap<Route, Relay>,
    places: u32,
    queue: VecDeque<Task>,
    pub(super) storage: Storage,
}

impl Host {
    /// An idle one.
    pub fn new(plan: Arc<Plan>, node: u32) -> Self {
        let places = plan.settings.instances_per_host;
        let (instances, relays) = (BTreeMap::new(), BTreeMap::new());
        Self { plan, node, instances, relays, places, queue: VecDeque::new(), storage: Storage::default() }
    }

    /// A crash loses all.
    pub(super) fn revive(&mut self) {
        *self = Self::new(Arc::clone(&self.plan), self.node);
    }

    fn local(&self) -> Duration {
        self.plan.settings.local_delay.0
    }

    pub(super) fn instance(&mut self, of: Task) -> &mut Instance {
        self.instances.entry(of).or_default()
    }

    pub(super) fn message<C: Context<WorkflowNode>>(
        &mut self,
        from: SimPeer,
        message: &WorkflowMessage,
        context: &mut C,
    ) {
        let is_known = match message {
            WorkflowMessage::Invoke(of, _) | WorkflowMessage::Placed(of, _) => self.plan.knows(*of),
            WorkflowMessage::Join(route, ..)
            | WorkflowMessage::Joined(route)
            | WorkflowMessage::Piece { route, .. } => self.plan.has_route(*route),
            _ => true,
        };
        if !is_known {
            return;
        }
        match message {
            WorkflowMessage::Invoke(of, receivers) => self.invoke(*of, receivers, context),
            WorkflowMessage::Placed(of, receivers) => {
                self.instance(*of).receivers = Some(receivers.clone());
                self.give(*of, context);
            }
            WorkflowMessage::Join(route, above, members) => {
                self.join(*route, Some(Member { task: *above, host: from }), members, context);
            }
            WorkflowMessage::Joined(route) => self.joined(*route, context),
            WorkflowMessage::Piece { route, index, bytes, members } => {
                self.piece(*route, *index, *bytes, members, context);
            }
            WorkflowMessage::Reply { connection, reply, bytes } => self.reply(*connection, *reply, *bytes, context),
            WorkflowMessage::Kept(key) => self.kept(*key, context),
            WorkflowMessage::Object(key, _) => self.object(*key, context),
            WorkflowMessage::Missing(key) => self.missing(*key, context),
            _ => {}
        }
    }

    pub(super) fn timer<C: Context<WorkflowNode>>(&mut self, timer: WorkflowTimer, context: &mut C) {
        match timer {
            WorkflowTimer::Started(of) => {
                self.instance(of).started = true;
                emit(context, Moment::Started, of);
                self.free(context);
                if self.plan.is_stored() {
                    self.read(of, context);
                }
                self.begin(of, context);
            }
            WorkflowTimer::Computed(of) => {
                self.instance(of).computed = true;
                emit(context, Moment::Computed, of);
                self.free(context);
                self.output(of, context);
            }
            WorkflowTimer::Local(message) => self.message(context.me(), &message, context),
            WorkflowTimer::Again(connection) => self.again(connection, context),
            WorkflowTimer::Poll(message) => context.send(SimPeer(self.plan.front_end(self.node)), *message),
            _ => {}
        }
    }

    /// The coordinator wants an instance to run here.
    fn invoke<C: Context<WorkflowNode>>(&mut self, of: Task, receivers: &[SimPeer], context: &mut C) {
        if std::mem::replace(&mut self.instance(of).invoked, true) {
            return;
        }
        if !receivers.is_empty() {
            self.instance(of).receivers = Some(receivers.to_vec());
            self.group(of, context);
        }
        self.queue.push_back(of);
        self.go_on(context);
    }

    /// A place is free again.
    fn free<C: Context<WorkflowNode>>(&mut self, context: &mut C) {
        self.places += 1;
        self.go_on(context);
    }

    /// Starts instances, or lets them compute, while there are places.
    fn go_on<C: Context<WorkflowNode>>(&mut self, context: &mut C) {
        while self.places > 0 {
            let Some(of) = self.queue.pop_front() else { return };
            self.places -= 1;
            if self.instance(of).started {
                emit(context, Moment::Computing, of);
                let stage = self.plan.stage_of(of.task).unwrap_or(0);
                context.set_timer(self.plan.stages[stage].compute, WorkflowTimer::Computed(of));
            } else {
                emit(context, Moment::Starting, of);
                let settings = &self.plan.settings;
                let share = (context.rng().next_u64() >> 11) as f64 / (1u64 << 53) as f64;
                let cold = share < settings.cold_share.0;
                let time = if cold { settings.cold_start } else { settings.warm_start };
                context.set_timer(time.0, WorkflowTimer::Started(of));
            }
        }
    }

    /// Pieces that an instance needs.
    fn needed(&self, of: Task) -> u64 {
        let Some(stage) = self.plan.stage_of(of.task) else { return u64::MAX };
        let links = self.plan.stages[stage].inputs.iter().map(|link| &self.plan.links[*link]);
        let pieces = links.map(|link| {
            let senders = self.plan.stages[link.from].instances;
            let direct = if self.plan.is_collected(link) {
                let all: Vec<u32> = (0..senders).collect();
                self.plan.tree(link).split(&all).len() as u64
            } else {
                u64::from(senders)
            };
            // Through a server a message comes in one piece.
            direct * u64::from(if self.plan.is_stored() { link.messages } else { self.plan.pieces(link) })
        });
        pieces.sum()
    }

    /// An instance got a piece of its input.
    pub(super) fn got<C: Context<WorkflowNode>>(&mut self, of: Task, context: &mut C) {
        let needed = self.needed(of);
        let instance = self.instance(of);
        instance.got += 1;
        let got = instance.got;
        if got == 1 {
            emit(context, Moment::FirstByte, of);
        }
        if got == needed {
            emit(context, Moment::Inputs, of);
            self.instance(of).pieces.clear();
            self.begin(of, context);
        }
    }

    /// Lets an instance compute that has started and has its input.
    fn begin<C: Context<WorkflowNode>>(&mut self, of: Task, context: &mut C) {
        let needed = self.needed(of);
        let instance = self.instance(of);
        if instance.started && instance.got == needed && !instance.computing {
            instance.computing = true;
            self.queue.push_back(of);
            self.go_on(context);
        }
    }

    /// An instance has computed: its data goes, once it is known where.
    fn output<C: Context<WorkflowNode>>(&mut self, of: Task, context: &mut C) {
        let stage = self.plan.stage_of(of.task).unwrap_or(0);
        let has_output = !self.plan.stages[stage].outputs.is_empty();
        let coordinator = SimPeer(Plan::COORDINATOR);
        if has_output && self.plan.is_stored() {
            return self.write(of, context);
        }
        if has_output && self.instance(of).receivers.is_none() {
            return context.send(coordinator, WorkflowMessage::Ready(of));
        }
        if has_output {
            self.give(of, context);
        }
        context.send(coordinator, WorkflowMessage::Done(of));
    }

    /// Gives an instance's data to its receivers, link by link; in a tree of senders once those below have given theirs, and in a group
    /// once that stands.
    fn give<C: Context<WorkflowNode>>(&mut self, of: Task, context: &mut C) {
        self.group(of, context);
        let plan = Arc::clone(&self.plan);
        let Some(stage) = plan.stage_of(of.task).map(|stage| &plan.stages[stage]) else { return };
        let instance = self.instance(of);
        let ready = instance.computed && !instance.is_sent && instance.joining == 0;
        let Some(receivers) = instance.receivers.clone().filter(|_| ready) else { return };
        let (below, collected) = instance.collected;
        let collects = stage.outputs.iter().map(|link| &plan.links[*link]).find(|link| plan.is_collected(link));
        if let Some(link) = collects {
            let senders = plan.stages[link.from].instances;
            let list = plan.tree(link).place(senders, of.task - stage.first).1;
            if plan.tree(link).split(&list).len() as u32 > below {
                return;
            }
        }
        self.instance(of).is_sent = true;
        let mut at = 0;
        for &number in &stage.outputs {
            let link = plan.links[number];
            let to = &plan.stages[link.to];
            if plan.is_collected(&link) {
                let parent = plan.tree(&link).place(stage.instances, of.task - stage.first).0;
                let parent = parent.map_or(to.first, |parent| stage.first + parent);
                let route = Route { run: of.run, link: number as u32, from: of.task, to: parent };
                let bytes =
                    if link.data == EdgeData::Combined { link.size.into() } else { collected + u64::from(link.size) };
                let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
                let piece = WorkflowMessage::Piece { route, index: 0, bytes, members: Vec::new() };
                if let Some(host) = receivers.get(at) {
                    post(context, self.local(), *host, piece);
                }
                at += 1;
                continue;
            }
            let members: Vec<Member> =
                to.tasks().zip(receivers.iter().skip(at)).map(|(task, host)| Member { task, host: *host }).collect();
            at += to.instances as usize;
            for index in 0..plan.pieces(&link) {
                let route = Route { run: of.run, link: number as u32, from: of.task, to: of.task };
                self.pass_on(route, index, plan.piece(&link, index), &members, context);
            }
        }
    }

    /// Sends a piece to the children among those below.
    fn pass_on<C: Context<WorkflowNode>>(
        &self,
        route: Route,
        index: u32,
        bytes: u32,
        below: &[Member],
        context: &mut C,
    ) {
        let Some(link) = self.plan.links.get(route.link as usize) else { return };
        for part in self.plan.tree(link).split(below) {
            let Member { task, host } = part[0];
            let named = index == 0 && !self.plan.is_layer(link);
            let members = if named { part[1..].to_vec() } else { Vec::new() };
            let share = if link.data == EdgeData::Same { 1 } else { part.len() as u64 };
            let bytes = if link.data == EdgeData::Same { bytes } else { link.size };
            let bytes = u32::try_from(u64::from(bytes) * share).unwrap_or(u32::MAX);
            let route = Route { to: task, ..route };
            post(context, self.local(), host, WorkflowMessage::Piece { route, index, bytes, members });
        }
    }

    /// A piece came, for an instance here, to keep and to pass on.
    fn piece<C: Context<WorkflowNode>>(
        &mut self,
        route: Route,
        index: u32,
        bytes: u32,
        members: &[Member],
        context: &mut C,
    ) {
        let of = Task { run: route.run, task: route.to };
        let plan = Arc::clone(&self.plan);
        let (Some(link), Some(stage)) = (plan.links.get(route.link as usize), plan.stage_of(of.task)) else { return };
        let needed = self.needed(of);
        let instance = self.instance(of);
        let is_input = stage == link.to;
        if is_input && instance.got >= needed || !instance.pieces.insert((route.link, route.from, index)) {
            return;
        }
        if !is_input {
            // Of a sender below in the tree.
            instance.collected.0 += 1;
            instance.collected.1 += u64::from(bytes);
            return self.give(of, context);
        }
        let relay = self.relays.entry(route).or_default();
        if index == 0 && !plan.is_layer(link) {
            relay.members.get_or_insert_with(|| members.to_vec());
        }
        match &relay.members {
            None => relay.early.push((index, bytes)),
            Some(below) if index == 0 && !relay.early.is_empty() => {
                let (below, early) = (below.clone(), std::mem::take(&mut relay.early));
                self.pass_on(route, index, bytes, &below, context);
                early.into_iter().for_each(|(index, bytes)| self.pass_on(route, index, bytes, &below, context));
            }
            Some(below) if below.is_empty() => {}
            Some(below) => {
                let below = below.clone();
                self.pass_on(route, index, bytes, &below, context);
            }
        }
        self.got(of, context);
    }

    /// Sets up the groups of an instance, once it is known who is in them.
    fn group<C: Context<WorkflowNode>>(&mut self, of: Task, context: &mut C) {
        let plan = Arc::clone(&self.plan);
        let Some(stage) = plan.stage_of(of.task).map(|stage| &plan.stages[stage]) else { return };
        let instance = self.instance(of);
        let Some(receivers) = instance.receivers.clone().filter(|_| !instance.grouped) else { return };
        instance.grouped = true;
        let mut at = 0;
        for &number in &stage.outputs {
            let link = plan.links[number];
            let to = &plan.stages[link.to];
            let members: Vec<Member> =
                to.tasks().zip(receivers.iter().skip(at)).map(|(task, host)| Member { task, host: *host }).collect();
            at += if plan.is_collected(&link) { 1 } else { to.instances as usize };
            if plan.is_layer(&link) {
                self.instance(of).joining += 1;
                emit(context, Moment::Grouping, of);
                let route = Route { run: of.run, link: number as u32, from: of.task, to: of.task };
                self.join(route, None, &members, context);
            }
        }
    }

    /// Has part in a group, and asks those below to.
    fn join<C: Context<WorkflowNode>>(
        &mut self,
        route: Route,
        above: Option<Member>,
        members: &[Member],
        context: &mut C,
    ) {
        let Some(link) = self.plan.links.get(route.link as usize) else { return };
        let parts = self.plan.tree(link).split(members);
        let relay = self.relays.entry(route).or_default();
        relay.members = Some(members.to_vec());
        relay.joining = parts.len() as u32;
        relay.above = above;
        let early = std::mem::take(&mut relay.early);
        for part in parts {
            let message = WorkflowMessage::Join(Route { to: part[0].task, ..route }, route.to, part[1..].to_vec());
            post(context, self.local(), part[0].host, message);
        }
        early.into_iter().for_each(|(index, bytes)| self.pass_on(route, index, bytes, members, context));
        self.stands(route, context);
    }

    /// All below a child have joined.
    fn joined<C: Context<WorkflowNode>>(&mut self, route: Route, context: &mut C) {
        if let Some(relay) = self.relays.get_mut(&route) {
            relay.joining = relay.joining.saturating_sub(1);
            self.stands(route, context);
        }
    }

    /// Tells the parent, or the sender itself, that all below have joined.
    fn stands<C: Context<WorkflowNode>>(&mut self, route: Route, context: &mut C) {
        let Some(relay) = self.relays.get(&route).filter(|relay| relay.joining == 0) else { return };
        let of = Task { run: route.run, task: route.from };
        match relay.above {
            Some(Member { task, host }) => {
                post(context, self.local(), host, WorkflowMessage::Joined(Route { to: task, ..route }));
            }
            None => {
                emit(context, Moment::Grouped, of);
                let instance = self.instance(of);
                instance.joining = instance.joining.saturating_sub(1);
                self.give(of, context);
            }
        }
    }
}
