//! CUBIC (RFC 9438): the window as a cubic function of the time since the last congestion, not of round trips.
//!
//! ```text
//!   cwnd                                       .'    probing
//!    |                                       .'
//!  W_max - - - - - - - - - .---------------'         W_cubic(t) = C (t - K)³ + W_max            (Figure 1)
//!    |                .--'
//!    |             .'          K = cbrt((W_max - cwnd_epoch) / C): the time back to W_max      (Figure 2)
//!    |           .'
//!    +-----------|-------------|-----------------> t
//!         congestion           K
//! ```
//!
//! Where standard TCP would have a larger window (short round trips, small windows), the window follows an estimate
//! of that instead (section 4.3). Units: segments and seconds; C = 0.4 segments per second cubed, beta = 0.7.
//!
//! HyStart is on as Linux has it. The round trip that the window looks ahead (section 4.4) is the smoothed one.

use serde::{Deserialize, Serialize};
use wad_model::Time;

use super::hystart::Hystart;
use super::math::cbrt;
use super::slow_start::{SlowStart, SlowStartConfig};
use super::{Ack, Cause, Congestion, CongestionControl, Idle, Setup, Window};
use crate::nanos::Nanos;

/// The parameters of [`Cubic`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CubicConfig {
    /// C: how fast the window grows, in segments per second cubed (section 5).
    pub c: f64,
    /// The part of the window that congestion leaves (section 4.6).
    pub beta: f64,
    /// Whether a flow whose window is falling gives way to others (section 4.7).
    pub fast_convergence: bool,
    /// Whether the window is at least that of standard TCP (section 4.3).
    pub reno_friendly: bool,
    /// The part of the window by which it grows a round trip at least while no congestion has shown what the path can
    /// carry, or after a time-out: a twentieth in Linux (`bictcp_update`), nothing in the RFC.
    pub initial_growth: f64,
    /// How it starts.
    pub slow_start: SlowStartConfig,
}

impl Default for CubicConfig {
    fn default() -> Self {
        Self {
            c: 0.4,
            beta: 0.7,
            fast_convergence: true,
            reno_friendly: true,
            initial_growth: 0.05,
            slow_start: SlowStartConfig { hystart: Hystart::Linux, max_ssthresh: None },
        }
    }
}

impl CubicConfig {
    /// Checks what the types cannot express.
    ///
    /// # Errors
    /// Names the parameter, its value and what would be possible.
    pub fn validate(&self) -> Result<(), String> {
        if !(self.c > 0.0 && self.c.is_finite()) {
            return Err(format!("c = {}: give a number above 0, in segments per second cubed", self.c));
        }
        if !(self.beta > 0.0 && self.beta < 1.0) {
            return Err(format!("beta = {}: give a part of the window, between 0 and 1", self.beta));
        }
        if !(0.0..=1.0).contains(&self.initial_growth) {
            return Err(format!(
                "initial_growth = {}: give a part of the window, 0 to 1",
                self.initial_growth
            ));
        }
        self.slow_start.validate()
    }
}

/// CUBIC.
#[derive(Clone, Debug)]
pub struct Cubic {
    c: f64,
    beta: f64,
    initial_growth: f64,
    fast_convergence: bool,
    reno_friendly: bool,
    slow_start: SlowStart,
    /// The window before the last reduction (W_max), after fast convergence; zero before the first.
    w_max: f64,
    /// The window at the last reduction, as it was (cwnd_prior).
    prior: f64,
    epoch: Option<Epoch>,
}

/// A stage of congestion avoidance (section 4.1).
#[derive(Clone, Copy, Debug)]
struct Epoch {
    start: Time,
    /// K, in seconds.
    k: f64,
    /// The window that the cubic function is centred on: W_max, or the window at the start if that is larger.
    origin: f64,
    /// W_est: the window that standard TCP would have (section 4.3).
    estimate: f64,
}

impl Cubic {
    /// A control at the start of its flow.
    #[must_use]
    pub fn new(config: &CubicConfig, _setup: &Setup) -> Self {
        Self {
            c: config.c,
            beta: config.beta,
            initial_growth: config.initial_growth,
            fast_convergence: config.fast_convergence,
            reno_friendly: config.reno_friendly,
            slow_start: SlowStart::new(&config.slow_start),
            w_max: 0.0,
            prior: 0.0,
            epoch: None,
        }
    }

