//! The propagation: delay, jitter, and duplication at the far end.

use std::time::Duration;

use wad_model::Time;

use crate::arrivals::Arrivals;
use crate::config::LinkConfig;
use crate::random::{Coin, Generator, Stream};
use crate::reorder::Reorderer;
use crate::schedule::Timeline;

/// A packet that has found a place on the link.
#[derive(Clone, Debug)]
pub(crate) struct Packet<P> {
    /// In order of departure, from 0.
    pub(crate) position: u64,
    pub(crate) entered: Time,
    /// Bytes; no packet has 4 GiB.
    pub(crate) size: u32,
    /// Whether a discipline has marked it.
    pub(crate) marked: bool,
    pub(crate) payload: P,
}

/// A delay on top of the link's, in nanoseconds.
pub(crate) type Jitter = u64;

/// A packet with its jitter.
#[derive(Clone, Debug)]
pub(crate) struct Delayed<P> {
    pub(crate) packet: Packet<P>,
    pub(crate) jitter: Jitter,
}

/// What is propagating.
#[derive(Clone, Debug)]
pub(crate) struct Wire<P> {
    /// Nanoseconds.
    delay: u64,
    /// The delay over time, where it changes.
    changes: Option<Box<Timeline>>,
    duplication: Coin,
    generator: Generator,
    arrivals: Arrivals<Packet<P>>,
    /// Packets that keep their order do not arrive before this.
    last_arrival: Time,
}

impl<P: Clone> Wire<P> {
    pub(crate) fn new(config: &LinkConfig, seed: u64) -> Self {
        let any_order = config.jitter.as_ref().is_some_and(|jitter| jitter.reorder);
        Self {
            delay: nanos(config.delay),
            changes: config
                .schedule
                .as_ref()
                .and_then(|schedule| Timeline::of_delay(schedule, config.delay))
                .map(Box::new),
            duplication: Coin::new(config.duplication),
            generator: Generator::new(seed, Stream::Duplication),
            arrivals: Arrivals::new(any_order),
            last_arrival: Time::ZERO,
        }
    }

    /// Changes count from `origin`.
    pub(crate) fn set_origin(&mut self, origin: Time) {
        if let Some(changes) = &mut self.changes {
            changes.set_origin(origin);
        }
    }

    /// Sends a packet on at `at`, and perhaps a copy with it.
    #[inline]
    pub(crate) fn launch(&mut self, at: Time, Delayed { packet, jitter }: Delayed<P>, duplicated: &mut u64) {
        let arrival = self.arrival(at, jitter);
        self.last_arrival = arrival;
        if self.duplication.toss(&mut self.generator) {
            self.arrivals.push(arrival, packet.clone());
            *duplicated += 1;
        }
        self.arrivals.push(arrival, packet);
    }

    /// The time of the next arrival.
    #[inline]
    pub(crate) fn next(&self) -> Option<Time> {
        self.arrivals.next()
    }

    /// When the first of the held packets will arrive if none is released before its time is up.
    pub(crate) fn next_of_held(&self, held: &Reorderer<Delayed<P>>) -> Option<Time> {
        let mut arrivals = held.held().map(|(at, held)| self.arrival(at, held.jitter));
        if self.arrivals.is_any_order() { arrivals.min() } else { arrivals.next() }
    }

    /// Whether later packets may arrive before earlier ones.
    pub(crate) fn is_any_order(&self) -> bool {
        self.arrivals.is_any_order()
    }

    /// Takes the next arrival if its time has come.
    #[inline]
    pub(crate) fn pop(&mut self, now: Time) -> Option<(Time, Packet<P>)> {
        self.arrivals.pop(now)
    }

    /// How many packets and copies are propagating.
    pub(crate) fn len(&self) -> usize {
        self.arrivals.len()
    }

    /// When a packet sent on at `at` arrives.
    #[inline]
    fn arrival(&self, at: Time, jitter: Jitter) -> Time {
        let delay = self.changes.as_ref().map_or(self.delay, |changes| changes.at(at.as_nanos()).value);
        let arrival = Time::from_nanos(at.as_nanos().saturating_add(delay).saturating_add(jitter));
        if self.arrivals.is_any_order() { arrival } else { arrival.max(self.last_arrival) }
    }
}

/// Saturating after 584 years.
fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
