//! Round trips: smoothing them, and the retransmission time-out that follows.

use wad_model::Time;

use crate::nanos::Nanos;

/// Smooths round trips and knows the retransmission time-out.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Estimator {
    /// The time-out, doublings included.
    time_out: Nanos,
    /// Doublings of the time-out since the last sample.
    backoff: u32,
    clock: Clock,
    limits: Limits,
}

/// Bounds of the retransmission time-out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) first: Nanos,
    pub(crate) min: Nanos,
    pub(crate) max: Nanos,
}

/// How finely time is read, and what follows from it.
#[derive(Clone, Copy, Debug)]
enum Clock {
    Fine(Fine),
    Ticks(Ticks),
}

impl Estimator {
    /// As Linux: to the nanosecond.
    pub(crate) fn fine(min: Nanos) -> Self {
        let limits = Limits { first: Nanos::from_millis(1000), min, max: Nanos::from_millis(120_000) };
        Self::with(Clock::Fine(Fine::default()), limits)
    }

    /// As ns-2: in ticks of 10 ms that began `phase` before the origin of time.
    pub(crate) fn ticks(min: Nanos, phase: Nanos) -> Self {
        let limits = Limits { first: Nanos::from_millis(3000), min, max: Nanos::from_millis(60_000) };
        Self::with(Clock::Ticks(Ticks::new(phase)), limits)
    }

    fn with(clock: Clock, limits: Limits) -> Self {
        let mut estimator = Self { clock, limits, backoff: 0, time_out: Nanos::ZERO };
        estimator.update();
        estimator
    }

    /// A segment sent at `sent` was acknowledged at `now`; `una` and `nxt` tell round trips apart.
    pub(crate) fn sample(&mut self, sent: Time, now: Time, una: u32, nxt: u32) {
        match &mut self.clock {
            Clock::Fine(fine) => fine.sample(Nanos::between(sent, now), self.limits.min, una, nxt),
            Clock::Ticks(ticks) => ticks.sample(sent, now),
        }
        self.update();
    }

    /// The time-out doubles.
    pub(crate) fn back_off(&mut self) {
        if self.time_out() < self.limits.max {
            self.backoff += 1;
        }
        if let (Clock::Ticks(ticks), true) = (&mut self.clock, self.backoff > 3) {
            ticks.forget();
        }
        self.update();
    }

    /// The time-out no longer counts as doubled.
    #[inline]
    pub(crate) fn end_back_off(&mut self) {
        if self.backoff > 0 {
            self.backoff = 0;
            self.update();
        }
    }

    /// The time-out, doublings included.
    #[inline]
    pub(crate) fn time_out(&self) -> Nanos {
        self.time_out
    }

    /// Works out the time-out, which is asked for more often than it changes.
    fn update(&mut self) {
        let base = match &self.clock {
            Clock::Fine(fine) => fine.time_out().unwrap_or(self.limits.first),
            Clock::Ticks(ticks) => ticks.time_out.unwrap_or(self.limits.first),
        };
        let doubled = base.max(self.limits.min) * (1 << self.backoff.min(30));
        self.time_out = doubled.min(self.limits.max);
    }

    /// The smoothed round trip; zero before the first sample.
    #[inline]
    pub(crate) fn smoothed(&self) -> Nanos {
        match &self.clock {
            Clock::Fine(fine) => fine.smoothed,
            Clock::Ticks(ticks) => Ticks::LENGTH * u64::from(ticks.smoothed_x8 >> 3),
        }
    }

    /// The mean deviation.
    pub(crate) fn deviation(&self) -> Nanos {
        match &self.clock {
            Clock::Fine(fine) => fine.deviation,
            Clock::Ticks(ticks) => Ticks::LENGTH * u64::from(ticks.deviation_x4 >> 2),
        }
    }
}

/// RFC 6298 as Linux has it (`tcp_rtt_estimator`): the deviation in the time-out is the largest mean
/// deviation within a round trip, comes down by a quarter a round trip, and is never below the minimum.
#[derive(Clone, Copy, Debug, Default)]
struct Fine {
    smoothed: Nanos,
    deviation: Nanos,
    largest: Nanos,
    in_time_out: Nanos,
    round_ends: u32,
}

