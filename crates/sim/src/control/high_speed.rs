//! HighSpeed TCP (RFC 3649): increase and decrease that follow the window.
//!
//! Up to 38 segments it is standard TCP. Above, with the loss rate p(w) on the line (on logarithmic scales) through
//! p(38) = 10⁻³ and p(83000) = 10⁻⁷ (section 5):
//!
//! ```text
//! b(w) = (High_Decrease - 0.5) (log w - log Low_Window) / (log High_Window - log Low_Window) + 0.5
//! a(w) = w² p(w) 2 b(w) / (2 - b(w))
//! congestion avoidance    cwnd += a(w) / w a segment acknowledged
//! congestion              cwnd -= b(w) w
//! ```
//!
//! Three ways to compute it are in use, and differ by some percent (`law`): the line of section 5 with the loss rate
//! that Appendix B computes with (1/12.8 for 0.078), ns-2's, which takes standard TCP's loss rate 1.5/38² as the lower
//! end, and the table of Appendix B, which Linux has.

use serde::{Deserialize, Serialize};
use wad_model::{Segments, high_speed};

use super::math::{exp, ln};
use super::slow_start::{SlowStart, SlowStartConfig};
use super::{Ack, Congestion, CongestionControl, Setup, Window};

/// How a(w) and b(w) are computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Law {
    /// The formulas of section 5, as Appendix B computes them.
    #[default]
    Rfc,
    /// The formulas as ns-2 has them: p(38) = 1.5/38², which makes a(w) about 4% larger at 118 segments.
    Ns2,
    /// The table of Appendix B in whole steps, as Linux and the control `wad` have it.
    Table,
}

/// The parameters of [`HighSpeed`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HighSpeedConfig {
    /// How increase and decrease are computed.
    pub law: Law,
    /// How it starts.
    pub slow_start: SlowStartConfig,
}

impl HighSpeedConfig {
    /// Checks what the types cannot express.
    ///
    /// # Errors
    /// Names the parameter, its value and what would be possible.
    pub fn validate(&self) -> Result<(), String> {
        self.slow_start.validate()
    }
}

/// HighSpeed TCP.
#[derive(Clone, Debug)]
pub struct HighSpeed {
    law: Law,
    slow_start: SlowStart,
    /// The whole window that `constants` are for, and they: logarithms are dear, and the window seldom another.
    window: f64,
    constants: Constants,
}

/// What holds at a window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Constants {
    /// a(w): segments added in a round trip.
    pub increase: f64,
    /// b(w): the share of the window that congestion takes.
    pub decrease: f64,
}

impl Constants {
    const STANDARD: Self = Self { increase: 1.0, decrease: 0.5 };

    /// Those at a window of `w` segments.
    #[must_use]
    pub fn at(law: Law, w: f64) -> Self {
        if w <= f64::from(high_speed::LOW_WINDOW) {
            return Self::STANDARD;
        }
        match law {
            Law::Rfc => Self::on_line(w, 1.0 / 12.8 * exp(-1.2 * ln(w))),
            Law::Ns2 => Self::on_line(w, ns2_loss(w)),
            Law::Table => Self::of_row(w),
        }
    }

    fn on_line(w: f64, loss: f64) -> Self {
        let b = (high_speed::HIGH_DECREASE - 0.5) * along(w) + 0.5;
        Self { increase: w * w * loss * 2.0 * b / (2.0 - b), decrease: b }
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates at the last row")]
    fn of_row(w: f64) -> Self {
        let row = high_speed::row(Segments::new(w as u32));
        Self { increase: row.increase.into(), decrease: f64::from(row.decrease_1024) / 1024.0 }
    }
}

/// How far a window is between the ends of the line, on a logarithmic scale.
fn along(w: f64) -> f64 {
    let low = f64::from(high_speed::LOW_WINDOW);
    ln(w / low) / ln(f64::from(high_speed::HIGH_WINDOW) / low)
}

/// ns-2's line: from standard TCP's loss rate at the low window to 10⁻⁷ at the high one.
fn ns2_loss(w: f64) -> f64 {
    let low = f64::from(high_speed::LOW_WINDOW);
    let low_loss = 1.5 / (low * low);
    exp(ln(low_loss) + along(w) * ln(high_speed::HIGH_LOSS / low_loss))
}

impl HighSpeed {
    /// A control at the start of its flow.
    #[must_use]
    pub fn new(config: &HighSpeedConfig, _setup: &Setup) -> Self {
        Self {
            law: config.law,
            slow_start: SlowStart::new(&config.slow_start),
            window: 0.0,
            constants: Constants::STANDARD,
        }
    }

