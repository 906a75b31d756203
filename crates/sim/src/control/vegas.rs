//! TCP Vegas (L. Brakmo, L. Peterson, "TCP Vegas: end to end congestion avoidance on a global Internet", IEEE Journal
//! on Selected Areas in Communications 13 (8), 1995): a window that leaves a few segments in the queue, and no more.
//!
//! Once a round trip, with the smallest round trip ever (`base`) and this one's:
//!
//! ```text
//! diff = cwnd (rtt - base) / rtt                segments that stand in the queue
//! slow start            diff > gamma            slow start is over, and the window comes down
//! congestion avoidance  diff < alpha            cwnd += 1
//!                       diff > beta             cwnd -= 1
//! ```
//!
//! | | Linux | ns-2 |
//! |---|---|---|
//! | alpha, beta, gamma | 2, 4, 1 | 1, 3, 1 |
//! | this round trip's | the smallest | the mean |
//! | diff | cwnd (rtt - base) / base | (cwnd / base - flight / rtt) base, rounded |
//! | slow start | doubles each round trip | doubles every other round trip |
//! | it ends with | cwnd = min(cwnd, cwnd base / rtt + 1) | cwnd less an eighth, ssthresh = 2 |
//! | increase | at the end of a round trip | 1/cwnd an ACK |
//! | a loss leaves | 1/2 | 3/4 |
//!
//! A flow with fewer than 3 samples in a round trip grows as standard TCP in Linux. The finer retransmission that Brakmo
//! proposes beside this is the sender's business and absent.

use serde::{Deserialize, Serialize};

use super::{Ack, Cause, Congestion, CongestionControl, Needs, Setup, Window};
use crate::nanos::Nanos;

/// Whose Vegas.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VegasConventions {
    /// That of Linux.
    #[default]
    Linux,
    /// That of ns-2.
    Ns2,
}

/// The parameters of [`Vegas`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VegasConfig {
    /// Whose Vegas.
    pub conventions: VegasConventions,
    /// With fewer segments in the queue the window grows; by default what the conventions have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alpha: Option<f64>,
    /// With more segments in the queue the window shrinks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub beta: Option<f64>,
    /// With more segments in the queue slow start is over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gamma: Option<f64>,
}

impl VegasConfig {
    /// Checks what the types cannot express.
    ///
    /// # Errors
    /// Names the parameter, its value and what would be possible.
    pub fn validate(&self) -> Result<(), String> {
        let [alpha, beta, gamma] = self.limits();
        for (key, value) in [("alpha", alpha), ("beta", beta), ("gamma", gamma)] {
            if !(value >= 0.0 && value.is_finite()) {
                return Err(format!("{key} = {value}: give a number of segments, 0 or more"));
            }
        }
        if alpha > beta {
            return Err(format!("alpha = {alpha} is above beta = {beta}: no window would be right"));
        }
        Ok(())
    }

    fn limits(&self) -> [f64; 3] {
        let [alpha, beta, gamma] = match self.conventions {
            VegasConventions::Linux => [2.0, 4.0, 1.0],
            VegasConventions::Ns2 => [1.0, 3.0, 1.0],
        };
        [self.alpha.unwrap_or(alpha), self.beta.unwrap_or(beta), self.gamma.unwrap_or(gamma)]
    }
}

/// TCP Vegas.
#[derive(Clone, Debug)]
pub struct Vegas {
    conventions: VegasConventions,
    alpha: f64,
    beta: f64,
    gamma: f64,
    round: Round,
    /// What an ACK adds to the window (ns-2).
    increment: f64,
    /// Whether this is a round trip in which slow start grows (ns-2).
    grows: bool,
}

/// The samples of a round trip.
#[derive(Clone, Copy, Debug, Default)]
struct Round {
    /// It is over when this segment is acknowledged.
    end: u32,
    least: Option<Nanos>,
    sum: Nanos,
    samples: u32,
    /// What was in flight when it began.
    flight: f64,
}

impl Round {
    fn add(&mut self, rtt: Nanos) {
        self.least = Some(self.least.map_or(rtt, |least| least.min(rtt)));
        self.sum += rtt;
        self.samples += 1;
    }
}

impl Vegas {
    /// A control at the start of its flow.
    #[must_use]
    pub fn new(config: &VegasConfig, setup: &Setup) -> Self {
        let [alpha, beta, gamma] = config.limits();
        let increment = match config.conventions {
            VegasConventions::Linux => 0.0,
            VegasConventions::Ns2 => 1.0,
        };
        let flight = setup.initial_window.into();
        let round = Round { flight, ..Round::default() };
        Self { conventions: config.conventions, alpha, beta, gamma, round, increment, grows: true }
    }

    /// The round trip is over.
    fn judge(&mut self, window: &mut Window, ack: &Ack) {
        let Some(least) = self.round.least else { return };
        let base = ack.min_rtt.as_secs_f64();
        match self.conventions {
            VegasConventions::Linux => self.judge_as_linux(window, base, least.as_secs_f64()),
            VegasConventions::Ns2 => self.judge_as_ns2(window, base),
        }
    }