    /// Section 4.2. Without a reduction before, or after a time-out, K is 0 and the origin is the window itself
    /// (sections 4.8 and 4.10).
    fn begin(&self, now: Time, cwnd: f64) -> Epoch {
        let behind = (self.w_max - cwnd).max(0.0);
        Epoch { start: now, k: cbrt(behind / self.c), origin: self.w_max.max(cwnd), estimate: cwnd }
    }

    fn avoid_congestion(&mut self, window: &mut Window, ack: &Ack, credit: f64) {
        let mut epoch = self.epoch.unwrap_or_else(|| self.begin(ack.now, window.cwnd));
        let elapsed = Nanos::between(epoch.start, ack.now).as_secs_f64();
        let curve = |t: f64| {
            let from_k = t - epoch.k;
            self.c * from_k * from_k * from_k + epoch.origin
        };
        // Section 4.4: where the function will be a round trip from now, but at most half as much again.
        let target = curve(elapsed + ack.srtt.as_secs_f64()).clamp(window.cwnd, 1.5 * window.cwnd);
        let now = curve(elapsed);
        let least = if self.w_max > 0.0 { 0.0 } else { self.initial_growth };
        epoch.estimate += self.alpha(epoch.estimate) * credit / window.cwnd;
        if self.reno_friendly && now < epoch.estimate {
            // Section 4.3: "SHOULD be set to W_est", and a window never shrinks on an ACK.
            window.grow((epoch.estimate - window.cwnd).max(credit * least));
        } else {
            window.grow(credit * ((target - window.cwnd) / window.cwnd).max(least));
        }
        self.epoch = Some(epoch);
    }

    /// Section 4.3: additive increase that with beta gives the mean window of standard TCP, until the window before the
    /// reduction is reached.
    fn alpha(&self, estimate: f64) -> f64 {
        if estimate >= self.prior { 1.0 } else { 3.0 * (1.0 - self.beta) / (1.0 + self.beta) }
    }
}

impl CongestionControl for Cubic {
    #[inline]
    fn on_sample(&mut self, window: &mut Window, ack: &Ack) {
        self.slow_start.on_sample(window, ack);
    }

    #[inline]
    fn on_ack(&mut self, window: &mut Window, ack: &Ack) {
        let credit = self.slow_start.grow(window, ack.credit.into());
        if credit > 0.0 {
            self.avoid_congestion(window, ack, credit);
        }
    }

    /// Sections 4.6 and 4.7.
    fn on_congestion(&mut self, window: &Window, congestion: &Congestion) -> f64 {
        let cwnd = window.cwnd;
        self.slow_start.on_congestion(congestion.cause);
        self.epoch = None;
        self.prior = cwnd;
        self.w_max = match congestion.cause {
            // Section 4.8: the next stage starts from its own window.
            Cause::Timeout => 0.0,
            Cause::Loss | Cause::Mark if self.fast_convergence && cwnd < self.w_max => {
                cwnd * (1.0 + self.beta) / 2.0
            }
            Cause::Loss | Cause::Mark => cwnd,
        };
        congestion.usable * self.beta
    }

    /// What was no congestion begins no stage.
    fn on_undo(&mut self, window: &mut Window, before: Window) {
        window.cwnd = window.cwnd.max(before.cwnd);
        window.ssthresh = window.ssthresh.max(before.ssthresh);
        self.w_max = self.w_max.max(before.cwnd);
        self.epoch = None;
    }

