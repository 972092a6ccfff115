//! simcore, the core of DSLab: components behind `Rc<RefCell<dyn EventHandler>>`, boxed event data in a binary heap.

use std::cell::RefCell;
use std::rc::Rc;

use serde::Serialize;
use simcore::{Event, EventHandler, Id, Simulation, SimulationContext, cast};

use crate::exponential::Exponential;
use crate::process::Process;

#[derive(Clone, Serialize)]
struct Token {
    value: u32,
}

struct Node {
    process: Process,
    context: SimulationContext,
    first: Id,
    nodes: u32,
    exponential: Rc<Exponential>,
}

impl EventHandler for Node {
    fn on(&mut self, event: Event) {
        cast!(match event.data {
            Token { value } => {
                let (target, delay, value) = self.process.handle(value, self.nodes, &self.exponential);
                self.context.emit(Token { value }, self.first + target, delay.as_secs_f64());
            }
        })
    }
}

pub fn phold(nodes: u32, events: u64) -> f64 {
    let mut simulation = Simulation::new(1);
    let exponential = Rc::new(Exponential::new());
    let mut first = None;
    for index in 0..nodes {
        let name = index.to_string();
        let context = simulation.create_context(&name);
        let (id, mut process) = (context.id(), Process::new(index));
        let first = *first.get_or_insert(id);
        assert_eq!(id, first + index, "components are numbered in order");
        context.emit_self(Token { value: index }, process.delay(&exponential).as_secs_f64());
        let node = Node { process, context, first, nodes, exponential: Rc::clone(&exponential) };
        simulation.add_handler(&name, Rc::new(RefCell::new(node)));
    }
    let mut handled = 0;
    crate::measure(u64::from(nodes), events, |until| {
        simulation.steps(until - handled);
        handled = until;
        handled
    })
}