    #[inline]
    fn constants(&mut self, cwnd: f64) -> Constants {
        let whole = cwnd.floor();
        if whole != self.window {
            self.window = whole;
            self.constants = Constants::at(self.law, whole);
        }
        self.constants
    }
}

impl CongestionControl for HighSpeed {
    #[inline]
    fn on_sample(&mut self, window: &mut Window, ack: &Ack) {
        self.slow_start.on_sample(window, ack);
    }

    #[inline]
    fn on_ack(&mut self, window: &mut Window, ack: &Ack) {
        let credit = self.slow_start.grow(window, ack.credit.into());
        if credit > 0.0 {
            let Constants { increase, .. } = self.constants(window.cwnd);
            window.grow(credit * increase / window.cwnd);
        }
    }

    fn on_congestion(&mut self, _window: &Window, congestion: &Congestion) -> f64 {
        self.slow_start.on_congestion(congestion.cause);
        let Constants { decrease, .. } = self.constants(congestion.usable);
        congestion.usable * (1.0 - decrease)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Cause;
    use super::super::testing::{Flow, SETUP};
    use super::*;

    /// Appendix B, through the formulas that the daemon's table is tested with.
    #[test]
    fn the_law_is_that_of_appendix_b() {
        for row in high_speed::HIGH_SPEED_TABLE.iter().skip(1) {
            let w = f64::from(row.window);
            let Constants { increase, decrease } = Constants::at(Law::Rfc, w);
            assert!((increase / high_speed::increase(w) - 1.0).abs() < 1e-9, "a({w}) = {increase}");
            assert!((decrease - high_speed::decrease(w)).abs() < 1e-9, "b({w}) = {decrease}");
            let table = Constants::at(Law::Table, w);
            assert!((table.increase - increase).abs() < 0.08 && (table.decrease - decrease).abs() < 0.006);
        }
    }

    /// What was measured of ns-2: a(118) = 2.0945, and 74.7610 at 94717.
    #[test]
    fn ns_2_is_a_little_faster() {
        for (w, a) in [(118.0, 2.0945), (1058.0, 8.3137), (94_717.0, 74.7610)] {
            let ours = Constants::at(Law::Ns2, w).increase;
            assert!((ours / a - 1.0).abs() < 2e-3, "a({w}) = {ours}, not {a}");
        }
    }

    #[test]
    fn a_round_trip_adds_and_a_loss_takes_by_the_window() {
        let config = HighSpeedConfig { law: Law::Table, ..HighSpeedConfig::default() };
        let (mut control, mut flow) = (HighSpeed::new(&config, &SETUP), Flow::new());
        (flow.window.cwnd, flow.window.ssthresh) = (1529.0, 2.0);
        flow.window.cwnd = 1520.0;
        let added = f64::from(flow.run(&mut control, 100)) - 1520.0;
        assert!((9.0..=10.0).contains(&added), "{added}");
        flow.window.cwnd = 1500.0;
        let left = flow.congest(&mut control, Cause::Loss) / 1500.0;
        assert!((left - (1.0 - 317.0 / 1024.0)).abs() < 1e-9, "{left}");
    }

    #[test]
    fn a_small_window_is_standard() {
        let (mut control, mut flow) = (HighSpeed::new(&HighSpeedConfig::default(), &SETUP), Flow::new());
        (flow.window.cwnd, flow.window.ssthresh) = (20.0, 2.0);
        assert_eq!(flow.run(&mut control, 100), 20);
        assert_eq!(flow.run(&mut control, 100), 21);
        flow.window.cwnd = 30.0;
        assert!((flow.congest(&mut control, Cause::Loss) - 15.0).abs() < 1e-9);
    }

    /// Section 5: p = 10⁻⁴ keeps a window of 263 segments.
    #[test]
    fn the_mean_window_is_near_the_response_function() {
        let (mut control, mut flow) = (HighSpeed::new(&HighSpeedConfig::default(), &SETUP), Flow::new());
        let mean = flow.mean_window(&mut control, 1e-4, 100, 6_000);
        assert!((mean / 263.0 - 1.0).abs() < 0.15, "{mean}");
    }
}
