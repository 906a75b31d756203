//! The wire's rate: when a packet's last bit has left.
//!
//! A packet takes `8 * size / rate` seconds, seldom a whole number of nanoseconds. The instant at which
//! the wire falls free is therefore kept as the whole nanosecond that follows, which is the departure, and what lies
//! between in units of 1/rate nanoseconds, exact for any number of packets.

use std::num::NonZeroU64;

use wad_model::{Bytes, Rate, Time};

use crate::schedule::Timeline;

/// Bits in a byte times nanoseconds in a second.
const BIT_NANOS_PER_BYTE: u64 = 8 * 1_000_000_000;

/// Sends packets one after the other.
#[derive(Clone, Debug)]
pub(crate) struct Serialiser {
    /// Bits a second; none sends in no time.
    rate: Option<NonZeroU64>,
    /// When the wire falls free: whole nanoseconds, rounded up.
    free_at: u64,
    /// What rounding added to `free_at`, in 1/rate nanoseconds; less than the rate.
    excess: u64,
    /// Packets are mostly of one size: the division of the last is kept.
    last: Service,
    /// The rate over time, where it changes.
    changes: Option<Box<Timeline>>,
}

/// How long a size takes, without what is left of the packet before it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Service {
    pub(crate) size: Bytes,
    /// Whole nanoseconds, rounded up.
    pub(crate) nanos: u64,
    /// What rounding added, in 1/rate nanoseconds; less than the rate.
    excess: u64,
}

impl Serialiser {
    /// A rate of zero counts as one bit a second.
    pub(crate) fn new(rate: Option<Rate>) -> Self {
        let rate = rate.map(|rate| NonZeroU64::new(rate.as_bps()).unwrap_or(NonZeroU64::MIN));
        Self { rate, free_at: 0, excess: 0, last: Service::default(), changes: None }
    }

    /// The same with a rate that changes.
    pub(crate) fn with_changes(self, changes: Option<Timeline>) -> Self {
        Self { changes: changes.map(Box::new), ..self }
    }

    /// Changes count from `origin`.
    pub(crate) fn set_origin(&mut self, origin: Time) {
        if let Some(changes) = &mut self.changes {
            changes.set_origin(origin);
        }
    }

    /// Whether packets take no time, so that none waits.
    #[inline]
    pub(crate) fn is_instant(&self) -> bool {
        self.rate.is_none()
    }

    /// When the last packet's last bit leaves, rounded up.
    #[inline]
    pub(crate) fn busy_until(&self) -> Time {
        Time::from_nanos(self.free_at)
    }

    /// Sends a packet that enters at `now` as soon as the wire is free; returns its departure.
    #[inline]
    pub(crate) fn transmit(&mut self, now: Time, size: Bytes) -> Time {
        let Some(rate) = self.rate else { return now };
        if now.as_nanos() >= self.free_at {
            (self.free_at, self.excess) = (now.as_nanos(), 0);
        }
        if self.changes.is_some() {
            return self.transmit_over_changes(size);
        }
        if size != self.last.size {
            self.last = Service::of(size, rate);
        }
        self.add(self.last, rate.get());
        self.busy_until()
    }

    /// Sends a packet with this [`service`](Self::service) as soon as the wire, which is busy, is free; returns its departure.
    #[inline]
    pub(crate) fn transmit_next(&mut self, service: Service) -> Time {
        if let Some(rate) = self.rate {
            self.add(service, rate.get());
        }
        self.busy_until()
    }

    /// What a packet takes of a wire whose rate does not change.
    pub(crate) fn service(&self, size: Bytes) -> Service {
        self.rate.map_or(Service { size, ..Service::default() }, |rate| Service::of(size, rate))
    }

    /// Whether nothing is on the wire at `now`.
    #[inline]
    pub(crate) fn is_idle(&self, now: Time) -> bool {
        now.as_nanos() >= self.free_at
    }

    /// Sends a packet with this [`service`](Self::service) over the wire, which is idle, until `departs`.
    #[inline]
    pub(crate) fn start(&mut self, service: &Service, departs: Time) {
        (self.free_at, self.excess) = (departs.as_nanos(), service.excess);
    }

    /// Adds up whole nanoseconds, and takes off a whole one of what was added twice; nothing overflows.
    #[inline]
    fn add(&mut self, service: Service, rate: u64) {
        let room = rate - service.excess;
        let carry = self.excess >= room;
        self.excess = if carry { self.excess - room } else { self.excess + service.excess };
        self.free_at = self.free_at.saturating_add(service.nanos - u64::from(carry));
    }

    /// Each span of the schedule does what it can of the work. Work is bits times nanoseconds in a second, the unit
    /// of the remainder at any rate.
    #[cold]
    fn transmit_over_changes(&mut self, size: Bytes) -> Time {
        let Some(changes) = &self.changes else { return self.busy_until() };
        let mut work = u128::from(size.get()) * u128::from(BIT_NANOS_PER_BYTE);
        if self.excess > 0 {
            // Part of the nanosecond before was used.
            self.free_at -= 1;
            work += u128::from(changes.at(self.free_at).value - self.excess);
            self.excess = 0;
        }
        loop {
            let span = changes.at(self.free_at);
            let rate = u128::from(span.value);
            let capacity = u128::from(span.until - self.free_at) * rate;
            if work <= capacity && rate > 0 {
                let (nanos, excess) = (work.div_ceil(rate), work.next_multiple_of(rate) - work);
                (self.free_at, self.excess) =
                    (self.free_at.saturating_add(saturate(nanos)), saturate(excess));
                return self.busy_until();
            }
            work -= capacity.min(work);
            self.free_at = span.until;
            if span.until == u64::MAX {
                return self.busy_until();
            }
        }
    }
}

