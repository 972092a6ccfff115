//! A workflow as all nodes know it: functions in stages, the links between them, and which node is what. It comes from a named shape
//! or from functions and edges, whose graph is checked (petgraph): no cycle, one piece, known names.

use petgraph::algo::{connected_components, toposort};
use petgraph::graph::DiGraph;
use rapprochement_core::time::Duration;
use rapprochement_core::wire::MESSAGE_LEN_MAX;

use super::config::{
    Channel, EdgeConfig, EdgeData, Exchange, FunctionConfig, Operation, Scheduler, Shape, WorkflowSettings,
};
use super::message::{Route, Task};
use super::tree::Tree;
use crate::problem::Problem;
use crate::units::{Size, Span};

/// Instances of one run at most.
const MAX_TASKS: u64 = 1_000_000;
/// Pieces of data of one run at most.
const MAX_PIECES: u64 = 20_000_000;
/// Requests of one host that a server has not answered at most.
const MAX_REQUESTS: u64 = 60_000;
/// What a message holds beside its data at most.
const ENVELOPE: u64 = 256;

/// A function and its instances, which are numbered through the workflow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stage {
    /// The function's name.
    pub name: String,
    /// Number of its first instance.
    pub first: u32,
    /// How many there are.
    pub instances: u32,
    /// How long each computes.
    pub compute: Duration,
    /// Links that end here.
    pub inputs: Vec<usize>,
    /// Links that begin here.
    pub outputs: Vec<usize>,
}

impl Stage {
    /// The numbers of its instances.
    pub fn tasks(&self) -> std::ops::Range<u32> {
        self.first..self.first + self.instances
    }
}

/// Data from every instance of a stage to every instance of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// Whose data.
    pub from: usize,
    /// Who gets it.
    pub to: usize,
    /// Bytes from an instance to another, in each message.
    pub size: u32,
    /// What receivers get.
    pub data: EdgeData,
    /// Messages, one behind the other.
    pub messages: u32,
}

/// What every node of a run knows of the workflow.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The functions, each behind those whose data it takes.
    pub stages: Vec<Stage>,
    /// Who gives data to whom.
    pub links: Vec<Link>,
    /// What the scenario says.
    pub settings: WorkflowSettings,
    /// Node number of the first host.
    pub first_host: u32,
    /// How many hosts there are.
    pub hosts: u32,
}

impl Plan {
    /// The node that places instances.
    pub const COORDINATOR: u32 = 0;
    /// The Redis server.
    pub const REDIS: u32 = 1;
    /// The first front end of the object store.
    pub const STORE: u32 = 2;

    /// The plan of a scenario with so many nodes.
    ///
    /// # Errors
    /// Everything that is wrong with the section, each with its place.
    pub fn build(settings: &WorkflowSettings, nodes: u32) -> Result<Self, Vec<Problem>> {
        let mut problems = problems(settings, nodes);
        let named = settings.shape.map(|shape| of_shape(shape, settings));
        let (functions, edges) = named.unwrap_or_else(|| (settings.functions.clone(), settings.edges.clone()));
        let order = if problems.is_empty() { order(&functions, &edges, &mut problems) } else { None };
        let Some(order) = order.filter(|_| problems.is_empty()) else { return Err(problems) };
        let first_host = Self::STORE + settings.object_store.front_ends;
        let hosts = settings.hosts.unwrap_or(nodes - first_host);
        let mut plan = Self { stages: Vec::new(), links: Vec::new(), settings: settings.clone(), first_host, hosts };
        plan.fill(&functions, &edges, &order);
        if let Some(problem) = plan.too_large() {
            return Err(vec![problem]);
        }
        Ok(plan)
    }

    fn fill(&mut self, functions: &[FunctionConfig], edges: &[EdgeConfig], order: &[usize]) {
        let mut first = 0;
        let mut place = vec![0; functions.len()];
        for (stage, &function) in order.iter().enumerate() {
            let FunctionConfig { name, instances, compute } = functions[function].clone();
            place[function] = stage;
            self.stages.push(Stage { name, first, instances, compute: compute.0, inputs: vec![], outputs: vec![] });
            first += instances;
        }
        let messages = match self.settings.shape {
            Some(Shape::Collective { operation: Operation::Broadcast, messages, .. }) => messages,
            _ => 1,
        };
        let known = |name: &str| functions.iter().position(|function| function.name == name).map_or(0, |i| place[i]);
        for edge in edges {
            let (from, to) = (known(&edge.from), known(&edge.to));
            let number = self.links.len();
            self.links.push(Link { from, to, size: edge.size.0 as u32, data: edge.data, messages });
            self.stages[from].outputs.push(number);
            self.stages[to].inputs.push(number);
        }
    }

