//! Slow start (RFC 5681 section 3.1), with what may make it slower or end it early.

use serde::{Deserialize, Serialize};

use super::hystart::{self, Hystart};
use super::{Ack, Cause, Window, limited_slow_start};

/// How a control starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SlowStartConfig {
    /// From this window on it is limited (RFC 3742); RFC 3742 recommends 100 segments. None: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_ssthresh: Option<f64>,
    /// What ends it before a loss does.
    pub hystart: Hystart,
}

impl SlowStartConfig {
    /// Checks what the types cannot express.
    ///
    /// # Errors
    /// Names the parameter, its value and what would be possible.
    pub fn validate(&self) -> Result<(), String> {
        match self.max_ssthresh {
            Some(limit) if !(limit >= 2.0 && limit.is_finite()) => {
                Err(format!("slow_start.max_ssthresh = {limit}: give 2 segments or more, or leave it out"))
            }
            _ => Ok(()),
        }
    }
}

/// Its state.
#[derive(Clone, Debug)]
pub struct SlowStart {
    max_ssthresh: Option<f64>,
    hystart: hystart::State,
}

impl SlowStart {
    /// At the start of a flow.
    #[must_use]
    pub fn new(config: &SlowStartConfig) -> Self {
        Self { max_ssthresh: config.max_ssthresh, hystart: hystart::State::new(config.hystart) }
    }

    /// Looks at an ACK; may end slow start.
    #[inline]
    pub fn on_sample(&mut self, window: &mut Window, ack: &Ack) {
        self.hystart.on_sample(window, ack);
    }

    /// Grows the window up to its threshold; returns the credit that is left for congestion avoidance.
    #[inline]
    #[must_use]
    pub fn grow(&self, window: &mut Window, credit: f64) -> f64 {
        self.grow_by(window, credit, 1.0)
    }

    /// The same where each segment acknowledged adds `increase` of them.
    #[inline]
    #[must_use]
    pub fn grow_by(&self, window: &mut Window, credit: f64, increase: f64) -> f64 {
        if !window.in_slow_start() {
            return credit;
        }
        let gain = increase / self.hystart.divisor();
        match self.max_ssthresh {
            None => {
                let used = credit.min(((window.ssthresh - window.cwnd) / gain).ceil());
                window.grow(used * gain);
                credit - used
            }
            Some(limit) => grow_limited(window, credit, limit, gain),
        }
    }

    /// Congestion was found.
    pub fn on_congestion(&mut self, cause: Cause) {
        self.hystart.on_congestion(cause == Cause::Timeout);
    }
}

fn grow_limited(window: &mut Window, mut credit: f64, limit: f64, gain: f64) -> f64 {
    while credit > 0.0 && window.in_slow_start() {
        window.grow(gain * limited_slow_start::gain(window.cwnd, limit));
        credit -= 1.0;
    }
    credit.max(0.0)
}