impl Service {
    /// That of a size that no packet has.
    pub(crate) fn none() -> Self {
        Self { size: Bytes::new(u64::MAX), ..Self::default() }
    }

    /// `8 * size / rate`.
    fn of(size: Bytes, rate: NonZeroU64) -> Self {
        if let Some(work) = size.get().checked_mul(BIT_NANOS_PER_BYTE) {
            let (nanos, remainder) = (work / rate, work % rate);
            return match remainder {
                0 => Self { size, nanos, excess: 0 },
                _ => Self { size, nanos: nanos + 1, excess: rate.get() - remainder },
            };
        }
        let work = u128::from(size.get()) * u128::from(BIT_NANOS_PER_BYTE);
        let rate = u128::from(rate.get());
        match u64::try_from(work.div_ceil(rate)) {
            Ok(nanos) => Self { size, nanos, excess: saturate(work.next_multiple_of(rate) - work) },
            Err(_) => Self { size, nanos: u64::MAX, excess: 0 },
        }
    }
}

fn saturate(value: u128) -> u64 {
    u64::try_from(value).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_remainder_is_carried() {
        // 1 byte at 3 Gbit/s takes 2 2/3 ns.
        let mut wire = Serialiser::new(Some(Rate::from_bps(3_000_000_000)));
        let departures: Vec<u64> =
            (0..6).map(|_| wire.transmit(Time::ZERO, Bytes::new(1)).as_nanos()).collect();
        assert_eq!(departures, [3, 6, 8, 11, 14, 16]);
    }

    #[test]
    fn an_idle_wire_starts_at_once_and_without_remainder() {
        let mut wire = Serialiser::new(Some(Rate::from_bps(3_000_000_000)));
        wire.transmit(Time::ZERO, Bytes::new(1));
        assert_eq!(wire.transmit(Time::from_nanos(3), Bytes::new(1)), Time::from_nanos(6));
        // Rounded up, the first left at 3; exactly, it left 1/3 ns before, and that is not owed.
        assert_eq!(wire.transmit(Time::from_nanos(3), Bytes::new(1)), Time::from_nanos(9));
    }

    #[test]
    fn nothing_overflows() {
        let mut wire = Serialiser::new(Some(Rate::from_bps(0)));
        assert_eq!(wire.transmit(Time::ZERO, Bytes::new(u64::MAX)).as_nanos(), u64::MAX);
        assert_eq!(wire.transmit(Time::ZERO, Bytes::new(1)).as_nanos(), u64::MAX);
    }

    /// The outcome of 100 packets of 1 ms under a rate that changes, in microseconds.
    fn over(schedule: &str) -> Vec<u64> {
        let schedule = toml::from_str(schedule).unwrap();
        let rate = Some(Rate::from_bps(12_000_000));
        let mut wire = Serialiser::new(rate).with_changes(Timeline::of_rate(&schedule, rate));
        (0..8).map(|_| wire.transmit(Time::ZERO, Bytes::new(1500)).as_nanos() / 1000).collect()
    }

    #[test]
    fn a_packet_that_spans_a_change_is_sent_at_both_rates() {
        let found = over(
            "steps = [{ at = \"1500 us\", rate = \"6 Mbit/s\" }, { at = \"6 ms\", rate = \"24 Mbit/s\" }]",
        );
        assert_eq!(found, [1000, 2500, 4500, 6125, 6625, 7125, 7625, 8125]);
    }

    #[test]
    fn an_outage_keeps_packets_until_it_ends() {
        let found = over("steps = [{ at = \"1500 us\", rate = \"0 bit/s\" }]\nrepeat = \"10 ms\"");
        assert_eq!(found, [1000, 10_500, 11_500, 21_000, 30_500, 31_500, 41_000, 50_500]);
        let found = over("steps = [{ at = \"1500 us\", rate = \"0 bit/s\" }]");
        assert_eq!(found[..2], [1000, u64::MAX / 1000]);
    }

    proptest! {
        /// departure = max(entry, previous departure) + 8 * size / rate, in fractions over the rate.
        #[test]
        fn departures_follow_the_formula(
            rate in prop_oneof![1u64..1000, 1_000_000u64..400_000_000_000],
            packets in prop::collection::vec((0u64..100_000, prop_oneof![0u64..65_536, 1u64 << 31..1 << 33]), 1..200),
        ) {
            let mut wire = Serialiser::new(Some(Rate::from_bps(rate)));
            let (mut now, mut free) = (0u64, 0u128);
            for (gap, size) in packets {
                now += gap;
                free = free.max(u128::from(now) * u128::from(rate)) + u128::from(size) * 8_000_000_000;
                let expected = u64::try_from(free.div_ceil(u128::from(rate))).unwrap_or(u64::MAX);
                let departure = wire.transmit(Time::from_nanos(now), Bytes::new(size));
                prop_assert_eq!(departure.as_nanos(), expected);
            }
        }
    }
}
