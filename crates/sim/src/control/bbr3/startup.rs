//! Startup and Drain (sections 5.3.1 and 5.3.2): find the bandwidth, then take away the queue that this made.

use super::model::{Model, is_too_high};
use super::{Bbr3, State};
use crate::control::{Ack, Phase};

/// The bandwidth still grows if it does so by a quarter (section 5.3.1.2).
const GROWTH: f64 = 1.25;
/// It is found after so many round trips without.
const ROUNDS: u32 = 3;
/// So many losses in a round trip, at the least, end Startup (`StartupFullLossCnt`).
const STARTUP_LOSSES: u32 = 6;

/// Whether the bandwidth has been reached; looked for in Startup and in `ProbeBW_UP`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct FullPipe {
    /// Once reached, in Startup.
    pub(super) reached: bool,
    /// Reached in this phase.
    pub(super) now: bool,
    bandwidth: f64,
    rounds: u32,
    /// Losses in this round trip, and whether all of it was in recovery.
    losses: u32,
    recovering: bool,
}

impl FullPipe {
    /// `BBRResetFullBW`, with a bandwidth to start from.
    pub(super) fn reset(&mut self, bandwidth: f64) {
        self.bandwidth = bandwidth;
        self.rounds = 0;
        self.now = false;
    }

    /// Section 5.3.1.2, `BBRCheckFullBWReached`.
    pub(super) fn check(&mut self, model: &Model, ack: &Ack) {
        let app_limited = ack.rate.is_none_or(|rate| rate.app_limited);
        if self.now || !model.round_start || app_limited {
            return;
        }
        let bandwidth = model.max_bandwidth.get();
        if bandwidth >= self.bandwidth * GROWTH {
            self.reset(bandwidth);
            return;
        }
        self.rounds += 1;
        self.now = self.rounds >= ROUNDS;
        self.reached |= self.now;
    }

    /// Section 5.3.1.3, `BBRCheckStartupHighLoss`: a whole round trip in recovery, with more losses than the path's own.
    fn has_high_loss(&mut self, model: &Model, ack: &Ack) -> bool {
        self.losses += u32::from(ack.lost > 0);
        self.recovering &= ack.phase == Phase::Recovery;
        if !model.round_start {
            return false;
        }
        let high = self.recovering
            && self.losses >= STARTUP_LOSSES
            && ack.rate.is_some_and(|rate| is_too_high(&rate));
        self.losses = 0;
        self.recovering = ack.phase == Phase::Recovery;
        high
    }
}

impl Bbr3 {
    pub(super) fn check_startup_done(&mut self, ack: &Ack) {
        if self.state != State::Startup {
            return;
        }
        if !self.full_pipe.reached && self.full_pipe.has_high_loss(&self.model, ack) {
            self.full_pipe.reached = true;
            let bdp = self.inflight(1.0);
            self.model.inflight_long = bdp.max(self.model.latest_inflight());
        }
        if self.full_pipe.reached {
            self.state = State::Drain;
        }
    }

    /// Section 5.3.2, `BBRCheckDrainDone`.
    pub(super) fn check_drain_done(&mut self, ack: &Ack) {
        if self.state == State::Drain && f64::from(ack.in_flight) <= self.inflight(1.0) {
            self.start_down(ack);
        }
    }
}
