//! Scalable TCP (T. Kelly, "Scalable TCP: improving performance in highspeed wide area networks", Computer
//! Communication Review 33 (2), 2003): the time to recover from a loss does not depend on the window.
//!
//! ```text
//! cwnd <= legacy     standard TCP                                         (section 3: lwnd = 16 segments)
//! cwnd > legacy      cwnd += a a segment acknowledged                     (a = 0.01)
//!                    cwnd -= b cwnd                                       (b = 0.125)
//! ```
//!
//! A loss is made up for in ln(1/(1-b)) / ln(1+a), some 13.4 round trips at any window.

use serde::{Deserialize, Serialize};

use super::slow_start::{SlowStart, SlowStartConfig};
use super::{Ack, Congestion, CongestionControl, Setup, Window};

/// The parameters of [`Scalable`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScalableConfig {
    /// What an acknowledged segment adds.
    pub increase: f64,
    /// The part of the window that congestion takes.
    pub decrease: f64,
    /// Up to this window it is standard TCP, in segments.
    pub legacy_window: f64,
    /// How it starts.
    pub slow_start: SlowStartConfig,
}

impl Default for ScalableConfig {
    fn default() -> Self {
        Self { increase: 0.01, decrease: 0.125, legacy_window: 16.0, slow_start: SlowStartConfig::default() }
    }
}

impl ScalableConfig {
    /// Checks what the types cannot express.
    ///
    /// # Errors
    /// Names the parameter, its value and what would be possible.
    pub fn validate(&self) -> Result<(), String> {
        for (key, value) in [("increase", self.increase), ("decrease", self.decrease)] {
            if !(value > 0.0 && value < 1.0) {
                return Err(format!("{key} = {value}: give a number between 0 and 1"));
            }
        }
        if self.legacy_window < 0.0 || self.legacy_window.is_nan() {
            return Err(format!("legacy_window = {}: give 0 segments or more", self.legacy_window));
        }
        self.slow_start.validate()
    }
}

/// Scalable TCP.
#[derive(Clone, Debug)]
pub struct Scalable {
    config: ScalableConfig,
    slow_start: SlowStart,
}

impl Scalable {
    /// A control at the start of its flow.
    #[must_use]
    pub fn new(config: &ScalableConfig, _setup: &Setup) -> Self {
        Self { config: *config, slow_start: SlowStart::new(&config.slow_start) }
    }
}

impl CongestionControl for Scalable {
    #[inline]
    fn on_sample(&mut self, window: &mut Window, ack: &Ack) {
        self.slow_start.on_sample(window, ack);
    }

    #[inline]
    fn on_ack(&mut self, window: &mut Window, ack: &Ack) {
        let credit = self.slow_start.grow(window, ack.credit.into());
        let standard = if window.cwnd <= self.config.legacy_window { 1.0 / window.cwnd } else { 0.0 };
        window.grow(credit * self.config.increase.max(standard));
    }

    fn on_congestion(&mut self, _window: &Window, congestion: &Congestion) -> f64 {
        self.slow_start.on_congestion(congestion.cause);
        let legacy = congestion.usable <= self.config.legacy_window;
        congestion.usable * (1.0 - if legacy { 0.5 } else { self.config.decrease })
    }
}

#[cfg(test)]
mod tests {
    use super::super::Cause;
    use super::super::testing::{Flow, SETUP};
    use super::*;

    /// Section 3: 13.4 round trips at any window.
    #[test]
    fn the_time_to_recover_does_not_depend_on_the_window() {
        for cwnd in [100.0, 1000.0, 10_000.0] {
            let (mut control, mut flow) = (Scalable::new(&ScalableConfig::default(), &SETUP), Flow::new());
            flow.window.cwnd = cwnd;
            assert!((flow.congest(&mut control, Cause::Loss) / cwnd - 0.875).abs() < 1e-9);
            let rounds = (1..).find(|_| f64::from(flow.run(&mut control, 100)) >= cwnd).unwrap();
            assert!((13..=15).contains(&rounds), "{rounds} from {cwnd}");
        }
    }

    #[test]
    fn a_small_window_is_standard() {
        let (mut control, mut flow) = (Scalable::new(&ScalableConfig::default(), &SETUP), Flow::new());
        (flow.window.cwnd, flow.window.ssthresh) = (10.0, 2.0);
        flow.run(&mut control, 100);
        assert!((flow.window.cwnd - 11.0).abs() < 0.06, "{}", flow.window.cwnd);
        assert!((flow.congest(&mut control, Cause::Loss) - flow.window.ssthresh).abs() < 1e-9);
        assert!((flow.window.ssthresh - 5.5).abs() < 0.06);
    }
}