    /// `tcp_vegas_cong_avoid`.
    fn judge_as_linux(&self, window: &mut Window, base: f64, rtt: f64) {
        if self.round.samples <= 2 {
            window.grow(1.0);
            return;
        }
        let cwnd = window.cwnd;
        let diff = cwnd * (rtt - base) / base;
        if window.in_slow_start() {
            if diff > self.gamma {
                window.cwnd = cwnd.min((cwnd * base / rtt).floor() + 1.0);
                window.ssthresh = window.ssthresh.min(window.cwnd - 1.0);
            }
        } else if diff > self.beta {
            window.cwnd -= 1.0;
            window.ssthresh = window.ssthresh.min(window.cwnd - 1.0);
        } else if diff < self.alpha {
            window.grow(1.0);
        }
        window.cwnd = window.cwnd.max(2.0);
    }

    /// `VegasTcpAgent::recv`: what stands in the queue is rounded to whole segments.
    fn judge_as_ns2(&mut self, window: &mut Window, base: f64) {
        let rtt = self.round.sum.as_secs_f64() / f64::from(self.round.samples);
        let diff = (self.round.flight - self.round.flight / rtt * base + 0.5).floor();
        if window.in_slow_start() {
            self.grows = !self.grows;
            self.increment = if self.grows { 1.0 } else { 0.0 };
            if diff > self.gamma {
                window.ssthresh = 2.0;
                window.cwnd = (window.cwnd - window.cwnd / 8.0).max(2.0);
                self.increment = 0.0;
            }
        } else if diff > self.beta {
            window.cwnd = (window.cwnd - 1.0).max(2.0);
            self.increment = 0.0;
        } else {
            self.increment = if diff < self.alpha { 1.0 / window.cwnd } else { 0.0 };
        }
    }
}

impl CongestionControl for Vegas {
    fn needs(&self) -> Needs {
        Needs { rtt_each_ack: true, ..Needs::default() }
    }

    #[inline]
    fn on_sample(&mut self, _window: &mut Window, ack: &Ack) {
        if let Some(rtt) = ack.rtt {
            self.round.add(rtt);
        }
    }

    #[inline]
    fn on_ack(&mut self, window: &mut Window, ack: &Ack) {
        let over = ack.una >= self.round.end;
        if over {
            self.judge(window, ack);
            self.round = Round { end: ack.nxt, flight: ack.prior_in_flight.into(), ..Round::default() };
        }
        match self.conventions {
            VegasConventions::Ns2 => window.grow(f64::from(ack.credit) * self.increment),
            // The last ACK of a round trip has just judged it.
            VegasConventions::Linux if window.in_slow_start() && !over => window.grow(ack.credit.into()),
            VegasConventions::Linux => {}
        }
    }

    fn on_congestion(&mut self, _window: &Window, congestion: &Congestion) -> f64 {
        self.round = Round { end: congestion.nxt, flight: congestion.in_flight.into(), ..Round::default() };
        let left = match (self.conventions, congestion.cause) {
            (VegasConventions::Ns2, Cause::Loss | Cause::Mark) => 0.75,
            _ => 0.5,
        };
        congestion.usable * left
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Flow, SETUP};
    use super::*;

    /// A path that holds 40 segments in 100 ms: each one more waits 2.5 ms.
    fn run(conventions: VegasConventions, rounds: u32) -> Vec<u32> {
        let config = VegasConfig { conventions, ..VegasConfig::default() };
        let (mut control, mut flow) = (Vegas::new(&config, &SETUP), Flow::new());
        flow.window.cwnd = 4.0;
        (0..rounds)
            .map(|_| {
                let queued = (flow.window.cwnd - 40.0).max(0.0);
                let rtt = 100 + super::super::testing::whole(queued * 2.5);
                flow.run(&mut control, rtt.into())
            })
            .collect()
    }

    #[test]
    fn linux_keeps_two_to_four_segments_in_the_queue() {
        let windows = run(VegasConventions::Linux, 60);
        assert!(windows[50..].iter().all(|cwnd| (41..=45).contains(cwnd)), "{windows:?}");
    }

    #[test]
    fn ns_2_keeps_one_to_three() {
        let windows = run(VegasConventions::Ns2, 80);
        assert!(windows[70..].iter().all(|cwnd| (41..=44).contains(cwnd)), "{windows:?}");
    }

    #[test]
    fn slow_start_doubles_each_or_every_other_round_trip() {
        let windows = run(VegasConventions::Linux, 3);
        assert!(windows[2] >= 28, "{windows:?}");
        let windows = run(VegasConventions::Ns2, 4);
        assert!(windows[3] <= 17, "{windows:?}");
    }

    #[test]
    fn limits_are_in_order() {
        let config = VegasConfig { alpha: Some(5.0), ..VegasConfig::default() };
        assert!(config.validate().unwrap_err().contains("alpha = 5 is above beta = 4"));
    }
}
