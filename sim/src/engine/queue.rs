//! The future event list: what every engine keeps its pending events in.

use super::calendar::Calendar;
use super::event::{Entity, Event, Order};
use super::reference::Reference;

/// Pending events, handed out in their total order.
pub(super) trait EventQueue<D> {
    /// Adds an event that happens no earlier than the last one handed out.
    fn push(&mut self, event: Event<D>);

    /// Takes the first event if it happens before `end`. Calls `ahead` with the targets and data of events that will soon have their turn.
    fn pop_before(&mut self, end: u64, ahead: impl FnMut(Entity, D)) -> Option<Event<D>>;

    /// No event happens before this time; `u64::MAX` where there is none. After [`EventQueue::pop_before`] gave nothing,
    /// it is at least the `end` that was asked for.
    fn lower_bound(&self) -> u64;

    /// How many events are pending.
    fn len(&self) -> usize;

    /// Hands over every pending event, in no particular order, and leaves the list empty.
    fn drain(&mut self, each: impl FnMut(Event<D>));
}

/// Which future event list a run uses. Results are the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum QueueKind {
    /// A ring of time buckets, each sorted when it opens.
    #[default]
    Calendar,
    /// The standard library's binary heap: the oracle.
    Reference,
}

/// The list of a run. A match on two variants is a well-predicted branch, and spares every model a type parameter.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "one per lane, and a pointer more on the hot path would cost")]
pub(super) enum Queue<D> {
    Calendar(Calendar<D>),
    Reference(Reference<D>),
}

impl<D: Copy> Queue<D> {
    pub(super) fn new(kind: QueueKind, order: Order) -> Self {
        match kind {
            QueueKind::Calendar => Self::Calendar(Calendar::new(order)),
            QueueKind::Reference => Self::Reference(Reference::new(order)),
        }
    }
}

impl<D: Copy> EventQueue<D> for Queue<D> {
    #[inline(always)]
    fn push(&mut self, event: Event<D>) {
        match self {
            Self::Calendar(queue) => queue.push(event),
            Self::Reference(queue) => queue.push(event),
        }
    }

    #[inline(always)]
    fn pop_before(&mut self, end: u64, ahead: impl FnMut(Entity, D)) -> Option<Event<D>> {
        match self {
            Self::Calendar(queue) => queue.pop_before(end, ahead),
            Self::Reference(queue) => queue.pop_before(end, ahead),
        }
    }

    fn lower_bound(&self) -> u64 {
        match self {
            Self::Calendar(queue) => queue.lower_bound(),
            Self::Reference(queue) => queue.lower_bound(),
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Calendar(queue) => queue.len(),
            Self::Reference(queue) => queue.len(),
        }
    }

    fn drain(&mut self, each: impl FnMut(Event<D>)) {
        match self {
            Self::Calendar(queue) => queue.drain(each),
            Self::Reference(queue) => queue.drain(each),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A phase of a run: so many events, each of which makes another one after up to `2^span` nanoseconds, in windows.
    fn phase() -> impl Strategy<Value = (u32, u32, u64)> {
        (500..6_000u32, 4..34u32, 1..2_000_000u64)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        /// Both lists hand out the same, window by window, while the load changes so much that the buckets do, too.
        #[test]
        fn the_calendar_hands_out_what_the_heap_does(phases in prop::collection::vec(phase(), 1..6), seed: u64) {
            let order = Order::new(seed);
            let (mut calendar, mut reference) = (Calendar::new(order), Reference::new(order));
            let (mut state, mut now, mut sequence) = (seed, 0u64, 0u32);
            let mut draw = |span: u32| {
                state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
                (state >> 30) & ((1 << span) - 1)
            };
            for (events, span, window) in phases {
                let mut left = events;
                let mut end = now;
                while left > 0 {
                    if calendar.len() < 64 {
                        let data = [0; 3];
                        let event = Event { time: end + draw(span), source: left % 7, sequence, target: 0, data };
                        sequence += 1;
                        calendar.push(event);
                        reference.push(event);
                    }
                    end = end.saturating_add(window);
                    prop_assert_eq!(calendar.len(), reference.len());
                    while let Some(event) = calendar.pop_before(end, |_, _| {}) {
                        prop_assert_eq!(reference.pop_before(end, |_, _| {}), Some(event));
                        now = event.time;
                        left = left.saturating_sub(1);
                        // One event in sixteen has two that follow, the same number none.
                        let follow = match draw(5) { 0 => 0, 1 => 2, _ => 1 };
                        for _ in 0..follow {
                            let near = draw(2) == 0;
                            let time = now + draw(if near { span / 2 } else { span });
                            let event = Event { time, source: sequence % 11, sequence, target: 0, data: [0; 3] };
                            sequence += 1;
                            calendar.push(event);
                            reference.push(event);
                        }
                    }
                    prop_assert_eq!(reference.pop_before(end, |_, _| {}), None);
                    prop_assert!(calendar.lower_bound() >= end.min(reference.lower_bound()));
                    end = end.max(calendar.lower_bound().min(end.saturating_add(1 << 34)));
                }
            }
        }
    }
}
