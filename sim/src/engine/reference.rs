//! The reference future event list: the standard library's binary heap under the full key. Nothing here is clever, which
//! is what makes it the oracle for the calendar.

use std::collections::BinaryHeap;

use super::event::{Entity, Event, Order, Ranked};
use super::queue::EventQueue;

/// A binary heap of events.
#[derive(Clone, Debug)]
pub(super) struct Reference<D> {
    order: Order,
    heap: BinaryHeap<Ranked<D>>,
}

impl<D> Reference<D> {
    pub(super) const fn new(order: Order) -> Self {
        Self { order, heap: BinaryHeap::new() }
    }
}

impl<D> EventQueue<D> for Reference<D> {
    #[inline(always)]
    fn push(&mut self, event: Event<D>) {
        self.heap.push(Ranked::new(self.order, event));
    }

    fn pop_before(&mut self, end: u64, _ahead: impl FnMut(Entity, D)) -> Option<Event<D>> {
        if self.heap.peek()?.event.time >= end {
            return None;
        }
        self.heap.pop().map(|ranked| ranked.event)
    }

    fn lower_bound(&self) -> u64 {
        self.heap.peek().map_or(u64::MAX, |ranked| ranked.event.time)
    }

    fn len(&self) -> usize {
        self.heap.len()
    }

    fn drain(&mut self, mut each: impl FnMut(Event<D>)) {
        for ranked in std::mem::take(&mut self.heap) {
            each(ranked.event);
        }
    }
}
