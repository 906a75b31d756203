//! BBR version 3 (draft-ietf-ccwg-bbr): a model of the path with two time scales, and with losses in it.
//!
//! Like the [first version](super::bbr1) it paces at a gain times the bandwidth and keeps a gain times bandwidth times
//! round trip in flight. But it also learns how much the path holds before it loses more than 2%, and leaves room for
//! others:
//!
//! ```text
//!  inflight
//!     |            UP: rises until the path loses too much, or holds no more
//!     |     .---.                                        inflight_longterm: what was safe
//!     |    |     |
//!  1.0|----+     |        .---------------------------+  CRUISE at 0.85 of it, for 2 to 3 s
//!     |  REFILL  |     .-'                            |
//!     |           '---'                               +---> REFILL
//!     |           DOWN: gives way until the queue is gone
//!     +------------------------------------------------------> time
//! ```
//!
//! | file | what | sections of the draft |
//! |---|---|---|
//! | `model.rs` | bandwidth, round trip, and what losses say of both | 5.5 |
//! | `cycle_max.rs` | the largest bandwidth of two cycles | 5.5.6 |
//! | `startup.rs` | Startup and Drain | 5.3.1, 5.3.2 |
//! | `probe_bw.rs` | the cycle of the picture | 5.3.3 |
//! | `probe_rtt.rs` | the smallest round trip, looked for every 5 s | 5.3.4 |
//! | `control.rs` | rate and window | 5.6 |
//!
//! Not here: the answer to ECN, which the draft leaves open.

mod control;
mod cycle_max;
mod model;
mod probe_bw;
mod probe_rtt;
mod startup;

use serde::{Deserialize, Serialize};
use wad_model::{Rate, Time};

use self::model::Model;
use self::probe_bw::Cycle;
use self::probe_rtt::ProbeRtt;
use self::startup::FullPipe;
use super::aggregation::Aggregation;
use super::{Ack, Cause, Congestion, CongestionControl, Idle, Needs, Setup, Window};

/// The smallest window, in segments (section 2.8, `MinPipeCwnd`).
const MIN_WINDOW: f64 = 4.0;
/// A loss rate up to this is the path's, not congestion (section 2.7, `LossThresh`).
const LOSS_THRESHOLD: f64 = 0.02;
/// What a loss leaves of the short-term bounds (`Beta`).
const BETA: f64 = 0.7;

/// The parameters of [`Bbr3`]: there are none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Bbr3Config {}

impl Bbr3Config {
    /// Nothing can be wrong.
    ///
    /// # Errors
    /// None.
    pub fn validate(&self) -> Result<(), String> {
        Ok(())
    }
}

/// Where it is (section 3.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Startup,
    Drain,
    Down,
    Cruise,
    Refill,
    Up,
    ProbeRtt,
}

impl State {
    const fn in_probe_bw(self) -> bool {
        matches!(self, Self::Down | Self::Cruise | Self::Refill | Self::Up)
    }

    /// Whether losses are to be expected, so that they say nothing of the short term (section 5.5.10.3).
    const fn probes_for_bandwidth(self) -> bool {
        matches!(self, Self::Startup | Self::Refill | Self::Up)
    }
}

/// BBR version 3.
#[derive(Clone, Debug)]
pub struct Bbr3 {
    state: State,
    /// Bits on the wire in a segment.
    segment_bits: f64,
    initial_window: u32,
    model: Model,
    aggregation: Aggregation,
    full_pipe: FullPipe,
    cycle: Cycle,
    probe_rtt: ProbeRtt,
    /// The window before a recovery or `ProbeRTT`.
    prior_window: f64,
    idle_restart: bool,
    /// Segments a second.
    pacing: f64,
    has_seen_rtt: bool,
}

impl Bbr3 {
    /// A control at the start of its flow.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a segment's size")]
    pub fn new(_config: &Bbr3Config, setup: &Setup) -> Self {
        Self {
            state: State::Startup,
            segment_bits: setup.wire.get() as f64 * 8.0,
            initial_window: setup.initial_window,
            model: Model::new(setup.now),
            aggregation: Aggregation::new(setup.now),
            full_pipe: FullPipe::default(),
            cycle: Cycle::new(setup),
            probe_rtt: ProbeRtt::default(),
            prior_window: 0.0,
            idle_restart: false,
            // Section 5.6.2: before the first sample, as if the round trip took 1 ms.
            pacing: control::STARTUP_GAIN * f64::from(setup.initial_window) / 0.001,
            has_seen_rtt: false,
        }
    }

    /// Section 5.2.3, `BBRUpdateModelAndState`.
    fn update_model_and_state(&mut self, window: &mut Window, ack: &Ack) {
        self.model.update_latest(ack);
        self.model.update_congestion(window.cwnd, ack, self.state.probes_for_bandwidth());
        self.aggregation.update(ack, self.model.round_start, self.model.bandwidth(), window.cwnd);
        self.full_pipe.check(&self.model, ack);
        self.check_startup_done(ack);
        self.check_drain_done(ack);
        self.update_cycle(window, ack);
        let wants_probe_rtt = self.model.update_min_rtt(ack);
        self.check_probe_rtt(window, ack, wants_probe_rtt);
        self.model.advance_latest(ack);
    }
}

impl CongestionControl for Bbr3 {
    fn needs(&self) -> Needs {
        Needs { rate_samples: true, rtt_each_ack: true, pacing: true, owns_window: true, ..Needs::default() }
    }

    #[inline]
    fn on_sample(&mut self, window: &mut Window, ack: &Ack) {
        self.update_model_and_state(window, ack);
        self.set_pacing(ack);
        self.set_window(window, ack);
    }

    #[inline]
    fn on_ack(&mut self, _window: &mut Window, _ack: &Ack) {}

    /// Losses act through the model; the window to come back to is kept (section 5.6.4.4). After a time-out what Startup
    /// has learnt is in doubt, and so is how much the path holds (`bbr_set_state` of Linux's version 3).
    fn on_congestion(&mut self, window: &Window, congestion: &Congestion) -> f64 {
        self.save_window(window.cwnd);
        if congestion.cause == Cause::Timeout {
            self.full_pipe.reset(0.0);
            if !self.state.probes_for_bandwidth() && self.model.inflight_short.is_infinite() {
                self.model.inflight_short = self.prior_window;
            }
        }
        window.ssthresh
    }

    fn on_exit_recovery(&mut self, window: &mut Window, _now: Time) {
        window.cwnd = window.cwnd.max(self.prior_window);
    }

    /// Section 5.4.1: after a pause at the bandwidth, not above it.
    fn on_idle(&mut self, window: &mut Window, &Idle { now, .. }: &Idle) {
        self.idle_restart = true;
        self.aggregation.restart(now);
        if self.state.in_probe_bw() {
            self.pacing = self.model.bandwidth() * control::MARGIN;
        } else if self.state == State::ProbeRtt {
            self.leave_probe_rtt_if_done(window, now);
        }
    }

    #[inline]
    fn pacing_rate(&self) -> Option<Rate> {
        Some(control::rate(self.pacing * self.segment_bits))
    }

    fn phase(&self, _window: &Window) -> &'static str {
        match self.state {
            State::Startup => "Startup",
            State::Drain => "Drain",
            State::Down => "ProbeBW_DOWN",
            State::Cruise => "ProbeBW_CRUISE",
            State::Refill => "ProbeBW_REFILL",
            State::Up => "ProbeBW_UP",
            State::ProbeRtt => "ProbeRTT",
        }
    }
}

#[cfg(test)]
mod tests;
