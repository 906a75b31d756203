//! A link of a rate, a drop-tail queue and a delay, which is what most links are.
//!
//! One ring holds what is under way; its back is what waits for the wire or is in service:
//!
//! ```text
//!   front                                            back
//!   | propagating: departed, not yet delivered | waiting |
//!                                              ^ moves on whenever a packet enters
//! ```
//!
//! Nothing else is kept for a packet: the delivery is the departure plus the delay. A property test holds it against
//! the stages (`stages.rs`), which can do the same and all else.

use std::collections::VecDeque;
use std::time::Duration;

use wad_model::{Bytes, Time};

use crate::conduit::Conduit;
use crate::config::LinkConfig;
use crate::counters::{Backlog, Counters, Usage};
use crate::discipline::Discipline;
use crate::gate::Gate;
use crate::link::{Delivery, Fate};
use crate::queue::{Limit, Stays};
use crate::serialiser::Serialiser;

/// What is queued and under way.
#[derive(Clone, Debug)]
pub(crate) struct Lane<P> {
    serialiser: Serialiser,
    /// Nanoseconds.
    delay: u64,
    limit: Limit,
    ring: VecDeque<Flight<P>>,
    /// The back of the ring: what had not departed at the last entry.
    waiting: Backlog,
    /// Each packet's whole stay is added when it enters; `integrate` takes off what is yet to come.
    stays: Stays,
    /// How many nanoseconds the wire was busy, up to `busy_until`.
    busy: u64,
}

#[derive(Clone, Debug)]
struct Flight<P> {
    departs: Time,
    entered: Time,
    /// Bytes; no packet has 4 GiB.
    size: u32,
    payload: P,
}

impl<P> Lane<P> {
    /// Whether a link needs no more than this.
    pub(crate) fn suffices(config: &LinkConfig) -> bool {
        config.discipline == Discipline::DropTail
            && config.duplication == 0.0
            && config.shaper.is_none()
            && config.reordering.is_none()
            && config.jitter.is_none()
            && config.schedule.is_none()
    }

    pub(crate) fn new(config: &LinkConfig) -> Self {
        Self {
            serialiser: Serialiser::new(config.rate),
            delay: u64::try_from(config.delay.as_nanos()).unwrap_or(u64::MAX),
            limit: Limit::new(config.queue),
            ring: VecDeque::new(),
            waiting: Backlog::default(),
            stays: Stays::default(),
            busy: 0,
        }
    }

    #[inline]
    pub(crate) fn handle(&mut self, now: Time, size: Bytes, payload: P, counters: &mut Counters) -> Fate {
        self.clear(now);
        if !self.limit.admits(size, self.waiting) {
            counters.dropped_by_queue += 1;
            return Fate::DroppedByQueue;
        }
        let departs = self.serialise(now, size, counters);
        let size = u32::try_from(size.get()).unwrap_or(u32::MAX);
        self.ring.push_back(Flight { departs, entered: now, size, payload });
        Fate::Queued
    }

    /// The same lane behind a gate, for an owner who takes packets over as they enter.
    pub(crate) fn to_conduit(&self, gate: Gate) -> Conduit {
        Conduit::new(self.serialiser.clone(), self.delay, self.limit, gate)
    }

    /// When a packet leaves that enters now. With an infinite rate it does not wait.
    #[inline]
    fn serialise(&mut self, now: Time, size: Bytes, counters: &mut Counters) -> Time {
        if self.serialiser.is_instant() {
            return now;
        }
        let starts = self.serialiser.busy_until().max(now);
        let departs = self.serialiser.transmit(now, size);
        self.busy += departs.as_nanos() - starts.as_nanos();
        self.waiting.packets += 1;
        self.waiting.bytes = self.waiting.bytes + size;
        self.stays.add(now, departs, size);
        counters.note_backlog(self.waiting);
        departs
    }

    /// What has departed by `now` no longer waits.
    #[inline]
    fn clear(&mut self, now: Time) {
        while let Some(first) = self.first_waiting() {
            let Flight { departs, size, .. } = self.ring[first];
            if departs > now {
                return;
            }
            self.leave(size);
        }
    }

    /// The place of the packet in service.
    #[inline]
    fn first_waiting(&self) -> Option<usize> {
        let waiting = usize::try_from(self.waiting.packets).ok().filter(|&waiting| waiting > 0)?;
        self.ring.len().checked_sub(waiting)
    }

