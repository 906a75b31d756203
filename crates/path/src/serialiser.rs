//! The wire's rate: when a packet's last bit has left.
//!
//! A packet takes `8 * size / rate` seconds, seldom a whole number of nanoseconds. The instant at which
//! the wire falls free is therefore kept as whole nanoseconds and a remainder in units of 1/rate
//! nanoseconds, exact for any number of packets; a departure is that instant rounded up.

use std::num::NonZeroU64;

use wad_model::{Bytes, Rate, Time};

/// Bits in a byte times nanoseconds in a second.
const BIT_NANOS_PER_BYTE: u64 = 8 * 1_000_000_000;

/// Sends packets one after the other.
#[derive(Clone, Debug)]
pub(crate) struct Serialiser {
    /// Bits a second; none sends in no time.
    rate: Option<NonZeroU64>,
    /// When the wire falls free: whole nanoseconds, rounded down.
    free_at: u64,
    /// What rounding took from `free_at`, in 1/rate nanoseconds; less than the rate.
    remainder: u64,
}

impl Serialiser {
    /// A rate of zero counts as one bit a second.
    pub(crate) fn new(rate: Option<Rate>) -> Self {
        let rate = rate.map(|rate| NonZeroU64::new(rate.as_bps()).unwrap_or(NonZeroU64::MIN));
        Self { rate, free_at: 0, remainder: 0 }
    }

    /// Whether packets take no time, so that none waits.
    #[inline]
    pub(crate) fn is_instant(&self) -> bool {
        self.rate.is_none()
    }

    /// When the last packet's last bit leaves, rounded up.
    #[inline]
    pub(crate) fn busy_until(&self) -> Time {
        Time::from_nanos(self.free_at.saturating_add(u64::from(self.remainder > 0)))
    }

    /// Sends a packet that enters at `now` as soon as the wire is free; returns its departure.
    #[inline]
    pub(crate) fn transmit(&mut self, now: Time, size: Bytes) -> Time {
        let Some(rate) = self.rate else { return now };
        if now.as_nanos() > self.free_at {
            (self.free_at, self.remainder) = (now.as_nanos(), 0);
        }
        let (nanos, remainder) = service(size, self.remainder, rate);
        self.free_at = self.free_at.saturating_add(nanos);
        self.remainder = remainder;
        self.busy_until()
    }
}

/// `8 * size / rate` plus what is left of the last packet, as nanoseconds and remainder.
#[inline]
fn service(size: Bytes, remainder: u64, rate: NonZeroU64) -> (u64, u64) {
    let work = size.get().checked_mul(BIT_NANOS_PER_BYTE).and_then(|work| work.checked_add(remainder));
    match work {
        Some(work) => (work / rate, work % rate),
        None => service_of_giant(size, remainder, rate),
    }
}

/// The same for sizes from 2 GiB.
#[cold]
fn service_of_giant(size: Bytes, remainder: u64, rate: NonZeroU64) -> (u64, u64) {
    let work = u128::from(size.get()) * u128::from(BIT_NANOS_PER_BYTE) + u128::from(remainder);
    let rate = u128::from(rate.get());
    let saturate = |value: u128| u64::try_from(value).unwrap_or(u64::MAX);
    (saturate(work / rate), saturate(work % rate))
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
