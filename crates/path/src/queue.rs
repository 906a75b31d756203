//! The queue before the wire and its limit, as departure times in order.
//!
//! Its packets are elsewhere: a departure is known when a packet is queued, and a packet is in the queue
//! until that time has come.

use wad_model::{Bytes, Time};

use crate::config::Queue;
use crate::counters::{Backlog, Usage};
use crate::fifo::Fifo;

/// The packets that wait and the one in service.
#[derive(Clone, Debug)]
pub(crate) struct DropTail {
    limit: Limit,
    /// In order of departure. Those that have departed are removed when the next packet enters.
    places: Fifo<Place>,
    /// The sizes of all.
    bytes: u64,
    /// Each packet's whole stay is added when it enters; `usage` takes off what is yet to come.
    stays: Stays,
}

/// A packet in the queue: twelve bytes, as of a packet in flight they are a good part.
#[derive(Clone, Copy, Debug)]
#[repr(C, packed(4))]
pub(crate) struct Place {
    departs: Time,
    /// Bytes, or as many as 32 bits can tell.
    size: u32,
}

impl Place {
    pub(crate) fn new(departs: Time, size: Bytes) -> Self {
        Self { departs, size: u32::try_from(size.get()).unwrap_or(u32::MAX) }
    }

    #[inline]
    pub(crate) fn departs(self) -> Time {
        self.departs
    }

    #[inline]
    pub(crate) fn size(self) -> Bytes {
        Bytes::new(self.size.into())
    }
}

/// How much a queue holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit {
    packets: u64,
    bytes: Bytes,
}

impl Limit {
    pub(crate) fn new(config: Queue) -> Self {
        let (packets, bytes) = match config {
            Queue::Unlimited => (u64::MAX, Bytes::new(u64::MAX)),
            Queue::Packets(packets) => (packets, Bytes::new(u64::MAX)),
            Queue::Bytes(bytes) => (u64::MAX, bytes),
        };
        Self { packets, bytes }
    }

    /// Whether a packet finds room beside those that are there.
    #[inline]
    pub(crate) fn admits(self, size: Bytes, there: Backlog) -> bool {
        there.packets < self.packets && there.bytes + size <= self.bytes
    }
}

/// Integrals of the backlog over time.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Stays {
    packet_nanos: u128,
    byte_nanos: u128,
}

impl DropTail {
    pub(crate) fn new(limit: Limit) -> Self {
        Self { limit, places: Fifo::default(), bytes: 0, stays: Stays::default() }
    }

    /// Whether a packet finds room beside `waiting` ones that are elsewhere, as of the last [`clear`](Self::clear).
    #[inline]
    pub(crate) fn admits(&self, size: Bytes, waiting: Backlog) -> bool {
        let there = self.there();
        let packets = there.packets + waiting.packets;
        self.limit.admits(size, Backlog { packets, bytes: there.bytes + waiting.bytes })
    }

    /// Whether a packet finds room, as of the last [`clear`](Self::clear).
    #[inline]
    pub(crate) fn has_room(&self, size: Bytes) -> bool {
        // What is there is within the limit, so the difference is what is left.
        self.packets() < self.limit.packets && size.get() <= self.limit.bytes.get().wrapping_sub(self.bytes)
    }

    /// How many packets there are as of the last [`clear`](Self::clear).
    #[inline]
    pub(crate) fn packets(&self) -> u64 {
        self.places.len() as u64
    }

    /// What there is as of the last [`clear`](Self::clear).
    #[inline]
    fn there(&self) -> Backlog {
        Backlog { packets: self.packets(), bytes: Bytes::new(self.bytes) }
    }

    /// Takes in a packet that was admitted at `now`; returns the backlog with it.
    #[inline]
    pub(crate) fn push(&mut self, now: Time, departs: Time, size: Bytes) -> Backlog {
        self.stays.add(now, departs, size);
        self.push_uncounted(departs, size)
    }

    /// The same for a packet whose stay somebody else counts.
    #[inline]
    pub(crate) fn push_uncounted(&mut self, departs: Time, size: Bytes) -> Backlog {
        let place = Place::new(departs, size);
        self.places.push_back(place);
        self.bytes += place.size().get();
        self.there()
    }