    /// What is too large about a graph that is sound.
    fn too_large(&self) -> Option<Problem> {
        let place = if self.settings.shape.is_some() { "protocol.workflow.shape" } else { "protocol.workflow.edges" };
        let help = "use fewer instances, or larger chunks";
        let pieces = |link: &Link| {
            let pairs = u64::from(self.stages[link.from].instances) * u64::from(self.stages[link.to].instances);
            pairs.saturating_mul(self.pieces(link).into())
        };
        let all = self.links.iter().map(pieces).fold(0, u64::saturating_add);
        if all.saturating_mul(self.settings.runs.into()) > MAX_PIECES {
            let message = format!("{all} pieces of data in each of {} runs", self.settings.runs);
            let problem = Problem::new(place, message, help);
            return Some(problem.resting_on(["protocol.workflow.runs", "protocol.workflow.channel"]));
        }
        let requests = |stage: &Stage| {
            let sum = |links: &[usize], other: fn(&Link) -> usize| -> u64 {
                let one = |link: &Link| u64::from(self.stages[other(link)].instances) * u64::from(link.messages);
                links.iter().map(|link| one(&self.links[*link])).sum()
            };
            let all = sum(&stage.inputs, |link| link.from).max(sum(&stage.outputs, |link| link.to));
            all.saturating_mul(u64::from(stage.instances.div_ceil(self.hosts)))
        };
        let requests = self.stages.iter().map(requests).max().unwrap_or(0);
        if self.is_stored() && requests > MAX_REQUESTS {
            let message = format!("{requests} requests of one host at once");
            let problem = Problem::new(place, message, format!("use at most {MAX_REQUESTS}"));
            return Some(problem.resting_on(["protocol.workflow.channel"]));
        }
        let largest = self.links.iter().map(|link| self.longest(link)).max().unwrap_or(0);
        let most = MESSAGE_LEN_MAX as u64 - ENVELOPE;
        (largest > most).then(|| {
            let message = format!("a message of {largest} B");
            let help =
                format!("a message has at most {most} B of data and addresses; use smaller edges or fewer instances");
            Problem::new(place, message, help).resting_on(["protocol.workflow.size", "protocol.workflow.channel"])
        })
    }

    /// Bytes of the longest message of a link, but for its envelope.
    fn longest(&self, link: &Link) -> u64 {
        let (from, to) = (&self.stages[link.from], &self.stages[link.to]);
        let addresses = 40 * u64::from(to.instances.max(from.instances));
        let times = match (self.is_collected(link), self.tree(link), link.data) {
            (true, _, EdgeData::Parts | EdgeData::Same) => from.instances,
            (false, Tree::Binomial, EdgeData::Parts | EdgeData::Combined) => to.instances,
            _ => 1,
        };
        addresses.max(u64::from(link.size) * u64::from(times))
    }

    /// Instances of a run.
    pub fn tasks(&self) -> u32 {
        self.stages.last().map_or(0, |stage| stage.first + stage.instances)
    }

    /// The stage of an instance.
    pub fn stage_of(&self, task: u32) -> Option<usize> {
        let place = self.stages.partition_point(|stage| stage.first <= task).checked_sub(1)?;
        (task < self.tasks()).then_some(place)
    }

    /// Whether there is such an instance, so that what is kept on a message's word is bounded by the plan.
    pub fn knows(&self, of: Task) -> bool {
        of.run < self.settings.runs && of.task < self.tasks()
    }

    /// Whether data goes this way.
    pub fn has_route(&self, Route { run, link, from, to }: Route) -> bool {
        let sender = self.links.get(link as usize).map(|link| link.from);
        let known = self.knows(Task { run, task: from }) && self.knows(Task { run, task: to });
        known && sender.is_some() && self.stage_of(from) == sender
    }

    /// The node of a front end of the store, for a host.
    pub fn front_end(&self, node: u32) -> u32 {
        Self::STORE + node % self.settings.object_store.front_ends.max(1)
    }

    /// Whether data goes through a server.
    pub const fn is_stored(&self) -> bool {
        matches!(self.settings.channel, Channel::Redis | Channel::ObjectStore)
    }

    /// Whether all instances are placed when a run arrives.
    pub fn is_ahead(&self) -> bool {
        self.settings.scheduler == Scheduler::TransportAware
    }