impl Fine {
    fn sample(&mut self, rtt: Nanos, min: Nanos, una: u32, nxt: u32) {
        let rtt = rtt.max(Nanos::new(1));
        if self.smoothed == Nanos::ZERO {
            // RFC 6298, 2.2
            self.smoothed = rtt;
            self.deviation = Nanos::new(rtt.get() / 2);
            self.in_time_out = (rtt * 2).max(min);
            self.largest = self.in_time_out;
            self.round_ends = nxt;
            return;
        }
        // RFC 6298, 2.3: deviation first, each by its part (1/4, 1/8) of what is new.
        let error = rtt.get().abs_diff(self.smoothed.get());
        let shrinking = rtt < self.smoothed;
        self.smoothed = Nanos::new((self.smoothed.get() * 7 + rtt.get()) / 8);
        // Linux: an RTT that falls raises the deviation eight times more slowly.
        let scaled = if shrinking && error > self.deviation.get() { error / 8 } else { error };
        self.deviation = Nanos::new((self.deviation.get() * 3 + scaled) / 4);
        let in_time_out = self.deviation * 4;
        if in_time_out > self.largest {
            self.largest = in_time_out;
            self.in_time_out = self.in_time_out.max(self.largest);
        }
        if una > self.round_ends {
            if self.largest < self.in_time_out {
                let excess = self.in_time_out - self.largest;
                self.in_time_out = self.in_time_out - Nanos::new(excess.get() / 4);
            }
            self.round_ends = nxt;
            self.largest = min;
        }
    }

    fn time_out(&self) -> Option<Nanos> {
        (self.smoothed > Nanos::ZERO).then(|| self.smoothed + self.in_time_out)
    }
}

/// The estimator of V. Jacobson 1988 in whole ticks, as ns-2 and the BSDs had it.
#[derive(Clone, Copy, Debug)]
struct Ticks {
    phase: Nanos,
    smoothed_x8: u32,
    deviation_x4: u32,
    time_out: Option<Nanos>,
}

impl Ticks {
    const LENGTH: Nanos = Nanos::from_millis(10);

    fn new(phase: Nanos) -> Self {
        // 12 s of deviation, which only counts if time-outs come before any sample.
        Self { phase, smoothed_x8: 0, deviation_x4: 1200 << 2, time_out: None }
    }

    fn sample(&mut self, sent: Time, now: Time) {
        let tick = Self::LENGTH.get();
        let into_tick = (sent.as_nanos() + self.phase.get()) % tick;
        let rtt = (Nanos::between(sent, now).get() + into_tick) / tick;
        let rtt = i64::try_from(rtt).unwrap_or(i64::MAX).max(1);
        let (smoothed, deviation) = if self.smoothed_x8 == 0 {
            (rtt << 3, rtt << 1)
        } else {
            let error = rtt - i64::from(self.smoothed_x8 >> 3);
            let deviation = i64::from(self.deviation_x4);
            (i64::from(self.smoothed_x8) + error, deviation + error.abs() - (deviation >> 2))
        };
        self.smoothed_x8 = u32::try_from(smoothed.max(1)).unwrap_or(u32::MAX);
        self.deviation_x4 = u32::try_from(deviation.max(1)).unwrap_or(u32::MAX);
        // srtt + 4 * rttvar, in ticks
        let ticks = ((u64::from(self.deviation_x4) << 3) + u64::from(self.smoothed_x8)) >> 3;
        self.time_out = Some(Self::LENGTH * ticks);
    }

    /// After four doublings the smoothed value is worth nothing; it widens the deviation.
    fn forget(&mut self) {
        self.deviation_x4 += self.smoothed_x8 >> 3;
        self.smoothed_x8 = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(millis: u64) -> Time {
        Time::from_nanos(millis * 1_000_000)
    }

    #[test]
    fn before_a_sample_the_first_time_out_counts_and_doubles_to_the_limit() {
        let mut estimator = Estimator::ticks(Nanos::from_millis(200), Nanos::ZERO);
        let mut seconds = Vec::new();
        for _ in 0..7 {
            seconds.push(estimator.time_out().get() / 1_000_000_000);
            estimator.back_off();
        }
        assert_eq!(seconds, [3, 6, 12, 24, 48, 60, 60]);
    }

    #[test]
    fn a_steady_round_trip_ends_at_the_minimum() {
        let mut fine = Estimator::fine(Nanos::from_millis(200));
        let mut ticks = Estimator::ticks(Nanos::from_millis(200), Nanos::ZERO);
        for i in 0..100u32 {
            let sent = 100 * u64::from(i);
            for estimator in [&mut fine, &mut ticks] {
                estimator.sample(ms(sent), ms(sent + 100), i + 1, i + 2);
            }
        }
        // Linux adds the minimum to the RTT; ns-2 takes it as a floor.
        assert_eq!(fine.time_out(), Nanos::from_millis(300));
        assert_eq!(ticks.time_out(), Nanos::from_millis(200));
        assert_eq!((fine.smoothed(), ticks.smoothed()), (Nanos::from_millis(100), Nanos::from_millis(100)));
    }
}