    /// Section 5.8: idle time is no time in which the window grows.
    fn on_idle(&mut self, _window: &mut Window, idle: &Idle) {
        if let Some(epoch) = &mut self.epoch {
            epoch.start = idle.length.after(epoch.start);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Flow, SETUP};
    use super::*;

    fn cubic(config: CubicConfig) -> (Cubic, Flow<Cubic>) {
        (Cubic::new(&config, &SETUP), Flow::new())
    }

    fn no_hystart() -> CubicConfig {
        CubicConfig { slow_start: SlowStartConfig::default(), ..CubicConfig::default() }
    }

    #[test]
    fn before_any_congestion_the_window_grows_by_a_twentieth_a_round_trip() {
        let (mut control, mut flow) = cubic(no_hystart());
        flow.window.cwnd = 1000.0;
        flow.window.ssthresh = 1000.0;
        flow.run(&mut control, 100);
        assert!((flow.window.cwnd - 1050.0).abs() < 2.0, "{:?}", flow.window);
        let config = CubicConfig { initial_growth: 0.0, ..no_hystart() };
        let (mut control, mut flow) = cubic(config);
        flow.window.cwnd = 1000.0;
        flow.window.ssthresh = 1000.0;
        flow.run(&mut control, 100);
        assert!(flow.window.cwnd < 1002.0, "{:?}", flow.window);
    }

    /// Section 4.2 with C = 0.4: after a loss at 1000 segments K = cbrt(300 / 0.4) = 9.09 s.
    #[test]
    fn the_window_follows_the_cubic_function() {
        let (mut control, mut flow) = cubic(no_hystart());
        flow.window.cwnd = 1000.0;
        assert!((flow.congest(&mut control, Cause::Loss) - 700.0).abs() < 1e-9);
        let start = flow.now;
        let k = cbrt(300.0 / 0.4);
        assert!((k - 9.0856).abs() < 1e-4);
        for _ in 0..150 {
            flow.run(&mut control, 100);
            // The window is where the function is a round trip later, which smooths it by as much.
            let t = Nanos::between(start, flow.now).as_secs_f64();
            let curve = 0.4 * (t - k).powi(3) + 1000.0;
            assert!((flow.window.cwnd / curve - 1.0).abs() < 0.01, "{t} s: {} not {curve}", flow.window.cwnd);
        }
    }

    /// Section 4.3: at 10 ms and 20 segments standard TCP is faster; a_cubic = 0.53 segments a round trip.
    #[test]
    fn a_short_path_follows_standard_tcp() {
        let (mut control, mut flow) = cubic(no_hystart());
        flow.window.cwnd = 40.0;
        flow.congest(&mut control, Cause::Loss);
        for _ in 0..20 {
            flow.run(&mut control, 10);
        }
        let expected = 28.0 + 20.0 * 0.9 / 1.7;
        assert!((flow.window.cwnd - expected).abs() < 0.6, "{} not {expected}", flow.window.cwnd);
    }

    /// Section 4.7: a second loss below W_max remembers less than the window: 0.85 of it.
    #[test]
    fn fast_convergence_gives_way() {
        let (mut control, mut flow) = cubic(no_hystart());
        flow.window.cwnd = 1000.0;
        flow.congest(&mut control, Cause::Loss);
        flow.congest(&mut control, Cause::Loss);
        assert!((control.w_max - 700.0 * 0.85).abs() < 1e-9);
        let (mut control, mut flow) = cubic(CubicConfig { fast_convergence: false, ..no_hystart() });
        flow.window.cwnd = 1000.0;
        flow.congest(&mut control, Cause::Loss);
        flow.congest(&mut control, Cause::Loss);
        assert!((control.w_max - 700.0).abs() < 1e-9);
    }

    /// Section 4.8: K = 0 after a time-out.
    #[test]
    fn a_timeout_starts_from_its_own_window() {
        let (mut control, mut flow) = cubic(no_hystart());
        flow.window.cwnd = 1000.0;
        flow.congest(&mut control, Cause::Timeout);
        flow.window.cwnd = flow.window.ssthresh;
        flow.run(&mut control, 100);
        let epoch = control.epoch.unwrap();
        assert!(epoch.k.abs() < 1e-9 && (epoch.origin - 700.0).abs() < 1e-9, "{epoch:?}");
    }

    #[test]
    fn idle_time_does_not_count() {
        let (mut control, mut flow) = cubic(no_hystart());
        flow.window.cwnd = 1000.0;
        flow.congest(&mut control, Cause::Loss);
        flow.run(&mut control, 100);
        let before = flow.window.cwnd;
        let idle = Nanos::from_millis(20_000);
        flow.now = idle.after(flow.now);
        control.on_idle(&mut flow.window, &Idle { now: flow.now, length: idle, before: None });
        flow.run(&mut control, 100);
        assert!(flow.window.cwnd < before * 1.1, "{before} to {}", flow.window.cwnd);
    }

    /// Section 5.1: 1.054 (RTT/p)^0.75 with periodic losses, here at RTT 0.1 s and p = 1e-4. With random ones it is
    /// more: the growth after K is convex, so that a late loss gains more than an early one takes.
    #[test]
    fn the_mean_window_is_near_the_response_function() {
        let (mut control, mut flow) = cubic(no_hystart());
        let mean = flow.mean_window(&mut control, 1e-4, 100, 6_000);
        let periodic = 1.054 * (0.1f64 / 1e-4).powf(0.75);
        assert!((0.9..1.5).contains(&(mean / periodic)), "{mean}, and {periodic} with periodic losses");
    }
}
