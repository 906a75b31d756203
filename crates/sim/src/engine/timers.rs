//! The flows' deadlines.
//!
//! A retransmission timer is restarted by every ACK and hardly ever expires. So an entry is not moved when
//! its deadline is put off: it is looked at when its old time comes, and entered again with the new one. Only
//! a deadline that comes forward makes a new entry.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use wad_model::Time;

/// Deadlines by flow.
#[derive(Clone, Debug)]
pub(crate) struct Timers {
    entries: BinaryHeap<Reverse<(u64, u32)>>,
    /// The time of the first entry.
    next: u64,
    /// The earliest entry of each flow.
    entered: Vec<u64>,
}

const NONE: u64 = u64::MAX;

impl Timers {
    pub(crate) fn new(flows: usize) -> Self {
        Self { entries: BinaryHeap::with_capacity(flows), next: NONE, entered: vec![NONE; flows] }
    }

    /// How many flows there are.
    pub(crate) fn len(&self) -> u32 {
        u32::try_from(self.entered.len()).unwrap_or(u32::MAX)
    }

    /// One flow more, without a deadline; returns its number.
    pub(crate) fn add(&mut self) -> u32 {
        self.entered.push(NONE);
        self.len() - 1
    }

    /// When to look next.
    #[inline]
    pub(crate) fn next(&self) -> u64 {
        self.next
    }

    /// The flow's deadline is now this.
    #[inline]
    pub(crate) fn set(&mut self, flow: u32, deadline: Time) {
        let deadline = deadline.as_nanos();
        let entered = &mut self.entered[flow as usize];
        if deadline < *entered {
            *entered = deadline;
            self.next = self.next.min(deadline);
            // There are seldom many more than flows: not twice the room for one more.
            if self.entries.len() == self.entries.capacity() {
                self.entries.reserve_exact((self.entries.len() / 4).max(4));
            }
            self.entries.push(Reverse((deadline, flow)));
        }
    }

    /// Takes the next entry: its time, and the flow to look at, unless an earlier entry has replaced it.
    pub(crate) fn pop(&mut self) -> Option<(u64, u32)> {
        let Reverse((time, flow)) = self.entries.pop()?;
        self.next = self.entries.peek().map_or(NONE, |Reverse((time, _))| *time);
        let entered = &mut self.entered[flow as usize];
        if *entered != time {
            return None;
        }
        *entered = NONE;
        Some((time, flow))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(nanos: u64) -> Time {
        Time::from_nanos(nanos)
    }

    #[test]
    fn a_deadline_that_is_put_off_leaves_its_entry_and_one_that_comes_forward_replaces_it() {
        let mut timers = Timers::new(2);
        timers.set(0, at(10));
        timers.set(0, at(30));
        assert_eq!(timers.pop(), Some((10, 0)));
        timers.set(0, at(30));
        timers.set(0, at(20));
        timers.set(1, at(25));
        assert_eq!([timers.pop(), timers.pop(), timers.pop()], [Some((20, 0)), Some((25, 1)), None]);
    }
}
