//! `ProbeRTT` (section 5.3.4): half of what the path holds, for 200 ms and a round trip, so that the queue empties.

use wad_model::Time;

use super::{Bbr3, MIN_WINDOW, State};
use crate::control::{Ack, Window};
use crate::nanos::Nanos;
use crate::tcp::core::NEVER;

/// How long it lasts (`ProbeRTTDuration`).
const TIME: Nanos = Nanos::from_millis(200);
/// How much is in flight in it (`ProbeRTTCwndGain`).
const GAIN: f64 = 0.5;

/// How far it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct ProbeRtt {
    /// [`NEVER`] while it is not known.
    done_at: Time,
    round_done: bool,
}

impl Default for ProbeRtt {
    fn default() -> Self {
        Self { done_at: NEVER, round_done: false }
    }
}

impl Bbr3 {
    /// Section 5.3.4.3, `BBRCheckProbeRTT`.
    pub(super) fn check_probe_rtt(&mut self, window: &mut Window, ack: &Ack, due: bool) {
        if self.state != State::ProbeRtt && due && !self.idle_restart {
            self.save_window(window.cwnd);
            self.state = State::ProbeRtt;
            self.probe_rtt = ProbeRtt::default();
            self.model.start_round(ack);
        }
        if self.state == State::ProbeRtt {
            self.handle_probe_rtt(window, ack);
        }
        if ack.delivered > 0 {
            self.idle_restart = false;
        }
    }

    fn handle_probe_rtt(&mut self, window: &mut Window, ack: &Ack) {
        if self.probe_rtt.done_at < NEVER {
            self.probe_rtt.round_done |= self.model.round_start;
            if self.probe_rtt.round_done {
                self.leave_probe_rtt_if_done(window, ack.now);
            }
        } else if f64::from(ack.in_flight) <= self.probe_rtt_window() {
            self.probe_rtt = ProbeRtt { done_at: TIME.after(ack.now), round_done: false };
            self.model.start_round(ack);
        }
    }

    pub(super) fn probe_rtt_window(&self) -> f64 {
        self.model.bdp(self.model.bandwidth(), GAIN).unwrap_or(f64::from(self.initial_window)).max(MIN_WINDOW)
    }

    /// `BBRCheckProbeRTTDone`, `BBRExitProbeRTT`.
    pub(super) fn leave_probe_rtt_if_done(&mut self, window: &mut Window, now: Time) {
        if now <= self.probe_rtt.done_at {
            return;
        }
        self.model.probe_min_rtt_at = now;
        window.cwnd = window.cwnd.max(self.prior_window);
        self.model.reset_short_term();
        if self.full_pipe.reached {
            self.start_cruise();
        } else {
            self.state = State::Startup;
        }
    }
}
