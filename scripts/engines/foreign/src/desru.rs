//! desru: an event is a boxed closure in a binary heap.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use desru::{Event, EventScheduler};

use crate::exponential::Exponential;
use crate::process::Process;

struct World {
    nodes: RefCell<Vec<Process>>,
    exponential: Exponential,
    handled: Cell<u64>,
}

fn event(world: Rc<World>, time: f64, node: u32, value: u32) -> Event {
    let action = move |scheduler: &mut EventScheduler| {
        world.handled.set(world.handled.get() + 1);
        let mut nodes = world.nodes.borrow_mut();
        let count = nodes.len() as u32;
        let (target, delay, value) = nodes[node as usize].handle(value, count, &world.exponential);
        let time = scheduler.current_time + delay.as_secs_f64();
        scheduler.schedule(event(Rc::clone(&world), time, target, value));
        None
    };
    Event::new(time, Some(Box::new(action)), None)
}

pub fn phold(nodes: u32, events: u64) -> f64 {
    let world = Rc::new(World {
        nodes: RefCell::new((0..nodes).map(Process::new).collect()),
        exponential: Exponential::new(),
        handled: Cell::new(0),
    });
    let mut scheduler = EventScheduler::new();
    for node in 0..nodes {
        let delay = world.nodes.borrow_mut()[node as usize].delay(&world.exponential);
        scheduler.schedule(event(Rc::clone(&world), delay.as_secs_f64(), node, node));
    }
    crate::measure(u64::from(nodes), events, |until| {
        let count = Rc::clone(&world);
        scheduler.run(Box::new(move |_| count.handled.get() >= until), Some(Box::new(|_, _| false)));
        world.handled.get()
    })
}
