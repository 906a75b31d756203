//! The flows' deadlines.
//!
//! A retransmission timer is restarted by every ACK and hardly ever expires. So an entry is not moved when
//! its deadline is put off: it is looked at when its old time comes, and entered again with the new one. Only
//! a deadline that comes forward makes a new entry. The one that it comes before is remembered, so that a flow that is
//! woken again and again before its retransmission timer does not make an entry for that each time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use wad_model::Time;

/// Deadlines by flow.
#[derive(Clone, Debug)]
pub(crate) struct Timers {
    entries: BinaryHeap<Reverse<(u64, u32)>>,
    /// The time of the first entry.
    next: u64,
    flows: Vec<Entered>,
}

/// What is known of a flow's entries.
#[derive(Clone, Copy, Debug)]
struct Entered {
    /// The earliest.
    first: u64,
    /// A later one that is still there.
    later: u64,
}

impl Entered {
    const NOTHING: Self = Self { first: NONE, later: NONE };
}

const NONE: u64 = u64::MAX;

impl Timers {
    pub(crate) fn new(flows: usize) -> Self {
        Self { entries: BinaryHeap::with_capacity(flows), next: NONE, flows: vec![Entered::NOTHING; flows] }
    }

    /// How many flows there are.
    pub(crate) fn len(&self) -> u32 {
        u32::try_from(self.flows.len()).unwrap_or(u32::MAX)
    }

    /// One flow more, without a deadline; returns its number.
    pub(crate) fn add(&mut self) -> u32 {
        self.flows.push(Entered::NOTHING);
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
        let entered = &mut self.flows[flow as usize];
        if deadline < entered.first {
            if entered.later == NONE {
                entered.later = entered.first;
            }
            entered.first = deadline;
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
        let entered = &mut self.flows[flow as usize];
        if entered.first != time {
            if entered.later == time {
                entered.later = NONE;
            }
            return None;
        }
        *entered = Entered { first: entered.later, later: NONE };
        Some((time, flow))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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
        assert_eq!([timers.pop(), timers.pop()], [Some((20, 0)), Some((25, 1))]);
        assert_eq!([timers.pop(), timers.pop()], [Some((30, 0)), None]);
    }

    #[test]
    fn a_flow_that_is_woken_before_its_deadline_makes_one_entry_for_that() {
        let mut timers = Timers::new(1);
        for now in 0..100 {
            timers.set(0, at(1000 + now));
            timers.set(0, at(now + 1));
            assert_eq!(timers.pop(), Some((now + 1, 0)));
        }
        assert_eq!(timers.entries.len(), 1);
        assert_eq!((timers.pop(), timers.pop()), (Some((1000, 0)), None));
    }

    proptest! {
        /// Whoever asks for a time is looked at by then, and not without an entry.
        #[test]
        fn nobody_is_forgotten(changes in prop::collection::vec((0u32..4, 1u64..60), 1..200)) {
            let mut timers = Timers::new(4);
            let mut wanted = [NONE; 4];
            let mut now = 0;
            for (flow, delay) in changes {
                wanted[flow as usize] = now + delay;
                timers.set(flow, at(now + delay));
                let earliest = *wanted.iter().min().unwrap_or(&NONE);
                prop_assert!(timers.next() <= earliest);
                if timers.next() < now + 20 {
                    now = timers.next();
                    if let Some((time, flow)) = timers.pop() {
                        let deadline = &mut wanted[flow as usize];
                        *deadline = if *deadline <= time { NONE } else { *deadline };
                        timers.set(flow, at(*deadline));
                    }
                }
            }
        }
    }
}