    /// Whether the data of a link comes together along a tree of its senders.
    pub fn is_collected(&self, link: &Link) -> bool {
        let tree = matches!(self.settings.channel, Channel::BinomialTree | Channel::ChunkedTree { .. });
        tree && self.stages[link.to].instances == 1 && self.stages[link.from].instances > 1
    }

    /// Whether a group is set up before data goes.
    pub fn is_layer(&self, link: &Link) -> bool {
        matches!(self.settings.channel, Channel::BroadcastLayer { .. }) && link.data == EdgeData::Same
    }

    /// The tree by which the data of one sender goes to its receivers.
    pub fn tree(&self, link: &Link) -> Tree {
        match self.settings.channel {
            Channel::BinomialTree | Channel::ChunkedTree { .. } => Tree::Binomial,
            Channel::BroadcastLayer { degree, .. } if link.data == EdgeData::Same => Tree::Ary(degree),
            _ => Tree::Star,
        }
    }

    /// Bytes into which each message of a link is cut.
    pub fn chunk(&self, link: &Link) -> u32 {
        let chunk = match self.settings.channel {
            Channel::ChunkedTree { chunk } | Channel::BroadcastLayer { packet: chunk, .. } => chunk.0,
            _ => u64::MAX,
        };
        let same = link.data == EdgeData::Same;
        u32::try_from(chunk).ok().filter(|chunk| same && *chunk < link.size).unwrap_or(link.size)
    }

    /// Pieces that go from one instance to another over a link.
    pub fn pieces(&self, link: &Link) -> u32 {
        link.size.div_ceil(self.chunk(link).max(1)).saturating_mul(link.messages)
    }

    /// Bytes of a piece.
    pub fn piece(&self, link: &Link, index: u32) -> u32 {
        let chunk = self.chunk(link);
        let within = index % link.size.div_ceil(chunk.max(1)).max(1);
        chunk.min(link.size - (within * chunk).min(link.size))
    }

    /// The key of the publish-and-subscribe exchange and the stream is one for all receivers of the same data.
    pub fn is_shared(&self, link: &Link) -> bool {
        let one = matches!(self.settings.redis.exchange, Exchange::List);
        link.data == EdgeData::Same && !(one && self.settings.channel == Channel::Redis)
    }
}

/// Functions and edges of a named shape.
fn of_shape(shape: Shape, settings: &WorkflowSettings) -> (Vec<FunctionConfig>, Vec<EdgeConfig>) {
    let function = |name: &str, instances| FunctionConfig { name: name.into(), instances, compute: settings.compute };
    let edge = |from: &str, to: &str, size, data| EdgeConfig { from: from.into(), to: to.into(), size, data };
    let size = settings.size;
    match shape {
        Shape::Chain { length } => {
            let name = |i: u32| format!("f{i}");
            let edges = (1..length).map(|i| edge(&name(i - 1), &name(i), size, EdgeData::Parts));
            ((0..length).map(|i| function(&name(i), 1)).collect(), edges.collect())
        }
        Shape::Fan { width } => (
            vec![function("source", 1), function("worker", width), function("sink", 1)],
            vec![edge("source", "worker", size, EdgeData::Same), edge("worker", "sink", size, EdgeData::Parts)],
        ),
        Shape::MapShuffleReduce { mappers, reducers } => (
            vec![function("split", 1), function("map", mappers), function("reduce", reducers), function("collect", 1)],
            vec![
                edge("split", "map", size, EdgeData::Parts),
                edge("map", "reduce", size, EdgeData::Parts),
                edge("reduce", "collect", size, EdgeData::Parts),
            ],
        ),
        Shape::AllReduce { workers, rounds } => all_reduce(workers, rounds, size, &function),
        Shape::Collective { operation, receivers, .. } => match operation {
            Operation::Broadcast | Operation::Scatter => {
                let data = if operation == Operation::Broadcast { EdgeData::Same } else { EdgeData::Parts };
                (vec![function("root", 1), function("receiver", receivers)], vec![edge("root", "receiver", size, data)])
            }
            Operation::Gather | Operation::Reduce => {
                let data = if operation == Operation::Reduce { EdgeData::Combined } else { EdgeData::Parts };
                (vec![function("sender", receivers), function("root", 1)], vec![edge("sender", "root", size, data)])
            }
            Operation::AllReduce => all_reduce(receivers, 1, size, &function),
            Operation::Barrier => all_reduce(receivers, 1, Size(1), &function),
        },
    }
}

