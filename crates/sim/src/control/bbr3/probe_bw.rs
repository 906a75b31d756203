//! `ProbeBW` (section 5.3.3): cruise below what the path holds, and now and then probe for more.

use wad_model::Time;

use super::model::is_too_high;
use super::{BETA, Bbr3, State};
use crate::control::{Ack, RateSample, Setup, Window};
use crate::nanos::Nanos;

/// Bandwidth is probed for after 2 to 3 s (section 5.3.3.8), ...
const LEAST_WAIT: Nanos = Nanos::from_millis(2000);
const RANDOM_WAIT_MS: u64 = 1000;
/// ... or when standard TCP would have probed: after as many round trips as there are segments, up to so many.
const RENO_ROUNDS: f64 = 63.0;

/// What the ACKs that come in now are answers to (section 5.3.3.6, `ack_phase`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Feedback {
    /// No probe: the path as it is used.
    None,
    Refilling,
    ProbeStarting,
    Probe,
    ProbeStopping,
}

/// The state of the cycle.
#[derive(Clone, Debug)]
pub(super) struct Cycle {
    began: Time,
    wait: Nanos,
    feedback: Feedback,
    /// Whether samples of the probe can still be trusted to be the probe's (`bw_probe_samples`).
    samples: bool,
    /// UP: so many ACKs raise the long-term bound by one (`probe_up_cnt`), so many have come, and how often it doubled.
    up_count: f64,
    up_acks: f64,
    up_rounds: u32,
    seed: u64,
}

impl Cycle {
    pub(super) fn new(setup: &Setup) -> Self {
        Self {
            began: setup.now,
            wait: LEAST_WAIT,
            feedback: Feedback::ProbeStopping,
            samples: false,
            up_count: f64::INFINITY,
            up_acks: 0.0,
            up_rounds: 0,
            seed: setup.seed,
        }
    }

    /// A number below `bound`.
    fn random(&mut self, bound: u64) -> u64 {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.seed >> 33) % bound
    }

    fn has_lasted(&self, time: Nanos, now: Time) -> bool {
        Nanos::between(self.began, now) > time
    }
}

impl Bbr3 {
    /// Section 5.3.3.6, `BBRUpdateProbeBWCyclePhase`.
    pub(super) fn update_cycle(&mut self, window: &Window, ack: &Ack) {
        if !self.full_pipe.reached {
            return;
        }
        self.adapt_long_term(window, ack);
        match self.state {
            State::Down => {
                if !self.refill_if_due(window, ack) && self.is_time_to_cruise(ack) {
                    self.state = State::Cruise;
                }
            }
            State::Cruise => {
                self.refill_if_due(window, ack);
            }
            State::Refill if self.model.round_start => self.start_up(window, ack),
            State::Up => {
                if self.is_time_to_go_down(window, ack) {
                    self.start_down(ack);
                }
            }
            State::Refill | State::Startup | State::Drain | State::ProbeRtt => {}
        }
    }

    /// `BBRStartProbeBW_DOWN`: what was probed with gives way.
    pub(super) fn start_down(&mut self, ack: &Ack) {
        self.model.reset_congestion();
        self.cycle.up_count = f64::INFINITY;
        self.model.rounds_since_probe = u32::try_from(self.cycle.random(2)).unwrap_or(0);
        self.cycle.wait = LEAST_WAIT + Nanos::from_millis(self.cycle.random(RANDOM_WAIT_MS));
        self.cycle.began = ack.now;
        self.cycle.feedback = Feedback::ProbeStopping;
        self.model.start_round(ack);
        self.state = State::Down;
    }

    /// Leaves `ProbeRTT` at the pace of cruising.
    pub(super) fn start_cruise(&mut self) {
        self.state = State::Cruise;
    }

    /// `BBRStartProbeBW_REFILL`: for a round trip at the bandwidth, so that the probe meets a full pipe.
    fn refill_if_due(&mut self, window: &Window, ack: &Ack) -> bool {
        let target = self.target(window);
        let rounds = f64::from(self.model.rounds_since_probe);
        if !self.cycle.has_lasted(self.cycle.wait, ack.now) && rounds < target.min(RENO_ROUNDS) {
            return false;
        }
        self.model.reset_short_term();
        self.cycle.up_rounds = 0;
        self.cycle.up_acks = 0.0;
        self.cycle.feedback = Feedback::Refilling;
        self.model.rounds_since_probe = 0;
        self.model.start_round(ack);
        self.state = State::Refill;
        true
    }

