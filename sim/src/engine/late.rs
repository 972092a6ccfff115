//! Events that land in a bucket which is already open. Most come in nearly the order of their times: a message behind a
//! downlink is delivered a few microseconds after its arrival, and the next one's delivery follows. So they wait in a
//! queue by time, which a new event joins at or near its end; those of one time are put in order once the first of them
//! has its turn. Only what belongs far from the end, or among events that are in order already, goes to a heap.

use std::collections::BinaryHeap;

use super::event::{Event, Order, Ranked};

/// How many places from the end of the queue an event may belong.
const REACH: usize = 12;
/// The queue is moved to the front of its memory when this much in front of it has been handed out.
const SLACK: usize = 4096;

/// What landed late, in two parts that are merged as they are handed out.
#[derive(Clone, Debug)]
pub(super) struct Late<D> {
    order: Order,
    /// Time of the first event; `u64::MAX` where there is none.
    first: u64,
    /// Handed out up to `head`, in their final order up to `ready`, by time behind that.
    queue: Vec<Event<D>>,
    head: usize,
    ready: usize,
    heap: BinaryHeap<Ranked<D>>,
}

impl<D: Copy> Late<D> {
    pub(super) fn new(order: Order) -> Self {
        Self { order, first: u64::MAX, queue: Vec::new(), head: 0, ready: 0, heap: BinaryHeap::new() }
    }

    /// The time of the first event; `u64::MAX` where there is none.
    #[inline(always)]
    pub(super) fn first_time(&self) -> u64 {
        self.first
    }

    pub(super) fn len(&self) -> usize {
        self.queue.len() - self.head + self.heap.len()
    }

    /// Adds an event, and says whether it had to go to the heap.
    #[inline]
    pub(super) fn push(&mut self, event: Event<D>) -> bool {
        self.first = self.first.min(event.time);
        let len = self.queue.len();
        let fits = |place: usize| {
            let before = self.queue[..place].last().is_none_or(|last| last.time <= event.time);
            before && (place > self.ready || self.queue[..place].last().is_none_or(|last| last.time < event.time))
        };
        let nearest = self.ready.max(len.saturating_sub(REACH));
        match (nearest..=len).rev().find(|&place| fits(place)) {
            Some(place) if place == len => self.queue.push(event),
            Some(place) => self.queue.insert(place, event),
            None => {
                self.heap.push(Ranked::new(self.order, event));
                return true;
            }
        }
        false
    }

    /// Takes the first event to happen, if it happens before `other`, where there is another, and puts it into `place`.
    /// Copied from place to place, it is moved in whole words; as a return value it is put together from small pieces.
    #[inline]
    pub(super) fn pop_before(&mut self, other: Option<&Event<D>>, place: &mut Event<D>) -> bool {
        if self.head == self.ready {
            self.make_ready();
        }
        let (queued, heaped) = (self.queue.get(self.head), self.heap.peek().map(|ranked| &ranked.event));
        let from_queue = match (queued, heaped) {
            (Some(queued), Some(heaped)) => self.order.precedes(queued, heaped),
            _ => queued.is_some(),
        };
        let Some(first) = (if from_queue { queued } else { heaped }) else { return false };
        if other.is_some_and(|other| !self.order.precedes(first, other)) {
            return false;
        }
        *place = *first;
        if from_queue {
            self.head += 1;
        } else {
            self.heap.pop();
        }
        let queued = self.queue.get(self.head).map_or(u64::MAX, |event| event.time);
        self.first = self.heap.peek().map_or(queued, |ranked| ranked.event.time.min(queued));
        true
    }

    /// Puts the first events of one time in the queue into their order.
    #[inline]
    fn make_ready(&mut self) {
        if self.head >= SLACK.max(self.queue.len() / 2) || self.head == self.queue.len() {
            self.queue.drain(..self.head);
            self.head = 0;
        }
        let waiting = &mut self.queue[self.head..];
        let same = waiting.iter().take_while(|event| event.time == waiting[0].time).count();
        self.ready = self.head + same;
        if same > 1 {
            waiting[..same].sort_by_cached_key(|e| (self.order.rank(e.time, e.source), e.source, e.sequence));
        }
    }

    /// Every event, in no particular order.
    pub(super) fn into_events(self) -> impl Iterator<Item = Event<D>> {
        self.queue.into_iter().skip(self.head).chain(self.heap.into_iter().map(|ranked| ranked.event))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Pushed and popped in any mixture, events come out in the total order of what is held.
        #[test]
        fn hands_out_the_first_of_what_it_holds(steps in prop::collection::vec((0u64..40, 0u32..5, any::<bool>()), 1..300)) {
            let order = Order::new(7);
            let mut late = Late::new(order);
            let mut held: Vec<Event<[u32; 3]>> = Vec::new();
            for (sequence, (time, source, take)) in (0..).zip(steps) {
                let event = Event { time, source, sequence, target: 0, data: [0; 3] };
                late.push(event);
                held.push(event);
                held.sort_by(|a, b| order.compare(a, b));
                if take {
                    prop_assert_eq!(late.first_time(), held[0].time);
                    let mut first = event;
                    prop_assert!(!late.pop_before(Some(&held[0]), &mut first));
                    prop_assert!(late.pop_before(held.get(1), &mut first));
                    prop_assert_eq!(first, held.remove(0));
                }
                prop_assert_eq!(late.len(), held.len());
            }
            prop_assert_eq!(late.into_events().count(), held.len());
        }
    }
}
