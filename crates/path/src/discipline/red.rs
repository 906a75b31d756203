//! Random early detection (S. Floyd, V. Jacobson, "Random early detection gateways for congestion avoidance",
//! IEEE/ACM Transactions on Networking 1 (4), 1993).
//!
//! A moving mean of the queue's length, taken at each entry, decides how likely a packet is to be dropped:
//!
//! ```text
//!  1 |                          .----------  always
//!    |                       .'
//!    |                    .'  gentle: a second, steeper ramp instead of a cliff
//! pm |                 .'|
//!    |         .---''    |
//!  0 |--------'          |
//!    +--------|----------|-------|---------  mean length
//!            min        max    2 max
//! ```
//!
//! `p_b` is what the picture shows; a packet is hit with `p_b / (1 - count p_b)`, where `count` packets have passed
//! since the last hit, so that hits are spread evenly over 1 to 1/p_b packets (section 7 of the paper) and not in clusters.
//! While the wire was idle, the mean falls as if so many packets had found an empty queue as could have been sent.
//!
//! The ramp above `max` is "gentle RED" (S. Floyd, "Recommendation on using the gentle variant of RED", 2000). With
//! `ecn`, a packet on the ramps is marked if it is able to carry the mark. Beyond the ramps it is dropped all the
//! same (RFC 3168 section 7: marks are for moderate congestion), unless `hard_drop` is off.
//!
//! The length counts the packet in service, as everywhere in this crate; ns-2's RED does not count it. Its `wait_`
//! (no hit before `1/p_b` packets) is its own and absent here.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use wad_model::{Bytes, Rate};

use crate::config::probability;
use crate::error::ConfigError;
use crate::random::{Generator, Stream};

/// Random early detection. The defaults are those of ns-2.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Red {
    /// Below this mean length, in packets, nothing is hit.
    pub min: f64,
    /// At this mean length, in packets, `max_probability` is reached.
    pub max: f64,
    /// The probability of a hit at `max`.
    pub max_probability: f64,
    /// The weight of a new length in the mean.
    pub weight: f64,
    /// Whether the probability rises to 1 between `max` and twice that; otherwise it jumps there.
    pub gentle: bool,
    /// Whether packets that are able to are marked instead of dropped.
    pub ecn: bool,
    /// Whether packets beyond the ramps are dropped also where they could be marked. Without it, and with `min = max`,
    /// `weight = 1`, it is the switch of DCTCP, which marks everything above a length (RFC 8257 section 3.1).
    pub hard_drop: bool,
    /// The size that stands for all while the wire is idle.
    pub packet: Bytes,
}

impl Default for Red {
    fn default() -> Self {
        Self {
            min: 5.0,
            max: 15.0,
            max_probability: 0.1,
            weight: 0.002,
            gentle: true,
            ecn: false,
            hard_drop: true,
            packet: Bytes::new(1500),
        }
    }
}

impl Red {
    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        let key = |name: &str| format!("discipline.red.{name}");
        probability(&key("max_probability"), self.max_probability)?;
        probability(&key("weight"), self.weight)?;
        if !(self.min >= 0.0 && self.max.is_finite()) {
            return Err(ConfigError::Threshold { key: key("min"), value: self.min });
        }
        if self.max < self.min {
            return Err(ConfigError::Order { key: key("max"), value: self.max, least: self.min });
        }
        Ok(())
    }
}

/// What is to become of an entering packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Pass,
    /// Mark it, or drop it if it cannot carry the mark.
    Notify,
    Drop,
}

/// The state of RED.
#[derive(Clone, Debug)]
pub(crate) struct RedState {
    red: Red,
    /// Nanoseconds that one typical packet takes.
    service: f64,
    mean: f64,
    /// Packets since the last hit, or none while the mean is below `min`.
    count: Option<f64>,
    generator: Generator,
}

impl RedState {
    #[expect(clippy::cast_precision_loss, reason = "a typical time")]
    pub(crate) fn new(red: Red, rate: Option<Rate>, seed: u64) -> Self {
        let service = rate.map_or(0.0, |rate| rate.time_to_send(red.packet).as_nanos() as f64);
        Self { red, service, mean: 0.0, count: None, generator: Generator::new(seed, Stream::Red) }
    }

    /// Judges a packet that finds `packets` in the queue, or finds it empty since `idle`.
    pub(crate) fn judge(&mut self, packets: u64, idle: Duration) -> Verdict {
        self.average(packets, idle);
        let Some(chance) = self.chance() else {
            self.count = None;
            return Verdict::Pass;
        };
        let count = self.count.map_or(0.0, |count| count + 1.0);
        if chance >= 1.0 {
            self.count = Some(0.0);
            return if self.red.ecn && !self.red.hard_drop { Verdict::Notify } else { Verdict::Drop };
        }
        // Section 4: p_a = p_b / (1 - count p_b).
        let spread = 1.0 - count * chance;
        let hit = spread <= 0.0 || self.generator.unit() * spread < chance;
        self.count = Some(if hit { 0.0 } else { count });
        if !hit {
            Verdict::Pass
        } else if self.red.ecn {
            Verdict::Notify
        } else {
            Verdict::Drop
        }
    }