    #[inline]
    fn leave(&mut self, size: u32) {
        self.waiting.packets -= 1;
        self.waiting.bytes = self.waiting.bytes - Bytes::new(size.into());
    }

    #[inline]
    pub(crate) fn next(&self) -> Option<Time> {
        self.ring.front().map(|flight| self.arrival(flight.departs))
    }

    #[inline]
    pub(crate) fn poll(&mut self, now: Time) -> Option<Delivery<P>> {
        let at = self.next().filter(|&at| at <= now)?;
        if self.waiting.packets == self.ring.len() as u64 {
            self.leave(self.ring[0].size);
        }
        let Flight { entered, size, payload, .. } = self.ring.pop_front()?;
        Some(Delivery { at, entered, size: Bytes::new(size.into()), marked: false, payload })
    }

    #[inline]
    fn arrival(&self, departs: Time) -> Time {
        Time::from_nanos(departs.as_nanos().saturating_add(self.delay))
    }

    pub(crate) fn in_flight(&self) -> u64 {
        self.ring.len() as u64
    }

    /// What is in the queue at `now`, which is not before the last entry.
    pub(crate) fn backlog(&self, now: Time) -> Backlog {
        let mut backlog = Backlog::default();
        for flight in self.still_there(now) {
            backlog.packets += 1;
            backlog.bytes = backlog.bytes + Bytes::new(flight.size.into());
        }
        backlog
    }

    /// Adds busy time and backlog up to `usage.until`, which is not before the last entry.
    pub(crate) fn integrate(&self, usage: &mut Usage) {
        let yet_to_come = self.serialiser.busy_until().as_nanos().saturating_sub(usage.until.as_nanos());
        usage.busy = Duration::from_nanos(self.busy.saturating_sub(yet_to_come));
        let mut to_come = Stays::default();
        for flight in self.still_there(usage.until) {
            to_come.add(usage.until, flight.departs, Bytes::new(flight.size.into()));
        }
        self.stays.less(to_come, usage);
    }

    fn still_there(&self, now: Time) -> impl Iterator<Item = &Flight<P>> {
        self.ring.iter().rev().take_while(move |flight| flight.departs > now)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config::Queue;
    use crate::discipline::Label;
    use crate::stages::Stages;

    fn queue() -> impl Strategy<Value = Queue> {
        prop_oneof![
            Just(Queue::Unlimited),
            (1u64..20).prop_map(Queue::Packets),
            (1u64..100_000).prop_map(|bytes| Queue::Bytes(Bytes::new(bytes))),
        ]
    }

    proptest! {
        /// The lane is the stages with nothing in them, whenever it is polled.
        #[test]
        fn it_is_what_the_stages_are(
            rate in prop::option::of(1_000_000u64..10_000_000_000),
            delay in 0u64..10_000_000,
            queue in queue(),
            traffic in prop::collection::vec((prop_oneof![Just(0), 0u64..20_000, 0u64..5_000_000], 40u64..9000, any::<bool>()), 1..150),
        ) {
            let rate = rate.map(wad_model::Rate::from_bps);
            let config = LinkConfig { rate, delay: Duration::from_nanos(delay), queue, ..LinkConfig::default() };
            prop_assert!(Lane::<usize>::suffices(&config));
            let (mut lane, mut stages) = (Lane::new(&config), Stages::new(&config, 0));
            let (mut ours, mut theirs) = (Counters::default(), Counters::default());
            let mut now = 0;
            for (i, (gap, size, poll)) in traffic.into_iter().enumerate() {
                now += gap;
                let (at, size) = (Time::from_nanos(now), Bytes::new(size));
                prop_assert_eq!(
                    lane.handle(at, size, i, &mut ours),
                    stages.handle(at, size, Label::default(), i, &mut theirs)
                );
                loop {
                    if !poll { break; }
                    prop_assert_eq!(lane.next(), stages.next());
                    let (one, other) = (lane.poll(at), stages.poll(at, &mut theirs));
                    prop_assert_eq!(&one, &other);
                    if one.is_none() { break; }
                }
                let later = Time::from_nanos(now + gap / 2);
                prop_assert_eq!(lane.backlog(later), stages.backlog(later));
                let (mut one, mut other) = (Usage { until: later, ..Usage::default() }, Usage { until: later, ..Usage::default() });
                lane.integrate(&mut one);
                stages.integrate(&mut other);
                prop_assert_eq!(one, other);
            }
            prop_assert_eq!(ours, theirs);
        }
    }
}
