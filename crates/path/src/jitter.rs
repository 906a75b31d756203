//! Jitter: random delays, computed with integers so that they are the same on every platform.

use std::time::Duration;

use crate::config::{Distribution, Jitter};
use crate::random::{Generator, Stream, scale};

/// Draws the extra delay of each packet.
#[derive(Clone, Debug)]
pub(crate) struct JitterModel {
    distribution: Distribution,
    /// Nanoseconds.
    mean: u64,
    /// Nanoseconds.
    spread: u64,
    generator: Generator,
}

impl JitterModel {
    pub(crate) fn new(config: &Jitter, seed: u64) -> Self {
        Self {
            distribution: config.distribution,
            mean: nanos(config.mean),
            spread: nanos(config.spread),
            generator: Generator::new(seed, Stream::Jitter),
        }
    }

    /// The next packet's extra delay, in nanoseconds.
    pub(crate) fn draw(&mut self) -> u64 {
        match self.distribution {
            Distribution::Uniform => self.uniform(),
            Distribution::Normal => self.normal(),
            Distribution::Exponential => self.exponential(),
        }
    }

    fn uniform(&mut self) -> u64 {
        let width = self.spread.saturating_mul(2).saturating_add(1);
        self.mean.saturating_sub(self.spread).saturating_add(self.generator.below(width))
    }

    /// Draws again below zero, which happens at most every other time.
    fn normal(&mut self) -> u64 {
        loop {
            let offset = i128::from(self.spread) * i128::from(self.deviate()) / i128::from(DEVIATION);
            let delay = i128::from(self.mean) + offset;
            if delay >= 0 {
                return u64::try_from(delay).unwrap_or(u64::MAX);
            }
        }
    }

    /// A normal deviate with mean 0 and standard deviation [`DEVIATION`]: the sum of twelve uniform
    /// numbers, which ends at six deviations.
    fn deviate(&mut self) -> i64 {
        let sum: u64 = (0..3).map(|_| lanes(self.generator.bits())).sum();
        sum.cast_signed() - 6 * (DEVIATION - 1)
    }

    fn exponential(&mut self) -> u64 {
        let (whole, fraction) = self.generator.exponential();
        self.mean.saturating_mul(whole).saturating_add(scale(self.mean, fraction))
    }
}

/// Twelve uniform 16-bit numbers have the variance `12 * (2^32 - 1) / 12`: their sum strays by 2^16.
const DEVIATION: i64 = 1 << 16;

/// The sum of the four 16-bit numbers in `bits`.
fn lanes(bits: u64) -> u64 {
    (0..4).map(|lane| (bits >> (16 * lane)) & 0xFFFF).sum()
}

/// Saturating after 584 years.
fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
#[expect(clippy::cast_precision_loss, reason = "delays of milliseconds")]
mod tests {
    use super::*;

    const MANY: usize = 200_000;

    fn draws(distribution: Distribution, mean: u64, spread: u64) -> Vec<f64> {
        let config = Jitter {
            mean: Duration::from_micros(mean),
            spread: Duration::from_micros(spread),
            distribution,
            reorder: false,
        };
        let mut model = JitterModel::new(&config, 5);
        (0..MANY).map(|_| model.draw() as f64 / 1e3).collect()
    }

    fn mean_and_deviation(values: &[f64]) -> (f64, f64) {
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
        (mean, variance.sqrt())
    }

    fn assert_moments(values: &[f64], mean: f64, deviation: f64) {
        let found = mean_and_deviation(values);
        assert!((found.0 / mean - 1.0).abs() < 0.01, "{found:?}");
        assert!((found.1 / deviation - 1.0).abs() < 0.01, "{found:?}");
    }

    fn part(values: &[f64], condition: impl Fn(f64) -> bool) -> f64 {
        values.iter().filter(|&&value| condition(value)).count() as f64 / values.len() as f64
    }

    #[test]
    fn uniform_stays_within_its_spread() {
        let values = draws(Distribution::Uniform, 1000, 400);
        assert_moments(&values, 1000.0, 400.0 / 3f64.sqrt());
        assert!(values.iter().all(|value| (600.0..=1400.0).contains(value)));
    }

    #[test]
    fn without_spread_it_is_constant() {
        assert!(draws(Distribution::Uniform, 70, 0).iter().all(|&value| value == 70.0));
        assert!(draws(Distribution::Normal, 70, 0).iter().all(|&value| value == 70.0));
    }

    #[test]
    fn normal_has_the_bell_shape() {
        let values = draws(Distribution::Normal, 1000, 100);
        assert_moments(&values, 1000.0, 100.0);
        assert!((part(&values, |value| (value - 1000.0).abs() < 100.0) - 0.6827).abs() < 0.01);
        assert!((part(&values, |value| (value - 1000.0).abs() < 200.0) - 0.9545).abs() < 0.01);
    }

    /// Half of a bell: the mean of |x| is sqrt(2 / pi) deviations.
    #[test]
    fn normal_is_truncated_at_zero() {
        let values = draws(Distribution::Normal, 0, 100);
        let (mean, _) = mean_and_deviation(&values);
        assert!((mean - 100.0 * (2.0 / std::f64::consts::PI).sqrt()).abs() < 1.0, "{mean}");
    }

    #[test]
    fn exponential_has_its_mean_as_deviation_and_its_tail() {
        let values = draws(Distribution::Exponential, 1000, 0);
        assert_moments(&values, 1000.0, 1000.0);
        assert!((part(&values, |value| value > 3000.0) - (-3f64).exp()).abs() < 0.002);
    }
}