    /// `BBRStartProbeBW_UP`.
    fn start_up(&mut self, window: &Window, ack: &Ack) {
        self.cycle.samples = true;
        self.cycle.feedback = Feedback::ProbeStarting;
        self.model.start_round(ack);
        self.full_pipe.reset(sample(ack).map_or(0.0, |rate| rate.segments_per_second()));
        self.cycle.began = ack.now;
        self.state = State::Up;
        self.raise_slope(window);
    }

    /// `BBRIsTimeToCruise`: the queue is gone, and there is room for others.
    fn is_time_to_cruise(&self, ack: &Ack) -> bool {
        let in_flight = f64::from(ack.in_flight);
        in_flight <= self.inflight_with_headroom()
            && in_flight <= self.inflight_at(self.model.max_bandwidth.get(), 1.0)
    }

    /// `BBRIsTimeToGoDown`: the bandwidth does not grow; while the long-term bound holds it back, it cannot.
    fn is_time_to_go_down(&mut self, window: &Window, ack: &Ack) -> bool {
        if is_limited(window, ack) && window.cwnd >= self.model.inflight_long {
            self.full_pipe.reset(sample(ack).map_or(0.0, |rate| rate.segments_per_second()));
            return false;
        }
        self.full_pipe.now
    }

    /// Section 5.3.3.7, `BBRAdaptLongTermModel`.
    fn adapt_long_term(&mut self, window: &Window, ack: &Ack) {
        let round = self.model.round_start;
        if self.cycle.feedback == Feedback::ProbeStarting && round {
            self.cycle.feedback = Feedback::Probe;
        }
        let Some(rate) = sample(ack) else { return };
        if self.cycle.feedback == Feedback::ProbeStopping && round {
            self.cycle.samples = false;
            self.cycle.feedback = Feedback::None;
            if self.state.in_probe_bw() && !rate.app_limited {
                self.model.next_cycle();
            }
        }
        if is_too_high(&rate) {
            if self.cycle.samples {
                self.handle_too_high(window, ack, &rate);
            }
            return;
        }
        if self.model.inflight_long.is_infinite() {
            return;
        }
        self.model.inflight_long = self.model.inflight_long.max(rate.in_flight_when_sent.into());
        if self.state == State::Up {
            self.probe_upward(window, ack);
        }
    }

    /// `BBRHandleInflightTooHigh`: the probe has found the bound.
    fn handle_too_high(&mut self, window: &Window, ack: &Ack, rate: &RateSample) {
        self.cycle.samples = false;
        if !rate.app_limited {
            self.model.inflight_long = f64::from(rate.in_flight_when_sent).max(BETA * self.target(window));
        }
        if self.state == State::Up {
            self.start_down(ack);
        }
    }

    /// `BBRProbeInflightLongtermUpward`: slowly at first, and twice as fast in each round trip.
    fn probe_upward(&mut self, window: &Window, ack: &Ack) {
        if !is_limited(window, ack) || window.cwnd < self.model.inflight_long {
            return;
        }
        self.cycle.up_acks += f64::from(ack.delivered);
        if self.cycle.up_acks >= self.cycle.up_count {
            let steps = (self.cycle.up_acks / self.cycle.up_count).floor();
            self.cycle.up_acks -= steps * self.cycle.up_count;
            self.model.inflight_long += steps;
        }
        if self.model.round_start {
            self.raise_slope(window);
        }
    }

    /// `BBRRaiseInflightLongtermSlope`.
    fn raise_slope(&mut self, window: &Window) {
        let growth = f64::from(1u32 << self.cycle.up_rounds);
        self.cycle.up_rounds = (self.cycle.up_rounds + 1).min(30);
        self.cycle.up_count = (window.cwnd / growth).max(1.0);
    }

    /// `BBRTargetInflight`.
    fn target(&self, window: &Window) -> f64 {
        self.inflight(1.0).min(window.cwnd)
    }
}

fn sample(ack: &Ack) -> Option<RateSample> {
    ack.rate.filter(|rate| rate.interval > Nanos::ZERO)
}

/// Whether the window was what held the flow back.
fn is_limited(window: &Window, ack: &Ack) -> bool {
    f64::from(ack.prior_in_flight) + 1.0 >= window.cwnd.floor()
}
