//! Data Center TCP (RFC 8257): a window that comes down by as much as the marks say, not by half.
//!
//! Switches mark every packet above a short queue; the sender estimates the part of its bytes that was marked, and
//! takes half of that off the window, at most once a round trip:
//!
//! ```text
//! alpha = (1 - g) alpha + g M        M: the marked part of the last window's bytes      (section 3.3, step 5)
//! cwnd  = cwnd (1 - alpha / 2)       if there was a mark                                (section 3.3, step 9)
//! ```
//!
//! Losses are what they are to standard TCP (section 3.5).

use serde::{Deserialize, Serialize};

use super::slow_start::{SlowStart, SlowStartConfig};
use super::{Ack, Cause, Congestion, CongestionControl, Needs, Setup, Window};

/// The parameters of [`Dctcp`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DctcpConfig {
    /// g: the weight of the last window in alpha (section 4.2).
    pub gain: f64,
    /// Alpha at the start: 1 is what a single mark does to standard TCP (section 4.2).
    pub initial_alpha: f64,
    /// How it starts.
    pub slow_start: SlowStartConfig,
}

impl Default for DctcpConfig {
    fn default() -> Self {
        Self { gain: 1.0 / 16.0, initial_alpha: 1.0, slow_start: SlowStartConfig::default() }
    }
}

impl DctcpConfig {
    /// Checks what the types cannot express.
    ///
    /// # Errors
    /// Names the parameter, its value and what would be possible.
    pub fn validate(&self) -> Result<(), String> {
        for (key, value) in [("gain", self.gain), ("initial_alpha", self.initial_alpha)] {
            if !(value > 0.0 && value <= 1.0) {
                return Err(format!("{key} = {value}: give a number above 0, up to 1"));
            }
        }
        self.slow_start.validate()
    }
}

/// Data Center TCP.
#[derive(Clone, Debug)]
pub struct Dctcp {
    gain: f64,
    alpha: f64,
    slow_start: SlowStart,
    /// The observation window ends when this segment is acknowledged (section 3.3, `DCTCP.WindowEnd`).
    end: u32,
    delivered: u32,
    marked: u32,
}

impl Dctcp {
    /// A control at the start of its flow.
    #[must_use]
    pub fn new(config: &DctcpConfig, _setup: &Setup) -> Self {
        Self {
            gain: config.gain,
            alpha: config.initial_alpha,
            slow_start: SlowStart::new(&config.slow_start),
            end: 0,
            delivered: 0,
            marked: 0,
        }
    }

    /// Section 3.3, steps 2 to 8.
    fn observe(&mut self, ack: &Ack) {
        self.delivered += ack.delivered;
        self.marked += ack.marked.min(ack.delivered);
        if ack.una <= self.end {
            return;
        }
        if self.delivered > 0 {
            let part = f64::from(self.marked) / f64::from(self.delivered);
            self.alpha += self.gain * (part - self.alpha);
        }
        (self.delivered, self.marked, self.end) = (0, 0, ack.nxt);
    }
}

impl CongestionControl for Dctcp {
    fn needs(&self) -> Needs {
        Needs { every_mark: true, ..Needs::default() }
    }

    #[inline]
    fn on_sample(&mut self, window: &mut Window, ack: &Ack) {
        self.observe(ack);
        self.slow_start.on_sample(window, ack);
    }

    /// Section 3.4: growth is standard TCP's.
    #[inline]
    fn on_ack(&mut self, window: &mut Window, ack: &Ack) {
        let credit = self.slow_start.grow(window, ack.credit.into());
        window.grow(credit / window.cwnd);
    }

    fn on_congestion(&mut self, _window: &Window, congestion: &Congestion) -> f64 {
        self.slow_start.on_congestion(congestion.cause);
        let share = match congestion.cause {
            Cause::Mark => self.alpha / 2.0,
            Cause::Loss | Cause::Timeout => 0.5,
        };
        congestion.usable * (1.0 - share)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Flow, SETUP};
    use super::*;

    /// Ten round trips of a window of 100 in which every `one_in`-th segment is marked.
    fn alpha_after(one_in: u32) -> f64 {
        let (mut control, mut flow) = (Dctcp::new(&DctcpConfig::default(), &SETUP), Flow::<Dctcp>::new());
        (flow.window.cwnd, flow.window.ssthresh) = (100.0, 2.0);
        for _ in 0..200 {
            let mut seen = 0;
            flow.round(1, |window, ack| {
                seen += 1;
                let marked = u32::from(seen % one_in == 0);
                control.on_sample(window, &Ack { marked, ..*ack });
            });
        }
        control.alpha
    }

    /// Section 3.3: alpha goes to the part that is marked.
    #[test]
    fn alpha_is_the_marked_part() {
        assert!((alpha_after(1) - 1.0).abs() < 1e-3);
        assert!((alpha_after(10) - 0.1).abs() < 0.01, "{}", alpha_after(10));
        assert!(alpha_after(1000) < 0.01);
    }

    #[test]
    fn a_mark_takes_half_of_alpha_and_a_loss_half() {
        let (mut control, mut flow) = (Dctcp::new(&DctcpConfig::default(), &SETUP), Flow::new());
        control.alpha = 0.2;
        flow.window.cwnd = 100.0;
        assert!((flow.congest(&mut control, Cause::Mark) - 90.0).abs() < 1e-9);
        assert!((flow.congest(&mut control, Cause::Loss) - 45.0).abs() < 1e-9);
    }
}