fn all_reduce(
    workers: u32,
    rounds: u32,
    size: Size,
    function: &impl Fn(&str, u32) -> FunctionConfig,
) -> (Vec<FunctionConfig>, Vec<EdgeConfig>) {
    let (mut functions, mut edges) = (vec![function("workers_0", workers)], Vec::new());
    for round in 0..rounds {
        let name = |of: &str, round: u32| format!("{of}_{round}");
        let (before, root, after) = (name("workers", round), name("combine", round), name("workers", round + 1));
        functions.push(FunctionConfig { compute: Span::default(), ..function(&root, 1) });
        functions.push(function(&after, workers));
        edges.push(EdgeConfig { from: before, to: root.clone(), size, data: EdgeData::Combined });
        edges.push(EdgeConfig { from: root, to: after, size, data: EdgeData::Same });
    }
    (functions, edges)
}

/// The order in which functions can run; `None` with a problem where there is none.
fn order(functions: &[FunctionConfig], edges: &[EdgeConfig], problems: &mut Vec<Problem>) -> Option<Vec<usize>> {
    let mut graph = DiGraph::<usize, ()>::new();
    let nodes: Vec<_> = (0..functions.len()).map(|place| graph.add_node(place)).collect();
    let known = |name: &str| functions.iter().position(|function| function.name == name);
    let before = problems.len();
    for (i, edge) in edges.iter().enumerate() {
        for (key, name) in [("from", &edge.from), ("to", &edge.to)] {
            if known(name).is_none() {
                let names: Vec<&str> = functions.iter().map(|function| function.name.as_str()).collect();
                let help = format!("functions: {}", names.join(", "));
                let place = format!("protocol.workflow.edges[{i}].{key}");
                problems.push(Problem::new(place, format!("there is no function {name:?}"), help));
            }
        }
        if let (Some(from), Some(to)) = (known(&edge.from), known(&edge.to)) {
            if graph.find_edge(nodes[from], nodes[to]).is_some() {
                let message = format!("there are two edges from {:?} to {:?}", edge.from, edge.to);
                problems.push(Problem::new(format!("protocol.workflow.edges[{i}]"), message, "add their sizes"));
            }
            graph.add_edge(nodes[from], nodes[to], ());
        }
    }
    if problems.len() > before {
        return None;
    }
    if connected_components(&graph) > 1 {
        let alone = functions.iter().find(|f| edges.iter().all(|edge| edge.from != f.name && edge.to != f.name));
        let what = alone
            .map_or_else(|| "parts without an edge between them".to_owned(), |f| format!("{:?} has no edge", f.name));
        let message = format!("the workflow is in pieces: {what}");
        problems.push(Problem::new("protocol.workflow.functions", message, "connect them, or run them one by one"));
        return None;
    }
    match toposort(&graph, None) {
        Ok(order) => Some(order.into_iter().map(|node| graph[node]).collect()),
        Err(cycle) => {
            let name = &functions[graph[cycle.node_id()]].name;
            let message = format!("a cycle: {name:?} waits for data that comes from itself");
            problems.push(Problem::new(
                "protocol.workflow.edges",
                message,
                "a workflow has no cycle; repeat a function under another name",
            ));
            None
        }
    }
}