    /// What is in the queue at `now`, which is not before the last entry.
    pub(crate) fn backlog(&self, now: Time) -> Backlog {
        let mut backlog = Backlog::default();
        for place in self.places.backwards().take_while(|place| place.departs() > now) {
            backlog.packets += 1;
            backlog.bytes = backlog.bytes + place.size();
        }
        backlog
    }

    /// Adds the integrals of the backlog up to `usage.until`, which is not before the last entry.
    pub(crate) fn integrate(&self, usage: &mut Usage) {
        let mut to_come = Stays::default();
        self.to_come(usage.until, &mut to_come);
        self.stays.less(to_come, usage);
    }

    /// Adds what is left at `until` of the stays that are already counted.
    pub(crate) fn to_come(&self, until: Time, stays: &mut Stays) {
        for place in self.places.backwards().take_while(|place| place.departs() > until) {
            stays.add(until, place.departs(), place.size());
        }
    }

    /// The whole stays of all packets.
    pub(crate) fn stays(&self) -> Stays {
        self.stays
    }

    pub(crate) fn stays_mut(&mut self) -> &mut Stays {
        &mut self.stays
    }

    /// A packet that somebody else has counted is there alone: all before it have departed.
    #[inline]
    pub(crate) fn replace(&mut self, place: Place) {
        self.places.clear();
        self.places.push_back(place);
        self.bytes = place.size().get();
    }

    /// Forgets what has departed by `now`.
    #[inline]
    pub(crate) fn clear(&mut self, now: Time) {
        while let Some(place) = self.places.front().filter(|place| place.departs() <= now) {
            self.bytes -= place.size().get();
            self.places.pop_front();
        }
    }
}

impl Stays {
    /// Writes these integrals without what is `to_come`.
    pub(crate) fn less(&self, to_come: Self, usage: &mut Usage) {
        usage.packet_nanos = self.packet_nanos - to_come.packet_nanos;
        usage.byte_nanos = self.byte_nanos - to_come.byte_nanos;
    }

    /// Adds stays of packets of one size, so many nanoseconds all told.
    pub(crate) fn add_many(&mut self, nanos: u128, size: Bytes) {
        self.packet_nanos += nanos;
        self.byte_nanos += nanos * u128::from(size.get());
    }

    /// Adds a stay.
    #[inline]
    pub(crate) fn add(&mut self, from: Time, to: Time, size: Bytes) {
        let nanos = u128::from(to.as_nanos().saturating_sub(from.as_nanos()));
        self.packet_nanos += nanos;
        self.byte_nanos += nanos * u128::from(size.get());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ns(nanos: u64) -> Time {
        Time::from_nanos(nanos)
    }

    const SIZE: Bytes = Bytes::new(100);

    fn admits(queue: &mut DropTail, now: u64, size: u64) -> bool {
        queue.clear(ns(now));
        queue.admits(Bytes::new(size), Backlog::default())
    }

    #[test]
    fn the_packet_in_service_counts() {
        let mut queue = DropTail::new(Limit::new(Queue::Packets(2)));
        assert!(admits(&mut queue, 0, 100));
        queue.push(ns(0), ns(10), SIZE);
        assert!(admits(&mut queue, 0, 100));
        queue.push(ns(0), ns(20), SIZE);
        assert!(!admits(&mut queue, 9, 100));
        assert!(admits(&mut queue, 10, 100), "the first has left at that instant");
    }

    #[test]
    fn a_limit_in_bytes_may_be_filled_exactly() {
        let mut queue = DropTail::new(Limit::new(Queue::Bytes(Bytes::new(250))));
        queue.push(ns(0), ns(10), Bytes::new(150));
        assert!(admits(&mut queue, 0, 100));
        assert!(!admits(&mut queue, 0, 101));
    }

    #[test]
    fn the_mean_backlog_is_weighted_by_time() {
        let mut queue = DropTail::new(Limit::new(Queue::Unlimited));
        queue.push(ns(0), ns(10), SIZE);
        queue.push(ns(0), ns(20), SIZE);
        let mut usage = Usage { until: ns(15), ..Usage::default() };
        queue.integrate(&mut usage);
        // Two for 10 ns, one for 5 ns.
        assert!((usage.mean_packets() - 25.0 / 15.0).abs() < 1e-12);
        assert!((usage.mean_bytes() - 2500.0 / 15.0).abs() < 1e-9);
        assert_eq!(queue.backlog(ns(15)), Backlog { packets: 1, bytes: SIZE });
    }
}
