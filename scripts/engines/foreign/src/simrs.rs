//! simrs: components and events behind `Any`, in a hash map and a binary heap.

use std::cell::{OnceCell, RefCell};
use std::rc::Rc;

use simrs::{Component, ComponentId, Scheduler, Simulation, State};

use crate::exponential::Exponential;
use crate::process::Process;

struct World {
    nodes: OnceCell<Vec<ComponentId<u32>>>,
    exponential: Exponential,
}

struct Node {
    process: RefCell<Process>,
    world: Rc<World>,
}

impl Component for Node {
    type Event = u32;

    fn process_event(&self, _: ComponentId<u32>, value: &u32, scheduler: &mut Scheduler, _: &mut State) {
        let nodes = self.world.nodes.get().expect("the nodes are built before the run");
        let mut process = self.process.borrow_mut();
        let (target, delay, value) = process.handle(*value, nodes.len() as u32, &self.world.exponential);
        scheduler.schedule(std::time::Duration::from_nanos(delay.as_nanos()), nodes[target as usize], value);
    }
}

pub fn phold(nodes: u32, events: u64) -> f64 {
    let world = Rc::new(World { nodes: OnceCell::new(), exponential: Exponential::new() });
    let mut simulation = Simulation::default();
    let mut ids = Vec::new();
    for index in 0..nodes {
        let mut process = Process::new(index);
        let delay = process.delay(&world.exponential);
        let id = simulation.add_component(Node { process: RefCell::new(process), world: Rc::clone(&world) });
        simulation.schedule(std::time::Duration::from_nanos(delay.as_nanos()), id, index);
        ids.push(id);
    }
    assert!(world.nodes.set(ids).is_ok());
    let mut handled = 0;
    crate::measure(u64::from(nodes), events, |until| {
        while handled < until {
            assert!(simulation.step());
            handled += 1;
        }
        handled
    })
}