/// What is wrong with the numbers of the section.
fn problems(settings: &WorkflowSettings, nodes: u32) -> Vec<Problem> {
    let mut found = Vec::new();
    let mut wrong = |key: &str, message: String, help: &str| {
        found.push(Problem::new(format!("protocol.workflow.{key}"), message, help));
    };
    match (&settings.shape, settings.functions.is_empty()) {
        (None, true) => {
            wrong("functions", "a workflow without functions".into(), "name a `shape`, or list `functions` and `edges`")
        }
        (Some(_), false) => wrong("shape", "a shape and functions".into(), "leave one of them out"),
        (Some(_), true) if !settings.edges.is_empty() => {
            wrong("shape", "a shape and edges".into(), "leave one of them out")
        }
        _ => {}
    }
    for (key, number) in widths(settings) {
        if number == 0 || u64::from(number) > MAX_TASKS {
            wrong(&key, format!("a workflow with {number} of these"), "use 1 to 1000000");
        }
    }
    let together = match settings.shape {
        None => settings.functions.iter().map(|function| u64::from(function.instances)).sum(),
        Some(Shape::AllReduce { workers, rounds }) => (u64::from(workers) + 1) * (u64::from(rounds) + 1),
        Some(_) => 0,
    };
    if together > MAX_TASKS {
        let key = if settings.shape.is_some() { "shape" } else { "functions" };
        wrong(key, format!("{together} instances in a run"), "use at most 1000000 together");
    }
    for (i, function) in settings.functions.iter().enumerate() {
        if settings.functions[..i].iter().any(|other| other.name == function.name) {
            wrong(
                &format!("functions[{i}].name"),
                format!("there are two functions {:?}", function.name),
                "name them apart",
            );
        }
    }
    let edges = settings.edges.iter().enumerate().map(|(i, edge)| (format!("edges[{i}].size"), edge.size));
    for (key, size) in edges.chain([("size".into(), settings.size)]).chain(cuts(settings.channel)) {
        if size.0 == 0 || size.0 > MESSAGE_LEN_MAX as u64 - ENVELOPE {
            wrong(&key, format!("{size} of data"), "use at least 1 B and less than 16 MiB");
        }
    }
    let exchange = (settings.channel == Channel::Redis).then_some(settings.redis.exchange);
    if exchange == Some(Exchange::PubSub) && settings.scheduler != Scheduler::TransportAware {
        let message = "receivers that are placed once data is stored have not subscribed to it".into();
        wrong(
            "redis.exchange",
            message,
            "use another exchange, or scheduler = \"transport_aware\", which places them ahead",
        );
    }
    if settings.redis.poll.0.is_zero() {
        wrong("redis.poll", "a client that asks again at once, for ever".into(), "wait some time");
    }
    if settings.object_store.poll.0.is_zero() && settings.object_store.delay.0.is_zero() {
        wrong("object_store.poll", "a client that asks again at once, for ever".into(), "wait some time");
    }
    if settings.runs > 1 && settings.interval.0.is_zero() && settings.runs > 10_000 {
        wrong("interval", format!("{} runs at once", settings.runs), "let time pass between them");
    }
    let servers = u64::from(Plan::STORE) + u64::from(settings.object_store.front_ends);
    let room = u64::from(nodes).saturating_sub(servers);
    if room == 0 || settings.hosts.is_some_and(|hosts| u64::from(hosts) > room) {
        let key = if room == 0 { "object_store.front_ends" } else { "hosts" };
        let message = format!("{nodes} nodes have room for {room} hosts");
        let help = format!(
            "{servers} nodes are coordinator, Redis server and front ends of the store; use more `nodes`, or fewer of the others"
        );
        found.push(Problem::new(format!("protocol.workflow.{key}"), message, help).resting_on(["nodes"]));
    }
    found
}

/// What has to be at least one, with its key.
fn widths(settings: &WorkflowSettings) -> Vec<(String, u32)> {
    let mut all: Vec<(String, u32)> = match settings.shape {
        None => Vec::new(),
        Some(Shape::Chain { length }) => vec![("shape.chain.length".into(), length)],
        Some(Shape::Fan { width }) => vec![("shape.fan.width".into(), width)],
        Some(Shape::MapShuffleReduce { mappers, reducers }) => vec![
            ("shape.map_shuffle_reduce.mappers".into(), mappers),
            ("shape.map_shuffle_reduce.reducers".into(), reducers),
        ],
        Some(Shape::AllReduce { workers, rounds }) => {
            vec![("shape.all_reduce.workers".into(), workers), ("shape.all_reduce.rounds".into(), rounds)]
        }
        Some(Shape::Collective { receivers, messages, .. }) => {
            vec![("shape.collective.receivers".into(), receivers), ("shape.collective.messages".into(), messages)]
        }
    };
    let functions = settings.functions.iter().enumerate();
    all.extend(functions.map(|(i, function)| (format!("functions[{i}].instances"), function.instances)));
    all.push(("runs".into(), settings.runs));
    all.push(("instances_per_host".into(), settings.instances_per_host));
    all.push(("object_store.front_ends".into(), settings.object_store.front_ends));
    all.extend(settings.hosts.map(|hosts| ("hosts".into(), hosts)));
    if let Channel::BroadcastLayer { degree, .. } = settings.channel {
        all.push(("channel.broadcast_layer.degree".into(), degree));
    }
    all
}

fn cuts(channel: Channel) -> Option<(String, Size)> {
    match channel {
        Channel::ChunkedTree { chunk } => Some(("channel.chunked_tree.chunk".into(), chunk)),
        Channel::BroadcastLayer { packet, .. } => Some(("channel.broadcast_layer.packet".into(), packet)),
        _ => None,
    }
}
