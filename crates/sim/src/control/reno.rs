//! Additive increase, multiplicative decrease: TCP's classic control (RFC 5681).
//!
//! With a = `additive_increase`, b = `multiplicative_decrease`, s = `slow_start_increase`:
//!
//! ```text
//! slow start             cwnd < ssthresh     cwnd += s a segment acknowledged      (RFC 5681, 3.1 (2): s = 1)
//! congestion avoidance                       cwnd += a / cwnd a segment            (3.1 (3): a = 1)
//! congestion                                 ssthresh = (1 - b) * window           (3.1 (4): b = 1/2)
//! ```
//!
//! "window" in the last line is what was in use: the smaller of cwnd and the receiver's window. Where
//! the RFC has the flight size, Linux and ns-2 both have this.
//!
//! The parameters are those that CESNET made adjustable in ns-2 and in Linux (2003), and that the control
//! `wad` of the daemon has. An increase of K segments a round trip is also what a K times larger
//! segment would give ("virtual MSS").

use serde::{Deserialize, Serialize};

use super::slow_start::{SlowStart, SlowStartConfig};
use super::{Ack, Congestion, CongestionControl, Setup, Window};

/// The parameters of [`Reno`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RenoConfig {
    /// Segments that congestion avoidance adds a round trip.
    pub additive_increase: f64,
    /// The part of the window that congestion takes, 0 to 1.
    pub multiplicative_decrease: f64,
    /// Segments that slow start adds for each segment acknowledged.
    pub slow_start_increase: f64,
    /// What limits slow start, and what ends it early.
    pub slow_start: SlowStartConfig,
}

impl Default for RenoConfig {
    fn default() -> Self {
        Self {
            additive_increase: 1.0,
            multiplicative_decrease: 0.5,
            slow_start_increase: 1.0,
            slow_start: SlowStartConfig::default(),
        }
    }
}

impl RenoConfig {
    /// Checks what the types cannot express.
    ///
    /// # Errors
    /// Names the parameter, its value and what would be possible.
    pub fn validate(&self) -> Result<(), String> {
        positive("additive_increase", self.additive_increase)?;
        positive("slow_start_increase", self.slow_start_increase)?;
        self.slow_start.validate()?;
        match self.multiplicative_decrease {
            b if b > 0.0 && b < 1.0 => Ok(()),
            b => Err(format!("multiplicative_decrease = {b}: give a part of the window, between 0 and 1")),
        }
    }
}

fn positive(key: &str, value: f64) -> Result<(), String> {
    if value > 0.0 && value.is_finite() {
        return Ok(());
    }
    Err(format!("{key} = {value}: give a number of segments above 0"))
}

/// Additive increase, multiplicative decrease.
#[derive(Clone, Debug)]
pub struct Reno {
    config: RenoConfig,
    slow_start: SlowStart,
}

impl Reno {
    /// A control at the start of its flow.
    #[must_use]
    pub fn new(config: &RenoConfig, _setup: &Setup) -> Self {
        Self { config: *config, slow_start: SlowStart::new(&config.slow_start) }
    }

    #[inline]
    fn avoid_congestion(&self, window: &mut Window, credit: f64) {
        window.grow(credit * self.config.additive_increase / window.cwnd);
    }
}

impl CongestionControl for Reno {
    #[inline]
    fn on_sample(&mut self, window: &mut Window, ack: &Ack) {
        self.slow_start.on_sample(window, ack);
    }

    #[inline]
    fn on_ack(&mut self, window: &mut Window, ack: &Ack) {
        let credit = self.slow_start.grow_by(window, ack.credit.into(), self.config.slow_start_increase);
        if credit > 0.0 {
            self.avoid_congestion(window, credit);
        }
    }

    fn on_congestion(&mut self, _window: &Window, congestion: &Congestion) -> f64 {
        self.slow_start.on_congestion(congestion.cause);
        congestion.usable * (1.0 - self.config.multiplicative_decrease)
    }
}
