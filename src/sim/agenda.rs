//! What will happen, in the order of its moments.

use core::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::units::Mono;

/// Events to come, the earliest first; those of one moment in the order they were planned.
pub(super) struct Agenda<E> {
    queue: BinaryHeap<Reverse<Due<E>>>,
    planned: u64,
}

/// An event to come; the number keeps events of one moment in their order.
struct Due<E> {
    at: Mono,
    nth: u64,
    event: E,
}

impl<E> PartialEq for Due<E> {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.nth) == (other.at, other.nth)
    }
}

impl<E> Eq for Due<E> {}

impl<E> PartialOrd for Due<E> {
    fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> Ord for Due<E> {
    fn cmp(&self, other: &Self) -> core::cmp::Ordering {
        (self.at, self.nth).cmp(&(other.at, other.nth))
    }
}

impl<E> Default for Agenda<E> {
    fn default() -> Self {
        Self { queue: BinaryHeap::new(), planned: 0 }
    }
}

impl<E> Agenda<E> {
    /// Plans an event.
    pub(super) fn add(&mut self, at: Mono, event: E) {
        self.planned += 1;
        self.queue.push(Reverse(Due { at, nth: self.planned, event }));
    }

    /// Gives the moment of the earliest event.
    pub(super) fn next(&self) -> Option<Mono> {
        self.queue.peek().map(|Reverse(due)| due.at)
    }

    /// Takes the earliest event, if it is due.
    pub(super) fn due(&mut self, now: Mono) -> Option<E> {
        self.next().filter(|at| *at <= now)?;
        self.queue.pop().map(|Reverse(due)| due.event)
    }
}
