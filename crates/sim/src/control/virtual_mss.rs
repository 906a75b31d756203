//! Virtual MSS (T. Dunigan, M. Mathis, B. Tierney, "A TCP tuning daemon", SC2002, section 4.3): a flow that grows as if
//! its segments were K times as large.
//!
//! Congestion avoidance adds K segments a round trip; the decrease is standard TCP's. A real segment of K times the
//! size would also start with K times as much: `initial` does that, which the paper had not.
//!
//! It is [`Reno`](super::reno) with one number; the name is that of the paper.

use serde::{Deserialize, Serialize};

use super::reno::{Reno, RenoConfig};
use super::{Ack, Congestion, CongestionControl, Setup, Window};

/// The parameters of [`VirtualMss`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VirtualMssConfig {
    /// How many segments make a virtual one.
    pub k: f64,
    /// Whether the initial window is as many times larger.
    pub initial: bool,
}

impl Default for VirtualMssConfig {
    /// A virtual jumbo frame, as in the paper.
    fn default() -> Self {
        Self { k: 6.0, initial: false }
    }
}

impl VirtualMssConfig {
    /// Checks what the types cannot express.
    ///
    /// # Errors
    /// Names the parameter, its value and what would be possible.
    pub fn validate(&self) -> Result<(), String> {
        if self.k >= 1.0 && self.k <= 1000.0 {
            return Ok(());
        }
        Err(format!("k = {}: give 1 to 1000 segments", self.k))
    }
}

/// Standard TCP with a virtual MSS.
#[derive(Clone, Debug)]
pub struct VirtualMss {
    reno: Reno,
    /// What is still to be added to the initial window.
    initial: Option<f64>,
}

impl VirtualMss {
    /// A control at the start of its flow.
    #[must_use]
    pub fn new(config: &VirtualMssConfig, setup: &Setup) -> Self {
        let reno = RenoConfig { additive_increase: config.k, ..RenoConfig::default() };
        let more = (config.k - 1.0) * f64::from(setup.initial_window);
        Self { reno: Reno::new(&reno, setup), initial: config.initial.then_some(more) }
    }
}

impl CongestionControl for VirtualMss {
    /// The first ACK is that of the SYN or of the first segment: the first chance to enlarge the window.
    #[inline]
    fn on_sample(&mut self, window: &mut Window, ack: &Ack) {
        if let Some(more) = self.initial.take() {
            window.grow(more);
        }
        self.reno.on_sample(window, ack);
    }

    #[inline]
    fn on_ack(&mut self, window: &mut Window, ack: &Ack) {
        self.reno.on_ack(window, ack);
    }

    fn on_congestion(&mut self, window: &Window, congestion: &Congestion) -> f64 {
        self.reno.on_congestion(window, congestion)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Cause;
    use super::super::testing::{Flow, SETUP};
    use super::*;

    /// Figure 4 of the paper: the slope is K times that of standard TCP.
    #[test]
    fn the_window_grows_by_k_a_round_trip() {
        let mut control = VirtualMss::new(&VirtualMssConfig::default(), &SETUP);
        let mut flow = Flow::new();
        flow.window.cwnd = 400.0;
        assert!((flow.congest(&mut control, Cause::Loss) - 200.0).abs() < 1e-9);
        for _ in 0..10 {
            flow.run(&mut control, 80);
        }
        assert!((flow.window.cwnd - 260.0).abs() < 2.0, "{}", flow.window.cwnd);
    }

    #[test]
    fn the_initial_window_may_be_virtual_too() {
        let config = VirtualMssConfig { initial: true, ..VirtualMssConfig::default() };
        let mut flow = Flow::<VirtualMss>::new();
        let ack = flow.ack(crate::nanos::Nanos::from_millis(80));
        VirtualMss::new(&config, &SETUP).on_sample(&mut flow.window, &ack);
        assert!((flow.window.cwnd - 60.0).abs() < 1e-9);
    }
}
