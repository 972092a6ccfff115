//! nexosim: models are asynchronous actors with wired ports, so that any-to-any is not possible: every node has four
//! output ports, wired to nodes drawn at random. A node schedules itself, and sends when it wakes. One thread, the only
//! way in which its runs repeat.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use nexosim::model::{Context, Model, schedulable};
use nexosim::ports::Output;
use nexosim::simulation::{Mailbox, SimInit};
use nexosim::time::MonotonicTime;
use serde::{Deserialize, Serialize};

use crate::exponential::Exponential;
use crate::process::Process;

const PORTS: u32 = 4;

#[derive(Default)]
struct World {
    exponential: Exponential,
    handled: AtomicU64,
}

#[derive(Serialize, Deserialize)]
pub struct Node {
    process: Process,
    outputs: Vec<Output<u32>>,
    #[serde(skip)]
    world: Arc<World>,
}

#[Model]
impl Node {
    #[nexosim(init)]
    async fn init(&mut self, context: &Context<Self>) {
        self.wake((0, 0), context);
    }

    fn wake(&mut self, message: (u32, u32), context: &Context<Self>) {
        let delay = self.process.delay(&self.world.exponential).as_nanos();
        let delay = std::time::Duration::from_nanos(delay);
        context.schedule_event(delay, schedulable!(Self::send), message).expect("the delay is positive");
    }

    pub async fn receive(&mut self, value: u32, context: &Context<Self>) {
        self.world.handled.fetch_add(1, Ordering::Relaxed);
        let (port, delay, value) = self.process.handle(value, PORTS, &self.world.exponential);
        let delay = std::time::Duration::from_nanos(delay.as_nanos());
        context.schedule_event(delay, schedulable!(Self::send), (port, value)).expect("the delay is positive");
    }

    #[nexosim(schedulable)]
    async fn send(&mut self, message: (u32, u32)) {
        self.outputs[message.0 as usize].send(message.1).await;
    }
}

pub fn phold(nodes: u32, events: u64) -> f64 {
    let world = Arc::new(World::default());
    let mailboxes: Vec<Mailbox<Node>> = (0..nodes).map(|_| Mailbox::new()).collect();
    let mut wiring = Process::new(nodes);
    let mut models = Vec::new();
    for index in 0..nodes {
        let output = |_| {
            let mut output = Output::default();
            let target = wiring.handle(index, nodes, &world.exponential).0;
            output.connect(Node::receive, &mailboxes[target as usize]);
            output
        };
        let outputs = (0..PORTS).map(output).collect();
        models.push(Node { process: Process::new(index), outputs, world: Arc::clone(&world) });
    }
    let mut bench = SimInit::with_num_threads(1);
    for (index, (model, mailbox)) in models.into_iter().zip(mailboxes).enumerate() {
        bench = bench.add_model(model, mailbox, &index.to_string());
    }
    let mut simulation = bench.init(MonotonicTime::EPOCH).expect("the bench is sound");
    crate::measure(u64::from(nodes), events, |until| {
        while world.handled.load(Ordering::Relaxed) < until {
            simulation.step().expect("the run goes on");
        }
        world.handled.load(Ordering::Relaxed)
    })
}
