//! From the model to rate and window (section 5.6).

use wad_model::Rate;

use super::{Bbr3, MIN_WINDOW, State};
use crate::control::{Ack, Window};
use crate::nanos::Nanos;

/// 4 ln 2: the smallest gain that doubles the rate each round trip (section 5.3.1.1).
pub(super) const STARTUP_GAIN: f64 = 2.77;
/// One percent below, so that queues drain (section 5.6.2).
pub(super) const MARGIN: f64 = 0.99;

impl State {
    /// Section 5.6.1.
    const fn pacing_gain(self) -> f64 {
        match self {
            Self::Startup => STARTUP_GAIN,
            Self::Drain => 0.5,
            Self::Down => 0.9,
            Self::Up => 1.25,
            Self::Cruise | Self::Refill | Self::ProbeRtt => 1.0,
        }
    }

    const fn cwnd_gain(self) -> f64 {
        match self {
            Self::Up => 2.25,
            Self::ProbeRtt => 0.5,
            _ => 2.0,
        }
    }
}

impl Bbr3 {
    /// Section 5.6.2: until the pipe is full the rate only grows.
    pub(super) fn set_pacing(&mut self, ack: &Ack) {
        if !self.has_seen_rtt && ack.srtt > Nanos::ZERO {
            self.has_seen_rtt = true;
            self.pacing = STARTUP_GAIN * f64::from(self.initial_window) / ack.srtt.as_secs_f64();
        }
        let rate = self.state.pacing_gain() * self.model.bandwidth() * MARGIN;
        if rate > 0.0 && (self.full_pipe.reached || rate > self.pacing) {
            self.pacing = rate;
        }
    }

    /// Section 5.6.4.6, `BBRSetCwnd`.
    pub(super) fn set_window(&self, window: &mut Window, ack: &Ack) {
        let delivered = f64::from(ack.delivered);
        let most = self.most_in_flight();
        if self.full_pipe.reached {
            window.cwnd = (window.cwnd + delivered).min(most);
        } else if window.cwnd < most || ack.total_delivered < self.initial_window.into() {
            window.cwnd += delivered;
        }
        if self.state == State::ProbeRtt {
            window.cwnd = window.cwnd.min(self.probe_rtt_window());
        }
        window.cwnd = window.cwnd.max(MIN_WINDOW).min(self.bound()).min(window.ceiling);
    }

    /// Section 5.6.4.2, `BBRUpdateMaxInflight`: with room for aggregated ACKs once the pipe is full.
    fn most_in_flight(&self) -> f64 {
        let bandwidth = self.model.bandwidth();
        let extra = if self.full_pipe.reached { self.aggregation.allowance(bandwidth) } else { 0.0 };
        let bdp = self.model.bdp(bandwidth, self.state.cwnd_gain());
        bdp.map_or(f64::from(self.initial_window), |bdp| self.quantised(bdp + extra))
    }

    /// Section 5.6.4.4, `BBRSaveCwnd`.
    pub(super) fn save_window(&mut self, cwnd: f64) {
        self.prior_window = if self.state == State::ProbeRtt { self.prior_window.max(cwnd) } else { cwnd };
    }

    /// What to have in flight at a gain, by the bandwidth to send at.
    pub(super) fn inflight(&self, gain: f64) -> f64 {
        self.inflight_at(self.model.bandwidth(), gain)
    }

    /// Section 5.6.4.2: with room for bursts.
    pub(super) fn inflight_at(&self, bandwidth: f64, gain: f64) -> f64 {
        self.model.bdp(bandwidth, gain).map_or(f64::from(self.initial_window), |bdp| self.quantised(bdp))
    }

    /// `BBRQuantizationBudget`: room for three bursts (of a millisecond, at most 64 KiB), and two more in UP.
    fn quantised(&self, segments: f64) -> f64 {
        let most = (65_536.0 * 8.0 / self.segment_bits).floor().max(2.0);
        let burst = (self.pacing / 1000.0).floor().clamp(2.0, most);
        let enough = segments.max(3.0 * burst).max(MIN_WINDOW);
        if self.state == State::Up { enough + 2.0 } else { enough }
    }
}

/// Bits a second.
pub(super) fn rate(bits: f64) -> Rate {
    Rate::from_bps(whole(bits))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
fn whole(value: f64) -> u64 {
    value as u64
}
