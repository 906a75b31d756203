//! The propagation: delay, jitter, and duplication at the far end.

use std::time::Duration;

use wad_model::{Bytes, Time};

use crate::arrivals::Arrivals;
use crate::config::LinkConfig;
use crate::random::{Coin, Generator, Stream};
use crate::reorder::Reorderer;

/// A packet that has found a place on the link.
#[derive(Clone, Debug)]
pub(crate) struct Packet<P> {
    /// In order of entry, from 0.
    pub(crate) position: u64,
    pub(crate) entered: Time,
    pub(crate) size: Bytes,
    /// Its delay on top of the link's.
    pub(crate) jitter: Duration,
    pub(crate) payload: P,
}

/// What is propagating.
#[derive(Clone, Debug)]
pub(crate) struct Wire<P> {
    delay: Duration,
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
            delay: config.delay,
            duplication: Coin::new(config.duplication),
            generator: Generator::new(seed, Stream::Duplication),
            arrivals: Arrivals::new(any_order),
            last_arrival: Time::ZERO,
        }
    }

    /// Sends a packet on at `at`, and perhaps a copy with it.
    pub(crate) fn launch(&mut self, at: Time, packet: Packet<P>, duplicated: &mut u64) {
        let arrival = self.arrival(at, &packet);
        self.last_arrival = arrival;
        if self.duplication.toss(&mut self.generator) {
            self.arrivals.push(arrival, packet.clone());
            *duplicated += 1;
        }
        self.arrivals.push(arrival, packet);
    }

    /// The time of the next arrival.
    pub(crate) fn next(&self) -> Option<Time> {
        self.arrivals.next()
    }

    /// When the first of the held packets will arrive if none is released before its time is up.
    pub(crate) fn next_of_held(&self, held: &Reorderer<Packet<P>>) -> Option<Time> {
        let mut arrivals = held.held().map(|(at, packet)| self.arrival(at, packet));
        if self.arrivals.is_any_order() { arrivals.min() } else { arrivals.next() }
    }

    /// Takes the next arrival if its time has come.
    pub(crate) fn pop(&mut self, now: Time) -> Option<(Time, Packet<P>)> {
        self.arrivals.pop(now)
    }

    /// How many packets and copies are propagating.
    pub(crate) fn len(&self) -> usize {
        self.arrivals.len()
    }

    /// When a packet sent on at `at` arrives.
    fn arrival(&self, at: Time, packet: &Packet<P>) -> Time {
        let arrival = at + self.delay + packet.jitter;
        if self.arrivals.is_any_order() { arrival } else { arrival.max(self.last_arrival) }
    }
}