    /// Section 4: the moving mean; after an idle time as if `idle / service` small packets had come.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "lengths are small, and the number of idle places is only as exact as the typical packet"
    )]
    fn average(&mut self, packets: u64, idle: Duration) {
        let keep = 1.0 - self.red.weight;
        if packets > 0 {
            self.mean += self.red.weight * (packets as f64 - self.mean);
        } else if self.service > 0.0 {
            let missed = (idle.as_nanos() as f64 / self.service) as u64;
            self.mean *= power(keep, missed);
        } else {
            self.mean = 0.0;
        }
    }

    /// `p_b` by the mean; none below `min`.
    fn chance(&self) -> Option<f64> {
        let Red { min, max, max_probability, gentle, .. } = self.red;
        if self.mean < min {
            None
        } else if self.mean < max {
            Some(max_probability * (self.mean - min) / (max - min))
        } else if gentle && self.mean < 2.0 * max {
            Some(max_probability + (1.0 - max_probability) * (self.mean - max) / max)
        } else {
            Some(1.0)
        }
    }
}

/// `base` to a whole power by squaring: the same on every platform.
fn power(mut base: f64, mut exponent: u64) -> f64 {
    let mut result = 1.0;
    while exponent > 0 && result > 0.0 {
        if exponent % 2 == 1 {
            result *= base;
        }
        base *= base;
        exponent /= 2;
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A queue whose length is the mean at once.
    fn state(red: Red) -> RedState {
        RedState::new(Red { weight: 1.0, ..red }, Some(Rate::from_bps(12_000_000)), 1)
    }

    /// The part of many packets, each finding `packets`, that is hit.
    #[expect(clippy::cast_precision_loss, reason = "a share")]
    fn hits(red: Red, packets: u64) -> f64 {
        const MANY: usize = 100_000;
        let mut state = state(red);
        let passed = (0..MANY).filter(|_| state.judge(packets, Duration::ZERO) == Verdict::Pass).count();
        1.0 - passed as f64 / MANY as f64
    }

    /// Section 7: hits are spread evenly over the packets up to 1/p_b, so one comes every 1/(2 p_b) in the mean.
    #[test]
    fn the_ramp_is_linear_and_spread_evenly() {
        assert!(hits(Red::default(), 4) < 1e-9);
        for (length, chance) in [(10, 0.05), (12, 0.07)] {
            let expected = 2.0 * chance;
            assert!((hits(Red::default(), length) / expected - 1.0).abs() < 0.06, "{length}");
        }
    }

    #[test]
    fn the_gentle_ramp_reaches_one_at_twice_the_maximum() {
        let red = Red { ecn: true, ..Red::default() };
        assert!(hits(red, 20) < 0.99);
        assert!(hits(red, 30) > 1.0 - 1e-9);
        assert!(hits(Red { gentle: false, ..red }, 15) > 1.0 - 1e-9);
        assert_eq!(state(red).judge(30, Duration::ZERO), Verdict::Drop, "no mark beyond the ramps");
    }

    /// RFC 8257 section 3.1: every packet that finds the queue at the threshold or longer.
    #[test]
    fn a_step_marks_all_above_it() {
        let step = Red { min: 20.0, max: 20.0, gentle: false, ecn: true, hard_drop: false, ..Red::default() };
        assert!(step.validate().is_ok());
        assert_eq!(state(step).judge(19, Duration::ZERO), Verdict::Pass);
        assert_eq!(state(step).judge(20, Duration::ZERO), Verdict::Notify);
        assert_eq!(state(step).judge(500, Duration::ZERO), Verdict::Notify);
    }

    #[test]
    fn an_idle_wire_lets_the_mean_fall() {
        let mut state =
            RedState::new(Red { weight: 0.1, ..Red::default() }, Some(Rate::from_bps(12_000_000)), 1);
        state.mean = 10.0;
        // Seven packets of 1 ms would have gone.
        state.judge(0, Duration::from_micros(7500));
        assert!((state.mean - 10.0 * 0.9f64.powi(7)).abs() < 1e-9);
    }

    #[test]
    fn a_power_is_a_product() {
        assert!((power(0.998, 1000) - 0.998f64.powi(1000)).abs() < 1e-12);
        assert!(power(0.5, u64::MAX) < 1e-300);
    }
}
