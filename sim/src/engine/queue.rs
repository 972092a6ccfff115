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
