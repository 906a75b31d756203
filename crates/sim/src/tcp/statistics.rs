//! What a sender counts.

use crate::nanos::Nanos;
use crate::outcome::RttOutcome;

/// Counts of one sender since its start. The SYN is not among its segments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counters {
    pub(crate) sent: u64,
    pub(crate) retransmitted: u64,
    pub(crate) congestion_events: u64,
    pub(crate) timeouts: u64,
    pub(crate) send_stalls: u64,
}

impl Counters {
    /// What came after `earlier`.
    pub(crate) fn since(&self, earlier: &Self) -> Self {
        Self {
            sent: self.sent - earlier.sent,
            retransmitted: self.retransmitted - earlier.retransmitted,
            congestion_events: self.congestion_events - earlier.congestion_events,
            timeouts: self.timeouts - earlier.timeouts,
            send_stalls: self.send_stalls - earlier.send_stalls,
        }
    }
}

/// Mean, variance, extremes and percentiles of round trips.
///
/// Percentiles come from a histogram with 128 classes an octave, so to 0.8%, and it covers only what occurs.
#[derive(Clone, Debug)]
pub(crate) struct Moments {
    count: u64,
    mean: f64,
    /// The sum of squared differences from the mean (B. P. Welford 1962).
    squares: f64,
    min: Nanos,
    max: Nanos,
    last: Nanos,
    classes: Vec<u32>,
    /// The class of the first entry.
    first_class: usize,
}

impl Default for Moments {
    fn default() -> Self {
        Self {
            count: 0,
            mean: 0.0,
            squares: 0.0,
            min: Nanos::MAX,
            max: Nanos::ZERO,
            last: Nanos::ZERO,
            classes: Vec::new(),
            first_class: 0,
        }
    }
}

/// Classes an octave, as a power of two.
const CLASS_BITS: u32 = 7;

/// By so many classes the histogram grows.
const STRETCH: usize = 8;

impl Moments {
    #[inline]
    #[expect(clippy::cast_precision_loss, reason = "a count far below 2^53")]
    pub(crate) fn add(&mut self, rtt: Nanos) {
        self.count += 1;
        let seconds = rtt.as_secs_f64();
        let difference = seconds - self.mean;
        self.mean += difference / self.count as f64;
        self.squares += difference * (seconds - self.mean);
        self.min = self.min.min(rtt);
        self.max = self.max.max(rtt);
        self.last = rtt;
        self.classify(rtt);
    }

    /// The latest, zero before the first.
    pub(crate) fn last(&self) -> Nanos {
        self.last
    }

    #[expect(clippy::cast_precision_loss, reason = "a count far below 2^53")]
    pub(crate) fn outcome(&self) -> Option<RttOutcome> {
        (self.count > 0).then(|| RttOutcome {
            samples: self.count,
            min_s: self.min.as_secs_f64(),
            mean_s: self.mean,
            variance_s2: self.squares / self.count as f64,
            p50_s: self.percentile(50),
            p90_s: self.percentile(90),
            p99_s: self.percentile(99),
            max_s: self.max.as_secs_f64(),
        })
    }

    #[inline]
    fn classify(&mut self, rtt: Nanos) {
        let class = class_of(rtt);
        if self.classes.is_empty() {
            self.first_class = class & !(STRETCH - 1);
        }
        if class < self.first_class {
            let first = class & !(STRETCH - 1);
            self.classes.splice(0..0, std::iter::repeat_n(0, self.first_class - first));
            self.first_class = first;
        }
        let place = class - self.first_class;
        if place >= self.classes.len() {
            let length = (place | (STRETCH - 1)) + 1;
            self.classes.reserve_exact(length - self.classes.len());
            self.classes.resize(length, 0);
        }
        self.classes[place] = self.classes[place].saturating_add(1);
    }

    /// The upper end of the class that holds the `percent`-th percentile, within what occurred.
    fn percentile(&self, percent: u64) -> f64 {
        let rank = (self.count * percent).div_ceil(100);
        let mut seen = 0;
        let class = self.classes.iter().position(|&n| {
            seen += u64::from(n);
            seen >= rank
        });
        let end = class.map_or(self.max, |class| end_of(class + self.first_class));
        end.max(self.min).min(self.max).as_secs_f64()
    }
}

/// Values below 128 have a class each; from there on each octave has 128.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "there are fewer than 2^14 classes")]
fn class_of(value: Nanos) -> usize {
    let value = value.get();
    let octave = (63 - (value | 1).leading_zeros()).saturating_sub(CLASS_BITS);
    ((u64::from(octave) << CLASS_BITS) + (value >> octave)) as usize
}

/// The largest value of a class.
fn end_of(class: usize) -> Nanos {
    let class = class as u64;
    let octave = (class >> CLASS_BITS).saturating_sub(1);
    let mantissa = class - (octave << CLASS_BITS);
    Nanos::new(((mantissa + 1) << octave) - 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_class_holds_its_values_to_a_hundredth(value in prop_oneof![0u64..1000, 1u64 << 20..1 << 40]) {
            let end = end_of(class_of(Nanos::new(value))).get();
            prop_assert!(end >= value && end - value <= value / 100, "{value} {end}");
        }
    }

    #[test]
    fn moments_are_those_of_the_definition() {
        let mut moments = Moments::default();
        for millis in [30, 10, 20, 40] {
            moments.add(Nanos::from_millis(millis));
        }
        let outcome = moments.outcome().unwrap();
        assert!((outcome.mean_s - 0.025).abs() < 1e-12);
        assert!((outcome.variance_s2 - 0.000_125).abs() < 1e-12);
        assert!((outcome.p50_s - 0.020).abs() < 0.000_2 && outcome.p99_s == 0.04, "{outcome:?}");
    }
}
