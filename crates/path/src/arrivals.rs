//! What is on its way, in order of arrival.

use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, VecDeque};

use wad_model::Time;

/// Packets with their arrival times; those of one instant leave in the order in which they came in.
#[derive(Clone, Debug)]
pub(crate) enum Arrivals<T> {
    /// They come in in order of arrival.
    InOrder(VecDeque<(Time, T)>),
    /// They may come in in any order.
    AnyOrder(Sorter<T>),
}

impl<T> Arrivals<T> {
    pub(crate) fn new(any_order: bool) -> Self {
        if any_order { Self::AnyOrder(Sorter::new()) } else { Self::InOrder(VecDeque::new()) }
    }

    /// Whether later packets may arrive before earlier ones.
    #[inline]
    pub(crate) fn is_any_order(&self) -> bool {
        matches!(self, Self::AnyOrder(_))
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::InOrder(ring) => ring.len(),
            Self::AnyOrder(sorter) => sorter.heap.len(),
        }
    }

    #[inline]
    pub(crate) fn push(&mut self, at: Time, item: T) {
        match self {
            Self::InOrder(ring) => ring.push_back((at, item)),
            Self::AnyOrder(sorter) => sorter.push(at, item),
        }
    }

    /// The time of the next arrival.
    #[inline]
    pub(crate) fn next(&self) -> Option<Time> {
        match self {
            Self::InOrder(ring) => ring.front().map(|&(at, _)| at),
            Self::AnyOrder(sorter) => sorter.heap.peek().map(|Reverse(entry)| entry.at),
        }
    }

    /// Takes the next arrival if its time has come.
    #[inline]
    pub(crate) fn pop(&mut self, now: Time) -> Option<(Time, T)> {
        match self {
            Self::InOrder(ring) => {
                ring.front().filter(|&&(at, _)| at <= now)?;
                ring.pop_front()
            }
            Self::AnyOrder(sorter) => sorter.pop(now),
        }
    }
}

/// A heap that keeps the order among equal times.
#[derive(Clone, Debug)]
pub(crate) struct Sorter<T> {
    heap: BinaryHeap<Reverse<Entry<T>>>,
    pushed: u64,
}

#[derive(Clone, Debug)]
struct Entry<T> {
    at: Time,
    order: u64,
    item: T,
}

impl<T> Sorter<T> {
    fn new() -> Self {
        Self { heap: BinaryHeap::new(), pushed: 0 }
    }

    fn push(&mut self, at: Time, item: T) {
        self.heap.push(Reverse(Entry { at, order: self.pushed, item }));
        self.pushed += 1;
    }

    fn pop(&mut self, now: Time) -> Option<(Time, T)> {
        self.heap.peek().filter(|Reverse(entry)| entry.at <= now)?;
        self.heap.pop().map(|Reverse(entry)| (entry.at, entry.item))
    }
}

impl<T> Entry<T> {
    fn key(&self) -> (Time, u64) {
        (self.at, self.order)
    }
}

impl<T> PartialEq for Entry<T> {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl<T> Eq for Entry<T> {}

impl<T> PartialOrd for Entry<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Entry<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_order_becomes_order_and_equal_times_keep_theirs() {
        let mut arrivals = Arrivals::new(true);
        for (at, item) in [(30, 'a'), (10, 'b'), (20, 'c'), (10, 'd')] {
            arrivals.push(Time::from_nanos(at), item);
        }
        assert_eq!(arrivals.next(), Some(Time::from_nanos(10)));
        let mut out = String::new();
        while let Some((_, item)) = arrivals.pop(Time::from_nanos(20)) {
            out.push(item);
        }
        assert_eq!(out, "bdc");
        assert_eq!(arrivals.len(), 1);
    }
}
